/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract - the door of the extraction room: bytes of an object in, text
 * pieces of its members out. Runs jailed; everything it reads is hostile.
 *
 * Owns: types, charsets, containers, HTTP bodies, and the budgets for them.
 * Never: decides by a file's name whether to look; drops a byte unsaid.
 */
#ifndef AGENT_EXTRACT_H
#define AGENT_EXTRACT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/content.h"
#include "lib/diag.h"
#include "lib/flow.h"
#include "lib/label.h"
#include "lib/own.h"

/* Budgets for one object; extract_limits_default() has the documented ones. */
struct extract_limits {
	uint64_t bytes_max; /* of the object itself that are read */
	uint64_t output_max; /* decoded bytes over all members */
	uint64_t ratio_max; /* decoded / encoded, once over 1 MiB */
	unsigned entries_max; /* members over all depths */
	unsigned depth_max; /* containers in containers */
	uint64_t cpu_us_max; /* CPU time of this process */
	uint64_t memory_max; /* that decoding makes this process grow by */
};

struct extract_limits extract_limits_default(void);

/*
 * Where pieces go. Every member is begin, text × n, end, in this order, and
 * never two at once.
 */
struct extract_sink {
	void *ctx;
	/* NULL, or told what a member is before its text, or before the
	 * members that lie in it. @kind: "" or a word of chaperone-rules(5),
	 * "keystore/jks". 0 or negative errno, which stops. */
	int (*kind)(
	    void *ctx, const char *member, const char *type, const char *kind);
	/* @member: "" for the object itself, else "a.tar.gz!b.csv", UTF-8 or
	 * escaped; @type: a MIME type. 0 or negative errno, which stops. */
	int (*begin)(void *ctx, const char *member, const char *type);
	/* UTF-8 text (or raw bytes where no charset fits). */
	int (*text)(void *ctx, struct content c);
	/* Ends the member. */
	int (*end)(void *ctx);
	/* NULL, or told each classification label that was written in the
	 * member that ended last: it holds for all of what this lies in,
	 * "a.docx" with "a.docx!docProps/custom.xml". 0 or negative errno. */
	int (*label)(void *ctx, const char *member, const struct label *label);
	/* Not examined: @bytes of @member (0 if not known) for @reason. */
	void (*skip)(
	    void *ctx, const char *member, const char *reason, uint64_t bytes);
};

struct extract;

/*
 * extract_new - loads what must be loaded before the jail (libmagic's
 * database, iconv's converters), so that no file is opened later.
 */
int extract_new(struct extract **out, struct diag *why) MUST_CHECK;
void extract_free(struct extract *x);

/*
 * extract_file - reads a regular file by descriptor, from its start.
 * @examined: bytes of the object that were looked at.
 * @type: at least 80 bytes, the MIME type of the whole.
 * Returns 0 (also when budgets were hit; skip() told it), or what a sink
 * function returned, or -errno of a read.
 */
int extract_file(struct extract *x, int fd, const struct extract_limits *lim,
    const struct extract_sink *sink, uint64_t *examined, char *type) MUST_CHECK;
/* extract_bytes - the same for bytes in memory (an HTTP body that is done). */
int extract_bytes(struct extract *x, struct content c,
    const struct extract_limits *lim, const struct extract_sink *sink,
    uint64_t *examined, char *type) MUST_CHECK;

/* extract_kind - of the member that was just begun. Valid inside sink->begin. */
const char *extract_kind(const struct extract *x);

/*
 * extract_raw - maps offsets in the text of the member that was just ended to
 * offsets in the member's own bytes (UTF-16 to UTF-8 moves them, and so do tags
 * that no reader sees). Valid inside sink->end.
 */
uint64_t extract_raw(const struct extract *x, uint64_t text_offset);
/*
 * extract_raw_end - the same for the end of a span: behind the character that
 * precedes the offset, whatever lies between that and the next one.
 */
uint64_t extract_raw_end(const struct extract *x, uint64_t text_offset);

/*
 * The HTTP/1.x side (web.c): one per flow, fed in order per direction.
 * Bodies are decoded (chunked, content-length, gzip, deflate, multipart) and
 * come out as objects.
 */
struct web_object {
	uint64_t id; /* from 1 within the flow */
	enum direction direction;
	const char *protocol; /* "http/1.1" */
	const char *method; /* of the request; "" if not seen */
	const char *uri; /* "" if not seen; not masked */
	const char *host; /* "" if not seen; not masked */
	const char *filename; /* of a multipart part or disposition, or "" */
	uint64_t size; /* bytes after transfer and content decoding */
	bool complete;
	uint8_t sha256[32]; /* of these bytes; for replay only */
};

struct web_sink {
	void *ctx;
	/* A body starts; then body × n; then object() closes it. Bodies of
	 * one direction follow each other; those of the two directions mix,
	 * so each call names its object. */
	int (*start)(void *ctx, const struct web_object *o);
	int (*body)(void *ctx, uint64_t id, struct content c);
	int (*object)(void *ctx, const struct web_object *o);
	/* Text outside bodies to be scanned too: request line, header values. */
	int (*text)(void *ctx, enum direction d, struct content c);
	void (*skip)(void *ctx, const char *reason, uint64_t bytes);
};

struct web;

int web_new(const struct web_sink *sink, struct web **out) MUST_CHECK;
void web_free(struct web *w);
/*
 * web_feed - the next payload bytes of a direction, in order.
 * web_gap - @bytes are missing here; the parser resynchronises or says that it
 * cannot. web_close - the flow is over; what is open is told as not complete.
 */
int web_feed(struct web *w, enum direction d, struct content c) MUST_CHECK;
int web_gap(struct web *w, enum direction d, uint64_t bytes) MUST_CHECK;
int web_close(struct web *w) MUST_CHECK;
/* web_is_http - false once the flow is known not to be HTTP/1.x; its bytes
 * then go to text() so that cleartext of other protocols is scanned. */
bool web_is_http(const struct web *w);

/* ---- what is shown in a terminal (screen.c) ---- */

/* Zero at the begin of a stream. */
struct screen {
	uint8_t state;
	uint8_t held; /* the last byte of text, 0: none */
	bool back; /* the next is put over it */
	bool begun; /* the line holds something */
	uint8_t n; /* of: */
	uint8_t parameters[32]; /* of a control sequence */
};

/* screen_feed - appends the text of @c to @out; what is at the end of it may be
 * kept. screen_end - that, too; @s is then zero. */
void screen_feed(struct screen *s, struct content c, struct buf *out);
void screen_end(struct screen *s, struct buf *out);

/* ---- what an SFTP server answers (sftp.c) ---- */

/* Zero at the begin of a stream. */
struct sftp {
	uint8_t head[13];
	uint8_t have; /* of the head */
	uint8_t type;
	uint32_t left; /* of the packet */
	bool lost; /* its form is not known any more */
};

struct sftp_sink {
	void *ctx;
	void (*data)(void *ctx, struct content c); /* of files, in order */
	void (*file)(void *ctx); /* what comes is of another one */
};

/* sftp_begins - it looks like such a stream, or like the middle of one. */
bool sftp_begins(struct content c);
void sftp_feed(struct sftp *s, struct content c, const struct sftp_sink *sink);
/* sftp_gap - bytes that are missing. */
void sftp_gap(struct sftp *s, uint64_t bytes, const struct sftp_sink *sink);

#endif
