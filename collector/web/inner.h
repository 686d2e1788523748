/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inner - the parts of the pages; for this room alone.
 */
#ifndef COLLECTOR_WEB_INNER_H
#define COLLECTOR_WEB_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/own.h"
#include "lib/seal.h"

/* ---- form.c: what a browser sends ---- */

/*
 * form_get - one field of application/x-www-form-urlencoded, decoded.
 * Returns 0, -ENOENT, or -EBADMSG (too long for @out, a bad escape, a NUL).
 */
int form_get(const void *body, size_t len, const char *name, char *out,
    size_t size) MUST_CHECK;
/* form_put - appends a text percent-encoded. */
void form_put(struct buf *out, const char *text);
/* form_basic - user and password of an Authorization header: 0 or -EBADMSG. */
int form_basic(const char *header, char *user, size_t user_size, char *password,
    size_t password_size) MUST_CHECK;
/* form_target_ok - true for a path of this site that may be gone to. */
bool form_target_ok(const char *target);

/* ---- door.c: who may come in ---- */

#define DOOR_TOKEN_SIZE 44 /* 32 bytes in base64url, and a NUL */
#define DOOR_TEXT_MAX 257

struct door;

int door_new(const char *password, struct door **out) MUST_CHECK;
void door_free(struct door *d);
enum door_answer { DOOR_OPEN, DOOR_SHUT, DOOR_LIMITED };
/*
 * door_try - a name and a password; one costs as much time as the other, right
 * or wrong. DOOR_LIMITED: too many were tried, nothing was compared.
 */
enum door_answer door_try(struct door *d, const char *address, const char *user,
    const char *password, uint64_t now_us);
/* door_basic - the same for a header; the last good one is remembered. */
enum door_answer door_basic(
    struct door *d, const char *address, const char *header, uint64_t now_us);
/* door_session - makes a session; the oldest gives way. */
void door_session(struct door *d, uint64_t now_us, char token[DOOR_TOKEN_SIZE]);
/* door_known - true if the token is that of a session, which goes on. */
bool door_known(struct door *d, const char *token, uint64_t now_us);
void door_leave(struct door *d, const char *token);

/* ---- pages.c: HTML ---- */

/* page_login - @error: a sentence or NULL; @target: where to go then. */
void page_login(struct buf *out, const char *error, const char *target);
/* page_error - what the status means and, unless it is NULL, the sentence. */
void page_error(struct buf *out, unsigned status, const char *sentence);
/* page_what - what a status means, without markup. */
const char *page_what(unsigned status);

#endif
