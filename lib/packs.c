/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packs - rule packs as a reader of findings needs them.
 *
 * Owns: the documents, and what is looked up in them.
 * Never: judges a detector: the host that loads the same packs does.
 */
#include "lib/packs.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "lib/str.h"
#include "lib/view.h"

#include "lib/own.h"

enum { FILES_MAX = 256, POLICIES_MAX = 1000, DETECTORS_MAX = 16384 };

struct pack_file {
	struct yaml *doc; /* owned */
	struct policy *policies; /* owned */
	size_t n;
};

/* Sorted by id; of two that stand for each other, either. */
struct known {
	const char *id;
	const char *class_name; /* NULL: not given */
	const struct yaml *tags;
};

struct packs {
	struct pack_file files[FILES_MAX];
	size_t nfiles;
	const struct policy *policies[POLICIES_MAX];
	size_t npolicies;
	struct known *known; /* owned */
	size_t nknown;
};

void
packs_free(struct packs *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->nfiles; i++) {
		policy_free(p->files[i].policies, p->files[i].n);
		yaml_free(p->files[i].doc);
	}
	free(p->known);
	free(p);
}

void
packs_freep(struct packs **p)
{
	packs_free(*p);
}

static const struct yaml *
list_of(const struct yaml *doc, const char *key)
{
	const struct yaml *y = yaml_get(doc, key);

	return y != NULL && y->kind == YAML_LIST ? y->child : NULL;
}

static const char *
text_of(const struct yaml *map, const char *key)
{
	const struct yaml *y =
	    map->kind == YAML_MAP ? yaml_get(map, key) : NULL;

	return y != NULL && y->kind == YAML_SCALAR ? y->text : NULL;
}

static int
add_policies(struct packs *p, const struct pack_file *f, struct diag *why)
{
	const struct yaml *y = list_of(f->doc, "policies");

	for (size_t i = 0; i < f->n; i++, y = y->next) {
		for (size_t k = 0; k < p->npolicies; k++)
			if (str_eq(p->policies[k]->id, f->policies[i].id))
				return yaml_fail(y, why,
				    "there is a policy \"%s\" already",
				    f->policies[i].id);
		if (p->npolicies == POLICIES_MAX)
			return yaml_fail(
			    y, why, "more than %d policies", POLICIES_MAX);
		p->policies[p->npolicies++] = &f->policies[i];
	}
	return 0;
}

static int
check_views(const struct packs *p, const struct pack_file *f, struct diag *why)
{
	for (const struct yaml *v = list_of(f->doc, "views"); v != NULL;
	     v = v->next)
		if (packs_view(p, text_of(v, "id")) != v)
			return yaml_fail(v, why,
			    "there is a view \"%s\" already", text_of(v, "id"));
	return 0;
}

static int
add_detectors(struct packs *p, const struct pack_file *f, struct diag *why)
{
	for (const struct yaml *d = list_of(f->doc, "detectors"); d != NULL;
	     d = d->next) {
		const struct yaml *tags = NULL;
		struct known *more;

		if (text_of(d, "id") == NULL)
			return yaml_fail(d, why, "a detector needs an id");
		if (p->nknown == DETECTORS_MAX)
			return yaml_fail(
			    d, why, "more than %d detectors", DETECTORS_MAX);
		more = realloc(p->known, (p->nknown + 1) * sizeof *more);
		if (more == NULL)
			return -ENOMEM;
		p->known = more;
		tags = yaml_get(d, "tags");
		if (tags != NULL && tags->kind != YAML_LIST)
			return yaml_fail(tags, why, "tags must be a list");
		more[p->nknown++] =
		    (struct known){text_of(d, "id"), text_of(d, "class"), tags};
	}
	return 0;
}

static int
add_file(struct packs *p, const char *path, struct diag *why)
{
	struct pack_file *f = &p->files[p->nfiles];
	const struct yaml *pack;
	int r;

	if (p->nfiles == FILES_MAX)
		return diag_set(
		    why, -EBADMSG, "%s: more than %d packs", path, FILES_MAX);
	r = yaml_read(path, &f->doc, why);
	if (r != 0)
		return r;
	p->nfiles++;
	pack = f->doc->kind == YAML_MAP ? yaml_get(f->doc, "pack") : NULL;
	if (pack == NULL || text_of(pack, "id") == NULL)
		return yaml_fail(f->doc, why, "a pack needs the key \"pack\"");
	r = view_parse(yaml_get(f->doc, "views"), why);
	if (r == 0)
		r = check_views(p, f, why);
	if (r == 0)
		r = policy_parse(
		    yaml_get(f->doc, "policies"), &f->policies, &f->n, why);
	if (r == 0)
		r = add_policies(p, f, why);
	return r == 0 ? add_detectors(p, f, why) : r;
}

/* A pack, or what its author takes for one; a host refuses the latter, too. */
static int
is_pack(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return e->d_name[0] != '.' && dot != NULL &&
	       (strcasecmp(dot, ".yaml") == 0 || strcasecmp(dot, ".yml") == 0);
}

static int
add_dir(struct packs *p, const char *dir, struct diag *why)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_pack, alphasort), r = 0;

	if (n < 0)
		return diag_set(why, -errno, "%s: %s", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		char path[4096];

		if (r == 0 && str_format(path, sizeof path, "%s/%s", dir,
				  names[i]->d_name) != 0)
			r = diag_set(why, -ENAMETOOLONG, "%s: too long", dir);
		if (r == 0 && !str_eq(strrchr(path, '.'), ".yaml"))
			r = diag_set(why, -EBADMSG,
			    "%s: the name of a pack ends in .yaml", path);
		if (r == 0)
			r = add_file(p, path, why);
		free(names[i]);
	}
	free(names);
	return r;
}

static int
by_id(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return strcmp(x->id, y->id);
}

int
packs_load(
    const char *const *dirs, size_t n, struct packs **out, struct diag *why)
{
	OWN(packs_freep) struct packs *p = calloc(1, sizeof *p);
	int r = 0;

	if (p == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_dir(p, dirs[i], why);
	if (r != 0)
		return r;
	if (p->nknown > 0)
		qsort(p->known, p->nknown, sizeof *p->known, by_id);
	*out = OWN_TAKE(&p);
	return 0;
}

size_t
packs_count(const struct packs *p)
{
	return p->npolicies;
}

const struct policy *
packs_policy(const struct packs *p, size_t i)
{
	must(i < p->npolicies);
	return p->policies[i];
}

const struct yaml *
packs_view(const struct packs *p, const char *id)
{
	for (size_t i = 0; i < p->nfiles; i++)
		for (const struct yaml *v = list_of(p->files[i].doc, "views");
		     v != NULL; v = v->next)
			if (str_eq(text_of(v, "id"), id))
				return v;
	return NULL;
}

static const struct known *
find(const struct packs *p, const char *detector)
{
	const struct known key = {.id = detector};

	if (detector == NULL || p->nknown == 0)
		return NULL;
	return bsearch(&key, p->known, p->nknown, sizeof key, by_id);
}

const struct yaml *
packs_tags(const struct packs *p, const char *detector)
{
	const struct known *k = find(p, detector);

	return k == NULL ? NULL : k->tags;
}

bool
packs_shows(const struct packs *p, const struct yaml *view,
    const char *detector, const char *class_name)
{
	const struct known *k = find(p, detector);
	const struct view_subject s = {
	    .id = detector,
	    .class_name = class_name != NULL ? class_name
			  : k != NULL        ? k->class_name
					     : NULL,
	    .tags = k != NULL ? k->tags : NULL,
	};

	return view_shows(view, &s);
}
