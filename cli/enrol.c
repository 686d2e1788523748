/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone enrol - makes this host's agent one of a collector's.
 *
 * Owns: the order of an enrolment (docs/protocol.md): pin, key, request, files.
 * Never: sends the token before the collector's CA matches its pin; lets the
 * private key leave the host; leaves an enrolment that is not whole.
 *
 * The key is kept from the first try on, so that one whose answer was lost can
 * be repeated with the same token.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/active.h"
#include "agent/config.h"
#include "agent/roles.h"
#include "agent/ship/ship.h"
#include "cli/cli.h"
#include "cli/host.h"
#include "lib/file.h"
#include "lib/json.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define SECRET_LEN 16
#define TOKEN_MAX 256
#define PATH_SIZE 4096

struct enrol {
	const char *url, *config, *given; /* of the arguments */
	bool json;
	char token[TOKEN_MAX]; /* its secret; wiped */
	uint8_t pin[SEAL_HASH];
	char state[2048], dir[2100];
	char host[SHIP_HOST_MAX];
	char vkey[SHIP_VKEY_MAX]; /* of the log */
	struct file_mode ship, record; /* whose the files become */
	struct pki_key *key;
	struct pki_cert *ca;
	struct enrolment e;
};

/* "SECRET.PIN"; SECRET stays a text, which is what the collector digested. */
static int
split_token(struct enrol *n, const char *token)
{
	OWN(buf_wipe) struct buf secret = {0};
	OWN(buf_done) struct buf pin = {0};
	const char *dot = strchr(token, '.');

	buf_init(&secret, 64);
	buf_init(&pin, 64);
	if (dot == NULL ||
	    str_copy_len(
		n->token, sizeof n->token, token, (size_t)(dot - token)) != 0 ||
	    str_unbase64url(&secret, token, (size_t)(dot - token)) != 0 ||
	    secret.len != SECRET_LEN ||
	    str_unbase64url(&pin, dot + 1, strlen(dot + 1)) != 0 ||
	    pin.len != sizeof n->pin)
		return -EINVAL;
	memcpy(n->pin, pin.data, sizeof n->pin);
	return 0;
}

/* "-" is one line of standard input, where no process list shows it. */
static int
take_token(struct enrol *n, const char *token)
{
	char line[TOKEN_MAX];
	int r;

	if (!str_eq(token, "-"))
		return split_token(n, token);
	if (fgets(line, sizeof line, stdin) == NULL)
		return -EINVAL;
	line[strcspn(line, "\n")] = '\0';
	r = split_token(n, line);
	explicit_bzero(line, sizeof line);
	return r;
}

/* ---- what this host says of itself --------------------------------------- */

/* The name in reports: of the configuration in force, given, or usual. */
static int
find_host(struct enrol *n, struct diag *why)
{
	char path[PATH_SIZE];
	struct config c;
	int r;

	must(str_format(path, sizeof path, "%s/" ACTIVE_CONFIG, n->state) == 0);
	if (n->config == NULL && access(path, F_OK) != 0)
		return gethostname(n->host, sizeof n->host - 1) == 0 ? 0
								     : -errno;
	r = config_read(n->config != NULL ? n->config : path, &c, why);
	if (r != 0)
		return r;
	r = str_copy(n->host, sizeof n->host, c.host);
	config_done(&c);
	return r == 0 ? 0 : diag_set(why, r, "host: is too long");
}

static int
find_vkey(struct enrol *n, struct diag *why)
{
	OWN(buf_done) struct buf text = {0};
	char path[PATH_SIZE];
	struct vkey v;
	int r;

	must(
	    str_format(path, sizeof path, "%s/record/log.vkey", n->state) == 0);
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return diag_set(why, -ENOENT,
		    "%s is not there: the agent makes its log's key when it "
		    "first runs. Start it (systemctl start chaperone-agent), "
		    "then try again",
		    path);
	buf_init(&text, SHIP_VKEY_MAX);
	r = file_read(path, &text, why);
	if (r != 0)
		return r;
	if (text.len > 0 && text.data[text.len - 1] == '\n')
		text.len--;
	if (str_copy_len(n->vkey, sizeof n->vkey, text.data, text.len) != 0 ||
	    vkey_parse(n->vkey, &v) != 0 || v.type != NOTE_ED25519)
		return diag_set(why, -EBADMSG, "%s: is no log's key", path);
	return 0;
}

static int
look_at_host(struct enrol *n, struct diag *why)
{
	int r = host_state(n->config, n->given, n->state, sizeof n->state, why);

	if (r != 0)
		return r;
	must(str_format(n->dir, sizeof n->dir, "%s/ship", n->state) == 0);
	n->ship = n->record = (struct file_mode){.mode = 0600};
	role_ids(role_find(AGENT_ROLES, ROLE_SHIP), &n->ship.uid, &n->ship.gid);
	role_ids(role_find(AGENT_ROLES, ROLE_RECORD), &n->record.uid,
	    &n->record.gid);
	r = find_vkey(n, why);
	return r != 0 ? r : find_host(n, why);
}

/* ---- the collector ------------------------------------------------------- */

/* One request on a connection of its own. 0, or as ship_take. */
static int
ask(const struct enrol *n, const struct buf *ca, const struct ship_request *q,
    struct ship_answer *a, struct diag *why)
{
	const struct ship_options o = {.url = n->url, .ca = ca};
	OWN(ship_freep) struct ship *s = NULL;
	int r = ship_new(&o, &s, why);

	return r != 0 ? r : ship_do(s, q, a, why);
}

static int
exit_for(int r)
{
	if (r == -EKEYREJECTED)
		return CLI_VERIFY;
	return r == -ENOMEM ? CLI_USAGE : CLI_NETWORK;
}

static int
fetch_ca(struct enrol *n)
{
	const struct ship_request q = {.what = SHIP_CA};
	struct ship_answer a = {0};
	struct diag why = {""};
	uint8_t digest[SEAL_HASH];
	int r = ask(n, NULL, &q, &a, &why), code = CLI_OK;

	if (r != 0)
		code = cli_error("enrol", exit_for(r), "%s", why.text);
	else if (a.status != 200)
		code = cli_error("enrol", CLI_NETWORK,
		    "%s answered %u to a question for its CA; is it a "
		    "collector's address for agents?",
		    n->url, a.status);
	else if (pki_cert_parse(a.pem.data, a.pem.len, &n->ca, &why) != 0)
		code = cli_error(
		    "enrol", CLI_VERIFY, "the collector's CA: %s", why.text);
	else if (pki_cert_digest(n->ca, digest) != 0 ||
		 !seal_equal(digest, n->pin, sizeof digest))
		code = cli_error("enrol", CLI_VERIFY,
		    "%s shows another CA than the one that the token names; "
		    "the token is of another collector, or somebody stands "
		    "between. It was not sent",
		    n->url);
	else if (pki_cert_print(n->ca, &n->e.ca) != 0)
		code = cli_error("enrol", CLI_USAGE, "out of memory");
	ship_answer_done(&a);
	return code;
}

static int
refused(const struct enrol *n, const struct ship_answer *a)
{
	static const struct {
		unsigned status;
		int code;
		const char *text;
	} REFUSALS[] = {
	    {400, CLI_CONFIG, "the collector cannot read the request"},
	    {403, CLI_DENIED,
		"the token is not good: used, run out, or never made"},
	    {409, CLI_DENIED,
		"this log is enrolled with another key; if that was lost, "
		"revoke the agent on the collector"},
	    {503, CLI_NETWORK, "the collector is not ready; try again"},
	};

	for (size_t i = 0; i < ARRAY_LEN(REFUSALS); i++)
		if (REFUSALS[i].status == a->status)
			return cli_error("enrol", REFUSALS[i].code, "%s%s%s%s",
			    REFUSALS[i].text, a->error[0] != '\0' ? " (" : "",
			    a->error, a->error[0] != '\0' ? ")" : "");
	return cli_error("enrol", CLI_NETWORK, "%s answered %u %s", n->url,
	    a->status, a->error);
}

/* What came is ours, the CA's, and a receipt's key. */
static int
accept_answer(struct enrol *n, const struct ship_answer *a)
{
	struct diag why = {""};
	struct vkey v;

	if (enrolment_check(
		n->key, n->ca, a->pem.data, a->pem.len, a->agent, &why) != 0)
		return cli_error("enrol", CLI_VERIFY,
		    "the certificate that came: %s", why.text);
	if (vkey_parse(a->cosign_vkey, &v) != 0 || v.type != NOTE_COSIGNATURE)
		return cli_error("enrol", CLI_VERIFY,
		    "the key for receipts that came is none");
	must(str_copy(n->e.agent, sizeof n->e.agent, a->agent) == 0);
	buf_put(&n->e.cert, a->pem.data, a->pem.len);
	return buf_error(&n->e.cert) == 0
		   ? CLI_OK
		   : cli_error("enrol", CLI_USAGE, "out of memory");
}

static int
write_files(struct enrol *n, const struct ship_answer *a)
{
	char path[PATH_SIZE], text[SHIP_VKEY_MAX + 1];
	struct diag why = {""};
	int r;

	must(str_format(path, sizeof path, "%s/record/cosign.vkey", n->state) ==
	     0);
	must(str_format(text, sizeof text, "%s\n", a->cosign_vkey) == 0);
	r = file_write(path, text, strlen(text), &n->record, &why);
	if (r == 0)
		r = enrolment_write(n->dir, &n->e, &n->ship, &why);
	return r == 0 ? CLI_OK : cli_error("enrol", CLI_CONFIG, "%s", why.text);
}

static int
request(struct enrol *n)
{
	OWN(buf_done) struct buf csr = {0};
	OWN(buf_wipe) struct buf body = {0};
	struct ship_answer a = {0};
	struct diag why = {""};
	int r, code;

	buf_init(&csr, PKI_PEM_MAX);
	buf_init(&body, 2 * PKI_PEM_MAX);
	r = enrolment_key(n->dir, &n->ship, &n->key, &why);
	if (r == 0)
		r = pki_csr_new(n->key, n->host, &csr);
	if (r == 0)
		r = ship_enrol_body(
		    buf_text(&csr), n->host, n->token, n->vkey, &body);
	if (r != 0)
		return cli_error("enrol", CLI_CONFIG, "%s",
		    why.text[0] != '\0' ? why.text : strerror(-r));
	const struct ship_request q = {
	    .what = SHIP_ENROL, .body = body.data, .len = body.len};
	r = ask(n, &n->e.ca, &q, &a, &why);
	if (r != 0)
		code = cli_error("enrol", exit_for(r), "%s", why.text);
	else if (a.status != 200)
		code = refused(n, &a);
	else if ((code = accept_answer(n, &a)) == CLI_OK)
		code = write_files(n, &a);
	ship_answer_done(&a);
	return code;
}

/* ---- the command --------------------------------------------------------- */

static void
print(const struct enrol *n)
{
	OWN(buf_done) struct buf line = {0};
	struct json j;

	buf_init(&line, 8192);
	if (n->json) {
		json_init(&j, &line);
		json_begin_object(&j, NULL);
		json_str(&j, "agent", n->e.agent);
		json_str(&j, "host", n->host);
		json_str(&j, "collector", n->url);
		json_end_object(&j);
	} else {
		buf_printf(&line, "enrolled as %s with %s", n->e.agent, n->url);
	}
	cli_line(&line);
}

static int
parse(struct enrol *n, int argc, char **argv)
{
	const char *token = NULL;

	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			n->json = true;
		else if (str_eq(argv[i], "--collector") && i + 1 < argc)
			n->url = argv[++i];
		else if (str_eq(argv[i], "--token") && i + 1 < argc)
			token = argv[++i];
		else if (str_eq(argv[i], "--config") && i + 1 < argc)
			n->config = argv[++i];
		else if (str_eq(argv[i], "--state") && i + 1 < argc)
			n->given = argv[++i];
		else
			return cli_usage(
			    "enrol", "\"%s\" is not known", argv[i]);
	}
	if (n->url == NULL || token == NULL)
		return cli_usage("enrol", "--collector and --token are needed");
	if (!ship_url_ok(n->url) ||
	    str_copy(n->e.url, sizeof n->e.url, n->url) != 0)
		return cli_usage(
		    "enrol", "--collector must be https://HOST:PORT");
	if (take_token(n, token) != 0)
		return cli_usage("enrol",
		    "the token is not whole; it is one line of "
		    "chaperone token new");
	return CLI_OK;
}

static int
enrol(struct enrol *n)
{
	struct diag why = {""};
	int r = look_at_host(n, &why), code;

	if (r != 0)
		return cli_error("enrol", CLI_CONFIG, "%s",
		    why.text[0] != '\0' ? why.text : strerror(-r));
	if (ship_init() != 0)
		return cli_error("enrol", CLI_USAGE, "out of memory");
	code = fetch_ca(n);
	if (code == CLI_OK)
		code = request(n);
	if (code == CLI_OK)
		print(n);
	return code;
}

static int
run(int argc, char **argv)
{
	struct enrol n = {0};
	int code;

	buf_init(&n.e.ca, PKI_PEM_MAX);
	buf_init(&n.e.cert, PKI_PEM_MAX);
	code = parse(&n, argc, argv);
	if (code == CLI_OK && geteuid() != 0)
		code = cli_error("enrol", CLI_DENIED,
		    "the files that it writes are the agent's alone; it needs "
		    "root");
	if (code == CLI_OK)
		code = enrol(&n);
	enrolment_done(&n.e);
	pki_key_free(n.key);
	pki_cert_free(n.ca);
	explicit_bzero(n.token, sizeof n.token);
	return code;
}

static const char HELP[] =
    "Example: sudo chaperone enrol --collector https://collector:8444 --token -\n\n"
    "Usage: chaperone enrol --collector URL --token TOKEN\n"
    "                       [--config FILE | --state DIR] [--json]\n\n"
    "Makes this host's agent one of the collector at URL, its address for\n"
    "agents. TOKEN is what chaperone token new printed there; - reads it from\n"
    "standard input. A try whose answer was lost is repeated with the same\n"
    "token. The agent must have run once; it notices by itself.\n"
    "Exit: 0 enrolled, 3 the agent's files, 4 not root or the token is not\n"
    "good, 6 network, 7 the collector is not the one that the token names.\n";

const struct command command_enrol = {
    .name = "enrol",
    .summary = "makes this host's agent one of a collector's",
    .help = HELP,
    .run = run,
};
