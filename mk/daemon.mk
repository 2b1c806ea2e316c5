# SPDX-License-Identifier: GPL-2.0-or-later
#
# The daemon: upstream's unmodified objects and ours, one binary. Calls into the functions of
# seam/pl_wrap.def are redirected to ours by the linker.

DAEMON_DIR := programs/pluto-latch
WRAP_TABLE := $(DAEMON_DIR)/seam/pl_wrap.def
CORE_SRC := $(wildcard $(DAEMON_DIR)/core/*.c)
SEAM_SRC := $(wildcard $(DAEMON_DIR)/seam/*.c)
KERNEL_SRC := $(wildcard $(DAEMON_DIR)/kernel/*.c)
BUS_SRC := $(wildcard $(DAEMON_DIR)/bus/*.c)
STORE_SRC := $(wildcard $(DAEMON_DIR)/store/*.c)
OURS_SRC := $(CORE_SRC) $(KERNEL_SRC) $(BUS_SRC) $(STORE_SRC) \
	$(wildcard $(DAEMON_DIR)/daemon/*.c) $(SEAM_SRC)
SCARCE_SRC := testing/guest/scripted/pl_scarce.c
SPOIL_SRC := testing/guest/scripted/pl_spoil.c
SCRIPTED_SRC := testing/guest/scripted/pl_engine_scripted.c $(SPOIL_SRC) \
	$(patsubst %,$(DAEMON_DIR)/kernel/pl_%.c,policies socket_ask netlink)
DAEMON := $(BUILD)/bin/pluto-latch
DAEMON_CLANG := $(BUILD)/bin/pluto-latch.clang
SCRIPTED := $(BUILD)/bin/pluto-latch.scripted
CHECKED := $(BUILD)/bin/pluto-latch.checked
STAGES := $(patsubst %,$(BUILD)/%/.staged,stock ours scripted checked)

WARN := -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wundef -Wstrict-prototypes \
	-Wmissing-prototypes -Wwrite-strings -Wpointer-arith -Wvla
OURS_CFLAGS := -std=gnu99 -g -O2 -fPIE $(WARN) -I$(DAEMON_DIR) -MMD -MP \
	-D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fvisibility=hidden
UBSAN := -fsanitize=undefined -fno-sanitize-recover=all
OURS_LIBS := -ljansson -linih
KERNEL_LIBS := -lnftnl -lmnl

# Upstream's flags for the only files that see upstream's headers. Its headers do not pass our own
# extra warnings, so theirs apply, as errors.
SEAM_CFLAGS = @$(LS_PLUTO)/latch.cflags @$(LS_PLUTO)/latch.includes -I$(LS)/programs/pluto \
	-I$(DAEMON_DIR) -MMD -MP -DHERE_FILENAME='"$<"'

objects = $(patsubst %.c,$(BUILD)/$(1)/%.o,$(2))
wraps = $(shell sed -n 's/^PL_WRAP[A-Z_]*.\([A-Za-z0-9_]*\),.*/-Wl,--wrap=\1/p' $(WRAP_TABLE))
link = cd $(LS_PLUTO) && $(1) @latch.cflags -o $(abspath $@ $(filter %.o,$^)) $$(cat latch.objs) \
	$(call wraps) $(SCRIPTED_WRAPS) @latch.ldflags $(KERNEL_LIBS) $(BUS_LIBS) $(OURS_LIBS)

$(BUILD)/gcc/%.o: %.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(OURS_CFLAGS) -c -o $@ $<
$(BUILD)/clang/%.o: %.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CLANG)$(CLANG) $(OURS_CFLAGS) -c -o $@ $<
$(BUILD)/gcc/$(DAEMON_DIR)/seam/%.o: $(DAEMON_DIR)/seam/%.c $(LS_PLUTO)/latch.flags
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(SEAM_CFLAGS) -c -o $@ $<
$(BUILD)/clang/$(DAEMON_DIR)/seam/%.o: $(DAEMON_DIR)/seam/%.c $(LS_PLUTO)/latch.flags
	@mkdir -p $(@D)
	$(call run,CLANG)$(CLANG) $(SEAM_CFLAGS) -c -o $@ $<

# With UBSAN in our own objects, which ends the daemon at once: unlike ASAN it runs in the guest. What the
# seam allocates can fail in it.
$(BUILD)/ubsan/%.o: %.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(OURS_CFLAGS) $(UBSAN) -c -o $@ $<
$(BUILD)/ubsan/$(DAEMON_DIR)/seam/%.o: $(DAEMON_DIR)/seam/%.c $(LS_PLUTO)/latch.flags $(SCARCE_SRC)
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(SEAM_CFLAGS) $(UBSAN) -c -o $@ $<
	@objcopy $(foreach f,malloc calloc realloc strdup event_new,--redefine-sym $(f)=pl_scarce_$(f)) $@

# A wrapped symbol that upstream no longer has, or that nobody calls across files, fails here.
$(BUILD)/wraps.checked: $(WRAP_TABLE) mk/check-wraps $(LS_PLUTO)/latch.flags
	@mk/check-wraps $(WRAP_TABLE) $(LS_PLUTO)
	@touch $@

$(DAEMON): $(call objects,gcc,$(OURS_SRC)) $(BUILD)/wraps.checked
	@mkdir -p $(@D)
	$(call run,LINK)$(call link,$(CC))
$(DAEMON_CLANG): $(call objects,clang,$(OURS_SRC)) $(BUILD)/wraps.checked
	@mkdir -p $(@D)
	$(call run,LINK)$(call link,$(CLANG))

$(CHECKED): $(call objects,ubsan,$(OURS_SRC) $(SCARCE_SRC)) $(BUILD)/wraps.checked
	@mkdir -p $(@D)
	$(call run,LINK)$(call link,$(CC) $(UBSAN))

# The same daemon with an engine that gives the verdicts a test asks for, and a peer that says what it
# asks for.
$(call objects,gcc,$(SPOIL_SRC)): $(LS_PLUTO)/latch.flags
$(call objects,gcc,$(SPOIL_SRC)): OURS_CFLAGS = $(SEAM_CFLAGS)
$(SCRIPTED): private SCRIPTED_WRAPS := -Wl,--wrap=close_and_record_v2_message
$(SCRIPTED): $(call objects,gcc,$(foreach src,$(CORE_SRC),$(if $(findstring /pl_engine,$(src)),,\
		$(src))) $(SEAM_SRC) $(SCRIPTED_SRC)) $(BUILD)/wraps.checked
	@mkdir -p $(@D)
	$(call run,LINK)$(call link,$(CC))

-include $(wildcard $(foreach how,gcc clang asan ubsan,$(foreach at,$(DAEMON_DIR)/*/ testing/*/ \
	testing/*/*/,$(BUILD)/$(how)/$(at)*.d)))
