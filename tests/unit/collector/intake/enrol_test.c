/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_test - the body of a request to become an agent.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "collector/intake/intake.h"
#include "lib/json.h"
#include "lib/pki.h"
#include "lib/str.h"

#include "lib/own.h"

struct body {
	const char *csr, *host, *token, *vkey;
};

static char csr[PKI_PEM_MAX];

static int
setup(void **state UNUSED)
{
	OWN(pki_key_freep) struct pki_key *k = NULL;
	OWN(buf_done) struct buf pem = {0};

	buf_init(&pem, PKI_PEM_MAX - 1);
	must(pki_key_new(&k) == 0 && pki_csr_new(k, "web", &pem) == 0);
	return str_copy_len(csr, sizeof csr, pem.data, pem.len);
}

static void
print(const struct body *b, struct buf *out)
{
	struct json j;

	buf_init(out, 4 * INTAKE_ENROL_MAX);
	json_init(&j, out);
	json_begin_object(&j, NULL);
	json_str(&j, "csr", b->csr);
	json_str(&j, "host", b->host);
	json_str(&j, "token", b->token);
	json_str(&j, "vkey", b->vkey);
	json_end_object(&j);
	must(buf_error(out) == 0);
}

static int
parse(const struct body *b, struct intake_enrol *e, struct diag *why)
{
	OWN(buf_done) struct buf text = {0};

	print(b, &text);
	return intake_enrol_parse(text.data, text.len, e, why);
}

static void
reads(void **state UNUSED)
{
	OWN(intake_enrol_done) struct intake_enrol e = {0};
	const struct body b = {csr, "web.example", "a token", "name+00+x"};
	uint8_t digest[SEAL_HASH];

	assert_int_equal(parse(&b, &e, NULL), 0);
	assert_string_equal(e.host, "web.example");
	assert_string_equal(e.vkey, "name+00+x");
	seal_sha256("a token", 7, digest);
	assert_memory_equal(e.token, digest, sizeof digest);
	assert_int_equal(e.public_key.len, 91);
}

static void
refuses(void **state UNUSED)
{
	char long_text[400];
	const struct body bad[] = {{"", "h", "t", "v"}, {csr, "", "t", "v"},
	    {csr, "h", "", "v"}, {csr, "h", "t", ""}, {csr, "h\nx", "t", "v"},
	    {csr, "h", "t", "v\x7f"}, {"no request", "h", "t", "v"},
	    {csr, long_text, "t", "v"}, {csr, "h", long_text, "v"},
	    {csr, "h", "t", long_text}};

	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct intake_enrol e = {0};
		struct diag why = {""};

		assert_int_equal(parse(&bad[i], &e, &why), -EBADMSG);
		assert_string_not_equal(why.text, "");
		/* No member's own text comes back. */
		assert_null(strstr(why.text, "xxx"));
		assert_null(e.public_key.data);
	}
}

/* A request whose signature is not that of its key. */
static void
wants_proof(void **state UNUSED)
{
	struct intake_enrol e = {0};
	char turned[PKI_PEM_MAX];
	const struct body b = {turned, "h", "t", "v"};
	size_t at;

	must(str_copy(turned, sizeof turned, csr) == 0);
	at = (size_t)(strstr(turned, "-----END") - turned) - 12;
	turned[at] = turned[at] == 'A' ? 'B' : 'A';
	assert_int_equal(parse(&b, &e, NULL), -EBADMSG);
}

/* Every prefix, and every byte turned, is refused or read whole. */
static void
lives_through_garbage(void **state UNUSED)
{
	OWN(buf_done) struct buf text = {0};
	const struct body b = {csr, "h", "t", "v"};

	print(&b, &text);
	for (size_t n = 0; n < text.len; n++) {
		struct intake_enrol e = {0};

		assert_int_equal(
		    intake_enrol_parse(text.data, n, &e, NULL), -EBADMSG);
	}
	for (size_t n = 0; n < text.len; n++) {
		OWN(intake_enrol_done) struct intake_enrol e = {0};
		int r;

		text.data[n] ^= 0x04;
		r = intake_enrol_parse(text.data, text.len, &e, NULL);
		assert_true(r == 0 || r == -EBADMSG);
		text.data[n] ^= 0x04;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(reads),
	    cmocka_unit_test(refuses), cmocka_unit_test(wants_proof),
	    cmocka_unit_test(lives_through_garbage)};

	return cmocka_run_group_tests(tests, setup, NULL);
}
