# SPDX-License-Identifier: Apache-2.0
#
# Running from the tree, installing, and the archive.

DEPS ?= 1
BOOTSTRAP := $(if $(filter 0,$(DEPS)),@:,@packaging/bootstrap deps)

.PHONY: deps-run deps-test deps-fuzz deps-kernels deps-peers
deps-run:
	$(BOOTSTRAP) build run
deps-test:
	$(BOOTSTRAP) build test
deps-fuzz:
	$(BOOTSTRAP) build test fuzz
deps-kernels:
	$(BOOTSTRAP) build test kernels
deps-peers:
	$(BOOTSTRAP) peers

##? run: builds, then starts a collector and an agent that watches this host (root)
.PHONY: run
run:
	@if [ "$$(id -u)" != 0 ]; then packaging/bootstrap run; fi
	@$(MAKE) --no-print-directory DEPS=$(DEPS) deps-run
	@$(submake) all
	@exec $(B)/bin/chaperone run

LIBEXEC := $(DESTDIR)$(PREFIX)/bin
SHARE := $(DESTDIR)$(PREFIX)/share/chaperone
MAN := $(DESTDIR)$(PREFIX)/share/man
PAMDIR := $(DESTDIR)$(PREFIX)/lib/security
UNITDIR := $(DESTDIR)$(PREFIX)/lib/systemd/system

##? install: installs below DESTDIR and PREFIX (/usr/local)
.PHONY: install
install: all
	install -d $(LIBEXEC) $(SHARE)/rules $(PAMDIR) $(MAN) $(UNITDIR)
	install -m 755 $(PROGRAMS:%=$(B)/bin/%) $(LIBEXEC)
	$(if $(wildcard packaging/pam/*.c),install -m 644 $(B)/lib/pam_chaperone.so $(PAMDIR))
	cp -R rules/. $(SHARE)/rules
	chmod -R u=rwX,go=rX $(SHARE)/rules
	for page in docs/man/*.[1-8]; do \
	    [ -e "$$page" ] || continue; \
	    section=$${page##*.}; \
	    install -D -m 644 "$$page" \
	        "$(MAN)/man$$section/$${page##*/}"; \
	done
	install -d $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -m 644 packaging/sysusers/chaperone.conf \
	    $(DESTDIR)$(PREFIX)/lib/sysusers.d
	for unit in packaging/systemd/*.service; do \
	    [ -e "$$unit" ] || continue; \
	    sed 's:@PREFIX@:$(PREFIX):g' "$$unit" \
	        > "$(UNITDIR)/$${unit##*/}"; \
	done

##? dist: the archive of the committed tree, the same bytes each time
.PHONY: dist
dist:
	git archive --format=tar --prefix=chaperone-$(VERSION)/ HEAD | \
	    gzip -n > chaperone-$(VERSION).tar.gz

##? help: lists every target with a word
.PHONY: help
help:
	@echo "Example: make run    (as root; README tells more)"
	@echo
	@echo "  all: builds everything into $(B)/bin (the default)"
	@sed -n 's/^##? /  /p' $(filter %.mk,$(MAKEFILE_LIST))
	@echo "  unit: builds the unit tests"
	@echo "  clean: removes $(B)"
	@echo
	@echo "Variables: B=DIRECTORY of the build, CC, CFLAGS, LDFLAGS, SAN=1" \
	    "(address and"
	@echo "undefined behaviour sanitizers), WERROR=0, V=1, T=PATTERN," \
	    "PREFIX, DESTDIR,"
	@echo "DEPS=0 (do not look for Debian packages)."
