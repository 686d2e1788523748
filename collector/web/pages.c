/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages - the HTML that is not a report: the login, and what went wrong.
 *
 * Owns: its words and its looks: no script, nothing from outside, the fonts of
 * the reader's own system.
 * Never: writes a foreign text without escaping it.
 */
#include <string.h>

#include "collector/web/inner.h"

#include "lib/own.h"

static const char STYLE[] =
    ":root{--ink:#1c2733;--soft:#55606c;--line:#d5dbe1;--edge:#8a95a0;"
    "--back:#f4f6f8;--act:#1f5fa8;--bad:#9c1c14;--bad-back:#fdf1f0}"
    "*{box-sizing:border-box}"
    "body{margin:0;min-height:100vh;display:flex;align-items:center;"
    "justify-content:center;padding:1.5rem;background:var(--back);"
    "color:var(--ink);font:1rem/1.5 system-ui,-apple-system,'Segoe UI',"
    "'Liberation Sans',sans-serif}"
    "main{width:100%;max-width:25rem;padding:2rem;background:#fff;"
    "border:1px solid var(--line);border-top:4px solid var(--act);"
    "border-radius:.5rem}"
    ".name{margin:0 0 1.25rem;font-size:.8125rem;font-weight:600;"
    "letter-spacing:.08em;text-transform:uppercase;color:var(--soft)}"
    "h1{margin:0 0 .25rem;font-size:1.375rem;line-height:1.25}"
    "p{margin:.25rem 0 1rem;color:var(--soft)}"
    "label{display:block;margin:1rem 0 .25rem;font-weight:600;"
    "font-size:.9375rem}"
    "input{width:100%;padding:.5rem .625rem;font:inherit;color:inherit;"
    "background:#fff;border:1px solid var(--edge);"
    "border-radius:.3rem}"
    "button{width:100%;margin-top:1.5rem;padding:.625rem;font:inherit;"
    "font-weight:600;color:#fff;background:var(--act);"
    "border:1px solid var(--act);border-radius:.3rem;cursor:pointer}"
    "input:focus-visible,button:focus-visible,a:focus-visible{"
    "outline:3px solid var(--act);outline-offset:2px}"
    "a{color:var(--act)}"
    ".bad{margin:1rem 0 0;padding:.625rem .75rem;color:var(--bad);"
    "background:var(--bad-back);border-left:4px solid var(--bad);"
    "border-radius:.2rem}"
    ".foot{margin:1.5rem 0 0;font-size:.875rem}";

/* Foreign text, within an element or a quoted attribute. */
static void
put_text(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '&')
			buf_printf(out, "&amp;");
		else if (*s == '<')
			buf_printf(out, "&lt;");
		else if (*s == '>')
			buf_printf(out, "&gt;");
		else if (*s == '"')
			buf_printf(out, "&quot;");
		else if (*s == '\'')
			buf_printf(out, "&#39;");
		else
			buf_put_u8(out, (uint8_t)*s);
	}
}

static void
begin(struct buf *out, const char *title)
{
	buf_printf(out,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n"
	    "<meta name=\"viewport\" "
	    "content=\"width=device-width, initial-scale=1\">\n"
	    "<title>%s \xe2\x80\x93 Chaperone</title>\n<style>",
	    title);
	buf_put(out, STYLE, sizeof STYLE - 1);
	buf_printf(out,
	    "</style>\n</head>\n<body>\n<main>\n"
	    "<p class=\"name\">Chaperone</p>\n<h1>%s</h1>\n",
	    title);
}

static void
end(struct buf *out)
{
	buf_printf(out, "</main>\n</body>\n</html>\n");
}

void
page_login(struct buf *out, const char *error, const char *target)
{
	begin(out, "Log in");
	buf_printf(out,
	    "<p>Exposure reports are about people. Each one that you open is "
	    "recorded.</p>\n");
	if (error != NULL) {
		buf_printf(out, "<p class=\"bad\" role=\"alert\" id=\"bad\">");
		put_text(out, error);
		buf_printf(out, "</p>\n");
	}
	buf_printf(out, "<form method=\"post\" action=\"/login\">\n"
			"<input type=\"hidden\" name=\"next\" value=\"");
	put_text(out, target);
	buf_printf(out,
	    "\">\n<label for=\"user\">User</label>\n"
	    "<input id=\"user\" name=\"user\" value=\"reviewer\" required "
	    "maxlength=\"64\" autocomplete=\"username\" "
	    "autocapitalize=\"none\" spellcheck=\"false\">\n"
	    "<label for=\"password\">Password</label>\n"
	    "<input id=\"password\" name=\"password\" type=\"password\" "
	    "required maxlength=\"256\" autocomplete=\"current-password\" "
	    "autofocus%s>\n"
	    "<button>Log in</button>\n</form>\n",
	    error != NULL ? " aria-describedby=\"bad\"" : "");
	end(out);
}

struct status_text {
	unsigned status;
	const char *title, *what;
};

static const struct status_text TEXTS[] = {
    {400, "That cannot be read",
	"The address or the form holds something that is not understood."},
    {401, "Not logged in", "Log in to see this page."},
    {403, "Not allowed", "The form came from another site's page."},
    {404, "Nothing here", "There is no such page, or no such provider."},
    {405, "Not in this way", "This address takes another method."},
    {413, "Too large", "The form is larger than any that is used here."},
    {429, "Too many tries", "Wait a minute before a password is tried again."},
    {503, "Not now",
	"Reports cannot be made at the moment. Try again in a minute; if it "
	"stays so, look into the collector's log."},
};

static const struct status_text *
text_of(unsigned status)
{
	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
		if (TEXTS[i].status == status)
			return &TEXTS[i];
	return &TEXTS[ARRAY_LEN(TEXTS) - 1];
}

const char *
page_what(unsigned status)
{
	return text_of(status)->what;
}

void
page_error(struct buf *out, unsigned status, const char *sentence)
{
	const struct status_text *t = text_of(status);

	begin(out, t->title);
	buf_printf(out, "<p>%s</p>\n", t->what);
	if (sentence != NULL) {
		buf_printf(out, "<p class=\"bad\">");
		put_text(out, sentence);
		buf_printf(out, "</p>\n");
	}
	buf_printf(
	    out, "<p class=\"foot\"><a href=\"/\">All providers</a></p>\n");
	end(out);
}
