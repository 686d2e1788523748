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

#include "agent/extract/mail.h"

#include "lib/own.h"

#define LOOK 4096 /* bytes that libmagic sees */
#define TAR_BLOCK 512

struct sniff {
	magic_t magic;
};

static const char *const TYPES[CONTAINERS] = {
    [CONTAINER_NONE] = "application/octet-stream",
    [CONTAINER_GZIP] = "application/gzip",
    [CONTAINER_MAIL] = "message/rfc822",
    [CONTAINER_MBOX] = "application/mbox",
    [CONTAINER_ZIP] = "application/zip",
    [CONTAINER_TAR] = "application/x-tar",
    [CONTAINER_BZIP2] = "application/x-bzip2",
    [CONTAINER_XZ] = "application/x-xz",
    [CONTAINER_ZSTD] = "application/zstd",
    [CONTAINER_LZ4] = "application/x-lz4",
    [CONTAINER_LZIP] = "application/x-lzip",
    [CONTAINER_COMPRESS] = "application/x-compress",
    [CONTAINER_RPM] = "application/x-rpm",
    [CONTAINER_7ZIP] = "application/x-7z-compressed",
    [CONTAINER_CPIO] = "application/x-cpio",
    [CONTAINER_AR] = "application/x-archive",
    [CONTAINER_CAB] = "application/vnd.ms-cab-compressed",
    [CONTAINER_RAR] = "application/x-rar",
    [CONTAINER_RAR5] = "application/x-rar",
    [CONTAINER_ISO9660] = "application/x-iso9660-image",
    [CONTAINER_SQLITE] = "application/vnd.sqlite3",
    [CONTAINER_PDF] = "application/pdf",
};

const char *
sniff_container_type(enum container c)
{
	return TYPES[c];
}

#define OOXML "application/vnd.openxmlformats-officedocument."
#define ODF "application/vnd.oasis.opendocument."

/* A name that an entry of the zip has (or its content, which is its type). */
static const struct {
	const char *bytes, *type;
} DOCUMENTS[] = {
    {"word/", OOXML "wordprocessingml.document"},
    {"xl/", OOXML "spreadsheetml.sheet"},
    {"ppt/", OOXML "presentationml.presentation"},
    {"mimetype" ODF "text", ODF "text"},
    {"mimetype" ODF "spreadsheet", ODF "spreadsheet"},
    {"mimetype" ODF "presentation", ODF "presentation"},
    {"mimetype" ODF "graphics", ODF "graphics"},
};

const char *
sniff_zip_type(const uint8_t *p, size_t len)
{
	/* Names lie 30 bytes behind the mark of their header. */
	for (size_t at = 0; len - at >= 64;) {
		const uint8_t *h = memmem(p + at, len - at, "PK\3\4", 4);

		if (h == NULL || (size_t)(p + len - h) < 64)
			break;
		at = (size_t)(h - p) + 30;
		for (size_t i = 0; i < ARRAY_LEN(DOCUMENTS); i++) {
			size_t n = strlen(DOCUMENTS[i].bytes);

			if (len - at >= n &&
			    memcmp(p + at, DOCUMENTS[i].bytes, n) == 0)
				return DOCUMENTS[i].type;
		}
	}
	return TYPES[CONTAINER_ZIP];
}

/*
 * A CMS structure (RFC 5652, 3): a sequence, of definite length or not, that
 * begins with the type's name.
 */
static bool
enveloped(const uint8_t *p, size_t len)
{
	static const uint8_t ENVELOPED[] = {
	    6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3};
	/* RFC 5083, 2. */
	static const uint8_t AUTHENTICATED[] = {
	    6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 16, 1, 23};
	size_t at = 2;

	if (len < 24 || p[0] != 0x30)
		return false;
	if (p[1] > 0x80)
		at += p[1] & 7;
	return memcmp(p + at, ENVELOPED, sizeof ENVELOPED) == 0 ||
	       memcmp(p + at, AUTHENTICATED, sizeof AUTHENTICATED) == 0;
}

/* An encrypted OOXML is a stream of this name in an OLE file (MS-OFFCRYPTO). */
bool
sniff_sealed(const uint8_t *p, size_t len)
{
	static const char NAME[] = "E\0n\0c\0r\0y\0p\0t\0e\0d\0"
				   "P\0a\0c\0k\0a\0g\0e";

	if (enveloped(p, len))
		return true;
	return len > 512 &&
	       memcmp(p, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8) == 0 &&
	       memmem(p, len, NAME, sizeof NAME) != NULL;
}

static bool
of_base64(uint8_t b)
{
	return (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z') ||
	       (b >= '0' && b <= '9') || b == '+' || b == '/';
}

/*
 * The armor's head line at the start of a line, and in the lines behind it one
 * of nothing but base64 (RFC 9580, 6.2): whoever writes about it has none.
 */
bool
sniff_sealed_text(const uint8_t *p, size_t len)
{
	static const char HEAD[] = "-----BEGIN PGP MESSAGE-----";
	const uint8_t *at = memmem(p, len, HEAD, sizeof HEAD - 1);
	size_t run = 0;

	if (at == NULL || (at > p && at[-1] != '\n'))
		return false;
	at += sizeof HEAD - 1;
	for (size_t i = 0; at < p + len && i < 1024 && run < 48; i++, at++)
		run = of_base64(*at) ? run + 1 : 0;
	return run == 48;
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

/* The old binary header: sixteen-bit words of either order. */
static bool
old_cpio(const uint8_t *p, size_t len)
{
	bool big = len > 0 && p[0] == 0x71;
	size_t mode, name;

	if (len < 26 || p[big] != 0xc7 || p[!big] != 0x71)
		return false;
	mode = (size_t)p[6 + !big] << 8 | p[6 + big];
	name = (size_t)p[20 + !big] << 8 | p[20 + big];
	return (mode >> 12) != 0 && name > 1 && name <= 1024 &&
	       len >= 26 + name && p[26 + name - 1] == 0;
}

static size_t
first_line(const uint8_t *p, size_t len)
{
	const uint8_t *end = memchr(p, '\n', len);

	return end != NULL ? (size_t)(end - p) : len;
}

/* "%PDF-1.4", within the first 1,024 bytes as readers take it. */
static bool
pdf_head(const uint8_t *p, size_t len)
{
	const uint8_t *h = memmem(p, len < 1024 ? len : 1024, "%PDF-", 5);

	return h != NULL && (size_t)(p + len - h) > 64 && h[5] >= '1' &&
	       h[5] <= '9' && h[6] == '.' && (h == p || h[-1] != '"');
}

struct magic_bytes {
	enum container kind;
	size_t at, len;
	const char *bytes;
	size_t least; /* bytes of the shortest one */
};

static const struct magic_bytes MAGIC[] = {
    {CONTAINER_GZIP, 0, 3, "\x1f\x8b\x08", 10},
    /* A local header, or an archive without entries. */
    {CONTAINER_ZIP, 0, 4, "PK\3\4", 22},
    {CONTAINER_ZIP, 0, 4, "PK\5\6", 22},
    {CONTAINER_BZIP2, 4, 6, "\x31\x41\x59\x26\x53\x59", 14},
    {CONTAINER_BZIP2, 4, 6, "\x17\x72\x45\x38\x50\x90", 14},
    {CONTAINER_XZ, 0, 6,
	"\xfd"
	"7zXZ\0",
	24},
    {CONTAINER_ZSTD, 0, 4, "\x28\xb5\x2f\xfd", 6},
    {CONTAINER_LZ4, 0, 4, "\x04\x22\x4d\x18", 7},
    {CONTAINER_LZIP, 0, 5, "LZIP\1", 20},
    {CONTAINER_COMPRESS, 0, 2, "\x1f\x9d", 4},
    {CONTAINER_RPM, 0, 4, "\xed\xab\xee\xdb", 96},
    {CONTAINER_7ZIP, 0, 6, "7z\xbc\xaf\x27\x1c", 32},
    {CONTAINER_CPIO, 0, 6, "070701", 110},
    {CONTAINER_CPIO, 0, 6, "070702", 110},
    {CONTAINER_CPIO, 0, 6, "070707", 76},
    {CONTAINER_AR, 0, 8, "!<arch>\n", 8},
    {CONTAINER_CAB, 0, 8, "MSCF\0\0\0\0", 36},
    {CONTAINER_RAR, 0, 7, "Rar!\x1a\x07\0", 20},
    {CONTAINER_RAR5, 0, 8, "Rar!\x1a\x07\1\0", 20},
    {CONTAINER_SQLITE, 0, 16, "SQLite format 3", 512},
    {CONTAINER_ISO9660, 16 * 2048, 7, "\1CD001\1", 17 * 2048},
};

enum container
sniff_container(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(MAGIC); i++) {
		const struct magic_bytes *m = &MAGIC[i];

		if (len >= m->least && len >= m->at + m->len &&
		    memcmp(p + m->at, m->bytes, m->len) == 0 &&
		    (m->kind != CONTAINER_BZIP2 || memcmp(p, "BZh", 3) == 0))
			return m->kind;
	}
	if (len >= TAR_BLOCK && memcmp(p + 257, "ustar", 5) == 0 && tar_sum(p))
		return CONTAINER_TAR;
	if (old_cpio(p, len))
		return CONTAINER_CPIO;
	if (header_sniff(p, len, false))
		return header_separator(p, first_line(p, len)) ? CONTAINER_MBOX
							       : CONTAINER_MAIL;
	if (pdf_head(p, len))
		return CONTAINER_PDF;
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
