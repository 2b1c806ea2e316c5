/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the peer proved itself with, as other programs want it: PEM (RFC 7468), and nothing else, on
 * standard output.
 */

#include "cli.h"

#include <nssb64.h>
#include <stdio.h>

static const struct pem {
	const char *key, *label, *what;
} pems[] = {
	[CLI_PEM_CERTIFICATE] = { "certificate", "CERTIFICATE", "certificate" },
	[CLI_PEM_ANCHOR] = { "trust_anchor", "CERTIFICATE", "trust anchor" },
	[CLI_PEM_KEY] = { "public_key", "PUBLIC KEY", "public key" },
};

/* NSS breaks the lines, as mail has it. */
static void print_pem(const struct pem *pem, const void *der, size_t len)
{
	SECItem item = { siBuffer, (unsigned char *)(uintptr_t)der, (unsigned)len };
	char *text = cli_need(NSSBase64_EncodeItem(NULL, NULL, 0, &item));

	printf("-----BEGIN %s-----\n", pem->label);
	for (const char *at = text; *at != '\0'; at++) {
		if (*at != '\r')
			putchar(*at);
	}
	printf("\n-----END %s-----\n", pem->label);
	PORT_Free(text);
}

static const char *auth_text(enum latch_auth auth)
{
	switch (auth) {
	case LATCH_AUTH_SIGNATURE:
		return "a signature";
	case LATCH_AUTH_PSK:
		return "a shared secret";
	case LATCH_AUTH_NULL:
		return "nothing";
	case LATCH_AUTH_EAP:
		return "EAP";
	default:
		return "a method that this program does not know";
	}
}

int cli_certificate(const struct cli *cli, struct latch *latch, uint64_t id)
{
	const struct pem *pem = &pems[cli->pem];
	struct latch_peer *peer = NULL;
	const void *der;
	size_t len;
	int r = latch_inquire_peer(latch, id, &peer);

	if (r != LATCH_OK)
		return cli_failed(cli, r, "latch %llu", (unsigned long long)id);
	der = latch_peer_bytes(peer, pem->key, &len);
	if (der != NULL)
		print_pem(pem, der, len);
	else
		cli_say(cli, "latch %llu: no %s of its peer is known; it proved itself by %s",
			(unsigned long long)id, pem->what, auth_text(latch_auth_method(peer)));
	latch_peer_free(peer);
	return der != NULL ? CLI_OK : CLI_NOT_FOUND;
}
