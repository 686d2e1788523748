/* SPDX-License-Identifier: Apache-2.0 */
/*
 * web - the pages for people.
 *
 * Owns: the addresses of web.h, the session's cookie, the headers that keep a
 * page from being framed, scripted or kept, and the questions to report.
 * Never: reads a report, or lets one be asked for without a login; the answer
 * to a wrong name is the answer to a wrong password.
 */
#include "collector/web/web.h"

#include <errno.h>
#include <string.h>

#include "collector/web/inner.h"
#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define COOKIE "__Host-chaperone"
#define FORM_MAX 4096
#define PAGE_MAX ((size_t)64 * 1024)
#define WAITING_MAX 256
#define TEXT_MAX 256 /* of a provider's id in an address */
#define HEADERS_MAX 16

struct web {
	struct door *door;
	struct web_config c;
	struct https *server;
	uint64_t waiting[WAITING_MAX]; /* ids of questions to report */
	size_t nwaiting;
};

/* ---- answers ---- */

#define POLICY \
	"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; " \
	"base-uri 'none'; frame-ancestors 'none'"

static const char *const PAGE_HEADERS[] = {"Content-Security-Policy", POLICY,
    "X-Frame-Options", "DENY", "Referrer-Policy", "no-referrer",
    "Cross-Origin-Opener-Policy", "same-origin", "Cross-Origin-Resource-Policy",
    "same-origin"};

/* An answer with the headers of every page, and up to three more. */
struct page {
	unsigned status;
	const char *type;
	struct {
		const char *name, *value;
	} more[3];
};

static void
fill_headers(const struct page *p, const char *out[HEADERS_MAX + 1])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(PAGE_HEADERS); i++)
		out[n++] = PAGE_HEADERS[i];
	for (size_t i = 0; i < ARRAY_LEN(p->more); i++) {
		if (p->more[i].name == NULL)
			break;
		out[n++] = p->more[i].name;
		out[n++] = p->more[i].value;
	}
	out[n] = NULL;
}

static void
answer(struct https_request *q, const struct page *p, struct buf *body)
{
	const char *headers[HEADERS_MAX + 1];
	struct https_answer a = {
	    .status = p->status, .type = p->type, .headers = headers};

	fill_headers(p, headers);
	if (body != NULL && buf_error(body) == 0) {
		a.body = body->data;
		a.len = body->len;
	} else if (body != NULL) {
		a.status = 503;
	}
	https_answer(q, &a);
}

/* A browser wants a page, a script a line. */
static bool
wants_html(const struct https_request *q)
{
	const char *accept = https_header(q, "Accept");

	return accept != NULL && strstr(accept, "text/html") != NULL;
}

#define HTML "text/html; charset=utf-8"

/* @sentence: what the status alone does not say, or NULL. */
static void
error(struct https_request *q, struct page p, const char *sentence)
{
	OWN(buf_done) struct buf b = {0};
	struct json j;

	buf_init(&b, PAGE_MAX);
	if (wants_html(q)) {
		p.type = HTML;
		page_error(&b, p.status, sentence);
	} else {
		p.type = "application/json";
		json_init(&j, &b);
		json_begin_object(&j, NULL);
		json_str(&j, "error",
		    sentence != NULL ? sentence : page_what(p.status));
		json_end_object(&j);
		buf_put_u8(&b, '\n');
		buf_put_u8(&b, '\n');
	}
	answer(q, &p, &b);
}

static void
refuse(void *ctx UNUSED, struct https_request *q, unsigned status)
{
	const char *sentence = NULL;

	if (status == 400)
		sentence = "A form needs its length beforehand.";
	else if (status == 503)
		sentence = "The report was not made in time.";
	error(q, (struct page){.status = status}, sentence);
}

static void
go_to(struct https_request *q, const char *target, const char *cookie)
{
	answer(q,
	    &(struct page){.status = 303,
		.more = {{"Location", target},
		    {cookie != NULL ? "Set-Cookie" : NULL, cookie}}},
	    NULL);
}

/* ---- the login ---- */

/* Where a request wanted to go, to go there after the login. */
static void
put_target(const struct https_request *q, struct buf *out)
{
	static const char *const NAMES[] = {
	    "provider", "from", "to", "format", "view"};
	char sep = '?';

	if (!str_eq(https_path(q), "/report")) {
		buf_put_u8(out, '/');
		return;
	}
	buf_printf(out, "/report");
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
		const char *value = https_query(q, NAMES[i]);

		if (value == NULL)
			continue;
		buf_printf(out, "%c%s=", sep, NAMES[i]);
		form_put(out, value);
		sep = '&';
	}
}

static void
show_login(struct https_request *q, struct page p, const char *sentence,
    const char *target)
{
	OWN(buf_done) struct buf b = {0};

	buf_init(&b, PAGE_MAX);
	p.type = HTML;
	page_login(&b, sentence, form_target_ok(target) ? target : "/");
	answer(q, &p, &b);
}

/* A browser gets the form, a script the reason. */
static void
ask_login(struct https_request *q)
{
	OWN(buf_done) struct buf target = {0};
	const struct page p = {.status = 401,
	    .more = {{"WWW-Authenticate",
		"Cookie realm=\"Chaperone\", form-action=\"/login\", "
		"cookie-name=" COOKIE}}};
	const char *text;

	if (!wants_html(q)) {
		error(q, p,
		    "Log in at /login, or send user and password (Basic).");
		return;
	}
	buf_init(&target, 1024);
	put_target(q, &target);
	text = buf_text(&target);
	show_login(q, p, NULL, text != NULL ? text : "/");
}

static void
tell(const struct web *w, enum web_event e, const struct https_request *q)
{
	char address[64];

	https_address(q, address, sizeof address);
	w->c.event(w->c.ctx, e, address);
}

static void
say_limited(struct web *w, struct https_request *q)
{
	tell(w, WEB_LIMITED, q);
	error(q, (struct page){.status = 429, .more = {{"Retry-After", "60"}}},
	    NULL);
}

/* True for who is logged in; answers and returns false else. */
static bool
admit(struct web *w, struct https_request *q)
{
	const char *token = https_cookie(q, COOKIE);
	const char *header = https_header(q, "Authorization");
	uint64_t now = clock_boot_us();
	char address[64];

	if (token != NULL && door_known(w->door, token, now))
		return true;
	if (header == NULL) {
		ask_login(q);
		return false;
	}
	https_address(q, address, sizeof address);
	switch (door_basic(w->door, address, header, now)) {
	case DOOR_OPEN:
		return true;
	case DOOR_LIMITED:
		say_limited(w, q);
		return false;
	case DOOR_SHUT:
		break;
	}
	tell(w, WEB_REFUSED, q);
	error(q,
	    (struct page){.status = 401,
		.more = {{"WWW-Authenticate",
		    "Basic realm=\"Chaperone\", charset=\"UTF-8\""}}},
	    "The user or the password is wrong.");
	return false;
}

/* A form of another site's page is not ours to take. */
static bool
same_site(const struct https_request *q)
{
	const char *site = https_header(q, "Sec-Fetch-Site");
	const char *origin = https_header(q, "Origin");
	const char *host = https_header(q, "Host");

	if (site != NULL)
		return str_eq(site, "same-origin") || str_eq(site, "none");
	return origin == NULL ||
	       (host != NULL && str_starts(origin, "https://") &&
		   str_eq(origin + strlen("https://"), host));
}

static void
log_in(struct web *w, struct https_request *q, const char *target)
{
	char token[DOOR_TOKEN_SIZE], cookie[256];

	door_session(w->door, clock_boot_us(), token);
	must(str_format(cookie, sizeof cookie,
		 COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict",
		 token) == 0);
	tell(w, WEB_LOGIN, q);
	go_to(q, form_target_ok(target) ? target : "/", cookie);
	explicit_bzero(token, sizeof token);
	explicit_bzero(cookie, sizeof cookie);
}

static void
post_login(struct web *w, struct https_request *q)
{
	char user[DOOR_TEXT_MAX], password[DOOR_TEXT_MAX];
	char target[1024], address[64];
	enum door_answer a;
	const void *body;
	size_t len;

	body = https_body(q, &len);
	if (form_get(body, len, "next", target, sizeof target) != 0)
		target[0] = '\0';
	if (form_get(body, len, "user", user, sizeof user) != 0 ||
	    form_get(body, len, "password", password, sizeof password) != 0) {
		error(q, (struct page){.status = 400},
		    "The form lacks the user or the password.");
		return;
	}
	https_address(q, address, sizeof address);
	a = door_try(w->door, address, user, password, clock_boot_us());
	explicit_bzero(password, sizeof password);
	if (a == DOOR_OPEN) {
		log_in(w, q, target);
	} else if (a == DOOR_LIMITED) {
		say_limited(w, q);
	} else {
		tell(w, WEB_REFUSED, q);
		show_login(q, (struct page){.status = 403},
		    "The user or the password is wrong.", target);
	}
}

static void
get_login(struct web *w, struct https_request *q)
{
	const char *token = https_cookie(q, COOKIE);

	if (token != NULL && door_known(w->door, token, clock_boot_us()))
		go_to(q, "/", NULL);
	else
		show_login(q, (struct page){.status = 200}, NULL, "/");
}

static void
post_logout(struct web *w, struct https_request *q)
{
	const char *token = https_cookie(q, COOKIE);

	if (token != NULL)
		door_leave(w->door, token);
	go_to(q, "/login",
	    COOKIE "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
}

/* ---- questions to report ---- */

struct question {
	const char *action, *provider, *format, *view;
	int64_t from_us, to_us;
};

static void
ask(struct web *w, struct https_request *q, const struct question *a)
{
	OWN(buf_done) struct buf m = {0};

	buf_init(&m, 2048);
	buf_put_u64(&m, https_id(q));
	buf_put_str(&m, WEB_USER);
	buf_put_str(&m, "page");
	buf_put_str(&m, a->action);
	buf_put_str(&m, a->provider);
	buf_put_u64(&m, (uint64_t)a->from_us);
	buf_put_u64(&m, (uint64_t)a->to_us);
	buf_put_str(&m, a->format);
	buf_put_str(&m, a->view != NULL ? a->view : "");
	if (w->nwaiting == WAITING_MAX || buf_error(&m) != 0 ||
	    w->c.send(w->c.ctx, WIRE_ASK, &m) != 0)
		error(q, (struct page){.status = 503}, NULL);
	else
		w->waiting[w->nwaiting++] = https_id(q);
}

static void
get_index(struct web *w, struct https_request *q)
{
	if (admit(w, q))
		ask(w, q,
		    &(struct question){
			.action = "index", .provider = "", .format = "html"});
}

/* A time in an address; absent or empty is open. */
static int
get_time(const struct https_request *q, const char *name, int64_t *out)
{
	const char *text = https_query(q, name);

	*out = 0;
	if (text == NULL || text[0] == '\0')
		return 0;
	return clock_parse(text, out) == 0 && *out > 0 ? 0 : -EINVAL;
}

static bool
format_ok(const char *format)
{
	return str_eq(format, "html") || str_eq(format, "json") ||
	       str_eq(format, "csv");
}

static void
get_report(struct web *w, struct https_request *q)
{
	const char *format = https_query(q, "format");
	struct question a = {.action = "report",
	    .provider = https_query(q, "provider"),
	    .format = format != NULL ? format : "html",
	    .view = https_query(q, "view")};
	const char *bad = NULL;

	if (!admit(w, q))
		return;
	if (a.provider == NULL || a.provider[0] == '\0' ||
	    strlen(a.provider) > TEXT_MAX)
		bad = "provider is missing, or too long.";
	else if (a.view != NULL && strlen(a.view) >= WIRE_VIEW_MAX)
		bad = "view is too long.";
	else if (!format_ok(a.format))
		bad = "format is html, json or csv.";
	else if (get_time(q, "from", &a.from_us) != 0)
		bad = "from is no date (2026-01-31) or time "
		      "(2026-01-31T12:00:00Z).";
	else if (get_time(q, "to", &a.to_us) != 0)
		bad = "to is no date (2026-01-31) or time "
		      "(2026-01-31T12:00:00Z).";
	else if (a.to_us != 0 && a.to_us <= a.from_us)
		bad = "to lies before from.";
	if (bad != NULL)
		error(q, (struct page){.status = 400}, bad);
	else
		ask(w, q, &a);
}

/* ---- the table ---- */

struct address {
	const char *path, *method;
	size_t body_max;
	void (*serve)(struct web *w, struct https_request *q);
};

static const struct address ADDRESSES[] = {
    {"/", "GET", 0, get_index},
    {"/report", "GET", 0, get_report},
    {"/login", "GET", 0, get_login},
    {"/login", "POST", FORM_MAX, post_login},
    {"/logout", "POST", FORM_MAX, post_logout},
};

static const struct address *
find(struct https_request *q)
{
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(ADDRESSES); i++) {
		const struct address *a = &ADDRESSES[i];

		if (!str_eq(https_path(q), a->path))
			continue;
		if (str_eq(https_method(q), a->method))
			return a;
		known = true;
	}
	error(q, (struct page){.status = known ? 405 : 404}, NULL);
	return NULL;
}

static void
on_head(void *ctx UNUSED, struct https_request *q, struct https_want *want)
{
	const struct address *a = find(q);

	if (a == NULL)
		return;
	want->max = a->body_max;
	if (a->body_max > 0 && !same_site(q))
		error(q, (struct page){.status = 403}, NULL);
}

static void
on_whole(void *ctx, struct https_request *q)
{
	const struct address *a = find(q);

	if (a != NULL)
		a->serve(ctx, q);
}

const struct https_site WEB_SITE = {
    .head = on_head, .whole = on_whole, .refuse = refuse};

/* ---- report's answers ---- */

static struct https_request *
take_waiting(struct web *w, uint64_t id)
{
	for (size_t i = 0; i < w->nwaiting; i++) {
		if (w->waiting[i] == id) {
			w->waiting[i] = w->waiting[--w->nwaiting];
			return https_find(w->server, id);
		}
	}
	return NULL;
}

static void
hand_on(struct https_request *q, const char *type, int fd)
{
	const struct page p = {.status = 200,
	    .type = type,
	    .more = {
		{str_starts(type, "text/csv") ? "Content-Disposition" : NULL,
		    "attachment; filename=\"chaperone-report.csv\""}}};
	const char *headers[HEADERS_MAX + 1];
	const struct https_answer a = {
	    .status = p.status, .type = p.type, .headers = headers};

	fill_headers(&p, headers);
	https_answer_file(q, &a, fd);
}

int
web_message(struct web *w, uint32_t type, struct cur *in, int fd)
{
	OWN_FD int body = fd;
	char content[128], sentence[WIRE_ERROR_MAX];
	struct https_request *q;
	uint64_t id = cur_u64(in);
	uint32_t status = cur_u32(in);

	cur_str(in, content, sizeof content);
	cur_str(in, sentence, sizeof sentence);
	(void)cur_u8(in); /* flags, for the command line */
	if (type != WIRE_ANSWER || cur_end(in) != 0 || status < 200 ||
	    status > 599 || strpbrk(content, "\r\n") != NULL)
		return -EBADMSG;
	q = take_waiting(w, id);
	if (q == NULL)
		return 0;
	if (status == 200 && body >= 0 && content[0] != '\0')
		hand_on(q, content, own_take_fd(&body));
	else
		error(q, (struct page){.status = status == 200 ? 503 : status},
		    sentence[0] != '\0' ? sentence : NULL);
	return 0;
}

void
web_lost(struct web *w)
{
	while (w->nwaiting > 0) {
		struct https_request *q =
		    https_find(w->server, w->waiting[--w->nwaiting]);

		if (q != NULL)
			error(q, (struct page){.status = 503},
			    "The process that makes reports was started "
			    "again.");
	}
}

/* ---- life ---- */

int
web_new(const struct web_config *c, struct web **out)
{
	struct web *w = calloc(1, sizeof *w);
	int r;

	if (w == NULL)
		return -ENOMEM;
	w->c = *c;
	w->c.password = NULL;
	r = door_new(c->password, &w->door);
	if (r != 0) {
		free(w);
		return r;
	}
	*out = w;
	return 0;
}

void
web_free(struct web *w)
{
	if (w == NULL)
		return;
	door_free(w->door);
	free(w);
}

void
web_bind(struct web *w, struct https *server)
{
	w->server = server;
}
