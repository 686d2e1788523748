// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * starts - which program somebody started, and between which pipes.
 *
 * Owns: one record for each program that a process with a login uid becomes:
 * its name, and the pipes (with or without a name) that are its standard input
 * and output then. A shell has tied its pipeline by that time, and a program that
 * lives a millisecond has been told.
 * Never: looks at arguments, environment or content; tells of a process without
 * a login uid; holds up or refuses anything.
 */
#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "starts.h"

#define KERNELS __attribute__((preserve_access_index))
#define UNSET 0xffffffffu /* a login uid */
#define KIND(mode) ((mode)&0170000)
#define KIND_PIPE 0010000
#define WAKE_BYTES (64 * 1024)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What is read of the kernel's structures; relocated when loaded (CO-RE). */
struct super_block {
	__u32 s_dev;
} KERNELS;

struct inode {
	__u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
} KERNELS;

struct file {
	struct inode *f_inode;
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

struct task_struct {
	int pid, tgid;
	struct task_struct *group_leader;
	__u64 start_boottime;
	struct files_struct *files;
	struct kuid loginuid;
	char comm[16];
} KERNELS;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 512 << 10);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STARTING_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void
read_pipe(struct task_struct *task, __u32 fd, __u64 *ino, __u32 *dev)
{
	struct fdtable *t = BPF_CORE_READ(task, files, fdt);
	struct file **slots = BPF_CORE_READ(t, fd), *file = 0;

	if (fd >= BPF_CORE_READ(t, max_fds))
		return;
	(void)bpf_probe_read_kernel(&file, sizeof file, slots + fd);
	if (!file || KIND(BPF_CORE_READ(file, f_inode, i_mode)) != KIND_PIPE)
		return;
	*ino = BPF_CORE_READ(file, f_inode, i_ino);
	*dev = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
}

SEC("tp_btf/sched_process_exec")
int
BPF_PROG(on_exec, struct task_struct *task)
{
	struct starting *t;
	__u32 which = STARTING_LOST;
	__u64 waits, *n;

	(void)ctx;
	if (task->loginuid.val == UNSET)
		return 0;
	t = bpf_ringbuf_reserve(&ring, sizeof *t, 0);
	if (!t) {
		n = bpf_map_lookup_elem(&counts, &which);
		if (n)
			*n += 1;
		return 0;
	}
	__builtin_memset(t, 0, sizeof *t);
	t->boot_ns = bpf_ktime_get_boot_ns();
	t->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	t->pid = task->tgid;
	(void)bpf_core_read(&t->comm, sizeof t->comm, &task->comm);
	read_pipe(task, 0, &t->in_ino, &t->in_dev);
	read_pipe(task, 1, &t->out_ino, &t->out_dev);
	/* The reader comes by itself, and is called once when much waits. */
	waits = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	bpf_ringbuf_submit(
	    t, waits >= WAKE_BYTES && waits < WAKE_BYTES + sizeof *t + 8
		   ? BPF_RB_FORCE_WAKEUP
		   : BPF_RB_NO_WAKEUP);
	return 0;
}
