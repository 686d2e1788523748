/* SPDX-License-Identifier: Apache-2.0 */
/*
 * header - the fields of mail (RFC 5322, 2.2).
 *
 * Owns: what begins like a message, encoded words (RFC 2047), parameters of
 * fields and their continuations (RFC 2231).
 * Never: refuses; what is badly formed stays as it is.
 */
#include <string.h>
#include <strings.h>

#include "agent/extract/mail.h"
#include "lib/str.h"

#include "lib/own.h"

#define NAME_MAX_LEN 128
#define SECTIONS_MAX 32 /* of one parameter */

static bool
blank(uint8_t b)
{
	return b == ' ' || b == '\t' || b == '\r' || b == '\n';
}

static bool
digit(uint8_t b)
{
	return b >= '0' && b <= '9';
}

/* ---- lines --------------------------------------------------------------- */

size_t
header_name(const uint8_t *p, size_t len)
{
	size_t n = 0;

	while (n < len && n < NAME_MAX_LEN && p[n] > ' ' && p[n] < 0x7f &&
	       p[n] != ':')
		n++;
	/* Blanks before the colon are of old (RFC 5322, 4.5). */
	for (size_t i = n; n > 0 && i < len; i++) {
		if (p[i] == ':')
			return n;
		if (p[i] != ' ' && p[i] != '\t')
			break;
	}
	return 0;
}

bool
header_is(const uint8_t *p, size_t name_len, const char *name)
{
	return strlen(name) == name_len &&
	       strncasecmp((const char *)p, name, name_len) == 0;
}

/* "From address date" (RFC 4155, A): a time of day, and a year behind it. */
bool
header_separator(const uint8_t *p, size_t len)
{
	bool time = false;

	if (len < 24 || len > 1024 || memcmp(p, "From ", 5) != 0)
		return false;
	for (size_t i = 6; i + 4 <= len; i++) {
		if (i + 5 <= len && digit(p[i]) && p[i + 1] == ':' &&
		    digit(p[i + 2]) && digit(p[i + 3]))
			time = true;
		if (time && p[i - 1] == ' ' &&
		    (memcmp(p + i, "19", 2) == 0 ||
			memcmp(p + i, "20", 2) == 0) &&
		    digit(p[i + 2]) && digit(p[i + 3]))
			return true;
	}
	return false;
}

/* How much each of them says that this is mail. */
static const struct {
	const char *name;
	unsigned weight;
} FIELDS[] = {
    {"return-path", 2},
    {"received", 2},
    {"delivered-to", 2},
    {"dkim-signature", 2},
    {"message-id", 2},
    {"mime-version", 2},
    {"content-transfer-encoding", 2},
    {"x-mailer", 2},
    {"x-originating-ip", 2},
    {"from", 1},
    {"to", 1},
    {"cc", 1},
    {"bcc", 1},
    {"subject", 1},
    {"date", 1},
    {"sender", 1},
    {"reply-to", 1},
    {"in-reply-to", 1},
    {"references", 1},
    {"content-type", 1},
    {"content-disposition", 1},
};
#define ENOUGH 3

static bool
only_digits(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!digit(p[i]) && !blank(p[i]))
			return false;
	return len > 0 && len < 24;
}

bool
header_sniff(const uint8_t *p, size_t len, bool told)
{
	unsigned weight = 0, seen = 0, lines = 0, fields = 0;

	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		p += 3;
		len -= 3;
	}
	for (size_t n, skip; len > 0; p += skip, len -= skip, lines++) {
		const uint8_t *end = memchr(p, '\n', len);
		size_t name;

		n = end != NULL ? (size_t)(end - p) : len;
		skip = n + (end != NULL);
		if (n == 0 || (n == 1 && p[0] == '\r')) {
			if (fields > 0 || lines > 8)
				break;
			continue;
		}
		if (fields > 0 && (p[0] == ' ' || p[0] == '\t'))
			continue;
		name = header_name(p, n);
		/* A mailbox's line, or a count of bytes, goes before. */
		if (name == 0 && fields == 0 && lines == 0 &&
		    (header_separator(p, n) || only_digits(p, n)))
			continue;
		if (name == 0 && end != NULL)
			return told && fields > 0;
		fields++;
		for (size_t i = 0; name > 0 && i < ARRAY_LEN(FIELDS); i++) {
			if ((seen >> i & 1) != 0 ||
			    !header_is(p, name, FIELDS[i].name))
				continue;
			seen |= 1u << i;
			weight += FIELDS[i].weight;
			/* Nothing else is made of parts. */
			if (FIELDS[i].name[0] == 'c' &&
			    memmem(p, n, "multipart/", 10) != NULL)
				weight += 2;
		}
	}
	return weight >= ENOUGH || (told && fields > 0);
}

/* ---- encoded words ------------------------------------------------------- */

#define WORD_MAX 1024 /* bytes of a run of words, converted at once */

struct words {
	struct text *text;
	struct buf *out;
	enum charset charset;
	uint8_t bytes[WORD_MAX];
	size_t len;
};

static void
words_flush(struct words *w)
{
	uint8_t utf8[WORD_MAX * 4];
	size_t n = text_convert(
	    w->text, w->charset, w->bytes, w->len, utf8, sizeof utf8);

	buf_put(w->out, utf8, n);
	w->len = 0;
}

static size_t
word_q(const uint8_t *p, size_t len, uint8_t *out)
{
	bool soft;
	size_t n = transfer_quoted(p, len, out, &soft);

	for (size_t i = 0; i < n; i++)
		if (out[i] == '_')
			out[i] = ' ';
	return n;
}

/*
 * "=?charset?encoding?text?=" at @p: decodes it behind the run. Returns its
 * length, 0 if it is none.
 */
static size_t
word(struct words *w, const uint8_t *p, size_t len)
{
	const uint8_t *text, *end, *star;
	const uint8_t *mark = len > 8 ? memchr(p + 2, '?', len - 2) : NULL;
	struct base64 b = {0};
	enum charset charset;
	size_t n, name;

	if (mark == NULL || mark - p > 60 || (size_t)(p + len - mark) < 5 ||
	    mark[2] != '?' || strchr("bBqQ", mark[1]) == NULL || mark[1] == 0)
		return 0;
	text = mark + 3;
	end = memmem(text, (size_t)(p + len - text), "?=", 2);
	n = end != NULL ? (size_t)(end - text) : 0;
	if (end == NULL || n > WORD_MAX / 2)
		return 0;
	star = memchr(p + 2, '*', (size_t)(mark - p - 2));
	name = (size_t)((star != NULL ? star : mark) - p - 2);
	charset = charset_named((const char *)p + 2, name);
	if (w->len > 0 && (charset != w->charset || w->len + n + 3 > WORD_MAX))
		words_flush(w);
	w->charset = charset;
	if ((mark[1] | 0x20) == 'q') {
		w->len += word_q(text, n, w->bytes + w->len);
	} else {
		w->len += transfer_base64(&b, text, n, w->bytes + w->len);
		w->len += transfer_base64_end(&b, w->bytes + w->len);
	}
	return (size_t)(end + 2 - p);
}

void
header_decode(struct text *t, const uint8_t *p, size_t len, struct buf *out)
{
	struct words w = {.text = t, .out = out};
	size_t plain = 0; /* where what is no word began */

	for (size_t i = 0; i < len;) {
		size_t gap = i, n;

		/* Blanks between words are none of the text's. */
		if (w.len > 0)
			while (gap < len && blank(p[gap]))
				gap++;
		if (gap + 1 < len && p[gap] == '=' && p[gap + 1] == '?') {
			if (w.len == 0 && i > plain) {
				w.charset = CHARSET_ASCII;
				buf_put(out, p + plain, i - plain);
				plain = i;
			}
			n = word(&w, p + gap, len - gap);
			if (n > 0) {
				i = plain = gap + n;
				continue;
			}
		}
		if (w.len > 0)
			words_flush(&w);
		i++;
	}
	if (w.len > 0)
		words_flush(&w);
	buf_put(out, p + plain, len - plain);
	explicit_bzero(&w, sizeof w);
}

/* ---- parameters ---------------------------------------------------------- */

struct param {
	const uint8_t *name;
	size_t name_len;
	const uint8_t *value; /* within its quotes, if it has any */
	size_t value_len;
	bool quoted;
};

/* The parameter behind the ';' at or behind *at; false if none is left. */
static bool
next_param(const uint8_t *p, size_t len, size_t *at, struct param *out)
{
	size_t i = *at;

	while (i < len && p[i] != ';')
		i++;
	while (i < len && (p[i] == ';' || blank(p[i])))
		i++;
	out->name = p + i;
	while (i < len && p[i] != '=' && p[i] != ';' && !blank(p[i]))
		i++;
	out->name_len = (size_t)(p + i - out->name);
	while (i < len && blank(p[i]))
		i++;
	out->value_len = 0;
	out->quoted = false;
	*at = i;
	if (i == len || p[i] != '=')
		return i < len;
	for (i++; i < len && blank(p[i]); i++)
		;
	out->quoted = i < len && p[i] == '"';
	i += out->quoted;
	out->value = p + i;
	while (i < len && p[i] != (out->quoted ? '"' : ';'))
		i += out->quoted && p[i] == '\\' && i + 1 < len ? 2 : 1;
	out->value_len = (size_t)(p + i - out->value);
	while (!out->quoted && out->value_len > 0 &&
	       blank(out->value[out->value_len - 1]))
		out->value_len--;
	*at = i + (i < len && out->quoted);
	return true;
}

static int
nibble(uint8_t b)
{
	if (digit(b))
		return b - '0';
	b |= 0x20;
	return b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
}

static void
put_value(struct buf *out, const struct param *a, size_t from, bool percent)
{
	const uint8_t *v = a->value;

	for (size_t i = from; i < a->value_len; i++) {
		int high = -1, low = -1;

		if (percent && v[i] == '%' && a->value_len - i > 2) {
			high = nibble(v[i + 1]);
			low = nibble(v[i + 2]);
		}
		if (a->quoted && v[i] == '\\' && i + 1 < a->value_len)
			i++;
		if (high >= 0 && low >= 0) {
			buf_put_u8(out, (uint8_t)(high << 4 | low));
			i += 2;
		} else {
			buf_put_u8(out, v[i]);
		}
	}
}

/* "charset'language'" before an extended value; returns where it begins. */
static size_t
extended(const struct param *a, enum charset *charset)
{
	const uint8_t *one =
	    a->value == NULL ? NULL : memchr(a->value, '\'', a->value_len);
	size_t left =
	    one != NULL ? a->value_len - (size_t)(one + 1 - a->value) : 0;
	const uint8_t *two = one != NULL ? memchr(one + 1, '\'', left) : NULL;

	if (two == NULL)
		return 0;
	*charset =
	    charset_named((const char *)a->value, (size_t)(one - a->value));
	return (size_t)(two + 1 - a->value);
}

/* "name", "name*", "name*3", "name*3*": the section, -1 for the first two. */
static bool
is_param(const struct param *a, const char *name, int *section, bool *percent)
{
	size_t n = strlen(name), i = n;

	*percent = false;
	*section = -1;
	if (a->value_len == 0 || a->name_len < n || a->name_len > n + 4 ||
	    strncasecmp((const char *)a->name, name, n) != 0)
		return false;
	if (i == a->name_len)
		return true;
	if (a->name[i++] != '*')
		return false;
	for (; i < a->name_len && digit(a->name[i]); i++)
		*section =
		    (*section < 0 ? 0 : *section * 10) + a->name[i] - '0';
	*percent = i == n + 1 || i < a->name_len;
	return i == a->name_len || (a->name[i] == '*' && i == a->name_len - 1);
}

/* Adds the section, -1 for a value in one piece. */
static bool
add_section(const uint8_t *p, size_t len, const char *name, int want,
    enum charset *charset, struct buf *raw, bool *plain)
{
	struct param a = {0};
	int section;
	bool percent;

	for (size_t at = 0; next_param(p, len, &at, &a);) {
		size_t from = 0;

		if (!is_param(&a, name, &section, &percent) || section != want)
			continue;
		if (percent && want <= 0)
			from = extended(&a, charset);
		*plain &= !percent && want < 0;
		put_value(raw, &a, from, percent);
		return true;
	}
	return false;
}

bool
header_param(struct text *t, const uint8_t *p, size_t len, const char *name,
    char *out, size_t size, bool *plain)
{
	OWN(buf_wipe) struct buf raw = {0};
	OWN(buf_wipe) struct buf words = {0};
	enum charset charset = CHARSET_ASCII;
	bool as_is = true;
	size_t n;

	out[0] = '\0';
	buf_init(&raw, 4096);
	buf_init(&words, (size_t)4 * 4096);
	if (!add_section(p, len, name, -1, &charset, &raw, &as_is)) {
		for (int i = 0; i < SECTIONS_MAX; i++)
			if (!add_section(
				p, len, name, i, &charset, &raw, &as_is))
				break;
	}
	if (plain != NULL)
		*plain = as_is;
	if (raw.len == 0)
		return false;
	n = text_convert(
	    t, charset, raw.data, raw.len, (uint8_t *)out, size - 1);
	out[n] = '\0';
	/* Not allowed here, and common (RFC 2047, 5). */
	if (as_is && strstr(out, "=?") != NULL) {
		header_decode(t, raw.data, raw.len, &words);
		n = words.len < size - 1 ? words.len : size - 1;
		if (n > 0)
			memcpy(out, words.data, n);
		out[n] = '\0';
		if (plain != NULL)
			*plain = false;
	}
	return true;
}
