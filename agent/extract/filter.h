/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter - text with structure to the text that a reader sees (inside the room
 * only).
 *
 * A filter eats UTF-8 and gives pieces of text. What a reader does not see
 * (attributes, comments, declarations) is kept aside, and given when the text
 * is over: nothing of it stands in the middle of a number.
 */
#ifndef AGENT_EXTRACT_FILTER_H
#define AGENT_EXTRACT_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/map.h"
#include "lib/buf.h"
#include "lib/content.h"

#include "lib/own.h"

enum filter_kind {
	FILTER_NONE,
	FILTER_OFFICE, /* XML of an office document */
	FILTER_HTML,
	FILTER_RTF, /* bytes, not UTF-8: it has charsets of its own */
};

/* The most that is fed at once, and what may come out of it. */
#define FILTER_IN (64 * 1024)
#define FILTER_OUT (FILTER_IN * 2 + 4096)
#define FILTER_ASIDE ((size_t)1 << 20)

/* What comes out, and whence. */
struct filter_out {
	uint8_t text[FILTER_OUT];
	size_t len;
	struct map map;
	struct buf aside;
	struct map aside_map;
	uint64_t over; /* bytes that found no room aside */
	uint64_t at; /* where the byte lies that is being eaten */
};

struct markup;
struct rtf;
struct text;

struct filter_loss {
	const char *why;
	uint64_t bytes;
};

struct filter {
	enum filter_kind kind;
	struct filter_out out;
	struct markup *markup;
	struct rtf *rtf;
	bool aside; /* its text is what is given now */
	struct filter_loss lost[3]; /* what was left out, after filter_aside */
	size_t nlost;
};

/* filter_sniff - by the first bytes of a member, in whatever charset. */
enum filter_kind filter_sniff(const uint8_t *p, size_t len);
/* filter_wants_bytes - true for a kind whose charset is not looked for. */
bool filter_wants_bytes(const uint8_t *p, size_t len);
const char *filter_type(enum filter_kind k);

/* filter_new - @text: converters, which it borrows. */
int filter_new(struct filter **out, struct text *text) MUST_CHECK;
void filter_free(struct filter *f);
void filter_start(struct filter *f, enum filter_kind kind);
/*
 * filter_feed - eats at most FILTER_IN bytes; *out is borrowed until the next
 * call and may be empty. Returns how many bytes were eaten.
 */
size_t filter_feed(struct filter *f, struct content c, struct content *out);
/* filter_end - the member is over: the last of its text. */
void filter_end(struct filter *f, struct content *out);
/* filter_aside - all that was kept aside; offsets are then those in it. */
void filter_aside(struct filter *f, struct content *out);
/* filter_forget - wipes what is left of a member. */
void filter_forget(struct filter *f);
uint64_t filter_raw(const struct filter *f, uint64_t offset);
uint64_t filter_raw_end(const struct filter *f, uint64_t offset);

/* For the kinds: a character of the text, made from @raw_len bytes at @raw. */
void filter_put(struct filter_out *o, uint32_t u, uint64_t raw, size_t raw_len);
/* filter_byte - a byte that is itself. */
void filter_byte(struct filter_out *o, uint8_t b, uint64_t raw);
/* filter_mark - a byte that stands for structure, and was made from none. */
void filter_mark(struct filter_out *o, uint8_t b);
/* filter_keep - a byte aside, which was made from that at @raw. */
void filter_keep(struct filter_out *o, uint8_t b, uint64_t raw);
/* filter_keep_put - a character aside, made from @raw_len bytes at @raw. */
void filter_keep_put(
    struct filter_out *o, uint32_t u, uint64_t raw, size_t raw_len);
void filter_keep_mark(struct filter_out *o, const char *text);

int markup_new(struct markup **out) MUST_CHECK;
void markup_free(struct markup *m);
void markup_start(struct markup *m, bool html);
void markup_eat(
    struct markup *m, struct filter_out *o, const uint8_t *p, size_t len);
void markup_end(struct markup *m, struct filter_out *o);

int rtf_new(struct rtf **out, struct text *text) MUST_CHECK;
void rtf_free(struct rtf *r);
void rtf_start(struct rtf *r);
void rtf_eat(struct rtf *r, struct filter_out *o, const uint8_t *p, size_t len);
void rtf_end(struct rtf *r, struct filter_out *o);
/* Bytes of pictures and of embedded objects so far. */
uint64_t rtf_pictures(const struct rtf *r);
uint64_t rtf_objects(const struct rtf *r);

#endif
