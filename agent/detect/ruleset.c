/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ruleset - all packs of some directories as one set that is ready to match.
 *
 * Owns: which files are read and in what order, the digest, the compiled
 * candidate stage, and the widths that bound a scan's memory.
 * Never: loads a part of a set: one fatal problem refuses all of it.
 *
 * The digest is SHA-256 over, for each pack in order, its length in bytes as
 * 8 bytes big-endian and its bytes, then the same for each terms_file of its
 * lists in their order, and after the packs of a directory the same for each
 * index that they name, in the order in which they first do. Names and places
 * do not go in: the same packs are the same set wherever they lie.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "agent/detect/beside.h"
#include "agent/detect/enclosing.h"
#include "agent/detect/rules.h"
#include "lib/clock.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	DIRS_MAX = 64,
	PATH_BYTES = 4096,
};

void
problems_done(struct problems *p)
{
	free(p->list);
	*p = (struct problems){0};
}

static void
index_done(struct rules_index *x)
{
	exact_done(&x->x);
	if (x->map != NULL)
		(void)munmap(x->map, x->size);
	*x = (struct rules_index){0};
}

void
ruleset_free(struct ruleset *r)
{
	if (r == NULL)
		return;
	plan_free(r->plan);
	for (size_t i = 0; i < r->npacks; i++)
		pack_done(&r->packs[i]);
	for (size_t i = 0; i < r->nindexes; i++)
		index_done(&r->indexes[i]);
	free(r->indexes);
	free(r->packs);
	free(r->detectors);
	free(r->among);
	free(r->order);
	free(r);
}

void
ruleset_freep(struct ruleset **r)
{
	ruleset_free(*r);
	*r = NULL;
}

/* What is gathered while loading. */
struct load {
	struct ruleset *set;
	struct loader to;
	int64_t now_us;
	size_t dir; /* how many directories came before */
	struct stash *kept; /* NULL: all is compiled */
};

static int
add_pack(struct load *l, const char *name, const void *data, size_t len)
{
	struct ruleset *r = l->set;
	struct yaml *doc = NULL;
	struct diag d = {""};
	int e;

	if (r->npacks == RULES_PACKS_MAX) {
		(void)snprintf(d.text, sizeof d.text,
		    "%s: more than %d packs in a set", name, RULES_PACKS_MAX);
		loader_fatal(&l->to, "too-many", d.text);
		return 0;
	}
	beside_hash(l->to.beside.hash, data, len);
	e = yaml_parse(name, data, len, &doc, &d);
	if (e == -EBADMSG)
		loader_fatal(&l->to, "not-yaml", d.text);
	if (e != 0)
		return e == -ENOMEM ? e : 0;
	e = pack_parse(doc, &r->packs[r->npacks++], &l->to);
	return e == -ENOMEM ? e : 0;
}

static int
add_file(struct load *l, int dir, const char *path, const char *name)
{
	OWN_MEM char *data = NULL;
	size_t len = 0;
	int r =
	    beside_read(dir, path, name, YAML_FILE_MAX, &data, &len, l->to.why);

	return r == 0 ? add_pack(l, path, data, len) : r;
}

/* ---- indexes for exact data match ---- */

/*
 * Maps one, so that all inspectors share its pages. A file that is cut
 * afterwards ends who looks into it (SIGBUS): the agent maps its own copy, and
 * whoever scans by hand changes his own rules.
 */
static int
map_index(int dir, const char *path, const char *name, struct rules_index *out,
    struct diag *why)
{
	size_t size = 0;
	OWN_FD int fd =
	    beside_open(dir, path, name, EXACT_FILE_MAX, &size, why);
	void *map;

	if (fd < 0)
		return fd;
	if (size == 0)
		return diag_set(why, -EBADMSG, "%s: is empty", path);
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return diag_set(why, -errno, "%s: %s", path, strerror(errno));
	out->map = map;
	out->size = size;
	return 0;
}

static int
index_file(struct load *l, int dir, const char *base, const char *name,
    struct rules_index *out, struct diag *why)
{
	char file[EXACT_NAME_MAX + 8], path[PATH_BYTES];
	int r = str_format(file, sizeof file, "%s.edm", name);

	if (r == 0)
		r = str_format(path, sizeof path, "%s/%s", base, file);
	if (r == 0)
		r = map_index(dir, path, file, out, why);
	if (r != 0)
		return r;
	beside_hash(l->to.beside.hash, out->map, out->size);
	r = exact_parse_in(out->map, out->size, &out->x, why);
	if (r == 0 && !str_eq(out->x.name, name))
		r = diag_set(why, -EBADMSG, "is named otherwise inside");
	diag_prefix(why, path);
	if (r != 0)
		index_done(out);
	return r;
}

/* The index that a rule names, read once a directory. */
static int
index_named(struct load *l, int dir, const char *base, struct detector *d)
{
	struct ruleset *r = l->set;
	struct diag why = {""};
	int e = 0;

	for (size_t i = 0; i < r->nindexes && d->exact.x == NULL; i++)
		if (r->indexes[i].dir == l->dir &&
		    str_eq(r->indexes[i].x.name, d->exact.index))
			d->exact.x = &r->indexes[i].x;
	if (d->exact.x != NULL)
		return 0;
	if (r->nindexes == RULES_INDEXES_MAX)
		e = diag_set(&why, -EBADMSG, "more than %d indexes in a set",
		    RULES_INDEXES_MAX);
	else
		e = index_file(l, dir, base, d->exact.index,
		    &r->indexes[r->nindexes], &why);
	if (e == -ENOMEM)
		return e;
	if (e != 0) {
		loader_note(&l->to, d->at, true, true, "no-index",
		    "the index \"%s\" cannot be used: %s", d->exact.index,
		    why.text);
		return 0;
	}
	r->indexes[r->nindexes].dir = l->dir;
	d->exact.x = &r->indexes[r->nindexes++].x;
	return 0;
}

/* The column that a rule names, as a primary; and enough secondaries. */
static void
index_column(struct load *l, struct detector *d)
{
	const struct exact_index *x = d->exact.x;
	size_t secondaries = 0;

	d->exact.at = x->ncolumns;
	for (size_t i = 0; i < x->ncolumns; i++) {
		secondaries += !x->columns[i].primary;
		if (x->columns[i].primary &&
		    str_eq(x->columns[i].name, d->exact.column))
			d->exact.at = i;
	}
	if (d->exact.at == x->ncolumns)
		loader_note(&l->to, d->at, true, true, "no-index",
		    "the index \"%s\" has no primary \"%s\"", x->name,
		    d->exact.column);
	else if (d->exact.min > secondaries)
		loader_note(&l->to, d->at, true, true, "no-index",
		    "%u secondaries are asked for; the index \"%s\" has %zu",
		    d->exact.min, x->name, secondaries);
	else if (d->levels[0].confidence != CONFIDENCE_LOW &&
		 x->columns[d->exact.at].rate < EXACT_SURE)
		loader_note(&l->to, yaml_get(d->at, "levels"), true, true,
		    "exact-level",
		    "a rule with \"exact\" is low until it is confirmed: the "
		    "filter of a host lets guesses pass");
	/* What stands beside a value is looked for in the text itself. */
	if (secondaries > 0)
		d->decode = 0;
}

/* Finds the indexes of the packs from @first on; without a directory, none. */
static int
add_indexes(struct load *l, size_t first, int dir, const char *base)
{
	struct ruleset *r = l->set;
	int e = 0;

	for (size_t i = first; i < r->npacks; i++)
		for (size_t k = 0; k < r->packs[i].ndetectors && e == 0; k++) {
			struct detector *d = &r->packs[i].detectors[k];

			if (d->exact.index == NULL)
				continue;
			if (dir >= 0)
				e = index_named(l, dir, base, d);
			else
				loader_note(&l->to, d->at, true, true,
				    "no-index",
				    "the index \"%s\" is looked for beside a "
				    "pack, and this one is in no directory",
				    d->exact.index);
			if (e == 0 && d->exact.x != NULL)
				index_column(l, d);
		}
	return e;
}

static bool
is_pack_name(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && str_eq(name + n - 5, ".yaml");
}

/* A pack, or what its author takes for one. */
static int
is_pack(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return e->d_name[0] != '.' && dot != NULL &&
	       (strcasecmp(dot, ".yaml") == 0 || strcasecmp(dot, ".yml") == 0);
}

/* Rather no rules than all but those of a file that nobody misses. */
static void
refuse_name(struct load *l, const char *path)
{
	struct diag d = {""};

	(void)diag_set(&d, 0, "%s: the name of a pack ends in .yaml", path);
	loader_fatal(&l->to, "file-name", d.text);
}

static int
by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
add_dir(struct load *l, const char *dir)
{
	OWN_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **names = NULL;
	size_t first = l->set->npacks;
	int n, r = 0;

	if (fd < 0)
		return diag_set(
		    l->to.why, -errno, "%s: %s", dir, strerror(errno));
	l->to.beside.dir = fd;
	l->to.beside.path = dir;
	n = scandirat(fd, ".", &names, is_pack, by_bytes);
	if (n < 0)
		return diag_set(
		    l->to.why, -errno, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[PATH_BYTES];
		const char *slash = dir[strlen(dir) - 1] == '/' ? "" : "/";

		if (r == 0 && (size_t)snprintf(path, sizeof path, "%s%s%s", dir,
				  slash, names[i]->d_name) >= sizeof path)
			r = -ENAMETOOLONG;
		if (r == 0 && !is_pack_name(names[i]->d_name))
			refuse_name(l, path);
		else if (r == 0)
			r = add_file(l, fd, path, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	if (r == 0)
		r = add_indexes(l, first, fd, dir);
	l->dir++;
	return r;
}

/* Equal ones come to stand side by side, in the order of the set. */
struct known {
	const char *text;
	const struct detector *d;
	size_t at;
};

static int
by_known(const void *a, const void *b)
{
	const struct known *x = a;
	const struct known *y = b;
	int order = strcmp(x->text, y->text);

	if (order != 0)
		return order;
	return x->at < y->at ? -1 : 1;
}

static void
tell_twice(struct load *l, const struct detector *a, const struct detector *b,
    bool by_uuid)
{
	if (!by_uuid)
		loader_note(&l->to, a->at, true, true, "duplicate-id",
		    "\"%s\" is defined at %s:%u already", a->id, b->at->file,
		    b->at->line);
	else if (!str_eq(a->id, b->id))
		loader_note(&l->to, a->at, true, true, "duplicate-uuid",
		    "%s has the uuid of %s; each has its own", a->id, b->id);
}

/* Ids and uuids are unique in the whole set. */
static int
check_unique(struct load *l, bool by_uuid)
{
	const struct ruleset *r = l->set;
	OWN_MEM struct known *list = calloc(r->n, sizeof *list);

	if (list == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++) {
		const struct detector *d = r->detectors[i];

		must(d != NULL);
		list[i] = (struct known){by_uuid ? d->uuid : d->id, d, i};
	}
	qsort(list, r->n, sizeof *list, by_known);
	for (size_t i = 1; i < r->n; i++)
		if (str_eq(list[i].text, list[i - 1].text))
			tell_twice(l, list[i].d, list[i - 1].d, by_uuid);
	return 0;
}

static struct detector *
detector_named(struct ruleset *r, const char *id)
{
	for (size_t i = 0; i < r->npacks; i++)
		for (size_t k = 0; k < r->packs[i].ndetectors; k++)
			if (!r->packs[i].detectors[k].overridden &&
			    str_eq(r->packs[i].detectors[k].id, id))
				return &r->packs[i].detectors[k];
	return NULL;
}

/* A detector that says so stands for one of another pack with its id. */
static void
apply_override(struct load *l, struct detector *d)
{
	struct ruleset *r = l->set;
	bool any = false;

	for (size_t i = 0; i < r->npacks; i++)
		for (size_t k = 0; k < r->packs[i].ndetectors; k++) {
			struct detector *other = &r->packs[i].detectors[k];

			if (other == d || other->override ||
			    other->id == NULL || !str_eq(other->id, d->id))
				continue;
			other->overridden = true;
			any = true;
			loader_note(&l->to, d->at, false, false, "overridden",
			    "%s of pack %s stands for the one of pack %s, "
			    "which is not in force",
			    d->id, d->pack->id, other->pack->id);
		}
	if (!any)
		loader_note(&l->to, d->at, true, false, "nothing-overridden",
		    "%s overrides nothing: no other pack has it", d->id);
}

static void
apply_overrides(struct load *l)
{
	struct ruleset *r = l->set;

	for (size_t i = 0; i < r->npacks; i++)
		for (size_t k = 0; k < r->packs[i].ndetectors; k++)
			if (r->packs[i].detectors[k].override)
				apply_override(l, &r->packs[i].detectors[k]);
}

/* Packs that others need, and names that are still there. */
static void
check_needs(struct load *l)
{
	struct ruleset *r = l->set;

	for (size_t i = 0; i < r->npacks; i++) {
		const struct yaml *y = r->packs[i].needs;

		for (y = y != NULL ? y->child : NULL; y != NULL; y = y->next) {
			size_t k = 0;

			while (
			    k < r->npacks && !str_eq(r->packs[k].id, y->text))
				k++;
			if (k == r->npacks)
				loader_note(&l->to, y, true, true,
				    "missing-pack",
				    "pack %s needs the pack \"%s\", which is "
				    "not in the set",
				    r->packs[i].id, y->text);
		}
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct yaml *y =
		    yaml_get(r->detectors[i]->at, "replaces");

		for (y = y != NULL ? y->child : NULL; y != NULL; y = y->next)
			if (detector_named(r, y->text) != NULL)
				loader_note(&l->to, y, false, false,
				    "still-there",
				    "%s replaces \"%s\", which is in the set, "
				    "too",
				    r->detectors[i]->id, y->text);
	}
}

static void
add_allow(struct load *l, struct detector *d, const struct allow *a)
{
	for (size_t i = 0; i < d->nallows; i++) {
		must(d->allows[i] != NULL);
		if (str_eq(d->allows[i]->id, a->id))
			loader_note(&l->to, a->at, true, true, "duplicate-id",
			    "%s has the allow \"%s\" already", d->id, a->id);
	}
	if (d->nallows == ALLOW_MAX) {
		loader_note(&l->to, a->at, true, true, "too-many",
		    "more than %d allows of %s", ALLOW_MAX, d->id);
		return;
	}
	d->allows[d->nallows++] = a;
	l->set->allows = true;
	if (a->until_us <= l->now_us)
		loader_note(&l->to, a->at, false, false, "expired-allow",
		    "the allow \"%s\" of %s ended with %s and does nothing",
		    a->id, d->id, a->until);
	if (a->keyed && allow_guessable(d))
		loader_note(&l->to, a->at, false, false, "guessable-allow",
		    "whoever has the pack can find the value of \"%s\" by "
		    "trying all that %s may be",
		    a->id, d->id);
}

/* What a detector allows itself, then what other packs allow of it. */
static int
tie_allows(struct load *l)
{
	struct ruleset *r = l->set;

	for (size_t i = 0; i < r->npacks; i++)
		for (size_t k = 0; k < r->packs[i].ndetectors; k++) {
			struct detector *d = &r->packs[i].detectors[k];

			d->allows = calloc(ALLOW_MAX, sizeof(void *));
			if (d->allows == NULL)
				return -ENOMEM;
			for (size_t j = 0; j < d->nown_allows; j++)
				add_allow(l, d, &d->own_allows[j]);
		}
	for (size_t i = 0; i < r->npacks; i++)
		for (size_t k = 0; k < r->packs[i].nallows; k++) {
			const struct allow *a = &r->packs[i].allows[k];
			struct detector *d = detector_named(r, a->detector);

			if (d != NULL)
				add_allow(l, d, a);
			else
				loader_note(&l->to, a->at, true, false,
				    "unknown-detector",
				    "the allow \"%s\" is for \"%s\", which "
				    "is not in the set",
				    a->id, a->detector);
		}
	return 0;
}

/* The bounds that a scan needs, over all detectors. */
static void
bounds(struct ruleset *r)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct detector *d = r->detectors[i];

		r->most = d->most > r->most ? d->most : r->most;
		r->files = r->files || filerule_asks(&d->file);
		r->named = r->named || d->file.path != NULL;
		r->before = d->within > r->before ? d->within : r->before;
		for (size_t k = 0; k < d->nevidence; k++) {
			const struct evidence *e = &d->evidence[k];

			r->named = r->named || e->file.path != NULL;
			r->labels = r->labels || e->file.label.at != NULL;
			/* A character has at most four bytes. */
			if (4 * e->before > r->before)
				r->before = 4 * e->before;
			if (4 * e->after > r->after)
				r->after = 4 * e->after;
			if (e->kind != EVIDENCE_HEADER)
				continue;
			r->headers = true;
			if (ENCLOSING_BACK > r->before)
				r->before = ENCLOSING_BACK;
		}
		for (size_t k = 0; k < d->nallows; k++) {
			if (d->allows[k]->target != ALLOW_WHOLE_LINE)
				continue;
			if (ALLOW_LINE > r->before)
				r->before = ALLOW_LINE;
			if (ALLOW_LINE > r->after)
				r->after = ALLOW_LINE;
		}
		if (d->exact.index != NULL) {
			uint32_t sight = 4 * d->exact.within + MEMBER_SIGHT;

			r->before = sight > r->before ? sight : r->before;
			r->after = sight > r->after ? sight : r->after;
		} else if (d->regex != NULL && !regex_jit(d->regex))
			r->slow = "PCRE2 has no JIT here; patterns are "
				  "confirmed by its interpreter, several "
				  "times more slowly";
	}
}

/* What may not touch a match, as the layers see it. */
static struct byteset
edge_of(enum boundary b)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct byteset s = {{0}};

	if (b != BOUNDARY_NONE)
		byteset_add(&s, "0123456789");
	if (b == BOUNDARY_WORD || b == BOUNDARY_ALNUM || b == BOUNDARY_TOKEN)
		byteset_add(&s, letters);
	if (b == BOUNDARY_WORD || b == BOUNDARY_TOKEN)
		byteset_add(&s, "_");
	if (b == BOUNDARY_TOKEN)
		byteset_add(&s, "-");
	return s;
}

static int
replan(struct ruleset *r, enum plan_kind kind, struct stash *kept,
    struct diag *why)
{
	OWN_MEM struct plan_rule *rules = calloc(r->n, sizeof *rules);
	struct plan *p = NULL;
	int e;

	if (rules == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < r->n; i++) {
		const struct detector *d = r->detectors[i];

		rules[i].plain = d->plain;
		rules[i].pattern = d->pattern;
		rules[i].nothing = filerule_asks(&d->file);
		rules[i].keywords = d->keywords;
		rules[i].edge = edge_of(d->boundary);
		rules[i].most = d->most;
	}
	e = plan_new(rules, r->n, kind, kept, &p, why);
	if (e != 0)
		return e;
	plan_free(r->plan);
	r->plan = p;
	return 0;
}

int
ruleset_replan(struct ruleset *r, enum plan_kind kind, struct diag *why)
{
	return replan(r, kind, NULL, why);
}

static int
compile(struct load *l)
{
	struct ruleset *r = l->set;
	struct diag d = {""};
	int e;

	bounds(r);
	if (candidate_host() != NULL)
		r->slow = candidate_host();
	e = replan(r, PLAN_LAYERS, l->kept, &d);
	if (e == -EBADMSG)
		loader_fatal(&l->to, "bad-pattern", d.text);
	return e;
}

static int
finish(struct load *l)
{
	struct ruleset *r = l->set;
	uint8_t digest[SEAL_HASH];
	size_t n = 0;
	int e;

	for (size_t i = 0; i < r->npacks; i++)
		n += r->packs[i].ndetectors;
	if (l->to.fatal > 0)
		return -EBADMSG;
	if (n == 0) {
		loader_fatal(&l->to, "empty-set",
		    "no detector: a directory of rules holds *.yaml files "
		    "with detectors");
		return -EBADMSG;
	}
	if (n > RULES_DETECTORS_MAX) {
		loader_fatal(&l->to, "too-many", "too many detectors");
		return -EBADMSG;
	}
	r->detectors = calloc(n, sizeof *r->detectors);
	if (r->detectors == NULL)
		return -ENOMEM;
	apply_overrides(l);
	for (size_t i = 0; i < r->npacks; i++)
		for (size_t k = 0; k < r->packs[i].ndetectors; k++)
			if (!r->packs[i].detectors[k].overridden)
				r->detectors[r->n++] =
				    &r->packs[i].detectors[k];
	e = check_unique(l, false);
	if (e == 0)
		e = check_unique(l, true);
	if (e != 0)
		return e;
	check_needs(l);
	policy_lint(r, &l->to);
	view_lint(r, &l->to);
	e = tie_allows(l);
	if (e == 0)
		e = among_tie(r, &l->to);
	if (e != 0)
		return e;
	if (l->to.fatal > 0)
		return -EBADMSG;
	seal_hash_end(l->to.beside.hash, digest);
	str_hex(r->digest, digest, sizeof digest);
	return compile(l);
}

static int
begin(struct load *l)
{
	l->now_us = clock_now().wall_us;
	l->to.beside.dir = -1;
	l->set = calloc(1, sizeof *l->set);
	if (l->set == NULL)
		return -ENOMEM;
	l->set->packs = calloc(RULES_PACKS_MAX, sizeof *l->set->packs);
	l->set->indexes = calloc(RULES_INDEXES_MAX, sizeof *l->set->indexes);
	if (l->set->packs == NULL || l->set->indexes == NULL)
		return -ENOMEM;
	return seal_hash_new(&l->to.beside.hash);
}

static int
end(struct load *l, int r, struct ruleset **out)
{
	if (r == 0)
		r = finish(l);
	seal_hash_free(l->to.beside.hash);
	if (r == 0)
		*out = OWN_TAKE(&l->set);
	ruleset_free(l->set);
	return r;
}

static int
load(struct load *l, const char *const *dirs, size_t ndirs,
    struct ruleset **out, struct diag *why)
{
	int r = begin(l);

	if (r == 0 && (ndirs == 0 || ndirs > DIRS_MAX))
		r = diag_set(why, -EINVAL, "1 to %d directories", DIRS_MAX);
	for (size_t i = 0; i < ndirs && r == 0; i++)
		r = add_dir(l, dirs[i]);
	return end(l, r, out);
}

int
ruleset_load(const char *const *dirs, size_t ndirs, struct ruleset **out,
    struct problems *problems, struct diag *why)
{
	struct load l = {.to = {.out = problems, .why = why}};

	return load(&l, dirs, ndirs, out, why);
}

int
ruleset_load_kept(const char *const *dirs, size_t ndirs, const char *kept,
    struct ruleset **out, struct diag *word, struct diag *why)
{
	OWN(stash_freep) struct stash *stash = NULL;
	struct load l = {.to = {.why = why}};
	struct diag d = {""};
	int r;

	*word = (struct diag){""};
	/* Where nothing can be kept all is compiled, and nothing is amiss. */
	if (stash_open(kept, &stash, &d) == -EPERM)
		*word = d;
	l.kept = stash;
	r = load(&l, dirs, ndirs, out, why);
	if (stash != NULL && stash_word(stash)[0] != '\0')
		(void)diag_set(word, 0, "%s", stash_word(stash));
	return r;
}

int
ruleset_parse(const char *name, const void *data, size_t len,
    struct ruleset **out, struct problems *problems, struct diag *why)
{
	struct load l = {.to = {.out = problems, .why = why}};
	int r = begin(&l);

	if (r == 0)
		r = add_pack(&l, name, data, len);
	if (r == 0)
		r = add_indexes(&l, 0, -1, NULL);
	return end(&l, r, out);
}

const char *
ruleset_digest(const struct ruleset *r)
{
	return r->digest;
}

size_t
ruleset_count(const struct ruleset *r)
{
	return r->n;
}

bool
ruleset_labels(const struct ruleset *r)
{
	return r->labels;
}

const char *
ruleset_slow(const struct ruleset *r)
{
	return r->slow;
}

int
ruleset_allow(const struct ruleset *r, const char *detector, const void *value,
    size_t len, char out[33], bool *guessable)
{
	const struct detector *d = NULL;
	uint8_t normal[RULES_WIDTH_MAX], hmac[ALLOW_HMAC];

	for (size_t i = 0; i < r->n && d == NULL; i++)
		if (str_eq(r->detectors[i]->id, detector))
			d = r->detectors[i];
	if (d == NULL)
		return -ENOENT;
	if (len == 0 || len > sizeof normal)
		return -EINVAL;
	len = validate_normal(d->normalize, value, len, normal);
	allow_hmac(d->uuid, normal, len, hmac);
	explicit_bzero(normal, sizeof normal);
	str_hex(out, hmac, sizeof hmac);
	*guessable = allow_guessable(d);
	return 0;
}

bool
ruleset_view(const struct ruleset *r, const char *view, const char *detector)
{
	const struct yaml *v = view_find(r, view);

	if (v == NULL || detector == NULL)
		return v != NULL;
	for (size_t i = 0; i < r->n; i++)
		if (str_eq(r->detectors[i]->id, detector))
			return view_shows_detector(v, r->detectors[i]);
	return false;
}

static void
list_one(const struct detector *d, struct json *j)
{
	const struct yaml *tags = yaml_get(d->at, "tags");

	json_begin_object(j, NULL);
	json_str(j, "id", d->id);
	json_str(j, "uuid", d->uuid);
	json_str(j, "title", d->title);
	json_str(j, "class", d->class_name);
	json_str(j, "sensitivity", sensitivity_name(d->sensitivity));
	json_str(j, "status", d->status);
	json_str(j, "pack", d->pack->id);
	json_str(j, "version", d->pack->version);
	json_begin_array(j, "levels");
	for (size_t i = 0; i < d->nlevels; i++)
		json_str(j, NULL, confidence_name(d->levels[i].confidence));
	json_end_array(j);
	json_begin_array(j, "tags");
	for (const struct yaml *t = tags != NULL ? tags->child : NULL;
	     t != NULL; t = t->next)
		json_str(j, NULL, t->text);
	json_end_array(j);
	json_uint(j, "tests", d->nsamples);
	json_str(j, "file", d->at->file);
	json_uint(j, "line", d->at->line);
	json_end_object(j);
}

int
ruleset_list(
    const struct ruleset *r, const char *view, ruleset_line_fn *line, void *ctx)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 1024 * 1024);
	for (size_t i = 0; i < r->n; i++) {
		const struct detector *d = r->detectors[i];
		struct ruleset_line out = {.ok = true};
		char text[1024];
		struct json j;

		if (view != NULL && !ruleset_view(r, view, d->id))
			continue;
		buf_reset(&b);
		json_init(&j, &b);
		list_one(d, &j);
		if (buf_error(&b) != 0)
			return buf_error(&b);
		(void)snprintf(text, sizeof text, "%-26s %-22s %-9s %s", d->id,
		    d->class_name, sensitivity_name(d->sensitivity), d->title);
		out.json = b.data;
		out.len = b.len;
		out.text = text;
		line(ctx, &out);
	}
	return 0;
}

/* A rule about members or labels is in no layer that looks at text. */
static const char *
layer_name(const struct ruleset *r, size_t rule, const char **why)
{
	const struct filerule *f = &r->detectors[rule]->file;
	enum layer l = plan_layer(r->plan, rule, why);

	if (!filerule_asks(f))
		return plan_layer_name(l);
	if (f->label.at == NULL)
		return "file";
	*why = "it is about a label, which extraction reads";
	return "label";
}

static void
layer_one(
    const struct ruleset *r, size_t i, struct json *j, char *text, size_t size)
{
	const struct detector *d = r->detectors[i];
	const char *why = "";
	const char *layer = layer_name(r, i, &why);

	json_begin_object(j, NULL);
	json_str(j, "kind", "layer");
	json_str(j, "id", d->id);
	json_str(j, "layer", layer);
	json_str(j, "reason", why);
	json_str(j, "file", d->at->file);
	json_uint(j, "line", d->at->line);
	json_uint(j, "column", d->at->column);
	json_end_object(j);
	(void)snprintf(text, size, "%-8s %-30s %s:%u:%u: %s", layer, d->id,
	    d->at->file, d->at->line, d->at->column, why);
}

int
ruleset_layers(const struct ruleset *r, ruleset_line_fn *line, void *ctx)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, 1024 * 1024);
	for (size_t i = 0; i < r->n; i++) {
		struct ruleset_line out = {.ok = true};
		char text[DIAG_MAX];
		struct json j;

		buf_reset(&b);
		json_init(&j, &b);
		layer_one(r, i, &j, text, sizeof text);
		if (buf_error(&b) != 0)
			return buf_error(&b);
		out.json = b.data;
		out.len = b.len;
		out.text = text;
		line(ctx, &out);
	}
	return 0;
}
