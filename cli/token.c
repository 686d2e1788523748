/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chaperone token - the one-time tokens that enrol an agent.
 *
 * Owns: how a token is printed: alone on standard output, once.
 * Never: keeps it; the collector keeps its digest.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/control.h"
#include "collector/wire.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/str.h"

#include "lib/own.h"

#define LIFETIME_S 3600
#define LIFETIME_MAX_S (30 * 86400)

static void
print(const char *token, uint64_t lifetime, bool json)
{
	OWN(buf_wipe) struct buf line = {0};
	char when[CLOCK_TEXT_SIZE];
	struct json j;

	buf_init(&line, 1024);
	if (json) {
		clock_text(
		    clock_now().wall_us + (int64_t)lifetime * 1000000, when);
		json_init(&j, &line);
		json_begin_object(&j, NULL);
		json_str(&j, "token", token);
		json_str(&j, "expires", when);
		json_end_object(&j);
	} else {
		buf_printf(&line, "%s", token);
	}
	cli_line(&line);
}

static int
run(int argc, char **argv)
{
	OWN(buf_done) struct buf body = {0};
	struct control_done done = {0};
	const char *state = CONTROL_STATE;
	uint64_t lifetime = LIFETIME_S;
	struct diag why = {""};
	bool json = false;
	int r;

	if (argc < 2 || !str_eq(argv[1], "new"))
		return cli_usage("token", "what to do is missing: new");
	for (int i = 2; i < argc; i++) {
		if (str_eq(argv[i], "--json"))
			json = true;
		else if (str_eq(argv[i], "--state") && i + 1 < argc)
			state = argv[++i];
		else if (str_eq(argv[i], "--lifetime") && i + 1 < argc &&
			 str_u64(argv[i + 1], LIFETIME_MAX_S, &lifetime) == 0 &&
			 lifetime > 0)
			i++;
		else if (str_eq(argv[i], "--lifetime"))
			return cli_usage("token",
			    "--lifetime must be 1 to %d seconds",
			    LIFETIME_MAX_S);
		else
			return cli_usage(
			    "token", "\"%s\" is not known", argv[i]);
	}
	buf_init(&body, 64);
	buf_put_u64(&body, lifetime);
	r = control_ask(state, WIRE_TOKEN, &body, NULL, NULL, &done, &why);
	if (r == 0 && done.err == 0)
		print(done.token, lifetime, json);
	explicit_bzero(done.token, sizeof done.token);
	return control_exit("token", r, &done, &why);
}

static const char HELP[] =
    "Example: sudo chaperone token new --lifetime 600\n\n"
    "Usage: chaperone token new [--lifetime SECONDS] [--state DIR] [--json]\n\n"
    "Makes a token that enrols one agent, once, and prints it. It may be used\n"
    "for SECONDS (3600; 30 days at most). To be run as root on the collector's\n"
    "machine while the collector runs; DIR is the collector's state\n"
    "(/var/lib/chaperone-collector).\n";

const struct command command_token = {
    .name = "token",
    .summary = "a one-time token that enrols an agent (collector)",
    .help = HELP,
    .run = run,
};
