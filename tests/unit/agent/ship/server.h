/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server - a real HTTPS server within a test, on 127.0.0.1: libmicrohttpd with
 * GnuTLS, certificates by lib/pki. What it answers, the test says.
 */
#ifndef TESTS_UNIT_AGENT_SHIP_SERVER_H
#define TESTS_UNIT_AGENT_SHIP_SERVER_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/pki.h"
#include "lib/str.h"

#include "lib/own.h"

#define SERVER_BODY_MAX (32 * 1024 * 1024)
#define HUNG_MAX 32
#define DAY_US (INT64_C(86400) * 1000000)

/* ---- certificates -------------------------------------------------------- */

struct authority {
	struct pki_key *key;
	struct pki_cert *cert;
	struct buf pem;
};

static inline struct pki_span
days(int64_t from, int64_t to)
{
	int64_t now = clock_now().wall_us;

	return (struct pki_span){now + from * DAY_US, now + to * DAY_US};
}

static inline void
authority_make(struct authority *a)
{
	struct pki_span when = days(-10, 365);

	must(pki_key_new(&a->key) == 0);
	must(pki_ca_new(a->key, "Test CA", &when, &a->cert) == 0);
	buf_init(&a->pem, PKI_PEM_MAX);
	must(pki_cert_print(a->cert, &a->pem) == 0);
}

static inline void
authority_done(struct authority *a)
{
	pki_key_free(a->key);
	pki_cert_free(a->cert);
	buf_done(&a->pem);
}

/* A key and a certificate in PEM. */
struct identity {
	struct buf key, cert;
};

static inline void
identity_done(struct identity *i)
{
	buf_wipe(&i->key);
	buf_done(&i->cert);
}

static inline void
identity_server(const struct authority *a, const char *const names[],
    struct pki_span when, struct identity *out)
{
	OWN(pki_key_freep) struct pki_key *k = NULL;
	OWN(pki_cert_freep) struct pki_cert *c = NULL;

	buf_init(&out->key, PKI_PEM_MAX);
	buf_init(&out->cert, PKI_PEM_MAX);
	must(pki_key_new(&k) == 0 && pki_key_print(k, &out->key) == 0);
	must(pki_server_new(a->cert, a->key, k, names, &when, &c) == 0);
	must(pki_cert_print(c, &out->cert) == 0);
}

/* The certificate of an agent, for a key that is there already. */
static inline void
agent_certificate(const struct authority *a, const struct pki_key *k,
    const char *id, struct pki_span when, struct buf *pem)
{
	OWN(pki_cert_freep) struct pki_cert *c = NULL;
	OWN(buf_done) struct buf der = {0};

	buf_init(&der, PKI_PUBLIC_MAX);
	must(pki_key_public(k, &der) == 0);
	must(pki_agent_new(a->cert, a->key, id, der.data, der.len, &when, &c) ==
	     0);
	must(pki_cert_print(c, pem) == 0);
}

static inline void
identity_agent(const struct authority *a, const char *id, struct pki_span when,
    struct identity *out)
{
	OWN(pki_key_freep) struct pki_key *k = NULL;

	buf_init(&out->key, PKI_PEM_MAX);
	buf_init(&out->cert, PKI_PEM_MAX);
	must(pki_key_new(&k) == 0 && pki_key_print(k, &out->key) == 0);
	agent_certificate(a, k, id, when, &out->cert);
}

/* Removes a directory of plain files. */
static inline void
remove_dir(const char *path)
{
	DIR *d = opendir(path);

	for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			must(unlinkat(dirfd(d), e->d_name, 0) == 0);
	must(d != NULL && closedir(d) == 0 && rmdir(path) == 0);
}

/* ---- the server ---------------------------------------------------------- */

struct asked {
	char method[16];
	char path[64];
	char gen[24]; /* of ?gen=, or "" */
	char type[64];
	bool certified; /* a client certificate came and verified */
	struct buf body;
};

enum reply_how {
	REPLY_WHOLE,
	REPLY_CUT, /* promises more than it sends */
	REPLY_DROP, /* the connection, with no answer */
	REPLY_HANG, /* until the server ends */
};

struct reply {
	enum reply_how how;
	unsigned status;
	char location[128]; /* "" for none */
	struct buf body;
};

struct server {
	struct MHD_Daemon *daemon;
	uint16_t port;
	char url[64];
	/* Called in the server's one thread. */
	void (*answer)(void *ctx, const struct asked *q, struct reply *r);
	void *ctx;
	bool stopping;
	struct MHD_Connection *hung[HUNG_MAX];
	size_t nhung;
};

static inline bool
peer_verified(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *i =
	    MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	unsigned status = ~0u;

	return i != NULL &&
	       gnutls_certificate_verify_peers2(
		   (gnutls_session_t)i->tls_session, &status) == 0 &&
	       status == 0;
}

static inline void
copy_short(char *out, size_t size, const char *text)
{
	if (text != NULL)
		must(str_copy(out, size, text) == 0);
}

static inline struct asked *
asked_new(struct MHD_Connection *c, const char *url, const char *method)
{
	struct asked *q = calloc(1, sizeof *q);

	must(q != NULL);
	copy_short(q->method, sizeof q->method, method);
	copy_short(q->path, sizeof q->path, url);
	copy_short(q->gen, sizeof q->gen,
	    MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "gen"));
	copy_short(q->type, sizeof q->type,
	    MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Type"));
	q->certified = peer_verified(c);
	buf_init(&q->body, SERVER_BODY_MAX);
	return q;
}

struct cut {
	struct buf body;
};

static inline ssize_t
cut_read(void *ctx, uint64_t at, char *out, size_t max)
{
	struct cut *cut = ctx;
	size_t n = cut->body.len;

	if (at >= n)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	n = n - at < max ? n - at : max;
	memcpy(out, cut->body.data + at, n);
	return (ssize_t)n;
}

static inline void
cut_free(void *ctx)
{
	struct cut *cut = ctx;

	buf_done(&cut->body);
	free(cut);
}

static inline struct MHD_Response *
make_response(struct reply *r)
{
	struct MHD_Response *m;

	if (r->how == REPLY_CUT) {
		struct cut *cut = calloc(1, sizeof *cut);

		must(cut != NULL);
		cut->body = r->body;
		r->body = (struct buf){0};
		m = MHD_create_response_from_callback(
		    cut->body.len + 100, 4096, cut_read, cut, cut_free);
	} else {
		m = MHD_create_response_from_buffer(r->body.len,
		    r->body.len > 0 ? (void *)r->body.data : (void *)r,
		    MHD_RESPMEM_MUST_COPY);
	}
	must(m != NULL);
	if (r->location[0] != '\0')
		must(MHD_add_response_header(m, "Location", r->location) ==
		     MHD_YES);
	return m;
}

static inline enum MHD_Result
server_reply(struct server *s, struct MHD_Connection *c, struct reply *r)
{
	struct MHD_Response *m;
	enum MHD_Result done;

	if (r->how == REPLY_DROP || s->stopping)
		return MHD_NO;
	if (r->how == REPLY_HANG) {
		must(s->nhung < HUNG_MAX);
		s->hung[s->nhung++] = c;
		MHD_suspend_connection(c);
		return MHD_YES;
	}
	m = make_response(r);
	done = MHD_queue_response(c, r->status, m);
	MHD_destroy_response(m);
	return done;
}

static inline enum MHD_Result
server_access(void *ctx, struct MHD_Connection *c, const char *url,
    const char *method, const char *version UNUSED, const char *data,
    size_t *size, void **state)
{
	struct server *s = ctx;
	struct asked *q = *state;
	struct reply r = {.status = 200};
	enum MHD_Result done;

	if (q == NULL) {
		*state = asked_new(c, url, method);
		return MHD_YES;
	}
	if (*size > 0) {
		buf_put(&q->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	buf_init(&r.body, SERVER_BODY_MAX);
	s->answer(s->ctx, q, &r);
	must(buf_error(&r.body) == 0 && buf_error(&q->body) == 0);
	done = server_reply(s, c, &r);
	buf_done(&r.body);
	return done;
}

static inline void
server_completed(void *ctx UNUSED, struct MHD_Connection *c UNUSED,
    void **state, enum MHD_RequestTerminationCode how UNUSED)
{
	struct asked *q = *state;

	if (q != NULL)
		buf_done(&q->body);
	free(q);
	*state = NULL;
}

/* @port 0: any. @priorities NULL: GnuTLS's own. */
static inline void
server_start(struct server *s, uint16_t port, const struct identity *i,
    const struct buf *client_ca, const char *priorities)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char key[PKI_PEM_MAX], cert[PKI_PEM_MAX], ca[PKI_PEM_MAX];

	must(str_copy_len(key, sizeof key, i->key.data, i->key.len) == 0);
	must(str_copy_len(cert, sizeof cert, i->cert.data, i->cert.len) == 0);
	must(str_copy_len(ca, sizeof ca, client_ca->data, client_ca->len) == 0);
	s->nhung = 0;
	s->stopping = false;
	s->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD |
					 MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, server_access, s, MHD_OPTION_SOCK_ADDR, &at,
	    MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_HTTPS_MEM_KEY,
	    key, MHD_OPTION_HTTPS_MEM_CERT, cert, MHD_OPTION_HTTPS_MEM_TRUST,
	    ca, MHD_OPTION_HTTPS_PRIORITIES,
	    priorities != NULL ? priorities : "NORMAL",
	    MHD_OPTION_NOTIFY_COMPLETED, server_completed, NULL,
	    MHD_OPTION_END);
	must(s->daemon != NULL);
	s->port =
	    MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
	must(str_format(
		 s->url, sizeof s->url, "https://127.0.0.1:%u", s->port) == 0);
}

static inline void
server_stop(struct server *s)
{
	if (s->daemon == NULL)
		return;
	s->stopping = true;
	for (size_t i = 0; i < s->nhung; i++)
		MHD_resume_connection(s->hung[i]);
	MHD_stop_daemon(s->daemon);
	s->daemon = NULL;
}

#endif
