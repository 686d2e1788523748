/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc - the shape that every process of either side shares.
 *
 * Owns: the control socket and the table of links to peers.
 * Never: knows what a peer says. For programs only: it logs and may exit.
 */
#include "lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "lib/msg.h"

#include "lib/own.h"

void
proc_init(struct proc *p, const char *name)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	int type = 0;
	socklen_t len = sizeof type;

	log_open(name);
	*p = (struct proc){.ctl = PROC_CTL};
	if (getsockopt(PROC_CTL, SOL_SOCKET, SO_TYPE, &type, &len) != 0 ||
	    type != SOCK_SEQPACKET) {
		log_error("this program is started by chaperone-agent or "
			  "chaperone-collector, not by hand");
		exit(2);
	}
	(void)fcntl(PROC_CTL, F_SETFD, FD_CLOEXEC);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	(void)sigaction(SIGINT, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	p->in = calloc(1, sizeof *p->in);
	must(p->in != NULL);
}

static void
say(struct proc *p, uint32_t type, const char *a, const char *b)
{
	OWN(buf_done) struct buf m = {0};
	int r;

	buf_init(&m, IPC_MAX);
	buf_put_str(&m, a);
	if (b != NULL)
		buf_put_str(&m, b);
	r = ipc_send_buf(p->ctl, type, &m, -1);
	if (r != 0 && r != -EAGAIN)
		p->stopping = true;
}

void
proc_ready(struct proc *p, const char *note)
{
	say(p, MESSAGE_READY, note, NULL);
}

void
proc_note(struct proc *p, const char *key, const char *value)
{
	say(p, MESSAGE_NOTE, key, value);
}

struct proc_peer *
proc_peer(struct proc *p, uint32_t role, uint32_t index)
{
	for (size_t i = 0; i < p->npeers; i++)
		if (p->peers[i].role == role && p->peers[i].index == index)
			return &p->peers[i];
	return NULL;
}

void
proc_peer_lost(struct proc_peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}

static void
take_peer(struct proc *p, struct ipc_in *in)
{
	struct proc_peer *peer;
	struct cur c;
	uint32_t role, index;

	cur_init(&c, in->data, in->len);
	role = cur_u32(&c);
	index = cur_u32(&c);
	must(cur_end(&c) == 0 && in->fd >= 0);
	peer = proc_peer(p, role, index);
	if (peer == NULL) {
		must(p->npeers < PROC_PEERS_MAX);
		peer = &p->peers[p->npeers++];
		*peer =
		    (struct proc_peer){.role = role, .index = index, .fd = -1};
	}
	proc_peer_lost(peer);
	peer->fd = own_take_fd(&in->fd);
	peer->turn++;
}

bool
proc_step(struct proc *p)
{
	bool changed = false;

	for (;;) {
		int r = ipc_recv(p->ctl, p->in);

		if (r == -EAGAIN)
			return changed;
		if (r <= 0) {
			p->stopping = true;
			return changed;
		}
		if (p->in->type == MESSAGE_PEER) {
			take_peer(p, p->in);
			changed = true;
		} else if (p->in->type == MESSAGE_STOP) {
			p->stopping = true;
		}
		if (p->in->fd >= 0)
			close(p->in->fd);
	}
}

bool
proc_wait_peer(struct proc *p, uint32_t role, uint32_t index)
{
	for (;;) {
		struct pollfd pfd = {.fd = p->ctl, .events = POLLIN};
		const struct proc_peer *peer;

		(void)proc_step(p);
		/* First: whoever waits again after a stop would do so forever. */
		if (p->stopping)
			return false;
		peer = proc_peer(p, role, index);
		if (peer != NULL && peer->fd >= 0)
			return true;
		if (poll(&pfd, 1, -1) < 0 && errno != EINTR)
			return false;
	}
}
