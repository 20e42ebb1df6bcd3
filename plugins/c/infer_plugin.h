/* infer_plugin.h: write a plug-in of infer in C. One header, POSIX and nothing else.
 *
 *     #include "infer_plugin.h"
 *
 *     static int donut(infer_call *call) {
 *         for (size_t i = 0; i < call->n; i++) {
 *             double a = call->x[i], b = call->x[call->stride + i]; // coordinate j of point i is x[j*stride + i]
 *             if (call->logp) call->logp[i] = ...;
 *             if (call->grad) call->grad[i] = ..., call->grad[call->stride + i] = ...;
 *         }
 *         return 0;
 *     }
 *
 *     int main(void) {
 *         infer_model models[] = {{.name = "donut", .kind = "density", .dim = 2, .gradient = 1, .evaluate = donut}};
 *         return infer_serve("my-donut", "1.0.0", models, 1);
 *     }
 *
 *     cc -O2 -o donut donut.c -lm
 *
 * The protocol is infer.plugin.v1 over frames, described in plugins/protocol/frames.md. Numbers are double. What the
 * program prints goes to its log, and Ctrl-C to infer alone. A large batch is evaluated in parts, and between two the plug-in
 * sees whether the result is wanted any more: set batch, so that a part takes less than 0.1 s. The environment INFER_PLUGIN_FD
 * and so on is set by infer; without it infer_serve says so and returns 2.
 */
#ifndef INFER_PLUGIN_H
#define INFER_PLUGIN_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the protocol is little-endian, and this header does not swap bytes"
#endif

enum { INFER_LOGP = 1, INFER_GRAD = 2, INFER_SCORE = 4, INFER_SIMULATE = 8 };

/* Status of a row: as it is, out of the support, numerical failure, an error of the whole call. */
enum { INFER_OK = 0, INFER_OUT_OF_SUPPORT = 1, INFER_NUMERICAL = 2, INFER_ERROR = 3 };

/* infer_call is points to evaluate: a batch or a part of it. Results that were not asked for are NULL. */
typedef struct infer_call {
	size_t n;            /* points, at least 1 */
	size_t stride;       /* from a coordinate of a point to the next, in x and results: coordinate j of point i is x[j*stride + i] */
	size_t dim;          /* coordinates of a result */
	int want;            /* what is asked for, INFER_LOGP and so on */
	const double *x;     /* points; of a simulator its parameters */
	double *logp;        /* [n] */
	double *grad;        /* dim coordinates, as x */
	double *score;
	double *draw;
	uint8_t *status;     /* [n], all INFER_OK */
	const double *sigma; /* noise levels, NULL for a model without */
	size_t sigmas;       /* 1 for all points or n */
	uint64_t seed;       /* of a simulator: row i draws from the numbers of particle first + i of the seed */
	uint64_t first;
	void *user;          /* of the model */
	const char *config;  /* JSON object of the run, see infer_config_number */
	char error[512];     /* to be filled if evaluate returns other than 0 */
	const struct infer_frame *frame;
	size_t at; /* of the batch, the number of the first point */
} infer_call;

/* infer_model is what infer may ask for. Members that are 0 have their defaults. */
typedef struct infer_model {
	const char *name; /* small letters, digits, hyphens */
	const char *kind; /* "density", "score" or "simulator" */
	size_t dim;       /* coordinates of a point; of a simulator, of its output */
	int gradient;     /* 1: a density that has its gradient */
	int noise;        /* 1: a score of noise levels */
	size_t parameters; /* of a simulator */
	size_t batch;     /* points of a call at most; 0: 1024 */
	int deterministic; /* 1: a row has the same bits alone and in any batch */
	const char *more; /* further members of the description as JSON, "\"names\":[\"a\",\"b\"]" */
	int (*evaluate)(infer_call *call); /* 0, or another number after writing call->error */
	void *user;
} infer_model;

/* ---------------------------------------------------------------- the format */

enum { INFER_HELLO = 1, INFER_WELCOME, INFER_OPEN, INFER_EVAL, INFER_REPLY, INFER_CLOSE, INFER_CANCEL, INFER_MAP, INFER_PING, INFER_STOP };
enum { INFER_PREFIX = 40, INFER_ENTRY = 64, INFER_TENSORS = 32, INFER_REGIONS = 64, INFER_HANDLES = 256, INFER_WAITING = 16, INFER_BATCH = 1024 };

typedef struct infer_tensor {
	char name[17];
	int dtype, rank, place, room;
	uint32_t region;
	uint64_t offset, shape[4], bytes;
	char *data;
} infer_tensor;

typedef struct infer_frame {
	int kind, tensors, want;
	uint64_t sequence, body, time;
	uint32_t model, header;
	char *text; /* the header, ends with a zero */
	char *memory;
	char *buffer; /* which both lie in */
	size_t capacity;
	infer_tensor table[INFER_TENSORS];
	int descriptor;
} infer_frame;

typedef struct infer_server {
	int fd;
	uint64_t max_body;
	infer_frame frames[INFER_WAITING]; /* a ring: the one that is answered, and those that came meanwhile */
	int head, count;
	uint64_t cancelled[INFER_WAITING];
	struct { char *data; uint64_t bytes; } regions[INFER_REGIONS];
	struct { int used; uint32_t handle; const infer_model *model; char *config; } handles[INFER_HANDLES];
	char *results; /* memory for results that go into the body */
	size_t room;
} infer_server;

#define INFER_STATIC static __attribute__((unused))

/* infer_fatal ends the process: the connection is of no use any more. */
INFER_STATIC void infer_fatal(const char *what) {
	fprintf(stderr, "infer_plugin.h: %s\n", what);
	exit(1);
}

INFER_STATIC void *infer_grow(void *p, size_t n) {
	p = realloc(p, n ? n : 1);
	if (!p) infer_fatal("out of memory");
	return p;
}

/* infer_read fills a buffer; it returns 0 at the end of the connection if nothing was read. */
INFER_STATIC int infer_read(int fd, char *to, size_t n, int started) {
	size_t got = 0;
	while (got < n) {
		ssize_t k = read(fd, to + got, n - got);
		if (k < 0 && errno == EINTR) continue;
		if (k < 0 && errno != ECONNRESET) infer_fatal(strerror(errno));
		if (k <= 0) {
			if (got == 0 && !started) return 0;
			infer_fatal("the connection ended within a frame");
		}
		got += (size_t)k;
	}
	return 1;
}

/* infer_begin reads a prefix and the descriptor that came with its first byte. */
INFER_STATIC int infer_begin(int fd, char *prefix, int *descriptor) {
	union { struct cmsghdr align; char room[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec part;
	struct msghdr message;
	struct cmsghdr *c;
	ssize_t k;
	*descriptor = -1;
	do {
		memset(&message, 0, sizeof message);
		part.iov_base = prefix, part.iov_len = INFER_PREFIX;
		message.msg_iov = &part, message.msg_iovlen = 1;
		message.msg_control = control.room, message.msg_controllen = sizeof control.room;
		k = recvmsg(fd, &message, 0);
	} while (k < 0 && errno == EINTR);
	if (k <= 0) return 0;
	for (c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len >= CMSG_LEN(sizeof(int)))
			memcpy(descriptor, CMSG_DATA(c), sizeof(int));
	return k == INFER_PREFIX || infer_read(fd, prefix + k, INFER_PREFIX - (size_t)k, 1);
}

/* infer_place finds the memory of a tensor and checks that it lies inside. */
INFER_STATIC void infer_place(infer_server *s, infer_frame *f, infer_tensor *t) {
	static const int sizes[] = {0, 8, 4, 1, 8};
	uint64_t have = f->body;
	char *base = f->memory;
	int i;
	if (t->dtype < 1 || t->dtype > 4 || t->rank > 4 || t->place > 1 || t->room > 1 || t->offset % 8 || (t->room && !t->place))
		infer_fatal("a tensor with an unknown dtype, rank or place");
	t->bytes = (uint64_t)sizes[t->dtype];
	for (i = 0; i < t->rank; i++) {
		if (t->shape[i] && t->bytes > UINT64_MAX / t->shape[i]) infer_fatal("a tensor that overflows");
		t->bytes *= t->shape[i];
	}
	if (t->place) {
		if (t->region >= INFER_REGIONS || !s->regions[t->region].data) infer_fatal("a tensor in shared memory that was not sent");
		base = s->regions[t->region].data, have = s->regions[t->region].bytes;
	}
	if (t->bytes > have || t->offset > have - t->bytes) infer_fatal("a tensor that does not fit into its memory");
	t->data = base + t->offset;
}

/* infer_receive reads a frame; it returns 0 at the end of the connection. */
INFER_STATIC int infer_receive(infer_server *s, infer_frame *f) {
	char prefix[INFER_PREFIX], entry[INFER_ENTRY];
	uint32_t header;
	uint16_t want;
	size_t need, at;
	int i;
	if (!infer_begin(s->fd, prefix, &f->descriptor)) return 0;
	if (memcmp(prefix, "INF1", 4) != 0) infer_fatal("what came is no frame");
	f->kind = (unsigned char)prefix[4], f->tensors = (unsigned char)prefix[5];
	memcpy(&want, prefix + 6, 2), memcpy(&f->sequence, prefix + 8, 8), memcpy(&f->model, prefix + 16, 4);
	memcpy(&header, prefix + 20, 4), memcpy(&f->body, prefix + 24, 8), memcpy(&f->time, prefix + 32, 8);
	f->want = want, f->header = header;
	if (f->kind < INFER_HELLO || f->kind > INFER_STOP || f->tensors > INFER_TENSORS || header > 1 << 20 || f->body > s->max_body)
		infer_fatal("a frame that is too large or of an unknown kind");
	at = ((size_t)header + 1 + 63) / 64 * 64; /* the body begins aligned */
	need = at + (size_t)f->body;
	if (need > f->capacity) f->buffer = (char *)infer_grow(f->buffer, need), f->capacity = need;
	f->text = f->buffer, f->memory = f->buffer + at;
	infer_read(s->fd, f->text, header, 1);
	f->text[header] = 0;
	for (i = 0; i < f->tensors; i++) {
		infer_tensor *t = &f->table[i];
		infer_read(s->fd, entry, INFER_ENTRY, 1);
		memset(t, 0, sizeof *t);
		memcpy(t->name, entry, 16);
		t->dtype = (unsigned char)entry[16], t->rank = (unsigned char)entry[17];
		t->place = (unsigned char)entry[18], t->room = (unsigned char)entry[19];
		memcpy(&t->region, entry + 20, 4), memcpy(&t->offset, entry + 24, 8), memcpy(t->shape, entry + 32, 32);
	}
	infer_read(s->fd, f->memory, (size_t)f->body, 1);
	for (i = 0; i < f->tensors; i++) infer_place(s, f, &f->table[i]);
	return 1;
}

/* infer_send writes a frame; tensors of place 0 go into the body. */
INFER_STATIC void infer_send(infer_server *s, int kind, uint64_t sequence, uint32_t model, uint64_t time, const char *text, infer_tensor *table, int tensors) {
	static const char zeros[8] = {0};
	char top[INFER_PREFIX], entries[INFER_TENSORS * INFER_ENTRY];
	struct iovec parts[3 + 2 * INFER_TENSORS], *part = parts;
	uint32_t header = (uint32_t)strlen(text);
	uint64_t body = 0;
	int i, count = 3;
	memset(top, 0, sizeof top), memset(entries, 0, sizeof entries);
	for (i = 0; i < tensors; i++) {
		infer_tensor *t = &table[i];
		char *e = entries + i * INFER_ENTRY;
		if (!t->place) {
			t->region = 0, t->offset = body, body += (t->bytes + 7) / 8 * 8;
			parts[count].iov_base = t->data, parts[count++].iov_len = (size_t)t->bytes;
			parts[count].iov_base = (void *)(uintptr_t)zeros, parts[count++].iov_len = (size_t)((8 - t->bytes % 8) % 8);
		}
		memcpy(e, t->name, 16);
		e[16] = (char)t->dtype, e[17] = (char)t->rank, e[18] = (char)t->place;
		memcpy(e + 20, &t->region, 4), memcpy(e + 24, &t->offset, 8), memcpy(e + 32, t->shape, 32);
	}
	memcpy(top, "INF1", 4), top[4] = (char)kind, top[5] = (char)tensors;
	memcpy(top + 8, &sequence, 8), memcpy(top + 16, &model, 4), memcpy(top + 20, &header, 4);
	memcpy(top + 24, &body, 8), memcpy(top + 32, &time, 8);
	parts[0].iov_base = top, parts[0].iov_len = INFER_PREFIX;
	parts[1].iov_base = (void *)(uintptr_t)text, parts[1].iov_len = header;
	parts[2].iov_base = entries, parts[2].iov_len = (size_t)tensors * INFER_ENTRY;
	while (count > 0) {
		ssize_t k = writev(s->fd, part, count);
		if (k < 0 && errno == EINTR) continue;
		if (k < 0) exit(errno == EPIPE || errno == ECONNRESET ? 0 : 1); /* the host is gone */
		while (count > 0 && (size_t)k >= part->iov_len) k -= (ssize_t)part->iov_len, part++, count--;
		if (count > 0) part->iov_base = (char *)part->iov_base + k, part->iov_len -= (size_t)k;
	}
}

/* ---------------------------------------------------------------- JSON, as much as is needed */

/* infer_skip returns the end of the JSON value at p, or NULL. */
INFER_STATIC const char *infer_skip(const char *p) {
	int depth = 0;
	for (;; p++) {
		if (*p == 0) return depth == 0 ? p : NULL;
		if (*p == '"') {
			for (p++; *p != '"'; p++)
				if (*p == 0 || (*p == '\\' && *++p == 0)) return NULL;
		} else if (*p == '{' || *p == '[') {
			depth++;
		} else if (*p == '}' || *p == ']') {
			if (depth-- == 0) return p;
		} else if (*p == ',' && depth == 0) {
			return p;
		}
	}
}

/* infer_member finds the value of a member of a JSON object, its first letter; NULL if there is none. */
INFER_STATIC const char *infer_member(const char *json, const char *key) {
	const char *p = json ? strchr(json, '{') : NULL;
	size_t n = strlen(key);
	while (p && (*p == '{' || *p == ',')) {
		const char *name;
		int same;
		for (p++; *p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'; p++) {}
		if (*p != '"') return NULL;
		name = p + 1;
		for (p++; *p && *p != '"'; p++)
			if (*p == '\\' && p[1]) p++;
		same = (size_t)(p - name) == n && memcmp(name, key, n) == 0;
		if (!(p = strchr(p, ':'))) return NULL;
		for (p++; *p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'; p++) {}
		if (same) return p;
		p = infer_skip(p);
	}
	return NULL;
}

/* infer_config_number is an option of the run, or otherwise if it is not there. */
INFER_STATIC double infer_config_number(const char *json, const char *key, double otherwise) {
	const char *p = infer_member(json, key);
	char *end;
	double v = p ? strtod(p, &end) : 0;
	return p && end != p ? v : otherwise;
}

INFER_STATIC uint64_t infer_whole(const char *json, const char *key) {
	const char *p = infer_member(json, key);
	return p ? strtoull(p, NULL, 10) : 0;
}

/* infer_copy is the text of a JSON value, without quotes; to be freed. */
INFER_STATIC char *infer_copy(const char *value) {
	const char *end = value ? infer_skip(value) : NULL;
	size_t n = end ? (size_t)(end - value) : 0;
	char *copy = (char *)infer_grow(NULL, n + 1);
	while (n > 0 && strchr(" \t\r\n", value[n - 1])) n--;
	if (n >= 2 && *value == '"') value++, n -= 2;
	memcpy(copy, n ? value : "", n);
	copy[n] = 0;
	return copy;
}

/* infer_refuse answers a frame with an error. */
INFER_STATIC void infer_refuse(infer_server *s, const infer_frame *f, const char *code, const char *message) {
	char text[2048];
	size_t at = (size_t)snprintf(text, sizeof text, "{\"error\":{\"code\":\"%s\",\"message\":\"", code);
	for (; *message && at < sizeof text - 16; message++) {
		unsigned char c = (unsigned char)*message;
		if (c == '"' || c == '\\') text[at++] = '\\';
		text[at++] = (char)(c < 32 || c > 126 ? ' ' : c);
	}
	strcpy(text + at, "\"}}");
	infer_send(s, INFER_REPLY, f->sequence, f->model, 0, text, NULL, 0);
}

/* infer_describe writes what a model is as JSON. */
INFER_STATIC int infer_describe(char *to, size_t room, const infer_model *m) {
	int n = snprintf(to, room, "{\"name\":\"%s\",\"kinds\":[\"%s\"],\"dim\":%zu,\"gradient\":%s,\"noise\":%s,\"parameters\":%zu,"
		"\"deterministic\":%s%s%s}", m->name, m->kind, m->dim, m->gradient ? "true" : "false", m->noise ? "true" : "false",
		m->parameters, m->deterministic ? "true" : "false", m->more ? "," : "", m->more ? m->more : "");
	if (n < 0 || (size_t)n >= room) infer_fatal("the description of a model is too long");
	return n;
}

/* ---------------------------------------------------------------- the requests */

INFER_STATIC int infer_find(infer_server *s, uint32_t handle) {
	int i;
	for (i = 0; i < INFER_HANDLES; i++)
		if (s->handles[i].used && s->handles[i].handle == handle) return i;
	return -1;
}

INFER_STATIC void infer_close(infer_server *s, uint32_t handle) {
	int i = infer_find(s, handle);
	if (i < 0) return;
	free(s->handles[i].config);
	s->handles[i].used = 0;
}

INFER_STATIC void infer_open(infer_server *s, const infer_frame *f, const infer_model *models, int count) {
	char *name = infer_copy(infer_member(f->text, "model")), text[8192];
	int i, k;
	for (k = 0; k < count && strcmp(models[k].name, name) != 0; k++) {}
	free(name);
	if (k == count) {
		infer_refuse(s, f, "unavailable", "there is no model of that name");
		return;
	}
	infer_close(s, f->model);
	for (i = 0; i < INFER_HANDLES && s->handles[i].used; i++) {}
	if (i == INFER_HANDLES) {
		infer_refuse(s, f, "unavailable", "too many models are open");
		return;
	}
	s->handles[i].used = 1, s->handles[i].handle = f->model, s->handles[i].model = &models[k];
	s->handles[i].config = infer_copy(infer_member(f->text, "config"));
	infer_describe(text, sizeof text, &models[k]);
	infer_send(s, INFER_REPLY, f->sequence, f->model, 0, text, NULL, 0);
}

INFER_STATIC void infer_map(infer_server *s, infer_frame *f) {
	uint64_t region = infer_whole(f->text, "region"), bytes = infer_whole(f->text, "bytes");
	struct stat about;
	void *data = MAP_FAILED;
	if (f->descriptor >= 0 && region < INFER_REGIONS && bytes > 0 && fstat(f->descriptor, &about) == 0 && (uint64_t)about.st_size >= bytes)
		data = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->descriptor, 0);
	if (data == MAP_FAILED) {
		infer_refuse(s, f, "unavailable", "the shared memory cannot be mapped");
		return;
	}
	if (s->regions[region].data) munmap(s->regions[region].data, (size_t)s->regions[region].bytes);
	s->regions[region].data = (char *)data, s->regions[region].bytes = bytes;
	infer_send(s, INFER_REPLY, f->sequence, f->model, 0, "", NULL, 0);
}

/* infer_input is a tensor of the call by name, such as a conditioning vector, [k] for all points or [k][n]; NULL if there is
 * none of doubles. rows gets k, and stride the distance of two rows: element j for point i is p[j] if stride is 0, otherwise
 * p[j*stride + i]. */
INFER_STATIC const double *infer_input(const infer_call *call, const char *name, size_t *rows, size_t *stride) {
	int i;
	for (i = 0; i < call->frame->tensors; i++) {
		const infer_tensor *t = &call->frame->table[i];
		if (t->room || t->dtype != 1 || strcmp(t->name, name) != 0) continue;
		*rows = (size_t)(t->rank > 0 ? t->shape[0] : 1);
		*stride = (size_t)(t->rank > 1 ? t->shape[1] : 0);
		return (const double *)(void *)t->data + (t->rank > 1 ? call->at : 0);
	}
	return NULL;
}

/* infer_unwanted reads what came meanwhile and says why the result of f is not wanted any more, or returns NULL. */
INFER_STATIC const char *infer_unwanted(infer_server *s, const infer_frame *f, int64_t nanoseconds) {
	struct pollfd ready;
	int i;
	for (;;) {
		int last = (s->head + s->count - 1) % INFER_WAITING;
		infer_frame *next = &s->frames[(last + 1) % INFER_WAITING];
		ready.fd = s->fd, ready.events = POLLIN, ready.revents = 0;
		/* What follows a MAP may lie in its memory, so it is read after that. */
		if (s->count == INFER_WAITING || (s->count > 1 && s->frames[last].kind == INFER_MAP) || poll(&ready, 1, 0) <= 0) break;
		if (!infer_receive(s, next)) exit(0); /* nobody waits for anything */
		if (next->kind != INFER_CANCEL) {
			s->count++;
			continue;
		}
		for (i = 0; i < INFER_WAITING && s->cancelled[i] >= f->sequence; i++) {} /* older ones were answered */
		if (i < INFER_WAITING && next->sequence >= f->sequence) s->cancelled[i] = next->sequence;
	}
	for (i = 0; i < INFER_WAITING; i++)
		if (f->sequence && s->cancelled[i] == f->sequence) return "cancelled";
	return f->time && nanoseconds > (int64_t)f->time ? "deadline" : NULL;
}

INFER_STATIC void infer_evaluate(infer_server *s, infer_frame *f) {
	static const char *const names[] = {"logp", "grad", "score", "draw"};
	int at = infer_find(s, f->model), i, k, able, outputs = 0, bad = 0;
	const infer_model *m = at < 0 ? NULL : s->handles[at].model;
	infer_tensor *x = NULL, reply[5], *room;
	struct timespec begin, end;
	infer_call call, part;
	int64_t spent = 0;
	size_t need, columns, rows, of, batch;
	char *next;
	double **to[4];
	if (!m) {
		infer_refuse(s, f, "invalid", "no model is open with that handle");
		return;
	}
	able = !strcmp(m->kind, "density") ? INFER_LOGP | (m->gradient ? INFER_GRAD : 0) : !strcmp(m->kind, "score") ? INFER_SCORE : INFER_SIMULATE;
	if (!f->want || f->want & ~able) {
		infer_refuse(s, f, "invalid", "the model was asked for what it does not have");
		return;
	}
	columns = m->parameters ? m->parameters : m->dim;
	for (i = 0; i < f->tensors; i++)
		if (!f->table[i].room && !strcmp(f->table[i].name, "x")) x = &f->table[i];
	if (!x || x->dtype != 1 || x->rank != 2 || x->shape[0] != columns) {
		infer_refuse(s, f, "invalid", "the tensor x has another type or shape than the model's points");
		return;
	}
	memset(&call, 0, sizeof call);
	call.n = call.stride = (size_t)x->shape[1], call.dim = m->dim, call.want = f->want, call.x = (const double *)(void *)x->data;
	call.frame = f, call.user = m->user, call.config = s->handles[at].config;
	call.seed = infer_whole(f->text, "seed"), call.first = infer_whole(f->text, "first");
	if (m->noise) {
		call.sigma = infer_input(&call, "sigma", &call.sigmas, &of);
		if (!call.sigma || of != 0 || (call.sigmas != 1 && call.sigmas != call.n)) {
			infer_refuse(s, f, "invalid", "sigma is wanted with one number, or one for each point");
			return;
		}
	}
	to[0] = &call.logp, to[1] = &call.grad, to[2] = &call.score, to[3] = &call.draw;
	/* Memory for results without a room of the host, and for the status. */
	if (call.n > (SIZE_MAX / 64 - 64) / (m->dim + 2)) infer_fatal("too many points");
	need = (2 * m->dim + 2) * 8 * call.n + call.n + 64;
	if (need > s->room) s->results = (char *)infer_grow(s->results, need), s->room = need;
	next = s->results;
	for (k = 0; k < 4; k++) {
		infer_tensor *r = &reply[outputs];
		if (!(f->want & 1 << k)) continue;
		memset(r, 0, sizeof *r);
		strcpy(r->name, names[k]);
		rows = k ? m->dim : 1;
		r->dtype = 1, r->rank = k ? 2 : 1, r->bytes = 8 * rows * call.n;
		r->shape[0] = k ? m->dim : call.n, r->shape[1] = k ? call.n : 0;
		room = NULL;
		for (i = 0; i < f->tensors; i++)
			if (f->table[i].room && !strcmp(f->table[i].name, names[k])) room = &f->table[i];
		if (room) {
			if (room->dtype != 1 || room->rank != r->rank || memcmp(room->shape, r->shape, sizeof r->shape) != 0) {
				infer_refuse(s, f, "invalid", "the room for a result has another type or shape than the result");
				return;
			}
			r->place = 1, r->region = room->region, r->offset = room->offset, r->data = room->data;
		} else {
			r->data = next, next += r->bytes;
		}
		*to[k] = (double *)(void *)r->data;
		outputs++;
	}
	call.status = (uint8_t *)next;
	memset(call.status, 0, call.n);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	batch = m->batch ? m->batch : INFER_BATCH;
	for (rows = 0; rows < call.n; rows += batch) {
		const char *why = infer_unwanted(s, f, spent);
		if (why) {
			infer_refuse(s, f, why, "the result is not wanted any more");
			return;
		}
		part = call;
		part.at = rows, part.first = call.first + rows, part.n = call.n - rows < batch ? call.n - rows : batch;
		part.x += rows, part.status += rows;
		if (part.logp) part.logp += rows;
		if (part.grad) part.grad += rows;
		if (part.score) part.score += rows;
		if (part.draw) part.draw += rows;
		if (part.sigma && part.sigmas != 1) part.sigma += rows, part.sigmas = part.n;
		if (m->evaluate(&part) != 0) {
			fprintf(stderr, "%s: %s\n", m->name, part.error);
			infer_refuse(s, f, "internal", part.error[0] ? part.error : "the model failed without a word");
			return;
		}
		clock_gettime(CLOCK_MONOTONIC, &end);
		spent = (int64_t)(end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec;
	}
	for (need = 0; need < call.n && !bad; need++) bad = call.status[need] != 0;
	if (bad) {
		infer_tensor *r = &reply[outputs++];
		memset(r, 0, sizeof *r);
		strcpy(r->name, "status");
		r->dtype = 3, r->rank = 1, r->bytes = r->shape[0] = call.n, r->data = (char *)call.status;
	}
	infer_send(s, INFER_REPLY, f->sequence, f->model, (uint64_t)spent, "", reply, outputs);
}

/* infer_serve answers infer's requests until it says stop. Returns the exit code of the program. */
INFER_STATIC int infer_serve(const char *name, const char *version, const infer_model *models, int count) {
	const char *cookie = getenv("INFER_PLUGIN_COOKIE"), *number = getenv("INFER_PLUGIN_FD");
	static infer_server server;
	infer_server *s = &server;
	infer_frame *f;
	char *text;
	size_t at, room = 1024 + (size_t)count * 8192;
	int i;
	if (!number || !cookie || strcmp(cookie, "b7e0c1a5-infer-plugin-v1") != 0) {
		fprintf(stderr, "this is a plug-in of infer; start it with infer\n");
		return 2;
	}
	s->fd = atoi(number), s->max_body = (uint64_t)1 << 30;
	fcntl(s->fd, F_SETFD, FD_CLOEXEC);
	dup2(2, 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	text = (char *)infer_grow(NULL, room);
	at = (size_t)snprintf(text, room, "{\"protocol\":1,\"name\":\"%s\",\"version\":\"%s\",\"sdk\":\"c 1.0.0\",\"capabilities\":[\"shm\"],\"models\":[", name, version);
	for (i = 0; i < count; i++) {
		if (i) text[at++] = ',';
		at += (size_t)infer_describe(text + at, 8192 - 1, &models[i]);
	}
	strcpy(text + at, "]}");
	infer_send(s, INFER_HELLO, 0, 0, 0, text, NULL, 0);
	free(text);
	for (;;) {
		f = &s->frames[s->head];
		if (s->count == 0 && !infer_receive(s, f)) return 0;
		if (s->count == 0) s->count = 1;
		switch (f->kind) {
		case INFER_WELCOME:
			if (infer_whole(f->text, "max_body")) s->max_body = infer_whole(f->text, "max_body");
			break;
		case INFER_OPEN: infer_open(s, f, models, count); break;
		case INFER_EVAL: infer_evaluate(s, f); break;
		case INFER_MAP: infer_map(s, f); break;
		case INFER_CLOSE: infer_close(s, f->model); /* fall through */
		case INFER_PING: infer_send(s, INFER_REPLY, f->sequence, f->model, 0, "", NULL, 0); break;
		case INFER_CANCEL: break; /* what it cancels was answered already */
		case INFER_STOP: return 0;
		default: infer_fatal("a frame that only plug-ins send");
		}
		if (f->descriptor >= 0) close(f->descriptor);
		s->head = (s->head + 1) % INFER_WAITING, s->count--;
	}
}

#endif
