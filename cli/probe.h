/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe - files through jailed inspectors, for the verbs of a rule writer.
 */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include <stdint.h>

#include "cli/hub.h"
#include "lib/diag.h"
#include "lib/own.h"

#define PROBE_DIRS_MAX 32

/* Everything is borrowed for the call. */
struct probe_calls {
	void *ctx;
	void (*why)(void *ctx, const char *path, const char *member,
	    const struct why *w);
	void (*cost)(void *ctx, const struct hub_cost *c);
	void (*finding)(void *ctx, const char *path, const struct finding *f);
	/* What was not examined, also by the walk. */
	void (*skip)(void *ctx, const char *path, const char *member,
	    const char *reason);
};

struct probe {
	const char *command; /* for messages */
	const char *rules[PROBE_DIRS_MAX];
	size_t nrules;
	unsigned inspectors;
	uint8_t what; /* bits of enum msg_probe */
	struct probe_calls calls;
	/* What came of it. */
	uint64_t files, bytes, missed;
	unsigned detectors;
};

/*
 * probe_run - every file at and below the paths.
 * Returns an exit code: CLI_OK, or why it could not be done, which was said.
 */
int probe_run(struct probe *p, char *const *paths, int npaths) MUST_CHECK;

#endif
