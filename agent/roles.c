/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles - the agent's processes: the threat model on one screen.
 *
 * Owns: the table and the topology. Processes are stopped in the table's order:
 * whoever others still owe something goes last.
 * Never: code; supervise turns the rows into processes, lib/jail takes what
 * they say.
 *
 *             supervise (root; starts, restarts, tells record what died)
 *                  |
 *   kernel -> watch ------------------------> record -> ship -> collector
 *               |  \__ descriptors __            ^
 *               |                    \           |
 *   wire -> capture -- stream --> inspect x n    |
 *               \_____ flows ______ findings ____/ (by way of watch)
 */
#include "agent/roles.h"

#include <linux/capability.h>

#include "lib/own.h"

#define CAP(x) (UINT64_C(1) << (x))

const struct role AGENT_ROLES[] = {
    /* Parses packet headers, and carries what relays read; its sockets and the
     * kernel's ring are open before it drops. */
    {.id = ROLE_CAPTURE,
	.name = "capture",
	.program = "chaperone-capture",
	.user = "chaperone-capture",
	.uid = 64901,
	.filter = JAIL_FILTER_CAPTURE,
	.landlock = true,
	.memory_max = UINT64_C(1) << 30},
    /* Sees the kernel's events and /proc; parses nothing of an attacker's. */
    {.id = ROLE_WATCH,
	.name = "watch",
	.program = "chaperone-watch",
	.user = "root",
	.caps = CAP(CAP_SYS_ADMIN) | CAP(CAP_DAC_READ_SEARCH) |
		CAP(CAP_SYS_PTRACE) | CAP(CAP_NET_ADMIN),
	.filter = JAIL_FILTER_NONE},
    /* Parses everything hostile; can do nothing but answer. */
    {.id = ROLE_INSPECT,
	.name = "inspect",
	.program = "chaperone-inspect",
	.user = "chaperone-inspect",
	.uid = 64902,
	.filter = JAIL_FILTER_INSPECT,
	.landlock = true,
	.memory_max = UINT64_C(1) << 30,
	.many = true},
    /* Has the network; holds no key but its TLS key. */
    {.id = ROLE_SHIP,
	.name = "ship",
	.program = "chaperone-ship",
	.user = "chaperone-ship",
	.uid = 64904,
	.filter = JAIL_FILTER_SHIP,
	.landlock = true,
	.early = true,
	.dir = "ship"},
    /* Holds the log and its key; has no network. */
    {.id = ROLE_RECORD,
	.name = "record",
	.program = "chaperone-record",
	.user = "chaperone-record",
	.uid = 64903,
	.filter = JAIL_FILTER_RECORD,
	.landlock = true,
	.early = true,
	.dir = "record"},
    {0},
};

const struct role_link AGENT_LINKS[] = {
    {ROLE_WATCH, ROLE_INSPECT},
    {ROLE_WATCH, ROLE_CAPTURE},
    {ROLE_WATCH, ROLE_RECORD},
    {ROLE_CAPTURE, ROLE_INSPECT},
    {ROLE_RECORD, ROLE_SHIP},
    {ROLE_RECORD, ROLE_SUPERVISE},
    {0, 0},
};
