/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ship - an agent's side of docs/protocol.md: one client, one request at a
 * time, and the files that an enrolment leaves.
 */
#ifndef AGENT_SHIP_SHIP_H
#define AGENT_SHIP_SHIP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/note.h"
#include "lib/own.h"
#include "lib/pki.h"

#define SHIP_URL_MAX 512 /* "https://HOST:PORT" with its NUL */
#define SHIP_VKEY_MAX 320
#define SHIP_ANSWER_MAX (256 * 1024)
#define SHIP_HOST_MAX 256

/* ---- requests and answers ------------------------------------------------ */

enum ship_what {
	SHIP_CA,
	SHIP_ENROL, /* body: ship_enrol_body() */
	SHIP_RENEW,
	SHIP_FRONTIER,
	SHIP_BATCH, /* body: one zstd frame */
};

struct ship_request {
	enum ship_what what;
	bool gen_given; /* of SHIP_FRONTIER: asks of generation @gen */
	uint32_t gen;
	const void *body; /* borrowed until the request has ended */
	size_t len;
};

/* What came back; which members are set depends on what was asked. */
struct ship_answer {
	unsigned status; /* of HTTP */
	bool placed; /* gen and next are set: 200, and 409 of a batch */
	uint32_t gen;
	uint64_t next;
	struct buf receipt; /* a note; empty where there is none yet */
	struct buf pem; /* of SHIP_CA, SHIP_ENROL, SHIP_RENEW */
	char agent[PKI_ID_MAX];
	char cosign_vkey[SHIP_VKEY_MAX];
	char error[512]; /* the collector's sentence, escaped; may be "" */
};

void ship_answer_done(struct ship_answer *a);
/*
 * ship_answer_parse - reads a body by the rules of docs/protocol.md: what is
 * missing, of another type or out of bounds refuses it; members that are not
 * known are passed over. The body of an error that is no JSON is no fault.
 * @out: empty, or used before; ship_answer_done it in any case.
 * Returns 0, -EBADMSG with a sentence, or -ENOMEM.
 */
int ship_answer_parse(enum ship_what what, unsigned status, const void *body,
    size_t len, struct ship_answer *out, struct diag *why) MUST_CHECK;
/* ship_enrol_body - the body of SHIP_ENROL; holds the token: wipe @out. */
int ship_enrol_body(const char *csr, const char *host, const char *token,
    const char *vkey, struct buf *out) MUST_CHECK;

/* ---- the client ---------------------------------------------------------- */

/* All are borrowed by ship_new, which copies them. */
struct ship_options {
	const char *url;
	/* The CA in PEM, the only one that is trusted. NULL: anyone is, which
	 * is for SHIP_CA alone. */
	const struct buf *ca;
	const struct buf *cert, *key; /* PEM; NULL: none is shown */
	unsigned connect_ms; /* 0: 10 s */
	unsigned total_ms; /* of a request; 0: 60 s */
	size_t answer_max; /* 0: SHIP_ANSWER_MAX */
};

struct ship;

/* ship_init - once in a process, before its jail. 0 or -ENOMEM. */
int ship_init(void) MUST_CHECK;
/* ship_url_ok - true for "https://HOST[:PORT]" and nothing behind it. */
bool ship_url_ok(const char *url);
/* ship_new - opens nothing yet. 0, -EINVAL for an address, -ENOMEM. */
int ship_new(const struct ship_options *o, struct ship **out,
    struct diag *why) MUST_CHECK;
/* ship_free - cuts what is under way; never waits. */
void ship_free(struct ship *s);
void ship_freep(struct ship **s);

/* ship_start - begins a request; the one before must have ended. */
int ship_start(struct ship *s, const struct ship_request *q) MUST_CHECK;
/* ship_busy - true while a request is under way. */
bool ship_busy(const struct ship *s);
/*
 * ship_wait - waits until the request has ended, one of @fds is ready or
 * @timeout_ms have passed, whichever is first; without a request, for the two
 * others. @revents of @fds are set. Returns 1 if the request has ended now,
 * 0 if not, or -errno of a fault of the machinery.
 */
int ship_wait(
    struct ship *s, struct pollfd *fds, size_t n, int timeout_ms) MUST_CHECK;
/*
 * ship_take - the answer to the request that ended.
 * Returns 0 (look at @out->status), -EKEYREJECTED for a server that is not who
 * it should be, -ETIMEDOUT, -ECONNREFUSED, -EHOSTUNREACH or -ECONNRESET for the
 * network, -EMSGSIZE for an answer over its bound, -EBADMSG for one that cannot
 * be read, -ENOMEM; each with a sentence.
 */
int ship_take(
    struct ship *s, struct ship_answer *out, struct diag *why) MUST_CHECK;
/* ship_do - start, wait and take in one; blocks for total_ms at most. */
int ship_do(struct ship *s, const struct ship_request *q,
    struct ship_answer *out, struct diag *why) MUST_CHECK;

/* ---- the files of an enrolment ------------------------------------------- */

/* What stands in the role's directory, see enrolment.c. */
struct enrolment {
	char url[SHIP_URL_MAX];
	char agent[PKI_ID_MAX];
	struct buf ca, cert, key; /* PEM */
	int64_t expires_us; /* of the certificate, since 1970 */
};

void enrolment_done(struct enrolment *e);
/*
 * enrolment_read - reads all of it, and checks that key, certificate and agent
 * belong together. Returns 0, -ENOENT if there is none (yet), -EBADMSG or
 * another -errno with a sentence. @out is untouched on failure.
 */
int enrolment_read(
    const char *dir, struct enrolment *out, struct diag *why) MUST_CHECK;
/*
 * enrolment_mark - a number that changes when the enrolment is written anew;
 * 0 if there is none.
 */
uint64_t enrolment_mark(const char *dir);
/* What enrolment_write and enrolment_renew need to know of the files. */
struct file_mode;
/*
 * enrolment_key - the key of the directory, made on the first call, so that a
 * second try after a lost answer asks with the same one.
 */
int enrolment_key(const char *dir, const struct file_mode *mode,
    struct pki_key **out, struct diag *why) MUST_CHECK;
/*
 * enrolment_check - that a certificate is of this key, agent and CA, now.
 * Returns 0 or -EBADMSG with the reason.
 */
int enrolment_check(const struct pki_key *k, const struct pki_cert *ca,
    const void *pem, size_t len, const char *agent,
    struct diag *why) MUST_CHECK;
/*
 * enrolment_write - writes ca, certificate and, last, the address; the key is
 * there already. Each file is whole or not there.
 */
int enrolment_write(const char *dir, const struct enrolment *e,
    const struct file_mode *mode, struct diag *why) MUST_CHECK;
/* enrolment_renew - checks and writes another certificate for the same key. */
int enrolment_renew(const char *dir, const struct enrolment *e, const void *pem,
    size_t len, struct diag *why) MUST_CHECK;

#endif
