/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exact - the host's part of an index for exact data match.
 *
 * Owns: the normal form of a value, the filter, and two formats:
 *
 * The file NAME.edm, numbers big-endian, "str" a u32 length and the bytes:
 *   8 bytes "CHAPEDM1", str name, 16 bytes id, u64 rows, 32 bytes index key,
 *   32 bytes public key, u8 n columns, each: str name, u8 kind (1 primary,
 *   2 secondary), u64 and u64 lengths (bit n: values of n bytes, of digits
 *   alone and others; bit 0 of the latter: some hold an '@'), u32 rate, u32
 *   blocks; then the columns' blocks of 32 bytes, in order; at last SHA-256 of
 *   all before it. The id begins with a u32, the seconds since 1970 when it was
 *   made; the rest is random.
 *
 * The text "sealed" of a finding: base64url of a head (16 bytes id, 32 bytes
 * name with zeroes behind it) and a box (lib/seal.h, bound to the head) of:
 *   u8 1, u8 min, u8 n, each: u8 column, 16 bytes digest, u8 m, each:
 *   u8 column, 8 bytes of a digest.
 *
 * Filter: split blocks (Putze, Sanders, Singler, "Cache-, Hash- and
 * Space-Efficient Bloom Filters", 2007, section 3): the upper half of a hash
 * chooses the block, the lower half one bit in each of its eight words. The
 * hash is SipHash-2-4 under the first 16 bytes of HMAC-SHA-256(index key,
 * "filter" column). A digest is HMAC-SHA-256(index key, "value" column value).
 *
 * Never: keeps a value, or binds values of different columns to each other.
 * To change a format: another magic, or another first byte of a box.
 */
#include "lib/exact.h"

#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/rng.h"
#include "lib/sip.h"
#include "lib/str.h"

#include "lib/own.h"

#define MAGIC "CHAPEDM1"
#define MAGIC_LEN (sizeof MAGIC - 1)

enum {
	KIND_PRIMARY = 1,
	KIND_SECONDARY = 2,
	BOX_VERSION = 1,
	WORDS = 8, /* of a block */
	WORD_BITS = 32,
	NAME_BYTES = EXACT_NAME_MAX,
	HEAD_BYTES = EXACT_ID + NAME_BYTES,
};
/* So that base64 ends where the head does. */
_Static_assert(HEAD_BYTES / 3 * 4 == EXACT_HEAD_TEXT && HEAD_BYTES % 3 == 0,
    "the head of what is sealed");

/* Odd numbers that spread one hash over eight words, as in Apache Parquet's
 * specification of this filter. */
static const uint32_t SALT[WORDS] = {0x47b6137b, 0x44974d91, 0x8824ad5b,
    0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

bool
exact_name_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_.-");

	return n > 0 && n <= EXACT_NAME_MAX && s[n] == '\0' && s[0] != '.';
}

/* ---- values ---- */

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Capital letters of two bytes in UTF-8, and how far the small ones are. */
static const struct {
	uint16_t from, to;
	uint8_t step; /* 2: every other one */
	int8_t by;
} CASES[] = {
    {0xc0, 0xd6, 1, 32},
    {0xd8, 0xde, 1, 32},
    {0x100, 0x12e, 2, 1},
    {0x132, 0x136, 2, 1},
    {0x139, 0x147, 2, 1},
    {0x14a, 0x176, 2, 1},
    {0x179, 0x17d, 2, 1},
    {0x391, 0x3a1, 1, 32},
    {0x3a3, 0x3a9, 1, 32},
    {0x400, 0x40f, 1, 80},
    {0x410, 0x42f, 1, 32},
};

/* Folds the letter whose second byte stands at @p, if it is one. */
static void
fold_pair(uint8_t *p)
{
	unsigned c = (unsigned)(p[-1] & 0x1f) << 6 | (p[0] & 0x3fU);

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		if (c < CASES[i].from || c > CASES[i].to ||
		    (c - CASES[i].from) % CASES[i].step != 0)
			continue;
		c += (unsigned)CASES[i].by;
		p[-1] = (uint8_t)(0xc0 | c >> 6);
		p[0] = (uint8_t)(0x80 | (c & 0x3f));
		return;
	}
}

static uint8_t
fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* What a value is made of beside the signs that may stand in it. */
static bool
is_plain(uint8_t c)
{
	return is_digit(c) || is_letter(c) || c >= 0x80;
}

size_t
exact_normal(const uint8_t *v, size_t n, uint8_t *out, bool *digits)
{
	size_t from = 0, at = 0;
	bool mail;

	while (n > 0 && !is_plain(v[n - 1]))
		n--;
	while (from < n && !is_plain(v[from]))
		from++;
	mail = from < n && memchr(v + from, '@', n - from) != NULL;
	*digits = true;
	for (size_t i = from; i < n; i++) {
		if (!mail && !is_plain(v[i]))
			continue;
		if (at == EXACT_VALUE_MAX)
			return 0;
		*digits = *digits && is_digit(v[i]);
		out[at++] = fold(v[i]);
		if (at > 1 && (out[at - 2] & 0xe0) == 0xc0 &&
		    (v[i] & 0xc0) == 0x80)
			fold_pair(&out[at - 1]);
	}
	return at;
}

/* ---- the filter ---- */

static uint8_t *
block_of(const struct exact_column *c, uint64_t hash)
{
	return c->blocks +
	       (size_t)((hash >> 32) * c->nblocks >> 32) * EXACT_BLOCK;
}

static unsigned
bit_of(uint64_t hash, unsigned word)
{
	return (uint32_t)hash * SALT[word] >> 27;
}

static void
put_hash(struct exact_column *c, uint64_t hash)
{
	uint8_t *b = block_of(c, hash);

	for (unsigned i = 0; i < WORDS; i++) {
		unsigned bit = bit_of(hash, i);

		b[4 * i + bit / 8] =
		    (uint8_t)(b[4 * i + bit / 8] | 1U << bit % 8);
	}
}

bool
exact_maybe(
    const struct exact_column *c, const uint8_t *v, size_t n, bool digits)
{
	uint64_t lengths = digits ? c->digits : c->others;
	uint64_t hash;
	const uint8_t *b;

	if (n == 0 || n > EXACT_VALUE_MAX || (lengths >> n & 1) == 0)
		return false;
	hash = sip_hash(c->sip, v, n);
	b = block_of(c, hash);
	for (unsigned i = 0; i < WORDS; i++) {
		unsigned bit = bit_of(hash, i);

		if ((b[4 * i + bit / 8] >> bit % 8 & 1) == 0)
			return false;
	}
	return true;
}

/* HMAC-SHA-256(index key, word column value). */
static void
keyed(const struct exact_index *x, const char *word, size_t column,
    const uint8_t *v, size_t n, uint8_t out[SEAL_HASH])
{
	uint8_t text[8 + EXACT_VALUE_MAX];
	size_t at = strlen(word);

	must(at < 8 && n <= EXACT_VALUE_MAX);
	memcpy(text, word, at);
	text[at++] = (uint8_t)column;
	if (n > 0)
		memcpy(text + at, v, n);
	seal_hmac(x->key, sizeof x->key, text, at + n, out);
	explicit_bzero(text, sizeof text);
}

void
exact_digest(const struct exact_index *x, size_t column, const uint8_t *v,
    size_t n, uint8_t out[EXACT_DIGEST])
{
	uint8_t whole[SEAL_HASH];

	keyed(x, "value", column, v, n, whole);
	memcpy(out, whole, EXACT_DIGEST);
}

static void
column_keys(struct exact_index *x)
{
	uint8_t whole[SEAL_HASH];

	for (size_t i = 0; i < x->ncolumns; i++) {
		keyed(x, "filter", i, NULL, 0, whole);
		memcpy(x->columns[i].sip, whole, sizeof x->columns[i].sip);
	}
}

/* ---- the file ---- */

void
exact_done(struct exact_index *x)
{
	if (x->owned != NULL)
		explicit_bzero(x->owned, x->nowned);
	free(x->owned);
	explicit_bzero(x, sizeof *x);
}

void
exact_print(const struct exact_index *x, struct buf *out)
{
	uint8_t digest[SEAL_HASH];
	size_t from = out->len;

	buf_put(out, MAGIC, MAGIC_LEN);
	buf_put_str(out, x->name);
	buf_put(out, x->id, sizeof x->id);
	buf_put_u64(out, x->rows);
	buf_put(out, x->key, sizeof x->key);
	buf_put(out, x->public, sizeof x->public);
	buf_put_u8(out, (uint8_t)x->ncolumns);
	for (size_t i = 0; i < x->ncolumns; i++) {
		const struct exact_column *c = &x->columns[i];

		buf_put_str(out, c->name);
		buf_put_u8(out, c->primary ? KIND_PRIMARY : KIND_SECONDARY);
		buf_put_u64(out, c->digits);
		buf_put_u64(out, c->others);
		buf_put_u32(out, c->rate);
		buf_put_u32(out, c->nblocks);
	}
	for (size_t i = 0; i < x->ncolumns; i++)
		buf_put(out, x->columns[i].blocks,
		    (size_t)x->columns[i].nblocks * EXACT_BLOCK);
	if (out->err != 0)
		return;
	seal_sha256(out->data + from, out->len - from, digest);
	buf_put(out, digest, sizeof digest);
}

static int
parse_column(struct exact_index *x, struct cur *in)
{
	struct exact_column *c = &x->columns[x->ncolumns++];
	uint8_t kind;

	cur_str(in, c->name, sizeof c->name);
	kind = cur_u8(in);
	c->primary = kind == KIND_PRIMARY;
	c->digits = cur_u64(in);
	c->others = cur_u64(in);
	c->rate = cur_u32(in);
	c->nblocks = cur_u32(in);
	if (in->bad || !exact_name_ok(c->name) ||
	    (kind != KIND_PRIMARY && kind != KIND_SECONDARY) ||
	    !exact_rate_ok(c->rate) || c->nblocks == 0 ||
	    c->nblocks > EXACT_FILE_MAX / EXACT_BLOCK)
		return -EBADMSG;
	for (size_t i = 0; i + 1 < x->ncolumns; i++)
		if (str_eq(x->columns[i].name, c->name))
			return -EBADMSG;
	return 0;
}

static int
parse_head(struct exact_index *x, struct cur *in)
{
	const uint8_t *id, *key, *public;
	uint8_t n;
	int r = 0;

	cur_str(in, x->name, sizeof x->name);
	id = cur_bytes(in, sizeof x->id);
	x->rows = cur_u64(in);
	key = cur_bytes(in, sizeof x->key);
	public = cur_bytes(in, sizeof x->public);
	n = cur_u8(in);
	if (in->bad || !exact_name_ok(x->name) || n < 1 ||
	    n > EXACT_COLUMNS_MAX)
		return -EBADMSG;
	memcpy(x->id, id, sizeof x->id);
	memcpy(x->key, key, sizeof x->key);
	memcpy(x->public, public, sizeof x->public);
	for (uint8_t i = 0; i < n && r == 0; i++)
		r = parse_column(x, in);
	return r;
}

/* The columns' blocks lie one after the other. */
static void
place_filters(struct exact_index *x, uint8_t *at)
{
	for (size_t i = 0; i < x->ncolumns; i++) {
		x->columns[i].blocks = at;
		at += (size_t)x->columns[i].nblocks * EXACT_BLOCK;
	}
}

/* @own: where @in lies, to borrow from; NULL: the filters are copied. */
static int
parse_filters(struct exact_index *x, struct cur *in, uint8_t *own)
{
	size_t n = 0;
	const uint8_t *bytes;

	for (size_t i = 0; i < x->ncolumns; i++)
		n += (size_t)x->columns[i].nblocks * EXACT_BLOCK;
	bytes = cur_bytes(in, n);
	if (bytes == NULL)
		return -EBADMSG;
	if (own != NULL) {
		place_filters(x, own + (bytes - own));
		return 0;
	}
	x->owned = malloc(n);
	if (x->owned == NULL)
		return -ENOMEM;
	x->nowned = n;
	memcpy(x->owned, bytes, n);
	place_filters(x, x->owned);
	return 0;
}

/* Seals once, so that a bad public key is found now, and what OpenSSL looks up
 * at the first use is looked up before a jail is taken. */
static int
try_public(const struct exact_index *x)
{
	OWN(buf_done) struct buf out = {0};
	struct exact_sealed none = {0};

	buf_init(&out, EXACT_SEALED_MAX);
	return exact_seal(x, &none, &out);
}

static int
parse(const uint8_t *p, size_t len, uint8_t *own, struct exact_index *out,
    struct diag *why)
{
	struct exact_index x = {0};
	uint8_t digest[SEAL_HASH];
	struct cur in;
	int r = 0;

	if (len > EXACT_FILE_MAX || len < MAGIC_LEN + SEAL_HASH ||
	    memcmp(p, MAGIC, MAGIC_LEN) != 0)
		return diag_set(why, -EBADMSG,
		    "is no index for exact data match of at most %d MiB",
		    EXACT_FILE_MAX / 1024 / 1024);
	seal_sha256(p, len - SEAL_HASH, digest);
	if (memcmp(p + len - SEAL_HASH, digest, SEAL_HASH) != 0)
		return diag_set(
		    why, -EBADMSG, "the index is cut or was changed");
	cur_init(&in, p + MAGIC_LEN, len - MAGIC_LEN - SEAL_HASH);
	r = parse_head(&x, &in);
	if (r == 0)
		r = parse_filters(&x, &in, own);
	if (r == 0)
		r = cur_end(&in);
	if (r == 0) {
		column_keys(&x);
		r = try_public(&x);
	}
	if (r != 0) {
		exact_done(&x);
		return diag_set(why, r,
		    r == -ENOMEM ? "no memory for the index"
				 : "the index is malformed");
	}
	*out = x;
	return 0;
}

int
exact_parse(
    const void *data, size_t len, struct exact_index *out, struct diag *why)
{
	return parse(data, len, NULL, out, why);
}

int
exact_parse_in(
    void *data, size_t len, struct exact_index *out, struct diag *why)
{
	return parse(data, len, data, out, why);
}

/* ---- building ---- */

/*
 * How many values a block may get on average, in tenths, so that no more than
 * one random value in @rate passes: the sum over Poisson-distributed loads k of
 * (1 - (31/32)^k)^8 (Putze et al., equation 3). exact_test measures them.
 */
static const struct {
	uint32_t rate, load;
} LOADS[] = {
    {16, 375},
    {32, 315},
    {64, 268},
    {128, 230},
    {256, 199},
    {512, 173},
    {1024, 150},
    {2048, 131},
    {4096, 115},
    {EXACT_SURE, 5},
};

static uint32_t
load_for(uint32_t rate)
{
	for (size_t i = 0; i < ARRAY_LEN(LOADS); i++)
		if (LOADS[i].rate == rate)
			return LOADS[i].load;
	return 0;
}

bool
exact_rate_ok(uint32_t rate)
{
	return load_for(rate) != 0;
}

static void
make_id(uint8_t id[EXACT_ID])
{
	uint64_t s = (uint64_t)clock_now().wall_us / 1000000;

	rng_fill(id, EXACT_ID);
	for (unsigned i = 0; i < 4; i++)
		id[i] = (uint8_t)(s >> (24 - 8 * i));
}

int64_t
exact_made(const uint8_t id[EXACT_ID])
{
	return (int64_t)id[0] << 24 | id[1] << 16 | id[2] << 8 | id[3];
}

int
exact_begin(struct exact_index *x, const uint64_t cells[EXACT_COLUMNS_MAX],
    const uint8_t public[SEAL_BOX_PUBLIC])
{
	for (size_t i = 0; i < x->ncolumns; i++) {
		struct exact_column *c = &x->columns[i];
		uint64_t blocks;

		must(exact_rate_ok(c->rate));
		if (cells[i] > EXACT_FILE_MAX)
			return -EFBIG;
		blocks = cells[i] * 10 / load_for(c->rate) + 1;
		c->nblocks = (uint32_t)blocks;
		x->nowned += (size_t)c->nblocks * EXACT_BLOCK;
	}
	if (x->nowned > EXACT_FILE_MAX - 4096)
		return -EFBIG;
	x->owned = calloc(1, x->nowned);
	if (x->owned == NULL)
		return -ENOMEM;
	place_filters(x, x->owned);
	memcpy(x->public, public, sizeof x->public);
	make_id(x->id);
	rng_fill(x->key, sizeof x->key);
	column_keys(x);
	return 0;
}

void
exact_add(struct exact_column *c, const uint8_t *v, size_t n, bool digits)
{
	must(n > 0 && n <= EXACT_VALUE_MAX);
	*(digits ? &c->digits : &c->others) |= UINT64_C(1) << n;
	if (memchr(v, '@', n) != NULL)
		c->others |= EXACT_MAIL;
	put_hash(c, sip_hash(c->sip, v, n));
}

double
exact_pass(const struct exact_column *c)
{
	double sum = 0;

	for (uint32_t i = 0; i < c->nblocks; i++) {
		double part = 1;

		for (unsigned w = 0; w < WORDS; w++) {
			uint32_t bits;

			memcpy(&bits, c->blocks + i * EXACT_BLOCK + 4 * w, 4);
			part *= __builtin_popcount(bits) / (double)WORD_BITS;
		}
		sum += part;
	}
	return sum / c->nblocks;
}

void
exact_fill(struct exact_column *c)
{
	uint64_t random[64];

	/* Each round adds 2 % of a full filter, so 100 rounds fill any. */
	uint64_t more = (uint64_t)c->nblocks * load_for(c->rate) / 500;

	while (exact_pass(c) * c->rate < 1)
		for (uint64_t i = 0; i <= more; i++) {
			if (i % ARRAY_LEN(random) == 0)
				rng_fill(random, sizeof random);
			put_hash(c, random[i % ARRAY_LEN(random)]);
		}
}

/* ---- candidates ---- */

static void
put_head(const struct exact_index *x, uint8_t out[HEAD_BYTES])
{
	memset(out, 0, HEAD_BYTES);
	memcpy(out, x->id, EXACT_ID);
	memcpy(out + EXACT_ID, x->name, strlen(x->name));
}

int
exact_seal(
    const struct exact_index *x, const struct exact_sealed *s, struct buf *out)
{
	OWN(buf_wipe) struct buf plain = {0};
	OWN(buf_done) struct buf raw = {0};
	uint8_t head[HEAD_BYTES];
	int r;

	buf_init(&plain, EXACT_SEALED_MAX);
	buf_init(&raw, EXACT_SEALED_MAX);
	buf_put_u8(&plain, BOX_VERSION);
	buf_put_u8(&plain, s->min);
	buf_put_u8(&plain, (uint8_t)s->n);
	for (size_t i = 0; i < s->n; i++) {
		const struct exact_candidate *c = &s->list[i];

		buf_put_u8(&plain, c->column);
		buf_put(&plain, c->digest, sizeof c->digest);
		buf_put_u8(&plain, (uint8_t)c->nnear);
		for (size_t k = 0; k < c->nnear; k++) {
			buf_put_u8(&plain, c->near[k].column);
			buf_put(&plain, c->near[k].brief, EXACT_BRIEF);
		}
	}
	if (buf_error(&plain) != 0)
		return buf_error(&plain);
	put_head(x, head);
	buf_put(&raw, head, sizeof head);
	r = seal_box(x->public, head, sizeof head, plain.data, plain.len, &raw);
	if (r == 0)
		r = buf_error(&raw);
	if (r != 0)
		return r;
	str_base64url(out, raw.data, raw.len);
	return buf_error(out);
}

static int
unseal(const char *text, struct buf *raw)
{
	size_t n = strlen(text);
	int r;

	if (n > EXACT_SEALED_MAX)
		return -EBADMSG;
	buf_init(raw, EXACT_SEALED_MAX);
	r = str_unbase64url(raw, text, n);
	if (r == 0)
		r = buf_error(raw);
	if (r == 0 && raw->len <= HEAD_BYTES + SEAL_BOX_EXTRA)
		r = -EBADMSG;
	return r;
}

int
exact_head(const char *text, struct exact_head *out)
{
	OWN(buf_done) struct buf raw = {0};
	struct exact_head h = {0};
	int r;

	if (strnlen(text, EXACT_HEAD_TEXT) < EXACT_HEAD_TEXT)
		return -EBADMSG;
	buf_init(&raw, HEAD_BYTES);
	r = str_unbase64url(&raw, text, EXACT_HEAD_TEXT);
	if (r == 0)
		r = buf_error(&raw);
	if (r != 0)
		return r;
	memcpy(h.id, raw.data, EXACT_ID);
	memcpy(h.name, raw.data + EXACT_ID, NAME_BYTES);
	if (!exact_name_ok(h.name))
		return -EBADMSG;
	*out = h;
	return 0;
}

static int
parse_candidate(struct cur *in, struct exact_candidate *c)
{
	const uint8_t *p;

	c->column = cur_u8(in);
	p = cur_bytes(in, sizeof c->digest);
	c->nnear = cur_u8(in);
	if (in->bad || c->nnear > ARRAY_LEN(c->near) ||
	    c->column >= EXACT_COLUMNS_MAX)
		return -EBADMSG;
	memcpy(c->digest, p, sizeof c->digest);
	for (size_t i = 0; i < c->nnear; i++) {
		c->near[i].column = cur_u8(in);
		p = cur_bytes(in, EXACT_BRIEF);
		if (in->bad || c->near[i].column >= EXACT_COLUMNS_MAX)
			return -EBADMSG;
		memcpy(c->near[i].brief, p, EXACT_BRIEF);
	}
	return 0;
}

int
exact_open(
    const struct seal_box_key *key, const char *text, struct exact_sealed *out)
{
	OWN(buf_done) struct buf raw = {0};
	OWN(buf_wipe) struct buf plain = {0};
	struct exact_sealed s = {0};
	struct cur in;
	uint8_t version;
	int r = unseal(text, &raw);

	if (r != 0)
		return r;
	memcpy(s.id, raw.data, EXACT_ID);
	buf_init(&plain, EXACT_SEALED_MAX);
	r = seal_box_open(key, raw.data, HEAD_BYTES, raw.data + HEAD_BYTES,
	    raw.len - HEAD_BYTES, &plain);
	if (r != 0)
		return r;
	cur_init(&in, plain.data, plain.len);
	version = cur_u8(&in);
	s.min = cur_u8(&in);
	s.n = cur_u8(&in);
	if (in.bad || version != BOX_VERSION || s.n > EXACT_CANDIDATES_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < s.n && r == 0; i++)
		r = parse_candidate(&in, &s.list[i]);
	if (r == 0)
		r = cur_end(&in);
	if (r == 0)
		*out = s;
	return r;
}
