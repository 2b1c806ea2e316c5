/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_TRACE_H
#define PL_TRACE_H

#include "core/pl_engine.h"

/**
 * pl_trace_open() - start the trace that PLUTO_LATCH_TRACE asks for
 *
 * FILE: one JSON line per fact is appended; "log": facts go to pluto's log, long ones cut there.
 * When the file cannot be opened that is logged, and there is no trace.
 *
 * Return: whether there is a trace
 */
bool pl_trace_open(void);

/**
 * pl_trace_close() - the trace ends here; nothing happens without one
 */
void pl_trace_close(void);

/**
 * pl_trace_observe() - the engine's observer: write one fact
 */
pl_engine_observer pl_trace_observe;

#endif
