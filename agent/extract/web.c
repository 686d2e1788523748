/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web - HTTP/1.x of one flow: heads to text, bodies to objects.
 *
 * RFC 9112 (messages, sections 2 to 7), RFC 9110 (content coding, section
 * 8.4), RFC 7578 (multipart/form-data; the parts are objects of their own).
 *
 * Owns: the state of both directions, the requests that wait for a response,
 * and the decoding of a body (one coding; more are told as not examined).
 * Never: buffers a body; a head, a chunk's size line and a part's head are all
 * that is held, each within its bound.
 */
#include "agent/extract/extract.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "lib/buf.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define HEAD_MAX 65536
#define LINE_MAX_BYTES 4096
#define PART_HEAD_MAX 8192
#define BOUNDARY_MAX 70 /* RFC 2046 section 5.1.1 */
#define REQUESTS_MAX 64
#define OUTPUT_MAX (UINT64_C(256) << 20)
#define RATIO_MAX 1000
#define RATIO_FROM (UINT64_C(1) << 20)

enum phase {
	PHASE_HEAD,
	PHASE_LENGTH, /* a body of known length */
	PHASE_CLOSE, /* a body until the end of the flow */
	PHASE_SIZE, /* a chunk's size line */
	PHASE_CHUNK,
	PHASE_CHUNK_END, /* the line end behind a chunk */
	PHASE_TRAILER,
	PHASE_RAW, /* no HTTP (any more): all is text */
	PHASE_LOST, /* behind a gap: text, until a head begins */
};

static const char DIGITS[] = "0123456789abcdefABCDEF";

enum coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_OTHER };
enum part { PART_OFF, PART_BEFORE, PART_MARK, PART_HEAD, PART_DATA, PART_END };

struct request {
	char method[32];
	char uri[2048], host[256];
};

/* One direction. */
struct side {
	enum direction d;
	enum phase phase;
	struct buf held; /* an unfinished head or line */
	struct request request; /* what the body under way belongs to */
	uint64_t left; /* of a length or a chunk */
	/* How the body is framed if it is not chunked although it says so. */
	enum phase plain_phase;
	uint64_t plain_left;
	/* the body's coding */
	enum coding coding;
	z_stream z;
	bool z_open, z_done, dead; /* dead: the rest is not examined */
	uint8_t first; /* of a deflate body, until its second byte is there */
	bool has_first;
	uint64_t coded, decoded;
	bool broken; /* bytes of the body are missing */
	/* multipart */
	enum part part;
	char mark[BOUNDARY_MAX + 5]; /* CR LF "--" boundary */
	struct buf part_held;
	char filename[512];
	/* the object under way */
	bool object_open;
	struct web_object object;
};

struct web {
	struct web_sink sink;
	bool http;
	bool seen; /* a head was read */
	uint64_t last_id;
	struct side sides[2];
	struct request requests[REQUESTS_MAX];
	size_t requests_at, requests_n;
	struct seal_hash *hash[2];
};

int
web_new(const struct web_sink *sink, struct web **out)
{
	struct web *w = calloc(1, sizeof *w);

	if (w == NULL)
		return -ENOMEM;
	w->sink = *sink;
	w->http = true;
	for (int i = 0; i < 2; i++) {
		w->sides[i].d = (enum direction)i;
		buf_init(&w->sides[i].held, HEAD_MAX + 1); /* and a NUL */
		buf_init(&w->sides[i].part_held, PART_HEAD_MAX * 2);
		if (seal_hash_new(&w->hash[i]) != 0) {
			web_free(w);
			return -ENOMEM;
		}
	}
	*out = w;
	return 0;
}

void
web_free(struct web *w)
{
	if (w == NULL)
		return;
	for (int i = 0; i < 2; i++) {
		if (w->sides[i].z_open)
			(void)inflateEnd(&w->sides[i].z);
		buf_wipe(&w->sides[i].held);
		buf_wipe(&w->sides[i].part_held);
		seal_hash_free(w->hash[i]);
	}
	free(w);
}

bool
web_is_http(const struct web *w)
{
	return w->http;
}

static int
text(struct web *w, const struct side *s, const uint8_t *p, size_t n)
{
	struct content c = {.data = p, .len = n};

	return n == 0 ? 0 : w->sink.text(w->sink.ctx, s->d, c);
}

/* ---- objects ---- */

static int
object_open(struct web *w, struct side *s)
{
	uint8_t none[SEAL_HASH];

	if (s->object_open)
		return 0;
	s->object = (struct web_object){.id = ++w->last_id,
	    .direction = s->d,
	    .protocol = "http/1.1",
	    .method = s->request.method,
	    .uri = s->request.uri,
	    .host = s->request.host,
	    .filename = s->filename};
	seal_hash_end(w->hash[s->d], none); /* empties it */
	s->object_open = true;
	return w->sink.start(w->sink.ctx, &s->object);
}

static int
object_data(struct web *w, struct side *s, const uint8_t *p, size_t n)
{
	struct content c = {.data = p, .len = n};
	int r;

	if (n == 0)
		return 0;
	r = object_open(w, s);
	if (r != 0)
		return r;
	s->object.size += n;
	seal_hash_put(w->hash[s->d], p, n);
	return w->sink.body(w->sink.ctx, s->object.id, c);
}

static int
object_close(struct web *w, struct side *s, bool complete)
{
	if (!s->object_open)
		return 0;
	s->object_open = false;
	s->object.complete = complete && !s->broken;
	seal_hash_end(w->hash[s->d], s->object.sha256);
	return w->sink.object(w->sink.ctx, &s->object);
}

/* ---- multipart ---- */

static const uint8_t *
find(const uint8_t *p, size_t n, const char *what, size_t len)
{
	return n < len ? NULL : memmem(p, n, what, len);
}

/* name=value or name="value" behind a ';' of a header's value. */
static bool
parameter(const char *value, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	for (const char *p = strchr(value, ';'); p != NULL;
	     p = strchr(p, ';')) {
		size_t n;

		p++;
		p += strspn(p, " \t");
		if (strncasecmp(p, name, len) != 0 || p[len] != '=')
			continue;
		p += len + 1;
		if (*p == '"') {
			p++;
			n = strcspn(p, "\"");
		} else {
			n = strcspn(p, "; \t");
		}
		return str_copy_len(out, size, p, n) == 0 && n > 0;
	}
	return false;
}

/* White space and controls, which some receivers take for it. */
static bool
is_blank(char c)
{
	return (unsigned char)c <= ' ' || c == 0x7f;
}

/*
 * A header's value as receivers take it: continued on lines that begin with
 * white space (RFC 9112 section 5.2), without blanks at its ends, and cut to
 * fit.
 */
static void
take_value(const char *v, char *out, size_t size)
{
	size_t n = 0;

	while (*v != '\0') {
		size_t end = strspn(v, "\r\n");

		if (end > 0 && v[end] != ' ' && v[end] != '\t')
			break;
		if (n > 0 || !is_blank(*v)) {
			if (n + 1 == size)
				break;
			out[n++] = *v;
		}
		v++;
	}
	while (n > 0 && is_blank(out[n - 1]))
		n--;
	out[n] = '\0';
}

/*
 * The first value of a header in @head, or false. As lenient as the most
 * lenient receiver: blanks before the colon, a line that ends in CR alone.
 */
static bool
header(const char *head, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	for (const char *p = head; *p != '\0';) {
		const char *q = p;

		if (strncasecmp(p, name, len) == 0) {
			q += len;
			while (*q != ':' && *q != '\n' && *q != '\0' &&
			       is_blank(*q))
				q++;
			if (*q == ':') {
				take_value(q + 1, out, size);
				return true;
			}
		}
		p += strcspn(p, "\r\n");
		p += strspn(p, "\r\n");
	}
	out[0] = '\0';
	return false;
}

/* A part's head ends at @end: takes its file name and begins its data. */
static void
part_begin(struct side *s, size_t end)
{
	char head[PART_HEAD_MAX + 1], value[1024];
	size_t n = end < PART_HEAD_MAX ? end : PART_HEAD_MAX;

	memcpy(head, s->part_held.data, n);
	head[n] = '\0';
	s->filename[0] = '\0';
	if (header(head, "Content-Disposition", value, sizeof value))
		(void)parameter(
		    value, "filename", s->filename, sizeof s->filename);
	buf_drop(&s->part_held, end + 4);
	s->part = PART_DATA;
}

/* One step over what is held; 1: more may be done, 0: more bytes are needed. */
static int
part_step(struct web *w, struct side *s)
{
	struct buf *h = &s->part_held;
	size_t mark = strlen(s->mark);
	const uint8_t *at;
	size_t n;
	int r;

	switch (s->part) {
	case PART_BEFORE:
		/* The first one may stand at the very start: without CR LF. */
		at = find(h->data, h->len, s->mark + 2, mark - 2);
		if (at == NULL) {
			if (h->len > mark)
				buf_drop(h, h->len - mark);
			return 0;
		}
		buf_drop(h, (size_t)(at - h->data) + mark - 2);
		s->part = PART_MARK;
		return 1;
	case PART_MARK:
		if (h->len < 2)
			return 0;
		s->part = memcmp(h->data, "\r\n", 2) == 0 ? PART_HEAD
			  : memcmp(h->data, "--", 2) == 0 ? PART_END
							  : PART_BEFORE;
		if (s->part == PART_END)
			buf_drop(h, 2);
		return 1;
	case PART_HEAD: /* the CR LF before it is still held */
		at = find(h->data, h->len, "\r\n\r\n", 4);
		if (at != NULL) {
			part_begin(s, (size_t)(at - h->data));
			return 1;
		}
		if (h->len > PART_HEAD_MAX) {
			w->sink.skip(
			    w->sink.ctx, "a part's head is too long", h->len);
			s->dead = true;
		}
		return 0;
	case PART_DATA:
		at = find(h->data, h->len, s->mark, mark);
		n = at != NULL      ? (size_t)(at - h->data)
		    : h->len > mark ? h->len - mark
				    : 0;
		r = object_data(w, s, h->data, n);
		buf_drop(h, n);
		if (r != 0 || at == NULL)
			return r;
		r = object_open(w, s); /* an empty part is one, too */
		if (r == 0)
			r = object_close(w, s, true);
		buf_drop(h, mark);
		s->part = PART_MARK;
		return r != 0 ? r : 1;
	case PART_OFF:
	case PART_END:
		buf_reset(h);
		return 0;
	}
	return 0;
}

static int
parts_feed(struct web *w, struct side *s, const uint8_t *p, size_t n)
{
	while (n > 0 && !s->dead) {
		size_t k = n < PART_HEAD_MAX ? n : PART_HEAD_MAX;
		int r;

		buf_put(&s->part_held, p, k);
		if (buf_error(&s->part_held) != 0)
			return buf_error(&s->part_held);
		p += k;
		n -= k;
		while ((r = part_step(w, s)) == 1)
			;
		if (r != 0)
			return r;
	}
	return 0;
}

/* ---- content coding ---- */

static int
plain(struct web *w, struct side *s, const uint8_t *p, size_t n)
{
	s->decoded += n;
	return s->part != PART_OFF ? parts_feed(w, s, p, n)
				   : object_data(w, s, p, n);
}

static void
give_up(struct web *w, struct side *s, const char *why)
{
	w->sink.skip(w->sink.ctx, why, 0);
	s->dead = s->broken = true;
}

/* A body that is not what its coding says: looked at as it is. */
static int
not_coded(struct web *w, struct side *s, const uint8_t *p, size_t n)
{
	w->sink.skip(w->sink.ctx, "the body is not what its coding says", 0);
	if (s->z_open)
		(void)inflateEnd(&s->z);
	s->z_open = false;
	s->coding = CODING_NONE;
	return plain(w, s, p, n);
}

static int
inflate_feed(struct web *w, struct side *s, const uint8_t *p, size_t n)
{
	uint8_t out[16384];

	s->z.next_in = (Bytef *)(uintptr_t)p;
	s->z.avail_in = (uInt)n;
	while (!s->dead && !s->z_done) {
		int z, r;

		s->z.next_out = out;
		s->z.avail_out = sizeof out;
		z = inflate(&s->z, Z_NO_FLUSH);
		r = plain(w, s, out, sizeof out - s->z.avail_out);
		if (r != 0)
			return r;
		if (z == Z_STREAM_END) {
			s->z_done = true;
		} else if (z != Z_OK && z != Z_BUF_ERROR) {
			if (s->decoded == 0 && s->coded == n)
				return not_coded(w, s, p, n);
			give_up(w, s, "the compressed body is damaged");
		} else if (s->decoded > OUTPUT_MAX ||
			   (s->decoded > RATIO_FROM &&
			       s->decoded / RATIO_MAX > s->coded)) {
			give_up(w, s, "the body grows over its budget");
		} else if (s->z.avail_in == 0 && s->z.avail_out > 0) {
			break;
		}
	}
	return 0;
}

static bool
z_start(struct side *s, int bits)
{
	s->z = (z_stream){0};
	s->z_open = inflateInit2(&s->z, bits) == Z_OK;
	return s->z_open;
}

/* "deflate" is zlib's format by the standard and raw by custom. */
static int
deflate_feed(struct web *w, struct side *s, const uint8_t *p, size_t n)
{
	uint8_t two[2];
	bool zlib;
	int r;

	if (s->z_open)
		return inflate_feed(w, s, p, n);
	if (!s->has_first) {
		s->first = p[0];
		s->has_first = true;
		return n == 1 ? 0 : deflate_feed(w, s, p + 1, n - 1);
	}
	two[0] = s->first;
	two[1] = p[0];
	zlib = (two[0] & 15) == 8 && (two[0] * 256 + two[1]) % 31 == 0;
	if (!z_start(s, zlib ? 15 : -15)) {
		give_up(w, s, "no memory to decompress");
		return 0;
	}
	r = inflate_feed(w, s, two, 1);
	return r != 0 ? r : inflate_feed(w, s, p, n);
}

/* The two bytes that gzip begins with are waited for. */
static int
gzip_feed(struct web *w, struct side *s, const uint8_t *p, size_t n)
{
	uint8_t two[2];
	bool held = s->has_first;
	int r = 0;

	if (s->z_open)
		return inflate_feed(w, s, p, n);
	if (!held && n == 1) {
		s->first = p[0];
		s->has_first = true;
		return 0;
	}
	two[0] = held ? s->first : p[0];
	two[1] = held ? p[0] : p[1];
	if (two[0] != 0x1f || two[1] != 0x8b) {
		r = not_coded(w, s, two, held);
		return r != 0 ? r : plain(w, s, p, n);
	}
	if (!z_start(s, 15 + 16)) {
		give_up(w, s, "no memory to decompress");
		return 0;
	}
	if (held)
		r = inflate_feed(w, s, two, 1);
	return r != 0 ? r : inflate_feed(w, s, p, n);
}

static int
body_feed(struct web *w, struct side *s, const uint8_t *p, size_t n)
{
	s->coded += n;
	if (s->dead || n == 0)
		return 0;
	switch (s->coding) {
	case CODING_NONE:
		return plain(w, s, p, n);
	case CODING_GZIP:
		return gzip_feed(w, s, p, n);
	case CODING_DEFLATE:
		return deflate_feed(w, s, p, n);
	case CODING_OTHER:
		/* What it says may not be true. */
		w->sink.skip(w->sink.ctx, "the content coding is not known", 0);
		s->coding = CODING_NONE;
		return plain(w, s, p, n);
	}
	return 0;
}

/* ---- messages ---- */

static void
body_reset(struct side *s)
{
	if (s->z_open)
		(void)inflateEnd(&s->z);
	s->z_open = s->z_done = s->dead = s->has_first = s->broken = false;
	s->coded = s->decoded = 0;
	s->coding = CODING_NONE;
	s->part = PART_OFF;
	s->filename[0] = '\0';
	buf_reset(&s->part_held);
	buf_reset(&s->held);
}

static int
body_end(struct web *w, struct side *s, bool complete)
{
	bool whole = complete && (!s->z_open || s->z_done) &&
		     (s->part == PART_OFF || s->part == PART_END);
	int r = 0, e;

	/* One byte alone is no coding's. */
	if (s->has_first && !s->z_open && s->coding != CODING_NONE)
		r = not_coded(w, s, &s->first, 1);
	/* A body that could not be decoded still went by. */
	if (r == 0 && s->coded > 0 && s->part == PART_OFF)
		r = object_open(w, s);
	e = object_close(w, s, whole);
	body_reset(s);
	s->phase = PHASE_HEAD;
	return r != 0 ? r : e;
}

static bool
has_token(const char *value, const char *token)
{
	size_t len = strlen(token);

	for (const char *p = value; *p != '\0';) {
		size_t n;

		p += strspn(p, ", \t");
		n = strcspn(p, ", \t;");
		if (n == len && strncasecmp(p, token, len) == 0)
			return true;
		p += n;
		p += strcspn(p, ",");
	}
	return false;
}

static void
set_coding(struct side *s, const char *head)
{
	char v[256];

	if (!header(head, "Content-Encoding", v, sizeof v) || v[0] == '\0' ||
	    strcasecmp(v, "identity") == 0)
		s->coding = CODING_NONE;
	else if (strcasecmp(v, "gzip") == 0 || strcasecmp(v, "x-gzip") == 0)
		s->coding = CODING_GZIP;
	else if (strcasecmp(v, "deflate") == 0)
		s->coding = CODING_DEFLATE;
	else
		s->coding = CODING_OTHER;
}

static void
set_parts(struct side *s, const char *head)
{
	char v[1024], boundary[BOUNDARY_MAX + 1];

	if (header(head, "Content-Disposition", v, sizeof v))
		(void)parameter(v, "filename", s->filename, sizeof s->filename);
	if (!header(head, "Content-Type", v, sizeof v) ||
	    strncasecmp(v, "multipart/", 10) != 0 ||
	    !parameter(v, "boundary", boundary, sizeof boundary))
		return;
	must(str_format(s->mark, sizeof s->mark, "\r\n--%s", boundary) == 0);
	s->part = PART_BEFORE;
}

/* The first number of a Content-Length, whatever stands around it. */
static bool
content_length(const char *head, uint64_t *out)
{
	char v[256], digits[20];
	const char *p = v;
	size_t n;

	if (!header(head, "Content-Length", v, sizeof v))
		return false;
	p += strcspn(p, "0123456789");
	n = strspn(p, "0123456789");
	return str_copy_len(digits, sizeof digits, p, n) == 0 &&
	       str_u64(digits, UINT64_C(1) << 60, out) == 0;
}

/* A body that is not chunked. */
static enum phase
set_length(struct side *s, const char *head, bool response)
{
	if (content_length(head, &s->left))
		return s->left > 0 ? PHASE_LENGTH : PHASE_HEAD;
	s->left = 0;
	return response ? PHASE_CLOSE : PHASE_HEAD;
}

/* How the body behind a head is framed: RFC 9112 section 6.3. */
static void
set_framing(struct side *s, const char *head, bool response, bool none)
{
	char v[256];

	s->left = 0;
	s->phase = PHASE_HEAD;
	s->part = PART_OFF;
	s->filename[0] = '\0';
	s->coding = CODING_NONE;
	if (none)
		return;
	set_coding(s, head);
	set_parts(s, head);
	s->phase = set_length(s, head, response);
	if (!header(head, "Transfer-Encoding", v, sizeof v))
		return;
	s->plain_phase = s->phase;
	s->plain_left = s->left;
	s->left = 0;
	s->phase = has_token(v, "chunked") ? PHASE_SIZE : PHASE_CLOSE;
}

static void
take_request(struct web *w, struct side *s, const char *head)
{
	struct request *q = &s->request;
	size_t n = strcspn(head, " \r\n");
	const char *p = head + n + strspn(head + n, " ");

	*q = (struct request){0};
	(void)str_copy_len(q->method, sizeof q->method, head, n);
	n = strcspn(p, " \r\n");
	(void)str_copy_len(q->uri, sizeof q->uri, p,
	    n < sizeof q->uri ? n : sizeof q->uri - 1);
	(void)header(head, "Host", q->host, sizeof q->host);
	w->seen = true;
	if (w->requests_n < REQUESTS_MAX)
		w->requests[(w->requests_at + w->requests_n++) % REQUESTS_MAX] =
		    *q;
	set_framing(s, head, false, str_eq(q->method, "CONNECT"));
}

static void
go_raw(struct web *w)
{
	w->sides[0].phase = w->sides[1].phase = PHASE_RAW;
}

/* What follows cannot be read; another message may come behind it. */
static void
lose(struct web *w, struct side *s)
{
	if (w->seen) {
		s->phase = PHASE_LOST;
		return;
	}
	w->http = false;
	go_raw(w);
}

static void
take_response(struct web *w, struct side *s, const char *head)
{
	const char *p = strchr(head, ' ');
	uint64_t status = 0, length;
	char code[4] = "";
	bool none;

	if (p != NULL && strlen(p) > 3)
		(void)str_copy_len(code, sizeof code, p + 1, 3);
	if (str_u64(code, 999, &status) != 0)
		status = 0;
	w->seen = true;
	s->request = (struct request){0};
	if (w->requests_n > 0) {
		s->request = w->requests[w->requests_at];
		/* An interim answer is followed by the real one. */
		if (status < 100 || status >= 200 || status == 101) {
			w->requests_at = (w->requests_at + 1) % REQUESTS_MAX;
			w->requests_n--;
		}
	}
	/* 204 has no body; if one is announced, some receivers take it. */
	none =
	    (status >= 100 && status < 200) || status == 304 ||
	    (status == 204 && !(content_length(head, &length) && length > 0)) ||
	    str_eq(s->request.method, "HEAD");
	if (status == 101 || (str_eq(s->request.method, "CONNECT") &&
				 status >= 200 && status < 300)) {
		go_raw(w);
		return;
	}
	set_framing(s, head, true, none);
}

/* 1: a head may begin so, 0: it cannot, -1: too few bytes to tell. */
static int
begins(const struct side *s, const uint8_t *p, size_t n)
{
	static const char HTTP[] = "HTTP/";
	size_t i = 0;

	if (s->d == TO_CLIENT) {
		size_t k = n < sizeof HTTP - 1 ? n : sizeof HTTP - 1;

		if (memcmp(p, HTTP, k) != 0)
			return 0;
		if (n < sizeof HTTP)
			return -1;
		return p[k] >= '0' && p[k] <= '9' ? 1 : 0;
	}
	while (i < n && i < 20 &&
	       ((p[i] >= 'A' && p[i] <= 'Z') || p[i] == '-' || p[i] == '_'))
		i++;
	if (i == n && i < 20)
		return -1;
	return i >= 2 && i < 20 && p[i] == ' ' ? 1 : 0;
}

/* A line of blanks that ends as the one before it, in LF alone, is taken for
 * the empty one: the end behind it, or 0. */
static size_t
blank_line(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 2 < n; i++) {
		size_t k = i + 1;

		if (p[i] != '\n')
			continue;
		while (k < n && (p[k] == ' ' || p[k] == '\t'))
			k++;
		if (k < n && p[k] == '\n')
			return k + 1;
	}
	return 0;
}

/* The end of the head in what is held: bytes up to and with the empty line. */
static size_t
head_end(const struct buf *h)
{
	const uint8_t *at = find(h->data, h->len, "\r\n\r\n", 4);
	size_t whole = at != NULL ? (size_t)(at - h->data) + 4 : 0;
	size_t bare = blank_line(h->data, whole > 0 ? whole - 4 : h->len);

	return bare > 0 ? bare : whole;
}

/* What was held is no head: it is text. */
static int
not_http(struct web *w, struct side *s)
{
	int r = text(w, s, s->held.data, s->held.len);

	buf_reset(&s->held);
	lose(w, s);
	return r;
}

static int
feed_head(
    struct web *w, struct side *s, const uint8_t *p, size_t n, size_t *used)
{
	size_t had = s->held.len, k, end;
	int r, b;

	/* Line ends between messages are allowed: RFC 9112 section 2.2. */
	if (had == 0 && (p[0] == '\r' || p[0] == '\n')) {
		*used = 1;
		return 0;
	}
	k = n < HEAD_MAX - had ? n : HEAD_MAX - had;
	buf_put(&s->held, p, k);
	if (buf_error(&s->held) != 0)
		return buf_error(&s->held);
	*used = k;
	b = begins(s, s->held.data, s->held.len);
	if (b == 0)
		return not_http(w, s);
	end = head_end(&s->held);
	if (end == 0) {
		if (s->held.len < HEAD_MAX)
			return 0;
		w->sink.skip(w->sink.ctx, "a head is too long", 0);
		return not_http(w, s);
	}
	*used = end - had;
	r = text(w, s, s->held.data, end);
	s->held.len = end;
	for (size_t i = 0; i < end; i++)
		if (s->held.data[i] == 0)
			s->held.data[i] = ' ';
	buf_put_u8(&s->held, 0);
	if (r == 0 && buf_error(&s->held) == 0) {
		if (s->d == TO_SERVER)
			take_request(w, s, (const char *)s->held.data);
		else
			take_response(w, s, (const char *)s->held.data);
	}
	buf_reset(&s->held);
	return r;
}

/* A chunked body that is none: from its start it is framed otherwise, and
 * further on it is lost. */
static int
not_chunked(struct web *w, struct side *s)
{
	OWN(buf_wipe) struct buf held = s->held;
	struct content c = {.data = held.data, .len = held.len};
	bool first = s->phase == PHASE_SIZE && s->coded == 0;
	int r = 0;

	buf_init(&s->held, HEAD_MAX + 1);
	if (first) {
		s->phase = s->plain_phase;
		s->left = s->plain_left;
	} else {
		s->broken = true;
		r = object_close(w, s, false);
		body_reset(s);
		lose(w, s);
	}
	return r == 0 && c.len > 0 ? web_feed(w, s->d, c) : r;
}

/* A line of a chunked body; *whole is set once its end is there. */
static int
feed_line(struct web *w, struct side *s, const uint8_t *p, size_t n,
    size_t *used, bool *whole)
{
	const uint8_t *end = memchr(p, '\n', n);

	*used = end != NULL ? (size_t)(end - p) + 1 : n;
	*whole = end != NULL;
	if (s->held.len + *used > LINE_MAX_BYTES) {
		*whole = false;
		*used = 0;
		w->sink.skip(w->sink.ctx, "a chunk's line is too long", 0);
		return not_chunked(w, s);
	}
	buf_put(&s->held, p, *used);
	return buf_error(&s->held);
}

/* The size in hexadecimal at the start of a chunk's line. */
static int
chunk_size(const struct buf *line, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0, digits = 0, first;

	while (i < line->len && is_blank((char)line->data[i]))
		i++;
	first = i;
	while (i < line->len && line->data[i] == '0')
		i++;
	for (; i < line->len && digits < 15; i++, digits++) {
		const char *at = memchr(DIGITS, line->data[i], 22);

		if (at == NULL)
			break;
		/* Behind the small letters stand the large ones. */
		v = v * 16 + (uint64_t)(at - DIGITS < 16 ? at - DIGITS
							 : at - DIGITS - 6);
	}
	*out = v;
	return i == first ? -EBADMSG : 0;
}

static int
feed_chunked(
    struct web *w, struct side *s, const uint8_t *p, size_t n, size_t *used)
{
	bool whole;
	int r;

	/* No line may ever end in what is no chunk. */
	if (s->phase == PHASE_SIZE && s->coded == 0 && s->held.len == 0 &&
	    !is_blank((char)p[0]) && memchr(DIGITS, p[0], 22) == NULL) {
		*used = 0;
		return not_chunked(w, s);
	}
	r = feed_line(w, s, p, n, used, &whole);

	if (r != 0 || !whole)
		return r;
	if (s->phase == PHASE_SIZE) {
		if (chunk_size(&s->held, &s->left) != 0)
			return not_chunked(w, s);
		s->phase = s->left > 0 ? PHASE_CHUNK : PHASE_TRAILER;
	} else if (s->phase == PHASE_CHUNK_END) {
		s->phase = PHASE_SIZE;
	} else if (s->held.data[0] == '\r' || s->held.data[0] == '\n') {
		return body_end(w, s, true);
	} else {
		r = text(w, s, s->held.data, s->held.len);
	}
	buf_reset(&s->held);
	return r;
}

static int
feed_counted(
    struct web *w, struct side *s, const uint8_t *p, size_t n, size_t *used)
{
	int r;

	*used = n < s->left ? n : (size_t)s->left;
	r = body_feed(w, s, p, *used);
	s->left -= *used;
	if (r != 0 || s->left > 0)
		return r;
	if (s->phase == PHASE_CHUNK) {
		s->phase = PHASE_CHUNK_END;
		return 0;
	}
	return body_end(w, s, true);
}

static int
feed_lost(
    struct web *w, struct side *s, const uint8_t *p, size_t n, size_t *used)
{
	*used = 0;
	if (begins(s, p, n) == 1) {
		s->phase = PHASE_HEAD;
		return 0;
	}
	*used = n;
	return text(w, s, p, n);
}

static int
feed_some(
    struct web *w, struct side *s, const uint8_t *p, size_t n, size_t *used)
{
	*used = n;
	switch (s->phase) {
	case PHASE_HEAD:
		return feed_head(w, s, p, n, used);
	case PHASE_LENGTH:
	case PHASE_CHUNK:
		return feed_counted(w, s, p, n, used);
	case PHASE_CLOSE:
		return body_feed(w, s, p, n);
	case PHASE_SIZE:
	case PHASE_CHUNK_END:
	case PHASE_TRAILER:
		return feed_chunked(w, s, p, n, used);
	case PHASE_RAW:
		return text(w, s, p, n);
	case PHASE_LOST:
		return feed_lost(w, s, p, n, used);
	}
	return 0;
}

int
web_feed(struct web *w, enum direction d, struct content c)
{
	struct side *s = &w->sides[d];
	const uint8_t *p = c.data;
	size_t n = c.len;

	while (n > 0) {
		size_t used;
		int r = feed_some(w, s, p, n, &used);

		if (r != 0)
			return r;
		p += used;
		n -= used;
	}
	return 0;
}

int
web_gap(struct web *w, enum direction d, uint64_t bytes)
{
	struct side *s = &w->sides[d];
	int r = 0;

	if (s->phase == PHASE_RAW || s->phase == PHASE_LOST)
		return 0;
	s->broken = true;
	/* Inside a body of known length the end is still known. */
	if (s->phase == PHASE_LENGTH && bytes < s->left) {
		s->left -= bytes;
		if (s->coding != CODING_NONE || s->part != PART_OFF)
			s->dead = true;
		return object_open(w, s);
	}
	if (s->phase == PHASE_CLOSE && s->coding == CODING_NONE)
		return object_open(w, s);
	r = text(w, s, s->held.data, s->held.len);
	if (r == 0)
		r = body_end(w, s, false);
	s->phase = PHASE_LOST;
	return r;
}

int
web_close(struct web *w)
{
	int r = 0;

	for (int i = 0; i < 2; i++) {
		struct side *s = &w->sides[i];
		bool complete;
		int e = 0;

		if (s->phase == PHASE_SIZE && s->coded == 0)
			e = not_chunked(w, s);
		if (r == 0)
			r = e;
		complete = s->phase == PHASE_CLOSE;
		if (s->phase == PHASE_HEAD || s->phase == PHASE_LOST)
			(void)text(w, s, s->held.data, s->held.len);
		e = body_end(w, s, complete);
		if (r == 0)
			r = e;
		s->phase = PHASE_RAW;
	}
	return r;
}
