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
$(BUS_DAEMON): $(call objects,asan,testing/bus/pl_test_daemon.c $(BUS_SRC) $(STORE_SRC) $(CORE_SRC))
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(SANITIZE) -o $@ $^ $(BUS_LIBS) $(STORE_LIBS) $(OURS_LIBS)

$(BUS_TESTS): $(BUILD)/bus/%: $(BUILD)/asan/testing/bus/%.o $(BUILD)/asan/testing/bus/bus_stage.o
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(SANITIZE) -o $@ $^ $(BUS_LIBS) -lcmocka $(OURS_LIBS)
.SECONDARY: $(call objects,asan,$(wildcard testing/bus/*.c))

# Unit tests of bus/ need its objects, too, and to see libdbus.
BUS_UNIT := $(filter %/test_record %/test_bus_member %/test_bus_request %/test_bus_session \
	%/test_bus_memory,$(UNIT_TESTS))
$(BUS_UNIT): $(call objects,asan,$(BUS_SRC))
$(BUS_UNIT): UNIT_LIBS = $(BUS_LIBS)
BUS_MEMORY_WRAPS := message_new message_set_reply_serial message_set_destination \
	message_iter_append_basic message_iter_open_container message_append_args \
	connection_get_is_connected connection_send
$(BUILD)/unit/test_bus_memory: UNIT_LIBS = $(BUS_LIBS) \
	$(patsubst %,-Xlinker --wrap=dbus_%,$(BUS_MEMORY_WRAPS))

# Fuzzing, with everything of ours instrumented. What it finds is kept in the corpus.
FUZZ_SECONDS := 60
FUZZ_CORPUS := $(BUILD)/fuzz/corpus
FUZZ_FLAGS := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
.PHONY: fuzz-bus fuzz-xfrm fuzz-queue
fuzz-bus: $(BUILD)/fuzz/fuzz_request	## hostile arguments of calls, FUZZ_SECONDS (60) long
	@mkdir -p $(FUZZ_CORPUS)
	@$< -max_total_time=$(FUZZ_SECONDS) -timeout=5 -artifact_prefix=$(BUILD)/fuzz/ \
		$(FUZZ_CORPUS) 2>&1 | grep -aE '^(Done|SUMMARY)|ERROR' && \
		echo "ok fuzz: fuzz_request" || { echo "FAIL fuzz: fuzz_request"; false; }

$(BUILD)/fuzz/fuzz_request: testing/fuzz/fuzz_request.c $(BUS_SRC) $(CORE_SRC) \
		$(wildcard $(DAEMON_DIR)/*/*.h) | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,FUZZ)$(CLANG) -std=gnu99 -g -O1 -D_GNU_SOURCE $(WARN) -I$(DAEMON_DIR) \
		$(BUS_CFLAGS) $(FUZZ_FLAGS) -o $@ $(filter %.c,$^) $(BUS_LIBS) $(OURS_LIBS)

fuzz-xfrm: $(BUILD)/fuzz/fuzz_xfrm	## what the kernel says of SAs and policies, likewise
	@mkdir -p $(FUZZ_CORPUS)-xfrm
	@$< -max_total_time=$(FUZZ_SECONDS) -timeout=5 -artifact_prefix=$(BUILD)/fuzz/ \
		$(FUZZ_CORPUS)-xfrm 2>&1 | grep -aE '^(Done|SUMMARY)|ERROR' && \
		echo "ok fuzz: fuzz_xfrm" || { echo "FAIL fuzz: fuzz_xfrm"; false; }

$(BUILD)/fuzz/fuzz_xfrm: testing/fuzz/fuzz_xfrm.c $(DAEMON_DIR)/kernel/pl_xfrm_decode.c $(CORE_SRC) \
		$(wildcard $(DAEMON_DIR)/*/*.h) | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,FUZZ)$(CLANG) -std=gnu99 -g -O1 -D_GNU_SOURCE $(WARN) -I$(DAEMON_DIR) \
		$(FUZZ_FLAGS) -o $@ $(filter %.c,$^) -lmnl $(OURS_LIBS)

fuzz-queue: $(BUILD)/fuzz/fuzz_queue	## packets that the guard holds, likewise
	@mkdir -p $(FUZZ_CORPUS)-queue
	@$< -max_total_time=$(FUZZ_SECONDS) -timeout=5 -artifact_prefix=$(BUILD)/fuzz/ \
		$(FUZZ_CORPUS)-queue 2>&1 | grep -aE '^(Done|SUMMARY)|ERROR' && \
		echo "ok fuzz: fuzz_queue" || { echo "FAIL fuzz: fuzz_queue"; false; }

$(BUILD)/fuzz/fuzz_queue: testing/fuzz/fuzz_queue.c $(DAEMON_DIR)/kernel/pl_queue_decode.c \
		$(CORE_SRC) $(wildcard $(DAEMON_DIR)/*/*.h) | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,FUZZ)$(CLANG) -std=gnu99 -g -O1 -D_GNU_SOURCE $(WARN) -I$(DAEMON_DIR) \
		$(FUZZ_FLAGS) -o $@ $(filter %.c,$^) -lmnl $(OURS_LIBS)
