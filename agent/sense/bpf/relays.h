/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * relays - what the kernel's side of the sensor of relayed content hands over.
 *
 * Shared by the BPF object and its reader. Fixed widths, no padding.
 */
#ifndef AGENT_SENSE_BPF_RELAYS_H
#define AGENT_SENSE_BPF_RELAYS_H

#define RELAYED_DATA 0 /* @len bytes follow */
#define RELAYED_SENT 1 /* what went through the socket since */
#define RELAYED_END 2 /* the process ended */

#define RELAYED_TERMINAL 0 /* the master's side of a pseudo terminal */
#define RELAYED_PIPE 1
#define RELAYED_INPUT 2 /* a file or a local socket as standard input */

struct relayed {
	__u64 boot_ns; /* CLOCK_BOOTTIME */
	__u64 start_ns; /* when the process began, by the same clock */
	__u64 stream; /* RELAYED_DATA: number of process and source */
	__u64 offset; /* of the first byte in that stream */
	__u64 sent; /* of the socket, since it is: bytes of payload, once */
	__u64 acked; /* of these, those that the peer has acknowledged */
	__u64 others; /* calls that sent otherwise, or used another socket */
	__u8 src[16], dst[16]; /* network order; the local end is the source */
	__u32 pid; /* thread group, of the first pid namespace */
	__u32 len;
	__u16 sport, dport; /* host order */
	__u8 family; /* 4 or 6 */
	__u8 proto; /* 6 or 17 */
	__u8 op;
	__u8 kind; /* of the source */
	__u8 comm[16]; /* the program's name as the kernel keeps it, cut */
};

#define RELAYED_CHUNK 16384

/* Where the object counts; index of its one array. */
#define RELAYED_LOST 0 /* no room in the ring */
#define RELAYED_COUNTS 1

#endif
