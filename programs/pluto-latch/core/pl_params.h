/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_PARAMS_H
#define PL_PARAMS_H

#include "core/pl_base.h"
#include "core/pl_facts.h"
#include "core/pl_identity.h"

#include <stdbool.h>

/* Protection type of RFC 5660 section 2; a set. */
enum { PL_PROTECT_INTEGRITY = 1, PL_PROTECT_CONFIDENTIALITY = 2 };

/* Extended sequence numbers; as a set of what is allowed, both bits. */
enum { PL_ESN_NO = 1, PL_ESN_YES = 2 };

/**
 * struct pl_suite - the algorithms of one SA
 * @encrypt:  IKEv2 transform ID of type 1; 0 with AH
 * @key_bits: of the cipher; 0 without a key
 * @integ:    IKEv2 transform ID of type 3; 0 with AEAD
 * @protocol: enum pl_protocol, ESP or AH
 * @esn:      set of PL_ESN_…, never empty
 */
struct pl_suite {
	uint16_t encrypt;
	uint16_t key_bits;
	uint16_t integ;
	uint8_t protocol;
	uint8_t esn;
};

/* More suites than a sensible proposal has; each makes a latch eight bytes larger. */
#define PL_SUITES_MAX 7

/**
 * struct pl_peer - the peer of an SA or a latch, as far as it was proved
 * @identity:    borrowed; NULL is an unknown peer (a foreign SA), who is nobody's same peer
 * @lineage:     one number for an IKE SA and all its successors by rekey (not by a new IKE_AUTH);
 *               never reused; 0 is unknown
 * @is_id_fixed: the connection admits this one ID only, no wildcard
 */
struct pl_peer {
	struct pl_identity *identity;
	uint64_t lineage : 63;
	bool is_id_fixed : 1;
};

/**
 * struct pl_params - what is latched (K1); a value
 * @peer:          also holds the local identity
 * @replay_window: packets; 0 is no replay protection
 * @mode:          enum pl_mode
 * @nr_suites:     one, or for an indeterminate latch (K22) how many are allowed
 * @suites:        in rising order
 */
struct pl_params {
	struct pl_peer peer;
	uint32_t replay_window;
	uint8_t mode;
	uint8_t nr_suites;
	struct pl_suite suites[PL_SUITES_MAX];
};

/* Which key makes a peer the same peer (latch.conf peer-match). */
enum pl_peer_match {
	PL_PEER_MATCH_KEY = 0,	/* ID, method, anchor and key */
	PL_PEER_MATCH_ID,	/* the key may be renewed */
};

/**
 * enum pl_diff - the fields in which parameters differ; a set
 */
enum pl_diff {
	PL_DIFF_PEER_UNKNOWN = 1 << 0,	/* nobody was authenticated */
	PL_DIFF_PEER_ID = 1 << 1,
	PL_DIFF_PEER_METHOD = 1 << 2,
	PL_DIFF_PEER_ANCHOR = 1 << 3,
	PL_DIFF_PEER_KEY = 1 << 4,
	PL_DIFF_PEER_UNPROVED = 1 << 5,	/* no key of its own, and not the same IKE SA */
	PL_DIFF_LOCAL_ID = 1 << 6,
	PL_DIFF_LOCAL_KEY = 1 << 7,
	PL_DIFF_PROTECTION = 1 << 8,
	PL_DIFF_MODE = 1 << 9,
	PL_DIFF_PROTOCOL = 1 << 10,	/* ESP, AH */
	PL_DIFF_CIPHER = 1 << 11,
	PL_DIFF_KEY_LENGTH = 1 << 12,
	PL_DIFF_INTEGRITY = 1 << 13,
	PL_DIFF_ESN = 1 << 14,
	PL_DIFF_REPLAY = 1 << 15,
	PL_DIFF_SUITE = 1 << 16,	/* not one of the allowed suites */
	PL_DIFF_ROOF = 1 << 17,
};

/* Those that make it another peer; the rest is quality of protection. */
#define PL_DIFF_PEER (PL_DIFF_PROTECTION - 1u)

#define PL_DIFF_TEXT_MAX 256
#define PL_SUITE_TEXT_MAX 64

/**
 * struct pl_require - the weakest protection to accept; zero asks for nothing
 * @protection:     set of PL_PROTECT_…
 * @min_key_bits:   of the cipher, when there must be confidentiality
 * @min_integ_bits: of the integrity check value
 * @mode:           enum pl_mode; PL_MODE_NONE is either
 */
struct pl_require {
	uint8_t protection;
	uint16_t min_key_bits;
	uint16_t min_integ_bits;
	uint8_t mode;
};

/**
 * pl_suite_make() - a suite from pluto's names
 * @protocol: ESP or AH
 * @encrypt:  "AES_GCM_16", …; empty with AH
 * @key_bits: of the cipher
 * @integ:    "HMAC_SHA2_256_128", …; "NONE" or empty with AEAD
 * @has_esn:  extended sequence numbers
 * @ret:      the suite
 *
 * Return: 0, or PL_E_UNSUPPORTED for a name or a combination we cannot judge
 */
int pl_suite_make(enum pl_protocol protocol, const char *encrypt, uint32_t key_bits,
		  const char *integ, bool has_esn, struct pl_suite *ret) PL_MUST_USE;

/**
 * pl_suite_protection() - what an SA of this suite gives
 * @suite: a suite
 *
 * Return: set of PL_PROTECT_…
 */
unsigned pl_suite_protection(const struct pl_suite *suite);

/**
 * pl_suite_meets() - is an SA of this suite strong enough, whatever its mode
 * @suite:   a suite
 * @require: the least
 */
bool pl_suite_meets(const struct pl_suite *suite, const struct pl_require *require);

/**
 * pl_suite_text() - "esp aes_gcm_16-256", "esp aes_cbc-128 hmac_sha2_256_128 esn"
 * @suite: a suite
 * @ret:   at least PL_SUITE_TEXT_MAX bytes
 *
 * Return: @ret
 */
const char *pl_suite_text(const struct pl_suite *suite, char ret[static PL_SUITE_TEXT_MAX]);

/**
 * pl_suite_parse() - the inverse of pl_suite_text(), in letters of any case
 * @text: from anybody
 * @ret:  the suite
 *
 * Return: 0; PL_E_MALFORMED for what is no such text; PL_E_UNSUPPORTED as pl_suite_make()
 */
int pl_suite_parse(const char *text, struct pl_suite *ret) PL_MUST_USE;

/**
 * pl_params_from_child() - the parameters of one SA
 * @child: as pluto installs it
 * @peer:  of its IKE SA
 * @ret:   the value; borrows @peer's identity
 *
 * Return: 0; PL_E_COMPRESSED with IPComp; PL_E_UNSUPPORTED for an unknown mode or algorithm
 */
int pl_params_from_child(const struct pl_child_facts *child, const struct pl_peer *peer,
			 struct pl_params *ret) PL_MUST_USE;

/**
 * pl_params_allowed() - the suites that the connection of a child SA allows (K22)
 * @child: as pluto installs it
 * @ret:   in no useful order; what we cannot judge is left out
 *
 * Return: how many
 */
unsigned pl_params_allowed(const struct pl_child_facts *child,
			   struct pl_suite ret[static PL_SUITES_MAX]);

/**
 * pl_suite_is_among() - one of these suites, and of its ESN
 * @suites: a set
 * @nr:     how many
 * @suite:  of an SA
 */
bool pl_suite_is_among(const struct pl_suite *suites, unsigned nr, const struct pl_suite *suite);

/**
 * pl_suites_meet() - what two sets have in common
 * @a:    PL_SUITES_MAX at most
 * @nr_a: how many
 * @b:    likewise
 * @nr_b: likewise
 * @ret:  in the order of @a; may be @a
 *
 * Return: how many
 */
unsigned pl_suites_meet(const struct pl_suite *a, unsigned nr_a, const struct pl_suite *b,
			unsigned nr_b, struct pl_suite ret[static PL_SUITES_MAX]);

/**
 * pl_params_allow() - one more suite that a wide latch may have (K22)
 * @params: unchanged unless 0 is returned
 * @suite:  allowed from now on
 *
 * Return: 0 or PL_E_TOO_MANY
 */
int pl_params_allow(struct pl_params *params, const struct pl_suite *suite) PL_MUST_USE;

/**
 * pl_params_is_indeterminate() - several suites are allowed: no single QoP can be told (K22)
 * @params: parameters
 */
bool pl_params_is_indeterminate(const struct pl_params *params);

/**
 * pl_params_protection() - what every allowed suite gives
 * @params: parameters
 *
 * Return: set of PL_PROTECT_…
 */
unsigned pl_params_protection(const struct pl_params *params);

/**
 * pl_params_meet() - no allowed suite is weaker than what was asked for (K11)
 * @params:  parameters
 * @require: what was asked for
 *
 * Return: 0 or PL_E_WEAK
 */
int pl_params_meet(const struct pl_params *params, const struct pl_require *require) PL_MUST_USE;

/**
 * pl_peer_diff() - why two peers are not the same (design, Identity)
 * @a:     a peer
 * @b:     another
 * @match: whether a renewed key is accepted
 *
 * Return: set of PL_DIFF_PEER_… and PL_DIFF_LOCAL_…; 0 means the same peer
 */
unsigned pl_peer_diff(const struct pl_peer *a, const struct pl_peer *b, enum pl_peer_match match);

/**
 * pl_params_diff() - in what an SA is not congruent to a latch
 * @latch: what was latched; a suite of its set is no difference
 * @sa:    what is compared with it
 * @match: whether a renewed key is accepted
 *
 * Return: set of enum pl_diff
 */
unsigned pl_params_diff(const struct pl_params *latch, const struct pl_params *sa,
			enum pl_peer_match match);

/**
 * pl_diff_text() - "peer-id, peer-key": stable names, in the order of the bits
 * @diff: a set
 * @ret:  at least PL_DIFF_TEXT_MAX bytes; "nothing" for the empty set
 *
 * Return: @ret
 */
const char *pl_diff_text(unsigned diff, char ret[static PL_DIFF_TEXT_MAX]);

#endif
