/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys - what the keys of a pack hold: one of some words, or texts.
 *
 * Owns: the sentences about a key that is missing or holds something else.
 * Never: knows which keys there are.
 */
#include "agent/detect/keys.h"

#include <errno.h>

#include "lib/buf.h"
#include "lib/str.h"

#include "lib/own.h"

int
keys_need(const struct yaml *map, const char *key, const char *what,
    const struct yaml **out, struct diag *why)
{
	*out = yaml_get(map, key);
	if (*out == NULL)
		return yaml_fail(
		    map, why, "%s needs the key \"%s\"", what, key);
	return 0;
}

int
keys_word(const struct yaml *y, const char *const words[], unsigned *out,
    struct diag *why)
{
	OWN(buf_done) struct buf all = {0};

	buf_init(&all, 512);
	for (unsigned i = 0; y->kind == YAML_SCALAR && words[i] != NULL; i++) {
		if (str_eq(y->text, words[i])) {
			*out = i;
			return 0;
		}
	}
	for (unsigned i = 0; words[i] != NULL; i++)
		buf_printf(&all, "%s%s", i > 0 ? ", " : "", words[i]);
	return yaml_fail(y, why, "%s must be one of %s",
	    y->key != NULL ? y->key : "this", buf_text(&all));
}

int
keys_texts(const struct yaml *y, struct diag *why)
{
	if (y == NULL)
		return 0;
	if (y->kind != YAML_LIST)
		return yaml_fail(y, why, "%s must be a list", y->key);
	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		if (t->kind != YAML_SCALAR || t->len == 0)
			return yaml_fail(t, why, "must be a text");
	return 0;
}
