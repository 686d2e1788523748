/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client - the only user of libcurl on a host: one connection to one
 * collector, one request at a time.
 *
 * Owns: the rules of the connection. HTTPS only, TLS 1.2 at least, one CA and
 * no other (libcurl would add the system's directory), the host's name checked,
 * no proxy (libcurl would take one from the environment), no redirect, no
 * cookies, no decoding; bounds on time and on the answer.
 * Never: reads a file, follows what an answer says, waits without bound.
 *
 * A request that got no byte of an answer on a connection that was used before
 * is repeated by libcurl itself. Every request of the protocol may be.
 *
 * The name is resolved in a thread of libcurl's; ours goes on meanwhile, and
 * the end of the client does not wait for it.
 */
#include <curl/curl.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/ship/ship.h"
#include "lib/clock.h"
#include "lib/str.h"

#include "lib/own.h"

#define CONNECT_MS 10000
#define TOTAL_MS 60000
#define FDS_MAX 8
#define SCHEME "https://"

struct ship {
	CURLM *multi;
	CURL *easy;
	struct curl_slist *json, *zstd; /* headers of what is sent */
	char url[SHIP_URL_MAX];
	struct buf ca, cert, key; /* libcurl borrows them */
	bool anyone; /* no CA: the server may be anyone */
	size_t answer_max;
	enum ship_what what;
	bool busy;
	bool ended; /* and nobody took the answer yet */
	CURLcode result;
	struct buf answer;
	char error[CURL_ERROR_SIZE];
};

struct path {
	const char *path;
	bool post;
};

static const struct path PATHS[] = {
    [SHIP_CA] = {"/v1/ca", false},
    [SHIP_ENROL] = {"/v1/enrol", true},
    [SHIP_RENEW] = {"/v1/renew", true},
    [SHIP_FRONTIER] = {"/v1/frontier", false},
    [SHIP_BATCH] = {"/v1/batch", true},
};

int
ship_init(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -ENOMEM;
}

/* Letters, digits and the marks of names, addresses and ports. */
bool
ship_url_ok(const char *url)
{
	static const char HOST[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	const char *host = url + strlen(SCHEME), *end;
	uint64_t port = 0;

	if (!str_starts(url, SCHEME) || strlen(url) >= SHIP_URL_MAX)
		return false;
	if (host[0] == '[') {
		end = host + 1 + strspn(host + 1, "0123456789abcdefABCDEF:.");
		if (end == host + 1 || *end++ != ']')
			return false;
	} else {
		end = host + strspn(host, HOST);
		if (end == host)
			return false;
	}
	if (*end == '\0')
		return true;
	return *end == ':' && str_u64(end + 1, 65535, &port) == 0 && port > 0;
}

/* ---- making one ---------------------------------------------------------- */

static size_t
on_body(char *data, size_t one, size_t n, void *ctx)
{
	struct ship *s = ctx;

	/* libcurl says that @one is always 1. */
	buf_put(&s->answer, data, n * one);
	return buf_error(&s->answer) == 0 ? n * one : 0;
}

static bool
set_blob(CURL *h, CURLoption option, const struct buf *pem)
{
	struct curl_blob blob = {
	    .data = pem->data, .len = pem->len, .flags = CURL_BLOB_NOCOPY};

	return curl_easy_setopt(h, option, &blob) == CURLE_OK;
}

static bool
set_tls(struct ship *s)
{
	CURL *h = s->easy;
	bool bad = false;

	bad |= curl_easy_setopt(h, CURLOPT_SSLVERSION,
		   (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_CAINFO, NULL) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_CAPATH, NULL) != CURLE_OK;
	bad |= curl_easy_setopt(
		   h, CURLOPT_SSL_VERIFYPEER, s->anyone ? 0L : 1L) != CURLE_OK;
	bad |= curl_easy_setopt(
		   h, CURLOPT_SSL_VERIFYHOST, s->anyone ? 0L : 2L) != CURLE_OK;
	if (!s->anyone)
		bad |= !set_blob(h, CURLOPT_CAINFO_BLOB, &s->ca);
	if (s->cert.len > 0) {
		bad |= !set_blob(h, CURLOPT_SSLCERT_BLOB, &s->cert);
		bad |= !set_blob(h, CURLOPT_SSLKEY_BLOB, &s->key);
	}
	return !bad;
}

static bool
set_http(struct ship *s, const struct ship_options *o)
{
	const long connect_ms = o->connect_ms > 0 ? o->connect_ms : CONNECT_MS;
	const long total_ms = o->total_ms > 0 ? o->total_ms : TOTAL_MS;
	CURL *h = s->easy;
	bool bad = false;

	bad |= curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https") != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_PROXY, "") != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_HTTP_VERSION,
		   (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_USERAGENT, "chaperone/" VERSION) !=
	       CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) !=
	       CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, total_ms) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_MAXFILESIZE_LARGE,
		   (curl_off_t)s->answer_max) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_WRITEDATA, (void *)s) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_ERRORBUFFER, s->error) != CURLE_OK;
	return !bad;
}

static struct curl_slist *
headers(const char *type)
{
	/* Without the second libcurl waits a second before a large body. */
	struct curl_slist *l = curl_slist_append(NULL, type), *both;

	both = l == NULL ? NULL : curl_slist_append(l, "Expect:");
	if (both == NULL)
		curl_slist_free_all(l);
	return both;
}

static int
copy_pem(struct buf *to, const struct buf *from)
{
	buf_init(to, PKI_PEM_MAX);
	if (from != NULL)
		buf_put(to, from->data, from->len);
	return buf_error(to);
}

int
ship_new(const struct ship_options *o, struct ship **out, struct diag *why)
{
	OWN(ship_freep) struct ship *s = calloc(1, sizeof *s);

	if (s == NULL)
		return -ENOMEM;
	if (!ship_url_ok(o->url))
		return diag_set(why, -EINVAL,
		    "the collector's address must be https://HOST:PORT");
	must(str_copy(s->url, sizeof s->url, o->url) == 0);
	must(o->cert == NULL || o->key != NULL);
	s->anyone = o->ca == NULL;
	s->answer_max = o->answer_max > 0 ? o->answer_max : SHIP_ANSWER_MAX;
	buf_init(&s->answer, s->answer_max);
	s->multi = curl_multi_init();
	s->easy = curl_easy_init();
	s->json = headers("Content-Type: application/json");
	s->zstd = headers("Content-Type: application/zstd");
	if (copy_pem(&s->ca, o->ca) != 0 || copy_pem(&s->cert, o->cert) != 0 ||
	    copy_pem(&s->key, o->key) != 0 || s->multi == NULL ||
	    s->easy == NULL || s->json == NULL || s->zstd == NULL ||
	    !set_tls(s) || !set_http(s, o))
		return diag_set(
		    why, -ENOMEM, "the HTTPS client could not be made");
	*out = OWN_TAKE(&s);
	return 0;
}

void
ship_free(struct ship *s)
{
	if (s == NULL)
		return;
	if (s->busy)
		(void)curl_multi_remove_handle(s->multi, s->easy);
	curl_easy_cleanup(s->easy);
	(void)curl_multi_cleanup(s->multi);
	curl_slist_free_all(s->json);
	curl_slist_free_all(s->zstd);
	buf_done(&s->ca);
	buf_done(&s->cert);
	buf_wipe(&s->key);
	buf_wipe(&s->answer);
	free(s);
}

void
ship_freep(struct ship **s)
{
	ship_free(*s);
}

/* ---- a request ----------------------------------------------------------- */

static bool
set_request(struct ship *s, const struct ship_request *q)
{
	const struct path *p = &PATHS[q->what];
	char url[SHIP_URL_MAX + 64], gen[24] = "";
	CURL *h = s->easy;
	bool bad = false;

	if (q->what == SHIP_FRONTIER && q->gen_given)
		must(str_format(gen, sizeof gen, "?gen=%" PRIu32, q->gen) == 0);
	must(str_format(url, sizeof url, "%s%s%s", s->url, p->path, gen) == 0);
	bad |= curl_easy_setopt(h, CURLOPT_URL, url) != CURLE_OK;
	if (!p->post) {
		bad |= curl_easy_setopt(h, CURLOPT_HTTPGET, 1L) != CURLE_OK;
		bad |=
		    curl_easy_setopt(h, CURLOPT_HTTPHEADER, NULL) != CURLE_OK;
		return !bad;
	}
	bad |= curl_easy_setopt(h, CURLOPT_POST, 1L) != CURLE_OK;
	/* NULL would mean a read callback. */
	bad |= curl_easy_setopt(h, CURLOPT_POSTFIELDS,
		   q->len > 0 ? (const char *)q->body : "") != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE,
		   (curl_off_t)q->len) != CURLE_OK;
	bad |= curl_easy_setopt(h, CURLOPT_HTTPHEADER,
		   q->what == SHIP_BATCH ? s->zstd : s->json) != CURLE_OK;
	return !bad;
}

int
ship_start(struct ship *s, const struct ship_request *q)
{
	must(!s->busy);
	s->what = q->what;
	s->ended = false;
	s->error[0] = '\0';
	buf_reset(&s->answer);
	if (!set_request(s, q) ||
	    curl_multi_add_handle(s->multi, s->easy) != CURLM_OK)
		return -ENOMEM;
	s->busy = true;
	return 0;
}

bool
ship_busy(const struct ship *s)
{
	return s->busy;
}

/* Moves the transfer on; 1 if that was its end. */
static int
perform(struct ship *s)
{
	const CURLMsg *m;
	int running = 0, left = 0;

	if (curl_multi_perform(s->multi, &running) != CURLM_OK)
		return -EIO;
	m = curl_multi_info_read(s->multi, &left);
	if (m == NULL || m->msg != CURLMSG_DONE)
		return 0;
	s->result = m->data.result;
	s->busy = false;
	s->ended = true;
	(void)curl_multi_remove_handle(s->multi, s->easy);
	return 1;
}

/* A wait for libcurl's own descriptors as well as for @fds. */
static int
wait_fds(struct ship *s, struct pollfd *fds, size_t n, int timeout_ms)
{
	struct curl_waitfd w[FDS_MAX];
	unsigned used = 0;
	int ready = 0;

	must(n <= FDS_MAX);
	for (size_t i = 0; i < n; i++) {
		fds[i].revents = 0;
		/* A negative one is passed over, as poll() does. */
		if (fds[i].fd >= 0)
			w[used++] = (struct curl_waitfd){
			    .fd = fds[i].fd, .events = CURL_WAIT_POLLIN};
	}
	if (curl_multi_poll(s->multi, w, used, timeout_ms, &ready) != CURLM_OK)
		return -EIO;
	/* libcurl does not tell of a hang-up that stands alone. */
	return n > 0 && poll(fds, n, 0) < 0 && errno != EINTR ? -errno : 0;
}

int
ship_wait(struct ship *s, struct pollfd *fds, size_t n, int timeout_ms)
{
	uint64_t until = clock_boot_us() + (uint64_t)timeout_ms * 1000;

	for (;;) {
		int ended = s->busy ? perform(s) : 0;
		uint64_t now = clock_boot_us();
		int ms = ended == 0 && now < until
			     ? (int)((until - now + 999) / 1000)
			     : 0;
		int r = ended < 0 ? ended : wait_fds(s, fds, n, ms);

		if (r != 0 || ended != 0)
			return r != 0 ? r : ended;
		for (size_t i = 0; i < n; i++)
			if (fds[i].fd >= 0 && fds[i].revents != 0)
				return 0;
		if (clock_boot_us() >= until)
			return 0;
	}
}

/* ---- what came of it ----------------------------------------------------- */

struct outcome {
	CURLcode code;
	int err;
};

static const struct outcome OUTCOMES[] = {
    {CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED},
    {CURLE_SSL_ISSUER_ERROR, -EKEYREJECTED},
    {CURLE_SSL_CACERT_BADFILE, -EKEYREJECTED},
    {CURLE_SSL_CERTPROBLEM, -EKEYREJECTED},
    {CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT},
    {CURLE_COULDNT_CONNECT, -ECONNREFUSED},
    {CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH},
    {CURLE_WRITE_ERROR, -EMSGSIZE},
    {CURLE_FILESIZE_EXCEEDED, -EMSGSIZE},
    {CURLE_UNSUPPORTED_PROTOCOL, -EBADMSG},
    {CURLE_WEIRD_SERVER_REPLY, -EBADMSG},
    {CURLE_OUT_OF_MEMORY, -ENOMEM},
};

static int
outcome(const struct ship *s, struct diag *why)
{
	const char *text =
	    s->error[0] != '\0' ? s->error : curl_easy_strerror(s->result);
	char clean[300];
	int err = -ECONNRESET;

	for (size_t i = 0; i < ARRAY_LEN(OUTCOMES); i++)
		if (OUTCOMES[i].code == s->result)
			err = OUTCOMES[i].err;
	if (err == -EMSGSIZE)
		return diag_set(why, err, "%s: the answer is over %zu bytes",
		    s->url, s->answer_max);
	/* A server's certificate has a say in it. */
	str_escape(clean, sizeof clean, text, strlen(text));
	return diag_set(why, err, "%s: %s", s->url, clean);
}

int
ship_take(struct ship *s, struct ship_answer *out, struct diag *why)
{
	long status = 0;
	int r;

	must(s->ended);
	s->ended = false;
	if (s->result != CURLE_OK)
		return outcome(s, why);
	if (curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status) !=
		CURLE_OK ||
	    status < 100 || status > 999)
		return diag_set(
		    why, -EBADMSG, "%s: it answered without a status", s->url);
	r = ship_answer_parse(
	    s->what, (unsigned)status, s->answer.data, s->answer.len, out, why);
	if (r != 0)
		diag_prefix(why, s->url);
	return r;
}

int
ship_do(struct ship *s, const struct ship_request *q, struct ship_answer *out,
    struct diag *why)
{
	int r = ship_start(s, q);

	/* libcurl ends it when its time is over. */
	while (r == 0)
		r = ship_wait(s, NULL, 0, 1000);
	return r < 0 ? diag_set(why, r, "%s: %s", s->url, strerror(-r))
		     : ship_take(s, out, why);
}
