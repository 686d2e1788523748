/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control - the door for root on the collector's own machine.
 *
 * Owns: the socket STATE/control.sock.
 * Never: reads what comes over a connection.
 * Hands over: each connection to store, in a WIRE_CONTROL message.
 */
#include "collector/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "collector/wire.h"
#include "lib/ipc.h"
#include "lib/str.h"

#include "lib/own.h"

/* Callers taken in one go; the rest wait for the next. */
#define CALLERS_MAX 16

int
control_open(const char *state, struct diag *why)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	mode_t old;
	int n, r;

	n = snprintf(at.sun_path, sizeof at.sun_path, "%s/control.sock", state);
	if (n < 0 || (size_t)n >= sizeof at.sun_path)
		return diag_set(why, -ENAMETOOLONG,
		    "%s: too long for a socket below it", state);
	OWN_FD int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return diag_set(
		    why, -errno, "%s: %s", at.sun_path, strerror(errno));
	(void)unlink(at.sun_path);
	old = umask(0177);
	r = bind(fd, (struct sockaddr *)&at, sizeof at);
	(void)umask(old);
	if (r != 0 || listen(fd, CALLERS_MAX) != 0)
		return diag_set(
		    why, -errno, "%s: %s", at.sun_path, strerror(errno));
	return own_take_fd(&fd);
}

void
control_pass(int listener, int store)
{
	for (int i = 0; i < CALLERS_MAX; i++) {
		struct ucred who = {.uid = (uid_t)-1};
		socklen_t len = sizeof who;
		OWN_FD int fd =
		    accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		if (store < 0 ||
		    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 ||
		    (who.uid != 0 && who.uid != geteuid()))
			continue;
		/* A caller whom store cannot take now sees the end. */
		if (ipc_send(store, WIRE_CONTROL, NULL, 0, fd) != 0)
			continue;
	}
}
