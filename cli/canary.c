/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canary - `chaperone canary`: values that tell whose copy leaked.
 *
 * Owns: the verbs and their help.
 * Never: runs on a watched host; its key knows every canary.
 */
#include "cli/canaryset.h"
#include "cli/cli.h"
#include "lib/str.h"

#include "lib/own.h"

static int
run(int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(
		    "canary", "what to do is missing: make, check");
	if (str_eq(argv[1], "make"))
		return canarymake_run(argc - 1, argv + 1);
	if (str_eq(argv[1], "check"))
		return canarycheck_run(argc - 1, argv + 1);
	return cli_usage("canary", "no verb \"%s\": make, check", argv[1]);
}

const struct command command_canary = {
    .name = "canary",
    .summary = "makes values to plant that tell whose copy leaked",
    .help =
	"Example: chaperone canary make --provider acme --count 5 "
	"--key canary.key -o acme\n\n"
	"Usage: chaperone canary make --provider NAME --key FILE -o DIR\n"
	"           [--count N] [--domain NAME]\n"
	"       chaperone canary check --key FILE [--json] FILE ...\n\n"
	"make is for a clean machine. It makes the key if there is none, and\n"
	"writes what to plant (DIR/plant), what hosts get beside their packs\n"
	"(DIR/host), and what the collector gets by chaperone edm import\n"
	"(DIR/canary-NAME.table, with the key). N copies (1) are made; the same\n"
	"key makes the same values again. Mail addresses are of a domain that\n"
	"you name (customers.example).\n\n"
	"check says which copies of whose canaries stand in files of any kind\n"
	"(\"-\" is standard input), by the key alone.\n\n"
	"Exit: 0, 1 a canary was found, 2 usage, 3 a key is bad, 8 some of it\n"
	"could not be examined.\n",
    .run = run,
};
