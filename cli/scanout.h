/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scanout - what `chaperone scan` writes: a table, JSON lines, SARIF, a page.
 */
#ifndef CLI_SCANOUT_H
#define CLI_SCANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/finding.h"
#include "lib/own.h"

#define SCANOUT_REASONS_MAX 64
#define SCANOUT_REASON 96

struct scanout_skip {
	char reason[SCANOUT_REASON];
	char *member; /* owned; "" is the file itself */
	uint64_t bytes;
};

/* A file that is done; all borrowed. */
struct scanout_file {
	const char *path; /* bytes of a file system */
	const char *type;
	uint64_t size, examined;
	const struct finding *findings;
	size_t nfindings;
	const struct scanout_skip *skips;
	size_t nskips;
};

/* What it came to. */
struct scanout_sum {
	uint64_t files, bytes, found, with_findings, incomplete;
	uint64_t unshown; /* findings that are not of the view */
	uint64_t allowed; /* findings beside those found */
	uint64_t few; /* the same, below the event threshold of their rule */
	/* Files that the state knows, and what they came to then. */
	uint64_t unchanged, unchanged_found, unchanged_incomplete;
	const char *digest; /* of the rules */
	struct scanout_reason {
		char text[SCANOUT_REASON];
		uint64_t n, bytes;
	} reasons[SCANOUT_REASONS_MAX]; /* in the order they came */
	size_t nreasons;
};

struct scanout {
	const struct scanout_format *format;
	bool colour;
	bool some; /* something was written */
	struct buf notes; /* of a format that tells it all at the end */
	struct buf rows;
	struct buf rules; /* "id\0id\0": each detector once, in order */
	uint64_t over; /* findings or skips that are only counted */
};

struct scanout_format {
	const char *name;
	bool machine; /* nothing else may stand on standard output */
	void (*begin)(struct scanout *o);
	void (*file)(struct scanout *o, const struct scanout_file *f);
	void (*end)(struct scanout *o, const struct scanout_sum *s);
};

extern const struct scanout_format scanout_table, scanout_json;
extern const struct scanout_format scansarif_format, scanpage_format;

/* scanout_find - "table", "json", "sarif", "html"; NULL for anything else. */
const struct scanout_format *scanout_find(const char *name);
void scanout_init(
    struct scanout *o, const struct scanout_format *format, bool colour);
void scanout_done(struct scanout *o);
/* scanout_rule - the index of a detector, which is added if it is new. */
size_t scanout_rule(struct scanout *o, const char *id);
/* scanout_skipped - counts a reason. */
void scanout_skipped(struct scanout_sum *s, const char *reason, uint64_t bytes);

#endif
