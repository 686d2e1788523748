/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-report - reads what the collector holds, for people.
 *
 * Owns: the order of things: who asks for what is durable in the collector's
 * log before a row is read, and without that nothing is answered. The socket
 * STATE/report.sock for root, which is opened before the jail.
 * Never: writes the database, or could: its files are its to read alone (see
 * docs/decisions/0002-report-reads.md); talks to a network; trusts who asks
 * about the way the question came.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "collector/config.h"
#include "collector/expose.h"
#include "collector/roles.h"
#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/entry.h"
#include "lib/jail.h"
#include "lib/log.h"
#include "lib/packs.h"
#include "lib/proc.h"
#include "lib/reach.h"
#include "lib/str.h"

#include "lib/own.h"

#define CALLERS_MAX 8
#define ASKS_MAX 64
#define BODY_MAX (64 * 1024 * 1024)
/* Store makes an entry durable in milliseconds, unless it is in trouble. */
#define RECORD_US UINT64_C(10000000)
#define SEND_MS 5000
#define MESSAGES_EACH_TURN 32

/* Who waits for an answer: front, or the caller in a slot. */
struct asker {
	size_t slot; /* FRONT, or the caller's */
	uint64_t turn; /* of the slot: a later caller is another one */
};

#define FRONT CALLERS_MAX

struct ask {
	uint64_t id; /* ours, 0 if the place is free */
	uint64_t theirs;
	struct asker from;
	uint64_t until_us;
	char user[WIRE_USER_MAX];
	char via[WIRE_WORD_MAX];
	char action[WIRE_WORD_MAX];
	char provider[WIRE_PROVIDER_MAX];
	char format[WIRE_WORD_MAX];
	char view[WIRE_VIEW_MAX];
	int64_t from_us, to_us;
};

struct report {
	struct proc proc;
	char path[4096]; /* of the database */
	struct packs *packs; /* NULL: none are configured */
	uid_t owner; /* who started us, and root, may call */
	int listener;
	int callers[CALLERS_MAX];
	uint64_t turns[CALLERS_MAX];
	struct ask asks[ASKS_MAX];
	uint64_t last_id;
};

static struct report self;

NORETURN static void
die(const char *what, const char *why)
{
	log_error("%s: %s", what, why);
	exit(1);
}

/* ---- answers ---- */

static int
asker_fd(const struct asker *a)
{
	const struct proc_peer *front;

	if (a->slot != FRONT)
		return self.turns[a->slot] == a->turn ? self.callers[a->slot]
						      : -1;
	front = proc_peer(&self.proc, ROLE_FRONT, 0);
	return front != NULL && front->turn == a->turn ? front->fd : -1;
}

static void
hang_up(size_t slot)
{
	own_close(&self.callers[slot]);
	self.callers[slot] = -1;
	self.turns[slot]++;
}

static void
answer(const struct ask *a, uint32_t status, const char *type,
    const char *error, uint8_t flags, int body)
{
	OWN(buf_done) struct buf m = {0};
	int fd = asker_fd(&a->from);

	if (fd < 0)
		return;
	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, a->theirs);
	buf_put_u32(&m, status);
	buf_put_str(&m, type);
	buf_put_str(&m, error);
	buf_put_u8(&m, flags);
	must(buf_error(&m) == 0);
	if (ipc_send_wait(fd, WIRE_ANSWER, m.data, m.len, body, SEND_MS) == 0)
		return;
	if (a->from.slot == FRONT)
		proc_peer_lost(proc_peer(&self.proc, ROLE_FRONT, 0));
	else
		hang_up(a->from.slot);
}

static void
refuse(const struct ask *a, uint32_t status, const char *why)
{
	answer(a, status, "", why, 0, -1);
}

/* A sealed file in memory: who gets it can map it without fear. */
static int
seal_body(const struct buf *body)
{
	OWN_FD int fd = memfd_create("report", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t done = 0;

	if (fd < 0)
		return -errno;
	while (done < body->len) {
		ssize_t n = write(fd, body->data + done, body->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	if (fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) !=
		0 ||
	    lseek(fd, 0, SEEK_SET) != 0)
		return -errno;
	return own_take_fd(&fd);
}

/* It is recorded: now it may be read. */
static void
produce(const struct ask *a)
{
	const struct expose_ask e = {.user = a->user,
	    .via = a->via,
	    .action = a->action,
	    .provider = a->provider,
	    .format = a->format,
	    .view = a->view,
	    .packs = self.packs,
	    .from_us = a->from_us,
	    .to_us = a->to_us,
	    .now_us = clock_now().wall_us};
	OWN(buf_done) struct buf body = {0};
	const char *type = "";
	struct diag why = {""};
	uint8_t flags = 0;
	uint32_t status;

	/* Nobody waits any more: nothing is read. */
	if (asker_fd(&a->from) < 0)
		return;
	buf_init(&body, BODY_MAX);
	status = expose_body(self.path, &e, &body, &type, &flags, &why);
	if (status != 200) {
		log_warn("%s", why.text);
		refuse(a, status, why.text);
		return;
	}
	OWN_FD int fd = seal_body(&body);
	if (fd < 0)
		refuse(a, 503, "there is no memory for the report");
	else
		answer(a, 200, type, "", flags, fd);
}

/* ---- the record of it ---- */

static struct ask *
place_for(void)
{
	for (size_t i = 0; i < ASKS_MAX; i++)
		if (self.asks[i].id == 0)
			return &self.asks[i];
	return NULL;
}

static void
put_bound(struct draft *d, const char *name, int64_t us)
{
	char text[CLOCK_TEXT_SIZE];

	if (us == 0)
		return;
	clock_text(us, text);
	draft_text(d, name, text);
}

static int
send_record(const struct ask *a)
{
	struct proc_peer *store = proc_peer(&self.proc, ROLE_STORE, 0);
	OWN(buf_done) struct buf m = {0};
	struct draft d;
	int r;

	if (store == NULL || store->fd < 0)
		return -EPIPE;
	draft_init(&d, "col.access", clock_now());
	draft_text(&d, "user", a->user);
	draft_text(&d, "via", a->via);
	draft_text(&d, "action", a->action);
	draft_text(&d, "provider", a->provider);
	put_bound(&d, "from", a->from_us);
	put_bound(&d, "to", a->to_us);
	draft_text(&d, "format", a->format);
	if (a->view[0] != '\0')
		draft_text(&d, "view", a->view);
	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, a->id);
	draft_encode(&d, &m);
	r = draft_error(&d);
	draft_done(&d);
	if (r == 0)
		r = buf_error(&m);
	if (r == 0)
		r = ipc_send_wait(
		    store->fd, WIRE_RECORD, m.data, m.len, -1, SEND_MS);
	if (r == -EPIPE || r == -ECONNRESET || r == -ETIMEDOUT)
		proc_peer_lost(store);
	return r;
}

#define NOT_RECORDED \
	"the collector cannot record who reads this, so that nothing is " \
	"shown; try again in a moment"

static void
take_ask(struct asker from, struct cur *c)
{
	struct ask a = {.from = from}, *place = place_for();
	struct expose_ask e = {.now_us = clock_now().wall_us};
	struct diag why = {""};
	char said[WIRE_WORD_MAX];
	uint32_t status;

	a.theirs = cur_u64(c);
	cur_str(c, a.user, sizeof a.user);
	cur_str(c, said, sizeof said);
	cur_str(c, a.action, sizeof a.action);
	cur_str(c, a.provider, sizeof a.provider);
	a.from_us = (int64_t)cur_u64(c);
	a.to_us = (int64_t)cur_u64(c);
	cur_str(c, a.format, sizeof a.format);
	cur_str(c, a.view, sizeof a.view);
	if (cur_end(c) != 0) {
		refuse(&a, 400, "the question cannot be read");
		return;
	}
	/* The way that it came is what is seen, not what is said. */
	must(str_copy(a.via, sizeof a.via,
		 from.slot == FRONT ? "page" : "cli") == 0);
	e.user = a.user;
	e.via = a.via;
	e.action = a.action;
	e.provider = a.provider;
	e.format = a.format;
	e.view = a.view;
	e.packs = self.packs;
	e.from_us = a.from_us;
	e.to_us = a.to_us;
	status = expose_check(&e, &why);
	if (status != 200) {
		refuse(&a, status, why.text);
		return;
	}
	if (place == NULL) {
		refuse(&a, 503, "too many reports are asked for; try again");
		return;
	}
	a.id = ++self.last_id;
	a.until_us = clock_boot_us() + RECORD_US;
	if (send_record(&a) != 0)
		refuse(&a, 503, NOT_RECORDED);
	else
		*place = a;
}

static void
take_recorded(struct cur *c)
{
	uint64_t id = cur_u64(c);
	uint32_t err = cur_u32(c);

	if (cur_end(c) != 0 || id == 0)
		return;
	for (size_t i = 0; i < ASKS_MAX; i++) {
		struct ask a = self.asks[i];

		if (a.id != id)
			continue;
		self.asks[i].id = 0;
		if (err == 0)
			produce(&a);
		else
			refuse(&a, 503, NOT_RECORDED);
		return;
	}
}

/* Those that store did not answer for, since it is gone or too late. */
static void
give_up(bool all)
{
	uint64_t now = clock_boot_us();

	for (size_t i = 0; i < ASKS_MAX; i++) {
		struct ask *a = &self.asks[i];

		if (a->id == 0 || (!all && now < a->until_us))
			continue;
		refuse(a, 503, NOT_RECORDED);
		a->id = 0;
	}
}

/* ---- who talks to us ---- */

static void
read_store(struct proc_peer *store)
{
	struct ipc_in *in = self.proc.in;

	for (int i = 0; i < MESSAGES_EACH_TURN && store->fd >= 0; i++) {
		struct cur c;
		int r = ipc_recv(store->fd, in);

		if (r == -EAGAIN)
			return;
		if (r != 1) {
			proc_peer_lost(store);
			give_up(true);
			return;
		}
		own_close(&in->fd);
		cur_init(&c, in->data, in->len);
		if (in->type == WIRE_RECORDED)
			take_recorded(&c);
		else
			log_warn("store sent a message of type %u", in->type);
	}
}

/* One question; false at the end. */
static bool
read_asker(int fd, struct asker from)
{
	struct ipc_in *in = self.proc.in;
	struct cur c;
	int r = ipc_recv(fd, in);

	if (r == -EAGAIN)
		return true;
	if (r != 1)
		return false;
	own_close(&in->fd);
	if (in->type != WIRE_ASK)
		return false;
	cur_init(&c, in->data, in->len);
	take_ask(from, &c);
	return true;
}

static void
take_caller(void)
{
	struct ucred who = {.uid = (uid_t)-1};
	socklen_t len = sizeof who;
	OWN_FD int fd =
	    accept4(self.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
	    (who.uid != 0 && who.uid != self.owner))
		return;
	for (size_t i = 0; i < CALLERS_MAX; i++) {
		if (self.callers[i] >= 0)
			continue;
		self.callers[i] = own_take_fd(&fd);
		self.turns[i]++;
		return;
	}
}

static void
read_peer(struct proc_peer *peer)
{
	struct asker from = {FRONT, peer->turn};

	if (peer->role == ROLE_STORE) {
		read_store(peer);
		return;
	}
	if (!read_asker(peer->fd, from))
		proc_peer_lost(peer);
}

#define POLLS_MAX (2 + PROC_PEERS_MAX + CALLERS_MAX)

static int
wait_ms(void)
{
	for (size_t i = 0; i < ASKS_MAX; i++)
		if (self.asks[i].id != 0)
			return 1000;
	return -1;
}

static void
turn(void)
{
	struct pollfd p[POLLS_MAX];
	size_t npeers = self.proc.npeers, n = 0;

	p[n++] = (struct pollfd){.fd = self.proc.ctl, .events = POLLIN};
	p[n++] = (struct pollfd){.fd = self.listener, .events = POLLIN};
	for (size_t i = 0; i < CALLERS_MAX; i++)
		p[n++] =
		    (struct pollfd){.fd = self.callers[i], .events = POLLIN};
	for (size_t i = 0; i < npeers; i++)
		p[n++] = (struct pollfd){
		    .fd = self.proc.peers[i].fd, .events = POLLIN};
	if (poll(p, n, wait_ms()) < 0)
		return;
	for (size_t i = 0; i < npeers; i++)
		if (p[2 + CALLERS_MAX + i].revents != 0 &&
		    self.proc.peers[i].fd >= 0)
			read_peer(&self.proc.peers[i]);
	for (size_t i = 0; i < CALLERS_MAX; i++)
		if (p[2 + i].revents != 0 && self.callers[i] >= 0 &&
		    !read_asker(
			self.callers[i], (struct asker){i, self.turns[i]}))
			hang_up(i);
	if (p[1].revents != 0)
		take_caller();
	if (p[0].revents != 0)
		(void)proc_step(&self.proc);
	give_up(false);
}

/* ---- start ---- */

/* Mode 0600, of whoever started the collector; an old one is replaced. */
static void
open_listener(const char *state)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	mode_t old;
	int r;

	if (str_format(
		at.sun_path, sizeof at.sun_path, "%s/report.sock", state) != 0)
		die(state, "too long for a socket below it");
	self.listener =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (self.listener < 0)
		die(at.sun_path, strerror(errno));
	(void)unlink(at.sun_path);
	old = umask(0177);
	r = bind(self.listener, (const struct sockaddr *)&at, sizeof at);
	(void)umask(old);
	if (r != 0 || listen(self.listener, CALLERS_MAX) != 0)
		die(at.sun_path, strerror(errno));
}

/* Before the jail, as root: the packs need not be everybody's to read. */
static void
load_packs(const char *path)
{
	OWN(config_donep) struct config c = {0};
	struct diag why = {""};

	if (config_read(path, &c, &why) != 0)
		die("configuration", why.text);
	if (c.nrules > 0 && packs_load((const char *const *)c.rules, c.nrules,
				&self.packs, &why) != 0)
		die("rules", why.text);
}

static void
enter(const char *state)
{
	const char *reach[] = {state, NULL};
	char dir[4096];
	struct jail_taken taken;
	struct diag why = {""};
	struct jail j;
	int r = geteuid() == 0 ? reach_open(reach) : 0;

	if (r != 0)
		die(state, strerror(-r));
	must(str_format(dir, sizeof dir, "%s/store", state) == 0 &&
	     str_format(self.path, sizeof self.path, "%s/collector.db", dir) ==
		 0);
	j = role_jail(role_find(COLLECTOR_ROLES, ROLE_REPORT), NULL);
	j.read_dir = dir;
	if (jail_enter(&j, &taken, &why) != 0)
		die("jail", why.text);
}

int
main(int argc, char **argv)
{
	struct config_args args = {0};

	config_args(&args, argc, argv);
	proc_init(&self.proc, "chaperone-report");
	must(args.state != NULL);
	for (size_t i = 0; i < CALLERS_MAX; i++)
		self.callers[i] = -1;
	self.owner = geteuid();
	load_packs(args.config);
	open_listener(args.state);
	enter(args.state);
	proc_ready(&self.proc, "");
	while (!self.proc.stopping)
		turn();
	for (size_t i = 0; i < CALLERS_MAX; i++)
		own_close(&self.callers[i]);
	own_close(&self.listener);
	packs_free(self.packs);
	free(self.proc.in);
	return 0;
}
