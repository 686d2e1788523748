/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session - login sessions of this host; for this room alone.
 */
#ifndef AGENT_WHO_SESSION_H
#define AGENT_WHO_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/clock.h"
#include "lib/diag.h"
#include "lib/flow.h"
#include "lib/own.h"

/* More are refused, oldest ended first; each is about 600 bytes. */
#define SESSIONS_MAX 4096
#define SESSION_FILE_MAX 32768

enum session_source { SESSION_PAM, SESSION_LOG };

/* One login, from the process that sshd's monitor is to its last descendant. */
struct session {
	char id[64]; /* "LEADER-START": stable on this host and boot */
	enum session_source source;
	char account[64];
	char key_fp[96]; /* "SHA256:…" or "" */
	char src_addr[64];
	char method[32];
	char tty[32];
	uint32_t loginuid, audit_ses; /* ACTOR_UNSET */
	pid_t leader;
	uint64_t start_ticks; /* of the leader */
	struct stamp opened;
	struct tuple connection; /* that it came by; family 0: not known */
	int64_t logged_us; /* when the line was written, 0: not known */
	bool doubtful; /* sshd's log says two things of it */
	bool ended;
	bool used; /* a process is of it: scratch of a sweep */
	bool told_open;
};

/*
 * session_parse - the text of a session file (packaging/pam/pam_chaperone.c
 * has the format). Returns 0, or -EBADMSG with a sentence.
 */
int session_parse(const void *data, size_t len, struct session *out,
    struct diag *why) MUST_CHECK;
/*
 * session_log_line - a line of sshd's log. 1 and the account, address, method,
 * fingerprint, pid and time in @out if somebody was let in, 0 for any other
 * line. The time of a line without a year or a zone is taken as the latest one
 * of this host's zone that is not in the future.
 */
int session_log_line(
    const char *line, size_t len, struct session *out) MUST_CHECK;
/* session_fingerprint - "SHA256:…" of a public key in base64 as ssh writes it;
 * of a certificate it is that of the key that was certified. 0 or -EBADMSG. */
int session_fingerprint(
    const char *base64, size_t len, char out[96]) MUST_CHECK;

#endif
