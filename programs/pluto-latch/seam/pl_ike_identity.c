/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The identity of a peer, copied at authentication from the IKE SA alone (the child's connection
 * may carry a template's wildcard instead of the peer's ID).
 *
 * Nothing is invented. Key and certificate are those that made the peer's signature: a peer that
 * authenticates by PSK or NULL may send certificates, and they prove nothing. The trust anchor is
 * the one NSS ends at when it verifies the certificate against pluto's own root certificates: a
 * chain that is merely put together by names could be steered by certificates the peer sent
 * along.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_ike.h"
#include "seam/pl_seam.h"
#include "seam/pl_upstream.h"

#include <cert.h>
#include <keyhi.h>
#include <prtime.h>
#include <secitem.h>

#include "certs.h"
#include "keys.h"
#include "root_certs.h"
#include "secrets.h"
#include "id.h"

/* What must be freed after the copy was interned. */
struct borrowed {
	id_buf peer_id;
	id_buf own_id;
	SECItem *peer_spki;
	SECItem *own_spki;
	CERTCertificate *anchor;
};

static struct pl_blob blob_of_item(const SECItem *item)
{
	return (struct pl_blob) {
		.ptr = item == NULL ? NULL : item->data,
		.len = item == NULL ? 0 : item->len,
	};
}

static bool cert_has_spki(CERTCertificate *cert, const SECItem *spki)
{
	SECKEYPublicKey *key = CERT_ExtractPublicKey(cert);
	SECItem *encoded = key == NULL ? NULL : SECKEY_EncodeDERSubjectPublicKeyInfo(key);
	bool same = encoded != NULL && spki != NULL && SECITEM_ItemsAreEqual(encoded, spki);

	if (encoded != NULL)
		SECITEM_FreeItem(encoded, PR_TRUE);
	if (key != NULL)
		SECKEY_DestroyPublicKey(key);
	return same;
}

/* The root certificate that vouches for @cert, or NULL; CERT_DestroyCertificate() it. */
static CERTCertificate *find_anchor(CERTCertificate *cert, struct logger *logger)
{
	static const SECCertificateUsage usages[] = {
		certificateUsageIPsec, certificateUsageSSLClient, certificateUsageSSLServer,
	};
	struct root_certs *roots = root_certs_addref(logger);
	CERTCertificate *anchor = NULL;

	for (unsigned i = 0; i < elemsof(usages) && anchor == NULL; i++) {
		PRUint64 leaf[2] = { 0, 0 }, chain[2] = { 0, 0 };
		CERTRevocationFlags none = {
			.leafTests = { .cert_rev_flags_per_method = leaf, },
			.chainTests = { .cert_rev_flags_per_method = chain, },
		};
		CERTValInParam in[] = {
			{ .type = cert_pi_revocationFlags, .value.pointer.revocation = &none, },
			{ .type = cert_pi_date, .value.scalar.time = PR_Now(), },
			{ .type = cert_pi_trustAnchors,
			  .value.pointer.chain = roots->trustcl, },
			{ .type = cert_pi_useOnlyTrustAnchors, .value.scalar.b = PR_TRUE, },
			{ .type = cert_pi_end, },
		};
		CERTValOutParam out[] = {
			{ .type = cert_po_trustAnchor, },
			{ .type = cert_po_end, },
		};

		if (CERT_PKIXVerifyCert(cert, usages[i], in, out, NULL) == SECSuccess)
			anchor = out[0].value.pointer.cert;
	}
	if (anchor == NULL)
		llog_nss_error(RC_LOG, logger, "latch: no trust anchor for \"%s\"",
			       cert->subjectName);
	root_certs_delref(&roots, logger);
	return anchor;
}

static enum pl_auth auth_of_wire(enum ikev2_auth_method method)
{
	switch (method) {
	case IKEv2_AUTH_RSA_DIGITAL_SIGNATURE:
	case IKEv2_AUTH_ECDSA_SHA2_256_P256:
	case IKEv2_AUTH_ECDSA_SHA2_384_P384:
	case IKEv2_AUTH_ECDSA_SHA2_512_P521:
	case IKEv2_AUTH_DIGITAL_SIGNATURE:
		return PL_AUTH_SIGNATURE;
	case IKEv2_AUTH_SHARED_KEY_MAC:
		return PL_AUTH_PSK;
	case IKEv2_AUTH_NULL:
		return PL_AUTH_NULL;
	default:
		return PL_AUTH_NONE;
	}
}

static enum pl_auth auth_of_keyword(enum keyword_auth keyword)
{
	switch (keyword) {
	case AUTH_RSASIG:
	case AUTH_ECDSA:
		return PL_AUTH_SIGNATURE;
	case AUTH_PSK:
		return PL_AUTH_PSK;
	case AUTH_NULL:
		return PL_AUTH_NULL;
	case AUTH_EAPONLY:
		return PL_AUTH_EAP;
	default:
		return PL_AUTH_NONE;
	}
}

static void fill_peer(const struct ike_sa *ike, const struct pl_ike *note,
		      struct borrowed *borrowed, struct pl_identity_end *peer)
{
	const struct certs *certs = ike->sa.st_remote_certs.verified;

	peer->id = str_id(&ike->sa.st_connection->remote->host.id, &borrowed->peer_id);
	peer->id_type = note->id_type;
	peer->id_wire = (struct pl_blob) { .ptr = note->id, .len = note->id_len };
	peer->auth_wire = note->auth_wire;
	peer->auth = ike->sa.st_v2_resume_session != NULL ? PL_AUTH_RESUME :
		     ike->sa.st_eap != NULL || ike->sa.st_eap_sa_md != NULL ? PL_AUTH_EAP :
		     auth_of_wire(note->auth_wire);
	if (peer->auth != PL_AUTH_SIGNATURE || ike->sa.st_peer_pubkey == NULL)
		return;
	borrowed->peer_spki = SECKEY_EncodeDERSubjectPublicKeyInfo(
		ike->sa.st_peer_pubkey->content.public_key);
	peer->spki = blob_of_item(borrowed->peer_spki);
	if (certs == NULL || !cert_has_spki(certs->cert, borrowed->peer_spki))
		return;
	peer->cert = blob_of_item(&certs->cert->derCert);
	peer->spki = blob_of_item(&certs->cert->derPublicKey);
	borrowed->anchor = find_anchor(certs->cert, ike->sa.logger);
	if (borrowed->anchor != NULL)
		peer->anchor = blob_of_item(&borrowed->anchor->derCert);
}

/* The key that signs without a certificate. */
static SECItem *own_raw_key(const struct ike_sa *ike)
{
	const struct pubkey_type *type =
		local_v2_auth((struct ike_sa *)ike) == AUTH_ECDSA ? &pubkey_type_ecdsa :
								    &pubkey_type_rsa;
	const struct secret_pubkey_stuff *key =
		get_local_private_key(ike->sa.st_connection, type, ike->sa.logger);

	return key == NULL ? NULL :
	       SECKEY_EncodeDERSubjectPublicKeyInfo(key->content.public_key);
}

static void fill_own(struct ike_sa *ike, struct borrowed *borrowed, struct pl_identity_end *own)
{
	const struct connection *c = ike->sa.st_connection;
	const struct cert *cert = &c->local->host.config->cert;

	own->id = str_id(&c->local->host.id, &borrowed->own_id);
	own->id_type = ike->sa.st_v2_id_payload.header.isai_type;
	own->id_wire = (struct pl_blob) {
		.ptr = ike->sa.st_v2_id_payload.data.ptr,
		.len = ike->sa.st_v2_id_payload.data.len,
	};
	own->auth = ike->sa.st_v2_resume_session != NULL ? PL_AUTH_RESUME :
		    ike->sa.st_eap_sa_md != NULL ? PL_AUTH_EAP :
		    auth_of_keyword(local_v2_auth(ike));
	if (own->auth != PL_AUTH_SIGNATURE)
		return;
	if (cert->nss_cert == NULL) {
		borrowed->own_spki = own_raw_key(ike);
		own->spki = blob_of_item(borrowed->own_spki);
		return;
	}
	own->cert = blob_of_item(&cert->nss_cert->derCert);
	own->spki = blob_of_item(&cert->nss_cert->derPublicKey);
}

/* With a part missing that must be there, two peers could look alike: better none known. */
static bool is_complete(const struct pl_identity_end *peer)
{
	if (peer->auth == PL_AUTH_NONE || peer->id_type == 0)
		return false;
	if (peer->id_wire.len == 0 && peer->id_type != ID_NULL)
		return false;
	if (peer->auth != PL_AUTH_SIGNATURE)
		return true;
	return peer->spki.len > 0 && (peer->cert.len == 0 || peer->anchor.len > 0);
}

void pl_ike_authenticated(const struct ike_sa *ike, struct pl_ike *note)
{
	struct borrowed borrowed = { .anchor = NULL };
	struct pl_identity_data data = { .peer = { .id = NULL } };
	struct pl_identity *identity;

	fill_peer(ike, note, &borrowed, &data.peer);
	fill_own((struct ike_sa *)ike, &borrowed, &data.own);
	if (!is_complete(&data.peer))
		llog(RC_LOG, ike->sa.logger, "latch: the peer's identity is not completely known");
	else if (pl_identity_intern(pl_seam_identities(), &data, &identity) == 0) {
		pl_identity_unref(note->identity);
		note->identity = identity;
		note->is_peer_id_fixed = pl_upstream_peer_id_is_fixed(ike->sa.st_connection);
	}
	if (borrowed.peer_spki != NULL)
		SECITEM_FreeItem(borrowed.peer_spki, PR_TRUE);
	if (borrowed.own_spki != NULL)
		SECITEM_FreeItem(borrowed.own_spki, PR_TRUE);
	if (borrowed.anchor != NULL)
		CERT_DestroyCertificate(borrowed.anchor);
}
