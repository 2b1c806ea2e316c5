/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who a peer was, as bytes of a file. The file's name is their SHA-256, so that its owner looks
 * there for damage, and here only for what cannot be.
 *
 * Invariant: one form only. Text ends in its one NUL; nothing follows the last field.
 */

#include "store/pl_identity_bytes.h"

#include "store/pl_cursor.h"

#include <string.h>

static const uint32_t magic = 0x504c4901;	/* "PLI", version 1 */

enum { HEAD_BYTES = 4, END_BYTES = 3 + 5 * 4 };

static struct pl_blob blob_of(const char *text)
{
	return (struct pl_blob) { (const uint8_t *)text, text == NULL ? 0 : strlen(text) + 1 };
}

static size_t size_of(const struct pl_identity_end *end)
{
	return END_BYTES + blob_of(end->id).len + end->id_wire.len + end->cert.len +
	       end->anchor.len + end->spki.len;
}

size_t pl_identity_bytes_size(const struct pl_identity_data *data)
{
	size_t size = HEAD_BYTES + size_of(&data->peer) + size_of(&data->own);

	return size <= PL_IDENTITY_BYTES_MAX ? size : 0;
}

/* A blob of a record that is read borrows from it. */
static void walk_blob(struct pl_cursor *c, struct pl_blob *blob)
{
	size_t len = pl_cursor_number(c, blob->len, 4);

	if (c->from == NULL)
		pl_cursor_put(c, blob->ptr, len);
	else
		*blob = (struct pl_blob) { len == 0 ? NULL : pl_cursor_lend(c, len), len };
}

static void walk_text(struct pl_cursor *c, const char **text)
{
	struct pl_blob blob = blob_of(*text);

	walk_blob(c, &blob);
	if (c->from == NULL || c->is_over)
		return;
	if (blob.len > 0 && memchr(blob.ptr, 0, blob.len) != blob.ptr + blob.len - 1)
		c->is_over = true;
	else
		*text = (const char *)blob.ptr;
}

static void walk_end(struct pl_cursor *c, struct pl_identity_end *end)
{
	end->id_type = (uint8_t)pl_cursor_number(c, end->id_type, 1);
	end->auth = (enum pl_auth)pl_cursor_number(c, end->auth, 1);
	end->auth_wire = (uint8_t)pl_cursor_number(c, end->auth_wire, 1);
	walk_text(c, &end->id);
	walk_blob(c, &end->id_wire);
	walk_blob(c, &end->cert);
	walk_blob(c, &end->anchor);
	walk_blob(c, &end->spki);
}

static uint32_t walk(struct pl_cursor *c, struct pl_identity_data *data)
{
	uint32_t head = (uint32_t)pl_cursor_number(c, magic, HEAD_BYTES);

	walk_end(c, &data->peer);
	walk_end(c, &data->own);
	return head;
}

void pl_identity_encode(const struct pl_identity_data *data, uint8_t *ret)
{
	struct pl_cursor c = { .to = ret, .left = pl_identity_bytes_size(data) };
	struct pl_identity_data copy = *data;

	(void)walk(&c, &copy);
}

int pl_identity_decode(const uint8_t *bytes, size_t len, struct pl_identity_data *ret)
{
	struct pl_cursor c = { .from = bytes, .left = len };
	struct pl_identity_data data = { .peer = { .id = NULL } };

	if (len > PL_IDENTITY_BYTES_MAX || walk(&c, &data) != magic || c.is_over || c.left != 0 ||
	    (unsigned)data.peer.auth >= PL_AUTH_ROOF || (unsigned)data.own.auth >= PL_AUTH_ROOF)
		return PL_E_MALFORMED;
	*ret = data;
	return 0;
}
