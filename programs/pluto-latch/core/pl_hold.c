/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How often a user may make pluto try in vain (design D16). An attempt to set up SAs costs both
 * hosts keys and signatures, and whoever asks for a latch causes one: who asks again at once gets
 * the same answer at once, without an exchange.
 *
 * Two limits, both of one user alone, so that nobody's failures stand in another's way. What failed
 * is held back as it was asked for: by peer, port and protection, so that a refused suite does not
 * hold back a plain wish. The wait doubles while failures go on. That is kind to who waits, but the
 * keys are the user's to choose, and few are remembered; so all that failed counts as a debt, too,
 * which time pays off.
 *
 * Invariant: a user without failures is never held back, and memory is what pl_holds_new() took.
 */

#include "core/pl_hold.h"

#include "core/pl_error.h"
#include "core/pl_peer_id.h"
#include "core/pl_siphash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A failure is forgotten when it was allowed to be tried again, and was not for so long. DEBT_MAX
 * failures may come at once, and then one in DEBT_S. */
enum { FIRST_WAIT_S = 1, LAST_WAIT_S = 30, FORGET_S = 60, DEBT_S = 2, DEBT_MAX = 60 };

enum { USERS_MAX = 32, PER_USER_MAX = 8 };

static const uint64_t second_ns = 1000000000;

/**
 * struct hold - what failed; unused as long as @error is 0
 * @until_ns: the same is not tried before
 * @wait_s:   that this hold has lasted, or will have
 */
struct hold {
	struct pl_hold_key key;
	uint64_t until_ns;
	unsigned wait_s;
	int error;
	char reason[PL_TEXT_MAX];
};

/**
 * struct user - one who has failed
 * @debt_ns: when all is paid off; 0 is nobody
 */
struct user {
	uint32_t uid;
	bool is_forwarded;
	uint64_t debt_ns;
	struct hold holds[PER_USER_MAX];
};

struct pl_holds {
	struct user users[USERS_MAX];
};

static uint64_t number_of(const char *peer)
{
	/* Who finds a name of the same number is held back by himself. */
	static const uint8_t no_secret[16];
	uint64_t words[(PL_PEER_ID_MAX + 1) / 8 + 1] = { 0 };
	size_t len = peer == NULL ? 0 : strnlen(peer, PL_PEER_ID_MAX);

	if (len == 0)
		return 0;
	memcpy(words, peer, len);
	words[len / 8] |= (uint64_t)len << 56;
	return pl_siphash13(no_secret, words, len / 8 + 1);
}

void pl_hold_key(const struct pl_hold_wish *wish, struct pl_hold_key *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->uid = wish->uid;
	ret->is_forwarded = wish->is_forwarded;
	ret->is_narrow = wish->is_narrow;
	ret->suite = wish->suite;
	ret->tuple = *wish->tuple;
	ret->tuple.local_port = 0;
	/* not as one value: it has padding */
	ret->require.protection = wish->require.protection;
	ret->require.min_key_bits = wish->require.min_key_bits;
	ret->require.min_integ_bits = wish->require.min_integ_bits;
	ret->require.mode = wish->require.mode;
	ret->peer = number_of(wish->peer);
}

struct pl_holds *pl_holds_new(void)
{
	return calloc(1, sizeof(struct pl_holds));
}

struct pl_holds *pl_holds_free(struct pl_holds *holds)
{
	free(holds);
	return NULL;
}

static const struct user *find_user(const struct pl_holds *holds, const struct pl_hold_key *key)
{
	for (unsigned i = 0; i < USERS_MAX; i++) {
		const struct user *user = &holds->users[i];

		if (user->debt_ns != 0 && user->uid == key->uid &&
		    user->is_forwarded == key->is_forwarded)
			return user;
	}
	return NULL;
}

static const struct hold *find(const struct user *user, const struct pl_hold_key *key)
{
	for (unsigned i = 0; i < PER_USER_MAX; i++) {
		const struct hold *hold = &user->holds[i];

		if (hold->error != 0 && memcmp(&hold->key, key, sizeof(*key)) == 0)
			return hold;
	}
	return NULL;
}

static unsigned seconds(uint64_t ns)
{
	return (unsigned)((ns + second_ns - 1) / second_ns);
}

int pl_holds_admit(const struct pl_holds *holds, const struct pl_hold_key *key, uint64_t now_ns,
		   char ret_text[static PL_HOLD_TEXT_MAX])
{
	const uint64_t most_ns = DEBT_MAX * DEBT_S * second_ns;
	const struct user *user = find_user(holds, key);
	const struct hold *hold = user == NULL ? NULL : find(user, key);

	if (hold != NULL && hold->until_ns > now_ns) {
		snprintf(ret_text, PL_HOLD_TEXT_MAX, "%s%sThe last attempt was a moment ago: "
			 "held back for %u s.", hold->reason, hold->reason[0] == '\0' ? "" : ". ",
			 seconds(hold->until_ns - now_ns));
		return hold->error;
	}
	if (user != NULL && user->debt_ns > now_ns + most_ns) {
		snprintf(ret_text, PL_HOLD_TEXT_MAX, "Too many attempts of this user to set up SAs "
			 "failed: held back for %u s.",
			 seconds(user->debt_ns - now_ns - most_ns));
		return PL_E_LIMIT_EXCEEDED;
	}
	return 0;
}

/* His own, or that of who failed longest ago. */
static struct user *user_of(struct pl_holds *holds, const struct pl_hold_key *key)
{
	struct user *user = (struct user *)find_user(holds, key);

	if (user != NULL)
		return user;
	user = &holds->users[0];
	for (unsigned i = 1; i < USERS_MAX; i++) {
		if (holds->users[i].debt_ns < user->debt_ns)
			user = &holds->users[i];
	}
	*user = (struct user) { .uid = key->uid, .is_forwarded = key->is_forwarded };
	return user;
}

/* Its own, or that which is over longest. */
static struct hold *hold_of(struct user *user, const struct pl_hold_key *key, uint64_t now_ns)
{
	struct hold *hold = (struct hold *)find(user, key);

	if (hold != NULL && hold->until_ns + FORGET_S * second_ns > now_ns)
		return hold;
	if (hold == NULL) {
		hold = &user->holds[0];
		for (unsigned i = 1; i < PER_USER_MAX; i++) {
			if (user->holds[i].until_ns < hold->until_ns)
				hold = &user->holds[i];
		}
	}
	memset(hold, 0, sizeof(*hold));
	memcpy(&hold->key, key, sizeof(*key));
	return hold;
}

static unsigned next_wait(unsigned wait_s)
{
	if (wait_s == 0)
		return FIRST_WAIT_S;
	return wait_s >= LAST_WAIT_S / 2 ? LAST_WAIT_S : wait_s * 2;
}

void pl_holds_failed(struct pl_holds *holds, const struct pl_hold_key *key, uint64_t now_ns,
		     int error, const char *reason)
{
	struct user *user = user_of(holds, key);
	struct hold *hold = hold_of(user, key, now_ns);

	user->debt_ns = (user->debt_ns > now_ns ? user->debt_ns : now_ns) + DEBT_S * second_ns;
	/* Those that began side by side fail side by side: one failure of the peer's. */
	if (hold->until_ns <= now_ns) {
		hold->wait_s = next_wait(hold->wait_s);
		hold->until_ns = now_ns + hold->wait_s * second_ns;
	}
	hold->error = error;
	/* A sentence of ours says the same as the error does. */
	snprintf(hold->reason, sizeof(hold->reason), "%s",
		 strcmp(reason, pl_strerror(error)) == 0 ? "" : reason);
}

void pl_holds_succeeded(struct pl_holds *holds, const struct pl_hold_key *key)
{
	const struct user *user = find_user(holds, key);
	struct hold *hold = user == NULL ? NULL : (struct hold *)find(user, key);

	if (hold != NULL)
		memset(hold, 0, sizeof(*hold));
}
