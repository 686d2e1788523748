/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets_none - the socket sensor of a build without kernel programs.
 *
 * Owns: the sentence that says so. Never: anything else.
 */
#include <errno.h>

#include "agent/sense/sense.h"

#include "lib/own.h"

int
sockets_open(struct sockets **out UNUSED, struct diag *why)
{
	return diag_set(why, -ENOTSUP,
	    "this build has no kernel programs (clang and libbpf were not "
	    "there)");
}

void
sockets_close(struct sockets *s UNUSED)
{
}

int
sockets_fd(const struct sockets *s UNUSED)
{
	return -1;
}

int
sockets_read(struct sockets *s UNUSED, struct socket_event *e UNUSED)
{
	return 0;
}
