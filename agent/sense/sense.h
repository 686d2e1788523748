/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sense - the door of the sensor room: what the kernel tells, as events.
 *
 * Owns: fanotify, the process connector, kernel programs (libbpf), libpcap, and
 * TCP reassembly.
 * Never: attributes an event to a person (who does), parses payload (extract
 * does), or opens a path.
 */
#ifndef AGENT_SENSE_H
#define AGENT_SENSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/content.h"
#include "lib/diag.h"
#include "lib/flow.h"
#include "lib/own.h"

/* ---- files (fanotify.c, opens.c) ---- */

enum file_op { FILE_OPEN, FILE_READ, FILE_WRITE, FILE_EXEC };

const char *file_op_name(enum file_op op);

#define EVENT_PATH_MAX 4096

/* struct event of the design: one thing that happened to one object. */
struct event {
	struct stamp at;
	enum file_op op;
	uint64_t count; /* how many alike: at least 1 */
	pid_t pid; /* as the kernel told it; 0 if not known */
	/* Of the process as it was then; start_ns 0: not told. */
	uint64_t start_ns; /* when it began, since boot */
	uint32_t uid; /* effective */
	char comm[16]; /* its program's name, cut */
	bool through; /* of a read: bytes were read; else it was closed */
	bool gone; /* the process had ended when the event was read */
	int pidfd; /* owned by the event, -1 if none */
	int fd; /* owned by the event: the object, for reading; -1 if it
		 * was gone: then nothing but its numbers is known */
	uint64_t dev, ino;
	uint64_t size;
	int64_t born_ns; /* 0: the file system does not tell */
	int64_t ctime_ns;
	int64_t mtime_ns;
	size_t path_len;
	char path[EVENT_PATH_MAX + 1]; /* a label, resolved at the event */
	bool deleted; /* the path had been unlinked */
};

void event_done(struct event *e); /* closes both descriptors */

struct files;

/* What the sensor counts, since start. */
struct files_counters {
	uint64_t events; /* read from the kernel */
	uint64_t outside; /* dropped here: not below a watched path */
	uint64_t gone; /* whose process had ended, or whose object */
	uint64_t passed; /* openings of processes that are passed over */
	uint64_t overflows; /* FAN_Q_OVERFLOW */
};

/*
 * files_open - one group (FAN_CLASS_NOTIF, pidfd where the kernel has it) with
 * FAN_MARK_FILESYSTEM marks on the file systems of @paths, filtered to what
 * lies below @paths and not below @excludes.
 * @programs: openings come from programs in the kernel, where it takes them and
 * a file system can open objects by their number; files_base says where not.
 * Needs CAP_SYS_ADMIN, and CAP_BPF for programs. A path that does not exist is
 * told in @missing (a count) and is no error; none at all is -ENOENT. @paths and
 * @excludes must live as long as *out.
 */
int files_open(const char *const *paths, size_t npaths,
    const char *const *excludes, size_t nexcludes, bool programs,
    struct files **out, size_t *missing, struct diag *why) MUST_CHECK;
void files_close(struct files *f);
/* files_base - NULL if all openings come from the kernel's programs, else why
 * those of some paths, or all, do not. */
const char *files_base(const struct files *f);
/* files_fds - what to wait for, -1 where there is none; @ring is readable when
 * much waits: what is little is read every 50 ms; @mounts has POLLPRI when
 * files_look has work. */
void files_fds(const struct files *f, int *group, int *ring, int *mounts);
/* files_pass - passes over the openings of a process and its children: always
 * (the agent's own), or as long as nobody logs in with it. 0, -errno; nothing to
 * do without the kernel's programs. */
int files_pass(struct files *f, pid_t pid, bool always) MUST_CHECK;
/* files_look - takes in watched directories that came or were replaced, and file
 * systems that were mounted below them. Returns how many of these are not
 * watched and were not told before: too many, or of no local kind. */
size_t files_look(struct files *f);
/*
 * files_read - the next event that is inside. 1 and *e, 0 when none is there,
 * -EOVERFLOW when the kernel's queue ran over (events were lost; the caller
 * writes the gap and goes on; e->count of them, 0 if not known), or -errno.
 */
int files_read(struct files *f, struct event *e) MUST_CHECK;
const struct files_counters *files_counters(const struct files *f);

/* ---- processes (process.c) ---- */

enum process_op { PROCESS_FORK, PROCESS_EXEC, PROCESS_EXIT, PROCESS_LOST };

struct process_event {
	enum process_op op;
	pid_t pid; /* tgid */
	pid_t parent; /* tgid of the parent, for fork */
};

struct processes;

/*
 * processes_open - the process connector (NETLINK_CONNECTOR, CN_IDX_PROC),
 * opened in the network namespace of pid 1, where alone it lives.
 * -ENOTSUP where the kernel or the privilege is missing: the caller goes on
 * without it and says so.
 */
int processes_open(struct processes **out, struct diag *why) MUST_CHECK;
void processes_close(struct processes *p);
int processes_fd(const struct processes *p);
/* processes_read - 1 and *e, 0 when none is there, -errno. PROCESS_LOST: the
 * socket's queue ran over. */
int processes_read(struct processes *p, struct process_event *e) MUST_CHECK;

/* ---- sockets (sockets.c) ---- */

enum socket_op {
	SOCKET_OPEN, /* the first packet of a local end to a peer */
	SOCKET_CLOSE, /* a TCP socket ended */
	SOCKET_LOST, /* events were lost: as many as .sent says */
};

struct socket_event {
	enum socket_op op;
	pid_t pid; /* who made it, or connected or sent from it last */
	uint64_t start_ns; /* when that process began, since boot */
	char comm[16]; /* its program's name, cut */
	uint64_t boot_us;
	struct tuple tuple; /* the source is the local end */
	uint64_t sent; /* of a TCP socket at its end: bytes of payload,
			* repeated segments too */
};

struct sockets;

/*
 * sockets_open - kernel programs (BPF, CO-RE) that tell who uses the sockets of
 * this network namespace, with the first packet: for programs that end before
 * /proc can be asked, too. A socket that accept() made is not told of. Needs
 * CAP_BPF and CAP_NET_ADMIN, control groups of version 2, and Linux 5.14.
 * -ENOTSUP, -EPERM, … with the reason where that is not to be had: the caller
 * goes on without it and says so.
 */
int sockets_open(struct sockets **out, struct diag *why) MUST_CHECK;
void sockets_close(struct sockets *s);
int sockets_fd(const struct sockets *s);
/* sockets_read - 1 and *e, 0 when none is there, -errno. */
int sockets_read(struct sockets *s, struct socket_event *e) MUST_CHECK;

/* ---- programs and their pipes (starts.c) ---- */

/* A pipe, with or without a name; ino 0: none. */
struct pipe_id {
	uint64_t ino;
	uint32_t dev;
};

/* A process with a login uid became another program. */
struct start_event {
	uint64_t lost; /* not 0: as many were lost, and nothing else is told */
	pid_t pid;
	uint64_t start_ns; /* when the process began, since boot */
	uint64_t boot_us;
	char comm[16]; /* the program's name, cut */
	struct pipe_id in, out; /* its standard input and output then */
};

struct starts;

/*
 * starts_open - a kernel program (BPF, CO-RE) that tells of each program that
 * somebody starts, and of the pipes that it starts with. Needs CAP_BPF.
 * -ENOTSUP, -EPERM, … with the reason: the caller goes on without it.
 */
int starts_open(struct starts **out, struct diag *why) MUST_CHECK;
void starts_close(struct starts *s);
/* starts_fd - readable when much waits; what is little is read every 500 ms. */
int starts_fd(const struct starts *s);
/* starts_read - the next that was before @until_us since boot, so that births can
 * be told before: 1 and *e, 0 when none is there, -errno. */
int starts_read(
    struct starts *s, uint64_t until_us, struct start_event *e) MUST_CHECK;

/* ---- relayed content (relays.c) ---- */

enum relay_kind {
	RELAY_TERMINAL, /* what a pseudo terminal shows */
	RELAY_PIPE,
	RELAY_INPUT, /* standard input: a file or a local socket */
};

/*
 * A portion of what one process read from one source and sends on: it begins
 * with the first bytes and ends with the process, or when nothing came for some
 * seconds.
 */
struct relay_open {
	uint64_t flow; /* its number, with FLOW_RELAY */
	enum relay_kind kind;
	pid_t pid; /* the process that read it */
	uint64_t start_ns; /* when that began, since boot */
	char comm[16]; /* its program's name, cut */
	struct tuple tuple; /* its socket; the source is the local end */
	struct stamp at;
};

struct relay_close {
	uint64_t flow;
	uint64_t bytes; /* that were read */
	uint64_t lost; /* of these, not handed over */
	uint64_t read; /* by the process meanwhile, with its other sources */
	/* Calls with which it may have sent them, or anything else, otherwise:
	 * through another Internet socket, or by moving files into its own. */
	uint64_t others;
	/* Of the socket since the portion began; a datagram socket: 0. */
	uint64_t sent; /* bytes of payload, each once */
	uint64_t acked; /* of these, acknowledged by the peer so far */
	bool ended; /* with its process */
	struct stamp at;
};

struct relay_sink {
	void *ctx;
	void (*open)(void *ctx, const struct relay_open *o);
	/* In order; @offset within the portion: what is missing was lost. */
	void (*data)(void *ctx, uint64_t flow, enum direction d,
	    uint64_t offset, struct content c);
	void (*close)(void *ctx, const struct relay_close *c);
};

struct relays;

/*
 * relays_open - kernel programs (BPF, CO-RE) that hand over what a process with
 * a login uid reads from a pseudo terminal's master, a pipe or its standard
 * input, and that holds an Internet socket. Needs CAP_BPF; nothing privileged
 * after that. -ENOTSUP, -EPERM, … with the reason.
 */
int relays_open(const struct relay_sink *sink, struct relays **out,
    struct diag *why) MUST_CHECK;
void relays_close(struct relays *r);
/* relays_fd - readable when much waits; what is little is read every 100 ms. */
int relays_fd(const struct relays *r);
/* relays_read - hands over what waits, some MiB at most: 1 if there may be more,
 * 0, or -errno. */
int relays_read(struct relays *r) MUST_CHECK;
/* relays_tick - ends portions to which nothing came for some seconds. */
void relays_tick(struct relays *r, uint64_t boot_us);
/* relays_flush - ends all of them. */
void relays_flush(struct relays *r);
/* relays_again - tells open() once more for each that is open. */
void relays_again(struct relays *r);

/* ---- packets (capture.c) ---- */

/* One packet source: an interface, or a capture file. */
struct capture;

struct capture_counters {
	uint64_t packets, bytes;
	uint64_t dropped; /* pcap_stats ps_drop: the ring was full */
	uint64_t if_dropped; /* ps_ifdrop */
};

/*
 * capture_open_live - TPACKET_V3, snaplen 262144, no immediate mode, 10 ms.
 * @syn_only: a second, immediate source of SYN segments, so that a flow's
 * owner can be asked before a short program has ended.
 * An interface that is not there is no error: capture_index is 0, and nothing
 * comes until capture_bind. -EPERM without CAP_NET_RAW.
 * capture_open_file - a pcap or pcapng stream from a descriptor, which is
 * taken. Both: -errno with a sentence.
 */
int capture_open_live(const char *interface, bool syn_only,
    struct capture **out, struct diag *why) MUST_CHECK;
int capture_open_file(
    int fd, struct capture **out, struct diag *why) MUST_CHECK;
void capture_close(struct capture *c);
int capture_fd(const struct capture *c);
/* capture_bind - from now on the interface of this index, 0: none. Needs no
 * privilege, and works in the jail. 0 or -errno. */
int capture_bind(struct capture *c, unsigned index) MUST_CHECK;
unsigned capture_index(const struct capture *c);
/*
 * capture_read - the next packet's IP bytes (link layer, VLAN and cooked
 * headers removed), borrowed until the next call. 1, 0 when none is there,
 * -ENODATA at the end of a file, -EBADMSG for a broken file, -EIO (live).
 * Packets that are not IP are passed over. A file's boot_us is its wall_us.
 */
int capture_read(
    struct capture *c, struct content *ip, struct stamp *at) MUST_CHECK;
/* capture_error - why capture_read failed, in libpcap's words (borrowed). */
const char *capture_error(const struct capture *c);
int capture_counters(
    struct capture *c, struct capture_counters *out) MUST_CHECK;

/* ---- interfaces (interface.c) ---- */

#define INTERFACE_NAME_MAX 16

/* What is true of an interface now; all are told at the start. */
struct interface_event {
	char name[INTERFACE_NAME_MAX];
	unsigned index;
	bool gone, up;
};

struct interfaces;

int interfaces_open(struct interfaces **out, struct diag *why) MUST_CHECK;
void interfaces_close(struct interfaces *i);
int interfaces_fd(const struct interfaces *i);
/* interfaces_read - 1 and *e, 0 when none is there, -errno. */
int interfaces_read(struct interfaces *i, struct interface_event *e) MUST_CHECK;

/* ---- reassembly (stream.c) ---- */

struct stream_sink {
	void *ctx;
	void (*open)(void *ctx, uint64_t flow, const struct tuple *t,
	    bool midstream, struct stamp at);
	/* In order per direction; each byte once. */
	void (*data)(void *ctx, uint64_t flow, enum direction d,
	    uint64_t offset, struct content c);
	void (*gap)(void *ctx, uint64_t flow, enum direction d, uint64_t offset,
	    uint64_t bytes);
	void (*close)(void *ctx, uint64_t flow, uint64_t to_server,
	    uint64_t to_client, uint64_t gap_bytes, const char *how,
	    struct stamp at);
	/* Whole packets that no flow took: malformed, over a limit. */
	void (*loss)(
	    void *ctx, const char *reason, uint64_t packets, uint64_t bytes);
};

struct stream_limits {
	unsigned flows_max; /* 65,536 */
	size_t memory_max; /* of data that waits for a hole: 32 MiB */
	size_t flow_memory_max; /* the same for one direction: 1 MiB */
	uint64_t idle_us; /* 300 s */
};

struct streams;

int streams_new(const struct stream_sink *sink, const struct stream_limits *lim,
    struct streams **out) MUST_CHECK;
void streams_free(struct streams *s);
/* streams_packet - one IP packet; hostile. Never fails: what it cannot use is
 * told to loss(). */
void streams_packet(struct streams *s, struct content ip, struct stamp at);
/* streams_early - a SYN of the early source: opens its flow if none is there.
 * The packet comes again by streams_packet. */
void streams_early(struct streams *s, struct content ip, struct stamp at);
/* streams_again - tells open() once more for each flow that is open: for
 * whoever came to listen in the middle. */
void streams_again(struct streams *s);
/* streams_tick - closes idle flows; streams_flush - closes all. */
void streams_tick(struct streams *s, struct stamp now);
void streams_flush(struct streams *s, struct stamp now);

struct stream_counters {
	uint64_t packets;
	uint64_t malformed; /* each told to loss() */
	uint64_t other; /* neither TCP nor UDP */
	uint64_t flows; /* since start */
	uint64_t open; /* now */
	uint64_t payload; /* bytes handed over */
	uint64_t gap_bytes;
	uint64_t conflicts; /* overlaps that differ */
	uint64_t refused; /* segments out of order without room */
};

const struct stream_counters *streams_counters(const struct streams *s);

#endif
