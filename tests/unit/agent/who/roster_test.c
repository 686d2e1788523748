/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster_test - who an account or a key is, and when nobody may be named.
 */
#include "agent/who/roster.h"

#include "tests/unit/agent/who/host.h"

#include "lib/own.h"

#define KEY_A "SHA256:1qadaOL+TyrSFNe5zS/XFz16ovI7Pzfw92EGEpYVra8"
#define KEY_B "SHA256:zvM7f0ghO+eDZo5ZhenhdFOhUurY2yAvI+VgmHRo3KA"
#define KEY_C "SHA256:KYrukQ7GtbBjP49PnKTtq8LJevzYlogcFNIiTJowdSE"

static int
setup(void **state UNUSED)
{
	host_up();
	return 0;
}

static int
teardown(void **state UNUSED)
{
	host_down();
	return 0;
}

static int
read_text(const char *text, struct roster **out, struct diag *why)
{
	char path[512];

	host_path(path, "%s/roster.yaml", host_dir);
	host_write(path, text);
	*why = (struct diag){""};
	return roster_read(path, out, why);
}

static const char GOOD[] = "providers:\n"
			   "  - id: acme\n"
			   "    name: Acme Services\n"
			   "    from: 2026-01-01\n"
			   "    to: 2026-12-31\n"
			   "    people:\n"
			   "      - id: ann\n"
			   "        name: Ann\n"
			   "        accounts: [acme1, deploy, ops]\n"
			   "        keys: [\"" KEY_A "\"]\n"
			   "      - id: art\n"
			   "        accounts: [acme2, ops, acme-all]\n"
			   "      - id: late\n"
			   "        accounts: [acme3, acme-all]\n"
			   "        from: 2026-06-01\n"
			   "        to: 2030-01-01\n"
			   "  - id: beta\n"
			   "    people:\n"
			   "      - id: ann\n"
			   "        accounts: [beta1, deploy]\n"
			   "        keys: [\"" KEY_B "\"]\n"
			   "staff:\n"
			   "  - id: sam\n"
			   "    accounts: [sam]\n"
			   "    keys: [\"" KEY_C "\"]\n"
			   "shared: [acme2, root]\n";

static int64_t
at(const char *text)
{
	int64_t us;

	assert_int_equal(clock_parse(text, &us), 0);
	return us;
}

static void
check(const struct roster_match *m, enum roster_answer answer,
    const char *provider, const char *person)
{
	assert_int_equal(m->answer, answer);
	assert_true(str_eq(m->provider, provider));
	assert_true(str_eq(m->person, person));
}

static void
test_accounts(void **state UNUSED)
{
	OWN(roster_freep) struct roster *r = NULL;
	struct roster_match m;
	struct diag why;
	int64_t may = at("2026-05-01");

	assert_int_equal(read_text(GOOD, &r, &why), 0);
	m = roster_account(r, "acme1", may);
	check(&m, ROSTER_ONE, "acme", "ann");
	assert_true(m.keyed);
	m = roster_account(r, "acme-all", may);
	check(&m, ROSTER_ONE, "acme", "art");
	assert_false(m.keyed);
	/* Said to be shared, whoever is listed. */
	m = roster_account(r, "acme2", may);
	check(&m, ROSTER_SHARED, "acme", NULL);
	m = roster_account(r, "root", may);
	check(&m, ROSTER_SHARED, NULL, NULL);
	m = roster_account(r, "sam", may);
	check(&m, ROSTER_ONE, "staff", "sam");
	/* Shared within one provider, and by two. */
	m = roster_account(r, "ops", may);
	check(&m, ROSTER_SHARED, "acme", NULL);
	m = roster_account(r, "deploy", may);
	check(&m, ROSTER_SHARED, NULL, NULL);
	m = roster_account(r, "acme", may);
	check(&m, ROSTER_NONE, NULL, NULL);
	m = roster_account(r, "", may);
	check(&m, ROSTER_NONE, NULL, NULL);
}

static void
test_keys(void **state UNUSED)
{
	OWN(roster_freep) struct roster *r = NULL;
	struct roster_match m;
	struct diag why;
	int64_t may = at("2026-05-01");

	assert_int_equal(read_text(GOOD, &r, &why), 0);
	/* Two people of one name are two. */
	m = roster_key(r, KEY_A, may);
	check(&m, ROSTER_ONE, "acme", "ann");
	assert_false(roster_denies(r, &m, "deploy"));
	assert_false(roster_denies(r, &m, "root")); /* listed for nobody */
	assert_true(roster_denies(r, &m, "beta1"));
	m = roster_key(r, KEY_B, may);
	check(&m, ROSTER_ONE, "beta", "ann");
	assert_true(roster_denies(r, &m, "acme1"));
	m = roster_key(r, "SHA256:", may);
	check(&m, ROSTER_NONE, NULL, NULL);
}

static void
test_times(void **state UNUSED)
{
	OWN(roster_freep) struct roster *r = NULL;
	struct roster_match m;
	struct diag why;

	assert_int_equal(read_text(GOOD, &r, &why), 0);
	m = roster_account(r, "acme1", at("2025-12-31T23:59:59.999999Z"));
	check(&m, ROSTER_EXPIRED, "acme", "ann");
	m = roster_account(r, "acme1", at("2026-01-01"));
	check(&m, ROSTER_ONE, "acme", "ann");
	/* The last day is a whole one. */
	m = roster_account(r, "acme1", at("2026-12-31T23:59:59.999999Z"));
	check(&m, ROSTER_ONE, "acme", "ann");
	m = roster_account(r, "acme1", at("2027-01-01"));
	check(&m, ROSTER_EXPIRED, "acme", "ann");
	m = roster_key(r, KEY_A, at("2027-01-01"));
	check(&m, ROSTER_EXPIRED, "acme", "ann");
	/* A person's time lies within the provider's. */
	m = roster_account(r, "acme3", at("2026-05-31"));
	check(&m, ROSTER_EXPIRED, "acme", "late");
	m = roster_account(r, "acme3", at("2026-06-01"));
	check(&m, ROSTER_ONE, "acme", "late");
	m = roster_account(r, "acme3", at("2027-01-01"));
	check(&m, ROSTER_EXPIRED, "acme", "late");
	/* Before June, acme-all is one person's. */
	m = roster_account(r, "acme-all", at("2026-05-01"));
	check(&m, ROSTER_ONE, "acme", "art");
	m = roster_account(r, "acme-all", at("2026-07-01"));
	check(&m, ROSTER_SHARED, "acme", NULL);
	/* No end is no end. */
	m = roster_account(r, "beta1", at("9999-12-31"));
	check(&m, ROSTER_ONE, "beta", "ann");
}

#define PERSON(rest) "providers:\n- id: a\n  people:\n  - id: p\n" rest

static void
test_refused(void **state UNUSED)
{
	static const struct {
		const char *text, *place;
	} BAD[] = {{"- a\n", ":1:1:"},
	    {"provider:\n", "did you mean \"providers\""},
	    {"providers: x\n", ":1:12: providers must be a list"},
	    {"providers:\n- id: a\n  peple: []\n", ":3:3:"},
	    {"providers:\n- name: a\n", ":2:3: an id is missing"},
	    {"providers:\n- id: A\n", ":2:7: an id has"},
	    {"providers:\n- id: ''\n", ":2:7: an id has"},
	    {"providers:\n- id: staff\n", ":2:7: \"staff\""},
	    {"providers:\n- id: unknown\n", ":2:7: \"unknown\""},
	    {"providers:\n- id: unassigned\n", ":2:7: \"unassigned\""},
	    {"providers:\n- id: a\n- id: b\n- id: a\n", ":4:7:"},
	    {"providers:\n- id: a\n  from: 2026-02-30\n", ":3:9:"},
	    {"providers:\n- id: a\n  from: 2026-02-02\n  to: 2026-02-01\n",
		"ends before it begins"},
	    {"staff:\n- id: p\n- id: p\n", ":3:7: \"p\" stands twice"},
	    {PERSON("    acounts: []\n"), "did you mean \"accounts\""},
	    {PERSON("    accounts: x\n"), "accounts must be a list"},
	    {PERSON("    accounts: [x, x]\n"), ":5:19: stands twice"},
	    {PERSON("    accounts: ['']\n"), "must not be empty"},
	    {PERSON("    accounts: [[x]]\n"), ":5:16:"},
	    {PERSON("    keys: [SHA1:x]\n"), "is no fingerprint"},
	    {PERSON("    keys: ['" KEY_A "=']\n"), "is no fingerprint"},
	    {PERSON("    keys: [\"" KEY_A "\"]\n"
		    "  - id: q\n    keys: [\"" KEY_A "\"]\n"),
		":7:12: this key is listed for \"p\", too"}};

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct roster *r = NULL;
		struct diag why;

		assert_int_equal(read_text(BAD[i].text, &r, &why), -EBADMSG);
		assert_null(r);
		if (strstr(why.text, BAD[i].place) == NULL ||
		    strstr(why.text, "roster.yaml:") == NULL)
			fail_msg("%zu: %s", i, why.text);
	}
}

static void
test_nothing_in_it(void **state UNUSED)
{
	static const char *const EMPTY[] = {
	    "providers: []\n", "{}\n", "staff: []\nproviders: []\n"};

	for (size_t i = 0; i < ARRAY_LEN(EMPTY); i++) {
		OWN(roster_freep) struct roster *r = NULL;
		struct roster_match m;
		struct diag why;

		assert_int_equal(read_text(EMPTY[i], &r, &why), 0);
		m = roster_account(r, "root", 0);
		check(&m, ROSTER_NONE, NULL, NULL);
		m = roster_key(r, KEY_A, 0);
		check(&m, ROSTER_NONE, NULL, NULL);
	}
}

static void
test_missing_file(void **state UNUSED)
{
	struct roster *r = NULL;
	struct diag why = {""};
	char path[512];

	host_path(path, "%s/none.yaml", host_dir);
	assert_int_equal(roster_read(path, &r, &why), -ENOENT);
	assert_non_null(strstr(why.text, "none.yaml"));
}

/* Without a roster every account stands for itself. */
static void
test_default(void **state UNUSED)
{
	OWN(roster_freep) struct roster *r = NULL;
	struct roster_match m;

	assert_int_equal(roster_read(NULL, &r, NULL), 0);
	m = roster_account(r, "nobody-is-called-so", 0);
	check(&m, ROSTER_ONE, "unassigned", "nobody-is-called-so");
	assert_false(m.keyed);
	m = roster_key(r, KEY_A, 0);
	check(&m, ROSTER_NONE, NULL, NULL);
}

static void
test_example(void **state UNUSED)
{
	OWN(roster_freep) struct roster *r = NULL;
	struct roster_match m;
	struct diag why = {""};
	char path[512];

	if (getenv("SRC") == NULL) {
		print_message("# SRC names no source\n");
		skip();
	}
	host_path(path, "%s/packaging/roster.example.yaml", getenv("SRC"));
	assert_int_equal(roster_read(path, &r, &why), 0);
	m = roster_account(r, "deploy", at("2026-05-01"));
	check(&m, ROSTER_SHARED, NULL, NULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(test_accounts),
	    T(test_keys),
	    T(test_times),
	    T(test_refused),
	    T(test_nothing_in_it),
	    T(test_missing_file),
	    T(test_default),
	    T(test_example),
	};

	return cmocka_run_group_tests_name(
	    "agent/who/roster", tests, NULL, NULL);
}
