/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scan - `chaperone scan`: what sensitive data lies in files.
 *
 * Owns: the walk through directories, one line a file, the exit code.
 * Never: reads a file itself (a jailed inspector does, by descriptor); follows
 * a link but one that was named; passes over anything unsaid.
 *
 * The JSON line of a file:
 *   {"path","size","type","examined":BYTES,"skipped":[{"reason","bytes"}],
 *    "findings":[{"detector","class","confidence","count","unique","member",
 *    "spans":[[from,to],...]}]}
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/hub.h"
#include "cli/rules.h"
#include "lib/clock.h"
#include "lib/finding.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

enum { DEPTH_MAX = 256, DIRS_MAX = 32, SHOWN_MAX = 4096 };

#define LINES_MAX ((size_t)64 << 20) /* of findings of one file */
#define PATH_BYTES 65536

/* A file whose outcome is awaited. */
struct pending {
	struct pending *next;
	uint64_t job;
	char *path;
	uint64_t size;
	bool directory;
	struct buf findings, skips; /* members of the two JSON arrays */
	struct buf rows; /* of the table */
};

/* A directory on the way down. */
struct frame {
	int fd;
	dev_t dev;
	char **names;
	size_t n, at;
	size_t path_len;
};

struct scan_run {
	struct hub *hub;
	enum confidence least;
	bool json, progress, colour;
	struct pending *pending;
	uint64_t jobs;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	char path[PATH_BYTES];
	struct diag why;
	/* What it came to. */
	uint64_t files, bytes, found, with_findings, incomplete;
	int refused; /* the exit code of a path that could not be begun */
	uint64_t shown_us;
	bool header;
};

/* ---- lines --------------------------------------------------------------- */

static struct pending *
pending_new(struct scan_run *s, const char *path)
{
	struct pending *p = calloc(1, sizeof *p);

	must(p != NULL);
	p->path = strdup(path);
	must(p->path != NULL);
	p->job = ++s->jobs;
	buf_init(&p->findings, LINES_MAX);
	buf_init(&p->skips, LINES_MAX);
	buf_init(&p->rows, LINES_MAX);
	p->next = s->pending;
	s->pending = p;
	return p;
}

static struct pending **
pending_find(struct scan_run *s, uint64_t job)
{
	struct pending **p = &s->pending;

	while (*p != NULL && (*p)->job != job)
		p = &(*p)->next;
	must(*p != NULL);
	return p;
}

static void
pending_free(struct pending **at)
{
	struct pending *p = *at;

	*at = p->next;
	free(p->path);
	buf_done(&p->findings);
	buf_done(&p->skips);
	buf_done(&p->rows);
	free(p);
}

static void
comma(struct buf *b)
{
	if (b->len > 0)
		buf_put_u8(b, ',');
}

/* One row of the table: word, count, what, and where. */
static void
put_row(struct scan_run *s, struct pending *p, const char *word,
    const char *count, const char *what, const char *member)
{
	char path[SHOWN_MAX], inside[SHOWN_MAX];
	const char *red = "", *plain = "";

	if (s->json)
		return;
	if (s->colour) {
		red = str_eq(word, "skipped") ? "\033[33m" : "\033[31m";
		plain = "\033[0m";
	}
	str_escape(path, sizeof path, p->path, strlen(p->path));
	str_escape(inside, sizeof inside, member, strlen(member));
	buf_printf(&p->rows, "%s%-8s%s %8s  %-28s  %s%s%s\n", red, word, plain,
	    count, what, path, inside[0] != '\0' ? "!" : "", inside);
}

static void
put_skip(struct scan_run *s, struct pending *p, const char *reason,
    const char *member, uint64_t bytes)
{
	struct json j;

	comma(&p->skips);
	json_init(&j, &p->skips);
	json_begin_object(&j, NULL);
	json_str(&j, "reason", reason);
	json_uint(&j, "bytes", bytes);
	json_end_object(&j);
	put_row(s, p, "skipped", "", reason, member);
}

static void
put_finding(struct scan_run *s, struct pending *p, const struct finding *f)
{
	char count[24];
	struct json j;

	comma(&p->findings);
	json_init(&j, &p->findings);
	json_begin_object(&j, NULL);
	json_str(&j, "detector", f->detector);
	json_str(&j, "class", f->class_name);
	json_str(&j, "confidence", confidence_name(f->confidence));
	json_uint(&j, "count", f->count);
	json_uint(&j, "unique", f->unique);
	json_str(&j, "member", f->member);
	json_begin_array(&j, "spans");
	for (size_t i = 0; i < f->nspans; i++) {
		json_begin_array(&j, NULL);
		json_uint(&j, NULL, f->spans[i].from);
		json_uint(&j, NULL, f->spans[i].to);
		json_end_array(&j);
	}
	json_end_array(&j);
	json_end_object(&j);
	(void)snprintf(count, sizeof count, "%" PRIu64, f->count);
	put_row(s, p, confidence_name(f->confidence), count, f->detector,
	    f->member);
}

static void
print_json(const struct pending *p, const struct hub_done *d)
{
	OWN(buf_done) struct buf line = {0};
	OWN(buf_done) struct buf list = {0};
	struct json j;

	buf_init(&line, 3 * LINES_MAX);
	buf_init(&list, LINES_MAX + 2);
	json_init(&j, &line);
	json_begin_object(&j, NULL);
	json_bytes(&j, "path", p->path, strlen(p->path));
	json_uint(&j, "size", d->size);
	json_str(&j, "type", d->type);
	json_uint(&j, "examined", d->examined);
	buf_printf(&list, "[");
	buf_put(&list, p->skips.data, p->skips.len);
	buf_printf(&list, "]");
	json_raw(&j, "skipped", list.data, list.len);
	buf_reset(&list);
	buf_printf(&list, "[");
	buf_put(&list, p->findings.data, p->findings.len);
	buf_printf(&list, "]");
	json_raw(&j, "findings", list.data, list.len);
	json_end_object(&j);
	cli_line(&line);
}

static void
clear_progress(struct scan_run *s)
{
	if (s->progress && s->shown_us > 0)
		(void)fputs("\r\033[K", stderr);
}

static void
show_progress(struct scan_run *s)
{
	uint64_t now = clock_boot_us();

	if (!s->progress || now - s->shown_us < 200000)
		return;
	s->shown_us = now;
	(void)fprintf(stderr,
	    "\r\033[K%" PRIu64 " files, %" PRIu64 " MB, %" PRIu64 " findings",
	    s->files, s->bytes / 1000000, s->found);
}

static void
print_rows(struct scan_run *s, struct pending *p)
{
	if (p->rows.len == 0)
		return;
	clear_progress(s);
	if (!s->header)
		(void)printf("%-8s %8s  %-28s  %s\n", "LEVEL", "COUNT",
		    "DETECTOR OR REASON", "WHERE");
	s->header = true;
	p->rows.len--; /* cli_line brings the last line's end */
	cli_line(&p->rows);
}

/* A file is done: its line, and what it means for the whole. */
static void
finish(struct scan_run *s, struct pending **at, const struct hub_done *d)
{
	struct pending *p = *at;
	static const char FULL[] = "more findings than are kept";

	if (buf_error(&p->findings) != 0 || buf_error(&p->skips) != 0) {
		buf_reset(&p->findings);
		buf_reset(&p->skips);
		put_skip(s, p, FULL, "", 0);
		s->incomplete++;
		s->with_findings++;
	}
	s->with_findings += p->findings.len > 0;
	if (p->directory && p->findings.len + p->skips.len == 0) {
		pending_free(at);
		return;
	}
	s->files += !p->directory;
	s->bytes += d->examined;
	if (s->json)
		print_json(p, d);
	else
		print_rows(s, p);
	pending_free(at);
	show_progress(s);
}

/* A thing that no inspector sees. @incomplete: content was missed. */
static void
told(struct scan_run *s, const char *type, const char *reason, uint64_t size,
    bool incomplete)
{
	struct pending *p = pending_new(s, s->path);
	struct hub_done d = {.job = p->job, .size = size, .type = type};

	put_skip(s, p, reason, "", size);
	s->incomplete += incomplete;
	finish(s, &s->pending, &d);
}

/* ---- answers ------------------------------------------------------------- */

static void
on_finding(void *ctx, uint64_t id, struct finding *f)
{
	struct scan_run *s = ctx;

	if (f->confidence >= s->least) {
		s->found++;
		put_finding(s, *pending_find(s, id), f);
	}
	finding_done(f);
}

static void
on_skip(void *ctx, uint64_t id, const struct hub_skip *k)
{
	struct scan_run *s = ctx;

	s->incomplete++;
	put_skip(s, *pending_find(s, id), k->reason, k->member, k->bytes);
}

static void
on_done(void *ctx, const struct hub_done *d)
{
	struct scan_run *s = ctx;
	struct pending **p = pending_find(s, d->job);
	struct hub_done known = *d;

	if (d->crashed)
		known.size = (*p)->size;
	if ((*p)->directory)
		known.type = "inode/directory";
	finish(s, p, &known);
}

static void
on_loss(void *ctx, const char *stage, const char *reason, uint64_t lost,
    uint64_t bytes)
{
	struct scan_run *s = ctx;

	(void)bytes;
	s->incomplete++;
	clear_progress(s);
	(void)fprintf(stderr, "chaperone scan: %s: %s (%" PRIu64 ")\n", stage,
	    reason, lost);
}

/* ---- the walk ------------------------------------------------------------ */

static const char *
reason_of(int err)
{
	return err == EACCES || err == EPERM ? "permission denied"
	       : err == ENOENT               ? "vanished"
	       : err == ELOOP                ? "symbolic link"
					     : "cannot be opened";
}

/* @fd is taken. */
static int
submit(
    struct scan_run *s, int fd, const char *name, uint64_t size, bool directory)
{
	struct pending *p = pending_new(s, s->path);
	int r;

	p->size = size;
	p->directory = directory;
	while ((r = hub_submit(s->hub, p->job, fd, 0, name, strlen(name))) ==
	       -EAGAIN) {
		r = hub_step(s->hub, -1, &s->why);
		if (r != 0) {
			own_close(&fd);
			return r;
		}
		show_progress(s);
	}
	return r;
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void
frame_done(struct frame *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->names[i]);
	free(f->names);
	own_close(&f->fd);
}

static int
read_names(struct frame *f)
{
	DIR *dir;
	struct dirent *e;
	size_t cap = 0;
	int copy = dup(f->fd);

	dir = copy >= 0 ? fdopendir(copy) : NULL;
	if (dir == NULL) {
		int r = -errno;

		own_close(&copy);
		return r;
	}
	while ((errno = 0, e = readdir(dir)) != NULL) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (f->n == cap) {
			char **more;

			cap = cap == 0 ? 64 : cap * 2;
			more = reallocarray(f->names, cap, sizeof *more);
			must(more != NULL);
			f->names = more;
		}
		f->names[f->n] = strdup(e->d_name);
		must(f->names[f->n] != NULL);
		f->n++;
	}
	if (errno != 0) {
		int r = -errno;

		(void)closedir(dir);
		return r;
	}
	(void)closedir(dir);
	qsort(f->names, f->n, sizeof *f->names, compare);
	return 0;
}

/* File systems whose files are no files. */
static bool
pseudo(int fd)
{
	static const long TYPES[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC,
	    DEBUGFS_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC,
	    CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,
	    PSTOREFS_MAGIC, EFIVARFS_MAGIC, DEVPTS_SUPER_MAGIC};
	struct statfs fs;

	if (fstatfs(fd, &fs) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
		if (fs.f_type == TYPES[i])
			return true;
	return false;
}

/* @fd is taken. */
static int
enter_directory(
    struct scan_run *s, int fd, const struct stat *st, const char *name)
{
	struct frame *f;
	int r;

	if (s->depth == DEPTH_MAX || pseudo(fd)) {
		told(s, "inode/directory",
		    s->depth == DEPTH_MAX ? "too deep" : "pseudo file system",
		    0, true);
		own_close(&fd);
		return 0;
	}
	f = &s->frames[s->depth];
	*f = (struct frame){
	    .fd = fd, .dev = st->st_dev, .path_len = strlen(s->path)};
	r = read_names(f);
	if (r != 0) {
		told(s, "inode/directory", reason_of(-r), 0, true);
		frame_done(f);
		return 0;
	}
	s->depth++;
	return submit(s, -1, name, 0, true);
}

static const char *
special(mode_t mode)
{
	if (S_ISLNK(mode))
		return "inode/symlink";
	if (S_ISFIFO(mode))
		return "inode/fifo";
	if (S_ISSOCK(mode))
		return "inode/socket";
	if (S_ISBLK(mode))
		return "inode/blockdevice";
	return "inode/chardevice";
}

/* Something that is neither a file nor a directory: it holds no content. */
static void
tell_special(struct scan_run *s, mode_t mode)
{
	told(s, special(mode),
	    S_ISLNK(mode) ? "symbolic link" : "not a regular file", 0, false);
}

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* Opens what lies at a path, and gives it to whoever it is for. */
static int
visit(struct scan_run *s, int dir, const char *path, int flags)
{
	const char *name = last_part(path);
	struct stat st;
	int fd;

	/* A look first: opening a device or a pipe can have effects. */
	if (fstatat(dir, path, &st,
		(flags & O_NOFOLLOW) != 0 ? AT_SYMLINK_NOFOLLOW : 0) != 0) {
		int e = errno;

		told(s, "", reason_of(e), 0, true);
		return -e;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		tell_special(s, st.st_mode);
		return 0;
	}
	fd = openat(
	    dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
	if (fd < 0 || fstat(fd, &st) != 0) {
		int e = errno;

		told(s, S_ISDIR(st.st_mode) ? "inode/directory" : "",
		    reason_of(e), (uint64_t)st.st_size, true);
		own_close(&fd);
		return -e;
	}
	if (S_ISDIR(st.st_mode))
		return enter_directory(s, fd, &st, name);
	if (!S_ISREG(st.st_mode)) {
		/* It was replaced between the two looks. */
		own_close(&fd);
		tell_special(s, st.st_mode);
		return 0;
	}
	return submit(s, fd, name, (uint64_t)st.st_size, false);
}

/* The next name of the innermost directory. */
static int
step_down(struct scan_run *s)
{
	struct frame *f = &s->frames[s->depth - 1];
	const char *name;
	size_t at = f->path_len;
	int r;

	if (f->at == f->n) {
		frame_done(f);
		s->depth--;
		return 0;
	}
	name = f->names[f->at++];
	if (at > 0 && s->path[at - 1] != '/')
		s->path[at++] = '/';
	if (str_copy(s->path + at, sizeof s->path - at, name) != 0) {
		s->path[f->path_len] = '\0';
		told(s, "", "the path is too long", 0, true);
		return 0;
	}
	r = visit(s, f->fd, name, O_NOFOLLOW);
	/* What one file refuses is told; what the hub cannot do ends it. */
	return s->why.text[0] != '\0' ? r : 0;
}

static int
walk(struct scan_run *s, const char *path)
{
	int r;

	if (str_copy(s->path, sizeof s->path, path) != 0)
		return -ENAMETOOLONG;
	r = visit(s, AT_FDCWD, path, 0);
	while (s->why.text[0] == '\0' && s->depth > 0) {
		int e = step_down(s);

		if (e != 0 && r == 0)
			r = e;
	}
	while (s->depth > 0)
		frame_done(&s->frames[--s->depth]);
	return r;
}

/* ---- the command --------------------------------------------------------- */

struct scan_args {
	const char *rules[DIRS_MAX];
	size_t nrules;
	uint64_t jobs;
	char **paths;
	int npaths;
};

static int
option(struct scan_run *s, struct scan_args *a, const char *name,
    const char *value)
{
	if (str_eq(name, "--rules")) {
		if (a->nrules == DIRS_MAX)
			return cli_usage(
			    "scan", "more than %d --rules", (int)DIRS_MAX);
		a->rules[a->nrules++] = value;
		return 0;
	}
	if (str_eq(name, "--min-confidence")) {
		if (confidence_parse(value, &s->least) != 0)
			return cli_usage("scan",
			    "--min-confidence is low, medium or high, not "
			    "\"%s\"",
			    value);
		return 0;
	}
	if (str_u64(value, HUB_INSPECTORS_MAX, &a->jobs) != 0 || a->jobs == 0)
		return cli_usage("scan", "--jobs is a number from 1 to %d",
		    HUB_INSPECTORS_MAX);
	return 0;
}

static int
parse(struct scan_run *s, struct scan_args *a, int argc, char **argv)
{
	static const char *const VALUED[] = {
	    "--rules", "--min-confidence", "--jobs"};
	int n = 0;
	bool options = true;

	a->paths = argv;
	for (int i = 1; i < argc; i++) {
		bool valued = false;
		int r;

		if (!options || argv[i][0] != '-' || argv[i][1] == '\0') {
			a->paths[n++] = argv[i];
			continue;
		}
		if (str_eq(argv[i], "--")) {
			options = false;
			continue;
		}
		if (str_eq(argv[i], "--json")) {
			s->json = true;
			continue;
		}
		for (size_t k = 0; k < ARRAY_LEN(VALUED); k++)
			valued |= str_eq(argv[i], VALUED[k]);
		if (!valued)
			return cli_usage(
			    "scan", "option \"%s\" is not known", argv[i]);
		if (i + 1 == argc)
			return cli_usage("scan", "%s needs a value", argv[i]);
		r = option(s, a, argv[i], argv[i + 1]);
		if (r != 0)
			return r;
		i++;
	}
	a->npaths = n;
	return n == 0 ? cli_usage("scan", "no path is given") : 0;
}

/* A path that was asked for and could not be begun. */
static void
refuse(struct scan_run *s, const char *path, int err)
{
	char shown[SHOWN_MAX];
	int code = err == -EACCES || err == -EPERM ? CLI_DENIED : CLI_USAGE;

	str_escape(shown, sizeof shown, path, strlen(path));
	clear_progress(s);
	(void)cli_error("scan", code, "%s: %s", shown, strerror(-err));
	if (s->refused == 0)
		s->refused = code;
}

static int
scan_all(struct scan_run *s, const struct scan_args *a)
{
	int r = 0;

	for (int i = 0; i < a->npaths && s->why.text[0] == '\0'; i++) {
		r = walk(s, a->paths[i]);
		if (r != 0 && s->why.text[0] == '\0')
			refuse(s, a->paths[i], r);
	}
	r = 0;
	while (r == 0 && s->why.text[0] == '\0' && !hub_idle(s->hub)) {
		r = hub_step(s->hub, -1, &s->why);
		show_progress(s);
	}
	clear_progress(s);
	return s->why.text[0] != '\0' ? -EIO : r;
}

static int
verdict(const struct scan_run *s)
{
	if (!s->json)
		(void)fprintf(stderr,
		    "%" PRIu64 " files, %" PRIu64 " bytes examined; %" PRIu64
		    " findings in %" PRIu64 " files; %" PRIu64
		    " parts not examined\n",
		    s->files, s->bytes, s->found, s->with_findings,
		    s->incomplete);
	if (s->refused != 0)
		return s->refused;
	if (s->with_findings > 0)
		return CLI_DIFFERENCE;
	return s->incomplete > 0 ? CLI_INCOMPLETE : CLI_OK;
}

static uint64_t
processors(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return 1;
	n = CPU_COUNT(&set);
	return n > HUB_INSPECTORS_MAX ? HUB_INSPECTORS_MAX : (uint64_t)n;
}

static int
run(int argc, char **argv)
{
	struct scan_run *s = calloc(1, sizeof *s);
	struct scan_args a = {.jobs = processors()};
	struct hub_calls calls = {.ctx = s,
	    .finding = on_finding,
	    .skip = on_skip,
	    .done = on_done,
	    .loss = on_loss};
	struct hub_options o = {.bin = cli_bin(), .rules = a.rules};
	int r;

	must(s != NULL);
	s->least = CONFIDENCE_LOW;
	r = parse(s, &a, argc, argv);
	if (r != 0) {
		free(s);
		return r;
	}
	s->progress = cli_tty(STDERR_FILENO);
	s->colour = !s->json && cli_tty(STDOUT_FILENO);
	if (a.nrules == 0)
		a.rules[a.nrules++] = cli_rules_dir();
	o.nrules = a.nrules;
	o.inspectors = (unsigned)a.jobs;
	r = hub_start(&o, &calls, &s->hub, &s->why);
	if (r == 0)
		r = scan_all(s, &a);
	if (r != 0)
		r = cli_error("scan", cli_exit_for(r), "%s", s->why.text);
	else
		r = verdict(s);
	hub_free(s->hub);
	while (s->pending != NULL)
		pending_free(&s->pending);
	free(s);
	return r;
}

const struct command command_scan = {
    .name = "scan",
    .summary = "find sensitive data in files",
    .help =
	"Example: chaperone scan --json /srv | jq -c 'select(.findings!=[])'\n"
	"\n"
	"Usage: chaperone scan [--rules DIR]... [--min-confidence LEVEL]\n"
	"                      [--jobs N] [--json] PATH...\n"
	"\n"
	"Looks into files and directories, and into gzip, zip and tar within\n"
	"them, in a jailed process. Nothing is decided by a file's name, and\n"
	"what is not examined is said.\n"
	"\n"
	"  --rules DIR             rule packs; default: the shipped ones\n"
	"  --min-confidence LEVEL  low (the default), medium or high\n"
	"  --jobs N                processes; default: one a processor\n"
	"  --json                  one object a file\n"
	"\n"
	"Exit: 0 nothing found, 1 something found, 2 usage or no such path,\n"
	"3 bad rules, 4 not permitted, 8 nothing found but parts were not\n"
	"examined.\n",
    .run = run,
};
