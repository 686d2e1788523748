/* SPDX-License-Identifier: Apache-2.0 */
/*
 * form - the encodings of what a browser sends.
 *
 * Owns: URL's form encoding and RFC 7617's credentials, strictly.
 * Never: cuts a text that does not fit; lets a NUL through.
 */
#include <errno.h>
#include <string.h>

#include "collector/web/inner.h"
#include "lib/str.h"

#include "lib/own.h"

#define TARGET_MAX 1024

static int
hex(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int
decode(const uint8_t *p, size_t len, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = p[i] == '+' ? ' ' : p[i];

		if (c == '%') {
			int high = len - i < 3 ? -1 : hex(p[i + 1]);
			int low = len - i < 3 ? -1 : hex(p[i + 2]);

			if (high < 0 || low < 0)
				return -EBADMSG;
			c = high << 4 | low;
			i += 2;
		}
		if (c == 0 || n + 1 >= size)
			return -EBADMSG;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return 0;
}

int
form_get(const void *body, size_t len, const char *name, char *out, size_t size)
{
	const uint8_t *p = body;
	size_t want = strlen(name);

	out[0] = '\0';
	while (len > 0) {
		const uint8_t *end = memchr(p, '&', len);
		size_t n = end == NULL ? len : (size_t)(end - p);

		if (n > want && p[want] == '=' && memcmp(p, name, want) == 0) {
			int r = decode(p + want + 1, n - want - 1, out, size);

			if (r != 0)
				out[0] = '\0';
			return r;
		}
		n += end == NULL ? 0 : 1;
		p += n;
		len -= n;
	}
	return -ENOENT;
}

void
form_put(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		uint8_t c = (uint8_t)*text;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || strchr("-._~", c) != NULL)
			buf_put_u8(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

int
form_basic(const char *header, char *user, size_t user_size, char *password,
    size_t password_size)
{
	OWN(buf_wipe) struct buf text = {0};
	const char *colon, *s;

	if (strncasecmp(header, "Basic ", 6) != 0)
		return -EBADMSG;
	header += 6;
	header += strspn(header, " ");
	buf_init(&text, user_size + password_size);
	if (str_unbase64(&text, header, strlen(header)) != 0)
		return -EBADMSG;
	s = buf_text(&text);
	if (s == NULL || strlen(s) != text.len)
		return -EBADMSG;
	colon = strchr(s, ':');
	if (colon == NULL ||
	    str_copy_len(user, user_size, s, (size_t)(colon - s)) != 0 ||
	    str_copy(password, password_size, colon + 1) != 0)
		return -EBADMSG;
	return 0;
}

bool
form_target_ok(const char *target)
{
	/* "//host" and "/\host" are another site's. */
	if (target[0] != '/' || target[1] == '/' || target[1] == '\\' ||
	    strnlen(target, TARGET_MAX) == TARGET_MAX)
		return false;
	for (; *target != '\0'; target++)
		if (*target <= ' ' || *target >= 0x7f || *target == '\\')
			return false;
	return true;
}
