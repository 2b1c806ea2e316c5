/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whom a program wants to talk to, by name. Pluto says an ID as text, and so do we: what `show` has
 * of a peer can be asked for.
 *
 * Pluto's text alone is not enough. A peer may assert an e-mail ID (RFC 7296 section 3.5, type 3)
 * whose bytes read like a name, an address or a DN. So the type and the bytes of the ID payload
 * have to be those of the text, too. A DN is the exception: it has several encodings, and with
 * %fromcert pluto takes it from the certificate, whatever the payload says. Its text holds every
 * attribute in its order, with all that is special escaped; not the types of its strings, nor which
 * attributes share an RDN.
 *
 * Invariant: whoever is admitted is the one that was named; in doubt nobody is.
 */

#include "core/pl_peer_id.h"

#include <arpa/inet.h>		/* inet_pton() and inet_ntop(), which only parse and format */
#include <ctype.h>
#include <string.h>
#include <strings.h>

/* RFC 7296 section 3.5 */
enum id_type {
	ID_IPV4_ADDR = 1,
	ID_FQDN = 2,
	ID_RFC822_ADDR = 3,
	ID_IPV6_ADDR = 5,
	ID_DER_ASN1_DN = 9,
	ID_KEY_ID = 11,
};

/* An ID as the payload has it; of a DN only the type. */
struct id {
	enum id_type type;
	uint8_t wire[PL_PEER_ID_MAX];
	size_t len;
};

/* Texts */

static const char key_id_prefix[] = "@#0x";

static bool is_printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

static bool has_any(const char *text, const char *characters)
{
	return text[strcspn(text, characters)] != '\0';
}

/* Return: its value, or -1 */
static int nibble(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

static bool read_key_id(const char *hex, struct id *ret)
{
	size_t len = strlen(hex);

	if (len == 0 || len % 2 != 0)
		return false;
	ret->type = ID_KEY_ID;
	for (size_t i = 0; i < len; i += 2) {
		int high = nibble(hex[i]), low = nibble(hex[i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret->wire[ret->len++] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool read_address(const char *text, struct id *ret)
{
	static const uint8_t any[16];

	if (inet_pton(AF_INET, text, ret->wire) == 1) {
		ret->type = ID_IPV4_ADDR;
		ret->len = 4;
	} else if (inet_pton(AF_INET6, text, ret->wire) == 1) {
		ret->type = ID_IPV6_ADDR;
		ret->len = 16;
	} else {
		return false;
	}
	return memcmp(ret->wire, any, ret->len) != 0;
}

static bool take_bytes(enum id_type type, const char *text, struct id *ret)
{
	ret->type = type;
	ret->len = strlen(text);
	memcpy(ret->wire, text, ret->len);
	return ret->len > 0;
}

/* What pluto's configuration reads in other ways, "@~…" and "@[…", no ID is ever written as. */
static bool read_fqdn(const char *name, struct id *ret)
{
	return !has_any(name, "@ #~[") && take_bytes(ID_FQDN, name, ret);
}

static bool read_mail(const char *text, struct id *ret)
{
	const char *at = strchr(text, '@');

	return at != NULL && at[1] != '\0' && !has_any(at + 1, "@ ") &&
	       take_bytes(ID_RFC822_ADDR, text, ret);
}

/* @text is normal, or printable at least. */
static bool read_id(const char *text, struct id *ret)
{
	*ret = (struct id) { .len = 0 };
	if (strchr(text, '=') != NULL) {
		ret->type = ID_DER_ASN1_DN;
		return true;
	}
	if (strncmp(text, key_id_prefix, sizeof(key_id_prefix) - 1) == 0)
		return read_key_id(text + sizeof(key_id_prefix) - 1, ret);
	if (text[0] == '@')
		return read_fqdn(text + 1, ret);
	return strchr(text, '@') != NULL ? read_mail(text, ret) : read_address(text, ret);
}

/* Distinguished names */

static const char dn_digits[] = "0123456789ABCDEF";

/* Return: characters of the attribute's type and its "=", or 0 */
static size_t dn_type_length(const char *at)
{
	size_t n = 0;

	while (isalnum((unsigned char)at[n]) || at[n] == '.')
		n++;
	return n > 0 && at[n] == '=' ? n + 1 : 0;
}

/* A value in hexadecimal digits. */
static size_t dn_hex_length(const char *at)
{
	size_t n = 1 + strspn(at + 1, dn_digits);

	return n > 1 && n % 2 == 1 ? n : 0;
}

/* Return: characters of what stands for one, or 0 */
static size_t dn_character_length(const char *at)
{
	static const char special[] = " \"#+,;<=>\\";

	if (at[0] != '\\')
		return at[0] == ' ' || strchr(special, at[0]) == NULL ? 1 : 0;
	if (at[1] != '\0' && strchr(special, at[1]) != NULL)
		return 2;
	return strspn(at + 1, dn_digits) >= 2 ? 3 : 0;
}

/* Return: characters of the value up to the comma or the end, or 0. Spaces that are not escaped are
 * neither its first nor its last. */
static size_t dn_value_length(const char *at)
{
	bool is_space = at[0] == ' ';
	size_t n = 0, more;

	if (is_space || (at[0] == '*' && (at[1] == ',' || at[1] == '\0')))
		return 0;
	if (at[0] == '#')
		return dn_hex_length(at);
	while (at[n] != ',' && at[n] != '\0') {
		is_space = at[n] == ' ';
		more = dn_character_length(at + n);
		if (more == 0)
			return 0;
		n += more;
	}
	return is_space ? 0 : n;
}

static int put(char *to, size_t *len, const char *from, size_t n)
{
	if (n > PL_PEER_ID_MAX - *len)
		return PL_E_LIMIT_EXCEEDED;
	memcpy(to + *len, from, n);
	*len += n;
	to[*len] = '\0';
	return 0;
}

static int read_dn(const char *text, char ret[static PL_PEER_ID_MAX + 1])
{
	size_t len = 0;
	int r = 0;

	for (bool is_first = true; r == 0; is_first = false) {
		size_t type = dn_type_length(text);
		size_t value = type == 0 ? 0 : dn_value_length(text + type);

		if (value == 0)
			return PL_E_MALFORMED;
		r = is_first ? 0 : put(ret, &len, ", ", 2);
		if (r == 0)
			r = put(ret, &len, text, type + value);
		text += type + value;
		if (*text == '\0')
			break;
		text += 1 + strspn(text + 1, " ");
	}
	return r;
}

int pl_peer_id_read(const char *text, char ret[static PL_PEER_ID_MAX + 1])
{
	size_t len = strnlen(text, PL_PEER_ID_MAX + 1);
	char normal[PL_PEER_ID_MAX + 1];
	struct id id;
	int r = 0;

	if (len > PL_PEER_ID_MAX)
		return PL_E_LIMIT_EXCEEDED;
	if (!is_printable(text) || !read_id(text, &id))
		return PL_E_MALFORMED;
	memcpy(normal, text, len + 1);
	if (id.type == ID_DER_ASN1_DN)
		r = read_dn(text, normal);
	else if (id.type == ID_IPV4_ADDR || id.type == ID_IPV6_ADDR)
		(void)inet_ntop(id.type == ID_IPV4_ADDR ? AF_INET : AF_INET6, id.wire, normal,
				sizeof(normal));
	if (r == 0)
		memcpy(ret, normal, sizeof(normal));
	return r;
}

/* Peers */

static bool is_wire(struct pl_blob wire, const void *bytes, size_t len)
{
	return wire.len == len && memcmp(wire.ptr, bytes, len) == 0;
}

static bool is_same(const char *wanted, const struct pl_identity_end *end)
{
	struct id id;

	if (end->id == NULL || strcmp(end->id, wanted) != 0 || !read_id(wanted, &id))
		return false;
	if (id.type != ID_DER_ASN1_DN)
		return end->id_type == id.type && is_wire(end->id_wire, id.wire, id.len);
	return end->id_type == ID_DER_ASN1_DN ||
	       !is_wire(end->id_wire, wanted, strlen(wanted));
}

static bool is_proved(const struct pl_peer *peer, const struct pl_identity_end *end)
{
	switch (end->auth) {
	case PL_AUTH_SIGNATURE:
	case PL_AUTH_EAP:
		return end->spki.len > 0;
	case PL_AUTH_PSK:
		return peer->is_id_fixed;
	default:
		return false;
	}
}

bool pl_peer_id_admits(const char *wanted, const struct pl_peer *peer)
{
	const struct pl_identity_end *end;

	if (wanted == NULL)
		return true;
	if (peer->identity == NULL)
		return false;
	end = &pl_identity_data(peer->identity)->peer;
	return is_proved(peer, end) && is_same(wanted, end);
}

const char *pl_peer_id_wanted(const char *demand, const struct pl_peer *latched)
{
	if (demand != NULL || latched->identity == NULL)
		return demand;
	return pl_identity_data(latched->identity)->peer.id;
}

/* @at is at an attribute of a normal DN. Return: the next one, or NULL */
static const char *dn_next(const char *at, size_t *ret_len)
{
	size_t type = dn_type_length(at);

	*ret_len = type + dn_value_length(at + type);
	at += *ret_len;
	return *at == '\0' ? NULL : at + strspn(at, ", ");
}

static unsigned dn_count(const char *dn, const char *attribute, size_t len)
{
	unsigned nr = 0;
	size_t n;

	for (const char *at = dn, *next; at != NULL; at = next) {
		next = dn_next(at, &n);
		nr += n == len && strncasecmp(at, attribute, len) == 0;
	}
	return nr;
}

/* Each attribute of @one is as often in @other. */
static bool is_dn_within(const char *one, const char *other)
{
	size_t n;

	for (const char *at = one, *next; at != NULL; at = next) {
		next = dn_next(at, &n);
		if (dn_count(one, at, n) != dn_count(other, at, n))
			return false;
	}
	return true;
}

bool pl_peer_id_may_be(const char *one, const char *other)
{
	char a[PL_PEER_ID_MAX + 1], b[PL_PEER_ID_MAX + 1];
	struct id id;

	if (one == NULL || other == NULL || pl_peer_id_read(one, a) != 0 ||
	    pl_peer_id_read(other, b) != 0 || strcasecmp(a, b) == 0)
		return true;
	return read_id(a, &id) && id.type == ID_DER_ASN1_DN && read_id(b, &id) &&
	       id.type == ID_DER_ASN1_DN && is_dn_within(a, b) && is_dn_within(b, a);
}
