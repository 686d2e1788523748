/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake - the addresses for agents (docs/protocol.md): who asks is checked by
 * certificate, what is asked becomes a question to store, and store's answer
 * becomes the answer.
 */
#ifndef COLLECTOR_INTAKE_H
#define COLLECTOR_INTAKE_H

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/https.h"
#include "lib/own.h"
#include "lib/seal.h"

struct intake;

/*
 * Sends a message of collector/wire.h to store. Never blocks.
 * Returns 0, or negative where store is not there or has no room.
 */
typedef int intake_send_fn(
    void *ctx, uint32_t type, const struct buf *m, int fd);

/*
 * intake_new - @ca: the CA's certificate, PEM. @cosign_vkey: the key of
 * receipts as text; both are copied.
 * Returns 0, -EBADMSG, or -ENOMEM.
 */
int intake_new(const char *ca, const char *cosign_vkey, intake_send_fn *send,
    void *ctx, struct intake **out) MUST_CHECK;
void intake_free(struct intake *i);
/* intake_bind - the server whose requests wait for store's answers. */
void intake_bind(struct intake *i, struct https *server);
/*
 * intake_message - store's answer; one that nobody waits for is passed by.
 * Returns 0, or -EBADMSG for what is no such message.
 */
int intake_message(struct intake *i, uint32_t type, struct cur *in) MUST_CHECK;
/* intake_lost - store is gone: whoever waits is told to come again. */
void intake_lost(struct intake *i);

/* Its ctx is the struct intake. */
extern const struct https_site INTAKE_SITE;

/* ---- the body of POST /v1/enrol ---- */

#define INTAKE_ENROL_MAX ((size_t)64 * 1024)

struct intake_enrol {
	uint8_t token[SEAL_HASH]; /* SHA-256 of its text */
	char host[256];
	char vkey[320];
	struct buf
	    public_key; /* DER; of the request, whose proof was checked */
};

/*
 * intake_enrol_parse - strict JSON; the request's signature is checked.
 * Returns 0 (then intake_enrol_done), -EBADMSG with a sentence, or -ENOMEM.
 */
int intake_enrol_parse(const void *body, size_t len, struct intake_enrol *out,
    struct diag *why) MUST_CHECK;
void intake_enrol_done(struct intake_enrol *e);

#endif
