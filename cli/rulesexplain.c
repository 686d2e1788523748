/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rulesexplain - `chaperone rules explain FILE`: why a match has its level, or
 * is none.
 *
 * Owns: how a judgement is shown to a human and to a script.
 * Never: shows a matched byte: masks as the rule allows them, and offsets.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/rules.h"
#include "lib/json.h"
#include "lib/msg.h"
#include "lib/str.h"

#include "lib/own.h"

enum { SHOWN_MAX = 4096, LINE_BYTES = 1 << 20 };

struct explain_job {
	bool json;
	const char *only; /* NULL, or one detector */
	uint64_t kept, refuted;
};

static void
as_json(const char *path, const char *member, const struct why *w)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, LINE_BYTES);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "kind", w->more > 0 ? "more" : "match");
	json_bytes(&j, "path", path, strlen(path));
	json_str(&j, "member", member);
	json_str(&j, "detector", w->detector);
	if (w->more > 0) {
		json_bool(&j, "refuted", w->dropped[0] != '\0');
		json_uint(&j, "count", w->more);
		json_end_object(&j);
		cli_line(&b);
		return;
	}
	json_str(&j, "confidence",
	    w->confidence == CONFIDENCE_NONE ? "none"
					     : confidence_name(w->confidence));
	json_str(&j, "refuted_by", w->dropped);
	json_str(&j, "mask", w->mask);
	json_uint(&j, "from", w->value.from);
	json_uint(&j, "to", w->value.to);
	json_begin_array(&j, "facts");
	for (size_t i = 0; i < w->nfacts; i++) {
		const struct why_fact *f = &w->facts[i];

		json_begin_object(&j, NULL);
		json_str(&j, "kind", f->kind);
		json_bool(&j, "holds", f->holds);
		json_str(&j, "text", f->text);
		if (f->placed) {
			json_uint(&j, "from", f->at.from);
			json_uint(&j, "to", f->at.to);
		}
		json_end_object(&j);
	}
	json_end_array(&j);
	json_end_object(&j);
	cli_line(&b);
}

static void
as_text(const char *path, const char *member, const struct why *w)
{
	char shown[SHOWN_MAX], inside[SHOWN_MAX];
	OWN(buf_done) struct buf b = {0};

	str_escape(shown, sizeof shown, path, strlen(path));
	str_escape(inside, sizeof inside, member, strlen(member));
	buf_init(&b, LINE_BYTES);
	if (w->more > 0) {
		buf_printf(&b, "%s%s%s: %s: %" PRIu64 " more %s", shown,
		    inside[0] != '\0' ? "!" : "", inside, w->detector, w->more,
		    w->dropped[0] != '\0' ? "near misses" : "matches");
		cli_line(&b);
		return;
	}
	buf_printf(&b, "%s%s%s: bytes %" PRIu64 " to %" PRIu64 ": %s ", shown,
	    inside[0] != '\0' ? "!" : "", inside, w->value.from, w->value.to,
	    w->detector);
	if (w->confidence == CONFIDENCE_NONE)
		buf_printf(&b, "is none: %s", w->dropped);
	else
		buf_printf(&b, "is %s%s%s", confidence_name(w->confidence),
		    w->mask[0] != '\0' ? ": " : "", w->mask);
	for (size_t i = 0; i < w->nfacts; i++) {
		const struct why_fact *f = &w->facts[i];

		buf_printf(&b, "\n  %-3s %s %s", f->holds ? "yes" : "no",
		    f->kind, f->text);
		if (f->placed)
			buf_printf(&b, ", bytes %" PRIu64 " to %" PRIu64,
			    f->at.from, f->at.to);
	}
	cli_line(&b);
}

static void
on_why(void *ctx, const char *path, const char *member, const struct why *w)
{
	struct explain_job *job = ctx;

	if (job->only != NULL && !str_eq(job->only, w->detector))
		return;
	if (w->confidence == CONFIDENCE_NONE)
		job->refuted += w->more > 0 ? w->more : 1;
	else
		job->kept++;
	if (job->json)
		as_json(path, member, w);
	else
		as_text(path, member, w);
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

static int
parse(struct explain_job *job, struct probe *p, int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		bool rules = str_eq(argv[i], "--rules");

		if (str_eq(argv[i], "--json")) {
			job->json = true;
		} else if (rules || str_eq(argv[i], "--detector")) {
			if (++i == argc)
				return cli_usage(
				    "rules", "%s needs a value", argv[i - 1]);
			if (!rules)
				job->only = argv[i];
			else if (p->nrules == PROBE_DIRS_MAX)
				return cli_usage("rules",
				    "more than %d --rules", PROBE_DIRS_MAX);
			else
				p->rules[p->nrules++] = argv[i];
		} else if (argv[i][0] == '-') {
			return cli_usage(
			    "rules", "unknown option \"%s\"", argv[i]);
		} else {
			argv[n++] = argv[i];
		}
	}
	return n > 0 ? -n : cli_usage("rules", "explain needs a file");
}

static int
run(int argc, char **argv)
{
	struct explain_job job = {.only = NULL};
	struct probe p = {.command = "rules", .what = MSG_PROBE_WHY};
	int r = parse(&job, &p, argc, argv);

	if (r > 0)
		return r;
	if (p.nrules == 0)
		p.rules[p.nrules++] = cli_rules_dir();
	p.calls =
	    (struct probe_calls){.ctx = &job, .why = on_why, .skip = on_skip};
	r = probe_run(&p, argv, -r);
	if (r != CLI_OK)
		return r;
	if (!job.json)
		(void)fprintf(stderr,
		    "%" PRIu64 " files: %" PRIu64 " matches, %" PRIu64
		    " near misses\n",
		    p.files, job.kept, job.refuted);
	return p.missed > 0 ? CLI_INCOMPLETE : CLI_OK;
}

const struct rules_verb rulesexplain_verb = {
    .name = "explain",
    .summary = "tells why something in a file has its level, or is none",
    .help =
	"Example: chaperone rules explain --detector pci.pan invoice.txt\n\n"
	"Usage: chaperone rules explain [--rules DIR]... [--detector ID]\n"
	"                               [--json] FILE...\n\n"
	"Tells each place where a pattern matches: each validator, each\n"
	"piece of evidence and how far away it is, each level up to the one\n"
	"that holds; and each near miss, with what refuted it. Shown are\n"
	"masks and offsets, never matched bytes. At most 20 of each rule and\n"
	"member, then how many more.\n\n"
	"Exit: 0, 2 usage, 3 a rule is refused, 8 parts were not examined.\n",
    .run = run,
};
