# SPDX-License-Identifier: GPL-2.0-or-later
#
# libFuzzer over every byte that comes from outside: wire, bus, disk, kernel, and over the algebra that
# judges it. Everything of ours is instrumented. testing/fuzz/run has the targets and their times.

FUZZ := $(BUILD)/fuzz
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_CFLAGS = -std=gnu99 -g -O1 -D_GNU_SOURCE $(WARN) -I$(DAEMON_DIR) -Itesting/fuzz -MMD -MP \
	$(BUS_CFLAGS) $(STORE_CFLAGS) $(FUZZ_FLAGS)
FUZZ_TARGETS := $(patsubst testing/fuzz/fuzz_%.c,$(FUZZ)/fuzz_%,$(wildcard testing/fuzz/fuzz_*.c))
FUZZ_SHARED := $(filter-out testing/fuzz/fuzz_%,$(wildcard testing/fuzz/*.c))
FUZZ_SRC := $(CORE_SRC) $(STORE_SRC) $(BUS_SRC) $(FUZZ_SHARED) \
	$(patsubst %,$(DAEMON_DIR)/kernel/pl_%.c,queue_decode xfrm_decode)

.PHONY: fuzz
fuzz: $(FUZZ_TARGETS) $(BUILD)/install/latch.conf	## hostile bytes for everything that reads any; T=SECONDS for each target
	@testing/fuzz/run $(if $(T),--seconds $(T)) $(FUZZ_TARGETS)

$(FUZZ)/%.o: %.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,FUZZ)$(CLANG) $(FUZZ_CFLAGS) -c -o $@ $<
# a target takes from it what it needs
$(FUZZ)/ours.a: $(FUZZ_SRC:%.c=$(FUZZ)/%.o)
	@rm -f $@
	$(call run,AR)ar rcs $@ $^
$(FUZZ_TARGETS): $(FUZZ)/%: $(FUZZ)/testing/fuzz/%.o $(FUZZ)/ours.a
	$(call run,LINK)$(CLANG) $(FUZZ_FLAGS:fuzzer-no-link=fuzzer) -fsanitize=fuzzer -o $@ $^ \
		-Wl,--as-needed $(BUS_LIBS) $(STORE_LIBS) -lmnl $(OURS_LIBS)
.SECONDARY: $(patsubst testing/fuzz/%.c,$(FUZZ)/testing/fuzz/%.o,$(wildcard testing/fuzz/*.c))

-include $(wildcard $(patsubst %,$(FUZZ)/%*.d,testing/fuzz/ $(DAEMON_DIR)/*/))
