/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https - an HTTPS server for one listening socket, within a loop of one
 * thread; every wait in it has an end and every body a bound.
 *
 * Who serves is a struct https_site. For each request it is asked twice: when
 * the head is there (what may its body have?) and when the body is, too. It
 * answers then, or later by the request's number; if it never does, the
 * request is refused with 503.
 */
#ifndef LIB_HTTPS_H
#define LIB_HTTPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"

struct https;
struct https_request;

/* What a request's body may have. */
struct https_want {
	size_t max; /* bytes; 0: the body has to be empty */
	bool file; /* kept in a sealed memfd: https_body_fd */
};

struct https_site {
	/* Fills @w, or answers. */
	void (*head)(void *ctx, struct https_request *q, struct https_want *w);
	/* The request is whole: answers, or keeps https_id(q) for later. */
	void (*whole)(void *ctx, struct https_request *q);
	/* Answers with an error of its own looks: 400 (a body without its
	 * length), 413, 503. */
	void (*refuse)(void *ctx, struct https_request *q, unsigned status);
};

struct https_config {
	int listener; /* listens; non-blocking; taken, also on failure */
	const char *cert, *key; /* PEM */
	const char *ca; /* PEM: whose client certificates are good; or NULL */
	unsigned connections; /* at once */
	unsigned per_address; /* of these, from one address */
	size_t bodies_max; /* bytes of all bodies at once, else 503 */
	unsigned idle_s; /* for how long a connection may be kept */
	unsigned wait_s; /* for how long a request waits for its answer */
	const struct https_site *site;
	void *ctx;
};

/* https_open - 0, or -EINVAL with a sentence. */
int https_open(const struct https_config *c, struct https **out,
    struct diag *why) MUST_CHECK;
/* https_close - answers who waits with 503, and closes all connections. */
void https_close(struct https *s);
/* https_fd - readable when https_run has something to do. */
int https_fd(const struct https *s);
/* https_timeout_ms - after which https_run has something to do; -1: never. */
int https_timeout_ms(struct https *s);
/* https_run - does what can be done now; never blocks. */
void https_run(struct https *s);

/* ---- a request; texts are valid until it is answered ---- */

uint64_t https_id(const struct https_request *q);
/* https_find - the request that waits under that number, or NULL. */
struct https_request *https_find(struct https *s, uint64_t id);
const char *https_method(const struct https_request *q);
const char *https_path(const struct https_request *q);
/* https_query, https_header, https_cookie - the first of that name, or NULL. */
const char *https_query(const struct https_request *q, const char *name);
const char *https_header(const struct https_request *q, const char *name);
const char *https_cookie(const struct https_request *q, const char *name);
/* https_address - of the peer, without its port: "::1". */
void https_address(const struct https_request *q, char *out, size_t size);
/* https_body - in memory; "" and 0 if there is none. */
const uint8_t *https_body(const struct https_request *q, size_t *len);
/* https_body_fd - the sealed file, which stays the request's; or -1. */
int https_body_fd(const struct https_request *q);
/*
 * https_peer - the client's certificate in PEM, once it verified: issued by the
 * CA for clients, valid now, and its key held by the peer.
 * Returns 0, -ENOENT (none was shown), -EACCES with a sentence, -ENOMEM.
 */
int https_peer(const struct https_request *q, struct buf *pem,
    struct diag *why) MUST_CHECK;

/* ---- an answer; once for each request ---- */

struct https_answer {
	unsigned status;
	const char *type; /* Content-Type, or NULL */
	const void *body; /* copied */
	size_t len;
	const char *const *headers; /* name, value, …, NULL; or NULL */
};

void https_answer(struct https_request *q, const struct https_answer *a);
/* https_answer_file - the body is the whole file @fd, which is taken. */
void https_answer_file(
    struct https_request *q, const struct https_answer *a, int fd);

#endif
