/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc - the shape that every process of either side shares.
 *
 * A process is started by its supervisor with a control socket at descriptor
 * 3 (PROC_CTL), its own index, and the arguments of its row. It opens what it
 * needs, takes its jail, sends MESSAGE_READY, and then polls. Links to its peers
 * come as MESSAGE_PEER messages, and come again when a peer was restarted.
 */
#ifndef LIB_PROC_H
#define LIB_PROC_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/ipc.h"
#include "lib/own.h"

#define PROC_CTL 3
#define PROC_PEERS_MAX 32

struct proc_peer {
	uint32_t role;
	uint32_t index;
	int fd; /* -1 when the peer is gone */
	uint32_t turn; /* how many links to it there have been */
};

struct proc {
	int ctl;
	bool stopping; /* MESSAGE_STOP came, or the supervisor is gone */
	struct proc_peer peers[PROC_PEERS_MAX];
	size_t npeers;
	struct ipc_in *in; /* scratch of proc_step and for the caller's reads */
};

/*
 * proc_init - takes descriptor PROC_CTL; ignores SIGPIPE and SIGINT (the
 * supervisor says when to stop). Exits with 2 and a word if there is none: the
 * program was started by hand.
 */
void proc_init(struct proc *p, const char *name);
/* proc_ready - tells the supervisor that the jail is taken. */
void proc_ready(struct proc *p, const char *note);
/* proc_note - tells the supervisor a fact for `status` (key, value). */
void proc_note(struct proc *p, const char *key, const char *value);
/*
 * proc_step - handles what waits on the control socket: peers and stop.
 * Returns true if the set of peers changed (a new fd where an old one was).
 */
bool proc_step(struct proc *p);
/* proc_peer - the peer of a role and index, or NULL. */
struct proc_peer *proc_peer(struct proc *p, uint32_t role, uint32_t index);
/* proc_peer_lost - closes the link; the supervisor brings a new one. */
void proc_peer_lost(struct proc_peer *peer);
/* proc_wait_peer - blocks until that peer is there, or the stop: false. */
bool proc_wait_peer(struct proc *p, uint32_t role, uint32_t index);

#endif
