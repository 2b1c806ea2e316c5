# SPDX-License-Identifier: GPL-2.0-or-later
#
# Simulation: two engines with scripted IKE, random events, and a naive model (testing/sim).

SIM := $(BUILD)/sim/pl_sim
SIM_EVENTS := 100000
SIM_SRC := $(wildcard testing/sim/*.c)

.PHONY: sim
sim: $(SIM)	## two engines, SIM_EVENTS (100000) random events, SIM_SEED=NUMBER to repeat a run
	@$(SIM) $(SIM_EVENTS) $(SIM_SEED)

$(SIM): $(call objects,asan,$(SIM_SRC) $(CORE_SRC))
	@mkdir -p $(@D)
	$(call run,LINK)$(CC) $(SANITIZE) -o $@ $^ $(OURS_LIBS)

-include $(wildcard $(BUILD)/asan/testing/sim/*.d)
