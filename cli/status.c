/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone status - the health of this host's agent, with one verdict.
 *
 * Owns: what makes a verdict: the table of its causes.
 * Never: asks the agent: the log, which others will check, says it all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/host.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define DAY_US (INT64_C(86400) * 1000000)
#define ENTRIES_MAX 200000 /* looked at, from the end of the log */
#define BEAT_LATE_US 90000000 /* three heartbeats */
#define SHIP_LATE_US 300000000
#define PROBE_LATE_US INT64_C(2400000000) /* twice the longest pause */

/* What the last day of the log says. */
struct health {
	pid_t pid;
	uint64_t entries, receipted;
	int64_t receipt_us, last_us, beat_us, oldest_us;
	char host[128], rules[80], sensors[1024], state[64];
	int64_t rule_count;
	bool started; /* a cov.start was found */
	char boot[CLOCK_BOOT_LEN + 1]; /* of this one, and when in it */
	uint64_t start_us, stop_us; /* stop: of watch, 0 if not in this boot */
	uint64_t born_us; /* when in this boot the agent itself started */
	uint64_t findings, accesses, flows, losses, crashes, skipped;
	uint64_t people, unknown; /* entries with an actor, and without one */
	int64_t probe_us, probe_ms; /* the last self-test; 0: none */
	char probe[16], probe_why[256];
	bool all; /* the whole day was looked at */
};

static void
take_start(struct health *h, const struct facts *f)
{
	const char *s;

	if (h->started)
		return;
	h->started = true;
	h->start_us = f->at.boot_us;
	(void)str_copy(h->boot, sizeof h->boot, f->boot);
	if ((s = facts_text(f, "host")) != NULL)
		(void)str_copy(h->host, sizeof h->host, s);
	if ((s = facts_text(f, "rules")) != NULL)
		(void)str_copy(h->rules, sizeof h->rules, s);
	if ((s = facts_text(f, "sensors")) != NULL)
		(void)str_copy(h->sensors, sizeof h->sensors, s);
	if (facts_int(f, "rule_count", &h->rule_count) != 0)
		h->rule_count = 0;
}

/* Watch ended, or died, and what it began is over. */
static void
take_end(struct health *h, const struct facts *f)
{
	if (str_eq(facts_text(f, "role"), "watch") &&
	    str_eq(f->boot, clock_boot_id()) && f->at.boot_us > h->stop_us)
		h->stop_us = f->at.boot_us;
}

static void
take_beat(struct health *h, const struct facts *f)
{
	const char *s = facts_text(f, "state");

	if (h->beat_us != 0)
		return;
	h->beat_us = f->at.wall_us;
	if (s != NULL)
		(void)str_copy(h->state, sizeof h->state, s);
}

static void
take_probe(struct health *h, const struct facts *f)
{
	const char *s;

	if (h->probe_us != 0)
		return;
	h->probe_us = f->at.wall_us;
	if (facts_int(f, "ms", &h->probe_ms) != 0)
		h->probe_ms = 0;
	if ((s = facts_text(f, "result")) != NULL)
		(void)str_copy(h->probe, sizeof h->probe, s);
	if ((s = facts_text(f, "why")) != NULL)
		(void)str_copy(h->probe_why, sizeof h->probe_why, s);
}

static void
take(struct health *h, const struct facts *f, bool today)
{
	static const struct {
		const char *type;
		size_t counter;
	} COUNTED[] = {
	    {"finding", offsetof(struct health, findings)},
	    {"file", offsetof(struct health, accesses)},
	    {"flow", offsetof(struct health, flows)},
	    {"cov.loss", offsetof(struct health, losses)},
	    {"cov.crash", offsetof(struct health, crashes)},
	    {"skipped", offsetof(struct health, skipped)},
	};

	if (str_eq(f->type, "cov.start"))
		take_start(h, f);
	else if (str_eq(f->type, "cov.beat"))
		take_beat(h, f);
	else if (str_eq(f->type, "cov.probe"))
		take_probe(h, f);
	else if (str_eq(f->type, "cov.stop") || str_eq(f->type, "cov.crash"))
		take_end(h, f);
	if (!today)
		return;
	for (size_t i = 0; i < ARRAY_LEN(COUNTED); i++)
		if (str_eq(f->type, COUNTED[i].type))
			++*(uint64_t *)(void *)((char *)h + COUNTED[i].counter);
	if (facts_text(f, "grade") != NULL) {
		h->people++;
		if (str_eq(facts_text(f, "person"), "unknown"))
			h->unknown++;
	}
}

/* From the newest entry back through a day, or until the start is found. */
static int
look(struct health *h, struct ledger *l, struct diag *why)
{
	int64_t since = clock_now().wall_us - DAY_US;
	uint64_t seen = 0;

	h->entries = ledger_size(l);
	if (ledger_receipted(l, &h->receipted, &h->receipt_us) != 0)
		h->receipted = 0;
	for (uint64_t seq = h->entries; seq-- > 0 && seen < ENTRIES_MAX;
	     seen++) {
		struct facts f;
		int r = host_entry(l, seq, &f, why);
		bool today;

		if (r != 0)
			return r;
		if (h->last_us == 0)
			h->last_us = f.at.wall_us;
		h->oldest_us = f.at.wall_us;
		today = f.at.wall_us >= since;
		take(h, &f, today);
		facts_done(&f);
		if (!today && h->started) {
			h->all = true;
			return 0;
		}
	}
	h->all = seen < ENTRIES_MAX;
	return 0;
}

/* ---- the verdict ---- */

struct cause {
	bool down; /* nothing is observed; else something is not */
	bool (*holds)(const struct health *h, int64_t now);
	const char *text;
};

static bool
not_running(const struct health *h, int64_t now UNUSED)
{
	return h->pid == 0;
}

/*
 * The sensors of the process that runs now have begun, and not ended: a start
 * that the log still holds of one before it says nothing about now.
 */
static bool
observing(const struct health *h)
{
	return h->pid != 0 && h->started && str_eq(h->boot, clock_boot_id()) &&
	       h->start_us >= h->born_us && h->start_us > h->stop_us;
}

static bool
not_begun(const struct health *h, int64_t now UNUSED)
{
	return h->pid != 0 && !observing(h);
}

static bool
no_beat(const struct health *h, int64_t now)
{
	return observing(h) && now - h->beat_us > BEAT_LATE_US;
}

static bool
no_rules(const struct health *h, int64_t now UNUSED)
{
	return h->pid != 0 && str_eq(h->state, "no rules");
}

static bool
has_losses(const struct health *h, int64_t now UNUSED)
{
	return h->losses > 0;
}

static bool
has_crashes(const struct health *h, int64_t now UNUSED)
{
	return h->crashes > 0;
}

static bool
probe_failed(const struct health *h, int64_t now UNUSED)
{
	return observing(h) && h->probe_us != 0 && !str_eq(h->probe, "ok");
}

static bool
no_probe(const struct health *h, int64_t now)
{
	return observing(h) && h->probe_us != 0 &&
	       now - h->probe_us > PROBE_LATE_US &&
	       clock_boot_us() - h->start_us > (uint64_t)PROBE_LATE_US;
}

static bool
no_receipt(const struct health *h, int64_t now UNUSED)
{
	return h->receipted == 0;
}

static bool
late_receipt(const struct health *h, int64_t now)
{
	return h->receipted > 0 && h->receipted < h->entries &&
	       now - h->receipt_us > SHIP_LATE_US;
}

static const struct cause CAUSES[] = {
    {true, not_running, "the agent does not run: nothing is observed"},
    {true, not_begun, "the sensors have not begun: nothing is observed yet"},
    {true, no_beat,
	"no heartbeat for more than 90 s: the sensors may be stuck"},
    {true, no_rules, "no inspector has rules: nothing can be found"},
    {false, has_losses,
	"something was not seen in the last day (chaperone events, cov.loss)"},
    {false, has_crashes, "a process of the agent died in the last day"},
    {false, probe_failed,
	"the last self-test was not passed: what people read may not be found"},
    {false, no_probe, "no self-test for more than 40 minutes"},
    {false, no_receipt,
	"no receipt of a collector yet: the only copy of the log is here"},
    {false, late_receipt,
	"no receipt for more than 5 minutes: the collector is not reached"},
};

static const char *
verdict(const struct health *h, int64_t now)
{
	const char *v = "ok";

	for (size_t i = 0; i < ARRAY_LEN(CAUSES); i++) {
		if (!CAUSES[i].holds(h, now))
			continue;
		if (CAUSES[i].down)
			return "down";
		v = "degraded";
	}
	return v;
}

/* ---- output ---- */

static void
print_json(const struct health *h, int64_t now)
{
	OWN(buf_done) struct buf out = {0};
	char when[CLOCK_TEXT_SIZE];
	struct json j;

	buf_init(&out, 65536);
	json_init(&j, &out);
	json_begin_object(&j, NULL);
	json_str(&j, "verdict", verdict(h, now));
	json_begin_array(&j, "causes");
	for (size_t i = 0; i < ARRAY_LEN(CAUSES); i++)
		if (CAUSES[i].holds(h, now))
			json_str(&j, NULL, CAUSES[i].text);
	json_end_array(&j);
	json_bool(&j, "running", h->pid != 0);
	json_int(&j, "pid", h->pid);
	json_bool(&j, "observing", observing(h));
	json_str(&j, "host", h->host);
	json_str(&j, "rules", h->rules);
	json_int(&j, "rule_count", h->rule_count);
	json_str(&j, "sensors", h->sensors);
	json_uint(&j, "entries", h->entries);
	json_uint(&j, "receipted", h->receipted);
	if (h->last_us != 0) {
		clock_text(h->last_us, when);
		json_str(&j, "last_entry", when);
	}
	if (h->beat_us != 0) {
		clock_text(h->beat_us, when);
		json_str(&j, "last_beat", when);
	}
	if (h->probe_us != 0) {
		clock_text(h->probe_us, when);
		json_begin_object(&j, "probe");
		json_str(&j, "time", when);
		json_str(&j, "result", h->probe);
		json_int(&j, "ms", h->probe_ms);
		json_str(&j, "why", h->probe_why);
		json_end_object(&j);
	}
	json_begin_object(&j, "day");
	json_bool(&j, "complete", h->all);
	json_uint(&j, "findings", h->findings);
	json_uint(&j, "accesses", h->accesses);
	json_uint(&j, "flows", h->flows);
	json_uint(&j, "skipped", h->skipped);
	json_uint(&j, "losses", h->losses);
	json_uint(&j, "crashes", h->crashes);
	json_uint(&j, "attributed", h->people);
	json_uint(&j, "unknown", h->unknown);
	json_end_object(&j);
	json_end_object(&j);
	cli_line(&out);
}

static void
print_probe(const struct health *h, int64_t now)
{
	int64_t age = (now - h->probe_us) / 1000000;
	char why[512];

	if (h->probe_us == 0)
		return;
	(void)printf("self-test %s %" PRId64 " min %" PRId64 " s ago", h->probe,
	    age / 60, age % 60);
	if (h->probe_ms > 0)
		(void)printf(", found after %" PRId64 " ms", h->probe_ms);
	str_escape(why, sizeof why, h->probe_why, strlen(h->probe_why));
	(void)printf("%s%s\n", why[0] == '\0' ? "" : ": ", why);
}

static void
print_text(const struct health *h, int64_t now)
{
	char when[CLOCK_TEXT_SIZE];

	(void)printf("%s\n", verdict(h, now));
	for (size_t i = 0; i < ARRAY_LEN(CAUSES); i++)
		if (CAUSES[i].holds(h, now))
			(void)printf("  - %s\n", CAUSES[i].text);
	(void)printf("agent     %s", h->pid != 0 ? "running" : "not running");
	if (h->pid != 0)
		(void)printf(" (pid %d)", (int)h->pid);
	(void)printf("\nhost      %s\nsensors   %s\n", h->host, h->sensors);
	(void)printf(
	    "rules     %" PRId64 " (%.12s)\n", h->rule_count, h->rules);
	(void)printf("log       %" PRIu64 " entries, %" PRIu64
		     " receipted by the collector\n",
	    h->entries, h->receipted);
	if (h->beat_us != 0) {
		clock_text(h->beat_us, when);
		(void)printf("heartbeat %.19sZ\n", when);
	}
	print_probe(h, now);
	(void)printf("%s  %" PRIu64 " findings, %" PRIu64
		     " file accesses, %" PRIu64 " flows, %" PRIu64
		     " not examined\n",
	    h->all ? "last day" : "the last entries", h->findings, h->accesses,
	    h->flows, h->skipped);
	(void)printf("          %" PRIu64 " losses, %" PRIu64
		     " crashes; person unknown in %" PRIu64 " of %" PRIu64 "\n",
	    h->losses, h->crashes, h->unknown, h->people);
}

static int
run(int argc, char **argv)
{
	const char *config = NULL, *state = NULL, *v;
	char dir[2048], path[4096];
	struct health h = {0};
	struct diag why = {""};
	struct ledger *l;
	int64_t now = clock_now().wall_us;
	bool json = false;
	int r;

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			json = true;
		else if (str_eq(argv[i], "--config") && i + 1 < argc)
			config = argv[++i];
		else if (str_eq(argv[i], "--state") && i + 1 < argc)
			state = argv[++i];
		else
			return cli_usage(
			    "status", "\"%s\" is not known", argv[i]);
	}
	r = host_state(config, state, dir, sizeof dir, &why);
	if (r != 0)
		return cli_error("status", CLI_CONFIG, "%s", why.text);
	h.pid = host_pid(dir);
	h.born_us = h.pid != 0 ? host_born(h.pid) : 0;
	must(host_log(dir, path, sizeof path) == 0);
	r = access(path, F_OK) != 0 ? -errno : 0;
	if (r == 0)
		r = ledger_open_read(path, &l, &why);
	if (r != 0)
		return host_log_failed("status", path, r, &why);
	r = look(&h, l, &why);
	ledger_close(l);
	if (r != 0)
		return host_log_failed("status", path, r, &why);
	if (json)
		print_json(&h, now);
	else
		print_text(&h, now);
	v = verdict(&h, now);
	return str_eq(v, "ok") ? CLI_OK : CLI_INCOMPLETE;
}

static const char HELP[] =
    "Example: sudo chaperone status --json | jq .verdict\n\n"
    "Usage: chaperone status [--config FILE | --state DIR] [--json]\n\n"
    "Tells the health of this host's agent from its log: one verdict (ok,\n"
    "degraded, down) and what it rests on. Exit: 0 ok, 8 degraded or down.\n";

const struct command command_status = {
    .name = "status",
    .summary = "the health of this host's agent, with one verdict",
    .help = HELP,
    .run = run,
};
