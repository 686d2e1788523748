/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sources - where sessions come from: the directory of the PAM module, and
 * sshd's log; for this room alone.
 */
#ifndef AGENT_WHO_SOURCES_H
#define AGENT_WHO_SOURCES_H

#include <stdbool.h>

#include "agent/who/session.h"
#include "lib/own.h"

struct sources;

struct sources_calls {
	void *ctx;
	/* A session was opened; borrowed. */
	void (*opened)(void *ctx, const struct session *s);
	/* The session whose file is named @id ("PID-START") was closed. */
	void (*closed)(void *ctx, const char *id);
};

/*
 * sources_open - watches @dir (made if it is not there; NULL: none) and follows
 * @log (NULL: none). What is there already is told at once.
 * Returns 0, -EPERM with a sentence for a directory that others than root could
 * write to, or -errno.
 */
int sources_open(const char *dir, const char *log,
    const struct sources_calls *calls, struct sources **out,
    struct diag *why) MUST_CHECK;
void sources_close(struct sources *s);
int sources_fd(const struct sources *s);
/* sources_step - tells what is new. 0 or -errno. */
int sources_step(struct sources *s) MUST_CHECK;
/* sources_forget - removes the file of a session whose leader died without
 * closing it. */
void sources_forget(struct sources *s, const char *id);

#endif
