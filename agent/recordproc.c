/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-record - the process with the log and its key.
 *
 * Owns: the links to the writers (watch, supervise) and to ship, and the order
 * of answers: a writer hears of a number only when it is durable.
 * Never: has the network, or a file outside its directory; believes a writer
 * about who it is: the link says it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/config.h"
#include "agent/record/record.h"
#include "agent/roles.h"
#include "agent/selftest.h"
#include "lib/batch.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/msg.h"
#include "lib/note.h"
#include "lib/proc.h"
#include "lib/str.h"

#include "lib/own.h"

#define BURST 64 /* messages of one writer in one turn */
#define DRAIN 4096 /* turns for what a writer that ended had sent */

/* Who may write, and under which name. */
struct writer {
	uint32_t role;
	const char *source;
	bool keyed; /* gets the day's key: it hands it to inspectors */
	/* Of the present link. */
	uint32_t turn;
	bool greeted;
	bool owed_hello; /* it waits for our answer */
	uint64_t epoch;
	uint64_t got, told; /* numbers received, and answered */
};

/* What the supervisor has planted (agent/selftest.c). */
struct expected {
	uint32_t pid; /* 0: nothing */
	char name[SELFTEST_NAME_MAX];
};

struct recorder {
	struct proc proc;
	struct record *record;
	struct writer writers[2];
	struct expected expected;
	/* Ship. */
	uint32_t ship_turn;
	bool wanted;
	uint64_t want;
	uint64_t refused; /* receipts that were no good */
	char state[256];
};

static struct recorder self = {
    .writers = {{.role = ROLE_WATCH, .source = "watch", .keyed = true},
	{.role = ROLE_SUPERVISE, .source = "supervise"}},
};

static void
say_state(void)
{
	char text[sizeof self.state];

	must(str_format(text, sizeof text,
		 "%s, generation %" PRIu32 ", %" PRIu64 " entries",
		 record_name(self.record), record_gen(self.record),
		 record_size(self.record)) == 0);
	proc_note(&self.proc, "log", text);
}

/* ---- writers ---- */

static struct proc_peer *
link_of(const struct writer *w)
{
	struct proc_peer *p = proc_peer(&self.proc, w->role, 0);

	return p != NULL && p->fd >= 0 ? p : NULL;
}

/* A full queue is no fault: the answer is owed, and tried again. */
static bool
send_or_drop(struct proc_peer *p, uint32_t type, const struct buf *m)
{
	int r = ipc_send_buf(p->fd, type, m, -1);

	if (r != 0 && r != -EAGAIN && r != -ENOBUFS)
		proc_peer_lost(p);
	return r == 0;
}

static void
say_hello(struct writer *w, struct proc_peer *p)
{
	static const uint8_t NONE[RECORD_TAG_KEY];
	OWN(buf_wipe) struct buf m = {0};
	uint64_t number = 0;
	int r = record_hello(self.record, w->source, w->epoch, &number);

	w->owed_hello = r == -EBUSY;
	if (r == -EBUSY)
		return;
	if (r != 0) {
		log_error("the number of %s cannot be read: %s", w->source,
		    strerror(-r));
		proc_peer_lost(p);
		return;
	}
	if (number > w->got)
		w->got = w->told = number;
	buf_init(&m, 64);
	buf_put_u64(&m, number);
	buf_put(
	    &m, w->keyed ? record_tag_key(self.record) : NONE, RECORD_TAG_KEY);
	w->owed_hello = !send_or_drop(p, MESSAGE_HELLO, &m);
}

static int
take_hello(struct writer *w, struct proc_peer *p, struct cur *c)
{
	char source[RECORD_SOURCE_MAX];
	uint64_t epoch;

	cur_str(c, source, sizeof source);
	epoch = cur_u64(c);
	if (cur_end(c) != 0 || !str_eq(source, w->source) || epoch > INT64_MAX)
		return -EBADMSG;
	w->epoch = epoch;
	w->got = w->told = 0;
	w->greeted = true;
	say_hello(w, p);
	return 0;
}

/* ---- the self-test ---- */

static const struct field *
field_of(const struct draft *d, const char *name)
{
	for (size_t i = 0; i < d->nfields; i++)
		if (str_eq(d->fields[i].name, name))
			return &d->fields[i];
	return NULL;
}

/* By process and name: of a file that somebody else names so, all is kept. */
static bool
is_expected(const struct draft *d)
{
	const struct expected *e = &self.expected;
	const struct field *pid = field_of(d, "pid");
	const struct field *path = field_of(d, "path");
	size_t n = strlen(e->name);

	return e->pid != 0 && str_eq(d->type, "finding") && pid != NULL &&
	       pid->is_int && pid->num == (int64_t)e->pid && path != NULL &&
	       !path->is_int && path->len > n &&
	       path->text[path->len - n - 1] == '/' &&
	       memcmp(path->text + path->len - n, e->name, n) == 0;
}

static void
say_met(bool met)
{
	struct proc_peer *p = proc_peer(&self.proc, ROLE_SUPERVISE, 0);
	OWN(buf_done) struct buf m = {0};

	if (p == NULL || p->fd < 0)
		return;
	buf_init(&m, 8);
	buf_put_u8(&m, met ? 1 : 0);
	/* One that is lost fails a test that is then tried again. */
	(void)send_or_drop(p, MESSAGE_MET, &m);
}

static int
take_expect(const struct writer *w, struct cur *c)
{
	struct expected e = {.pid = cur_u32(c)};

	cur_str(c, e.name, sizeof e.name);
	if (cur_end(c) != 0 || w->role != ROLE_SUPERVISE ||
	    strncmp(e.name, SELFTEST_NAME, strlen(SELFTEST_NAME)) != 0)
		return -EBADMSG;
	self.expected = e;
	say_met(false);
	return 0;
}

/* A draft that is no good has a number all the same, which is answered. */
static int
take_append(struct writer *w, struct cur *c)
{
	struct draft d;
	uint64_t number = cur_u64(c);
	int r;

	if (!w->greeted || c->bad || number <= w->got || number > INT64_MAX)
		return -EBADMSG;
	r = draft_decode(&d, c);
	if (r == 0 && cur_end(c) != 0) {
		draft_done(&d);
		r = -EBADMSG;
	}
	if (r == 0 && is_expected(&d)) {
		const struct field *op = field_of(&d, "op");

		/* It was written before it was opened, and that is seen, too. */
		if (op != NULL && !op->is_int && str_eq(op->text, "open"))
			say_met(true);
		draft_done(&d);
	} else if (r == 0)
		r = record_put(self.record, w->source, w->epoch, number, &d);
	else
		record_refuse(self.record, "a record could not be read");
	must(r != -EBUSY); /* who reads looks for room first */
	w->got = number;
	return 0;
}

static int
take_message(struct writer *w, struct proc_peer *p, const struct ipc_in *in)
{
	struct cur c;

	cur_init(&c, in->data, in->len);
	if (in->type == MESSAGE_HELLO)
		return take_hello(w, p, &c);
	if (in->type == MESSAGE_EXPECT)
		return take_expect(w, &c);
	return in->type == MESSAGE_APPEND ? take_append(w, &c) : -EBADMSG;
}

static void
read_writer(struct writer *w)
{
	struct proc_peer *p = link_of(w);

	for (int i = 0; p != NULL && i < BURST && p->fd >= 0 &&
			record_has_room(self.record);
	     i++) {
		int r = ipc_recv(p->fd, self.proc.in);

		if (r == -EAGAIN)
			return;
		if (r == 1) {
			own_close(&self.proc.in->fd);
			r = take_message(w, p, self.proc.in);
		} else if (r == 0) {
			r = -EPIPE;
		}
		if (r == -EBADMSG)
			log_warn("%s sent what it must not; its link is cut",
			    w->source);
		if (r != 0)
			proc_peer_lost(p);
	}
}

/* Everything that was received is durable. */
static void
answer_writer(struct writer *w)
{
	struct proc_peer *p = link_of(w);
	OWN(buf_done) struct buf m = {0};

	if (p == NULL || !w->greeted || w->told >= w->got)
		return;
	buf_init(&m, 16);
	buf_put_u64(&m, w->got);
	if (send_or_drop(p, MESSAGE_APPENDED, &m))
		w->told = w->got;
}

/* ---- ship ---- */

static struct proc_peer *
ship_link(void)
{
	struct proc_peer *p = proc_peer(&self.proc, ROLE_SHIP, 0);

	return p != NULL && p->fd >= 0 ? p : NULL;
}

static int
write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? -EIO : -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The bytes as memory that nobody can change any more. */
static int
seal_bytes(const struct buf *b, int *out)
{
	OWN_FD int fd = memfd_create("batch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, b->data, b->len);
	if (r == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		r = -errno;
	if (r == 0)
		*out = own_take_fd(&fd);
	return r;
}

static int
send_batch(struct proc_peer *p, const struct buf *bytes, uint64_t first,
    uint64_t count)
{
	OWN(buf_done) struct buf m = {0};
	OWN_FD int fd = -1;
	int r = seal_bytes(bytes, &fd);

	if (r != 0)
		return r;
	buf_init(&m, 32);
	buf_put_u64(&m, first);
	buf_put_u64(&m, count);
	return ipc_send_buf(p->fd, MESSAGE_BATCH, &m, fd);
}

/* What ship waits for, if there is a checkpoint for it. */
static void
supply(void)
{
	struct proc_peer *p = ship_link();
	OWN(buf_done) struct buf bytes = {0};
	uint64_t first = 0, count = 0;
	int r;

	if (p == NULL || !self.wanted)
		return;
	buf_init(&bytes, BATCH_BYTES_MAX);
	r = record_batch(self.record, self.want, &bytes, &first, &count);
	self.want = first;
	if (r == -EAGAIN)
		return;
	if (r == 0)
		r = send_batch(p, &bytes, first, count);
	if (r == 0) {
		self.wanted = false;
	} else if (r == -ERANGE) {
		/* What comes next goes there all the same: the collector has
		 * to see that this log is another one. */
		self.want = record_size(self.record);
		log_error("the collector wants entry %" PRIu64
			  " of a log that has %" PRIu64
			  ": was this host set back to an earlier state?",
		    first, record_size(self.record));
	} else if (r == -EPIPE || r == -ECONNRESET) {
		proc_peer_lost(p);
	} else if (r != -EAGAIN) {
		log_error("a batch cannot be made: %s", strerror(-r));
	}
}

static void
take_receipt(struct cur *c)
{
	struct diag why = {""};
	size_t len;
	const uint8_t *note = cur_blob(c, &len);
	int r = cur_end(c);

	if (r == 0 && len <= NOTE_MAX)
		r = record_receipt(self.record, note, len, &why);
	/* Once, or a collector could fill the journal. */
	if (r != 0 && self.refused++ == 0)
		log_error("a receipt was not kept: %s",
		    why.text[0] != '\0' ? why.text : strerror(-r));
	else if (r == 0)
		self.refused = 0;
}

static void
read_ship(void)
{
	struct proc_peer *p = ship_link();

	for (int i = 0; p != NULL && i < BURST && p->fd >= 0; i++) {
		struct ipc_in *in = self.proc.in;
		int r = ipc_recv(p->fd, in);
		struct cur c;

		if (r == -EAGAIN)
			return;
		if (r != 1) {
			proc_peer_lost(p);
			return;
		}
		own_close(&in->fd);
		cur_init(&c, in->data, in->len);
		if (in->type == MESSAGE_WANT) {
			self.want = cur_u64(&c);
			self.wanted = cur_end(&c) == 0;
			supply();
		} else if (in->type == MESSAGE_RECEIPT) {
			take_receipt(&c);
		}
	}
}

/* ---- the loop ---- */

/* A link that came anew is another process's, which has to greet first. */
static void
take_links(void)
{
	const struct proc_peer *p;

	for (size_t i = 0; i < ARRAY_LEN(self.writers); i++) {
		struct writer *w = &self.writers[i];

		p = link_of(w);
		if (p == NULL || p->turn == w->turn)
			continue;
		w->turn = p->turn;
		w->greeted = w->owed_hello = false;
	}
	p = ship_link();
	if (p != NULL && p->turn != self.ship_turn) {
		self.ship_turn = p->turn;
		self.wanted = false;
	}
}

static void
on_events(unsigned events)
{
	if ((events & RECORD_FULL) != 0) {
		log_error("%s; records wait until it can be written",
		    record_error(self.record));
		proc_note(&self.proc, "disk", record_error(self.record));
	}
	if ((events & RECORD_ROOM) != 0) {
		log_note("the log can be written again");
		proc_note(&self.proc, "disk", "ok");
	}
	if ((events & RECORD_RENEWED) != 0)
		log_error("%s; generation %" PRIu32 " of the log began",
		    record_error(self.record), record_gen(self.record));
	for (size_t i = 0; i < ARRAY_LEN(self.writers); i++) {
		struct writer *w = &self.writers[i];
		struct proc_peer *p = link_of(w);

		if (p != NULL && w->greeted &&
		    (w->owed_hello ||
			(w->keyed && (events & RECORD_NEW_DAY) != 0)))
			say_hello(w, p);
		if ((events & RECORD_COMMITTED) != 0)
			answer_writer(w);
	}
	if ((events & (RECORD_SIGNED | RECORD_RENEWED)) != 0) {
		supply();
		say_state();
	}
}

/* What a writer had sent before its link is replaced: it may have ended. */
static void
drain(struct writer *w)
{
	for (int i = 0; i < DRAIN && record_has_room(self.record); i++) {
		const struct proc_peer *link = link_of(w);
		struct pollfd p = {.events = POLLIN};

		if (link == NULL)
			return;
		p.fd = link->fd;
		if (poll(&p, 1, 0) != 1)
			return;
		read_writer(w);
		(void)record_turn(self.record);
		on_events(record_events(self.record));
	}
}

static void
wait_once(int ms)
{
	struct pollfd p[4] = {{.fd = self.proc.ctl, .events = POLLIN}};
	bool room = record_has_room(self.record);
	struct proc_peer *ship = ship_link();

	for (size_t i = 0; i < ARRAY_LEN(self.writers); i++) {
		const struct proc_peer *w = link_of(&self.writers[i]);

		/* Without room nothing is read: the writers hold it back. */
		p[1 + i] = (struct pollfd){
		    .fd = w == NULL || !room ? -1 : w->fd, .events = POLLIN};
	}
	p[3] = (struct pollfd){
	    .fd = ship == NULL ? -1 : ship->fd, .events = POLLIN};
	if (poll(p, ARRAY_LEN(p), ms) < 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(self.writers); i++)
		if (p[1 + i].revents != 0)
			read_writer(&self.writers[i]);
	if (p[3].revents != 0)
		read_ship();
	if (p[0].revents == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(self.writers); i++)
		drain(&self.writers[i]);
	if (proc_step(&self.proc))
		take_links();
}

static void
serve(void)
{
	int ms = 0;

	while (!self.proc.stopping) {
		wait_once(ms);
		ms = record_turn(self.record);
		on_events(record_events(self.record));
	}
}

/* ---- start ---- */

NORETURN static void
die(const struct diag *why)
{
	log_error("%s", why->text);
	exit(1);
}

/* The configuration names the host; it is read before the jail is taken. */
static void
read_host(const struct config_args *args, char *out, size_t size)
{
	struct config c = {0};

	out[0] = '\0';
	if (args->config == NULL || config_read(args->config, &c, NULL) != 0)
		return;
	if (str_copy(out, size, c.host) != 0)
		out[0] = '\0';
	config_done(&c);
}

int
main(int argc, char **argv)
{
	struct config_args args = {0};
	struct jail_taken taken;
	struct diag why = {""};
	struct jail j;
	char dir[4000], host[256];

	config_args(&args, argc, argv);
	proc_init(&self.proc, "chaperone-record");
	if (args.state == NULL ||
	    str_format(dir, sizeof dir, "%s/record", args.state) != 0) {
		(void)diag_set(&why, -EINVAL, "--state DIR is missing");
		die(&why);
	}
	read_host(&args, host, sizeof host);
	(void)clock_boot_id(); /* it is remembered; /proc is gone in there */
	j = role_jail(role_find(AGENT_ROLES, ROLE_RECORD), dir);
	if (jail_enter(&j, &taken, &why) != 0 ||
	    record_open(dir, host, &self.record, &why) != 0)
		die(&why);
	proc_ready(&self.proc, record_name(self.record));
	say_state();
	(void)proc_step(&self.proc);
	take_links();
	serve();
	record_close(self.record);
	free(self.proc.in);
	return 0;
}
