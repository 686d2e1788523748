/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack - one rule file: its identity, its lists, its detectors.
 *
 * Owns: the top of the rule format (format 1), and how faults are noted.
 *
 * The format is described in docs/man/chaperone-rules.5. A key is known and
 * done, known and refused ("not supported yet"), or unknown and refused with a
 * suggestion; there is no fourth way.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/detect/rules.h"
#include "lib/policy.h"
#include "lib/str.h"
#include "lib/view.h"

#include "lib/own.h"

enum { PROBLEMS_MAX = 1000, LISTS_MAX = 1000 };

static void
problem_add(struct loader *l, bool error, bool fatal, const char *name,
    const char *text)
{
	struct problem *more;

	if (fatal) {
		l->fatal++;
		(void)diag_set(l->why, -EBADMSG, "%s", text);
	}
	if (l->out == NULL || l->out->n >= PROBLEMS_MAX)
		return;
	more = reallocarray(l->out->list, l->out->n + 1, sizeof *more);
	if (more == NULL)
		return;
	l->out->list = more;
	more += l->out->n++;
	*more = (struct problem){.error = error, .fatal = fatal};
	(void)snprintf(more->name, sizeof more->name, "%s", name);
	(void)snprintf(more->text, sizeof more->text, "%s", text);
}

void
loader_note(struct loader *l, const struct yaml *at, bool error, bool fatal,
    const char *name, const char *fmt, ...)
{
	char text[DIAG_MAX - 128];
	struct diag d = {""};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)yaml_fail(at, &d, "%s", text);
	problem_add(l, error, fatal, name, d.text);
}

void
loader_fatal(struct loader *l, const char *name, const char *text)
{
	problem_add(l, true, true, name, text);
}

void
loader_error(struct loader *l, const char *name, const char *text)
{
	problem_add(l, true, false, name, text);
}

/* The name of a problem by its sentence, for scripts. */
static const char *
name_of(const char *text)
{
	static const struct {
		const char *part, *name;
	} names[] = {
	    {"not supported yet", "not-supported-yet"},
	    {"unknown key", "unknown-key"},
	    {"needs the key", "missing-key"},
	    {"unbounded repeat", "unbounded-width"},
	    {"around another one", "nested-repeat"},
	    {"an empty text", "empty-match"},
	    {"no group (?P<", "missing-group"},
	    {"script without blanks", "word-without-blanks"},
	    {"beside the pack", "bad-file"},
	    {"pattern", "bad-pattern"},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strstr(text, names[i].part) != NULL)
			return names[i].name;
	return "bad-value";
}

/* Takes over what a parser said; -ENOMEM goes on to the caller. */
static int
told(struct loader *l, const struct diag *d, int r)
{
	if (r == -EBADMSG)
		loader_fatal(l, name_of(d->text), d->text);
	return r == -ENOMEM ? r : 0;
}

static bool
semver(const char *s)
{
	for (unsigned i = 0; i < 3; i++) {
		size_t n = strspn(s, "0123456789");

		if (n == 0 || n > 6)
			return false;
		s += n;
		if (i < 2 && *s++ != '.')
			return false;
	}
	return *s == '\0';
}

static int
text_list(const struct yaml *y, struct diag *why)
{
	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "%s must be a list", y->key);
	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		if (t->kind != YAML_SCALAR)
			return yaml_fail(t, why, "must be a text");
	return 0;
}

/* What a pack needs: a release of the engine, and other packs in the set. */
static int
requirements(const struct yaml *y, struct pack *p, struct diag *why)
{
	static const char *const keys[] = {"engine", "packs", NULL};
	const struct yaml *engine = yaml_get(y, "engine");
	const char *least = NULL;
	int r;

	if (y == NULL)
		return 0;
	p->needs = yaml_get(y, "packs");
	if ((r = yaml_keys(y, "requires", keys, why)) != 0 ||
	    (r = yaml_text(engine, &least, why)) != 0 ||
	    (r = text_list(p->needs, why)) != 0)
		return r;
	if (least != NULL && !semver(least))
		return yaml_fail(engine, why,
		    "engine must be the least release, as in 1.0.0");
	if (least != NULL && strverscmp(least, VERSION) > 0)
		return yaml_fail(engine, why,
		    "the pack needs release %s; this is %s", least, VERSION);
	return 0;
}

static int
head(const struct yaml *doc, struct pack *p, struct diag *why)
{
	static const char *const keys[] = {"id", "version", "format", "license",
	    "maintainers", "regimes", "requires", "decode", NULL};
	const struct yaml *map = yaml_get(doc, "pack");
	const struct yaml *id = yaml_get(map, "id");
	const struct yaml *version = yaml_get(map, "version");
	const struct yaml *format = yaml_get(map, "format");
	const char *license = NULL;
	uint64_t number = 0;
	int r;

	if (map == NULL)
		return yaml_fail(
		    doc, why, "a rule file needs the key \"pack\"");
	if ((r = yaml_keys(map, "pack", keys, why)) != 0)
		return r;
	if (id == NULL || version == NULL || format == NULL)
		return yaml_fail(map, why, "pack needs the key \"%s\"",
		    id == NULL        ? "id"
		    : version == NULL ? "version"
				      : "format");
	if ((r = yaml_text(id, &p->id, why)) != 0 ||
	    (r = yaml_text(version, &p->version, why)) != 0 ||
	    (r = yaml_text(yaml_get(map, "license"), &license, why)) != 0 ||
	    (r = text_list(yaml_get(map, "maintainers"), why)) != 0 ||
	    (r = text_list(yaml_get(map, "regimes"), why)) != 0 ||
	    (r = detector_layers(yaml_get(map, "decode"), &p->decode, why)) !=
		0 ||
	    (r = yaml_uint(format, 0, UINT32_MAX, &number, why)) != 0)
		return r;
	if (number != RULES_FORMAT)
		return yaml_fail(format, why,
		    "format %llu is not known; this release reads format %d",
		    (unsigned long long)number, RULES_FORMAT);
	r = requirements(yaml_get(map, "requires"), p, why);
	if (r != 0)
		return r;
	if (!semver(p->version))
		return yaml_fail(
		    version, why, "a version is three numbers, as in 1.0.0");
	if (p->id[0] == '\0')
		return yaml_fail(id, why, "the id of a pack is empty");
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
list_sorted(struct terms *t, struct diag *why)
{
	for (const struct yaml *y = t->items->child; y != NULL; y = y->next) {
		if (y->kind != YAML_SCALAR || y->len == 0)
			return yaml_fail(y, why, "a term must be a text");
		if (++t->n > RULES_TERMS_MAX)
			return yaml_fail(
			    y, why, "more than %d terms", RULES_TERMS_MAX);
	}
	t->sorted = calloc(t->n + 1, sizeof *t->sorted);
	if (t->sorted == NULL)
		return -ENOMEM;
	t->n = 0;
	for (const struct yaml *y = t->items->child; y != NULL; y = y->next)
		t->sorted[t->n++] = y->text;
	qsort(t->sorted, t->n, sizeof *t->sorted, by_text);
	return 0;
}

static int
one_of(const struct yaml *y, const char *const words[], unsigned *out,
    struct diag *why)
{
	for (unsigned i = 0; y != NULL && words[i] != NULL; i++) {
		if (y->kind == YAML_SCALAR && str_eq(y->text, words[i])) {
			*out = i;
			return 0;
		}
	}
	if (y == NULL)
		return 0;
	return yaml_fail(y, why, "%s must be one of %s, %s%s%s", y->key,
	    words[0], words[1], words[2] != NULL ? ", " : "",
	    words[2] != NULL ? words[2] : "");
}

/* Scripts that are written without blanks have no word boundaries. */
static bool
spaceless(const char *s)
{
	for (const uint8_t *p = (const uint8_t *)s; *p != 0; p++)
		if (*p >= 0xe3 && *p <= 0xe9)
			return true;
	return false;
}

static int
list_items(const struct yaml *y, const struct beside *at, struct terms *t,
    struct diag *why)
{
	const struct yaml *file = yaml_get(y, "terms_file");
	const char *name = "";
	int r = yaml_text(file, &name, why);

	t->items = yaml_get(y, "terms");
	if (r != 0)
		return r;
	if (file != NULL && t->items != NULL)
		return yaml_fail(
		    file, why, "a list has either \"terms\" or \"terms_file\"");
	if (file != NULL) {
		r = beside_terms(at, file, &t->file, why);
		t->items = t->file;
	}
	if (r == 0 && (t->items == NULL || t->items->kind != YAML_LIST))
		return yaml_fail(
		    y, why, "a list needs the key \"terms\" with a list");
	return r;
}

static int
list_parse(const struct yaml *y, const struct beside *at, struct terms *t,
    struct diag *why)
{
	static const char *const keys[] = {
	    "match", "case", "encodings", "terms", "terms_file", NULL};
	static const char *const matches[] = {
	    "substring", "word", "exact", NULL};
	static const enum term_match kinds[] = {
	    TERM_SUBSTRING, TERM_WORD, TERM_EXACT};
	static const char *const cases[] = {"exact", "fold", NULL};
	OWN_MEM char *unused = NULL;
	unsigned match = 1;
	unsigned fold = 0;
	int r;

	*t = (struct terms){.at = y, .id = y->key};
	/* A list with a fault may be asked for, too. */
	t->cue = calloc(1, sizeof *t->cue);
	if (t->cue == NULL)
		return -ENOMEM;
	if ((r = yaml_keys(y, "a list", keys, why)) != 0)
		return r;
	t->encodings = yaml_get(y, "encodings");
	if ((r = list_items(y, at, t, why)) != 0 ||
	    (r = one_of(yaml_get(y, "match"), matches, &match, why)) != 0 ||
	    (r = one_of(yaml_get(y, "case"), cases, &fold, why)) != 0 ||
	    (r = text_list(t->encodings, why)) != 0)
		return r;
	t->match = kinds[match];
	t->fold = fold == 1;
	if (t->match == TERM_EXACT)
		return list_sorted(t, why);
	for (const struct yaml *w = t->items->child; w != NULL; w = w->next)
		if (t->match == TERM_WORD && w->kind == YAML_SCALAR &&
		    spaceless(w->text))
			return yaml_fail(w, why,
			    "a term of a script without blanks needs \"match: "
			    "substring\"");
	/* Made here once, so that a fault is told even of an unused list. */
	return terms_pattern(
	    t->items, t->encodings, t->match, t->fold, true, &unused, why);
}

static int
lists(const struct yaml *y, struct pack *p, struct loader *l)
{
	size_t n = 0;

	if (y == NULL)
		return 0;
	if (y->kind != YAML_MAP) {
		loader_note(
		    l, y, true, true, "bad-value", "lists must be a map");
		return 0;
	}
	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		n++;
	if (n > LISTS_MAX) {
		loader_note(l, y, true, true, "bad-value", "more than %d lists",
		    LISTS_MAX);
		return 0;
	}
	p->lists = calloc(n + 1, sizeof *p->lists);
	if (p->lists == NULL)
		return -ENOMEM;
	for (const struct yaml *t = y->child; t != NULL; t = t->next) {
		struct diag d = {""};
		int r = list_parse(t, &l->beside, &p->lists[p->nlists++], &d);

		if (told(l, &d, r) != 0)
			return -ENOMEM;
	}
	return 0;
}

static int
patterns(const struct yaml *y, struct pack *p, struct diag *why)
{
	int r = 0;

	if (y == NULL)
		return 0;
	if (y->kind != YAML_MAP)
		return yaml_fail(y, why, "patterns must be a map");
	p->patterns = calloc(LISTS_MAX, sizeof *p->patterns);
	if (p->patterns == NULL)
		return -ENOMEM;
	for (const struct yaml *t = y->child; t != NULL && r == 0;
	     t = t->next) {
		if (p->npatterns == LISTS_MAX)
			return yaml_fail(
			    t, why, "more than %d patterns", LISTS_MAX);
		r = detector_pattern(t, &p->patterns[p->npatterns++], why);
	}
	return r;
}

static int
detectors(const struct yaml *y, struct pack *p, struct loader *l)
{
	size_t n = 0;

	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST) {
		loader_note(
		    l, y, true, true, "bad-value", "detectors must be a list");
		return 0;
	}
	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		n++;
	if (n > RULES_DETECTORS_MAX) {
		loader_note(l, y, true, true, "bad-value",
		    "more than %d detectors", RULES_DETECTORS_MAX);
		return 0;
	}
	p->detectors = calloc(n + 1, sizeof *p->detectors);
	if (p->detectors == NULL)
		return -ENOMEM;
	for (const struct yaml *t = y->child; t != NULL; t = t->next) {
		struct detector *d = &p->detectors[p->ndetectors++];
		struct diag why = {""};
		int r = detector_parse(t, p, d, &why);

		if (told(l, &why, r) != 0)
			return -ENOMEM;
		if (r == 0)
			detector_lint(d, l);
	}
	return 0;
}

int
pack_parse(struct yaml *doc, struct pack *p, struct loader *l)
{
	static const char *const keys[] = {"pack", "lists", "patterns",
	    "detectors", "allow", "policies", "views", NULL};
	size_t before = l->fatal;
	struct diag d = {""};
	int r;

	*p = (struct pack){.doc = doc};
	if (l->beside.dir >= 0 && (p->dir = strdup(l->beside.path)) == NULL)
		return -ENOMEM;
	r = yaml_keys(doc, "a rule file", keys, &d);
	if (r == 0)
		r = head(doc, p, &d);
	if (r != 0)
		return told(l, &d, r) != 0 ? -ENOMEM : -EBADMSG;
	r = lists(yaml_get(doc, "lists"), p, l);
	if (r == 0)
		r = told(l, &d, patterns(yaml_get(doc, "patterns"), p, &d));
	/* With a broken list, what its users say would only mislead. */
	if (r == 0 && l->fatal == before)
		r = detectors(yaml_get(doc, "detectors"), p, l);
	if (r == 0)
		r = told(l, &d,
		    allows_parse(yaml_get(doc, "allow"), true, &p->allows,
			&p->nallows, &d));
	d = (struct diag){""};
	if (r == 0)
		r = told(l, &d,
		    policy_parse(yaml_get(doc, "policies"), NULL, NULL, &d));
	if (r != 0)
		return r;
	d = (struct diag){""};
	r = told(l, &d, view_parse(yaml_get(doc, "views"), &d));
	if (r != 0)
		return r;
	return l->fatal == before ? 0 : -EBADMSG;
}

void
pack_done(struct pack *p)
{
	for (size_t i = 0; i < p->ndetectors; i++)
		detector_done(&p->detectors[i]);
	for (size_t i = 0; i < p->nlists; i++) {
		free(p->lists[i].sorted);
		yaml_free(p->lists[i].file);
		if (p->lists[i].cue != NULL)
			detector_cue_done(p->lists[i].cue);
		free(p->lists[i].cue);
	}
	for (size_t i = 0; i < p->nallows; i++)
		allow_done(&p->allows[i]);
	free(p->allows);
	free(p->patterns);
	free(p->detectors);
	free(p->lists);
	free(p->dir);
	yaml_free(p->doc);
	*p = (struct pack){0};
}
