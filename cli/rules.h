/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - where the rule packs are that a subcommand uses by default.
 */
#ifndef CLI_RULES_H
#define CLI_RULES_H

/* cli_rules_dir - the packs beside the program as built or installed
 * (borrowed): share/chaperone/rules below its prefix, or the source's rules. */
const char *cli_rules_dir(void);

#endif
