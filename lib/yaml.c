/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml - strict YAML: the reader of rules, rosters and configuration.
 *
 * Owns: libyaml's event API and the subset that yaml.h names.
 * Never: recurses on input: open collections are kept on a bounded stack.
 */
#include "lib/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#include "lib/str.h"

#include "lib/own.h"

struct open_node {
	struct yaml *node;
	struct yaml **tail;
	char *key; /* a map's key that waits for its value */
	unsigned key_line, key_column;
};

struct build {
	struct open_node stack[YAML_DEPTH_MAX];
	unsigned depth;
	unsigned nodes;
	struct yaml *root;
	char *file;
	struct diag *why;
};

void
yaml_free(struct yaml *root)
{
	struct yaml *y = root;

	if (root != NULL)
		free((char *)(uintptr_t)root->file);
	/* Flattens as it goes: children are put in front of the siblings. */
	while (y != NULL) {
		struct yaml *next = y->next;

		if (y->child != NULL) {
			struct yaml *last = y->child;

			while (last->next != NULL)
				last = last->next;
			last->next = next;
			next = y->child;
		}
		free(y->key);
		free(y->text);
		free(y);
		y = next;
	}
}

void
yaml_freep(struct yaml **y)
{
	yaml_free(*y);
	*y = NULL;
}

static int
fail_at(const struct build *b, const yaml_mark_t *m, const char *what)
{
	return diag_set(b->why, -EBADMSG, "%s:%zu:%zu: %s", b->file,
	    m->line + 1, m->column + 1, what);
}

/* Hangs a new node where the parser stands; takes a waiting key. */
static int
add_node(struct build *b, const yaml_mark_t *m, enum yaml_kind kind,
    struct yaml **out)
{
	struct open_node *top = b->depth > 0 ? &b->stack[b->depth - 1] : NULL;
	struct yaml *y;

	if (++b->nodes > YAML_NODES_MAX)
		return fail_at(b, m, "too many values in one file");
	y = calloc(1, sizeof *y);
	if (y == NULL)
		return -ENOMEM;
	y->kind = kind;
	y->file = b->file;
	y->line = (unsigned)m->line + 1;
	y->column = (unsigned)m->column + 1;
	if (top == NULL) {
		b->root = y;
	} else {
		y->key = OWN_TAKE(&top->key);
		y->key_line = top->key_line;
		y->key_column = top->key_column;
		*top->tail = y;
		top->tail = &y->next;
	}
	*out = y;
	return 0;
}

static int
open_node(struct build *b, const yaml_mark_t *m, enum yaml_kind kind)
{
	const struct open_node *top =
	    b->depth > 0 ? &b->stack[b->depth - 1] : NULL;
	struct yaml *y;
	int r;

	must(top == NULL || top->node != NULL);
	if (b->depth == YAML_DEPTH_MAX)
		return fail_at(b, m, "nested too deeply");
	if (top != NULL && top->node->kind == YAML_MAP && top->key == NULL)
		return fail_at(b, m, "a key must be plain text");
	r = add_node(b, m, kind, &y);
	if (r != 0)
		return r;
	b->stack[b->depth++] = (struct open_node){.node = y, .tail = &y->child};
	return 0;
}

static int
take_key(struct build *b, struct open_node *top, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;

	if (str_eq(text, "<<"))
		return fail_at(b, &e->start_mark,
		    "merge keys (<<) are not supported; write the keys out");
	if (yaml_get(top->node, text) != NULL) {
		char shown[64];

		str_escape(shown, sizeof shown, text, strlen(text));
		return diag_set(b->why, -EBADMSG,
		    "%s:%zu:%zu: the key \"%s\" stands here a second time",
		    b->file, e->start_mark.line + 1, e->start_mark.column + 1,
		    shown);
	}
	top->key = strdup(text);
	top->key_line = (unsigned)e->start_mark.line + 1;
	top->key_column = (unsigned)e->start_mark.column + 1;
	return top->key == NULL ? -ENOMEM : 0;
}

static int
take_scalar(struct build *b, const yaml_event_t *e)
{
	struct open_node *top = b->depth > 0 ? &b->stack[b->depth - 1] : NULL;
	struct yaml *y;
	int r;

	must(top == NULL || top->node != NULL);
	if (e->data.scalar.anchor != NULL)
		return fail_at(b, &e->start_mark, "anchors are not supported");
	if (e->data.scalar.tag != NULL)
		return fail_at(b, &e->start_mark, "tags are not supported");
	if (memchr(e->data.scalar.value, '\0', e->data.scalar.length) != NULL)
		return fail_at(b, &e->start_mark, "a NUL inside a text");
	if (top != NULL && top->node->kind == YAML_MAP && top->key == NULL)
		return take_key(b, top, e);
	r = add_node(b, &e->start_mark, YAML_SCALAR, &y);
	if (r != 0)
		return r;
	y->len = e->data.scalar.length;
	y->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	y->text = strdup((const char *)e->data.scalar.value);
	return y->text == NULL ? -ENOMEM : 0;
}

static int
take_event(struct build *b, const yaml_event_t *e, unsigned *documents)
{
	const yaml_mark_t *m = &e->start_mark;

	switch (e->type) {
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		if (++*documents > 1)
			return fail_at(b, m, "a second document in one file");
		return 0;
	case YAML_ALIAS_EVENT:
		return fail_at(b, m, "aliases are not supported");
	case YAML_SCALAR_EVENT:
		return take_scalar(b, e);
	case YAML_SEQUENCE_START_EVENT:
		if (e->data.sequence_start.anchor != NULL ||
		    e->data.sequence_start.tag != NULL)
			return fail_at(
			    b, m, "anchors and tags are not supported");
		return open_node(b, m, YAML_LIST);
	case YAML_MAPPING_START_EVENT:
		if (e->data.mapping_start.anchor != NULL ||
		    e->data.mapping_start.tag != NULL)
			return fail_at(
			    b, m, "anchors and tags are not supported");
		return open_node(b, m, YAML_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return 0;
	}
	return -EBADMSG;
}

static int
parse_all(yaml_parser_t *p, struct build *b)
{
	unsigned documents = 0;

	for (;;) {
		yaml_event_t e;
		bool last;
		int r;

		if (!yaml_parser_parse(p, &e))
			return diag_set(b->why, -EBADMSG, "%s:%zu:%zu: %s",
			    b->file, p->problem_mark.line + 1,
			    p->problem_mark.column + 1,
			    p->problem != NULL ? p->problem : "not YAML");
		r = take_event(b, &e, &documents);
		last = e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
		if (r != 0 || last)
			return r;
	}
}

int
yaml_parse(const char *file, const void *data, size_t len, struct yaml **out,
    struct diag *why)
{
	struct build b = {.why = why};
	yaml_parser_t p;
	int r;

	if (len > YAML_FILE_MAX)
		return diag_set(why, -EBADMSG, "%s: larger than %d bytes", file,
		    YAML_FILE_MAX);
	if (!str_utf8(data, len))
		return diag_set(why, -EBADMSG, "%s: not UTF-8", file);
	b.file = strdup(file);
	if (b.file == NULL)
		return -ENOMEM;
	if (!yaml_parser_initialize(&p)) {
		free(b.file);
		return -ENOMEM;
	}
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, data, len);
	r = parse_all(&p, &b);
	yaml_parser_delete(&p);
	if (r == 0 && b.root == NULL)
		r = diag_set(why, -EBADMSG, "%s: empty", file);
	if (r != 0) {
		for (unsigned i = 0; i < YAML_DEPTH_MAX; i++)
			free(b.stack[i].key);
		if (b.root == NULL)
			free(b.file);
		yaml_free(b.root);
		return r;
	}
	*out = b.root;
	return 0;
}

int
yaml_read(const char *path, struct yaml **out, struct diag *why)
{
	OWN_FD int fd =
	    open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	OWN_MEM char *data = NULL;
	size_t len = 0;
	struct stat st;

	if (fd < 0)
		return diag_set(why, -errno, "%s: %s", path,
		    errno == ELOOP ? "is a symbolic link" : strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return diag_set(why, -EINVAL, "%s: not a regular file", path);
	if (st.st_size > YAML_FILE_MAX)
		return diag_set(why, -EBADMSG, "%s: larger than %d bytes", path,
		    YAML_FILE_MAX);
	data = malloc((size_t)st.st_size + 1);
	if (data == NULL)
		return -ENOMEM;
	while (len < (size_t)st.st_size) {
		ssize_t n = read(fd, data + len, (size_t)st.st_size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_set(
			    why, -errno, "%s: %s", path, strerror(errno));
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return yaml_parse(path, data, len, out, why);
}

const struct yaml *
yaml_get(const struct yaml *map, const char *key)
{
	if (map == NULL || map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml *y = map->child; y != NULL; y = y->next)
		if (str_eq(y->key, key))
			return y;
	return NULL;
}

int
yaml_fail(const struct yaml *at, struct diag *why, const char *fmt, ...)
{
	char text[DIAG_MAX - 128];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return diag_set(why, -EBADMSG, "%s:%u:%u: %s", at->file, at->line,
	    at->column, text);
}

static const char *
nearest(const char *key, const char *const known[])
{
	const char *best = NULL;
	unsigned least = 4;

	for (size_t i = 0; known[i] != NULL; i++) {
		unsigned d = str_distance(key, known[i]);

		if (d < least && d < strlen(known[i])) {
			least = d;
			best = known[i];
		}
	}
	return best;
}

int
yaml_keys(const struct yaml *map, const char *what, const char *const known[],
    struct diag *why)
{
	if (map->kind != YAML_MAP)
		return yaml_fail(map, why, "%s must be a map of keys", what);
	for (const struct yaml *y = map->child; y != NULL; y = y->next) {
		const char *guess;
		char shown[64];
		size_t i = 0;

		while (known[i] != NULL && !str_eq(known[i], y->key))
			i++;
		if (known[i] != NULL)
			continue;
		str_escape(shown, sizeof shown, y->key, strlen(y->key));
		guess = nearest(y->key, known);
		return diag_set(why, -EBADMSG,
		    "%s:%u:%u: unknown key \"%s\" in %s%s%s%s", y->file,
		    y->key_line, y->key_column, shown, what,
		    guess != NULL ? "; did you mean \"" : "",
		    guess != NULL ? guess : "", guess != NULL ? "\"?" : "");
	}
	return 0;
}

int
yaml_text(const struct yaml *y, const char **out, struct diag *why)
{
	if (y == NULL)
		return 0;
	if (y->kind != YAML_SCALAR)
		return yaml_fail(y, why, "%s must be a text",
		    y->key != NULL ? y->key : "this");
	*out = y->text;
	return 0;
}

int
yaml_uint(const struct yaml *y, uint64_t min, uint64_t max, uint64_t *out,
    struct diag *why)
{
	uint64_t v;

	if (y == NULL)
		return 0;
	if (y->kind != YAML_SCALAR || str_u64(y->text, max, &v) != 0 || v < min)
		return yaml_fail(y, why,
		    "%s must be a whole number from %llu to %llu",
		    y->key != NULL ? y->key : "this", (unsigned long long)min,
		    (unsigned long long)max);
	*out = v;
	return 0;
}

int
yaml_bool(const struct yaml *y, bool *out, struct diag *why)
{
	if (y == NULL)
		return 0;
	if (y->kind == YAML_SCALAR && str_eq(y->text, "true"))
		*out = true;
	else if (y->kind == YAML_SCALAR && str_eq(y->text, "false"))
		*out = false;
	else
		return yaml_fail(y, why, "%s must be true or false",
		    y->key != NULL ? y->key : "this");
	return 0;
}
