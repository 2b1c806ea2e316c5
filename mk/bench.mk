# SPDX-License-Identifier: GPL-2.0-or-later
#
# What things cost: one program for each group of ratios. No part of any check: a ratio is for
# people to read, and a loaded machine is not a defect.

BENCH_PROGRAMS := $(patsubst testing/bench/%.c,$(BUILD)/bench/%,$(wildcard testing/bench/g*.c))
BENCH_OBJECTS := $(call objects,gcc,testing/bench/bench.c $(CORE_SRC))

.PHONY: bench
bench: $(BENCH_PROGRAMS)	## what things cost, as ratios beside their goals (B=NAME: one group)
	@testing/bench/run $(if $(B),$(foreach b,$(B),$(call bench_named,$b)), \
		$(BENCH_PROGRAMS) $(BENCH_GUEST))

# With real plutos, in a guest, where there is one and all is built: the script says so if not.
BENCH_GUEST := testing/bench/g3_rekey testing/bench/g3_child
bench_named = $(or $(filter %/$1,$(BENCH_GUEST)),$(BUILD)/bench/$1)

$(BUILD)/bench/g1_find: BENCH_CFLAGS = $(shell pkg-config --cflags glib-2.0)
$(BUILD)/bench/g1_find: BENCH_LIBS = $(shell pkg-config --libs glib-2.0)

# Those that ask the kernel: in a network namespace of their own, as root.
BENCH_KERNEL := $(addprefix $(BUILD)/bench/,g4_break g5_mass g6_packet g7_birth g10_restart \
	g11_memory)
$(BENCH_KERNEL): $(call objects,gcc,testing/bench/netns.c $(KERNEL_SRC))
$(BENCH_KERNEL): BENCH_LIBS = $(KERNEL_LIBS)

# Those that have engines with many latches.
$(addprefix $(BUILD)/bench/,g3_events g5_mass g10_restart g11_memory): \
	$(call objects,gcc,testing/bench/engine.c)

# Those that have a journal.
$(BUILD)/bench/g10_restart: $(call objects,gcc,$(STORE_SRC))
$(BUILD)/bench/g10_restart: BENCH_CFLAGS = $(STORE_CFLAGS)
$(BUILD)/bench/g10_restart: BENCH_LIBS = $(KERNEL_LIBS) $(STORE_LIBS)

# scenario guard-cost runs it where there is ESP
GUEST_PROGRAMS += $(BUILD)/bench/g6_packet

$(BUILD)/bench/%: testing/bench/%.c testing/bench/bench.h $(BENCH_OBJECTS) | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(filter-out -MMD -MP -fPIE,$(OURS_CFLAGS)) $(BENCH_CFLAGS) -o $@ $< \
		$(filter %.o,$^) $(BENCH_LIBS) $(OURS_LIBS)
