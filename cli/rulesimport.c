/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rulesimport - `chaperone rules import`: rules of gitleaks and of Nosey
 * Parker as a pack.
 *
 * Owns: what each of their keys becomes, and the list of what has no
 * counterpart here. Patterns are cli/reshape.c's, TOML is cli/toml.c's.
 * Never: leaves anything out unsaid; keeps a sample that does not pass;
 * believes its own conversion: every rule is loaded and tested by the engine.
 *
 * A rule keeps its author's licence: the notice stands at the head of the
 * pack. Samples are base64, so that no scanner trips over the pack.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/detect/detect.h"
#include "cli/cli.h"
#include "cli/reshape.h"
#include "cli/rules.h"
#include "cli/toml.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/seal.h"
#include "lib/str.h"
#include "lib/yaml.h"

#include "lib/own.h"

enum {
	NOTES_MAX = 16,
	SAMPLES_MAX = 24,
	GENERATED = 12,
	ASKED = 64, /* texts of a pattern, for its keywords */
	KEPT = 3, /* of those that were generated */
	ID_MAX = 95,
	FILES_MAX = 4096,
	REFERENCES_MAX = 4,
};

static const unsigned BOUNDS[] = {128, 32, 16};

static const char MIT[] =
    "# Rules of gitleaks (https://github.com/gitleaks/gitleaks), converted,\n"
    "# where FILE holds rules of gitleaks. MIT License, Copyright (c) 2019\n"
    "# Zachary Rice.\n"
    "#\n"
    "# Permission is hereby granted, free of charge, to any person obtaining a\n"
    "# copy of this software and associated documentation files (the\n"
    "# \"Software\"), to deal in the Software without restriction, including\n"
    "# without limitation the rights to use, copy, modify, merge, publish,\n"
    "# distribute, sublicense, and/or sell copies of the Software, and to\n"
    "# permit persons to whom the Software is furnished to do so, subject to\n"
    "# the following conditions:\n"
    "#\n"
    "# The above copyright notice and this permission notice shall be included\n"
    "# in all copies or substantial portions of the Software.\n"
    "#\n"
    "# THE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS\n"
    "# OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF\n"
    "# MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN\n"
    "# NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,\n"
    "# DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR\n"
    "# OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE\n"
    "# USE OR OTHER DEALINGS IN THE SOFTWARE.\n";

static const char APACHE[] =
    "# Rules of Nosey Parker (https://github.com/praetorian-inc/noseyparker),\n"
    "# Copyright Praetorian Security, Inc., converted. Licensed under the\n"
    "# Apache License, Version 2.0; you may not use this file except in\n"
    "# compliance with the License, a copy of which is at\n"
    "# https://www.apache.org/licenses/LICENSE-2.0. Distributed on an \"AS IS\"\n"
    "# BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND. Changed: patterns\n"
    "# and levels as chaperone-rules(5) has them.\n";

/* A rule as its source has it; texts are borrowed from the source's tree. */
struct foreign {
	const char *id, *title, *pattern, *entropy;
	unsigned secret;
	bool low; /* its author calls it generic or fuzzy */
	const struct yaml *keywords, *references;
	const struct yaml *good, *bad; /* samples */
};

struct sample {
	struct buf text;
	bool good, passed;
};

struct import_job {
	bool json;
	const char *pack, *output, *license, *source, *author;
	struct buf out;
	size_t rules, converted;
	/* Of the rule at hand. */
	char notes[NOTES_MAX][256];
	size_t nnotes;
	struct sample samples[SAMPLES_MAX];
	size_t nsamples, at;
};

static void note(struct import_job *job, const char *fmt, ...)
    PRINTF_LIKE(2, 3);

static void
note(struct import_job *job, const char *fmt, ...)
{
	va_list ap;

	if (job->nnotes == NOTES_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(
	    job->notes[job->nnotes++], sizeof job->notes[0], fmt, ap);
	va_end(ap);
}

static const char *
text_of(const struct yaml *map, const char *key)
{
	const struct yaml *y = yaml_get(map, key);

	return y != NULL && y->kind == YAML_SCALAR ? y->text : NULL;
}

static size_t
length(const struct yaml *list)
{
	size_t n = 0;

	for (const struct yaml *y =
		 list != NULL && list->kind == YAML_LIST ? list->child : NULL;
	     y != NULL; y = y->next)
		n++;
	return n;
}

/* ---- writing a pack ------------------------------------------------------ */

/* A text in double quotes: JSON's form is YAML's, too. */
static void
put_text(struct buf *b, const char *text)
{
	struct json j;

	json_init(&j, b);
	json_str(&j, NULL, text);
}

/* A pattern in single quotes, in which only these are doubled. */
static void
put_pattern(struct buf *b, const struct buf *pattern)
{
	buf_put_u8(b, '\'');
	for (size_t i = 0; i < pattern->len; i++) {
		if (pattern->data[i] == '\'')
			buf_put_u8(b, '\'');
		buf_put_u8(b, pattern->data[i]);
	}
	buf_put_u8(b, '\'');
}

static void
put_list(struct buf *b, const struct yaml *list, size_t max)
{
	size_t n = 0;

	buf_put_u8(b, '[');
	for (const struct yaml *y = list->child; y != NULL && n < max;
	     y = y->next) {
		if (y->kind != YAML_SCALAR || y->len == 0)
			continue;
		buf_printf(b, "%s", n++ > 0 ? ", " : "");
		put_text(b, y->text);
	}
	buf_put_u8(b, ']');
}

static void
put_head(struct buf *b, const struct import_job *job)
{
	buf_printf(b,
	    "pack:\n  id: %s\n  version: 1.0.0\n  format: 1\n  license: ",
	    job->pack);
	put_text(b, job->license);
	buf_printf(b, "\n\ndetectors:\n");
}

/* The same uuid at each import, so that a rule stays the same one (RFC 9562,
 * version 8). */
static void
put_uuid(struct buf *b, const char *id)
{
	uint8_t d[SEAL_HASH];
	char hex[33];

	seal_sha256(id, strlen(id), d);
	d[6] = (uint8_t)((d[6] & 0x0f) | 0x80);
	d[8] = (uint8_t)((d[8] & 0x3f) | 0x80);
	str_hex(hex, d, 16);
	buf_printf(b, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
	    hex + 16, hex + 20);
}

static void
detector_id(const struct import_job *job, const char *id, char out[ID_MAX + 1])
{
	size_t n = strlen(job->pack);

	(void)str_copy(out, ID_MAX + 1, job->pack);
	out[n++] = '.';
	for (const char *p = id; *p != '\0' && n < ID_MAX; p++) {
		char c = *p;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + 32);
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_.-", c) ==
		    NULL)
			c = '-';
		out[n++] = c;
	}
	while (out[n - 1] == '.')
		n--;
	out[n] = '\0';
}

/* Where a source's keywords are: it may mean one outside of the match. */
enum where { WHERE_NONE, WHERE_INSIDE, WHERE_PARTLY, WHERE_AROUND };

/* True if a text that the pattern matches holds one of the keywords. */
static bool
holds_keyword(const struct foreign *f, struct buf *text)
{
	const char *t = buf_text(text);

	for (const struct yaml *y = f->keywords->child; y != NULL && t != NULL;
	     y = y->next)
		if (y->kind == YAML_SCALAR && strcasestr(t, y->text) != NULL)
			return true;
	return false;
}

/* A pattern may write them in many ways, so what it matches is asked. */
static enum where
keywords_where(const struct foreign *f, const struct reshape *re)
{
	unsigned inside = 0;

	if (length(f->keywords) == 0)
		return WHERE_NONE;
	for (unsigned i = 0; i < ASKED; i++) {
		OWN(buf_wipe) struct buf b = {0};

		buf_init(&b, 65536);
		reshape_sample(re, (i + 1) * UINT64_C(0xd1342543de82ef95), &b);
		inside += holds_keyword(f, &b);
	}
	return inside == ASKED ? WHERE_INSIDE
	       : inside > 0    ? WHERE_PARTLY
			       : WHERE_AROUND;
}

static void
put_levels(struct buf *b, const struct foreign *f, bool near)
{
	const char *level = f->low ? "low" : "medium";

	buf_printf(b, "    levels:\n");
	if (!near) {
		buf_printf(b, "      - {confidence: %s, all: []}\n", level);
		return;
	}
	buf_printf(b,
	    "      - confidence: %s\n        all: [{near: {keywords: ", level);
	put_list(b, f->keywords, 100);
	buf_printf(b, ", before: 500, after: 500}}]\n");
}

static void
put_tests(
    struct buf *b, struct import_job *job, const struct foreign *f, bool all)
{
	size_t kept[2] = {0, 0};

	buf_printf(b, "    tests:\n");
	for (size_t i = 0; i < job->nsamples; i++) {
		const struct sample *s = &job->samples[i];

		if (!all && (!s->passed || kept[s->good]++ >= KEPT))
			continue;
		buf_printf(b, "      - {base64: \"");
		str_base64(b, s->text.data, s->text.len);
		buf_printf(b, "\", expect: %s}\n",
		    !s->good ? "none"
		    : f->low ? "low"
			     : "medium");
	}
}

static void
put_detector(struct buf *b, struct import_job *job, const struct foreign *f,
    const struct reshape *re, unsigned bound, bool all)
{
	OWN(buf_done) struct buf pattern = {0};
	enum where where = keywords_where(f, re);
	char id[ID_MAX + 1];

	detector_id(job, f->id, id);
	buf_init(&pattern, (size_t)1 << 20);
	(void)reshape_print(re, f->secret, bound, &pattern);
	buf_printf(b, "  - id: %s\n    uuid: ", id);
	put_uuid(b, id);
	buf_printf(b, "\n    title: ");
	put_text(b, f->title);
	buf_printf(b, "\n    status: test\n    class: secret.imported\n"
		      "    sensitivity: high\n    author: ");
	put_text(b, job->author);
	buf_printf(b, "\n    references: ");
	if (length(f->references) > 0) {
		put_list(b, f->references, REFERENCES_MAX);
	} else {
		buf_put_u8(b, '[');
		put_text(b, job->source);
		buf_put_u8(b, ']');
	}
	buf_printf(b, "\n    prefilter: {");
	if (where == WHERE_INSIDE) {
		buf_printf(b, "keywords: ");
		put_list(b, f->keywords, 100);
	} else {
		buf_printf(b, "reason: %s",
		    where == WHERE_NONE     ? "its source names none"
		    : where == WHERE_PARTLY ? "the pattern writes its keywords "
					      "in several ways"
					    : "its keywords stand around the "
					      "match");
	}
	buf_printf(b, "}\n    primary:\n      pattern: ");
	put_pattern(b, &pattern);
	buf_printf(b, "\n");
	if (f->secret > 0)
		buf_printf(b, "      secret: secret\n");
	if (reshape_boundary(re))
		buf_printf(b, "      boundary: word\n");
	if (f->entropy != NULL)
		buf_printf(b, "      entropy: {min: %s}\n", f->entropy);
	put_levels(b, f, where == WHERE_AROUND);
	if (job->nsamples > 0)
		put_tests(b, job, f, all);
}

/* ---- samples ------------------------------------------------------------- */

static void
samples_done(struct import_job *job)
{
	for (size_t i = 0; i < job->nsamples; i++)
		buf_wipe(&job->samples[i].text);
	job->nsamples = 0;
}

static struct buf *
sample_new(struct import_job *job, bool good)
{
	struct sample *s;

	if (job->nsamples == SAMPLES_MAX)
		return NULL;
	s = &job->samples[job->nsamples++];
	*s = (struct sample){.good = good};
	buf_init(&s->text, 65536);
	return &s->text;
}

static void
sample_given(struct import_job *job, const struct yaml *list, bool good)
{
	for (const struct yaml *y =
		 list != NULL && list->kind == YAML_LIST ? list->child : NULL;
	     y != NULL; y = y->next) {
		struct buf *b = y->kind == YAML_SCALAR && y->len > 0
				    ? sample_new(job, good)
				    : NULL;

		if (b != NULL)
			buf_put(b, y->text, y->len);
	}
}

/* Texts that the pattern should match, and the first of them cut short. */
static void
samples_made(struct import_job *job, const struct foreign *f,
    const struct reshape *re, bool good, bool bad)
{
	const char *word =
	    length(f->keywords) > 0 && f->keywords->child->kind == YAML_SCALAR
		? f->keywords->child->text
		: "";
	bool near = keywords_where(f, re) == WHERE_AROUND;
	struct buf *b;

	for (unsigned i = 0; good && i < GENERATED; i++) {
		b = sample_new(job, true);
		if (b == NULL)
			return;
		if (near)
			buf_printf(b, "%s\n", word);
		else
			buf_printf(b, "x ");
		reshape_sample(re, (i + 1) * UINT64_C(0x9e3779b97f4a7c15), b);
		buf_printf(b, "\n");
	}
	for (unsigned i = 0; bad && i < 2 && i < job->nsamples; i++) {
		const struct buf *from = &job->samples[i].text;

		b = sample_new(job, false);
		if (b != NULL && job->samples[i].good)
			buf_put(b, from->data, from->len / 2);
		if (b != NULL && b->len == 0)
			buf_put_u8(b, '-');
	}
	b = bad ? sample_new(job, false) : NULL;
	if (b != NULL)
		buf_printf(b, "nothing to see here");
}

static void
on_test(void *ctx, const struct ruleset_line *line)
{
	struct import_job *job = ctx;

	if (job->at < job->nsamples)
		job->samples[job->at++].passed = line->ok;
}

/* ---- one rule ------------------------------------------------------------ */

/* Loads the rule alone with all its samples, and says which of them pass. */
static int
try_rule(struct import_job *job, const struct foreign *f,
    const struct reshape *re, unsigned bound, struct diag *why)
{
	OWN(buf_done) struct buf b = {0};
	OWN(ruleset_freep) struct ruleset *set = NULL;
	size_t failed = 0;
	int r;

	buf_init(&b, YAML_FILE_MAX);
	put_head(&b, job);
	put_detector(&b, job, f, re, bound, true);
	if (buf_error(&b) != 0)
		return buf_error(&b);
	r = ruleset_parse("it", b.data, b.len, &set, NULL, why);
	job->at = 0;
	return r == 0 ? ruleset_test(set, NULL, NULL, on_test, job, &failed)
		      : r;
}

static size_t
passing(const struct import_job *job, bool good)
{
	size_t n = 0;

	for (size_t i = 0; i < job->nsamples; i++)
		n += job->samples[i].good == good && job->samples[i].passed;
	return n;
}

static void
tell_notes(struct import_job *job, unsigned notes, unsigned bound)
{
	if ((notes & RESHAPE_BOUNDED) != 0)
		note(job, "unbounded repeats end at %u", bound);
	if ((notes & RESHAPE_END) != 0)
		note(job, "what may follow is boundary: word");
	if ((notes & RESHAPE_EDGE) != 0)
		note(job,
		    "not at the very beginning or end of a text, where it "
		    "asked for a byte beside it or none");
	if ((notes & RESHAPE_LINES) != 0)
		note(job, "(?m) says nothing without anchors");
}

/* The widest bound with which the rule loads; -EBADMSG with why none does. */
static int
choose_bound(struct import_job *job, const struct foreign *f,
    const struct reshape *re, unsigned *bound, struct diag *why)
{
	int r = -EBADMSG;

	for (size_t i = 0; i < ARRAY_LEN(BOUNDS) && r == -EBADMSG; i++) {
		why->text[0] = '\0';
		*bound = BOUNDS[i];
		r = try_rule(job, f, re, *bound, why);
	}
	return r;
}

static int
add_samples(struct import_job *job, const struct foreign *f,
    const struct reshape *re, unsigned bound)
{
	struct diag why = {""};
	size_t given;
	int r = 0;

	sample_given(job, f->good, true);
	sample_given(job, f->bad, false);
	given = job->nsamples;
	if (given > 0)
		r = try_rule(job, f, re, bound, &why);
	if (r == 0 && given > 0 &&
	    passing(job, true) + passing(job, false) < given)
		note(job, "%zu of its %zu samples do not pass and are left out",
		    given - passing(job, true) - passing(job, false), given);
	if (r == 0 && (passing(job, true) == 0 || passing(job, false) == 0)) {
		samples_made(job, f, re, passing(job, true) == 0,
		    passing(job, false) == 0);
		r = try_rule(job, f, re, bound, &why);
	}
	if (r == 0 && passing(job, true) == 0)
		note(job, "no sample was found for it: add one");
	return r;
}

/* Returns 0 (also for a rule that is only told about), or what ends all. */
static int
convert(struct import_job *job, struct foreign *f)
{
	OWN(reshape_freep) struct reshape *re = NULL;
	OWN(buf_done) struct buf unused = {0};
	struct diag why = {""};
	unsigned bound = 0;
	int r;

	samples_done(job);
	buf_init(&unused, (size_t)1 << 20);
	r = reshape_parse(f->pattern, &re, &why);
	if (r == 0 && f->secret > reshape_groups(re))
		r = diag_set(&why, -EBADMSG, "there is no group %u", f->secret);
	if (r == 0)
		r = choose_bound(job, f, re, &bound, &why);
	if (r == -EBADMSG) {
		const char *at = strstr(why.text, ": ");

		/* "it:LINE:COLUMN: " says nothing to the reader. */
		job->nnotes = 0;
		note(job, "%.250s",
		    str_starts(why.text, "it:") && at != NULL ? at + 2
							      : why.text);
		return -EBADMSG;
	}
	if (r == 0)
		r = add_samples(job, f, re, bound);
	if (r != 0)
		return r;
	tell_notes(job, reshape_print(re, f->secret, bound, &unused), bound);
	put_detector(&job->out, job, f, re, bound, false);
	buf_printf(&job->out, "\n");
	job->converted++;
	return buf_error(&job->out);
}

static void
tell(struct import_job *job, const char *id, bool converted)
{
	char shown[256];
	OWN(buf_done) struct buf b = {0};
	struct json j;

	if (!job->json) {
		str_escape(shown, sizeof shown, id, strlen(id));
		for (size_t i = 0; i < job->nnotes; i++)
			(void)fprintf(stderr, "%s: %s%s\n", shown,
			    converted ? "" : "not converted: ", job->notes[i]);
		return;
	}
	buf_init(&b, 65536);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", "rule");
	json_str(&j, "id", id);
	json_bool(&j, "converted", converted);
	json_uint(&j, "tests_that_match", passing(job, true));
	json_begin_array(&j, "notes");
	for (size_t i = 0; i < job->nnotes; i++)
		json_str(&j, NULL, job->notes[i]);
	json_end_array(&j);
	json_end_object(&j);
	cli_line(&b);
}

/* Converts and tells; 0, or what ends all. */
static int
take(struct import_job *job, struct foreign *f)
{
	int r = convert(job, f);

	job->rules++;
	if (r == 0 || r == -EBADMSG)
		tell(job, f->id, r == 0);
	return r == -EBADMSG ? 0 : r;
}

/* A rule of which there is nothing to convert. */
static void
refuse(struct import_job *job, const char *id, const char *why)
{
	job->nnotes = 0;
	note(job, "%s", why);
	job->rules++;
	tell(job, id, false);
}

/* ---- gitleaks ------------------------------------------------------------ */

/* What an allowlist holds has no counterpart: it would drop, unsaid. */
static void
note_allowlist(struct import_job *job, const struct yaml *list)
{
	size_t regexes = length(yaml_get(list, "regexes"));
	size_t words = length(yaml_get(list, "stopwords"));
	size_t paths = length(yaml_get(list, "paths"));

	if (regexes + words + paths > 0)
		note(job,
		    "its allowlist is left out (%zu regexes, %zu stop words, "
		    "%zu paths): see levels, flags and allow",
		    regexes, words, paths);
}

/* Go's number as the rule format writes it: one digit, three decimals. */
static const char *
entropy_of(struct import_job *job, const char *text, char out[8])
{
	size_t n;

	if (text == NULL || str_eq(text, "0") || str_eq(text, "0.0"))
		return NULL;
	n = strspn(text, "0123456789.");
	if (n == 0 || n > 7 || text[n] != '\0' || text[0] > '8' ||
	    (text[1] != '.' && text[1] != '\0')) {
		note(job, "its entropy is no number from 0 to 8");
		return NULL;
	}
	(void)str_copy_len(out, 8, text, n < 5 ? n : 5);
	return out;
}

static int
take_gitleaks(struct import_job *job, const struct yaml *y)
{
	static const char *const known[] = {"id", "description", "regex",
	    "keywords", "entropy", "secretGroup", "path", "tags", "allowlist",
	    "allowlists", "skipReport", "required"};
	const char *group = text_of(y, "secretGroup");
	struct foreign f = {.id = text_of(y, "id"),
	    .title = text_of(y, "description"),
	    .pattern = text_of(y, "regex"),
	    .keywords = yaml_get(y, "keywords")};
	OWN(reshape_freep) struct reshape *re = NULL;
	const struct yaml *lists = yaml_get(y, "allowlists");
	uint64_t n = 0;
	char entropy[8];

	job->nnotes = 0;
	if (f.id == NULL || f.id[0] == '\0')
		f.id = "without-id";
	if (f.pattern == NULL) {
		refuse(job, f.id,
		    "a rule about a file's path: nothing is decided by a name");
		return 0;
	}
	if (f.title == NULL || f.title[0] == '\0')
		f.title = f.id;
	for (const struct yaml *k = y->child; k != NULL; k = k->next) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			found = found || str_eq(known[i], k->key);
		if (!found)
			note(job, "its key %.60s is not known", k->key);
	}
	f.entropy = entropy_of(job, text_of(y, "entropy"), entropy);
	f.low = strstr(f.id, "generic") != NULL;
	/* Without a number the first group is the value, if there is one. */
	if (reshape_parse(f.pattern, &re, NULL) == 0)
		f.secret = reshape_groups(re) > 0;
	if (group != NULL && str_u64(group, 99, &n) == 0 && n > 0)
		f.secret = (unsigned)n;
	if (yaml_get(y, "path") != NULL)
		note(job, "it was for some paths only: a name decides nothing");
	if (yaml_get(y, "required") != NULL)
		note(job, "the other rules that it requires are left out");
	if (yaml_get(y, "skipReport") != NULL)
		note(job, "it was not for reports; here it is");
	note_allowlist(job, yaml_get(y, "allowlist"));
	for (const struct yaml *a = lists != NULL && lists->kind == YAML_LIST
					? lists->child
					: NULL;
	     a != NULL; a = a->next)
		note_allowlist(job, a);
	return take(job, &f);
}

static int
from_gitleaks(struct import_job *job, const char *path, struct diag *why)
{
	OWN(yaml_freep) struct yaml *doc = NULL;
	OWN(buf_done) struct buf b = {0};
	const struct yaml *rules;
	int r;

	buf_init(&b, YAML_FILE_MAX);
	if ((r = file_read(path, &b, why)) != 0 ||
	    (r = toml_parse(path, b.data, b.len, &doc, why)) != 0)
		return r;
	rules = yaml_get(doc, "rules");
	if (rules == NULL || rules->kind != YAML_LIST)
		return diag_set(
		    why, -EBADMSG, "%s: there are no [[rules]] in it", path);
	buf_printf(&job->out, "%s\n", MIT);
	put_head(&job->out, job);
	for (const struct yaml *y = rules->child; y != NULL && r == 0;
	     y = y->next)
		if (y->kind == YAML_MAP)
			r = take_gitleaks(job, y);
	for (const struct yaml *y = doc->child; y != NULL; y = y->next)
		if (str_eq(y->key, "allowlist") ||
		    str_eq(y->key, "allowlists") || str_eq(y->key, "extend"))
			(void)fprintf(stderr,
			    "%s: is for the whole file and is left out\n",
			    y->key);
	return r;
}

/* ---- Nosey Parker -------------------------------------------------------- */

static int
take_noseyparker(struct import_job *job, const struct yaml *y)
{
	const struct yaml *categories = yaml_get(y, "categories");
	struct foreign f = {.id = text_of(y, "id"),
	    .title = text_of(y, "name"),
	    .pattern = text_of(y, "pattern"),
	    .secret = 1,
	    .references = yaml_get(y, "references"),
	    .good = yaml_get(y, "examples"),
	    .bad = yaml_get(y, "negative_examples")};

	job->nnotes = 0;
	if (f.id == NULL || f.pattern == NULL) {
		refuse(job, f.id != NULL ? f.id : "without-id",
		    "no id or no pattern");
		return 0;
	}
	if (str_starts(f.id, "np."))
		f.id += 3;
	if (f.title == NULL || f.title[0] == '\0')
		f.title = f.id;
	for (const struct yaml *c =
		 categories != NULL && categories->kind == YAML_LIST
		     ? categories->child
		     : NULL;
	     c != NULL; c = c->next)
		f.low = f.low || str_eq(c->text, "fuzzy") ||
			str_eq(c->text, "generic");
	return take(job, &f);
}

static int
is_rules(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return e->d_name[0] != '.' &&
	       ((n > 4 && str_eq(e->d_name + n - 4, ".yml")) ||
		   (n > 5 && str_eq(e->d_name + n - 5, ".yaml")));
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* One file; what cannot be read is told, and the others go on. */
static int
file_noseyparker(struct import_job *job, const char *dir, const char *name)
{
	OWN(yaml_freep) struct yaml *doc = NULL;
	struct diag why = {""};
	const struct yaml *rules;
	char path[4096];
	int r;

	if (str_format(path, sizeof path, "%s/%s", dir, name) != 0)
		return -ENAMETOOLONG;
	r = yaml_read(path, &doc, &why);
	if (r != 0) {
		refuse(job, name, why.text);
		return r == -ENOMEM ? r : 0;
	}
	rules = yaml_get(doc, "rules");
	for (const struct yaml *y = rules != NULL && rules->kind == YAML_LIST
					? rules->child
					: NULL;
	     y != NULL && r == 0; y = y->next)
		r = take_noseyparker(job, y);
	return r;
}

static int
from_noseyparker(struct import_job *job, const char *dir, struct diag *why)
{
	struct dirent **names = NULL;
	int r = 0;
	int n;

	must(dir != NULL);
	n = scandir(dir, &names, is_rules, by_bytes);

	if (n < 0)
		return diag_set(why, -errno, "%s: %s", dir, strerror(errno));
	buf_printf(&job->out, "%s\n", APACHE);
	put_head(&job->out, job);
	for (int i = 0; i < n; i++) {
		if (r == 0 && i < FILES_MAX)
			r = file_noseyparker(job, dir, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

/* ---- the command --------------------------------------------------------- */

static int
parse(struct import_job *job, const char **kind, const char **from, int argc,
    char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char **value = NULL;

		if (str_eq(argv[i], "--json"))
			job->json = true;
		else if (str_eq(argv[i], "--output"))
			value = &job->output;
		else if (str_eq(argv[i], "--pack"))
			value = &job->pack;
		else if (str_eq(argv[i], "--license"))
			value = &job->license;
		else if (argv[i][0] == '-')
			return cli_usage(
			    "rules", "unknown option \"%s\"", argv[i]);
		else if (*kind == NULL)
			*kind = argv[i];
		else if (*from == NULL)
			*from = argv[i];
		else
			return cli_usage("rules", "one source at a time");
		if (value == NULL)
			continue;
		if (i + 1 == argc)
			return cli_usage("rules", "%s needs a value", argv[i]);
		*value = argv[++i];
	}
	if (*from == NULL ||
	    (!str_eq(*kind, "gitleaks") && !str_eq(*kind, "noseyparker")))
		return cli_usage("rules",
		    "import needs gitleaks and a file, or noseyparker and a "
		    "directory");
	if (job->pack != NULL &&
	    (strlen(job->pack) > 32 || job->pack[0] == '\0' ||
		strspn(job->pack, "abcdefghijklmnopqrstuvwxyz0123456789_-") !=
		    strlen(job->pack)))
		return cli_usage("rules",
		    "--pack is small letters, digits, \"_\" and \"-\"");
	return 0;
}

static int
deliver(struct import_job *job, struct diag *why)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	if (job->output != NULL) {
		struct file_mode mode = {.mode = 0644,
		    .uid = (uid_t)-1,
		    .gid = (gid_t)-1,
		    .fresh = true};
		int r = file_write(
		    job->output, job->out.data, job->out.len, &mode, why);

		if (r != 0)
			return r;
	} else if (!job->json) {
		job->out.len--; /* cli_line brings the last line's end */
		cli_line(&job->out);
	}
	if (!job->json) {
		(void)fprintf(stderr, "%zu of %zu rules converted\n",
		    job->converted, job->rules);
		return 0;
	}
	buf_init(&b, 2 * (size_t)YAML_FILE_MAX);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", "pack");
	json_uint(&j, "rules", job->rules);
	json_uint(&j, "converted", job->converted);
	if (job->output == NULL)
		json_str(&j, "text", buf_text(&job->out));
	json_end_object(&j);
	cli_line(&b);
	return 0;
}

/* The pack as a whole must load; ids may be there twice, for one. */
static int
check_all(const struct import_job *job, struct diag *why)
{
	OWN(ruleset_freep) struct ruleset *set = NULL;

	return ruleset_parse(job->output != NULL ? job->output : "the pack",
	    job->out.data, job->out.len, &set, NULL, why);
}

static int
import(struct import_job *job, const char *kind, const char *from,
    struct diag *why)
{
	bool gitleaks = str_eq(kind, "gitleaks");
	int r;

	job->source =
	    gitleaks ? "gitleaks configuration" : "Nosey Parker rules";
	job->author =
	    gitleaks ? "gitleaks contributors" : "Praetorian Security, Inc.";
	if (job->pack == NULL)
		job->pack = kind;
	if (job->license == NULL)
		job->license = gitleaks ? "MIT" : "Apache-2.0";
	r = gitleaks ? from_gitleaks(job, from, why)
		     : from_noseyparker(job, from, why);
	if (r == 0 && job->converted == 0)
		r = diag_set(why, -EBADMSG,
		    "%s: nothing in it could be converted", from);
	if (r == 0)
		r = buf_error(&job->out);
	if (r == 0)
		r = check_all(job, why);
	return r == 0 ? deliver(job, why) : r;
}

static int
run(int argc, char **argv)
{
	struct import_job *job = calloc(1, sizeof *job);
	const char *kind = NULL, *from = NULL;
	struct diag why = {""};
	int r;

	must(job != NULL);
	buf_init(&job->out, YAML_FILE_MAX);
	r = parse(job, &kind, &from, argc, argv);
	if (r == 0) {
		r = import(job, kind, from, &why);
		if (r != 0)
			r = cli_error("rules",
			    r == -ENOENT || r == -EEXIST ? CLI_USAGE
							 : cli_exit_for(r),
			    "%s",
			    why.text[0] != '\0' ? why.text : strerror(-r));
		else if (job->converted < job->rules)
			r = CLI_DIFFERENCE;
	}
	samples_done(job);
	buf_done(&job->out);
	free(job);
	return r;
}

const struct rules_verb rulesimport_verb = {
    .name = "import",
    .summary = "converts rules of gitleaks or Nosey Parker",
    .help =
	"Example: chaperone rules import gitleaks gitleaks.toml > "
	"rules/gitleaks.yaml\n\n"
	"Usage: chaperone rules import [--pack ID] [--license SPDX]\n"
	"           [--output FILE] [--json] gitleaks FILE.toml\n"
	"       chaperone rules import [...] noseyparker DIR\n\n"
	"Writes a pack, and tells rule by rule what has no counterpart. Each\n"
	"rule was loaded by the engine, its samples pass; where the source\n"
	"has none, they are made from the pattern. The author's notice stands\n"
	"at the head of the pack: keep it.\n\n"
	"Exit: 0 all converted, 1 some are not, 2 usage, 3 nothing could be.\n",
    .run = run,
};
