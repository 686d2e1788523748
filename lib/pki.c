/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki - the certificates of mutual TLS.
 *
 * Owns: OpenSSL's X.509; the profile of every certificate: version 3, random
 * serial of 127 bits, P-256, ECDSA with SHA-256, critical basicConstraints and
 * keyUsage, extendedKeyUsage serverAuth or clientAuth, both key identifiers.
 * Never: talks to the network, decides who may have a certificate, or keeps a
 * key in a file by itself.
 */
#include "lib/pki.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define URN "urn:chaperone:agent:"
#define NAMES_MAX 64

struct pki_key {
	EVP_PKEY *pkey;
};

struct pki_cert {
	X509 *x;
};

static void
bio_freep(BIO **b)
{
	(void)BIO_free(*b);
}

static void
pkey_freep(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void
req_freep(X509_REQ **r)
{
	X509_REQ_free(*r);
}

static void
san_freep(GENERAL_NAMES **n)
{
	GENERAL_NAMES_free(*n);
}

/* A PEM password callback: our files have none, and nobody is asked. */
static int
no_password(char *out UNUSED, int size UNUSED, int w UNUSED, void *u UNUSED)
{
	return -1;
}

static int
failed(struct diag *why, int err, const char *what)
{
	ERR_clear_error();
	return diag_set(why, err, "%s", what);
}

static bool
is_p256(const EVP_PKEY *k)
{
	char group[32];
	size_t len = 0;

	return EVP_PKEY_is_a(k, "EC") == 1 &&
	       EVP_PKEY_get_group_name(k, group, sizeof group, &len) == 1 &&
	       str_eq(group, "prime256v1");
}

/* ---- keys ---------------------------------------------------------------- */

static int
key_wrap(EVP_PKEY *pkey, struct pki_key **out)
{
	struct pki_key *k = calloc(1, sizeof *k);

	if (k == NULL) {
		EVP_PKEY_free(pkey);
		return -ENOMEM;
	}
	k->pkey = pkey;
	*out = k;
	return 0;
}

int
pki_key_new(struct pki_key **out)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");

	if (pkey == NULL)
		return failed(NULL, -ENOMEM, "");
	return key_wrap(pkey, out);
}

int
pki_key_parse(
    const void *pem, size_t len, struct pki_key **out, struct diag *why)
{
	OWN(bio_freep) BIO *bio = NULL;
	EVP_PKEY *pkey;

	if (len > PKI_PEM_MAX)
		return diag_set(why, -EBADMSG, "the key is too long");
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio == NULL)
		return -ENOMEM;
	pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	if (pkey == NULL || !is_p256(pkey)) {
		EVP_PKEY_free(pkey);
		return failed(why, -EBADMSG, "it is no P-256 key in PEM");
	}
	return key_wrap(pkey, out);
}

/* Moves what a memory BIO holds into @out, and wipes it there. */
static int
bio_take(BIO *bio, struct buf *out)
{
	char *data = NULL;
	long n = BIO_get_mem_data(bio, &data);

	if (n <= 0)
		return failed(NULL, -ENOMEM, "");
	buf_put(out, data, (size_t)n);
	OPENSSL_cleanse(data, (size_t)n);
	return buf_error(out);
}

int
pki_key_print(const struct pki_key *k, struct buf *out)
{
	OWN(bio_freep) BIO *bio = BIO_new(BIO_s_secmem());

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(
			       bio, k->pkey, NULL, NULL, 0, NULL, NULL) != 1)
		return failed(NULL, -ENOMEM, "");
	return bio_take(bio, out);
}

void
pki_key_free(struct pki_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	free(k);
}

void
pki_key_freep(struct pki_key **k)
{
	pki_key_free(*k);
}

static int
public_der(EVP_PKEY *pkey, struct buf *out)
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(pkey, &der);

	if (n <= 0)
		return failed(NULL, -ENOMEM, "");
	buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	return buf_error(out);
}

int
pki_key_public(const struct pki_key *k, struct buf *out)
{
	return public_der(k->pkey, out);
}

/* ---- certificates, read -------------------------------------------------- */

static int
cert_wrap(X509 *x, struct pki_cert **out)
{
	struct pki_cert *c = calloc(1, sizeof *c);

	if (c == NULL) {
		X509_free(x);
		return -ENOMEM;
	}
	c->x = x;
	*out = c;
	return 0;
}

int
pki_cert_parse(
    const void *pem, size_t len, struct pki_cert **out, struct diag *why)
{
	OWN(bio_freep) BIO *bio = NULL;
	X509 *x;

	if (len > PKI_PEM_MAX)
		return diag_set(why, -EBADMSG, "the certificate is too long");
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio == NULL)
		return -ENOMEM;
	x = PEM_read_bio_X509(bio, NULL, no_password, NULL);
	if (x == NULL)
		return failed(why, -EBADMSG, "it is no certificate in PEM");
	ERR_clear_error();
	return cert_wrap(x, out);
}

int
pki_cert_print(const struct pki_cert *c, struct buf *pem)
{
	OWN(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL || PEM_write_bio_X509(bio, c->x) != 1)
		return failed(NULL, -ENOMEM, "");
	return bio_take(bio, pem);
}

void
pki_cert_free(struct pki_cert *c)
{
	if (c == NULL)
		return;
	X509_free(c->x);
	free(c);
}

void
pki_cert_freep(struct pki_cert **c)
{
	pki_cert_free(*c);
}

int
pki_cert_digest(const struct pki_cert *c, uint8_t out[SEAL_HASH])
{
	unsigned n = 0;

	if (X509_digest(c->x, EVP_sha256(), out, &n) != 1 || n != SEAL_HASH)
		return failed(NULL, -ENOMEM, "");
	return 0;
}

int
pki_cert_key_digest(const struct pki_cert *c, uint8_t out[SEAL_HASH])
{
	OWN(buf_done) struct buf der = {0};
	int r;

	buf_init(&der, 4096);
	r = public_der(X509_get0_pubkey(c->x), &der);
	if (r == 0)
		seal_sha256(der.data, der.len, out);
	return r;
}

bool
pki_id_ok(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n < PKI_ID_MAX &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

int
pki_cert_id(const struct pki_cert *c, char out[PKI_ID_MAX])
{
	OWN(san_freep)
	GENERAL_NAMES *names =
	    X509_get_ext_d2i(c->x, NID_subject_alt_name, NULL, NULL);
	int n = names == NULL ? 0 : sk_GENERAL_NAME_num(names);

	for (int i = 0; i < n && i < NAMES_MAX; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		size_t len, skip = sizeof URN - 1;
		const char *s;

		if (g->type != GEN_URI)
			continue;
		s = (const char *)ASN1_STRING_get0_data(g->d.ia5);
		len = (size_t)ASN1_STRING_length(g->d.ia5);
		if (len <= skip || memcmp(s, URN, skip) != 0 ||
		    str_copy_len(out, PKI_ID_MAX, s + skip, len - skip) != 0 ||
		    !pki_id_ok(out))
			continue;
		return 0;
	}
	out[0] = '\0';
	return failed(NULL, -EBADMSG, "");
}

static int
time_us(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return failed(NULL, -EBADMSG, "");
	*out = (int64_t)timegm(&tm) * 1000000;
	return 0;
}

int
pki_cert_times(const struct pki_cert *c, int64_t *from_us, int64_t *to_us)
{
	int r = time_us(X509_get0_notBefore(c->x), from_us);

	return r != 0 ? r : time_us(X509_get0_notAfter(c->x), to_us);
}

static bool
is_address(const char *name)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, name, bytes) == 1 ||
	       inet_pton(AF_INET6, name, bytes) == 1;
}

bool
pki_cert_names(const struct pki_cert *c, const char *const names[])
{
	for (size_t i = 0; names[i] != NULL && i < NAMES_MAX; i++) {
		int r = is_address(names[i])
			    ? X509_check_ip_asc(c->x, names[i], 0)
			    : X509_check_host(c->x, names[i], 0, 0, NULL);

		if (r != 1)
			return false;
	}
	return true;
}

/* ---- certificates, made -------------------------------------------------- */

static int
add_text(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;
	int ok;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (e == NULL)
		return failed(NULL, -EINVAL, "");
	ok = X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	return ok == 1 ? 0 : failed(NULL, -ENOMEM, "");
}

/* One alternative name: as data, never through OpenSSL's small language. */
static int
push_name(GENERAL_NAMES *names, int type, const void *data, size_t len)
{
	GENERAL_NAME *g = GENERAL_NAME_new();
	ASN1_STRING *s =
	    type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	if (g == NULL || s == NULL || ASN1_STRING_set(s, data, (int)len) != 1) {
		GENERAL_NAME_free(g);
		ASN1_STRING_free(s);
		return -ENOMEM;
	}
	GENERAL_NAME_set0_value(g, type, s);
	if (sk_GENERAL_NAME_push(names, g) == 0) {
		GENERAL_NAME_free(g);
		return -ENOMEM;
	}
	return 0;
}

static int
push_host(GENERAL_NAMES *names, const char *name)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, name, bytes) == 1)
		return push_name(names, GEN_IPADD, bytes, 4);
	if (inet_pton(AF_INET6, name, bytes) == 1)
		return push_name(names, GEN_IPADD, bytes, 16);
	return push_name(names, GEN_DNS, name, strlen(name));
}

static int
set_name(X509_NAME *n, const char *text)
{
	/* RFC 5280: a common name has 64 characters at most. */
	size_t len;

	must(text != NULL);
	len = strnlen(text, 64);
	return X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_UTF8,
		   (const unsigned char *)text, (int)len, -1, 0) == 1
		   ? 0
		   : failed(NULL, -EINVAL, "");
}

static int
set_serial(X509 *x)
{
	uint8_t bytes[16];
	BIGNUM *n;
	int ok;

	rng_fill(bytes, sizeof bytes);
	/* Positive, and not zero. */
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	n = BN_bin2bn(bytes, sizeof bytes, NULL);
	ok = n != NULL &&
	     BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok ? 0 : failed(NULL, -ENOMEM, "");
}

struct profile {
	const char *name; /* common name */
	const char *constraints, *usage, *extended; /* NULL: none */
	GENERAL_NAMES *names; /* or NULL; borrowed */
};

static int
fill(
    X509 *x, X509 *issuer, const struct profile *p, const struct pki_span *when)
{
	int r;

	if (X509_set_version(x, X509_VERSION_3) != 1 ||
	    ASN1_TIME_set(X509_getm_notBefore(x),
		(time_t)(when->from_us / 1000000)) == NULL ||
	    ASN1_TIME_set(
		X509_getm_notAfter(x), (time_t)(when->to_us / 1000000)) == NULL)
		return failed(NULL, -ENOMEM, "");
	if ((r = set_serial(x)) != 0 ||
	    (r = set_name(X509_get_subject_name(x), p->name)) != 0)
		return r;
	if (X509_set_issuer_name(x, X509_get_subject_name(issuer)) != 1)
		return failed(NULL, -ENOMEM, "");
	if ((r = add_text(x, issuer, NID_basic_constraints, p->constraints)) !=
		0 ||
	    (r = add_text(x, issuer, NID_key_usage, p->usage)) != 0 ||
	    (r = add_text(x, issuer, NID_subject_key_identifier, "hash")) !=
		0 ||
	    (r = add_text(
		 x, issuer, NID_authority_key_identifier, "keyid:always")) != 0)
		return r;
	if (p->extended != NULL &&
	    (r = add_text(x, issuer, NID_ext_key_usage, p->extended)) != 0)
		return r;
	if (p->names != NULL &&
	    X509_add1_ext_i2d(x, NID_subject_alt_name, p->names, 0, 0) != 1)
		return failed(NULL, -ENOMEM, "");
	return 0;
}

/* @issuer NULL: it issues itself. */
static int
make(X509 *issuer, const struct pki_key *issuer_key, EVP_PKEY *subject,
    const struct profile *p, const struct pki_span *when, struct pki_cert **out)
{
	X509 *x = X509_new();
	int r;

	if (x == NULL || X509_set_pubkey(x, subject) != 1) {
		X509_free(x);
		return failed(NULL, -ENOMEM, "");
	}
	r = fill(x, issuer == NULL ? x : issuer, p, when);
	if (r == 0 && X509_sign(x, issuer_key->pkey, EVP_sha256()) <= 0)
		r = failed(NULL, -ENOMEM, "");
	if (r != 0) {
		X509_free(x);
		return r;
	}
	return cert_wrap(x, out);
}

int
pki_ca_new(const struct pki_key *k, const char *name,
    const struct pki_span *when, struct pki_cert **out)
{
	const struct profile p = {.name = name,
	    .constraints = "critical,CA:TRUE,pathlen:0",
	    .usage = "critical,keyCertSign,cRLSign"};

	return make(NULL, k, k->pkey, &p, when, out);
}

int
pki_server_new(const struct pki_cert *ca, const struct pki_key *ca_key,
    const struct pki_key *k, const char *const names[],
    const struct pki_span *when, struct pki_cert **out)
{
	OWN(san_freep) GENERAL_NAMES *san = GENERAL_NAMES_new();
	const struct profile p = {.name = names[0],
	    .constraints = "critical,CA:FALSE",
	    .usage = "critical,digitalSignature",
	    .extended = "serverAuth",
	    .names = san};

	if (san == NULL)
		return -ENOMEM;
	for (size_t i = 0; names[i] != NULL && i < NAMES_MAX; i++) {
		int r = push_host(san, names[i]);

		if (r != 0)
			return r;
	}
	return make(ca->x, ca_key, k->pkey, &p, when, out);
}

int
pki_agent_new(const struct pki_cert *ca, const struct pki_key *ca_key,
    const char *id, const void *public_key, size_t len,
    const struct pki_span *when, struct pki_cert **out)
{
	OWN(san_freep) GENERAL_NAMES *san = GENERAL_NAMES_new();
	OWN(pkey_freep) EVP_PKEY *pkey = NULL;
	const unsigned char *at = public_key;
	const struct profile p = {.name = id,
	    .constraints = "critical,CA:FALSE",
	    .usage = "critical,digitalSignature",
	    .extended = "clientAuth",
	    .names = san};
	char urn[sizeof URN + PKI_ID_MAX];
	int n, r;

	if (san == NULL)
		return -ENOMEM;
	if (!pki_id_ok(id))
		return -EINVAL;
	if (len > PKI_PUBLIC_MAX)
		return -EBADMSG;
	pkey = d2i_PUBKEY(NULL, &at, (long)len);
	if (pkey == NULL || at != (const unsigned char *)public_key + len ||
	    !is_p256(pkey))
		return failed(NULL, -EBADMSG, "");
	n = snprintf(urn, sizeof urn, "%s%s", URN, id);
	r = push_name(san, GEN_URI, urn, (size_t)n);
	if (r != 0)
		return r;
	return make(ca->x, ca_key, pkey, &p, when, out);
}

/* ---- requests ------------------------------------------------------------- */

int
pki_csr_new(const struct pki_key *k, const char *host, struct buf *pem)
{
	OWN(req_freep) X509_REQ *q = X509_REQ_new();
	OWN(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	int r;

	if (q == NULL || bio == NULL ||
	    X509_REQ_set_version(q, X509_REQ_VERSION_1) != 1 ||
	    X509_REQ_set_pubkey(q, k->pkey) != 1)
		return failed(NULL, -ENOMEM, "");
	r = set_name(X509_REQ_get_subject_name(q), host);
	if (r != 0)
		return r;
	if (X509_REQ_sign(q, k->pkey, EVP_sha256()) <= 0 ||
	    PEM_write_bio_X509_REQ(bio, q) != 1)
		return failed(NULL, -ENOMEM, "");
	return bio_take(bio, pem);
}

int
pki_csr_check(
    const void *pem, size_t len, struct buf *public_key, struct diag *why)
{
	OWN(req_freep) X509_REQ *q = NULL;
	OWN(bio_freep) BIO *bio = NULL;
	EVP_PKEY *pkey;

	if (len > PKI_PEM_MAX)
		return diag_set(why, -EBADMSG, "the request is too long");
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio == NULL)
		return -ENOMEM;
	q = PEM_read_bio_X509_REQ(bio, NULL, no_password, NULL);
	pkey = q == NULL ? NULL : X509_REQ_get0_pubkey(q);
	if (pkey == NULL)
		return failed(
		    why, -EBADMSG, "it is no certificate request in PEM");
	if (!is_p256(pkey))
		return failed(why, -EBADMSG, "the request's key is not P-256");
	if (X509_REQ_verify(q, pkey) != 1)
		return failed(why, -EBADMSG,
		    "the request is not signed with the key that it names");
	return public_der(pkey, public_key);
}

/* ---- verification -------------------------------------------------------- */

static int
verify(X509_STORE_CTX *ctx, X509_STORE *store, const struct pki_cert *c,
    enum pki_purpose purpose, int64_t at_us, struct diag *why)
{
	int what = purpose == PKI_SERVER ? X509_PURPOSE_SSL_SERVER
					 : X509_PURPOSE_SSL_CLIENT;

	if (X509_STORE_CTX_init(ctx, store, c->x, NULL) != 1 ||
	    X509_STORE_CTX_set_purpose(ctx, what) != 1)
		return failed(why, -ENOMEM, "out of memory");
	X509_STORE_CTX_set_time(ctx, 0, (time_t)(at_us / 1000000));
	if (X509_verify_cert(ctx) == 1)
		return 0;
	(void)diag_set(why, -EBADMSG, "the certificate is not good: %s",
	    X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	return failed(NULL, -EBADMSG, "");
}

int
pki_verify(const struct pki_cert *c, const struct pki_cert *ca,
    enum pki_purpose purpose, int64_t at_us, struct diag *why)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r = -ENOMEM;

	if (store != NULL && ctx != NULL &&
	    X509_STORE_add_cert(store, ca->x) == 1)
		r = verify(ctx, store, c, purpose, at_us, why);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return r;
}
