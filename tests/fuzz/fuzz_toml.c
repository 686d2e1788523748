/* SPDX-License-Identifier: Apache-2.0 */
/* links: cli/toml.c */
/*
 * fuzz_toml - any bytes as TOML: a tree, or a sentence that names a place.
 */
#include <string.h>

#include "cli/toml.h"
#include "lib/str.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Depth is bounded by the parser. */
static void
walk(const struct yaml *y, unsigned depth)
{
	must(depth < 64);
	if (y->kind == YAML_SCALAR)
		must(y->child == NULL && strlen(y->text) == y->len);
	for (const struct yaml *c = y->child; c != NULL; c = c->next) {
		must((c->key != NULL) == (y->kind == YAML_MAP));
		walk(c, depth + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(yaml_freep) struct yaml *y = NULL;
	struct diag why = {""};
	int r = toml_parse("input.toml", data, size, &y, &why);

	if (r == 0)
		walk(y, 0);
	else
		must(y == NULL && str_starts(why.text, "input.toml:"));
	return 0;
}
