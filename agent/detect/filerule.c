/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filerule - what a rule asks of a member itself: its kind, its type, its
 * name, and the classification label of what it lies in.
 *
 * Owns: how a word of kind, a glob of types and one of names fit.
 * Never: knows which kinds there are: a word that extraction does not tell
 * fits nothing, and the rule's own test shows it.
 */
#include "agent/detect/filerule.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "agent/detect/allow.h"
#include "lib/str.h"

#include "lib/own.h"

enum { WORDS_MAX = 64 };

static bool
is_kind(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-_./");

	return n > 0 && s[n] == '\0' && n < 64;
}

static int
word(const struct yaml *y, bool kind, struct diag *why)
{
	if (y->kind != YAML_SCALAR || y->len == 0)
		return yaml_fail(y, why, "must be a text");
	if (kind && !is_kind(y->text))
		return yaml_fail(y, why,
		    "a kind is small letters and digits, as in keystore/jks, "
		    "or a family of them, as in keystore");
	return 0;
}

static int
words(const struct yaml *y, bool kind, struct diag *why)
{
	size_t n = 0;
	int r = 0;

	if (y == NULL || y->kind != YAML_LIST)
		return y != NULL ? word(y, kind, why) : 0;
	if (y->child == NULL)
		return yaml_fail(y, why, "%s must not be empty", y->key);
	for (const struct yaml *t = y->child; t != NULL && r == 0; t = t->next)
		r = ++n > WORDS_MAX
			? yaml_fail(t, why, "more than %d texts", WORDS_MAX)
			: word(t, kind, why);
	return r;
}

static int
check(const struct filerule *r, struct diag *why)
{
	int e = words(r->magic, true, why);

	if (e == 0)
		e = words(r->mime, false, why);
	return e == 0 ? words(r->path, false, why) : e;
}

int
filerule_parse(const struct yaml *y, struct filerule *out, struct diag *why)
{
	static const char *const keys[] = {"magic", "mime", "path", NULL};
	int r = yaml_keys(y, "file", keys, why);

	if (r != 0)
		return r;
	out->magic = yaml_get(y, "magic");
	out->mime = yaml_get(y, "mime");
	out->path = yaml_get(y, "path");
	if (!filerule_asks(out))
		return yaml_fail(
		    y, why, "file needs one of \"magic\", \"mime\", \"path\"");
	return check(out, why);
}

int
filerule_one(const struct yaml *y, struct filerule *out, struct diag *why)
{
	if (str_eq(y->key, "label"))
		return labelrule_parse(y, &out->label, why);
	if (str_eq(y->key, "magic"))
		out->magic = y;
	else
		out->path = y;
	return check(out, why);
}

bool
filerule_asks(const struct filerule *r)
{
	return r->magic != NULL || r->mime != NULL || r->path != NULL ||
	       r->label.at != NULL;
}

/* "keystore" is each of "keystore/…". */
static bool
kind_fits(const char *asked, const char *kind)
{
	size_t n = strlen(asked);

	return strncmp(kind, asked, n) == 0 &&
	       (kind[n] == '\0' || kind[n] == '/');
}

static bool
type_fits(const char *asked, const char *type)
{
	return fnmatch(asked, type, FNM_NOESCAPE) == 0;
}

static bool
any(const struct yaml *y, const char *what,
    bool (*fits)(const char *asked, const char *what))
{
	if (y == NULL)
		return true;
	if (what == NULL || what[0] == '\0')
		return false;
	if (y->kind == YAML_SCALAR)
		return fits(y->text, what);
	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		if (fits(t->text, what))
			return true;
	return false;
}

static bool
labelled(const struct labelrule *r, const struct member_facts *m)
{
	for (size_t i = 0; i < m->nlabels; i++)
		if (labelrule_fits(r, &m->labels[i]))
			return true;
	return r->at == NULL;
}

bool
filerule_fits(const struct filerule *r, const struct member_facts *m)
{
	return any(r->magic, m->kind, kind_fits) &&
	       any(r->mime, m->type, type_fits) &&
	       any(r->path, m->name, allow_path) && labelled(&r->label, m);
}
