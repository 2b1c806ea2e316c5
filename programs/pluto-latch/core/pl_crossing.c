/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whether an IKE SA stands beside one that the peer began at the same time, and which of the two is
 * enough when both are up (seam/pl_crossed.c has the whole).
 */

#include "core/pl_crossing.h"

#include <string.h>

bool pl_crossing_stands(const struct pl_crossing *crossing)
{
	if (crossing->newest != 0)
		return crossing->peers <= crossing->newest;
	return crossing->is_auth_sent;
}

bool pl_crossing_is_lower(const uint8_t spi[PL_CROSSING_SPI_BYTES],
			  const uint8_t other[PL_CROSSING_SPI_BYTES])
{
	return memcmp(spi, other, PL_CROSSING_SPI_BYTES) < 0;
}
