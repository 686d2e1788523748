/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone evidence - checks a log offline.
 *
 * Owns: where in a directory a log and its keys are, what makes the verdict,
 * and how it is told.
 * Never: writes anything; takes a key from the directory without saying so.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/verify.h"
#include "lib/buf.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define PROBLEMS_TOLD 1000
#define MISSING_MAX 8

/* A key, and where it is from. */
struct trust {
	struct vkey key;
	const char *from; /* "given", "directory", or "none" */
};

struct evidence {
	char dir[4096]; /* where log.db is */
	struct trust log, cosign;
	bool json;
	struct verify v;
	char missing[MISSING_MAX][256];
	size_t nmissing;
};

/* ---- what is told ---- */

static void
on_problem(void *ctx, const struct problem *p)
{
	const struct evidence *e = ctx;
	OWN(buf_done) struct buf line = {0};
	struct json j;

	if (e->v.problems > PROBLEMS_TOLD)
		return;
	buf_init(&line, 16384);
	if (e->json) {
		json_init(&j, &line);
		json_begin_object(&j, NULL);
		json_str(&j, "kind", "problem");
		json_str(&j, "what", p->what);
		json_uint(&j, "gen", p->gen);
		json_uint(&j, "index", p->index);
		json_str(&j, "detail", p->detail);
		json_end_object(&j);
	} else {
		buf_printf(&line, "generation %" PRIu32 ", %s %" PRIu64 ": %s",
		    p->gen, p->what, p->index, p->detail);
	}
	cli_line(&line);
}

static void PRINTF_LIKE(2, 3) miss(struct evidence *e, const char *fmt, ...)
{
	va_list ap;

	if (e->nmissing == MISSING_MAX)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(
	    e->missing[e->nmissing++], sizeof e->missing[0], fmt, ap);
	va_end(ap);
}

static void
find_missing(struct evidence *e)
{
	const struct verify *v = &e->v;

	if (v->log == NULL)
		miss(e, "no key of the log: no signature was checked; give "
			"--vkey");
	if (v->cosign == NULL && v->receipts > 0)
		miss(e, "no key of the collector: receipts were not checked; "
			"give --vkey");
	if (v->entries == 0)
		miss(e, "there is no entry");
	if (v->erased > 0)
		miss(e,
		    "%" PRIu64 " entries are without seed and disclosures: "
		    "erased, or lost",
		    v->erased);
	if (v->gens_missing > 0)
		miss(e, "%" PRIu32 " earlier generations are not here",
		    v->gens_missing);
	if (v->tail > 0)
		miss(e, "no checkpoint covers the last %" PRIu64 " entries",
		    v->tail);
}

static const char *
verdict(const struct evidence *e)
{
	if (e->v.problems > 0)
		return "failed";
	return e->nmissing > 0 ? "incomplete" : "ok";
}

/* "name+hash": enough to compare with what was enrolled. */
static void
key_name(const struct trust *t, char *out, size_t size)
{
	char name[4 * NOTE_NAME_MAX];

	str_escape(name, sizeof name, t->key.name, strlen(t->key.name));
	must(str_format(out, size, "%s+%08" PRIx32, name, t->key.hash) == 0);
}

static void
json_trust(
    struct json *j, const char *key, const char *from, const struct trust *t)
{
	char name[4 * NOTE_NAME_MAX + 16];

	if (str_eq(t->from, "none")) {
		json_put_null(j, key);
	} else {
		key_name(t, name, sizeof name);
		json_str(j, key, name);
	}
	json_str(j, from, t->from);
}

static void
print_json(const struct evidence *e)
{
	OWN(buf_done) struct buf line = {0};
	const struct verify *v = &e->v;
	struct json j;

	buf_init(&line, 65536);
	json_init(&j, &line);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", "summary");
	json_str(&j, "verdict", verdict(e));
	json_str(&j, "origin", v->origin);
	json_uint(&j, "generations", v->gens);
	json_uint(&j, "entries", v->entries);
	json_uint(&j, "disclosures", v->disclosures);
	json_uint(&j, "erased", v->erased);
	json_uint(&j, "checkpoints", v->checkpoints);
	json_uint(&j, "tail", v->tail);
	json_uint(&j, "receipts", v->receipts);
	json_uint(&j, "receipted", v->receipted);
	json_uint(&j, "problems", v->problems);
	json_trust(&j, "log_key", "log_key_from", &e->log);
	json_trust(&j, "cosign_key", "cosign_key_from", &e->cosign);
	json_begin_array(&j, "missing");
	for (size_t i = 0; i < e->nmissing; i++)
		json_str(&j, NULL, e->missing[i]);
	json_end_array(&j);
	json_end_object(&j);
	cli_line(&line);
}

static void
print_trust(const char *what, const struct trust *t)
{
	char name[4 * NOTE_NAME_MAX + 16];

	if (str_eq(t->from, "none"))
		return;
	key_name(t, name, sizeof name);
	(void)printf("%s  %s\n", what, name);
	if (str_eq(t->from, "directory"))
		(void)printf("            from the directory itself: compare "
			     "it with what was enrolled,\n            or give "
			     "--vkey\n");
}

static void
print_text(const struct evidence *e)
{
	const struct verify *v = &e->v;
	char origin[4 * NOTE_NAME_MAX];

	str_escape(origin, sizeof origin, v->origin, strlen(v->origin));
	if (v->problems > PROBLEMS_TOLD)
		(void)printf(
		    "%" PRIu64 " more problems\n", v->problems - PROBLEMS_TOLD);
	(void)printf("%s\n", verdict(e));
	for (size_t i = 0; i < e->nmissing; i++)
		(void)printf("  - %s\n", e->missing[i]);
	(void)printf(
	    "log         %s, generations: %" PRIu32 "\n", origin, v->gens);
	(void)printf("entries     %" PRIu64 ", with %" PRIu64
		     " disclosures; %" PRIu64 " erased\n",
	    v->entries, v->disclosures, v->erased);
	(void)printf("checkpoints %" PRIu64
		     "; entries behind the last: %" PRIu64 "\n",
	    v->checkpoints, v->tail);
	(void)printf("receipts    %" PRIu64 ", for %" PRIu64 " entries%s\n",
	    v->receipts, v->receipted,
	    v->receipts == 0
		? ": whoever has the log's key could have made it anew"
		: "");
	print_trust("log's key ", &e->log);
	print_trust("collector ", &e->cosign);
}

/* ---- arguments ---- */

static int
take_key(struct evidence *e, const char *text, const char *from)
{
	struct vkey v;
	struct trust *t;

	if (vkey_parse(text, &v) != 0)
		return -EBADMSG;
	t = v.type == NOTE_COSIGNATURE ? &e->cosign : &e->log;
	if (str_eq(t->from, "none"))
		*t = (struct trust){.key = v, .from = from};
	return 0;
}

/* One key a line; for a key, the last newline may be missing. */
static int
take_key_file(struct evidence *e, const char *path, const char *from)
{
	OWN(buf_done) struct buf text = {0};
	struct diag why = {""};
	const char *s;
	char line[NOTE_NAME_MAX + 64];
	int r;

	buf_init(&text, 4096);
	r = file_read(path, &text, &why);
	if (r != 0)
		return r;
	s = buf_text(&text);
	r = -EBADMSG;
	while (s != NULL && *s != '\0') {
		size_t n = strcspn(s, "\n");

		if (str_copy_len(line, sizeof line, s, n) != 0 ||
		    take_key(e, line, from) != 0)
			return -EBADMSG;
		r = 0;
		s += n + (s[n] == '\n');
	}
	return r;
}

/* @arg is a key, or a file that holds one. */
static int
given_key(struct evidence *e, const char *arg)
{
	int r = take_key(e, arg, "given");

	if (r == 0)
		return 0;
	r = take_key_file(e, arg, "given");
	if (r == -EACCES)
		return cli_error(
		    "evidence", CLI_DENIED, "%s: it may not be read", arg);
	return r == 0 ? 0
		      : cli_usage("evidence",
			    "\"%s\" is neither a key nor a file of keys", arg);
}

/* The log below a state directory of an agent or a collector, or a copy. */
static int
find_log(struct evidence *e, const char *dir)
{
	static const char *const PLACES[] = {"", "/record", "/store"};
	int err = -ENOENT;

	for (size_t i = 0; i < ARRAY_LEN(PLACES); i++) {
		char path[4096];

		if (str_format(e->dir, sizeof e->dir, "%s%s", dir, PLACES[i]) !=
			0 ||
		    str_format(path, sizeof path, "%s/log.db", e->dir) != 0)
			return cli_usage("evidence", "the name is too long");
		if (access(path, F_OK) == 0 ||
		    (str_format(path, sizeof path, "%s/log.db.1", e->dir) ==
			    0 &&
			access(path, F_OK) == 0))
			return 0;
		if (errno == EACCES)
			err = -EACCES;
	}
	if (err == -EACCES)
		return cli_error("evidence", CLI_DENIED,
		    "%s: it is closed to others; it needs root", dir);
	return cli_usage("evidence", "%s: there is no log", dir);
}

/* The directory's own keys, where none was given. 0, or an exit code. */
static int
own_keys(struct evidence *e)
{
	static const char *const FILES[] = {"log.vkey", "cosign.vkey"};

	for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
		char path[4096 + 16];
		int r;

		must(str_format(path, sizeof path, "%s/%s", e->dir, FILES[i]) ==
		     0);
		r = take_key_file(e, path, "directory");
		if (r == -EACCES)
			return cli_error("evidence", CLI_DENIED,
			    "%s: it may not be read", path);
		if (r != 0 && r != -ENOENT)
			return cli_error(
			    "evidence", CLI_VERIFY, "%s: it is no key", path);
	}
	return 0;
}

static int
check(struct evidence *e)
{
	struct diag why = {""};
	char path[4096 + 16];
	int r;

	e->v = (struct verify){.problem = on_problem, .ctx = e};
	if (!str_eq(e->log.from, "none"))
		e->v.log = &e->log.key;
	if (!str_eq(e->cosign.from, "none"))
		e->v.cosign = &e->cosign.key;
	must(str_format(path, sizeof path, "%s/log.db", e->dir) == 0);
	r = verify_log(&e->v, path, &why);
	if (r == -EBADMSG || r == -EINVAL)
		return cli_error("evidence", CLI_VERIFY, "%s", why.text);
	if (r != 0)
		return cli_error("evidence", cli_exit_for(r), "%s",
		    why.text[0] != '\0' ? why.text : strerror(-r));
	find_missing(e);
	if (e->json)
		print_json(e);
	else
		print_text(e);
	if (e->v.problems > 0)
		return CLI_VERIFY;
	return e->nmissing > 0 ? CLI_INCOMPLETE : CLI_OK;
}

static int
run(int argc, char **argv)
{
	struct evidence e = {.log.from = "none", .cosign.from = "none"};
	const char *dir = NULL;
	int r;

	if (argc < 2 || !str_eq(argv[1], "verify"))
		return cli_usage("evidence", "what is to be done: verify");
	for (int i = 2; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			e.json = true;
		else if (str_eq(argv[i], "--vkey") && i + 1 < argc) {
			r = given_key(&e, argv[++i]);
			if (r != 0)
				return r;
		} else if (argv[i][0] != '-' && dir == NULL)
			dir = argv[i];
		else
			return cli_usage(
			    "evidence", "\"%s\" is not known", argv[i]);
	}
	if (dir == NULL)
		return cli_usage("evidence", "which directory?");
	r = find_log(&e, dir);
	if (r == 0)
		r = own_keys(&e);
	return r == 0 ? check(&e) : r;
}

static const char HELP[] =
    "Example: sudo chaperone evidence verify /var/lib/chaperone-agent\n\n"
    "Usage: chaperone evidence verify DIR [--vkey FILE|KEY]... [--json]\n\n"
    "Checks a log offline: every entry, its hash, index and disclosures, the\n"
    "tree, the signature and root of every checkpoint, and the collector's\n"
    "receipts (chaperone-log(5)). DIR is the state of an agent or a collector,\n"
    "or a copy of the directory in which log.db is. --vkey gives a key from\n"
    "elsewhere: the log's or, for receipts, the collector's. Otherwise those\n"
    "beside the log (log.vkey, cosign.vkey) are taken, and that is told. One\n"
    "line for each problem, with its index, then the verdict. Nothing is\n"
    "written.\n\n"
    "Exit: 0 ok, 2 no log there, 4 not permitted, 7 something does not fit,\n"
    "8 what is there fits, but a key, a checkpoint or a generation is "
    "missing.\n";

const struct command command_evidence = {
    .name = "evidence",
    .summary = "check a log offline",
    .help = HELP,
    .run = run,
};
