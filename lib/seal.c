/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal - digests, signatures and keys: the owner of OpenSSL's crypto.
 *
 * Owns: key bytes while they are in memory (mlocked where allowed, wiped), the
 * bytes of a box (32 of a public key, the text's, 16 of a tag), and the two
 * file and text forms: PKCS#8 PEM, and scrypt digests of passwords.
 * Never: X.509 (lib/pki.c); TLS; decides what is signed.
 */
#include "lib/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define KEY_FILE_MAX 4096
/* RFC 7914 section 2: N, r, p; 16 MiB of memory for one guess. */
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_SALT 16
#define HMAC_BLOCK 64 /* of SHA-256, FIPS 180-4 */

struct seal_hash {
	EVP_MD_CTX *ctx;
};

struct seal_key {
	EVP_PKEY *pkey;
	uint8_t public[SEAL_PUBLIC];
};

int
seal_hash_new(struct seal_hash **out)
{
	struct seal_hash *h = calloc(1, sizeof *h);

	if (h == NULL)
		return -ENOMEM;
	h->ctx = EVP_MD_CTX_new();
	if (h->ctx == NULL ||
	    EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1) {
		seal_hash_free(h);
		return -ENOMEM;
	}
	*out = h;
	return 0;
}

void
seal_hash_free(struct seal_hash *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void
seal_hash_put(struct seal_hash *h, const void *data, size_t len)
{
	must(EVP_DigestUpdate(h->ctx, data, len) == 1);
}

void
seal_hash_end(struct seal_hash *h, uint8_t out[SEAL_HASH])
{
	unsigned n = SEAL_HASH;

	must(EVP_DigestFinal_ex(h->ctx, out, &n) == 1 && n == SEAL_HASH);
	must(EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1);
}

/*
 * The one-shot functions of OpenSSL 3 look the algorithm up at every call,
 * which costs several times the digest of a short text; so it is looked up
 * once. It holds nothing secret, and is the process's to its end.
 */
static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void
fetch_sha256(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	must(sha256 != NULL);
}

static EVP_MD_CTX *
fresh_context(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	must(pthread_once(&sha256_once, fetch_sha256) == 0);
	must(ctx != NULL && EVP_DigestInit_ex(ctx, sha256, NULL) == 1);
	return ctx;
}

/* Frees the context, which wipes what it holds. */
static void
finish(EVP_MD_CTX *ctx, uint8_t out[SEAL_HASH])
{
	unsigned n = SEAL_HASH;

	must(EVP_DigestFinal_ex(ctx, out, &n) == 1 && n == SEAL_HASH);
	EVP_MD_CTX_free(ctx);
}

void
seal_sha256(const void *data, size_t len, uint8_t out[SEAL_HASH])
{
	EVP_MD_CTX *ctx = fresh_context();

	must(EVP_DigestUpdate(ctx, len > 0 ? data : "", len) == 1);
	finish(ctx, out);
}

/* One of the two digests of RFC 2104 section 2. */
static void
hmac_half(const uint8_t key[HMAC_BLOCK], uint8_t pad, const void *data,
    size_t len, uint8_t out[SEAL_HASH])
{
	EVP_MD_CTX *ctx = fresh_context();
	uint8_t block[HMAC_BLOCK];

	for (size_t i = 0; i < HMAC_BLOCK; i++)
		block[i] = key[i] ^ pad;
	must(EVP_DigestUpdate(ctx, block, sizeof block) == 1);
	must(EVP_DigestUpdate(ctx, len > 0 ? data : "", len) == 1);
	finish(ctx, out);
	explicit_bzero(block, sizeof block);
}

void
seal_hmac(const void *key, size_t key_len, const void *data, size_t len,
    uint8_t out[SEAL_HASH])
{
	uint8_t block[HMAC_BLOCK] = {0}, inner[SEAL_HASH];

	if (key_len > HMAC_BLOCK)
		seal_sha256(key, key_len, block);
	else if (key_len > 0)
		memcpy(block, key, key_len);
	hmac_half(block, 0x36, data, len, inner);
	hmac_half(block, 0x5c, inner, sizeof inner, out);
	explicit_bzero(block, sizeof block);
	explicit_bzero(inner, sizeof inner);
}

bool
seal_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

/* ---- keys ---- */

/* Takes @pkey. */
static int
wrap(EVP_PKEY *pkey, struct seal_key **out)
{
	size_t n = SEAL_PUBLIC;
	struct seal_key *k;

	if (pkey == NULL)
		return -ENOMEM;
	if (EVP_PKEY_id(pkey) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(pkey);
		return -EBADMSG;
	}
	k = calloc(1, sizeof *k);
	if (k == NULL) {
		EVP_PKEY_free(pkey);
		return -ENOMEM;
	}
	k->pkey = pkey;
	must(EVP_PKEY_get_raw_public_key(pkey, k->public, &n) == 1 &&
	     n == SEAL_PUBLIC);
	*out = k;
	return 0;
}

int
seal_key_new(struct seal_key **out)
{
	uint8_t seed[32] = {0};
	EVP_PKEY *pkey;

	/* Not swapped out while it is here; a limit may forbid it. */
	(void)mlock(seed, sizeof seed);
	rng_fill(seed, sizeof seed);
	pkey = EVP_PKEY_new_raw_private_key(
	    EVP_PKEY_ED25519, NULL, seed, sizeof seed);
	explicit_bzero(seed, sizeof seed);
	(void)munlock(seed, sizeof seed);
	return wrap(pkey, out);
}

void
seal_key_free(struct seal_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey); /* wipes the private part */
	explicit_bzero(k, sizeof *k);
	free(k);
}

void
seal_key_freep(struct seal_key **k)
{
	seal_key_free(*k);
	*k = NULL;
}

void
seal_key_public(const struct seal_key *k, uint8_t out[SEAL_PUBLIC])
{
	memcpy(out, k->public, SEAL_PUBLIC);
}

/* The private key of a PEM file that only its owner may read. */
static int
load_pem(const char *path, EVP_PKEY **out, struct diag *why)
{
	OWN_FD int fd =
	    open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[KEY_FILE_MAX];
	struct stat st;
	ssize_t n;
	BIO *bio;

	if (fd < 0 || fstat(fd, &st) != 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return diag_set(why, -EINVAL, "%s: is not a file", path);
	if ((st.st_mode & 077) != 0)
		return diag_set(why, -EPERM,
		    "%s: others may read it; a key must have mode 0600", path);
	n = read(fd, text, sizeof text);
	if (n < 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	bio = BIO_new_mem_buf(text, (int)n);
	if (bio != NULL)
		*out = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	explicit_bzero(text, sizeof text);
	if (*out != NULL)
		return 0;
	ERR_clear_error();
	return diag_set(why, -EBADMSG, "%s: holds no private key (PEM)", path);
}

int
seal_key_load(const char *path, struct seal_key **out, struct diag *why)
{
	EVP_PKEY *pkey = NULL;
	int r = load_pem(path, &pkey, why);

	if (r == 0)
		r = wrap(pkey, out);
	return r == 0 ? 0 : diag_set(why, r, "%s: is no Ed25519 key", path);
}

static int
save_bytes(const char *path, const char *temporary, const void *data,
    size_t len, struct diag *why)
{
	OWN_FD int fd = open(temporary,
	    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = 0;

	if (fd < 0)
		return diag_set(
		    why, -errno, "%s: %s", temporary, strerror(errno));
	if (write(fd, data, len) != (ssize_t)len || fsync(fd) != 0)
		r = diag_set(why, errno != 0 ? -errno : -EIO, "%s: %s",
		    temporary, strerror(errno));
	/* link, not rename: a key that is there is never replaced. */
	if (r == 0 && link(temporary, path) != 0)
		r = diag_set(why, -errno, "%s: %s", path, strerror(errno));
	(void)unlink(temporary);
	return r;
}

static int
save_pem(const EVP_PKEY *pkey, const char *path, struct diag *why)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char temporary[4096], *text;
	long n;
	int r;

	if (bio == NULL)
		return -ENOMEM;
	r = str_format(temporary, sizeof temporary, "%s.new", path);
	if (r == 0 && PEM_write_bio_PKCS8PrivateKey(
			  bio, pkey, NULL, NULL, 0, NULL, NULL) != 1)
		r = -ENOMEM;
	if (r != 0) {
		BIO_free(bio);
		return diag_set(why, r, "%s: %s", path, strerror(-r));
	}
	n = BIO_get_mem_data(bio, &text);
	(void)unlink(temporary);
	r = save_bytes(path, temporary, text, (size_t)n, why);
	BIO_free(bio); /* secure memory is wiped */
	return r;
}

int
seal_key_save(const struct seal_key *k, const char *path, struct diag *why)
{
	return save_pem(k->pkey, path, why);
}

int
seal_sign(const struct seal_key *k, const void *data, size_t len,
    uint8_t out[SEAL_SIGNATURE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = SEAL_SIGNATURE;
	int r = -ENOMEM;

	if (ctx != NULL &&
	    EVP_DigestSignInit(ctx, NULL, NULL, NULL, k->pkey) == 1 &&
	    EVP_DigestSign(ctx, out, &n, data, len) == 1 && n == SEAL_SIGNATURE)
		r = 0;
	EVP_MD_CTX_free(ctx);
	return r;
}

/*
 * The low-order points of edwards25519, in every encoding that a decoder may
 * take, without the sign bit: with it or not, that is all fourteen.
 */
static const uint8_t LOW_ORDER[][SEAL_PUBLIC] = {
    {0},
    {1},
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89,
	0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39,
	0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76,
	0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
	0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

static bool
low_order(const uint8_t point[SEAL_PUBLIC])
{
	uint8_t p[SEAL_PUBLIC];

	memcpy(p, point, sizeof p);
	p[SEAL_PUBLIC - 1] &= 0x7f;
	for (size_t i = 0; i < ARRAY_LEN(LOW_ORDER); i++)
		if (memcmp(p, LOW_ORDER[i], sizeof p) == 0)
			return true;
	return false;
}

int
seal_verify(const uint8_t public[SEAL_PUBLIC], const void *data, size_t len,
    const uint8_t sig[SEAL_SIGNATURE])
{
	EVP_MD_CTX *ctx;
	EVP_PKEY *pkey;
	int r = -EBADMSG;

	if (low_order(public) || low_order(sig))
		return -EBADMSG;
	ctx = EVP_MD_CTX_new();
	pkey = EVP_PKEY_new_raw_public_key(
	    EVP_PKEY_ED25519, NULL, public, SEAL_PUBLIC);
	if (ctx != NULL && pkey != NULL &&
	    EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
	    EVP_DigestVerify(ctx, sig, SEAL_SIGNATURE, data, len) == 1)
		r = 0;
	EVP_PKEY_free(pkey);
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return r;
}

/* ---- boxes ---- */

struct seal_box_key {
	EVP_PKEY *pkey;
	uint8_t public[SEAL_BOX_PUBLIC];
};

static int
box_wrap(EVP_PKEY *pkey, struct seal_box_key **out)
{
	size_t n = SEAL_BOX_PUBLIC;
	struct seal_box_key *k = calloc(1, sizeof *k);

	if (pkey == NULL || k == NULL || EVP_PKEY_id(pkey) != EVP_PKEY_X25519) {
		int r = pkey == NULL || k == NULL ? -ENOMEM : -EBADMSG;

		EVP_PKEY_free(pkey);
		free(k);
		return r;
	}
	k->pkey = pkey;
	must(EVP_PKEY_get_raw_public_key(pkey, k->public, &n) == 1 &&
	     n == SEAL_BOX_PUBLIC);
	*out = k;
	return 0;
}

int
seal_box_key_new(struct seal_box_key **out)
{
	uint8_t seed[32];
	EVP_PKEY *pkey;

	rng_fill(seed, sizeof seed);
	pkey = EVP_PKEY_new_raw_private_key(
	    EVP_PKEY_X25519, NULL, seed, sizeof seed);
	explicit_bzero(seed, sizeof seed);
	return box_wrap(pkey, out);
}

int
seal_box_key_load(const char *path, struct seal_box_key **out, struct diag *why)
{
	EVP_PKEY *pkey = NULL;
	int r = load_pem(path, &pkey, why);

	if (r == 0)
		r = box_wrap(pkey, out);
	return r == 0 ? 0 : diag_set(why, r, "%s: is no X25519 key", path);
}

int
seal_box_key_save(
    const struct seal_box_key *k, const char *path, struct diag *why)
{
	return save_pem(k->pkey, path, why);
}

void
seal_box_key_free(struct seal_box_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_free(k->pkey);
	explicit_bzero(k, sizeof *k);
	free(k);
}

void
seal_box_key_freep(struct seal_box_key **k)
{
	seal_box_key_free(*k);
	*k = NULL;
}

void
seal_box_key_public(const struct seal_box_key *k, uint8_t out[SEAL_BOX_PUBLIC])
{
	memcpy(out, k->public, SEAL_BOX_PUBLIC);
}

void
seal_box_key_derive(
    const struct seal_box_key *k, const char *purpose, uint8_t out[SEAL_HASH])
{
	uint8_t raw[32];
	size_t n = sizeof raw;

	must(EVP_PKEY_get_raw_private_key(k->pkey, raw, &n) == 1 &&
	     n == sizeof raw);
	seal_hmac(raw, sizeof raw, purpose, strlen(purpose), out);
	explicit_bzero(raw, sizeof raw);
}

/*
 * The key of one box: RFC 5869 with the shared secret as input, no salt, and
 * both public keys as info; one block of it.
 */
static int
box_secret(EVP_PKEY *own, const uint8_t *fresh, const uint8_t *to,
    const uint8_t *peer, uint8_t key[SEAL_HASH])
{
	EVP_PKEY *other = EVP_PKEY_new_raw_public_key(
	    EVP_PKEY_X25519, NULL, peer, SEAL_BOX_PUBLIC);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	uint8_t shared[32], half[SEAL_HASH], info[80] = "chaperone box 1";
	size_t n = sizeof shared;
	int r = other != NULL && ctx != NULL ? 0 : -ENOMEM;

	/* A peer of low order gives zeroes, which OpenSSL refuses. */
	if (r == 0 &&
	    (EVP_PKEY_derive_init(ctx) != 1 ||
		EVP_PKEY_derive_set_peer(ctx, other) != 1 ||
		EVP_PKEY_derive(ctx, shared, &n) != 1 || n != sizeof shared))
		r = -EBADMSG;
	if (r == 0) {
		memcpy(info + 15, fresh, SEAL_BOX_PUBLIC);
		memcpy(info + 47, to, SEAL_BOX_PUBLIC);
		info[79] = 1;
		seal_hmac("", 0, shared, sizeof shared, half);
		seal_hmac(half, sizeof half, info, sizeof info, key);
	}
	explicit_bzero(shared, sizeof shared);
	explicit_bzero(half, sizeof half);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
	ERR_clear_error();
	return r;
}

/* AES-256-GCM one way or the other; @tag is written or checked. */
static int
box_cipher(const uint8_t key[SEAL_HASH], bool seal, const void *bound,
    size_t bound_len, const uint8_t *in, size_t len, uint8_t *out, uint8_t *tag)
{
	static const uint8_t nonce[12];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n = 0, ok;

	if (c == NULL)
		return -ENOMEM;
	ok = EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, seal) ==
		 1 &&
	     EVP_CipherUpdate(c, NULL, &n, bound, (int)bound_len) == 1 &&
	     EVP_CipherUpdate(c, out, &n, in, (int)len) == 1 &&
	     (size_t)n == len;
	if (ok && !seal)
		ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, tag) == 1;
	ok = ok && EVP_CipherFinal_ex(c, out + len, &n) == 1;
	if (ok && seal)
		ok = EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, tag) == 1;
	EVP_CIPHER_CTX_free(c);
	ERR_clear_error();
	return ok ? 0 : -EBADMSG;
}

int
seal_box(const uint8_t public[SEAL_BOX_PUBLIC], const void *bound,
    size_t bound_len, const void *data, size_t len, struct buf *out)
{
	OWN(seal_box_key_freep) struct seal_box_key *fresh = NULL;
	uint8_t key[SEAL_HASH], *p;
	int r;

	if (len > INT32_MAX / 2 || bound_len > INT32_MAX / 2)
		return -EBADMSG;
	r = seal_box_key_new(&fresh);
	if (r == 0)
		r = box_secret(fresh->pkey, fresh->public, public, public, key);
	if (r != 0)
		return r;
	p = buf_grow(out, len + SEAL_BOX_EXTRA);
	if (p == NULL) {
		explicit_bzero(key, sizeof key);
		return buf_error(out);
	}
	memcpy(p, fresh->public, SEAL_BOX_PUBLIC);
	r = box_cipher(key, true, bound, bound_len, data, len,
	    p + SEAL_BOX_PUBLIC, p + SEAL_BOX_PUBLIC + len);
	explicit_bzero(key, sizeof key);
	return r;
}

int
seal_box_open(const struct seal_box_key *k, const void *bound, size_t bound_len,
    const void *box, size_t len, struct buf *out)
{
	const uint8_t *p = box;
	uint8_t key[SEAL_HASH], tag[16], *to;
	size_t n = len - SEAL_BOX_EXTRA;
	int r;

	if (len < SEAL_BOX_EXTRA || len > INT32_MAX / 2 ||
	    bound_len > INT32_MAX / 2)
		return -EBADMSG;
	r = box_secret(k->pkey, p, k->public, p, key);
	if (r != 0)
		return r;
	to = buf_grow(out, n + 1);
	if (to == NULL) {
		explicit_bzero(key, sizeof key);
		return buf_error(out);
	}
	memcpy(tag, p + SEAL_BOX_PUBLIC + n, sizeof tag);
	r = box_cipher(
	    key, false, bound, bound_len, p + SEAL_BOX_PUBLIC, n, to, tag);
	/* Nothing of a text that was not proven stays. */
	if (r != 0)
		explicit_bzero(to, n);
	out->len -= r == 0 ? 1 : n + 1;
	explicit_bzero(key, sizeof key);
	return r;
}

/* ---- passwords ---- */

static int
derive(const char *password, const uint8_t *salt, uint64_t n, uint64_t r,
    uint64_t p, uint8_t out[SEAL_HASH])
{
	if (EVP_PBE_scrypt(password, strlen(password), salt, SCRYPT_SALT, n, r,
		p, UINT64_C(64) << 20, out, SEAL_HASH) != 1) {
		ERR_clear_error();
		return -EINVAL;
	}
	return 0;
}

int
seal_password(const char *password, char *out, size_t size)
{
	uint8_t salt[SCRYPT_SALT], hash[SEAL_HASH];
	char salt_hex[2 * SCRYPT_SALT + 1], hash_hex[2 * SEAL_HASH + 1];
	int r;

	rng_fill(salt, sizeof salt);
	r = derive(password, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P, hash);
	if (r != 0)
		return r;
	str_hex(salt_hex, salt, sizeof salt);
	str_hex(hash_hex, hash, sizeof hash);
	return str_format(out, size, "scrypt$%d$%d$%d$%s$%s", SCRYPT_N,
	    SCRYPT_R, SCRYPT_P, salt_hex, hash_hex);
}

bool
seal_password_ok(const char *stored, const char *password)
{
	char salt_hex[2 * SCRYPT_SALT + 1], hash_hex[2 * SEAL_HASH + 1];
	uint8_t salt[SCRYPT_SALT], hash[SEAL_HASH], want[SEAL_HASH];
	unsigned n, r, p;
	int end = 0;

	/* Nine digits always fit. NOLINTNEXTLINE(cert-err34-c) */
	if (sscanf(stored, "scrypt$%9u$%9u$%9u$%32[0-9a-f]$%64[0-9a-f]%n", &n,
		&r, &p, salt_hex, hash_hex, &end) != 5 ||
	    stored[end] != '\0' ||
	    str_unhex(salt, sizeof salt, salt_hex) != 0 ||
	    str_unhex(want, sizeof want, hash_hex) != 0 ||
	    derive(password, salt, n, r, p, hash) != 0)
		return false;
	return seal_equal(hash, want, sizeof hash);
}
