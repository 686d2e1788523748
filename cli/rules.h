/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules - the verbs of `chaperone rules`, and where the rules are that nobody
 * named.
 */
#ifndef CLI_RULES_H
#define CLI_RULES_H

/*
 * cli_rules_dir - ./rules where it is a directory, else the rules beside the
 * build that this program runs from, else PREFIX/share/chaperone/rules as seen
 * from PREFIX/bin. Borrowed; never NULL, but the directory may not exist.
 */
const char *cli_rules_dir(void);

struct rules_verb {
	const char *name;
	const char *summary;
	const char *help; /* an example first */
	int (*run)(int argc, char **argv); /* argv[0] is the verb */
};

extern const struct rules_verb rulesnew_verb, rulesexplain_verb, rulesdiff_verb,
    rulesbench_verb, rulesallow_verb, rulesseal_sign, rulesseal_verify,
    rulesimport_verb;

#endif
