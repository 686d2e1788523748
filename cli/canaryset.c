/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canaryset - the key of canaries, the sets that it made, and their values.
 *
 * Owns: the key file, and what a value is made of:
 *
 * The file is a PEM key (lib/seal.h), and behind it, as the explanatory text
 * that RFC 7468 section 2 lets stand there, a line for each time that a set was
 * made: "canary-set: NAME COPIES DOMAIN"; of one set the most copies count.
 *
 * A value is made of the bytes of HMAC-SHA-256(secret, "1" NUL set NUL what NUL
 * u32 copy, u32 block), blocks from 0, numbers big-endian; what: the kind's
 * name, "person" or "rule"; secret: derived from the key ("chaperone canary
 * 1"). A number below n is a byte below the greatest multiple of n, modulo n,
 * bytes above passed over. To change a value: another "1", and the old one
 * stays, since what was planted stays.
 *
 * Never: makes what is somebody's: hosts lie under .example (RFC 2606), phone
 * numbers are none, tokens have no vendor's form; nor what shows without the
 * key that it is a canary.
 */
#include "cli/canaryset.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/str.h"

#include "lib/own.h"

#define PURPOSE "chaperone canary 1"
#define LINE "canary-set: "
#define DIGITS "0123456789"
#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define CAPITAL "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

enum { FILE_MAX_BYTES = 64 * 1024, LINE_MAX_BYTES = 128, SEED_MAX = 64 };

/* ---- the file ---- */

void
canaryset_done(struct canary_ring *ring)
{
	seal_box_key_free(ring->key);
	explicit_bzero(ring, sizeof *ring);
}

static struct canary_set *
find(struct canary_ring *ring, const char *name)
{
	for (size_t i = 0; i < ring->n; i++)
		if (str_eq(ring->sets[i].name, name))
			return &ring->sets[i];
	return NULL;
}

static int
take(struct canary_ring *ring, const struct canary_set *s, struct diag *why)
{
	struct canary_set *known = find(ring, s->name);

	if (known == NULL) {
		if (ring->n == CANARY_SETS_MAX)
			return diag_set(why, -EBADMSG,
			    "more than %d sets of one key", CANARY_SETS_MAX);
		ring->sets[ring->n++] = *s;
		return 0;
	}
	if (!str_eq(known->domain, s->domain))
		return diag_set(why, -EINVAL,
		    "the addresses of %s are of %s, and stay so", s->name,
		    known->domain);
	if (known->copies < s->copies)
		known->copies = s->copies;
	return 0;
}

/* "acme 3 customers.example" */
static int
parse_set(const char *text, size_t len, struct canary_set *s)
{
	char line[LINE_MAX_BYTES], *name, *count, *domain;
	uint64_t copies;

	if (str_copy_len(line, sizeof line, text, len) != 0)
		return -EBADMSG;
	name = line;
	count = strchr(name, ' ');
	domain = count != NULL ? strchr(count + 1, ' ') : NULL;
	if (domain == NULL)
		return -EBADMSG;
	*count++ = '\0';
	*domain++ = '\0';
	if (!str_id(name, CANARY_SET_MAX) ||
	    str_u64(count, CANARY_COPIES_MAX, &copies) != 0 || copies == 0 ||
	    !str_id(domain, CANARY_DOMAIN_MAX))
		return -EBADMSG;
	*s = (struct canary_set){.copies = (uint32_t)copies};
	return str_copy(s->name, sizeof s->name, name) == 0 &&
		       str_copy(s->domain, sizeof s->domain, domain) == 0
		   ? 0
		   : -EBADMSG;
}

static int
read_sets(const char *path, struct canary_ring *ring, struct diag *why)
{
	OWN(buf_wipe) struct buf b = {0};
	const char *at;
	int r;

	buf_init(&b, FILE_MAX_BYTES);
	r = file_read(path, &b, why);
	at = r == 0 ? buf_text(&b) : NULL;
	if (at == NULL)
		return r != 0 ? r : -ENOMEM;
	while (*at != '\0' && r == 0) {
		size_t n = strcspn(at, "\n");
		struct canary_set s;

		if (str_starts(at, LINE)) {
			r = parse_set(at + strlen(LINE), n - strlen(LINE), &s);
			r = r == 0 ? take(ring, &s, why)
				   : diag_set(why, r,
					 "%s: a line \"canary-set\" is "
					 "malformed",
					 path);
		}
		at += n + (at[n] == '\n');
	}
	return r;
}

int
canaryset_load(const char *path, struct canary_ring *ring, struct diag *why)
{
	int r = seal_box_key_load(path, &ring->key, why);

	if (r != 0)
		return r;
	seal_box_key_derive(ring->key, PURPOSE, ring->secret);
	return read_sets(path, ring, why);
}

int
canaryset_new(const char *path, struct canary_ring *ring, struct diag *why)
{
	int r = seal_box_key_new(&ring->key);

	if (r == 0)
		r = seal_box_key_save(ring->key, path, why);
	if (r == 0)
		seal_box_key_derive(ring->key, PURPOSE, ring->secret);
	return r;
}

/* One write at the end: the key before it is never in danger. */
static int
append(const char *path, const struct canary_set *s, struct diag *why)
{
	OWN_FD int fd =
	    open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	char line[LINE_MAX_BYTES];
	ssize_t n;
	int r = str_format(line, sizeof line, LINE "%s %u %s\n", s->name,
	    s->copies, s->domain);

	must(r == 0);
	if (fd < 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	n = write(fd, line, strlen(line));
	if (n < 0 || fsync(fd) != 0)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	return (size_t)n == strlen(line)
		   ? 0
		   : diag_set(why, -ENOSPC, "%s: no room", path);
}

int
canaryset_put(struct canary_ring *ring, const char *path,
    const struct canary_set *set, const struct canary_set **out,
    struct diag *why)
{
	const struct canary_set *known = find(ring, set->name);
	uint32_t before = known != NULL ? known->copies : 0;
	int r = take(ring, set, why);

	if (r == 0 && set->copies > before)
		r = append(path, set, why);
	if (r == 0)
		*out = find(ring, set->name);
	return r;
}

/* ---- values ---- */

/* Bytes that only the key's holder can make. */
struct stream {
	const uint8_t *secret;
	uint8_t seed[SEED_MAX];
	size_t len; /* of the seed, without the block's number */
	uint8_t block[SEAL_HASH];
	uint32_t blocks;
	size_t at; /* in the block */
};

static void
put_u32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void
stream_begin(struct stream *s, const struct canary_ring *ring,
    const struct canary_set *set, const char *what, uint32_t copy)
{
	size_t n = strlen(set->name) + 1, w = strlen(what) + 1;

	*s = (struct stream){.secret = ring->secret, .at = SEAL_HASH};
	must(2 + n + w + 8 <= sizeof s->seed);
	memcpy(s->seed, "1", 2);
	memcpy(s->seed + 2, set->name, n);
	memcpy(s->seed + 2 + n, what, w);
	put_u32(s->seed + 2 + n + w, copy);
	s->len = 2 + n + w + 4;
}

static uint8_t
stream_byte(struct stream *s)
{
	if (s->at == sizeof s->block) {
		put_u32(s->seed + s->len, s->blocks++);
		seal_hmac(s->secret, SEAL_HASH, s->seed, s->len + 4, s->block);
		s->at = 0;
	}
	return s->block[s->at++];
}

/* A number below @n, each as likely. */
static unsigned
stream_below(struct stream *s, unsigned n)
{
	unsigned most = 256 / n * n, c;

	do
		c = stream_byte(s);
	while (c >= most);
	return c % n;
}

/* Appends @n letters of an alphabet, and ends the text. */
static void
stream_letters(struct stream *s, const char *alphabet, size_t n, char *text)
{
	size_t at = strlen(text);
	unsigned all = (unsigned)strlen(alphabet);

	must(at + n < CANARY_TEXT_MAX);
	for (size_t i = 0; i < n; i++)
		text[at + i] = alphabet[stream_below(s, all)];
	text[at + n] = '\0';
}

static void
stream_uuid(struct stream *s, char out[37])
{
	uint8_t id[16];
	char hex[33];

	for (size_t i = 0; i < sizeof id; i++)
		id[i] = stream_byte(s);
	/* Version 4 and variant, RFC 9562 section 5.4. */
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	str_hex(hex, id, sizeof id);
	must(str_format(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
		 hex + 12, hex + 16, hex + 20) == 0);
}

static const char *const GIVEN[] = {"Anna", "Bruno", "Clara", "David", "Elena",
    "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karin", "Lukas", "Marta", "Nora",
    "Oskar", "Paula"};
static const char *const FAMILY[] = {"adler", "berg", "costa", "duval", "ebner",
    "fuchs", "grant", "holm", "jansen", "keller", "lindt", "moreau", "novak",
    "olsen", "petit", "rossi"};
static const char *const TOWNS[] = {
    "Aarau", "Bergen", "Delft", "Esslingen", "Fulda", "Graz", "Leiden", "Ulm"};

void
canaryset_person(const struct canary_ring *ring, const struct canary_set *set,
    uint32_t copy, char out[CANARY_TEXT_MAX])
{
	struct stream s;
	const char *given, *town;
	char family[8];

	stream_begin(&s, ring, set, "person", copy);
	must(str_copy(family, sizeof family,
		 FAMILY[stream_below(&s, ARRAY_LEN(FAMILY))]) == 0);
	family[0] = (char)(family[0] - 'a' + 'A');
	given = GIVEN[stream_below(&s, ARRAY_LEN(GIVEN))];
	town = TOWNS[stream_below(&s, ARRAY_LEN(TOWNS))];
	must(str_format(
		 out, CANARY_TEXT_MAX, "%s %s,%s", given, family, town) == 0);
	explicit_bzero(&s, sizeof s);
}

void
canaryset_uuid(
    const struct canary_ring *ring, const struct canary_set *set, char out[37])
{
	struct stream s;

	stream_begin(&s, ring, set, "rule", 0);
	stream_uuid(&s, out);
}

/* Each holds a digit or an "@": else a host would not look it up. */
void
canaryset_value(const struct canary_ring *ring, const struct canary_set *set,
    enum canary_kind kind, uint32_t copy, char out[CANARY_TEXT_MAX])
{
	struct stream s;

	stream_begin(&s, ring, set, canary_kind_name(kind), copy);
	out[0] = '\0';
	switch (kind) {
	case CANARY_MARK:
		stream_uuid(&s, out);
		break;
	case CANARY_CUSTOMER:
		/* As a ULID of these years: Crockford's base 32. */
		must(str_copy(out, CANARY_TEXT_MAX, "01J") == 0);
		stream_letters(&s, DIGITS "ABCDEFGHJKMNPQRSTVWXYZ", 23, out);
		break;
	case CANARY_MAIL:
		must(str_format(out, CANARY_TEXT_MAX, "%s-",
			 FAMILY[stream_below(&s, ARRAY_LEN(FAMILY))]) == 0);
		stream_letters(&s, "234567" SMALL, 16, out);
		must(
		    str_format(out + strlen(out), CANARY_TEXT_MAX - strlen(out),
			"@%s", set->domain) == 0);
		break;
	case CANARY_TOKEN:
		stream_letters(&s, SMALL CAPITAL DIGITS, 39, out);
		stream_letters(&s, DIGITS, 1, out);
		break;
	case CANARY_PASSWORD:
		stream_letters(&s, SMALL CAPITAL DIGITS, 19, out);
		stream_letters(&s, DIGITS, 1, out);
		break;
	case CANARY_DATABASE:
		canaryset_value(ring, set, CANARY_PASSWORD, copy, out);
		must(str_copy(out + strlen(out), CANARY_TEXT_MAX - strlen(out),
			 "@db-") == 0);
		stream_letters(&s, SMALL DIGITS, 8, out);
		must(str_copy(out + strlen(out), CANARY_TEXT_MAX - strlen(out),
			 ".intern.example") == 0);
		break;
	case CANARY_KINDS:
		must(false);
	}
	explicit_bzero(&s, sizeof s);
}
