/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_test - each validator with numbers of its standard, and with the
 * near misses that its check digits must catch.
 *
 * The good values are examples that the standards' own bodies publish, or were
 * computed by a script of another hand; the bad ones are made here from them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/validate.h"

#include "lib/own.h"

static bool
ok(const char *name, const char *value)
{
	const struct validator *v = validator_find(name);

	assert_non_null(v);
	return v->ok((const uint8_t *)value, strlen(value));
}

static void
check(const char *name, const char *value, bool wanted)
{
	if (ok(name, value) != wanted)
		fail_msg("%s: \"%s\" is %s", name, value,
		    wanted ? "refused" : "taken");
}

/* Every other digit in every place must be refused. */
static void
single_digits(const char *name, const char *value)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%s", value);
	for (size_t i = 0; text[i] != '\0'; i++) {
		char was = text[i];

		if (was < '0' || was > '9')
			continue;
		for (char c = '0'; c <= '9'; c++) {
			text[i] = c;
			if (c != was)
				check(name, text, false);
		}
		text[i] = was;
	}
}

/* Two neighbours whose order a sum cannot see. */
static bool
blind(const char *name, char a, char b)
{
	/* 09 and 90 in Luhn; in an IBAN 1 and B (11), 2 and M, 3 and X. */
	const char *pairs = strcmp(name, "luhn") == 0 ? "0990" : "1BB12MM23XX3";

	for (size_t i = 0; pairs[i] != '\0'; i += 2)
		if (pairs[i] == a && pairs[i + 1] == b)
			return true;
	return a == b;
}

static void
transposed(const char *name, const char *value)
{
	char text[64];

	(void)snprintf(text, sizeof text, "%s", value);
	for (size_t i = 0; text[i] != '\0' && text[i + 1] != '\0'; i++) {
		char a = text[i], b = text[i + 1];

		if (blind(name, a, b))
			continue;
		text[i] = b;
		text[i + 1] = a;
		check(name, text, false);
		text[i] = a;
		text[i + 1] = b;
	}
}

static void
test_luhn(void **state UNUSED)
{
	static const char *const good[] = {"79927398713", "4532015112830366",
	    "4111111111111111", "378282246310005", "5555555555554444",
	    "6011111111111117", "3530111333300000", "30569309025904", "0"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		check("luhn", good[i], true);
		single_digits("luhn", good[i]);
		transposed("luhn", good[i]);
	}
	check("luhn", "", false);
	check("luhn", "7992739871x", false);
	check("luhn", "4532 0151 1283 0366", false);
}

static void
test_iin(void **state UNUSED)
{
	static const struct {
		const char *v;
		bool ok;
	} rows[] = {
	    {"4111111111111111", true}, /* Visa */
	    {"4222222222222", true}, /* Visa of 13 */
	    {"5105105105105100", true},
	    {"2221000000000009", true},
	    {"2720990000000007", true}, /* Mastercard */
	    {"2721000000000004", false},
	    {"2220999999999999", false},
	    {"378282246310005", true},
	    {"3782822463100051", false},
	    {"341111111111111", true}, /* American Express has 15 */
	    {"6011000990139424", true},
	    {"6200000000000005", true},
	    {"3528000000000007", true},
	    {"3589999999999999", true},
	    {"3527999999999999", false}, /* JCB */
	    {"30569309025904", true},
	    {"36006666333344", true}, /* Diners */
	    {"2200000000000004", true},
	    {"2205000000000000", false},
	    {"1234567890123456", false},
	    {"0000000000000000", false},
	    {"7000000000000000", false},
	    {"9000000000000000", false},
	    {"8100000000000000", true},
	    {"411111111111", false},
	    {"41111111111111111111", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check("iin_range", rows[i].v, rows[i].ok);
}

static void
test_separators(void **state UNUSED)
{
	check("consistent_separator", "4532015112830366", true);
	check("consistent_separator", "4532 0151 1283 0366", true);
	check("consistent_separator", "4532-0151-1283-0366", true);
	check("consistent_separator", "4532 0151-1283 0366", false);
	check("consistent_separator", "4532 01511283-0366", false);
	check("consistent_separator", "45320151 12830366", false);
	check("consistent_separator", "4532 01 5112 830366", false);
}

static void
test_repeating(void **state UNUSED)
{
	check("not_repeating", "4532015112830366", true);
	check("not_repeating", "4444444444444444", false);
	check("not_repeating", "", false);
	/* Test numbers of the networks are told, not dropped. */
	check("not_repeating", "4242424242424242", true);
	check("not_repeating", "4111111111111111", true);
	check("not_repeating", "5555555555554444", true);
}

/* Examples of the SWIFT registry. */
static void
test_iban(void **state UNUSED)
{
	static const char *const good[] = {"AD1200012030200359100100",
	    "AE070331234567890123456", "AL47212110090000000235698741",
	    "AT611904300234573201", "AZ21NABZ00000000137010001944",
	    "BE68539007547034", "BG80BNBG96611020345678",
	    "BH67BMAG00001299123456", "BR1800360305000010009795493C1",
	    "CH9300762011623852957", "CR05015202001026284066",
	    "CY17002001280000001200527600", "CZ6508000000192000145399",
	    "DE89370400440532013000", "DK5000400440116243",
	    "DO28BAGR00000001212453611324", "EE382200221020145685",
	    "ES9121000418450200051332", "FI2112345600000785",
	    "FO6264600001631634", "FR1420041010050500013M02606",
	    "GB29NWBK60161331926819", "GE29NB0000000101904917",
	    "GI75NWBK000000007099453", "GL8964710001000206",
	    "GR1601101250000000012300695", "GT82TRAJ01020000001210029690",
	    "HR1210010051863000160", "HU42117730161111101800000000",
	    "IE29AIBK93115212345678", "IL620108000000099999999",
	    "IS140159260076545510730339", "IT60X0542811101000000123456",
	    "JO94CBJO0010000000000131000302", "KW81CBKU0000000000001234560101",
	    "KZ86125KZT5004100100", "LB62099900000001001901229114",
	    "LC55HEMM000100010012001200023015", "LI21088100002324013AA",
	    "LT121000011101001000", "LU280019400644750000",
	    "LV80BANK0000435195001", "MC5811222000010123456789030",
	    "MD24AG000225100013104168", "ME25505000012345678951",
	    "MK07250120000058984", "MR1300020001010000123456753",
	    "MT84MALT011000012345MTLCAST001S", "MU17BOMM0101101030300200000MUR",
	    "NL91ABNA0417164300", "NO9386011117947", "PK36SCBL0000001123456702",
	    "PL61109010140000071219812874", "PS92PALS000000000400123456702",
	    "PT50000201231234567890154", "QA58DOHB00001234567890ABCDEFG",
	    "RO49AAAA1B31007593840000", "RS35260005601001611379",
	    "SA0380000000608010167519", "SC18SSCB11010000000000001497USD",
	    "SE4550000000058398257466", "SI56263300012039086",
	    "SK3112000000198742637541", "SM86U0322509800000000270100",
	    "ST23000100010051845310146", "SV62CENR00000000000000700025",
	    "TL380080012345678910157", "TN5910006035183598478831",
	    "TR330006100519786457841326", "UA213223130000026007233566001",
	    "VA59001123000012345678", "VG96VPVG0000012345678901",
	    "XK051212012345678906"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		check("iban", good[i], true);
		single_digits("iban", good[i]);
		transposed("iban", good[i]);
	}
	check("iban", "DE8937040044053201300", false);
	check("iban", "DE893704004405320130000", false);
	check("iban", "ZZ89370400440532013000", false);
	/* The right sum in a shape that the country does not have. */
	check("iban", "GB82WEST12345698765432", true);
	check("iban", "", false);
}

static void
test_cn(void **state UNUSED)
{
	static const char *const good[] = {"11010519491231002X",
	    "440524188001010014", "310101200002291237", "810000199001011230"};

	/* Born in 1880: right sum, wrong century. */
	check("cn_resident_id", good[1], false);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (i == 1)
			continue;
		check("cn_resident_id", good[i], true);
		single_digits("cn_resident_id", good[i]);
		transposed("cn_resident_id", good[i]);
	}
	check("cn_resident_id", "11010519491231002x", true);
	check("cn_resident_id", "31010120010229123X", false);
	check("cn_resident_id", "1101051949123100", false);
	check("cn_resident_id", "110105491231002", false);
}

static void
test_cpf(void **state UNUSED)
{
	static const char *const good[] = {
	    "52998224725", "11144477735", "00000000191", "93541134780"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		check("cpf", good[i], true);
		single_digits("cpf", good[i]);
	}
	check("cpf", "11111111111", false);
	check("cpf", "00000000000", false);
	check("cpf", "5299822472", false);
	check("cpf", "529982247250", false);
}

static void
test_ssn(void **state UNUSED)
{
	check("ssn_range", "536904399", true);
	check("ssn_range", "001010001", true);
	check("ssn_range", "899999999", true);
	check("ssn_range", "000123456", false);
	check("ssn_range", "666123456", false);
	check("ssn_range", "900123456", false);
	check("ssn_range", "999123456", false);
	check("ssn_range", "536004399", false);
	check("ssn_range", "536900000", false);
	check("ssn_range", "111111111", false);
	check("ssn_range", "53690439", false);
	check("ssn_range", "536-90-43", false);
}

static void
test_email(void **state UNUSED)
{
	check("email_address", "jane.roe@mail.example.org", true);
	check("email_address", "a@b.co", true);
	check("email_address", "a+b_c%d@x-y.example", true);
	check("email_address", "jane..roe@example.org", false);
	check("email_address", ".jane@example.org", false);
	check("email_address", "jane.@example.org", false);
	check("email_address", "jane@example..org", false);
	check("email_address", "jane@-example.org", false);
	check("email_address", "jane@example-.org", false);
	check("email_address", "jane@example.o", false);
	check("email_address", "jane@example.12", false);
	check("email_address", "jane", false);
	check("email_address", "@example.org", false);
	check("not_file_name", "icon@2x.png", false);
	check("not_file_name", "getty@tty1.service", false);
	check("not_file_name", "jane@example.org", true);
}

static void
test_jwt(void **state UNUSED)
{
	check("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", true);
	check("jwt", "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.e30.c2ln", true);
	/* No algorithm, no JSON, no dot. */
	check("jwt", "eyJ0eXAiOiJKV1QifQ.e30.c2ln", false);
	check("jwt", "AAAAAAAAAAAA.e30.c2ln", false);
	check("jwt", "eyJhbGciOiJIUzI1NiJ9", false);
	check("jwt", "", false);
}

#define BEGIN(kind) \
	"-----BEG" \
	"IN " kind "PRIVATE KEY-----\n"

static void
test_pem(void **state UNUSED)
{
	check("pem_private_key",
	    BEGIN("") "MC4CAQAwBQYDK2VwBCIEIFLJIIExogMZK66FasCob6/"
		      "Ek0/fXNuWGFQueoQHU3M6\n-----END",
	    true);
	check("pem_private_key",
	    BEGIN("EC ") "MHcCAQEEIEH4Sj90CIEdUfKcDIlio0GGjkTmssBcc5uuridsMR0M"
			 "\noAoGCCqGSM49\n",
	    true);
	/* On one line of a configuration file. */
	check("pem_private_key",
	    BEGIN("RSA ") "MIICXQIBAAKBgQCo01VEOyEdjklG6QJmbmVT6330WRfGe504\\n"
			  "Z30/ZkMOTss2AtVQpI3GxVqGFZiakqjIpbjvcvnQ\\n",
	    true);
	check("pem_private_key",
	    BEGIN("OPENSSH ") "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAA\n",
	    true);
	check("pem_private_key",
	    BEGIN("ENCRYPTED ") "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAc"
				"BAjDQ3RU0luh9AICCAAw\n",
	    true);
	check("pem_private_key",
	    BEGIN("RSA ") "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n",
	    true);
	check("pem_private_key", BEGIN("") "...\n-----END", false);
	check(
	    "pem_private_key", BEGIN("") "your key goes here, please\n", false);
	check("pem_private_key", BEGIN(""), false);
	check("pem_private_key", "-----", false);
	check("pem_private_key", "", false);
}

static void
test_words(void **state UNUSED)
{
	check("not_placeholder", "q7Wz-4kLm_92Tx8b", true);
	check("not_placeholder", "${DB_PASSWORD}", false);
	check("not_placeholder", "changeme", false);
	check("not_placeholder", "YOUR_KEY_HERE", false);
	check("not_placeholder", "xxxxxxxxxxxx", false);
	check("not_placeholder", "{{ vault }}", false);
	check("not_placeholder", "<api-key>", false);
	check("mixed_classes", "q7Wz-4kLm_92Tx8b", true);
	check("mixed_classes", "onlyletters", false);
	check("mixed_classes", "123456789", false);
}

static void
test_checksum(void **state UNUSED)
{
	static const char *const good[][2] = {
	    {"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"},
	    {"AbCdEfGhIjKlMnOpQrStUvWxYz0123", "2piBxe"},
	    {"000000000000000000000000000000", "2C8GjS"},
	};
	const struct checksum *c = checksum_find("crc32_base62");

	assert_non_null(c);
	assert_null(checksum_find("crc32"));
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		uint8_t body[32];

		memcpy(body, good[i][0], 30);
		assert_true(c->ok(body, 30, (const uint8_t *)good[i][1], 6));
		for (size_t k = 0; k < 30; k++) {
			body[k] ^= 1;
			assert_false(
			    c->ok(body, 30, (const uint8_t *)good[i][1], 6));
			body[k] ^= 1;
		}
		assert_false(c->ok(body, 30, (const uint8_t *)"000000", 6));
	}
}

static void
check_normal(unsigned how, const char *in, const char *wanted)
{
	uint8_t out[128];
	size_t n = validate_normal(how, (const uint8_t *)in, strlen(in), out);

	assert_int_equal(n, strlen(wanted));
	assert_memory_equal(out, wanted, n);
}

static void
test_normal(void **state UNUSED)
{
	check_normal(0, "a-b c.d", "a-b c.d");
	check_normal(
	    NORMAL_SPACE_DASH, "4532 0151-1283\t0366", "4532015112830366");
	check_normal(NORMAL_DOTS, "529.982/247-25", "529982247-25");
	check_normal(NORMAL_CASE, "aBc\xc3\xa9", "ABC\xc3\xa9");
	check_normal(
	    NORMAL_FULLWIDTH, "\xef\xbc\x94\xef\xbc\x95x\xef\xbd\x9e", "45x~");
	check_normal(
	    NORMAL_FULLWIDTH, "\xef\xbd\x9f\xef\xbc", "\xef\xbd\x9f\xef\xbc");
	check_normal(NORMAL_FULLWIDTH | NORMAL_SPACE_DASH,
	    "\xef\xbc\x94\xef\xbc\x8d\xef\xbc\x95", "45");
}

static void
check_entropy(const char *text, uint32_t wanted)
{
	uint32_t got = validate_entropy((const uint8_t *)text, strlen(text));

	if (got > wanted + 1 || got + 1 < wanted)
		fail_msg("\"%s\": %u instead of %u", text, got, wanted);
}

static void
test_entropy(void **state UNUSED)
{
	static uint8_t all[1024];

	check_entropy("", 0);
	check_entropy("aaaa", 0);
	check_entropy("aab", 918);
	check_entropy("abcd", 2000);
	check_entropy("abcdefghijk", 3459);
	check_entropy("q7Wz-4kLm_92Tx8b", 4000);
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (uint8_t)i;
	assert_in_range(validate_entropy(all, sizeof all), 7999, 8000);
}

/* The table and the list of names are the same. */
static void
test_names(void **state UNUSED)
{
	const char *const *names = validator_names();

	for (size_t i = 0; names[i] != NULL; i++) {
		const struct validator *v = validator_find(names[i]);

		assert_non_null(v);
		assert_string_equal(v->name, names[i]);
		assert_true(v->accept > 0 && v->accept <= 1.0);
		/* None reads what is not there. */
		assert_false(v->ok((const uint8_t *)"", 0) && v->accept < 0.9);
	}
	assert_null(validator_find("nosuch"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_luhn),
	    cmocka_unit_test(test_iin),
	    cmocka_unit_test(test_separators),
	    cmocka_unit_test(test_repeating),
	    cmocka_unit_test(test_iban),
	    cmocka_unit_test(test_cn),
	    cmocka_unit_test(test_cpf),
	    cmocka_unit_test(test_ssn),
	    cmocka_unit_test(test_email),
	    cmocka_unit_test(test_jwt),
	    cmocka_unit_test(test_pem),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_checksum),
	    cmocka_unit_test(test_normal),
	    cmocka_unit_test(test_entropy),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
