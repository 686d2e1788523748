/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unfold_test - what stands encoded is found as the definition has it.
 *
 * Random texts with secrets in random layers go through the scan in blocks of
 * many sizes and cuts, and through a plain reading of the definition at the
 * top of decode.c and unfold.c: whole texts in memory, PCRE2 for the escapes
 * and for the rules. CHAPERONE_SEED=N repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#define ZLIB_CONST
#include <zlib.h>

#include "agent/detect/rules.h"
#include "agent/detect/unfold.h"
#include "lib/buf.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

static uint64_t seed = 1;

static uint32_t
pick(uint32_t n)
{
	/* Vigna, "An experimental exploration of Marsaglia's xorshift". */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

/* ---- the rules ----------------------------------------------------------- */

static const struct {
	const char *plain, *whole, *decode;
} RULES[] = {
    {"\\d{4}(?: ?\\d{4}){3}", "(?<![0-9])(?:\\d{4}(?: ?\\d{4}){3})(?![0-9])",
	"base64, hex, percent, qp, unicode_escape, html, gzip, zlib"},
    {"tok_[a-z0-9]{8,30}", "(?<![0-9])(?:tok_[a-z0-9]{8,30})(?![0-9])",
	"base64url, gzip, percent"},
    {"[a-z]{1,6}@[a-z]{1,6}\\.com",
	"(?<![0-9])(?:[a-z]{1,6}@[a-z]{1,6}\\.com)(?![0-9])",
	"quoted-printable, hex, html, unicode_escape, zlib"},
    {"(?s:key.{0,40}=.{4})", "(?<![0-9])(?:(?s:key.{0,40}=.{4}))(?![0-9])",
	"base64, hex, percent"},
};

enum { RULES_N = ARRAY_LEN(RULES) };

static struct ruleset *set;
static pcre2_code *oracle[RULES_N];
static uint32_t listed[RULES_N];

static pcre2_code *
compile(const char *pattern, uint32_t options)
{
	size_t offset = 0;
	int err = 0;
	pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern,
	    PCRE2_ZERO_TERMINATED, options, &err, &offset, NULL);

	assert_non_null(c);
	return c;
}

static int
setup(void **state UNUSED)
{
	OWN(buf_done) struct buf b = {0};
	struct diag why = {""};

	buf_init(&b, 64 * 1024);
	buf_printf(&b, "pack: {id: t, version: 1.0.0, format: 1}\n"
		       "detectors:\n");
	for (size_t i = 0; i < RULES_N; i++) {
		buf_printf(&b,
		    "  - id: t.%zu\n"
		    "    uuid: 00000000-0000-4000-8000-%012zu\n"
		    "    title: T\n    class: t\n    decode: [%s]\n"
		    "    prefilter: {reason: x}\n"
		    "    primary: {pattern: '%s', boundary: digit}\n"
		    "    levels:\n"
		    "      - {confidence: high, all: [{near: {keywords: [pass], "
		    "before: 20, after: 9}}]}\n"
		    "      - {confidence: medium, all: [{count: {unique: 2, "
		    "within: 100}}]}\n"
		    "      - {confidence: low, all: []}\n",
		    i, i, RULES[i].decode, RULES[i].plain);
		oracle[i] = compile(RULES[i].whole, 0);
	}
	if (ruleset_parse("t.yaml", b.data, b.len, &set, NULL, &why) != 0)
		fail_msg("%s", why.text);
	for (size_t i = 0; i < RULES_N; i++)
		listed[i] = set->detectors[i]->decode;
	return 0;
}

static int
teardown(void **state UNUSED)
{
	ruleset_free(set);
	for (size_t i = 0; i < RULES_N; i++)
		pcre2_code_free(oracle[i]);
	return 0;
}

/* ---- a plain reading of the definition ----------------------------------- */

/* A text with where each byte comes from. */
struct body {
	uint8_t *b;
	uint64_t *from, *to;
	bool *stood, *start;
	size_t n, cap;
};

static void
body_put(struct body *t, uint8_t c, uint64_t from, uint64_t to, bool stood,
    bool start)
{
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 4096 : 2 * t->cap;
		t->b = realloc(t->b, t->cap);
		t->from = reallocarray(t->from, t->cap, sizeof *t->from);
		t->to = reallocarray(t->to, t->cap, sizeof *t->to);
		t->stood = reallocarray(t->stood, t->cap, sizeof *t->stood);
		t->start = reallocarray(t->start, t->cap, sizeof *t->start);
		assert_non_null(t->start);
	}
	t->b[t->n] = c;
	t->from[t->n] = from;
	t->to[t->n] = to - from < 65535 ? to : from + 65535;
	t->stood[t->n] = stood;
	t->start[t->n++] = start;
}

static void
body_done(struct body *t)
{
	free(t->b);
	free(t->from);
	free(t->to);
	free(t->stood);
	free(t->start);
	*t = (struct body){0};
}

/* What was expected: "rule path from-to" lines. */
struct wanted {
	struct buf spans[RULES_N];
	unsigned views;
};

static bool
in(const char *set_of, uint8_t c)
{
	return c != 0 && strchr(set_of, c) != NULL;
}

static const char WORDS[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
static const char HEXES[] = "0123456789abcdefABCDEF";

static unsigned
value64(uint8_t c)
{
	size_t i = (size_t)(strchr(WORDS, c) - WORDS);

	return (unsigned)(i >= 64 ? i - 2 : i);
}

static unsigned
value16(uint8_t c)
{
	size_t i = (size_t)(strchr(HEXES, c) - HEXES);

	return (unsigned)(i >= 16 ? i - 6 : i);
}

static bool
no_control(uint8_t c)
{
	return c == '\t' || c == '\n' || c == '\r' || (c >= 32 && c != 127);
}

/* PCRE2 knows what UTF-8 is; a cut end is one that can be completed. */
static bool
is_text(const uint8_t *p, size_t n)
{
	static const char *const ends[] = {
	    "", "\x80", "\x80\x80", "\x80\x80\x80", "\xa0\x80", "\x90\x80\x80"};
	static pcre2_code *any;
	bool ok = false;

	if (any == NULL)
		any = compile("", PCRE2_UTF);
	for (size_t i = 0; i < n; i++)
		if (!no_control(p[i]))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(ends) && !ok; i++) {
		pcre2_match_data *m = pcre2_match_data_create(1, NULL);
		uint8_t all[64];
		size_t more = strlen(ends[i]);

		memcpy(all, p, n);
		memcpy(all + n, ends[i], more);
		ok = pcre2_match(any, all, n + more, 0, 0, m, NULL) >= 0;
		pcre2_match_data_free(m);
	}
	return ok;
}

static bool
is_packed(const uint8_t *p)
{
	return (p[0] == 0x1f && p[1] == 0x8b) ||
	       (p[0] == 0x78 && (0x7800 + p[1]) % 31 == 0 && (p[1] & 32) == 0);
}

/* An encoded run: where it stands and what it says. */
struct ref_run {
	size_t from, to;
	struct body said;
};

struct runs {
	struct ref_run *list;
	size_t n;
};

static struct ref_run *
add_run(struct runs *r, size_t from)
{
	r->list = reallocarray(r->list, r->n + 1, sizeof *r->list);
	assert_non_null(r->list);
	r->list[r->n] = (struct ref_run){.from = from};
	return &r->list[r->n++];
}

static size_t
unpack16(const struct body *t, size_t at, size_t digits, uint8_t *out)
{
	for (size_t i = 0; i + 1 < digits; i += 2)
		out[i / 2] = (uint8_t)(value16(t->b[at + i]) * 16 +
				       value16(t->b[at + i + 1]));
	return digits / 2;
}

static size_t
unpack64(const struct body *t, size_t at, size_t digits, uint8_t *out)
{
	uint64_t v = 0;
	size_t n = 0;

	for (size_t i = 0; i < digits; i++) {
		v = v << 6 | value64(t->b[at + i]);
		if (i % 4 > 0)
			out[n++] = (uint8_t)(v >> (6 - 2 * (i % 4)));
	}
	return n;
}

/* 0: not encoded; 16 or 64. *at moves behind "0x". */
static int
ref_head(const struct body *t, size_t *at, size_t word, bool *wide)
{
	uint8_t said[16];
	size_t s = *at, h = 0, n;

	*wide = false;
	if (t->n - s > 2 && t->b[s] == '0' && in("xX", t->b[s + 1]))
		s += 2;
	while (h < 20 && s + h < t->n && in(HEXES, t->b[s + h]))
		h++;
	if (h >= 16 && (h == 20 || s + h == t->n || !in(WORDS, t->b[s + h]))) {
		n = unpack16(t, s, h, said);
		if (is_text(said, n) || is_packed(said)) {
			*at = s;
			return 16;
		}
	}
	n = unpack64(t, *at, word < 16 ? word : 16, said);
	if (is_text(said, n))
		return 64;
	*wide = true;
	for (size_t i = 0; i + 1 < n; i += 2)
		*wide = *wide && said[i] < 128 && no_control(said[i]) &&
			said[i + 1] == 0;
	if (*wide)
		return 64;
	return word >= 20 && is_packed(said) ? 64 : 0;
}

/* Digits of a run as bytes; places are those of the first and last digit. */
static void
ref_say(struct ref_run *r, const struct body *t, const size_t *digit, size_t n,
    int base, bool wide)
{
	size_t width = base == 16 ? 4 : 6;
	struct body bytes = {0};

	for (size_t bit = 0; bit + 8 <= n * width; bit += 8) {
		size_t first = digit[bit / width];
		size_t last = digit[(bit + 7) / width];
		unsigned v = 0;

		for (size_t k = bit; k < bit + 8; k++) {
			unsigned d = base == 16
					 ? value16(t->b[digit[k / width]])
					 : value64(t->b[digit[k / width]]);

			v = v * 2 + (d >> (width - 1 - k % width) & 1);
		}
		body_put(&bytes, (uint8_t)v, t->from[first], t->to[last],
		    t->stood[first] || t->stood[last], bit == 0);
	}
	if (!wide) {
		r->said = bytes;
		return;
	}
	for (size_t i = 0; i + 1 < bytes.n; i += 2) {
		unsigned c = bytes.b[i] + 256U * bytes.b[i + 1];
		uint8_t out[3];
		size_t k = 0;

		if (c < 128) {
			out[k++] = (uint8_t)c;
		} else if (c < 2048) {
			out[k++] = (uint8_t)(192 + c / 64);
			out[k++] = (uint8_t)(128 + c % 64);
		} else {
			out[k++] = (uint8_t)(224 + c / 4096);
			out[k++] = (uint8_t)(128 + c / 64 % 64);
			out[k++] = (uint8_t)(128 + c % 64);
		}
		for (size_t j = 0; j < k; j++)
			body_put(&r->said, out[j], bytes.from[i],
			    bytes.to[i + 1],
			    bytes.stood[i] || bytes.stood[i + 1],
			    r->said.n == 0);
	}
	body_done(&bytes);
}

/* The blanks of a wrapped line's end, or 0. */
static size_t
ref_wrap(const struct body *t, size_t at, const char *digits)
{
	size_t i = at;

	if (i < t->n && t->b[i] == '\r')
		i++;
	if (i >= t->n || t->b[i++] != '\n')
		return 0;
	for (unsigned k = 0; k < 16 && i < t->n && in(" \t", t->b[i]); k++)
		i++;
	if (i >= t->n || !in(digits, t->b[i]) || in("-_", t->b[i]))
		return 0;
	return i - at;
}

static void
ref_words(const struct body *t, struct runs out[DECODE_LAYERS])
{
	for (size_t i = 0; i < t->n;) {
		size_t word = 0, at = i, n = 0, line = 0, first = 0;
		const char *digits;
		struct ref_run *r;
		bool wide;
		int base;

		while (i + word < t->n && in(WORDS, t->b[i + word]))
			word++;
		base = word >= 11 ? ref_head(t, &at, word, &wide) : 0;
		if (base == 0) {
			i += word > 0 ? word : 1;
			continue;
		}
		size_t *digit = calloc(t->n + 1, sizeof *digit);

		assert_non_null(digit);
		digits = base == 16 ? HEXES : WORDS;
		r = add_run(&out[base == 16 ? DECODE_HEX : DECODE_BASE64], i);
		for (;;) {
			size_t w;

			while (at < t->n && in(digits, t->b[at])) {
				digit[n++] = at++;
				line++;
			}
			w = ref_wrap(t, at, digits);
			if (at < t->n && in("\r\n", t->b[at]) && first == 0)
				first = line;
			if (w == 0 || line != first || line < 40 ||
			    line % 4 != 0)
				break;
			line = 0;
			at += w;
		}
		for (unsigned k = 0; k < 2 && at < t->n && t->b[at] == '='; k++)
			at++;
		r->to = at;
		ref_say(r, t, digit, n, base, wide);
		free(digit);
		while (at < t->n && in(WORDS, t->b[at]))
			at++;
		i = at;
	}
}

static const struct {
	enum decode_layer kind;
	unsigned need, gap;
	const char *pattern;
} ESCAPES_OF[] = {
    {DECODE_PERCENT, 2, 32, "%(?<h>[0-9a-fA-F]{2})"},
    {DECODE_QP, 3, 80, "=(?:(?<h>[0-9A-F]{2})|\\r?\\n)"},
    {DECODE_UNICODE, 2, 32,
	"\\\\u(?<a>[dD][89abAB][0-9a-fA-F]{2})\\\\u(?<b>[dD][c-fC-F][0-9a-fA-F]"
	"{2})|\\\\u\\{(?<c>[0-9a-fA-F]{1,6})\\}|\\\\u(?<d>[0-9a-fA-F]{4})|"
	"\\\\x(?<h>[0-9a-fA-F]{2})"},
    {DECODE_HTML, 2, 32, "&#(?:[xX](?<c>[0-9a-fA-F]{1,6})|(?<e>[0-9]{1,7}));"},
};

/* The number in a group, or -1. */
static long
group(pcre2_match_data *m, const char *name, int base)
{
	PCRE2_UCHAR *s = NULL;
	PCRE2_SIZE n;
	long v;

	if (pcre2_substring_get_byname(m, (PCRE2_SPTR)name, &s, &n) != 0)
		return -1;
	v = n > 0 ? strtol((const char *)s, NULL, base) : -1;
	pcre2_substring_free(s);
	return v;
}

static size_t
utf8(long c, uint8_t *out)
{
	OWN(buf_done) struct buf b = {0};
	uint32_t v = (uint32_t)c;

	if (v < 0x80) {
		out[0] = (uint8_t)v;
		return 1;
	}
	if (v < 0x800) {
		out[0] = (uint8_t)(0xc0 + v / 64);
		out[1] = (uint8_t)(0x80 + v % 64);
		return 2;
	}
	if (v < 0x10000) {
		out[0] = (uint8_t)(0xe0 + v / 4096);
		out[1] = (uint8_t)(0x80 + v / 64 % 64);
		out[2] = (uint8_t)(0x80 + v % 64);
		return 3;
	}
	out[0] = (uint8_t)(0xf0 + v / 262144);
	out[1] = (uint8_t)(0x80 + v / 4096 % 64);
	out[2] = (uint8_t)(0x80 + v / 64 % 64);
	out[3] = (uint8_t)(0x80 + v % 64);
	return 4;
}

struct ref_escape {
	size_t from, to, n;
	uint8_t said[4];
};

/* What the match of an escape says; false if it is none after all. */
static bool
ref_escape_of(pcre2_match_data *m, struct ref_escape *e)
{
	long a = group(m, "a", 16), b = group(m, "b", 16);
	long c = group(m, "c", 16), d = group(m, "d", 16);
	long h = group(m, "h", 16), ten = group(m, "e", 10);
	long code = a >= 0   ? 0x10000 + (a - 0xd800) * 1024 + (b - 0xdc00)
		    : c >= 0 ? c
		    : d >= 0 ? d
			     : ten;

	e->n = 0;
	if (h >= 0) {
		e->said[0] = (uint8_t)h;
		e->n = 1;
		return no_control((uint8_t)h);
	}
	if (code < 0)
		return true;
	if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ||
	    (code < 128 && !no_control((uint8_t)code)))
		return false;
	e->n = utf8(code, e->said);
	return true;
}

static size_t
ref_entity(const struct body *t, size_t at, size_t to, uint8_t *c)
{
	static const char *const names[] = {
	    "&amp;&", "&lt;<", "&gt;>", "&quot;\"", "&apos;'", "&nbsp; "};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(names[i]) - 1;

		if (to - at >= n && memcmp(t->b + at, names[i], n) == 0) {
			*c = (uint8_t)names[i][n];
			return n;
		}
	}
	return 0;
}

/* A stretch as one run. */
static void
ref_stretch(struct runs *out, const struct body *t, enum decode_layer kind,
    const struct ref_escape *e, size_t n)
{
	struct ref_run *r = add_run(out, e[0].from);
	bool began = false;

	for (size_t i = 0; i < n; i++) {
		size_t last = e[i].to - 1;

		for (size_t at = i > 0 ? e[i - 1].to : e[0].from;
		     at < e[i].from; at++) {
			uint8_t c = t->b[at];
			size_t k = kind == DECODE_HTML
				       ? ref_entity(t, at, e[i].from, &c)
				       : 0;
			bool blank = kind == DECODE_PERCENT && c == '+';

			if (k == 0) {
				body_put(&r->said, blank ? ' ' : c, t->from[at],
				    t->to[at], blank && t->stood[at], false);
				continue;
			}
			body_put(&r->said, c, t->from[at], t->to[at + k - 1],
			    t->stood[at] || t->stood[at + k - 1], false);
			at += k - 1;
		}
		for (size_t k = 0; k < e[i].n; k++) {
			body_put(&r->said, e[i].said[k], t->from[e[i].from],
			    t->to[last], t->stood[e[i].from] || t->stood[last],
			    !began);
			began = true;
		}
	}
	r->to = e[n - 1].to;
}

static void
ref_escapes(const struct body *t, size_t k, struct runs *out)
{
	static pcre2_code *codes[ARRAY_LEN(ESCAPES_OF)];
	pcre2_match_data *m = pcre2_match_data_create(10, NULL);
	struct ref_escape *e = calloc(t->n + 1, sizeof *e);
	size_t n = 0, at = 0;

	assert_non_null(e);
	if (codes[k] == NULL)
		codes[k] = compile(ESCAPES_OF[k].pattern, PCRE2_DUPNAMES);
	while (pcre2_match(codes[k], t->b, t->n, at, 0, m, NULL) > 0) {
		const PCRE2_SIZE *o = pcre2_get_ovector_pointer(m);

		e[n] = (struct ref_escape){.from = o[0], .to = o[1]};
		at = ref_escape_of(m, &e[n]) ? o[1] : o[0] + 1;
		n += at == o[1];
	}
	for (size_t i = 0; i < n;) {
		size_t j = i + 1;

		while (j < n && e[j].from - e[j - 1].to <= ESCAPES_OF[k].gap)
			j++;
		if (j - i >= ESCAPES_OF[k].need)
			ref_stretch(out, t, ESCAPES_OF[k].kind, e + i, j - i);
		i = j;
	}
	free(e);
	pcre2_match_data_free(m);
}

/* The text of a layer from its runs. */
static void
ref_join(const struct body *t, const struct runs *r, struct body *out)
{
	size_t shown = 0, owed = 0;

	for (size_t i = 0; i <= r->n; i++) {
		size_t next = i < r->n ? r->list[i].from : t->n;

		for (; shown < owed && shown < next; shown++)
			body_put(out, t->b[shown], t->from[shown], t->to[shown],
			    false, false);
		if (i == r->n)
			break;
		if (next > shown + UNFOLD_BEFORE) {
			shown = next - UNFOLD_BEFORE;
			if (out->n > 0)
				body_put(out, '\n', t->from[shown],
				    t->to[shown], false, false);
		}
		for (; shown < next; shown++)
			body_put(out, t->b[shown], t->from[shown], t->to[shown],
			    false, false);
		for (size_t k = 0; k < r->list[i].said.n; k++) {
			const struct body *s = &r->list[i].said;

			body_put(out, s->b[k], s->from[k], s->to[k],
			    s->stood[k], s->start[k]);
		}
		shown = r->list[i].to;
		owed = shown + UNFOLD_AFTER;
	}
}

/* What a gzip or zlib run of @n bytes at @at says. */
static void
ref_inflate(
    const struct body *t, size_t at, size_t n, bool gzip, struct body *out)
{
	static uint8_t room[1 << 20];
	z_stream z = {0};
	bool began = false;
	int e = Z_OK;

	assert_int_equal(inflateInit2(&z, gzip ? 31 : 15), Z_OK);
	for (size_t i = 0; i < n && (e == Z_OK || e == Z_BUF_ERROR); i += 512) {
		size_t part = n - i < 512 ? n - i : 512;
		uint64_t from = t->from[at + i], to = t->to[at + i + part - 1];

		z.next_in = t->b + at + i;
		z.avail_in = (uInt)part;
		z.next_out = room;
		z.avail_out = sizeof room;
		e = inflate(&z, Z_NO_FLUSH);
		assert_true(z.avail_out > 0);
		for (size_t k = 0; k < sizeof room - z.avail_out; k++) {
			if (!began && out->n > 0)
				body_put(out, '\n', from, to, false, false);
			body_put(out, room[k], from, to, true, !began);
			began = true;
		}
	}
	(void)inflateEnd(&z);
}

static void
ref_packed(const struct body *t, bool gzip, struct body *out)
{
	for (size_t i = 0; i < t->n; i++) {
		size_t n = 1;

		if (!t->start[i] || !t->stood[i] || i + 1 == t->n ||
		    (gzip ? i + 2 >= t->n || t->b[i] != 0x1f ||
				t->b[i + 1] != 0x8b || t->b[i + 2] != 8
			  : t->b[i] != 0x78 || !is_packed(t->b + i)))
			continue;
		while (i + n < t->n && t->stood[i + n] && !t->start[i + n])
			n++;
		ref_inflate(t, i, n, gzip, out);
	}
}

/* What the rules find in a layer's text, piece by piece. */
static void
ref_look(
    const struct body *t, const char *path, uint32_t layers, struct wanted *w)
{
	pcre2_match_data *m = pcre2_match_data_create(8, NULL);

	for (size_t base = 0, low = 0;;) {
		size_t len = t->n - base;
		bool last = len < UNFOLD_PIECE;
		size_t high;

		len = last ? len : UNFOLD_PIECE;
		high = last ? len : len - UNFOLD_RIGHT;
		for (size_t i = 0; i < RULES_N; i++) {
			size_t at = 0;

			if ((listed[i] & layers) != layers)
				continue;
			while (pcre2_match(oracle[i], t->b + base, len, at, 0,
				   m, NULL) > 0) {
				const PCRE2_SIZE *o =
				    pcre2_get_ovector_pointer(m);
				bool stood = false;

				at = o[1];
				for (size_t k = o[0] > 0 ? o[0] - 1 : 0;
				     k < o[1]; k++)
					stood = stood || t->stood[base + k];
				if (!stood || o[0] < low || o[0] >= high)
					continue;
				buf_printf(&w->spans[i], "%s %llu-%llu\n", path,
				    (unsigned long long)t->from[base + o[0]],
				    (unsigned long long)t->to[base + o[1] - 1]);
			}
		}
		if (last)
			break;
		base += high - UNFOLD_LEFT;
		low = UNFOLD_LEFT;
	}
	pcre2_match_data_free(m);
}

static void
ref_layers(const struct body *t, const char *path, uint32_t layers,
    unsigned depth, int kind, struct wanted *w)
{
	struct runs runs[DECODE_LAYERS] = {0};

	if (depth == DECODE_DEPTH)
		return;
	ref_words(t, runs);
	for (size_t k = 0; k < ARRAY_LEN(ESCAPES_OF); k++)
		ref_escapes(t, k, &runs[ESCAPES_OF[k].kind]);
	for (unsigned k = 0; k < DECODE_LAYERS; k++) {
		struct body out = {0};
		char name[DECODE_PATH_MAX];

		if (k < DECODE_GZIP)
			ref_join(t, &runs[k], &out);
		else if (kind == DECODE_BASE64 || kind == DECODE_HEX)
			ref_packed(t, k == DECODE_GZIP, &out);
		(void)snprintf(name, sizeof name, "%.30s%s%s", path,
		    path[0] != '\0' ? ">" : "",
		    decode_name((enum decode_layer)k));
		w->views += out.n > 0 || runs[k].n > 0;
		if (out.n > 0) {
			ref_look(&out, name, layers | 1U << k, w);
			ref_layers(
			    &out, name, layers | 1U << k, depth + 1, (int)k, w);
		}
		body_done(&out);
		for (size_t i = 0; i < runs[k].n; i++)
			body_done(&runs[k].list[i].said);
		free(runs[k].list);
	}
}

/* ---- texts --------------------------------------------------------------- */

static void
put_base64(struct buf *out, const struct buf *in_it)
{
	static const unsigned widths[] = {0, 0, 76, 64, 40, 60};
	const char *letters = pick(3) == 0 ? "-_" : "+/";
	unsigned width = widths[pick(ARRAY_LEN(widths))];
	const char *end = pick(2) == 0 ? "\r\n" : pick(2) == 0 ? "\n" : "\n  ";
	bool pads = pick(4) != 0;
	unsigned column = 0;

	for (size_t i = 0; i < in_it->len; i += 3) {
		uint32_t v = 0;
		size_t n = in_it->len - i < 3 ? in_it->len - i : 3;

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? in_it->data[i + k] : 0);
		for (size_t k = 0; k <= 3; k++) {
			uint32_t d = v >> (18 - 6 * k) & 63;

			if (width > 0 && column == width) {
				buf_printf(out, "%s", end);
				column = 0;
			}
			column++;
			if (k > n && !pads)
				break;
			buf_put_u8(out, k > n     ? '='
					: d >= 62 ? (uint8_t)letters[d - 62]
						  : (uint8_t)WORDS[d]);
		}
	}
}

static void
put_escaped(struct buf *out, const struct buf *in_it, unsigned how)
{
	unsigned share = 1 + pick(4);

	for (size_t i = 0; i < in_it->len; i++) {
		uint8_t c = in_it->data[i];

		if (pick(4) >= share) {
			buf_put_u8(out, c);
			continue;
		}
		switch (how) {
		case 0:
			buf_printf(out, pick(2) ? "%%%02x" : "%%%02X", c);
			break;
		case 1:
			buf_printf(out, pick(20) ? "=%02X" : "=\r\n=%02X", c);
			break;
		case 2:
			buf_printf(out,
			    pick(3)   ? "\\u%04x"
			    : pick(2) ? "\\x%02x"
				      : "\\u{%X}",
			    c);
			break;
		default:
			buf_printf(out,
			    pick(8)   ? "&#%u;"
			    : pick(2) ? "&#x%X;"
				      : "&amp;&#%u;",
			    c);
			break;
		}
	}
}

static void
put_packed(struct buf *out, const struct buf *in_it)
{
	static uint8_t room[1 << 18];
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, pick(2) ? 31 : 15, 8,
			     Z_DEFAULT_STRATEGY),
	    Z_OK);
	z.next_in = in_it->data;
	z.avail_in = (uInt)in_it->len;
	z.next_out = room;
	z.avail_out = sizeof room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	/* Sometimes its end is missing. */
	buf_put(out, room, sizeof room - z.avail_out - (pick(6) == 0 ? 9 : 0));
	(void)deflateEnd(&z);
}

static void
put_plain(struct buf *out, size_t most)
{
	static const char *const parts[] = {"4532015112830366",
	    "4532 0151 1283 0366", "tok_abc123def456", "jo@ab.com", "key=abcd",
	    "key", "=", "pass: ", "word", " ", " ", "\n", "\r\n", "1", "x", "<",
	    "&", "%", "\\", "\xe8\xba\xab", "\xff", "%41", "=41", "\\u0041",
	    "&#65;", "&lt;", "+", "QUJD", "configuration_file", "0x",
	    "41424344", "c3VjaCBhIHdvcmQ=", "the quick brown fox", "=\n", "-",
	    "_"};
	size_t goal = out->len + 1 + pick((uint32_t)most);

	while (out->len < goal) {
		const char *p = parts[pick(ARRAY_LEN(parts))];

		buf_put(out, p, strlen(p));
	}
}

static void
put_hex(struct buf *out, const struct buf *in_it)
{
	if (pick(4) == 0)
		buf_printf(out, "0x");
	for (size_t i = 0; i < in_it->len; i++)
		buf_printf(out, pick(2) ? "%02x" : "%02X", in_it->data[i]);
}

/* Something in one to four layers. */
static void
put_encoded(struct buf *out, size_t most)
{
	OWN(buf_done) struct buf a = {0};

	buf_init(&a, 1 << 20);
	put_plain(&a, most);
	for (unsigned depth = 1 + pick(4); depth > 0; depth--) {
		OWN(buf_done) struct buf b = {0};
		unsigned how = pick(9);

		buf_init(&b, 1 << 20);
		if (how == 8 && depth > 1) {
			put_packed(&b, &a);
			buf_reset(&a);
			buf_put(&a, b.data, b.len);
			buf_reset(&b);
			how = 0;
		}
		if (how == 7)
			for (size_t i = 0; i < a.len; i++) {
				buf_put_u8(&b, a.data[i]);
				buf_put_u8(&b, 0);
			}
		if (how == 7) {
			buf_reset(&a);
			buf_put(&a, b.data, b.len);
			buf_reset(&b);
		}
		if (how < 4)
			put_escaped(&b, &a, how);
		else if (how == 4)
			put_hex(&b, &a);
		else
			put_base64(&b, &a);
		if (pick(3) == 0)
			put_plain(&b, 60);
		assert_int_equal(buf_error(&b), 0);
		if (b.len > 60000)
			break;
		buf_reset(&a);
		buf_put(&a, b.data, b.len);
	}
	buf_put(out, a.data, a.len);
}

/* ---- both ---------------------------------------------------------------- */

struct got {
	struct buf all;
	struct buf spans[RULES_N];
	struct buf plain[RULES_N]; /* struct span each */
};

static void
on_found(void *ctx, struct finding *f)
{
	struct got *g = ctx;
	size_t i = strtoul(f->detector + 2, NULL, 10);

	buf_printf(&g->all, "%s %s %d %llu %llu", f->detector, f->decode,
	    f->confidence, (unsigned long long)f->count,
	    (unsigned long long)f->unique);
	for (size_t k = 0; k < f->nspans; k++) {
		buf_printf(&g->all, " %llu-%llu",
		    (unsigned long long)f->spans[k].from,
		    (unsigned long long)f->spans[k].to);
		if (f->decode[0] == '\0')
			buf_put(&g->plain[i], &f->spans[k], sizeof f->spans[k]);
		else
			buf_printf(&g->spans[i], "%s %llu-%llu\n", f->decode,
			    (unsigned long long)f->spans[k].from,
			    (unsigned long long)f->spans[k].to);
	}
	buf_put_u8(&g->all, '\n');
}

static void
got_init(struct got *g)
{
	buf_init(&g->all, 16 << 20);
	for (size_t i = 0; i < RULES_N; i++) {
		buf_init(&g->spans[i], 16 << 20);
		buf_init(&g->plain[i], 16 << 20);
	}
}

static void
got_done(struct got *g)
{
	buf_done(&g->all);
	for (size_t i = 0; i < RULES_N; i++) {
		buf_done(&g->spans[i]);
		buf_done(&g->plain[i]);
	}
}

static void
scan_text(struct scan *s, const uint8_t *text, size_t len, uint32_t cut,
    struct got *g)
{
	uint64_t unsure = 0;

	got_init(g);
	scan_begin(s);
	for (size_t at = 0; at < len;) {
		size_t n = cut == 0 ? len : 1 + pick(cut);

		n = n < len - at ? n : len - at;
		/* Exactly as long, so that a sanitizer sees its end. */
		OWN_MEM uint8_t *copy = malloc(n);

		assert_non_null(copy);
		memcpy(copy, text + at, n);
		assert_int_equal(scan_feed(s, (struct content){copy, n}), 0);
		at += n;
	}
	assert_int_equal(scan_end(s, on_found, g, &unsure), 0);
	assert_int_equal(unsure, 0);
	assert_int_equal(buf_error(&g->all), 0);
}

static int
by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines of a text in order, since confidence has its own. */
static char *
sorted(struct buf *b)
{
	OWN_MEM char **lines = NULL;
	char *text = strdup(buf_text(b));
	char *out = calloc(1, b->len + 1);
	size_t n = 0, at = 0;

	assert_non_null(text);
	assert_non_null(out);
	lines = calloc(b->len + 1, sizeof *lines);
	assert_non_null(lines);
	for (char *p = text, *nl; (nl = strchr(p, '\n')) != NULL; p = nl + 1) {
		*nl = '\0';
		lines[n++] = p;
	}
	qsort(lines, n, sizeof *lines, by_line);
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(
		    out + at, b->len + 1 - at, "%s\n", lines[i]);
	free(text);
	return out;
}

/* Whether a line "percent 12-23" is of escapes within what stands plain. */
static bool
stands_plain(const char *line, const struct buf *plain)
{
	static const char *const packed[] = {
	    "base64", "base64url", "hex", "gzip", "zlib"};
	size_t path = strcspn(line, " ");
	char *end;
	uint64_t from = strtoull(line + path, &end, 10);
	uint64_t to = strtoull(end + 1, NULL, 10);
	struct span s;

	for (size_t i = 0; i < ARRAY_LEN(packed); i++) {
		const char *p = strstr(line, packed[i]);

		if (p != NULL && p < line + path)
			return false;
	}
	for (size_t i = 0; i < plain->len; i += sizeof s) {
		memcpy(&s, plain->data + i, sizeof s);
		if (s.from <= from && to <= s.to)
			return true;
	}
	return false;
}

/* Such values are counted as they stand, and once. */
static void
drop_plain(struct buf *wanted, const struct buf *plain)
{
	OWN(buf_done) struct buf left = {0};
	const char *p = buf_text(wanted);

	buf_init(&left, 16 << 20);
	while (p != NULL && *p != '\0') {
		size_t n = strcspn(p, "\n") + 1;

		if (!stands_plain(p, plain))
			buf_put(&left, p, n);
		p += n;
	}
	buf_reset(wanted);
	buf_put(wanted, left.data, left.len);
}

static void
check_oracle(const struct buf *text, struct got *g, uint64_t at_seed)
{
	struct body t = {0};
	struct wanted w = {0};

	for (size_t i = 0; i < RULES_N; i++)
		buf_init(&w.spans[i], 16 << 20);
	for (size_t i = 0; i < text->len; i++)
		body_put(&t, text->data[i], i, i + 1, true, false);
	ref_layers(&t, "", 0, 0, -1, &w);
	for (size_t i = 0; i < RULES_N; i++) {
		drop_plain(&w.spans[i], &g->plain[i]);

		OWN_MEM char *a = sorted(&w.spans[i]);
		OWN_MEM char *b = sorted(&g->spans[i]);

		/* Too many layers at once, and that is said. */
		if (!str_eq(a, b) && w.views <= 48)
			fail_msg("seed %llu: rule %zu: wanted\n%sgot\n%s",
			    (unsigned long long)at_seed, i, a, b);
		buf_done(&w.spans[i]);
	}
	body_done(&t);
}

/* Returns how many encoded matches there were. */
static size_t
rounds(const size_t *blocks, size_t nblocks, unsigned texts, size_t most)
{
	struct scan *scans[8];
	size_t matches = 0;

	assert_true(nblocks <= ARRAY_LEN(scans));
	for (size_t b = 0; b < nblocks; b++)
		assert_int_equal(scan_new_sized(set, blocks[b], &scans[b]), 0);
	for (unsigned k = 0; k < texts; k++) {
		OWN(buf_done) struct buf text = {0};
		struct got first, other;
		uint64_t at_seed = seed;

		buf_init(&text, 4 << 20);
		for (unsigned i = 1 + pick(6); i > 0; i--) {
			put_plain(&text, 300);
			put_encoded(&text, most);
		}
		if (pick(3) == 0)
			put_plain(&text, 200);
		scan_text(scans[0], text.data, text.len, 0, &first);
		check_oracle(&text, &first, at_seed);
		for (size_t i = 0; i < RULES_N; i++)
			for (size_t p = 0; p < first.spans[i].len; p++)
				matches += first.spans[i].data[p] == '\n';
		for (size_t b = 1; b < nblocks; b++) {
			scan_text(scans[b], text.data, text.len,
			    b % 3 == 1 ? 1 : 1 + pick(700), &other);
			if (other.all.len != first.all.len ||
			    (first.all.len > 0 &&
				memcmp(other.all.data, first.all.data,
				    first.all.len) != 0))
				fail_msg("seed %llu: a block of %zu differs",
				    (unsigned long long)at_seed, blocks[b]);
			got_done(&other);
		}
		got_done(&first);
	}
	for (size_t b = 0; b < nblocks; b++)
		scan_free(scans[b]);
	return matches;
}

static void
test_random(void **state UNUSED)
{
	static const size_t blocks[] = {256 * 1024, 1, 17, 300};
	const char *told = getenv("CHAPERONE_SEED");

	seed = 20260303;
	assert_true(rounds(blocks, ARRAY_LEN(blocks), 60, 300) > 200);
	if (told != NULL)
		seed = strtoull(told, NULL, 10);
	else
		rng_fill(&seed, sizeof seed);
	seed = seed != 0 ? seed : 1;
	(void)printf("# CHAPERONE_SEED=%llu\n", (unsigned long long)seed);
	(void)rounds(blocks, ARRAY_LEN(blocks), 60, 300);
}

/* Runs of many pieces. */
static void
test_long(void **state UNUSED)
{
	static const size_t blocks[] = {256 * 1024, 500};

	seed = 4;
	assert_true(rounds(blocks, ARRAY_LEN(blocks), 6, 40000) > 200);
}

/* @mib MiB of zeros and a number, in gzip and hex: 200 times as short. */
static void
put_bomb(struct buf *out, size_t mib, const char *end)
{
	static const char zeros[1 << 20];
	static uint8_t room[1 << 16];
	z_stream z = {0};

	assert_int_equal(
	    deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = room;
	z.avail_out = sizeof room;
	for (; mib > 0; mib--) {
		z.next_in = (const Bytef *)zeros;
		z.avail_in = sizeof zeros;
		assert_int_equal(deflate(&z, Z_NO_FLUSH), Z_OK);
	}
	z.next_in = (const Bytef *)end;
	z.avail_in = (uInt)strlen(end);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	for (size_t i = 0; i < sizeof room - z.avail_out; i++)
		buf_printf(out, "%02x", room[i]);
	/* A line of its own length, so that the run ends here. */
	buf_printf(out, "\nend\n");
	(void)deflateEnd(&z);
}

/*
 * Packed runs may say a mebibyte and eight times the text before their end.
 * What is over is told, a run that fits behind it is read again, and where the
 * bytes were cut changes nothing.
 */
static void
test_budget(void **state UNUSED)
{
	static const size_t blocks[] = {256 * 1024, 1000};
	static const char filler[] = "a line of plain text that says nothing\n";
	OWN(buf_done) struct buf text = {0};

	buf_init(&text, 4 << 20);
	/* 3 MiB are not said for some kilobytes; what was is looked into. */
	put_bomb(&text, 0, " 4532015112830366 ");
	put_bomb(&text, 3, " 4111111111111111 ");
	while (text.len < 600000)
		buf_put(&text, filler, sizeof filler - 1);
	/* Now there is room for as much. */
	put_bomb(&text, 3, " 5555555555554444 ");
	assert_int_equal(buf_error(&text), 0);
	for (size_t b = 0; b < ARRAY_LEN(blocks); b++) {
		OWN(scan_freep) struct scan *s = NULL;
		struct got g;
		size_t found = 0;

		assert_int_equal(scan_new_sized(set, blocks[b], &s), 0);
		scan_text(s, text.data, text.len, b == 0 ? 0 : 5000, &g);
		for (size_t p = 0; p < g.spans[0].len; p++)
			found += g.spans[0].data[p] == '\n';
		assert_int_equal(found, 2);
		assert_int_equal(scan_missed(s), 1);
		got_done(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_budget),
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
