/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef INPUT_H
#define INPUT_H

#include "core/pl_ts.h"
#include "core/pl_tuple.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a fuzzer gives, taken from the front; zeros when it is used up. */
struct input {
	const uint8_t *data;
	size_t size;
};

/* More latches than pl_ts_narrow() chooses sides for one by one. */
enum { INPUT_FLOWS = 80 };

uint8_t input_byte(struct input *input);
uint16_t input_word(struct input *input);

/* As many selectors as one byte says, without those that are invalid. */
void input_list(struct input *input, struct pl_ts_list *ret);

/* Latches with ends in or beside these selectors, until the input is used up. */
unsigned input_flows(struct input *input, enum pl_role role, const struct pl_ts_list *tsi,
		     const struct pl_ts_list *tsr, struct pl_tuple ret[static INPUT_FLOWS]);

/*
 * The naive model: a list of selectors is a set of points, and nothing else is known of it.
 */

/* One end of a packet. A port of -1 is none that can be seen. */
struct point {
	uint8_t af, proto;
	int port;
	uint8_t addr[16];
};

enum { POINTS = 192 };

/* Corners of the selectors, and what lies beside: any two lists made of these that differ do so at
 * some corner. Which of them is chosen depends on the selectors alone. */
void points_of(const struct pl_ts_list *a, const struct pl_ts_list *b,
	       struct point ret[static POINTS]);

bool point_is_in(const struct pl_ts_list *list, const struct point *point);

/* A packet of the flow may have this end; @side 0 is TSi. Port -1 may be of any. */
bool point_is_end(const struct pl_tuple *flow, enum pl_role role, unsigned side,
		  const struct point *point);

/* A packet of the flow may have an end in this list. */
bool flow_meets(const struct pl_tuple *flow, enum pl_role role, unsigned side,
		const struct pl_ts_list *list);

#endif
