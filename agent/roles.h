/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles - the agent's processes: who may do what, on one screen (roles.c).
 */
#ifndef AGENT_ROLES_H
#define AGENT_ROLES_H

#include "lib/jail.h"
#include "lib/role.h"

enum agent_role {
	ROLE_WATCH = 1,
	ROLE_CAPTURE,
	ROLE_INSPECT,
	ROLE_RECORD,
	ROLE_SHIP,
	ROLE_SUPERVISE, /* the supervisor itself, as record's peer */
};

extern const struct role AGENT_ROLES[];
extern const struct role_link AGENT_LINKS[];

#endif
