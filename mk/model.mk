# SPDX-License-Identifier: GPL-2.0-or-later
#
# The state machine with its races in a model checker. The model's table is printed by the daemon's
# own core/pl_fsm.c.

MODEL := $(BUILD)/model
.PHONY: model model-full
model: $(MODEL)/fsm.pml	## the latch's state machine and its races in spin: one flow
	@testing/model/run $<

model-full: $(MODEL)/fsm.pml	## two flows, a program that ends, a daemon that is killed
	@testing/model/run --full $<

$(MODEL)/fsm.pml: $(MODEL)/table
	$< >$@

$(MODEL)/table: $(call objects,gcc,testing/model/table.c $(DAEMON_DIR)/core/pl_fsm.c)
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) -o $@ $^
