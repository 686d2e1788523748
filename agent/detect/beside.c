/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beside - reads what lies beside a pack: lists of terms, and samples.
 *
 * Owns: which names a pack may give, the form of a terms_file, and that its
 * bytes are a part of the set's digest, which those of a sample are not.
 * Never: follows a link or a path; reads a list after the set is loaded.
 */
#include "agent/detect/beside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/str.h"

#include "lib/own.h"

enum { PATH_BYTES = 4096 };

int
beside_open(int dir, const char *path, const char *name, size_t max,
    size_t *size, struct diag *why)
{
	OWN_FD int fd =
	    openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return diag_set(why, -errno, "%s: %s", path,
		    errno == ELOOP ? "is a symbolic link; rule files may not "
				     "be links"
				   : strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > (off_t)max)
		return diag_set(why, -EINVAL,
		    "%s: not a regular file of at most %zu bytes", path, max);
	*size = (size_t)st.st_size;
	return own_take_fd(&fd);
}

int
beside_read(int dir, const char *path, const char *name, size_t max,
    char **data, size_t *len, struct diag *why)
{
	size_t size = 0;
	OWN_FD int fd = beside_open(dir, path, name, max, &size, why);
	ssize_t n;

	*len = 0;
	if (fd < 0)
		return fd;
	*data = malloc(size + 1);
	if (*data == NULL)
		return -ENOMEM;
	while (*len < size) {
		n = read(fd, *data + *len, size - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return diag_set(
			    why, -errno, "%s: %s", path, strerror(errno));
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return 0;
}

void
beside_hash(struct seal_hash *h, const void *data, size_t len)
{
	uint8_t size[8];

	for (unsigned i = 0; i < sizeof size; i++)
		size[i] = (uint8_t)((uint64_t)len >> (56 - 8 * i));
	seal_hash_put(h, size, sizeof size);
	seal_hash_put(h, data, len);
}

int
beside_name(const struct yaml *y, const char *ending, const char **out,
    struct diag *why)
{
	static const char known[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t tail = strlen(ending), n;
	int r = yaml_text(y, out, why);

	if (r != 0)
		return r;
	n = strlen(*out);
	if ((*out)[0] == '.' || n <= tail || n > BESIDE_NAME_MAX ||
	    strspn(*out, known) != n || !str_eq(*out + n - tail, ending))
		return yaml_fail(y, why,
		    "%s is the name of a file beside the pack: letters, "
		    "digits, \"_\", \"-\" and \".\"%s%s",
		    y->key, tail > 0 ? ", ending in " : "", ending);
	return 0;
}

static struct yaml *
node(const char *file, unsigned line, unsigned column)
{
	struct yaml *y = calloc(1, sizeof *y);

	if (y != NULL) {
		y->file = file;
		y->line = line;
		y->column = column;
	}
	return y;
}

/* The term of one line, or none; *last is where the next one hangs. */
static int
line_term(const char *text, size_t len, struct yaml *list, unsigned line,
    struct yaml **last)
{
	size_t from = 0;
	struct yaml *y;

	while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL)
		len--;
	while (from < len && strchr(" \t", text[from]) != NULL)
		from++;
	if (from == len || text[from] == '#')
		return 0;
	y = node(list->file, line, (unsigned)from + 1);
	if (y == NULL)
		return -ENOMEM;
	if (*last != NULL)
		(*last)->next = y;
	else
		list->child = y;
	*last = y;
	y->kind = YAML_SCALAR;
	y->len = len - from;
	y->text = strndup(text + from, y->len);
	return y->text != NULL ? 0 : -ENOMEM;
}

/* @list: an empty one, which the terms are put into. */
static int
lines(const char *text, size_t len, struct yaml *list)
{
	struct yaml *last = NULL;
	size_t at = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	unsigned line = 1;

	while (at < len) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end != NULL ? (size_t)(end - text) - at : len - at;
		int r = line_term(text + at, n, list, line++, &last);

		if (r != 0)
			return r;
		at += n + 1;
	}
	return 0;
}

int
beside_terms(const struct beside *b, const struct yaml *y, struct yaml **out,
    struct diag *why)
{
	OWN(yaml_freep) struct yaml *list = NULL;
	OWN_MEM char *text = NULL;
	char path[PATH_BYTES];
	struct diag inner = {""};
	const char *name = "";
	size_t len = 0;
	int r = beside_name(y, ".terms", &name, why);

	if (r != 0)
		return r;
	if (b->dir < 0)
		return yaml_fail(y, why,
		    "terms_file is looked for beside the pack, and this one "
		    "is in no directory");
	r = str_format(path, sizeof path, "%s/%s", b->path, name);
	if (r == 0)
		r = beside_read(
		    b->dir, path, name, BESIDE_TERMS_MAX, &text, &len, &inner);
	if (r == -ENOMEM)
		return r;
	if (r != 0)
		return yaml_fail(y, why,
		    "the file beside the pack cannot be read: %s",
		    inner.text[0] != '\0' ? inner.text : strerror(-r));
	beside_hash(b->hash, text, len);
	if (!str_utf8(text, len) || memchr(text, '\0', len) != NULL)
		return yaml_fail(y, why,
		    "the file beside the pack is no text in UTF-8: %s", path);
	list = node(strdup(path), 1, 1);
	if (list == NULL || list->file == NULL)
		return -ENOMEM;
	list->kind = YAML_LIST;
	r = lines(text, len, list);
	if (r == 0)
		*out = OWN_TAKE(&list);
	return r;
}

int
beside_sample(const char *dir, const char *name, char **data, size_t *len,
    struct diag *why)
{
	OWN_FD int fd = -1;
	char path[PATH_BYTES];
	int r = str_format(path, sizeof path, "%s/%s", dir, name);

	if (r != 0)
		return diag_set(why, r, "%s: its path is too long", name);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return diag_set(why, -errno, "%s: %s", dir, strerror(errno));
	return beside_read(fd, path, name, BESIDE_SAMPLE_MAX, data, len, why);
}
