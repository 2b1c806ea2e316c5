/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_QUEUE_DECODE_H
#define PL_QUEUE_DECODE_H

#include "core/pl_facts.h"
#include "core/pl_tuple.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct pl_queued - a packet that the guard holds
 * @id:    in its queue
 * @error: why nothing below is known: PL_E_MALFORMED, PL_E_UNSUPPORTED; otherwise 0
 * @way:   PL_DIR_IN or PL_DIR_OUT; of what is forwarded PL_DIR_OUT, seen from its sender
 * @is_forwarded: neither end is here
 * @tuple: seen from this host; not normalised
 * @uid:   whose socket sent it; 0 when nobody's is known
 */
struct pl_queued {
	uint32_t id;
	int error;
	enum pl_direction way;
	bool is_forwarded;
	struct pl_tuple tuple;
	uint32_t uid;
};

/* Of a packet, the bytes that are looked at: headers of IP, and the ports. */
enum { PL_QUEUE_COPY_BYTES = 512 };

/**
 * pl_queue_decode() - read one message of nfnetlink_queue
 * @message: aligned for a struct nlmsghdr; of any content
 * @len:     bytes that are there
 * @ret:     written with 0: one that is held and has an id, whatever else it is
 *
 * Return: 0; PL_E_NOT_FOUND for another message; PL_E_MALFORMED
 */
int pl_queue_decode(const void *message, size_t len, struct pl_queued *ret) PL_MUST_USE;

/**
 * pl_queue_decode_packet() - the ends of a packet of IP
 * @packet: from its IP header on; the end may be missing
 * @len:    of it, in bytes
 * @way:    PL_DIR_IN or PL_DIR_OUT
 * @ret:    not normalised
 *
 * Return: 0; PL_E_MALFORMED when something is missing; PL_E_UNSUPPORTED without ports: another
 * protocol, a later fragment
 */
int pl_queue_decode_packet(const uint8_t *packet, size_t len, enum pl_direction way,
			   struct pl_tuple *ret) PL_MUST_USE;

#endif
