/* SPDX-License-Identifier: Apache-2.0 */
/*
 * interface - which index an interface's name has now, as rtnetlink tells it.
 *
 * Owns: one NETLINK_ROUTE socket in the group of links. Opened before the jail,
 * it is read and written in it.
 * Never: changes an interface; believes a message that is not the kernel's.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/sense/sense.h"
#include "lib/str.h"

#include "lib/own.h"

#define MESSAGE_BYTES 32768

struct interfaces {
	int fd;
	/* What was received and not yet handed out. */
	size_t len, at;
	union {
		struct nlmsghdr align;
		uint8_t bytes[MESSAGE_BYTES];
	} in;
};

/* Asks for all of them: at the start, and when messages were lost. */
static int
ask(const struct interfaces *i)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
	} q = {.h = {.nlmsg_len = sizeof q,
		   .nlmsg_type = RTM_GETLINK,
		   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

	if (sendto(i->fd, &q, sizeof q, 0, (const struct sockaddr *)&kernel,
		sizeof kernel) < 0)
		return -errno;
	return 0;
}

int
interfaces_open(struct interfaces **out, struct diag *why)
{
	struct sockaddr_nl us = {
	    .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	struct interfaces *i = calloc(1, sizeof *i);
	int r = 0;

	if (i == NULL)
		return diag_set(why, -ENOMEM, "out of memory");
	i->fd = socket(
	    AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (i->fd < 0 ||
	    bind(i->fd, (const struct sockaddr *)&us, sizeof us) != 0)
		r = -errno;
	if (r == 0)
		r = ask(i);
	if (r != 0) {
		interfaces_close(i);
		return diag_set(why, r, "netlink: %s", strerror(-r));
	}
	*out = i;
	return 0;
}

void
interfaces_close(struct interfaces *i)
{
	if (i == NULL)
		return;
	own_close(&i->fd);
	free(i);
}

int
interfaces_fd(const struct interfaces *i)
{
	return i->fd;
}

/* The name among a link's attributes; false if there is none. */
static bool
read_name(const struct nlmsghdr *h, char out[INTERFACE_NAME_MAX])
{
	const uint8_t *p = (const uint8_t *)h;
	size_t at = NLMSG_LENGTH(sizeof(struct ifinfomsg));

	while (at + sizeof(struct rtattr) <= h->nlmsg_len) {
		struct rtattr a;
		size_t len;

		memcpy(&a, p + at, sizeof a);
		if (a.rta_len < sizeof a || at + a.rta_len > h->nlmsg_len)
			return false;
		len = a.rta_len - sizeof a;
		if ((a.rta_type & NLA_TYPE_MASK) == IFLA_IFNAME) {
			const char *name = (const char *)p + at + sizeof a;

			return str_copy_len(out, INTERFACE_NAME_MAX, name,
				   strnlen(name, len)) == 0;
		}
		at += RTA_ALIGN(a.rta_len);
	}
	return false;
}

/* The next message of what was received. 1: *e, 0: it was another. */
static int
next(struct interfaces *i, struct interface_event *e)
{
	struct nlmsghdr h;
	struct ifinfomsg m;
	size_t left = i->len - i->at;

	if (left < sizeof h) {
		i->at = i->len;
		return 0;
	}
	memcpy(&h, i->in.bytes + i->at, sizeof h);
	if (h.nlmsg_len < sizeof h || h.nlmsg_len > left) {
		i->at = i->len;
		return 0;
	}
	left = i->at;
	i->at += NLMSG_ALIGN(h.nlmsg_len);
	if (i->at > i->len)
		i->at = i->len;
	if ((h.nlmsg_type != RTM_NEWLINK && h.nlmsg_type != RTM_DELLINK) ||
	    h.nlmsg_len < NLMSG_LENGTH(sizeof m))
		return 0;
	memcpy(&m, i->in.bytes + left + NLMSG_HDRLEN, sizeof m);
	/* A bridge tells its ports in the same words. */
	if (m.ifi_family != AF_UNSPEC || m.ifi_index <= 0)
		return 0;
	*e = (struct interface_event){.index = (unsigned)m.ifi_index,
	    .gone = h.nlmsg_type == RTM_DELLINK,
	    .up = (m.ifi_flags & IFF_UP) != 0};
	return read_name(
	    (const struct nlmsghdr *)(const void *)(i->in.bytes + left),
	    e->name);
}

int
interfaces_read(struct interfaces *i, struct interface_event *e)
{
	for (int turns = 0; turns < 1024; turns++) {
		struct sockaddr_nl from = {0};
		socklen_t size = sizeof from;
		ssize_t n;

		while (i->at < i->len)
			if (next(i, e) == 1)
				return 1;
		n = recvfrom(i->fd, i->in.bytes, sizeof i->in.bytes,
		    MSG_DONTWAIT, (struct sockaddr *)&from, &size);
		i->at = i->len = 0;
		if (n < 0 && errno == ENOBUFS) {
			int r = ask(i);

			if (r != 0)
				return r;
			continue;
		}
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (from.nl_pid == 0)
			i->len = (size_t)n;
	}
	return 0;
}
