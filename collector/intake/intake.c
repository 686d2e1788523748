/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake - the addresses for agents.
 *
 * Owns: docs/protocol.md's table of addresses and its statuses; who may ask
 * what with which certificate.
 * Never: opens a batch, decides about an agent, or trusts a name in a request:
 * the agent's id and key come from the certificate alone, and store compares
 * them with what it enrolled.
 */
#include "collector/intake/intake.h"

#include <errno.h>
#include <string.h>

#include "collector/wire.h"
#include "lib/batch.h"
#include "lib/json.h"
#include "lib/note.h"
#include "lib/pki.h"
#include "lib/str.h"

#include "lib/own.h"

/* A zstd frame of bytes that do not shrink is a little longer than they are. */
#define PACKED_MAX ((size_t)BATCH_BYTES_MAX + 65536)
#define ANSWER_MAX ((size_t)2 * NOTE_MAX + 4096)
#define WAITING_MAX 1024
#define MESSAGE_MAX 1024

/* What is sent on behalf of a request, by its certificate. */
struct bearer {
	char id[PKI_ID_MAX];
	uint8_t key[SEAL_HASH];
};

struct intake {
	char *ca;
	char *vkey;
	intake_send_fn *send;
	void *ctx;
	struct https *server;
	uint64_t waiting[WAITING_MAX]; /* ids of questions to store */
	size_t nwaiting;
};

struct address {
	const char *path, *method;
	bool certificate;
	struct https_want want;
	void (*serve)(struct intake *i, struct https_request *q,
	    const struct bearer *who);
};

/* ---- answers ---- */

static void
answer_json(struct https_request *q, unsigned status, struct buf *body)
{
	struct https_answer a = {.status = status,
	    .type = "application/json",
	    .body = body->data,
	    .len = body->len};

	if (buf_error(body) != 0)
		a = (struct https_answer){.status = 503};
	https_answer(q, &a);
}

/* @gen and @next are written where the answer has a place in a log. */
static void
answer_error(struct https_request *q, unsigned status, const char *error,
    const uint32_t *gen, const uint64_t *next)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, ANSWER_MAX);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "error", error);
	if (gen != NULL && next != NULL) {
		json_uint(&j, "gen", *gen);
		json_uint(&j, "next", *next);
	}
	json_end_object(&j);
	buf_put_u8(&b, '\n');
	answer_json(q, status, &b);
}

static void
refuse(void *ctx UNUSED, struct https_request *q, unsigned status)
{
	const char *error = "come again later";

	if (status == 400)
		error = "a body needs its length beforehand, and all of it";
	else if (status == 413)
		error = "the body is too large for this address";
	answer_error(q, status, error, NULL, NULL);
}

/* ---- questions ---- */

static void
ask(struct intake *i, struct https_request *q, uint32_t type,
    const struct buf *m, int fd)
{
	if (i->nwaiting == WAITING_MAX || buf_error(m) != 0 ||
	    i->send(i->ctx, type, m, fd) != 0) {
		answer_error(q, 503, "the collector's store is not there now",
		    NULL, NULL);
		return;
	}
	i->waiting[i->nwaiting++] = https_id(q);
}

static void
forget(struct intake *i, uint64_t id)
{
	for (size_t k = 0; k < i->nwaiting; k++) {
		if (i->waiting[k] == id) {
			i->waiting[k] = i->waiting[--i->nwaiting];
			return;
		}
	}
}

static void
put_bearer(
    struct buf *m, const struct https_request *q, const struct bearer *who)
{
	buf_init(m, MESSAGE_MAX);
	buf_put_u64(m, https_id(q));
	buf_put_str(m, who->id);
	buf_put(m, who->key, sizeof who->key);
}

static void
serve_ca(
    struct intake *i, struct https_request *q, const struct bearer *who UNUSED)
{
	const struct https_answer a = {.status = 200,
	    .type = "application/x-pem-file",
	    .body = i->ca,
	    .len = strlen(i->ca)};

	https_answer(q, &a);
}

static void
serve_enrol(
    struct intake *i, struct https_request *q, const struct bearer *who UNUSED)
{
	OWN(intake_enrol_done) struct intake_enrol e = {0};
	OWN(buf_done) struct buf m = {0};
	struct diag why = {""};
	const uint8_t *body;
	size_t len;
	int r;

	body = https_body(q, &len);
	r = intake_enrol_parse(body, len, &e, &why);
	if (r != 0) {
		answer_error(
		    q, r == -EBADMSG ? 400 : 503, why.text, NULL, NULL);
		return;
	}
	buf_init(&m, 4096);
	buf_put_u64(&m, https_id(q));
	buf_put(&m, e.token, sizeof e.token);
	buf_put_str(&m, e.host);
	buf_put_str(&m, e.vkey);
	buf_put_blob(&m, e.public_key.data, e.public_key.len);
	ask(i, q, WIRE_ENROL, &m, -1);
}

static void
serve_renew(struct intake *i, struct https_request *q, const struct bearer *who)
{
	OWN(buf_done) struct buf m = {0};

	put_bearer(&m, q, who);
	ask(i, q, WIRE_RENEW, &m, -1);
}

static void
serve_frontier(
    struct intake *i, struct https_request *q, const struct bearer *who)
{
	OWN(buf_done) struct buf m = {0};
	const char *text = https_query(q, "gen");
	uint64_t gen = UINT32_MAX; /* the newest */

	if (text != NULL && str_u64(text, UINT32_MAX - 1, &gen) != 0) {
		answer_error(q, 400, "gen is no generation", NULL, NULL);
		return;
	}
	put_bearer(&m, q, who);
	buf_put_u32(&m, (uint32_t)gen);
	ask(i, q, WIRE_FRONTIER, &m, -1);
}

static void
serve_batch(struct intake *i, struct https_request *q, const struct bearer *who)
{
	OWN(buf_done) struct buf m = {0};

	put_bearer(&m, q, who);
	ask(i, q, WIRE_INTAKE, &m, https_body_fd(q));
}

/* ---- the table ---- */

static const struct address ADDRESSES[] = {
    {"/v1/ca", "GET", false, {0, false}, serve_ca},
    {"/v1/enrol", "POST", false, {INTAKE_ENROL_MAX, false}, serve_enrol},
    {"/v1/renew", "POST", true, {0, false}, serve_renew},
    {"/v1/frontier", "GET", true, {0, false}, serve_frontier},
    {"/v1/batch", "POST", true, {PACKED_MAX, true}, serve_batch},
};

/* The row of a request; answers 404 or 405 and returns NULL without one. */
static const struct address *
find(struct https_request *q)
{
	const char *path = https_path(q);

	for (size_t i = 0; i < ARRAY_LEN(ADDRESSES); i++) {
		if (!str_eq(path, ADDRESSES[i].path))
			continue;
		if (str_eq(https_method(q), ADDRESSES[i].method))
			return &ADDRESSES[i];
		answer_error(
		    q, 405, "this address takes another method", NULL, NULL);
		return NULL;
	}
	answer_error(q, 404, "there is no such address", NULL, NULL);
	return NULL;
}

/* Who sent it, by certificate; answers 401 or 403 and returns false else. */
static bool
admit(struct https_request *q, struct bearer *who)
{
	OWN(pki_cert_freep) struct pki_cert *cert = NULL;
	OWN(buf_done) struct buf pem = {0};
	struct diag why = {""};
	int r;

	buf_init(&pem, PKI_PEM_MAX);
	r = https_peer(q, &pem, &why);
	if (r == -ENOENT)
		(void)diag_set(
		    &why, r, "this address needs an agent's certificate");
	if (r == 0)
		r = pki_cert_parse(pem.data, pem.len, &cert, &why);
	if (r != 0) {
		answer_error(q, r == -ENOMEM ? 503 : 401, why.text, NULL, NULL);
		return false;
	}
	r = pki_cert_id(cert, who->id);
	if (r == 0)
		r = pki_cert_key_digest(cert, who->key);
	if (r != 0)
		answer_error(q, r == -ENOMEM ? 503 : 403,
		    "the certificate is not an agent's", NULL, NULL);
	return r == 0;
}

static void
on_head(void *ctx UNUSED, struct https_request *q, struct https_want *w)
{
	const struct address *a = find(q);
	struct bearer who;

	/* Nobody sends a body who may not. */
	if (a == NULL || (a->certificate && !admit(q, &who)))
		return;
	*w = a->want;
}

static void
on_whole(void *ctx, struct https_request *q)
{
	const struct address *a = find(q);
	struct bearer who = {0};

	/* Asked again: a certificate ends while a body is sent. */
	if (a == NULL || (a->certificate && !admit(q, &who)))
		return;
	a->serve(ctx, q, &who);
}

const struct https_site INTAKE_SITE = {
    .head = on_head, .whole = on_whole, .refuse = refuse};

/* ---- store's answers ---- */

static int
on_enrolled(struct intake *i, struct cur *in)
{
	OWN(buf_done) struct buf b = {0};
	char error[WIRE_ERROR_MAX], agent[WIRE_AGENT_MAX];
	struct https_request *q;
	const uint8_t *cert;
	struct json j;
	uint64_t id = cur_u64(in);
	uint32_t status = cur_u32(in);
	size_t len;

	cur_str(in, error, sizeof error);
	cur_str(in, agent, sizeof agent);
	cert = cur_blob(in, &len);
	if (cur_end(in) != 0 || status < 200 || status > 599)
		return -EBADMSG;
	forget(i, id);
	q = https_find(i->server, id);
	if (q == NULL)
		return 0;
	if (status != 200) {
		answer_error(q, status, error, NULL, NULL);
		return 0;
	}
	buf_init(&b, ANSWER_MAX);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_str(&j, "agent", agent);
	json_bytes(&j, "certificate", cert, len);
	if (str_eq(https_path(q), "/v1/enrol"))
		json_str(&j, "cosign_vkey", i->vkey);
	json_end_object(&j);
	buf_put_u8(&b, '\n');
	answer_json(q, 200, &b);
	return 0;
}

static int
on_taken(struct intake *i, struct cur *in)
{
	OWN(buf_done) struct buf b = {0};
	char error[WIRE_ERROR_MAX];
	struct https_request *q;
	const uint8_t *receipt;
	struct json j;
	uint64_t id = cur_u64(in), next;
	uint32_t status = cur_u32(in), gen;
	size_t len;

	cur_str(in, error, sizeof error);
	gen = cur_u32(in);
	next = cur_u64(in);
	receipt = cur_blob(in, &len);
	if (cur_end(in) != 0 || status < 200 || status > 599)
		return -EBADMSG;
	forget(i, id);
	q = https_find(i->server, id);
	if (q == NULL)
		return 0;
	if (status != 200) {
		bool placed = status == 409;

		answer_error(q, status, error, placed ? &gen : NULL,
		    placed ? &next : NULL);
		return 0;
	}
	buf_init(&b, ANSWER_MAX);
	json_init(&j, &b);
	json_begin_object(&j, NULL);
	json_uint(&j, "gen", gen);
	json_uint(&j, "next", next);
	json_bytes(&j, "receipt", len > 0 ? receipt : (const uint8_t *)"", len);
	json_end_object(&j);
	buf_put_u8(&b, '\n');
	answer_json(q, 200, &b);
	return 0;
}

int
intake_message(struct intake *i, uint32_t type, struct cur *in)
{
	if (type == WIRE_ENROLLED)
		return on_enrolled(i, in);
	if (type == WIRE_TAKEN)
		return on_taken(i, in);
	return -EBADMSG;
}

void
intake_lost(struct intake *i)
{
	while (i->nwaiting > 0) {
		uint64_t id = i->waiting[--i->nwaiting];
		struct https_request *q = https_find(i->server, id);

		if (q != NULL)
			answer_error(q, 503,
			    "the collector's store was started again", NULL,
			    NULL);
	}
}

/* ---- life ---- */

int
intake_new(const char *ca, const char *cosign_vkey, intake_send_fn *send,
    void *ctx, struct intake **out)
{
	struct intake *i = calloc(1, sizeof *i);
	struct vkey v;

	if (i == NULL)
		return -ENOMEM;
	i->send = send;
	i->ctx = ctx;
	i->ca = strdup(ca);
	i->vkey = strdup(cosign_vkey);
	if (i->ca == NULL || i->vkey == NULL) {
		intake_free(i);
		return -ENOMEM;
	}
	if (vkey_parse(cosign_vkey, &v) != 0 || v.type != NOTE_COSIGNATURE) {
		intake_free(i);
		return -EBADMSG;
	}
	*out = i;
	return 0;
}

void
intake_free(struct intake *i)
{
	if (i == NULL)
		return;
	free(i->ca);
	free(i->vkey);
	free(i);
}

void
intake_bind(struct intake *i, struct https *server)
{
	i->server = server;
}
