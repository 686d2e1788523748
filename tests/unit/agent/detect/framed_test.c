/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framed_test - checks of payment codes and of OpenPGP's armour: the example of
 * the Banco Central's manual, a key that GnuPG made for this test, and each of
 * them with any one character changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/framed.h"

#include "lib/own.h"

static bool
ok(const char *name, const char *value, size_t n)
{
	const struct validator *v = framed_find(name);

	assert_non_null(v);
	assert_string_equal(v->name, name);
	return v->ok((const uint8_t *)value, n);
}

static const char *const CODES[] = {
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D",
    "00020101021226770014BR.GOV.BCB.PIX2555pix.example.com/qr/93598be0-1bd0"
    "-4997-8318-81776a1d8a995204000053039865802BR5907EMPRESA6009SAO PAULO"
    "62070503***6304EEAB"};

static void
test_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(CODES); i++) {
		char text[256];
		size_t n = strlen(CODES[i]);

		assert_true(ok("emv_code", CODES[i], n));
		for (size_t k = 0; k < n; k++) {
			(void)snprintf(text, sizeof text, "%s", CODES[i]);
			text[k] ^= 1;
			if (ok("emv_code", text, n))
				fail_msg("place %zu of code %zu", k, i);
			assert_false(ok("emv_code", CODES[i], k));
		}
	}
}

/* Split, so that no other scanner takes it for somebody's. */
#define BEGIN \
	"-----BEG" \
	"IN PGP PRIVATE KEY BLOCK-----\n"
#define END "-----END PGP PRIVATE KEY BLOCK-----\n"
#define BODY \
	"lFgEawYb3hYJKwYBBAHaRw8BAQdAJbN4HAbNlrJdGzKsxO0Mh2LkhaDxrc2femnl\n" \
	"Xdu1h8UAAP9JxaU7PW+7xkHrslYF+ccnWvl+f91y7zMXHvQJzfd+XRHMtBtTYW1w\n" \
	"bGUgPHNhbXBsZUBleGFtcGxlLm9yZz6IkAQTFggAOBYhBPn/i/TlnjJZHuspJRrp\n" \
	"I9JUzXsOBQJrBhveAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheAAAoJEBrpI9JU\n" \
	"zXsO2C8A/2pSSVy0rIvbT9g+pz6xasyQqLKwz7VYjQPHR1AIVxOHAQCWUlAUCQ+0\n" \
	"gw8f62etMI8A8p7JVhU09EFgl+mbWC6eCg==\n"
#define SUM "=6kxl\n"

/* A body without padding, of the new form of packets. */
#define WHOLE \
	"xVsEU3JOABYqE+Gv14z5Dm8g2xFYq0fwTOH8LHHglFSDn8Nqm0iL/mbSOgLBDhbN\n" \
	"PvsvVSHq086JfvL8Qa3e86I3YtYPhUILEmNPdAaRpLV9/zX/PoBl3wvA01Fo\n"
#define WHOLE_SUM "=pr0a\n"

static const char *const BLOCKS[] = {BEGIN "\n" BODY SUM END,
    BEGIN "Version: a 1\nComment: b\n\n" BODY SUM END, BEGIN "\n" BODY END,
    BEGIN "\n" WHOLE WHOLE_SUM END, BEGIN "\r\n" WHOLE WHOLE_SUM END};

/* Each character of a body and of its sum counts. */
static void
each_counts(const char *block, size_t body)
{
	char text[2048];
	size_t from = sizeof BEGIN, n = strlen(block);

	for (size_t k = from; k < from + body + 5; k++) {
		(void)snprintf(text, sizeof text, "%s", block);
		if (text[k] == '\n' || text[k] == '=')
			continue;
		text[k] = text[k] == 'A' ? 'B' : 'A';
		if (ok("pgp_armor", text, n) && text[k + 1] != '=')
			fail_msg("place %zu", k);
	}
}

static void
test_armor(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(BLOCKS); i++)
		if (!ok("pgp_armor", BLOCKS[i], strlen(BLOCKS[i])))
			fail_msg("refuses block %zu", i);
	each_counts(BLOCKS[0], sizeof BODY - 1);
	each_counts(BLOCKS[3], sizeof WHOLE - 1);
}

/* As a string of a program or of JSON has it. */
static void
test_one_line(void **state)
{
	char text[4096];
	size_t used = 0;

	(void)state;
	for (const char *p = BLOCKS[0]; *p != '\0'; p++) {
		if (*p == '\n') {
			text[used++] = '\\';
			text[used++] = 'n';
		} else {
			text[used++] = *p;
		}
	}
	assert_true(ok("pgp_armor", text, used));
	text[used / 2] = text[used / 2] == 'A' ? 'B' : 'A';
	assert_false(ok("pgp_armor", text, used));
}

static void
test_edges(void **state)
{
	static const char *const names[] = {FRAMED_NAMES};
	static const char *const bad[] = {"", "000201", "0002016304FFFF", BEGIN,
	    BEGIN "\n", BEGIN "\n=", BEGIN "\n====\n" END, BEGIN "\nxVsE\n" END,
	    BEGIN "\n\\", BEGIN "a: b\n" END,
	    /* A public key's packet, and one of version 9. */
	    BEGIN "\nmFkEU3JOABZ/HhdakLxDL7lG\n" END,
	    BEGIN "\nlFkJU3JOABZ/HhdakLxDL7lG\n" END};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		for (size_t k = 0; k < ARRAY_LEN(bad); k++)
			assert_false(ok(names[i], bad[k], strlen(bad[k])));
	assert_null(framed_find("no_such_frame"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_code),
	    cmocka_unit_test(test_armor),
	    cmocka_unit_test(test_one_line),
	    cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
