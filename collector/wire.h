/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire - the vocabulary of messages between the collector's processes, after
 * lib/msg.h: "str" and "blob" are a u32 length and the bytes.
 *
 * "status" is a u32 with the meaning that it has in HTTP. Every question
 * carries an id that its answer repeats; answers may come in another order.
 */
#ifndef COLLECTOR_WIRE_H
#define COLLECTOR_WIRE_H

#include "lib/msg.h"

enum wire_type {
	/* Front, or the command line, and report. */
	WIRE_ASK = MESSAGE_COLLECTOR_FIRST, /* u64 id, str user, str via (page
			cli), str action (index report), str provider,
			u64 from_us, u64 to_us (0 is open), str format (html
			json csv), str view (may be empty) */
	WIRE_ANSWER, /* u64 id, u32 status, str content_type, str error,
			u8 flags (wire_flags); fd = a sealed memfd with the
			body, absent on error */

	/* Report and store. */
	WIRE_RECORD, /* u64 id, draft (lib/entry.h) of a col.access entry */
	WIRE_RECORDED, /* u64 id, u32 err: 0 once it is durable, or an errno */

	/* Front and store. */
	WIRE_ENROL, /* u64 id, 32 bytes token hash, str host, str vkey,
			blob public key (DER, SubjectPublicKeyInfo) */
	WIRE_RENEW, /* u64 id, str agent, 32 bytes key digest */
	WIRE_ENROLLED, /* to both: u64 id, u32 status, str error, str agent,
			blob certificate (PEM) */
	WIRE_INTAKE, /* u64 id, str agent, 32 bytes key digest; fd = a sealed
			memfd with the batch, packed */
	WIRE_FRONTIER, /* u64 id, str agent, 32 bytes key digest,
			u32 generation */
	WIRE_TAKEN, /* to both: u64 id, u32 status, str error,
			u32 generation, u64 next index wanted, blob receipt
			(a cosigned note; may be empty) */

	/* Store and sign. */
	WIRE_COSIGN, /* u64 id, str vkey, u32 generation, u64 first,
			blob leaf hashes, blob note that covers their end */
	WIRE_SIGN, /* u64 id, u64 first, blob leaf hashes of the collector's
			own log, blob body of its checkpoint (may be empty) */
	WIRE_SIGNED, /* to both: u64 id, u32 err, u64 size that sign knows of
			that log, blob note. ERANGE: hashes are missing, begin
			at size; EEXIST: size is past the end of what was
			asked; EBADMSG: no consistent extension, or no good
			signature: refused for good */
	WIRE_ISSUE, /* u64 id, str agent, blob public key */
	WIRE_ISSUED, /* u64 id, u32 err, blob certificate (PEM) */

	/* Store and confirm. */
	WIRE_CONFIRM, /* u64 id, str sealed: of a finding (lib/exact.h) */
	WIRE_CONFIRMED, /* u64 id, u32 err (0; ENOENT: the table of that index
			is not here; EBADMSG: its key does not open it),
			u32 candidates, blob marks (lib/rows.h) of those that
			are confirmed */
	WIRE_TABLES, /* u32 tables that confirm has: when they were changed,
			and when it has begun */

	/* Supervisor to store: a caller of STATE/control.sock. */
	WIRE_CONTROL, /* fd = the connection, from now on the store's */

	/* The command line and store, over that connection. */
	WIRE_TOKEN, /* u64 id, u64 seconds that the token may be used */
	WIRE_AGENTS, /* u64 id */
	WIRE_REVOKE, /* u64 id, str agent, str why */
	WIRE_DONE, /* to all: u64 id, u32 err, str error, str token or "" */
	WIRE_AGENT, /* before WIRE_DONE of WIRE_AGENTS, each: u64 id, str agent,
			str host, str state, u64 enrolled_us, u64 seen_us,
			u32 generation, u64 entries, u32 alarms */
};

/* What an answer says about the report in its body, beside its status. */
enum wire_flags {
	WIRE_COMPLETE = 1, /* the whole period was observed */
	WIRE_KNOWN = 2, /* entries of that provider are held, of any time */
};

/* Bounds of texts in these messages, with the NUL. */
enum wire_bounds {
	WIRE_AGENT_MAX = 80,
	WIRE_HOST_MAX = 256,
	WIRE_VKEY_MAX = 320,
	WIRE_ERROR_MAX = 512,
	WIRE_PUBLIC_KEY_MAX = 512,
	WIRE_NOTE_MAX = 65536,
	WIRE_USER_MAX = 128, /* who asks */
	WIRE_PROVIDER_MAX = 257,
	WIRE_WORD_MAX = 16, /* via, action, format */
	WIRE_VIEW_MAX = 64,
};

#endif
