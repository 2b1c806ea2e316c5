# SPDX-License-Identifier: GPL-2.0-or-later
#
# pluto-latch: libreswan's IKEv2 daemon with RFC 5660 connection latching.
# `make help` lists the targets. Everything is made below build/ and in the user's cache.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

TOP := $(CURDIR)
BUILD := build
CC := gcc
CLANG := clang
JOBS := $(shell nproc)
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS)
endif

# Several targets on one command line are for one after the other.
ifneq ($(word 2,$(MAKECMDGOALS)),)
.NOTPARALLEL:
endif

# One short line for each command; V=1 shows the command itself.
run = $(if $(V),,@printf '  %-6s %s\n' $(1) $@;)

include mk/libreswan.mk
include mk/daemon.mk
include mk/test.mk
include mk/store.mk
include mk/bus.mk
include mk/liblatch.mk
include mk/cli.mk
include mk/bench.mk
include mk/sim.mk
include mk/model.mk
include mk/fuzz.mk
include mk/install.mk

.PHONY: all help clean
all: $(DAEMON) $(STAGES) $(GUEST_PROGRAMS)	## build the daemon and what its tests need

help:	## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile mk/*.mk | expand -t 16

clean:	## remove build/ (downloads stay in the cache)
	rm -rf $(BUILD)
