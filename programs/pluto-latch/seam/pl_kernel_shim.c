/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The shim between pluto and the kernel: a copy of pluto's kernel_ops in which the members that
 * change SAs and policies are ours. It sees what really reaches the kernel, on whichever path of
 * pluto, and is the gate of last resort: what the engine refuses here is reported to pluto as the
 * kernel's refusal. Deletions and flushes are told, never refused.
 */

#include "seam/pl_wrap.h"
#include "seam/pl_cut.h"
#include "seam/pl_seam.h"
#include "seam/pl_upstream.h"

#include "daemon/pl_daemon.h"

#include <arpa/inet.h>

#include "ike_alg.h"
#include "ip_protocol.h"
#include "kernel_policy.h"

static const struct kernel_ops *upstream;
static struct kernel_ops shim;

static enum pl_protocol protocol_of(const struct ip_protocol *proto)
{
	return proto == &ip_protocol_esp ? PL_PROTO_ESP : proto == &ip_protocol_ah ? PL_PROTO_AH :
	       proto == &ip_protocol_ipcomp ? PL_PROTO_IPCOMP : PL_PROTO_NONE;
}

static enum pl_direction direction_of(enum direction direction)
{
	return direction == DIRECTION_INBOUND ? PL_DIR_IN : PL_DIR_OUT;
}

static enum pl_mode mode_of(enum kernel_mode mode)
{
	return mode == KERNEL_MODE_TUNNEL ? PL_MODE_TUNNEL :
	       mode == KERNEL_MODE_TRANSPORT ? PL_MODE_TRANSPORT :
	       mode == KERNEL_MODE_IPTFS ? PL_MODE_IPTFS : PL_MODE_NONE;
}

static bool is_approved(const struct pl_fact *fact, struct logger *logger)
{
	if (pl_seam_engine() != NULL &&
	    pl_engine_kernel_change(pl_seam_engine(), fact) == PL_VERDICT_ACCEPT)
		return true;
	llog(RC_LOG, logger, "latch: refusing a change of the kernel (%s)",
	     pl_fact_name(fact->kind));
	return false;
}

static void shim_flush(struct logger *logger)
{
	struct pl_fact fact;

	pl_seam_fact(PL_FACT_FLUSH, &fact);
	pl_seam_note(&fact);
	pl_seam_kernel_changed();
	upstream->flush(logger);
}

/* What a policy of pluto selects: of a connection that was narrowed a block of ports. */
static bool is_block(const struct pl_fact *fact, const ip_selector *src, const ip_selector *dst,
		     struct pl_policy_facts *ret)
{
	bool is_out = ret->direction == PL_DIR_OUT;
	const struct pl_ts_piece *piece = pl_cut_piece(fact->conn.serial, is_out ? src : dst,
						       is_out ? dst : src);
	uint16_t mask;

	ret->src = pl_upstream_ts(src);
	ret->dst = pl_upstream_ts(dst);
	if (piece == NULL)
		return false;
	ret->src = is_out ? piece->local : piece->remote;
	ret->dst = is_out ? piece->remote : piece->local;
	return (pl_ts_port_mask(&ret->src, &mask) && mask != 0 && mask != UINT16_MAX) ||
	       (pl_ts_port_mask(&ret->dst, &mask) && mask != 0 && mask != UINT16_MAX);
}

/* Where pluto would say one port. What it does without SAs is blocking here: it does that between
 * one SA and the next, and never for long. */
static bool put_block(const struct pl_policy_facts *facts, const struct kernel_policy *policy,
		      struct logger *logger)
{
	struct pl_policy block = {
		.direction = facts->direction, .src = facts->src, .dst = facts->dst,
		.priority = facts->priority, .is_blocking = policy->shunt != SHUNT_IPSEC,
		.protocol = policy->nr_rules == 0 ? PL_PROTO_NONE :
						    (enum pl_protocol)policy->rule[0].proto,
		.mode = facts->mode,
		.reqid = facts->reqid,
		.from = pl_upstream_address(policy->src.host),
		.to = pl_upstream_address(policy->dst.host),
	};
	int r;

	if (!block.is_blocking &&
	    (policy->nr_rules != 1 || policy->iptfs))
		return false;
	r = pl_daemon_put_policy(pl_seam_daemon(), &block);
	if (r != 0)
		llog(RC_LOG, logger, "latch: the kernel refuses a policy of what was narrowed: "
		     "%s", r < 0 ? strerror(-r) : "it cannot be said");
	return r == 0;
}

static bool shim_policy_add(enum kernel_policy_op op, enum direction dir, const ip_selector *src,
			    const ip_selector *dst, const struct kernel_policy *policy,
			    deltatime_t use_lifetime, struct logger *logger, const char *func)
{
	struct pl_fact fact;
	bool in_block;
	name_buf nb;

	pl_seam_fact_of_logger(PL_FACT_POLICY_ADD, logger, &fact);
	fact.u.policy = (struct pl_policy_facts) {
		.direction = direction_of(dir),
		.mode = policy->nr_rules == 0 ? PL_MODE_NONE : mode_of(policy->mode),
		.is_replacing = op == KERNEL_POLICY_OP_REPLACE,
		.priority = policy->priority.value,
		.reqid = policy->nr_rules == 0 ? 0 : policy->rule[policy->nr_rules - 1].reqid,
		.nr_templates = policy->nr_rules,
	};
	in_block = is_block(&fact, src, dst, &fact.u.policy);
	pl_seam_copy_text(fact.u.policy.shunt, in_block && policy->shunt != SHUNT_IPSEC ? "DROP" :
			  str_enum_short(&shunt_policy_names, policy->shunt, &nb));
	if (!is_approved(&fact, logger))
		return false;
	pl_seam_kernel_changed();
	if (in_block)
		return put_block(&fact.u.policy, policy, logger);
	return upstream->policy_add(op, dir, src, dst, policy, use_lifetime, logger, func);
}

static bool shim_policy_del(enum direction dir, enum expect_kernel_policy expect,
			    const ip_selector *src, const ip_selector *dst,
			    const struct sa_marks *sa_marks, const struct ipsec_interface *xfrmi,
			    enum kernel_policy_id id, const shunk_t sec_label,
			    struct logger *logger, const char *func)
{
	struct pl_fact fact;

	pl_seam_fact_of_logger(PL_FACT_POLICY_DELETE, logger, &fact);
	fact.u.policy = (struct pl_policy_facts) { .direction = direction_of(dir) };
	pl_seam_kernel_changed();
	if (is_block(&fact, src, dst, &fact.u.policy)) {
		struct pl_policy block = {
			.direction = fact.u.policy.direction,
			.src = fact.u.policy.src, .dst = fact.u.policy.dst,
		};

		fact.is_ok = pl_daemon_take_policy(pl_seam_daemon(), &block) == 0;
	} else {
		fact.is_ok = upstream->policy_del(dir, expect, src, dst, sa_marks, xfrmi, id,
						  sec_label, logger, func);
	}
	pl_seam_note(&fact);
	return fact.is_ok;
}

/* Without the salt, which AEAD ciphers carry behind the key. */
static uint32_t key_bits(const struct kernel_state *sa)
{
	size_t salt = sa->encrypt == NULL ? 0 : sa->encrypt->salt_size;

	return sa->encrypt_key.len < salt ? 0 : (sa->encrypt_key.len - salt) * 8;
}

/* In transport mode an SA has one selector in the kernel, and pluto would say that of one piece. It
 * is all of them here, and what is between; which packets go by the SA the policies say. */
static struct kernel_state of_all_pieces(const struct kernel_state *sa, uint64_t conn)
{
	struct kernel_state ret = *sa;
	bool is_in = sa->direction == DIRECTION_INBOUND;

	if (sa->mode == KERNEL_MODE_TRANSPORT)
		pl_cut_enclose(conn, is_in ? &ret.dst.route : &ret.src.route,
			       is_in ? &ret.src.route : &ret.dst.route);
	return ret;
}

static bool shim_add_sa(const struct kernel_state *sa, bool replace, struct logger *logger)
{
	struct kernel_state whole;
	struct pl_fact fact;

	pl_seam_fact_of_logger(PL_FACT_SA_ADD, logger, &fact);
	fact.u.sa = (struct pl_sa_facts) {
		.protocol = protocol_of(sa->proto),
		.direction = direction_of(sa->direction),
		.mode = mode_of(sa->mode),
		.spi = ntohl(sa->spi),
		.reqid = sa->reqid,
		.src = pl_upstream_address(sa->src.address),
		.dst = pl_upstream_address(sa->dst.address),
		.key_bits = key_bits(sa),
		.is_replacing = replace,
	};
	pl_seam_copy_text(fact.u.sa.encrypt, sa->encrypt == NULL ? NULL : sa->encrypt->common.fqn);
	pl_seam_copy_text(fact.u.sa.integ, sa->integ == NULL ? NULL : sa->integ->common.fqn);
	if (!is_approved(&fact, logger))
		return false;
	pl_seam_kernel_changed();
	whole = of_all_pieces(sa, fact.conn.serial);
	return upstream->add_sa(&whole, replace, logger);
}

static ipsec_spi_t shim_get_ipsec_spi(ipsec_spi_t avoid, const ip_address *src,
				      const ip_address *dst, const struct ip_protocol *proto,
				      reqid_t reqid, uintmax_t min, uintmax_t max,
				      const char *story, struct logger *logger)
{
	struct pl_fact fact;
	ipsec_spi_t spi = upstream->get_ipsec_spi(avoid, src, dst, proto, reqid, min, max, story,
						  logger);

	if (!pl_seam_heeds(PL_FACT_SPI_GET))
		return spi;
	pl_seam_fact_of_logger(PL_FACT_SPI_GET, logger, &fact);
	fact.is_ok = spi != 0;
	fact.u.sa = (struct pl_sa_facts) {
		.protocol = protocol_of(proto),
		.direction = PL_DIR_IN,
		.spi = ntohl(spi),
		.reqid = reqid,
		.src = pl_upstream_address(*src),
		.dst = pl_upstream_address(*dst),
	};
	pl_seam_note(&fact);
	return spi;
}

static bool shim_del_ipsec_spi(ipsec_spi_t spi, const struct ip_protocol *proto,
			       const ip_address *src, const ip_address *dst, const char *story,
			       struct logger *logger)
{
	struct pl_fact fact;

	pl_seam_fact_of_logger(PL_FACT_SA_DELETE, logger, &fact);
	fact.u.sa = (struct pl_sa_facts) {
		.protocol = protocol_of(proto),
		.spi = ntohl(spi),
		.src = pl_upstream_address(*src),
		.dst = pl_upstream_address(*dst),
	};
	pl_seam_kernel_changed();
	fact.is_ok = upstream->del_ipsec_spi(spi, proto, src, dst, story, logger);
	pl_seam_note(&fact);
	return fact.is_ok;
}

static bool shim_migrate_ipsec_sa(struct child_sa *child)
{
	struct pl_fact fact;
	struct pl_path *path = &fact.u.child.path;
	ip_endpoint local = child->sa.st_v2_mobike.local_endpoint;
	ip_endpoint remote = child->sa.st_v2_mobike.remote_endpoint;

	pl_seam_fact_of_state(PL_FACT_SA_MIGRATE, &child->sa, &fact);
	pl_seam_child_facts(child, &fact.u.child);
	/* Pluto moves its own notes of the addresses only when the kernel has followed. */
	if (endpoint_is_specified(local)) {
		path->local = pl_upstream_address(endpoint_address(local));
		if (path->encap != PL_ENCAP_NONE)
			path->local_port = (uint16_t)endpoint_hport(local);
	} else if (endpoint_is_specified(remote)) {
		path->remote = pl_upstream_address(endpoint_address(remote));
		if (path->encap != PL_ENCAP_NONE)
			path->remote_port = (uint16_t)endpoint_hport(remote);
	}
	pl_seam_kernel_changed();
	fact.is_ok = is_approved(&fact, child->sa.logger) && upstream->migrate_ipsec_sa(child);
	if (fact.is_ok)
		pl_seam_note(&fact);
	return fact.is_ok;
}

void pl_seam_shim_kernel(void)
{
	upstream = kernel_ops;
	shim = *upstream;
	shim.flush = shim_flush;
	shim.policy_add = shim_policy_add;
	shim.policy_del = shim_policy_del;
	shim.add_sa = shim_add_sa;
	shim.get_ipsec_spi = shim_get_ipsec_spi;
	shim.del_ipsec_spi = shim_del_ipsec_spi;
	/* Absent is an answer: the kernel cannot migrate. */
	if (upstream->migrate_ipsec_sa != NULL)
		shim.migrate_ipsec_sa = shim_migrate_ipsec_sa;
	kernel_ops = &shim;
}
