/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - the collector of this machine, as root asks it.
 *
 * Owns: the caller's side of STATE/control.sock.
 * Never: trusts a length or a text of an answer further than its bound.
 */
#include "cli/control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cli/cli.h"
#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/ipc.h"
#include "lib/str.h"

#include "lib/own.h"

#define ID 1
#define TIMEOUT_US 10000000

static int
dial(const char *state, struct diag *why)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int r;

	if (str_format(
		at.sun_path, sizeof at.sun_path, "%s/control.sock", state) != 0)
		return diag_set(why, -ENAMETOOLONG, "%s: too long", state);
	OWN_FD int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return diag_set(why, -errno, "socket: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
		return own_take_fd(&fd);
	r = -errno;
	if (r == -ENOENT || r == -ECONNREFUSED || r == -EAGAIN)
		return diag_set(why, -ECONNREFUSED,
		    "%s: no collector answers there; does it run, and with "
		    "this state (--state DIR)?",
		    at.sun_path);
	return diag_set(why, r, "%s: %s%s", at.sun_path, strerror(-r),
	    r == -EACCES ? "; it needs root" : "");
}

static int
take_done(struct cur *c, struct control_done *out)
{
	char error[sizeof out->error];
	uint32_t err = cur_u32(c);

	cur_str(c, error, sizeof error);
	cur_str(c, out->token, sizeof out->token);
	if (cur_end(c) != 0 || err > 4095)
		return -EBADMSG;
	str_escape(out->error, sizeof out->error, error, strlen(error));
	out->err = -(int)err;
	return 0;
}

/* One message: 0 to go on, 1 at the end. */
static int
take(struct ipc_in *in, int (*agent)(void *ctx, struct cur *c), void *ctx,
    struct control_done *out)
{
	struct cur c;

	own_close(&in->fd);
	cur_init(&c, in->data, in->len);
	if (cur_u64(&c) != ID)
		return -EBADMSG;
	if (in->type == WIRE_DONE)
		return take_done(&c, out) == 0 ? 1 : -EBADMSG;
	return in->type == WIRE_AGENT && agent != NULL ? agent(ctx, &c)
						       : -EBADMSG;
}

/* Reads until the end, which a collector that listens sends soon. */
static int
listen_to(int fd, struct ipc_in *in, int (*agent)(void *ctx, struct cur *c),
    void *ctx, struct control_done *out)
{
	uint64_t until = clock_boot_us() + TIMEOUT_US;

	while (clock_boot_us() < until) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int r = ipc_recv(fd, in);

		if (r == -EAGAIN) {
			if (poll(&p, 1, 1000) < 0 && errno != EINTR)
				return -errno;
			continue;
		}
		if (r != 1)
			return r == 0 ? -ECONNRESET : r;
		r = take(in, agent, ctx, out);
		if (r != 0)
			return r == 1 ? 0 : r;
	}
	return -ETIMEDOUT;
}

int
control_ask(const char *state, uint32_t type, const struct buf *body,
    int (*agent)(void *ctx, struct cur *c), void *ctx, struct control_done *out,
    struct diag *why)
{
	OWN(buf_done) struct buf m = {0};
	OWN_MEM struct ipc_in *in = calloc(1, sizeof *in);
	OWN_FD int fd = dial(state, why);
	int r;

	if (fd < 0 || in == NULL)
		return fd < 0 ? fd : -ENOMEM;
	buf_init(&m, IPC_MAX);
	buf_put_u64(&m, ID);
	buf_put(&m, body->data, body->len);
	r = ipc_send_buf(fd, type, &m, -1);
	if (r == 0)
		r = listen_to(fd, in, agent, ctx, out);
	/* A token came through it. */
	explicit_bzero(in->data, sizeof in->data);
	if (r == -EPIPE || r == -ECONNRESET)
		return diag_set(why, -ECONNREFUSED,
		    "the collector hung up; it may be starting or stopping: "
		    "try again");
	return r == 0 ? 0 : diag_set(why, r, "the collector: %s", strerror(-r));
}

int
control_exit(const char *name, int r, const struct control_done *d,
    const struct diag *why)
{
	if (r != 0)
		return cli_error(name,
		    r == -EBADMSG ? CLI_VERIFY : cli_exit_for(r), "%s",
		    why->text[0] != '\0' ? why->text : strerror(-r));
	if (d->err == 0)
		return CLI_OK;
	return cli_error(name,
	    d->err == -EINVAL || d->err == -ENOENT ? CLI_USAGE : CLI_DIFFERENCE,
	    "%s", d->error[0] != '\0' ? d->error : strerror(-d->err));
}
