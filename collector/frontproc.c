/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-front - the only process of the collector that faces a network.
 *
 * Owns: the two listeners, the key of TLS, and the way of each request to
 * store or report and back.
 * Never: opens a batch, a report or, once in its jail, a file; connects to
 * anybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "collector/config.h"
#include "collector/intake/intake.h"
#include "collector/roles.h"
#include "collector/web/web.h"
#include "collector/wire.h"
#include "lib/file.h"
#include "lib/https.h"
#include "lib/jail.h"
#include "lib/log.h"
#include "lib/note.h"
#include "lib/pki.h"
#include "lib/proc.h"
#include "lib/str.h"

#include "lib/own.h"

#define BACKLOG 256
#define AGENTS_MAX 1024
#define AGENTS_ADDRESS_MAX 256 /* many hosts may share one */
#define PEOPLE_MAX 128
#define PEOPLE_ADDRESS_MAX 32
/* Of all batches that are being received. */
#define BODIES_MAX ((size_t)256 * 1024 * 1024)
#define FORMS_MAX ((size_t)256 * 1024)
#define FILES_WANTED 4096
#define FILES_OTHER 64 /* links, listeners, and what the libraries hold */
#define MESSAGES_MAX 64 /* of one peer in one turn */

struct front {
	struct proc proc;
	struct intake *intake;
	struct web *web;
	struct https *agents, *people;
	uint32_t store_turn, report_turn; /* links that were seen */
};

static struct front self;

NORETURN static void
die(const struct diag *why)
{
	log_error("%s", why->text);
	exit(1);
}

/* ---- from the rooms to the peers ---- */

static int
send_to(uint32_t role, uint32_t type, const struct buf *m, int fd)
{
	struct proc_peer *peer = proc_peer(&self.proc, role, 0);

	if (peer == NULL || peer->fd < 0)
		return -EPIPE;
	return ipc_send_buf(peer->fd, type, m, fd);
}

static int
send_store(void *ctx UNUSED, uint32_t type, const struct buf *m, int fd)
{
	return send_to(ROLE_STORE, type, m, fd);
}

static int
send_report(void *ctx UNUSED, uint32_t type, const struct buf *m)
{
	return send_to(ROLE_REPORT, type, m, -1);
}

static void
on_event(void *ctx UNUSED, enum web_event e, const char *address)
{
	switch (e) {
	case WEB_LOGIN:
		log_note("page: a login from %s", address);
		break;
	case WEB_REFUSED:
		log_warn("page: a wrong user or password from %s", address);
		break;
	case WEB_LIMITED:
		log_warn("page: too many passwords are tried, the last from %s",
		    address);
		break;
	}
}

/* ---- from the peers to the rooms ---- */

static int
read_one(const struct proc_peer *peer)
{
	struct ipc_in *in = self.proc.in;
	int r = ipc_recv(peer->fd, in);
	struct cur c;

	if (r != 1)
		return r;
	cur_init(&c, in->data, in->len);
	if (peer->role == ROLE_REPORT) {
		r = web_message(self.web, in->type, &c, own_take_fd(&in->fd));
	} else {
		own_close(&in->fd);
		r = intake_message(self.intake, in->type, &c);
	}
	if (r != 0)
		log_warn("a message of type %u cannot be read", in->type);
	return 1;
}

static void
read_peer(struct proc_peer *peer)
{
	for (unsigned i = 0; i < MESSAGES_MAX; i++) {
		int r = read_one(peer);

		if (r == -EAGAIN)
			return;
		if (r != 1) {
			proc_peer_lost(peer);
			break;
		}
	}
	if (peer->fd >= 0)
		return;
	if (peer->role == ROLE_STORE)
		intake_lost(self.intake);
	else
		web_lost(self.web);
}

/* A new link: what was asked over the old one is not answered any more. */
static void
check_links(void)
{
	const struct proc_peer *store = proc_peer(&self.proc, ROLE_STORE, 0);
	const struct proc_peer *report = proc_peer(&self.proc, ROLE_REPORT, 0);

	if (store != NULL && store->turn != self.store_turn) {
		self.store_turn = store->turn;
		intake_lost(self.intake);
	}
	if (report != NULL && report->turn != self.report_turn) {
		self.report_turn = report->turn;
		web_lost(self.web);
	}
}

/* ---- the loop ---- */

static int
sooner(int a, int b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static void
turn(void)
{
	struct pollfd p[3 + PROC_PEERS_MAX];
	size_t npeers = self.proc.npeers, n = 0;

	p[n++] = (struct pollfd){.fd = self.proc.ctl, .events = POLLIN};
	p[n++] = (struct pollfd){.fd = https_fd(self.agents), .events = POLLIN};
	p[n++] = (struct pollfd){.fd = https_fd(self.people), .events = POLLIN};
	for (size_t i = 0; i < npeers; i++)
		p[n++] = (struct pollfd){
		    .fd = self.proc.peers[i].fd, .events = POLLIN};
	if (poll(p, n,
		sooner(https_timeout_ms(self.agents),
		    https_timeout_ms(self.people))) < 0 &&
	    errno != EINTR)
		must(false);
	/* Answers first: they make room. */
	for (size_t i = 0; i < npeers; i++)
		if (self.proc.peers[i].fd >= 0 && p[3 + i].revents != 0)
			read_peer(&self.proc.peers[i]);
	if (p[0].revents != 0 && proc_step(&self.proc))
		check_links();
	https_run(self.agents);
	https_run(self.people);
}

/* ---- start ---- */

static void
load(const char *dir, const char *name, struct buf *out)
{
	struct diag why = {""};
	char path[4096];

	buf_init(out, PKI_PEM_MAX);
	must(str_format(path, sizeof path, "%s/%s", dir, name) == 0);
	if (file_read(path, out, &why) != 0)
		die(&why);
}

static const char *
text_of(struct buf *b, const char *name)
{
	struct diag why = {""};
	const char *s = buf_text(b);

	if (s == NULL || s[0] == '\0' || strlen(s) != b->len) {
		(void)diag_set(&why, -EBADMSG, "front/%s: is no text", name);
		die(&why);
	}
	return s;
}

static int
listen_at(const char *address)
{
	struct sockaddr_storage at;
	struct diag why = {""};
	const int on = 1;
	socklen_t len;
	int fd;

	must(config_address(address, &at, &len) == 0);
	fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    IPPROTO_TCP);
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    bind(fd, (const struct sockaddr *)&at, len) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		(void)diag_set(&why, -errno,
		    "cannot listen on %s: %s; choose another address or port "
		    "(1024 or above) in the configuration",
		    address, strerror(errno));
		die(&why);
	}
	return fd;
}

/* Each connection costs a descriptor, and another while it sends a batch. */
static unsigned
connections(unsigned wanted, unsigned share)
{
	struct rlimit l = {0};
	rlim_t room;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0)
		return share;
	if (l.rlim_cur < FILES_WANTED && l.rlim_max > l.rlim_cur) {
		l.rlim_cur =
		    l.rlim_max < FILES_WANTED ? l.rlim_max : FILES_WANTED;
		(void)setrlimit(RLIMIT_NOFILE, &l);
	}
	room = l.rlim_cur > 2 * FILES_OTHER ? l.rlim_cur - FILES_OTHER
					    : FILES_OTHER;
	room = room / 2 * share / (AGENTS_MAX + PEOPLE_MAX);
	return room < wanted ? (unsigned)room : wanted;
}

static struct https *
serve(struct https_config *c, const char *address)
{
	struct diag why = {""};
	struct https *s = NULL;

	c->listener = listen_at(address);
	if (https_open(c, &s, &why) != 0) {
		diag_prefix(&why, address);
		die(&why);
	}
	return s;
}

static void
open_rooms(const char *ca, const char *vkey, const char *password)
{
	const struct web_config pages = {
	    .password = password, .send = send_report, .event = on_event};
	struct diag why = {""};
	int r;

	r = intake_new(ca, vkey, send_store, NULL, &self.intake);
	if (r == 0)
		r = web_new(&pages, &self.web);
	if (r != 0) {
		(void)diag_set(&why, r, "front/cosign.vkey: %s", strerror(-r));
		die(&why);
	}
}

static void
open_all(const char *dir, const struct config *c)
{
	OWN(buf_wipe) struct buf key = {0};
	OWN(buf_done) struct buf cert = {0};
	OWN(buf_done) struct buf ca = {0};
	OWN(buf_done) struct buf vkey = {0};
	OWN(buf_wipe) struct buf password = {0};
	struct https_config s = {.idle_s = 90};

	load(dir, "server.key", &key);
	load(dir, "server.crt", &cert);
	load(dir, "ca.crt", &ca);
	load(dir, "cosign.vkey", &vkey);
	load(dir, "password", &password);
	open_rooms(text_of(&ca, "ca.crt"), text_of(&vkey, "cosign.vkey"),
	    text_of(&password, "password"));
	s.cert = text_of(&cert, "server.crt");
	s.key = text_of(&key, "server.key");

	s.ca = text_of(&ca, "ca.crt");
	s.connections = connections(AGENTS_MAX, AGENTS_MAX);
	s.per_address = AGENTS_ADDRESS_MAX;
	s.bodies_max = BODIES_MAX;
	s.wait_s = 10;
	s.site = &INTAKE_SITE;
	s.ctx = self.intake;
	self.agents = serve(&s, c->agents);
	intake_bind(self.intake, self.agents);

	s.ca = NULL;
	s.connections = connections(PEOPLE_MAX, PEOPLE_MAX);
	s.per_address = PEOPLE_ADDRESS_MAX;
	s.bodies_max = FORMS_MAX;
	s.wait_s = 60;
	s.site = &WEB_SITE;
	s.ctx = self.web;
	self.people = serve(&s, c->people);
	web_bind(self.web, self.people);
}

int
main(int argc, char **argv)
{
	OWN(config_done) struct config c = {0};
	struct config_args args = {0};
	struct jail_taken taken;
	struct diag why = {""};
	struct jail j;
	char dir[4096];

	config_args(&args, argc, argv);
	proc_init(&self.proc, "chaperone-front");
	must(args.state != NULL);
	if (config_read(args.config, &c, &why) != 0)
		die(&why);
	must(str_format(dir, sizeof dir, "%s/front", args.state) == 0);
	open_all(dir, &c);
	j = role_jail(role_find(COLLECTOR_ROLES, ROLE_FRONT), NULL);
	if (jail_enter(&j, &taken, &why) != 0)
		die(&why);
	proc_ready(&self.proc, "");
	while (!self.proc.stopping)
		turn();
	https_close(self.agents);
	https_close(self.people);
	intake_free(self.intake);
	web_free(self.web);
	free(self.proc.in);
	return 0;
}
