/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki - the certificates of mutual TLS: the collector's CA, its server
 * certificate, the agents' requests and certificates.
 *
 * All keys are ECDSA P-256 and all signatures ECDSA with SHA-256, which both
 * GnuTLS (the collector) and OpenSSL (libcurl on the agent) speak. An agent's
 * id is the common name and, as urn:chaperone:agent:ID, the subject
 * alternative name of its certificate. There are no revocation lists: the
 * collector is the only relying party and asks its store, by key digest.
 */
#ifndef LIB_PKI_H
#define LIB_PKI_H

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/diag.h"
#include "lib/own.h"
#include "lib/seal.h"

#define PKI_PEM_MAX 16384 /* of one certificate, request or key */
#define PKI_ID_MAX 64 /* an agent's id with its NUL: [a-z0-9.-] */
#define PKI_PUBLIC_MAX 128 /* a P-256 SubjectPublicKeyInfo has 91 bytes */

/* A private key. */
struct pki_key;

int pki_key_new(struct pki_key **out) MUST_CHECK;
int pki_key_parse(const void *pem, size_t len, struct pki_key **out,
    struct diag *why) MUST_CHECK;
/* pki_key_print - PKCS#8 PEM; wipe @out. */
int pki_key_print(const struct pki_key *k, struct buf *out) MUST_CHECK;
void pki_key_free(struct pki_key *k);
void pki_key_freep(struct pki_key **k);
/* pki_key_public - the SubjectPublicKeyInfo in DER. */
int pki_key_public(const struct pki_key *k, struct buf *out) MUST_CHECK;

/* A certificate. */
struct pki_cert;

/* pki_cert_parse - exactly one PEM certificate. -EBADMSG, -ENOMEM. */
int pki_cert_parse(const void *pem, size_t len, struct pki_cert **out,
    struct diag *why) MUST_CHECK;
int pki_cert_print(const struct pki_cert *c, struct buf *pem) MUST_CHECK;
void pki_cert_free(struct pki_cert *c);
void pki_cert_freep(struct pki_cert **c);
/* pki_cert_digest - SHA-256 of the DER: what a token pins. */
int pki_cert_digest(
    const struct pki_cert *c, uint8_t out[SEAL_HASH]) MUST_CHECK;
/* pki_cert_key_digest - SHA-256 of the SubjectPublicKeyInfo. */
int pki_cert_key_digest(
    const struct pki_cert *c, uint8_t out[SEAL_HASH]) MUST_CHECK;
/* pki_cert_id - the agent's id; -EBADMSG if it carries none that is valid. */
int pki_cert_id(const struct pki_cert *c, char out[PKI_ID_MAX]) MUST_CHECK;
/* pki_cert_times - not before and not after, microseconds since 1970. */
int pki_cert_times(
    const struct pki_cert *c, int64_t *from_us, int64_t *to_us) MUST_CHECK;
/* pki_cert_names - true if each of @names (NULL-ended) stands in it. */
bool pki_cert_names(const struct pki_cert *c, const char *const names[]);

/* What a new certificate says beside its key and its issuer. */
struct pki_span {
	int64_t from_us; /* wall time */
	int64_t to_us;
};

/* pki_ca_new - a certificate authority of its own. */
int pki_ca_new(const struct pki_key *k, const char *name,
    const struct pki_span *when, struct pki_cert **out) MUST_CHECK;
/*
 * pki_server_new - a server's certificate for @names (host names and
 * addresses, NULL-ended, at least one).
 */
int pki_server_new(const struct pki_cert *ca, const struct pki_key *ca_key,
    const struct pki_key *k, const char *const names[],
    const struct pki_span *when, struct pki_cert **out) MUST_CHECK;
/*
 * pki_agent_new - an agent's certificate for a public key in DER.
 * Returns 0, -EINVAL for an id that is not one, -EBADMSG for a key that is
 * not P-256, -ENOMEM.
 */
int pki_agent_new(const struct pki_cert *ca, const struct pki_key *ca_key,
    const char *id, const void *public_key, size_t len,
    const struct pki_span *when, struct pki_cert **out) MUST_CHECK;
/* pki_id_ok - true for 1 to PKI_ID_MAX - 1 of [a-z0-9.-]. */
bool pki_id_ok(const char *id);

/* pki_csr_new - a request (PKCS#10, PEM) that proves the holding of @k. */
int pki_csr_new(
    const struct pki_key *k, const char *host, struct buf *pem) MUST_CHECK;
/*
 * pki_csr_check - checks a request's own signature and that its key is P-256;
 * appends the public key in DER to @public_key. Its names are not looked at.
 */
int pki_csr_check(const void *pem, size_t len, struct buf *public_key,
    struct diag *why) MUST_CHECK;
/*
 * pki_verify - that @c was issued by @ca for @purpose and is valid at @at_us.
 * Returns 0 or -EBADMSG with the reason.
 */
enum pki_purpose { PKI_SERVER, PKI_AGENT };
int pki_verify(const struct pki_cert *c, const struct pki_cert *ca,
    enum pki_purpose purpose, int64_t at_us, struct diag *why) MUST_CHECK;

#endif
