/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sample - runs the tests that rules carry, with the whole set loaded.
 *
 * Owns: what passing means: the surest finding of the detector has the
 * confidence that the test expects, and its spans and distinct values where
 * the test names them.
 * Never: prints a sample's text.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/detect/rules.h"
#include "agent/detect/wrap.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

bool
sample_is_raw(const char *encoding)
{
	return str_starts(encoding, "utf-16");
}

int
sample_encode(const struct sample *s, const char *encoding, struct buf *out)
{
	static const char mark[] = "\xef\xbb\xbf"; /* U+FEFF */
	size_t len = strlen(encoding);
	char name[32];
	int r;

	if (!sample_is_raw(encoding) || len < 5 ||
	    !str_eq(encoding + len - 4, "-bom"))
		return terms_encode(s->text, s->len, encoding, out);
	if (str_copy_len(name, sizeof name, encoding, len - 4) != 0)
		return -EINVAL;
	r = terms_encode(mark, sizeof mark - 1, name, out);
	return r == 0 ? terms_encode(s->text, s->len, name, out) : r;
}

/* What one detector said of one sample. */
struct verdict {
	const char *detector;
	enum confidence confidence;
	uint64_t unique;
	struct span spans[16];
	size_t nspans;
};

static int
by_place(const void *a, const void *b)
{
	const struct span *x = a;
	const struct span *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/*
 * What counts is the surest, whichever member it is in; what an allow covers is
 * a finding of its own, and to a sample they are one.
 */
static void
on_found(void *ctx, struct finding *f)
{
	struct verdict *v = ctx;

	if (!str_eq(f->detector, v->detector) || f->confidence < v->confidence)
		return;
	if (f->confidence > v->confidence)
		*v = (struct verdict){.detector = v->detector};
	v->confidence = f->confidence;
	v->unique += f->unique;
	for (size_t i = 0; i < f->nspans; i++, v->nspans++)
		if (v->nspans < ARRAY_LEN(v->spans))
			v->spans[v->nspans] = f->spans[i];
	qsort(v->spans,
	    v->nspans < ARRAY_LEN(v->spans) ? v->nspans : ARRAY_LEN(v->spans),
	    sizeof v->spans[0], by_place);
}

/* The number of characters before a byte of UTF-8. */
static uint64_t
chars_to(const char *text, size_t len, uint64_t at)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len && i < at; i++)
		n += ((uint8_t)text[i] & 0xc0) != 0x80;
	return n;
}

static bool
spans_fit(const struct sample *s, const struct verdict *v)
{
	size_t i = 0;

	for (const struct yaml *y = s->spans->child; y != NULL; y = y->next) {
		uint64_t from = 0, to = 0;

		if (i >= v->nspans || i >= ARRAY_LEN(v->spans) ||
		    yaml_uint(y->child, 0, UINT32_MAX, &from, NULL) != 0 ||
		    yaml_uint(y->child->next, 0, UINT32_MAX, &to, NULL) != 0)
			return false;
		if (chars_to(s->text, s->len, v->spans[i].from) != from ||
		    chars_to(s->text, s->len, v->spans[i].to) != to)
			return false;
		i++;
	}
	return i == v->nspans;
}

/* NULL if the sample gave what it expects, or what is wrong. */
static const char *
fault(const struct sample *s, const struct verdict *v, bool utf8)
{
	if (v->confidence != s->expect)
		return "confidence";
	if (s->unique != 0 && v->unique != s->unique)
		return "unique";
	if (utf8 && s->spans != NULL && !spans_fit(s, v))
		return "spans";
	return NULL;
}

static const char *
name_or_none(enum confidence c)
{
	return c == CONFIDENCE_NONE ? "none" : confidence_name(c);
}

struct run {
	struct scan *scan;
	ruleset_raw_fn *raw;
	void *raw_ctx;
	ruleset_line_fn *line;
	void *ctx;
	size_t failed;
};

/* One of the forms that a sample is tried in. */
struct form {
	const char *encoding; /* "utf-8", one of its own, or "file" */
	const char *wrap; /* NULL: as it stands */
};

static int
report(struct run *r, const struct detector *d, size_t index,
    const struct form *form, const struct verdict *v, const char *wrong)
{
	const struct sample *s = &d->samples[index];
	struct ruleset_line out = {.ok = wrong == NULL};
	OWN(buf_done) struct buf b = {0};
	char text[DIAG_MAX];
	struct json j;

	buf_init(&b, 64 * 1024);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "detector", d->id);
	json_uint(&j, "test", index + 1);
	json_str(&j, "encoding", form->encoding);
	if (form->wrap != NULL)
		json_str(&j, "wrap", form->wrap);
	json_bool(&j, "ok", wrong == NULL);
	json_str(&j, "expect", name_or_none(s->expect));
	json_str(&j, "got", name_or_none(v->confidence));
	if (wrong != NULL)
		json_str(&j, "wrong", wrong);
	if (s->why != NULL)
		json_str(&j, "why", s->why);
	json_str(&j, "file", s->at->file);
	json_uint(&j, "line", s->at->line);
	json_uint(&j, "column", s->at->column);
	json_end_object(&j);
	if (buf_error(&b) != 0)
		return buf_error(&b);
	(void)snprintf(text, sizeof text,
	    "%s:%u:%u: %s in %s: expected %s, got %s%s%s", s->at->file,
	    s->at->line, s->at->column, d->id,
	    form->wrap != NULL ? form->wrap : form->encoding,
	    name_or_none(s->expect), name_or_none(v->confidence),
	    wrong != NULL ? "; wrong: " : "", wrong != NULL ? wrong : "");
	out.json = b.data;
	out.len = b.len;
	out.text = text;
	r->line(r->ctx, &out);
	return 0;
}

static bool
asks_label(const struct detector *d)
{
	bool asks = d->file.label.at != NULL;

	for (size_t i = 0; i < d->nevidence; i++)
		asks = asks || d->evidence[i].file.label.at != NULL;
	return asks;
}

/* What bytes are is extraction's to say, unless the sample says it. */
static bool
needs_raw(
    const struct detector *d, const struct sample *s, const struct form *form)
{
	const struct member_facts *m = &s->facts;

	return sample_is_raw(form->encoding) || form->wrap != NULL ||
	       s->file != NULL || asks_label(d) ||
	       (filerule_asks(&d->file) && m->kind == NULL && m->name == NULL);
}

static int
run_facts(struct run *r, const struct sample *s, struct verdict *v)
{
	int e = scan_name(r->scan, s->facts.name);

	return e != 0 ? e
		      : scan_file(r->scan, "",
			    s->facts.kind != NULL ? s->facts.kind : "",
			    on_found, v);
}

static int
run_text(struct run *r, const struct sample *s, struct content text,
    struct verdict *v, uint64_t *unsure)
{
	int e = scan_name(r->scan, s->facts.name);

	if (e != 0)
		return e;
	scan_kind(r->scan, s->facts.kind != NULL ? s->facts.kind : "");
	scan_begin(r->scan);
	e = scan_feed(r->scan, text);
	return e == 0 ? scan_end(r->scan, on_found, v, unsure) : e;
}

static int
run_bytes(struct run *r, const struct detector *d, size_t index,
    const struct form *form, struct content text)
{
	const struct sample *s = &d->samples[index];
	struct verdict v = {.detector = d->id};
	uint64_t unsure = 0;
	const bool as_text =
	    str_eq(form->encoding, "utf-8") && form->wrap == NULL;
	const char *wrong;
	int e;

	if (needs_raw(d, s, form))
		e = r->raw(r->raw_ctx, text, on_found, &v, &unsure);
	else if (filerule_asks(&d->file))
		e = run_facts(r, s, &v);
	else
		e = run_text(r, s, text, &v, &unsure);
	if (e != 0)
		return e;
	/* What is not looked into may well be known for what it is. */
	if (filerule_asks(&d->file))
		unsure = 0;
	wrong = unsure > 0 ? "a limit was hit, or a part was not examined"
			   : fault(s, &v, as_text);
	r->failed += wrong != NULL;
	return report(r, d, index, form, &v, wrong);
}

/* A sample that could not be made is one that failed. */
static int
run_none(struct run *r, const struct detector *d, size_t index,
    const struct form *form, const char *wrong)
{
	const struct verdict v = {.detector = d->id};

	r->failed++;
	return report(r, d, index, form, &v, wrong);
}

/* The sample in one form, made of @plain. */
static int
run_form(struct run *r, const struct detector *d, size_t index,
    const struct form *form, struct content plain)
{
	const struct sample *s = &d->samples[index];
	OWN(buf_done) struct buf b = {0};
	int e = 0;

	if (needs_raw(d, s, form) && r->raw == NULL)
		return 0;
	if (form->wrap == NULL &&
	    (s->file != NULL || str_eq(form->encoding, "utf-8")))
		return run_bytes(r, d, index, form, plain);
	buf_init(&b, WRAP_MAX);
	e = form->wrap != NULL ? wrap_put(form->wrap, plain, &b)
			       : sample_encode(s, form->encoding, &b);
	if (e == -EILSEQ)
		return run_none(r, d, index, form,
		    "this container holds text, and the sample is none");
	if (e == -ENOBUFS)
		return run_none(r, d, index, form, "it is too large");
	if (e == 0)
		e = buf_error(&b);
	return e != 0 ? e
		      : run_bytes(
			    r, d, index, form, (struct content){b.data, b.len});
}

/* The bytes of a sample, which may lie in a file; 1: they cannot be read. */
static int
plain_of(const struct detector *d, const struct sample *s, char **held,
    struct content *out, struct diag *why)
{
	size_t len = 0;
	int e;

	*out = (struct content){(const uint8_t *)s->text, s->len};
	if (s->file == NULL)
		return 0;
	e = d->pack->dir != NULL
		? beside_sample(d->pack->dir, s->file, held, &len, why)
		: diag_set(why, -ENOENT, "the pack is in no directory");
	*out = (struct content){(const uint8_t *)*held, len};
	return e == 0 || e == -ENOMEM ? e : 1;
}

static const struct yaml *
first(const struct yaml *list)
{
	return list != NULL ? list->child : NULL;
}

static int
run_sample(struct run *r, const struct detector *d, size_t index)
{
	const struct sample *s = &d->samples[index];
	struct form form = {.encoding = s->file != NULL ? "file" : "utf-8"};
	OWN_MEM char *held = NULL;
	struct diag why = {""};
	struct content plain;
	int e;

	if (s->file != NULL && r->raw == NULL)
		return 0;
	e = plain_of(d, s, &held, &plain, &why);
	if (e > 0)
		return run_none(r, d, index, &form, why.text);
	if (e == 0)
		e = run_form(r, d, index, &form, plain);
	for (const struct yaml *y = first(s->wraps); y != NULL && e == 0;
	     y = y->next) {
		form.wrap = y->text;
		e = run_form(r, d, index, &form, plain);
	}
	form.wrap = NULL;
	for (const struct yaml *y = first(s->encodings); y != NULL && e == 0;
	     y = y->next) {
		form.encoding = y->text;
		e = run_form(r, d, index, &form, plain);
	}
	return e;
}

size_t
ruleset_raw_tests(const struct ruleset *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->n; i++)
		for (size_t k = 0; k < set->detectors[i]->nsamples; k++) {
			const struct detector *d = set->detectors[i];
			const struct sample *s = &d->samples[k];
			struct form form = {.encoding = "utf-8"};

			n += needs_raw(d, s, &form);
			for (const struct yaml *y = first(s->wraps); y != NULL;
			     y = y->next)
				n++;
			for (const struct yaml *y = first(s->encodings);
			     y != NULL; y = y->next) {
				form.encoding = y->text;
				n += needs_raw(d, s, &form);
			}
		}
	return n;
}

int
ruleset_test(const struct ruleset *set, ruleset_raw_fn *raw, void *raw_ctx,
    ruleset_line_fn *line, void *ctx, size_t *failed)
{
	struct run r = {
	    .raw = raw, .raw_ctx = raw_ctx, .line = line, .ctx = ctx};
	OWN(scan_freep) struct scan *scan = NULL;
	int e = scan_new(set, &scan);

	if (e != 0)
		return e;
	r.scan = scan;
	for (size_t i = 0; i < set->n && e == 0; i++)
		for (size_t k = 0; k < set->detectors[i]->nsamples && e == 0;
		     k++)
			e = run_sample(&r, set->detectors[i], k);
	*failed = r.failed;
	return e;
}
