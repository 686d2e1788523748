/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rulesallow - `chaperone rules allow`: an entry for one value, without it.
 *
 * Owns: the way of the value: standard input, its normal form under the
 * detector, a digest.
 * Never: takes a value as an argument, prints it, or keeps it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/detect/detect.h"
#include "cli/cli.h"
#include "cli/rules.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

enum { VALUE_MAX = 4096, DIRS_MAX = 64, LINE_BYTES = 16384 };

struct allow_job {
	const char *detector;
	const char *id, *owner, *reason, *expires;
	const char *dirs[DIRS_MAX];
	size_t ndirs;
	bool json;
};

static int
read_value(uint8_t *out, size_t max, size_t *len)
{
	*len = 0;
	while (*len < max) {
		ssize_t n = read(STDIN_FILENO, out + *len, max - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	if (*len == max)
		return -EMSGSIZE;
	/* As `echo` and an editor end it. */
	if (*len > 0 && out[*len - 1] == '\n')
		--*len;
	if (*len > 0 && out[*len - 1] == '\r')
		--*len;
	return *len > 0 ? 0 : -ENODATA;
}

/* A text between double quotes, as YAML and JSON both read it. */
static void
put_quoted(struct buf *out, const char *text)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;
	const char *whole;

	buf_init(&b, LINE_BYTES);
	json_init(&j, &b);
	json_str(&j, NULL, text);
	whole = buf_text(&b);
	buf_printf(out, "%s", whole != NULL ? whole : "\"\"");
}

static void
put_entry(const struct allow_job *job, const char *hmac)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, LINE_BYTES);
	if (job->json) {
		json_init(&j, &b);
		json_begin_object(&j, NULL);
		json_str(&j, "kind", "allow");
		json_str(&j, "detector", job->detector);
		json_str(&j, "id", job->id);
		json_str(&j, "owner", job->owner);
		json_str(&j, "reason", job->reason);
		json_str(&j, "expires", job->expires);
		json_str(&j, "value_sha256_hmac", hmac);
		json_end_object(&j);
	} else {
		buf_printf(
		    &b, "allow:\n  - detector: %s\n    id: ", job->detector);
		put_quoted(&b, job->id);
		buf_printf(&b, "\n    owner: ");
		put_quoted(&b, job->owner);
		buf_printf(&b, "\n    reason: ");
		put_quoted(&b, job->reason);
		buf_printf(&b, "\n    expires: %s\n    value_sha256_hmac: %s",
		    job->expires, hmac);
	}
	cli_line(&b);
}

static int
make(const struct allow_job *job)
{
	OWN(ruleset_freep) struct ruleset *set = NULL;
	uint8_t value[VALUE_MAX];
	struct diag why = {""};
	bool guessable = false;
	char hmac[33];
	size_t len;
	int r = ruleset_load(job->dirs, job->ndirs, &set, NULL, &why);

	if (r != 0)
		return cli_error("rules", CLI_CONFIG, "%s", why.text);
	r = read_value(value, sizeof value, &len);
	if (r == 0)
		r = ruleset_allow(
		    set, job->detector, value, len, hmac, &guessable);
	explicit_bzero(value, sizeof value);
	if (r == -ENOENT)
		return cli_error("rules", CLI_USAGE,
		    "there is no detector \"%s\" in the set", job->detector);
	if (r != 0)
		return cli_error("rules", CLI_USAGE,
		    "standard input must be one value of 1 to %d bytes",
		    VALUE_MAX - 1);
	if (guessable)
		(void)fprintf(stderr,
		    "chaperone rules: whoever has the pack can find this value "
		    "by trying all that it may be\n");
	put_entry(job, hmac);
	return CLI_OK;
}

static const char **
option(struct allow_job *job, const char *name)
{
	struct {
		const char *name;
		const char **to;
	} all[] = {{"--id", &job->id}, {"--owner", &job->owner},
	    {"--reason", &job->reason}, {"--expires", &job->expires}};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_eq(all[i].name, name))
			return all[i].to;
	return NULL;
}

static int
run(int argc, char **argv)
{
	struct allow_job job = {0};

	for (int i = 1; i < argc; i++) {
		const char **to = option(&job, argv[i]);

		if (to != NULL && i + 1 < argc)
			*to = argv[++i];
		else if (str_eq(argv[i], "--json"))
			job.json = true;
		else if (argv[i][0] == '-')
			return cli_usage("rules",
			    "\"%s\" is not known, or lacks its value", argv[i]);
		else if (job.detector == NULL)
			job.detector = argv[i];
		else if (job.ndirs == DIRS_MAX)
			return cli_usage(
			    "rules", "at most %d directories", DIRS_MAX);
		else
			job.dirs[job.ndirs++] = argv[i];
	}
	if (job.detector == NULL || job.id == NULL || job.owner == NULL ||
	    job.reason == NULL || job.expires == NULL)
		return cli_usage("rules",
		    "allow needs a detector, --id, --owner, --reason and "
		    "--expires");
	if (job.ndirs == 0)
		job.dirs[job.ndirs++] = cli_rules_dir();
	return make(&job);
}

const struct rules_verb rulesallow_verb = {
    .name = "allow",
    .summary = "writes an entry that allows one value, without the value",
    .help =
	"Example: chaperone rules allow --id docs-sample --owner a@example.org\n"
	"         --reason 'vendor sample' --expires 2027-06-30\n"
	"         secret.github_pat < value.txt >> rules/site.yaml\n\n"
	"Usage: chaperone rules allow --id ID --owner WHO --reason WHY\n"
	"                             --expires DATE [--json] DETECTOR [DIR]...\n\n"
	"Reads one value from standard input and prints the entry of a pack\n"
	"by which findings of this value raise no alert until the end of\n"
	"DATE. They are recorded and counted all the same. The value stands\n"
	"in it as a digest; one that can be guessed can be found by trying.\n\n"
	"Exit: 0, 2 usage or no such detector, 3 a rule is refused.\n",
    .run = run,
};
