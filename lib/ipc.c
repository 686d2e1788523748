/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc - typed messages, and descriptors, between the processes of one side.
 *
 * Owns: the frame (see ipc.h) and the bounds of both ends.
 * Never: keeps a descriptor of a frame that it refuses.
 */
#include "lib/ipc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/own.h"

#define IPC_QUEUE (4 * 1024 * 1024)
#define HEADER 8

int
ipc_pair(int out[2])
{
	int size = IPC_QUEUE;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		0, out) != 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		/* FORCE needs CAP_NET_ADMIN; without it the default stays. */
		if (setsockopt(out[i], SOL_SOCKET, SO_SNDBUFFORCE, &size,
			sizeof size) != 0)
			(void)setsockopt(
			    out[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	}
	return 0;
}

static void
put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t
get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

int
ipc_send(int sock, uint32_t type, const void *data, size_t len, int fd)
{
	uint8_t header[HEADER];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[2] = {
	    {.iov_base = header, .iov_len = HEADER},
	    {.iov_base = (void *)(uintptr_t)data, .iov_len = len},
	};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	ssize_t n;

	if (len > IPC_MAX)
		return -EMSGSIZE;
	put_be32(header, type);
	put_be32(header + 4, (uint32_t)len);
	if (fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.room;
		msg.msg_controllen = sizeof control.room;
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int
ipc_send_buf(int sock, uint32_t type, const struct buf *b, int fd)
{
	if (b->err != 0)
		return b->err;
	return ipc_send(sock, type, b->data, b->len, fd);
}

int
ipc_send_wait(int sock, uint32_t type, const void *data, size_t len, int fd,
    int timeout_ms)
{
	for (;;) {
		struct pollfd p = {.fd = sock, .events = POLLOUT};
		int r = ipc_send(sock, type, data, len, fd);

		/* ENOBUFS: the kernel is short of memory, not the queue. */
		if (r != -EAGAIN && r != -ENOBUFS)
			return r;
		r = poll(&p, 1, timeout_ms);
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
	}
}

/* Takes the one descriptor that is allowed, closes all others. */
static int
take_fds(struct msghdr *msg, int *fd)
{
	int bad = 0;

	*fd = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int one;

			memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
			if (*fd < 0) {
				*fd = one;
			} else {
				close(one);
				bad = 1;
			}
		}
	}
	return bad;
}

int
ipc_recv(int sock, struct ipc_in *in)
{
	uint8_t header[HEADER];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov[2] = {
	    {.iov_base = header, .iov_len = HEADER},
	    {.iov_base = in->data, .iov_len = sizeof in->data},
	};
	struct msghdr msg = {.msg_iov = iov,
	    .msg_iovlen = 2,
	    .msg_control = control.room,
	    .msg_controllen = sizeof control.room};
	ssize_t n;
	int bad, resets = 0;

	/* A peer that ends with something unread resets the link; that is told
	 * once, and before what it had sent. */
	do
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 &&
	       (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	bad = take_fds(&msg, &in->fd);
	if (n == 0 && in->fd < 0)
		return 0;
	if (bad || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    n < HEADER || get_be32(header + 4) != (uint32_t)(n - HEADER)) {
		own_close(&in->fd);
		in->fd = -1;
		return -EBADMSG;
	}
	in->type = get_be32(header);
	in->len = (size_t)n - HEADER;
	return 1;
}
