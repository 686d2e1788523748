// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * relays - what a process reads that sends it on through a socket.
 *
 * Owns: which processes of people are relays (they read a pseudo terminal's
 * master, a pipe, or their standard input, and hold a connected Internet
 * socket); the running offset of each of their sources.
 * Never: looks at a program's name; copies anything of a process without a
 * login uid, or of what else a relay reads (its keys and settings are files
 * that are not its input); holds up or refuses anything.
 *
 * A call of somebody whom nobody watches is left after two comparisons. What
 * there is no room for is left out; the offset of what comes next tells.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "relays.h"

#define KERNELS __attribute__((preserve_access_index))
#define UNSET 0xffffffffu /* a login uid */
#define CALL_IS_32 2 /* TS_COMPAT */
#define CALL_IS_X32 0x40000000
#define KIND(mode) ((mode)&0170000)
#define KIND_PIPE 0010000
#define KIND_CHARACTER 0020000
#define KIND_REGULAR 0100000
#define KIND_SOCKET 0140000
#define TERMINAL_MASTER ((5 << 20) | 2) /* /dev/ptmx */
#define UNIX 1
#define INET 2
#define INET6 10
#define TCP 6
#define UDP 17
#define TCP_ESTABLISHED 1
#define TCP_CLOSE_WAIT 8
#define SOCKETS_MAX 64 /* descriptors that are looked through for a socket */
#define LOOK_NS \
	20000000 /* one that is no relay is not looked at again within */
#define CHUNKS_MAX 32 /* of one read */
#define VECTORS_MAX 8
#define NONE 255
#define KIND_SHIFT 56 /* of a number that tells the kind, too */
#define NUMBER ((1ull << KIND_SHIFT) - 1)
#define WAKE_BYTES (256 * 1024)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What is read of the kernel's structures; relocated when loaded (CO-RE). */
struct in6_addr {
	__u8 bytes[16];
};

struct net {
	__u64 net_cookie;
} KERNELS;

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	possible_net_t skc_net;
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport, skc_num, skc_family;
	__u8 skc_state;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
} KERNELS;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_protocol;
} KERNELS;

struct tcp_sock {
	__u64 bytes_sent, bytes_acked, bytes_retrans;
} KERNELS;

struct socket {
	struct sock *sk;
} KERNELS;

struct inode {
	__u16 i_mode;
	__u32 i_rdev;
	unsigned long i_ino;
} KERNELS;

struct file {
	struct inode *f_inode;
	void *private_data;
} KERNELS;

struct fdtable {
	__u32 max_fds;
	struct file **fd;
} KERNELS;

struct files_struct {
	struct fdtable *fdt;
} KERNELS;

struct kuid {
	__u32 val;
};

struct thread_info {
	__u32 status;
} KERNELS;

struct task_struct {
	struct thread_info thread_info;
	int pid, tgid;
	struct task_struct *group_leader;
	__u64 start_boottime;
	struct files_struct *files;
	struct kuid loginuid;
	char comm[16];
} KERNELS;

struct pt_regs {
	unsigned long bx, cx, dx, di, si, r10, orig_ax;
} KERNELS;

/* What is known of a process that reads like a relay. */
struct relay {
	__u64 looked_ns;
	__u64 sent, acked; /* as told last */
	__u64 others; /* what may have carried anything else, or it elsewhere */
	__s32 socket; /* descriptor, -1: it has none */
	__u32 told; /* something of it was handed over */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct relay);
} relaying SEC(".maps");

struct source {
	__u64 file; /* address of struct file, which a pipe of later may have */
	__u64 ino; /* so this, too */
	__u64 leader;
};

struct place {
	__u64 number, offset;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct source);
	__type(value, struct place);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RELAYED_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __u64 last_number;

static __always_inline void
count(__u32 which)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &which);

	if (n)
		*n += 1;
}

static __always_inline struct file *
file_of(struct task_struct *task, __u32 fd)
{
	struct fdtable *t = task->files->fdt;
	struct file **slots = t->fd, *file = 0;

	if (fd >= t->max_fds)
		return 0;
	(void)bpf_probe_read_kernel(&file, sizeof file, slots + fd);
	return file;
}

static __always_inline __u32
kind_of(struct file *file)
{
	return KIND(BPF_CORE_READ(file, f_inode, i_mode));
}

/* ---- the socket ---- */

/* The network namespace of the host; within another one, anybody can have any
 * address. */
const volatile __u64 host_netns = 0;

/* The Internet socket behind a descriptor that can carry something out. */
static __always_inline struct sock *
socket_of(struct task_struct *task, __u32 fd)
{
	struct file *file = file_of(task, fd);
	struct socket *socket;
	struct sock *sk;
	__u16 family, protocol;
	__u8 state;

	if (!file || kind_of(file) != KIND_SOCKET)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (!sk || (family != INET && family != INET6) ||
	    BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie) !=
		host_netns)
		return 0;
	protocol = BPF_CORE_READ(sk, sk_protocol);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (protocol == TCP)
		return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT ? sk
									   : 0;
	return protocol == UDP ? sk : 0;
}

/*
 * The first descriptor with a socket of that protocol, -1. A function of its own
 * to the verifier, as are those below that are not inline: it looks at each once.
 */
__noinline int
find_socket(__u32 protocol)
{
	struct task_struct *task = bpf_get_current_task_btf();

	for (int fd = 0; fd < SOCKETS_MAX; fd++) {
		struct sock *sk = socket_of(task, fd);

		if (sk && BPF_CORE_READ(sk, sk_protocol) == protocol)
			return fd;
	}
	return -1;
}

/* The socket through which a process sends on what it reads, or NULL. */
static __always_inline struct sock *
socket_again(struct task_struct *task, struct relay *r)
{
	__u64 now;
	struct sock *sk = r->socket >= 0 ? socket_of(task, r->socket) : 0;

	if (sk)
		return sk;
	now = bpf_ktime_get_boot_ns();
	if (r->looked_ns != 0 && now - r->looked_ns < LOOK_NS)
		return 0;
	r->looked_ns = now;
	r->socket = find_socket(TCP);
	if (r->socket < 0)
		r->socket = find_socket(UDP);
	return r->socket >= 0 ? socket_of(task, r->socket) : 0;
}

/* Bytes of payload that went out, each once. */
static __always_inline __u64
sent_of(const struct tcp_sock *tcp)
{
	return BPF_CORE_READ(tcp, bytes_sent) -
	       BPF_CORE_READ(tcp, bytes_retrans);
}

/* ---- what is handed over ---- */

static __always_inline void
describe(struct relayed *t, struct task_struct *task, struct sock *sk, __u8 op)
{
	__builtin_memset(t, 0, sizeof *t);
	t->op = op;
	t->boot_ns = bpf_ktime_get_boot_ns();
	t->start_ns = task->group_leader->start_boottime;
	t->pid = task->tgid;
	(void)bpf_core_read(&t->comm, sizeof t->comm, &task->comm);
	if (!sk)
		return;
	t->proto = BPF_CORE_READ(sk, sk_protocol);
	t->sport = BPF_CORE_READ(sk, __sk_common.skc_num);
	t->dport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == INET) {
		__u32 from = BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr);
		__u32 to = BPF_CORE_READ(sk, __sk_common.skc_daddr);

		t->family = 4;
		__builtin_memcpy(t->src, &from, 4);
		__builtin_memcpy(t->dst, &to, 4);
	} else {
		t->family = 6;
		BPF_CORE_READ_INTO(&t->src, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&t->dst, sk, __sk_common.skc_v6_daddr);
	}
	if (t->proto == TCP) {
		const struct tcp_sock *tcp = (const void *)sk;

		t->sent = sent_of(tcp);
		t->acked = BPF_CORE_READ(tcp, bytes_acked);
	}
}

/* What the process did beside reading and writing to its socket. */
static __always_inline __u64
others_of(struct task_struct *task)
{
	struct relay *r =
	    bpf_task_storage_get(&relaying, task->group_leader, 0, 0);

	return r ? r->others : 0;
}

/* The reader comes by itself, and is called once when much waits. */
static __always_inline void
submit(void *record, __u64 size)
{
	__u64 waits = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	bpf_ringbuf_submit(
	    record, waits >= WAKE_BYTES && waits < WAKE_BYTES + size + 8
			? BPF_RB_FORCE_WAKEUP
			: BPF_RB_NO_WAKEUP);
}

/* One stretch of the process's memory, of at most a chunk, from a source. */
#define TELL(size) \
	do { \
		struct relayed *t = \
		    bpf_ringbuf_reserve(&ring, sizeof *t + (size), 0); \
\
		if (!t) { \
			count(RELAYED_LOST); \
			return 0; \
		} \
		describe( \
		    t, bpf_get_current_task_btf(), (void *)sk, RELAYED_DATA); \
		t->stream = number & NUMBER; \
		t->kind = number >> KIND_SHIFT; \
		t->offset = offset; \
		t->len = len; \
		t->others = others_of(bpf_get_current_task_btf()); \
		barrier_var(len); \
		if (len > (size) || bpf_probe_read_user(t + 1, len, \
					(const void *)from) != 0) { \
			bpf_ringbuf_discard(t, BPF_RB_NO_WAKEUP); \
			return 0; \
		} \
		submit(t, sizeof *t + (size)); \
	} while (0)

__noinline int
tell_chunk(__u64 from, __u64 len, __u64 number, __u64 offset, __u64 sk)
{
	if (len <= 256)
		TELL(256);
	else if (len <= 4096)
		TELL(4096);
	else
		TELL(RELAYED_CHUNK);
	return 0;
}

/* A read of any length; what is more than so many chunks is left out. */
__noinline int
tell_stretch(__u64 from, __u64 len, __u64 number, __u64 offset, __u64 sk)
{
	for (int i = 0; i < CHUNKS_MAX && len > 0; i++) {
		__u64 n = len < RELAYED_CHUNK ? len : RELAYED_CHUNK;

		(void)tell_chunk(from, n, number, offset, sk);
		from += n;
		offset += n;
		len -= n;
	}
	return 0;
}

__noinline int
tell_vectors(__u64 vectors, __u64 total, __u64 number, __u64 offset, __u64 sk)
{
	struct {
		__u64 base, len;
	} v;

	for (int i = 0; i < VECTORS_MAX && total > 0; i++) {
		if (bpf_probe_read_user(&v, sizeof v,
			(const void *)(vectors + i * sizeof v)) != 0)
			break;
		if (v.len > total)
			v.len = total;
		(void)tell_stretch(v.base, v.len, number, offset, sk);
		offset += v.len;
		total -= v.len;
	}
	return 0;
}

static __always_inline struct place *
place_of(struct task_struct *task, struct file *file)
{
	struct source key = {.file = (__u64)file,
	    .ino = BPF_CORE_READ(file, f_inode, i_ino),
	    .leader = (__u64)task->group_leader};
	struct place fresh = {}, *p = bpf_map_lookup_elem(&places, &key);

	if (p)
		return p;
	fresh.number = __sync_fetch_and_add(&last_number, 1) + 1;
	(void)bpf_map_update_elem(&places, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&places, &key);
}

/* ---- calls ---- */

#define CALL_NOTHING 0
#define CALL_READ 1 /* descriptor, buffer */
#define CALL_READV 2 /* descriptor, vectors */
#define CALL_MOVES 3 /* splice: the bytes never come to the process */
#define CALL_MOVES_2ND 4 /* sendfile: the same, from its second argument */
#define CALL_WRITES 5 /* to its first argument */
#define CALL_HEARS 6 /* of a socket only, its first argument */

static __always_inline int
call_kind(long nr, bool narrow)
{
	if (narrow) { /* arch/x86/entry/syscalls/syscall_32.tbl */
		switch (nr) {
		case 3: /* read */
			return CALL_READ;
		case 4: /* write */
			return CALL_WRITES;
		case 145: /* readv: its vectors are of 32 bits */
		case 313: /* splice */
			return CALL_MOVES;
		default:
			return CALL_NOTHING;
		}
	}
	/* arch/x86/entry/syscalls/syscall_64.tbl */
	switch (nr & ~CALL_IS_X32) {
	case 0: /* read */
	case 17: /* pread64 */
	case 45: /* recvfrom */
		return CALL_READ;
	case 19: /* readv */
		return (nr & CALL_IS_X32) != 0 ? CALL_NOTHING : CALL_READV;
	case 275: /* splice */
	case 515: /* readv of x32 */
		return CALL_MOVES;
	case 40: /* sendfile */
		return CALL_MOVES_2ND;
	case 1: /* write */
	case 20: /* writev */
	case 44: /* sendto */
	case 46: /* sendmsg */
	case 307: /* sendmmsg */
		return CALL_WRITES;
	case 47: /* recvmsg */
	case 299: /* recvmmsg */
		return CALL_HEARS;
	default:
		return CALL_NOTHING;
	}
}

/* What a process reads there, if that can be content it relays; or NONE. */
static __always_inline __u8
source_kind(struct task_struct *task, struct file *file)
{
	__u32 kind = kind_of(file);
	struct socket *socket;

	if (kind == KIND_CHARACTER)
		return BPF_CORE_READ(file, f_inode, i_rdev) == TERMINAL_MASTER
			   ? RELAYED_TERMINAL
			   : NONE;
	if (kind == KIND_PIPE)
		return RELAYED_PIPE;
	/* Anything else only as standard input: also under another number, for
	 * who dups it. */
	if (file != file_of(task, 0))
		return NONE;
	if (kind == KIND_REGULAR)
		return RELAYED_INPUT;
	if (kind != KIND_SOCKET)
		return NONE;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk, __sk_common.skc_family) == UNIX
		   ? RELAYED_INPUT
		   : NONE;
}

#define NO_SOCKET 0
#define ITS_SOCKET 1
#define ANOTHER_SOCKET 2

/* A socket has more than one descriptor where its owner was started for it. */
static __always_inline int
whose(struct task_struct *task, struct relay *r, __s32 fd)
{
	struct sock *sk;

	if (fd == r->socket)
		return ITS_SOCKET;
	sk = socket_of(task, fd);
	if (!sk)
		return NO_SOCKET;
	return r->socket >= 0 && sk == socket_of(task, r->socket)
		   ? ITS_SOCKET
		   : ANOTHER_SOCKET;
}

/*
 * Through another socket it may have sent what it read; what it heard there, or
 * moved into any, its own may have carried.
 */
static __always_inline void
note_other(struct task_struct *task, __s32 fd, bool moved)
{
	struct relay *r =
	    bpf_task_storage_get(&relaying, task->group_leader, 0, 0);
	int which;

	if (!r || !r->told)
		return;
	which = whose(task, r, fd);
	if (which == ANOTHER_SOCKET || (moved && which == ITS_SOCKET))
		r->others++;
}

static __always_inline void
has_read(struct task_struct *task, struct pt_regs *regs, int call, bool narrow,
    __u64 n)
{
	__u32 fd = call == CALL_MOVES_2ND ? regs->si
		   : narrow               ? regs->bx
					  : regs->di;
	__u64 at = narrow ? regs->cx : regs->si;
	struct file *file = file_of(task, fd);
	struct place *place;
	struct relay *r;
	__u64 number, offset, sk;
	__u8 kind;

	if (!file)
		return;
	if (call == CALL_MOVES_2ND)
		note_other(task, regs->di, true);
	else if (call == CALL_MOVES)
		note_other(task, regs->dx, true);
	kind = source_kind(task, file);
	if (kind == NONE) {
		if (kind_of(file) == KIND_SOCKET)
			note_other(task, fd, false);
		return;
	}
	r = bpf_task_storage_get(
	    &relaying, task->group_leader, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!r)
		return;
	if (r->looked_ns == 0)
		r->socket = -1;
	sk = (__u64)socket_again(task, r);
	if (!sk)
		return;
	place = place_of(task, file);
	if (!place)
		return;
	r->told = 1;
	number = (place->number & NUMBER) | ((__u64)kind << KIND_SHIFT);
	offset = __sync_fetch_and_add(&place->offset, n);
	if (call == CALL_READ)
		(void)tell_stretch(at, n, number, offset, sk);
	else if (call == CALL_READV)
		(void)tell_vectors(at, n, number, offset, sk);
}

/* What the socket has carried since it was told last. */
static __always_inline void
tell_sent(struct task_struct *task, struct relay *r, __u8 op)
{
	struct sock *sk = r->socket >= 0 ? socket_of(task, r->socket) : 0;
	const struct tcp_sock *tcp = (const void *)sk;
	struct relayed *t;

	if (op == RELAYED_SENT &&
	    (!sk || BPF_CORE_READ(sk, sk_protocol) != TCP ||
		(sent_of(tcp) == r->sent &&
		    BPF_CORE_READ(tcp, bytes_acked) == r->acked)))
		return;
	t = bpf_ringbuf_reserve(&ring, sizeof *t, 0);
	if (!t) {
		count(RELAYED_LOST);
		return;
	}
	describe(t, task, sk, op);
	t->others = r->others;
	r->sent = t->sent;
	r->acked = t->acked;
	submit(t, sizeof *t);
}

SEC("tp_btf/sys_exit")
int
BPF_PROG(on_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct relay *r;
	bool narrow;
	int call, which;

	(void)ctx;
	if (ret <= 0 || task->loginuid.val == UNSET)
		return 0;
	narrow = (task->thread_info.status & CALL_IS_32) != 0;
	call = call_kind(regs->orig_ax, narrow);
	if (call == CALL_NOTHING)
		return 0;
	if (call != CALL_WRITES && call != CALL_HEARS) {
		has_read(task, regs, call, narrow, ret);
		return 0;
	}
	r = bpf_task_storage_get(&relaying, task->group_leader, 0, 0);
	if (!r || !r->told)
		return 0;
	which = whose(task, r, narrow ? regs->bx : regs->di);
	if (which == ANOTHER_SOCKET)
		r->others++;
	else if (which == ITS_SOCKET && call == CALL_WRITES)
		tell_sent(task, r, RELAYED_SENT);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int
BPF_PROG(on_end, struct task_struct *task)
{
	struct relay *r;

	(void)ctx;
	if (task->pid != task->tgid)
		return 0;
	r = bpf_task_storage_get(&relaying, task, 0, 0);
	if (r && r->told)
		tell_sent(task, r, RELAYED_END);
	return 0;
}
