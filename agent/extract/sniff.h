/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sniff - what bytes are, by their first block (inside the room only).
 */
#ifndef AGENT_EXTRACT_SNIFF_H
#define AGENT_EXTRACT_SNIFF_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/diag.h"
#include "lib/own.h"

enum container {
	CONTAINER_NONE,
	CONTAINER_GZIP,
	CONTAINER_MAIL,
	CONTAINER_MBOX,
	CONTAINER_ZIP,
	CONTAINER_TAR,
	CONTAINER_BZIP2,
	CONTAINER_XZ,
	CONTAINER_ZSTD,
	CONTAINER_LZ4,
	CONTAINER_LZIP,
	CONTAINER_COMPRESS,
	CONTAINER_RPM,
	CONTAINER_7ZIP,
	CONTAINER_CPIO,
	CONTAINER_AR,
	CONTAINER_CAB,
	CONTAINER_RAR,
	CONTAINER_RAR5,
	CONTAINER_ISO9660,
	CONTAINER_SQLITE,
	CONTAINER_PDF,
	CONTAINERS,
};

/* What sniff_container wants to see of a member that is that long. */
#define SNIFF_WANT (36 * 1024)

/* sniff_container - by magic bytes alone, never by a name. */
enum container sniff_container(const uint8_t *p, size_t len);
/* sniff_container_type - its MIME type. */
const char *sniff_container_type(enum container c);
/* sniff_zip_type - what document a zip is, by its first entries. */
const char *sniff_zip_type(const uint8_t *p, size_t len);
/* sniff_sealed - true for a document that lies encrypted in another form. */
bool sniff_sealed(const uint8_t *p, size_t len);
/* sniff_sealed_text - the same for text: a message of OpenPGP in armor. */
bool sniff_sealed_text(const uint8_t *p, size_t len);

struct sniff; /* libmagic's database */

int sniff_new(struct sniff **out, struct diag *why) MUST_CHECK;
void sniff_free(struct sniff *s);
/*
 * sniff_type - the MIME type of bytes that are not text, borrowed until the
 * next call. It names a thing for people; nothing is skipped because of it.
 */
const char *sniff_type(struct sniff *s, const uint8_t *p, size_t len);

#endif
