/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail - the fields and the transfer encodings of Internet mail (inside the
 * room only).
 */
#ifndef AGENT_EXTRACT_MAIL_H
#define AGENT_EXTRACT_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/extract/text.h"
#include "lib/buf.h"

#include "lib/own.h"

/* ---- fields (header.c) --------------------------------------------------- */

/* header_name - the length of the name of a field, 0 if the line is none. */
size_t header_name(const uint8_t *p, size_t len);
/* header_is - true if the name of a field is that, in whatever case. */
bool header_is(const uint8_t *p, size_t name_len, const char *name);
/* header_separator - true for the line before a message of an mbox. */
bool header_separator(const uint8_t *p, size_t len);
/*
 * header_sniff - true if the bytes begin with the fields of a message. @told:
 * the container says that they do, so that one field is enough.
 */
bool header_sniff(const uint8_t *p, size_t len, bool told);
/*
 * header_decode - a field's text with its encoded words (RFC 2047) as UTF-8;
 * what is none stays as it is. At most four bytes come out of one.
 */
void header_decode(
    struct text *t, const uint8_t *p, size_t len, struct buf *out);
/*
 * header_param - a parameter of a field's value as UTF-8, in one piece or in
 * several (RFC 2231). What finds no room in @out of @size is left out.
 * Returns false, and "", if there is none. @plain: unless NULL, true if it
 * stands in the value as it is.
 */
bool header_param(struct text *t, const uint8_t *p, size_t len,
    const char *name, char *out, size_t size, bool *plain);

/* ---- encodings (transfer.c) ---------------------------------------------- */

/* The state between lines. */
struct base64 {
	uint32_t bits;
	unsigned n; /* characters of the group so far */
	bool bad; /* something was no base64 */
};

/*
 * transfer_base64 - decodes what is of the alphabet (RFC 2045, 6.8). @out has room
 * for @len bytes. Returns the bytes written.
 */
size_t transfer_base64(
    struct base64 *b, const uint8_t *p, size_t len, uint8_t *out);
/* transfer_base64_end - the last group, if it is not whole; as above, @out has three. */
size_t transfer_base64_end(struct base64 *b, uint8_t *out);
/* transfer_base64_likely - false for a line that is rather something to be read. */
bool transfer_base64_likely(const uint8_t *p, size_t len);
/*
 * transfer_quoted - decodes a line of quoted-printable (RFC 2045, 6.7); *soft: its
 * end is not part of the text. Returns the bytes written, at most @len.
 */
size_t transfer_quoted(const uint8_t *p, size_t len, uint8_t *out, bool *soft);
/* transfer_uu_begin - the length of the name's place in a "begin 644 name", or 0. */
size_t transfer_uu_begin(const uint8_t *p, size_t len);
/*
 * transfer_uu - decodes a line (POSIX uuencode). @out has room for 63 bytes.
 * Returns the bytes written, or -1 if the line is none.
 */
int transfer_uu(const uint8_t *p, size_t len, uint8_t *out);

#endif
