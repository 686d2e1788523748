/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the collector's configuration file
 * (docs/man/chaperone-collector.conf.5).
 */
#ifndef COLLECTOR_CONFIG_H
#define COLLECTOR_CONFIG_H

#include <stddef.h>
#include <sys/socket.h>

#include "lib/diag.h"
#include "lib/own.h"

#define CONFIG_NAMES_MAX 32
#define CONFIG_RULES_MAX 16

struct config {
	char *name; /* of the collector, in its log and its receipts */
	char *state; /* absolute */
	char *agents; /* address to listen on for agents: HOST:PORT */
	char *people; /* the same for people */
	char *names[CONFIG_NAMES_MAX + 1]; /* of the certificate; NULL-ended */
	size_t nnames;
	char *rules[CONFIG_RULES_MAX + 1]; /* directories; NULL-ended */
	size_t nrules;
};

/*
 * config_read - strict: unknown keys are refused with file:line:col. What is
 * left out has its default; @path NULL gives the defaults alone.
 * Returns 0, -EBADMSG or -errno with a sentence; @out untouched on failure.
 */
int config_read(
    const char *path, struct config *out, struct diag *why) MUST_CHECK;
void config_done(struct config *c);
void config_donep(struct config *c);

/*
 * config_address - "HOST:PORT" or "[HOST]:PORT", HOST a number, as a socket
 * address. Returns 0 or -EINVAL.
 */
int config_address(
    const char *text, struct sockaddr_storage *out, socklen_t *len) MUST_CHECK;

/*
 * The arguments of every process of the collector: --config FILE (may be left
 * out: the defaults), --state DIR, --index N. Exits with 2 for others.
 */
struct config_args {
	const char *config; /* or NULL */
	const char *state;
};

void config_args(struct config_args *a, int argc, char **argv);

#endif
