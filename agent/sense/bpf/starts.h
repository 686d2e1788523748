/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * starts - what the kernel's side of the sensor of programs hands over.
 *
 * Shared by the BPF object and its reader. Fixed widths, no padding.
 */
#ifndef AGENT_SENSE_BPF_STARTS_H
#define AGENT_SENSE_BPF_STARTS_H

struct starting {
	__u64 boot_ns; /* CLOCK_BOOTTIME */
	__u64 start_ns; /* when the process began, by the same clock */
	__u64 in_ino,
	    out_ino; /* of the pipes at descriptors 0 and 1; 0: none */
	__u32 in_dev, out_dev;
	__u32 pid; /* thread group, of the first pid namespace */
	__u8 comm[16]; /* the new program's name as the kernel keeps it, cut */
	__u8 zero[4];
};

/* Where the object counts; index of its one array. */
#define STARTING_LOST 0 /* no room in the ring */
#define STARTING_COUNTS 1

#endif
