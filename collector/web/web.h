/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web - the pages for people: a login, the list of providers, and their
 * reports, which the report process makes and this room hands on unchanged.
 *
 *   GET /                  the list of providers
 *   GET /report            ?provider=ID, &from= and &to= (RFC 3339 or a date),
 *                          &format= html, json or csv
 *   GET /login, POST /login, POST /logout
 */
#ifndef COLLECTOR_WEB_H
#define COLLECTOR_WEB_H

#include "lib/buf.h"
#include "lib/https.h"
#include "lib/own.h"

#define WEB_USER "reviewer"

struct web;

/* What happened at the login, for the log of the process. */
enum web_event { WEB_LOGIN, WEB_REFUSED, WEB_LIMITED };

struct web_config {
	const char *password; /* its scrypt digest (lib/seal.h); copied */
	/* Sends a message of collector/wire.h to report; never blocks; 0 or
	 * negative. */
	int (*send)(void *ctx, uint32_t type, const struct buf *m);
	void (*event)(void *ctx, enum web_event e, const char *address);
	void *ctx;
};

int web_new(const struct web_config *c, struct web **out) MUST_CHECK;
void web_free(struct web *w);
/* web_bind - the server whose requests wait for report's answers. */
void web_bind(struct web *w, struct https *server);
/*
 * web_message - report's answer, with the descriptor that came with it or -1,
 * which is taken. Returns 0, or -EBADMSG for what is no such message.
 */
int web_message(
    struct web *w, uint32_t type, struct cur *in, int fd) MUST_CHECK;
/* web_lost - report is gone: whoever waits is told to come again. */
void web_lost(struct web *w);

/* Its ctx is the struct web. */
extern const struct https_site WEB_SITE;

#endif
