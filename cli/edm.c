/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edm - `chaperone edm`: indexes for exact data match, made and asked.
 *
 * Owns: the verbs and their help.
 * Never: runs on a watched host; what it reads is a table of people.
 */
#include "cli/edm.h"

#include "cli/cli.h"
#include "lib/str.h"

#include "lib/own.h"

static int
run(int argc, char **argv)
{
	if (argc < 2)
		return cli_usage(
		    "edm", "what to do is missing: build, confirm, import");
	if (str_eq(argv[1], "build"))
		return edmbuild_run(argc - 1, argv + 1);
	if (str_eq(argv[1], "confirm"))
		return edmconfirm_run(argc - 1, argv + 1);
	if (str_eq(argv[1], "import"))
		return edmimport_run(argc - 1, argv + 1);
	return cli_usage(
	    "edm", "no verb \"%s\": build, confirm, import", argv[1]);
}

const struct command command_edm = {
    .name = "edm",
    .summary = "makes an index of your own data, and confirms what it found",
    .help =
	"Example: chaperone edm build customers.csv --primary ssn "
	"--secondary name,town --out index\n\n"
	"Usage: chaperone edm build TABLE.csv --primary COLUMN[,...]\n"
	"           --secondary COLUMN[,...] --out DIR [--name NAME] [--key "
	"FILE]\n"
	"           [--rate N]\n"
	"       chaperone edm confirm --key FILE --table FILE ... [--json] "
	"[FILE]\n"
	"       chaperone edm import TABLE --key FILE [--state DIR]\n\n"
	"build is for a clean machine. It writes NAME.edm, which hosts get\n"
	"beside their packs, and NAME.table and NAME.key, which they never "
	"get.\n"
	"One value in N that is not in the table passes a host's filter: 128,\n"
	"or 16, 32, 64, 256, 512, 1024. Fewer tell its root more.\n\n"
	"confirm reads the lines of chaperone scan --json or chaperone events\n"
	"--json, and says of each finding how many candidates are in a table.\n\n"
	"import gives both to the collector on this machine (as root), whose\n"
	"reports then tell what was confirmed; DIR is the collector's state\n"
	"(/var/lib/chaperone-collector).\n\n"
	"Exit: 0, 1 something is confirmed, 2 usage, 3 a table or an index is\n"
	"bad, 8 some candidates could not be opened.\n",
    .run = run,
};
