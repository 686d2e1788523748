/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str - bounded text: copies, numbers, and the encodings of bytes as text.
 *
 * Owns: nothing; every function writes into the caller's storage.
 * Never: truncates silently; a result that does not fit is an error.
 */
#ifndef LIB_STR_H
#define LIB_STR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/own.h"

/* str_copy - copies with a NUL; -ENAMETOOLONG (and "") if it does not fit. */
int str_copy(char *out, size_t size, const char *s);
/* str_copy_len - the same for @len bytes that need no NUL. */
int str_copy_len(char *out, size_t size, const void *s, size_t len);
/* str_format - snprintf whose result must fit; -ENAMETOOLONG (and "") else. */
int str_format(char *out, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* str_eq - true if both are equal; NULL equals only NULL. */
bool str_eq(const char *a, const char *b);
/* str_starts - true if @s begins with @prefix. */
bool str_starts(const char *s, const char *prefix);
/* str_listed - true if @word, which has no comma and is not empty, is one of the
 * words of @list, which has a comma between two. */
bool str_listed(const char *list, const char *word);

/*
 * str_u64 - reads a whole decimal number without sign or space.
 * Returns 0, -EINVAL for anything else, -ERANGE over @max.
 */
int str_u64(const char *s, uint64_t max, uint64_t *out) MUST_CHECK;

/* str_id - small letters, digits, "_", "-" and ".", at most @max of them, none
 * of the ends a ".". */
bool str_id(const char *s, size_t max);

/* str_utf8 - true if the bytes are well-formed UTF-8 (RFC 3629 section 4). */
bool str_utf8(const void *data, size_t len);
/*
 * str_escape - writes foreign bytes for a log or a terminal: printable ASCII
 * and well-formed UTF-8 stay, control characters, DEL, C1 and bad bytes become
 * \xHH, a backslash is doubled. What does not fit ends in "...".
 */
void str_escape(char *out, size_t size, const void *data, size_t len);

/* Lower-case hexadecimal; @out has 2 * len + 1 bytes. */
void str_hex(char *out, const void *data, size_t len);
/* str_unhex - @len bytes from 2 * len digits; -EBADMSG for anything else. */
int str_unhex(void *out, size_t len, const char *hex) MUST_CHECK;

/* RFC 4648: section 4 with padding, and section 5 (URL-safe) without. */
void str_base64(struct buf *out, const void *data, size_t len);
void str_base64url(struct buf *out, const void *data, size_t len);
/* str_unbase64 - strict section 4 with padding; -EBADMSG for anything else. */
int str_unbase64(struct buf *out, const char *text, size_t len) MUST_CHECK;
/* str_unbase64url - strict section 5 without padding. */
int str_unbase64url(struct buf *out, const char *text, size_t len) MUST_CHECK;

/* str_distance - Levenshtein distance, at most 31 bytes of each are looked at. */
unsigned str_distance(const char *a, const char *b);

#endif
