# SPDX-License-Identifier: Apache-2.0
#
# The table of programs is the architecture: a program links the rooms of its
# row and nothing else. Rooms are wildcards, so adding a file changes no line.

.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VERSION := $(shell cat VERSION)
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
LDFLAGS ?=
WERROR ?= 1
SAN ?= 0
V ?= 0
# 0: without Vectorscan, more slowly.
HS ?= $(shell pkg-config --exists libhs 2>/dev/null && echo 1 || echo 0)
HS_LIB := $(if $(filter 1,$(HS)),libhs)
# 0: without kernel programs. They take clang for BPF and libbpf.
BPF_CC ?= clang
# The numbers of system calls that they know are x86-64's.
BPF ?= $(shell [ "$$(uname -m)" = x86_64 ] && pkg-config --exists libbpf && \
	$(BPF_CC) -target bpf -x c -c /dev/null -o /dev/null 2>/dev/null && \
	echo 1 || echo 0)
BPF_LIB := $(if $(filter 1,$(BPF)),libbpf)
# Of each pair of files, that for what is not there.
LEFT_OUT := agent/detect/$(if $(HS_LIB),candidate_none,candidate).c \
	$(addprefix agent/sense/,$(if \
	$(BPF_LIB),kernel_none.c,kernel.c sockets.c opens.c \
	relays.c starts.c))

ifeq ($(SAN),1)
B ?= build-san
else
B ?= build
endif

# ---- the table ----------------------------------------------------------
# NAME: objects of the hallway | rooms | libraries (pkg-config or -l)

PROGRAMS := chaperone chaperone-agent chaperone-watch chaperone-inspect chaperone-capture chaperone-ship chaperone-collector chaperone-front chaperone-store chaperone-sign chaperone-confirm chaperone-record chaperone-report

chaperone_MAIN    := cli/chaperone.c cli/hub.c cli/rules.c cli/rulesnew.c cli/rulesexplain.c cli/rulesbench.c cli/rulesdiff.c cli/rulesseal.c cli/rulesallow.c cli/rulesraw.c cli/rulesimport.c cli/edm.c cli/edmbuild.c cli/edmconfirm.c cli/edmimport.c cli/canary.c cli/canaryset.c cli/canarybuild.c cli/canarymake.c cli/canarycheck.c cli/csv.c cli/reshape.c cli/toml.c cli/probe.c cli/scan.c cli/scanout.c cli/scansarif.c cli/scanpage.c cli/scanstate.c cli/walk.c cli/replay.c cli/host.c cli/status.c cli/coverage.c cli/coverageout.c cli/events.c cli/evidence.c cli/verify.c cli/control.c cli/enrol.c cli/token.c cli/agents.c cli/report.c cli/run.c cli/doctor.c agent/roles.c agent/config.c
chaperone_ROOMS   := agent/detect agent/ship
chaperone_LIBS    := libpcre2-8 $(HS_LIB) zlib yaml-0.1 jansson sqlite3 libcrypto libcurl libzstd

chaperone-agent_MAIN  := agent/main.c agent/selftest.c agent/active.c agent/roles.c agent/config.c agent/outbox.c
chaperone-agent_ROOMS :=
chaperone-agent_LIBS  := yaml-0.1 libseccomp libcap-ng libcrypto

chaperone-watch_MAIN  := agent/watchproc.c agent/roles.c agent/config.c agent/outbox.c agent/hub.c agent/memo.c agent/names.c agent/fields.c agent/access.c agent/traffic.c agent/relayed.c agent/touches.c agent/pipeline.c agent/reasons.c agent/shown.c agent/egress.c
chaperone-watch_ROOMS := agent/sense agent/who
chaperone-watch_LIBS  := yaml-0.1 libpcap $(BPF_LIB) libseccomp libcap-ng libcrypto

chaperone-capture_MAIN  := agent/captureproc.c agent/feed.c agent/roles.c agent/config.c
chaperone-capture_ROOMS := agent/sense
chaperone-capture_LIBS  := yaml-0.1 libpcap $(BPF_LIB) libseccomp libcap-ng libcrypto

chaperone-inspect_MAIN  := agent/inspectproc.c agent/labelled.c agent/roles.c agent/config.c
chaperone-inspect_ROOMS := agent/extract agent/detect
chaperone-inspect_LIBS  := libpcre2-8 $(HS_LIB) yaml-0.1 -lmagic -lm zlib libarchive libseccomp libcap-ng libcrypto

chaperone-record_MAIN  := agent/recordproc.c agent/roles.c agent/config.c
chaperone-record_ROOMS := agent/record
chaperone-record_LIBS  := yaml-0.1 sqlite3 libcrypto libzstd libseccomp libcap-ng jansson

chaperone-ship_MAIN  := agent/shipproc.c agent/roles.c agent/config.c
chaperone-ship_ROOMS := agent/ship
chaperone-ship_LIBS  := yaml-0.1 libcurl libcrypto libzstd libseccomp libcap-ng jansson

chaperone-collector_MAIN  := collector/main.c collector/roles.c collector/config.c collector/control.c collector/init.c
chaperone-collector_ROOMS :=
chaperone-collector_LIBS  := yaml-0.1 libseccomp libcap-ng libcrypto

chaperone-front_MAIN  := collector/frontproc.c collector/roles.c collector/config.c
chaperone-front_ROOMS := collector/intake collector/web
chaperone-front_LIBS  := yaml-0.1 libmicrohttpd gnutls libcrypto libzstd jansson libseccomp libcap-ng

chaperone-store_MAIN  := collector/storeproc.c collector/roles.c collector/config.c
chaperone-store_ROOMS := collector/store
chaperone-store_LIBS  := yaml-0.1 sqlite3 libcrypto libzstd jansson libseccomp libcap-ng

chaperone-sign_MAIN  := collector/signproc.c collector/roles.c collector/config.c collector/heads.c
chaperone-sign_ROOMS :=
chaperone-sign_LIBS  := yaml-0.1 sqlite3 libcrypto libseccomp libcap-ng

chaperone-confirm_MAIN  := collector/confirmproc.c collector/roles.c collector/config.c
chaperone-confirm_ROOMS :=
chaperone-confirm_LIBS  := yaml-0.1 libcrypto libseccomp libcap-ng

chaperone-report_MAIN  := collector/reportproc.c collector/expose.c collector/roles.c collector/config.c
chaperone-report_ROOMS := collector/store collector/report
chaperone-report_LIBS  := yaml-0.1 sqlite3 libcrypto libzstd jansson libseccomp libcap-ng

ROOMS := agent/sense agent/who agent/extract agent/detect agent/record \
	agent/ship collector/intake collector/store collector/report \
	collector/prove collector/web

# Libraries that a room's own tests need.
agent/sense_LIBS   := libpcap $(BPF_LIB)
agent/who_LIBS     := -lpam
agent/extract_LIBS := -lmagic zlib libarchive -lm
agent/detect_LIBS  := libpcre2-8 $(HS_LIB) zlib
agent/ship_LIBS    := libcurl libzstd libmicrohttpd gnutls
collector/intake_LIBS := libmicrohttpd gnutls libzstd
collector/store_LIBS  := libzstd
collector/web_LIBS    := libmicrohttpd gnutls
LIB_LIBS := yaml-0.1 sqlite3 libcrypto libzstd jansson libseccomp libcap-ng

# ---- flags --------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wcast-align \
	-Wwrite-strings -Wundef -Wvla -Walloca -Wformat=2 -Wswitch-enum \
	-Wdouble-promotion -Wnull-dereference
ifeq ($(WERROR),1)
WARN += -Werror
endif
try = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null \
	&& echo "$(1)")
# clang alone counts statement expressions (OWN_TAKE) as pedantic.
WARN += $(call try,-Wno-gnu-statement-expression)
BASE := -std=gnu17 -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -I. -fPIC \
	-fno-strict-aliasing -MMD -MP
# Libraries call their own functions, whatever ours are called.
VISIBILITY := -fvisibility=hidden
$(B)/packaging/pam/%.o: VISIBILITY :=
ifeq ($(SAN),1)
HARD := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer -DSAN=1
LD_HARD := -fsanitize=address,undefined
else
HARD := -fstack-protector-strong -fstack-clash-protection \
	$(call try,-fcf-protection) -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
LD_HARD := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
endif

# The PAM module is loaded into programs that know no sanitizer.
PLAIN_HARD := -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
$(B)/packaging/pam/%.o: HARD := $(PLAIN_HARD)

pkgs = $(filter-out -l%,$(1))
libs = $(if $(call pkgs,$(1)),$(shell pkg-config --libs $(call pkgs,$(1)))) \
	$(filter -l%,$(1))
ALL_PKGS := $(sort $(foreach p,$(PROGRAMS),$(call pkgs,$($(p)_LIBS))) cmocka)
PKG_CFLAGS := $(shell pkg-config --cflags $(ALL_PKGS) 2>/dev/null)

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2);)

# ---- objects ------------------------------------------------------------

LIB_SRC := $(wildcard lib/*.c)
room_src = $(filter-out $(LEFT_OUT),$(wildcard $(1)/*.c))
obj = $(patsubst %.c,$(B)/%.o,$(1))

.PHONY: all
all: $(PROGRAMS:%=$(B)/bin/%) $(B)/lib/pam_chaperone.so

# Rebuilds everything when the compiler or a flag changes.
STAMP := $(B)/flags
FLAGS := HS=$(HS) BPF=$(BPF) $(CC) $(BASE) $(VISIBILITY) $(WARN) $(HARD) $(CFLAGS) $(LDFLAGS)
$(STAMP): FORCE
	@mkdir -p $(B)
	@printf '%s\n' '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || \
	    printf '%s\n' '$(subst ','\'',$(FLAGS))' > $@
.PHONY: FORCE
FORCE:

$(B)/%.o: %.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(BASE) $(VISIBILITY) $(WARN) $(HARD) $(PKG_CFLAGS) \
	    $(CFLAGS) -c -o $@ $<

# Programs for the kernel, which a file of ours carries along.
BPF_FLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra $(if \
	$(filter 1,$(WERROR)),-Werror) $(addprefix -I,$(wildcard \
	/usr/include/*-linux-gnu))
$(B)/%.bpf.o: %.bpf.c $(STAMP)
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(BPF_CC) $(BPF_FLAGS) -MMD -MP -c -o $@ $<
# FILE that carries OBJECT, and by which name.
define bpf_rule
$(B)/agent/sense/$(1).o: $(B)/agent/sense/bpf/$(2).bpf.o
$(B)/agent/sense/$(1).o: BASE += \
	-D$(3)_OBJECT='"$(B)/agent/sense/bpf/$(2).bpf.o"'
endef
$(eval $(call bpf_rule,sockets,sockets,SOCKETS))
$(eval $(call bpf_rule,opens,opens,OPENS))
$(eval $(call bpf_rule,opens,opens_plain,OPENS_PLAIN))
$(eval $(call bpf_rule,relays,relays,RELAYS))
$(eval $(call bpf_rule,starts,starts,STARTS))

$(B)/lib.a: $(call obj,$(LIB_SRC))
	@rm -f $@
	$(call say,AR,$@)ar rcs $@ $^

# Every file compiles, also those of programs that are not linked yet.
.PHONY: objects
objects: $(call obj,$(filter-out packaging/% $(LEFT_OUT),$(wildcard lib/*.c agent/*.c \
    agent/*/*.c collector/*.c collector/*/*.c cli/*.c)))

define room_rule
$(B)/$(1).a: $(call obj,$(call room_src,$(1)))
	@mkdir -p $$(@D); rm -f $$@
	$$(call say,AR,$$@)ar rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rule,$(r))))

define program_rule
$(B)/bin/$(1): $(call obj,$(wildcard $($(1)_MAIN))) \
    $($(1)_ROOMS:%=$(B)/%.a) $(B)/lib.a
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$$(CC) $$(HARD) $$(LD_HARD) $$(CFLAGS) $$(LDFLAGS) \
	    -o $$@ $$^ $$(call libs,$($(1)_LIBS))
endef
$(foreach p,$(PROGRAMS),$(eval $(call program_rule,$(p))))

$(B)/lib/pam_chaperone.so: $(call obj,$(wildcard packaging/pam/*.c))
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(PLAIN_HARD) $(CFLAGS) $(LDFLAGS) -shared \
	    -Wl,-z,relro,-z,now -o $@ $^ -lpam

# ---- tests --------------------------------------------------------------

UNIT_SRC := $(shell find tests/unit -name '*_test.c' 2>/dev/null | sort)
UNIT := $(patsubst tests/unit/%_test.c,$(B)/unit/%_test,$(UNIT_SRC))
# The room that a unit test is about, by its path; lib and hallways have none.
test_room = $(filter $(ROOMS),$(patsubst %/,%,$(dir $(1))))
# A hallway test (tests/unit/agent/x_test.c) links agent/x.c and what its second
# line names: /* links: agent/memo.c */
test_hall = $(if $(call test_room,$(1)),,$(wildcard $(patsubst %_test,%.c,$(1))) \
	$(shell sed -n '2s:^/\* *links\: *\(.*\) \*/$$:\1:p' tests/unit/$(1).c))

define unit_rule
$(B)/unit/$(1): $(B)/tests/unit/$(1).o \
    $(filter-out $(B)/lib/%,$(call obj,$(call test_hall,$(1)))) \
    $(addsuffix .a,$(addprefix $(B)/,$(call test_room,$(1)))) $(B)/lib.a
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$$(CC) $$(HARD) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ \
	    -lcmocka $$(call libs,libsodium $(foreach r,$(call test_room,$(1)),$($(r)_LIBS)) $(LIB_LIBS))
endef
$(foreach t,$(patsubst tests/unit/%.c,%,$(UNIT_SRC)),$(eval $(call unit_rule,$(t))))

.PHONY: unit
unit: $(UNIT)

-include tests/tests.mk
-include packaging/packaging.mk

.PHONY: clean
clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
