/* SPDX-License-Identifier: Apache-2.0 */
/*
 * https - an HTTPS server for one listening socket.
 *
 * Owns: libmicrohttpd and GnuTLS: TLS 1.2 and 1.3, the connections, and the
 * end of every wait: of a handshake and a head, of a body by its length, of an
 * answer, of a client that does not read.
 * Never: knows an address of the site; takes a body whose length was not told
 * beforehand, or that is larger than the site allows.
 *
 * libmicrohttpd asks for a client's certificate but verifies none: who wants
 * one calls https_peer, which does.
 */
#include "lib/https.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define PRIORITIES \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"
/* Of the memory that a head may take. */
#define HEAD_BYTES ((size_t)24 * 1024)
/* From the first byte of a connection to the end of its first head. */
#define HEAD_US UINT64_C(15000000)
/* To send or read a body: this long, and a second for each RATE bytes. */
#define BODY_US UINT64_C(20000000)
#define RATE 16384
/* An unwanted body of this size is read to its end, so that the client gets to
 * see the answer; before a larger one the connection is closed. */
#define DISCARD_MAX ((size_t)1024 * 1024)

struct conn {
	struct https *s;
	struct https_request *q; /* or NULL between two */
	size_t slot;
	int fd; /* libmicrohttpd's */
	uint64_t until_us;
};

struct https {
	struct MHD_Daemon *daemon;
	const struct https_site *site;
	void *ctx;
	struct conn **conns;
	size_t nconns, max;
	uint64_t last_id, idle_us, wait_us, checked_us;
	size_t bodies, bodies_max;
	int epoll;
};

struct https_request {
	struct https *s;
	struct conn *at;
	struct MHD_Connection *c;
	const char *path, *method;
	uint64_t id, until_us;
	struct https_want want;
	struct buf body;
	int fd; /* of a body that is a file */
	size_t length, got; /* of the body, as told and as read */
	size_t reserved; /* counted in s->bodies */
	bool waiting; /* suspended */
	struct MHD_Response *response; /* not queued yet */
	unsigned status;
};

/* ---- what a request says --------------------------------------------------- */

uint64_t
https_id(const struct https_request *q)
{
	return q->id;
}

struct https_request *
https_find(struct https *s, uint64_t id)
{
	for (size_t i = 0; i < s->nconns; i++) {
		struct https_request *q = s->conns[i]->q;

		if (q != NULL && q->id == id)
			return q->response == NULL && q->waiting ? q : NULL;
	}
	return NULL;
}

const char *
https_method(const struct https_request *q)
{
	return q->method;
}

const char *
https_path(const struct https_request *q)
{
	return q->path;
}

const char *
https_query(const struct https_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->c, MHD_GET_ARGUMENT_KIND, name);
}

const char *
https_header(const struct https_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->c, MHD_HEADER_KIND, name);
}

const char *
https_cookie(const struct https_request *q, const char *name)
{
	return MHD_lookup_connection_value(q->c, MHD_COOKIE_KIND, name);
}

void
https_address(const struct https_request *q, char *out, size_t size)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(q->c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const void *at = i == NULL ? NULL : i->client_addr;
	const void *raw = NULL;
	char text[INET6_ADDRSTRLEN] = "";

	if (at == NULL)
		raw = NULL;
	else if (i->client_addr->sa_family == AF_INET)
		raw = &((const struct sockaddr_in *)at)->sin_addr;
	else if (i->client_addr->sa_family == AF_INET6)
		raw = &((const struct sockaddr_in6 *)at)->sin6_addr;
	if (raw == NULL || inet_ntop(i->client_addr->sa_family, raw, text,
			       sizeof text) == NULL)
		text[0] = '\0';
	(void)str_copy(out, size, text);
}

const uint8_t *
https_body(const struct https_request *q, size_t *len)
{
	*len = q->body.len;
	return q->body.len > 0 ? q->body.data : (const uint8_t *)"";
}

int
https_body_fd(const struct https_request *q)
{
	return q->fd;
}

static int
verify(gnutls_session_t tls, struct diag *why)
{
	char oid[] = GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st data = {
	    .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)oid};
	gnutls_datum_t text = {0};
	unsigned status = 0;

	if (gnutls_certificate_verify_peers(tls, &data, 1, &status) != 0)
		return diag_set(why, -EACCES,
		    "the client's certificate cannot be verified");
	if (status == 0)
		return 0;
	if (gnutls_certificate_verification_status_print(
		status, GNUTLS_CRT_X509, &text, 0) == 0 &&
	    text.data != NULL)
		(void)diag_set(why, -EACCES, "%s", (const char *)text.data);
	gnutls_free(text.data);
	return diag_set(why, -EACCES, "the client's certificate is not good");
}

int
https_peer(const struct https_request *q, struct buf *pem, struct diag *why)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(q->c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	gnutls_datum_t text = {0};
	const gnutls_datum_t *certs;
	gnutls_session_t tls;
	unsigned n = 0;
	int r;

	if (i == NULL || i->tls_session == NULL)
		return -ENOENT;
	tls = i->tls_session;
	certs = gnutls_certificate_get_peers(tls, &n);
	if (certs == NULL || n == 0)
		return -ENOENT;
	r = verify(tls, why);
	if (r != 0)
		return r;
	if (gnutls_pem_base64_encode2("CERTIFICATE", &certs[0], &text) != 0)
		return -ENOMEM;
	buf_put(pem, text.data, text.size);
	gnutls_free(text.data);
	return buf_error(pem) == 0
		   ? 0
		   : diag_set(
			 why, -EACCES, "the client's certificate is too long");
}

/* ---- answers --------------------------------------------------------------- */

/* Every answer says the same about what a browser may make of it. */
static const char *const ALWAYS[] = {
    "Cache-Control", "no-store", "X-Content-Type-Options", "nosniff", NULL};

static void
put_headers(struct MHD_Response *r, const char *const *h)
{
	for (; h != NULL && h[0] != NULL; h += 2)
		must(MHD_add_response_header(r, h[0], h[1]) == MHD_YES);
}

static void
deadline(struct conn *at, uint64_t bytes)
{
	at->until_us =
	    clock_boot_us() + BODY_US + bytes / RATE * UINT64_C(1000000);
}

static void
answer(struct https_request *q, const struct https_answer *a,
    struct MHD_Response *r, uint64_t size)
{
	must(q->response == NULL && r != NULL);
	put_headers(r, ALWAYS);
	put_headers(r, a->headers);
	if (a->type != NULL)
		must(MHD_add_response_header(r, "Content-Type", a->type) ==
		     MHD_YES);
	q->response = r;
	q->status = a->status;
	deadline(q->at, size);
	if (!q->waiting)
		return;
	q->waiting = false;
	MHD_resume_connection(q->c);
}

void
https_answer(struct https_request *q, const struct https_answer *a)
{
	void *body = (void *)(uintptr_t)(a->len > 0 ? a->body : "");

	answer(q, a,
	    MHD_create_response_from_buffer(
		a->len, body, MHD_RESPMEM_MUST_COPY),
	    a->len);
}

void
https_answer_file(struct https_request *q, const struct https_answer *a, int fd)
{
	struct MHD_Response *r = NULL;
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_size >= 0)
		r = MHD_create_response_from_fd64((uint64_t)st.st_size, fd);
	if (r == NULL) {
		close(fd);
		q->s->site->refuse(q->s->ctx, q, 503);
		return;
	}
	answer(q, a, r, (uint64_t)st.st_size);
}

static void
refuse(struct https_request *q, unsigned status)
{
	q->s->site->refuse(q->s->ctx, q, status);
	must(q->response != NULL);
}

static enum MHD_Result
queue(struct https_request *q)
{
	enum MHD_Result r = MHD_queue_response(q->c, q->status, q->response);

	MHD_destroy_response(q->response);
	q->response = NULL;
	q->status = 0;
	return r;
}

/* ---- a request's way ------------------------------------------------------- */

static struct https_request *
request_new(struct conn *at, struct MHD_Connection *c, const char *path,
    const char *method)
{
	struct https_request *q = calloc(1, sizeof *q);

	if (q == NULL)
		return NULL;
	*q = (struct https_request){.s = at->s,
	    .at = at,
	    .c = c,
	    .path = path,
	    .method = method,
	    .id = ++at->s->last_id,
	    .fd = -1};
	at->q = q;
	return q;
}

static void
request_free(struct https_request *q)
{
	if (q->at != NULL)
		q->at->q = NULL;
	if (q->response != NULL)
		MHD_destroy_response(q->response);
	q->s->bodies -= q->reserved;
	buf_done(&q->body);
	if (q->fd >= 0)
		close(q->fd);
	free(q);
}

/* The length of the body, or the status of a refusal. */
static unsigned
read_length(struct https_request *q)
{
	const char *text = https_header(q, MHD_HTTP_HEADER_CONTENT_LENGTH);
	uint64_t n = 0;

	if (https_header(q, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL)
		return 400;
	if (text == NULL)
		return 0;
	switch (str_u64(text, SIZE_MAX, &n)) {
	case 0:
		q->length = (size_t)n;
		return 0;
	case -ERANGE:
		q->length = SIZE_MAX;
		return 413;
	default:
		return 400;
	}
}

/* Room for a body that the site wants: 0, or the status of a refusal. */
static unsigned
make_room(struct https_request *q)
{
	struct https *s = q->s;

	if (q->length > q->want.max)
		return 413;
	if (q->length > s->bodies_max - s->bodies)
		return 503;
	buf_init(&q->body, q->length);
	if (q->want.file) {
		q->fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (q->fd < 0)
			return 503;
	}
	s->bodies += q->length;
	q->reserved = q->length;
	return 0;
}

/* The client sends its body without waiting to be asked for it. */
static bool
will_send(const struct https_request *q)
{
	return q->length > 0 && q->length <= DISCARD_MAX &&
	       https_header(q, MHD_HTTP_HEADER_EXPECT) == NULL;
}

static enum MHD_Result
on_head(struct https_request *q)
{
	unsigned bad = read_length(q);

	deadline(q->at, 0);
	if (bad != 0)
		refuse(q, bad);
	else
		q->s->site->head(q->s->ctx, q, &q->want);
	if (q->response == NULL) {
		bad = make_room(q);
		if (bad != 0)
			refuse(q, bad);
		else
			deadline(q->at, q->length);
	}
	if (q->response == NULL || will_send(q))
		return MHD_YES;
	return queue(q);
}

/* A short write to a memfd means that there is no memory: 503. */
static bool
write_body(struct https_request *q, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(q->fd, data, len);

		if (n <= 0 && errno != EINTR)
			return false;
		if (n > 0) {
			data += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static enum MHD_Result
on_body(struct https_request *q, const char *data, size_t len)
{
	/* An answer is there already: the rest is read and passed by. */
	if (q->response != NULL)
		return MHD_YES;
	/* libmicrohttpd keeps to the length; this is a bound all the same. */
	if (len > q->length - q->got)
		return MHD_NO;
	q->got += len;
	if (q->fd < 0)
		buf_put(&q->body, data, len);
	else if (!write_body(q, data, len))
		refuse(q, 503);
	return MHD_YES;
}

static bool
seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS,
		   F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) ==
	       0;
}

static enum MHD_Result
on_whole(struct https_request *q)
{
	if (q->response == NULL && q->got != q->length)
		refuse(q, 400);
	if (q->response == NULL &&
	    (buf_error(&q->body) != 0 || (q->fd >= 0 && !seal(q->fd))))
		refuse(q, 503);
	if (q->response == NULL)
		q->s->site->whole(q->s->ctx, q);
	if (q->response != NULL)
		return queue(q);
	q->until_us = clock_boot_us() + q->s->wait_us;
	/* The client has done its part. */
	q->at->until_us = UINT64_MAX;
	q->waiting = true;
	MHD_suspend_connection(q->c);
	return MHD_YES;
}

static struct conn *
conn_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i == NULL ? NULL : i->socket_context;
}

static enum MHD_Result
on_access(void *cls UNUSED, struct MHD_Connection *c, const char *path,
    const char *method, const char *version UNUSED, const char *data,
    size_t *len, void **con_cls)
{
	struct https_request *q = *con_cls;
	enum MHD_Result r;

	if (q == NULL) {
		struct conn *at = conn_of(c);

		q = at == NULL ? NULL : request_new(at, c, path, method);
		if (q == NULL)
			return MHD_NO;
		*con_cls = q;
		return on_head(q);
	}
	/* Once its answer is queued, nothing is asked again. */
	if (*len == 0)
		return q->response != NULL ? queue(q) : on_whole(q);
	r = on_body(q, data, *len);
	*len = 0;
	return r;
}

static void
on_completed(void *cls UNUSED, struct MHD_Connection *c UNUSED, void **con_cls,
    enum MHD_RequestTerminationCode code UNUSED)
{
	struct https_request *q = *con_cls;

	if (q == NULL)
		return;
	*con_cls = NULL;
	if (q->at != NULL)
		q->at->until_us = clock_boot_us() + q->s->idle_us;
	request_free(q);
}

/* ---- connections ----------------------------------------------------------- */

static void
conn_drop(struct conn *at)
{
	struct https *s = at->s;

	s->conns[at->slot] = s->conns[--s->nconns];
	s->conns[at->slot]->slot = at->slot;
	free(at);
}

static void
on_connection(void *cls, struct MHD_Connection *c, void **context,
    enum MHD_ConnectionNotificationCode code)
{
	struct https *s = cls;
	const union MHD_ConnectionInfo *i;
	struct conn *at = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		*context = NULL;
		if (at == NULL)
			return;
		if (at->q != NULL)
			at->q->at = NULL;
		conn_drop(at);
		return;
	}
	i = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	/* Without its row the first request on it is hung up on. */
	if (i == NULL || s->nconns == s->max)
		return;
	at = calloc(1, sizeof *at);
	if (at == NULL)
		return;
	*at = (struct conn){.s = s,
	    .slot = s->nconns,
	    .fd = i->connect_fd,
	    .until_us = clock_boot_us() + HEAD_US};
	s->conns[s->nconns++] = at;
	*context = at;
}

/* Ends what took too long. A closed socket is noticed by libmicrohttpd. */
static void
check_deadlines(struct https *s, uint64_t now)
{
	for (size_t i = 0; i < s->nconns; i++) {
		struct conn *at = s->conns[i];

		if (at->q != NULL && at->q->waiting && now >= at->q->until_us)
			refuse(at->q, 503);
		else if (now >= at->until_us)
			(void)shutdown(at->fd, SHUT_RDWR);
	}
	s->checked_us = now;
}

void
https_run(struct https *s)
{
	uint64_t now = clock_boot_us();

	if (now - s->checked_us >= 500000)
		check_deadlines(s, now);
	(void)MHD_run(s->daemon);
}

int
https_fd(const struct https *s)
{
	return s->epoll;
}

int
https_timeout_ms(struct https *s)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;

	if (MHD_get_timeout(s->daemon, &ms) == MHD_YES && ms < 1000)
		return (int)ms;
	return s->nconns > 0 ? 1000 : -1;
}

/* ---- start and end --------------------------------------------------------- */

static int
start(struct https *s, const struct https_config *c)
{
	const union MHD_DaemonInfo *i;
	struct MHD_OptionItem options[] = {
	    {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)HEAD_BYTES, NULL},
	    {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)c->connections, NULL},
	    {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)c->idle_s, NULL},
	    {MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)c->per_address,
		NULL},
	    {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
	    {MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, NULL},
	    {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, s},
	    {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
	    {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES},
	    {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)c->key},
	    {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)c->cert},
	    {c->ca == NULL ? MHD_OPTION_END : MHD_OPTION_HTTPS_MEM_TRUST, 0,
		(void *)(uintptr_t)c->ca},
	    {MHD_OPTION_END, 0, NULL}};

	s->daemon = MHD_start_daemon(
	    MHD_USE_TLS | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
	    NULL, on_access, s, MHD_OPTION_LISTEN_SOCKET, c->listener,
	    MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	if (s->daemon == NULL)
		return -EINVAL;
	i = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (i == NULL)
		return -EINVAL;
	s->epoll = i->epoll_fd;
	return 0;
}

int
https_open(const struct https_config *c, struct https **out, struct diag *why)
{
	struct https *s = calloc(1, sizeof *s);
	int r;

	if (s != NULL)
		s->conns = calloc(c->connections, sizeof *s->conns);
	if (s == NULL || s->conns == NULL) {
		close(c->listener);
		free(s);
		return -ENOMEM;
	}
	s->site = c->site;
	s->ctx = c->ctx;
	s->max = c->connections;
	s->bodies_max = c->bodies_max;
	s->idle_us = c->idle_s * UINT64_C(1000000);
	s->wait_us = c->wait_s * UINT64_C(1000000);
	r = start(s, c);
	if (r != 0) {
		if (s->daemon == NULL)
			close(c->listener);
		https_close(s);
		return diag_set(why, r,
		    "HTTPS cannot be served: the key and the certificate do "
		    "not fit, or the library refuses");
	}
	*out = s;
	return 0;
}

void
https_close(struct https *s)
{
	if (s == NULL)
		return;
	/* A daemon must not be stopped while a connection is suspended. */
	for (size_t i = 0; i < s->nconns; i++)
		if (s->conns[i]->q != NULL && s->conns[i]->q->waiting)
			refuse(s->conns[i]->q, 503);
	if (s->daemon != NULL) {
		(void)MHD_run(s->daemon);
		MHD_stop_daemon(s->daemon);
	}
	free(s->conns);
	free(s);
}
