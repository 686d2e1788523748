/* SPDX-License-Identifier: Apache-2.0 */
/*
 * finding - what a detector found in one member of one object; never content.
 *
 * Born in agent/detect, dies in the record (agent) or on standard output
 * (chaperone scan, replay). One finding stands for all matches of one
 * detector, at one confidence, in one member.
 */
#ifndef LIB_FINDING_H
#define LIB_FINDING_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/own.h"

#define FINDING_SPANS_MAX 1000
#define FINDING_MEMBER_MAX 4096
#define FINDING_TAG_LEN 8
#define FINDING_SEALED_MAX 6144 /* base64url */
#define FINDING_DECODE_MAX 48

enum confidence {
	CONFIDENCE_NONE,
	CONFIDENCE_LOW,
	CONFIDENCE_MEDIUM,
	CONFIDENCE_HIGH,
};

enum sensitivity {
	SENSITIVITY_LOW,
	SENSITIVITY_MEDIUM,
	SENSITIVITY_HIGH,
	SENSITIVITY_CRITICAL,
};

/* What a rule may say of values that it knows. */
enum mark {
	MARK_TEST_DATA = 1, /* a known sample */
	MARK_ENCRYPTED_KEY = 2,
	MARK_EXPIRED = 4,
	MARK_SAMPLE = 8, /* of a document */
	MARK_FEW = 16, /* fewer in this text than make an event */
	MARKS = 31, /* all that there are */
};

struct span {
	uint64_t from; /* bytes of the member, as it lies in its container */
	uint64_t to; /* one behind the last byte */
};

struct finding {
	char detector[96]; /* "pci.pan" */
	char version[32]; /* of its pack */
	char class_name[64]; /* "pii.financial" */
	enum confidence confidence;
	enum sensitivity sensitivity;
	char *member; /* "a.tar.gz!b.csv"; "" is the object itself */
	uint64_t count; /* matches */
	uint64_t unique; /* distinct normalised values */
	bool unique_capped; /* there are more than were counted */
	bool test_data; /* every value is a known sample */
	uint8_t marks; /* enum mark, of every value; test_data's, too */
	bool bulk; /* the detector's bulk threshold is reached */
	uint8_t tag[FINDING_TAG_LEN]; /* keyed digest of the first value */
	bool tag_set;
	char mask[48]; /* shape of the first value, as its rule allows */
	char allow[64]; /* "", or who answers for it: no alert */
	char allow_until[12]; /* "2027-06-30", the last day of that */
	char decode[FINDING_DECODE_MAX]; /* "base64>gzip"; "": as it stood */
	struct span *spans; /* the first FINDING_SPANS_MAX, ascending */
	size_t nspans;
	char *sealed; /* candidates to be confirmed (lib/exact.h), or NULL */
};

/* finding_allowed - whether an allow covers it. */
static inline bool
finding_allowed(const struct finding *f)
{
	return f->allow[0] != '\0';
}

/*
 * finding_alerts - false for one that an allow covers, or that is below its
 * rule's event threshold: it is only recorded.
 */
static inline bool
finding_alerts(const struct finding *f)
{
	return !finding_allowed(f) && (f->marks & MARK_FEW) == 0;
}

/* finding_done - frees what it owns; zeroes the rest. */
void finding_done(struct finding *f);
/* finding_encode - appends the wire form (the field order of the struct). */
void finding_encode(const struct finding *f, struct buf *out);
/*
 * finding_decode - reads the wire form; @f owns what it points to.
 * Returns 0, -EBADMSG (bounds, enums, span order and printable ASCII are
 * checked) or -ENOMEM;
 * @f is untouched on failure.
 */
int finding_decode(struct finding *f, struct cur *in) MUST_CHECK;

/* finding_mark - "test_data", …; the bit must be one alone. */
const char *finding_mark(enum mark m);
/* "low", "medium", "high"; parse: -EINVAL for anything else. */
const char *confidence_name(enum confidence c);
int confidence_parse(const char *s, enum confidence *out) MUST_CHECK;
const char *sensitivity_name(enum sensitivity s);
int sensitivity_parse(const char *s, enum sensitivity *out) MUST_CHECK;

#endif
