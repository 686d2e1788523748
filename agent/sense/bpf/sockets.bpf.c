// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sockets - who uses a socket, told with its first packet.
 *
 * Owns: the note at each socket of the host's network namespace of who made,
 * connected or last sent from it; one event for each peer that a local end
 * begins to talk to, one when a TCP socket ends.
 * Never: looks at payload; holds up or refuses anything (every program returns
 * "go on"); follows a socket that accept() made: who made the listener is not
 * who answers.
 *
 * The note is taken where the kernel runs in the caller's name (cgroup hooks of
 * socket, connect and sendmsg), and is read where the packet's whole tuple is
 * known (cgroup egress, behind address translation): so also a program that
 * lives a millisecond has said who it is.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "sockets.h"

#define AF_INET 2
#define AF_INET6 10
#define TCP 6
#define UDP 17
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define GO_ON 1

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What is read of the kernel's structures; relocated when loaded (CO-RE). */
#define KERNELS __attribute__((preserve_access_index))

struct sock {
	__u16 sk_protocol;
} KERNELS;

struct task_struct {
	struct task_struct *group_leader;
	__u64 start_boottime;
	char comm[16];
} KERNELS;

struct tcp_sock {
	__u64 bytes_sent;
} KERNELS;

/* The namespace whose packets the capture process sees; set before loading. */
const volatile __u64 host_netns = 0;

/* The ends of a packet. */
struct ends {
	__u8 src[16], dst[16];
	__be16 sport, dport;
	__u8 family, proto;
	__u16 said; /* zero in a packet; that these were told, in a note */
} __attribute__((aligned(8)));

struct note {
	struct ends ends; /* as told last */
	__u64 start_ns;
	__u8 comm[16];
	__u32 pid;
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct note);
} notes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline struct told *
room(void)
{
	struct told *t = bpf_ringbuf_reserve(&ring, sizeof *t, 0);
	__u32 which = COUNT_LOST;
	__u64 *n;

	if (!t) {
		n = bpf_map_lookup_elem(&counts, &which);
		if (n)
			__sync_fetch_and_add(n, 1);
		return t;
	}
	__builtin_memset(t, 0, sizeof *t);
	t->boot_ns = bpf_ktime_get_boot_ns();
	return t;
}

static __always_inline void
note_caller(struct bpf_sock *sk, bool anew)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct note *n;

	n = bpf_sk_storage_get(&notes, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!n)
		return;
	if (anew || n->pid != pid)
		n->ends.said = 0;
	n->pid = pid;
	n->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	(void)bpf_core_read(&n->comm, sizeof n->comm, &task->comm);
}

SEC("cgroup/sock_create")
int
on_create(struct bpf_sock *sk)
{
	if (sk->family != AF_INET && sk->family != AF_INET6)
		return GO_ON;
	if (bpf_get_netns_cookie(sk) == host_netns)
		note_caller(sk, true);
	return GO_ON;
}

/* Whoever connects or sends may be another than who made the socket. */
static __always_inline int
on_use(struct bpf_sock_addr *c, bool anew)
{
	struct bpf_sock *sk = c->sk;

	if (sk && bpf_get_netns_cookie(c) == host_netns)
		note_caller(sk, anew);
	return GO_ON;
}

SEC("cgroup/connect4")
int
on_connect4(struct bpf_sock_addr *c)
{
	return on_use(c, true);
}

SEC("cgroup/connect6")
int
on_connect6(struct bpf_sock_addr *c)
{
	return on_use(c, true);
}

SEC("cgroup/sendmsg4")
int
on_send4(struct bpf_sock_addr *c)
{
	return on_use(c, false);
}

SEC("cgroup/sendmsg6")
int
on_send6(struct bpf_sock_addr *c)
{
	return on_use(c, false);
}

static __always_inline bool
read_packet(struct __sk_buff *skb, struct ends *p)
{
	__u8 first = 0, header[40];
	__u32 at = 40;

	if (bpf_skb_load_bytes(skb, 0, &first, 1) != 0)
		return false;
	if (first >> 4 == 4) {
		if (bpf_skb_load_bytes(skb, 0, header, 20) != 0)
			return false;
		/* What is behind the first fragment has no ports. */
		if ((header[6] & 0x1f) != 0 || header[7] != 0)
			return false;
		p->family = 4;
		p->proto = header[9];
		__builtin_memcpy(p->src, header + 12, 4);
		__builtin_memcpy(p->dst, header + 16, 4);
		at = (first & 15) * 4;
	} else {
		if (bpf_skb_load_bytes(skb, 0, header, 40) != 0)
			return false;
		p->family = 6;
		p->proto = header[6];
		__builtin_memcpy(p->src, header + 8, 16);
		__builtin_memcpy(p->dst, header + 24, 16);
	}
	if (p->proto != TCP && p->proto != UDP)
		return false;
	return bpf_skb_load_bytes(skb, at, &p->sport, 4) == 0;
}

static __always_inline bool
said_already(const struct ends *a, const struct ends *b)
{
	const __u64 *p = (const void *)a->dst, *q = (const void *)b->dst;

	return a->said && a->dport == b->dport && a->sport == b->sport &&
	       p[0] == q[0] && p[1] == q[1];
}

static __always_inline void
tell(struct told *t, __u16 kind, const struct note *n)
{
	t->kind = kind;
	t->pid = n->pid;
	t->start_ns = n->start_ns;
	__builtin_memcpy(t->comm, n->comm, sizeof n->comm);
	t->family = n->ends.family;
	t->proto = n->ends.proto;
	t->sport = bpf_ntohs(n->ends.sport);
	t->dport = bpf_ntohs(n->ends.dport);
	__builtin_memcpy(t->src, n->ends.src, 16);
	__builtin_memcpy(t->dst, n->ends.dst, 16);
}

SEC("cgroup_skb/egress")
int
on_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct ends ends = {};
	struct note *n;
	struct told *t;

	if (!sk)
		return GO_ON;
	sk = bpf_sk_fullsock(sk);
	/* A listener answers for a connection that has no owner yet. */
	if (!sk || sk->state == TCP_LISTEN)
		return GO_ON;
	n = bpf_sk_storage_get(&notes, sk, 0, 0);
	if (!n || (n->ends.said && sk->protocol == TCP))
		return GO_ON;
	if (!read_packet(skb, &ends) || said_already(&n->ends, &ends))
		return GO_ON;
	t = room();
	if (!t)
		return GO_ON; /* not said: the next packet tries again */
	n->ends = ends;
	n->ends.said = 1;
	tell(t, TOLD_OPEN, n);
	bpf_ringbuf_submit(t, 0);
	return GO_ON;
}

SEC("tp_btf/inet_sock_set_state")
int
BPF_PROG(on_state, struct sock *sk, int old, int state)
{
	const struct tcp_sock *tcp = (const void *)sk;
	const struct note *n;
	struct told *t;

	(void)ctx;
	(void)old;
	if (state != TCP_CLOSE || sk->sk_protocol != TCP)
		return 0;
	n = bpf_sk_storage_get(&notes, sk, 0, 0);
	if (!n || !n->ends.said)
		return 0;
	t = room();
	if (!t)
		return 0;
	tell(t, TOLD_CLOSE, n);
	t->sent = BPF_CORE_READ(tcp, bytes_sent);
	bpf_ringbuf_submit(t, 0);
	return 0;
}
