/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket - which process holds the local end of a flow; for this room alone.
 */
#ifndef AGENT_WHO_SOCKET_H
#define AGENT_WHO_SOCKET_H

#include <stdbool.h>

#include "agent/who/lineage.h"
#include "lib/flow.h"
#include "lib/own.h"

/* socket_open - a netlink socket for sock_diag; -errno where there is none. */
int socket_open(void);

struct socket_owner {
	pid_t pid; /* 0: no process was found */
	bool outgoing; /* the local end is the flow's client */
	const char *why; /* a sentence where pid is 0 */
};

/*
 * socket_find - asks the kernel for the socket of a flow in this network
 * namespace, and /proc for who holds it: people's processes first.
 * @fd: of socket_open, or -1.
 */
void socket_find(int fd, struct lineage *l, const char *proc,
    const struct tuple *t, struct socket_owner *out);

#endif
