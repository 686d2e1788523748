/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode - what encoded text looks like, and what it says.
 *
 * The definition of an encoded run is at the top of decode.c.
 */
#ifndef AGENT_DETECT_DECODE_H
#define AGENT_DETECT_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/own.h"

enum decode_layer {
	DECODE_BASE64, /* and base64url: one reader for both alphabets */
	DECODE_HEX,
	DECODE_PERCENT,
	DECODE_QP,
	DECODE_UNICODE,
	DECODE_HTML,
	DECODE_GZIP,
	DECODE_ZLIB,
	DECODE_LAYERS,
};

enum {
	DECODE_DEPTH = 3, /* layers in layers */
	DECODE_PATH_MAX = 48, /* "unicode_escape>unicode_escape>…" */
	DECODE_AHEAD = 64, /* bytes that must be there behind a place */
	DECODE_BACK = 512, /* and before it */
	DECODE_TOKEN_MIN = 11, /* characters of a run */
	DECODE_ESCAPE_MAX = 16, /* bytes of one escape */
	DECODE_LINE_MIN = 40, /* characters of a line that goes on */
};

/* decode_name - as findings and packs have it, "base64". */
const char *decode_name(enum decode_layer l);
/* decode_parse - the layer of a name in a pack, or -1. */
int decode_parse(const char *name);

/* How a run begins. */
struct decode_head {
	enum decode_layer kind;
	unsigned skip; /* bytes before its first character: "0x" */
	bool wide; /* what it says is UTF-16, low byte first */
};

/*
 * decode_token - the next place from @from on, before @to, where a word begins
 * that is encoded; @to if there is none. What stands at @from begins a word or
 * is in none that is long enough.
 */
size_t decode_token(const uint8_t *text, size_t len, size_t from, size_t to,
    struct decode_head *head);
/* decode_maybe - false if decode_head would say so of this word of four. */
bool decode_maybe(const uint8_t *p);
/* decode_head - whether the word at @p (@len bytes are there) is encoded. */
bool decode_head(const uint8_t *p, size_t len, struct decode_head *out);
/* decode_digit - the value of a character of BASE64 or HEX, or -1. */
int decode_digit(enum decode_layer kind, uint8_t c);
/* decode_word - whether a byte may stand in a word of the base64 alphabet. */
bool decode_word(uint8_t c);
/*
 * decode_wrap - bytes from the end of a line at @p to the first character of
 * the next one; 0 if the run does not go on there.
 */
size_t decode_wrap(const uint8_t *p, size_t len);

/* One thing that stands for another. */
struct decode_escape {
	size_t len; /* bytes of the escape */
	uint8_t text[4]; /* what it says */
	size_t n; /* bytes of it; a soft line break has none */
};

/* decode_trigger - the next place before @to where an escape may begin. */
size_t decode_trigger(const uint8_t *text, size_t len, size_t from, size_t to);
/* decode_escape - reads the escape at @p; false if there is none. */
bool decode_escape(const uint8_t *p, size_t len, enum decode_layer *kind,
    struct decode_escape *out);
/* decode_entity - reads one of HTML's five names and nbsp. */
bool decode_entity(const uint8_t *p, size_t len, struct decode_escape *out);
/*
 * decode_vector_* - the same as decode_token and decode_trigger, many bytes at
 * a time, or NULL where the processor cannot: true with such a place in *from;
 * false with how far it came, where what stands is as for decode_token.
 */
typedef bool decode_front_fn(const uint8_t *text, size_t len, size_t *from,
    size_t to, struct decode_head *head);
decode_front_fn *decode_vector_tokens(void);
decode_front_fn *decode_vector_triggers(void);
/* How many escapes of a kind make a stretch, and how far they may stand. */
unsigned decode_need(enum decode_layer kind);
size_t decode_gap(enum decode_layer kind);

#endif
