/* SPDX-License-Identifier: GPL-2.0-or-later */

/* libFuzzer: what stands in the journal's files. The first byte says as what the rest is read. A
 * slot gets the right sum before, or the fuzzer would see nothing behind it.
 *
 * Asserted: what decodes encodes to the same bytes again.
 */

#include "store/pl_identity_bytes.h"
#include "store/pl_seat.h"
#include "store/pl_slot.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_slot(const uint8_t *data, size_t size)
{
	uint8_t bytes[PL_SLOT_BYTES] = { 0 }, again[PL_SLOT_BYTES];
	struct pl_kept_session session;
	struct pl_kept slot;
	uint64_t sum;

	memcpy(bytes, data, size < sizeof(bytes) - 8 ? size : sizeof(bytes) - 8);
	sum = pl_slot_sum(bytes, sizeof(bytes) - 8);
	for (unsigned i = 0; i < 8; i++)
		bytes[sizeof(bytes) - 8 + i] = (uint8_t)(sum >> 8 * i);
	if (pl_slot_decode(bytes, &slot) == 0) {
		pl_slot_encode(&slot, again);
		assert(memcmp(bytes, again, sizeof(bytes)) == 0);
		/* never both */
		assert(pl_seat_decode(bytes, &session) != 0);
	} else if (pl_seat_decode(bytes, &session) == 0) {
		pl_seat_encode(&session, again);
		assert(memcmp(bytes, again, sizeof(bytes)) == 0);
	}
}

static void read_identity(const uint8_t *data, size_t size)
{
	struct pl_identity_data identity;
	uint8_t *again;

	if (pl_identity_decode(data, size, &identity) != 0)
		return;
	assert(pl_identity_bytes_size(&identity) == size);
	again = malloc(size);
	pl_identity_encode(&identity, again);
	assert(memcmp(data, again, size) == 0);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		read_slot(data + 1, size - 1);
	else
		read_identity(data + 1, size - 1);
	return 0;
}
