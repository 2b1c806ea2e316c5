/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Leap of faith (RFC 5387, RFC 5660 section 2.6): keys of peers that a user has met, in a file of
 * his own. A line is a name, the word "spki" and the key in hexadecimal digits; one that begins
 * with # says nothing. A name may have several keys.
 *
 * Invariants: what cannot be read is no answer, least of all "never met". Who may read the file
 * sees all of it or what it was before: a change is a new file in its place, made under a lock.
 */

#include "latch_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the file, of a name, and of a key: RSA of 16384 bits has 2,086 bytes. */
enum { FILE_MAX = 1 << 20, NAME_MAX_LEN = 255, KEY_MAX = 4096 };

#define WORD "spki"

/* A request that makes sense. */
struct pin {
	char path[PATH_MAX];
	const char *name;
	char *key;	/* hexadecimal digits */
};

static bool is_name(const char *name)
{
	size_t len = name == NULL ? 0 : strlen(name);

	if (len == 0 || len > NAME_MAX_LEN || name[0] == '#')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	}
	return true;
}

static int default_path(char ret[PATH_MAX])
{
	const char *config = secure_getenv("XDG_CONFIG_HOME"), *home = secure_getenv("HOME");
	int n;

	/* A relative one is to be ignored (XDG Base Directory Specification). */
	if (config != NULL && config[0] == '/')
		n = snprintf(ret, PATH_MAX, "%s/latch/known_peers", config);
	else if (home != NULL && home[0] == '/')
		n = snprintf(ret, PATH_MAX, "%s/.config/latch/known_peers", home);
	else
		return LATCH_ERR_ARGUMENT;
	return n < PATH_MAX ? 0 : LATCH_ERR_ARGUMENT;
}

static char *to_hex(const void *key, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = key;
	char *hex = malloc(2 * len + 1);

	for (size_t i = 0; hex != NULL && i < len; i++) {
		hex[2 * i] = digits[bytes[i] >> 4];
		hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	if (hex != NULL)
		hex[2 * len] = '\0';
	return hex;
}

/* @key: NULL of who needs none */
static int make_pin(const char *path, const char *name, const void *key, size_t len,
		    struct pin *ret)
{
	int r = 0;

	*ret = (struct pin) { .name = name };
	if (!is_name(name) || (key != NULL && (len == 0 || len > KEY_MAX)))
		return LATCH_ERR_ARGUMENT;
	if (path == NULL)
		r = default_path(ret->path);
	else if (snprintf(ret->path, PATH_MAX, "%s", path) >= PATH_MAX || path[0] == '\0')
		r = LATCH_ERR_ARGUMENT;
	if (r == 0 && key != NULL) {
		ret->key = to_hex(key, len);
		r = ret->key == NULL ? LATCH_ERR_NO_MEMORY : 0;
	}
	return r;
}

static int too_big(void)
{
	errno = EFBIG;
	return LATCH_ERR_SYSTEM;
}

/* What others can write says nothing of whom this user has met. */
static int is_ours(int fd, size_t *ret_size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return LATCH_ERR_SYSTEM;
	if (!S_ISREG(st.st_mode) || (st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		errno = EPERM;
		return LATCH_ERR_SYSTEM;
	}
	if (st.st_size > FILE_MAX)
		return too_big();
	*ret_size = (size_t)st.st_size;
	return 0;
}

static int read_all(int fd, size_t size, char *text)
{
	size_t at = 0;

	while (at < size) {
		ssize_t n = read(fd, text + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return LATCH_ERR_SYSTEM;
		if (n == 0)
			break;
		at += (size_t)n;
	}
	text[at] = '\0';
	/* Lines are missing, or behind a zero byte. */
	return at == size && strlen(text) == size ? 0 : LATCH_ERR_MALFORMED;
}

/* A link that leads nowhere, of the file or of a folder on the way, is no file that is not there:
 * what it leads to may come back, from another disk for example. */
static bool is_missing(const char *path)
{
	char part[PATH_MAX];
	struct stat st;

	for (const char *at = strchr(path + 1, '/'); ; at = strchr(at + 1, '/')) {
		size_t len = at == NULL ? strlen(path) : (size_t)(at - path);

		memcpy(part, path, len);
		part[len] = '\0';
		if (lstat(part, &st) != 0)
			return errno == ENOENT;
		/* it may just have been made */
		if (at == NULL)
			return !S_ISLNK(st.st_mode);
		if (stat(part, &st) != 0)
			return false;
	}
}

/* @ret_text: to be freed; a file that is not there is empty */
static int read_file(const char *path, char **ret_text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), r, error;
	size_t size = 0;
	char *text;

	if (fd < 0 && (errno != ENOENT || !is_missing(path)))
		return LATCH_ERR_SYSTEM;
	r = fd < 0 ? 0 : is_ours(fd, &size);
	text = r == 0 ? malloc(size + 1) : NULL;
	if (r == 0)
		r = text == NULL ? LATCH_ERR_NO_MEMORY : fd < 0 ? 0 : read_all(fd, size, text);
	if (r == 0 && fd < 0)
		text[0] = '\0';
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	if (r != 0)
		free(text);
	else
		*ret_text = text;
	return r;
}

static bool is_hex(const char *text, size_t len)
{
	return len > 0 && len % 2 == 0 && len <= 2 * KEY_MAX &&
	       strspn(text, "0123456789abcdef") >= len;
}

static bool is_of(const char *line, size_t len, const char *name)
{
	size_t name_len = strlen(name);

	return len >= name_len && memcmp(line, name, name_len) == 0 &&
	       (len == name_len || (unsigned char)line[name_len] <= ' ');
}

/* @key: digits of the line, if it is one of this name. Return: 1 it is, 0 it is not, or an error */
static int see_line(const char *line, size_t len, const char *name, const char **key,
		    size_t *key_len)
{
	size_t name_len = strlen(name), begin = name_len + sizeof(" " WORD " ") - 1;

	if (!is_of(line, len, name))
		return 0;
	if (len < begin || memcmp(line + name_len, " " WORD " ", sizeof(" " WORD " ") - 1) != 0 ||
	    !is_hex(line + begin, len - begin))
		return LATCH_ERR_MALFORMED;
	*key = line + begin;
	*key_len = len - begin;
	return 1;
}

static size_t line_of(const char *text)
{
	return strcspn(text, "\n");
}

static int look(const char *text, const struct pin *pin, enum latch_pin *ret)
{
	enum latch_pin found = LATCH_PIN_NEW;

	for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
		const char *key;
		size_t key_len;
		int r;

		len = line_of(text);
		r = see_line(text, len, pin->name, &key, &key_len);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		if (key_len == strlen(pin->key) && memcmp(key, pin->key, key_len) == 0)
			found = LATCH_PIN_SAME;
		else if (found == LATCH_PIN_NEW)
			found = LATCH_PIN_OTHER;
	}
	*ret = found;
	return 0;
}

/* Folders on the way are made as others are: for this user alone. */
static void make_folders(const char *path)
{
	char part[PATH_MAX];

	for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
		memcpy(part, path, (size_t)(at - path));
		part[at - path] = '\0';
		(void)mkdir(part, 0700);	/* open() says what is wrong */
	}
}

/* Return: a descriptor that holds it, or an error */
static int lock(const char *path)
{
	char beside[PATH_MAX];
	int fd;

	if (snprintf(beside, sizeof(beside), "%s.lock", path) >= (int)sizeof(beside))
		return LATCH_ERR_ARGUMENT;
	fd = open(beside, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return LATCH_ERR_SYSTEM;
	while (flock(fd, LOCK_EX) != 0) {
		if (errno != EINTR) {
			close(fd);
			return LATCH_ERR_SYSTEM;
		}
	}
	return fd;
}

/* @last: one more line, or NULL */
static int write_lines(FILE *file, const char *text, const char *without, const struct pin *last)
{
	for (size_t len; *text != '\0'; text += len + (text[len] == '\n')) {
		len = line_of(text);
		if (without != NULL && is_of(text, len, without))
			continue;
		if (fprintf(file, "%.*s\n", (int)len, text) < 0)
			return LATCH_ERR_SYSTEM;
	}
	if (last != NULL && fprintf(file, "%s " WORD " %s\n", last->name, last->key) < 0)
		return LATCH_ERR_SYSTEM;
	return fflush(file) == 0 && fsync(fileno(file)) == 0 ? 0 : LATCH_ERR_SYSTEM;
}

/* After a loss of power the name stands for what it stands for now. Not every file system can say
 * so. */
static int keep_name(const char *path)
{
	const char *end = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	int fd, r, error;

	if (end != NULL) {
		size_t len = end == path ? 1 : (size_t)(end - path);

		memcpy(folder, path, len);
		folder[len] = '\0';
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return LATCH_ERR_SYSTEM;
	r = fsync(fd) == 0 || errno == EINVAL ? 0 : LATCH_ERR_SYSTEM;
	error = errno;
	close(fd);
	errno = error;
	return r;
}

/* The new one takes the place of the old at once, or not at all. */
static int replace(const char *path, const char *text, const char *without,
		   const struct pin *last)
{
	char next[PATH_MAX];
	FILE *file;
	int fd, r, error;

	if (strlen(text) + (last == NULL ? 0 : strlen(last->key) + NAME_MAX_LEN + 8) > FILE_MAX)
		return too_big();
	if (snprintf(next, sizeof(next), "%s.new", path) >= (int)sizeof(next))
		return LATCH_ERR_ARGUMENT;
	fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	file = fd < 0 ? NULL : fdopen(fd, "w");
	if (file == NULL) {
		if (fd >= 0)
			close(fd);
		return LATCH_ERR_SYSTEM;
	}
	r = write_lines(file, text, without, last);
	error = errno;
	if (fclose(file) != 0 && r == 0) {
		r = LATCH_ERR_SYSTEM;
		error = errno;
	}
	if (r == 0 && rename(next, path) != 0) {
		r = LATCH_ERR_SYSTEM;
		error = errno;
	}
	if (r != 0)
		unlink(next);
	errno = error;
	return r != 0 ? r : keep_name(path);
}

int latch_pin_check(const char *path, const char *name, const void *key, size_t len,
		    enum latch_pin *ret)
{
	char *text = NULL;
	struct pin pin;
	int r;

	if (key == NULL || ret == NULL)
		return LATCH_ERR_ARGUMENT;
	r = make_pin(path, name, key, len, &pin);
	if (r == 0)
		r = read_file(pin.path, &text);
	if (r == 0)
		r = look(text, &pin, ret);
	free(text);
	free(pin.key);
	return r;
}

/* Under the lock. Return: 0, or why nothing was changed */
static int keep(const struct pin *pin)
{
	enum latch_pin met;
	char *text;
	int r = read_file(pin->path, &text);

	if (r != 0)
		return r;
	r = look(text, pin, &met);
	if (r == 0 && met == LATCH_PIN_OTHER)
		r = LATCH_ERR_WRONG_PEER;
	if (r == 0 && met == LATCH_PIN_NEW)
		r = replace(pin->path, text, NULL, pin);
	free(text);
	return r;
}

static int forget(const struct pin *pin)
{
	char *text;
	int r = read_file(pin->path, &text);

	if (r != 0)
		return r;
	r = replace(pin->path, text, pin->name, NULL);
	free(text);
	return r;
}

static int change(struct pin *pin, int (*how)(const struct pin *pin))
{
	int fd, r, error;

	make_folders(pin->path);
	fd = lock(pin->path);
	r = fd < 0 ? fd : how(pin);
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return r;
}

int latch_pin_keep(const char *path, const char *name, const void *key, size_t len)
{
	struct pin pin;
	int r;

	if (key == NULL)
		return LATCH_ERR_ARGUMENT;
	r = make_pin(path, name, key, len, &pin);
	if (r == 0)
		r = change(&pin, keep);
	free(pin.key);
	return r;
}

int latch_pin_forget(const char *path, const char *name)
{
	struct pin pin;
	int r = make_pin(path, name, NULL, 0, &pin);

	return r == 0 ? change(&pin, forget) : r;
}
