/* SPDX-License-Identifier: Apache-2.0 */
/*
 * detect - the door of the detection room: rule packs in, findings out.
 *
 * Owns: the rule format, the compiled ruleset, matching, validation, levels.
 * Never: opens what is scanned, decodes containers, keeps a matched byte
 * after scan_end.
 */
#ifndef AGENT_DETECT_H
#define AGENT_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/content.h"
#include "lib/diag.h"
#include "lib/finding.h"
#include "lib/json.h"
#include "lib/label.h"
#include "lib/own.h"
#include "lib/why.h"

struct ruleset;

/* One thing to say about a rule file. */
struct problem {
	bool error; /* `rules check` fails; false is a warning */
	bool fatal; /* the set does not load */
	char name[32]; /* "unknown-key", "no-negative-test", … */
	char text[512]; /* "file:line:col: sentence; hint" */
};

struct problems {
	struct problem *list;
	size_t n;
};

void problems_done(struct problems *p);

/*
 * ruleset_load - reads every *.yaml of @dirs (not below them, sorted by name,
 * no links) and compiles all or nothing. A set without a detector is refused,
 * and so is one with a pack that would not be read for its name (*.yml).
 * Everything that matching needs, executable memory too, is made here and in
 * scan_new: nothing is compiled or opened afterwards.
 * @problems: NULL, or receives every error and warning, also on success.
 * Returns 0, -EBADMSG (something fatal; the first is in @why), -errno of
 * reading. *out is untouched on failure.
 */
int ruleset_load(const char *const *dirs, size_t ndirs, struct ruleset **out,
    struct problems *problems, struct diag *why) MUST_CHECK;
/*
 * ruleset_load_kept - the same without the problems, and sooner: what was
 * compiled before is taken from the directory @kept, which is made if it can
 * be and must be its user's alone.
 * @word: receives "", or the sentence why something there was not used or
 * could not be kept; then it was compiled.
 */
int ruleset_load_kept(const char *const *dirs, size_t ndirs, const char *kept,
    struct ruleset **out, struct diag *word, struct diag *why) MUST_CHECK;
/* ruleset_parse - ruleset_load for one pack in memory; @name is for messages. */
int ruleset_parse(const char *name, const void *data, size_t len,
    struct ruleset **out, struct problems *problems,
    struct diag *why) MUST_CHECK;
void ruleset_free(struct ruleset *r);
void ruleset_freep(struct ruleset **r);
/* ruleset_digest - 64 hex digits over the exact bytes of all packs. */
const char *ruleset_digest(const struct ruleset *r);
size_t ruleset_count(const struct ruleset *r);
/* ruleset_labels - whether evidence asks for the labels of what a text is in. */
bool ruleset_labels(const struct ruleset *r);
/* ruleset_slow - NULL, or why this build or host matches more slowly. */
const char *ruleset_slow(const struct ruleset *r);
/* One line for a script and the same for a human; borrowed for the call. */
struct ruleset_line {
	const void *json; /* an object */
	size_t len;
	const char *text;
	bool ok; /* false: a sample that failed */
};

typedef void ruleset_line_fn(void *ctx, const struct ruleset_line *line);
/*
 * ruleset_list - one line a detector, for `rules list`; @view: NULL, or only
 * those that it shows.
 */
int ruleset_list(const struct ruleset *r, const char *view,
    ruleset_line_fn *line, void *ctx) MUST_CHECK;
/*
 * ruleset_view - whether a view shows a detector; with @detector NULL, whether
 * the set has the view. Views never change what is detected.
 */
bool ruleset_view(
    const struct ruleset *r, const char *view, const char *detector) MUST_CHECK;
/* ruleset_layers - which layer looks for each detector, and why that one. */
int ruleset_layers(
    const struct ruleset *r, ruleset_line_fn *line, void *ctx) MUST_CHECK;
/*
 * Looks at the bytes of a whole object as scans do, extraction and all, and
 * hands over its findings as scan_end does. 0 or negative errno.
 */
typedef void scan_found_fn(void *ctx, struct finding *f);
typedef int ruleset_raw_fn(void *ctx, struct content raw, scan_found_fn *found,
    void *found_ctx, uint64_t *unsure);
/*
 * ruleset_test - runs the samples inside the packs, and those in files beside
 * them; one line each.
 * @raw: for samples that only extraction brings to text (UTF-16, containers,
 * files); NULL leaves them out, and ruleset_raw_tests says how many that are.
 * *failed counts those that did not give what they expect.
 */
int ruleset_test(const struct ruleset *r, ruleset_raw_fn *raw, void *raw_ctx,
    ruleset_line_fn *line, void *ctx, size_t *failed) MUST_CHECK;
size_t ruleset_raw_tests(const struct ruleset *r);

/*
 * ruleset_check - what only running the set can tell: samples that fail, rules
 * that find each other's samples. Adds to @problems what ruleset_load did not.
 * @raw: as of ruleset_test.
 */
int ruleset_check(const struct ruleset *r, ruleset_raw_fn *raw, void *raw_ctx,
    struct problems *problems) MUST_CHECK;

/*
 * ruleset_allow - what value_sha256_hmac says of a value: 32 hex digits.
 * @guessable: whether the detector's values are few enough to try them all.
 * Returns 0, -ENOENT without such a detector, -EINVAL for an empty value or one
 * that is longer than a match can be.
 */
int ruleset_allow(const struct ruleset *r, const char *detector,
    const void *value, size_t len, char out[33], bool *guessable) MUST_CHECK;

/* A scan in progress: one at a time, reusable, bound to one ruleset. */
struct scan;

int scan_new(const struct ruleset *r, struct scan **out) MUST_CHECK;
void scan_free(struct scan *s);
void scan_freep(struct scan **s);
/* scan_key - the key of finding tags (32 bytes); without one no tag is set. */
void scan_key(struct scan *s, const uint8_t key[32]);
/* scan_begin - starts a piece of text: bytes of UTF-8 as far as they are. */
void scan_begin(struct scan *s);
/*
 * scan_name - the name of the object of the pieces to come, with "!member"
 * behind it, for allows and rules that name a path; NULL: it has none. It is
 * copied. Returns 0 or -ENOMEM.
 */
int scan_name(struct scan *s, const char *name) MUST_CHECK;
/*
 * scan_kind - what the member of the pieces to come is, as extraction calls it
 * ("keystore/jks"); "": not known. It is borrowed until the next call.
 */
void scan_kind(struct scan *s, const char *kind);
/*
 * scan_labels - the classification labels of what the pieces to come stand in;
 * borrowed until the next call. None at first.
 */
void scan_labels(struct scan *s, const struct label *list, size_t n);
/*
 * scan_label - asks the rules that are about a label itself, of one that was
 * found in what scan_name told; as scan_file.
 */
int scan_label(struct scan *s, const struct label *label, scan_found_fn *found,
    void *ctx) MUST_CHECK;
/*
 * scan_file - asks the rules that are about a member itself; scan_name told
 * its name. @type: its MIME type; @kind: as in scan_kind.
 * @found gets findings without a place, one of each rule that fits, and owns
 * what they hold. Not between scan_begin and scan_end: -EBUSY.
 */
int scan_file(struct scan *s, const char *type, const char *kind,
    scan_found_fn *found, void *ctx) MUST_CHECK;
/*
 * scan_feed - the next bytes. The findings do not depend on where the bytes
 * are cut. Memory is bounded whatever the length.
 */
int scan_feed(struct scan *s, struct content c) MUST_CHECK;
/*
 * scan_end - ends the piece and hands over its findings, highest confidence
 * first; @found takes ownership of what the finding holds. Spans are offsets
 * into the bytes that were fed; member is NULL.
 * @indeterminate: receives the number of places where a limit was hit.
 */
int scan_end(struct scan *s, scan_found_fn *found, void *ctx,
    uint64_t *indeterminate) MUST_CHECK;
/*
 * scan_missed - places of the text that scan_end ended last, where more stood
 * encoded than its limits let the scan decode.
 */
uint64_t scan_missed(const struct scan *s);
/*
 * scan_mask - scans a short text (a name, a URI) and writes it with every
 * match replaced by "[detector]"; control bytes stay as they are.
 * Returns 1 if something was replaced, 0 if not, or negative errno; @found may
 * be NULL. A text in which a limit was hit becomes "[indeterminate]". May be
 * called from within @found of scan_end, and not between scan_begin and
 * scan_end: -EBUSY.
 */
int scan_mask(struct scan *s, struct content text, struct buf *out,
    scan_found_fn *found, void *ctx) MUST_CHECK;

/*
 * scan_explain - from now on tells each match that the patterns find, how it
 * was judged, and the near misses: at most 20 of each rule and piece, kept and
 * refuted; then how many more. @w is borrowed; its places are offsets into
 * the bytes that were fed. NULL ends it. Slower. Returns 0 or -ENOMEM.
 */
typedef void scan_why_fn(void *ctx, struct why *w);
int scan_explain(struct scan *s, scan_why_fn *why, void *ctx) MUST_CHECK;

/* What one rule cost since it was last asked. */
struct scan_cost {
	const char *detector; /* borrowed from the ruleset */
	uint64_t places; /* runs of candidates that the pattern was tried at */
	uint64_t matches; /* of the pattern */
	uint64_t refuted; /* of these, by keyword, entropy or validator */
	uint64_t us; /* confirming, validators and evidence */
};

/* scan_measure - whether to take the time of each rule; off at first. */
void scan_measure(struct scan *s, bool on);
/* scan_costs - tells each rule that had work, and begins anew. */
typedef void scan_cost_fn(void *ctx, const struct scan_cost *c);
void scan_costs(struct scan *s, scan_cost_fn *cost, void *ctx);

#endif
