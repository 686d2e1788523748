/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - the door for root on the collector's own machine: token, agents.
 */
#ifndef COLLECTOR_CONTROL_H
#define COLLECTOR_CONTROL_H

#include "lib/diag.h"
#include "lib/own.h"

/*
 * control_open - listens on STATE/control.sock, mode 0600; what a dead
 * collector left there is replaced. Returns the descriptor or -errno.
 */
int control_open(const char *state, struct diag *why) MUST_CHECK;
/*
 * control_pass - accepts who waits there and hands each connection to store.
 * @store: the supervisor's link to it, or -1: then the caller is hung up on.
 * A caller who is neither root nor this process's own user is hung up on, too.
 * Never blocks.
 */
void control_pass(int listener, int store);

#endif
