/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sniff - what bytes are, by their first block.
 *
 * Owns: libmagic, and the magic bytes of the containers that are opened.
 * Never: looks at a name; lets a type decide that bytes are not examined.
 *
 * libmagic costs twenty times what matching the same file costs, so it is
 * asked only for what is neither text nor a container of ours.
 */
#include "agent/extract/sniff.h"

#include <errno.h>
#include <magic.h>
#include <string.h>

#include "lib/own.h"

#define LOOK 4096 /* bytes that libmagic sees */
#define TAR_BLOCK 512

struct sniff {
	magic_t magic;
};

static const char *const TYPES[CONTAINERS] = {
    [CONTAINER_NONE] = "application/octet-stream",
    [CONTAINER_GZIP] = "application/gzip",
    [CONTAINER_ZIP] = "application/zip",
    [CONTAINER_TAR] = "application/x-tar",
};

const char *
sniff_container_type(enum container c)
{
	return TYPES[c];
}

/* The header's own sum, with its field taken as spaces (POSIX pax, 4.19). */
static bool
tar_sum(const uint8_t *p)
{
	uint32_t sum = 0, told = 0;
	size_t i;

	for (i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : p[i];
	for (i = 148; i < 156 && p[i] == ' '; i++)
		;
	for (; i < 156 && p[i] >= '0' && p[i] <= '7'; i++)
		told = told * 8 + (uint32_t)(p[i] - '0');
	return told == sum;
}

enum container
sniff_container(const uint8_t *p, size_t len)
{
	if (len >= 10 && memcmp(p, "\x1f\x8b\x08", 3) == 0)
		return CONTAINER_GZIP;
	/* A local header, or an archive without entries. */
	if (len >= 22 &&
	    (memcmp(p, "PK\3\4", 4) == 0 || memcmp(p, "PK\5\6", 4) == 0))
		return CONTAINER_ZIP;
	if (len >= TAR_BLOCK && memcmp(p + 257, "ustar", 5) == 0 && tar_sum(p))
		return CONTAINER_TAR;
	return CONTAINER_NONE;
}

int
sniff_new(struct sniff **out, struct diag *why)
{
	/* The checks that are left out are those for text and containers. */
	const int flags = MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS |
			  MAGIC_NO_CHECK_TAR | MAGIC_NO_CHECK_TOKENS |
			  MAGIC_NO_CHECK_ENCODING | MAGIC_NO_CHECK_TEXT |
			  MAGIC_NO_CHECK_CSV | MAGIC_NO_CHECK_JSON |
			  MAGIC_NO_CHECK_CDF | MAGIC_NO_CHECK_ELF;
	struct sniff *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -ENOMEM;
	s->magic = magic_open(flags);
	if (s->magic == NULL || magic_load(s->magic, NULL) != 0) {
		(void)diag_set(why, -ENOENT, "libmagic: %s",
		    s->magic != NULL ? magic_error(s->magic) : "no memory");
		sniff_free(s);
		return -ENOENT;
	}
	*out = s;
	return 0;
}

void
sniff_free(struct sniff *s)
{
	if (s == NULL)
		return;
	if (s->magic != NULL)
		magic_close(s->magic);
	free(s);
}

/* A type is "word/word" of plain characters, whatever a database says. */
static bool
plain(const char *type)
{
	size_t n = strnlen(type, 80);

	for (size_t i = 0; i < n; i++)
		if (type[i] <= ' ' || type[i] > '~' || type[i] == '"')
			return false;
	return n > 0 && n < 80 && strchr(type, '/') != NULL;
}

const char *
sniff_type(struct sniff *s, const uint8_t *p, size_t len)
{
	const char *type = magic_buffer(s->magic, p, len < LOOK ? len : LOOK);

	return type != NULL && plain(type) ? type : TYPES[CONTAINER_NONE];
}
