/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beside - files that lie beside packs and belong to them.
 */
#ifndef AGENT_DETECT_BESIDE_H
#define AGENT_DETECT_BESIDE_H

#include <stddef.h>

#include "lib/diag.h"
#include "lib/seal.h"
#include "lib/yaml.h"

#include "lib/own.h"

enum {
	BESIDE_TERMS_MAX = 1024 * 1024, /* bytes of a terms_file */
	BESIDE_SAMPLE_MAX = 4 * 1024 * 1024, /* of a sample */
	BESIDE_NAME_MAX = 128,
};

/* The directory of the packs that are being read. */
struct beside {
	int dir; /* -1: the pack is in memory, and nothing is beside it */
	const char *path; /* of the directory; borrowed */
	struct seal_hash *hash; /* of the set; what is read goes in */
};

/*
 * beside_open - opens a regular file of at most @max bytes in @dir, no link.
 * @path: what messages call it. Returns its descriptor and *size, or -errno,
 * -EINVAL for what is no such file, with the sentence in @why.
 */
int beside_open(int dir, const char *path, const char *name, size_t max,
    size_t *size, struct diag *why) MUST_CHECK;
/* beside_read - reads one whole; *data is the caller's, also on failure. */
int beside_read(int dir, const char *path, const char *name, size_t max,
    char **data, size_t *len, struct diag *why) MUST_CHECK;
/* beside_hash - a file's part of the digest: its length, then its bytes. */
void beside_hash(struct seal_hash *h, const void *data, size_t len);
/*
 * beside_name - whether a pack may name this file: letters, digits, "_", "-"
 * and ".", no "." in front, so that it never leaves the directory; its name
 * ends in @ending. Otherwise -EBADMSG with the place of @y.
 */
int beside_name(const struct yaml *y, const char *ending, const char **out,
    struct diag *why) MUST_CHECK;
/*
 * beside_terms - reads the terms_file that @y names: UTF-8, a term a line,
 * blanks around it apart; empty lines and those that begin with "#" are none.
 * *out is a list as under "terms", with the places of the file; the caller's.
 * Returns 0, -EBADMSG with the sentence in @why, or -ENOMEM.
 */
int beside_terms(const struct beside *b, const struct yaml *y,
    struct yaml **out, struct diag *why) MUST_CHECK;
/*
 * beside_sample - reads the file of a sample, whose name beside_name has let
 * pass, out of a pack's directory; *data is the caller's, also on failure.
 * Errors as of beside_open.
 */
int beside_sample(const char *dir, const char *name, char **data, size_t *len,
    struct diag *why) MUST_CHECK;

#endif
