/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf - bounded bytes that grow, and the big-endian reader beside them.
 *
 * Owns: the growth rule (doubling, never over the maximum) and the byte order.
 * Never: keeps a copy of wiped bytes: buf_grow copies by hand and wipes the
 * old block, because realloc would leave one behind.
 */
#include "lib/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/own.h"

#define BUF_FIRST 64

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_done(struct buf *b)
{
	free(b->data);
	b->data = NULL;
	b->len = b->cap = 0;
	b->err = 0;
}

void
buf_wipe(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_done(b);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}

int
buf_error(const struct buf *b)
{
	return b->err;
}

static bool
buf_reserve(struct buf *b, size_t n)
{
	size_t cap = b->cap;
	uint8_t *data;

	if (b->err != 0)
		return false;
	if (n > b->max - b->len) {
		b->err = -ENOBUFS;
		return false;
	}
	if (n <= b->cap - b->len)
		return true;
	if (cap == 0)
		cap = BUF_FIRST;
	while (cap - b->len < n)
		cap = cap > b->max / 2 ? b->max : cap * 2;
	data = malloc(cap);
	if (data == NULL) {
		b->err = -ENOMEM;
		return false;
	}
	if (b->data != NULL) {
		memcpy(data, b->data, b->len);
		explicit_bzero(b->data, b->len);
		free(b->data);
	}
	b->data = data;
	b->cap = cap;
	return true;
}

uint8_t *
buf_grow(struct buf *b, size_t n)
{
	uint8_t *at;

	if (!buf_reserve(b, n) || b->data == NULL)
		return NULL;
	at = b->data + b->len;
	b->len += n;
	return at;
}

void
buf_put(struct buf *b, const void *data, size_t len)
{
	uint8_t *at;

	if (len == 0)
		return;
	at = buf_grow(b, len);
	if (at != NULL)
		memcpy(at, data, len);
}

static void
buf_put_be(struct buf *b, uint64_t v, unsigned bytes)
{
	uint8_t *at = buf_grow(b, bytes);

	if (at == NULL)
		return;
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

void
buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put_be(b, v, 1);
}

void
buf_put_u16(struct buf *b, uint16_t v)
{
	buf_put_be(b, v, 2);
}

void
buf_put_u32(struct buf *b, uint32_t v)
{
	buf_put_be(b, v, 4);
}

void
buf_put_u64(struct buf *b, uint64_t v)
{
	buf_put_be(b, v, 8);
}

void
buf_put_blob(struct buf *b, const void *data, size_t len)
{
	if (len > UINT32_MAX) {
		b->err = -ENOBUFS;
		return;
	}
	buf_put_u32(b, (uint32_t)len);
	buf_put(b, data, len);
}

void
buf_put_str(struct buf *b, const char *s)
{
	buf_put_blob(b, s, s == NULL ? 0 : strlen(s));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !buf_reserve(b, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	(void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

const char *
buf_text(struct buf *b)
{
	if (!buf_reserve(b, 1))
		return NULL;
	b->data[b->len] = '\0';
	return (const char *)b->data;
}

void
buf_drop(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
}

void
cur_init(struct cur *c, const void *data, size_t len)
{
	*c = (struct cur){.data = data, .left = len};
}

const uint8_t *
cur_bytes(struct cur *c, size_t n)
{
	const uint8_t *at = c->data;

	if (c->bad || n > c->left) {
		c->bad = true;
		return NULL;
	}
	if (n > 0)
		c->data += n;
	c->left -= n;
	return at;
}

static uint64_t
cur_be(struct cur *c, unsigned bytes)
{
	const uint8_t *at = cur_bytes(c, bytes);
	uint64_t v = 0;

	if (at == NULL)
		return 0;
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | at[i];
	return v;
}

uint8_t
cur_u8(struct cur *c)
{
	return (uint8_t)cur_be(c, 1);
}

uint16_t
cur_u16(struct cur *c)
{
	return (uint16_t)cur_be(c, 2);
}

uint32_t
cur_u32(struct cur *c)
{
	return (uint32_t)cur_be(c, 4);
}

uint64_t
cur_u64(struct cur *c)
{
	return cur_be(c, 8);
}

const uint8_t *
cur_blob(struct cur *c, size_t *len)
{
	const uint8_t *at;

	*len = cur_u32(c);
	at = cur_bytes(c, *len);
	if (c->bad)
		*len = 0;
	return at;
}

void
cur_str(struct cur *c, char *out, size_t size)
{
	const uint8_t *at;
	size_t len;

	out[0] = '\0';
	at = cur_blob(c, &len);
	if (len == 0)
		return;
	if (len >= size || memchr(at, '\0', len) != NULL) {
		c->bad = true;
		return;
	}
	memcpy(out, at, len);
	out[len] = '\0';
}

int
cur_end(const struct cur *c)
{
	return c->bad || c->left != 0 ? -EBADMSG : 0;
}
