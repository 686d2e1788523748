/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol - the body of a request to become an agent.
 *
 * Owns: its members and their bounds. Anybody may send one: nothing of it is
 * trusted but that whoever sent it holds the key in the request.
 * Never: keeps or compares the token; only its digest goes on.
 */
#include <jansson.h>

#include <errno.h>
#include <string.h>

#include "collector/intake/intake.h"
#include "lib/pki.h"
#include "lib/str.h"

#include "lib/own.h"

#define TOKEN_MAX 256

static void
value_freep(json_t **v)
{
	json_decref(*v);
}

void
intake_enrol_done(struct intake_enrol *e)
{
	buf_done(&e->public_key);
	*e = (struct intake_enrol){0};
}

/* A text of 1 to @max bytes; jansson refuses a NUL within it. */
static int
get(const json_t *o, const char *name, size_t max, const char **text,
    size_t *len, struct diag *why)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_string(v))
		return diag_set(why, -EBADMSG, "%s: a text is missing", name);
	*text = json_string_value(v);
	*len = json_string_length(v);
	if (*len == 0 || *len > max)
		return diag_set(
		    why, -EBADMSG, "%s: has 1 to %zu bytes", name, max);
	return 0;
}

/* A line without control characters: it is shown and logged later. */
static int
get_line(
    const json_t *o, const char *name, char *out, size_t size, struct diag *why)
{
	const char *text;
	size_t len;
	int r = get(o, name, size - 1, &text, &len, why);

	if (r != 0)
		return r;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return diag_set(why, -EBADMSG,
			    "%s: holds a control character", name);
	return str_copy_len(out, size, text, len);
}

static int
read_members(const json_t *o, struct intake_enrol *e, struct diag *why)
{
	const char *text;
	size_t len;
	int r;

	if ((r = get_line(o, "host", e->host, sizeof e->host, why)) != 0 ||
	    (r = get_line(o, "vkey", e->vkey, sizeof e->vkey, why)) != 0 ||
	    (r = get(o, "token", TOKEN_MAX, &text, &len, why)) != 0)
		return r;
	seal_sha256(text, len, e->token);
	r = get(o, "csr", PKI_PEM_MAX, &text, &len, why);
	if (r == 0)
		r = pki_csr_check(text, len, &e->public_key, why);
	return r;
}

int
intake_enrol_parse(
    const void *body, size_t len, struct intake_enrol *out, struct diag *why)
{
	OWN(value_freep) json_t *o = NULL;
	struct intake_enrol e = {0};
	json_error_t at;
	int r;

	if (len > INTAKE_ENROL_MAX)
		return diag_set(why, -EBADMSG, "the body is too long");
	o = json_loadb(body, len, JSON_REJECT_DUPLICATES, &at);
	if (o == NULL && json_error_code(&at) == json_error_out_of_memory)
		return -ENOMEM;
	if (!json_is_object(o))
		return diag_set(why, -EBADMSG, "the body is not a JSON object");
	buf_init(&e.public_key, PKI_PUBLIC_MAX);
	r = read_members(o, &e, why);
	if (r != 0) {
		intake_enrol_done(&e);
		return r;
	}
	*out = e;
	return 0;
}
