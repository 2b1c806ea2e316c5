# SPDX-License-Identifier: GPL-2.0-or-later
#
# Upstream's libreswan: fetched, checked, built untouched with the flags of the product (Linux
# defaults, systemd, seccomp), and staged below build/stock as it would be installed.

LS := $(BUILD)/libreswan
LS_FLAGS := INITSYSTEM=systemd USE_SECCOMP=true PREFIX=/usr/local INSTALL_INITSYSTEM=false
LS_PLUTO := $(LS)/OBJ.linux.x86_64/programs/pluto

# What was asked for; the file changes only when the answer does, and with it all that follows.
LS_WANTED := $(LIBRESWAN_SRC) $(LIBRESWAN_TARBALL) $(LS_FLAGS) $(CC)
ifneq ($(LS_WANTED),$(shell cat $(BUILD)/libreswan.wanted 2>/dev/null))
$(shell mkdir -p $(BUILD) && echo '$(LS_WANTED)' >$(BUILD)/libreswan.wanted)
endif

$(BUILD)/deps.stamp: mk/deps mk/packages.list
	@mk/deps
	@touch $@

$(LS)/.unpacked: mk/fetch-libreswan $(BUILD)/libreswan.wanted | $(BUILD)/deps.stamp
	@mk/fetch-libreswan $(LS)
	@touch $@

$(LS)/.built: $(LS)/.unpacked
	@. mk/sh.bash && quietly "building libreswan" $(BUILD)/libreswan.log \
		env -u MAKEFLAGS make -j$(JOBS) -C $(LS) CC=$(CC) $(LS_FLAGS) base
	@touch $@

$(BUILD)/stock/.staged: $(LS)/.built
	@rm -rf $(@D) && mkdir -p $(@D)
	@. mk/sh.bash && quietly "staging libreswan" $(BUILD)/stage.log \
		env -u MAKEFLAGS make -C $(LS) CC=$(CC) $(LS_FLAGS) DESTDIR=$(abspath $(@D)) install-base
	@touch $@

# Upstream's own compile and link flags: -DUSE_* change the layout of its structs. They go through
# response files, which keep the quotes in -DX=\"...\".
LS_PRINT = env -u MAKEFLAGS make -s --no-print-directory -C $(LS)/programs/pluto $(LS_FLAGS) \
	--eval='print-%: ; $$(info $$($$*))@:'

$(LS_PLUTO)/latch.flags: $(LS)/.built
	@$(LS_PRINT) print-USERLAND_CFLAGS >$(@D)/latch.cflags
	@$(LS_PRINT) print-USERLAND_INCLUDES | sed 's#-I\.\./\.\.#-I$(abspath $(LS))#g' >$(@D)/latch.includes
	@$(LS_PRINT) print-USERLAND_LDFLAGS >$(@D)/latch.ldflags
	@$(LS_PRINT) print-OBJS >$(@D)/latch.objs
	@touch $@
