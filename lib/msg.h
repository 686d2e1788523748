/* SPDX-License-Identifier: Apache-2.0 */
/*
 * msg - the vocabulary of messages between processes: types and payloads.
 *
 * Each payload is written with buf_put_* and read with cur_* in the order that
 * stands here; "str" and "blob" are a u32 length and the bytes. Both ends are
 * built together, so an order may change in any release. The receiver of a
 * malformed message counts it and drops it; if the sender is one of the
 * jailed parsers it is treated as crashed.
 *
 * "Hub" is who asks inspect and capture: the watch process on a host,
 * chaperone scan or chaperone replay otherwise. The same jailed programs serve
 * all three.
 */
#ifndef LIB_MSG_H
#define LIB_MSG_H

enum msg_type {
	/* Supervisor and each of its processes, over descriptor 3. */
	MESSAGE_PEER =
	    1, /* to: u32 role, u32 index; fd = our end of that link */
	MESSAGE_READY, /* from: str note; it has taken its jail and serves */
	MESSAGE_STOP, /* to: finish in order and exit 0 */
	MESSAGE_NOTE, /* from: str key, str value for `status` and the record */

	/* Hub and inspect. */
	MESSAGE_JOB = 16, /* u64 job, u64 max_bytes, blob name; fd = the object.
			 name is scanned too, and may be empty. fd may be
			 absent: then only the name is examined. */
	MESSAGE_FINDING, /* from: u64 id (job or object), finding */
	MESSAGE_SKIP, /* from: u64 id, str reason, str member, u64 bytes */
	MESSAGE_DONE, /* from: u64 job, u64 size, u64 examined, str type,
			 blob name with every match replaced by [detector] */
	MESSAGE_OBJECT, /* from: u64 object, u64 flow, str protocol,
			 u8 direction, str method, str uri, str host,
			 str filename, u64 size, u8 complete, 32 bytes sha256,
			 u64 examined. Texts are masked as in MESSAGE_DONE.
			 The MESSAGE_FINDING and MESSAGE_SKIP of it came before. */
	MESSAGE_TAGKEY, /* to: 32 bytes, the key of finding tags from now on */
	MESSAGE_RULES, /* from, first of all: str digest (64 hex), u32 rules */
	MESSAGE_PROBE, /* to: u8 MSG_PROBE_*: what a rule writer wants to know of
			  each job from now on; told before its DONE */
	MESSAGE_WHY, /* from: u64 job, str member, why */
	MESSAGE_COST, /* from: u64 job, str detector, u64 places, u64 matches,
			 u64 refuted, u64 microseconds */

	/* Capture to hub, and (DATA to CLOSE) capture to inspect. */
	MESSAGE_FLOW_OPEN = 32, /* u64 flow, tuple, u8 midstream, u64 boot_us */
	MESSAGE_FLOW_DATA, /* u64 flow, u8 direction, u64 offset, blob */
	MESSAGE_FLOW_GAP, /* u64 flow, u8 direction, u64 offset, u64 bytes */
	MESSAGE_FLOW_CLOSE, /* u64 flow, u64 to_server, u64 to_client,
			       u64 gap_bytes, u64 boot_us, str how */
	MESSAGE_LOSS, /* str stage, str reason, u64 lost, u64 bytes:
			       something was not seen or not examined */
	MESSAGE_COUNTERS, /* u32 n, n * (str name, u64 total since start) */
	MESSAGE_EXAMINED, /* inspect to hub: u64 flow, u64 to_server,
			       u64 to_client bytes of payload examined */
	MESSAGE_RELAY_OPEN, /* as MESSAGE_FLOW_OPEN, of what a process reads and
			       sends on: u64 flow, u8 kind; to the hub also
			       u32 pid, u64 start_ns, str comm, tuple (the
			       source is the local end), u64 boot_us. DATA, GAP
			       and CLOSE follow to inspect, to_server */
	MESSAGE_RELAY_CLOSE, /* to the hub: u64 flow, u64 bytes, u64 lost,
			       u64 sent, u64 acked, u64 read, u64 others,
			       u8 ended, u64 boot_us: struct relay_close */
	MESSAGE_RELAYS, /* to the hub, first of all: str why relayed content is
			       not seen, empty if it is */
	MESSAGE_END, /* capture: the file was read to its end;
			       inspect: every flow before it is answered */
	MESSAGE_SEALED, /* from inspect to capture: u64 flow, u8 direction; it is
			       encrypted, more of it is of no use */

	/* Writers (watch, supervise) and record. */
	MESSAGE_HELLO = 48, /* to: str source, u64 epoch.
			   from: u64 last number kept of (source, epoch),
			   32 bytes tag key (zeroes to supervise); again when
			   the day's key is another one */
	MESSAGE_APPEND, /* to: u64 number (1, 2, … of this source and epoch),
			   draft (lib/entry.h) */
	MESSAGE_APPENDED, /* from: u64 number; it and all before it are durable */
	MESSAGE_EXPECT, /* to, of supervise alone: u32 pid, str name: findings
			 of that process in a file of that name, opened, are
			 the self-test's, and not kept */
	MESSAGE_MET, /* from: u8 0 record knows what to expect, 1 it came */

	/* Ship and record. */
	MESSAGE_WANT = 64, /* to: u64 first index; answered when a checkpoint
			  covers it. Where the generation that is shipped ends
			  at that index the answer is the next one, from 0 */
	MESSAGE_BATCH, /* from: u64 first, u64 count; fd = a sealed memfd with
			  the bytes of lib/batch.h, not compressed */
	MESSAGE_RECEIPT, /* to: blob signed note; record checks and keeps it */

	/* Collector: front, store, sign, report; owned by collector/wire.h. */
	MESSAGE_COLLECTOR_FIRST = 96,
};

enum msg_probe { MSG_PROBE_WHY = 1, MSG_PROBE_COST = 2 };

#endif
