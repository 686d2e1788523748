/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label - the classification labels in a member's text.
 *
 * Owns: where labels of Microsoft Purview Information Protection are written,
 * and that one whose remains say "not enabled" or "removed" is none.
 * Never: believes a member's name; takes a text that merely quotes a label for
 * one that is labelled.
 * Hands over: each label once a member.
 *
 * A label is written as
 *   names and values, MSIP_Label_GUID_Enabled and so on (metadata of the MIP
 *     SDK; Enabled is mandatory): properties of an Office document
 *     (docProps/custom.xml), of OpenDocument (meta.xml) and of a PDF (the
 *     information dictionary and XMP's pdfx), and in the field msip_labels of a
 *     mail, there as NAME=VALUE with semicolons between them;
 *   an element label of the list in docMetadata/LabelInfo.xml, with the
 *     attributes id, siteId, enabled and removed (MS-OFFCRYPTO 2.6.4).
 */
#include "agent/extract/label.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

enum { LOOK = 4096 }; /* bytes in which XML shows what it is */

static const char PREFIX[] = "MSIP_Label_";
static const char FIELD[] = "msip_labels";
/* What both begin with. */
static const char COMMON[] = "msip_label";

/* What XML with labels has at its beginning. */
static const char *const SIGNS[] = {
    "schemas.openxmlformats.org/officeDocument/2006/custom-properties",
    "purl.oclc.org/ooxml/officeDocument/customProperties",
    "schemas.microsoft.com/office/2020/mipLabelMetadata",
    "<office:document-meta",
    "adobe:ns:meta/",
};

/* One as far as it is known. */
struct found {
	struct label label;
	bool told; /* whether it is enabled */
};

struct labels {
	enum label_form form;
	bool passed; /* the line, or the XML, has none */
	bool known; /* the beginning says that there may be some */
	size_t same; /* bytes of a line that are as those of COMMON */
	struct buf text; /* what may hold them */
	uint64_t over;
	struct found found[LABELS_MAX];
	size_t nfound;
	struct label list[LABELS_MAX];
};

/* A stretch of the text. */
struct piece {
	const char *p;
	size_t len;
};

/* ---- values -------------------------------------------------------------- */

static bool
blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct piece
trimmed(struct piece s)
{
	while (s.len > 0 && blank(s.p[0])) {
		s.p++;
		s.len--;
	}
	while (s.len > 0 && blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

static bool
is(struct piece s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

static bool
begins(struct piece s, const char *word)
{
	size_t n = strlen(word);

	return s.len >= n && strncasecmp(s.p, word, n) == 0;
}

/* xsd:boolean, and how the SDK writes it. */
static bool
yes(struct piece s)
{
	return is(s, "true") || is(s, "1");
}

/* A GUID, with braces or without, in small letters. */
static bool
guid(struct piece s, char out[LABEL_GUID + 1])
{
	if (s.len == LABEL_GUID + 2 && s.p[0] == '{' && s.p[s.len - 1] == '}') {
		s.p++;
		s.len -= 2;
	}
	if (s.len != LABEL_GUID)
		return false;
	for (size_t i = 0; i < LABEL_GUID; i++) {
		char c = s.p[i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (c >= 'A' && c <= 'F')
			c = (char)(c + 32);
		if (dash ? c != '-'
			 : (c < '0' || c > '9') && (c < 'a' || c > 'f'))
			return false;
		out[i] = c;
	}
	out[LABEL_GUID] = '\0';
	return true;
}

/* A character as UTF-8; what is none is a question mark. */
static size_t
encode(unsigned long u, char out[4])
{
	size_t n = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;

	if (u < ' ' || u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff)) {
		u = '?';
		n = 1;
	}
	for (size_t i = n; i-- > 1; u >>= 6)
		out[i] = (char)(0x80 | (u & 63));
	out[0] = (char)(n == 1 ? u : (0xf00UL >> n & 0xff) | u);
	return n;
}

/* The character of a reference "&…;" of XML, of *len bytes; 0: there is none. */
static size_t
reference(struct piece s, char out[4], size_t *len)
{
	static const struct {
		const char *name;
		char c;
	} NAMES[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'},
	    {"&quot;", '"'}, {"&apos;", '\''}};
	char digits[12];
	const char *end = memchr(s.p, ';', s.len < 10 ? s.len : 10);
	char *stop = NULL;
	unsigned long u;
	bool hex;

	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		*len = strlen(NAMES[i].name);
		if (s.len >= *len && memcmp(s.p, NAMES[i].name, *len) == 0) {
			out[0] = NAMES[i].c;
			return 1;
		}
	}
	if (end == NULL || end - s.p < 3 || s.p[1] != '#')
		return 0;
	*len = (size_t)(end - s.p) + 1;
	hex = s.p[2] == 'x';
	(void)str_copy_len(
	    digits, sizeof digits, s.p + (hex ? 3 : 2), *len - (hex ? 4 : 3));
	u = strtoul(digits, &stop, hex ? 16 : 10);
	return stop != digits && *stop == '\0' ? encode(u, out) : 0;
}

/* The name of a label as people see it; what does not fit is left out. */
static void
name_put(struct piece s, bool xml, char out[LABEL_NAME_MAX + 1])
{
	size_t at = 0;

	while (s.len > 0 && s.p[0] != '\0') {
		char c[4] = {s.p[0]};
		size_t n = 1, len = 1, e = 0;

		if (xml && s.p[0] == '&')
			e = reference(s, c, &len);
		if (e > 0)
			n = e;
		else
			len = 1;
		if (n > LABEL_NAME_MAX - at)
			break;
		memcpy(out + at, c, n);
		at += n;
		s.p += len;
		s.len -= len;
	}
	/* Never half a character. */
	if (s.len > 0 && (s.p[0] & 0xc0) == 0x80) {
		while (at > 0 && (out[at - 1] & 0xc0) == 0x80)
			at--;
		at -= at > 0;
	}
	out[at] = '\0';
}

/* ---- labels -------------------------------------------------------------- */

static struct found *
found_of(struct labels *l, const char *id)
{
	struct found *f;

	for (size_t i = 0; i < l->nfound; i++)
		if (strcmp(l->found[i].label.id, id) == 0)
			return &l->found[i];
	if (l->nfound == LABELS_MAX)
		return NULL;
	f = &l->found[l->nfound++];
	*f = (struct found){0};
	(void)str_copy(f->label.id, sizeof f->label.id, id);
	return f;
}

/* MSIP_Label_GUID_WHAT and its value. */
static void
pair(struct labels *l, struct piece key, struct piece value, bool xml)
{
	const size_t head = sizeof PREFIX - 1 + LABEL_GUID + 1;
	char id[LABEL_GUID + 1];
	struct piece what;
	struct found *f;

	if (key.len <= head || !begins(key, PREFIX) || key.p[head - 1] != '_' ||
	    !guid((struct piece){key.p + sizeof PREFIX - 1, LABEL_GUID}, id))
		return;
	f = found_of(l, id);
	if (f == NULL) {
		l->over += key.len + value.len;
		return;
	}
	what = (struct piece){key.p + head, key.len - head};
	value = trimmed(value);
	if (is(what, "Enabled")) {
		f->told = true;
		/* A second one that denies it hides nothing. */
		f->label.enabled = f->label.enabled || yes(value);
	} else if (is(what, "Name")) {
		name_put(value, xml, f->label.name);
	} else if (is(what, "SiteId") && !guid(value, f->label.site)) {
		f->label.site[0] = '\0';
	}
}

/* ---- lines --------------------------------------------------------------- */

static struct piece
part(struct piece *s, char to)
{
	const char *end = memchr(s->p, to, s->len);
	struct piece out = {s->p, end != NULL ? (size_t)(end - s->p) : s->len};

	s->len -= out.len + (end != NULL);
	s->p += out.len + (end != NULL);
	return out;
}

static void
one_line(struct labels *l, struct piece s)
{
	struct piece key = trimmed(part(&s, ':'));

	if (!is(key, FIELD)) {
		pair(l, key, s, false);
		return;
	}
	while (s.len > 0) {
		struct piece value = part(&s, ';');

		key = trimmed(part(&value, '='));
		pair(l, key, value, false);
	}
}

static void
lines(struct labels *l, struct piece all)
{
	while (all.len > 0)
		one_line(l, part(&all, '\n'));
}

/* Keeps as much as there is room for. */
static void
keep(struct labels *l, const uint8_t *p, size_t len)
{
	size_t room = LABELS_TEXT - l->text.len;

	buf_put(&l->text, p, len < room ? len : room);
	l->over += len < room ? 0 : len - room;
}

static uint8_t
small(uint8_t c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Lines that begin as both names do are kept, all others pass. */
static void
feed_lines(struct labels *l, struct content c)
{
	const uint8_t *p = c.data, *end = c.data + c.len;

	while (p < end) {
		const uint8_t *stop;

		if (l->same < sizeof COMMON - 1 && !l->passed) {
			l->passed = small(*p) != (uint8_t)COMMON[l->same];
			if (!l->passed) {
				p++;
				if (++l->same == sizeof COMMON - 1)
					keep(l, (const uint8_t *)COMMON,
					    l->same);
				continue;
			}
		}
		stop = memchr(p, '\n', (size_t)(end - p));
		stop = stop != NULL ? stop + 1 : end;
		if (!l->passed)
			keep(l, p, (size_t)(stop - p));
		p = stop;
		if (p[-1] == '\n') {
			l->same = 0;
			l->passed = false;
		}
	}
}

/* ---- XML ----------------------------------------------------------------- */

/* What is read of the elements so far. */
struct xml {
	struct labels *l;
	struct piece key; /* a property whose value comes; len 0: none */
	const char *value; /* where the text behind the last tag begins */
};

static bool
found_in(struct piece s, const char *what)
{
	return memmem(s.p, s.len, what, strlen(what)) != NULL;
}

/* The name without the prefix of its namespace. */
static struct piece
local(struct piece name)
{
	const char *colon = memrchr(name.p, ':', name.len);

	return colon == NULL ? name
			     : (struct piece){colon + 1,
				   name.len - (size_t)(colon + 1 - name.p)};
}

/* The next attribute of a tag; false: there is none. */
static bool
attribute(struct piece *tag, struct piece *name, struct piece *value)
{
	char quote;

	*tag = trimmed(*tag);
	if (memchr(tag->p, '=', tag->len) == NULL)
		return false;
	*name = local(trimmed(part(tag, '=')));
	*tag = trimmed(*tag);
	if (tag->len == 0 || (tag->p[0] != '"' && tag->p[0] != '\''))
		return false;
	quote = tag->p[0];
	tag->p++;
	tag->len--;
	*value = part(tag, quote);
	return true;
}

/* An element of the list in LabelInfo.xml. */
static void
info(struct labels *l, struct piece tag)
{
	struct piece name, value;
	struct label label = {.id = ""};
	bool enabled = false, removed = false;
	struct found *f;

	while (attribute(&tag, &name, &value)) {
		if (is(name, "id") && !guid(value, label.id))
			return;
		if (is(name, "siteId") && !guid(value, label.site))
			label.site[0] = '\0';
		enabled = enabled || (is(name, "enabled") && yes(value));
		removed = removed || (is(name, "removed") && yes(value));
	}
	if (label.id[0] == '\0')
		return;
	f = found_of(l, label.id);
	if (f == NULL) {
		l->over += tag.len;
		return;
	}
	f->told = true;
	f->label.enabled = f->label.enabled || (enabled && !removed);
	memcpy(f->label.site, label.site, sizeof label.site);
}

/* A start tag, without its brackets. */
static void
open_tag(struct xml *x, struct piece tag)
{
	struct piece element = tag, name, value;
	size_t n = 0;

	while (n < tag.len && !blank(tag.p[n]) && tag.p[n] != '/')
		n++;
	element.len = n;
	tag.p += n;
	tag.len -= n;
	element = local(element);
	if (is(element, "label")) {
		info(x->l, tag);
		return;
	}
	if (begins(element, PREFIX))
		x->key = element;
	while (attribute(&tag, &name, &value)) {
		if (begins(name, PREFIX))
			pair(x->l, name, value, true);
		else if (is(name, "name") && begins(value, PREFIX))
			x->key = value;
	}
}

/* The end of what a tag begins; NULL: it is cut. */
static const char *
tag_end(struct piece s)
{
	static const struct {
		const char *open, *close;
	} OTHERS[] = {
	    {"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}, {"<", ">"}};

	for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
		size_t n = strlen(OTHERS[i].open);
		const char *end;

		if (!begins(s, OTHERS[i].open))
			continue;
		end = memmem(s.p + n, s.len - n, OTHERS[i].close,
		    strlen(OTHERS[i].close));
		return end == NULL ? NULL : end + strlen(OTHERS[i].close);
	}
	return NULL;
}

/* The value of a property is the text before the first end tag behind it. */
static void
elements(struct labels *l, struct piece s)
{
	struct xml x = {.l = l};
	const char *end = s.p + s.len;

	while (s.len > 0) {
		const char *tag = memchr(s.p, '<', s.len);
		const char *stop;

		if (tag == NULL)
			return;
		stop = tag_end((struct piece){tag, (size_t)(end - tag)});
		if (stop == NULL)
			return;
		if (tag[1] == '/' && x.key.len > 0) {
			pair(l, x.key, (struct piece){s.p, (size_t)(tag - s.p)},
			    true);
			x.key.len = 0;
		} else if (tag[1] != '!' && tag[1] != '?' && tag[1] != '/') {
			open_tag(&x,
			    (struct piece){tag + 1, (size_t)(stop - tag - 2)});
		}
		s = (struct piece){stop, (size_t)(end - stop)};
	}
}

/* Whether XML may have labels, by its beginning; false: nothing of it is kept.
 */
static bool
may_have(struct piece s)
{
	if (s.len >= 3 && memcmp(s.p, "\xef\xbb\xbf", 3) == 0) {
		s.p += 3;
		s.len -= 3;
	}
	s = trimmed(s);
	if (s.len > LOOK)
		s.len = LOOK;
	for (size_t i = 0; s.len > 0 && s.p[0] == '<' && i < ARRAY_LEN(SIGNS);
	     i++)
		if (found_in(s, SIGNS[i]))
			return true;
	return false;
}

static struct piece
text_of(const struct labels *l)
{
	return (struct piece){(const char *)l->text.data, l->text.len};
}

static void
feed_xml(struct labels *l, struct content c)
{
	if (l->passed)
		return;
	keep(l, c.data, c.len);
	if (l->known || l->text.len < LOOK)
		return;
	l->known = may_have(text_of(l));
	l->passed = !l->known;
	if (!l->passed)
		return;
	labels_forget(l);
	l->over = 0;
}

/* ---- life ---------------------------------------------------------------- */

int
labels_new(struct labels **out)
{
	struct labels *l = calloc(1, sizeof *l);

	if (l == NULL)
		return -ENOMEM;
	buf_init(&l->text, LABELS_TEXT);
	*out = l;
	return 0;
}

void
labels_free(struct labels *l)
{
	if (l == NULL)
		return;
	buf_wipe(&l->text);
	explicit_bzero(l, sizeof *l);
	free(l);
}

void
labels_start(struct labels *l, enum label_form form)
{
	labels_forget(l);
	l->form = form;
	l->passed = l->known = false;
	l->same = 0;
	l->over = 0;
}

void
labels_feed(struct labels *l, struct content c)
{
	switch (l->form) {
	case LABEL_NOWHERE:
		break;
	case LABEL_BEGINNING:
		feed_xml(l, c);
		break;
	case LABEL_LINES:
		feed_lines(l, c);
		break;
	}
}

int
labels_end(struct labels *l, const struct label **list, uint64_t *over)
{
	int n = 0;

	*list = l->list;
	if (buf_error(&l->text) != 0)
		return -ENOMEM;
	if (l->form == LABEL_LINES)
		lines(l, text_of(l));
	else if (l->form == LABEL_BEGINNING && !l->passed &&
		 (l->known || may_have(text_of(l))))
		elements(l, text_of(l));
	for (size_t i = 0; i < l->nfound; i++)
		if (l->found[i].told)
			l->list[n++] = l->found[i].label;
	*over = l->over;
	return n;
}

void
labels_forget(struct labels *l)
{
	if (l->text.len > 0) {
		buf_wipe(&l->text);
		buf_init(&l->text, LABELS_TEXT);
	}
	explicit_bzero(l->found, l->nfound * sizeof *l->found);
	explicit_bzero(l->list, l->nfound * sizeof *l->list);
	l->nfound = 0;
}
