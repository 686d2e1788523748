/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-watch - sees what the kernel tells, and says who did it.
 *
 * Owns: the loop that carries events from sensors, by way of inspectors, to
 * the log; the losses that it was told of; the heartbeat.
 * Never: parses content, packets or containers; holds a key; writes a file.
 *
 * Order within one turn of the loop: sessions, then process events, so that a
 * file event finds its lineage; then sockets, files, capture, inspectors, record.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "agent/access.h"
#include "agent/config.h"
#include "agent/egress.h"
#include "agent/fields.h"
#include "agent/hub.h"
#include "agent/names.h"
#include "agent/outbox.h"
#include "agent/relayed.h"
#include "agent/roles.h"
#include "agent/sense/sense.h"
#include "agent/traffic.h"
#include "agent/who/who.h"
#include "lib/clock.h"
#include "lib/draft.h"
#include "lib/entry.h"
#include "lib/jail.h"
#include "lib/log.h"
#include "lib/msg.h"
#include "lib/proc.h"
#include "lib/str.h"

#include "lib/own.h"

#define BEAT_US 30000000
#define SECOND_US 1000000
#define GATHER_US 50000 /* what the kernel's programs tell waits for more */
#define RULES_WAIT_US 5000000 /* the start is recorded without rules then */
#define FILES_EACH_TURN 256
#define PROCESSES_EACH_TURN 1024
#define SOCKETS_EACH_TURN 4096
#define STARTS_EACH_TURN 4096
#define MESSAGES_EACH_TURN 256
#define HUB_ENOUGH 2048 /* jobs: more stay in the kernel's queue */
#define LOSSES_MAX 32
#define COUNTERS_MAX 16
#define DRAIN_US 3000000

/* Something that was not seen, gathered for a second. */
struct loss {
	char stage[32], reason[96];
	uint64_t lost, bytes;
	struct stamp from, to;
};

/* One total that the capture process counts. */
struct counter {
	char name[24];
	uint64_t total;
};

struct watch {
	struct proc p;
	struct config config;
	struct files *files; /* NULL: no directory is watched */
	size_t missing;
	struct processes *processes; /* NULL: the kernel refuses */
	char no_processes[128];
	struct sockets *sockets; /* NULL: the same */
	char no_sockets[192];
	struct starts *starts; /* NULL: the same */
	uint64_t births_us; /* until when all births have been told */
	bool relays_said; /* capture has said whether it sees these */
	char no_relays[160];
	struct who *who;
	struct hub *hub;
	struct outbox *out;
	struct names *names;
	struct accesses *accesses;
	struct traffics *traffics;
	struct relayeds *relayeds;
	struct egress *egress;
	struct event event; /* scratch */
	struct ipc_in heard; /* scratch, of capture's messages */
	uint32_t turns[PROC_PEERS_MAX]; /* links taken, by slot */
	struct loss losses[LOSSES_MAX];
	size_t nlosses;
	struct counter counters[COUNTERS_MAX];
	size_t ncounters;
	char rules[65];
	unsigned nrules;
	unsigned tag_version;
	bool started; /* cov.start is written */
	uint64_t born_us, second_us, beat_us;
	uint64_t files_us; /* when these are read, 0: once there are any */
	struct timespec roster_mtime;
};

/* ---- losses ---- */

static void
note_loss(struct watch *w, const char *stage, const char *reason, uint64_t lost,
    uint64_t bytes)
{
	struct stamp now = clock_now();
	struct loss *l;

	/* A chain may have a hole now. */
	if (str_eq(stage, "files") || str_eq(stage, "processes") ||
	    str_eq(stage, "sockets") || str_eq(stage, "capture"))
		egress_lost(w->egress);

	for (size_t i = 0; i < w->nlosses; i++) {
		l = &w->losses[i];
		if (!str_eq(l->stage, stage) || !str_eq(l->reason, reason))
			continue;
		l->lost += lost;
		l->bytes += bytes;
		l->to = now;
		return;
	}
	if (w->nlosses == LOSSES_MAX) {
		/* The last place gathers what has no place of its own. */
		l = &w->losses[LOSSES_MAX - 1];
		(void)str_copy(l->stage, sizeof l->stage, "several");
		(void)str_copy(l->reason, sizeof l->reason,
		    "more kinds of loss in a second than are told apart");
		l->lost += lost;
		l->bytes += bytes;
		l->to = now;
		return;
	}
	l = &w->losses[w->nlosses++];
	*l =
	    (struct loss){.lost = lost, .bytes = bytes, .from = now, .to = now};
	(void)str_copy(l->stage, sizeof l->stage, stage);
	(void)str_copy(l->reason, sizeof l->reason, reason);
}

static void
write_losses(struct watch *w)
{
	for (size_t i = 0; i < w->nlosses; i++) {
		const struct loss *l = &w->losses[i];
		struct draft d;

		draft_init(&d, "cov.loss", l->to);
		draft_text(&d, "stage", l->stage);
		draft_text(&d, "reason", l->reason);
		/* The kernel does not say how many events an overflow cost. */
		if (l->lost > 0)
			draft_uint(&d, "lost", l->lost);
		if (l->bytes > 0)
			draft_uint(&d, "bytes", l->bytes);
		draft_int(&d, "from_us", l->from.wall_us);
		draft_int(&d, "to_us", l->to.wall_us);
		outbox_put(w->out, &d);
	}
	w->nlosses = 0;
}

/* ---- coverage ---- */

static void
describe_sensors(const struct watch *w, char *out, size_t size)
{
	const struct who_counters *c = who_counters(w->who);
	const char *base = w->files == NULL ? "none" : files_base(w->files);

	(void)snprintf(out, size,
	    "files: %zu of %zu paths; openings: %s; processes: %s; "
	    "interfaces: %zu; owners of sockets: %s; pipelines: %s; "
	    "relayed content: %s; sessions: %s",
	    w->files == NULL ? 0 : w->config.watch.n - w->missing,
	    w->config.watch.n, base == NULL ? "kernel programs" : base,
	    w->processes != NULL ? "yes" : w->no_processes,
	    w->config.interfaces.n,
	    w->sockets != NULL ? "kernel programs" : w->no_sockets,
	    w->starts != NULL ? "kernel programs" : "not seen",
	    !w->relays_said           ? "not known yet"
	    : w->no_relays[0] == '\0' ? "kernel programs"
				      : w->no_relays,
	    c->pam ? "PAM module" : "sshd's log or none yet");
}

static void
write_start(struct watch *w)
{
	char sensors[1280];
	struct draft d;

	describe_sensors(w, sensors, sizeof sensors);
	draft_init(&d, "cov.start", clock_now());
	draft_text(&d, "role", "watch");
	draft_text(&d, "version", VERSION);
	draft_text(&d, "rules", w->rules);
	draft_uint(&d, "rule_count", w->nrules);
	draft_text(&d, "config", w->config.digest);
	draft_text(&d, "host", w->config.host);
	draft_text(&d, "sensors", sensors);
	outbox_put(w->out, &d);
	w->started = true;
}

static void
beat_files(const struct watch *w, struct draft *d)
{
	const struct access_counters *a = access_counters(w->accesses);

	if (w->files != NULL) {
		const struct files_counters *f = files_counters(w->files);

		draft_uint(d, "files.events", f->events);
		draft_uint(d, "files.outside", f->outside);
		draft_uint(d, "files.gone", f->gone);
		draft_uint(d, "files.passed", f->passed);
		draft_uint(d, "files.overflows", f->overflows);
	}
	draft_uint(d, "files.recorded", a->recorded);
	draft_uint(d, "files.folded", a->folded);
	draft_uint(d, "files.others", a->others);
	draft_uint(d, "files.scanned", a->scanned);
	draft_uint(d, "files.known", a->known);
	draft_uint(d, "files.findings", a->findings);
	draft_uint(d, "files.skipped", a->skipped);
}

static void
beat_traffic(const struct watch *w, struct draft *d)
{
	const struct traffic_counters *t = traffic_counters(w->traffics);
	const struct relayed_counters *r = relayed_counters(w->relayeds);
	const struct egress_counters *g = egress_counters(w->egress);

	draft_uint(d, "flows.opened", t->flows);
	draft_uint(d, "flows.recorded", t->recorded);
	draft_uint(d, "flows.others", t->others);
	draft_uint(d, "flows.unowned", t->unowned);
	draft_uint(d, "flows.named", t->named);
	draft_uint(d, "flows.transfers", t->transfers);
	draft_uint(d, "flows.findings", t->findings);
	draft_uint(d, "flows.orphans", t->orphans);
	draft_uint(d, "relays.portions", r->portions);
	draft_uint(d, "relays.recorded", r->recorded);
	draft_uint(d, "relays.little", r->little);
	draft_uint(d, "relays.others", r->others);
	draft_uint(d, "relays.bytes", r->bytes);
	draft_uint(d, "relays.lost", r->lost);
	draft_uint(d, "relays.findings", r->findings);
	draft_uint(d, "egress.recorded", g->recorded);
	draft_uint(d, "egress.folded", g->folded);
	draft_uint(d, "egress.forgotten", g->forgotten);
	for (size_t i = 0; i < w->ncounters; i++)
		draft_uint(d, w->counters[i].name, w->counters[i].total);
}

static void
write_beat(struct watch *w)
{
	const struct who_counters *c = who_counters(w->who);
	struct draft d;

	draft_init(&d, "cov.beat", clock_now());
	beat_files(w, &d);
	beat_traffic(w, &d);
	for (size_t g = 0; g <= GRADE_UNKNOWN; g++) {
		char name[32];

		(void)snprintf(
		    name, sizeof name, "who.%s", grade_name((enum grade)g));
		draft_uint(&d, name, c->by_grade[g]);
	}
	draft_uint(&d, "who.sessions", c->sessions);
	draft_uint(&d, "who.processes", c->processes);
	draft_uint(&d, "queue.lost", outbox_lost(w->out));
	draft_text(&d, "state", w->rules[0] != '\0' ? "ok" : "no rules");
	outbox_put(w->out, &d);
	w->beat_us = clock_boot_us();
}

/* ---- calls from the rooms ---- */

static void
on_session(void *ctx, const struct session_event *e)
{
	struct watch *w = ctx;
	const struct raw_name exe = {"exe", e->actor.exe, strlen(e->actor.exe)};
	struct draft d;

	draft_init(&d, "session", e->at);
	fields_actor(&d, &e->actor);
	draft_text(&d, "op", e->open ? "open" : "close");
	draft_text(&d, "tty", e->tty);
	names_put(w->names, &d, &exe, 1);
}

static void
on_done(void *ctx, uint64_t job, const struct outcome *o)
{
	struct watch *w = ctx;

	if ((job & NAMES_JOB) != 0)
		names_done(w->names, job, o);
	else
		access_done(w->accesses, job, o);
}

static void
on_transfer(void *ctx, const struct transfer *t)
{
	struct watch *w = ctx;

	if ((t->flow & FLOW_RELAY) != 0)
		relayed_transfer(w->relayeds, t);
	else
		traffic_transfer(w->traffics, t);
}

static void
on_examined(void *ctx, uint64_t flow, uint64_t to_server, uint64_t to_client)
{
	struct watch *w = ctx;

	if ((flow & FLOW_RELAY) != 0)
		relayed_examined(w->relayeds, flow);
	else
		traffic_examined(w->traffics, flow, to_server, to_client);
}

static void
on_touched(void *ctx, struct touched *t)
{
	struct watch *w = ctx;

	egress_touch(w->egress, t);
}

static void
on_learned(void *ctx, struct memo_key object, const struct finding *findings,
    size_t n, bool failed)
{
	struct watch *w = ctx;

	egress_learn(w->egress, object, findings, n, failed);
}

static void
on_sent(void *ctx, const struct sent *s)
{
	struct watch *w = ctx;

	egress_sent(w->egress, s);
}

static void
on_rules(void *ctx, const char *digest, unsigned count)
{
	struct watch *w = ctx;

	if (!str_eq(w->rules, digest)) {
		names_forget(w->names);
		access_rules(w->accesses, digest);
		traffic_rules(w->traffics, digest);
		relayed_rules(w->relayeds, digest);
		must(str_copy(w->rules, sizeof w->rules, digest) == 0);
		w->nrules = count;
	}
	if (!w->started && w->relays_said)
		write_start(w);
}

static void
on_loss(void *ctx, const char *stage, const char *reason, uint64_t lost,
    uint64_t bytes)
{
	note_loss(ctx, stage, reason, lost, bytes);
}

/* ---- sensors ---- */

/* A process that has ended since is no bystander. */
static void
pass_over(void *ctx, pid_t pid, bool own)
{
	struct watch *w = ctx;
	int r;

	/* Of what it starts, its self-test alone runs no program of ours, and
	 * has to be seen. */
	if (pid == getppid())
		return;
	r = files_pass(w->files, pid, own);
	if (r != 0 && r != -ESRCH)
		log_warn("process %d is not passed over: %s", (int)pid,
		    strerror(-r));
}

static void
read_processes(struct watch *w)
{
	uint64_t now = clock_boot_us();
	struct process_event e;

	for (int i = 0; i < PROCESSES_EACH_TURN; i++) {
		int r = processes_read(w->processes, &e);

		if (r == 0) {
			w->births_us = now;
			return;
		}
		if (r < 0) {
			log_warn("the process connector failed (%s); lineage "
				 "comes from /proc alone",
			    strerror(-r));
			note_loss(w, "processes",
			    "the process connector failed", 0, 0);
			processes_close(w->processes);
			w->processes = NULL;
			who_lost(w->who);
			return;
		}
		switch (e.op) {
		case PROCESS_FORK:
			who_fork(w->who, e.parent, e.pid);
			break;
		case PROCESS_EXEC:
			if (who_exec(w->who, e.pid) && w->files != NULL)
				pass_over(w, e.pid, true);
			break;
		case PROCESS_EXIT:
			who_exit(w->who, e.pid);
			egress_exit(w->egress, e.pid);
			break;
		case PROCESS_LOST:
			who_lost(w->who);
			note_loss(w, "processes",
			    "the process connector's queue ran over", 0, 0);
			break;
		}
	}
}

static void
read_sockets(struct watch *w)
{
	struct socket_event e;

	for (int i = 0; i < SOCKETS_EACH_TURN; i++) {
		struct actor who = {0};
		int r = sockets_read(w->sockets, &e);

		if (r == 0)
			return;
		if (r < 0) {
			note_loss(w, "sockets",
			    "the kernel's ring of sockets could not be read", 0,
			    0);
			return;
		}
		if (e.op == SOCKET_LOST) {
			note_loss(w, "sockets",
			    "the kernel's ring of sockets ran over", e.sent, 0);
			continue;
		}
		if (e.op == SOCKET_OPEN)
			who_caller(w->who,
			    &(struct caller){
				e.pid, e.start_ns, ACTOR_UNSET, e.comm},
			    &who);
		traffic_socket(w->traffics, &e, &who);
	}
}

static void
read_starts(struct watch *w)
{
	struct start_event e;

	if (w->processes == NULL)
		w->births_us = clock_boot_us();
	for (int i = 0; i < STARTS_EACH_TURN; i++) {
		int r = starts_read(w->starts, w->births_us, &e);

		if (r == 0)
			return;
		if (r < 0 || e.lost > 0) {
			note_loss(w, "processes",
			    "the kernel's ring of programs ran over",
			    r < 0 ? 0 : e.lost, 0);
			if (r < 0)
				return;
			continue;
		}
		egress_start(w->egress, &e);
	}
}

/* Whether there may be more already. */
static bool
read_files(struct watch *w)
{
	for (int i = 0; i < FILES_EACH_TURN; i++) {
		struct actor who = {0};
		int r;

		if (hub_waiting(w->hub) >= HUB_ENOUGH)
			return true;
		r = files_read(w->files, &w->event);
		if (r == 0)
			return false;
		if (r == -EOVERFLOW) {
			note_loss(w, "files",
			    "the kernel's queue of file events ran over",
			    w->event.count, 0);
			continue;
		}
		if (r < 0) {
			note_loss(
			    w, "files", "an event could not be read", 1, 0);
			continue;
		}
		if (w->event.start_ns != 0)
			who_caller(w->who,
			    &(struct caller){w->event.pid, w->event.start_ns,
				w->event.uid, w->event.comm},
			    &who);
		else
			who_pid(w->who, w->event.pid, w->event.gone, &who);
		access_event(w->accesses, &w->event, &who);
	}
	return true;
}

/* ---- peers ---- */

static int
take_loss(struct watch *w, const struct ipc_in *in)
{
	char stage[32], reason[96];
	uint64_t lost, bytes;
	struct cur c;

	cur_init(&c, in->data, in->len);
	cur_str(&c, stage, sizeof stage);
	cur_str(&c, reason, sizeof reason);
	lost = cur_u64(&c);
	bytes = cur_u64(&c);
	if (cur_end(&c) != 0)
		return -EBADMSG;
	note_loss(w, stage, reason, lost, bytes);
	return 0;
}

static int
take_counters(struct watch *w, const struct ipc_in *in)
{
	struct counter got[COUNTERS_MAX];
	struct cur c;
	uint32_t n;

	cur_init(&c, in->data, in->len);
	n = cur_u32(&c);
	if (n > COUNTERS_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < n; i++) {
		cur_str(&c, got[i].name, sizeof got[i].name);
		got[i].total = cur_u64(&c);
		/* One bad name would cost the whole heartbeat. */
		if (!draft_name_ok(got[i].name))
			return -EBADMSG;
	}
	if (cur_end(&c) != 0)
		return -EBADMSG;
	memcpy(w->counters, got, n * sizeof got[0]);
	w->ncounters = n;
	return 0;
}

/* Whether what people's processes read and send on is seen. */
static int
take_relays(struct watch *w, const struct ipc_in *in)
{
	char why[sizeof w->no_relays];
	struct cur c;

	cur_init(&c, in->data, in->len);
	cur_str(&c, why, sizeof why);
	if (cur_end(&c) != 0)
		return -EBADMSG;
	memcpy(w->no_relays, why, sizeof why);
	w->relays_said = true;
	if (!w->started && w->rules[0] != '\0')
		write_start(w);
	return 0;
}

static int
take_capture(struct watch *w, const struct ipc_in *in)
{
	switch (in->type) {
	case MESSAGE_FLOW_OPEN:
		return traffic_open(w->traffics, in->data, in->len);
	case MESSAGE_FLOW_CLOSE:
		return traffic_close(w->traffics, in->data, in->len);
	case MESSAGE_RELAY_OPEN:
		return relayed_open(w->relayeds, in->data, in->len);
	case MESSAGE_RELAY_CLOSE:
		return relayed_close(w->relayeds, in->data, in->len);
	case MESSAGE_RELAYS:
		return take_relays(w, in);
	case MESSAGE_LOSS:
		return take_loss(w, in);
	case MESSAGE_COUNTERS:
		return take_counters(w, in);
	default:
		return -EBADMSG;
	}
}

static int
take_record(struct watch *w, const struct ipc_in *in)
{
	const uint8_t *key;
	unsigned version;
	int r = outbox_message(w->out, in->type, in->data, in->len);

	key = outbox_tag_key(w->out, &version);
	if (key != NULL && version != w->tag_version) {
		w->tag_version = version;
		hub_key(w->hub, key);
	}
	return r;
}

static int
take_message(
    struct watch *w, const struct proc_peer *peer, const struct ipc_in *in)
{
	if (peer->role == ROLE_INSPECT)
		return hub_message(
		    w->hub, peer->index, in->type, in->data, in->len);
	if (peer->role == ROLE_CAPTURE)
		return take_capture(w, in);
	return take_record(w, in);
}

static void
cut_capture(struct watch *w)
{
	traffic_cut(w->traffics, "the capture process ended");
	relayed_cut(w->relayeds);
}

/* A link that came, came anew, or (fd -1) is gone. */
static void
link_peer(struct watch *w, const struct proc_peer *peer)
{
	if (peer->role == ROLE_INSPECT)
		hub_link(w->hub, peer->index, peer->fd);
	else if (peer->role == ROLE_RECORD)
		outbox_link(w->out, peer->fd);
	else if (peer->role == ROLE_CAPTURE)
		cut_capture(w);
}

static void
lose_peer(struct watch *w, struct proc_peer *peer)
{
	proc_peer_lost(peer);
	link_peer(w, peer);
}

/*
 * Capture tells the hub of a flow before an inspector has it. Two sockets keep
 * no order, so what capture has said is heard before an inspector's word.
 */
static void
hear_capture(struct watch *w)
{
	struct proc_peer *peer = proc_peer(&w->p, ROLE_CAPTURE, 0);

	for (int i = 0; i < MESSAGES_EACH_TURN; i++) {
		if (peer == NULL || peer->fd < 0 ||
		    ipc_recv(peer->fd, &w->heard) != 1)
			return; /* what is wrong with it is seen later */
		own_close(&w->heard.fd);
		if (take_capture(w, &w->heard) != 0)
			note_loss(w, "process",
			    "a process sent what it must not", 0, 0);
	}
}

static void
read_peer(struct watch *w, struct proc_peer *peer)
{
	for (int i = 0; i < MESSAGES_EACH_TURN && peer->fd >= 0; i++) {
		int r = ipc_recv(peer->fd, w->p.in);

		if (r == -EAGAIN)
			return;
		if (r == 1) {
			own_close(&w->p.in->fd); /* none is wanted */
			if (w->p.in->type == MESSAGE_OBJECT ||
			    w->p.in->type == MESSAGE_EXAMINED)
				hear_capture(w);
			r = take_message(w, peer, w->p.in);
			if (r == 0)
				continue;
			log_error("a message of type %u from process %u could "
				  "not be used; its link is closed",
			    w->p.in->type, peer->role);
			note_loss(w, "process",
			    "a process sent what it must not", 0, 0);
		}
		lose_peer(w, peer);
	}
}

static void
take_links(struct watch *w)
{
	if (!proc_step(&w->p))
		return;
	for (size_t i = 0; i < w->p.npeers; i++) {
		if (w->turns[i] == w->p.peers[i].turn)
			continue;
		w->turns[i] = w->p.peers[i].turn;
		link_peer(w, &w->p.peers[i]);
	}
}

/* ---- time ---- */

/* The supervisor puts a roster that it has checked in place of the old one. */
static void
check_roster(struct watch *w)
{
	struct diag why = {""};
	struct stat st;

	if (w->config.roster == NULL || stat(w->config.roster, &st) != 0)
		return;
	if (st.st_mtim.tv_sec == w->roster_mtime.tv_sec &&
	    st.st_mtim.tv_nsec == w->roster_mtime.tv_nsec)
		return;
	w->roster_mtime = st.st_mtim;
	if (who_reload(w->who, &why) != 0)
		log_error("the old roster stays in force: %s", why.text);
}

static void
look_at_files(struct watch *w)
{
	size_t lost = w->files == NULL ? 0 : files_look(w->files);

	if (lost > 0)
		note_loss(w, "files",
		    "a file system below a watched path is not watched", lost,
		    0);
}

/* @forgotten: by egress. */
static void
tell_forgotten(struct watch *w, uint64_t forgotten)
{
	uint64_t portions = relayed_forgotten(w->relayeds);

	if (forgotten > 0)
		note_loss(w, "egress",
		    "more was read, written or sent than can be joined",
		    forgotten, 0);
	if (portions > 0)
		note_loss(w, "relays",
		    "more was relayed at once than is remembered", portions, 0);
}

static void
tick(struct watch *w)
{
	uint64_t now = clock_boot_us();

	traffic_tick(w->traffics);
	if (now - w->second_us >= SECOND_US) {
		w->second_us = now;
		access_tick(w->accesses);
		tell_forgotten(w, egress_tick(w->egress));
		look_at_files(w);
		write_losses(w);
		check_roster(w);
		if (who_step(w->who) != 0)
			note_loss(w, "sessions",
			    "the session files could not be read", 0, 0);
	}
	if (!w->started && now - w->born_us > RULES_WAIT_US)
		write_start(w);
	if (w->started && (w->beat_us == 0 || now - w->beat_us >= BEAT_US))
		write_beat(w);
}

/* ---- the loop ---- */

/* How long a turn waits if nothing calls, in milliseconds. */
static int
patience(const struct watch *w)
{
	uint64_t now = clock_boot_us(), us = 500000;

	if (traffic_ending(w->traffics) > 0 || w->nlosses > 0)
		us = 50000;
	if (w->files_us != 0 && hub_waiting(w->hub) < HUB_ENOUGH &&
	    w->files_us < now + us)
		us = w->files_us < now ? 0 : w->files_us - now;
	return (int)((us + 999) / 1000);
}

/*
 * The ring of the kernel's programs calls when there is something, and what it
 * holds gathers for a while, but no longer than until something else calls: that
 * may be the end of the process, or of its file.
 */
static void
take_files(struct watch *w, bool called, bool ring)
{
	uint64_t now = clock_boot_us();

	if (ring && w->files_us == 0)
		w->files_us = now + GATHER_US;
	if (called || (w->files_us != 0 && w->files_us <= now))
		w->files_us = read_files(w) ? now : 0;
}

static void
turn(struct watch *w)
{
	struct pollfd p[8 + PROC_PEERS_MAX];
	int group = -1, ring = -1, mounts = -1;
	bool room = outbox_flush(w->out);
	int called;
	bool told;
	nfds_t n = 0;
	size_t i;

	hub_flush(w->hub);
	p[n++] = (struct pollfd){.fd = w->p.ctl, .events = POLLIN};
	p[n++] = (struct pollfd){
	    .fd = w->processes == NULL ? -1 : processes_fd(w->processes),
	    .events = POLLIN};
	p[n++] = (struct pollfd){.fd = who_fd(w->who), .events = POLLIN};
	if (w->files != NULL && hub_waiting(w->hub) < HUB_ENOUGH)
		files_fds(w->files, &group, &ring, &mounts);
	p[n++] = (struct pollfd){.fd = group, .events = POLLIN};
	p[n++] = (struct pollfd){
	    .fd = w->files_us == 0 ? ring : -1, .events = POLLIN};
	p[n++] = (struct pollfd){.fd = mounts, .events = POLLPRI};
	p[n++] = (struct pollfd){
	    .fd = w->sockets == NULL ? -1 : sockets_fd(w->sockets),
	    .events = POLLIN};
	p[n++] =
	    (struct pollfd){.fd = w->starts == NULL ? -1 : starts_fd(w->starts),
		.events = POLLIN};
	for (i = 0; i < w->p.npeers; i++) {
		const struct proc_peer *peer = &w->p.peers[i];
		bool more = peer->role == ROLE_RECORD && room;

		p[n++] = (struct pollfd){.fd = peer->fd,
		    .events = (short)(POLLIN | (more ? POLLOUT : 0))};
	}
	called = poll(p, n, patience(w));
	if (called < 0 && errno != EINTR)
		log_error("poll: %s", strerror(errno));
	told = (p[4].revents & POLLIN) != 0;
	/* A session is written before its first process is born. */
	if ((p[2].revents & POLLIN) != 0 && who_step(w->who) != 0)
		note_loss(
		    w, "sessions", "the session files could not be read", 0, 0);
	if (w->processes != NULL)
		read_processes(w);
	if (w->starts != NULL)
		read_starts(w);
	if (w->sockets != NULL)
		read_sockets(w);
	if ((p[5].revents & (POLLPRI | POLLERR)) != 0)
		look_at_files(w);
	if (w->files != NULL)
		take_files(w, called > (told ? 1 : 0), told);
	for (i = 0; i < w->p.npeers; i++)
		if (w->p.peers[i].fd >= 0)
			read_peer(w, &w->p.peers[i]);
	take_links(w);
	tick(w);
}

static bool
owes(const struct watch *w)
{
	return hub_waiting(w->hub) > 0 || names_waiting(w->names) > 0 ||
	       traffic_ending(w->traffics) > 0 ||
	       relayed_waiting(w->relayeds) > 0 || !outbox_empty(w->out);
}

/* From here on nothing is seen, until somebody starts anew. */
static void
write_stop(struct watch *w)
{
	struct draft d;

	draft_init(&d, "cov.stop", clock_now());
	draft_text(&d, "role", "watch");
	draft_text(&d, "why", "asked to stop");
	outbox_put(w->out, &d);
}

/* What was seen is written before the end, as far as time allows. */
static void
drain(struct watch *w)
{
	uint64_t start = clock_boot_us();

	traffic_cut(w->traffics, "the agent stopped");
	if (w->files != NULL)
		(void)read_files(w);
	access_flush(w->accesses);
	tell_forgotten(w, egress_flush(w->egress));
	write_losses(w);
	write_beat(w);
	write_stop(w);
	while (owes(w) && clock_boot_us() - start < DRAIN_US)
		turn(w);
	access_flush(w->accesses);
	while (!outbox_empty(w->out) && clock_boot_us() - start < DRAIN_US)
		turn(w);
}

/* ---- start ---- */

static int
open_files(struct watch *w, const char *state, struct diag *why)
{
	const char *exclude[CONFIG_LIST_MAX + 2]; /* the texts stay */
	size_t n = 0;
	int r;

	if (w->config.watch.n == 0)
		return 0;
	for (size_t i = 0; i < w->config.exclude.n; i++)
		exclude[n++] = w->config.exclude.items[i];
	/* Our own files are never watched. */
	exclude[n++] = state;
	r = files_open((const char *const *)w->config.watch.items,
	    w->config.watch.n, exclude, n, w->config.kernel_programs, &w->files,
	    &w->missing, why);
	if (r == -ENOENT && w->config.interfaces.n > 0) {
		log_warn("none of the watched paths exists");
		r = 0;
	}
	if (r == 0 && w->missing > 0)
		note_loss(
		    w, "files", "a watched path does not exist", w->missing, 0);
	return r;
}

static int
open_all(struct watch *w, const struct config_args *args, struct diag *why)
{
	const struct who_config who = {.roster = w->config.roster,
	    .sessions_dir = w->config.sessions,
	    .sshd_log = w->config.sshd_log,
	    .proc = "/proc",
	    .agent = getppid()};
	const struct hub_calls calls = {.ctx = w,
	    .done = on_done,
	    .transfer = on_transfer,
	    .examined = on_examined,
	    .rules = on_rules,
	    .loss = on_loss};
	const struct access_calls tell = {w, on_touched, on_learned};
	struct diag no = {""};
	struct stat st;
	int r;

	if (w->config.roster != NULL && stat(w->config.roster, &st) == 0)
		w->roster_mtime = st.st_mtim;
	if ((r = hub_new(&calls, &w->hub)) != 0 ||
	    (r = outbox_new("watch", &w->out)) != 0 ||
	    (r = names_new(w->hub, w->out, &w->names)) != 0 ||
	    (r = access_new(
		 w->hub, w->names, w->config.object_max, &w->accesses)) != 0)
		return diag_set(why, r, "out of memory");
	/* Lineage before files: an event needs it. */
	if (processes_open(&w->processes, &no) != 0) {
		log_warn("no process connector: %s", no.text);
		(void)str_copy_len(w->no_processes, sizeof w->no_processes,
		    no.text, strnlen(no.text, sizeof w->no_processes - 1));
	}
	if (!w->config.kernel_programs) {
		(void)str_copy(w->no_sockets, sizeof w->no_sockets,
		    "kernel programs are switched off");
	} else if (sockets_open(&w->sockets, &no) != 0) {
		log_warn("no kernel programs for sockets: %s", no.text);
		(void)str_copy_len(w->no_sockets, sizeof w->no_sockets, no.text,
		    strnlen(no.text, sizeof w->no_sockets - 1));
	}
	if (w->config.kernel_programs && starts_open(&w->starts, &no) != 0)
		log_warn("no kernel programs for pipelines: %s", no.text);
	r = who_open(&who, on_session, w, &w->who, why);
	if (r == 0)
		r = traffic_new(w->who, w->names, &w->traffics);
	if (r == 0)
		r = egress_new(w->who, w->names, &w->egress);
	if (r == 0)
		r = relayed_new(w->who, w->names, w->egress, &w->relayeds);
	if (r == 0) {
		access_tell(w->accesses, &tell);
		traffic_tell(w->traffics, on_sent, w);
	}
	if (r == 0)
		r = open_files(w, args->state, why);
	if (r == 0 && w->files != NULL)
		who_bystanders(w->who, pass_over, w);
	return r;
}

static void
close_all(struct watch *w)
{
	files_close(w->files);
	processes_close(w->processes);
	sockets_close(w->sockets);
	starts_close(w->starts);
	traffic_free(w->traffics);
	relayed_free(w->relayeds);
	egress_free(w->egress);
	who_close(w->who);
	access_free(w->accesses);
	names_free(w->names);
	outbox_free(w->out);
	hub_free(w->hub);
	config_done(&w->config);
	free(w->p.in);
}

/* An event's descriptor is kept while it waits for an inspector. */
static void
raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return;
	r.rlim_cur = r.rlim_max = r.rlim_max < 16384 ? 16384 : r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		log_warn(
		    "the limit of open files stays low: %s", strerror(errno));
}

/* For the supervisor: is this roster good? */
static int
check(const char *roster)
{
	struct diag why = {""};

	if (who_check(roster, &why) == 0)
		return 0;
	(void)fprintf(stderr, "%s\n", why.text);
	return 3;
}

static struct watch self;

int
main(int argc, char **argv)
{
	struct config_args args = {0};
	struct jail_taken taken;
	struct diag why = {""};
	struct watch *w = &self;
	struct jail jail;

	if (argc == 3 && str_eq(argv[1], "--check"))
		return check(argv[2]);
	proc_init(&w->p, "chaperone-watch");
	config_args(&args, argc, argv);
	if (args.config == NULL || args.state == NULL ||
	    config_read(args.config, &w->config, &why) != 0) {
		log_error("%s", why.text);
		return 3;
	}
	raise_files();
	/* Then there is nobody who could say it. */
	if (w->config.interfaces.n == 0 && !w->config.kernel_programs) {
		w->relays_said = true;
		(void)str_copy(w->no_relays, sizeof w->no_relays,
		    "kernel programs are switched off");
	}
	w->born_us = w->second_us = clock_boot_us();
	if (open_all(w, &args, &why) != 0) {
		log_error("%s", why.text);
		return 3;
	}
	jail = role_jail(role_find(AGENT_ROLES, ROLE_WATCH), NULL);
	if (jail_enter(&jail, &taken, &why) != 0) {
		log_error("%s", why.text);
		return 4;
	}
	proc_ready(&w->p, "watching");
	while (!w->p.stopping)
		turn(w);
	drain(w);
	close_all(w);
	return 0;
}
