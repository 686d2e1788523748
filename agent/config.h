/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config - the agent's configuration file (docs/man/chaperone-agent.conf.5).
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"

#define CONFIG_LIST_MAX 32

struct config_list {
	char *items[CONFIG_LIST_MAX + 1]; /* NULL-ended */
	size_t n;
};

struct config {
	char *host; /* name in reports; default: hostname */
	char *state; /* the agent's directory */
	struct config_list watch; /* directories */
	struct config_list exclude;
	struct config_list interfaces; /* to capture from; may be empty */
	struct config_list rules; /* directories of packs */
	char *rules_vkey; /* who must have signed them; or NULL */
	char *roster; /* or NULL */
	char *sessions; /* where the PAM module writes */
	char *sshd_log; /* or NULL */
	uint64_t inspectors; /* 1..16 */
	uint64_t object_max; /* bytes of one object examined */
	bool kernel_programs; /* sensors may load programs into the kernel */
	char digest[65]; /* SHA-256 of the file's bytes */
};

/*
 * config_read - strict: unknown keys are refused with file:line:col; paths are
 * absolute. What is left out has its default (config_default).
 * Returns 0, -EBADMSG or -errno with a sentence; @out untouched on failure.
 */
int config_read(
    const char *path, struct config *out, struct diag *why) MUST_CHECK;
void config_done(struct config *c);
/*
 * config_write - the same configuration as a file that config_read reads back
 * to equal values. Written beside @path and renamed over it, mode 0644.
 */
int config_write(
    const struct config *c, const char *path, struct diag *why) MUST_CHECK;
/* config_copy - a text into a member that config_done frees. 0 or -ENOMEM. */
int config_copy(char **member, const char *text) MUST_CHECK;

/* The arguments every agent process gets: --config FILE --state DIR, --index N.
 * Exits with 2 and a word for others unless @extra takes them (returns how many
 * of argv it took, 0 for none; may be NULL). */
struct config_args {
	const char *config;
	const char *state;
	unsigned index;
	int (*extra)(void *ctx, int argc, char **argv);
	void *ctx;
};

void config_args(struct config_args *a, int argc, char **argv);

#endif
