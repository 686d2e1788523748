/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process - births, programs and ends of processes: the process connector.
 *
 * Owns: the netlink socket, and the kernel's acknowledgement that it is on.
 * Never: looks at a process: who does.
 *
 * The connector is heard only in the first network namespace, and its pids are
 * those of the first pid namespace; elsewhere it is "not supported", and
 * lineage comes from /proc alone. Threads are left out: a process is its leader.
 */
#include "agent/sense/sense.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/own.h"

#define QUEUE_BYTES (8 * 1024 * 1024)
#define ACK_MS 1000
#define MESSAGES_EACH_READ 256

struct processes {
	int fd;
	_Alignas(struct nlmsghdr) char block[8192];
	size_t len, at;
};

/* A socket in the network namespace of the first process, then back. */
static int
open_there(struct diag *why)
{
	OWN_FD int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	OWN_FD int there = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	struct stat a, b;
	bool move;
	int fd, e;

	if (here < 0 || there < 0 || fstat(here, &a) != 0 ||
	    fstat(there, &b) != 0)
		return diag_set(why, -ENOTSUP,
		    "the first network namespace cannot be seen");
	move = a.st_ino != b.st_ino;
	if (move && setns(there, CLONE_NEWNET) != 0)
		return diag_set(why, -ENOTSUP,
		    "the first network namespace cannot be entered: %s",
		    strerror(errno));
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_CONNECTOR);
	e = errno;
	/* Nothing of ours may go on in another network. */
	must(!move || setns(here, CLONE_NEWNET) == 0);
	return fd >= 0 ? fd
		       : diag_set(why, -ENOTSUP,
			     "the kernel has no process connector: %s",
			     strerror(e));
}

static int
send_order(int fd, uint32_t op)
{
	_Alignas(struct nlmsghdr) char
	    order[NLMSG_LENGTH(sizeof(struct cn_msg) + sizeof op)] = {0};
	struct nlmsghdr *h = (void *)order;
	struct cn_msg *m = NLMSG_DATA(h);

	h->nlmsg_len = sizeof order;
	h->nlmsg_type = NLMSG_DONE;
	m->id.idx = CN_IDX_PROC;
	m->id.val = CN_VAL_PROC;
	m->len = sizeof op;
	memcpy(m->data, &op, sizeof op);
	return send(fd, order, sizeof order, 0) == (ssize_t)sizeof order
		   ? 0
		   : -errno;
}

/* The next event in the block that was read; NULL when it is used up. */
static const struct proc_event *
next_event(struct processes *p)
{
	while (p->len - p->at >= sizeof(struct nlmsghdr)) {
		const struct nlmsghdr *h = (const void *)(p->block + p->at);
		const struct cn_msg *m;

		if (h->nlmsg_len < sizeof *h || h->nlmsg_len > p->len - p->at)
			break;
		p->at += NLMSG_ALIGN(h->nlmsg_len);
		if (p->at > p->len)
			p->at = p->len;
		if (h->nlmsg_type != NLMSG_DONE ||
		    h->nlmsg_len <
			NLMSG_LENGTH(sizeof *m +
				     offsetof(struct proc_event, event_data) +
				     8))
			continue;
		m = NLMSG_DATA(h);
		if (m->id.idx == CN_IDX_PROC && m->id.val == CN_VAL_PROC)
			return (const void *)m->data;
	}
	p->len = p->at = 0;
	return NULL;
}

/* 1 for a block, 0 when none is there, -ENOBUFS, -errno. */
static int
read_block(struct processes *p)
{
	struct sockaddr_nl from = {0};
	socklen_t size = sizeof from;
	ssize_t n = recvfrom(p->fd, p->block, sizeof p->block, 0,
	    (struct sockaddr *)&from, &size);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	/* Only the kernel has port 0. */
	p->at = 0;
	p->len = from.nl_pid == 0 ? (size_t)n : 0;
	return 1;
}

/* Waits for the kernel's answer that it sends events. */
static int
wait_ack(struct processes *p)
{
	for (int i = 0; i < MESSAGES_EACH_READ; i++) {
		struct pollfd f = {.fd = p->fd, .events = POLLIN};
		const struct proc_event *e;

		if (poll(&f, 1, ACK_MS) <= 0)
			return -ENOTSUP;
		if (read_block(p) < 0)
			return -ENOTSUP;
		while ((e = next_event(p)) != NULL)
			if (e->what == PROC_EVENT_NONE)
				return -(int)e->event_data.ack.err;
	}
	return -ENOTSUP;
}

int
processes_open(struct processes **out, struct diag *why)
{
	struct sockaddr_nl a = {
	    .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	struct processes *p = calloc(1, sizeof *p);
	int size = QUEUE_BYTES, r;

	if (p == NULL)
		return -ENOMEM;
	p->fd = open_there(why);
	r = p->fd < 0 ? p->fd : 0;
	if (r == 0 && bind(p->fd, (const struct sockaddr *)&a, sizeof a) != 0)
		r = diag_set(why, -ENOTSUP,
		    "the process connector needs CAP_NET_ADMIN: %s",
		    strerror(errno));
	if (r == 0 && setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
			  sizeof size) != 0)
		(void)setsockopt(
		    p->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (r == 0 &&
	    (send_order(p->fd, PROC_CN_MCAST_LISTEN) != 0 || wait_ack(p) != 0))
		r = diag_set(why, -ENOTSUP,
		    "the process connector does not answer: it tells only the "
		    "first namespaces");
	if (r != 0) {
		processes_close(p);
		return r;
	}
	*out = p;
	return 0;
}

void
processes_close(struct processes *p)
{
	if (p == NULL)
		return;
	own_close(&p->fd);
	free(p);
}

int
processes_fd(const struct processes *p)
{
	return p->fd;
}

/* True if it is of a process, not of a thread. */
static bool
convert(const struct proc_event *e, struct process_event *out)
{
	switch (e->what) {
	case PROC_EVENT_FORK:
		*out = (struct process_event){PROCESS_FORK,
		    e->event_data.fork.child_tgid,
		    e->event_data.fork.parent_tgid};
		return e->event_data.fork.child_pid ==
		       e->event_data.fork.child_tgid;
	case PROC_EVENT_EXEC:
		*out = (struct process_event){
		    PROCESS_EXEC, e->event_data.exec.process_tgid, 0};
		return true;
	case PROC_EVENT_EXIT:
		*out = (struct process_event){
		    PROCESS_EXIT, e->event_data.exit.process_tgid, 0};
		return e->event_data.exit.process_pid ==
		       e->event_data.exit.process_tgid;
	case PROC_EVENT_NONE:
	case PROC_EVENT_UID:
	case PROC_EVENT_GID:
	case PROC_EVENT_SID:
	case PROC_EVENT_PTRACE:
	case PROC_EVENT_COMM:
	case PROC_EVENT_COREDUMP:
	default: /* of a newer kernel */
		return false;
	}
}

int
processes_read(struct processes *p, struct process_event *e)
{
	for (int i = 0; i < MESSAGES_EACH_READ; i++) {
		const struct proc_event *k;
		int r;

		while ((k = next_event(p)) != NULL)
			if (convert(k, e))
				return 1;
		r = read_block(p);
		if (r == -ENOBUFS) {
			*e = (struct process_event){.op = PROCESS_LOST};
			return 1;
		}
		if (r <= 0)
			return r;
	}
	/* Others wait; the caller comes back to them. */
	return 0;
}
