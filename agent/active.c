/* SPDX-License-Identifier: Apache-2.0 */
/*
 * active - the configuration in force: a checked copy below the state.
 *
 * Owns: STATE/active (agent.yaml, roster.yaml, rules/N/ with packs and their files)
 * and STATE/active.new, where a copy is made and checked.
 * Never: changes what is in force before all of the new one was found good;
 * parses rules or a roster itself.
 */
#include "agent/active.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/exact.h"
#include "lib/str.h"
#include "lib/yaml.h"

#include "lib/own.h"

#define PATH_SIZE 4096
#define FILES_MAX 256
#define CHECK_OUTPUT 400

static int
fail(struct diag *why, const char *path)
{
	int e = errno != 0 ? errno : EIO;

	return diag_set(why, -e, "%s: %s", path, strerror(e));
}

/* A path of our own making; its parts are bounded by active_install. */
#define make_path(out, ...) must(str_format(out, sizeof(out), __VA_ARGS__) == 0)

static int
remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
    struct FTW *at UNUSED)
{
	return remove(path);
}

static int
remove_tree(const char *path)
{
	/* Depth first, no links followed; what is there is our own copy. */
	if (nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0 &&
	    errno != ENOENT)
		return -errno;
	return 0;
}

/* How a file is copied: its mode, and the most bytes that it may have. */
struct copy {
	mode_t mode;
	size_t max;
};

static int
copy_file(
    const char *from, const char *to, const struct copy *how, struct diag *why)
{
	OWN_FD int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	OWN_FD int out = -1;
	char block[65536];
	size_t total = 0;
	struct stat st;
	ssize_t n;

	if (in < 0 || fstat(in, &st) != 0)
		return fail(why, from);
	if (!S_ISREG(st.st_mode))
		return diag_set(why, -EINVAL, "%s: is not a file", from);
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, how->mode);
	if (out < 0)
		return fail(why, to);
	while ((n = read(in, block, sizeof block)) > 0) {
		total += (size_t)n;
		if (total > how->max)
			return diag_set(why, -EFBIG,
			    "%s: is larger than %zu bytes", from, how->max);
		if (write(out, block, (size_t)n) != n)
			return fail(why, to);
	}
	return n == 0 && fsync(out) == 0 ? 0 : fail(why, n < 0 ? from : to);
}

/* Packs, the indexes and lists of terms that they may name, and who signed. */
static const struct copy *
rules_file(const char *name)
{
	static const struct copy pack = {0644, YAML_FILE_MAX};
	static const struct copy index = {0644, EXACT_FILE_MAX};
	static const struct copy terms = {0644, YAML_FILE_MAX};
	size_t n = strlen(name);

	if (name[0] == '.' || n <= 5)
		return NULL;
	if (strcmp(name + n - 5, ".yaml") == 0 ||
	    strcmp(name, "rules.sig") == 0)
		return &pack;
	if (n > 6 && strcmp(name + n - 6, ".terms") == 0)
		return &terms;
	return strcmp(name + n - 4, ".edm") == 0 ? &index : NULL;
}

static int
copy_rules(const char *from, const char *to, struct diag *why)
{
	char a[PATH_SIZE], b[PATH_SIZE];
	const struct dirent *e;
	size_t n = 0;
	int r = 0;
	DIR *d = opendir(from);

	if (d == NULL)
		return fail(why, from);
	if (mkdir(to, 0755) != 0)
		r = fail(why, to);
	while (r == 0 && (e = readdir(d)) != NULL) {
		const struct copy *how = rules_file(e->d_name);

		if (how == NULL)
			continue;
		if (++n > FILES_MAX) {
			r = diag_set(why, -E2BIG,
			    "%s: more than %d packs and files of theirs", from,
			    FILES_MAX);
			break;
		}
		r = str_format(a, sizeof a, "%s/%s", from, e->d_name);
		if (r == 0)
			r = str_format(b, sizeof b, "%s/%s", to, e->d_name);
		if (r != 0)
			(void)diag_set(
			    why, r, "%s: a name below it is too long", from);
		else
			r = copy_file(a, b, how, why);
	}
	(void)closedir(d);
	return r;
}

/*
 * Runs a program that checks something; the first thing that it says on
 * standard error becomes the sentence.
 */
static int
run_check(const char *const *argv, struct diag *why)
{
	char said[CHECK_OUTPUT], clean[CHECK_OUTPUT + 64];
	size_t n = 0;
	int pair[2], status;
	ssize_t got;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) != 0)
		return fail(why, argv[0]);
	pid = fork();
	if (pid == 0) {
		if (dup2(pair[1], STDERR_FILENO) < 0 ||
		    dup2(pair[1], STDOUT_FILENO) < 0)
			_exit(71);
		(void)execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return fail(why, argv[0]);
	}
	/* Read to the end, so that the program never waits for us. */
	for (;;) {
		char rest[512];
		bool room = n < sizeof said - 1;

		got = room ? read(pair[0], said + n, sizeof said - 1 - n)
			   : read(pair[0], rest, sizeof rest);
		if (got <= 0)
			break;
		if (room)
			n += (size_t)got;
	}
	close(pair[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail(why, argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	while (n > 0 && said[n - 1] == '\n')
		n--;
	for (size_t i = 0; i < n; i++)
		if (said[i] == '\n')
			said[i] = ' ';
	str_escape(clean, sizeof clean, said, n);
	return diag_set(why, -EBADMSG, "%s",
	    n > 0 ? clean : "a check failed without a word");
}

/* Copies everything that @c names below @base, and lets @c name the copies. */
static int
copy_all(
    struct config *c, const char *base, const char *final, struct diag *why)
{
	char to[PATH_SIZE], name[PATH_SIZE];
	int r = 0;

	make_path(to, "%s/rules", base);
	if (mkdir(to, 0755) != 0)
		return fail(why, to);
	for (size_t i = 0; r == 0 && i < c->rules.n; i++) {
		make_path(to, "%s/rules/%zu", base, i);
		make_path(name, "%s/rules/%zu", final, i);
		r = copy_rules(c->rules.items[i], to, why);
		if (r == 0)
			r = config_copy(&c->rules.items[i], name);
	}
	if (r == 0 && c->roster != NULL) {
		make_path(to, "%s/roster.yaml", base);
		make_path(name, "%s/roster.yaml", final);
		r = copy_file(c->roster, to,
		    &(const struct copy){0600, YAML_FILE_MAX}, why);
		if (r == 0)
			r = config_copy(&c->roster, name);
	}
	if (r == 0) {
		make_path(to, "%s/agent.yaml", base);
		r = config_write(c, to, why);
	}
	return r;
}

/*
 * Every directory is signed by the key of the configuration, and no pack goes
 * below the version of the directory in this place that is in force (@final).
 */
static int
check_signed(const struct config *c, const char *base, const char *final,
    const char *program, struct diag *why)
{
	char fresh[PATH_SIZE], before[PATH_SIZE];

	for (size_t i = 0; i < c->rules.n; i++) {
		const char *argv[9] = {
		    program, "rules", "verify", "--vkey", c->rules_vkey};
		size_t n = 5;
		int r;

		make_path(before, "%s/rules/%zu", final, i);
		make_path(fresh, "%s/rules/%zu", base, i);
		if (access(before, F_OK) == 0) {
			argv[n++] = "--previous";
			argv[n++] = before;
		}
		argv[n] = fresh;
		r = run_check(argv, why);
		if (r != 0)
			return r;
	}
	return 0;
}

static int
check_all(const struct config *c, const char *base, const char *final,
    const char *bin, struct diag *why)
{
	char program[PATH_SIZE], dirs[CONFIG_LIST_MAX][PATH_SIZE];
	char roster[PATH_SIZE];
	const char *argv[CONFIG_LIST_MAX + 5];
	size_t n = 0;
	int r;

	make_path(program, "%s/chaperone", bin);
	argv[n++] = program;
	argv[n++] = "rules";
	argv[n++] = "check";
	/* The files of samples stay with who wrote the rules. */
	argv[n++] = "--no-inspector";
	for (size_t i = 0; i < c->rules.n; i++) {
		make_path(dirs[i], "%s/rules/%zu", base, i);
		argv[n++] = dirs[i];
	}
	argv[n] = NULL;
	r = run_check(argv, why);
	if (r == 0 && c->rules_vkey != NULL)
		r = check_signed(c, base, final, program, why);
	if (r != 0 || c->roster == NULL)
		return r;
	make_path(program, "%s/chaperone-watch", bin);
	make_path(roster, "%s/roster.yaml", base);
	return run_check(
	    (const char *const[]){program, "--check", roster, NULL}, why);
}

/* Puts the copy in force in one step; what was there before goes. */
static int
exchange(const char *fresh, const char *final, struct diag *why)
{
	if (renameat2(AT_FDCWD, fresh, AT_FDCWD, final, RENAME_EXCHANGE) == 0)
		return remove_tree(fresh);
	if (errno != ENOENT || rename(fresh, final) != 0)
		return fail(why, final);
	return 0;
}

int
active_install(
    const char *path, const char *bin, struct config *out, struct diag *why)
{
	char fresh[PATH_SIZE], final[PATH_SIZE];
	struct config c;
	int r = config_read(path, &c, why);

	if (r != 0)
		return r;
	if (strlen(c.state) > PATH_SIZE / 2) {
		config_done(&c);
		return diag_set(why, -ENAMETOOLONG, "state: is too long");
	}
	make_path(fresh, "%s/active.new", c.state);
	make_path(final, "%s/active", c.state);
	if (mkdir(c.state, 0711) != 0 && errno != EEXIST)
		r = fail(why, c.state);
	if (r == 0 && (r = remove_tree(fresh)) != 0)
		(void)diag_set(why, r, "%s: %s", fresh, strerror(-r));
	if (r == 0 && mkdir(fresh, 0755) != 0)
		r = fail(why, fresh);
	if (r == 0)
		r = copy_all(&c, fresh, final, why);
	if (r == 0)
		r = check_all(&c, fresh, final, bin, why);
	if (r == 0)
		r = exchange(fresh, final, why);
	if (r != 0) {
		config_done(&c);
		return r;
	}
	config_done(out);
	*out = c;
	return 0;
}
