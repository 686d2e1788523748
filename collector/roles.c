/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles - the collector's processes: the threat model on one screen.
 *
 *   agents --mTLS--> front --batches--> store --leaf hashes--> sign
 *                                     store --sealed candidates--> confirm
 *   people --TLS---> front --requests-> report --"I will read"--> store
 *   root -- STATE/report.sock --> report (opened before its jail)
 *   root -- STATE/control.sock -> supervise --the connection--> store
 *
 * The supervisor accepts on control.sock, since store may make no socket, and
 * hands the connection over unread (collector/control.h).
 */
#include "collector/roles.h"

#include "lib/own.h"

const struct role COLLECTOR_ROLES[] = {
    /* Faces the network; holds no key but TLS's. Its listeners stand and its
     * files are read before the jail: then it opens and connects nothing. */
    {.id = ROLE_FRONT,
	.name = "front",
	.program = "chaperone-front",
	.user = "chaperone-front",
	.uid = 64914,
	.filter = JAIL_FILTER_FRONT,
	.landlock = true,
	.early = true,
	.dir = "front"},
    /* Reads the database; every read of people's data is recorded first. */
    {.id = ROLE_REPORT,
	.name = "report",
	.program = "chaperone-report",
	.user = "chaperone-report",
	.uid = 64913,
	.filter = JAIL_FILTER_RECORD,
	.landlock = true},
    /* The only writer of the database. */
    {.id = ROLE_STORE,
	.name = "store",
	.program = "chaperone-store",
	.user = "chaperone-store",
	.uid = 64911,
	.filter = JAIL_FILTER_RECORD,
	.landlock = true,
	.early = true,
	.dir = "store",
	.reader = ROLE_REPORT},
    /* Holds the keys; signs only consistent extensions; has no network. */
    {.id = ROLE_SIGN,
	.name = "sign",
	.program = "chaperone-sign",
	.user = "chaperone-sign",
	.uid = 64912,
	.filter = JAIL_FILTER_SIGN,
	.landlock = true,
	.early = true,
	.dir = "sign"},
    /* Holds the tables of exact data match and what opens candidates; answers
     * with counts alone. Not sign: what it opens comes from hosts. */
    {.id = ROLE_CONFIRM,
	.name = "confirm",
	.program = "chaperone-confirm",
	.user = "chaperone-confirm",
	.uid = 64915,
	.filter = JAIL_FILTER_SIGN,
	.landlock = true,
	.early = true,
	.dir = "confirm"},
    {0},
};

const struct role_link COLLECTOR_LINKS[] = {
    {ROLE_FRONT, ROLE_STORE},
    {ROLE_FRONT, ROLE_REPORT},
    {ROLE_STORE, ROLE_SIGN},
    {ROLE_STORE, ROLE_CONFIRM},
    {ROLE_STORE, ROLE_REPORT},
    {ROLE_STORE, ROLE_SUPERVISE},
    {0, 0},
};
