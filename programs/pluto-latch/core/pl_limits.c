/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a client may make the daemon hold. Every row is a number that a client would otherwise
 * choose (design D16); uid 0 is a client as every other.
 *
 * Invariants: the sum over all uids is the total; a uid that uses nothing takes no memory, so that
 * uids themselves are no way to fill it; what is refused changes nothing.
 */

#include "core/pl_limits.h"

#include <bsd/sys/tree.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct pl_limit_info table[PL_LIMIT_ROOF] = {
	[PL_LIMIT_LATCHES] = { "latches", 4096, 1, 1000000, 262144,
		"Latches of one user, connections and listeners together." },
	[PL_LIMIT_SESSIONS] = { "sessions", 64, 1, 4096, 1024,
		"Open sessions of one user." },
	[PL_LIMIT_PENDING] = { "pending", 64, 1, 4096, 1024,
		"Creations of one user that wait for IKE." },
	[PL_LIMIT_WAITS] = { "waits", 64, 1, 4096, 1024,
		"Calls of one user that wait for a latch to change." },
	[PL_LIMIT_SUBSCRIPTIONS] = { "subscriptions", 64, 1, 4096, 1024,
		"Subscriptions of one user." },
	[PL_LIMIT_AUTOMATIC] = { "automatic", 1024, 1, 1000000, 16384,
		"Latches of the flows of one user that nobody asked for." },
	[PL_LIMIT_MESSAGE_BYTES] = { "message-bytes", 16384, 1024, 1048576, 0,
		"Size of one request." },
	[PL_LIMIT_REPLY_BYTES] = { "reply-bytes", 1048576, 65536, 16777216, 0,
		"Size of one reply." },
	[PL_LIMIT_LIST_PAGE] = { "list-page", 1000, 1, 4000, 0,
		"Latches in one reply of List." },
	[PL_LIMIT_WAIT_MS] = { "wait-ms", 24000, 0, 3600000, 0,
		"Longest wait of a call, in milliseconds." },
	[PL_LIMIT_RECORD_BYTES] = { "record-bytes", 16384, 4096, 65536, 0,
		"Size of one record of a session." },
	[PL_LIMIT_QUEUE_BYTES] = { "queue-bytes", 262144, 65536, 4194304, 0,
		"Records that wait in one session for its reader, in bytes." },
	[PL_LIMIT_TEXT_BYTES] = { "text-bytes", 256, 16, 4096, 0,
		"Size of a reason or a name that a client gives." },
};

enum { NR_COUNTED = PL_LIMIT_COUNTED_ROOF };

struct account {
	RB_ENTRY(account) by_uid;
	uint32_t uid;
	uint32_t count[NR_COUNTED];
};

static int compare_uid(const struct account *a, const struct account *b)
{
	return (a->uid > b->uid) - (a->uid < b->uid);
}

RB_HEAD(accounts, account);
/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(accounts, account, by_uid, compare_uid, OURS)

struct pl_usage {
	struct accounts accounts;
	unsigned nr_accounts;
	uint32_t total[NR_COUNTED];
};

static bool is_counted(enum pl_limit limit)
{
	return (unsigned)limit > PL_LIMIT_NONE && (unsigned)limit < PL_LIMIT_COUNTED_ROOF;
}

const struct pl_limit_info *pl_limit_info(enum pl_limit limit)
{
	return &table[(unsigned)limit < PL_LIMIT_ROOF ? limit : PL_LIMIT_NONE];
}

void pl_limits_default(struct pl_limits *ret)
{
	for (unsigned i = 0; i < PL_LIMIT_ROOF; i++) {
		ret->each[i] = table[i].initial;
		ret->total[i] = table[i].total_initial;
	}
}

int pl_limits_set(struct pl_limits *limits, enum pl_limit limit, bool is_total, uint32_t value)
{
	const struct pl_limit_info *info = pl_limit_info(limit);

	if (info->name == NULL || (is_total && info->total_initial == 0))
		return PL_E_UNSUPPORTED;
	if (value < info->min || value > (is_total ? (uint64_t)info->max * 1000 : info->max))
		return PL_E_BAD_CONFIG;
	if (is_total)
		limits->total[limit] = value;
	else
		limits->each[limit] = value;
	return 0;
}

int pl_limits_allow(const struct pl_limits *limits, enum pl_limit limit, uint64_t value)
{
	if (pl_limit_info(limit)->name == NULL || is_counted(limit) || value > limits->each[limit])
		return PL_E_LIMIT_EXCEEDED;
	return 0;
}

struct pl_usage *pl_usage_new(void)
{
	struct pl_usage *usage = calloc(1, sizeof(*usage));

	if (usage != NULL)
		RB_INIT(&usage->accounts);
	return usage;
}

static void forget(struct pl_usage *usage, struct account *account)
{
	RB_REMOVE(accounts, &usage->accounts, account);
	usage->nr_accounts--;
	free(account);
}

struct pl_usage *pl_usage_free(struct pl_usage *usage)
{
	if (usage == NULL)
		return NULL;
	while (!RB_EMPTY(&usage->accounts))
		forget(usage, RB_ROOT(&usage->accounts));
	free(usage);
	return NULL;
}

static struct account *find(const struct pl_usage *usage, uint32_t uid)
{
	struct account key = { .uid = uid };

	return RB_FIND(accounts, (struct accounts *)&usage->accounts, &key);
}

int pl_usage_take(struct pl_usage *usage, const struct pl_limits *limits, uint32_t uid,
		  enum pl_limit limit)
{
	struct account *account;

	if (!is_counted(limit))
		return PL_E_UNSUPPORTED;
	account = find(usage, uid);
	if (usage->total[limit] >= limits->total[limit] ||
	    (account == NULL ? 0 : account->count[limit]) >= limits->each[limit])
		return PL_E_LIMIT_EXCEEDED;
	if (account == NULL) {
		account = calloc(1, sizeof(*account));
		if (account == NULL)
			return -ENOMEM;
		account->uid = uid;
		RB_INSERT(accounts, &usage->accounts, account);
		usage->nr_accounts++;
	}
	account->count[limit]++;
	usage->total[limit]++;
	return 0;
}

void pl_usage_give_back(struct pl_usage *usage, uint32_t uid, enum pl_limit limit)
{
	static const uint32_t nothing[NR_COUNTED];
	struct account *account = find(usage, uid);

	if (!is_counted(limit) || account == NULL || account->count[limit] == 0)
		return;
	account->count[limit]--;
	usage->total[limit]--;
	if (memcmp(account->count, nothing, sizeof(nothing)) == 0)
		forget(usage, account);
}

uint32_t pl_usage_of(const struct pl_usage *usage, uint32_t uid, enum pl_limit limit)
{
	const struct account *account = find(usage, uid);

	return account == NULL || !is_counted(limit) ? 0 : account->count[limit];
}

uint32_t pl_usage_total(const struct pl_usage *usage, enum pl_limit limit)
{
	return is_counted(limit) ? usage->total[limit] : 0;
}

unsigned pl_usage_uids(const struct pl_usage *usage)
{
	return usage->nr_accounts;
}
