/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - text with structure to the text that a reader sees.
 *
 * Owns: which members have such a structure, the pieces that come out, and the
 * maps back to the member's text.
 * Never: decides by a name; drops what has the length of a value: what is not
 * shown is given aside.
 */
#include "agent/extract/filter.h"

#include <errno.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

#define LOOK 4096
#define RUNS_MAX (256 * 1024)

static const char *const TYPES[] = {
    [FILTER_NONE] = "text/plain",
    [FILTER_OFFICE] = "text/xml",
    [FILTER_HTML] = "text/html",
    [FILTER_RTF] = "text/rtf",
};

const char *
filter_type(enum filter_kind k)
{
	return TYPES[k];
}

/* ---- which --------------------------------------------------------------- */

/* The namespaces by which the documents' XML is known. */
static const char *const OFFICE[] = {"schemas.openxmlformats.org/",
    "purl.oclc.org/ooxml/",
    "urn:oasis:names:tc:opendocument:", "schemas.microsoft.com/office/"};

static const char *const PAGES[] = {
    "<!doctype html", "<html", "<head", "<body"};

static bool
has(const char *text, size_t len, const char *what)
{
	return memmem(text, len, what, strlen(what)) != NULL;
}

/* ASCII in lower case, of whatever width the charset's units are. */
static size_t
narrow(char *out, const uint8_t *p, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len && i < LOOK; i++) {
		uint8_t b = p[i];

		if (b == 0 || b > 0x7e || (n == 0 && b <= ' '))
			continue;
		out[n++] = (char)(b >= 'A' && b <= 'Z' ? b + 32 : b);
	}
	return n;
}

bool
filter_wants_bytes(const uint8_t *p, size_t len)
{
	return len > 5 && memcmp(p, "{\\rtf", 5) == 0;
}

enum filter_kind
filter_sniff(const uint8_t *p, size_t len)
{
	char text[LOOK];
	size_t n = narrow(text, p, len);

	if (n > 5 && memcmp(text, "{\\rtf", 5) == 0)
		return FILTER_RTF;
	if (n < 5 || text[0] != '<')
		return FILTER_NONE;
	for (size_t i = 0; i < ARRAY_LEN(OFFICE); i++)
		if (has(text, n, OFFICE[i]) && !has(text, n, "<html"))
			return FILTER_OFFICE;
	for (size_t i = 0; i < ARRAY_LEN(PAGES); i++) {
		size_t m = strlen(PAGES[i]);

		if (n >= m && memcmp(text, PAGES[i], m) == 0)
			return FILTER_HTML;
	}
	/* Behind a declaration, or a comment. */
	if (text[1] == '?' || text[1] == '!')
		return has(text, n, "<html") ? FILTER_HTML : FILTER_NONE;
	return FILTER_NONE;
}

/* ---- what comes out ------------------------------------------------------ */

/* A character of @n bytes was made from @raw_len bytes at @raw. Of these only
 * what lies behind the character before it counts: half a pair that waited for
 * its other half may begin before what was put meanwhile. */
static void
place(struct map *m, size_t n, uint64_t raw, size_t raw_len)
{
	uint64_t end = raw + raw_len;

	map_jump(m, raw);
	raw_len = end > m->raw_end ? (size_t)(end - m->raw_end) : 0;
	map_add(m, (uint8_t)n, (uint8_t)(raw_len < 255 ? raw_len : 255), 1);
}

void
filter_byte(struct filter_out *o, uint8_t b, uint64_t raw)
{
	must(o->len < FILTER_OUT);
	o->text[o->len++] = b;
	place(&o->map, 1, raw, 1);
}

void
filter_mark(struct filter_out *o, uint8_t b)
{
	must(o->len < FILTER_OUT);
	map_jump(&o->map, o->at);
	o->text[o->len++] = b;
	map_add(&o->map, 1, 0, 1);
}

/* As UTF-8; what is no character is one that stands for it. */
static size_t
encode(uint32_t u, uint8_t *p)
{
	size_t n;

	if (u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff))
		u = 0xfffd;
	n = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; u >>= 6)
		p[i] = (uint8_t)(0x80 | (u & 63));
	p[0] = (uint8_t)(n == 1 ? u : (uint32_t)(0xf00 >> n & 0xff) | u);
	return n;
}

void
filter_put(struct filter_out *o, uint32_t u, uint64_t raw, size_t raw_len)
{
	size_t n;

	must(FILTER_OUT - o->len >= 4);
	n = encode(u, o->text + o->len);
	o->len += n;
	place(&o->map, n, raw, raw_len);
}

static void
keep(struct filter_out *o, uint8_t b, uint8_t raw_per)
{
	if (o->aside.len < FILTER_ASIDE)
		buf_put_u8(&o->aside, b);
	if (o->aside.len == FILTER_ASIDE || buf_error(&o->aside) != 0)
		o->over++;
	else
		map_add(&o->aside_map, 1, raw_per, 1);
}

void
filter_keep(struct filter_out *o, uint8_t b, uint64_t raw)
{
	map_jump(&o->aside_map, raw);
	keep(o, b, raw + 1 > o->aside_map.raw_end);
}

void
filter_keep_put(struct filter_out *o, uint32_t u, uint64_t raw, size_t raw_len)
{
	uint8_t utf8[4];
	size_t n = encode(u, utf8);

	if (FILTER_ASIDE - o->aside.len >= n)
		buf_put(&o->aside, utf8, n);
	else
		n = 0;
	if (n == 0 || buf_error(&o->aside) != 0) {
		o->over++;
		return;
	}
	place(&o->aside_map, n, raw, raw_len);
}

void
filter_keep_mark(struct filter_out *o, const char *text)
{
	for (; *text != '\0'; text++)
		keep(o, (uint8_t)*text, 0);
}

/* ---- life ---------------------------------------------------------------- */

int
filter_new(struct filter **out, struct text *text)
{
	struct filter *f = calloc(1, sizeof *f);

	if (f == NULL)
		return -ENOMEM;
	f->out.map.max = f->out.aside_map.max = RUNS_MAX;
	buf_init(&f->out.aside, FILTER_ASIDE);
	if (markup_new(&f->markup) != 0 || rtf_new(&f->rtf, text) != 0) {
		filter_free(f);
		return -ENOMEM;
	}
	*out = f;
	return 0;
}

void
filter_free(struct filter *f)
{
	if (f == NULL)
		return;
	explicit_bzero(f->out.text, sizeof f->out.text);
	buf_wipe(&f->out.aside);
	map_free(&f->out.map);
	map_free(&f->out.aside_map);
	markup_free(f->markup);
	rtf_free(f->rtf);
	free(f);
}

void
filter_start(struct filter *f, enum filter_kind kind)
{
	f->kind = kind;
	f->aside = false;
	f->nlost = 0;
	f->out.len = 0;
	f->out.at = f->out.over = 0;
	buf_reset(&f->out.aside);
	map_start(&f->out.map, 0);
	map_start(&f->out.aside_map, 0);
	must(kind != FILTER_NONE);
	if (kind == FILTER_RTF)
		rtf_start(f->rtf);
	else
		markup_start(f->markup, kind == FILTER_HTML);
}

size_t
filter_feed(struct filter *f, struct content c, struct content *out)
{
	size_t n = c.len < FILTER_IN ? c.len : FILTER_IN;

	f->out.len = 0;
	if (f->kind == FILTER_RTF) {
		/* A byte may become a character of three. */
		n = n < FILTER_IN / 2 ? n : FILTER_IN / 2;
		rtf_eat(f->rtf, &f->out, c.data, n);
	} else {
		markup_eat(f->markup, &f->out, c.data, n);
	}
	*out = (struct content){.data = f->out.text, .len = f->out.len};
	return n;
}

void
filter_end(struct filter *f, struct content *out)
{
	f->out.len = 0;
	if (f->kind == FILTER_RTF)
		rtf_end(f->rtf, &f->out);
	else
		markup_end(f->markup, &f->out);
	*out = (struct content){.data = f->out.text, .len = f->out.len};
}

static void
lose(struct filter *f, const char *why, uint64_t bytes)
{
	if (bytes > 0)
		f->lost[f->nlost++] =
		    (struct filter_loss){.why = why, .bytes = bytes};
}

void
filter_aside(struct filter *f, struct content *out)
{
	f->aside = true;
	*out = (struct content){
	    .data = f->out.aside.data, .len = f->out.aside.len};
	f->nlost = 0;
	lose(f, "more attributes and comments than are kept", f->out.over);
	if (f->kind != FILTER_RTF)
		return;
	lose(f, "an embedded object is not looked into", rtf_objects(f->rtf));
	lose(f, "pictures of text are not read", rtf_pictures(f->rtf));
}

void
filter_forget(struct filter *f)
{
	explicit_bzero(f->out.text, f->out.len);
	f->out.len = 0;
	buf_wipe(&f->out.aside);
	buf_init(&f->out.aside, FILTER_ASIDE);
}

uint64_t
filter_raw(const struct filter *f, uint64_t offset)
{
	return map_raw(f->aside ? &f->out.aside_map : &f->out.map, offset);
}

uint64_t
filter_raw_end(const struct filter *f, uint64_t offset)
{
	return map_raw_end(f->aside ? &f->out.aside_map : &f->out.map, offset);
}
