/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - the compiled form of rule packs, shared by the files of this room.
 *
 * Texts (char pointers without a word) are borrowed from the parsed packs,
 * which the ruleset keeps.
 */
#ifndef AGENT_DETECT_RULES_H
#define AGENT_DETECT_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/detect/allow.h"
#include "agent/detect/among.h"
#include "agent/detect/beside.h"
#include "agent/detect/decode.h"
#include "agent/detect/detect.h"
#include "agent/detect/filerule.h"
#include "agent/detect/member.h"
#include "agent/detect/nearby.h"
#include "agent/detect/pattern.h"
#include "agent/detect/plan.h"
#include "agent/detect/regex.h"
#include "agent/detect/validate.h"
#include "lib/finding.h"
#include "lib/yaml.h"

enum {
	RULES_FORMAT = 1, /* pack.format that this build reads */
	RULES_WIDTH_MAX = 4096, /* bytes of one match */
	RULES_NEAR_MAX = 1000, /* characters of proximity */
	RULES_WITHIN_MAX = 16 * 1024, /* bytes of a count's window */
	RULES_EVIDENCE_MAX = 64,
	RULES_CHECKS_MAX = 16,
	RULES_FLAGS_MAX = 8,
	RULES_HITS_MAX = 32, /* distinct hits of a near */
	RULES_LEVELS_MAX = 3,
	RULES_POINTS_MAX = 16, /* of one piece of evidence */
	RULES_SAMPLES_MAX = 1000,
	RULES_TERMS_MAX = 5000,
	RULES_DETECTORS_MAX = 4096,
	RULES_PACKS_MAX = 256,
	RULES_ALLOWS_MAX = 1000, /* in one list */
	RULES_INDEXES_MAX = 64,
	RULES_MASK_FIRST_MAX = 6, /* PCI DSS 4.0, 3.4.1 */
	RULES_MASK_LAST_MAX = 4,
};

enum boundary {
	BOUNDARY_NONE,
	BOUNDARY_WORD, /* letters, digits, underscore */
	BOUNDARY_DIGIT,
	BOUNDARY_ALNUM,
	BOUNDARY_TOKEN, /* letters, digits, underscore, hyphen */
};

enum term_match {
	TERM_SUBSTRING,
	TERM_WORD, /* not inside a longer word */
	TERM_PREFIX, /* at the start of a word: keywords without a list */
	TERM_EXACT, /* the whole value, for value_in */
};

/* What evidence is looked for by; all members are owned. */
struct cue {
	struct regex *regex; /* NULL: not made */
	struct nearby_words *words; /* NULL: the authority alone says */
};

/* A named list of terms. */
struct terms {
	const struct yaml *at;
	const char *id;
	enum term_match match;
	bool fold;
	const struct yaml *encodings; /* NULL: UTF-8 alone */
	const struct yaml *items;
	struct yaml *file; /* of terms_file: what items points to; owned */
	size_t n;
	const char **sorted; /* of an exact list, for bsearch; owned */
	struct cue *cue; /* of any other; made by who first asks; owned */
};

enum on_fail { ON_FAIL_DROP, ON_FAIL_DEMOTE, ON_FAIL_FLAG };

/* A validator as one detector uses it. */
struct check {
	const struct validator *validator; /* NULL: a checksum */
	const char *name; /* as evidence names it */
	const struct checksum *checksum;
	int over, equals; /* groups of a checksum */
	enum on_fail on_fail;
};

enum evidence_kind {
	EVIDENCE_NEAR,
	EVIDENCE_COUNT,
	EVIDENCE_VALIDATOR,
	EVIDENCE_FILE, /* what the member is, its name, or a label */
	EVIDENCE_HEADER,
	EVIDENCE_DETECTOR, /* near, of another rule's findings */
};

struct evidence {
	const struct yaml *at; /* its map, for its words */
	enum evidence_kind kind;
	struct cue own; /* of near and header, … */
	const struct cue *shared; /* … or what its list has; borrowed */
	uint32_t before, after; /* characters */
	uint32_t min; /* hits of near, matches of count */
	uint32_t unique; /* distinct values of count, distinct hits of near */
	uint32_t lines; /* near: so many lines on either side, and one */
	uint32_t within; /* bytes on either side */
	size_t check; /* index of the validator */
	const char *detector; /* of near: the id of another rule */
	size_t other; /* its place in the set (among.c) */
	struct filerule file;
	uint32_t points; /* what it counts in an any_of */
	bool of_value; /* near is measured from the value, not the match */
};

/* evidence_cue - what near and header are looked for by. */
static inline const struct cue *
evidence_cue(const struct evidence *e)
{
	return e->shared != NULL ? e->shared : &e->own;
}

/* Bits index the detector's evidence. */
struct level {
	enum confidence confidence;
	uint64_t all, none, any;
	unsigned any_min, any_max; /* points */
};

/* When a match gets a mark: one of these, the others are NULL or 0. */
struct flag {
	enum mark mark;
	const struct terms *values;
	uint64_t checks; /* one bit a validator */
	uint64_t evidence; /* one bit a piece of evidence */
};

/* What a password must have to be one. */
struct requirements {
	uint32_t digits, upper, lower, special;
};

/* A pattern by a name. */
struct named {
	const struct yaml *at; /* its text */
	const char *id;
	const struct yaml *boundary; /* NULL: none */
};

/* A sample inside a pack. */
struct sample {
	const struct yaml *at;
	const char *text;
	size_t len;
	uint8_t *decoded; /* of base64; owned */
	const char *file; /* NULL, or where its bytes are, beside the pack */
	struct member_facts facts; /* of the member that it stands for */
	const struct yaml *encodings, *wraps;
	enum confidence expect;
	const struct yaml *spans;
	uint64_t unique; /* 0: not asked */
	const char *why;
};

struct detector {
	const struct yaml *at;
	const struct pack *pack;
	const char *id, *uuid, *title, *status, *class_name;
	enum sensitivity sensitivity;
	struct member_rule exact; /* of an index: then there is no pattern */
	struct filerule file; /* of members or labels themselves: the same */
	bool override; /* stands for the one of another pack with its id */
	bool overridden; /* not in force: another one stands for it */
	char *plain; /* pattern without boundaries; owned */
	struct pattern *pattern; /* the same, parsed; owned */
	enum boundary boundary;
	struct regex *regex; /* with boundaries; owned */
	struct regex
	    *gate; /* NULL, or keywords that a match must hold; owned */
	struct pattern *keywords; /* the same, parsed; owned */
	unsigned least, most; /* bytes of a match */
	int secret; /* group of the value */
	unsigned normalize; /* bits of enum normal */
	int entropy_group;
	struct requirements requires; /* of the value */
	uint32_t entropy_milli; /* least bits a byte times 1000, 0: not asked */
	struct check checks[RULES_CHECKS_MAX];
	size_t nchecks;
	struct evidence *evidence; /* owned */
	size_t nevidence;
	uint32_t within; /* the greatest count window, 0 without one */
	struct level levels[RULES_LEVELS_MAX];
	size_t nlevels;
	struct flag flags[RULES_FLAGS_MAX];
	size_t nflags;
	uint64_t bulk_unique, bulk_min; /* 0: not asked */
	uint64_t event_unique, event_min; /* the same */
	struct allow *own_allows; /* owned */
	size_t nown_allows;
	/* Its own, then those of other packs; borrowed, the array is owned. */
	const struct allow **allows;
	size_t nallows;
	uint32_t decode; /* layers that are looked into, one bit each */
	unsigned keep_first, keep_last;
	struct sample *samples; /* owned */
	size_t nsamples;
};

struct pack {
	struct yaml *doc; /* owned */
	char *dir; /* where it lies; NULL: in memory; owned */
	const char *id, *version;
	const struct yaml *needs; /* ids of packs, or NULL */
	uint32_t decode; /* what detectors have that name no layers */
	struct terms *lists; /* owned */
	size_t nlists;
	struct detector *detectors; /* owned */
	size_t ndetectors;
	struct named *patterns; /* owned */
	size_t npatterns;
	struct allow *allows; /* owned; each names its detector */
	size_t nallows;
};

/* An index for exact data match, and the directory that it was found in. */
struct rules_index {
	struct exact_index x;
	void *map; /* of the file, which x borrows from; owned */
	size_t size;
	size_t dir;
};

struct ruleset {
	struct pack *packs; /* owned */
	size_t npacks;
	struct rules_index *indexes; /* owned */
	size_t nindexes;
	const struct detector **detectors; /* all, in order; array owned */
	size_t n;
	struct among_rule *among; /* one a detector; owned */
	uint32_t *order; /* in which they are asked; owned */
	struct plan *plan; /* owned */
	const char *slow;
	char digest[65];
	unsigned most; /* the widest match */
	uint32_t before, after; /* bytes of context that evidence may look at */
	bool allows; /* some detector has one */
	bool named; /* some detector asks for a name */
	bool labels; /* some evidence asks for a label */
	bool files; /* some detector is about members themselves */
	bool headers; /* some detector asks for the names of columns */
};

/* Where problems go while a set is loaded. */
struct loader {
	struct problems *out; /* may be NULL */
	struct diag *why; /* receives the first fatal one; may be NULL */
	size_t fatal;
	struct beside beside; /* where the packs lie */
};

/* loader_note - records "file:line:col: text" under a name. */
void loader_note(struct loader *l, const struct yaml *at, bool error,
    bool fatal, const char *name, const char *fmt, ...) PRINTF_LIKE(6, 7);
/* loader_fatal - records a sentence that already names its place. */
void loader_fatal(struct loader *l, const char *name, const char *text);
/* loader_error - the same for what does not keep the set from loading. */
void loader_error(struct loader *l, const char *name, const char *text);

/*
 * pack_parse - reads one pack out of @doc, which the pack then owns (also on
 * failure). Every problem goes to @l; -EBADMSG if one was fatal.
 */
int pack_parse(struct yaml *doc, struct pack *out, struct loader *l) MUST_CHECK;
void pack_done(struct pack *p);

/*
 * detector_parse - reads one detector; @p holds the lists.
 * Returns 0, -EBADMSG with the sentence in @why, or -ENOMEM. @out is released
 * by detector_done in any case.
 */
int detector_parse(const struct yaml *y, const struct pack *p,
    struct detector *out, struct diag *why) MUST_CHECK;
void detector_done(struct detector *d);
/*
 * samples_parse - reads the tests of a detector, @y may be NULL; errors as
 * above. samples_done - releases them.
 */
int samples_parse(
    const struct yaml *y, struct detector *d, struct diag *why) MUST_CHECK;
void samples_done(struct detector *d);
/* detector_cue_done - releases the members. */
void detector_cue_done(struct cue *c);
/* detector_pattern - reads one of a pack's named patterns; errors as above. */
int detector_pattern(
    const struct yaml *y, struct named *out, struct diag *why) MUST_CHECK;
/* detector_layers - reads a list of layers as bits; NULL leaves *out. */
int detector_layers(
    const struct yaml *y, uint32_t *out, struct diag *why) MUST_CHECK;
/* detector_lint - what is legal but weak. */
void detector_lint(const struct detector *d, struct loader *l);

/*
 * terms_pattern - the terms as one alternation, longest first, each byte
 * escaped. @bounded puts the word boundaries of @match around each.
 * @items: a list of texts; @encodings: NULL or a list of names.
 */
int terms_pattern(const struct yaml *items, const struct yaml *encodings,
    enum term_match match, bool fold, bool bounded, char **out,
    struct diag *why) MUST_CHECK;
/* terms_encode - @text (UTF-8) in another encoding; -EILSEQ, -EINVAL. */
int terms_encode(const char *text, size_t len, const char *encoding,
    struct buf *out) MUST_CHECK;

/* detector_points - the points of the evidence of @bits that a level asks for. */
unsigned detector_points(
    const struct detector *d, const struct level *l, uint64_t bits);
/* allow_guessable - whether a detector's values can all be tried. */
bool allow_guessable(const struct detector *d);
/*
 * allows_parse - the entries of a list under "allow"; @y may be NULL.
 * *out is owned by the caller, also on failure.
 */
int allows_parse(const struct yaml *y, bool site, struct allow **out, size_t *n,
    struct diag *why) MUST_CHECK;

/* policy_lint - tells conditions about what no detector of the set finds. */
void policy_lint(const struct ruleset *r, struct loader *l);

/*
 * sample_is_raw - whether only extraction brings text of this encoding back.
 * sample_encode - a sample in another encoding; "-bom" behind one of UTF-16
 * puts a mark in front. -EILSEQ, -EINVAL.
 */
bool sample_is_raw(const char *encoding);
int sample_encode(
    const struct sample *s, const char *encoding, struct buf *out) MUST_CHECK;

/* view_lint - the same for the list under "views". */
void view_lint(const struct ruleset *r, struct loader *l);
/* view_find - a view of the set by its id, or NULL. */
const struct yaml *view_find(const struct ruleset *r, const char *id);
/* view_shows_detector - whether a view shows a detector. */
bool view_shows_detector(const struct yaml *view, const struct detector *d);

/* subset_check - refuses what the matching stages do not share. */
int subset_check(const char *pattern, struct diag *why) MUST_CHECK;
/*
 * ruleset_replan - looks for the same rules by other layers, to compare with.
 * No scan of the set may be in use.
 */
int ruleset_replan(
    struct ruleset *r, enum plan_kind kind, struct diag *why) MUST_CHECK;

/*
 * scan_new_sized - scan_new with a block of @block bytes instead of the usual
 * one: the findings must not depend on it.
 */
int scan_new_sized(
    const struct ruleset *r, size_t block, struct scan **out) MUST_CHECK;

#endif
