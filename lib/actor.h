/* SPDX-License-Identifier: Apache-2.0 */
/*
 * actor - who stood behind an event, and how surely.
 *
 * Born in agent/who, dies in the record. Unknown is a value: an empty text is
 * never a guess, and @why always says what the grade rests on.
 */
#ifndef LIB_ACTOR_H
#define LIB_ACTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/own.h"

/* From strongest to weakest. */
enum grade {
	GRADE_KEY, /* session's public key or certificate is in the roster */
	GRADE_ACCOUNT, /* personal account of one person, session known */
	GRADE_SESSION, /* session known, shared account, person not told apart */
	GRADE_LINEAGE, /* only by descent or a late look; process was gone */
	GRADE_UNKNOWN,
};

#define ACTOR_UNSET UINT32_MAX

struct actor {
	enum grade grade;
	bool
	    own; /* the agent itself: its self-test is looked at as people are */
	char why[160]; /* one sentence */
	char provider[64]; /* roster id, "unassigned", "staff" or "unknown" */
	char person[64]; /* roster id, account name, or "unknown" */
	char account[64]; /* login account of the session, or "" */
	char session[64]; /* stable id of the login session on this host */
	char key_fp[96]; /* "SHA256:…" of the key that logged in, or "" */
	char src_addr[64]; /* client address of the SSH session, or "" */
	char method[32]; /* "publickey", "password", … or "" */
	uint32_t loginuid; /* ACTOR_UNSET if the kernel has none */
	uint32_t audit_ses; /* ACTOR_UNSET if the kernel has none */
	uint32_t uid; /* effective, ACTOR_UNSET if not seen */
	bool lost; /* the process ended unseen: it may have been anybody */
	pid_t pid; /* 0 if not seen */
	uint64_t start_ticks; /* field 22 of /proc/PID/stat, 0 if not seen */
	char exe[256]; /* path of the program, may be cut with "..." */
};

/* actor_is_person - somebody logged in, known or not, or whoever it was could
 * not be seen; everything else is the system's own work. */
bool actor_is_person(const struct actor *a);
/* "key", "account", "session", "lineage", "unknown". */
const char *grade_name(enum grade g);
int grade_parse(const char *s, enum grade *out) MUST_CHECK;

#endif
