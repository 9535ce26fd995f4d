# SPDX-License-Identifier: GPL-2.0-only
# teal: one rule per kind, everything made lands in build/.  V=1 shows the commands.
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

VERSION := 0.1.0
B := build
Q := $(if $(V),,@)
QUIETLY := --no-print-directory $(if $(V),,--silent)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(patsubst $(B)/%,%,$@);)

CC ?= cc
ifeq ($(origin CC),default)
CC := cc
endif
CLANG ?= clang
BPFTOOL ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
# Where there is no sudo, what needs root says so itself.
SUDO := $(if $(filter 0,$(shell id -u)),,$(shell command -v sudo))
PREFIX ?= /usr/local
DESTDIR ?=

LIBRARIES := libbpf libcyaml jansson libuv libmnl libsystemd libcurl ncursesw
WARN := -Wall -Wextra -Werror
CFLAGS ?= -O2 -g
ALL_CFLAGS = $(CFLAGS) -std=gnu17 $(WARN) -D_GNU_SOURCE -DTEAL_VERSION='"$(VERSION)"' \
	-Iinclude -Iuser -I$(B)/bpf $(shell pkg-config --cflags $(LIBRARIES) 2>/dev/null) -MMD -MP
LIBS = $(shell pkg-config --libs $(LIBRARIES) 2>/dev/null) -lyaml
BPF_CFLAGS = -O2 -g -std=gnu17 -target bpf -mcpu=v3 $(WARN) -Iinclude -Ibpf -Ivmlinux -MMD -MP

# A test build with sanitizers: every object again, under its own folder.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

SHARED := $(wildcard user/common/*.c user/config/*.c user/operation/*.c user/table/*.c)
TEAL_SOURCES := $(wildcard user/command/*.c user/deploy/*.c) $(SHARED)
TEALD_SOURCES := $(wildcard user/daemon/*.c) $(SHARED)
UNIT_SOURCES := $(wildcard tests/unit/*.c user/deploy/*.c) $(SHARED) $(filter-out user/daemon/main.c,$(wildcard user/daemon/*.c))
PACKET_SOURCES := $(wildcard tests/packet/*.c) $(SHARED)
FUZZ_SOURCES := $(wildcard tests/fuzz/*.c) $(addprefix tests/packet/,frame.c lab.c network.c percpu.c) $(SHARED)
BENCH_SOURCES := $(wildcard bench/*.c) $(addprefix tests/packet/,frame.c network.c percpu.c) $(SHARED) \
	$(filter-out user/daemon/main.c,$(wildcard user/daemon/*.c))
BENCH_SOURCES := $(filter-out %.bpf.c,$(BENCH_SOURCES))
BENCH_SKELETONS := $(patsubst %.bpf.c,$(B)/%.skel.h,$(wildcard bench/*.bpf.c))
objects = $(patsubst %.c,$(B)/%.o,$(1))
sanitized = $(patsubst %.c,$(B)/sanitized/%.o,$(1))

PROGRAMS := $(B)/teal $(B)/teald
TESTS := $(B)/tests/unit-tests $(B)/tests/packet-tests $(B)/tests/traffic $(B)/tests/fuzz-tests $(B)/tests/flood-generator

.PHONY: all deps demo check unit packet lab soak fuzz kernels bench lint install uninstall clean help
all: $(PROGRAMS)

help:
	@printf '%s\n' 'make            build teal and teald' \
		'make demo       see real connections move from blue to green (KEEP=1 leaves the lab up)' \
		'make check      every test (make unit, make packet, make lab: only those)' \
		'make soak       the long version of the lab: 1,000 switches' \
		'make fuzz       10 million packets that nobody would send (FUZZ=n: so many; SEED=n: those of that run again)' \
		'make kernels    the programs under older kernels, in a virtual machine' \
		'make bench      measure it beside what people would use instead; report in build/bench (BENCH=name: one part)' \
		'make lint       clang-tidy, cppcheck, shellcheck' \
		'make install    into $$(DESTDIR)$$(PREFIX)' \
		'make deps       install what the build needs (apt); what needs more installs it itself' \
		'make clean      remove build/'

deps:
	$(Q)dist/packages build

# What needs installing is installed first, then make begins anew, so that pkg-config is asked again.
demo:
	$(Q)dist/packages build demo
	$(Q)$(MAKE) $(QUIETLY) $(PROGRAMS) $(B)/tests/traffic
	$(Q)$(SUDO) env KEEP="$(KEEP)" tests/lab/demo

check:
	$(Q)dist/packages build check
	$(Q)dist/packages examples || echo "the tests of dist/examples that need these are skipped"
	$(Q)$(MAKE) $(QUIETLY) $(PROGRAMS) $(TESTS)
	$(Q)$(SUDO) tests/run

unit packet lab:
	$(Q)dist/packages build check
	$(Q)$(MAKE) $(QUIETLY) $(PROGRAMS) $(TESTS)
	$(Q)$(SUDO) tests/run $@

soak:
	$(Q)dist/packages build check
	$(Q)$(MAKE) $(QUIETLY) $(PROGRAMS) $(TESTS)
	$(Q)$(SUDO) env SOAK=1 tests/run lab

fuzz:
	$(Q)dist/packages build check
	$(Q)$(MAKE) $(QUIETLY) $(B)/tests/fuzz-tests
	$(Q)$(SUDO) $(B)/tests/fuzz-tests --inputs $(or $(FUZZ),10000000) $(if $(SEED),--seed $(SEED)) \
		--jobs $$(nproc) --findings $(B)/fuzz tests/fuzz/corpus/*.txt

kernels:
	$(Q)dist/packages build kernels
	$(Q)$(MAKE) $(QUIETLY) $(PROGRAMS) $(B)/tests/packet-tests $(B)/tests/traffic
	$(Q)tests/kernels/run

# BENCH=packet|live|servers|switch|growth: one part; QUICK=1, ROUNDS=n, FLOWS=1,4096: see docs/performance.md.
bench:
	$(Q)dist/packages build check bench
	$(Q)$(MAKE) $(QUIETLY) $(PROGRAMS) $(B)/tests/traffic $(B)/bench/bench
	$(Q)$(SUDO) env QUICK="$(QUICK)" ROUNDS="$(ROUNDS)" FLOWS="$(FLOWS)" bench/run $(BENCH)

# The kernel's side: one object, then its skeleton.
$(B)/%.bpf.o: %.bpf.c
	$(Q)command -v $(CLANG) >/dev/null || { echo "the build needs clang and some libraries: install them by 'make deps'" >&2; exit 1; }
	$(call say,CLANG)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/bpf/teal.skel.h: $(B)/bpf/teal.bpf.o
	$(call say,SKEL)$(BPFTOOL) gen skeleton $< name teal_bpf > $@

# The floods of the tests are made by a program of their own.
$(B)/bpf/flood.bpf.o: tests/flood/flood.bpf.c
	$(call say,CLANG)mkdir -p $(@D) && $(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(B)/bpf/flood.skel.h: $(B)/bpf/flood.bpf.o
	$(call say,SKEL)$(BPFTOOL) gen skeleton $< name flood_bpf > $@

$(B)/tests/flood/flood.o: | $(B)/bpf/flood.skel.h

$(B)/bench/%.skel.h: $(B)/bench/%.bpf.o
	$(call say,SKEL)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# The user's side.
$(B)/%.o: %.c | $(B)/bpf/teal.skel.h
	$(call say,CC)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c $< -o $@

$(B)/sanitized/%.o: %.c | $(B)/bpf/teal.skel.h
	$(call say,CC)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(SANITIZE) -c $< -o $@

BENCH_OBJECTS := $(call objects,$(filter bench/%,$(BENCH_SOURCES)))
$(BENCH_OBJECTS): ALL_CFLAGS += -I. -I$(B)/bench
$(BENCH_OBJECTS): | $(BENCH_SKELETONS)
.SECONDARY: $(BENCH_SKELETONS:.skel.h=.bpf.o)

$(B)/teal: $(call objects,$(TEAL_SOURCES))
$(B)/teald: $(call objects,$(TEALD_SOURCES))
$(B)/tests/packet-tests: $(call objects,$(PACKET_SOURCES))
$(B)/tests/packet-tests: LIBS += -lcunit
$(B)/tests/traffic: $(call objects,$(wildcard tests/lab/*.c))
$(B)/tests/fuzz-tests: $(call objects,$(FUZZ_SOURCES))
$(B)/tests/flood-generator: $(call objects,tests/flood/flood.c tests/flood/rows.c tests/packet/frame.c)
$(B)/bench/bench: $(call objects,$(BENCH_SOURCES))
$(B)/teal $(B)/teald $(B)/tests/packet-tests $(B)/tests/traffic $(B)/tests/fuzz-tests $(B)/tests/flood-generator $(B)/bench/bench:
	$(call say,LINK)mkdir -p $(@D) && $(CC) $(CFLAGS) $(LDFLAGS) $^ -o $@ $(LIBS)

# Calls that tests/unit/counted.c counts.
COUNTED := bpf_map_lookup_elem bpf_map_get_next_key bpf_map_lookup_batch bpf_map_update_elem bpf_map_update_batch \
	bpf_map_delete_elem bpf_obj_get mmap fsync
$(B)/tests/unit-tests: LIBS += $(COUNTED:%=-Wl,--wrap=%)
$(B)/tests/unit-tests: $(call sanitized,$(UNIT_SOURCES))
	$(call say,LINK)mkdir -p $(@D) && $(CC) $(CFLAGS) $(SANITIZE) $^ -o $@ $(LIBS) -lcunit

lint: export LINT_CFLAGS = $(ALL_CFLAGS) -I. -I$(B)/bench
lint: export LINT_BPF_CFLAGS = $(BPF_CFLAGS)
lint:
	$(Q)dist/packages build lint
	$(Q)$(MAKE) $(QUIETLY) $(B)/bpf/teal.skel.h $(B)/bpf/flood.skel.h $(BENCH_SKELETONS)
	$(Q)tests/lint "$$LINT_CFLAGS" "$$LINT_BPF_CFLAGS"

RELOAD_UNITS = [ -n "$(DESTDIR)" ] || [ ! -d /run/systemd/system ] || systemctl daemon-reload

# As 'demo' does; elsewhere than on Debian it takes what is there.
install:
	$(Q)! command -v apt-get >/dev/null || dist/packages build
	$(Q)$(MAKE) $(QUIETLY) $(PROGRAMS)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/sbin $(PROGRAMS)
	sed 's|@PREFIX@|$(PREFIX)|' dist/teald.service > $(B)/teald.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system $(B)/teald.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 docs/teal.8 docs/teald.8
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 docs/teal.yaml.5
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/teal dist/teal.yaml
	install -D -m 644 dist/teal.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/teal
	$(Q)$(RELOAD_UNITS)
	$(Q)[ -n "$(DESTDIR)" ] || [ -e /etc/teal/teal.yaml ] || \
		echo "now write /etc/teal/teal.yaml, beginning with $(PREFIX)/share/doc/teal/teal.yaml; 'teal doctor' tells the rest"

# The programs would stay in the kernel, with nobody left to take them out.
uninstall:
	$(Q)[ -n "$(DESTDIR)" ] || [ ! -d /sys/fs/bpf/teal ] || \
		{ echo "teal is at work on this host: first 'systemctl disable --now teald' and 'teald --detach'" >&2; exit 1; }
	cd $(DESTDIR)$(PREFIX) && rm -rf sbin/teald sbin/teal lib/systemd/system/teald.service \
		share/man/man8/teal.8 share/man/man8/teald.8 share/man/man5/teal.yaml.5 share/doc/teal \
		share/bash-completion/completions/teal
	$(Q)$(RELOAD_UNITS)

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
