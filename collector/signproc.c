/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone-sign - the process with the keys.
 *
 * Owns: the CA's key, the key of receipts, the key of the collector's own log,
 * and heads.db, which says how far each log was signed.
 * Never: talks to anybody but store; signs a tree that does not continue the
 * one it signed before; answers before that is durable.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "collector/config.h"
#include "collector/heads.h"
#include "collector/roles.h"
#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/jail.h"
#include "lib/log.h"
#include "lib/note.h"
#include "lib/pki.h"
#include "lib/proc.h"
#include "lib/seal.h"
#include "lib/str.h"

#include "lib/own.h"

#define DAY_US INT64_C(86400000000)
#define HOUR_US INT64_C(3600000000) /* an agent's clock may be behind */
#define AGENT_DAYS 90
/* Questions answered with one commit. */
#define GROUP_MAX 64

struct sign {
	struct proc proc;
	struct heads *heads;
	struct pki_key *ca_key;
	struct pki_cert *ca;
	struct seal_key *log_key, *cosign_key;
	struct vkey log_vkey, cosign_vkey;
	char log_name[WIRE_VKEY_MAX]; /* log_vkey as text */
	struct buf answers[GROUP_MAX];
	uint32_t types[GROUP_MAX];
	size_t n;
};

static struct sign self;

/* ---- start ---- */

NORETURN static void
die(const struct diag *why)
{
	log_error("%s", why->text);
	exit(1);
}

static void
load(const char *dir, const char *name, struct buf *out)
{
	struct diag why = {0};
	char path[4096];

	buf_init(out, PKI_PEM_MAX);
	must(str_format(path, sizeof path, "%s/%s", dir, name) == 0);
	if (file_read(path, out, &why) != 0)
		die(&why);
}

static void
load_key(const char *dir, const char *name, struct seal_key **out)
{
	struct diag why = {0};
	char path[4096];

	must(str_format(path, sizeof path, "%s/%s", dir, name) == 0);
	if (seal_key_load(path, out, &why) != 0)
		die(&why);
}

static void
load_vkey(const char *dir, const char *name, struct vkey *out)
{
	OWN(buf_done) struct buf text = {0};
	struct diag why = {0};
	const char *s;

	load(dir, name, &text);
	s = buf_text(&text);
	if (s == NULL || vkey_parse(s, out) != 0) {
		(void)diag_set(&why, -EBADMSG, "%s/%s: is no vkey", dir, name);
		die(&why);
	}
}

static void
load_all(const char *dir)
{
	OWN(buf_wipe) struct buf key = {0};
	OWN(buf_done) struct buf cert, name;
	struct diag why = {0};
	char path[4096];

	load(dir, "ca.key", &key);
	load(dir, "ca.crt", &cert);
	if (pki_key_parse(key.data, key.len, &self.ca_key, &why) != 0 ||
	    pki_cert_parse(cert.data, cert.len, &self.ca, &why) != 0) {
		diag_prefix(&why, dir);
		die(&why);
	}
	load_key(dir, "log.key", &self.log_key);
	load_key(dir, "cosign.key", &self.cosign_key);
	load_vkey(dir, "log.vkey", &self.log_vkey);
	load_vkey(dir, "cosign.vkey", &self.cosign_vkey);
	buf_init(&name, sizeof self.log_name);
	vkey_print(&self.log_vkey, &name);
	must(str_copy_len(self.log_name, sizeof self.log_name, name.data,
		 name.len) == 0);
	must(str_format(path, sizeof path, "%s/heads.db", dir) == 0);
	if (heads_open(path, &self.heads, &why) != 0)
		die(&why);
}

/* ---- questions ---- */

static struct buf *
answer(uint32_t type)
{
	struct buf *b = &self.answers[self.n];

	buf_reset(b);
	self.types[self.n++] = type;
	return b;
}

static void
answer_signed(uint64_t id, int err, uint64_t size, const struct buf *note)
{
	struct buf *b = answer(WIRE_SIGNED);

	buf_put_u64(b, id);
	buf_put_u32(b, (uint32_t)-err);
	buf_put_u64(b, size);
	buf_put_blob(b, err == 0 ? note->data : NULL, err == 0 ? note->len : 0);
}

/* The checkpoint of a note that its own log signed, as a question to heads. */
static int
check_note(const char *vkey, const uint8_t *note, size_t len,
    struct heads_ask *a, struct checkpoint *c)
{
	struct vkey v;
	int r;

	if (vkey_parse(vkey, &v) != 0 || v.type != NOTE_ED25519)
		return -EBADMSG;
	r = note_verify((const char *)note, len, &v, NULL, NULL);
	if (r == 0)
		r = checkpoint_parse((const char *)note, len, c, NULL);
	if (r == -ENOMEM)
		return r;
	if (r != 0 || !str_eq(c->origin, v.name) || a->first > UINT64_MAX / 2 ||
	    c->size != a->first + a->count)
		return -EBADMSG;
	a->root = c->root;
	return 0;
}

static int
on_cosign(struct cur *in)
{
	OWN(buf_done) struct buf note = {0};
	struct heads_ask a = {0};
	struct checkpoint c;
	char vkey[WIRE_VKEY_MAX];
	const uint8_t *text;
	uint64_t id = cur_u64(in), size = 0;
	size_t len;
	int r;

	cur_str(in, vkey, sizeof vkey);
	a.log = vkey;
	a.gen = cur_u32(in);
	a.first = cur_u64(in);
	a.hashes = cur_blob(in, &a.count);
	text = cur_blob(in, &len);
	if (cur_end(in) != 0 || a.count % SEAL_HASH != 0)
		return -EBADMSG;
	a.count /= SEAL_HASH;
	buf_init(&note, NOTE_MAX);
	r = check_note(vkey, text, len, &a, &c);
	if (r == 0)
		r = heads_grow(self.heads, &a, &size);
	if (r == 0) {
		buf_put(&note, text, len);
		r = note_cosign(&note, &self.cosign_vkey, self.cosign_key,
		    (uint64_t)(clock_now().wall_us / 1000000));
	}
	answer_signed(id, r, size, &note);
	return r;
}

static int
on_sign(struct cur *in)
{
	OWN(buf_done) struct buf note = {0};
	struct heads_ask a = {.log = self.log_name};
	struct checkpoint c;
	const uint8_t *body;
	uint64_t id = cur_u64(in), size = 0;
	size_t len;
	int r = 0;

	a.first = cur_u64(in);
	a.hashes = cur_blob(in, &a.count);
	body = cur_blob(in, &len);
	if (cur_end(in) != 0 || a.count % SEAL_HASH != 0)
		return -EBADMSG;
	a.count /= SEAL_HASH;
	buf_init(&note, NOTE_MAX);
	if (len > 0) {
		r = checkpoint_parse_body((const char *)body, len, &c, NULL);
		if (r == 0 && (!str_eq(c.origin, self.log_vkey.name) ||
				  c.size != a.first + a.count))
			r = -EBADMSG;
		a.root = c.root;
	}
	if (r == 0)
		r = heads_grow(self.heads, &a, &size);
	if (r == 0 && len > 0)
		r = note_sign(body, len, &self.log_vkey, self.log_key, &note);
	answer_signed(id, r, size, &note);
	return r;
}

static int
on_issue(struct cur *in)
{
	OWN(pki_cert_freep) struct pki_cert *cert = NULL;
	OWN(buf_done) struct buf pem = {0};
	int64_t now = clock_now().wall_us;
	const struct pki_span when = {
	    .from_us = now - HOUR_US, .to_us = now + AGENT_DAYS * DAY_US};
	char agent[WIRE_AGENT_MAX];
	const uint8_t *key;
	struct buf *b;
	uint64_t id = cur_u64(in);
	size_t len;
	int r;

	cur_str(in, agent, sizeof agent);
	key = cur_blob(in, &len);
	if (cur_end(in) != 0)
		return -EBADMSG;
	buf_init(&pem, PKI_PEM_MAX);
	r = pki_agent_new(self.ca, self.ca_key, agent, key, len, &when, &cert);
	if (r == 0)
		r = pki_cert_print(cert, &pem);
	b = answer(WIRE_ISSUED);
	buf_put_u64(b, id);
	buf_put_u32(b, (uint32_t)-r);
	buf_put_blob(b, pem.data, pem.len);
	return r;
}

/* 0 and the verdicts of a question go on; anything else ends the process. */
static bool
is_verdict(int r)
{
	return r == 0 || r == -ERANGE || r == -EEXIST || r == -EBADMSG ||
	       r == -EINVAL;
}

static int
on_message(const struct ipc_in *in)
{
	struct cur c;

	cur_init(&c, in->data, in->len);
	if (in->type == WIRE_COSIGN)
		return on_cosign(&c);
	if (in->type == WIRE_SIGN)
		return on_sign(&c);
	if (in->type == WIRE_ISSUE)
		return on_issue(&c);
	return -EBADMSG;
}

/* ---- the loop ---- */

/* Answers, in one commit, what waits. */
static void
serve(struct proc_peer *store)
{
	int r = heads_begin(self.heads), got = -EAGAIN;

	must(store != NULL);
	self.n = 0;
	while (r == 0 && self.n < GROUP_MAX) {
		size_t before = self.n;

		got = ipc_recv(store->fd, self.proc.in);
		if (got != 1)
			break;
		own_close(&self.proc.in->fd);
		r = on_message(self.proc.in);
		if (is_verdict(r))
			r = 0;
		if (r == 0 && self.n == before)
			log_warn("store sent a message that is none");
	}
	if (r == 0)
		r = heads_commit(self.heads);
	if (r != 0) {
		log_error("heads.db: %s; nothing is signed until it can be "
			  "written again",
		    strerror(-r));
		exit(1);
	}
	for (size_t i = 0; i < self.n; i++) {
		if (buf_error(&self.answers[i]) != 0 ||
		    ipc_send_wait(store->fd, self.types[i],
			self.answers[i].data, self.answers[i].len, -1,
			5000) != 0) {
			proc_peer_lost(store);
			return;
		}
	}
	if (got == 0 || got == -EBADMSG)
		proc_peer_lost(store);
}

static void
loop(void)
{
	while (!self.proc.stopping) {
		struct proc_peer *store = proc_peer(&self.proc, ROLE_STORE, 0);
		struct pollfd p[2] = {{.fd = self.proc.ctl, .events = POLLIN},
		    {.fd = store == NULL ? -1 : store->fd, .events = POLLIN}};

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents != 0)
			(void)proc_step(&self.proc);
		else if (p[1].revents != 0)
			serve(store);
	}
}

int
main(int argc, char **argv)
{
	struct config_args args = {0};
	struct jail_taken taken;
	struct diag why = {0};
	struct jail j;
	char dir[4096];

	config_args(&args, argc, argv);
	proc_init(&self.proc, "chaperone-sign");
	must(args.state != NULL);
	must(str_format(dir, sizeof dir, "%s/sign", args.state) == 0);
	for (size_t i = 0; i < GROUP_MAX; i++)
		buf_init(&self.answers[i], IPC_MAX);
	j = role_jail(role_find(COLLECTOR_ROLES, ROLE_SIGN), dir);
	if (jail_enter(&j, &taken, &why) != 0)
		die(&why);
	load_all(dir);
	proc_ready(&self.proc, "");
	loop();
	heads_close(self.heads);
	seal_key_free(self.log_key);
	seal_key_free(self.cosign_key);
	pki_key_free(self.ca_key);
	pki_cert_free(self.ca);
	for (size_t i = 0; i < GROUP_MAX; i++)
		buf_done(&self.answers[i]);
	free(self.proc.in);
	return 0;
}
