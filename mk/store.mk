# SPDX-License-Identifier: GPL-2.0-or-later
#
# The journal: its objects see NSS, which names identities by their SHA-256.

STORE_CFLAGS = $(shell pkg-config --cflags nss 2>/dev/null)
STORE_LIBS = $(shell pkg-config --libs nss 2>/dev/null || echo -lnss3)
STORE_HOWS := gcc clang ubsan asan
STORE_OBJECTS := $(foreach how,$(STORE_HOWS),$(BUILD)/$(how)/$(DAEMON_DIR)/store/%.o) \
	$(patsubst %,$(BUILD)/asan/testing/unit/%.o,test_journal test_journal_killed)
$(STORE_OBJECTS): OURS_CFLAGS += $(STORE_CFLAGS)
$(STORE_OBJECTS): SANITIZE_CFLAGS = $(filter-out -D_FORTIFY_SOURCE=2 -O2,$(OURS_CFLAGS)) -O1 \
	$(SANITIZE)

STORE_UNIT := $(filter %/test_slot %/test_seat %/test_journal %/test_journal_killed,$(UNIT_TESTS))
$(STORE_UNIT): $(call objects,asan,$(STORE_SRC))
$(STORE_UNIT): UNIT_LIBS = $(STORE_LIBS)
.SECONDARY: $(call objects,asan,$(STORE_SRC))
STORE_WRAPS := write openat ftruncate unlinkat lseek
$(BUILD)/unit/test_journal_killed: UNIT_LIBS = $(STORE_LIBS) \
	$(patsubst %,-Xlinker --wrap=%,$(STORE_WRAPS))

.PHONY: fuzz-store
fuzz-store: $(BUILD)/fuzz/fuzz_store	## slots and identities of a journal, FUZZ_SECONDS long
	@mkdir -p $(FUZZ_CORPUS)-store
	@$< -max_total_time=$(FUZZ_SECONDS) -timeout=5 -artifact_prefix=$(BUILD)/fuzz/ \
		$(FUZZ_CORPUS)-store 2>&1 | grep -aE '^(Done|SUMMARY)|ERROR' && \
		echo "ok fuzz: fuzz_store" || { echo "FAIL fuzz: fuzz_store"; false; }

$(BUILD)/fuzz/fuzz_store: testing/fuzz/fuzz_store.c $(STORE_SRC) $(CORE_SRC) \
		$(wildcard $(DAEMON_DIR)/*/*.h) | $(BUILD)/deps.stamp
	@mkdir -p $(@D)
	$(call run,FUZZ)$(CLANG) -std=gnu99 -g -O1 -D_GNU_SOURCE $(WARN) -I$(DAEMON_DIR) \
		$(STORE_CFLAGS) $(FUZZ_FLAGS) -o $@ $(filter %.c,$^) $(STORE_LIBS) $(OURS_LIBS)
