/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canarycheck - `chaperone canary check`: whose canaries stand in files.
 *
 * Owns: the way from a key to an answer: the sets of the key are built anew into
 * a directory of our own, jailed inspectors look with these alone, and what they
 * seal is opened and looked up here. So a canary is found in whatever a scan
 * looks into.
 * Never: reads a file itself; writes a value to a disk, or keeps that directory.
 *
 * A JSON line: {"path","member","set","copy","kind"}; one for each value in each
 * member, however often and in whatever encoding it stands there.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/canaryset.h"
#include "cli/cli.h"
#include "cli/probe.h"
#include "lib/json.h"
#include "lib/rows.h"
#include "lib/str.h"

#include "lib/own.h"

enum {
	PATH_BYTES = 4096,
	SHOWN_MAX = 4096,
	LINE_BYTES = 1 << 20,
	COPY_BYTES = 65536,
	INPUT_MAX = 1 << 30, /* of standard input */
	TOLD_MAX = CANARY_SETS_MAX * EXACT_CANDIDATES_MAX,
};

struct check {
	struct canary_ring ring;
	struct rows_table *tables[CANARY_SETS_MAX]; /* of each set; owned */
	char dir[PATH_BYTES]; /* "": there is none */
	int input_fd; /* what standard input became; 0: nothing */
	char input[32]; /* its path, or "" */
	const char *key_path;
	bool json;
	/* What was told of the last member. */
	char *path, *member; /* owned */
	uint64_t told[TOLD_MAX];
	size_t ntold;
	uint64_t found, more;
	struct diag why;
};

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path) == 0 ? 0 : -1;
}

static void
check_done(struct check *c)
{
	for (size_t i = 0; i < c->ring.n; i++)
		rows_close(c->tables[i]);
	canaryset_done(&c->ring);
	free(c->path);
	free(c->member);
	if (c->input_fd > 0)
		close(c->input_fd);
	if (c->dir[0] != '\0' &&
	    nftw(c->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
		(void)fprintf(stderr,
		    "chaperone canary: %s could not be removed: %s\n", c->dir,
		    strerror(errno));
}

/* ---- the sets ---- */

static int
make_dir(struct check *c)
{
	const char *tmp = getenv("TMPDIR");
	char path[PATH_BYTES];
	int r = str_format(path, sizeof path, "%s/chaperone-canary-XXXXXX",
	    tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");

	if (r == 0 && mkdtemp(path) == NULL)
		r = diag_set(&c->why, -errno, "%s: %s", path, strerror(errno));
	return r == 0 ? str_copy(c->dir, sizeof c->dir, path) : r;
}

static int
build_all(struct check *c)
{
	char path[PATH_BYTES];
	int r = make_dir(c);

	for (size_t i = 0; i < c->ring.n && r == 0; i++) {
		const struct canary_set *s = &c->ring.sets[i];

		r = canarybuild_set(&c->ring, s, c->dir, c->dir, &c->why);
		if (r == 0)
			r = str_format(path, sizeof path,
			    "%s/" CANARY_INDEX "%s.table", c->dir, s->name);
		if (r == 0)
			r = rows_open(path, &c->tables[i], &c->why);
	}
	return r;
}

/* ---- what was found ---- */

/* Whether it was told of this member already: a finding of what stands encoded
 * carries what stands in the clear, too. */
static bool
was_told(struct check *c, const char *path, const struct finding *f, size_t set,
    uint32_t number)
{
	uint64_t key = (uint64_t)set << 32 | number;

	if (c->path == NULL || !str_eq(c->path, path) ||
	    !str_eq(c->member, f->member)) {
		free(c->path);
		free(c->member);
		c->path = strdup(path);
		c->member = strdup(f->member);
		must(c->path != NULL && c->member != NULL);
		c->ntold = 0;
	}
	for (size_t i = 0; i < c->ntold; i++)
		if (c->told[i] == key)
			return true;
	if (c->ntold < ARRAY_LEN(c->told))
		c->told[c->ntold++] = key;
	return false;
}

static void
tell(struct check *c, const char *path, const struct finding *f, size_t set,
    uint32_t number)
{
	const char *name = c->ring.sets[set].name;
	OWN(buf_done) struct buf b = {0};
	char shown[SHOWN_MAX], inside[SHOWN_MAX];
	enum canary_kind kind;
	uint32_t copy;
	struct json j;

	if (!canary_parts(number, &kind, &copy) ||
	    was_told(c, path, f, set, number))
		return;
	if (str_eq(path, c->input))
		path = "-";
	c->found++;
	buf_init(&b, LINE_BYTES);
	if (c->json) {
		json_init(&j, &b);
		json_begin_object(&j, NULL);
		json_bytes(&j, "path", path, strlen(path));
		json_str(&j, "member", f->member);
		json_str(&j, "set", name);
		json_uint(&j, "copy", copy);
		json_str(&j, "kind", canary_kind_name(kind));
		json_end_object(&j);
	} else {
		str_escape(shown, sizeof shown, path, strlen(path));
		str_escape(inside, sizeof inside, f->member, strlen(f->member));
		buf_printf(&b, "%s%s%s: canary of %s, copy %u: %s", shown,
		    inside[0] != '\0' ? "!" : "", inside, name, copy,
		    canary_kind_name(kind));
	}
	cli_line(&b);
}

static void
on_finding(void *ctx, const char *path, const struct finding *f)
{
	struct check *c = ctx;
	struct exact_sealed s;
	struct rows_verdict v = {0};

	if (f->sealed == NULL || exact_open(c->ring.key, f->sealed, &s) != 0)
		return;
	for (size_t i = 0; i < c->ring.n; i++) {
		if (rows_confirm(c->tables[i], c->ring.key, &s, &v) != 0)
			continue;
		for (unsigned k = 0; k < v.confirmed; k++)
			tell(c, path, f, i, rows_number(v.marks[k]));
	}
	if (f->unique > EXACT_CANDIDATES_MAX)
		c->more += f->unique - EXACT_CANDIDATES_MAX;
	explicit_bzero(&s, sizeof s);
}

static void
on_skip(void *ctx, const char *path, const char *member, const char *reason)
{
	char shown[SHOWN_MAX], inside[SHOWN_MAX];

	(void)ctx;
	str_escape(shown, sizeof shown, path, strlen(path));
	str_escape(inside, sizeof inside, member, strlen(member));
	(void)fprintf(stderr, "%s%s%s: not examined: %s\n", shown,
	    inside[0] != '\0' ? "!" : "", inside, reason);
}

/* ---- the files ---- */

/* Standard input becomes a file in memory: nothing of it comes to a disk. */
static int
take_input(struct check *c)
{
	char block[COPY_BYTES];
	uint64_t total = 0;
	ssize_t n;

	if (c->input_fd != 0)
		return diag_set(&c->why, -EINVAL, "one \"-\" is enough");
	c->input_fd = memfd_create("input", MFD_CLOEXEC);
	if (c->input_fd < 0)
		return -errno;
	while ((n = read(STDIN_FILENO, block, sizeof block)) > 0) {
		total += (uint64_t)n;
		if (total > INPUT_MAX)
			return diag_set(&c->why, -EFBIG,
			    "standard input has more than %d MiB; give a file",
			    INPUT_MAX >> 20);
		for (ssize_t at = 0, w; at < n; at += w)
			if ((w = write(c->input_fd, block + at,
				 (size_t)(n - at))) <= 0)
				return w < 0 ? -errno : -EIO;
	}
	if (n < 0)
		return -errno;
	return str_format(
	    c->input, sizeof c->input, "/proc/self/fd/%d", c->input_fd);
}

static int
look(struct check *c, char *const *paths, int npaths)
{
	struct probe p = {.command = "canary",
	    .rules = {c->dir},
	    .nrules = 1,
	    .calls = {.ctx = c, .finding = on_finding, .skip = on_skip}};
	int r = probe_run(&p, paths, npaths);

	if (r != CLI_OK)
		return r;
	if (c->more > 0)
		(void)fprintf(stderr,
		    "%" PRIu64 " more: of one set in one text %d are told\n",
		    c->more, EXACT_CANDIDATES_MAX);
	(void)fprintf(stderr,
	    "%" PRIu64 " files, %" PRIu64 " canaries of %zu sets\n", p.files,
	    c->found, c->ring.n);
	return c->found > 0   ? CLI_DIFFERENCE
	       : p.missed > 0 ? CLI_INCOMPLETE
			      : CLI_OK;
}

static int
check(struct check *c, char **paths, int npaths)
{
	int r = canaryset_load(c->key_path, &c->ring, &c->why);

	if (r == 0 && c->ring.n == 0)
		r = diag_set(&c->why, -EBADMSG,
		    "%s: no set was made with it; chaperone canary make with "
		    "the same provider makes the same values again",
		    c->key_path);
	if (r == 0)
		r = build_all(c);
	for (int i = 0; i < npaths && r == 0; i++)
		if (str_eq(paths[i], "-")) {
			r = take_input(c);
			paths[i] = c->input;
		}
	if (r != 0)
		return cli_error("canary",
		    r == -EBADMSG || r == -EINVAL ? CLI_CONFIG
						  : cli_exit_for(r),
		    "%s", c->why.text[0] != '\0' ? c->why.text : strerror(-r));
	return look(c, paths, npaths);
}

int
canarycheck_run(int argc, char **argv)
{
	OWN(check_done) struct check c = {0};
	int n = 0;

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json")) {
			c.json = true;
		} else if (str_eq(argv[i], "--key") && i + 1 < argc) {
			c.key_path = argv[++i];
		} else if (argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[n++] = argv[i];
		} else {
			return cli_usage("canary", "what is \"%s\"?", argv[i]);
		}
	}
	if (c.key_path == NULL || n == 0)
		return cli_usage("canary", "check needs --key and a file");
	return check(&c, argv, n);
}
