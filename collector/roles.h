/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roles - the collector's processes: who may do what (roles.c).
 */
#ifndef COLLECTOR_ROLES_H
#define COLLECTOR_ROLES_H

#include "lib/role.h"

enum collector_role {
	ROLE_FRONT = 1,
	ROLE_STORE,
	ROLE_SIGN,
	ROLE_REPORT,
	ROLE_CONFIRM,
	ROLE_SUPERVISE, /* the supervisor itself, as store's peer */
};

extern const struct role COLLECTOR_ROLES[];
extern const struct role_link COLLECTOR_LINKS[];

#endif
