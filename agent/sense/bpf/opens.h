/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * opens - what the kernel's side of the sensor of opened files hands over.
 *
 * Shared by the BPF object and its reader. Fixed widths, no padding.
 */
#ifndef AGENT_SENSE_BPF_OPENS_H
#define AGENT_SENSE_BPF_OPENS_H

#define OPENED 0
#define OPENED_READ 1 /* the first read through one opening */
#define OPENED_EXEC 2

struct opened {
	__u64 boot_ns; /* CLOCK_BOOTTIME */
	__u64 start_ns; /* when the process began, by the same clock */
	__u64 ino;
	__u32 dev; /* as the kernel keeps it: 12 bits major, 20 bits minor */
	__u32 generation;
	__u32 pid; /* thread group, of the first pid namespace */
	__s32 fd; /* of the process; -1 for a program */
	__u32 op;
	__u32 uid; /* effective */
	__u8 comm[16]; /* the program's name as the kernel keeps it, cut */
};

struct opens_constants {
	__u32 mounts; /* number of the host's mount namespace */
	__u32 has_loginuid; /* the kernel keeps login uids */
};

/* Why a process is passed over. */
#define PASSED_SYSTEM 1 /* as long as it has no login and our mounts */
#define PASSED_AGENT 2 /* always: the agent itself */

/* A directory whose files are watched, or are not; without an inode, that some
 * of the file system's are. */
struct opened_dir {
	__u64 ino;
	__u32 dev;
	__u32 zero;
};

#define DIR_INSIDE 1
#define DIR_OUTSIDE 2

/* All those directories: a bit for each, so that nearly any other is told apart
 * without a look-up; a version for each change of them. */
#define OPENED_BITS 4096
struct opened_dirs {
	__u64 bits[OPENED_BITS / 64];
	__u32 version, zero;
};

static inline __u32
opened_dir_bit(const struct opened_dir *d)
{
	__u64 h = (d->ino ^ ((__u64)d->dev << 32)) * 0x9e3779b97f4a7c15ull;

	return (__u32)(h >> 52); /* 12 bits */
}

/* Where the object counts; index of its one array. */
#define OPENED_LOST 0 /* no room in the ring */
#define OPENED_PASSED 1 /* opened by a process that is passed over */
#define OPENED_COUNTS 2

/* The section of the program that a kernel can do without. */
#define OPENS_OPTIONAL "tp_btf/mm_filemap_get_pages"

#endif
