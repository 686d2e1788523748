/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sockets - what the kernel's side of the socket sensor hands over.
 *
 * Shared by the BPF object and its reader. Fixed widths, no padding.
 */
#ifndef AGENT_SENSE_BPF_SOCKETS_H
#define AGENT_SENSE_BPF_SOCKETS_H

#define TOLD_OPEN 1 /* the first packet of a local end to a peer */
#define TOLD_CLOSE 2 /* a TCP socket ended; the counts are final */

struct told {
	__u64 boot_ns; /* CLOCK_BOOTTIME */
	__u64 start_ns; /* when the process began, by the same clock */
	__u64 sent; /* TOLD_CLOSE: bytes of payload, repeated segments too */
	__u8 src[16], dst[16]; /* network order; the local end is the source */
	__u32 pid; /* thread group, of the first pid namespace */
	__u16 sport, dport; /* host order */
	__u16 kind;
	__u8 family; /* 4 or 6 */
	__u8 proto; /* 6 or 17 */
	__u8 zero[4];
	__u8 comm[16]; /* the program's name as the kernel keeps it, cut */
};

/* Where the object counts; index of its one array. */
#define COUNT_LOST 0 /* no room in the ring */
#define COUNTS 1

#endif
