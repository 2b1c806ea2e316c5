# SPDX-License-Identifier: GPL-2.0-or-later
#
# make install [DESTDIR=]: libreswan with our daemon in the place of its own, the library, the command,
# what D-Bus and systemd need, and the manual. It is what the tests run: build/ours, copied. Whatever was
# written is in a manifest, and make uninstall removes exactly that (mk/install-tree).

PREFIX := /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
CONF_TOOL := $(BUILD)/bin/conf-sample
CONF_SAMPLE := $(BUILD)/install/latch.conf

# Ours, beside or over a staged libreswan. DAEMON_BIN: which daemon.
INSTALLED := $(LIB_SO) $(LIB_DEV) $(CLI_INSTALLED) $(CLI_COMPLETION) $(CONF_SAMPLE) \
	$(wildcard dbus/*.xml dbus/*.conf dbus/*/*.conf man/*)

all: $(CONF_SAMPLE)
-include $(BUILD)/gcc/mk/conf-sample.d
$(CONF_TOOL): $(call objects,gcc,mk/conf-sample.c $(CORE_SRC))
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) -pie -o $@ $^ $(OURS_LIBS)
$(CONF_SAMPLE): $(CONF_TOOL)
	@mkdir -p $(@D)
	$(call run,GEN)$(CONF_TOOL) >$@

.PHONY: install-latch install uninstall install-test
install-test: all	## tests of what is installed, and of the pages of latch.conf and the bus
	@testing/install/run

install-latch: install-liblatch install-cli
	install -D -m 755 $(DAEMON_BIN) $(DESTDIR)$(PREFIX)/libexec/ipsec/pluto
	install -D -m 644 dbus/org.libreswan.Latch1.xml \
		$(SHARE)/dbus-1/interfaces/org.libreswan.Latch1.xml
	install -D -m 644 dbus/org.libreswan.Latch1.conf \
		$(SHARE)/dbus-1/system.d/org.libreswan.Latch1.conf
	install -D -m 644 dbus/ipsec.service.d/latch.conf \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/ipsec.service.d/latch.conf
	install -D -m 644 -t $(SHARE)/man/man5 man/latch.conf.5 man/org.libreswan.Latch1.5
	install -D -m 644 -t $(SHARE)/doc/pluto-latch $(CONF_SAMPLE)

# A staged libreswan with everything that is ours (mk/install.mk).
stage = @rm -rf $(@D) && mkdir -p $(@D) && cp -a $(BUILD)/stock/usr $(@D)/ && \
	MAKEFLAGS= $(MAKE) -s --no-print-directory install-latch DESTDIR=$(abspath $(@D)) DAEMON_BIN=$< && touch $@
$(BUILD)/ours/.staged: $(DAEMON) $(BUILD)/stock/.staged $(INSTALLED)
	$(stage)
$(BUILD)/scripted/.staged: $(SCRIPTED) $(BUILD)/stock/.staged $(INSTALLED)
	$(stage)
$(BUILD)/checked/.staged: $(CHECKED) $(BUILD)/stock/.staged $(INSTALLED)
	$(stage)

install: all	## install into DESTDIR (PREFIX is libreswan's, /usr/local)
	@mk/install-tree install $(BUILD)/ours/usr/local "$(DESTDIR)" $(PREFIX)
	@echo "D-Bus reads policies from /usr/share and /etc: link or copy" \
		"$(PREFIX)/share/dbus-1/system.d/org.libreswan.Latch1.conf to /etc/dbus-1/system.d/"

uninstall:	## remove what install wrote; configuration stays
	@mk/install-tree uninstall "$(DESTDIR)" $(PREFIX)
