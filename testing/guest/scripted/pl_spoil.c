/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A peer that says what no IKE daemon says, under the keys of an IKE SA: pluto makes the message,
 * and before it is closed, encrypted and recorded its payloads are made other ones. So everything
 * behind the other end's decryption is reached, with whatever bytes a scenario wants there.
 */

#include "pl_spoil.h"

#include <stdlib.h>
#include <string.h>

#include "defs.h"

#include "ike_spi.h"
#include "ikev2_message.h"
#include "log.h"
#include "state.h"

extern typeof(close_and_record_v2_message) __real_close_and_record_v2_message;
extern typeof(close_and_record_v2_message) __wrap_close_and_record_v2_message;

enum { GENERIC = 4, CHAIN_MAX = 32768, SCRIPT_MAX = 4096, HEADER_NEXT = 16, HEADER_EXCHANGE = 18,
       CRITICAL = 0x80 };

static struct {
	unsigned long number;
	unsigned exchange;
	char script[SCRIPT_MAX];
} wanted;

/* Payloads one behind the other, and the type of the first. */
struct chain {
	uint8_t first;
	size_t len;
	uint8_t bytes[CHAIN_MAX];
};

bool pl_spoil_next(unsigned long number, const char *script)
{
	char *rest;

	wanted.number = number;
	wanted.exchange = (unsigned)strtoul(script, &rest, 10);
	wanted.script[0] = '\0';
	if (rest == script || strlen(rest) >= sizeof(wanted.script))
		return false;
	strcpy(wanted.script, rest);
	return true;
}

static size_t length_at(const struct chain *chain, size_t at)
{
	return (size_t)chain->bytes[at + 2] << 8 | chain->bytes[at + 3];
}

static void say_length(struct chain *chain, size_t at, size_t len)
{
	chain->bytes[at + 2] = (uint8_t)(len >> 8);
	chain->bytes[at + 3] = (uint8_t)len;
}

/* Where it is, and where its type is written; false without one. */
static bool find(struct chain *chain, unsigned type, size_t *ret, uint8_t **ret_type)
{
	uint8_t *next = &chain->first;

	for (size_t at = 0; at + GENERIC <= chain->len; at += length_at(chain, at)) {
		if (*next == type) {
			*ret = at;
			*ret_type = next;
			return true;
		}
		next = &chain->bytes[at];
		if (length_at(chain, at) < GENERIC)
			break;
	}
	return false;
}

static size_t read_bytes(const char *text, uint8_t *ret, size_t room)
{
	size_t len = 0;

	while (*text != '\0') {
		size_t digits = strspn(text, "0123456789abcdef"), from = len, times = 1;
		char *rest = (char *)text + digits;

		if (*rest == '*')
			times = strtoul(rest + 1, &rest, 10);
		if ((digits / 2) * times > room - len)
			return 0;
		for (size_t i = 0; i < digits / 2; i++) {
			char two[3] = { text[2 * i], text[2 * i + 1], '\0' };

			ret[len++] = (uint8_t)strtoul(two, NULL, 16);
		}
		for (; times > 1; times--, len += digits / 2)
			memcpy(ret + len, ret + from, digits / 2);
		text = *rest == '+' ? rest + 1 : rest;
		if (*rest != '+' && *rest != '\0')
			return 0;
	}
	return len;
}

/* @len bytes at @at become others. */
static bool splice(struct chain *chain, size_t at, size_t len, const uint8_t *bytes, size_t by)
{
	if (at + len > chain->len || chain->len - len + by > sizeof(chain->bytes))
		return false;
	memmove(chain->bytes + at + by, chain->bytes + at + len, chain->len - at - len);
	memcpy(chain->bytes + at, bytes, by);
	chain->len = chain->len - len + by;
	return true;
}

/* Where the last one says that nothing follows. */
static uint8_t *end_of(struct chain *chain)
{
	uint8_t *last = &chain->first;

	for (size_t at = 0; at + GENERIC <= chain->len; at += length_at(chain, at)) {
		last = &chain->bytes[at];
		if (length_at(chain, at) < GENERIC)
			break;
	}
	return last;
}

static bool add(struct chain *chain, unsigned type, const uint8_t *body, size_t len)
{
	size_t end = chain->len;

	if (end + GENERIC + len > sizeof(chain->bytes))
		return false;
	*end_of(chain) = (uint8_t)type;
	memset(chain->bytes + end, 0, GENERIC);
	chain->len += GENERIC;
	say_length(chain, end, GENERIC + len);
	return splice(chain, end + GENERIC, 0, body, len);
}

static bool operate(struct chain *chain, char *word)
{
	static uint8_t body[CHAIN_MAX];
	const char *verb = strsep(&word, ":"), *type = strsep(&word, ":");
	const char *what = word == NULL ? "" : word;
	size_t at, len, by = read_bytes(what, body, sizeof(body));
	uint8_t *type_at;

	if (type == NULL)
		return false;
	if (strcmp(verb, "add") == 0)
		return add(chain, (unsigned)atoi(type), body, by);
	if (!find(chain, (unsigned)atoi(type), &at, &type_at))
		return false;
	len = length_at(chain, at);
	if (strcmp(verb, "drop") == 0) {
		*type_at = chain->bytes[at];
		return splice(chain, at, len, body, 0);
	}
	if (strcmp(verb, "type") == 0) {
		*type_at = (uint8_t)atoi(what);
		return true;
	}
	if (strcmp(verb, "critical") == 0) {
		chain->bytes[at + 1] |= CRITICAL;
		return true;
	}
	if (strcmp(verb, "len") == 0) {
		say_length(chain, at, strtoul(what, NULL, 10));
		return true;
	}
	if (strcmp(verb, "body") != 0 || !splice(chain, at + GENERIC, len - GENERIC, body, by))
		return false;
	say_length(chain, at, GENERIC + by);
	return true;
}

static void spoil(struct pbs_out *outs, uint8_t *begin, uint8_t *first)
{
	static struct chain chain;
	unsigned nr = 0, done = 0;
	char *rest = NULL;

	chain.first = *first;
	chain.len = (size_t)(outs->cur - begin);
	if (chain.len > sizeof(chain.bytes))
		return;
	memcpy(chain.bytes, begin, chain.len);
	for (char *word = strtok_r(wanted.script, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest), nr++)
		done += operate(&chain, word);
	wanted.exchange = 0;
	if (chain.len > (size_t)(outs->roof - begin))
		done = 0;
	if (done > 0) {
		memcpy(begin, chain.bytes, chain.len);
		outs->cur = begin + chain.len;
		*first = chain.first;
	}
	llog(RC_LOG, outs->logger, "script: spoil %lu: %u of %u", wanted.number, done, nr);
}

bool __wrap_close_and_record_v2_message(struct v2_message *message)
{
	uint8_t *header = message->body.start;

	if (header[HEADER_EXCHANGE] != wanted.exchange)
		return __real_close_and_record_v2_message(message);
	if (message->security == ENCRYPTED_PAYLOAD)
		spoil(&message->sk.pbs, message->sk.cleartext.ptr,
		      message->sk.aad.ptr + message->sk.aad.len - GENERIC);
	else
		spoil(&message->body, header + NSIZEOF_isakmp_hdr, header + HEADER_NEXT);
	return __real_close_and_record_v2_message(message);
}
