/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster - who works for whom: accounts and keys to people and providers; for
 * this room alone. The format is docs/man/chaperone-roster.5.
 */
#ifndef AGENT_WHO_ROSTER_H
#define AGENT_WHO_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"

struct roster;

/*
 * roster_read - reads a roster; NULL is the one without a file: members of the
 * local group chaperone-staff are staff, everybody else is "unassigned".
 * Returns 0, -EBADMSG with "file:line:col: what", or -errno.
 */
int roster_read(
    const char *path, struct roster **out, struct diag *why) MUST_CHECK;
void roster_free(struct roster *r);
void roster_freep(struct roster **r);

enum roster_answer {
	ROSTER_NONE, /* nobody is listed with it */
	ROSTER_ONE, /* provider and person are set */
	ROSTER_SHARED, /* several people; provider is set if all are of one */
	ROSTER_EXPIRED, /* listed, but not for this time; both are set */
};

struct roster_match {
	enum roster_answer answer;
	const char *provider, *person; /* borrowed from the roster, or NULL */
	bool keyed; /* of ROSTER_ONE: that person's keys are listed */
};

/* roster_key, roster_account - who holds it at a time (us since 1970). */
struct roster_match roster_key(
    const struct roster *r, const char *fingerprint, int64_t at_us);
struct roster_match roster_account(
    struct roster *r, const char *account, int64_t at_us);
/* roster_denies - true if an account is listed for others, and not for whom a
 * key was found to be of. */
bool roster_denies(const struct roster *r, const struct roster_match *key,
    const char *account);

#endif
