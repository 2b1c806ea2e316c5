/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Identities of the journal. Many latches have one peer, whose certificates are larger than all
 * that is known of a latch: they are written once, and a latch names them by their SHA-256. The
 * name tells damage, too.
 *
 * Invariant: a file is complete before a latch names it, and is there as long as somebody holds it.
 * It is written under its name (pluto's seccomp filter has no rename(2)), so never over one that
 * a latch names already, unless that is damaged.
 */

#include "store/pl_identity_store.h"

#include "store/pl_identity_bytes.h"

#include <bsd/sys/tree.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <sechash.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "identity-"

enum { PREFIX_LEN = sizeof(PREFIX) - 1, NAME_MAX_LEN = PREFIX_LEN + 2 * PL_DIGEST_BYTES + 1 };

/* One file; .identity is NULL as long as only its name is known. */
struct pl_identity_file {
	uint8_t digest[PL_DIGEST_BYTES];
	struct pl_identity *identity;
	size_t holders;
	RB_ENTRY(pl_identity_file) by_digest;
};

struct pl_identity_store {
	int folder;
	RB_HEAD(by_digest, pl_identity_file) by_digest;	/* all of them */
	void *by_identity;	/* those whose identity is known */
};

static int compare_digest(const struct pl_identity_file *a, const struct pl_identity_file *b)
{
	return memcmp(a->digest, b->digest, sizeof(a->digest));
}

/* The macros make functions that nobody calls. */
#define OURS __attribute__((unused)) static
RB_GENERATE_INTERNAL(by_digest, pl_identity_file, by_digest, compare_digest, OURS)

static int compare_identity(const void *a, const void *b)
{
	const struct pl_identity_file *x = a, *y = b;
	uintptr_t p = (uintptr_t)x->identity, q = (uintptr_t)y->identity;

	return (p > q) - (p < q);
}

static void forget_file(struct pl_identity_store *store, struct pl_identity_file *file)
{
	if (file->identity != NULL)
		tdelete(file, &store->by_identity, compare_identity);
	RB_REMOVE(by_digest, &store->by_digest, file);
	pl_identity_unref(file->identity);
	free(file);
}

struct pl_identity_store *pl_identity_store_new(int folder)
{
	struct pl_identity_store *store = calloc(1, sizeof(*store));

	if (store != NULL)
		store->folder = folder;
	return store;
}

struct pl_identity_store *pl_identity_store_free(struct pl_identity_store *store)
{
	if (store == NULL)
		return NULL;
	while (!RB_EMPTY(&store->by_digest))
		forget_file(store, RB_ROOT(&store->by_digest));
	free(store);
	return NULL;
}

static void name_of(const uint8_t digest[static PL_DIGEST_BYTES], char ret[static NAME_MAX_LEN])
{
	int at = snprintf(ret, NAME_MAX_LEN, PREFIX);

	for (unsigned i = 0; i < PL_DIGEST_BYTES; i++)
		at += snprintf(ret + at, NAME_MAX_LEN - (size_t)at, "%02x", digest[i]);
}

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_file(const struct pl_identity_store *store,
		      const struct pl_identity_file *file, const uint8_t *bytes, size_t len)
{
	char name[NAME_MAX_LEN];
	int fd, r;

	name_of(file->digest, name);
	fd = openat(store->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, bytes, len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static int digest_of(const uint8_t *bytes, size_t len, uint8_t ret[static PL_DIGEST_BYTES])
{
	return HASH_HashBuf(HASH_AlgSHA256, ret, bytes, (PRUint32)len) == SECSuccess ? 0 : -EIO;
}

static int encode(const struct pl_identity *identity, uint8_t **ret, size_t *ret_len)
{
	const struct pl_identity_data *data = pl_identity_data(identity);
	size_t len = pl_identity_bytes_size(data);
	uint8_t *bytes;

	if (len == 0)
		return PL_E_TOO_MANY;
	bytes = malloc(len);
	if (bytes == NULL)
		return -ENOMEM;
	pl_identity_encode(data, bytes);
	*ret = bytes;
	*ret_len = len;
	return 0;
}

int pl_identity_store_find(struct pl_identity_store *store,
			   const uint8_t digest[static PL_DIGEST_BYTES],
			   struct pl_identity_file **ret)
{
	struct pl_identity_file key, *file;

	memcpy(key.digest, digest, sizeof(key.digest));
	file = RB_FIND(by_digest, &store->by_digest, &key);
	if (file == NULL) {
		file = calloc(1, sizeof(*file));
		if (file == NULL)
			return -ENOMEM;
		memcpy(file->digest, digest, sizeof(file->digest));
		RB_INSERT(by_digest, &store->by_digest, file);
	}
	file->holders++;
	*ret = file;
	return 0;
}

struct pl_identity_file *pl_identity_store_release(struct pl_identity_store *store,
						   struct pl_identity_file *file)
{
	char name[NAME_MAX_LEN];

	if (file == NULL || --file->holders > 0)
		return NULL;
	name_of(file->digest, name);
	(void)unlinkat(store->folder, name, 0);
	forget_file(store, file);
	return NULL;
}

const uint8_t *pl_identity_file_digest(const struct pl_identity_file *file)
{
	return file->digest;
}

/* A file that grows while it is read is not ours. */
static int read_file(int fd, uint8_t **ret, size_t *ret_len)
{
	struct stat stat;
	uint8_t *bytes;
	size_t len = 0;
	ssize_t n = 1;

	if (fstat(fd, &stat) < 0)
		return -errno;
	if (!S_ISREG(stat.st_mode) || stat.st_size <= 0 || stat.st_size > PL_IDENTITY_BYTES_MAX)
		return PL_E_MALFORMED;
	bytes = malloc((size_t)stat.st_size);
	if (bytes == NULL)
		return -ENOMEM;
	while (len < (size_t)stat.st_size && n > 0) {
		n = read(fd, bytes + len, (size_t)stat.st_size - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	if (len < (size_t)stat.st_size) {
		free(bytes);
		return n < 0 ? -errno : PL_E_MALFORMED;
	}
	*ret = bytes;
	*ret_len = len;
	return 0;
}

static int check(const struct pl_identity_file *file, const uint8_t *bytes, size_t len,
		 struct pl_identity_data *ret)
{
	uint8_t digest[PL_DIGEST_BYTES];
	int r = digest_of(bytes, len, digest);

	if (r == 0 && memcmp(digest, file->digest, sizeof(digest)) != 0)
		r = PL_E_MALFORMED;
	return r != 0 ? r : pl_identity_decode(bytes, len, ret);
}

static int load(const struct pl_identity_store *store, const struct pl_identity_file *file,
		uint8_t **ret_bytes, struct pl_identity_data *ret)
{
	char name[NAME_MAX_LEN];
	uint8_t *bytes = NULL;
	size_t len = 0;
	int fd, r;

	name_of(file->digest, name);
	fd = openat(store->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? PL_E_NOT_FOUND : -errno;
	r = read_file(fd, &bytes, &len);
	close(fd);
	if (r == 0)
		r = check(file, bytes, len, ret);
	if (r == 0)
		*ret_bytes = bytes;
	else
		free(bytes);
	return r;
}

/* What an earlier daemon left under this name, and a latch may name. */
static bool is_whole(const struct pl_identity_store *store, const struct pl_identity_file *file)
{
	struct pl_identity_data data;
	uint8_t *bytes;

	if (load(store, file, &bytes, &data) != 0)
		return false;
	free(bytes);
	return true;
}

/* From now on it is found by its pointer, without asking for its digest. */
static int attach(struct pl_identity_store *store, struct pl_identity_file *file,
		  struct pl_identity *identity)
{
	if (file->identity != NULL)
		return 0;
	file->identity = pl_identity_ref(identity);
	if (tsearch(file, &store->by_identity, compare_identity) != NULL)
		return 0;
	file->identity = pl_identity_unref(identity);
	return -ENOMEM;
}

int pl_identity_store_load(struct pl_identity_store *store, struct pl_identity_file *file,
			   struct pl_identity_pool *pool, struct pl_identity **ret)
{
	struct pl_identity *identity = NULL;
	struct pl_identity_data data;
	uint8_t *bytes = NULL;
	int r = 0;

	if (file->identity == NULL) {
		r = load(store, file, &bytes, &data);
		if (r == 0)
			r = pl_identity_intern(pool, &data, &identity);
		if (r == 0)
			r = attach(store, file, identity);
		pl_identity_unref(identity);
		free(bytes);
	}
	if (r == 0)
		*ret = file->identity;
	return r;
}

static int hold_new(struct pl_identity_store *store, struct pl_identity *identity,
		    struct pl_identity_file **ret)
{
	uint8_t digest[PL_DIGEST_BYTES], *bytes = NULL;
	struct pl_identity_file *file = NULL;
	size_t len = 0;
	int r = encode(identity, &bytes, &len);

	if (r == 0)
		r = digest_of(bytes, len, digest);
	if (r == 0)
		r = pl_identity_store_find(store, digest, &file);
	if (r == 0 && !is_whole(store, file))
		r = write_file(store, file, bytes, len);
	if (r == 0)
		r = attach(store, file, identity);
	free(bytes);
	if (r != 0)
		pl_identity_store_release(store, file);
	else
		*ret = file;
	return r;
}

int pl_identity_store_hold(struct pl_identity_store *store, struct pl_identity *identity,
			   struct pl_identity_file **ret)
{
	struct pl_identity_file key = { .identity = identity }, **at;

	at = tfind(&key, &store->by_identity, compare_identity);
	if (at == NULL)
		return hold_new(store, identity, ret);
	(*at)->holders++;
	*ret = *at;
	return 0;
}

static bool is_held(const struct pl_identity_store *store, const char *name)
{
	struct pl_identity_file key = { .identity = NULL };
	char again[NAME_MAX_LEN];

	for (unsigned i = 0; i < PL_DIGEST_BYTES; i++) {
		unsigned byte;

		if (sscanf(name + PREFIX_LEN + 2 * (size_t)i, "%2x", &byte) != 1)
			return false;
		key.digest[i] = (uint8_t)byte;
	}
	name_of(key.digest, again);
	return strcmp(name, again) == 0 &&
	       RB_FIND(by_digest, (struct by_digest *)&store->by_digest, &key) != NULL;
}

int pl_identity_store_sweep(struct pl_identity_store *store)
{
	int fd = openat(store->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL) {
		int r = -errno;

		close(fd);
		return r;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strncmp(entry->d_name, PREFIX, PREFIX_LEN) == 0 &&
		    (strlen(entry->d_name) != NAME_MAX_LEN - 1 ||
		     !is_held(store, entry->d_name)))
			(void)unlinkat(store->folder, entry->d_name, 0);
	}
	closedir(dir);
	return 0;
}
