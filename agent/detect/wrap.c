/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wrap - a sample in containers and encodings, as a file would hold it.
 *
 * Owns: writing zip (APPNOTE.TXT 6.3.3), tar (POSIX.1 ustar), gzip (RFC 1952),
 * mail (RFC 5322 and 2045), WordprocessingML (ISO/IEC 29500-1), base64 and
 * hexadecimal, each in its least form; zlib's deflate in this room.
 * Never: runs while something is scanned, or reads a container: that they are
 * found again is what extraction has to show.
 */
#include "agent/detect/wrap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "lib/str.h"

#include "lib/own.h"

enum {
	RAW = -15, /* deflate alone */
	GZIP = 15 + 16, /* with the head and end of gzip */
	BLOCK = 512, /* of tar */
	MAIL_LINE = 57, /* bytes that become 76 characters */
	MEMBERS_MAX = 3,
};

static int
deflated(struct content in, int bits, struct buf *out)
{
	z_stream z = {0};
	uLong most;
	uint8_t *to;
	int r;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits, 8,
		Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	most = deflateBound(&z, (uLong)in.len);
	to = most <= WRAP_MAX ? buf_grow(out, most) : NULL;
	if (to == NULL) {
		(void)deflateEnd(&z);
		return buf_error(out) != 0 ? buf_error(out) : -ENOBUFS;
	}
	z.next_in = in.data;
	z.avail_in = (uInt)in.len;
	z.next_out = to;
	z.avail_out = (uInt)most;
	r = deflate(&z, Z_FINISH);
	out->len -= z.avail_out;
	(void)deflateEnd(&z);
	must(r == Z_STREAM_END);
	return 0;
}

/* ---- zip ---- */

static void
le16(struct buf *out, unsigned v)
{
	buf_put_u8(out, (uint8_t)v);
	buf_put_u8(out, (uint8_t)(v >> 8));
}

static void
le32(struct buf *out, size_t v)
{
	le16(out, (unsigned)(v & 0xffff));
	le16(out, (unsigned)(v >> 16 & 0xffff));
}

struct member {
	const char *name;
	struct content data;
	size_t at, packed; /* where its head is, and its deflated length */
};

/* What stands in the head of a member and in the directory alike. */
static void
zip_facts(const struct member *m, struct buf *out)
{
	le16(out, 20); /* the release of the format that is needed */
	le16(out, 0);
	le16(out, Z_DEFLATED);
	le32(out, 0x00210000); /* the 1st of January 1980, 0:00 */
	le32(out, crc32(0, m->data.data, (uInt)m->data.len));
	le32(out, m->packed);
	le32(out, m->data.len);
	le16(out, (unsigned)strlen(m->name));
	le16(out, 0);
}

static int
zip_member(struct member *m, struct buf *out)
{
	OWN(buf_done) struct buf packed = {0};
	int r;

	buf_init(&packed, WRAP_MAX);
	r = deflated(m->data, RAW, &packed);
	if (r != 0)
		return r;
	m->at = out->len;
	m->packed = packed.len;
	le32(out, 0x04034b50);
	zip_facts(m, out);
	buf_put(out, m->name, strlen(m->name));
	buf_put(out, packed.data, packed.len);
	return 0;
}

static int
zip_of(struct member *list, size_t n, struct buf *out)
{
	size_t from;

	for (size_t i = 0; i < n; i++) {
		int r = zip_member(&list[i], out);

		if (r != 0)
			return r;
	}
	from = out->len;
	for (size_t i = 0; i < n; i++) {
		le32(out, 0x02014b50);
		le16(out, 20);
		zip_facts(&list[i], out);
		le16(out, 0);
		le32(out, 0); /* the disk, and the inner attributes */
		le32(out, 0);
		le32(out, list[i].at);
		buf_put(out, list[i].name, strlen(list[i].name));
	}
	le32(out, 0x06054b50);
	le32(out, 0);
	le16(out, (unsigned)n);
	le16(out, (unsigned)n);
	le32(out, out->len - 12 - from);
	le32(out, from);
	le16(out, 0);
	return 0;
}

static int
put_zip(struct content in, struct buf *out)
{
	struct member one = {.name = "sample", .data = in};

	return zip_of(&one, 1, out);
}

/* ---- other containers of bytes ---- */

static int
put_gzip(struct content in, struct buf *out)
{
	return deflated(in, GZIP, out);
}

static int
put_tar(struct content in, struct buf *out)
{
	static const uint8_t zeros[2 * BLOCK];
	char head[BLOCK] = "sample";
	unsigned sum = 0;

	memcpy(head + 100, "0000644", 7);
	memcpy(head + 108, "0000000", 7);
	memcpy(head + 116, "0000000", 7);
	(void)snprintf(head + 124, 12, "%011zo", in.len);
	memcpy(head + 136, "00000000000", 11);
	memcpy(head + 148, "        ", 8); /* as blanks in its own sum */
	head[156] = '0';
	memcpy(head + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof head; i++)
		sum += (uint8_t)head[i];
	(void)snprintf(head + 148, 8, "%06o", sum);
	buf_put(out, head, sizeof head);
	buf_put(out, in.data, in.len);
	buf_put(out, zeros, (BLOCK - in.len % BLOCK) % BLOCK);
	buf_put(out, zeros, sizeof zeros);
	return 0;
}

/*
 * Text as the body, all else as an attachment. The sender is a group without
 * members (RFC 6854), so that a rule about addresses finds the sample's alone.
 */
static int
put_eml(struct content in, struct buf *out)
{
	bool text = str_utf8((const char *)in.data, in.len);

	buf_printf(out,
	    "From: Nobody:;\r\n"
	    "To: Nobody:;\r\n"
	    "Date: Tue, 1 Jan 1980 00:00:00 +0000\r\n"
	    "Subject: sample\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: %s\r\n"
	    "%sContent-Transfer-Encoding: base64\r\n\r\n",
	    text ? "text/plain; charset=utf-8" : "application/octet-stream",
	    text ? "" : "Content-Disposition: attachment; filename=sample\r\n");
	for (size_t i = 0; i < in.len; i += MAIL_LINE) {
		size_t n = in.len - i < MAIL_LINE ? in.len - i : MAIL_LINE;

		str_base64(out, in.data + i, n);
		buf_put(out, "\r\n", 2);
	}
	return 0;
}

/* ---- documents ---- */

/* One byte of text; a line is a paragraph. */
static void
docx_byte(uint8_t c, struct buf *out)
{
	static const char between[] =
	    "</w:t></w:r></w:p><w:p><w:r><w:t xml:space=\"preserve\">";

	if (c == '\n')
		buf_put(out, between, sizeof between - 1);
	else if (c == '&')
		buf_put(out, "&amp;", 5);
	else if (c == '<')
		buf_put(out, "&lt;", 4);
	else if (c == '>')
		buf_put(out, "&gt;", 4);
	else
		buf_put_u8(out, c);
}

static int
put_docx(struct content in, struct buf *out)
{
	static const char types[] =
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
	    "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/"
	    "content-types\">"
	    "<Default Extension=\"rels\" ContentType=\"application/"
	    "vnd.openxmlformats-package.relationships+xml\"/>"
	    "<Override PartName=\"/word/document.xml\" ContentType=\""
	    "application/vnd.openxmlformats-officedocument."
	    "wordprocessingml.document.main+xml\"/></Types>";
	static const char rels[] =
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
	    "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/"
	    "2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://"
	    "schemas.openxmlformats.org/officeDocument/2006/relationships/"
	    "officeDocument\" Target=\"word/document.xml\"/></Relationships>";
	static const char begin[] =
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
	    "<w:document xmlns:w=\"http://schemas.openxmlformats.org/"
	    "wordprocessingml/2006/main\"><w:body><w:p><w:r>"
	    "<w:t xml:space=\"preserve\">";
	static const char end[] = "</w:t></w:r></w:p></w:body></w:document>";
	OWN(buf_done) struct buf xml = {0};
	struct member list[MEMBERS_MAX] = {
	    {.name = "[Content_Types].xml",
		.data = {(const uint8_t *)types, sizeof types - 1}},
	    {.name = "_rels/.rels",
		.data = {(const uint8_t *)rels, sizeof rels - 1}},
	    {.name = "word/document.xml"},
	};

	if (!str_utf8((const char *)in.data, in.len))
		return -EILSEQ;
	buf_init(&xml, WRAP_MAX);
	buf_put(&xml, begin, sizeof begin - 1);
	for (size_t i = 0; i < in.len; i++) {
		/* XML 1.0, 2.2: no other control character is one. */
		if (in.data[i] < ' ' && memchr("\t\n\r", in.data[i], 3) == NULL)
			return -EILSEQ;
		docx_byte(in.data[i], &xml);
	}
	buf_put(&xml, end, sizeof end - 1);
	if (buf_error(&xml) != 0)
		return buf_error(&xml);
	list[2].data = (struct content){xml.data, xml.len};
	return zip_of(list, MEMBERS_MAX, out);
}

/* ---- encodings ---- */

static int
put_base64(struct content in, struct buf *out)
{
	str_base64(out, in.data, in.len);
	return 0;
}

static int
put_hex(struct content in, struct buf *out)
{
	for (size_t i = 0; i < in.len; i++)
		buf_printf(out, "%02x", in.data[i]);
	return 0;
}

/* ---- all of them ---- */

static const char *const NAMES[] = {
    "base64", "docx", "eml", "gzip", "hex", "tar", "zip", NULL};
static int (*const PUTS[])(struct content in, struct buf *out) = {
    put_base64, put_docx, put_eml, put_gzip, put_hex, put_tar, put_zip};

const char *const *
wrap_names(void)
{
	return NAMES;
}

static size_t
find(const char *name, size_t len)
{
	size_t i = 0;

	while (NAMES[i] != NULL &&
	       (strlen(NAMES[i]) != len || memcmp(NAMES[i], name, len) != 0))
		i++;
	return i;
}

/* The innermost name of the chain up to *end, which becomes what is left. */
static const char *
innermost(const char *chain, size_t *end, size_t *len)
{
	const char *mark = memrchr(chain, '>', *end);
	const char *name = mark != NULL ? mark + 1 : chain;

	*len = *end - (size_t)(name - chain);
	*end = mark != NULL ? (size_t)(mark - chain) : 0;
	return name;
}

bool
wrap_known(const char *chain)
{
	size_t end = strlen(chain), len = 0;
	unsigned n = 0;

	if (end == 0 || chain[0] == '>')
		return false;
	while (end > 0) {
		const char *name = innermost(chain, &end, &len);

		if (++n > WRAP_DEPTH || NAMES[find(name, len)] == NULL)
			return false;
	}
	return true;
}

int
wrap_put(const char *chain, struct content in, struct buf *out)
{
	OWN(buf_done) struct buf now = {0};
	size_t end = strlen(chain), len = 0;
	int r = 0;

	must(wrap_known(chain));
	while (r == 0 && end > 0) {
		const char *name = innermost(chain, &end, &len);
		struct buf next = {0};

		buf_init(&next, WRAP_MAX);
		r = PUTS[find(name, len)](in, &next);
		if (r == 0)
			r = buf_error(&next);
		buf_done(&now);
		now = next;
		in = (struct content){now.data, now.len};
	}
	if (r == 0)
		buf_put(out, in.data, in.len);
	return r != 0 ? r : buf_error(out);
}
