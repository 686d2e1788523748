/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - bounded bytes that grow, and the big-endian reader beside them.
 *
 * Owns: its memory, up to the maximum that it was made with.
 * Never: grows past that maximum, and never reads past the end.
 *
 * Errors are sticky: after the first failed put, buf_error() is negative and
 * every later put does nothing, so that a writer checks once, at the end. The
 * same holds for struct cur: a get past the end yields zeroes and sets @bad.
 */
#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/own.h"

struct buf {
	uint8_t *data; /* NULL while empty */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* bytes allowed */
	int err; /* 0, -ENOBUFS or -ENOMEM */
};

/* buf_init - makes an empty buffer that may grow to @max bytes. */
void buf_init(struct buf *b, size_t max);
/* buf_done - frees the memory; the buffer may be initialised again. */
void buf_done(struct buf *b);
/* buf_wipe - overwrites, then frees; for keys and content. */
void buf_wipe(struct buf *b);
/* buf_reset - empties the buffer and its error, keeps the memory. */
void buf_reset(struct buf *b);
/* buf_error - 0, -ENOBUFS over @max, or -ENOMEM. */
int buf_error(const struct buf *b) MUST_CHECK;

/* buf_grow - makes @n more bytes and returns where they start, or NULL. */
uint8_t *buf_grow(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *data, size_t len);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
/* buf_put_blob - a u32 length, then the bytes. */
void buf_put_blob(struct buf *b, const void *data, size_t len);
/* buf_put_str - the same for a C string; NULL is the empty string. */
void buf_put_str(struct buf *b, const char *s);
/* buf_printf - appends text without a terminating NUL. */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* buf_text - the bytes as a C string (a NUL is kept behind them), or NULL. */
const char *buf_text(struct buf *b);
/* buf_drop - removes the first @n bytes; @n over len removes all. */
void buf_drop(struct buf *b, size_t n);

/* A cursor over borrowed bytes. */
struct cur {
	const uint8_t *data;
	size_t left;
	bool bad;
};

void cur_init(struct cur *c, const void *data, size_t len);
uint8_t cur_u8(struct cur *c);
uint16_t cur_u16(struct cur *c);
uint32_t cur_u32(struct cur *c);
uint64_t cur_u64(struct cur *c);
/* cur_bytes - borrows the next @n bytes, or NULL and bad. */
const uint8_t *cur_bytes(struct cur *c, size_t n);
/* cur_blob - borrows what buf_put_blob wrote; *len is 0 when bad. */
const uint8_t *cur_blob(struct cur *c, size_t *len);
/*
 * cur_str - copies what buf_put_str wrote into @out of @size bytes with a NUL.
 * A text that is too long or holds a NUL sets bad and leaves "".
 */
void cur_str(struct cur *c, char *out, size_t size);
/* cur_end - 0 if everything was consumed and nothing was bad, -EBADMSG else. */
int cur_end(const struct cur *c) MUST_CHECK;

#endif
