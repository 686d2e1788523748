/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note - C2SP signed notes, checkpoints and cosignatures as text.
 *
 * c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature
 * (version 1). Unknown signatures are ignored, a bad signature of a known key
 * refuses the note. No extension lines are written.
 */
#ifndef LIB_NOTE_H
#define LIB_NOTE_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"
#include "lib/seal.h"

#define NOTE_MAX 65536
#define NOTE_NAME_MAX 200

enum note_key_type { NOTE_ED25519 = 1, NOTE_COSIGNATURE = 4 };

/* "name+hash+base64(type || public key)". */
struct vkey {
	char name[NOTE_NAME_MAX];
	uint32_t hash;
	enum note_key_type type;
	uint8_t public[SEAL_PUBLIC];
};

/* vkey_init - computes the key hash; -EINVAL for a name with space or '+'. */
int vkey_init(struct vkey *v, const char *name, enum note_key_type type,
    const uint8_t public[SEAL_PUBLIC]) MUST_CHECK;
int vkey_parse(const char *text, struct vkey *out) MUST_CHECK;
void vkey_print(const struct vkey *v, struct buf *out);

struct checkpoint {
	char origin[NOTE_NAME_MAX];
	uint64_t size;
	uint8_t root[SEAL_HASH];
};

/* checkpoint_print - the three lines that are signed. */
void checkpoint_print(const struct checkpoint *c, struct buf *out);
/* checkpoint_parse - reads the body of a note; extension lines are allowed. */
int checkpoint_parse(const char *note, size_t len, struct checkpoint *out,
    struct diag *why) MUST_CHECK;

/* checkpoint_parse_body - the same for the lines alone, before the signing. */
int checkpoint_parse_body(const char *body, size_t len, struct checkpoint *out,
    struct diag *why) MUST_CHECK;

/* note_sign - @out becomes @body, an empty line, and one signature line. */
int note_sign(const void *body, size_t len, const struct vkey *v,
    const struct seal_key *k, struct buf *out) MUST_CHECK;
/* note_cosign - appends a cosignature/v1 line of time @unix_s to a note. */
int note_cosign(struct buf *note, const struct vkey *v,
    const struct seal_key *k, uint64_t unix_s) MUST_CHECK;
/*
 * note_verify - checks that the note carries a good signature of @v.
 * @time_s: NULL, or receives the time of a cosignature.
 * Returns 0, -ENOKEY (no signature of this key), -EBADMSG with a sentence.
 */
int note_verify(const char *note, size_t len, const struct vkey *v,
    uint64_t *time_s, struct diag *why) MUST_CHECK;
/* note_body_len - bytes of the signed body, or -EBADMSG. */
int note_body_len(const char *note, size_t len, size_t *out) MUST_CHECK;

#endif
