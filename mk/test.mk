# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tests, from fast to real. testing/tier runs the stages of a tier and adds up the results.

UNIT_SRC := $(wildcard testing/unit/test_*.c)
UNIT_TESTS := $(patsubst testing/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRC))
NAMESPACE_TESTS := $(patsubst testing/namespace/%.c,$(BUILD)/namespace/%, \
	$(wildcard testing/namespace/test_*.c))
GUEST_PROGRAMS := $(patsubst testing/guest/programs/%.c,$(BUILD)/guest/bin/%, \
	$(wildcard testing/guest/programs/*.c))
KERNEL_CORE := $(patsubst %,$(DAEMON_DIR)/core/pl_%.c,conf conf_auto error identity limits peer_id \
	selector siphash table ts ts_narrow ts_pieces ts_wire tuple)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZE_CFLAGS := $(filter-out -D_FORTIFY_SOURCE=2 -O2,$(OURS_CFLAGS)) -O1 $(SANITIZE)

.PHONY: quick check check-full faults soak demo guest guest-kernel unit namespace lint clang conformance
quick: all	## build, lint, unit tests under sanitizers: no guest, at most 3 minutes
	+@testing/tier quick

check: all	## what CI runs: quick, and every scenario in a guest kernel
	+@testing/tier check

check-full: all	## check in both guests (user-mode-linux and QEMU), 100 repeats
	+@testing/tier check-full

faults: all unit	## every fault under latched connections REPEAT (100) times: nothing in clear (G12)
	+@testing/tier faults

soak: all	## latch-soak for SOAK_SECONDS (3600), then scenarios again and again for SOAK_MINUTES (480)
	+@testing/tier soak

demo: all	## the attack that connection latching is for, in a guest kernel
	@testing/guest/demo

guest: all	## T=NAME: one scenario (T="A B": several; G=qemu: in QEMU)
	@testing/guest/run $(if $(G),--guest $(G)) $(T)

guest-kernel: $(BUILD)/deps.stamp	## build the user-mode-linux kernel for the guest (once, 9 minutes)
	@mk/guest-kernel

unit: $(UNIT_TESTS)	## unit tests under ASAN and UBSAN
	@testing/unit/run $(UNIT_TESTS) | testing/faults collect

namespace: $(NAMESPACE_TESTS)	## the guard in the kernel that runs, in a network namespace of its own
	@testing/namespace/run $(NAMESPACE_TESTS)

clang: $(DAEMON_CLANG)	## the daemon once more, with clang

lint: $(DAEMON)	## the rules of this tree
	@testing/lint/run

conformance:	## write testing/conformance.md: which test shows which requirement of the RFC
	@testing/conformance write

$(BUILD)/asan/%.o: %.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(SANITIZE_CFLAGS) -c -o $@ $<

.SECONDARY: $(call objects,asan,$(UNIT_SRC) testing/unit/engine_stage.c testing/unit/engine_count.c $(CORE_SRC) $(KERNEL_SRC))
KERNEL_TESTS := $(filter %/test_nft_table %/test_guard_mirror %/test_guard_missing \
	%/test_socket_diag %/test_socket_end %/test_socket_ends %/test_xfrm_decode %/test_reroute %/test_steering %/test_policies \
	%/test_queue_decode,$(UNIT_TESTS))
$(KERNEL_TESTS): $(call objects,asan,$(KERNEL_SRC))
$(KERNEL_TESTS): UNIT_LIBS := $(KERNEL_LIBS)
$(BUILD)/unit/test_policies: UNIT_LIBS := $(KERNEL_LIBS) -Wl,--wrap=pl_ask
ENGINE_TESTS := $(filter $(BUILD)/unit/test_engine_% %/test_bus_memory,$(UNIT_TESTS))
$(ENGINE_TESTS): $(call objects,asan,testing/unit/engine_stage.c testing/unit/engine_count.c)
$(BUILD)/unit/test_daemon: $(call objects,asan,$(patsubst %,$(DAEMON_DIR)/daemon/pl_%.c,daemon \
	automatic conf_file damage))
$(BUILD)/unit/test_conf_file: $(call objects,asan,$(DAEMON_DIR)/daemon/pl_conf_file.c)
$(BUILD)/unit/test_daemon: UNIT_LIBS := -levent
$(BUILD)/unit/test_damage: $(call objects,asan,$(DAEMON_DIR)/daemon/pl_damage.c)
$(BUILD)/unit/test_engine_memory: UNIT_LIBS := \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=reallocarray,--wrap=pl_node_new
$(BUILD)/unit/test_ike: $(call objects,asan,$(DAEMON_DIR)/seam/pl_ike.c)
$(BUILD)/unit/test_ike: UNIT_LIBS := -Wl,--wrap=malloc
$(BUILD)/unit/test_conf_file: UNIT_LIBS := -Wl,--wrap=read
$(UNIT_TESTS): $(BUILD)/unit/%: $(BUILD)/asan/testing/unit/%.o $(call objects,asan,$(CORE_SRC))
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(SANITIZE) -o $@ $^ -lcmocka $(UNIT_LIBS) $(OURS_LIBS)

$(NAMESPACE_TESTS): $(BUILD)/namespace/%: $(BUILD)/asan/testing/namespace/%.o \
		$(call objects,asan,$(KERNEL_SRC) $(CORE_SRC))
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(SANITIZE) -o $@ $^ -lcmocka $(KERNEL_LIBS) $(OURS_LIBS)
.SECONDARY: $(call objects,asan,$(wildcard testing/namespace/*.c))

# A guest program is one file, unless it lists further objects and libraries here.
GUARD_PROGRAM := $(BUILD)/guest/bin/guard
$(GUARD_PROGRAM): $(call objects,gcc,$(KERNEL_SRC) $(KERNEL_CORE))
$(GUARD_PROGRAM): GUEST_CFLAGS := -I$(DAEMON_DIR)
$(GUARD_PROGRAM): GUEST_LIBS := $(KERNEL_LIBS) $(OURS_LIBS)
SOCKET_PROGRAM := $(BUILD)/guest/bin/socket-facts
$(SOCKET_PROGRAM): $(call objects,gcc,$(KERNEL_SRC) $(KERNEL_CORE))
$(SOCKET_PROGRAM): GUEST_CFLAGS := -I$(DAEMON_DIR)
$(SOCKET_PROGRAM): GUEST_LIBS := $(KERNEL_LIBS) $(OURS_LIBS)
TS_PROGRAM := $(BUILD)/guest/bin/ts-narrow
$(TS_PROGRAM): $(call objects,gcc,$(KERNEL_CORE))
$(TS_PROGRAM): GUEST_CFLAGS := -I$(DAEMON_DIR)
$(TS_PROGRAM): GUEST_LIBS := $(OURS_LIBS)

# a program of liblatch
LATCH_TOOL := $(BUILD)/guest/bin/latch-tool
$(LATCH_TOOL): $(BUILD)/lib/liblatch.a
$(LATCH_TOOL): GUEST_CFLAGS := -Ilib/liblatch/include
$(LATCH_TOOL): GUEST_LIBS := $(BUILD)/lib/liblatch.a -ldbus-1 -ljansson

SHARED := testing/guest/programs/shared/program
SHARED_PROGRAMS := $(patsubst %,$(BUILD)/guest/bin/%,secret-client secret-server takeover)
$(SHARED_PROGRAMS): $(BUILD)/gcc/$(SHARED).o $(SHARED).h
$(BUILD)/gcc/$(SHARED).o: $(SHARED).h

# Every command of a scenario goes through it: static, it starts in half the time.
$(BUILD)/guest/bin/container: GUEST_CFLAGS := -static

STREAM := testing/guest/programs/shared/stream
$(LATCH_TOOL): $(BUILD)/gcc/$(STREAM).o $(STREAM).h
$(BUILD)/gcc/$(STREAM).o: $(STREAM).h

# libraries, for LD_PRELOAD
PRELOADED := $(patsubst %,$(BUILD)/guest/bin/%,linger heap-count xstate)
$(PRELOADED): GUEST_CFLAGS := -fPIC -shared
# the compiler is not to know them: it would make calloc() of malloc() and memset()
$(BUILD)/guest/bin/heap-count: GUEST_CFLAGS += -fno-builtin

$(BUILD)/guest/bin/xfrm-watch $(BUILD)/guest/bin/xfrm-selectors: GUEST_LIBS := -lmnl
$(BUILD)/guest/bin/resume-token: GUEST_CFLAGS = $(BUS_CFLAGS)
$(BUILD)/guest/bin/resume-token: GUEST_LIBS := -ldbus-1
# With the library inside: hosts without ours run them, too.
LATCH_PROGRAMS := $(patsubst %,$(BUILD)/guest/bin/%,secret-server tag-server latch-many latch-soak)
$(LATCH_PROGRAMS): $(BUILD)/lib/liblatch.a
$(LATCH_PROGRAMS): GUEST_CFLAGS := -Ilib/liblatch/include
$(LATCH_PROGRAMS): GUEST_LIBS := $(BUILD)/lib/liblatch.a -ldbus-1 -ljansson

$(BUILD)/guest/bin/%: testing/guest/programs/%.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) -std=gnu99 -g -O2 -D_GNU_SOURCE $(WARN) $(GUEST_CFLAGS) -o $@ $< \
		$(filter %.o,$^) $(GUEST_LIBS)
