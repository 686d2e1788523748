/* SPDX-License-Identifier: Apache-2.0 */
/*
 * samples - the tests of a detector, as a pack writes them.
 *
 * Owns: the keys of a test and what each may hold.
 * Never: runs one (sample.c does), or reads a file that one names before it
 * runs: hosts have the packs, and no files of samples.
 */
#include <errno.h>

#include "agent/detect/keys.h"
#include "agent/detect/rules.h"
#include "agent/detect/wrap.h"
#include "lib/str.h"

#include "lib/own.h"

static int
spans(const struct yaml *y, struct diag *why)
{
	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "spans must be a list of pairs");
	for (const struct yaml *t = y->child; t != NULL; t = t->next) {
		uint64_t from = 0, to = 0;
		int r;

		if (t->kind != YAML_LIST || t->child == NULL ||
		    t->child->next == NULL || t->child->next->next != NULL)
			return yaml_fail(
			    t, why, "a span is [from, to] in characters");
		r = yaml_uint(t->child, 0, UINT32_MAX, &from, why);
		if (r == 0)
			r = yaml_uint(
			    t->child->next, from + 1, UINT32_MAX, &to, why);
		if (r != 0)
			return r;
	}
	return 0;
}

/* Samples in another encoding; UTF-16 is extraction's to undo. */
static int
encodings(const struct yaml *y, struct sample *s, struct diag *why)
{
	int r = keys_texts(y, why);

	for (const struct yaml *t = y != NULL && r == 0 ? y->child : NULL;
	     t != NULL && r == 0; t = t->next) {
		OWN(buf_done) struct buf b = {0};

		buf_init(&b, 2 * YAML_FILE_MAX);
		r = sample_encode(s, t->text, &b);
		if (r == -EINVAL)
			return yaml_fail(
			    t, why, "unknown encoding \"%s\"", t->text);
		if (r != 0)
			return yaml_fail(t, why,
			    "the sample cannot be written in %s", t->text);
	}
	s->encodings = y;
	return r;
}

/* Containers that the sample is put into, one after the other. */
static int
wraps(const struct yaml *y, struct sample *s, struct diag *why)
{
	int r = keys_texts(y, why);

	for (const struct yaml *t = y != NULL && r == 0 ? y->child : NULL;
	     t != NULL; t = t->next) {
		const char *const *names = wrap_names();
		OWN(buf_done) struct buf all = {0};

		if (wrap_known(t->text))
			continue;
		buf_init(&all, 512);
		for (size_t i = 0; names[i] != NULL; i++)
			buf_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
		return yaml_fail(t, why,
		    "a wrap is one of %s, or up to %d of them, the outermost "
		    "first, as in zip>docx",
		    buf_text(&all), WRAP_DEPTH);
	}
	s->wraps = y;
	return r;
}

static int
sample_base64(const struct yaml *y, struct sample *s, struct diag *why)
{
	OWN(buf_done) struct buf b = {0};
	int r;

	buf_init(&b, YAML_FILE_MAX);
	r = y->kind == YAML_SCALAR ? str_unbase64(&b, y->text, y->len)
				   : -EBADMSG;
	if (r != 0 || buf_error(&b) != 0)
		return yaml_fail(y, why, "not base64");
	s->decoded = OWN_TAKE(&b.data);
	s->text = (const char *)s->decoded;
	s->len = b.len;
	return 0;
}

/* Bytes of a file are a file's: where they lie in it, only a scan tells. */
static int
sample_file(const struct yaml *y, const struct yaml *file, struct sample *s,
    struct diag *why)
{
	static const char *const others[] = {
	    "encode", "spans", "magic", "path", NULL};

	for (size_t i = 0; others[i] != NULL; i++)
		if (yaml_get(y, others[i]) != NULL)
			return yaml_fail(yaml_get(y, others[i]), why,
			    "a test with \"file\" takes no \"%s\"", others[i]);
	return beside_name(file, "", &s->file, why);
}

static int
source(const struct yaml *y, struct sample *s, struct diag *why)
{
	const struct yaml *text = yaml_get(y, "text");
	const struct yaml *b64 = yaml_get(y, "base64");
	const struct yaml *file = yaml_get(y, "file");

	if ((text != NULL) + (b64 != NULL) + (file != NULL) != 1)
		return yaml_fail(y, why,
		    "a test needs either \"text\", \"base64\" or \"file\"");
	if (file != NULL)
		return sample_file(y, file, s, why);
	if (b64 != NULL)
		return sample_base64(b64, s, why);
	s->len = text->len;
	return yaml_text(text, &s->text, why);
}

static int
one(const struct yaml *y, struct sample *s, struct diag *why)
{
	static const char *const keys[] = {"text", "base64", "file", "encode",
	    "wrap", "magic", "path", "expect", "spans", "unique", "why", NULL};
	static const char *const expects[] = {
	    "none", "low", "medium", "high", NULL};
	const struct yaml *expect;
	unsigned at = 0;
	int r;

	s->at = y;
	if ((r = yaml_keys(y, "a test", keys, why)) != 0 ||
	    (r = keys_need(y, "expect", "a test", &expect, why)) != 0 ||
	    (r = keys_word(expect, expects, &at, why)) != 0 ||
	    (r = source(y, s, why)) != 0 ||
	    (r = encodings(yaml_get(y, "encode"), s, why)) != 0 ||
	    (r = wraps(yaml_get(y, "wrap"), s, why)) != 0 ||
	    (r = yaml_text(yaml_get(y, "why"), &s->why, why)) != 0 ||
	    (r = yaml_text(yaml_get(y, "magic"), &s->facts.kind, why)) != 0 ||
	    (r = yaml_text(yaml_get(y, "path"), &s->facts.name, why)) != 0 ||
	    (r = yaml_uint(
		 yaml_get(y, "unique"), 1, UINT32_MAX, &s->unique, why)) != 0)
		return r;
	s->expect = (enum confidence)at;
	s->spans = yaml_get(y, "spans");
	return spans(s->spans, why);
}

int
samples_parse(const struct yaml *y, struct detector *d, struct diag *why)
{
	size_t n = 0;

	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "tests must be a list");
	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		n++;
	if (n > RULES_SAMPLES_MAX)
		return yaml_fail(
		    y, why, "more than %d tests", RULES_SAMPLES_MAX);
	d->samples = calloc(n + 1, sizeof *d->samples);
	if (d->samples == NULL)
		return -ENOMEM;
	for (const struct yaml *t = y->child; t != NULL; t = t->next) {
		int r = one(t, &d->samples[d->nsamples++], why);

		if (r != 0)
			return r;
	}
	return 0;
}

void
samples_done(struct detector *d)
{
	for (size_t i = 0; i < d->nsamples; i++)
		free(d->samples[i].decoded);
	free(d->samples);
}
