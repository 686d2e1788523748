/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_none - the sensors of a build without kernel programs.
 *
 * Owns: the sentence that says so. Never: anything else; what needs an open
 * sensor is never called.
 */
#include <errno.h>

#include "agent/sense/opens.h"
#include "agent/sense/sense.h"

#include "lib/own.h"

static int
none(struct diag *why)
{
	return diag_set(why, -ENOTSUP,
	    "this build has no kernel programs (clang and libbpf were not "
	    "there)");
}

int
sockets_open(struct sockets **out UNUSED, struct diag *why)
{
	return none(why);
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

int
starts_open(struct starts **out UNUSED, struct diag *why)
{
	return none(why);
}

void
starts_close(struct starts *s UNUSED)
{
}

int
starts_fd(const struct starts *s UNUSED)
{
	return -1;
}

int
starts_read(struct starts *s UNUSED, uint64_t until_us UNUSED,
    struct start_event *e UNUSED)
{
	return 0;
}

int
relays_open(const struct relay_sink *sink UNUSED, struct relays **out UNUSED,
    struct diag *why)
{
	return none(why);
}

void
relays_close(struct relays *r UNUSED)
{
}

int
relays_fd(const struct relays *r UNUSED)
{
	return -1;
}

int
relays_read(struct relays *r UNUSED)
{
	return 0;
}

void
relays_tick(struct relays *r UNUSED, uint64_t boot_us UNUSED)
{
}

void
relays_flush(struct relays *r UNUSED)
{
}

void
relays_again(struct relays *r UNUSED)
{
}

int
opens_open(struct opens **out UNUSED, struct diag *why)
{
	return none(why);
}

void
opens_close(struct opens *o UNUSED)
{
}

int
opens_watch(struct opens *o UNUSED, const char *path UNUSED, bool inside UNUSED)
{
	return -ENOTSUP;
}

void
opens_look(struct opens *o UNUSED)
{
}

int
opens_pass(struct opens *o UNUSED, pid_t pid UNUSED, bool always UNUSED)
{
	return -ENOTSUP;
}

int
opens_fd(const struct opens *o UNUSED)
{
	return -1;
}

int
opens_next(struct opens *o UNUSED, struct open_event *e UNUSED)
{
	return 0;
}

int
opens_object(struct opens *o UNUSED, const struct open_event *e UNUSED)
{
	return -ESTALE;
}

uint64_t
opens_passed(const struct opens *o UNUSED)
{
	return 0;
}
