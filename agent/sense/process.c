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

#include <dirent.h>
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

#include "lib/str.h"

#include "lib/own.h"

#define QUEUE_BYTES (8 * 1024 * 1024)
#define ACK_MS 1000
#define MESSAGES_EACH_READ 256
#define NAMESPACES_MAX 64

struct processes {
	int fd;
	_Alignas(struct nlmsghdr) char block[8192];
	size_t len, at;
};

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

/*
 * The next event in the block that was read; false when it is used up. Copied:
 * in the message it does not lie on a boundary of eight.
 */
static bool
next_event(struct processes *p, struct proc_event *out)
{
	const size_t head = NLMSG_LENGTH(sizeof(struct cn_msg));

	while (p->len - p->at >= sizeof(struct nlmsghdr)) {
		const char *at = p->block + p->at;
		struct nlmsghdr h;
		struct cn_msg m;
		size_t n;

		memcpy(&h, at, sizeof h);
		if (h.nlmsg_len < sizeof h || h.nlmsg_len > p->len - p->at)
			break;
		p->at += NLMSG_ALIGN(h.nlmsg_len);
		if (p->at > p->len)
			p->at = p->len;
		if (h.nlmsg_type != NLMSG_DONE || h.nlmsg_len < head)
			continue;
		memcpy(&m, at + NLMSG_HDRLEN, sizeof m);
		if (m.id.idx != CN_IDX_PROC || m.id.val != CN_VAL_PROC)
			continue;
		n = h.nlmsg_len - head;
		if (n < offsetof(struct proc_event, event_data) + 8)
			continue;
		*out = (struct proc_event){0};
		memcpy(out, at + head, n < sizeof *out ? n : sizeof *out);
		return true;
	}
	p->len = p->at = 0;
	return false;
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
		struct proc_event e;

		if (poll(&f, 1, ACK_MS) <= 0)
			return -ENOTSUP;
		if (read_block(p) < 0)
			return -ENOTSUP;
		while (next_event(p, &e))
			if (e.what == PROC_EVENT_NONE)
				return -(int)e.event_data.ack.err;
	}
	return -ENOTSUP;
}

/* A socket of this namespace that the kernel sends events to. */
static int
listen_here(struct processes *p)
{
	struct sockaddr_nl a = {
	    .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	int size = QUEUE_BYTES, r = 0;

	p->len = p->at = 0;
	p->fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_CONNECTOR);
	if (p->fd < 0)
		return -errno;
	if (bind(p->fd, (const struct sockaddr *)&a, sizeof a) != 0)
		r = -errno;
	if (setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) !=
	    0)
		(void)setsockopt(
		    p->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (r == 0)
		r = send_order(p->fd, PROC_CN_MCAST_LISTEN);
	if (r == 0)
		r = wait_ack(p);
	if (r != 0) {
		close(p->fd);
		p->fd = -1;
	}
	return r;
}

/* The same within the network namespace of a process, then back. */
static int
listen_at(struct processes *p, int here, const char *pid)
{
	OWN_FD int there = -1;
	char path[64];
	int r;

	if (str_format(path, sizeof path, "/proc/%s/ns/net", pid) != 0)
		return -ENAMETOOLONG;
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET) != 0)
		return -errno;
	r = listen_here(p);
	/* Nothing of ours may go on in another network. */
	must(setns(here, CLONE_NEWNET) == 0);
	return r;
}

/*
 * Only the first network namespace has the connector. It is ours, or that of
 * the first process; where that may not be looked at, some other process is in
 * it. Each namespace is tried once.
 */
static int
listen_there(struct processes *p)
{
	OWN_FD int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ino_t tried[NAMESPACES_MAX];
	const struct dirent *e;
	int r = listen_here(p);
	size_t n = 0;
	DIR *d;

	if (r == 0 || r == -EPERM || here < 0)
		return r;
	r = listen_at(p, here, "1");
	d = r == 0 ? NULL : opendir("/proc");
	while (r != 0 && d != NULL && n < NAMESPACES_MAX &&
	       (e = readdir(d)) != NULL) {
		char path[64];
		struct stat st;
		uint64_t pid;
		bool known = false;

		if (str_u64(e->d_name, INT32_MAX, &pid) != 0 ||
		    str_format(
			path, sizeof path, "/proc/%s/ns/net", e->d_name) != 0 ||
		    stat(path, &st) != 0)
			continue;
		for (size_t i = 0; i < n; i++)
			known |= tried[i] == st.st_ino;
		if (known)
			continue;
		tried[n++] = st.st_ino;
		r = listen_at(p, here, e->d_name);
	}
	if (d != NULL)
		(void)closedir(d);
	return r;
}

int
processes_open(struct processes **out, struct diag *why)
{
	struct processes *p = calloc(1, sizeof *p);
	int r;

	if (p == NULL)
		return -ENOMEM;
	r = listen_there(p);
	if (r != 0) {
		processes_close(p);
		return diag_set(why, -ENOTSUP,
		    "no process connector (%s): it needs CAP_NET_ADMIN and "
		    "the first namespaces",
		    strerror(-r));
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
		struct proc_event k;
		int r;

		while (next_event(p, &k))
			if (convert(&k, e))
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
