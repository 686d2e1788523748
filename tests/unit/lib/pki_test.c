/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki_test - certificates for agents and servers: what is issued verifies for
 * its purpose, in its time, under its authority, and nowhere else.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/pki.h"
#include "lib/str.h"

#include "lib/own.h"

#define DAY INT64_C(86400000000)
#define NOW INT64_C(1795000000000000)

static const struct pki_span SPAN = {.from_us = NOW - DAY, .to_us = NOW + DAY};

struct scene {
	struct pki_key *ca_key, *other_key, *key;
	struct pki_cert *ca, *other, *agent, *server;
};

static int
setup(void **state)
{
	static const char *const names[] = {"collector", "192.0.2.20", NULL};
	struct scene *s = calloc(1, sizeof *s);
	OWN(buf_done) struct buf public = {0};

	assert_non_null(s);
	buf_init(&public, PKI_PUBLIC_MAX);
	assert_int_equal(pki_key_new(&s->ca_key), 0);
	assert_int_equal(pki_key_new(&s->other_key), 0);
	assert_int_equal(pki_key_new(&s->key), 0);
	assert_int_equal(pki_key_public(s->key, &public), 0);
	assert_int_equal(pki_ca_new(s->ca_key, "house", &SPAN, &s->ca), 0);
	assert_int_equal(
	    pki_ca_new(s->other_key, "house", &SPAN, &s->other), 0);
	assert_int_equal(pki_agent_new(s->ca, s->ca_key, "web1-ab12",
			     public.data, public.len, &SPAN, &s->agent),
	    0);
	assert_int_equal(
	    pki_server_new(s->ca, s->ca_key, s->key, names, &SPAN, &s->server),
	    0);
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	pki_key_free(s->ca_key);
	pki_key_free(s->other_key);
	pki_key_free(s->key);
	pki_cert_free(s->ca);
	pki_cert_free(s->other);
	pki_cert_free(s->agent);
	pki_cert_free(s->server);
	free(s);
	return 0;
}

static void
test_verify(void **state)
{
	const struct scene *s = *state;
	struct diag why = {""};

	assert_int_equal(pki_verify(s->agent, s->ca, PKI_AGENT, NOW, &why), 0);
	assert_int_equal(
	    pki_verify(s->server, s->ca, PKI_SERVER, NOW, &why), 0);
	/* Each is good for one purpose. */
	assert_int_equal(
	    pki_verify(s->agent, s->ca, PKI_SERVER, NOW, &why), -EBADMSG);
	assert_int_equal(
	    pki_verify(s->server, s->ca, PKI_AGENT, NOW, &why), -EBADMSG);
	/* An authority of the same name with another key. */
	assert_int_equal(
	    pki_verify(s->agent, s->other, PKI_AGENT, NOW, &why), -EBADMSG);
	assert_true(why.text[0] != '\0');
	/* Not yet, and no more. */
	assert_int_equal(
	    pki_verify(s->agent, s->ca, PKI_AGENT, NOW - 2 * DAY, &why),
	    -EBADMSG);
	assert_int_equal(
	    pki_verify(s->agent, s->ca, PKI_AGENT, NOW + 2 * DAY, &why),
	    -EBADMSG);
	/* An agent's certificate is no authority. */
	assert_int_equal(
	    pki_verify(s->server, s->agent, PKI_SERVER, NOW, &why), -EBADMSG);
}

static void
test_identity(void **state)
{
	const struct scene *s = *state;
	OWN(buf_done) struct buf public = {0}, pem = {0};
	static const char *const both[] = {"collector", "192.0.2.20", NULL};
	static const char *const more[] = {"collector", "other", NULL};
	uint8_t digest[SEAL_HASH], of_key[SEAL_HASH];
	struct pki_cert *again = NULL;
	int64_t from, to;
	char id[PKI_ID_MAX];

	buf_init(&public, PKI_PUBLIC_MAX);
	buf_init(&pem, PKI_PEM_MAX);
	assert_int_equal(pki_cert_id(s->agent, id), 0);
	assert_string_equal(id, "web1-ab12");
	assert_int_equal(pki_cert_id(s->server, id), -EBADMSG);
	assert_int_equal(pki_key_public(s->key, &public), 0);
	seal_sha256(public.data, public.len, of_key);
	assert_int_equal(pki_cert_key_digest(s->agent, digest), 0);
	assert_memory_equal(digest, of_key, sizeof digest);
	assert_int_equal(pki_cert_times(s->agent, &from, &to), 0);
	/* Certificates know seconds. */
	assert_true(from == SPAN.from_us && to == SPAN.to_us);
	assert_true(pki_cert_names(s->server, both));
	assert_false(pki_cert_names(s->server, more));
	assert_int_equal(pki_cert_print(s->agent, &pem), 0);
	assert_int_equal(pki_cert_parse(pem.data, pem.len, &again, NULL), 0);
	assert_int_equal(pki_cert_digest(again, digest), 0);
	assert_int_equal(pki_cert_digest(s->agent, of_key), 0);
	assert_memory_equal(digest, of_key, sizeof digest);
	pki_cert_free(again);
}

static void
test_ids(void **state)
{
	const struct scene *s = *state;
	OWN(buf_done) struct buf public = {0};
	static const char *const bad[] = {
	    "", "A", "a b", "a/b", "a\n", "\xc3\xa4", "a_b"};
	char longest[PKI_ID_MAX + 1];
	struct pki_cert *c = NULL;

	buf_init(&public, PKI_PUBLIC_MAX);
	assert_int_equal(pki_key_public(s->key, &public), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(pki_id_ok(bad[i]));
		assert_int_equal(pki_agent_new(s->ca, s->ca_key, bad[i],
				     public.data, public.len, &SPAN, &c),
		    -EINVAL);
	}
	memset(longest, 'a', sizeof longest);
	longest[PKI_ID_MAX] = '\0';
	assert_false(pki_id_ok(longest));
	longest[PKI_ID_MAX - 1] = '\0';
	assert_true(pki_id_ok(longest));
	/* A key that is none, and one that goes on. */
	assert_int_equal(
	    pki_agent_new(s->ca, s->ca_key, "a", "x", 1, &SPAN, &c), -EBADMSG);
	buf_put_u8(&public, 0);
	assert_int_equal(pki_agent_new(s->ca, s->ca_key, "a", public.data,
			     public.len, &SPAN, &c),
	    -EBADMSG);
	assert_null(c);
}

static void
test_request(void **state)
{
	const struct scene *s = *state;
	OWN(buf_done) struct buf pem = {0}, want = {0}, got = {0};
	struct diag why = {""};

	buf_init(&pem, PKI_PEM_MAX);
	buf_init(&want, PKI_PUBLIC_MAX);
	buf_init(&got, PKI_PUBLIC_MAX);
	assert_int_equal(pki_csr_new(s->key, "web1", &pem), 0);
	assert_int_equal(pki_key_public(s->key, &want), 0);
	assert_int_equal(pki_csr_check(pem.data, pem.len, &got, &why), 0);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.data, want.data, got.len);
	/* Any character of it changed: refused, or the key is still ours. */
	for (size_t i = 0; i < pem.len; i += 5) {
		uint8_t kept = pem.data[i];

		buf_reset(&got);
		pem.data[i] = kept == 'A' ? 'B' : 'A';
		if (pki_csr_check(pem.data, pem.len, &got, &why) == 0) {
			assert_int_equal(got.len, want.len);
			assert_memory_equal(got.data, want.data, got.len);
		}
		pem.data[i] = kept;
	}
	assert_int_equal(pki_csr_check("", 0, &got, &why), -EBADMSG);
	assert_int_equal(
	    pki_csr_check(pem.data, pem.len / 2, &got, &why), -EBADMSG);
}

static void
test_key_pem(void **state)
{
	const struct scene *s = *state;
	OWN(buf_wipe) struct buf pem = {0};
	OWN(buf_done) struct buf a = {0}, b = {0};
	struct pki_key *again = NULL;

	buf_init(&pem, PKI_PEM_MAX);
	buf_init(&a, PKI_PUBLIC_MAX);
	buf_init(&b, PKI_PUBLIC_MAX);
	assert_int_equal(pki_key_print(s->key, &pem), 0);
	assert_int_equal(pki_key_parse(pem.data, pem.len, &again, NULL), 0);
	assert_int_equal(pki_key_public(s->key, &a), 0);
	assert_int_equal(pki_key_public(again, &b), 0);
	assert_memory_equal(a.data, b.data, a.len);
	pki_key_free(again);
	again = NULL;
	assert_int_equal(pki_key_parse("x", 1, &again, NULL), -EBADMSG);
	assert_null(again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verify),
	    cmocka_unit_test(test_identity),
	    cmocka_unit_test(test_ids),
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_key_pem),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
