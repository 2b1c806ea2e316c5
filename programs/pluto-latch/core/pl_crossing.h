/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_CROSSING_H
#define PL_CROSSING_H

#include <stdbool.h>
#include <stdint.h>

enum { PL_CROSSING_SPI_BYTES = 8 };

/**
 * struct pl_crossing - an IKE SA that this end began, beside one of the same peer's
 * @peers:        serial of the peer's, which it got with IKE_SA_INIT: later SAs have higher ones
 * @newest:       the highest serial of all SAs when ours came up; 0 before
 * @is_auth_sent: IKE_AUTH of ours is out, and not answered
 */
struct pl_crossing {
	uint64_t peers;
	uint64_t newest;
	bool is_auth_sent;
};

/**
 * pl_crossing_stands() - the peer has proved itself in an IKE SA of its own: does ours stand, too
 * @crossing: the two
 *
 * Return: true when the peer may have taken ours, and had begun its own before that
 */
bool pl_crossing_stands(const struct pl_crossing *crossing);

/**
 * pl_crossing_is_lower() - which of two IKE SAs that are up is enough
 * @spi:   of one, the initiator's (RFC 7296 section 3.1)
 * @other: of the other
 *
 * Return: true when it is the first one; never true both ways round
 */
bool pl_crossing_is_lower(const uint8_t spi[PL_CROSSING_SPI_BYTES],
			  const uint8_t other[PL_CROSSING_SPI_BYTES]);

#endif
