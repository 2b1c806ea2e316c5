/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Child SAs of one flow alone (K20, K21) need a connection of their own in pluto, because there a
 * connection owns its selectors, proposals, reqid and kernel policies, and has one child SA. It is
 * made by pluto's own add_connection() from a copy of the message that configured the connection
 * that covers the flow, with both selectors cut to the 5-tuple. What follows from that in 5.2:
 *
 * - find_viable_parent_for_connection() compares addresses and IDs, not connections, so the IKE SA
 *   that is there is used, whoever made it. Where there is none ours makes one, and others may
 *   come to use that.
 * - Automatic priorities of kernel policies grow with the width of selectors: ours wins. A fixed
 *   one (priority=) is the same number for all widths, and so ours gets a better one.
 * - terminate_connection() tells a peer only of the end of IKE SAs, and deletes a child SA that
 *   hangs on somebody else's without a word. The peer hears of it through
 *   submit_v2_delete_exchange(), which is what `ipsec down` does; the connection goes after the
 *   last of its states.
 * - A larval child SA whose request is on its way cannot be deleted: the IKE SA refers to it
 *   (.wip_sa) until the answer comes. One that nobody wants comes up first, and is deleted then.
 *
 * Invariant: such a connection is never wider than the flow, and it ends with the one it is like.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_narrow.h"
#include "seam/pl_suites.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "id.h"
#include "ike_alg.h"
#include "ikev2_delete.h"
#include "ip_address.h"
#include "whack.h"

/* A packed message as it would come through whack's socket, without the unused end. */
struct kept {
	struct kept *next;
	size_t len;
	struct whack_message *wm;
};

struct narrow {
	struct narrow *next;
	uint64_t conn;
	uint64_t root;		/* the configured connection it is like */
	bool is_held;
	bool is_ending;
	bool is_child_deleting;	/* the peer is being told */
	bool is_ike_deleting;
};

enum { NAME_MAX_LEN = 32 };

static struct kept *all_kept;
static struct narrow *all_narrow;
static struct event *sweep_event;

/* What configured a connection. Instances bear the name of their template. */

static struct kept **kept_at(const char *name)
{
	struct kept **at = &all_kept;

	/* packed strings lie in the order of the fields, and the name is the first */
	while (*at != NULL && strcmp((const char *)(*at)->wm->string, name) != 0)
		at = &(*at)->next;
	return at;
}

static void forget(const char *name)
{
	struct kept **at = kept_at(name), *kept = *at;

	if (kept == NULL)
		return;
	*at = kept->next;
	free(kept->wm);
	free(kept);
}

void pl_narrow_keep(const struct whack_message *wm)
{
	struct whack_message *copy = malloc(sizeof(*copy));
	struct kept *kept = malloc(sizeof(*kept));
	struct whackpacker packer = { .msg = copy };

	if (copy != NULL) {
		memcpy(copy, wm, sizeof(*copy));
		copy->basic.magic = 0;
	}
	if (copy == NULL || kept == NULL || wm->name == NULL ||
	    pack_whack_msg(&packer, &global_logger) != NULL ||
	    strcmp((const char *)copy->string, wm->name) != 0) {
		free(copy);
		free(kept);
		return;
	}
	forget(wm->name);
	kept->len = packer.str_next - (unsigned char *)copy;
	kept->wm = realloc(copy, kept->len);
	if (kept->wm == NULL)
		kept->wm = copy;
	kept->next = all_kept;
	all_kept = kept;
}

/* A complete message whose strings lie in itself; free() it. */
static struct whack_message *unpack(const struct kept *kept)
{
	struct whack_message *wm = calloc(1, sizeof(*wm));
	struct whackpacker packer = { .msg = wm, .n = kept->len };

	if (wm == NULL)
		return NULL;
	memcpy(wm, kept->wm, kept->len);
	if (unpack_whack_msg(&packer, &global_logger))
		return wm;
	free(wm);
	return NULL;
}

static enum encap_proto encap_of(const struct pl_suite *suite)
{
	return suite->protocol == PL_PROTO_AH ? ENCAP_PROTO_AH : ENCAP_PROTO_ESP;
}

/* The message of a narrow connection */

static bool can_be_narrow(const struct whack_message *wm)
{
	if (wm->sec_label != NULL || wm->ipsec_interface != NULL || wm->vti_interface != NULL)
		return false;
	for (unsigned i = 0; i < END_ROOF; i++) {
		const struct whack_end *end = &wm->end[i];

		if (end->addresspool != NULL || end->virt != NULL || end->cat == YN_YES ||
		    end->modecfgclient == YN_YES || end->modecfgserver == YN_YES)
			return false;
	}
	return true;
}

int pl_narrow_check(const struct connection *base, const struct pl_initiate *how)
{
	const struct kept *kept = *kept_at(base->name);
	struct whack_message *wm = kept == NULL ? NULL : unpack(kept);
	char text[PL_ESP_TEXT_MAX];
	bool ok = wm != NULL && can_be_narrow(wm);

	free(wm);
	if (!ok)
		return PL_E_UNSUPPORTED;
	return how->suite.protocol == 0 || pl_suite_esp(base->config, &how->suite, text) ?
		       0 : PL_E_SUITE_NOT_ALLOWED;
}

/* Strings that the message borrows while the connection is made. */
struct texts {
	char name[NAME_MAX_LEN];
	char address[END_ROOF][INET6_ADDRSTRLEN];
	char subnet[END_ROOF][INET6_ADDRSTRLEN + 4];
	char updown[16];
	char suite[PL_ESP_TEXT_MAX];
	id_buf id;
};

static void cut_end(const struct connection *base, enum end at, const struct pl_tuple *tuple,
		    struct texts *texts, struct whack_end *end)
{
	bool is_local = base->local->config->index == at, is_v4 = tuple->af == PL_AF_IP4;
	const struct host_end *host = &base->end[at].host;
	address_buf buf;

	inet_ntop(is_v4 ? AF_INET : AF_INET6, is_local ? tuple->local : tuple->remote,
		  texts->subnet[at], sizeof(texts->subnet[at]));
	strcat(texts->subnet[at], is_v4 ? "/32" : "/128");
	snprintf(texts->address[at], sizeof(texts->address[at]), "%s",
		 str_address(&host->addr, &buf));
	end->subnet = texts->subnet[at];
	end->subnets = NULL;
	end->protoport = (ip_protoport) {
		.is_set = true,
		.ipproto = tuple->proto,
		.hport = is_local ? tuple->local_port : tuple->remote_port,
	};
	end->host_type = KH_IPADDR;
	end->host_addr = host->addr;
	end->host_addr_name = texts->address[at];
	/* The way is the socket's own, and no script shall keep the event loop waiting. */
	end->sourceip = NULL;
	end->interface_ip = NULL;
	end->updown = texts->updown;
	/* An instance may have its peer's ID from authentication, its template has a wildcard. */
	if (!is_local && is_instance(base)) {
		str_id(&host->id, &texts->id);
		end->id = texts->id.buf;
	}
}

static void cut_message(const struct connection *base, const struct pl_tuple *tuple,
			const struct pl_initiate *how, struct texts *texts,
			struct whack_message *wm)
{
	wm->name = texts->name;
	wm->connalias = NULL;
	wm->dnshostname = NULL;
	cut_end(base, LEFT_END, tuple, texts, &wm->end[LEFT_END]);
	cut_end(base, RIGHT_END, tuple, texts, &wm->end[RIGHT_END]);
	wm->narrowing = YN_NO;
	wm->compress = YN_NO;
	wm->autostart = AUTOSTART_ADD;
	wm->keyingtries.set = false;
	wm->sa_reqid = 0;
	if (wm->priority > 1)
		wm->priority--;
	if (how->suite.protocol == 0)
		return;
	wm->esp = texts->suite;
	wm->phase2 = encap_of(&how->suite);
	wm->esn = how->suite.esn == PL_ESN_YES ? YNE_YES :
		  how->suite.esn == PL_ESN_NO ? YNE_NO : YNE_EITHER;
}

/* Pluto has no way from the message to the connection but its name. */
static struct connection *find_by_name(const char *name)
{
	struct connection_filter filter = {
		.name = name,
		.search = {
			.order = NEW2OLD,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	return next_connection(&filter) ? filter.c : NULL;
}

static struct narrow *remember(const struct connection *c, const struct connection *base)
{
	struct narrow *narrow = calloc(1, sizeof(*narrow));

	if (narrow == NULL)
		return NULL;
	while (base->clonedfrom != NULL)
		base = base->clonedfrom;
	narrow->conn = c->serialno;
	narrow->root = base->serialno;
	narrow->next = all_narrow;
	all_narrow = narrow;
	return narrow;
}

/* An earlier one of the ticket may have lost its child SA, and keep an IKE SA that others use. */
static void name_it(uint64_t ticket, char ret[static NAME_MAX_LEN])
{
	enum { TRIES = 100 };

	snprintf(ret, NAME_MAX_LEN, "latch-%ju", (uintmax_t)ticket);
	for (unsigned nr = 2; nr < TRIES && connection_with_name_exists(ret); nr++)
		snprintf(ret, NAME_MAX_LEN, "latch-%ju.%u", (uintmax_t)ticket, nr);
}

int pl_narrow_make(const struct connection *base, uint64_t ticket, const struct pl_tuple *tuple,
		   const struct pl_initiate *how, struct connection **ret)
{
	const struct kept *kept = *kept_at(base->name);
	struct whack_message *wm = kept == NULL ? NULL : unpack(kept);
	struct connection *c;
	struct texts texts = { .updown = "%disabled" };
	int r = wm == NULL ? PL_E_UNSUPPORTED : pl_narrow_check(base, how);
	diag_t d;

	if (r != 0) {
		free(wm);
		return r;
	}
	name_it(ticket, texts.name);
	if (how->suite.protocol != 0)
		(void)!pl_suite_esp(base->config, &how->suite, texts.suite);
	cut_message(base, tuple, how, &texts, wm);
	d = connection_with_name_exists(texts.name) ?
		diag("there is a connection of this name") :
		__real_add_connection(wm, &global_logger);
	free(wm);
	if (d != NULL) {
		llog(RC_LOG, &global_logger, "latch: no connection \"%s\" like \"%s\": %s",
		     texts.name, base->name, str_diag(d));
		pfree_diag(&d);
		return PL_E_NO_SA;
	}
	c = find_by_name(texts.name);
	if (c == NULL)
		return PL_E_NO_SA;
	if (remember(c, base) == NULL) {
		terminate_and_delete_connections(&c, &global_logger, HERE);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

/* Their ends */

static struct narrow *find(uint64_t conn)
{
	struct narrow *narrow = all_narrow;

	while (narrow != NULL && narrow->conn != conn)
		narrow = narrow->next;
	return narrow;
}

static void drop(uint64_t conn)
{
	struct narrow **at = &all_narrow, *narrow;

	while (*at != NULL && (*at)->conn != conn)
		at = &(*at)->next;
	narrow = *at;
	if (narrow == NULL)
		return;
	*at = narrow->next;
	free(narrow);
}

/* What a connection has. */
struct states {
	struct ike_sa *ike;		/* established */
	struct child_sa *child;		/* established */
	bool has_larval_ike;
	bool has_larval_child;		/* or an IKE SA in rekey */
	bool has_guests;		/* children of other connections on its IKE SA */
};

static bool has_guests(const struct ike_sa *ike)
{
	struct state_filter filter = {
		.clonedfrom = ike->sa.st_serialno,
		.search = {
			.order = NEW2OLD,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	while (next_state(&filter))
		if (filter.st->st_connection != ike->sa.st_connection)
			return true;
	return false;
}

static void look_at(const struct connection *c, struct states *ret)
{
	struct state_filter filter = {
		.connection_serialno = c->serialno,
		.search = {
			.order = OLD2NEW,
			.verbose.logger = &global_logger,
			.where = HERE,
		},
	};

	*ret = (struct states) { .ike = NULL };
	while (next_state(&filter)) {
		struct state *st = filter.st;

		if (IS_CHILD_SA(st) && IS_IPSEC_SA_ESTABLISHED(st))
			ret->child = pexpect_child_sa(st);
		else if (IS_CHILD_SA(st))
			ret->has_larval_child = true;
		else if (IS_PARENT_SA_ESTABLISHED(st))
			ret->ike = pexpect_ike_sa(st);
		else
			ret->has_larval_ike = true;
	}
	ret->has_guests = ret->ike != NULL && has_guests(ret->ike);
}

/* One step towards the end, as far as it goes now; the end of an SA calls for the next. */
static void sweep_one(struct narrow *narrow)
{
	struct connection *c = connection_by_serialno(narrow->conn);
	struct states has;

	if (c == NULL) {
		drop(narrow->conn);
		return;
	}
	look_at(c, &has);
	if (narrow->is_held || has.has_larval_child || (has.child != NULL && !narrow->is_ending))
		return;
	if (has.ike != NULL && !has.has_guests) {
		if (!narrow->is_ike_deleting)
			submit_v2_delete_exchange(has.ike, NULL);
		narrow->is_ike_deleting = true;
	} else if (has.child != NULL) {
		struct ike_sa *ike = ike_sa(&has.child->sa, HERE);

		if (!narrow->is_child_deleting && ike != NULL)
			submit_v2_delete_exchange(ike, has.child);
		narrow->is_child_deleting = true;
	} else if (has.ike == NULL) {
		/* drop() is done by the hook of its end */
		terminate_and_delete_connections(&c, &global_logger, HERE);
	}
}

static void sweep(evutil_socket_t fd UNUSED, short what UNUSED, void *arg UNUSED)
{
	struct narrow *narrow = all_narrow, *next;

	for (; narrow != NULL && !exiting_pluto; narrow = next) {
		next = narrow->next;
		sweep_one(narrow);
	}
}

void pl_narrow_sa_gone(void)
{
	static const struct timeval now = { .tv_sec = 0 };

	if (all_narrow == NULL || exiting_pluto)
		return;
	if (sweep_event == NULL)
		sweep_event = event_new(get_pluto_event_base(), -1, 0, sweep, NULL);
	if (sweep_event == NULL || event_add(sweep_event, &now) != 0)
		llog(RC_LOG, &global_logger, "latch: no memory to end a connection");
}

bool pl_narrow_is(uint64_t conn)
{
	return find(conn) != NULL;
}

bool pl_narrow_goes_alone(uint64_t conn)
{
	const struct narrow *narrow = find(conn);

	return narrow != NULL && connection_by_serialno(narrow->root) != NULL;
}

void pl_narrow_hold(uint64_t conn, bool is_held)
{
	struct narrow *narrow = find(conn);

	if (narrow == NULL)
		return;
	narrow->is_held = is_held;
	if (!is_held)
		pl_narrow_sa_gone();
}

void pl_narrow_end(uint64_t conn)
{
	struct narrow *narrow = find(conn);

	if (narrow == NULL)
		return;
	narrow->is_held = false;
	narrow->is_ending = true;
	pl_narrow_sa_gone();
}

void pl_narrow_conn_gone(const struct connection *c)
{
	if (c->clonedfrom == NULL)
		forget(c->name);
	drop(c->serialno);
	for (struct narrow *narrow = all_narrow; narrow != NULL; narrow = narrow->next)
		if (narrow->root == c->serialno)
			narrow->is_ending = true;
	pl_narrow_sa_gone();
}

void pl_narrow_free(void)
{
	while (all_narrow != NULL)
		drop(all_narrow->conn);
	while (all_kept != NULL)
		forget((const char *)all_kept->wm->string);
	if (sweep_event != NULL)
		event_free(sweep_event);
	sweep_event = NULL;
}
