/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer - the JSON of docs/protocol.md, as an agent speaks and hears it.
 *
 * Owns: which members an answer must have, their types and their bounds.
 * Never: keeps half of an answer that it refuses, or hands a collector's
 * sentence on as it came.
 */
#include <jansson.h>

#include <errno.h>
#include <string.h>

#include "agent/ship/ship.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define NEXT_MAX ((INT64_C(1) << 53) - 1)

static void
value_freep(json_t **v)
{
	json_decref(*v);
}

void
ship_answer_done(struct ship_answer *a)
{
	buf_done(&a->receipt);
	buf_done(&a->pem);
	*a = (struct ship_answer){0};
}

static int
refuse(struct diag *why, const char *what)
{
	return diag_set(
	    why, -EBADMSG, "an answer that cannot be read: %s", what);
}

/* jansson refuses a NUL within a text, so that its length is strlen's. */
static int
get_text(const json_t *o, const char *key, char *out, size_t size)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v))
		return -EBADMSG;
	return str_copy(out, size, json_string_value(v)) == 0 ? 0 : -EBADMSG;
}

static int
get_buf(const json_t *o, const char *key, struct buf *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v))
		return -EBADMSG;
	buf_put(out, json_string_value(v), json_string_length(v));
	return buf_error(out) == -ENOBUFS ? -EBADMSG : buf_error(out);
}

static int
get_int(const json_t *o, const char *key, int64_t max, int64_t *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    json_integer_value(v) > max)
		return -EBADMSG;
	*out = json_integer_value(v);
	return 0;
}

static int
get_place(const json_t *o, struct ship_answer *a)
{
	int64_t gen = 0, next = 0;

	if (get_int(o, "gen", UINT32_MAX, &gen) != 0 ||
	    get_int(o, "next", NEXT_MAX, &next) != 0)
		return -EBADMSG;
	a->gen = (uint32_t)gen;
	a->next = (uint64_t)next;
	a->placed = true;
	return 0;
}

static int
get_agent(const json_t *o, struct ship_answer *a)
{
	int r = get_text(o, "agent", a->agent, sizeof a->agent);

	return r == 0 && !pki_id_ok(a->agent) ? -EBADMSG : r;
}

/* The members of a good answer. */
static int
read_good(enum ship_what what, const json_t *o, struct ship_answer *a,
    struct diag *why)
{
	int r;

	switch (what) {
	case SHIP_FRONTIER:
	case SHIP_BATCH:
		if (get_place(o, a) != 0)
			return refuse(why, "gen or next is not a place");
		r = get_buf(o, "receipt", &a->receipt);
		return r == -EBADMSG ? refuse(why, "receipt is no note") : r;
	case SHIP_ENROL:
		if (get_text(o, "cosign_vkey", a->cosign_vkey,
			sizeof a->cosign_vkey) != 0)
			return refuse(why, "cosign_vkey is no key");
		break;
	case SHIP_RENEW:
	case SHIP_CA:
		break;
	}
	if (get_agent(o, a) != 0)
		return refuse(why, "agent is no id");
	r = get_buf(o, "certificate", &a->pem);
	return r == -EBADMSG ? refuse(why, "certificate is none") : r;
}

static void
read_error(const json_t *o, struct ship_answer *a)
{
	const json_t *v = json_object_get(o, "error");

	if (json_is_string(v))
		str_escape(a->error, sizeof a->error, json_string_value(v),
		    json_string_length(v));
	/* Of 409; without it the agent asks for the frontier. */
	(void)get_place(o, a);
}

static int
read_object(enum ship_what what, const void *body, size_t len,
    struct ship_answer *a, struct diag *why)
{
	OWN(value_freep) json_t *o = NULL;
	json_error_t at;

	o = json_loadb(body, len, JSON_REJECT_DUPLICATES, &at);
	if (o == NULL && json_error_code(&at) == json_error_out_of_memory)
		return -ENOMEM;
	if (a->status != 200) {
		if (json_is_object(o))
			read_error(o, a);
		return 0;
	}
	if (o == NULL)
		return refuse(why, "it is no JSON");
	if (!json_is_object(o))
		return refuse(why, "it is no object");
	return read_good(what, o, a, why);
}

int
ship_answer_parse(enum ship_what what, unsigned status, const void *body,
    size_t len, struct ship_answer *out, struct diag *why)
{
	ship_answer_done(out);
	out->status = status;
	buf_init(&out->receipt, NOTE_MAX);
	buf_init(&out->pem, PKI_PEM_MAX);
	/* An empty answer has no bytes to point to. */
	if (len == 0)
		body = "";
	if (what == SHIP_CA && status == 200) {
		buf_put(&out->pem, body, len);
		return buf_error(&out->pem) == -ENOBUFS
			   ? refuse(why, "the certificate is too long")
			   : buf_error(&out->pem);
	}
	return read_object(what, body, len, out, why);
}

int
ship_enrol_body(const char *csr, const char *host, const char *token,
    const char *vkey, struct buf *out)
{
	struct json j;

	json_init(&j, out);
	json_begin_object(&j, NULL);
	json_str(&j, "csr", csr);
	json_str(&j, "host", host);
	json_str(&j, "token", token);
	json_str(&j, "vkey", vkey);
	json_end_object(&j);
	return buf_error(out);
}
