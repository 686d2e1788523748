/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note - C2SP signed notes, checkpoints and cosignatures as text.
 *
 * Owns: the text forms. A note is a body, an empty line, signature lines:
 *   body           UTF-8, ends in a newline, no control but newline
 *   signature      U+2014 SP name SP base64(key hash || signature) LF
 *   cosignature/v1 base64(key hash || u64 time || signature), where signed is
 *                  "cosignature/v1\ntime N\n" and the body
 *   key hash       the first four bytes of SHA-256(name || LF || type || key)
 *   checkpoint     origin LF decimal size LF base64 root LF, then extension
 *                  lines, which we read past and never write
 * These forms are not ours: c2sp.org/signed-note, tlog-checkpoint and
 * tlog-cosignature may not be changed here, only followed.
 * Never: keeps a key, or decides which note is signed.
 */
#include "lib/note.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

#define SIGNATURES_MAX 100 /* signed-note: a bound is wanted, this is Go's */
#define DASH "\xe2\x80\x94 "
#define DASH_LEN (sizeof DASH - 1)
#define HASH_LEN 4
#define TIME_LEN 8

/* ---- keys ---- */

/* Unicode's White_Space beyond ASCII, in UTF-8. */
static bool
is_wide_space(const uint8_t *p, size_t left)
{
	static const char *const SPACES[] = {"\xc2\x85", "\xc2\xa0",
	    "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
	    "\xe2\x81\x9f", "\xe3\x80\x80"};

	for (size_t i = 0; i < ARRAY_LEN(SPACES); i++) {
		size_t n = strlen(SPACES[i]);

		if (n <= left && memcmp(p, SPACES[i], n) == 0)
			return true;
	}
	/* U+2000 to U+200A */
	return left >= 3 && p[0] == 0xe2 && p[1] == 0x80 && p[2] >= 0x80 &&
	       p[2] <= 0x8a;
}

static bool
name_ok(const char *name, size_t len)
{
	const uint8_t *p = (const uint8_t *)name;

	if (len == 0 || len >= NOTE_NAME_MAX || !str_utf8(name, len))
		return false;
	for (size_t i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] == '+' || p[i] == 0x7f ||
		    is_wide_space(p + i, len - i))
			return false;
	return true;
}

static uint32_t
key_hash(const struct vkey *v)
{
	uint8_t data[NOTE_NAME_MAX + 2 + SEAL_PUBLIC], hash[SEAL_HASH];
	size_t n = strlen(v->name);
	struct cur c;

	memcpy(data, v->name, n);
	data[n++] = '\n';
	data[n++] = (uint8_t)v->type;
	memcpy(data + n, v->public, SEAL_PUBLIC);
	seal_sha256(data, n + SEAL_PUBLIC, hash);
	cur_init(&c, hash, sizeof hash);
	return cur_u32(&c);
}

int
vkey_init(struct vkey *v, const char *name, enum note_key_type type,
    const uint8_t public[SEAL_PUBLIC])
{
	if (!name_ok(name, strlen(name)))
		return -EINVAL;
	*v = (struct vkey){.type = type};
	must(str_copy(v->name, sizeof v->name, name) == 0);
	memcpy(v->public, public, SEAL_PUBLIC);
	v->hash = key_hash(v);
	return 0;
}

int
vkey_parse(const char *text, struct vkey *out)
{
	OWN(buf_done) struct buf key = {0};
	const char *plus = text != NULL ? strchr(text, '+') : NULL;
	char hash[2 * HASH_LEN + 1], name[NOTE_NAME_MAX];
	struct vkey v;

	if (plus == NULL || strnlen(plus, 10) != 10 || plus[9] != '+' ||
	    str_copy_len(name, sizeof name, text, (size_t)(plus - text)) != 0)
		return -EBADMSG;
	buf_init(&key, 1 + SEAL_PUBLIC);
	if (str_unbase64(&key, plus + 10, strlen(plus + 10)) != 0 ||
	    buf_error(&key) != 0 || key.len != 1 + SEAL_PUBLIC)
		return -EBADMSG;
	if (key.data[0] != NOTE_ED25519 && key.data[0] != NOTE_COSIGNATURE)
		return -EBADMSG;
	if (vkey_init(
		&v, name, (enum note_key_type)key.data[0], key.data + 1) != 0)
		return -EBADMSG;
	/* The hash is of these very bytes, or the key was mistyped. */
	must(str_format(hash, sizeof hash, "%08" PRIx32, v.hash) == 0);
	if (memcmp(hash, plus + 1, 2 * HASH_LEN) != 0)
		return -EBADMSG;
	*out = v;
	return 0;
}

void
vkey_print(const struct vkey *v, struct buf *out)
{
	uint8_t key[1 + SEAL_PUBLIC];

	key[0] = (uint8_t)v->type;
	memcpy(key + 1, v->public, SEAL_PUBLIC);
	buf_printf(out, "%s+%08" PRIx32 "+", v->name, v->hash);
	str_base64(out, key, sizeof key);
}

/* ---- the shape of a note ---- */

/* One signature line: its name, and what the base64 holds. */
struct line {
	const char *name;
	size_t name_len;
	uint32_t hash;
	const uint8_t *sig;
	size_t sig_len;
};

static bool
text_ok(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < ' ' && s[i] != '\n')
			return false;
	return str_utf8(s, len);
}

/* Reads the line at @at, which ends before @end; @raw backs what is told. */
static int
parse_line(const char *at, const char *end, struct buf *raw, struct line *out)
{
	const char *space;
	struct cur c;

	if ((size_t)(end - at) <= DASH_LEN || memcmp(at, DASH, DASH_LEN) != 0)
		return -EBADMSG;
	at += DASH_LEN;
	space = memchr(at, ' ', (size_t)(end - at));
	if (space == NULL || !name_ok(at, (size_t)(space - at)))
		return -EBADMSG;
	out->name = at;
	out->name_len = (size_t)(space - at);
	buf_reset(raw);
	if (str_unbase64(raw, space + 1, (size_t)(end - space - 1)) != 0)
		return -EBADMSG;
	if (buf_error(raw) != 0)
		return buf_error(raw);
	if (raw->len <= HASH_LEN)
		return -EBADMSG;
	cur_init(&c, raw->data, raw->len);
	out->hash = cur_u32(&c);
	out->sig = c.data;
	out->sig_len = c.left;
	return 0;
}

/* The body ends at the last empty line: a body may hold some of its own. */
int
note_body_len(const char *note, size_t len, size_t *out)
{
	if (len == 0 || len > NOTE_MAX || note[len - 1] != '\n' ||
	    !text_ok(note, len))
		return -EBADMSG;
	for (size_t i = len - 1; i > 0; i--) {
		if (note[i] != '\n' || note[i - 1] != '\n')
			continue;
		if (i + 1 == len)
			return -EBADMSG; /* no signature behind it */
		*out = i;
		return 0;
	}
	return -EBADMSG;
}

/* ---- checkpoints ---- */

void
checkpoint_print(const struct checkpoint *c, struct buf *out)
{
	buf_printf(out, "%s\n%" PRIu64 "\n", c->origin, c->size);
	str_base64(out, c->root, SEAL_HASH);
	buf_put_u8(out, '\n');
}

/* Cuts the next line off; NULL where no newline is left. */
static const char *
next_line(const char **at, const char *end, size_t *len)
{
	const char *line = *at;
	const char *nl = memchr(line, '\n', (size_t)(end - line));

	if (nl == NULL)
		return NULL;
	*len = (size_t)(nl - line);
	*at = nl + 1;
	return line;
}

static int
parse_size(const char *s, size_t len, uint64_t *out)
{
	char text[24];

	if (len == 0 || (len > 1 && s[0] == '0') ||
	    str_copy_len(text, sizeof text, s, len) != 0)
		return -EBADMSG;
	/* A database's integer is signed. */
	return str_u64(text, INT64_MAX, out) == 0 ? 0 : -EBADMSG;
}

static int
parse_root(const char *s, size_t len, uint8_t out[SEAL_HASH])
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, SEAL_HASH);
	if (str_unbase64(&b, s, len) != 0 || buf_error(&b) != 0 ||
	    b.len != SEAL_HASH)
		return -EBADMSG;
	memcpy(out, b.data, SEAL_HASH);
	return 0;
}

int
checkpoint_parse_body(
    const char *body, size_t len, struct checkpoint *out, struct diag *why)
{
	struct checkpoint c = {0};
	const char *at = body, *end = body + len, *line;
	size_t n = 0;

	if (len == 0 || len > NOTE_MAX || !text_ok(body, len))
		return diag_set(why, -EBADMSG, "not a checkpoint");
	line = next_line(&at, end, &n);
	if (line == NULL || n == 0 ||
	    str_copy_len(c.origin, sizeof c.origin, line, n) != 0)
		return diag_set(why, -EBADMSG, "a checkpoint without origin");
	line = next_line(&at, end, &n);
	if (line == NULL || parse_size(line, n, &c.size) != 0)
		return diag_set(why, -EBADMSG, "a checkpoint without size");
	line = next_line(&at, end, &n);
	if (line == NULL || parse_root(line, n, c.root) != 0)
		return diag_set(why, -EBADMSG, "a checkpoint without root");
	while (at < end) {
		line = next_line(&at, end, &n);
		if (line == NULL || n == 0)
			return diag_set(why, -EBADMSG,
			    "a checkpoint with an empty extension line");
	}
	*out = c;
	return 0;
}

int
checkpoint_parse(
    const char *note, size_t len, struct checkpoint *out, struct diag *why)
{
	size_t n = 0;

	if (note_body_len(note, len, &n) != 0)
		return diag_set(why, -EBADMSG, "not a signed note");
	return checkpoint_parse_body(note, n, out, why);
}

/* ---- signing ---- */

static void
put_line(struct buf *out, const struct vkey *v, const uint8_t *sig, size_t len)
{
	uint8_t raw[HASH_LEN + TIME_LEN + SEAL_SIGNATURE];

	must(len <= sizeof raw - HASH_LEN);
	for (unsigned i = 0; i < HASH_LEN; i++)
		raw[i] = (uint8_t)(v->hash >> (24 - 8 * i));
	memcpy(raw + HASH_LEN, sig, len);
	buf_printf(out, DASH "%s ", v->name);
	str_base64(out, raw, HASH_LEN + len);
	buf_put_u8(out, '\n');
}

int
note_sign(const void *body, size_t len, const struct vkey *v,
    const struct seal_key *k, struct buf *out)
{
	const char *text = body;
	uint8_t sig[SEAL_SIGNATURE];
	int r;

	must(v->type == NOTE_ED25519);
	if (len == 0 || text[len - 1] != '\n' || !text_ok(text, len))
		return -EINVAL;
	r = seal_sign(k, body, len, sig);
	if (r != 0)
		return r;
	buf_reset(out);
	buf_put(out, body, len);
	buf_put_u8(out, '\n');
	put_line(out, v, sig, sizeof sig);
	return buf_error(out);
}

static int
cosigned(struct buf *out, uint64_t unix_s, const char *body, size_t len)
{
	buf_init(out, NOTE_MAX + 64);
	buf_printf(out, "cosignature/v1\ntime %" PRIu64 "\n", unix_s);
	buf_put(out, body, len);
	return buf_error(out);
}

int
note_cosign(struct buf *note, const struct vkey *v, const struct seal_key *k,
    uint64_t unix_s)
{
	OWN(buf_done) struct buf text = {0};
	uint8_t sig[TIME_LEN + SEAL_SIGNATURE];
	size_t n;
	int r;

	must(v->type == NOTE_COSIGNATURE);
	r = note_body_len((const char *)note->data, note->len, &n);
	if (r != 0)
		return r;
	r = cosigned(&text, unix_s, (const char *)note->data, n);
	if (r != 0)
		return r;
	for (unsigned i = 0; i < TIME_LEN; i++)
		sig[i] = (uint8_t)(unix_s >> (56 - 8 * i));
	r = seal_sign(k, text.data, text.len, sig + TIME_LEN);
	if (r != 0)
		return r;
	put_line(note, v, sig, sizeof sig);
	return buf_error(note);
}

/* ---- verifying ---- */

static bool
is_of(const struct line *l, const struct vkey *v)
{
	return l->hash == v->hash && l->name_len == strlen(v->name) &&
	       memcmp(l->name, v->name, l->name_len) == 0;
}

static int
check_line(const struct line *l, const struct vkey *v, const char *body,
    size_t len, uint64_t *time_s)
{
	OWN(buf_done) struct buf text = {0};
	struct cur c;
	int r;

	cur_init(&c, l->sig, l->sig_len);
	*time_s = 0;
	if (v->type == NOTE_ED25519)
		return l->sig_len != SEAL_SIGNATURE
			   ? -EBADMSG
			   : seal_verify(v->public, body, len, l->sig);
	if (l->sig_len != TIME_LEN + SEAL_SIGNATURE)
		return -EBADMSG;
	*time_s = cur_u64(&c);
	r = cosigned(&text, *time_s, body, len);
	if (r != 0)
		return r;
	return seal_verify(v->public, text.data, text.len, c.data);
}

/* The next signature line into @l, told as the number of @lines. */
static int
next_signature(const char **at, const char *end, struct buf *raw, size_t *lines,
    struct line *l, struct diag *why)
{
	size_t n;
	const char *start = next_line(at, end, &n);
	int r;

	*l = (struct line){0};
	if (start == NULL || ++*lines > SIGNATURES_MAX)
		return diag_set(
		    why, -EBADMSG, "a note with too many signatures");
	r = parse_line(start, start + n, raw, l);
	if (r == -EBADMSG)
		return diag_set(
		    why, r, "signature line %zu is malformed", *lines);
	return r;
}

int
note_verify(const char *note, size_t len, const struct vkey *v,
    uint64_t *time_s, struct diag *why)
{
	OWN(buf_done) struct buf raw = {0};
	const char *end = note + len, *at;
	uint64_t first = UINT64_MAX, t;
	size_t body, good = 0, lines = 0;
	char name[4 * NOTE_NAME_MAX];
	struct line l;

	str_escape(name, sizeof name, v->name, strlen(v->name));
	if (note_body_len(note, len, &body) != 0)
		return diag_set(why, -EBADMSG, "not a signed note");
	buf_init(&raw, NOTE_MAX);
	at = note + body + 1;
	/* To the end, whoever signed: a bad line makes the note a bad one. */
	while (at < end) {
		int r = next_signature(&at, end, &raw, &lines, &l, why);

		if (r != 0)
			return r;
		if (!is_of(&l, v))
			continue;
		r = check_line(&l, v, note, body, &t);
		if (r != 0)
			return diag_set(why, r,
			    "the signature of %s does not verify", name);
		/* Of several times of one key the earliest says most. */
		first = t < first ? t : first;
		good++;
	}
	if (good == 0)
		return diag_set(why, -ENOKEY, "no signature of %s", name);
	if (time_s != NULL)
		*time_s = first;
	return 0;
}
