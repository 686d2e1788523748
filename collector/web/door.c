/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door - who may come in, and how often it may be tried.
 *
 * Owns: the sessions, in memory alone: the digest of each token, and when it
 * was last used; the count of tries of each address and of all.
 * Never: keeps a token or a password.
 */
#include <errno.h>
#include <string.h>

#include "collector/web/inner.h"
#include "collector/web/web.h"
#include "lib/rng.h"
#include "lib/str.h"

#include "lib/own.h"

#define SECOND_US UINT64_C(1000000)
#define IDLE_US (1800 * SECOND_US)
#define SESSION_US (12 * 3600 * SECOND_US)
#define SESSIONS_MAX 64
/* Tries of one address, and of all, within a minute: each costs an scrypt. */
#define MINUTE_US (60 * SECOND_US)
#define TRIES_MAX 10
#define TRIES_ALL_MAX 60
#define ADDRESSES_MAX 64
#define TOKEN_BYTES 32

struct session {
	uint8_t digest[SEAL_HASH];
	uint64_t began_us, used_us; /* began_us 0: free */
};

struct tries {
	char address[64];
	uint64_t began_us;
	unsigned count;
};

struct door {
	char *password; /* its digest */
	struct session sessions[SESSIONS_MAX];
	struct tries tries[ADDRESSES_MAX], all;
	uint8_t secret[SEAL_HASH]; /* keys the memory of the last header */
	struct session basic;
};

int
door_new(const char *password, struct door **out)
{
	struct door *d = calloc(1, sizeof *d);

	if (d == NULL)
		return -ENOMEM;
	d->password = strdup(password);
	if (d->password == NULL) {
		free(d);
		return -ENOMEM;
	}
	rng_fill(d->secret, sizeof d->secret);
	*out = d;
	return 0;
}

void
door_free(struct door *d)
{
	if (d == NULL)
		return;
	free(d->password);
	explicit_bzero(d, sizeof *d);
	free(d);
}

/* ---- tries ---- */

/* The row of an address; the one whose minute began first gives way. */
static struct tries *
tries_of(struct door *d, const char *address)
{
	struct tries *oldest = &d->tries[0];

	for (size_t i = 0; i < ADDRESSES_MAX; i++) {
		if (str_eq(d->tries[i].address, address))
			return &d->tries[i];
		if (d->tries[i].began_us < oldest->began_us)
			oldest = &d->tries[i];
	}
	*oldest = (struct tries){0};
	(void)str_copy(oldest->address, sizeof oldest->address, address);
	return oldest;
}

static bool
count(struct tries *t, unsigned max, uint64_t now_us)
{
	if (t->count == 0 || now_us - t->began_us >= MINUTE_US) {
		t->began_us = now_us;
		t->count = 0;
	}
	if (t->count == max)
		return false;
	t->count++;
	return true;
}

enum door_answer
door_try(struct door *d, const char *address, const char *user,
    const char *password, uint64_t now_us)
{
	struct tries *t = tries_of(d, address);
	bool known;

	if (!count(t, TRIES_MAX, now_us) ||
	    !count(&d->all, TRIES_ALL_MAX, now_us))
		return DOOR_LIMITED;
	/* Compared also for a name that is wrong: it takes the same time. */
	known = seal_password_ok(d->password, password);
	if (!known || !str_eq(user, WEB_USER))
		return DOOR_SHUT;
	t->count = 0;
	return DOOR_OPEN;
}

/* ---- sessions ---- */

static bool
alive(const struct session *s, uint64_t now_us)
{
	return s->began_us != 0 && now_us - s->used_us < IDLE_US &&
	       now_us - s->began_us < SESSION_US;
}

enum door_answer
door_basic(
    struct door *d, const char *address, const char *header, uint64_t now_us)
{
	char user[DOOR_TEXT_MAX], password[DOOR_TEXT_MAX];
	uint8_t digest[SEAL_HASH];
	enum door_answer a;

	seal_hmac(d->secret, sizeof d->secret, header, strlen(header), digest);
	if (alive(&d->basic, now_us) &&
	    seal_equal(digest, d->basic.digest, sizeof digest)) {
		d->basic.used_us = now_us;
		return DOOR_OPEN;
	}
	if (form_basic(header, user, sizeof user, password, sizeof password) !=
	    0)
		return DOOR_SHUT;
	a = door_try(d, address, user, password, now_us);
	explicit_bzero(password, sizeof password);
	if (a != DOOR_OPEN)
		return a;
	memcpy(d->basic.digest, digest, sizeof digest);
	d->basic.began_us = d->basic.used_us = now_us;
	return DOOR_OPEN;
}

void
door_session(struct door *d, uint64_t now_us, char token[DOOR_TOKEN_SIZE])
{
	OWN(buf_wipe) struct buf text = {0};
	struct session *s = &d->sessions[0];
	uint8_t bytes[TOKEN_BYTES];

	for (size_t i = 0; i < SESSIONS_MAX; i++) {
		if (!alive(&d->sessions[i], now_us)) {
			s = &d->sessions[i];
			break;
		}
		if (d->sessions[i].used_us < s->used_us)
			s = &d->sessions[i];
	}
	rng_fill(bytes, sizeof bytes);
	buf_init(&text, DOOR_TOKEN_SIZE);
	str_base64url(&text, bytes, sizeof bytes);
	explicit_bzero(bytes, sizeof bytes);
	must(str_copy_len(token, DOOR_TOKEN_SIZE, text.data, text.len) == 0);
	seal_sha256(token, strlen(token), s->digest);
	s->began_us = s->used_us = now_us;
}

static struct session *
find(struct door *d, const char *token)
{
	uint8_t digest[SEAL_HASH];

	seal_sha256(token, strlen(token), digest);
	for (size_t i = 0; i < SESSIONS_MAX; i++)
		if (d->sessions[i].began_us != 0 &&
		    seal_equal(digest, d->sessions[i].digest, sizeof digest))
			return &d->sessions[i];
	return NULL;
}

bool
door_known(struct door *d, const char *token, uint64_t now_us)
{
	struct session *s = find(d, token);

	if (s == NULL)
		return false;
	if (!alive(s, now_us)) {
		*s = (struct session){0};
		return false;
	}
	s->used_us = now_us;
	return true;
}

void
door_leave(struct door *d, const char *token)
{
	struct session *s = find(d, token);

	if (s != NULL)
		*s = (struct session){0};
}
