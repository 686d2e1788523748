/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_yaml - any bytes as YAML: a tree within its bounds, or a sentence that
 * names a place.
 */
#include <string.h>

#include "lib/str.h"
#include "lib/yaml.h"

#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Depth is bounded, so that recursion is fine here. */
static void
walk(const struct yaml *y, unsigned depth)
{
	uint64_t number = 0;
	const char *text = "";
	bool truth = false;

	must(depth <= YAML_DEPTH_MAX + 1);
	must(y->line > 0 && y->column > 0);
	if (y->kind == YAML_SCALAR)
		must(y->child == NULL && strlen(y->text) == y->len &&
		     str_utf8(y->text, y->len));
	/* Typed reads refuse or give a value, and never read behind the end. */
	if (yaml_text(y, &text, NULL) == 0)
		must(text == y->text);
	if (yaml_uint(y, 1, 1000, &number, NULL) == 0)
		must(number >= 1 && number <= 1000);
	if (yaml_bool(y, &truth, NULL) == 0)
		must(truth == (y->text[0] == 't'));
	for (const struct yaml *c = y->child; c != NULL; c = c->next) {
		must((c->key != NULL) == (y->kind == YAML_MAP));
		if (c->key != NULL)
			must(yaml_get(y, c->key) == c);
		walk(c, depth + 1);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWN(yaml_freep) struct yaml *y = NULL;
	struct diag why = {""};
	int r = yaml_parse("input.yaml", data, size, &y, &why);

	if (r == 0)
		walk(y, 0);
	else
		must(y == NULL && str_starts(why.text, "input.yaml:"));
	return 0;
}
