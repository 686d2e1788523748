/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_test - each validator with numbers of its standard, and with the
 * near misses that its check digits must catch.
 *
 * The good values are examples that the standards' own bodies publish, or were
 * computed by a script of another hand; the bad ones are made here from them.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
	check("not_words", "kubernetes-dashboard-certs-v2", false);
	check("not_words", "sentence_splitter_2", false);
	check("not_words", "/usr/share/doc/apt2/", false);
	check("not_words", "q7Wz4kLm92Tx8bPd", true);
	check("not_words", "Sommer2019!x", true);
	check("random_shape", "q7Wz4kLm92Tx8bPd", true);
	check("random_shape", "8cc2ccbc958afe31703a6ba23a7da22c", true);
	check("random_shape", "xKqTzWpVbNjDfGhL", true);
	check("random_shape", "correcthorse7!", false);
	check("random_shape", "illustration1", false);
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

/* Numbers from the standards and from their publishers' own examples. */
static void
test_vectors(void **state UNUSED)
{
	static const char *const good[][2] = {
	    {"br_cnpj", "12ABC34501DE35"},
	    {"br_cnh", "62472927637"},
	    {"hk_id", "A123456(3)"},
	    {"hk_id", "AB9876543"},
	    {"tw_id", "A123456789"},
	    {"jp_my_number", "123456789018"},
	    {"us_npi", "1234567893"},
	    {"us_dea", "AB1234563"},
	    {"us_mbi", "1EG4TE5MK73"},
	    {"ru_snils", "11223344595"},
	    {"ae_id", "784198012345678"},
	    {"sa_id", "1000000008"},
	    {"mx_clabe", "032180000118359719"},
	    {"de_document", "T220001293"},
	    {"de_rvnr", "15070649C103"},
	    {"de_kvnr", "A123456780"},
	    {"gb_driver", "MORGA607054SM9IJ"},
	    {"gb_nino", "AA123456C"},
	    {"id_nik", "3171015708900001"},
	    {"vin", "1M8GDM9AXKP042788"},
	    {"sg_nric", "S1234567D"},
	    {"mrz", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"},
	    {"imei", "490154203237518"},
	    {"us_itin", "912501234"},
	    {"us_aba", "021000021"},
	    {"tw_ubn", "04595257"},
	    {"kr_brn", "1248100998"},
	    {"de_lanr", "123456601"},
	    {"lu_matricule", "1893120105732"},
	    {"lu_matricule", "1983021401754"},
	    {"lu_matricule", "2024022912336"},
	    {"ca_bn", "123026635RC0001"},
	    {"sg_uen", "53125226D"},
	    {"sg_uen", "201434292D"},
	    {"sg_uen", "S57TU0392K"},
	};
	static const char *const bad[][2] = {
	    {"br_cnpj", "12ABC34501DE36"},
	    {"hk_id", "A123456(4)"},
	    {"tw_id", "A123456788"},
	    {"us_npi", "1234567890"},
	    {"us_mbi", "1SG4TE5MK73"},
	    {"gb_nino", "BG123456C"},
	    {"gb_nino", "AO123456C"},
	    {"mrz", "L898902C36UTO"},
	    {"ru_snils", "11223344596"},
	    {"vin", "1M8GDM9A_KP042788"},
	    {"vin", "1M8GDM9A0KP042788"},
	    {"jp_my_number", "123456789012"},
	    {"us_itin", "912661234"},
	    {"us_aba", "421000025"},
	    {"imei", "490154203237519"},
	    {"kr_brn", "1248100997"},
	    {"de_lanr", "123456901"},
	    {"lu_matricule", "1893120105733"},
	    {"lu_matricule", "1893120105742"},
	    {"lu_matricule", "2023022912336"},
	    {"ca_bn", "123026635RX0001"},
	    {"ca_bn", "123026635RC00012"},
	    {"sg_uen", "53125226E"},
	    {"sg_uen", "201434292E"},
	    {"sg_uen", "S57TU0392L"},
	    {"sg_uen", "S57tU0392K"},
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		check(good[i][0], good[i][1], true);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check(bad[i][0], bad[i][1], false);
}

/*
 * A rule of the oracle, our name for it, and letters that stand before. Not
 * here, since the oracle is behind the standard: cn.ric (births a thousand
 * years ago), imei (sixteen digits, which have no check), kr.brn (no check
 * digit), us.itin (without groups 50 to 65), us.rtn (any district), tw.ubn
 * (before 2023). Their own vectors are above.
 */
static const struct {
	const char *rule, *name, *prefix;
} ORACLE[] = {
    {"ar.cbu", "ar_cbu", ""},
    {"ar.cuit", "ar_cuit", ""},
    {"at.vnr", "at_vnr", ""},
    {"au.abn", "au_abn", ""},
    {"au.acn", "au_acn", ""},
    {"au.tfn", "au_tfn", ""},
    {"be.nn", "be_nn", ""},
    {"bg.egn", "bg_egn", ""},
    {"br.cnpj", "br_cnpj", ""},
    {"br.cpf", "cpf", ""},
    {"ca.bn", "ca_bn", ""},
    {"ca.sin", "ca_sin", ""},
    {"ch.ssn", "ch_ahv", ""},
    {"cl.rut", "cl_rut", "CL"},
    {"cn.uscc", "cn_uscc", ""},
    {"co.nit", "co_nit", ""},
    {"cz.rc", "cz_rc", ""},
    {"de.idnr", "de_idnr", ""},
    {"de.vat", "de_vat", ""},
    {"dk.cpr", "dk_cpr", ""},
    {"dk.cvr", "dk_cvr", "DK"},
    {"ec.ci", "ec_ci", ""},
    {"ee.ik", "baltic", ""},
    {"es.cif", "es_cif", ""},
    {"es.dni", "es_nif", ""},
    {"es.nie", "es_nif", ""},
    {"fi.hetu", "fi_hetu", ""},
    {"fr.nir", "fr_nir", ""},
    {"fr.siren", "fr_siren", ""},
    {"fr.siret", "fr_siret", ""},
    {"gb.nhs", "gb_nhs", ""},
    {"gb.utr", "gb_utr", ""},
    {"gr.amka", "gr_amka", ""},
    {"gr.vat", "gr_afm", "EL"},
    {"hr.oib", "hr_oib", "HR"},
    {"iban", "iban", ""},
    {"ie.pps", "ie_pps", ""},
    {"il.idnr", "il_id", ""},
    {"in_.aadhaar", "in_aadhaar", ""},
    {"in_.epic", "in_epic", ""},
    {"in_.gstin", "in_gstin", ""},
    {"in_.pan", "in_pan", ""},
    {"is_.kennitala", "is_kennitala", ""},
    {"isin", "isin", ""},
    {"it.iva", "it_iva", "IT"},
    {"jp.cn", "jp_corporate", ""},
    {"kr.rrn", "kr_rrn", ""},
    {"lei", "lei", ""},
    {"mx.curp", "mx_curp", ""},
    {"mx.rfc", "mx_rfc", ""},
    {"my.nric", "my_nric", ""},
    {"nl.bsn", "nl_bsn", ""},
    {"no.fodselsnummer", "no_fnr", ""},
    {"no.orgnr", "no_orgnr", ""},
    {"nz.ird", "nz_ird", "NZ"},
    {"pe.ruc", "pe_ruc", ""},
    {"pl.nip", "pl_nip", "PL"},
    {"pl.pesel", "pl_pesel", ""},
    {"pl.regon", "pl_regon", ""},
    {"pt.cc", "pt_cc", ""},
    {"pt.nif", "pt_nif", "PT"},
    {"ro.cnp", "ro_cnp", ""},
    {"ru.inn", "ru_inn", ""},
    {"se.orgnr", "se_orgnr", ""},
    {"se.personnummer", "se_personnummer", ""},
    {"sg.uen", "sg_uen", ""},
    {"si.emso", "si_emso", ""},
    {"sk.rc", "cz_rc", ""},
    {"th.pin", "th_pin", ""},
    {"tr.tckimlik", "tr_tckn", ""},
    {"ua.rntrc", "ua_rntrc", ""},
    {"us.ein", "us_ein", ""},
    {"us.ssn", "ssn_range", ""},
    {"uy.rut", "uy_rut", "UY"},
    {"ve.rif", "ve_rif", ""},
    {"za.idnr", "za_id", ""},
};

/* The text of a key of one line of the oracle, which has no escapes. */
static bool
field(const char *line, const char *key, char *out, size_t size)
{
	char mark[32];
	const char *from, *to;

	(void)snprintf(mark, sizeof mark, "\"%s\": \"", key);
	from = strstr(line, mark);
	if (from == NULL)
		return false;
	from += strlen(mark);
	to = strchr(from, '"');
	return to != NULL &&
	       snprintf(out, size, "%.*s", (int)(to - from), from) < (int)size;
}

/* True if the row was one of ours; counts its mistakes. */
static bool
judge(const char *line, size_t *wrong)
{
	char rule[64], text[128], label[16];
	uint8_t value[128];

	if (!field(line, "rule", rule, sizeof rule) ||
	    !field(line, "text", text, sizeof text) ||
	    !field(line, "label", label, sizeof label))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(ORACLE); i++) {
		bool raw = strcmp(ORACLE[i].rule, "fi.hetu") == 0;
		size_t skip = strlen(ORACLE[i].prefix);
		const uint8_t *v = value;
		size_t n;
		bool got;

		if (strcmp(ORACLE[i].rule, rule) != 0)
			continue;
		n = validate_normal(
		    raw ? NORMAL_CASE
			: NORMAL_SPACE_DASH | NORMAL_DOTS | NORMAL_CASE,
		    (const uint8_t *)text, strlen(text), value);
		if (skip > 0 && n > skip &&
		    memcmp(v, ORACLE[i].prefix, skip) == 0) {
			v += skip;
			n -= skip;
		}
		got = validator_find(ORACLE[i].name)->ok(v, n);
		if (got != (label[0] == 'p')) {
			print_message("%s: %s \"%s\"\n", rule,
			    got ? "takes" : "refuses", text);
			(*wrong)++;
		}
		return true;
	}
	return false;
}

static void
test_oracle(void **state UNUSED)
{
	const char *shared = getenv("CHAPERONE_SHARED");
	char path[4096], line[1024];
	char program[] = "zcat";
	char *const argv[] = {program, path, NULL};
	posix_spawn_file_actions_t to;
	size_t rows = 0, wrong = 0;
	int ends[2], state_of = -1;
	pid_t pid;
	FILE *in;

	if (shared == NULL)
		skip();
	(void)snprintf(path, sizeof path,
	    "%s/data/detect/stdnum_generated.jsonl.gz", shared);
	if (access(path, R_OK) != 0)
		skip();
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(posix_spawn_file_actions_init(&to), 0);
	assert_int_equal(
	    posix_spawn_file_actions_adddup2(&to, ends[1], STDOUT_FILENO), 0);
	assert_int_equal(
	    posix_spawnp(&pid, "zcat", &to, NULL, argv, environ), 0);
	(void)posix_spawn_file_actions_destroy(&to);
	(void)close(ends[1]);
	in = fdopen(ends[0], "r");
	assert_non_null(in);
	while (fgets(line, sizeof line, in) != NULL)
		rows += judge(line, &wrong);
	(void)fclose(in);
	assert_int_equal(waitpid(pid, &state_of, 0), pid);
	assert_int_equal(state_of, 0);
	assert_true(rows > 2000);
	print_message("%zu rows, %zu mistakes\n", rows, wrong);
	assert_int_equal(wrong, 0);
}

/* What random values of a number's length do: not one reads too far. */
static void
test_hostile(void **state UNUSED)
{
	const char *const *names = validator_names();
	uint32_t x = 1;

	for (size_t i = 0; names[i] != NULL; i++)
		for (size_t n = 0; n < 60; n++) {
			uint8_t *v = malloc(n + 1);

			assert_non_null(v);
			for (size_t k = 0; k < n; k++) {
				x = x * 1664525 + 1013904223;
				v[k] = n % 3 == 0 ? (uint8_t)(x >> 24)
				       : n % 3 == 1
					   ? (uint8_t)('0' + (x >> 24) % 10)
					   : (uint8_t)('A' + (x >> 24) % 26);
			}
			(void)validator_find(names[i])->ok(v, n);
			free(v);
		}
}

/*
 * What a rule's confidence rests on: of random values of a number's shape no
 * more pass than the table says, and not far fewer. d is a digit, x a digit
 * or X; the rest stands for itself.
 */
static void
test_strength(void **state UNUSED)
{
	static const struct {
		const char *name, *shape;
	} rows[] = {
	    {"luhn", "dddddddddddddddd"},
	    {"iin_range", "dddddddddddddddd"},
	    {"cpf", "ddddddddddd"},
	    {"ssn_range", "ddddddddd"},
	    {"cn_resident_id", "dddddddddddddddddx"},
	    {"iban", "DEdddddddddddddddddddd"},
	    {"iban", "NOddddddddddddd"},
	    {"ca_bn", "dddddddddRT0001"},
	    {"lu_matricule", "ddddddddddddd"},
	    {"pt_cc", "dddddddddZud"},
	    {"emv_code", "000201dddddddddddddddddddd6304hhhh"},
	    {"jwt", "eyJbbbbbbbbbbbbbbbbb.eyJbbbbbbbb.bbbbbbbbbb"},
	    {"pem_private_key",
		"-----BEGIN PRIVATE KEY-----\nbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbbbbbbbbbbbbbb"},
	    {"pgp_armor",
		"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nbbbbbbbbbbbbbbbbbbb"
		"bbbbbbbbb\n-----END"},
	};
	uint32_t r = 1;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct validator *v = validator_find(rows[i].name);
		size_t n = strlen(rows[i].shape), passed = 0;
		double share, slack;

		for (size_t k = 0; k < 200000; k++) {
			uint8_t value[128];

			for (size_t j = 0; j < n; j++) {
				static const char base[] =
				    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz+/";
				char c = rows[i].shape[j];

				r ^= r << 13;
				r ^= r >> 17;
				r ^= r << 5;
				if (c == 'd')
					c = "0123456789"[r % 10];
				else if (c == 'x')
					c = "0123456789X"[r % 11];
				else if (c == 'u')
					c = base[r % 36];
				else if (c == 'h')
					c = base[r % 16];
				else if (c == 'b')
					c = base[r % 64];
				value[j] = (uint8_t)c;
			}
			passed += v->ok(value, n);
		}
		share = (double)passed / 200000;
		/* Above four standard errors, and a few of the rarest. */
		slack = v->accept * 0.1 + 0.00003;
		if (share > v->accept + slack || share < v->accept - slack)
			fail_msg("%s: %f pass, the table says %f", rows[i].name,
			    share, v->accept);
	}
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
	    cmocka_unit_test(test_strength),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_oracle),
	    cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
