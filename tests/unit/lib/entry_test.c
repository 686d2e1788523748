/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry_test - the bytes of an entry, and that no other bytes are taken.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "lib/draft.h"
#include "lib/entry.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define BOOT "0b6a8f0e-53c1-4e2c-9d6b-6a5f8e7d9c01"
#define SAFE_MAX INT64_C(9007199254740991)

static const struct stamp AT = {4242, INT64_C(1772352000000250)};

/* 00 01 … 1f */
static const uint8_t *
seed(void)
{
	static uint8_t s[ENTRY_SEED_LEN];

	for (uint8_t i = 0; i < sizeof s; i++)
		s[i] = i;
	return s;
}

static struct entry_place
place(void)
{
	return (struct entry_place){
	    .seq = 7, .gen = 1, .boot = BOOT, .synced = true, .seed = seed()};
}

/* Seals and ends the draft. */
static int
seal(struct draft *d, struct entry *out)
{
	struct entry_place p = place();
	int r = entry_seal(d, &p, out);

	draft_done(d);
	return r;
}

static int
open_entry(const struct entry *e, struct facts *f, struct diag *why)
{
	return entry_open(
	    e->leaf.data, e->leaf.len, e->disclosures, e->ndisclosures, f, why);
}

/* ---- the example of chaperone-log(5), made by another program ---- */

#define DIGESTS \
	"\"KaTNzohPBFSlFuce_62YGFWXOe04OwGowGIz4eqAa48\"," \
	"\"QdU8zZWqNZ9k1Q3XBCMCD2uuHR6SAFr437Y1X_mH9_0\"," \
	"\"UOmi_-0bUljG7K911y0B0EBfDYWBnpT5AtLxT5TXnvY\"," \
	"\"Uxb0UFaTbEXeDLv3WmDzKvDHJx6XzzrkD2omyydWETs\"," \
	"\"Y7T_pylYMrOC3EatPOT2aOJKRZwIkxqSkXs2adkLqS8\"," \
	"\"bDTpk6MQK4H6KuudkfbvySMVbE4lovdJHRen2awP8yE\"," \
	"\"bltuzFKjH6GEm2ULaPLDhkpfydHL0BM6W6gdcmzGIN0\"," \
	"\"y_Spge7NheOmPYOvAmj6nI8TRhMmY3a9D4CTarJhPvk\""
#define HEAD_REST \
	"\"_sd_alg\":\"sha-256\",\"boot\":\"" BOOT "\",\"boot_us\":4242," \
	"\"d\":{},\"gen\":1,\"prio\":1,\"seq\":7,\"synced\":true," \
	"\"t\":\"2026-03-01T08:00:00.000250Z\",\"type\":\"col.access\"," \
	"\"v\":1}"
#define EXAMPLE "{\"_sd\":[" DIGESTS "]," HEAD_REST
#define PROVIDER \
	"WyJqeVNlNDZ3RjRJZVY5aS02TUlCT25RIiwicHJvdmlkZXIiLCJiNjQ6WVFw" \
	"amJXVT0iXQ"
#define USER "WyJ5VHNYUzk4dHBqRXNiMzctekpJY1F3IiwidXNlciIsInpvw6siXQ"

static void
access_draft(struct draft *d)
{
	draft_init(d, "col.access", AT);
	draft_text(d, "user", "zo\xc3\xab");
	draft_text(d, "via", "page");
	draft_text(d, "action", "report");
	draft_text(d, "provider", "a\ncme");
}

static void
test_example(void **state UNUSED)
{
	static const char *const WANT[] = {USER,
	    "WyJCY3ZpZ0ZTUDFfc3h3UG5abWtJWEhBIiwidmlhIiwicGFnZSJd",
	    "WyJwa0V0TkdWTm5wNWhtdW9GNDhqMUFRIiwiYWN0aW9uIiwicmVwb3J0Il0",
	    PROVIDER};
	OWN(entry_done) struct entry e = {0};
	OWN(facts_done) struct facts f = {0};
	struct draft d;

	access_draft(&d);
	assert_int_equal(seal(&d, &e), 0);
	assert_string_equal(buf_text(&e.leaf), EXAMPLE);
	assert_int_equal(e.ndisclosures, ARRAY_LEN(WANT));
	for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
		assert_int_equal(e.disclosures[i].len, strlen(WANT[i]));
		assert_string_equal(e.disclosures[i].text, WANT[i]);
	}
	assert_int_equal(open_entry(&e, &f, NULL), 0);
	assert_true(f.seq == 7 && f.gen == 1 && f.prio == 1 && f.synced);
	assert_true(f.at.boot_us == AT.boot_us && f.at.wall_us == AT.wall_us);
	assert_string_equal(f.boot, BOOT);
	assert_string_equal(f.type, "col.access");
	assert_string_equal(facts_text(&f, "user"), "zo\xc3\xab");
	assert_string_equal(facts_text(&f, "provider"), "a\ncme");
	assert_null(facts_text(&f, "format"));
}

/* Less than all disclosures is fine: what is left out is redacted. */
static void
test_redacted(void **state UNUSED)
{
	struct disclosure d[] = {{strdup(USER), strlen(USER)}};
	OWN(facts_done) struct facts f = {0};

	assert_int_equal(
	    entry_open(EXAMPLE, strlen(EXAMPLE), d, 1, &f, NULL), 0);
	assert_int_equal(f.nfields, 1);
	facts_done(&f);
	assert_int_equal(
	    entry_open(EXAMPLE, strlen(EXAMPLE), NULL, 0, &f, NULL), 0);
	assert_int_equal(f.nfields, 0);
	free(d[0].text);
}

/* Who has the seed sees that something was taken out, and what. */
static void
test_whole(void **state UNUSED)
{
	OWN(entry_done) struct entry e = {0};
	OWN(facts_done) struct facts f = {0};
	uint8_t other[ENTRY_SEED_LEN];
	const char *name = NULL;
	struct draft d;

	access_draft(&d);
	assert_int_equal(seal(&d, &e), 0);
	assert_int_equal(open_entry(&e, &f, NULL), 0);
	assert_int_equal(
	    entry_whole(e.leaf.data, e.leaf.len, &f, seed(), &name), 0);
	memcpy(other, seed(), sizeof other);
	other[31] ^= 1;
	assert_int_equal(
	    entry_whole(e.leaf.data, e.leaf.len, &f, other, &name), -EBADMSG);
	facts_done(&f);
	for (size_t i = 0; i < 4; i++) {
		static const char *const NAMES[] = {
		    "user", "via", "action", "provider"};
		struct disclosure some[3];
		size_t n = 0;

		for (size_t k = 0; k < 4; k++)
			if (k != i)
				some[n++] = e.disclosures[k];
		assert_int_equal(
		    entry_open(e.leaf.data, e.leaf.len, some, n, &f, NULL), 0);
		assert_int_equal(
		    entry_whole(e.leaf.data, e.leaf.len, &f, seed(), &name),
		    -EBADMSG);
		assert_string_equal(name, NAMES[i]);
		facts_done(&f);
	}
}

/* ---- every type ---- */

static const char *const TYPES[] = {"file", "finding", "flow", "transfer",
    "session", "skipped", "cov.start", "cov.stop", "cov.beat", "cov.loss",
    "cov.crash", "cov.cfg", "cov.probe", "col.start", "col.stop", "col.enrol", "col.revoke",
    "col.access", "col.alarm"};

static void
fill(struct draft *d, const struct draft_type *t)
{
	static const char *const BEAT[] = {"state", "b", "a.1", NULL};
	const char *const *names = t->fields != NULL ? t->fields : BEAT;

	draft_init(d, t->name, AT);
	for (size_t i = 0; names[i] != NULL; i++) {
		if (i % 2 == 0)
			draft_int(d, names[i], (int64_t)i - 3);
		else
			draft_text(d, names[i], names[i]);
	}
}

static void
test_every_type(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
		const struct draft_type *t = draft_type(TYPES[i]);
		OWN(entry_done) struct entry full = {0}, empty = {0};
		OWN(facts_done) struct facts f = {0};
		struct draft d;
		size_t n;

		assert_non_null(t);
		fill(&d, t);
		n = d.nfields;
		assert_int_equal(seal(&d, &full), 0);
		assert_int_equal(full.ndisclosures, t->clear ? 0 : n);
		assert_int_equal(open_entry(&full, &f, NULL), 0);
		assert_int_equal(f.nfields, n);
		assert_int_equal(f.prio, t->prio);
		draft_init(&d, t->name, AT);
		assert_int_equal(seal(&d, &empty), 0);
		assert_int_equal(empty.ndisclosures, 0);
		/* The leaf does not tell how much there was. */
		if (!t->clear)
			assert_int_equal(full.leaf.len, empty.leaf.len);
	}
}

/* ---- values ---- */

static void
test_texts(void **state UNUSED)
{
	static const struct {
		const char *text;
		size_t len;
		const char *leaf; /* what stands in it */
	} CASES[] = {
	    {"plain", 5, "\"plain\""},
	    {"\"\\", 2, "\"\\\"\\\\\""},
	    {"\xe6\x9d\xb1", 3, "\"\xe6\x9d\xb1\""},
	    {"a\xff", 2, "\"b64:Yf8=\""},
	    {"a\0b", 3, "\"b64:YQBi\""},
	    {"\x1b[2J", 4, "\"b64:G1sySg==\""},
	    {"\x7f", 1, "\"b64:fw==\""},
	    {"\xc2\x9b", 2, "\"b64:wps=\""},
	    {"\xc2\xa0", 2, "\"\xc2\xa0\""},
	    {"b64:", 4, "\"b64:YjY0Og==\""},
	    {"b64:x", 5, "\"b64:YjY0Ong=\""},
	    {"b64", 3, "\"b64\""},
	    {"B64:x", 5, "\"B64:x\""},
	};

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		OWN(entry_done) struct entry e = {0};
		OWN(facts_done) struct facts f = {0};
		char want[64];
		struct draft d;

		draft_init(&d, "cov.stop", AT);
		draft_bytes(&d, "why", CASES[i].text, CASES[i].len);
		assert_int_equal(seal(&d, &e), 0);
		assert_int_equal(str_format(want, sizeof want,
				     "\"d\":{\"why\":%s},", CASES[i].leaf),
		    0);
		assert_non_null(strstr(buf_text(&e.leaf), want));
		assert_int_equal(open_entry(&e, &f, NULL), 0);
		assert_int_equal(f.nfields, 1);
		assert_int_equal(f.fields[0].len, CASES[i].len);
		assert_memory_equal(
		    f.fields[0].text, CASES[i].text, CASES[i].len);
	}
}

static void
test_numbers(void **state UNUSED)
{
	static const int64_t NUMBERS[] = {0, -1, SAFE_MAX, -SAFE_MAX};

	for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
		OWN(entry_done) struct entry e = {0};
		OWN(facts_done) struct facts f = {0};
		struct draft d;
		int64_t v;

		draft_init(&d, "cov.loss", AT);
		draft_int(&d, "lost", NUMBERS[i]);
		assert_int_equal(seal(&d, &e), 0);
		assert_int_equal(open_entry(&e, &f, NULL), 0);
		assert_int_equal(facts_int(&f, "lost", &v), 0);
		assert_true(v == NUMBERS[i]);
		assert_int_equal(facts_int(&f, "bytes", &v), -ENOENT);
		assert_null(facts_text(&f, "lost"));
	}
}

/* The longest text, which base64 and base64url make longer. */
static void
test_longest(void **state UNUSED)
{
	static char text[ENTRY_TEXT_MAX];
	static const char FILLS[] = {'"', '\n', 'a', '\xff'};

	for (size_t i = 0; i < ARRAY_LEN(FILLS); i++) {
		OWN(entry_done) struct entry e = {0};
		OWN(facts_done) struct facts f = {0};
		struct draft d;

		memset(text, FILLS[i], sizeof text);
		draft_init(&d, "file", AT);
		draft_bytes(&d, "path", text, sizeof text);
		assert_int_equal(seal(&d, &e), 0);
		assert_int_equal(open_entry(&e, &f, NULL), 0);
		assert_int_equal(f.fields[0].len, sizeof text);
		assert_memory_equal(f.fields[0].text, text, sizeof text);
	}
}

static void
test_seal_refuses(void **state UNUSED)
{
	static char text[ENTRY_TEXT_MAX];
	struct stamp bad[] = {{1, -1}, {1, INT64_MAX}, {UINT64_MAX, 1}};
	struct entry e = {.seq = 99};
	struct draft d;

	draft_init(&d, "file", AT);
	draft_text(&d, "nosuch", "x");
	assert_int_equal(seal(&d, &e), -EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		draft_init(&d, "file", bad[i]);
		assert_int_equal(seal(&d, &e), -EINVAL);
	}
	memset(text, 'x', sizeof text);
	draft_init(&d, "cov.beat", AT);
	for (char c = 'a'; c < 'k'; c++)
		draft_bytes(&d, (char[]){c, '\0'}, text, sizeof text);
	assert_int_equal(draft_error(&d), 0);
	assert_int_equal(seal(&d, &e), -ENOBUFS);
	assert_true(e.seq == 99 && e.leaf.data == NULL);
}

static void
test_names(void **state UNUSED)
{
	static const char *const BAD[] = {"", "A", "a b", "a\"", "a\n", "\xff",
	    "a2345678901234567890123456789012"};

	for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
		struct draft d;

		draft_init(&d, "cov.beat", AT);
		draft_int(&d, BAD[i], 1);
		assert_int_equal(draft_error(&d), -EINVAL);
		draft_done(&d);
	}
}

/* ---- what is refused ---- */

#define CLEAR(d) \
	"{\"_sd\":[],\"_sd_alg\":\"sha-256\",\"boot\":\"\",\"boot_us\":1," \
	"\"d\":" d ",\"gen\":1,\"prio\":1,\"seq\":0,\"synced\":false," \
	"\"t\":\"2026-03-01T08:00:00.000000Z\",\"type\":\"x.new\",\"v\":1}"
#define SD(list) \
	"{\"_sd\":[" list "],\"_sd_alg\":\"sha-256\",\"boot\":\"\"," \
	"\"boot_us\":1,\"d\":{},\"gen\":1,\"prio\":1,\"seq\":0," \
	"\"synced\":false,\"t\":\"2026-03-01T08:00:00.000000Z\"," \
	"\"type\":\"x.new\",\"v\":1}"
#define D1 "\"KaTNzohPBFSlFuce_62YGFWXOe04OwGowGIz4eqAa48\""
#define D2 "\"UOmi_-0bUljG7K911y0B0EBfDYWBnpT5AtLxT5TXnvY\""

static void
test_leaves(void **state UNUSED)
{
	static const struct {
		const char *leaf;
		bool ok;
	} CASES[] = {
	    {CLEAR("{}"), true},
	    {CLEAR("{\"a\":1,\"b\":\"x\"}"), true},
	    {SD(D1 "," D2), true},
	    /* shape */
	    {"", false},
	    {"{}", false},
	    {"[]", false},
	    {"1", false},
	    {CLEAR("{}") "\n", false},
	    {" " CLEAR("{}"), false},
	    {CLEAR("{ }"), false},
	    {CLEAR("[]"), false},
	    {CLEAR("{}") "{}", false},
	    /* fields */
	    {CLEAR("{\"b\":1,\"a\":1}"), false},
	    {CLEAR("{\"a\":1,\"a\":1}"), false},
	    {CLEAR("{\"a\":1.0}"), false},
	    {CLEAR("{\"a\":1e3}"), false},
	    {CLEAR("{\"a\":-0}"), false},
	    {CLEAR("{\"a\":9007199254740992}"), false},
	    {CLEAR("{\"a\":99999999999999999999}"), false},
	    {CLEAR("{\"a\":true}"), false},
	    {CLEAR("{\"a\":null}"), false},
	    {CLEAR("{\"a\":{}}"), false},
	    {CLEAR("{\"a\":[1]}"), false},
	    {CLEAR("{\"a\":\"\"}"), false},
	    {CLEAR("{\"a\":\"\\u0041\"}"), false},
	    {CLEAR("{\"a\":\"\\n\"}"), false},
	    {CLEAR("{\"a\":\"\\u0000\"}"), false},
	    {CLEAR("{\"a\":\"\\/\"}"), false},
	    {CLEAR("{\"a\":\"\xff\"}"), false},
	    {CLEAR("{\"a\":\"b64:\"}"), false},
	    {CLEAR("{\"a\":\"b64:YQ==\"}"), false},
	    {CLEAR("{\"a\":\"b64:Yf8\"}"), false},
	    {CLEAR("{\"a\":\"b64:Yf9=\"}"), false},
	    {CLEAR("{\"a\":\"b64:!\"}"), false},
	    {CLEAR("{\"A\":1}"), false},
	    {CLEAR("{\"\":1}"), false},
	    {CLEAR("{\"a234567890123456789012345678901x\":1}"), false},
	    /* digests */
	    {SD(D2 "," D1), false},
	    {SD(D1 "," D1), false},
	    {SD("\"x\""), false},
	    {SD("1"), false},
	    {SD("\"KaTNzohPBFSlFuce_62YGFWXOe04OwGowGIz4eqAa4+\""), false},
	    {SD("\"KaTNzohPBFSlFuce_62YGFWXOe04OwGowGIz4eqAa4\""), false},
	    {SD("\"KaTNzohPBFSlFuce_62YGFWXOe04OwGowGIz4eqAa49\""), false},
	};

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct facts f = {0};
		struct diag why = {""};
		int r = entry_open(
		    CASES[i].leaf, strlen(CASES[i].leaf), NULL, 0, &f, &why);

		if (r != (CASES[i].ok ? 0 : -EBADMSG))
			fail_msg("%s: %d %s", CASES[i].leaf, r, why.text);
		assert_true(r == 0 || why.text[0] != '\0');
		facts_done(&f);
	}
}

/* Each value of the head, replaced by one that it may not have. */
static void
test_heads(void **state UNUSED)
{
	static const char *const SWAPS[][2] = {
	    {"\"v\":1", "\"v\":2"},
	    {"\"v\":1", "\"v\":\"1\""},
	    {"\"v\":1", "\"v\":1,\"w\":1"},
	    {"\"v\":1}", "\"w\":1}"},
	    {"sha-256", "sha-512"},
	    {"\"seq\":7", "\"seq\":-7"},
	    {"\"seq\":7", "\"seq\":07"},
	    {"\"gen\":1", "\"gen\":4294967296"},
	    {"\"prio\":1", "\"prio\":10"},
	    {"\"boot_us\":4242", "\"boot_us\":9007199254740992"},
	    {"\"boot\":\"0b6a", "\"boot\":\"0B6A"},
	    {"\"boot\":\"0b6a", "\"boot\":\"0b6"},
	    {"true", "1"},
	    {"2026-03-01T", "2026-03-01t"},
	    {"2026-03-01", "2026-02-30"},
	    {".000250Z", "Z"},
	    {".000250Z", ".000250+00:00"},
	    {"col.access", "col access"},
	    {"col.access", ""},
	    {"col.access", "a23456789012345678901234"},
	};

	for (size_t i = 0; i < ARRAY_LEN(SWAPS); i++) {
		const char *at = strstr(EXAMPLE, SWAPS[i][0]);
		struct facts f;
		char text[2048];

		assert_non_null(at);
		assert_int_equal(str_format(text, sizeof text, "%.*s%s%s",
				     (int)(at - EXAMPLE), EXAMPLE, SWAPS[i][1],
				     at + strlen(SWAPS[i][0])),
		    0);
		if (entry_open(text, strlen(text), NULL, 0, &f, NULL) !=
		    -EBADMSG)
			fail_msg("taken: %s", text);
	}
}

static bool
same(const struct facts *a, const struct facts *b)
{
	return a->seq == b->seq && a->gen == b->gen &&
	       str_eq(a->type, b->type) && str_eq(a->boot, b->boot) &&
	       a->at.boot_us == b->at.boot_us &&
	       a->at.wall_us == b->at.wall_us && a->synced == b->synced &&
	       a->prio == b->prio && a->nfields == b->nfields &&
	       str_eq(a->fields[0].name, b->fields[0].name) &&
	       str_eq(a->fields[0].text, b->fields[0].text);
}

/* A changed bit is refused, or it is another entry that the bytes tell. */
static void
test_no_two_forms(void **state UNUSED)
{
	OWN(entry_done) struct entry e = {0};
	struct facts f, g;
	struct draft d;

	draft_init(&d, "cov.stop", AT);
	draft_text(&d, "role", "ship");
	assert_int_equal(seal(&d, &e), 0);
	assert_int_equal(open_entry(&e, &f, NULL), 0);
	for (size_t i = 0; i < e.leaf.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			e.leaf.data[i] ^= (uint8_t)(1u << bit);
			if (open_entry(&e, &g, NULL) == 0) {
				assert_false(same(&f, &g));
				facts_done(&g);
			}
			e.leaf.data[i] ^= (uint8_t)(1u << bit);
		}
	}
	facts_done(&f);
}

/* ---- disclosures ---- */

/* A leaf with the digest of @plain alone, opened with @plain disclosed. */
static int
open_plain(const char *plain, struct facts *f, struct diag *why)
{
	OWN(buf_done) struct buf text = {0}, digest = {0}, leaf = {0};
	uint8_t hash[SEAL_HASH];
	struct disclosure d;

	buf_init(&text, 4096);
	buf_init(&digest, 64);
	buf_init(&leaf, 4096);
	str_base64url(&text, plain, strlen(plain));
	seal_sha256(text.data, text.len, hash);
	str_base64url(&digest, hash, sizeof hash);
	buf_printf(&leaf, SD("\"%s\""), buf_text(&digest));
	(void)buf_text(&text);
	d = (struct disclosure){(char *)text.data, text.len};
	*why = (struct diag){""};
	return entry_open(leaf.data, leaf.len, &d, 1, f, why);
}

#define SALT "\"yTsXS98tpjEsb37-zJIcQw\""

static void
test_disclosures(void **state UNUSED)
{
	static const struct {
		const char *plain;
		bool ok;
	} CASES[] = {
	    {"[" SALT ",\"user\",\"zoe\"]", true},
	    {"[" SALT ",\"user\",-5]", true},
	    {"[" SALT ",\"user\",\"b64:Yf8=\"]", true},
	    {"[" SALT ", \"user\",\"zoe\"]", false},
	    {"[" SALT ",\"user\",\"zoe\"]\n", false},
	    {"[" SALT ",\"user\",\"zoe\",1]", false},
	    {"[" SALT ",\"user\"]", false},
	    {"[" SALT ",\"us er\",1]", false},
	    {"[" SALT ",1,1]", false},
	    {"[1,\"user\",1]", false},
	    {"[\"short\",\"user\",1]", false},
	    {"[\"yTsXS98tpjEsb37-zJIcQx\",\"user\",1]", false},
	    {"[" SALT ",\"user\",1.5]", false},
	    {"[" SALT ",\"user\",null]", false},
	    {"[" SALT ",\"user\",{\"a\":1,\"a\":2}]", false},
	    {"[" SALT ",\"user\",\"b64:YQ==\"]", false},
	    {"{}", false},
	    {"", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct facts f = {0};
		struct diag why;
		int r = open_plain(CASES[i].plain, &f, &why);

		if (r != (CASES[i].ok ? 0 : -EBADMSG))
			fail_msg("%s: %d %s", CASES[i].plain, r, why.text);
		facts_done(&f);
	}
}

static void
test_foreign_disclosures(void **state UNUSED)
{
	OWN(entry_done) struct entry e = {0};
	struct disclosure two[2];
	struct diag why = {""};
	struct facts f;
	struct draft d;

	access_draft(&d);
	assert_int_equal(seal(&d, &e), 0);
	two[0] = two[1] = e.disclosures[2];
	assert_int_equal(
	    entry_open(e.leaf.data, e.leaf.len, two, 2, &f, &why), -EBADMSG);
	assert_string_equal(why.text, "disclosure 1: it stands twice");
	for (size_t i = 0; i < e.ndisclosures; i++) {
		for (size_t at = 0; at < e.disclosures[i].len; at++) {
			e.disclosures[i].text[at] ^= 1;
			assert_int_equal(open_entry(&e, &f, NULL), -EBADMSG);
			e.disclosures[i].text[at] ^= 1;
		}
	}
	/* A text that is too long is not even hashed. */
	e.disclosures[0].len = ENTRY_DISCLOSURE_MAX + 1;
	assert_int_equal(open_entry(&e, &f, NULL), -EBADMSG);
	e.disclosures[0].len = strlen(e.disclosures[0].text);
}

/* A name may stand in clear or be disclosed, once. */
static void
test_one_name_once(void **state UNUSED)
{
	OWN(buf_done) struct buf text = {0}, digest = {0}, leaf = {0};
	static const char PLAIN[] = "[" SALT ",\"a\",2]";
	uint8_t hash[SEAL_HASH];
	struct disclosure d;
	struct facts f;

	buf_init(&text, 4096);
	buf_init(&digest, 64);
	buf_init(&leaf, 4096);
	str_base64url(&text, PLAIN, strlen(PLAIN));
	seal_sha256(text.data, text.len, hash);
	str_base64url(&digest, hash, sizeof hash);
	buf_printf(&leaf,
	    "{\"_sd\":[\"%s\"],\"_sd_alg\":\"sha-256\",\"boot\":\"\","
	    "\"boot_us\":1,\"d\":{\"a\":1},\"gen\":1,\"prio\":1,\"seq\":0,"
	    "\"synced\":false,\"t\":\"2026-03-01T08:00:00.000000Z\","
	    "\"type\":\"x\",\"v\":1}",
	    buf_text(&digest));
	d = (struct disclosure){(char *)text.data, text.len};
	assert_int_equal(entry_open(leaf.data, leaf.len, &d, 0, &f, NULL), 0);
	facts_done(&f);
	assert_int_equal(
	    entry_open(leaf.data, leaf.len, &d, 1, &f, NULL), -EBADMSG);
}

/*
 * RFC 9901's own disclosures: their digests are ours. They are then refused
 * for the spaces in them, which is told apart from an unknown digest.
 */
static void
test_outside_disclosures(void **state UNUSED)
{
	const char *shared = getenv("CHAPERONE_SHARED");
	json_t *all = NULL, *one;
	char path[4096];
	size_t i;

	if (shared != NULL &&
	    str_format(path, sizeof path,
		"%s/data/vectors/sd-jwt/disclosures.json", shared) == 0)
		all = json_load_file(path, 0, NULL);
	if (all == NULL) {
		print_message("the outside test vectors are not here\n");
		skip();
	}
	json_array_foreach(json_object_get(all, "vectors"), i, one)
	{
		const json_t *text = json_object_get(one, "disclosure");
		OWN(buf_done) struct buf leaf = {0};
		struct diag why = {""};
		struct disclosure d;
		struct facts f;

		buf_init(&leaf, 4096);
		buf_printf(&leaf, SD("\"%s\""),
		    json_string_value(json_object_get(one, "sha256_b64url")));
		d.text = strdup(json_string_value(text));
		d.len = json_string_length(text);
		assert_int_equal(
		    entry_open(leaf.data, leaf.len, &d, 1, &f, &why), -EBADMSG);
		assert_null(strstr(why.text, "digest"));
		/* Changed, it is not known by its digest any more. */
		d.text[0] ^= 1;
		why.text[0] = '\0';
		assert_int_equal(
		    entry_open(leaf.data, leaf.len, &d, 1, &f, &why), -EBADMSG);
		assert_non_null(strstr(why.text, "no such digest"));
		free(d.text);
	}
	assert_int_equal(i, 8);
	json_decref(all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_example),
	    cmocka_unit_test(test_redacted),
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_every_type),
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_longest),
	    cmocka_unit_test(test_seal_refuses),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_leaves),
	    cmocka_unit_test(test_heads),
	    cmocka_unit_test(test_no_two_forms),
	    cmocka_unit_test(test_disclosures),
	    cmocka_unit_test(test_foreign_disclosures),
	    cmocka_unit_test(test_one_name_once),
	    cmocka_unit_test(test_outside_disclosures),
	};

	return cmocka_run_group_tests_name("lib/entry", tests, NULL, NULL);
}
