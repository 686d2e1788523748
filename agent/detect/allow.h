/* SPDX-License-Identifier: Apache-2.0 */
/*
 * allow - what somebody answers for: findings that are recorded, and raise no
 * alert until a date.
 */
#ifndef AGENT_DETECT_ALLOW_H
#define AGENT_DETECT_ALLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/detect/regex.h"
#include "lib/diag.h"
#include "lib/own.h"
#include "lib/yaml.h"

enum {
	ALLOW_MAX = 64, /* of one detector, those of other packs included */
	ALLOW_HMAC = 16, /* bytes that are compared: 128 bits */
	ALLOW_LINE = 1024, /* bytes of a line on either side of a match */
};

/* What of the text an allow's value or pattern is held against. */
enum allow_target {
	ALLOW_VALUE, /* the value in its normal form */
	ALLOW_MATCH, /* the whole match as it stands */
	ALLOW_WHOLE_LINE, /* the line around it */
};

/* All its conditions must hold. Texts are borrowed from the pack. */
struct allow {
	const struct yaml *at;
	const char *id, *owner, *reason;
	const char *until; /* "2027-06-30": it holds to the end of that day */
	int64_t until_us; /* the first microsecond it does not hold, UTC */
	const char *detector; /* of a pack's own list; else NULL */
	enum allow_target target;
	const char *value; /* NULL: not asked, as are the others */
	size_t value_len;
	struct regex *pattern; /* owned */
	const char *path; /* a glob */
	bool keyed;
	uint8_t hmac[ALLOW_HMAC];
};

/* One match, and where it lies. */
struct allow_match {
	const char *uuid; /* of the detector */
	const uint8_t *value, *match, *line;
	size_t value_len, match_len, line_len;
	/* NULL, or the object's name, and "!member" behind it. */
	const char *name;
	int64_t wall_us;
};

/*
 * allow_parse - reads one entry. @site: of a pack's own list, which names its
 * detector. Returns 0, -EBADMSG with the sentence in @why, or -ENOMEM.
 */
int allow_parse(const struct yaml *y, bool site, struct allow *out,
    struct diag *why) MUST_CHECK;
void allow_done(struct allow *a);
/* allow_holds - whether @a covers this match. A limit that is hit is no. */
bool allow_holds(const struct allow *a, struct regex_room *room,
    const struct allow_match *m);
/*
 * allow_hmac - what value_sha256_hmac says of a value in its normal form: the
 * first half of HMAC-SHA-256 (RFC 2104) under the detector's uuid as text.
 */
void allow_hmac(
    const char *uuid, const void *value, size_t len, uint8_t out[ALLOW_HMAC]);
/*
 * allow_path - whether a glob fits a name: one without "/" is held against its
 * last part, within the member and without. "*" stands for any run of
 * characters, "/" included.
 */
bool allow_path(const char *glob, const char *name);

#endif
