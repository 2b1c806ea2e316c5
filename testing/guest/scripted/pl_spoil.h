/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_SPOIL_H
#define PL_SPOIL_H

#include <stdbool.h>

/**
 * pl_spoil_next() - the next message of an exchange is sent otherwise
 * @number: for the log: "script: spoil 7: 2 of 2" when it went
 * @script: "EXCHANGE OPERATION...": the number of an exchange (34 to 37), and what is done to its
 *          payloads, one after the other, before they are encrypted:
 *              drop:TYPE           the first of this type goes
 *              body:TYPE:BYTES     it has this body
 *              type:TYPE:OTHER     it is of another type
 *              len:TYPE:LENGTH     it says this length
 *              critical:TYPE       it is critical (RFC 7296 section 2.5)
 *              add:TYPE:BYTES      one more, at the end
 *          BYTES is hexadecimal; parts are joined by +, and HEX*N is N times HEX.
 *
 * Return: false when that is no such script
 */
bool pl_spoil_next(unsigned long number, const char *script);

#endif
