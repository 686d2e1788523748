/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mkcorpus - text to measure with: the same bytes for the same arguments.
 *
 * Usage: mkcorpus source|log|csv|json|binary BYTES [SEED] >FILE
 *
 * Owns: what a server's files look like, roughly: indented code, lines with
 * dates and addresses, rows of people (some with a card number), nested
 * records, noise. Whatever looks like a person's is made up.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

static uint64_t state;

static uint32_t
pick(uint32_t n)
{
	/* Vigna, "An experimental exploration of Marsaglia's xorshift". */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * UINT64_C(2685821657736338717)) >> 33) % n;
}

static const char *
word(void)
{
	static const char *const words[] = {"account", "index", "value",
	    "result", "buffer", "length", "name", "session", "request",
	    "customer", "order", "update", "delete", "config", "default",
	    "error", "handler", "message", "client", "server", "table", "total",
	    "offset", "next", "status", "invoice", "payment", "node", "token",
	    "key", "user", "path", "count", "service", "timeout"};

	return words[pick(ARRAY_LEN(words))];
}

static const char *
given(void)
{
	static const char *const names[] = {"anna", "jonas", "wei", "maria",
	    "peter", "sofia", "kenji", "lucas", "emma", "ivan", "chloe",
	    "omar"};

	return names[pick(ARRAY_LEN(names))];
}

/* A number of sixteen digits with a good check digit. */
static void
put_card(void)
{
	char d[17] = "4";
	unsigned sum = 0;

	for (size_t i = 1; i < 15; i++)
		d[i] = (char)('0' + pick(10));
	for (size_t i = 0; i < 15; i++) {
		unsigned v = (unsigned)(d[14 - i] - '0');

		v = i % 2 == 0 ? v * 2 : v;
		sum += v > 9 ? v - 9 : v;
	}
	d[15] = (char)('0' + (10 - sum % 10) % 10);
	(void)fputs(d, stdout);
}

static int
source(void)
{
	unsigned depth = pick(4);
	int n = 0;

	for (unsigned i = 0; i < depth; i++)
		n += printf("\t");
	switch (pick(6)) {
	case 0:
		return n + printf("if (%s->%s != NULL && %s_%s(%u) == 0) {\n",
			       word(), word(), word(), word(), pick(1000));
	case 1:
		return n + printf("return %s_%s(%s, %s + %u);\n", word(),
			       word(), word(), word(), pick(64));
	case 2:
		return n + printf("/* The %s of a %s, before the %s %s. */\n",
			       word(), word(), word(), word());
	case 3:
		return n + printf("static const char %s_%s[] = \"%s %s\";\n",
			       word(), word(), word(), word());
	case 4:
		return n + printf("}\n\n");
	default:
		return n + printf("%s.%s = 0x%08x;\n", word(), word(),
			       pick(UINT32_MAX));
	}
}

static int
log_line(void)
{
	return printf("2026-03-%02uT%02u:%02u:%02u.%03uZ web%u nginx[%u]: "
		      "10.%u.%u.%u \"GET /%s/%s?id=%u HTTP/1.1\" %u %u \"%s "
		      "%s\" rt=0.%03u\n",
	    1 + pick(28), pick(24), pick(60), pick(60), pick(1000), pick(9),
	    1000 + pick(30000), pick(256), pick(256), pick(256), word(), word(),
	    pick(1000000), pick(2) != 0 ? 200 : 404, pick(100000), word(),
	    word(), pick(1000));
}

static int
csv_row(void)
{
	int n = printf("%u,%s,%s,%s.%s@mail.example.org,+49 30 %07u,%u.%02u,",
	    pick(10000000), given(), word(), given(), word(), pick(10000000),
	    pick(9000), pick(100));

	if (pick(200) == 0) {
		put_card();
		n += 16;
	}
	return n + printf(",%04u-%02u-%02u\n", 1950 + pick(70), 1 + pick(12),
		       1 + pick(28));
}

static int
json_line(void)
{
	return printf("{\"%s\":%u,\"%s\":\"%08x-%04x-4%03x-%04x-%08x%04x\","
		      "\"%s\":{\"%s\":[%u,%u,%u],\"%s\":\"%s %s\"},\"%s\":"
		      "%s}\n",
	    word(), pick(100000), word(), pick(UINT32_MAX), pick(65536),
	    pick(4096), pick(65536), pick(UINT32_MAX), pick(65536), word(),
	    word(), pick(100), pick(100), pick(100), word(), word(), word(),
	    word(), pick(2) != 0 ? "true" : "null");
}

static int
binary(void)
{
	uint32_t v = pick(UINT32_MAX);

	/* Half of it zeroes and small numbers, as in a table of a program. */
	if (pick(2) == 0)
		v &= 0xff;
	return (int)fwrite(&v, 1, sizeof v, stdout);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*put)(void);
	} kinds[] = {{"source", source}, {"log", log_line}, {"csv", csv_row},
	    {"json", json_line}, {"binary", binary}};
	uint64_t bytes = 0, seed = 1;

	if (argc < 3 || str_u64(argv[2], UINT64_MAX, &bytes) != 0 ||
	    (argc > 3 && str_u64(argv[3], UINT64_MAX - 1, &seed) != 0)) {
		(void)fprintf(stderr, "usage: mkcorpus KIND BYTES [SEED]\n");
		return 2;
	}
	state = seed + 1;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!str_eq(argv[1], kinds[i].name))
			continue;
		for (uint64_t n = 0; n < bytes;) {
			int put = kinds[i].put();

			if (put <= 0)
				return 1;
			n += (uint64_t)put;
		}
		return fflush(stdout) == 0 ? 0 : 1;
	}
	(void)fprintf(stderr, "mkcorpus: no kind \"%s\"\n", argv[1]);
	return 2;
}
