/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canarymake - `chaperone canary make`: a provider's set, ready to be planted.
 *
 * Owns: which files are to be planted, and what they look like.
 * Never: writes over a file; prints a value.
 *
 * DIR/plant/NAME.csv lists all values; DIR/plant/NAME-COPY/ has one file of each
 * kind that people meet: a notice, a table of customers, a page, settings.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/canaryset.h"
#include "cli/cli.h"
#include "lib/file.h"
#include "lib/str.h"

#include "lib/own.h"

enum { PATH_BYTES = 4096, FILE_BYTES = 4096, LIST_BYTES = 8 * 1024 * 1024 };

struct make {
	const char *dir, *key_path;
	struct canary_set set; /* as it is asked for */
	const struct canary_set *made; /* as the key knows it now */
	struct canary_ring ring;
	struct diag why;
};

static void
make_done(struct make *m)
{
	canaryset_done(&m->ring);
}

/* A copy's values, by kind. */
struct copy {
	char value[CANARY_KINDS][CANARY_TEXT_MAX];
	char person[CANARY_TEXT_MAX];
	uint32_t number;
};

static void
copy_wipe(struct copy *c)
{
	explicit_bzero(c, sizeof *c);
}

static void
print_notice(const struct copy *c, struct buf *out)
{
	buf_printf(out,
	    "For internal use. Do not pass on.\n"
	    "Document reference: %s\n",
	    c->value[CANARY_MARK]);
}

static void
print_customers(const struct copy *c, struct buf *out)
{
	buf_printf(out,
	    "customer,name,town,phone,mail\n"
	    "%s,%s,+1-202-555-0%u,%s\n",
	    c->value[CANARY_CUSTOMER], c->person, 100 + c->number % 100,
	    c->value[CANARY_MAIL]);
}

static void
print_page(const struct copy *c, struct buf *out)
{
	buf_printf(out,
	    "<!DOCTYPE html>\n"
	    "<html lang=\"en\"><head><meta charset=\"utf-8\">"
	    "<title>Handover</title></head>\n"
	    "<body><p>For internal use. Do not pass on.</p>\n"
	    "<p>Questions: <a href=\"mailto:%s\">%s</a></p>\n"
	    "<p><small>Document reference: %s</small></p></body></html>\n",
	    c->value[CANARY_MAIL], c->value[CANARY_MAIL],
	    c->value[CANARY_MARK]);
}

static void
print_settings(const struct copy *c, struct buf *out)
{
	buf_printf(out,
	    "# settings of the reporting service\n"
	    "DATABASE_URL=postgresql://reports:%s:5432/reports\n"
	    "DATABASE_PASSWORD=%s\n"
	    "API_TOKEN=%s\n",
	    c->value[CANARY_DATABASE], c->value[CANARY_PASSWORD],
	    c->value[CANARY_TOKEN]);
}

static const struct {
	const char *name;
	void (*print)(const struct copy *c, struct buf *out);
} FILES[] = {
    {"notice.txt", print_notice},
    {"customers.csv", print_customers},
    {"page.html", print_page},
    {"settings.env", print_settings},
};

static int
make_dir(struct make *m, const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return diag_set(&m->why, -errno, "%s: %s", path, strerror(errno));
}

static int
write_file(struct make *m, const char *path, const struct buf *b)
{
	const struct file_mode mode = {0600, (uid_t)-1, (gid_t)-1, true};
	int r = buf_error(b);

	return r == 0 ? file_write(path, b->data, b->len, &mode, &m->why) : r;
}

static int
write_copy(struct make *m, const struct copy *c)
{
	char dir[PATH_BYTES], path[PATH_BYTES];
	int r = str_format(dir, sizeof dir, "%s/plant/%s-%03u", m->dir,
	    m->made->name, c->number);

	if (r == 0)
		r = make_dir(m, dir);
	for (size_t i = 0; i < ARRAY_LEN(FILES) && r == 0; i++) {
		OWN(buf_wipe) struct buf b = {0};

		buf_init(&b, FILE_BYTES);
		FILES[i].print(c, &b);
		r = str_format(path, sizeof path, "%s/%s", dir, FILES[i].name);
		if (r == 0)
			r = write_file(m, path, &b);
	}
	return r;
}

static void
values_of(const struct make *m, uint32_t number, struct copy *c)
{
	c->number = number;
	for (int k = 0; k < CANARY_KINDS; k++)
		canaryset_value(&m->ring, m->made, (enum canary_kind)k, number,
		    c->value[k]);
	canaryset_person(&m->ring, m->made, number, c->person);
}

static int
plant(struct make *m)
{
	OWN(buf_wipe) struct buf list = {0};
	OWN(copy_wipe) struct copy c = {0};
	char path[PATH_BYTES];
	int r = str_format(path, sizeof path, "%s/plant", m->dir);

	if (r == 0)
		r = make_dir(m, path);
	if (r == 0)
		r = str_format(path, sizeof path, "%s/plant/%s.csv", m->dir,
		    m->made->name);
	buf_init(&list, LIST_BYTES);
	buf_printf(&list, "copy,kind,value\n");
	for (uint32_t i = 1; i <= m->made->copies && r == 0; i++) {
		values_of(m, i, &c);
		for (int k = 0; k < CANARY_KINDS; k++)
			buf_printf(&list, "%u,%s,%s\n", i,
			    canary_kind_name((enum canary_kind)k), c.value[k]);
		r = write_copy(m, &c);
	}
	return r == 0 ? write_file(m, path, &list) : r;
}

static int
take_key(struct make *m)
{
	struct stat st;
	int r;

	if (lstat(m->key_path, &st) != 0 && errno == ENOENT)
		r = canaryset_new(m->key_path, &m->ring, &m->why);
	else
		r = canaryset_load(m->key_path, &m->ring, &m->why);
	/* Before anything is planted: what is out is in the key. */
	return r == 0 ? canaryset_put(
			    &m->ring, m->key_path, &m->set, &m->made, &m->why)
		      : r;
}

static int
make(struct make *m)
{
	char host[PATH_BYTES];
	int r = str_format(host, sizeof host, "%s/host", m->dir);

	if (r == 0)
		r = make_dir(m, m->dir);
	if (r == 0)
		r = make_dir(m, host);
	if (r == 0)
		r = take_key(m);
	if (r == 0)
		r = canarybuild_set(&m->ring, m->made, host, m->dir, &m->why);
	return r == 0 ? plant(m) : r;
}

static int
options(int argc, char **argv, struct make *m)
{
	const char *name = NULL, *domain = "customers.example", *count = "1";
	uint64_t copies = 0;

	for (int i = 1; i < argc; i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		const char **to = NULL;

		if (str_eq(argv[i], "--provider"))
			to = &name;
		else if (str_eq(argv[i], "--key"))
			to = &m->key_path;
		else if (str_eq(argv[i], "-o"))
			to = &m->dir;
		else if (str_eq(argv[i], "--count"))
			to = &count;
		else if (str_eq(argv[i], "--domain"))
			to = &domain;
		if (to == NULL || next == NULL)
			return cli_usage("canary", "what is \"%s\"?", argv[i]);
		*to = next;
		i++;
	}
	if (name == NULL || m->key_path == NULL || m->dir == NULL)
		return cli_usage(
		    "canary", "make needs --provider, --key and -o");
	if (!str_id(name, CANARY_SET_MAX))
		return cli_usage("canary",
		    "the name of a provider is small letters, digits, \"_\", "
		    "\"-\" and \".\", at most %d",
		    CANARY_SET_MAX);
	if (!str_id(domain, CANARY_DOMAIN_MAX))
		return cli_usage("canary",
		    "--domain is a name of at most %d small letters, digits, "
		    "\"-\" and \".\"",
		    CANARY_DOMAIN_MAX);
	if (str_u64(count, CANARY_COPIES_MAX, &copies) != 0 || copies == 0)
		return cli_usage(
		    "canary", "--count is 1 to %d", CANARY_COPIES_MAX);
	m->set.copies = (uint32_t)copies;
	must(str_copy(m->set.name, sizeof m->set.name, name) == 0);
	must(str_copy(m->set.domain, sizeof m->set.domain, domain) == 0);
	return CLI_OK;
}

int
canarymake_run(int argc, char **argv)
{
	OWN(make_done) struct make m = {0};
	int r = options(argc, argv, &m);

	if (r != CLI_OK)
		return r;
	r = make(&m);
	if (r != 0)
		return cli_error("canary",
		    r == -EBADMSG || r == -EINVAL ? CLI_CONFIG
						  : cli_exit_for(r),
		    "%s", m.why.text[0] != '\0' ? m.why.text : strerror(-r));
	(void)fprintf(stderr,
	    "%s: copies 1 to %u, of %d values each\n"
	    "to plant: %s/plant\n"
	    "for hosts, beside their packs: %s/host\n"
	    "for the collector: chaperone edm import "
	    "%s/" CANARY_INDEX "%s.table --key %s\n",
	    m.made->name, m.made->copies, CANARY_KINDS, m.dir, m.dir, m.dir,
	    m.made->name, m.key_path);
	return CLI_OK;
}
