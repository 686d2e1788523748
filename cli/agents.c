/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone agents - the agents that a collector knows, and their revocation.
 *
 * Owns: how an agent is printed.
 * Never: decides anything; the collector does, and writes it into its log.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

struct agent {
	char id[WIRE_AGENT_MAX];
	char host[WIRE_HOST_MAX];
	char state[32];
	uint64_t enrolled_us, seen_us; /* 0: never */
	uint32_t gen, alarms;
	uint64_t entries;
};

struct listing {
	bool json;
	uint64_t n;
};

static void
put_time(struct json *j, const char *key, uint64_t us)
{
	char when[CLOCK_TEXT_SIZE];

	if (us == 0) {
		json_put_null(j, key);
		return;
	}
	clock_text((int64_t)us, when);
	json_str(j, key, when);
}

static void
print_json(const struct agent *a)
{
	OWN(buf_done) struct buf line = {0};
	struct json j;

	buf_init(&line, 65536);
	json_init(&j, &line);
	json_begin_object(&j, NULL);
	json_str(&j, "agent", a->id);
	json_str(&j, "host", a->host);
	json_str(&j, "state", a->state);
	put_time(&j, "enrolled", a->enrolled_us);
	put_time(&j, "seen", a->seen_us);
	json_uint(&j, "generation", a->gen);
	json_uint(&j, "entries", a->entries);
	json_uint(&j, "alarms", a->alarms);
	json_end_object(&j);
	cli_line(&line);
}

static void
short_time(uint64_t us, char out[CLOCK_TEXT_SIZE])
{
	if (us == 0) {
		must(str_copy(out, CLOCK_TEXT_SIZE, "never") == 0);
		return;
	}
	clock_text((int64_t)us, out);
	out[19] = '\0'; /* without the fraction */
}

static void
print_text(const struct agent *a, bool first)
{
	char enrolled[CLOCK_TEXT_SIZE], seen[CLOCK_TEXT_SIZE];
	char host[4 * WIRE_HOST_MAX];

	if (first)
		(void)printf("%-24s %-20s %-9s %-19s %-19s %10s %s\n", "AGENT",
		    "HOST", "STATE", "ENROLLED", "SEEN", "ENTRIES", "ALARMS");
	short_time(a->enrolled_us, enrolled);
	short_time(a->seen_us, seen);
	/* A host gives itself its name. */
	str_escape(host, sizeof host, a->host, strlen(a->host));
	(void)printf("%-24s %-20s %-9s %-19s %-19s %10" PRIu64 " %" PRIu32 "\n",
	    a->id, host, a->state, enrolled, seen, a->entries, a->alarms);
}

static int
on_agent(void *ctx, struct cur *c)
{
	struct listing *l = ctx;
	struct agent a = {0};

	cur_str(c, a.id, sizeof a.id);
	cur_str(c, a.host, sizeof a.host);
	cur_str(c, a.state, sizeof a.state);
	a.enrolled_us = cur_u64(c);
	a.seen_us = cur_u64(c);
	a.gen = cur_u32(c);
	a.entries = cur_u64(c);
	a.alarms = cur_u32(c);
	if (cur_end(c) != 0)
		return -EBADMSG;
	if (l->json)
		print_json(&a);
	else
		print_text(&a, l->n == 0);
	l->n++;
	return 0;
}

static int
list(const char *state, bool json)
{
	OWN(buf_done) struct buf body = {0};
	struct control_done done = {0};
	struct listing l = {.json = json};
	struct diag why = {""};
	int r;

	buf_init(&body, 16);
	r = control_ask(state, WIRE_AGENTS, &body, on_agent, &l, &done, &why);
	(void)fflush(stdout);
	if (r == 0 && done.err == 0 && l.n == 0)
		(void)fprintf(stderr, "chaperone agents: there are none\n");
	return control_exit("agents", r, &done, &why);
}

static int
revoke_one(const char *state, const char *agent, const char *reason, bool json)
{
	OWN(buf_done) struct buf body = {0}, line = {0};
	struct control_done done = {0};
	struct diag why = {""};
	struct json j;
	int r;

	buf_init(&body, 4096);
	buf_put_str(&body, agent);
	buf_put_str(&body, reason);
	if (strlen(agent) >= WIRE_AGENT_MAX ||
	    strlen(reason) >= WIRE_ERROR_MAX || buf_error(&body) != 0)
		return cli_usage("agents", "the id or the reason is too long");
	r = control_ask(state, WIRE_REVOKE, &body, NULL, NULL, &done, &why);
	if (r == 0 && done.err == 0 && json) {
		buf_init(&line, 4096);
		json_init(&j, &line);
		json_begin_object(&j, NULL);
		json_str(&j, "agent", agent);
		json_str(&j, "state", "revoked");
		json_end_object(&j);
		cli_line(&line);
	}
	return control_exit("agents", r, &done, &why);
}

static int
run(int argc, char **argv)
{
	const char *state = CONTROL_STATE, *agent = NULL, *why = NULL;
	bool json = false, listing;

	if (argc < 2 ||
	    (!str_eq(argv[1], "list") && !str_eq(argv[1], "revoke")))
		return cli_usage(
		    "agents", "what to do is missing: list or revoke");
	listing = str_eq(argv[1], "list");
	for (int i = 2; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			json = true;
		else if (str_eq(argv[i], "--state") && i + 1 < argc)
			state = argv[++i];
		else if (!listing && str_eq(argv[i], "--why") && i + 1 < argc)
			why = argv[++i];
		else if (!listing && agent == NULL && argv[i][0] != '-')
			agent = argv[i];
		else
			return cli_usage(
			    "agents", "\"%s\" is not known", argv[i]);
	}
	if (listing)
		return list(state, json);
	if (agent == NULL)
		return cli_usage("agents", "which agent? see agents list");
	if (why == NULL || why[0] == '\0')
		return cli_usage("agents",
		    "--why TEXT is missing; it stands in the collector's log");
	return revoke_one(state, agent, why, json);
}

static const char HELP[] =
    "Example: sudo chaperone agents list --json | jq .host\n\n"
    "Usage: chaperone agents list [--state DIR] [--json]\n"
    "       chaperone agents revoke ID --why TEXT [--state DIR] [--json]\n\n"
    "Lists the agents that the collector knows, or takes one its right to\n"
    "ship, which it finds out at its next request. TEXT stands in the\n"
    "collector's log. To be run as root on the collector's machine while it\n"
    "runs; DIR is the collector's state (/var/lib/chaperone-collector).\n";

const struct command command_agents = {
    .name = "agents",
    .summary = "the agents of a collector, and their revocation (collector)",
    .help = HELP,
    .run = run,
};
