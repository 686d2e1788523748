/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ipc - typed messages, and descriptors, between the processes of one side.
 *
 * Owns: the frame: one SOCK_SEQPACKET datagram = u32 type, u32 length of the
 * payload, payload; at most one descriptor beside it (SCM_RIGHTS).
 * Never: interprets a payload; lib/msg.h does.
 */
#ifndef LIB_IPC_H
#define LIB_IPC_H

#include <stdint.h>

#include "lib/buf.h"
#include "lib/own.h"

/* A payload's bound. Larger things are split by whoever sends them. */
#define IPC_MAX (96 * 1024)

struct ipc_in {
	uint32_t type;
	size_t len;
	int fd; /* -1, or a descriptor that the receiver now owns */
	uint8_t data[IPC_MAX];
};

/* ipc_pair - a close-on-exec, non-blocking pair with 4 MiB buffers. */
int ipc_pair(int out[2]) MUST_CHECK;
/*
 * ipc_send - sends one message; @fd is -1 or a descriptor that stays ours.
 * Returns 0, -EAGAIN (the queue is full, poll for POLLOUT), -EPIPE or
 * -ECONNRESET (the peer is gone), -EMSGSIZE over IPC_MAX, or -errno.
 */
int ipc_send(
    int sock, uint32_t type, const void *data, size_t len, int fd) MUST_CHECK;
int ipc_send_buf(
    int sock, uint32_t type, const struct buf *b, int fd) MUST_CHECK;
/* ipc_send_wait - the same, waiting at most @timeout_ms for room; -ETIMEDOUT. */
int ipc_send_wait(int sock, uint32_t type, const void *data, size_t len, int fd,
    int timeout_ms) MUST_CHECK;
/*
 * ipc_recv - receives one message into @in.
 * Returns 1 for a message, 0 at the end (the peer is gone), -EAGAIN when none
 * is there, -EBADMSG for a frame that is not ours (descriptors are closed).
 * An unwanted @in->fd must be closed by the caller.
 */
int ipc_recv(int sock, struct ipc_in *in) MUST_CHECK;

#endif
