/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml2json - a YAML file as JSON on standard output, as an editor reads it:
 * an unquoted number is a number, all else a text.
 *
 * Usage: yaml2json FILE
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/json.h"
#include "lib/str.h"
#include "lib/yaml.h"

#include "lib/own.h"

/* JSON's numbers without exponent: what every YAML 1.2 reader takes as one. */
static bool
is_number(const struct yaml *y)
{
	const char *s = y->text + (y->text[0] == '-');
	size_t n = strspn(s, "0123456789");

	if (y->quoted || n == 0 || n > 15 || (n > 1 && s[0] == '0'))
		return false;
	if (s[n] == '\0')
		return true;
	s += n + 1;
	n = strspn(s, "0123456789");
	return s[-1] == '.' && n > 0 && s[n] == '\0';
}

static void
put(struct json *j, const struct yaml *y, unsigned depth)
{
	must(depth < JSON_DEPTH);
	if (y->kind == YAML_SCALAR) {
		if (is_number(y))
			json_raw(j, y->key, y->text, y->len);
		else
			json_bytes(j, y->key, y->text, y->len);
		return;
	}
	if (y->kind == YAML_MAP)
		json_begin_object(j, y->key);
	else
		json_begin_array(j, y->key);
	for (const struct yaml *t = y->child; t != NULL; t = t->next)
		put(j, t, depth + 1);
	if (y->kind == YAML_MAP)
		json_end_object(j);
	else
		json_end_array(j);
}

int
main(int argc, char **argv)
{
	OWN(yaml_freep) struct yaml *doc = NULL;
	OWN(buf_done) struct buf b = {0};
	struct diag why = {""};
	struct json j;

	if (argc != 2)
		return 2;
	if (yaml_read(argv[1], &doc, &why) != 0) {
		(void)fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	buf_init(&b, (size_t)64 << 20);
	json_init(&j, &b);
	put(&j, doc, 0);
	must(buf_error(&b) == 0);
	return fwrite(b.data, 1, b.len, stdout) == b.len ? 0 : 1;
}
