// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * opens - which files a process opened, read first, or ran, filtered where they
 * are opened.
 *
 * Owns: the processes that are passed over, which their children are, too; the
 * directories that are watched, by inode.
 * Never: holds up or refuses anything; follows a pointer of the process (what
 * was opened is what its descriptor table holds, whatever name it gave);
 * looks at a name.
 *
 * A file is inside if the nearest directory above it that is listed is: in the
 * tree of its own file system, so that neither a bind mount nor a namespace
 * changes it.
 *
 * What costs next to nothing for others is that a call which opens or reads
 * nothing is left after a few comparisons, and a process that is passed over
 * after one look-up. Whoever is not passed over pays for the clock, for the
 * ring, and for helpers that are called: what an opening found out is kept for
 * the reads through it, and directories that cannot be listed are not looked up.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "opens.h"

#define KERNELS __attribute__((preserve_access_index))
#define DEPTH_MAX 48
#define UNSET 0xffffffffu /* a login uid */
#define IS_REGULAR(mode) (((mode)&0170000) == 0100000)
#define MODE_READ 1u
#define MODE_PATH 0x4000u
#define CALL_IS_32 2 /* TS_COMPAT: by int 0x80, from 64-bit programs, too */
#define CALL_IS_X32 0x40000000 /* 64-bit registers, pointers of 32 */
#define THREAD_OF_RING \
	0x10 /* PF_IO_WORKER: it works for a process's io_uring */
#define THREAD_OF_KERNEL 0x200000 /* PF_KTHREAD */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* What is read of the kernel's structures; relocated when loaded (CO-RE). */
struct super_block {
	__u32 s_dev;
} KERNELS;

struct hlist_node {
	struct hlist_node *next;
} KERNELS;

struct hlist_head {
	struct hlist_node *first;
} KERNELS;

struct inode {
	__u16 i_mode;
	struct super_block *i_sb;
	unsigned long i_ino;
	__u32 i_nlink;
	struct hlist_head i_dentry;
	__u32 i_generation;
} KERNELS;

struct address_space {
	struct inode *host;
} KERNELS;

struct dentry {
	struct dentry *d_parent;
	struct inode *d_inode;
	union {
		struct hlist_node d_alias;
	} d_u;
} KERNELS;

struct path {
	struct dentry *dentry;
} KERNELS;

struct file {
	__u32 f_mode;
	struct inode *f_inode;
	struct path f_path;
} KERNELS;

struct fdtable {
	__u32 max_fds;
	struct file **fd;
} KERNELS;

struct files_struct {
	struct fdtable *fdt;
} KERNELS;

struct ns_common {
	__u32 inum;
} KERNELS;

struct mnt_namespace {
	struct ns_common ns;
} KERNELS;

struct nsproxy {
	struct mnt_namespace *mnt_ns;
} KERNELS;

struct kuid {
	__u32 val;
};

struct cred {
	struct kuid euid;
} KERNELS;

struct thread_info {
	__u32 status;
} KERNELS;

struct task_struct {
	struct thread_info thread_info;
	__u32 flags;
	int pid, tgid;
	struct task_struct *group_leader;
	__u64 start_boottime;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct kuid loginuid;
	struct cred *cred;
	char comm[16];
} KERNELS;

struct linux_binprm {
	struct file *file;
} KERNELS;

struct pt_regs {
	unsigned long bx, cx, di, si, r10, r8, orig_ax;
} KERNELS;

/*
 * A descriptor table holds plain numbers: they are made pointers of a type again
 * where the kernel can (6.2), and are then read as fast as our own memory. Else
 * (PLAIN, an object of its own: a kernel without the function refuses one that
 * only names it) each field is read by a call.
 */
#ifndef PLAIN
extern void *bpf_rdonly_cast(void *p, __u32 type) __ksym;
#endif
#define GET(fast, p, field) ((fast) ? (p)->field : BPF_CORE_READ(p, field))
#ifdef PLAIN
#define FAST false
#define TYPED(p, type) ((type *)(p)) /* never looked through */
#else
#define FAST true
#define TYPED(p, type) \
	((type *)bpf_rdonly_cast(p, bpf_core_type_id_kernel(type)))
#endif

const volatile struct opens_constants host = {}; /* set before loading */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} passed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, struct opened_dir);
	__type(value, __u32);
} dirs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct opened_dirs);
} listed SEC(".maps");

/* Openings that a thread made or has read through, the oldest out first: the
 * address of struct file and its inode, since an address comes again. What falls
 * out is told once more. */
#define READ_MAX 4
#define STATE_NONE 0
#define STATE_INSIDE 1 /* opened, not read yet */
#define STATE_OUTSIDE 2 /* by what was listed then */
#define STATE_READ 3
struct reads {
	__u64 file[READ_MAX], inode[READ_MAX];
	__u32 state[READ_MAX], version[READ_MAX];
	__u32 next, zero;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct reads);
} reads SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OPENED_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

static __always_inline void
count(__u32 which)
{
	__u64 *n = bpf_map_lookup_elem(&counts, &which);

	if (n)
		*n += 1;
}

/* ---- who is passed over ---- */

static __always_inline bool
is_passed(struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	__u32 *p;

	if (!leader)
		return false;
	p = bpf_task_storage_get(&passed, leader, 0, 0);
	if (!p || *p == 0)
		return false;
	if (*p == PASSED_AGENT)
		return true;
	/* Whoever logs in, or is put among other mounts, is looked at. */
	return host.has_loginuid && task->loginuid.val == UNSET &&
	       task->nsproxy->mnt_ns->ns.inum == host.mounts;
}

SEC("tp_btf/sched_process_fork")
int
BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct task_struct *leader = parent->group_leader;
	__u32 *from, *to;

	(void)ctx;
	/* A thread has its leader's. */
	if (!leader || child->pid != child->tgid)
		return 0;
	from = bpf_task_storage_get(&passed, leader, 0, 0);
	if (!from || *from == 0)
		return 0;
	to = bpf_task_storage_get(
	    &passed, child, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (to)
		*to = *from;
	return 0;
}

/* ---- which files are inside ---- */

/* Some directory of this file system is watched: its key has no inode. */
static __always_inline bool
is_watched(__u32 dev)
{
	struct opened_dir key = {.dev = dev};

	return bpf_map_lookup_elem(&dirs, &key) != 0;
}

static __always_inline struct opened_dirs *
listed_now(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&listed, &zero);
}

static __always_inline bool
is_inside(struct dentry *d, __u32 dev, __u32 links, bool fast)
{
	const struct opened_dirs *all = listed_now();
	struct opened_dir key = {.dev = dev};
	struct dentry *up;
	__u32 *which, bit;

	if (!all)
		return true;

	/* A regular file is none of the directories. */
	d = GET(fast, d, d_parent);
	/* Kernels before 6.12 refuse some shapes of a loop. */
#pragma unroll
	for (int i = 0; i < DEPTH_MAX; i++) {
		up = GET(fast, d, d_parent);
		key.ino =
		    fast ? d->d_inode->i_ino : BPF_CORE_READ(d, d_inode, i_ino);
		bit = opened_dir_bit(&key);
		if ((all->bits[bit / 64] >> (bit % 64)) & 1) {
			which = bpf_map_lookup_elem(&dirs, &key);
			if (which)
				return *which == DIR_INSIDE;
		}
		if (up == d)
			return links > 1 && is_watched(dev);
		d = up;
	}
	return true; /* what cannot be told counts as inside */
}

/* Any file: what is not regular is never inside. */
static __always_inline bool
is_told(struct inode *inode, struct dentry *dentry, bool fast)
{
	return IS_REGULAR(GET(fast, inode, i_mode)) &&
	       is_inside(dentry,
		   fast ? inode->i_sb->s_dev
			: BPF_CORE_READ(inode, i_sb, s_dev),
		   GET(fast, inode, i_nlink), fast);
}

static __always_inline void
tell(struct task_struct *task, struct inode *inode, __u32 op, __s32 fd,
    bool fast)
{
	struct opened *o = bpf_ringbuf_reserve(&ring, sizeof *o, 0);

	if (!o) {
		count(OPENED_LOST);
		return;
	}
	o->boot_ns = bpf_ktime_get_boot_ns();
	o->start_ns = task->group_leader->start_boottime;
	o->ino = GET(fast, inode, i_ino);
	o->dev = fast ? inode->i_sb->s_dev : BPF_CORE_READ(inode, i_sb, s_dev);
	o->generation = GET(fast, inode, i_generation);
	o->pid = task->tgid;
	o->fd = fd;
	o->op = op;
	o->uid = task->cred->euid.val;
	(void)bpf_core_read(&o->comm, sizeof o->comm, &task->comm);
	/* Calls the reader if it has read all before this, and not again until
	 * it has read this: it lets more gather first, since a call is dearer
	 * than all the rest. */
	bpf_ringbuf_submit(o, 0);
}

static __always_inline struct dentry *
name_in(struct file *file, bool fast)
{
	return fast ? file->f_path.dentry : BPF_CORE_READ(file, f_path.dentry);
}

/* ---- calls ---- */

/* What a call does to which of its arguments. */
#define CALL_NOTHING 0
#define CALL_OPENS 1 /* returns a descriptor */
#define CALL_READS 2 /* from its first argument */
#define CALL_READS_2ND 3 /* sendfile: from its second */
#define CALL_READS_5TH 4 /* mmap: from its fifth */
#define CALL_SUBMITS 5 /* requests that it does not name a file for */

static __always_inline int
call_kind(long nr, bool narrow)
{
	if (narrow) { /* arch/x86/entry/syscalls/syscall_32.tbl */
		switch (nr) {
		case 5: /* open */
		case 8: /* creat */
		case 295: /* openat */
		case 342: /* open_by_handle_at */
		case 437: /* openat2 */
			return CALL_OPENS;
		case 3: /* read */
		case 145: /* readv */
		case 180: /* pread64 */
		case 333: /* preadv */
		case 378: /* preadv2 */
		case 313: /* splice */
		case 377: /* copy_file_range */
			return CALL_READS;
		case 187: /* sendfile */
		case 239: /* sendfile64 */
			return CALL_READS_2ND;
		case 192: /* mmap2 */
			return CALL_READS_5TH;
		case 248: /* io_submit */
		case 426: /* io_uring_enter */
			return CALL_SUBMITS;
		default:
			return CALL_NOTHING;
		}
	}
	/* arch/x86/entry/syscalls/syscall_64.tbl; x32 has those from 512 on */
	switch (nr & ~CALL_IS_X32) {
	case 2: /* open */
	case 85: /* creat */
	case 257: /* openat */
	case 304: /* open_by_handle_at */
	case 437: /* openat2 */
		return CALL_OPENS;
	case 0: /* read */
	case 17: /* pread64 */
	case 19: /* readv */
	case 295: /* preadv */
	case 327: /* preadv2 */
	case 515: /* readv */
	case 534: /* preadv */
	case 546: /* preadv2 */
	case 275: /* splice */
	case 326: /* copy_file_range */
		return CALL_READS;
	case 40: /* sendfile */
		return CALL_READS_2ND;
	case 9: /* mmap */
		return CALL_READS_5TH;
	case 209: /* io_submit */
	case 426: /* io_uring_enter */
		return CALL_SUBMITS;
	default:
		return CALL_NOTHING;
	}
}

static __always_inline struct file *
file_of(struct task_struct *task, __u32 fd, bool fast)
{
	struct fdtable *t = task->files->fdt;
	struct file **slots = t->fd, *file = 0;

	if (fd >= t->max_fds)
		return 0;
	if (fast) /* any type that begins with a pointer */
		return TYPED(
		    TYPED(slots + fd, struct hlist_head)->first, struct file);
	(void)bpf_probe_read_kernel(&file, sizeof file, slots + fd);
	return file;
}

static __always_inline void
opened(struct task_struct *task, struct file *file, __s32 fd, bool fast)
{
	struct inode *inode = GET(fast, file, f_inode);
	const struct opened_dirs *all = listed_now();
	struct reads *r;
	__u32 i, at;
	bool inside;

	if (!IS_REGULAR(GET(fast, inode, i_mode)))
		return;
	if ((GET(fast, file, f_mode) & MODE_PATH) != 0)
		return; /* it can be neither read nor written by this */
	r = bpf_task_storage_get(
	    &reads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	inside = is_told(inode, name_in(file, fast), fast);
	if (r && all) {
		at = r->next;
		/* Another's of the same address is over. */
		for (i = 0; i < READ_MAX; i++)
			if (r->file[i] == (__u64)file)
				at = i;
		if (at == r->next)
			r->next = (at + 1) % READ_MAX;
		at %= READ_MAX;
		r->file[at] = (__u64)file;
		r->inode[at] = (__u64)inode;
		r->state[at] = inside ? STATE_INSIDE : STATE_OUTSIDE;
		r->version[at] = all->version;
	}
	if (inside)
		tell(task, inode, OPENED, fd, fast);
}

/*
 * What is known of an opening: read by the thread already, or where its file
 * lay when the thread opened it. If nothing is, or other directories are listed
 * since, NONE. Read it is from now on.
 */
static __always_inline __u32
state_of(struct task_struct *task, __u64 file, __u64 inode)
{
	struct reads *r = bpf_task_storage_get(
	    &reads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	const struct opened_dirs *all = listed_now();
	__u32 i, state;

	if (!r || !all)
		return STATE_NONE;
	for (i = 0; i < READ_MAX; i++) {
		if (r->file[i] != file || r->inode[i] != inode)
			continue;
		state = r->state[i];
		if (state == STATE_OUTSIDE) {
			if (r->version[i] == all->version)
				return state;
			state = STATE_NONE;
		}
		r->state[i] = STATE_READ;
		return state;
	}
	i = r->next % READ_MAX;
	r->file[i] = file;
	r->inode[i] = inode;
	r->state[i] = STATE_READ;
	r->next = i + 1;
	return STATE_NONE;
}

static __always_inline void
read_through(struct task_struct *task, struct file *file, __s32 fd, bool fast)
{
	struct inode *inode = GET(fast, file, f_inode);
	__u32 state;

	if (!IS_REGULAR(GET(fast, inode, i_mode)))
		return;
	state = state_of(task, (__u64)file, (__u64)inode);
	if (state == STATE_INSIDE ||
	    (state == STATE_NONE && is_told(inode, name_in(file, fast), fast)))
		tell(task, inode, OPENED_READ, fd, fast);
}

static __always_inline __s32
argument(struct pt_regs *regs, int kind, bool narrow)
{
	if (kind == CALL_READS)
		return narrow ? regs->bx : regs->di;
	if (kind == CALL_READS_2ND)
		return narrow ? regs->cx : regs->si;
	return narrow ? regs->di : regs->r8; /* CALL_READS_5TH */
}

SEC("tp_btf/sys_exit")
int
BPF_PROG(on_exit, struct pt_regs *regs, long ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool narrow = (task->thread_info.status & CALL_IS_32) != 0;
	int kind = call_kind(regs->orig_ax, narrow);
	struct file *file;
	__s32 fd = ret;

	(void)ctx;
	/* Nothing was opened, or read: an error, or the end of the file. */
	if (kind == CALL_NOTHING || kind == CALL_SUBMITS || ret < 0 ||
	    (ret == 0 && kind != CALL_OPENS && kind != CALL_READS_5TH))
		return 0;
	if (is_passed(task)) {
		if (kind == CALL_OPENS)
			count(OPENED_PASSED);
		return 0;
	}
	if (kind != CALL_OPENS)
		fd = argument(regs, kind, narrow);
	file = file_of(task, fd, FAST);
	if (!file)
		return 0;
	if (kind == CALL_OPENS)
		opened(task, file, fd, FAST);
	else
		read_through(task, file, fd, FAST);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int
BPF_PROG(on_exec, struct task_struct *task, int old, struct linux_binprm *bprm)
{
	struct file *file = bprm->file;

	(void)ctx;
	(void)old;
	if (file && !is_passed(task) &&
	    is_told(file->f_inode, name_in(file, true), true))
		tell(task, file->f_inode, OPENED_EXEC, -1, true);
	return 0;
}

/* ---- reads that no call names ---- */

static __always_inline struct dentry *
name_of(struct inode *inode)
{
	struct hlist_node *n = inode->i_dentry.first;

	return n ? (void *)n - bpf_core_field_offset(struct dentry, d_u.d_alias)
		 : 0;
}

/*
 * The page cache is read by a thread that has not named this file: for requests
 * of io_uring or aio, or since another file system (overlayfs) lies on it. A
 * kernel can do without this tracepoint.
 */
SEC(OPENS_OPTIONAL)
int
BPF_PROG(on_pages, struct address_space *pages)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct inode *inode = pages->host;
	struct pt_regs *regs;
	struct dentry *name;
	int kind = CALL_SUBMITS;
	struct file *file;
	bool narrow;

	(void)ctx;
	if ((task->flags & THREAD_OF_KERNEL) != 0)
		return 0;
	if ((task->flags & THREAD_OF_RING) == 0) {
		regs = (struct pt_regs *)bpf_task_pt_regs(task);
		narrow = (task->thread_info.status & CALL_IS_32) != 0;
		kind = call_kind(regs->orig_ax, narrow);
	}
	if (kind == CALL_NOTHING || kind == CALL_OPENS)
		return 0;
	/* Nearly always it is the file that the call names. */
	if (kind != CALL_SUBMITS) {
		file = file_of(task, argument(regs, kind, narrow), FAST);
		if (!file || GET(FAST, file, f_inode) == inode)
			return 0;
	}
	if (is_passed(task) || !is_watched(inode->i_sb->s_dev))
		return 0;
	name = name_of(inode);
	if (name && state_of(task, (__u64)inode, (__u64)inode) != STATE_READ &&
	    is_told(inode, name, false))
		tell(task, inode, OPENED_READ, -1, false);
	return 0;
}
