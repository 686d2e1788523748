/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - the collector of this machine, as root asks it: token, agents.
 */
#ifndef CLI_CONTROL_H
#define CLI_CONTROL_H

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"

#define CONTROL_STATE "/var/lib/chaperone-collector"

/* What the collector said at the end. */
struct control_done {
	int err; /* 0 or negative errno */
	char error[512]; /* its sentence, "" if there is none */
	char token[256]; /* of WIRE_TOKEN; wipe it */
};

/*
 * control_ask - asks one question and waits for its end, 10 s at most.
 * @body: what follows the id in the message of @type (collector/wire.h).
 * @agent: called for each WIRE_AGENT with what follows the id, or NULL; it
 * returns 0, or -EBADMSG for what it cannot read.
 * Returns 0 and @out, -ECONNREFUSED if no collector runs there, -EACCES,
 * -ETIMEDOUT, or -EBADMSG for an answer that cannot be read, with a sentence.
 */
int control_ask(const char *state, uint32_t type, const struct buf *body,
    int (*agent)(void *ctx, struct cur *c), void *ctx, struct control_done *out,
    struct diag *why) MUST_CHECK;
/*
 * control_exit - the exit code for what came of it, after the sentence was
 * printed for the subcommand @name.
 */
int control_exit(const char *name, int r, const struct control_done *d,
    const struct diag *why);

#endif
