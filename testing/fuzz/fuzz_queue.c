/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: a packet that the guard holds, as nfnetlink_queue says it. The input is one message.
 *
 * Asserted: a packet that has ends has the same two seen from either side, ports and a family.
 */

#include "kernel/pl_queue_decode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_packet(const uint8_t *data, size_t size)
{
	struct pl_tuple out, in;
	int r = pl_queue_decode_packet(data, size, PL_DIR_OUT, &out);

	assert(r == pl_queue_decode_packet(data, size, PL_DIR_IN, &in));
	if (r != 0)
		return;
	assert(out.proto == PL_TUPLE_TCP || out.proto == PL_TUPLE_UDP);
	assert(out.af == PL_AF_IP4 || out.af == PL_AF_IP6);
	assert(out.af == in.af && out.proto == in.proto && out.local_port == in.remote_port &&
	       out.remote_port == in.local_port && memcmp(out.local, in.remote, 16) == 0 &&
	       memcmp(out.remote, in.local, 16) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size == 0 ? 1 : size);
	struct pl_queued queued;

	/* aligned, and with nothing behind */
	if (size > 0)
		memcpy(copy, data, size);
	take_packet(copy, size);
	if (size >= 16 && pl_queue_decode(copy, size, &queued) == 0 && queued.error == 0)
		assert(queued.way == PL_DIR_IN || queued.way == PL_DIR_OUT);
	free(copy);
	return 0;
}
