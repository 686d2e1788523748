/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mime - a message (RFC 5322, 2045, 2046) as a container.
 *
 * Owns: the walk through its lines. Its members are the header block, with
 * encoded words decoded and folded lines joined; every part that has no parts
 * of its own, decoded; what stands before, between and behind parts; and, as
 * the last one, "part-headers": the fields of all parts, and lines of base64
 * that are rather something to be read. A message within is a member that the
 * walk above opens again.
 * Never: holds more than one line, one field, the open boundaries and a bounded
 * text of part headers; drops a byte that it cannot decode.
 *
 * A part ends at its own boundary, or at one of those around it: an end mark
 * that is missing hides nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/extract/layer.h"
#include "agent/extract/lines.h"
#include "agent/extract/mail.h"
#include "lib/str.h"

#include "lib/own.h"

#define FIELD_MAX ((size_t)32 * 1024)
#define FIELDS_TEXT ((size_t)64 * 1024) /* given when it is that long */
#define BOUNDARY_MAX 256
#define DEPTH_MAX 32 /* multiparts in multiparts */

enum where {
	START,
	HEADERS, /* in a header block */
	BODY, /* behind one */
	LEAF, /* in the bytes of a member */
	BESIDE, /* before the first part, or behind the last */
	OVER,
};

enum transfer { AS_IS, BASE64, QUOTED, UU };

/* What a header block says of what follows it. */
struct entity {
	enum transfer transfer;
	enum charset charset;
	bool transfer_seen, type_seen;
	bool multipart, message;
	char boundary[BOUNDARY_MAX];
	char name[512];
	int err; /* told when its bytes were given */
};

struct multipart {
	char boundary[BOUNDARY_MAX];
	size_t len;
	unsigned part;
	bool digest; /* its parts are messages unless they say otherwise */
};

struct mime {
	struct lines lines;
	enum where where;
	bool top; /* the header block is the message's own */
	bool fields; /* the member that is read is text of fields */
	struct entity entity;
	struct multipart parts[DEPTH_MAX];
	size_t nparts;
	struct base64 base64;
	const char *word; /* the name of what stands beside parts */
	bool uu_next; /* a uuencoded file begins here */
	uint8_t eol[2]; /* a line end that may be the boundary's */
	size_t eol_len;
	uint8_t out[LINES_PIECE + 16];
	size_t out_pos, out_len;
	int err; /* of the member that ended */
	bool cut; /* a multipart without a part had no end */
	uint8_t field[FIELD_MAX];
	size_t field_len;
	struct buf text; /* of fields */
	size_t text_pos;
};

/* ---- boundaries ---------------------------------------------------------- */

/* What stands behind the boundary on its line: 0 part, 1 end, -1 no match. */
static int
match(const struct multipart *part, const struct line *l)
{
	size_t len = l->len, n = part->len;

	while (len > 0 && (l->p[len - 1] == ' ' || l->p[len - 1] == '\t'))
		len--;
	if (len < 2 + n || memcmp(l->p + 2, part->boundary, n) != 0)
		return -1;
	if (len == 2 + n)
		return 0;
	return len == 4 + n && memcmp(l->p + 2 + n, "--", 2) == 0 ? 1 : -1;
}

static void
end_missing(struct mime *m, bool missing)
{
	if (missing && m->where == LEAF)
		m->err = -ENODATA;
	else
		m->cut |= missing;
}

/*
 * A line that ends what is being read. The line is taken, and the state is
 * that behind it.
 */
static bool
boundary(struct mime *m, const struct line *l)
{
	int found = -1;
	size_t i = m->nparts;

	if (!l->start || l->len < 3 || l->p[0] != '-' || l->p[1] != '-')
		return false;
	while (i > 0 && (found = match(&m->parts[i - 1], l)) < 0)
		i--;
	if (found < 0)
		return false;
	lines_take(&m->lines, l);
	end_missing(m, i < m->nparts);
	m->nparts = found == 1 ? i - 1 : i;
	m->where = found == 1 ? BESIDE : HEADERS;
	m->word = "epilogue";
	m->top = false;
	if (found == 0) {
		m->parts[i - 1].part++;
		m->entity = (struct entity){.message = m->parts[i - 1].digest};
	}
	return true;
}

/* Nothing is left of the message. */
static void
end_of_message(struct mime *m)
{
	end_missing(m, m->nparts > 0);
	m->nparts = 0;
	m->where = OVER;
}

/* ---- fields -------------------------------------------------------------- */

static struct text *
text_of(const struct mime *m)
{
	return m->lines.below->text;
}

static bool
value_starts(const uint8_t *p, size_t len, const char *word)
{
	size_t n = strlen(word);

	while (len > 0 && (*p == ' ' || *p == '\t')) {
		p++;
		len--;
	}
	return len >= n && strncasecmp((const char *)p, word, n) == 0;
}

static void
told_type(struct mime *m, const uint8_t *p, size_t len)
{
	struct entity *e = &m->entity;
	char charset[64];

	/* Two words about one thing: some reader believes the other. */
	if (e->type_seen) {
		e->err = -EBADMSG;
		return;
	}
	e->type_seen = true;
	e->multipart = value_starts(p, len, "multipart/");
	e->message = value_starts(p, len, "message/rfc822") ||
		     value_starts(p, len, "message/global") ||
		     value_starts(p, len, "message/news");
	if (e->multipart && !header_param(text_of(m), p, len, "boundary",
				e->boundary, sizeof e->boundary, NULL))
		e->err = -EBADMSG;
	if (value_starts(p, len, "multipart/digest"))
		e->message = true;
	if (header_param(
		text_of(m), p, len, "charset", charset, sizeof charset, NULL))
		e->charset = charset_named(charset, strlen(charset));
}

static void
told_transfer(struct mime *m, const uint8_t *p, size_t len)
{
	static const struct {
		const char *word;
		enum transfer transfer;
	} WORDS[] = {{"base64", BASE64}, {"quoted-printable", QUOTED},
	    {"7bit", AS_IS}, {"8bit", AS_IS}, {"binary", AS_IS},
	    {"x-uuencode", AS_IS}, {"uuencode", AS_IS}, {"x-uue", AS_IS}};
	struct entity *e = &m->entity;
	bool known = false;
	enum transfer before = e->transfer;

	for (size_t i = 0; i < ARRAY_LEN(WORDS) && !known; i++) {
		known = value_starts(p, len, WORDS[i].word);
		if (known)
			e->transfer = WORDS[i].transfer;
	}
	if (!known)
		e->err = -EPROTONOSUPPORT;
	if (e->transfer_seen && e->transfer != before) {
		e->err = -EBADMSG;
		e->transfer = before;
	}
	e->transfer_seen = true;
}

/* A file's name; one that is coded is also written down as it reads. */
static void
told_name(struct mime *m, const uint8_t *p, size_t len, const char *param)
{
	char name[sizeof m->entity.name];
	bool plain = true;

	if (!header_param(text_of(m), p, len, param, name, sizeof name, &plain))
		return;
	memcpy(m->entity.name, name, sizeof name);
	if (!plain)
		buf_printf(&m->text, "%s=%s\n", param, name);
}

static void
field_done(struct mime *m)
{
	const uint8_t *p = m->field;
	size_t name = header_name(p, m->field_len), at = name;

	if (m->field_len == 0)
		return;
	while (name > 0 && p[at] != ':')
		at++;
	at += name > 0;
	header_decode(text_of(m), p, m->field_len, &m->text);
	buf_put_u8(&m->text, '\n');
	p += at;
	if (header_is(m->field, name, "content-type")) {
		told_type(m, p, m->field_len - at);
		if (m->entity.name[0] == '\0')
			told_name(m, p, m->field_len - at, "name");
	} else if (header_is(m->field, name, "content-transfer-encoding")) {
		told_transfer(m, p, m->field_len - at);
	} else if (header_is(m->field, name, "content-disposition")) {
		told_name(m, p, m->field_len - at, "filename");
	}
	m->field_len = 0;
}

/* Joins a piece to the field; one beyond all measure goes on as it is. */
static void
field_add(struct mime *m, const struct line *l)
{
	if (m->field_len + l->len > FIELD_MAX)
		field_done(m);
	memcpy(m->field + m->field_len, l->p, l->len);
	m->field_len += l->len;
}

/* The first line may be a quoted one of a mailbox, or a count of bytes. */
static bool
prologue(const struct mime *m, const struct line *l)
{
	if (!m->top || m->text.len > 0 || m->field_len > 0)
		return false;
	return lines_empty(l) || l->p[0] == '>' ||
	       (l->p[0] >= '0' && l->p[0] <= '9');
}

/* Reads one line of a header block. Returns false at its end. */
static bool
read_field(struct mime *m)
{
	struct line l;
	bool fold;

	if (!lines_peek(&m->lines, &l)) {
		field_done(m);
		end_of_message(m);
		return false;
	}
	if (boundary(m, &l)) {
		field_done(m);
		return false;
	}
	fold = !l.start || (m->field_len > 0 && l.len > 0 &&
			       (l.p[0] == ' ' || l.p[0] == '\t'));
	if (fold) {
		field_add(m, &l);
		lines_take(&m->lines, &l);
		return true;
	}
	field_done(m);
	if (prologue(m, &l)) {
		if (!lines_empty(&l)) {
			buf_put(&m->text, l.p, l.len);
			buf_put_u8(&m->text, '\n');
		}
		lines_take(&m->lines, &l);
		return true;
	}
	/* A body without an empty line before it is a body. */
	if (l.len > 0 && header_name(l.p, l.len) == 0) {
		m->where = BODY;
		return false;
	}
	lines_take(&m->lines, &l);
	if (l.len == 0) {
		m->where = BODY;
		return false;
	}
	field_add(m, &l);
	return true;
}

static size_t
text_left(const struct mime *m)
{
	return m->text.len - m->text_pos;
}

/* The text of fields as a member's bytes. */
static int
pull_fields(struct mime *m, uint8_t *out, size_t max, size_t *got)
{
	while (text_left(m) == 0 && m->where == HEADERS) {
		buf_reset(&m->text);
		m->text_pos = 0;
		(void)read_field(m);
		if (buf_error(&m->text) != 0)
			return -ENOMEM;
	}
	*got = text_left(m) < max ? text_left(m) : max;
	if (*got > 0)
		memcpy(out, m->text.data + m->text_pos, *got);
	m->text_pos += *got;
	if (*got == 0) {
		buf_reset(&m->text);
		m->text_pos = 0;
		m->fields = false;
	}
	return *got == 0 && m->where == OVER ? m->lines.below->err : 0;
}

/* ---- bodies -------------------------------------------------------------- */

static void
put_out(struct mime *m, const uint8_t *p, size_t len)
{
	must(len <= sizeof m->out - m->out_len);
	if (len > 0)
		memcpy(m->out + m->out_len, p, len);
	m->out_len += len;
}

static void
put_eol(struct mime *m)
{
	put_out(m, m->eol, m->eol_len);
	m->eol_len = 0;
}

static void
hold_eol(struct mime *m, const struct line *l)
{
	m->eol_len = l->end;
	memcpy(m->eol, l->end == 2 ? "\r\n" : "\n", l->end);
}

static void
base64_body(struct mime *m, const struct line *l)
{
	if (!transfer_base64_likely(l->p, l->len)) {
		m->entity.err = -EBADMSG;
		/* From here on it is rather text as it stands. */
		if (m->text.len >= FIELDS_TEXT) {
			m->entity.transfer = AS_IS;
			put_out(m, l->p, l->len);
			hold_eol(m, l);
			return;
		}
		if (l->len > 0)
			buf_put(&m->text, l->p, l->len);
		if (l->end > 0)
			buf_put_u8(&m->text, '\n');
	}
	m->out_len +=
	    transfer_base64(&m->base64, l->p, l->len, m->out + m->out_len);
}

static void
quoted_body(struct mime *m, struct line *l)
{
	bool soft;

	/* What is cut within a code comes whole with the next piece. */
	for (size_t k = 1; k <= 2 && l->end == 0 && l->len > 2; k++)
		if (l->p[l->len - k] == '=')
			l->len -= k;

	put_eol(m);
	m->out_len += transfer_quoted(l->p, l->len, m->out + m->out_len, &soft);
	if (!soft)
		hold_eol(m, l);
}

/* A uuencoded file: "begin", and a line that is one. */
static bool
uu_here(struct mime *m, struct line *l)
{
	uint8_t out[63];
	const uint8_t *next, *nl, *end;

	if (!l->start || l->end == 0 || transfer_uu_begin(l->p, l->len) == 0)
		return false;
	stream_fill(m->lines.below, LINES_PIECE);
	if (!lines_peek(&m->lines, l) || l->end == 0)
		return false;
	next = l->p + l->len + l->end;
	end = m->lines.below->block + m->lines.below->len;
	nl = memchr(next, '\n', (size_t)(end - next));
	return nl != NULL && transfer_uu(next, (size_t)(nl - next), out) > 0;
}

/* One line of it; false at its end. */
static bool
uu_body(struct mime *m, const struct line *l)
{
	int n = transfer_uu(l->p, l->len, m->out + m->out_len);
	bool end = l->len == 3 && memcmp(l->p, "end", 3) == 0;

	if (!end && n < 0) {
		/* Text again, and no end. */
		m->err = -EBADMSG;
		return false;
	}
	lines_take(&m->lines, l);
	if (!end)
		m->out_len += (size_t)n;
	return !end;
}

static void
leaf_ends(struct mime *m)
{
	if (m->entity.transfer == BASE64)
		m->out_len +=
		    transfer_base64_end(&m->base64, m->out + m->out_len);
	if (m->entity.err != 0)
		m->err = m->entity.err;
	if (m->err == 0 && m->base64.bad)
		m->err = -EBADMSG;
	if (m->where == OVER && m->lines.below->err != 0)
		m->err = m->lines.below->err;
	/* The line end before a boundary is the boundary's. */
	if (m->where == OVER)
		put_eol(m);
	m->eol_len = 0;
	m->base64 = (struct base64){0};
}

/* Decodes a piece of a line; false when the member is over. */
static bool
read_leaf(struct mime *m)
{
	struct line l;

	m->out_pos = m->out_len = 0;
	if (!lines_peek(&m->lines, &l)) {
		end_of_message(m);
		leaf_ends(m);
		return false;
	}
	if (boundary(m, &l)) {
		leaf_ends(m);
		return false;
	}
	switch (m->entity.transfer) {
	case UU:
		if (uu_body(m, &l))
			return true;
		m->entity.transfer = AS_IS;
		m->word = "text";
		m->where = BESIDE;
		return false;
	case AS_IS:
		if (uu_here(m, &l)) {
			m->uu_next = true;
			put_eol(m);
			m->where = BESIDE;
			return false;
		}
		put_eol(m);
		put_out(m, l.p, l.len);
		hold_eol(m, &l);
		break;
	case BASE64:
		base64_body(m, &l);
		break;
	case QUOTED:
		quoted_body(m, &l);
		break;
	}
	lines_take(&m->lines, &l);
	return true;
}

static int
pull_leaf(struct mime *m, uint8_t *out, size_t max, size_t *got)
{
	int err;

	while (*got < max) {
		size_t n = m->out_len - m->out_pos;

		if (n > max - *got)
			n = max - *got;
		memcpy(out + *got, m->out + m->out_pos, n);
		m->out_pos += n;
		*got += n;
		if (*got == max || m->where != LEAF)
			break;
		(void)read_leaf(m);
	}
	if (*got > 0)
		return 0;
	err = m->err;
	m->err = 0;
	return err;
}

static int
mime_pull(void *state, uint8_t *out, size_t max, size_t *got)
{
	struct mime *m = state;

	*got = 0;
	return m->fields ? pull_fields(m, out, max, got)
			 : pull_leaf(m, out, max, got);
}

/* ---- members ------------------------------------------------------------- */

/* "2.1": the second part's first one (as RFC 3501, 6.4.5, counts them). */
static void
section(const struct mime *m, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < m->nparts && n < size - 12; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%u",
		    i > 0 ? "." : "", m->parts[i].part);
	if (n == 0)
		(void)str_copy(out, size, "body");
}

static int
give_fields(struct mime *m, struct member *out, const char *name)
{
	*out = (struct member){.type = "text/rfc822-headers", .fields = true};
	(void)str_copy(out->name, sizeof out->name, name);
	m->fields = true;
	return 1;
}

static int
give_leaf(struct mime *m, struct member *out, const char *name)
{
	*out = (struct member){.charset = m->entity.charset};
	if (m->entity.message)
		out->kind = CONTAINER_MAIL;
	str_escape(out->name, sizeof out->name, name, strlen(name));
	m->where = LEAF;
	return 1;
}

/* The header block is over: parts, or bytes. Returns 1 for these. */
static int
enter(struct mime *m, struct member *out)
{
	struct entity *e = &m->entity;
	char name[sizeof e->name];

	if (e->multipart && e->boundary[0] != '\0') {
		if (m->nparts < DEPTH_MAX) {
			struct multipart *p = &m->parts[m->nparts++];

			*p = (struct multipart){.digest = e->message};
			p->len = strlen(e->boundary);
			memcpy(p->boundary, e->boundary, p->len + 1);
			m->where = BESIDE;
			m->word = "preamble";
			return 0;
		}
		e->err = -ELOOP;
	}
	section(m, name, sizeof name);
	return give_leaf(m, out, e->name[0] != '\0' ? e->name : name);
}

/* A file that is uuencoded in a text. */
static int
enter_uu(struct mime *m, struct member *out)
{
	char name[256] = "";
	struct line l;
	size_t n;

	m->uu_next = false;
	must(lines_peek(&m->lines, &l));
	n = transfer_uu_begin(l.p, l.len);
	if (n > sizeof name - 1)
		n = sizeof name - 1;
	memcpy(name, l.p + l.len - n, n);
	lines_take(&m->lines, &l);
	m->entity = (struct entity){
	    .transfer = UU, .charset = m->entity.charset, .err = m->entity.err};
	return give_leaf(m, out, name);
}

/* Before the first part and behind the last: mostly nothing. */
static int
beside(struct mime *m, struct member *out)
{
	struct line l;

	if (m->uu_next)
		return enter_uu(m, out);
	for (;;) {
		if (!lines_peek(&m->lines, &l)) {
			end_of_message(m);
			return 0;
		}
		if (boundary(m, &l))
			return 0;
		if (!lines_empty(&l))
			break;
		lines_take(&m->lines, &l);
	}
	m->entity =
	    (struct entity){.charset = m->entity.charset, .err = m->entity.err};
	return give_leaf(m, out, m->word);
}

/* A part's fields go where those of all parts do. 1: too many, give them. */
static int
part_fields(struct mime *m, struct member *out)
{
	if (m->text.len >= FIELDS_TEXT)
		return give_fields(m, out, "part-headers");
	while (read_field(m))
		if (m->text.len >= FIELDS_TEXT)
			return give_fields(m, out, "part-headers");
	return 0;
}

static void
start(struct mime *m)
{
	struct stream *s = m->lines.below;

	stream_fill(s, 3);
	if (s->len - s->pos >= 3 &&
	    memcmp(s->block + s->pos, "\xef\xbb\xbf", 3) == 0)
		s->pos += 3;
	m->where = HEADERS;
	m->top = true;
}

static int
step(struct mime *m, struct member *out)
{
	switch (m->where) {
	case START:
		start(m);
		return give_fields(m, out, "headers");
	case HEADERS:
		return part_fields(m, out);
	case BODY:
		return enter(m, out);
	case LEAF:
		while (m->where == LEAF)
			(void)read_leaf(m);
		return 0;
	case BESIDE:
		return beside(m, out);
	case OVER:
		break;
	}
	return text_left(m) > 0 ? give_fields(m, out, "part-headers") : 0;
}

static int
mime_next(void *state, struct member *out)
{
	struct mime *m = state;

	for (;;) {
		bool over = m->where == OVER;
		int r = step(m, out);

		if (buf_error(&m->text) != 0)
			return -ENOMEM;
		if (r != 0)
			return r;
		if (over && m->cut) {
			m->cut = false;
			return -ENODATA;
		}
		if (over)
			return 0;
	}
}

/* ---- life ---------------------------------------------------------------- */

static int
mime_open(struct stream *below, enum container kind, void **state)
{
	struct mime *m = calloc(1, sizeof *m);

	(void)kind;
	if (m == NULL)
		return -ENOMEM;
	m->lines.below = below;
	m->word = "text";
	/* What one field of the most bytes decodes to fits behind the rest. */
	buf_init(&m->text, FIELDS_TEXT + 8 * FIELD_MAX);
	*state = m;
	return 0;
}

static void
mime_close(void *state)
{
	struct mime *m = state;

	buf_wipe(&m->text);
	explicit_bzero(m, sizeof *m);
	free(m);
}

const struct layer_ops mime_layer = {
    .open = mime_open,
    .next = mime_next,
    .pull = mime_pull,
    .close = mime_close,
};
