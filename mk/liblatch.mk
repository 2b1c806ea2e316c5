# SPDX-License-Identifier: GPL-2.0-or-later
#
# liblatch: the library for programs, shared for them and static for tests, with what it installs.

LIB_DIR := lib/liblatch
LIB_VERSION := 0.1
LIB_SRC := $(wildcard $(LIB_DIR)/src/*.c)
LIB_SO := $(BUILD)/lib/liblatch.so.1
LIB_SO_CLANG := $(BUILD)/lib/clang/liblatch.so.1
LIB_DEV := $(BUILD)/lib/liblatch.so
LIB_A := $(BUILD)/lib/liblatch.a
LIB_A_ASAN := $(BUILD)/lib/asan/liblatch.a
LIB_MAP := $(LIB_DIR)/liblatch.map
LIB_LIBS := -ldbus-1 -ljansson
LIB_TESTS := $(patsubst testing/lib/%.c,$(BUILD)/lib/%,$(wildcard testing/lib/test_*.c))
LATCH_ECHO := $(BUILD)/guest/bin/latch-echo
LATCH_FETCH := $(BUILD)/lib/latch-fetch

PREFIX := /usr/local
LIBDIR = $(PREFIX)/lib

# libdbus is known only when mk/deps was here; so this is asked when a command needs it.
LIB_INCLUDES = -I$(LIB_DIR)/include $$(pkg-config --cflags dbus-1)
LIB_CFLAGS = $(filter-out -fPIE -I$(DAEMON_DIR),$(OURS_CFLAGS)) -fPIC $(LIB_INCLUDES) \
	-DLATCH_SYSTEM_BUS="\"$$(pkg-config --variable=system_bus_default_address dbus-1)\""
LIB_ASAN_CFLAGS = $(filter-out -fPIE,$(SANITIZE_CFLAGS)) -fPIC $(LIB_INCLUDES) -I$(LIB_DIR)/src \
	-DLATCH_SYSTEM_BUS="\"$$(pkg-config --variable=system_bus_default_address dbus-1)\""
LIB_LDFLAGS := -shared -Wl,-soname,liblatch.so.1 -Wl,--version-script,$(LIB_MAP) \
	-Wl,-z,now,-z,relro,--no-undefined

$(BUILD)/gcc/$(LIB_DIR)/%.o: $(LIB_DIR)/%.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(LIB_CFLAGS) -c -o $@ $<
$(BUILD)/clang/$(LIB_DIR)/%.o: $(LIB_DIR)/%.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CLANG)$(CLANG) $(LIB_CFLAGS) -c -o $@ $<
$(BUILD)/asan/$(LIB_DIR)/%.o: $(LIB_DIR)/%.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(LIB_ASAN_CFLAGS) -c -o $@ $<
$(BUILD)/asan/testing/lib/%.o: testing/lib/%.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(LIB_ASAN_CFLAGS) -c -o $@ $<
$(BUILD)/asan/testing/unit/test_lib%.o: testing/unit/test_lib%.c | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(LIB_ASAN_CFLAGS) -c -o $@ $<

$(LIB_SO): $(call objects,gcc,$(LIB_SRC)) $(LIB_MAP)
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(LIB_LDFLAGS) -o $@ $(filter %.o,$^) $(LIB_LIBS)
$(LIB_SO_CLANG): $(call objects,clang,$(LIB_SRC)) $(LIB_MAP)
	@mkdir -p $(@D)
	$(call run,LINK)$(CLANG) $(LIB_LDFLAGS) -o $@ $(filter %.o,$^) $(LIB_LIBS)
$(LIB_DEV): $(LIB_SO)
	@ln -sf $(<F) $@
$(LIB_A): $(call objects,gcc,$(LIB_SRC))
$(LIB_A_ASAN): $(call objects,asan,$(LIB_SRC))
$(LIB_A) $(LIB_A_ASAN):
	@mkdir -p $(@D) && rm -f $@
	$(call run,AR)$(AR) rcs $@ $^

.SECONDARY: $(call objects,asan,$(wildcard testing/lib/*.c))
$(LIB_TESTS): $(BUILD)/lib/%: $(BUILD)/asan/testing/lib/%.o \
		$(call objects,asan,testing/lib/fake.c testing/lib/stage.c) $(LIB_A_ASAN)
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(SANITIZE) -o $@ $^ $(LIB_TEST_WRAPS) -lcmocka -lpthread $(LIB_LIBS)
$(BUILD)/lib/test_latch_memory: LIB_TEST_WRAPS := -Wl,--wrap=malloc,--wrap=calloc,--wrap=strndup
$(BUILD)/lib/test_latch_pin: LIB_TEST_WRAPS := -Wl,--wrap=fsync
$(BUILD)/lib/test_latch_host: LIB_TEST_WRAPS := -Wl,--wrap=getaddrinfo
$(BUILD)/lib/test_latch_tag: LIB_TEST_WRAPS := -Wl,--wrap=clock_gettime
LIB_UNIT_TESTS := $(filter %/test_lib_error,$(UNIT_TESTS))
$(LIB_UNIT_TESTS): $(call objects,asan,$(LIB_DIR)/src/latch_error.c)
$(LIB_UNIT_TESTS): UNIT_LIBS := $(LIB_LIBS)

# A guest has libdbus and libjansson, and not this library.
$(LATCH_ECHO): $(LIB_DIR)/examples/latch-echo.c $(LIB_A)
$(LATCH_FETCH): $(LIB_DIR)/examples/latch-fetch.c $(LIB_A)
$(LATCH_ECHO) $(LATCH_FETCH):
	@mkdir -p $(@D)
	$(call run,CC)$(CC) -std=gnu99 -g -O2 -D_GNU_SOURCE $(WARN) -I$(LIB_DIR)/include -MMD -MP \
		-o $@ $^ $(LIB_LIBS)

.PHONY: lib install-liblatch uninstall-liblatch
all: $(LIB_DEV) $(LIB_A) $(LATCH_ECHO) $(LATCH_FETCH)
clang: $(LIB_SO_CLANG)

lib: $(LIB_DEV) $(LIB_A) $(LIB_SO_CLANG) $(LIB_TESTS) $(BUS_DAEMON) $(LATCH_ECHO) $(LATCH_FETCH)	## the library, its pages, and its tests under ASAN and UBSAN
	@testing/lib/run $(LIB_TESTS)

LIB_FILES = $(LIBDIR)/liblatch.so.1 $(LIBDIR)/liblatch.so $(LIBDIR)/liblatch.a \
	$(LIBDIR)/pkgconfig/liblatch.pc $(PREFIX)/include/latch.h \
	$(PREFIX)/share/man/man3/liblatch.3 $(PREFIX)/share/man/man7/latch.7

install-liblatch: $(LIB_SO) $(LIB_A)	## DESTDIR= PREFIX=: the library, its header and its pages
	install -d $(addprefix $(DESTDIR),$(sort $(dir $(LIB_FILES))))
	install -m 755 $(LIB_SO) $(DESTDIR)$(LIBDIR)/
	ln -sf liblatch.so.1 $(DESTDIR)$(LIBDIR)/liblatch.so
	install -m 644 $(LIB_A) $(DESTDIR)$(LIBDIR)/
	install -m 644 $(LIB_DIR)/include/latch.h $(DESTDIR)$(PREFIX)/include/
	install -m 644 man/liblatch.3 $(DESTDIR)$(PREFIX)/share/man/man3/
	install -m 644 man/latch.7 $(DESTDIR)$(PREFIX)/share/man/man7/
	sed 's#@PREFIX@#$(PREFIX)#; s#@LIBDIR@#$(LIBDIR)#; s#@VERSION@#$(LIB_VERSION)#' \
		$(LIB_DIR)/liblatch.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/liblatch.pc

uninstall-liblatch:	## DESTDIR= PREFIX=: and away again
	rm -f $(addprefix $(DESTDIR),$(LIB_FILES))

-include $(wildcard $(foreach how,gcc clang asan,$(BUILD)/$(how)/$(LIB_DIR)/src/*.d) \
	$(BUILD)/asan/testing/lib/*.d $(LATCH_ECHO:%=%.d))
