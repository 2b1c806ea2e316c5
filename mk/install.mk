# SPDX-License-Identifier: GPL-2.0-or-later
#
# make install [DESTDIR=]: libreswan with our daemon in the place of its own, the library, the command,
# what D-Bus and systemd need, and the manual. It is what the tests run: build/ours, copied. Every file
# and every folder (with a / at its end) that was made is in the manifest, and make uninstall removes
# exactly that: folders that were there before stay, with their owners and modes.

PREFIX := /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
MANIFEST = $(SHARE)/pluto-latch/manifest

# Ours, beside or over a staged libreswan. DAEMON_BIN: which daemon.
INSTALLED := $(LIB_SO) $(LIB_DEV) $(CLI_INSTALLED) $(CLI_COMPLETION) \
	$(wildcard dbus/*.xml dbus/*.conf dbus/*/*.conf man/*)

.PHONY: install-latch install uninstall
install-latch: install-liblatch install-cli
	install -D -m 755 $(DAEMON_BIN) $(DESTDIR)$(PREFIX)/libexec/ipsec/pluto
	install -D -m 644 dbus/org.libreswan.Latch1.xml \
		$(SHARE)/dbus-1/interfaces/org.libreswan.Latch1.xml
	install -D -m 644 dbus/org.libreswan.Latch1.conf \
		$(SHARE)/dbus-1/system.d/org.libreswan.Latch1.conf
	install -D -m 644 dbus/ipsec.service.d/latch.conf \
		$(DESTDIR)$(PREFIX)/lib/systemd/system/ipsec.service.d/latch.conf

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
	@to=$(abspath $(DESTDIR)$(PREFIX)) list=$(abspath $(BUILD)/manifest); \
	cd $(BUILD)/ours/usr/local && { find . ! -type d | sed 's/^\.//' | sort; \
		{ find . -mindepth 1 -type d; echo ./share/pluto-latch; } | sed 's/^\.//; s#$$#/#' | sort | \
		while read -r dir; do \
			[ -d "$$to$$dir" ] && ! grep -qsxF "$$dir" $(abspath $(MANIFEST)) || echo "$$dir"; \
		done; } >"$$list"
	@mkdir -p $(DESTDIR)$(PREFIX)
	@tar -C $(BUILD)/ours/usr/local --owner=0 --group=0 -c . | \
		tar -C $(DESTDIR)$(PREFIX) --no-overwrite-dir -px
	@install -D -m 644 $(BUILD)/manifest $(MANIFEST)
	@echo "installed $$(grep -vc '/$$' $(MANIFEST)) files below $(DESTDIR)$(PREFIX)"
	@echo "D-Bus reads policies from /usr/share and /etc: link or copy" \
		"$(PREFIX)/share/dbus-1/system.d/org.libreswan.Latch1.conf to /etc/dbus-1/system.d/"

uninstall:	## remove what install wrote; configuration stays
	@[ -f $(MANIFEST) ] || { echo "nothing is installed below $(DESTDIR)$(PREFIX)"; exit 1; }
	@list=$$(cat $(MANIFEST)) && cd $(DESTDIR)$(PREFIX) && \
		grep -v '/$$' <<<"$$list" | sed 's/^/./' | tr '\n' '\0' | xargs -0 rm -f && \
		rm -f $(abspath $(MANIFEST)) && \
		{ grep '/$$' <<<"$$list" | sed 's/^/./' | sort -r | tr '\n' '\0' | \
			xargs -0 -r rmdir --ignore-fail-on-non-empty 2>/dev/null || true; }
