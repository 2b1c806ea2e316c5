# SPDX-License-Identifier: GPL-2.0-or-later
#
# The bus on the host: the service and a daemon for tests that needs neither pluto nor root.

BUS_CFLAGS = $(shell pkg-config --cflags dbus-1 2>/dev/null)
BUS_LIBS = $(shell pkg-config --libs dbus-1 libevent 2>/dev/null || echo -ldbus-1 -levent) -lmd
BUS_ADDRESS = $(shell pkg-config --variable=system_bus_default_address dbus-1 2>/dev/null)
BUS_DAEMON := $(BUILD)/bus/pl_test_daemon
BUS_TESTS := $(patsubst testing/bus/%.c,$(BUILD)/bus/%,$(wildcard testing/bus/test_*.c))

# However they are compiled, the objects of bus/ see libdbus.
BUS_HOWS := gcc clang ubsan asan
BUS_OBJECTS := $(foreach how,$(BUS_HOWS),$(BUILD)/$(how)/$(DAEMON_DIR)/bus/%.o \
	$(BUILD)/$(how)/testing/bus/%.o) $(BUILD)/asan/testing/unit/test_record.o \
	$(BUILD)/asan/testing/unit/test_bus%.o
$(BUS_OBJECTS): OURS_CFLAGS += $(BUS_CFLAGS) \
	$(if $(BUS_ADDRESS),-DPL_BUS_SYSTEM_ADDRESS='"$(BUS_ADDRESS)"')
$(BUS_OBJECTS): SANITIZE_CFLAGS = $(filter-out -D_FORTIFY_SOURCE=2 -O2,$(OURS_CFLAGS)) -O1 $(SANITIZE)

# The introspection file is part of this object.
$(foreach how,$(BUS_HOWS),$(BUILD)/$(how)/$(DAEMON_DIR)/bus/pl_bus_xml.o): \
	dbus/org.libreswan.Latch1.xml

.PHONY: bus bus-daemon
bus: $(BUS_DAEMON) $(BUS_TESTS)	## the D-Bus service against a bus of its own, under ASAN and UBSAN
	@testing/bus/run $(BUS_TESTS)

bus-daemon: $(BUS_DAEMON)	## the service without pluto, for tests of its clients

$(BUILD)/asan/testing/bus/pl_test_daemon.o: OURS_CFLAGS += $(STORE_CFLAGS)
$(BUS_DAEMON): $(call objects,asan,testing/bus/pl_test_daemon.c testing/bus/pl_test_conf.c \
		$(DAEMON_DIR)/daemon/pl_conf_file.c $(BUS_SRC) $(STORE_SRC) $(CORE_SRC))
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(SANITIZE) -o $@ $^ $(BUS_LIBS) $(STORE_LIBS) $(OURS_LIBS)

$(BUS_TESTS): $(BUILD)/bus/%: $(BUILD)/asan/testing/bus/%.o $(BUILD)/asan/testing/bus/bus_stage.o
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(SANITIZE) -o $@ $^ $(BUS_LIBS) -lcmocka $(OURS_LIBS)
.SECONDARY: $(call objects,asan,$(wildcard testing/bus/*.c))

# Unit tests of bus/ need its objects, too, and to see libdbus.
BUS_UNIT := $(filter %/test_record %/test_bus_member %/test_bus_request %/test_bus_session \
	%/test_bus_memory %/test_bus_note,$(UNIT_TESTS))
$(BUS_UNIT): $(call objects,asan,$(BUS_SRC))
$(BUS_UNIT): UNIT_LIBS = $(BUS_LIBS)
BUS_MEMORY_WRAPS := message_new message_set_reply_serial message_set_destination \
	message_iter_append_basic message_iter_open_container message_append_args \
	connection_get_is_connected connection_send
$(BUILD)/unit/test_bus_memory: UNIT_LIBS = $(BUS_LIBS) \
	$(patsubst %,-Xlinker --wrap=dbus_%,$(BUS_MEMORY_WRAPS))
