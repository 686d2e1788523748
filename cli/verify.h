/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify - the offline check of a log (chaperone-log(5)) and its generations.
 */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/note.h"
#include "lib/own.h"

/* Something that does not fit. */
struct problem {
	const char *what; /* entry disclosure checkpoint receipt log */
	uint32_t gen;
	/* The entry; of a checkpoint or receipt, how many it covers; of the log,
	 * how many entries are here. */
	uint64_t index;
	const char *detail; /* a sentence, without foreign bytes */
};

struct verify {
	/* Set by the caller. */
	const struct vkey *log, *cosign; /* NULL: those are not checked */
	void (*problem)(void *ctx, const struct problem *p);
	void *ctx;

	/* Filled in. */
	char origin[NOTE_NAME_MAX];
	uint32_t gens; /* whose files are here */
	uint32_t gens_missing; /* that the newest one knows of */
	uint64_t entries, disclosures;
	uint64_t erased; /* entries without disclosures and seed */
	uint64_t checkpoints, receipts; /* that fit, and verify with the keys */
	uint64_t tail; /* entries that no such checkpoint covers */
	uint64_t receipted; /* entries that a receipt covers */
	uint64_t problems;
};

/*
 * verify_log - checks the log whose generations are @path, @path.1, … Each
 * problem is told to v->problem and counted. Only reads.
 * Returns 0 (whatever the problems), or -errno with a sentence if a file could
 * not be read at all; -EBADMSG if it is no log.
 */
int verify_log(struct verify *v, const char *path, struct diag *why) MUST_CHECK;

#endif
