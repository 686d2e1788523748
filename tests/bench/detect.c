/* SPDX-License-Identifier: Apache-2.0 */
/* links: agent/detect */
/*
 * detect - how fast rules are matched in memory, by our layers and by others.
 *
 * Usage: detect RULES FILE...
 *
 * Owns: the engines over one ruleset: all layers; an automaton of keywords in
 * Vectorscan's place; one Vectorscan database of all patterns; PCRE2 rule by
 * rule. All of them confirm, validate and count by the same code, so that what
 * differs is how candidates are found. They take turns, and the middle one of
 * their times counts. That they find the same is checked first.
 *
 * Then: text that is made to be slow, and a set of ten times the rules.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/detect/rules.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	ROUNDS = 5,
	ENGINES = PLAN_PLAIN + 1,
	FILES_MAX = 16,
	HOSTILE = 1000000
};

static const char *const NAMES[ENGINES] = {
    [PLAN_LAYERS] = "layers",
    [PLAN_KEYWORDS] = "keywords",
    [PLAN_DATABASE] = "one_database",
    [PLAN_PLAIN] = "pcre2",
};

struct text {
	uint8_t *data; /* owned */
	size_t len;
};

/* What was found, as one number that order does not change. */
struct sum {
	uint64_t matches, hash, unsure;
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static void
on_found(void *ctx, struct finding *f)
{
	struct sum *s = ctx;
	uint64_t h = 14695981039346656037U;

	for (const char *p = f->detector; *p != '\0'; p++)
		h = (h ^ (uint8_t)*p) * 1099511628211U;
	h = (h ^ (uint64_t)f->confidence) * 1099511628211U;
	h = (h ^ f->count) * 1099511628211U;
	for (size_t i = 0; i < f->nspans; i++)
		h = (h ^ f->spans[i].from ^ f->spans[i].to << 32) *
		    1099511628211U;
	s->hash += h;
	s->matches += f->count;
}

_Noreturn static void
die(const char *what)
{
	(void)fprintf(stderr, "detect: %s\n", what);
	exit(1);
}

/* Nanoseconds of one scan. */
static uint64_t
scan_once(struct scan *s, const struct text *t, struct sum *sum)
{
	uint64_t since = now_ns();
	uint64_t unsure = 0;

	scan_begin(s);
	if (scan_feed(s, (struct content){t->data, t->len}) != 0 ||
	    scan_end(s, on_found, sum, &unsure) != 0)
		die("the scan failed");
	sum->unsure += unsure;
	return now_ns() - since;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t
middle(uint64_t *v, size_t n)
{
	qsort(v, n, sizeof *v, by_value);
	return v[n / 2];
}

static double
rate(size_t bytes, uint64_t ns)
{
	return (double)bytes * 1000 / (double)(ns > 0 ? ns : 1);
}

static struct ruleset *
load(const char *dir)
{
	const char *dirs[] = {dir};
	struct ruleset *r = NULL;
	struct diag why = {""};

	if (ruleset_load(dirs, 1, &r, NULL, &why) != 0)
		die(why.text);
	return r;
}

static void
read_text(const char *path, struct text *t)
{
	FILE *f = fopen(path, "re");
	long n = -1;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0 ||
	    fseek(f, 0, SEEK_SET) != 0)
		die(path);
	t->data = malloc((size_t)n + 1);
	if (t->data == NULL)
		die("no memory");
	t->len = fread(t->data, 1, (size_t)n, f);
	(void)fclose(f);
}

/* ---- the engines in turn ---- */

static void
turns(const char *dir, const struct text *texts, size_t n)
{
	static uint64_t ns[ENGINES][FILES_MAX][ROUNDS];
	struct ruleset *sets[ENGINES];
	struct scan *scans[ENGINES];
	struct sum first = {0};
	uint64_t total[ENGINES] = {0};
	size_t bytes = 0;

	for (int e = 0; e < ENGINES; e++) {
		struct diag why = {""};

		sets[e] = load(dir);
		if (ruleset_replan(sets[e], (enum plan_kind)e, &why) != 0 ||
		    scan_new(sets[e], &scans[e]) != 0)
			die(why.text);
	}
	for (unsigned k = 0; k < ROUNDS; k++) {
		for (int e = 0; e < ENGINES; e++) {
			struct sum s = {0};

			/* The slow ones are not needed so exactly. */
			if (e >= PLAN_DATABASE && k > 0)
				continue;
			for (size_t i = 0; i < n; i++)
				ns[e][i][k] =
				    scan_once(scans[e], &texts[i], &s);
			if (e == 0 && k == 0)
				first = s;
			if (s.hash != first.hash || s.unsure != first.unsure)
				die("the engines do not find the same");
		}
	}
	for (int e = 0; e < ENGINES; e++) {
		for (size_t i = 0; i < n; i++)
			total[e] +=
			    middle(ns[e][i], e >= PLAN_DATABASE ? 1 : ROUNDS);
		scan_free(scans[e]);
		ruleset_free(sets[e]);
	}
	for (size_t i = 0; i < n; i++)
		bytes += texts[i].len;
	(void)printf("# the engines found the same %llu matches\n",
	    (unsigned long long)first.matches);
	for (int e = 0; e < ENGINES; e++)
		(void)printf(
		    "detect.%s %.1f MB/s\n", NAMES[e], rate(bytes, total[e]));
	for (int e = 1; e < ENGINES; e++)
		(void)printf("detect.faster_than_%s %.1f times\n", NAMES[e],
		    (double)total[e] / (double)total[0]);
}

/* ---- text that is made to be slow ---- */

static void
hostile(const char *dir)
{
	static const struct {
		const char *name, *unit;
	} kinds[] = {
	    {"letter", "a"},
	    {"capital", "A"},
	    {"digit", "1"},
	    {"digits", "0123456789"},
	    {"digit_blank", "1 "},
	    {"at", "a@"},
	    {"blank", " "},
	    {"underscore", "_"},
	    {"high", "\xff"},
	    {"capital_digit", "A1"},
	    {"key", "key="},
	    {"secret", "secret:\""},
	    {"base64", "QUJD"},
	    {"cards", "4532015112830366 "},
	    {"addresses", "ab@cd.ef,"},
	    {"tokens", "token=abcdefghij1 "},
	};
	OWN(ruleset_freep) struct ruleset *r = load(dir);
	OWN(scan_freep) struct scan *s = NULL;
	OWN_MEM uint8_t *data = malloc(HOSTILE);
	double least = 0;

	if (data == NULL || scan_new(r, &s) != 0)
		die("no memory");
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct text t = {data, HOSTILE};
		uint64_t ns[3];
		double fast;

		for (size_t k = 0; k < HOSTILE; k++)
			data[k] =
			    (uint8_t)kinds[i].unit[k % strlen(kinds[i].unit)];
		for (size_t k = 0; k < ARRAY_LEN(ns); k++) {
			struct sum sum = {0};

			ns[k] = scan_once(s, &t, &sum);
			if (sum.unsure > 0)
				die("a limit was hit");
		}
		fast = rate(HOSTILE, middle(ns, ARRAY_LEN(ns)));
		(void)printf(
		    "detect.hostile.%s %.1f MB/s\n", kinds[i].name, fast);
		least = i == 0 || fast < least ? fast : least;
	}
	(void)printf("detect.hostile.least %.1f MB/s\n", least);
}

/* ---- ten times the rules ---- */

/* A pack of @n rules for tokens of vendors that there are not. */
static struct ruleset *
vendors(unsigned n)
{
	OWN(buf_done) struct buf b = {0};
	struct ruleset *r = NULL;
	struct diag why = {""};

	buf_init(&b, 4 * 1024 * 1024);
	buf_printf(&b, "pack: {id: v, version: 1.0.0, format: 1}\n"
		       "detectors:\n");
	for (unsigned i = 0; i < n; i++)
		buf_printf(&b,
		    "  - id: v.n%u\n"
		    "    uuid: 00000000-0000-4000-8000-%012u\n"
		    "    title: T\n    class: secret.token\n"
		    "    prefilter: {reason: synthetic}\n"
		    "    primary: {pattern: '%c%c%c%c_[A-Za-z0-9]{%u}', "
		    "boundary: word}\n"
		    "    levels: [{confidence: low, all: []}]\n",
		    i, i, 'a' + (char)(i % 26), 'a' + (char)(i / 26 % 26),
		    'q' + (char)(i % 7), 'd' + (char)(i % 11), 20 + i % 30);
	if (ruleset_parse("v.yaml", b.data, b.len, &r, NULL, &why) != 0)
		die(why.text);
	return r;
}

static void
more_rules(const struct text *texts, size_t n)
{
	/* The last step is as from the shipped rules to ten times as many. */
	static const unsigned counts[] = {30, 300, 3000};
	uint64_t total[ARRAY_LEN(counts)] = {0};

	for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
		OWN(ruleset_freep) struct ruleset *r = vendors(counts[c]);
		OWN(scan_freep) struct scan *s = NULL;

		if (scan_new(r, &s) != 0)
			die("no memory");
		for (size_t i = 0; i < n; i++) {
			uint64_t ns[ROUNDS];
			struct sum sum = {0};

			for (size_t k = 0; k < ROUNDS; k++)
				ns[k] = scan_once(s, &texts[i], &sum);
			total[c] += middle(ns, ROUNDS);
		}
	}
	for (size_t c = 1; c < ARRAY_LEN(counts); c++)
		(void)printf("detect.rules_%u_to_%u %.2f times\n",
		    counts[c - 1], counts[c],
		    (double)total[c] / (double)total[c - 1]);
}

int
main(int argc, char **argv)
{
	struct text texts[FILES_MAX];
	size_t n = 0;

	if (argc < 3 || argc - 2 > FILES_MAX)
		die("usage: detect RULES FILE...");
	for (int i = 2; i < argc; i++)
		read_text(argv[i], &texts[n++]);
	turns(argv[1], texts, n);
	hostile(argv[1]);
	more_rules(texts, n);
	for (size_t i = 0; i < n; i++)
		free(texts[i].data);
	return 0;
}
