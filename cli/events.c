/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone events - the entries of this host's log, one a line.
 *
 * Owns: the two forms of a line, and the choice of where to begin.
 * Never: writes to the log, or prints a byte of it that moves a terminal.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>

#include "cli/cli.h"
#include "cli/host.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define PAUSE_MS 50
#define LOOK_MS 1000 /* at least so often, whatever inotify says */
#define LINE_MAX_BYTES (1024 * 1024)

struct events {
	char log[4096];
	const char *type; /* NULL: all */
	int64_t since_us;
	bool since, json, follow;
	int signals, changes; /* -1 without --follow */
	bool bad; /* an entry could not be read */
	uint32_t gen; /* what is printed next */
	uint64_t seq;
};

/* ---- a line ---- */

/* Told at the beginning of a line, so not once more. */
static const char *const HEAD[] = {
    "provider", "person", "grade", "op", "path", "dst", "dport", "host"};

static bool
is_head(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(HEAD); i++)
		if (str_eq(HEAD[i], name))
			return true;
	return false;
}

static void
put_escaped(struct buf *out, const char *s, size_t len)
{
	char text[4 * 512 + 8];

	/* Bounded: a line is for the eye, --json has all of it. */
	str_escape(text, sizeof text, s, len < 512 ? len : 512);
	buf_printf(out, "%s%s", text, len > 512 ? "..." : "");
}

static void
put_named(struct buf *out, const struct facts *f, const char *name,
    const char *before, const char *otherwise)
{
	const char *s = facts_text(f, name);

	if (s == NULL && otherwise == NULL)
		return;
	buf_printf(out, "%s", before);
	if (s == NULL)
		buf_printf(out, "%s", otherwise);
	else
		put_escaped(out, s, strlen(s));
}

static void
put_who(struct buf *out, const struct facts *f)
{
	if (facts_text(f, "grade") == NULL && facts_text(f, "person") == NULL)
		return;
	put_named(out, f, "provider", "  ", "unknown");
	put_named(out, f, "person", "/", "unknown");
	put_named(out, f, "grade", " (", "unknown");
	buf_put_u8(out, ')');
}

static void
put_what(struct buf *out, const struct facts *f)
{
	int64_t port;

	put_named(out, f, "op", "  ", NULL);
	put_named(out, f, "path", "  ", NULL);
	if (facts_text(f, "dst") != NULL) {
		put_named(out, f, "dst", "  to ", NULL);
		if (facts_int(f, "dport", &port) == 0)
			buf_printf(out, " port %" PRId64, port);
		put_named(out, f, "host", " ", NULL);
	} else {
		put_named(out, f, "host", "  ", NULL);
	}
}

static void
put_rest(struct buf *out, const struct field *f)
{
	bool quote = !f->is_int && (memchr(f->text, ' ', f->len) != NULL ||
				       memchr(f->text, '=', f->len) != NULL);

	buf_printf(out, " %s=", f->name);
	if (f->is_int) {
		buf_printf(out, "%" PRId64, f->num);
		return;
	}
	if (quote)
		buf_put_u8(out, '"');
	put_escaped(out, f->text, f->len);
	if (quote)
		buf_put_u8(out, '"');
}

static void
print_text(const struct facts *f, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE], type[64];

	clock_text(f->at.wall_us, when);
	str_escape(type, sizeof type, f->type, strlen(f->type));
	buf_printf(out, "%.10s %.12sZ  %-9s", when, when + 11, type);
	put_who(out, f);
	put_what(out, f);
	buf_put_u8(out, ' ');
	for (size_t i = 0; i < f->nfields; i++)
		if (!is_head(f->fields[i].name))
			put_rest(out, &f->fields[i]);
}

/* A heartbeat's counters have any name; the object's own come first. */
static const char *
key_of(const char *name, char *out, size_t size)
{
	static const char *const OWN_KEYS[] = {
	    "seq", "gen", "type", "time", "synced", "prio"};

	for (size_t i = 0; i < ARRAY_LEN(OWN_KEYS); i++)
		if (str_eq(OWN_KEYS[i], name)) {
			must(str_format(out, size, "d.%s", name) == 0);
			return out;
		}
	return name;
}

static void
print_json(const struct facts *f, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE], key[64];
	struct json j;

	clock_text(f->at.wall_us, when);
	json_init(&j, out);
	json_begin_object(&j, NULL);
	json_uint(&j, "seq", f->seq);
	json_uint(&j, "gen", f->gen);
	json_str(&j, "type", f->type);
	json_str(&j, "time", when);
	json_bool(&j, "synced", f->synced);
	json_int(&j, "prio", f->prio);
	for (size_t i = 0; i < f->nfields; i++) {
		const struct field *x = &f->fields[i];
		const char *name = key_of(x->name, key, sizeof key);

		if (x->is_int)
			json_int(&j, name, x->num);
		else
			json_bytes(&j, name, x->text, x->len);
	}
	json_end_object(&j);
}

static void
print_entry(const struct events *e, const struct facts *f)
{
	OWN(buf_done) struct buf line = {0};

	if ((e->type != NULL && !str_eq(e->type, f->type)) ||
	    (e->since && f->at.wall_us < e->since_us))
		return;
	buf_init(&line, LINE_MAX_BYTES);
	if (e->json)
		print_json(f, &line);
	else
		print_text(f, &line);
	cli_line(&line);
}

/* ---- the way through the log ---- */

static bool
is_stopped(const struct events *e)
{
	struct signalfd_siginfo si;

	return e->signals >= 0 && read(e->signals, &si, sizeof si) == sizeof si;
}

/* What generation e->gen holds from e->seq on; 1 if we shall stop. */
static int
print_gen(struct events *e, struct diag *why)
{
	struct ledger *l;
	int r = ledger_open_gen(e->log, e->gen, &l, why);

	if (r != 0)
		return r;
	for (; r == 0 && e->seq < ledger_size(l); e->seq++) {
		struct diag bad = {""};
		struct facts f = {0};

		if (host_entry(l, e->seq, &f, &bad) == 0) {
			print_entry(e, &f);
		} else {
			e->bad = true;
			(void)cli_error("events", CLI_VERIFY,
			    "generation %u, %s", e->gen, bad.text);
		}
		facts_done(&f);
		r = is_stopped(e) ? 1 : 0;
	}
	ledger_close(l);
	return r;
}

/* Everything there is; an ended generation that is damaged is passed over. */
static int
print_all(struct events *e, struct diag *why)
{
	for (;;) {
		uint32_t gens = host_gens(e->log);
		int r = print_gen(e, why);

		if (r == 1 || (r != 0 && e->gen + 1 >= gens))
			return r;
		if (r != 0) {
			e->bad = true;
			(void)cli_error("events", CLI_VERIFY, "%s", why->text);
			why->text[0] = '\0';
		}
		/* The end of a generation is final once there is another. */
		if (e->gen + 1 >= gens)
			return 0;
		e->gen++;
		e->seq = 0;
	}
}

/* ---- --follow ---- */

static int
watch_log(struct events *e)
{
	char dir[4096];
	char *slash;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -errno;
	e->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	e->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (e->signals < 0 || e->changes < 0)
		return -errno;
	must(str_copy(dir, sizeof dir, e->log) == 0);
	slash = strrchr(dir, '/');
	must(slash != NULL);
	*slash = '\0';
	/* Without it we still look once a second. */
	(void)inotify_add_watch(
	    e->changes, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
	return 0;
}

/* True if one of the changes is in the log: opening it touches "-shm". */
static bool
log_changed(int changes)
{
	union {
		struct inotify_event e;
		char bytes[4096];
	} u;
	bool changed = false;
	ssize_t n;

	while ((n = read(changes, &u, sizeof u)) > 0) {
		for (const char *at = u.bytes; at < u.bytes + n;) {
			const struct inotify_event *e = (const void *)at;
			size_t len = e->len > 0 ? strlen(e->name) : 0;

			changed |=
			    len < 4 || !str_eq(e->name + len - 4, "-shm");
			at += sizeof *e + e->len;
		}
	}
	return changed;
}

/*
 * Waits for a change or a second; true if we shall stop. Not sooner than
 * PAUSE_MS, since a busy log would have us open it for each entry.
 */
static bool
wait_change(const struct events *e)
{
	struct pollfd p[] = {{.fd = e->signals, .events = POLLIN},
	    {.fd = e->changes, .events = POLLIN}};
	uint64_t until = clock_boot_us() + LOOK_MS * 1000;

	(void)poll(p, 1, PAUSE_MS);
	while (!log_changed(e->changes)) {
		uint64_t now = clock_boot_us();

		if ((p[0].revents & POLLIN) != 0 || now >= until)
			break;
		(void)poll(p, ARRAY_LEN(p), (int)((until - now) / 1000) + 1);
	}
	return is_stopped(e);
}

static int
follow(struct events *e, struct diag *why)
{
	while (!wait_change(e)) {
		int r = print_all(e, why);

		if (r != 0)
			return r;
	}
	return 1;
}

/* ---- the command ---- */

static int
run(int argc, char **argv)
{
	struct events e = {.signals = -1, .changes = -1};
	const char *config = NULL, *state = NULL;
	struct diag why = {""};
	char dir[2048];
	int r;

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			e.json = true;
		else if (str_eq(argv[i], "--follow"))
			e.follow = true;
		else if (str_eq(argv[i], "--type") && i + 1 < argc)
			e.type = argv[++i];
		else if (str_eq(argv[i], "--config") && i + 1 < argc)
			config = argv[++i];
		else if (str_eq(argv[i], "--state") && i + 1 < argc)
			state = argv[++i];
		else if (str_eq(argv[i], "--since") && i + 1 < argc) {
			e.since = true;
			if (host_since(argv[++i], &e.since_us) != 0)
				return cli_usage("events",
				    "\"%s\" is no time: 10m, 2h, 1d, or "
				    "2026-03-01T08:00:00Z",
				    argv[i]);
		} else {
			return cli_usage(
			    "events", "\"%s\" is not known", argv[i]);
		}
	}
	r = host_state(config, state, dir, sizeof dir, &why);
	if (r != 0)
		return cli_error("events", CLI_CONFIG, "%s", why.text);
	must(host_log(dir, e.log, sizeof e.log) == 0);
	r = access(e.log, F_OK) != 0 ? -errno : 0;
	if (r == 0 && e.follow)
		r = watch_log(&e);
	if (r == 0) {
		if (e.since)
			host_start(e.log, e.since_us, &e.gen, &e.seq);
		r = print_all(&e, &why);
	}
	if (r == 0 && e.follow)
		r = follow(&e, &why);
	if (r < 0)
		return host_log_failed("events", e.log, r, &why);
	return e.bad ? CLI_VERIFY : CLI_OK;
}

static const char HELP[] =
    "Example: sudo chaperone events --since 10m --json | jq .person\n\n"
    "Usage: chaperone events [--since TIME] [--follow] [--type TYPE]\n"
    "                        [--config FILE | --state DIR] [--json]\n\n"
    "Prints the entries of this host's log in their order, one a line: time,\n"
    "type, provider/person (grade), what was done to what, and the rest by\n"
    "name. TIME is 90s, 10m, 2h or 1d ago, a date, or RFC 3339. --follow goes\n"
    "on until it is interrupted. --json: one object a line, with seq, gen,\n"
    "type, time, synced, prio, and every field of chaperone-log(5).\n\n"
    "Exit: 0 ok, 3 no log or a bad configuration, 4 not permitted, 7 an entry\n"
    "does not fit the log (chaperone evidence verify tells more).\n";

const struct command command_events = {
    .name = "events",
    .summary = "the entries of this host's log",
    .help = HELP,
    .run = run,
};
