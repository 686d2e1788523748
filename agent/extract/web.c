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

/* The value of a header in @head (lines that end in CR LF), or false. */
static bool
header(const char *head, const char *name, char *out, size_t size)
{
	size_t len = strlen(name);

	for (const char *p = head; *p != '\0';) {
		size_t line = strcspn(p, "\r\n");

		if (line > len && p[len] == ':' &&
		    strncasecmp(p, name, len) == 0) {
			const char *v = p + len + 1;
			size_t n = line - len - 1;

			while (n > 0 && (*v == ' ' || *v == '\t')) {
				v++;
				n--;
			}
			while (n > 0 && (v[n - 1] == ' ' || v[n - 1] == '\t'))
				n--;
			return str_copy_len(out, size, v, n) == 0;
		}
		p += line;
		p += strspn(p, "\r\n");
	}
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
		if (!s->z_open && !z_start(s, 15 + 16)) {
			give_up(w, s, "no memory to decompress");
			return 0;
		}
		return inflate_feed(w, s, p, n);
	case CODING_DEFLATE:
		return deflate_feed(w, s, p, n);
	case CODING_OTHER:
		give_up(w, s, "the content coding is not known");
		return 0;
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

	/* A body that could not be decoded still went by. */
	if (s->coded > 0 && s->part == PART_OFF)
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
	if (header(head, "Transfer-Encoding", v, sizeof v))
		s->phase = has_token(v, "chunked") ? PHASE_SIZE : PHASE_CLOSE;
	else if (header(head, "Content-Length", v, sizeof v) &&
		 str_u64(v, UINT64_C(1) << 60, &s->left) == 0)
		s->phase = s->left > 0 ? PHASE_LENGTH : PHASE_HEAD;
	else if (response)
		s->phase = PHASE_CLOSE;
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

static void
take_response(struct web *w, struct side *s, const char *head)
{
	const char *p = strchr(head, ' ');
	uint64_t status = 0;
	char code[4] = "";
	bool none;

	if (p != NULL && strlen(p) > 3)
		(void)str_copy_len(code, sizeof code, p + 1, 3);
	if (str_u64(code, 999, &status) != 0)
		status = 0;
	s->request = (struct request){0};
	if (w->requests_n > 0) {
		s->request = w->requests[w->requests_at];
		/* An interim answer is followed by the real one. */
		if (status < 100 || status >= 200 || status == 101) {
			w->requests_at = (w->requests_at + 1) % REQUESTS_MAX;
			w->requests_n--;
		}
	}
	none = (status >= 100 && status < 200) || status == 204 ||
	       status == 304 || str_eq(s->request.method, "HEAD");
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
	static const char HTTP[] = "HTTP/1.";
	size_t i = 0;

	if (s->d == TO_CLIENT) {
		size_t k = n < sizeof HTTP - 1 ? n : sizeof HTTP - 1;

		if (memcmp(p, HTTP, k) != 0)
			return 0;
		return k < sizeof HTTP - 1 ? -1 : 1;
	}
	while (i < n && i < 20 &&
	       ((p[i] >= 'A' && p[i] <= 'Z') || p[i] == '-' || p[i] == '_'))
		i++;
	if (i == n && i < 20)
		return -1;
	return i >= 2 && i < 20 && p[i] == ' ' ? 1 : 0;
}

/* The end of the head in what is held: bytes up to and with the empty line. */
static size_t
head_end(const struct buf *h)
{
	const uint8_t *at = find(h->data, h->len, "\r\n\r\n", 4);
	const uint8_t *bare = find(h->data, h->len, "\n\n", 2);

	if (at != NULL && (bare == NULL || at < bare))
		return (size_t)(at - h->data) + 4;
	return bare != NULL ? (size_t)(bare - h->data) + 2 : 0;
}

/* What was held is no head: it is text, and so is all that follows. */
static int
not_http(struct web *w, struct side *s)
{
	int r = text(w, s, s->held.data, s->held.len);

	if (w->last_id == 0 && w->requests_n == 0)
		w->http = false;
	buf_reset(&s->held);
	go_raw(w);
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
	/* A NUL in a head ends what is read of it. */
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
		w->sink.skip(w->sink.ctx, "a chunk's line is too long", 0);
		s->broken = true;
		go_raw(w);
		return object_close(w, s, false);
	}
	buf_put(&s->held, p, *used);
	return buf_error(&s->held);
}

/* The size in hexadecimal at the start of a chunk's line. */
static int
chunk_size(const struct buf *line, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < line->len && i < 15; i++) {
		static const char HEX[] = "0123456789abcdef";
		const char *at;
		int c = line->data[i];

		if (c >= 'A' && c <= 'F')
			c += 'a' - 'A';
		at = c == 0 ? NULL : strchr(HEX, c);
		if (at == NULL)
			break;
		v = v * 16 + (uint64_t)(at - HEX);
	}
	*out = v;
	return i == 0 ? -EBADMSG : 0;
}

static int
feed_chunked(
    struct web *w, struct side *s, const uint8_t *p, size_t n, size_t *used)
{
	bool whole;
	int r = feed_line(w, s, p, n, used, &whole);

	if (r != 0 || !whole)
		return r;
	if (s->phase == PHASE_SIZE) {
		if (chunk_size(&s->held, &s->left) != 0) {
			s->broken = true;
			go_raw(w);
			r = object_close(w, s, false);
		} else {
			s->phase = s->left > 0 ? PHASE_CHUNK : PHASE_TRAILER;
		}
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
		bool complete = s->phase == PHASE_CLOSE;
		int e;

		if (s->phase == PHASE_HEAD || s->phase == PHASE_LOST)
			(void)text(w, s, s->held.data, s->held.len);
		e = body_end(w, s, complete);
		if (r == 0)
			r = e;
		s->phase = PHASE_RAW;
	}
	return r;
}
