/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry - the exact bytes of a log's entry, and the way back to its facts.
 *
 * Owns: the format below, which docs/man/chaperone-log.5 specifies with an
 * example; entry_test holds the same example.
 * Never: signs, stores, draws randomness, or puts a field of a person or of
 * content into a leaf.
 *
 * A leaf is one line of JSON without spaces or newline, keys in ASCII order:
 *   _sd      array of digests, ascending: one for each field that the type
 *            may disclose; [] for a type whose fields are clear
 *   _sd_alg  "sha-256"
 *   boot     boot id of the host, or ""
 *   boot_us  microseconds since boot, suspended time included
 *   d        object of the clear fields, {} if there are none
 *   gen      generation of the log
 *   prio     0 is kept longest
 *   seq      index in the log, from 0
 *   synced   true if the wall clock was disciplined when it was appended
 *   t        wall clock, RFC 3339 in UTC with six digits of fraction
 *   type     what it tells
 *   v        1
 * Integers are within ±(2^53 - 1); there is no float and no null. A text that
 * is not UTF-8, holds a control character, or itself begins with "b64:" is
 * "b64:" and base64 (RFC 4648 section 4) of its bytes.
 *
 * A disclosure is base64url without padding of ["SALT","NAME",VALUE], where
 *   SALT   = base64url(HMAC-SHA-256(seed, NAME)[0..15])
 * and its digest is base64url(SHA-256(the disclosure's text)), as in RFC 9901
 * section 4.2. A field that is absent has a decoy for its digest:
 *   base64url(HMAC-SHA-256(seed, NAME LF "decoy")),
 * so that the leaf does not tell which fields there were.
 *
 * To change it: a new type, field, or disclosable field needs nothing, since a
 * reader takes types, names and numbers of digests that it does not know. Any
 * other key, value or order of the leaf is v 2.
 */
#include "lib/entry.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "lib/draft.h"
#include "lib/json.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define VERSION_1 1
#define ALGORITHM "sha-256"
#define MARK "b64:"
#define MARK_LEN (sizeof MARK - 1)
#define SALT_LEN 16
#define DIGEST_TEXT 43 /* base64url of 32 bytes */
#define YEAR_10000_US INT64_C(253402300800000000)
#define PRIO_MAX 9

static const char ABC[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct digests {
	char text[ENTRY_FIELDS_MAX][DIGEST_TEXT + 1];
	size_t n;
};

/* ---- values ---- */

/* True for what may stand as it is: UTF-8 without controls (Unicode's Cc). */
static bool
is_plain(const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s;

	if (len >= MARK_LEN && memcmp(s, MARK, MARK_LEN) == 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (p[i] < ' ' || p[i] == 0x7f ||
		    (p[i] == 0xc2 && i + 1 < len && p[i + 1] < 0xa0))
			return false;
	return str_utf8(s, len);
}

static void
put_text(struct json *j, const char *key, const char *s, size_t len)
{
	OWN(buf_done) struct buf text = {0};

	if (is_plain(s, len)) {
		json_bytes(j, key, s, len);
		return;
	}
	buf_init(&text, 2 * ENTRY_TEXT_MAX);
	buf_put(&text, MARK, MARK_LEN);
	str_base64(&text, s, len);
	if (buf_error(&text) != 0)
		j->out->err = buf_error(&text);
	else
		json_bytes(j, key, text.data, text.len);
}

static void
put_value(struct json *j, const char *key, const struct field *f)
{
	if (f->is_int)
		json_int(j, key, f->num);
	else
		put_text(j, key, f->text, f->len);
}

static int
copy_text(struct field *f, const void *s, size_t len)
{
	if (len == 0 || len > ENTRY_TEXT_MAX)
		return -EBADMSG;
	f->text = calloc(1, len + 1);
	if (f->text == NULL)
		return -ENOMEM;
	memcpy(f->text, s, len);
	f->len = len;
	return 0;
}

/* A value that was parsed, into the field @name; not yet that it is ours. */
static int
take_value(struct field *f, const char *name, const json_t *v)
{
	OWN(buf_done) struct buf raw = {0};
	const char *s;
	size_t len;
	int r;

	*f = (struct field){0};
	if (!draft_name_ok(name))
		return -EBADMSG;
	must(str_copy(f->name, sizeof f->name, name) == 0);
	if (json_is_integer(v)) {
		f->is_int = true;
		f->num = json_integer_value(v);
		return f->num > DRAFT_INT_MAX || f->num < -DRAFT_INT_MAX
			   ? -EBADMSG
			   : 0;
	}
	if (!json_is_string(v))
		return -EBADMSG;
	s = json_string_value(v);
	len = json_string_length(v);
	if (!str_starts(s, MARK))
		return copy_text(f, s, len);
	buf_init(&raw, ENTRY_TEXT_MAX);
	r = str_unbase64(&raw, s + MARK_LEN, len - MARK_LEN);
	if (r != 0)
		return r == -ENOMEM ? r : -EBADMSG;
	return copy_text(f, raw.data, raw.len);
}

/* ---- the leaf ---- */

static int
by_name(const void *a, const void *b)
{
	const struct field *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void
put_clear(struct json *j, const struct facts *f)
{
	const struct field *sorted[ENTRY_FIELDS_MAX];

	for (size_t i = 0; i < f->nfields; i++)
		sorted[i] = &f->fields[i];
	if (f->nfields > 1)
		qsort(sorted, f->nfields, sizeof sorted[0], by_name);
	json_begin_object(j, "d");
	for (size_t i = 0; i < f->nfields; i++)
		put_value(j, sorted[i]->name, sorted[i]);
	json_end_object(j);
}

/* The one encoder: what is parsed must come out of it again, byte by byte. */
static int
print_leaf(const struct facts *f, const struct digests *sd, struct buf *out)
{
	char t[CLOCK_TEXT_SIZE];
	struct json j;

	clock_text(f->at.wall_us, t);
	json_init(&j, out);
	json_begin_object(&j, NULL);
	json_begin_array(&j, "_sd");
	for (size_t i = 0; i < sd->n; i++)
		json_str(&j, NULL, sd->text[i]);
	json_end_array(&j);
	json_str(&j, "_sd_alg", ALGORITHM);
	json_str(&j, "boot", f->boot);
	json_uint(&j, "boot_us", f->at.boot_us);
	put_clear(&j, f);
	json_uint(&j, "gen", f->gen);
	json_int(&j, "prio", f->prio);
	json_uint(&j, "seq", f->seq);
	json_bool(&j, "synced", f->synced);
	json_str(&j, "t", t);
	json_str(&j, "type", f->type);
	json_int(&j, "v", VERSION_1);
	json_end_object(&j);
	return buf_error(out);
}

/* ---- disclosures ---- */

/* str_base64url for the few bytes of a digest or salt, which come by dozens. */
static void
encode_fixed(char *out, size_t size, const uint8_t *data, size_t len)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t at = 0;

	must(size > (len * 4 + 2) / 3);
	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | data[i];
		for (have += 8; have >= 6; have -= 6)
			out[at++] = ABC[bits >> (have - 6) & 63];
	}
	if (have > 0)
		out[at++] = ABC[bits << (6 - have) & 63];
	out[at] = '\0';
}

static void
digest_of(const char *text, size_t len, char out[DIGEST_TEXT + 1])
{
	uint8_t hash[SEAL_HASH];

	seal_sha256(text, len, hash);
	encode_fixed(out, DIGEST_TEXT + 1, hash, sizeof hash);
}

static void
decoy_of(const uint8_t *seed, const char *name, char out[DIGEST_TEXT + 1])
{
	uint8_t hash[SEAL_HASH];
	char label[64];

	must(str_format(label, sizeof label, "%s\ndecoy", name) == 0);
	seal_hmac(seed, ENTRY_SEED_LEN, label, strlen(label), hash);
	encode_fixed(out, DIGEST_TEXT + 1, hash, sizeof hash);
}

/* ["SALT","NAME",VALUE], not yet in base64url. */
static int
print_disclosure(const char *salt, const struct field *f, struct buf *out)
{
	struct json j;

	json_init(&j, out);
	json_begin_array(&j, NULL);
	json_str(&j, NULL, salt);
	json_str(&j, NULL, f->name);
	put_value(&j, NULL, f);
	json_end_array(&j);
	return buf_error(out);
}

static int
make_disclosure(
    const uint8_t *seed, const struct field *f, struct disclosure *out)
{
	OWN(buf_wipe) struct buf plain = {0}, text = {0};
	uint8_t hash[SEAL_HASH];
	char salt[32];
	int r;

	seal_hmac(seed, ENTRY_SEED_LEN, f->name, strlen(f->name), hash);
	encode_fixed(salt, sizeof salt, hash, SALT_LEN);
	buf_init(&plain, ENTRY_DISCLOSURE_MAX);
	r = print_disclosure(salt, f, &plain);
	if (r != 0)
		return r;
	buf_init(&text, ENTRY_DISCLOSURE_MAX);
	str_base64url(&text, plain.data, plain.len);
	r = buf_error(&text);
	if (r != 0)
		return r;
	out->text = calloc(1, text.len + 1);
	if (out->text == NULL)
		return -ENOMEM;
	memcpy(out->text, text.data, text.len);
	out->len = text.len;
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static const struct field *
find_field(const struct field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(fields[i].name, name))
			return &fields[i];
	return NULL;
}

/* A digest for each name of the type: of its disclosure, or a decoy. */
static int
disclose(const struct draft *d, const struct draft_type *type,
    const uint8_t *seed, struct entry *e, struct digests *sd)
{
	for (const char *const *name = type->fields; *name != NULL; name++) {
		const struct field *f =
		    find_field(d->fields, d->nfields, *name);
		struct disclosure *out = &e->disclosures[e->ndisclosures];
		int r;

		must(sd->n < ENTRY_FIELDS_MAX);
		if (f == NULL) {
			decoy_of(seed, *name, sd->text[sd->n++]);
			continue;
		}
		r = make_disclosure(seed, f, out);
		if (r != 0)
			return r;
		e->ndisclosures++;
		digest_of(out->text, out->len, sd->text[sd->n++]);
	}
	qsort(sd->text, sd->n, sizeof sd->text[0], by_text);
	return 0;
}

/* ---- seal ---- */

static void
free_disclosure(struct disclosure *d)
{
	if (d->text != NULL)
		explicit_bzero(d->text, d->len);
	free(d->text);
}

void
entry_done(struct entry *e)
{
	for (size_t i = 0; i < e->ndisclosures; i++)
		free_disclosure(&e->disclosures[i]);
	buf_done(&e->leaf);
	*e = (struct entry){0};
}

/* What the leaf tells in clear; the fields' texts stay the draft's. */
static int
head_of(const struct draft *d, const struct draft_type *type,
    const struct entry_place *place, struct facts *out)
{
	*out = (struct facts){.seq = place->seq,
	    .gen = place->gen,
	    .at = d->at,
	    .synced = place->synced,
	    .prio = type->prio};
	if (d->at.boot_us > DRAFT_INT_MAX || place->seq > DRAFT_INT_MAX ||
	    d->at.wall_us < 0 || d->at.wall_us >= YEAR_10000_US)
		return -EINVAL;
	must(str_copy(out->type, sizeof out->type, d->type) == 0);
	must(str_copy(out->boot, sizeof out->boot, place->boot) == 0);
	if (!type->clear)
		return 0;
	memcpy(out->fields, d->fields, d->nfields * sizeof d->fields[0]);
	out->nfields = d->nfields;
	return 0;
}

int
entry_seal(
    const struct draft *d, const struct entry_place *place, struct entry *out)
{
	OWN(entry_done) struct entry e = {.seq = place->seq};
	const struct draft_type *type = draft_type(d->type);
	struct digests sd = {.n = 0};
	struct facts head;
	int r = 0;

	if (type == NULL || draft_error(d) != 0)
		return -EINVAL;
	r = head_of(d, type, place, &head);
	if (r == 0 && !type->clear)
		r = disclose(d, type, place->seed, &e, &sd);
	if (r != 0)
		return r;
	buf_init(&e.leaf, ENTRY_LEAF_MAX);
	r = print_leaf(&head, &sd, &e.leaf);
	if (r != 0)
		return r;
	*out = e;
	e = (struct entry){0};
	return 0;
}

/* ---- open ---- */

void
facts_done(struct facts *f)
{
	for (size_t i = 0; i < f->nfields; i++)
		free(f->fields[i].text);
	*f = (struct facts){0};
}

static void
drop_json(json_t **v)
{
	json_decref(*v);
}

static int
get_int(const json_t *root, const char *key, int64_t max, int64_t *out)
{
	const json_t *v = json_object_get(root, key);

	*out = json_integer_value(v); /* 0 for NULL and other types */
	return !json_is_integer(v) || *out < 0 || *out > max ? -EBADMSG : 0;
}

static int
get_text(const json_t *root, const char *key, char *out, size_t size)
{
	const json_t *v = json_object_get(root, key);

	if (!json_is_string(v))
		return -EBADMSG;
	return str_copy_len(
	    out, size, json_string_value(v), json_string_length(v));
}

static bool
boot_ok(const char *s)
{
	size_t n = strlen(s);

	return n == 0 ||
	       (n == CLOCK_BOOT_LEN && strspn(s, "0123456789abcdef-") == n);
}

static int
open_head(const json_t *root, struct facts *f, struct diag *why)
{
	const json_t *synced = json_object_get(root, "synced");
	int64_t v, seq, gen, prio, boot_us;
	char t[CLOCK_TEXT_SIZE];

	if (get_int(root, "v", DRAFT_INT_MAX, &v) != 0)
		return diag_set(why, -EBADMSG, "\"v\" is no version");
	if (v != VERSION_1)
		return diag_set(why, -EBADMSG,
		    "version %lld of the format is not known", (long long)v);
	if (get_int(root, "seq", DRAFT_INT_MAX, &seq) != 0 ||
	    get_int(root, "gen", UINT32_MAX, &gen) != 0 ||
	    get_int(root, "prio", PRIO_MAX, &prio) != 0 ||
	    get_int(root, "boot_us", DRAFT_INT_MAX, &boot_us) != 0)
		return diag_set(why, -EBADMSG,
		    "\"seq\", \"gen\", \"prio\" or \"boot_us\" is no number "
		    "of its range");
	if (get_text(root, "type", f->type, sizeof f->type) != 0 ||
	    !draft_name_ok(f->type))
		return diag_set(why, -EBADMSG, "\"type\" is no type");
	if (get_text(root, "boot", f->boot, sizeof f->boot) != 0 ||
	    !boot_ok(f->boot))
		return diag_set(why, -EBADMSG, "\"boot\" is no boot id");
	if (get_text(root, "t", t, sizeof t) != 0 ||
	    clock_parse(t, &f->at.wall_us) != 0)
		return diag_set(why, -EBADMSG, "\"t\" is no time");
	if (!json_is_boolean(synced))
		return diag_set(why, -EBADMSG, "\"synced\" is no truth value");
	f->synced = json_is_true(synced);
	f->seq = (uint64_t)seq;
	f->gen = (uint32_t)gen;
	f->prio = (int)prio;
	f->at.boot_us = (uint64_t)boot_us;
	return 0;
}

/* 32 bytes in base64url: of the last character two bits are spare, and zero. */
static bool
is_digest(const char *s, size_t len)
{
	return len == DIGEST_TEXT && strspn(s, ABC) == len &&
	       strchr("AEIMQUYcgkosw048", s[len - 1]) != NULL;
}

static int
open_digests(const json_t *root, struct digests *sd, struct diag *why)
{
	const json_t *list = json_object_get(root, "_sd");

	if (!json_is_array(list) || json_array_size(list) > ENTRY_FIELDS_MAX)
		return diag_set(why, -EBADMSG, "\"_sd\" is no list of digests");
	for (sd->n = 0; sd->n < json_array_size(list); sd->n++) {
		const json_t *v = json_array_get(list, sd->n);
		const char *s = json_string_value(v);

		if (s == NULL || !is_digest(s, json_string_length(v)))
			return diag_set(
			    why, -EBADMSG, "\"_sd\" holds what is no digest");
		must(str_copy(sd->text[sd->n], sizeof sd->text[0], s) == 0);
		/* Any other order could tell which field is which. */
		if (sd->n > 0 && strcmp(sd->text[sd->n - 1], s) >= 0)
			return diag_set(
			    why, -EBADMSG, "\"_sd\" is not in order");
	}
	return 0;
}

/* Room for one more field of that name, or NULL and *r. */
static struct field *
next_field(struct facts *f, const char *name, struct diag *why, int *r)
{
	*r = -EBADMSG;
	if (f->nfields == ENTRY_FIELDS_MAX) {
		(void)diag_set(why, *r, "too many fields");
		return NULL;
	}
	if (find_field(f->fields, f->nfields, name) != NULL) {
		(void)diag_set(why, *r, "a field stands twice");
		return NULL;
	}
	return &f->fields[f->nfields];
}

static int
add_field(
    struct facts *f, const char *name, const json_t *value, struct diag *why)
{
	int r;
	struct field *out = next_field(f, name, why, &r);

	if (out == NULL)
		return r;
	r = take_value(out, name, value);
	if (r != 0)
		return diag_set(why, r,
		    r == -ENOMEM ? "out of memory"
				 : "a field's name or value is malformed");
	f->nfields++;
	return 0;
}

static int
open_clear(json_t *root, struct facts *f, struct diag *why)
{
	json_t *d = json_object_get(root, "d"), *value;
	const char *name;

	if (!json_is_object(d))
		return diag_set(why, -EBADMSG, "\"d\" is no object");
	json_object_foreach(d, name, value)
	{
		int r = add_field(f, name, value, why);

		if (r != 0)
			return r;
	}
	return 0;
}

static int
open_leaf(const void *leaf, size_t len, struct facts *f, struct digests *sd,
    struct diag *why)
{
	OWN(drop_json) json_t *root = NULL;
	OWN(buf_done) struct buf again = {0};
	int r;

	if (len > ENTRY_LEAF_MAX)
		return diag_set(why, -EBADMSG, "the leaf is too long");
	root = json_loadb(leaf, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root))
		return diag_set(why, -EBADMSG, "the leaf is no JSON object");
	if ((r = open_head(root, f, why)) != 0 ||
	    (r = open_digests(root, sd, why)) != 0 ||
	    (r = open_clear(root, f, why)) != 0)
		return r;
	/* Whatever else may be bent (order, spaces, escapes, other keys, the
	 * algorithm's name) comes out different. */
	buf_init(&again, ENTRY_LEAF_MAX);
	r = print_leaf(f, sd, &again);
	if (r == -ENOMEM)
		return diag_set(why, r, "out of memory");
	if (r != 0 || again.len != len || memcmp(again.data, leaf, len) != 0)
		return diag_set(why, -EBADMSG,
		    "the leaf is not in the one form that entries have");
	return 0;
}

/* Its text stands behind one of the digests, and behind no other's. */
static int
match_digest(const struct disclosure *d, const struct digests *sd, bool *used,
    struct diag *why)
{
	char digest[DIGEST_TEXT + 1];
	const char *at;

	digest_of(d->text, d->len, digest);
	at = sd->n == 0 ? NULL
			: bsearch(digest, sd->text, sd->n, sizeof sd->text[0],
			      by_text);
	if (at == NULL)
		return diag_set(why, -EBADMSG,
		    "it does not belong to the leaf: no such digest");
	if (used[(size_t)(at - sd->text[0]) / sizeof sd->text[0]])
		return diag_set(why, -EBADMSG, "it stands twice");
	used[(size_t)(at - sd->text[0]) / sizeof sd->text[0]] = true;
	return 0;
}

static bool
is_salt(const char *s)
{
	OWN(buf_done) struct buf raw = {0};

	buf_init(&raw, SALT_LEN);
	return s != NULL && str_unbase64url(&raw, s, strlen(s)) == 0 &&
	       raw.len == SALT_LEN;
}

static int
open_disclosure(const struct disclosure *d, struct facts *f, struct diag *why)
{
	OWN(drop_json) json_t *list = NULL;
	OWN(buf_wipe) struct buf plain = {0}, again = {0};
	const char *salt, *name;
	int r;

	buf_init(&plain, ENTRY_DISCLOSURE_MAX);
	r = str_unbase64url(&plain, d->text, d->len);
	if (r != 0)
		return diag_set(
		    why, r == -ENOMEM ? r : -EBADMSG, "it is not base64url");
	list = json_loadb(
	    (const char *)plain.data, plain.len, JSON_REJECT_DUPLICATES, NULL);
	salt = json_string_value(json_array_get(list, 0));
	name = json_string_value(json_array_get(list, 1));
	if (json_array_size(list) != 3 || !is_salt(salt) || name == NULL)
		return diag_set(
		    why, -EBADMSG, "it is not a salt, a name and a value");
	r = add_field(f, name, json_array_get(list, 2), why);
	if (r != 0)
		return r;
	buf_init(&again, ENTRY_DISCLOSURE_MAX);
	r = print_disclosure(salt, &f->fields[f->nfields - 1], &again);
	if (r == -ENOMEM)
		return r;
	if (r != 0 || again.len != plain.len ||
	    memcmp(again.data, plain.data, plain.len) != 0)
		return diag_set(why, -EBADMSG,
		    "it is not in the one form that disclosures have");
	return 0;
}

static int
open_disclosures(const struct disclosure *d, size_t nd,
    const struct digests *sd, struct facts *f, struct diag *why)
{
	bool used[ENTRY_FIELDS_MAX] = {false};

	for (size_t i = 0; i < nd; i++) {
		char place[32];
		int r = -EBADMSG;

		if (d[i].len == 0 || d[i].len > ENTRY_DISCLOSURE_MAX)
			r = diag_set(why, r, "it is too long, or empty");
		else
			r = match_digest(&d[i], sd, used, why);
		if (r == 0)
			r = open_disclosure(&d[i], f, why);
		if (r == 0)
			continue;
		(void)str_format(place, sizeof place, "disclosure %zu", i);
		diag_prefix(why, place);
		return r;
	}
	return 0;
}

int
entry_open(const void *leaf, size_t len, const struct disclosure *d, size_t nd,
    struct facts *out, struct diag *why)
{
	OWN(facts_done) struct facts f = {0};
	struct digests sd = {.n = 0};
	int r = open_leaf(leaf, len, &f, &sd, why);

	if (r == 0)
		r = open_disclosures(d, nd, &sd, &f, why);
	if (r != 0)
		return r;
	*out = f;
	f = (struct facts){0};
	return 0;
}

/* The digest that the seed gives this name, disclosed or not. */
static int
digest_by_seed(const struct facts *f, const char *name, const uint8_t *seed,
    char out[DIGEST_TEXT + 1])
{
	const struct field *x = find_field(f->fields, f->nfields, name);
	struct disclosure d;
	int r;

	if (x == NULL) {
		decoy_of(seed, name, out);
		return 0;
	}
	r = make_disclosure(seed, x, &d);
	if (r != 0)
		return r;
	digest_of(d.text, d.len, out);
	free_disclosure(&d);
	return 0;
}

int
entry_whole(const void *leaf, size_t len, const struct facts *f,
    const uint8_t seed[ENTRY_SEED_LEN], const char **name)
{
	const struct draft_type *type = draft_type(f->type);
	OWN(facts_done) struct facts clear = {0};
	struct digests sd = {.n = 0};
	char digest[DIGEST_TEXT + 1];
	size_t n = 0;
	int r = open_leaf(leaf, len, &clear, &sd, NULL);

	if (r != 0 || type == NULL || type->clear)
		return r;
	while (type->fields[n] != NULL)
		n++;
	/* Made by another version, whose fields we cannot name. */
	if (n != sd.n)
		return 0;
	for (size_t i = 0; i < n; i++) {
		*name = type->fields[i];
		r = digest_by_seed(f, *name, seed, digest);
		if (r != 0)
			return r;
		if (bsearch(digest, sd.text, sd.n, sizeof sd.text[0],
			by_text) == NULL)
			return -EBADMSG;
	}
	return 0;
}

const char *
facts_text(const struct facts *f, const char *name)
{
	const struct field *x = find_field(f->fields, f->nfields, name);

	return x == NULL || x->is_int ? NULL : x->text;
}

int
facts_int(const struct facts *f, const char *name, int64_t *out)
{
	const struct field *x = find_field(f->fields, f->nfields, name);

	if (x == NULL || !x->is_int)
		return -ENOENT;
	*out = x->num;
	return 0;
}
