# SPDX-License-Identifier: GPL-2.0-or-later
#
# The journal: its objects see NSS, which names identities by their SHA-256.

STORE_CFLAGS = $(shell pkg-config --cflags nss 2>/dev/null)
STORE_LIBS = $(shell pkg-config --libs nss 2>/dev/null || echo -lnss3)
STORE_HOWS := gcc clang ubsan asan
STORE_OBJECTS := $(foreach how,$(STORE_HOWS),$(BUILD)/$(how)/$(DAEMON_DIR)/store/%.o) \
	$(patsubst %,$(BUILD)/asan/testing/unit/%.o,test_journal test_journal_killed test_binding)
$(STORE_OBJECTS): OURS_CFLAGS += $(STORE_CFLAGS)
$(STORE_OBJECTS): SANITIZE_CFLAGS = $(filter-out -D_FORTIFY_SOURCE=2 -O2,$(OURS_CFLAGS)) -O1 \
	$(SANITIZE)

STORE_UNIT := $(filter %/test_binding %/test_slot %/test_seat %/test_journal %/test_journal_killed,$(UNIT_TESTS))
$(STORE_UNIT): $(call objects,asan,$(STORE_SRC))
$(STORE_UNIT): UNIT_LIBS = $(STORE_LIBS)
.SECONDARY: $(call objects,asan,$(STORE_SRC))
STORE_WRAPS := write openat ftruncate unlinkat lseek
$(BUILD)/unit/test_journal_killed: UNIT_LIBS = $(STORE_LIBS) \
	$(patsubst %,-Xlinker --wrap=%,$(STORE_WRAPS))
