/* SPDX-License-Identifier: Apache-2.0 */
/*
 * socket - which process holds the local end of a flow.
 *
 * Owns: the question to the kernel (sock_diag(7), one exact socket, both ways
 * round), and the search for its inode among the descriptors of processes.
 * Never: dumps all sockets of the host; follows a descriptor.
 *
 * A socket that is closed already has no inode: whoever asks should do so at
 * the first packet. A socket of another network namespace is not seen.
 */
#include "agent/who/socket.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/str.h"

#include "lib/own.h"

#define WAIT_MS 50
#define DESCRIPTORS_MAX 65536 /* of one process */
#define ANSWERS_MAX 8

int
socket_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    NETLINK_SOCK_DIAG);

	return fd < 0 ? -errno : fd;
}

struct question {
	struct nlmsghdr h;
	struct inet_diag_req_v2 r;
};

/* The request for the socket whose local end is @here. */
static void
make_question(
    struct question *q, const struct tuple *t, bool outgoing, uint32_t number)
{
	size_t n = t->family == 4 ? 4 : 16;

	*q = (struct question){.h = {.nlmsg_len = sizeof *q,
				   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				   .nlmsg_flags = NLM_F_REQUEST,
				   .nlmsg_seq = number},
	    .r = {.sdiag_family = t->family == 4 ? AF_INET : AF_INET6,
		.sdiag_protocol = t->proto,
		.idiag_states = ~0u,
		.id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}};
	q->r.id.idiag_sport = htons(outgoing ? t->sport : t->dport);
	q->r.id.idiag_dport = htons(outgoing ? t->dport : t->sport);
	memcpy(q->r.id.idiag_src, outgoing ? t->src : t->dst, n);
	memcpy(q->r.id.idiag_dst, outgoing ? t->dst : t->src, n);
}

/* The inode of the socket, 0 if there is none. */
static uint32_t
ask(int fd, const struct tuple *t, bool outgoing)
{
	static uint32_t number;
	struct question q;

	make_question(&q, t, outgoing, ++number);
	if (send(fd, &q, sizeof q, 0) != (ssize_t)sizeof q)
		return 0;
	for (int i = 0; i < ANSWERS_MAX; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		_Alignas(struct nlmsghdr) char answer[8192];
		const struct nlmsghdr *h = (const void *)answer;
		const struct inet_diag_msg *m;
		ssize_t n;

		if (poll(&p, 1, WAIT_MS) <= 0)
			return 0;
		n = recv(fd, answer, sizeof answer, 0);
		if (n < (ssize_t)sizeof *h || h->nlmsg_len > (size_t)n)
			return 0;
		if (h->nlmsg_seq != number)
			continue; /* late, to an earlier question */
		if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		    h->nlmsg_len < NLMSG_LENGTH(sizeof *m))
			return 0;
		m = NLMSG_DATA(h);
		return m->idiag_inode;
	}
	return 0;
}

/* ---- who holds an inode ---- */

struct search {
	const char *proc;
	char wanted[48]; /* "socket:[N]" */
	bool people; /* look at these alone, or at the others alone */
	pid_t found;
};

static bool
holds(const struct search *s, pid_t pid)
{
	char path[320], to[64];
	const struct dirent *e;
	bool found = false;
	DIR *d;

	if (str_format(path, sizeof path, "%s/%d/fd", s->proc, (int)pid) != 0)
		return false;
	d = opendir(path);
	if (d == NULL)
		return false;
	for (int i = 0; i < DESCRIPTORS_MAX && !found; i++) {
		ssize_t n;

		e = readdir(d);
		if (e == NULL)
			break;
		n = readlinkat(dirfd(d), e->d_name, to, sizeof to - 1);
		if (n <= 0)
			continue;
		to[n] = '\0';
		found = str_eq(to, s->wanted);
	}
	(void)closedir(d);
	return found;
}

static bool
each(void *ctx, struct process *p)
{
	struct search *s = ctx;
	bool person = lineage_session(p) != NULL;

	if (person == s->people && holds(s, p->pid))
		s->found = p->pid;
	return s->found == 0;
}

void
socket_find(int fd, struct lineage *l, const char *proc, const struct tuple *t,
    struct socket_owner *out)
{
	struct search s = {.proc = proc, .people = true};
	uint32_t inode = 0;

	*out = (struct socket_owner){.outgoing = true};
	if (fd < 0) {
		out->why = "the kernel tells nothing of sockets";
		return;
	}
	inode = ask(fd, t, true);
	if (inode == 0) {
		inode = ask(fd, t, false);
		out->outgoing = inode == 0;
	}
	if (inode == 0) {
		out->why = "no socket of this host's network has the flow: it "
			   "was closed already, or is a container's";
		return;
	}
	must(str_format(s.wanted, sizeof s.wanted, "socket:[%" PRIu32 "]",
		 inode) == 0);
	lineage_each(l, each, &s);
	if (s.found == 0) {
		s.people = false;
		lineage_each(l, each, &s);
	}
	out->pid = s.found;
	if (s.found == 0)
		out->why = "no process holds the flow's socket any more";
}
