# SPDX-License-Identifier: Apache-2.0
#
# Tests, fuzzing, figures, and the checks of the source. The stages and their
# order are in tests/run; here they are only built and called.

FUZZ_SECONDS ?= 60
T ?=
export B SAN T V

# A fuzz target names its rooms in its second line: /* links: agent/extract */
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_NAMES := $(FUZZ_SRC:tests/fuzz/%.c=%)
fuzz_links = $(shell sed -n '2s:^/\* *links\: *\(.*\) \*/$$:\1:p' tests/fuzz/$(1).c)
REPLAY := $(FUZZ_NAMES:%=$(B)/replay/%)
FUZZERS := $(FUZZ_NAMES:%=$(B)/fuzzer/%)

# $(1): directory, $(2): target, $(3): main object, $(4): rooms, $(5): flags
define fuzz_rule
$(B)/$(1)/$(2): $(B)/tests/fuzz/$(2).o $(3) \
    $(filter-out $(B)/lib/%,$(call obj,$(filter %.c,$(4)))) \
    $(addsuffix .a,$(addprefix $(B)/,$(filter-out %.c,$(4)))) $(B)/lib.a
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$$(CC) $$(HARD) $$(CFLAGS) $$(LDFLAGS) $(5) -o $$@ \
	    $$(filter %.o %.a,$$^) \
	    $$(call libs,$(foreach r,$(4),$($(r)_LIBS)) $(LIB_LIBS))
endef
$(foreach f,$(FUZZ_NAMES),$(eval $(call \
    fuzz_rule,replay,$(f),$(B)/tests/support/replay.o,$(call fuzz_links,$(f)),)))
$(foreach f,$(FUZZ_NAMES),$(eval $(call \
    fuzz_rule,fuzzer,$(f),,$(call fuzz_links,$(f)),-fsanitize=fuzzer)))

# Helpers of tests, each one file.
SUPPORT := $(patsubst tests/support/%.c,$(B)/support/%,$(filter-out \
    tests/support/replay.c,$(wildcard tests/support/*.c)))
$(B)/support/%: $(B)/tests/support/%.o $(B)/lib.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(HARD) $(CFLAGS) $(LDFLAGS) -o $@ $^ \
	    $(call libs,libmicrohttpd gnutls $(LIB_LIBS))

# Programs that measure rooms; like fuzz targets they name them.
BENCH := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
bench_links = $(shell sed -n '2s:^/\* *links\: *\(.*\) \*/$$:\1:p' tests/bench/$(1).c)
define bench_rule
$(B)/bench/$(1): $(B)/tests/bench/$(1).o \
    $(addsuffix .a,$(addprefix $(B)/,$(call bench_links,$(1)))) $(B)/lib.a
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$$(CC) $$(HARD) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ \
	    $$(call libs,$(foreach r,$(call bench_links,$(1)),$($(r)_LIBS)) $(LIB_LIBS))
endef
$(foreach b,$(BENCH:$(B)/bench/%=%),$(eval $(call bench_rule,$(b))))

.PHONY: test-programs
test-programs: all objects $(UNIT) $(REPLAY) $(SUPPORT) $(BENCH)

# As many jobs as there are processors, unless make was told.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))
submake = $(MAKE) $(JOBS) --no-print-directory B=$(B) CC=$(CC) SAN=$(SAN)
# A failed build is a failed test, so that the last line is always there.
try_build = $(submake) $(1) || { printf '\nThe build failed.\n\n0 passed, 1 failed\n'; exit 1; }

##? check: builds with warnings as errors and runs every test
.PHONY: check
check: deps-test
	@$(call try_build,WERROR=1 test-programs)
	@CC=$(CC) tests/run

##? check-lint, check-unit, check-fuzz, check-rules, check-journeys, check-net, check-attack: one stage; T=PATTERN chooses within it
.PHONY: check-lint check-unit check-fuzz check-rules check-journeys check-net check-attack
check-lint:
	@$(call try_build,all $(SUPPORT))
	@CC=$(CC) tests/run lint
check-unit:
	@$(call try_build,$(UNIT))
	@tests/run unit
check-fuzz:
	@$(call try_build,$(REPLAY))
	@tests/run fuzz
check-rules:
	@$(call try_build,all)
	@tests/run rules
check-journeys check-net check-attack:
	@$(call try_build,test-programs)
	@tests/run $(@:check-%=%)

##? fuzz: runs each fuzz target for FUZZ_SECONDS (60) with clang; T=PATTERN chooses
##? check-kernels: the sensors' tests on stock kernels in QEMU; KERNELS="PACKAGE…" chooses
.PHONY: check-kernels
check-kernels: deps-kernels
	@$(submake) unit
	@B=$(B) tests/kernels/run $(KERNELS)

##? fuzz-long: the same for 900 seconds, as many at once as there are processors, and keeps what reached something new in tests/fuzz/corpus
.PHONY: fuzz fuzz-long fuzzers
fuzz: deps-fuzz
	@$(MAKE) $(JOBS) --no-print-directory B=$(B)-fuzz CC=clang SAN=1 \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' fuzzers
	@B=$(B)-fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run
fuzz-long:
	@FUZZ_JOBS=$${FUZZ_JOBS:-$(shell nproc)} FUZZ_KEEP=1 $(MAKE) \
	    --no-print-directory FUZZ_SECONDS=$(if $(filter command line environment,$(origin FUZZ_SECONDS)),$(FUZZ_SECONDS),900) fuzz
fuzzers: $(FUZZERS)

##? bench: prints figures as "name value unit"; T=PATTERN chooses, BENCH_PEERS=install gets the programs to compare with
.PHONY: bench
bench: deps-test $(if $(filter install,$(BENCH_PEERS)),deps-peers)
	@$(submake) test-programs
	@tests/bench/run

##? format: formats every C file in place
.PHONY: format
format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

##? tidy: clang-tidy over every C file; T=PATTERN chooses
.PHONY: tidy
tidy: compile_commands.json
	@git ls-files '*.c' | grep $(if $(T),'$(T)',-vE '^packaging/pam/|\.bpf\.c$$') | \
	    xargs -P$(shell nproc) -n 8 \
	    clang-tidy --quiet -p . --warnings-as-errors='*'

##? analyze: the compiler's own analyzer (gcc -fanalyzer), in its own directory
# gcc 12 does not follow OWN()'s clean-up, nor what a function of another file
# returns (diag_set: its argument), so leaks and unset values are left to SAN=1
# and to clang's analyzer within tidy.
ANALYZER := -fanalyzer -Wno-analyzer-malloc-leak \
	-Wno-analyzer-use-of-uninitialized-value -Wno-analyzer-null-dereference
.PHONY: analyze
analyze:
	@$(MAKE) -k $(JOBS) --no-print-directory B=$(B)-analyze CC=gcc \
	    CFLAGS='-O1 -g $(ANALYZER)' objects

##? compile_commands.json: for editors and tidy
.PHONY: compile_commands.json
compile_commands.json:
	@{ printf '['; sep=''; git ls-files '*.c' | while read -r f; do \
	    printf '%s\n{"directory":"%s","file":"%s","command":"%s"}' \
	    "$$sep" '$(CURDIR)' "$$f" \
	    '$(subst ",\",$(subst ','\'',$(CC) $(BASE) $(PKG_CFLAGS) $(CFLAGS))) -c '"$$f"; \
	    sep=','; done; printf '\n]\n'; } > $@
