/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names - the last step of a draft: names that an inspector has masked.
 */
#ifndef AGENT_NAMES_H
#define AGENT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/hub.h"
#include "agent/outbox.h"
#include "lib/entry.h"
#include "lib/own.h"

/* Numbers of the hub's jobs with this bit are ours; bit 63 marks objects that an
 * inspector numbers itself. */
#define NAMES_JOB (UINT64_C(1) << 62)
#define NAMES_EACH_MAX 3 /* raw names in one draft */

/* A name as the kernel gave it, and the field that it goes to. */
struct raw_name {
	const char *field; /* a literal */
	const char *bytes;
	size_t len; /* 0 leaves the field out */
};

struct names;

int names_new(struct hub *hub, struct outbox *out, struct names **n) MUST_CHECK;
void names_free(struct names *n);
/*
 * names_put - gives the draft to the outbox as soon as every name is masked;
 * the draft is taken and cleared. @count is at most NAMES_EACH_MAX. A name that
 * cannot be examined stands as "[not examined]".
 */
void names_put(struct names *n, struct draft *d, const struct raw_name *raws,
    size_t count);
/* names_learn - a name that was masked beside its object. */
void names_learn(
    struct names *n, const char *raw, size_t len, const char *masked);
/* names_done - the hub's answer to a job with NAMES_JOB. */
void names_done(struct names *n, uint64_t job, const struct outcome *o);
/* names_forget - another set of rules: every name is looked at again. */
void names_forget(struct names *n);
/* names_waiting - drafts that wait for a name. */
size_t names_waiting(const struct names *n);

#endif
