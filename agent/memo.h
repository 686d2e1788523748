/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memo - a bounded memory: a 16-byte key to something owned, oldest out first.
 */
#ifndef AGENT_MEMO_H
#define AGENT_MEMO_H

#include <stdint.h>

#include "lib/own.h"

struct memo_key {
	uint8_t b[16];
};

/* memo_key - the key of some bytes: SHA-256, cut, so that nobody can make two
 * names or objects meet on purpose. */
struct memo_key memo_key(const void *data, size_t len);

struct memo;

/* memo_new - holds at most @max values; @drop frees one that leaves. */
int memo_new(
    size_t max, void (*drop)(void *value), struct memo **out) MUST_CHECK;
void memo_free(struct memo *m);
/* memo_get - borrowed, or NULL. */
void *memo_get(const struct memo *m, struct memo_key k);
/* memo_put - takes @value; an older value of the key is dropped. -ENOMEM
 * leaves @value with the caller. */
int memo_put(struct memo *m, struct memo_key k, void *value) MUST_CHECK;
/* memo_take - removes without dropping; NULL if there is none. */
void *memo_take(struct memo *m, struct memo_key k);
/* memo_oldest - the value that came first, or NULL; *k is its key. */
void *memo_oldest(const struct memo *m, struct memo_key *k);
size_t memo_count(const struct memo *m);

#endif
