/* The donut in C: log p = -(|x| - radius)^2 / width, with its gradient.
 *
 *     cc -O2 -I../../c -o donut donut.c -lm
 */
#include <math.h>

#include "infer_plugin.h"

static int donut(infer_call *call) {
	double radius = infer_config_number(call->config, "radius", 2.6), width = infer_config_number(call->config, "width", 0.033);
	const double *x = call->x, *y = call->x + call->stride;
	size_t i;
	if (!(width > 0)) {
		snprintf(call->error, sizeof call->error, "width = %g: a positive number is wanted", width);
		return 1;
	}
	for (i = 0; i < call->n; i++) {
		double r = sqrt(x[i] * x[i] + y[i] * y[i]), away = r - radius, slope = r > 0 ? -2 * away / (width * r) : 0;
		if (call->logp) call->logp[i] = -away * away / width;
		if (call->grad) call->grad[i] = slope * x[i], call->grad[call->stride + i] = slope * y[i];
	}
	return 0;
}

int main(void) {
	static const infer_model models[] = {{
		.name = "donut", .kind = "density", .dim = 2, .gradient = 1, .deterministic = 1, .more = "\"names\":[\"x\",\"y\"]", .evaluate = donut,
	}};
	return infer_serve("c-donut", "1.0.0", models, 1);
}
