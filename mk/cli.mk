# SPDX-License-Identifier: GPL-2.0-or-later
#
# The command: `ipsec latch`, also called latchctl. build/bin/latch finds the library of this tree;
# the one that is installed is linked apart and looks nowhere but where the system does.

CLI_DIR := programs/latch
CLI_SRC := $(wildcard $(CLI_DIR)/*.c)
CLI := $(BUILD)/bin/latch
CLI_CLANG := $(BUILD)/bin/latch.clang
CLI_INSTALLED := $(BUILD)/install/latch
CLI_COMPLETION := $(BUILD)/install/latchctl.bash
CLI_FAKE := $(BUILD)/cli/latch.fake
CLI_TOOLS := $(BUILD)/cli/json_check $(BUILD)/cli/network
CLI_FAKE_SRC := testing/cli/fake_liblatch.c
CLI_LIBRARY := $(BUILD)/lib/liblatch.so
# What reads latch.conf, for conf --check: of the daemon's objects only those that this takes.
CLI_CONF_SRC := $(DAEMON_DIR)/daemon/pl_conf_file.c $(CORE_SRC)
CLI_CONF := $(patsubst %,$(BUILD)/%/latch-conf.a,gcc clang asan)
CLI_LIBS = -L$(BUILD)/lib -llatch -ljansson $(shell pkg-config --libs nss) $(OURS_LIBS)
CLI_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed
CLI_RPATH := '-Wl,-rpath,$$ORIGIN/../lib'

PREFIX ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec/ipsec
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions

.PHONY: cli install-cli uninstall-cli
all: $(CLI) $(CLI_COMPLETION)
clang: $(CLI_CLANG)
cli: $(CLI) $(CLI_FAKE) $(CLI_TOOLS) $(CLI_INSTALLED) $(CLI_COMPLETION) \
		$(BUS_DAEMON)	## tests of the command
	@testing/cli/run

CLI_OBJECTS := $(call objects,gcc,$(CLI_SRC)) $(call objects,clang,$(CLI_SRC))
CLI_ASAN_OBJECTS := $(call objects,asan,$(CLI_SRC) $(CLI_FAKE_SRC))
$(CLI_OBJECTS): OURS_CFLAGS += -Ilib/liblatch/include $(shell pkg-config --cflags nss)
$(CLI_ASAN_OBJECTS): SANITIZE_CFLAGS += -Ilib/liblatch/include $(shell pkg-config --cflags nss)
# What the fake has stands in front of the library's only if it can be seen.
$(BUILD)/asan/$(CLI_FAKE_SRC:.c=.o): SANITIZE_CFLAGS += -fvisibility=default

$(CLI): $(call objects,gcc,$(CLI_SRC)) $(BUILD)/gcc/latch-conf.a | $(CLI_LIBRARY)
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(CLI_LDFLAGS) $(CLI_RPATH) -o $@ $(filter %.o %.a,$^) $(CLI_LIBS)
$(CLI_CLANG): $(call objects,clang,$(CLI_SRC)) $(BUILD)/clang/latch-conf.a | $(CLI_LIBRARY)
	@mkdir -p $(@D)
	$(call run,LINK)$(CLANG) $(CLI_LDFLAGS) $(CLI_RPATH) -o $@ $(filter %.o %.a,$^) $(CLI_LIBS)
$(CLI_INSTALLED): $(call objects,gcc,$(CLI_SRC)) $(BUILD)/gcc/latch-conf.a | $(CLI_LIBRARY)
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(CLI_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(CLI_LIBS)
$(CLI_FAKE): $(CLI_ASAN_OBJECTS) $(BUILD)/asan/latch-conf.a | $(CLI_LIBRARY)
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(SANITIZE) $(CLI_RPATH) -o $@ $(filter %.o %.a,$^) $(CLI_LIBS)
$(BUILD)/gcc/latch-conf.a: $(call objects,gcc,$(CLI_CONF_SRC))
$(BUILD)/clang/latch-conf.a: $(call objects,clang,$(CLI_CONF_SRC))
$(BUILD)/asan/latch-conf.a: $(call objects,asan,$(CLI_CONF_SRC))
$(CLI_CONF):
	@rm -f $@
	$(call run,AR)$(AR) rcs $@ $^
$(CLI_TOOLS): $(BUILD)/cli/%: testing/cli/%.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) -std=gnu99 -g -O1 -D_GNU_SOURCE $(WARN) -o $@ $< -ljansson

$(CLI_COMPLETION): $(CLI)
	@mkdir -p $(@D)
	$(call run,GEN)$(CLI) help --completion >$@

install-cli: $(CLI_INSTALLED) $(CLI_COMPLETION)	## PREFIX=/usr/local, LIBEXECDIR=PREFIX/libexec/ipsec
	install -d $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(COMPLETIONDIR) \
		$(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man8
	install -m 755 $(CLI_INSTALLED) $(DESTDIR)$(LIBEXECDIR)/latch
	ln -srf $(DESTDIR)$(LIBEXECDIR)/latch $(DESTDIR)$(PREFIX)/bin/latchctl
	install -m 644 $(CLI_COMPLETION) $(DESTDIR)$(COMPLETIONDIR)/latchctl
	install -m 644 man/latchctl.1 $(DESTDIR)$(MANDIR)/man1/
	install -m 644 man/ipsec-latch.8 $(DESTDIR)$(MANDIR)/man8/

uninstall-cli:	## take away what install-cli put there
	rm -f $(DESTDIR)$(LIBEXECDIR)/latch $(DESTDIR)$(PREFIX)/bin/latchctl \
		$(DESTDIR)$(COMPLETIONDIR)/latchctl $(DESTDIR)$(MANDIR)/man1/latchctl.1 \
		$(DESTDIR)$(MANDIR)/man8/ipsec-latch.8

-include $(wildcard $(foreach how,gcc clang asan,$(BUILD)/$(how)/$(CLI_DIR)/*.d))
