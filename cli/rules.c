/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - `chaperone rules`: the writer's side of rule packs.
 *
 * Owns: the table of its verbs; check, test and list: the order of the
 * problems, test results and detectors on standard output, and what each means
 * as an exit code.
 * Never: scans anything but the samples that the packs carry.
 */
#include "cli/rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/detect/detect.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/rulesraw.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

enum { DIRS_MAX = 64, LINE_MAX_BYTES = 64 * 1024 };

struct rules_job {
	const char *dirs[DIRS_MAX];
	size_t ndirs;
	const char *verb;
	bool json;
	bool strict; /* also what is a matter of polish */
	const char *view; /* NULL: all */
	bool layers; /* also which layer looks for each rule */
	bool no_inspector; /* leaves out samples that need one */
	size_t lines, failed, hidden;
};

static bool
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *
cli_rules_dir(void)
{
	static char path[4096 + 64];

	if (is_dir("rules"))
		return "rules";
	(void)snprintf(path, sizeof path, "%s/../../rules", cli_bin());
	if (!is_dir(path))
		(void)snprintf(path, sizeof path, "%s/../share/chaperone/rules",
		    cli_bin());
	return path;
}

/* Worth fixing before a rule is called stable, but not in the way. */
static bool
is_polish(const struct problem *p)
{
	static const char *const names[] = {
	    "few-tests", "short-keyword", "overlap", "dear-layer"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(p->name, names[i]))
			return true;
	return false;
}

static void
put_problem(const struct rules_job *job, const struct problem *p)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, LINE_MAX_BYTES);
	if (!job->json) {
		buf_printf(&b, "%s: %s (%s)", p->error ? "error" : "warning",
		    p->text, p->name);
		cli_line(&b);
		return;
	}
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", "problem");
	json_str(&j, "severity", p->error ? "error" : "warning");
	json_str(&j, "name", p->name);
	json_str(&j, "text", p->text);
	json_end_object(&j);
	cli_line(&b);
}

static void
on_line(void *ctx, const struct ruleset_line *line)
{
	struct rules_job *job = ctx;
	OWN(buf_done) struct buf b = {0};

	job->lines++;
	buf_init(&b, LINE_MAX_BYTES);
	if (job->json)
		buf_put(&b, line->json, line->len);
	else if (line->ok && str_eq(job->verb, "test"))
		return; /* only what failed is worth a line */
	else
		buf_printf(&b, "%s", line->text);
	cli_line(&b);
}

static void
put_sum(const struct rules_job *job, const struct ruleset *set, size_t errors,
    size_t warnings)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, LINE_MAX_BYTES);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", "ruleset");
	json_str(&j, "verb", job->verb);
	if (set != NULL) {
		json_str(&j, "digest", ruleset_digest(set));
		json_uint(&j, "detectors", ruleset_count(set));
		if (ruleset_slow(set) != NULL)
			json_str(&j, "slow", ruleset_slow(set));
	}
	json_uint(&j, "errors", errors);
	json_uint(&j, "warnings", warnings);
	if (str_eq(job->verb, "check"))
		json_uint(&j, "left_to_strict", job->hidden);
	if (job->no_inspector && set != NULL)
		json_uint(&j, "left_out", ruleset_raw_tests(set));
	if (str_eq(job->verb, "test")) {
		json_uint(&j, "tests", job->lines);
		json_uint(&j, "failed", job->failed);
	}
	json_end_object(&j);
	if (job->json) {
		cli_line(&b);
		return;
	}
	if (set != NULL)
		(void)fprintf(stderr, "%zu detectors, digest %s\n",
		    ruleset_count(set), ruleset_digest(set));
	if (str_eq(job->verb, "test"))
		(void)fprintf(
		    stderr, "%zu tests, %zu failed\n", job->lines, job->failed);
	else if (errors + warnings > 0)
		(void)fprintf(
		    stderr, "%zu errors, %zu warnings\n", errors, warnings);
	if (str_eq(job->verb, "check") && job->hidden > 0)
		(void)fprintf(stderr, "%zu more with --strict\n", job->hidden);
	if (job->no_inspector && set != NULL && ruleset_raw_tests(set) > 0)
		(void)fprintf(stderr,
		    "%zu tests left out: they need an inspector\n",
		    ruleset_raw_tests(set));
	if (set != NULL && ruleset_slow(set) != NULL)
		(void)fprintf(stderr, "slow: %s\n", ruleset_slow(set));
}

static int
test(struct rules_job *job, const struct ruleset *set, struct diag *why)
{
	OWN(rulesraw_freep) struct rulesraw *raw = NULL;
	int r = rulesraw_new(job->dirs, job->ndirs, why, &raw);

	if (r != 0)
		return r;
	return ruleset_test(set, rulesraw_run, raw, on_line, job, &job->failed);
}

static int
check(struct rules_job *job, const struct ruleset *set,
    struct problems *problems, struct diag *why)
{
	OWN(rulesraw_freep) struct rulesraw *raw = NULL;
	int r = rulesraw_new(job->dirs, job->ndirs, why, &raw);

	if (r != 0)
		return r;
	return ruleset_check(
	    set, job->no_inspector ? NULL : rulesraw_run, raw, problems);
}

/* Runs the verb on a set that loaded. */
static int
verb(struct rules_job *job, const struct ruleset *set)
{
	struct diag why = {""};
	int r = 0;

	if (job->view != NULL && !ruleset_view(set, job->view, NULL))
		return cli_usage(
		    "rules", "the set has no view \"%s\"", job->view);
	if (str_eq(job->verb, "list"))
		r = ruleset_list(set, job->view, on_line, job);
	else if (str_eq(job->verb, "test"))
		r = test(job, set, &why);
	else if (job->layers)
		r = ruleset_layers(set, on_line, job);
	if (r != 0)
		return cli_error("rules", cli_exit_for(r), "%s",
		    why.text[0] != '\0' ? why.text : strerror(-r));
	return job->failed > 0 ? CLI_DIFFERENCE : CLI_OK;
}

static int
job_run(struct rules_job *job)
{
	OWN(problems_done) struct problems problems = {0};
	OWN(ruleset_freep) struct ruleset *set = NULL;
	struct diag why = {""};
	size_t errors = 0;
	int code = CLI_OK;
	bool checks = str_eq(job->verb, "check");
	int r = ruleset_load(job->dirs, job->ndirs, &set, &problems, &why);

	if (r == 0 && checks) {
		r = check(job, set, &problems, &why);
		if (r != 0)
			return cli_error("rules", cli_exit_for(r), "%s",
			    why.text[0] != '\0' ? why.text : strerror(-r));
	}
	for (size_t i = 0; i < problems.n; i++) {
		errors += problems.list[i].error;
		if (!job->strict && is_polish(&problems.list[i])) {
			job->hidden++;
			continue;
		}
		/* list and test tell only what kept the set from loading. */
		if (checks || problems.list[i].fatal)
			put_problem(job, &problems.list[i]);
	}
	if (r == 0)
		code = verb(job, set);
	else if (problems.n == 0)
		return cli_error("rules",
		    r == -ENOENT || r == -ENOTDIR || r == -EINVAL
			? CLI_CONFIG
			: cli_exit_for(r),
		    "%s", why.text[0] != '\0' ? why.text : strerror(-r));
	else
		code = CLI_CONFIG;
	if (checks && errors > 0)
		code = CLI_CONFIG;
	put_sum(job, set, errors, problems.n - errors - job->hidden);
	return code;
}

static int
on_packs(int argc, char **argv)
{
	struct rules_job job = {.verb = argv[0]};

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			job.json = true;
		else if (str_eq(argv[i], "--strict") &&
			 str_eq(job.verb, "check"))
			job.strict = true;
		else if (str_eq(argv[i], "--view") && i + 1 < argc &&
			 str_eq(job.verb, "list"))
			job.view = argv[++i];
		else if (str_eq(argv[i], "--layers") &&
			 str_eq(job.verb, "check"))
			job.layers = true;
		else if (str_eq(argv[i], "--no-inspector") &&
			 str_eq(job.verb, "check"))
			job.no_inspector = true;
		else if (argv[i][0] == '-')
			return cli_usage(
			    "rules", "unknown option \"%s\"", argv[i]);
		else if (job.ndirs == DIRS_MAX)
			return cli_usage(
			    "rules", "at most %d directories", DIRS_MAX);
		else
			job.dirs[job.ndirs++] = argv[i];
	}
	if (job.ndirs == 0)
		job.dirs[job.ndirs++] = cli_rules_dir();
	return job_run(&job);
}

static const struct rules_verb rules_check = {
    .name = "check",
    .summary = "tells every error and warning in the rule files",
    .help = "Example: chaperone rules check rules/\n\n"
	    "Usage: chaperone rules check [--strict] [--layers] [--json]\n"
	    "                             [--no-inspector] [DIR]...\n\n"
	    "Each line names the place, what is wrong, what was meant, and\n"
	    "the name of the problem. --strict also tells what is a matter\n"
	    "of polish: few-tests, short-keyword, overlap, dear-layer. A rule\n"
	    "says which warning is meant to be with\n"
	    "quiet: [{name: NAME, reason: WHY}].\n"
	    "--layers also tells which layer looks for each rule, and why:\n"
	    "literal and shape cost little; pattern and plain cost every\n"
	    "byte of text; file and label cost text nothing.\n"
	    "--no-inspector leaves out samples in containers, files or "
	    "UTF-16,\nand tells how many: what an agent does before it takes "
	    "rules,\nsince it has no samples' files.\n\n"
	    "Exit: 0 no error (there may be warnings), 3 an error.\n",
    .run = on_packs,
};

static const struct rules_verb rules_test = {
    .name = "test",
    .summary = "runs the samples that the rules carry",
    .help = "Example: chaperone rules test rules/\n\n"
	    "Usage: chaperone rules test [--json] [DIR]...\n\n"
	    "Only what fails is told, by its place; with --json each sample\n"
	    "is a line. No sample's text is printed.\n\n"
	    "Exit: 0 all pass, 1 one fails, 3 a rule is refused.\n",
    .run = on_packs,
};

static const struct rules_verb rules_list = {
    .name = "list",
    .summary = "lists the detectors in force, and the digest of the set",
    .help = "Example: chaperone rules list --json | jq -r 'select(.id).id'\n\n"
	    "Usage: chaperone rules list [--view VIEW] [--json] [DIR]...\n\n"
	    "--view lists only what a view shows, as gdpr, hipaa, pipl, lgpd,\n"
	    "appi, dpdp and pci of the shipped rules.\n\n"
	    "Exit: 0, 3 a rule is refused.\n",
    .run = on_packs,
};

static const struct rules_verb *const VERBS[] = {&rules_check, &rules_test,
    &rules_list, &rulesnew_verb, &rulesexplain_verb, &rulesdiff_verb,
    &rulesbench_verb, &rulesallow_verb, &rulesseal_sign, &rulesseal_verify,
    &rulesimport_verb};

static void
help(FILE *to)
{
	(void)fputs("Example: chaperone rules test rules/\n\n"
		    "Usage: chaperone rules VERB [--json] [ARGUMENT]...\n\n",
	    to);
	for (size_t i = 0; i < ARRAY_LEN(VERBS); i++)
		(void)fprintf(
		    to, "  %-8s %s\n", VERBS[i]->name, VERBS[i]->summary);
	(void)fputs(
	    "\nchaperone rules VERB --help tells more. Without DIR: ./rules, "
	    "or the rules\nthat came with this program.\n"
	    "Exit: 0 ok, 1 a sample failed or a difference, 2 usage, 3 a rule "
	    "is refused,\n7 a signature does not hold, 8 parts were not "
	    "examined.\n",
	    to);
}

static bool
wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && !str_eq(argv[i], "--"); i++)
		if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h"))
			return true;
	return false;
}

static int
run(int argc, char **argv)
{
	int at = 1;

	/* "rules --json check" is as good as "rules check --json". */
	while (at < argc && argv[at][0] == '-' && !str_eq(argv[at], "--help") &&
	       !str_eq(argv[at], "-h"))
		at++;
	if (at < argc && argv[at][0] == '-') {
		help(stdout);
		return CLI_OK;
	}
	if (at == argc)
		return cli_usage("rules", "which verb?");
	for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
		char *verb = argv[at];

		if (!str_eq(verb, VERBS[i]->name))
			continue;
		if (wants_help(argc, argv)) {
			(void)fputs(VERBS[i]->help, stdout);
			return CLI_OK;
		}
		memmove(argv + 1, argv, (size_t)at * sizeof *argv);
		argv[1] = verb;
		return VERBS[i]->run(argc - 1, argv + 1);
	}
	return cli_usage("rules", "no verb \"%s\"", argv[at]);
}

const struct command command_rules = {
    .name = "rules",
    .summary = "write, check, test and compare rules",
    .own_help = true,
    .run = run,
};
