/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_FACT_JSON_H
#define PL_FACT_JSON_H

#include "core/pl_base.h"
#include "core/pl_facts.h"

/*
 * A fact as one JSON object on one line. The names are stable: tests and tools rely on them.
 *
 * Always:
 *   mono_ns   CLOCK_MONOTONIC, nanoseconds
 *   fact      "ike-up", … : pl_fact_name()
 * When known:
 *   ike, child    serial numbers, as #N in pluto's log
 *   role          "initiator" | "responder"
 *   conn          name of the connection; instance: its number (absent for none);
 *                 conn_serial; ike_version (absent for 2)
 *   peer          ID of the authenticated peer as text
 *   identity      (ike-up, child-up) { peer: END, own: END }; END: { id, id_type, id_wire, method,
 *                 method_number, cert, anchor, spki }, the last three and id_wire in base64
 *   peer_id_fixed (with identity) the connection that authenticated the peer admits no other ID
 *   ok            pluto's own result (child-failed: false)
 * By kind:
 *   stopping                leaves_state
 *   conn-*                  template, reqid
 *   proposals, proposal-chosen  what, notification
 *   ts-request, ts-rekey, ts-response
 *                           proposed { tsi [TS…], tsr [TS…] } or proposed_error;
 *                           selected { tsi, tsr }, accepted; label when true
 *   ts-offer, ts-answer     selectors { tsi, tsr }
 *   ts-verdict              about, given, applied, why_not, selectors { tsi, tsr }
 *   child-install, -up, -failed, sa-migrate
 *                           protocol, mode, spi_in, spi_out, reqid, rekeys, encrypt, key_bits,
 *                           integ, dh, esn, ipcomp, replay_window, selectors { tsi, tsr },
 *                           local, remote
 *   child-down              reason, established, by_peer, ike_cause, spi_in, spi_out
 *   ike-up                  rekeys, initial_contact, spi_initiator, spi_responder, local, remote
 *   ike-alive               nothing more
 *   ike-down                reason, cause, pending, established, by_peer, rekeyed_by
 *   sa-add, sa-delete, sa-expire, spi-get
 *                           protocol, direction, mode, spi, reqid, src, dst, encrypt, key_bits,
 *                           integ, replacing, hard
 *   policy-add, -delete     direction, mode, replacing, src TS, dst TS, priority, reqid,
 *                           templates, shunt
 *   initiated               ticket, error (word of its D-Bus name, absent when done), reason,
 *                           notification; when done: narrowed, spi_in, spi_out, reqid
 * TS is "192.0.2.1-192.0.2.1/6/4000-4000" (addresses, protocol, ports); an SPI is "0x%08x", an
 * IKE SPI 16 hex digits. Absent strings and zero serials are left out.
 */

/**
 * pl_fact_json() - a fact as one line, without its newline
 * @fact:    any fact
 * @mono_ns: the time to note
 * @ret:     text of the caller's own; free() it
 *
 * Bytes of a name that are no UTF-8 come out as "\uFFFD".
 *
 * Return: 0 or -ENOMEM
 */
int pl_fact_json(const struct pl_fact *fact, uint64_t mono_ns, char **ret) PL_MUST_USE;

#endif
