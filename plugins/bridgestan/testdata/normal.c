/* A small library with the C interface of BridgeStan 2 (bridgestan.h), for tests: the model
 *
 *     data { array[N] real y; }  parameters { real mu; real<lower=0> sigma; }
 *     model { mu ~ normal(0, 10); sigma ~ exponential(1); y ~ normal(mu, sigma); }
 *
 * on the unconstrained parameters (mu, log sigma). Where mu > 1000 it rejects, as a program with reject() does.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MAJOR
#define MAJOR 2
#endif
#ifndef THREADS
#define THREADS "false"
#endif
#ifndef NO_VERSION
const int bs_major_version = MAJOR, bs_minor_version = 7, bs_patch_version = 0;
#endif

typedef struct {
	int n;
	double *y;
} bs_model;

static long inside; /* calls under way, which without threads must never exceed one */

static void fail(char **message, const char *text) {
	if (message) *message = strdup(text);
}

void bs_free_error_msg(char *message) { free(message); }

bs_model *bs_model_construct(const char *data, unsigned seed, char **message) {
	const char *at = data ? strstr(data, "\"y\"") : NULL;
	(void)seed;
	if (!at || !(at = strchr(at, '['))) {
		fail(message, "construct() failed with exception: variable does not exist; processing stage=data initialization; variable name=y\n");
		return NULL;
	}
	bs_model *m = calloc(1, sizeof *m);
	for (at++; *at && *at != ']';) {
		char *end;
		double v = strtod(at, &end);
		if (end == at) break;
		m->y = realloc(m->y, (m->n + 1) * sizeof(double));
		m->y[m->n++] = v;
		at = end + strspn(end, ", \n\t");
	}
	return m;
}

void bs_model_destruct(bs_model *m) {
	free(m->y);
	free(m);
}

const char *bs_name(const bs_model *m) { (void)m; return "normal_model"; }
const char *bs_model_info(const bs_model *m) { (void)m; return "BridgeStan version: 2.7.0\nStan C++ Defines:\n\tSTAN_THREADS=" THREADS "\n"; }
const char *bs_param_unc_names(const bs_model *m) { (void)m; return "mu,sigma"; }
int bs_param_unc_num(const bs_model *m) { (void)m; return 2; }
const char *bs_param_names(const bs_model *m, bool tp, bool gq) { (void)m; (void)gq; return tp ? "mu,sigma,precision" : "mu,sigma"; }
int bs_param_num(const bs_model *m, bool tp, bool gq) { (void)m; (void)gq; return tp ? 3 : 2; }

int bs_log_density_gradient(const bs_model *m, bool propto, bool jacobian, const double *x, double *value, double *gradient, char **message) {
	double mu = x[0], sigma = exp(x[1]);
	int i;
	if (__sync_add_and_fetch(&inside, 1) > 1 && strcmp(THREADS, "true") != 0) {
		fputs("normal.c: two calls at the same time without STAN_THREADS\n", stderr);
		abort();
	}
	if (mu > 1000) {
		__sync_sub_and_fetch(&inside, 1);
		fail(message, "log_density_gradient() failed with exception: mu is too large\n");
		return -1;
	}
	double lp = -mu * mu / 200 - sigma, dmu = -mu / 100, dlog = -sigma;
	if (!propto) lp -= 0.91893853320467274 * (m->n + 1) + log(10.0);
	if (jacobian) lp += x[1], dlog += 1;
	for (i = 0; i < m->n; i++) {
		double z = (m->y[i] - mu) / sigma;
		lp -= z * z / 2 + x[1];
		dmu += z / sigma;
		dlog += z * z - 1;
	}
	*value = lp;
	if (gradient) gradient[0] = dmu, gradient[1] = dlog;
	__sync_sub_and_fetch(&inside, 1);
	return 0;
}

int bs_log_density(const bs_model *m, bool propto, bool jacobian, const double *x, double *value, char **message) {
	return bs_log_density_gradient(m, propto, jacobian, x, value, NULL, message);
}

int bs_param_constrain(const bs_model *m, bool tp, bool gq, const double *x, double *to, void *rng, char **message) {
	(void)m;
	if (gq && !rng) {
		fail(message, "param_constrain() failed with exception: include_gq=true but rng=nullptr\n");
		return -1;
	}
	to[0] = x[0];
	to[1] = exp(x[1]);
	if (tp) to[2] = 1 / (to[1] * to[1]);
	return 0;
}
