/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the guard remembers, against the elements that it asks the kernel for. */

#include "kernel/pl_guard_mirror.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MODEL_MAX = 4096 };

/* The kernel: elements, each once. */
struct model {
	struct {
		enum pl_nft_set set;
		struct pl_tuple tuple;
		uint32_t reqid;
	} elements[MODEL_MAX];
	unsigned nr;
	bool is_new;
};

static const uint8_t key[16] = { 9, 8, 7 };

static int apply(void *ctx, enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid)
{
	struct model *model = ctx;
	unsigned i;

	for (i = 0; i < model->nr; i++) {
		if (model->elements[i].set == set && model->elements[i].reqid == reqid &&
		    memcmp(&model->elements[i].tuple, tuple, sizeof(*tuple)) == 0)
			break;
	}
	if (model->is_new) {
		assert_int_equal(i, model->nr);
		assert_true(model->nr < MODEL_MAX);
		model->elements[i].set = set;
		model->elements[i].tuple = *tuple;
		model->elements[i].reqid = reqid;
		model->nr++;
	} else {
		assert_true(i < model->nr);
		model->elements[i] = model->elements[--model->nr];
	}
	return 0;
}

/* Removing what is not there fails the whole transaction in the kernel; it fails here, too. */
static void run(struct model *model, struct pl_nft_batch *batch)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)batch->bytes;
	int left = (int)batch->len;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
			continue;
		model->is_new = (message->nlmsg_type & 0xff) == NFT_MSG_NEWSETELEM;
		assert_int_equal(pl_nft_elements_read(message, apply, model), 0);
	}
	assert_int_equal(left, 0);
}

static unsigned count(const struct model *model, enum pl_nft_set set)
{
	unsigned n = 0;

	for (unsigned i = 0; i < model->nr; i++)
		n += model->elements[i].set == set;
	return n;
}

static struct pl_tuple flow(unsigned host, unsigned port, uint8_t proto)
{
	struct pl_tuple tuple = { .af = host % 2 ? PL_AF_IP6 : PL_AF_IP4, .proto = proto,
				  .local_port = 7, .remote_port = (uint16_t)(1 + port) };

	tuple.local[0] = tuple.remote[0] = 32;
	tuple.remote[3] = (uint8_t)(1 + host);
	return tuple;
}

static void a_pair_lives_as_long_as_its_flows(void **state)
{
	struct pl_mirror *mirror = pl_mirror_new(key);
	struct pl_nft_batch batch = { .bytes = NULL };
	struct model *model = calloc(1, sizeof(*model));
	struct pl_tuple one = flow(0, 1, PL_TUPLE_TCP), two = flow(0, 2, PL_TUPLE_TCP);

	(void)state;
	assert_non_null(model);
	pl_nft_batch_begin(&batch, 1);
	assert_int_equal(pl_mirror_add(mirror, &batch, &one), 0);
	assert_int_equal(pl_mirror_add(mirror, &batch, &two), 0);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_FLOWS), 2);
	/* one with their protocol, and one for where it is hidden */
	assert_int_equal(count(model, PL_NFT_PAIRS), 2);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_remove(mirror, &batch, pl_mirror_find(mirror, &one));
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_PAIRS), 2);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_remove(mirror, &batch, pl_mirror_find(mirror, &two));
	run(model, &batch);
	assert_int_equal(model->nr, 0);
	free(model);
	pl_nft_batch_free(&batch);
	pl_mirror_free(mirror);
}

/* A peer adds addresses before we know, of either family. */
static void the_ports_of_an_association_are_guarded_as_long_as_one_of_its_flows(void **state)
{
	struct pl_mirror *mirror = pl_mirror_new(key);
	struct pl_nft_batch batch = { .bytes = NULL };
	struct model *model = calloc(1, sizeof(*model));
	struct pl_tuple paths[] = { flow(0, 1, PL_TUPLE_SCTP), flow(2, 1, PL_TUPLE_SCTP) };
	unsigned nr_families[2] = { 0, 0 };

	(void)state;
	assert_non_null(model);
	pl_nft_batch_begin(&batch, 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pl_mirror_add(mirror, &batch, &paths[i]), 0);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_FLOWS), 4);
	assert_int_equal(count(model, PL_NFT_PORTS), 2);
	for (unsigned i = 0; i < model->nr; i++) {
		const struct pl_tuple *tuple = &model->elements[i].tuple;

		if (model->elements[i].set != PL_NFT_FLOWS || !pl_nft_is_association(tuple))
			continue;
		assert_int_equal(tuple->local_port, 7);
		assert_int_equal(tuple->remote_port, 2);
		nr_families[tuple->af == PL_AF_IP6]++;
	}
	assert_int_equal(nr_families[0], 1);
	assert_int_equal(nr_families[1], 1);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_remove(mirror, &batch, pl_mirror_find(mirror, &paths[0]));
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_FLOWS), 3);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_remove(mirror, &batch, pl_mirror_find(mirror, &paths[1]));
	run(model, &batch);
	assert_int_equal(model->nr, 0);
	free(model);
	pl_nft_batch_free(&batch);
	pl_mirror_free(mirror);
}

static void a_block_of_ports_lives_as_long_as_one_of_them(void **state)
{
	struct pl_mirror *mirror = pl_mirror_new(key);
	struct pl_nft_batch batch = { .bytes = NULL };
	struct model *model = calloc(1, sizeof(*model));
	struct pl_tuple one = flow(0, 1, PL_TUPLE_TCP), two = flow(0, 2, PL_TUPLE_UDP);
	struct pl_tuple listener = { .af = PL_AF_IP6, .proto = PL_TUPLE_TCP, .local_port = 32 };

	(void)state;
	assert_non_null(model);
	one.local_port = 16;
	two.local_port = 31;
	pl_nft_batch_begin(&batch, 1);
	assert_int_equal(pl_mirror_add(mirror, &batch, &one), 0);
	assert_int_equal(pl_mirror_add(mirror, &batch, &two), 0);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_PORTS), 1);
	pl_nft_batch_begin(&batch, 1);
	assert_int_equal(pl_mirror_add(mirror, &batch, &listener), 0);
	pl_mirror_remove(mirror, &batch, pl_mirror_find(mirror, &two));
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_PORTS), 2);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_remove(mirror, &batch, pl_mirror_find(mirror, &one));
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_PORTS), 1);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_remove(mirror, &batch, pl_mirror_find(mirror, &listener));
	run(model, &batch);
	assert_int_equal(model->nr, 0);
	free(model);
	pl_nft_batch_free(&batch);
	pl_mirror_free(mirror);
}

static void only_inbound_pins_let_fragments_of_a_pair_in(void **state)
{
	struct pl_mirror *mirror = pl_mirror_new(key);
	struct pl_nft_batch batch = { .bytes = NULL };
	struct model *model = calloc(1, sizeof(*model));
	struct pl_tuple one = flow(1, 1, PL_TUPLE_UDP);
	struct pl_pin in = { PL_DIR_IN, 101 }, out = { PL_DIR_OUT, 102 };
	struct pl_mirror_entry *entry;

	(void)state;
	assert_non_null(model);
	pl_nft_batch_begin(&batch, 1);
	assert_int_equal(pl_mirror_add(mirror, &batch, &one), 0);
	entry = pl_mirror_find(mirror, &one);
	assert_int_equal(pl_mirror_pin(mirror, &batch, &entry, &out), 0);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_PAIR_PINS), 0);
	assert_int_equal(count(model, PL_NFT_PIN_OUT), 1);
	pl_nft_batch_begin(&batch, 1);
	assert_int_equal(pl_mirror_pin(mirror, &batch, &entry, &in), 0);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_PAIR_PINS), 2);
	assert_int_equal(count(model, PL_NFT_PIN_IN), 1);
	free(model);
	pl_nft_batch_free(&batch);
	pl_mirror_free(mirror);
}

/* Its end takes it along, also where the transaction is to be undone. */
static void what_is_answered_is_so_as_long_as_it_is_guarded_L21(void **state)
{
	struct pl_mirror *mirror = pl_mirror_new(key);
	struct pl_nft_batch batch = { .bytes = NULL };
	struct model *model = calloc(1, sizeof(*model));
	struct pl_tuple one = flow(0, 1, PL_TUPLE_TCP);
	struct pl_mirror_entry *entry;

	(void)state;
	assert_non_null(model);
	pl_nft_batch_begin(&batch, 1);
	assert_int_equal(pl_mirror_add(mirror, &batch, &one), 0);
	entry = pl_mirror_find(mirror, &one);
	pl_mirror_answer(&batch, entry, 2);
	pl_mirror_answer(NULL, entry, 0);
	pl_mirror_answer(NULL, entry, 2);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_ANSWERS), 1);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_answer(&batch, entry, PL_MIRROR_NOWHERE);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_ANSWERS), 1);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_write_removal(mirror, &batch, entry);
	pl_mirror_remove(mirror, NULL, entry);
	run(model, &batch);
	assert_int_equal(model->nr, 0);
	free(model);
	pl_nft_batch_free(&batch);
	pl_mirror_free(mirror);
}

static void a_listener_admits_as_many_as_there_are_each_once_K40(void **state)
{
	enum { MANY = 1000 };
	struct pl_mirror *mirror = pl_mirror_new(key);
	struct pl_nft_batch batch = { .bytes = NULL };
	struct model *model = calloc(1, sizeof(*model));
	struct pl_tuple tuples[2] = { flow(0, 1, PL_TUPLE_TCP), flow(1, 1, PL_TUPLE_TCP) };
	const struct pl_mirror_birth *before;
	struct pl_mirror_entry *entry;

	(void)state;
	assert_non_null(model);
	pl_nft_batch_begin(&batch, 1);
	for (unsigned i = 0; i < 2 * MANY; i++) {
		struct pl_tuple listener;

		pl_tuple_listener_of(&tuples[i % 2], false, &listener);
		entry = pl_mirror_find(mirror, &listener);
		if (entry == NULL)
			assert_int_equal(pl_mirror_add(mirror, &batch, &listener), 0);
		entry = pl_mirror_find(mirror, &listener);
		assert_int_equal(pl_mirror_admit(mirror, &batch, entry, 1 + i / 2), 0);
		assert_int_equal(pl_mirror_admit(mirror, &batch, entry, 1 + i / 2), 0);
	}
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_BIRTHS), 2 * MANY);
	assert_int_equal(count(model, PL_NFT_LISTENERS), 2);
	assert_int_equal(count(model, PL_NFT_PAIR_PINS), 0);
	/* what failed is undone: the last ones, of this listener alone */
	before = pl_mirror_births(entry);
	assert_int_equal(pl_mirror_admit(mirror, NULL, entry, MANY + 1), 0);
	assert_int_equal(pl_mirror_admit(mirror, NULL, entry, MANY + 2), 0);
	pl_mirror_dismiss_until(mirror, NULL, entry, before);
	assert_ptr_equal(pl_mirror_births(entry), before);
	pl_nft_batch_begin(&batch, 1);
	assert_false(pl_mirror_dismiss(mirror, &batch, entry, MANY + 1));
	assert_true(pl_mirror_dismiss(mirror, &batch, entry, 1));
	assert_true(pl_mirror_dismiss(mirror, &batch, entry, MANY / 2));
	assert_true(pl_mirror_dismiss(mirror, &batch, entry, MANY));
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_BIRTHS), 2 * MANY - 3);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_dismiss_until(mirror, &batch, entry, NULL);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_BIRTHS), MANY);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_remove(mirror, &batch, entry);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_BIRTHS), MANY);
	assert_int_equal(count(model, PL_NFT_LISTENERS), 1);
	free(model);
	pl_nft_batch_free(&batch);
	pl_mirror_free(mirror);
}

/* Fragments of other flows of the pair could not be told from it. */
static void what_has_no_SA_opens_no_pair_K55(void **state)
{
	static const struct pl_pin pins[] = { { PL_DIR_IN, 0 }, { PL_DIR_OUT, 0 } };
	struct pl_mirror *mirror = pl_mirror_new(key);
	struct pl_nft_batch batch = { .bytes = NULL };
	struct pl_tuple tuple = flow(1, 1, PL_TUPLE_UDP);
	struct model *model = calloc(1, sizeof(*model));
	struct pl_mirror_entry *entry;

	(void)state;
	pl_nft_batch_begin(&batch, 1);
	assert_int_equal(pl_mirror_add(mirror, &batch, &tuple), 0);
	entry = pl_mirror_find(mirror, &tuple);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pl_mirror_pin(mirror, &batch, &entry, &pins[i]), 0);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_PIN_IN), 1);
	assert_int_equal(count(model, PL_NFT_PIN_OUT), 1);
	assert_int_equal(count(model, PL_NFT_PAIR_PINS), 0);
	assert_int_equal(count(model, PL_NFT_PAIRS), 2);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_unpin(mirror, &batch, entry, 0);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_PAIRS), 2);
	pl_nft_batch_begin(&batch, 1);
	pl_mirror_remove(mirror, &batch, entry);
	run(model, &batch);
	assert_int_equal(count(model, PL_NFT_PAIRS), 0);
	free(model);
	pl_nft_batch_free(&batch);
	pl_mirror_free(mirror);
}

static void random_change(struct pl_mirror *mirror, struct pl_nft_batch *batch)
{
	static const uint8_t protos[] = { PL_TUPLE_TCP, PL_TUPLE_UDP, PL_TUPLE_SCTP };
	struct pl_tuple tuple = flow((unsigned)random() % 4, (unsigned)random() % 4,
				     protos[random() % 3]);
	struct pl_pin pin = { random() % 2 ? PL_DIR_IN : PL_DIR_OUT,
			      1 + (uint32_t)random() % 3 * 70000 };
	struct pl_mirror_entry *entry;
	unsigned i;

	if (random() % 5 == 0) {
		memset(tuple.remote, 0, sizeof(tuple.remote));
		tuple.remote_port = 0;
	}
	entry = pl_mirror_find(mirror, &tuple);
	if (entry == NULL) {
		assert_int_equal(pl_mirror_add(mirror, batch, &tuple), 0);
	} else if (random() % 4 == 0) {
		pl_mirror_remove(mirror, batch, entry);
	} else if (pl_tuple_is_listener(&tuple)) {
		if (random() % 8 == 0)
			pl_mirror_dismiss_until(mirror, batch, entry, NULL);
		else if (!pl_mirror_dismiss(mirror, batch, entry, pin.reqid))
			assert_int_equal(pl_mirror_admit(mirror, batch, entry, pin.reqid), 0);
	} else if (entry->is_answered) {
		assert_int_equal(pl_mirror_pin(mirror, batch, &entry, &pin), PL_E_WRONG_STATE);
		pl_mirror_answer(batch, entry, (uint32_t)random() % 3);
	} else if (entry->nr_pins == 0 && random() % 4 == 0) {
		pl_mirror_answer(batch, entry, (uint32_t)random() % 3);
	} else if (pl_mirror_has_pin(entry, &pin, &i)) {
		pl_mirror_unpin(mirror, batch, entry, i);
	} else {
		assert_int_equal(pl_mirror_pin(mirror, batch, &entry, &pin), 0);
	}
}

static void the_changes_add_up_to_what_is_written_at_once(void **state)
{
	struct pl_mirror *mirror = pl_mirror_new(key);
	struct pl_nft_batch batch = { .bytes = NULL };
	struct model *model = calloc(1, sizeof(*model)), *whole = calloc(1, sizeof(*whole));

	(void)state;
	assert_non_null(model);
	assert_non_null(whole);
	print_message("seed 5660\n");
	srandom(5660);
	for (unsigned round = 0; round < 20000; round++) {
		pl_nft_batch_begin(&batch, 1);
		random_change(mirror, &batch);
		assert_int_equal(batch.error, 0);
		run(model, &batch);
		if (round % 100 != 0)
			continue;
		whole->nr = 0;
		pl_nft_batch_begin(&batch, 1);
		pl_mirror_write(mirror, &batch);
		run(whole, &batch);
		assert_int_equal(whole->nr, model->nr);
		whole->is_new = false;
		for (unsigned i = 0; i < model->nr; i++)
			apply(whole, model->elements[i].set, &model->elements[i].tuple,
			      model->elements[i].reqid);
		assert_int_equal(whole->nr, 0);
	}
	free(model);
	free(whole);
	pl_nft_batch_free(&batch);
	pl_mirror_free(mirror);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_lives_as_long_as_its_flows),
		cmocka_unit_test(
			the_ports_of_an_association_are_guarded_as_long_as_one_of_its_flows),
		cmocka_unit_test(a_block_of_ports_lives_as_long_as_one_of_them),
		cmocka_unit_test(only_inbound_pins_let_fragments_of_a_pair_in),
		cmocka_unit_test(what_has_no_SA_opens_no_pair_K55),
		cmocka_unit_test(what_is_answered_is_so_as_long_as_it_is_guarded_L21),
		cmocka_unit_test(a_listener_admits_as_many_as_there_are_each_once_K40),
		cmocka_unit_test(the_changes_add_up_to_what_is_written_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
