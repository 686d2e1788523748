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

/* Whoever owned flows lately is asked first. */
#define SOCKET_RECENT 16

struct socket_finder {
	int fd; /* of sock_diag, -1 where the kernel has none */
	uint32_t number; /* of the last question */
	pid_t recent[SOCKET_RECENT];
	size_t at;
};

void socket_start(struct socket_finder *f);
void socket_stop(struct socket_finder *f);

struct socket_owner {
	pid_t pid; /* 0: no process was found */
	bool outgoing; /* the local end is the flow's client */
	const char *why; /* a sentence where pid is 0 */
};

/*
 * socket_find - asks the kernel for the socket of a flow in this network
 * namespace, and /proc for who holds it: people's processes first. A connection
 * that nobody has accepted yet has no owner.
 */
void socket_find(struct socket_finder *f, struct lineage *l, const char *proc,
    const struct tuple *t, struct socket_owner *out);

#endif
