/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edm - the verbs of `chaperone edm`.
 */
#ifndef CLI_EDM_H
#define CLI_EDM_H

#include "lib/own.h"

/* Each: argv[0] is the verb. They return an exit code. */
int edmbuild_run(int argc, char **argv);
int edmconfirm_run(int argc, char **argv);
int edmimport_run(int argc, char **argv);

#endif
