/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal_test - digests and signatures against published vectors and against a
 * second library; keys on disk; passwords.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include <jansson.h>
#include <sodium.h>

#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define BYTES_MAX 65536

static json_t *
vectors(const char *name)
{
	const char *shared = getenv("CHAPERONE_SHARED");
	char path[4096];
	json_t *v = NULL;

	if (shared != NULL && str_format(path, sizeof path,
				  "%s/data/vectors/%s", shared, name) == 0)
		v = json_load_file(path, 0, NULL);
	if (v == NULL) {
		print_message("the outside test vectors are not here\n");
		skip();
	}
	return v;
}

static size_t
unhex(const json_t *object, const char *key, uint8_t *out, size_t max)
{
	const char *hex = json_string_value(json_object_get(object, key));
	size_t n = hex == NULL ? 0 : strlen(hex) / 2;

	assert_non_null(hex);
	assert_true(n <= max);
	assert_int_equal(str_unhex(out, n, hex), 0);
	return n;
}

static void
assert_hex(const uint8_t *data, size_t len, const char *wanted)
{
	char hex[2 * SEAL_HASH + 1];

	assert_true(len <= SEAL_HASH);
	str_hex(hex, data, len);
	assert_string_equal(hex, wanted);
}

/* FIPS 180-4 examples, and a million times "a". */
static void
test_sha256(void **state UNUSED)
{
	static char many[1000000];
	struct seal_hash *h;
	uint8_t d[SEAL_HASH];

	seal_sha256("", 0, d);
	assert_hex(d, sizeof d,
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	seal_sha256("abc", 3, d);
	assert_hex(d, sizeof d,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	memset(many, 'a', sizeof many);
	seal_sha256(many, sizeof many, d);
	assert_hex(d, sizeof d,
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	assert_int_equal(seal_hash_new(&h), 0);
	for (size_t at = 0; at < sizeof many; at += 1000)
		seal_hash_put(h, many + at, 1000);
	seal_hash_end(h, d);
	assert_hex(d, sizeof d,
	    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	/* Ready for the next one. */
	seal_hash_put(h, "abc", 3);
	seal_hash_end(h, d);
	assert_hex(d, sizeof d,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	seal_hash_free(h);
}

static void
test_hmac_vectors(void **state UNUSED)
{
	json_t *all = vectors("wycheproof/hmac_sha256_test.json");
	json_t *group, *test;
	size_t i, k, good = 0, bad = 0;

	json_array_foreach(json_object_get(all, "testGroups"), i, group)
	{
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			uint8_t key[512], msg[512], tag[64], got[SEAL_HASH];
			size_t nk = unhex(test, "key", key, sizeof key);
			size_t nm = unhex(test, "msg", msg, sizeof msg);
			size_t nt = unhex(test, "tag", tag, sizeof tag);
			const char *result =
			    json_string_value(json_object_get(test, "result"));
			bool same;

			assert_true(nt <= SEAL_HASH);
			seal_hmac(key, nk, msg, nm, got);
			same = seal_equal(got, tag, nt);
			assert_int_equal(same, str_eq(result, "valid"));
			*(same ? &good : &bad) += 1;
		}
	}
	assert_true(good > 50 && bad > 50);
	json_decref(all);
}

/* Any length of key and text, against another library. */
static void
test_hmac_lengths(void **state UNUSED)
{
	uint8_t key[200], text[300], ours[SEAL_HASH], theirs[SEAL_HASH];

	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 13);
	for (size_t nk = 0; nk <= sizeof key; nk++) {
		size_t nt = nk * 3 / 2;
		crypto_auth_hmacsha256_state s;

		(void)crypto_auth_hmacsha256_init(&s, key, nk);
		(void)crypto_auth_hmacsha256_update(&s, text, nt);
		(void)crypto_auth_hmacsha256_final(&s, theirs);
		seal_hmac(key, nk, text, nt, ours);
		assert_memory_equal(ours, theirs, sizeof ours);
	}
}

/* What we sign verifies here and elsewhere, and nothing that was bent does. */
static void
test_ed25519(void **state UNUSED)
{
	struct seal_key *k;
	uint8_t public[SEAL_PUBLIC], sig[SEAL_SIGNATURE];
	uint8_t other[SEAL_PUBLIC];

	assert_int_equal(seal_key_new(&k), 0);
	seal_key_public(k, public);
	assert_int_equal(seal_sign(k, "text", 4, sig), 0);
	assert_int_equal(seal_verify(public, "text", 4, sig), 0);
	assert_int_equal(crypto_sign_verify_detached(
			     sig, (const unsigned char *)"text", 4, public),
	    0);
	assert_int_equal(seal_verify(public, "texT", 4, sig), -EBADMSG);
	memcpy(other, public, sizeof other);
	other[0] ^= 1;
	assert_int_equal(seal_verify(other, "text", 4, sig), -EBADMSG);
	for (size_t i = 0; i < sizeof sig; i++) {
		sig[i] ^= 0x10;
		assert_int_equal(seal_verify(public, "text", 4, sig), -EBADMSG);
		sig[i] ^= 0x10;
	}
	seal_key_free(k);
}

static void
test_ed25519_vectors(void **state UNUSED)
{
	json_t *all = vectors("wycheproof/ed25519_test.json");
	json_t *group, *test;
	size_t i, k, good = 0, bad = 0;

	json_array_foreach(json_object_get(all, "testGroups"), i, group)
	{
		const json_t *pk = json_object_get(group, "publicKey");
		uint8_t key[SEAL_PUBLIC];

		(void)unhex(pk, "pk", key, sizeof key);
		json_array_foreach(json_object_get(group, "tests"), k, test)
		{
			uint8_t msg[1024], sig[512];
			size_t nm = unhex(test, "msg", msg, sizeof msg);
			size_t ns = unhex(test, "sig", sig, sizeof sig);
			const char *result =
			    json_string_value(json_object_get(test, "result"));
			bool valid = ns == SEAL_SIGNATURE &&
				     seal_verify(key, msg, nm, sig) == 0;

			assert_int_equal(valid, str_eq(result, "valid"));
			*(valid ? &good : &bad) += 1;
		}
	}
	assert_true(good > 30 && bad > 30);
	json_decref(all);
}

/* The edge cases where libraries differ: ours must say what libsodium says. */
static void
test_edge_cases(void **state UNUSED)
{
	json_t *all = vectors("cctv-ed25519/ed25519vectors.json");
	json_t *test;
	size_t i, good = 0, bad = 0;

	json_array_foreach(all, i, test)
	{
		uint8_t key[SEAL_PUBLIC], sig[SEAL_SIGNATURE];
		const char *msg =
		    json_string_value(json_object_get(test, "msg"));
		bool ours, theirs;

		(void)unhex(test, "key", key, sizeof key);
		(void)unhex(test, "sig", sig, sizeof sig);
		ours = seal_verify(key, msg, strlen(msg), sig) == 0;
		theirs = crypto_sign_verify_detached(sig,
			     (const unsigned char *)msg, strlen(msg), key) == 0;
		if (ours != theirs)
			print_message("case %zu: ours %d\n", i, ours);
		assert_int_equal(ours, theirs);
		*(ours ? &good : &bad) += 1;
	}
	assert_int_equal(good + bad, 914);
	assert_true(good > 0 && bad > 0);
	json_decref(all);
}

static void
test_key_file(void **state UNUSED)
{
	char dir[] = "/tmp/seal_test.XXXXXX", path[64];
	struct seal_key *k, *again = NULL;
	uint8_t a[SEAL_PUBLIC], b[SEAL_PUBLIC];
	struct diag why = {""};
	struct stat st;
	int fd;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof path, "%s/key", dir);
	assert_int_equal(seal_key_new(&k), 0);
	assert_int_equal(seal_key_save(k, path, &why), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(seal_key_save(k, path, &why), -EEXIST);
	assert_int_equal(seal_key_load(path, &again, &why), 0);
	seal_key_public(k, a);
	seal_key_public(again, b);
	assert_memory_equal(a, b, sizeof a);
	seal_key_free(again);
	again = NULL;

	/* One that others may read is refused, and the file is named. */
	assert_int_equal(chmod(path, 0640), 0);
	assert_true(seal_key_load(path, &again, &why) < 0);
	assert_non_null(strstr(why.text, path));
	assert_null(again);
	assert_int_equal(chmod(path, 0600), 0);

	/* And what is no key. */
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "no key\n", 7), 7);
	close(fd);
	assert_true(seal_key_load(path, &again, &why) < 0);
	assert_null(again);
	seal_key_free(k);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_password(void **state UNUSED)
{
	char a[160], b[160];

	assert_int_equal(seal_password("open sesame", a, sizeof a), 0);
	assert_int_equal(seal_password("open sesame", b, sizeof b), 0);
	assert_string_not_equal(a, b); /* salted */
	assert_non_null(strstr(a, "scrypt$"));
	assert_null(strstr(a, "sesame"));
	assert_true(seal_password_ok(a, "open sesame"));
	assert_true(seal_password_ok(b, "open sesame"));
	assert_false(seal_password_ok(a, "open sesamE"));
	assert_false(seal_password_ok(a, ""));
	assert_false(seal_password_ok("", ""));
	assert_false(seal_password_ok("scrypt$1$1$1$$", ""));
	assert_false(seal_password_ok("scrypt$99999999999$8$1$AAAA$AAAA", "x"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sha256),
	    cmocka_unit_test(test_hmac_vectors),
	    cmocka_unit_test(test_hmac_lengths),
	    cmocka_unit_test(test_ed25519),
	    cmocka_unit_test(test_ed25519_vectors),
	    cmocka_unit_test(test_edge_cases),
	    cmocka_unit_test(test_key_file),
	    cmocka_unit_test(test_password),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
