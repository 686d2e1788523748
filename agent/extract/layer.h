/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layer - a container as a source of members (inside the room only).
 *
 * Bytes are pulled: a layer reads the stream of the member that it lies in,
 * and gives the stream of its own current member.
 */
#ifndef AGENT_EXTRACT_LAYER_H
#define AGENT_EXTRACT_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/label.h"
#include "agent/extract/sniff.h"
#include "agent/extract/text.h"

#include "lib/own.h"

#define STREAM_BLOCK (128 * 1024)
/* The longest run of bytes that a reader may ask to have whole. */
#define STREAM_WHOLE 4096

/* The bytes of one member, a block at a time. */
struct stream {
	uint8_t *block; /* STREAM_BLOCK bytes */
	size_t pos, len; /* what of it is not consumed */
	bool end; /* nothing comes behind the block */
	int err; /* why it ended early: see struct layer_ops */
	uint64_t total; /* bytes that came, the block included */
	/* Gives 1..@max bytes, or 0 at the end; or an error. */
	int (*pull)(void *ctx, uint8_t *out, size_t max, size_t *got);
	/* NULL, or goes on at a place of the object itself. */
	void (*seek)(void *ctx, uint64_t offset);
	uint64_t size; /* of what can be sought in */
	void *ctx;
	struct text *text; /* converters, for names and fields */
};

/*
 * stream_fill - brings more bytes behind those that are not consumed, until
 * @want are there or the stream ends. @want is at most STREAM_BLOCK.
 */
void stream_fill(struct stream *s, size_t want);
/* stream_used - bytes that were consumed: where the reader stands. */
uint64_t stream_used(const struct stream *s);
/* stream_seek - goes on at @offset; the stream must be one that can. */
void stream_seek(struct stream *s, uint64_t offset);
/*
 * stream_turn - asked by a layer that works for long without giving a byte.
 * Returns 0, or the budget that is spent: the layer then gives up with it.
 */
int stream_turn(struct stream *s) MUST_CHECK;

struct member {
	char name[1024]; /* escaped; "" if the container has none */
	int err; /* why it cannot be read at all, or 0 */
	uint64_t size; /* as the container tells, 0 if it does not */
	/* What else the container says; the member's bytes have the last word. */
	enum charset charset; /* CHARSET_ASCII: nothing */
	enum container kind; /* CONTAINER_MAIL, or none */
	const char *type; /* NULL, or of a text without structure */
	bool fields; /* lines of "name: value", among which may be labels */
};

/*
 * What a kind of container can do. next: 1 and a member, 0 at the end, or an
 * error. pull gives the member's bytes. Errors: -EBADMSG damaged, -ENODATA cut
 * short, -EACCES encrypted, -ENOTSUP a method that is not known, -ESPIPE a
 * place that was passed already, -EOVERFLOW too large to be held, -ENOMSG only
 * pictures, -EILSEQ codes that stand for no known character, -EMFILE more parts
 * than are kept, -ENOMEM.
 */
struct layer_ops {
	/* @kind: which of its kinds, for a layer that has several. */
	int (*open)(struct stream *below, enum container kind, void **state);
	int (*next)(void *state, struct member *m);
	int (*pull)(void *state, uint8_t *out, size_t max, size_t *got);
	/* Gives back to @below what was read ahead. */
	void (*close)(void *state);
	/* True if its only member is the container in another form: it then
	 * adds no name of its own between two containers. */
	bool wrapper;
};

extern const struct layer_ops gunzip_layer;
/* A message, and a file of them. */
extern const struct layer_ops mime_layer;
extern const struct layer_ops mbox_layer;
/* Files of many members, and compressed streams of one. */
extern const struct layer_ops archive_layer;
extern const struct layer_ops archive_stream_layer;
/* Documents whose text lies in pieces that refer to each other. */
extern const struct layer_ops pdf_layer;
extern const struct layer_ops sqlite_layer;

#endif
