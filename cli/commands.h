/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commands - declares every row of commands.def.
 */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/cli.h"

#define COMMAND(name) extern const struct command command_##name;
#include "cli/commands.def"
#undef COMMAND

#endif
