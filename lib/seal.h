/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal - digests, signatures and keys: the owner of OpenSSL's crypto.
 * X.509 lives in lib/pki.h; TLS in the libraries of ship and front.
 */
#ifndef LIB_SEAL_H
#define LIB_SEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"

#define SEAL_HASH 32 /* SHA-256, FIPS 180-4 */
#define SEAL_PUBLIC 32 /* Ed25519, RFC 8032 section 5.1.5 */
#define SEAL_SIGNATURE 64 /* RFC 8032 section 5.1.6 */

/* A SHA-256 over pieces. */
struct seal_hash;
int seal_hash_new(struct seal_hash **out) MUST_CHECK;
void seal_hash_free(struct seal_hash *h);
void seal_hash_put(struct seal_hash *h, const void *data, size_t len);
/* seal_hash_end - writes the digest and makes @h ready for the next one. */
void seal_hash_end(struct seal_hash *h, uint8_t out[SEAL_HASH]);

void seal_sha256(const void *data, size_t len, uint8_t out[SEAL_HASH]);
/* HMAC-SHA-256, RFC 2104. */
void seal_hmac(const void *key, size_t key_len, const void *data, size_t len,
    uint8_t out[SEAL_HASH]);
/* seal_equal - constant time. */
bool seal_equal(const void *a, const void *b, size_t len);

/* An Ed25519 private key in memory: mlocked where allowed, wiped on free. */
struct seal_key;
int seal_key_new(struct seal_key **out) MUST_CHECK;
/*
 * seal_key_load - reads a PKCS#8 PEM file, refusing one that others may read.
 * seal_key_save - writes it 0600 under a temporary name, fsyncs, renames;
 * -EEXIST if the name is taken.
 */
int seal_key_load(
    const char *path, struct seal_key **out, struct diag *why) MUST_CHECK;
int seal_key_save(
    const struct seal_key *k, const char *path, struct diag *why) MUST_CHECK;
void seal_key_free(struct seal_key *k);
void seal_key_freep(struct seal_key **k);
void seal_key_public(const struct seal_key *k, uint8_t out[SEAL_PUBLIC]);
int seal_sign(const struct seal_key *k, const void *data, size_t len,
    uint8_t out[SEAL_SIGNATURE]) MUST_CHECK;
/*
 * seal_verify - OpenSSL accepts and neither A nor R is one of the 14 low-order
 * encodings (agrees with libsodium on all of C2SP/CCTV's cases).
 * Returns 0 or -EBADMSG.
 */
int seal_verify(const uint8_t public[SEAL_PUBLIC], const void *data, size_t len,
    const uint8_t sig[SEAL_SIGNATURE]) MUST_CHECK;

#define SEAL_BOX_PUBLIC 32 /* X25519, RFC 7748 section 5 */
#define SEAL_BOX_EXTRA (32 + 16) /* bytes that a box has more than its text */

/* An X25519 private key: opens what was sealed to its public half. */
struct seal_box_key;
int seal_box_key_new(struct seal_box_key **out) MUST_CHECK;
/* The same files and errors as of seal_key_load and seal_key_save. */
int seal_box_key_load(
    const char *path, struct seal_box_key **out, struct diag *why) MUST_CHECK;
int seal_box_key_save(const struct seal_box_key *k, const char *path,
    struct diag *why) MUST_CHECK;
void seal_box_key_free(struct seal_box_key *k);
void seal_box_key_freep(struct seal_box_key **k);
void seal_box_key_public(
    const struct seal_box_key *k, uint8_t out[SEAL_BOX_PUBLIC]);
/* seal_box_key_derive - another key that only its holder can make. */
void seal_box_key_derive(
    const struct seal_box_key *k, const char *purpose, uint8_t out[SEAL_HASH]);
/*
 * seal_box - appends @data sealed to a public key: a fresh X25519 key's public
 * half, then AES-256-GCM (NIST SP 800-38D) under HKDF-SHA-256 (RFC 5869) of the
 * shared secret, with a nonce of zeroes since the key is used once.
 * @bound: bytes that opening must name again.
 * Returns 0, -EBADMSG (a public key of low order), -ENOMEM.
 */
int seal_box(const uint8_t public[SEAL_BOX_PUBLIC], const void *bound,
    size_t bound_len, const void *data, size_t len, struct buf *out) MUST_CHECK;
/* seal_box_open - appends the text: -EBADMSG for another key or changed. */
int seal_box_open(const struct seal_box_key *k, const void *bound,
    size_t bound_len, const void *box, size_t len, struct buf *out) MUST_CHECK;

/*
 * seal_password - "scrypt$N$r$p$salt$hash" (RFC 7914) of a password;
 * seal_password_ok - true if it fits. @out has at least 160 bytes.
 */
int seal_password(const char *password, char *out, size_t size) MUST_CHECK;
bool seal_password_ok(const char *stored, const char *password);

#endif
