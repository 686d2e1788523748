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
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/str.h"

#include "lib/own.h"

#define WAIT_MS 50
#define DESCRIPTORS_MAX 65536 /* of one process */
#define ANSWERS_MAX 8

void
socket_start(struct socket_finder *f)
{
	*f = (struct socket_finder){
	    .fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		NETLINK_SOCK_DIAG)};
}

void
socket_stop(struct socket_finder *f)
{
	own_close(&f->fd);
	f->fd = -1;
}

struct question {
	struct nlmsghdr h;
	struct inet_diag_req_v2 r;
};

/*
 * The request for the socket whose local end is the client's or the server's.
 * The kernel looks up UDP with source and destination swapped (udp_dump_one in
 * net/ipv4/udp_diag.c, which says that this is so for historical reasons).
 */
static void
make_question(
    struct question *q, const struct tuple *t, bool outgoing, uint32_t number)
{
	bool client_first = outgoing == (t->proto != IPPROTO_UDP);
	size_t n = t->family == 4 ? 4 : 16;

	*q = (struct question){.h = {.nlmsg_len = sizeof *q,
				   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				   .nlmsg_flags = NLM_F_REQUEST,
				   .nlmsg_seq = number},
	    .r = {.sdiag_family = t->family == 4 ? AF_INET : AF_INET6,
		.sdiag_protocol = t->proto,
		.idiag_states = ~0u,
		.id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}};
	q->r.id.idiag_sport = htons(client_first ? t->sport : t->dport);
	q->r.id.idiag_dport = htons(client_first ? t->dport : t->sport);
	memcpy(q->r.id.idiag_src, client_first ? t->src : t->dst, n);
	memcpy(q->r.id.idiag_dst, client_first ? t->dst : t->src, n);
}

/*
 * The inode of the socket, 0 if there is none. Where no connection matches, the
 * kernel answers with the listener on the port: that is not the flow's.
 */
static uint32_t
ask(struct socket_finder *f, const struct tuple *t, bool outgoing)
{
	struct question q;

	make_question(&q, t, outgoing, ++f->number);
	if (send(f->fd, &q, sizeof q, 0) != (ssize_t)sizeof q)
		return 0;
	for (int i = 0; i < ANSWERS_MAX; i++) {
		struct pollfd p = {.fd = f->fd, .events = POLLIN};
		_Alignas(struct nlmsghdr) char answer[8192];
		const struct nlmsghdr *h = (const void *)answer;
		struct inet_diag_msg m;
		ssize_t n;

		if (poll(&p, 1, WAIT_MS) <= 0)
			return 0;
		n = recv(f->fd, answer, sizeof answer, 0);
		if (n < (ssize_t)sizeof *h || h->nlmsg_len > (size_t)n)
			return 0;
		if (h->nlmsg_seq != f->number)
			continue; /* late, to an earlier question */
		if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
		    h->nlmsg_len < NLMSG_LENGTH(sizeof m))
			return 0;
		memcpy(&m, answer + NLMSG_HDRLEN, sizeof m);
		return m.idiag_state == TCP_LISTEN ? 0 : m.idiag_inode;
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

/* Who owns one flow owns the next, most often. */
static bool
find_recent(const struct socket_finder *f, struct search *s)
{
	for (size_t i = 0; i < SOCKET_RECENT && s->found == 0; i++)
		if (f->recent[i] != 0 && holds(s, f->recent[i]))
			s->found = f->recent[i];
	return s->found != 0;
}

static void
find_anywhere(struct socket_finder *f, struct lineage *l, struct search *s)
{
	s->people = true;
	lineage_each(l, each, s);
	if (s->found == 0) {
		s->people = false;
		lineage_each(l, each, s);
	}
	if (s->found != 0)
		f->recent[f->at++ % SOCKET_RECENT] = s->found;
}

void
socket_find(struct socket_finder *f, struct lineage *l, const char *proc,
    const struct tuple *t, struct socket_owner *out)
{
	struct search s = {.proc = proc};
	uint32_t inode = 0;

	*out = (struct socket_owner){.outgoing = true};
	if (f->fd < 0) {
		out->why = "the kernel tells nothing of sockets";
		return;
	}
	inode = ask(f, t, true);
	if (inode == 0) {
		inode = ask(f, t, false);
		out->outgoing = inode == 0;
	}
	if (inode == 0) {
		out->why = "no socket of this host's network has the flow: it "
			   "was closed already, or is a container's";
		return;
	}
	must(str_format(s.wanted, sizeof s.wanted, "socket:[%" PRIu32 "]",
		 inode) == 0);
	if (!find_recent(f, &s))
		find_anywhere(f, l, &s);
	out->pid = s.found;
	if (s.found == 0)
		out->why = "no process holds the flow's socket any more";
}
