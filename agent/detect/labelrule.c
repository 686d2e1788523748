/* SPDX-License-Identifier: Apache-2.0 */
/*
 * labelrule - what a rule asks of a document's classification label.
 *
 * Owns: how GUIDs and globs of names fit a label.
 * Never: finds labels; what a document's are, extraction tells.
 */
#include "agent/detect/labelrule.h"

#include <ctype.h>
#include <fnmatch.h>
#include <strings.h>

#include "lib/str.h"

#include "lib/own.h"

enum { TEXTS_MAX = 256 };

static int
text(const struct yaml *y, bool guid, struct diag *why)
{
	static const char FORM[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	bool fits;

	if (y->kind != YAML_SCALAR || y->len == 0)
		return yaml_fail(y, why, "must be a text");
	fits = !guid || y->len == LABEL_GUID;
	for (size_t i = 0; guid && fits && i < LABEL_GUID; i++)
		fits = FORM[i] == 'x' ? isxdigit((uint8_t)y->text[i]) != 0
				      : y->text[i] == '-';
	return fits ? 0 : yaml_fail(y, why, "a GUID is written as %s", FORM);
}

static int
texts(const struct yaml *map, const char *key, bool guid,
    const struct yaml **out, struct diag *why)
{
	const struct yaml *y = yaml_get(map, key);
	size_t n = 0;
	int r = 0;

	*out = y;
	if (y == NULL || y->kind != YAML_LIST)
		return y != NULL ? text(y, guid, why) : 0;
	if (y->child == NULL)
		return yaml_fail(y, why, "%s must not be empty", key);
	for (const struct yaml *t = y->child; t != NULL && r == 0; t = t->next)
		r = ++n > TEXTS_MAX
			? yaml_fail(t, why, "more than %d texts", TEXTS_MAX)
			: text(t, guid, why);
	return r;
}

int
labelrule_parse(const struct yaml *y, struct labelrule *out, struct diag *why)
{
	static const char *const keys[] = {
	    "scheme", "id", "name", "site", "enabled", NULL};
	const struct yaml *scheme;
	int r = yaml_keys(y, "label", keys, why);

	if (r != 0)
		return r;
	*out = (struct labelrule){.at = y, .enabled = true};
	scheme = yaml_get(y, "scheme");
	if (scheme == NULL || !str_eq(scheme->text, "mip"))
		return yaml_fail(scheme != NULL ? scheme : y, why,
		    "label needs \"scheme: mip\"; no other is known");
	if ((r = texts(y, "id", true, &out->ids, why)) != 0 ||
	    (r = texts(y, "site", true, &out->sites, why)) != 0 ||
	    (r = texts(y, "name", false, &out->names, why)) != 0)
		return r;
	return yaml_bool(yaml_get(y, "enabled"), &out->enabled, why);
}

static bool
same(const char *asked, const char *guid)
{
	return strcasecmp(asked, guid) == 0;
}

static bool
like(const char *asked, const char *name)
{
	return fnmatch(asked, name, FNM_NOESCAPE | FNM_CASEFOLD) == 0;
}

static bool
any(const struct yaml *y, const char *what,
    bool (*fits)(const char *asked, const char *what))
{
	if (y == NULL)
		return true;
	if (what[0] == '\0')
		return false;
	if (y->kind == YAML_SCALAR)
		return fits(y->text, what);
	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		if (fits(t->text, what))
			return true;
	return false;
}

bool
labelrule_fits(const struct labelrule *r, const struct label *l)
{
	return l->enabled == r->enabled && any(r->ids, l->id, same) &&
	       any(r->sites, l->site, same) && any(r->names, l->name, like);
}
