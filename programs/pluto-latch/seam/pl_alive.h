/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_ALIVE_H
#define PL_ALIVE_H

#include <stdint.h>

struct ike_sa;

/**
 * pl_alive_ask() - struct pl_ike_ops.ask_alive
 * @ctx: nothing
 * @ike: serial of the IKE SA
 *
 * Return: 0, PL_E_NOT_FOUND or PL_E_WRONG_STATE
 */
int pl_alive_ask(void *ctx, uint64_t ike);

/**
 * pl_alive_response() - a response on an IKE SA, decrypted: is it the sign of life
 * @ike: pluto's IKE SA, still waiting for it
 */
void pl_alive_response(const struct ike_sa *ike);

#endif
