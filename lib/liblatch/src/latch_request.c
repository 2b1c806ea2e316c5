/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* struct latch_request: the caller's, which may be older or newer than this library.
 *
 * Invariant: nothing that was asked for is dropped. A newer caller's members that this library does
 * not know must be zero, or the request fails.
 */

#include "latch_impl.h"

#include <string.h>

static const char *const protections[4][3] = {
	[LATCH_INTEGRITY] = { "integrity" },
	[LATCH_CONFIDENTIALITY] = { "confidentiality" },
	[LATCH_INTEGRITY | LATCH_CONFIDENTIALITY] = { "integrity", "confidentiality" },
};

static const char *const modes[] = { NULL, "tunnel", "transport" };

static const char *const dispositions[] = { NULL, "reset", "unreachable", "wait" };

enum {
	PROTECTIONS = sizeof(protections) / sizeof(protections[0]),
	MODES = sizeof(modes) / sizeof(modes[0]),
	DISPOSITIONS = sizeof(dispositions) / sizeof(dispositions[0]),
};

/* The daemon's, of an absent "wait". */
enum { WAIT_DEFAULT_MS = 20000 };

/* libdbus takes what is no UTF-8 for a bug, and ends the process. */
static bool is_ascii(const char *text)
{
	while (*text >= ' ' && *text <= '~')
		text++;
	return *text == '\0';
}

int latch_request_check(const struct latch_request *request, struct latch_request *ret)
{
	static const struct latch_request zero;
	const unsigned char *bytes = (const unsigned char *)request;

	if (request == NULL) {
		*ret = zero;
		return 0;
	}
	/* This is the first version: nobody's is smaller. */
	if (request->size < sizeof(zero))
		return LATCH_ERR_ARGUMENT;
	for (size_t i = sizeof(zero); i < request->size; i++) {
		if (bytes[i] != 0)
			return LATCH_ERR_UNSUPPORTED;
	}
	if (request->protection >= PROTECTIONS || (unsigned)request->mode >= MODES ||
	    (unsigned)request->disposition >= DISPOSITIONS ||
	    (request->suite != NULL && !is_ascii(request->suite)) ||
	    (request->peer != NULL && !is_ascii(request->peer)) ||
	    (request->bypass && (request->prefer || request->peer != NULL)) ||
	    (request->prefer && request->peer != NULL))
		return LATCH_ERR_ARGUMENT;
	*ret = *request;
	return 0;
}

static void add_string(struct latch_entry *to, size_t *nr, const char *key, const char *value)
{
	if (value != NULL)
		to[(*nr)++] = (struct latch_entry) { key, 's', { .s = value } };
}

static void add_number(struct latch_entry *to, size_t *nr, const char *key, uint16_t value)
{
	if (value != 0)
		to[(*nr)++] = (struct latch_entry) { key, 'q', { .q = value } };
}

static void add_flag(struct latch_entry *to, size_t *nr, const char *key, bool value)
{
	if (value)
		to[(*nr)++] = (struct latch_entry) { key, 'b', { .b = value } };
}

/* Absent, the daemon takes its default; 0 on the bus is not to wait. */
static void add_wait(struct latch_entry *to, size_t *nr, uint32_t wait_ms)
{
	uint32_t value = wait_ms == LATCH_WAIT_NONE ? 0 : wait_ms;

	if (wait_ms != 0)
		to[(*nr)++] = (struct latch_entry) { "wait", 'u', { .u = value } };
}

size_t latch_request_entries(const struct latch_request *request,
			     struct latch_entry ret[LATCH_REQUEST_ENTRIES])
{
	size_t nr = 0;

	if (request->protection != 0)
		ret[nr++] = (struct latch_entry) {
			"protection", 'a', { .a = protections[request->protection] }
		};
	add_number(ret, &nr, "min_key_bits", request->min_key_bits);
	add_number(ret, &nr, "min_integ_bits", request->min_integ_bits);
	add_string(ret, &nr, "mode", modes[request->mode]);
	add_string(ret, &nr, "disposition", dispositions[request->disposition]);
	add_flag(ret, &nr, "late", request->late);
	add_flag(ret, &nr, "may_be_broken", request->may_be_broken);
	add_wait(ret, &nr, request->wait_ms);
	add_flag(ret, &nr, "narrow", request->narrow);
	add_string(ret, &nr, "suite", request->suite);
	add_flag(ret, &nr, "bypass", request->bypass);
	add_string(ret, &nr, "peer", request->peer);
	return nr;
}

uint32_t latch_request_setup_ms(const struct latch_request *request)
{
	if (request->wait_ms == LATCH_WAIT_NONE)
		return 0;
	return request->wait_ms == 0 ? WAIT_DEFAULT_MS : request->wait_ms;
}
