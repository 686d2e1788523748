/* SPDX-License-Identifier: Apache-2.0 */
/*
 * selftest - a known answer through the real path, at random times.
 *
 * A file with a synthetic value is made and opened in a watched directory, by a
 * process that nothing passes over. What the kernel, a sensor, an inspector and
 * the log's process make of it must come back as a finding; record keeps none
 * of it and says that it came (MESSAGE_MET).
 */
#ifndef AGENT_SELFTEST_H
#define AGENT_SELFTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/own.h"

/* The file's name, and what it begins with. */
#define SELFTEST_NAME ".chaperone-probe-"
#define SELFTEST_NAME_MAX 64

enum selftest_end {
	SELFTEST_OK,
	SELFTEST_FAILED, /* what was planted was not found, twice */
	SELFTEST_IMPOSSIBLE, /* nothing could be planted */
};

struct selftest_result {
	enum selftest_end end;
	uint64_t ms; /* of SELFTEST_OK: from the opening to the log */
	int64_t since_us; /* of SELFTEST_FAILED: the last one that was ok, or
			   * when the first could have been; since 1970 */
	const char *why; /* of all but SELFTEST_OK (borrowed) */
};

struct selftest_calls {
	void *ctx;
	/* Tells record what will be found, and by which process; false if it
	 * cannot be told. The answer comes as selftest_word. */
	bool (*expect)(void *ctx, pid_t pid, const char *name);
	void (*ended)(void *ctx, const struct selftest_result *r);
};

struct selftest;

/* selftest_new - 0 or -ENOMEM. Nothing is planted before selftest_settle. */
int selftest_new(
    const struct selftest_calls *calls, struct selftest **out) MUST_CHECK;
/* selftest_free - takes away what is planted. */
void selftest_free(struct selftest *t);
/* selftest_settle - a process that the path goes through has begun anew: what is
 * under way is given up, and one is planted some seconds later. */
void selftest_settle(struct selftest *t);
/* selftest_hold - such a process died: nothing is planted until settle. */
void selftest_hold(struct selftest *t);
/*
 * selftest_tick - called often; plants when it is time, in the first of the
 * directories @dirs that takes a file. Without one, never.
 */
void selftest_tick(struct selftest *t, const char *const *dirs, size_t n);
/* selftest_word - record knows what to expect (@met false), or it came. */
void selftest_word(struct selftest *t, bool met);

#endif
