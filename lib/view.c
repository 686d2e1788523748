/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view - what a regulation asks about, as a choice among detectors.
 *
 * Owns: the keys of a view, and which detectors it shows.
 * Never: changes what is detected: a view is a way to look at findings.
 */
#include "lib/view.h"

#include <errno.h>
#include <string.h>

#include "lib/str.h"

#include "lib/own.h"

enum { VIEWS_MAX = 200, CHOICES_MAX = 1000 };

static const char *const CHOICES[] = {"ids", "classes", "tags", NULL};

static int
text_list(const struct yaml *y, struct diag *why)
{
	size_t n = 0;

	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST || y->child == NULL)
		return yaml_fail(y, why, "%s must be a list of texts", y->key);
	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		if (t->kind != YAML_SCALAR || t->len == 0 || ++n > CHOICES_MAX)
			return yaml_fail(
			    t, why, "must be a text, one of %d", CHOICES_MAX);
	return 0;
}

static int
view_one(const struct yaml *y, struct diag *why)
{
	static const char *const keys[] = {
	    "id", "title", "regulation", "references", "select", NULL};
	static const char *const select_keys[] = {
	    "ids", "classes", "tags", NULL};
	const struct yaml *select = yaml_get(y, "select");
	const char *text = "";
	int r = yaml_keys(y, "a view", keys, why);

	for (size_t i = 0; i < 3 && r == 0; i++) {
		const struct yaml *t = yaml_get(y, keys[i]);

		if (t == NULL)
			return yaml_fail(
			    y, why, "a view needs the key \"%s\"", keys[i]);
		r = yaml_text(t, &text, why);
		if (r == 0 && i == 0 && !str_id(text, 63))
			return yaml_fail(t, why,
			    "an id is small letters, digits, \"_\", \"-\" and "
			    "\".\", at most 63");
	}
	if (r == 0)
		r = text_list(yaml_get(y, "references"), why);
	if (r != 0)
		return r;
	if (select == NULL || select->child == NULL)
		return yaml_fail(y, why, "a view needs the key \"select\"");
	r = yaml_keys(select, "select", select_keys, why);
	for (size_t i = 0; CHOICES[i] != NULL && r == 0; i++)
		r = text_list(yaml_get(select, CHOICES[i]), why);
	return r;
}

int
view_parse(const struct yaml *y, struct diag *why)
{
	size_t n = 0;
	int r = 0;

	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "views must be a list");
	for (const struct yaml *t = y->child; t != NULL && r == 0;
	     t = t->next) {
		if (++n > VIEWS_MAX)
			return yaml_fail(
			    t, why, "more than %d views", VIEWS_MAX);
		r = view_one(t, why);
	}
	return r;
}

bool
view_class(const char *class_name, const char *wanted)
{
	size_t len = strlen(wanted);

	return strncmp(class_name, wanted, len) == 0 &&
	       (class_name[len] == '.' || class_name[len] == '\0');
}

bool
view_tagged(const struct yaml *tags, const char *tag)
{
	const struct yaml *t = tags != NULL ? tags->child : NULL;

	while (t != NULL && !(t->kind == YAML_SCALAR && str_eq(t->text, tag)))
		t = t->next;
	return t != NULL;
}

/* Whether one text of a choice is this detector's. */
static bool
chosen(const struct view_subject *s, const char *choice, const char *text)
{
	if (str_eq(choice, "ids"))
		return str_eq(s->id, text);
	if (str_eq(choice, "classes"))
		return s->class_name != NULL && view_class(s->class_name, text);
	return view_tagged(s->tags, text);
}

bool
view_shows(const struct yaml *view, const struct view_subject *s)
{
	const struct yaml *select = yaml_get(view, "select");

	for (size_t i = 0; CHOICES[i] != NULL; i++) {
		const struct yaml *t = yaml_get(select, CHOICES[i]);

		for (t = t != NULL ? t->child : NULL; t != NULL; t = t->next)
			if (chosen(s, CHOICES[i], t->text))
				return true;
	}
	return false;
}
