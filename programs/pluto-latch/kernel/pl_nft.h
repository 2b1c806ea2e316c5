/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_NFT_H
#define PL_NFT_H

#include "core/pl_base.h"
#include "core/pl_tuple.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PL_NFT_TABLE "latch"

/**
 * struct pl_nft_batch - one nf_tables transaction, as the bytes that are sent
 * @bytes:     netlink messages; grows while messages are added
 * @len:       of them, in bytes
 * @size:      allocated
 * @first_seq: sequence number of the begin message; an error for it concerns the whole batch
 * @last_seq:  of the last message before the end, the only one that is acknowledged
 * @list_at:   where the last message has its list of elements, or 0
 * @list_set:  the set that they are for
 * @list_af:   its family
 * @error:     -ENOMEM once something could not be added: the batch is not to be sent
 */
struct pl_nft_batch {
	uint8_t *bytes;
	size_t len, size;
	size_t last_at;
	size_t list_at;
	int list_set;
	uint8_t list_af;
	uint32_t first_seq, last_seq;
	int error;
};

/* More than any single message that we make. */
enum { PL_NFT_MESSAGE_MAX = 32768 };

/**
 * pl_nft_batch_begin() - start a transaction; memory of an earlier one is used again
 * @batch: all zero, or used before
 * @seq:   a number after the last one of the batch before
 */
void pl_nft_batch_begin(struct pl_nft_batch *batch, uint32_t seq);

/**
 * pl_nft_batch_next() - room for one more message
 * @batch: begun
 * @type:  NFT_MSG_...
 * @flags: NLM_F_...; NLM_F_REQUEST is added
 *
 * Return: its header, with up to PL_NFT_MESSAGE_MAX bytes of room, valid until
 * pl_nft_batch_done(); NULL when @batch->error is set.
 */
struct nlmsghdr *pl_nft_batch_next(struct pl_nft_batch *batch, uint16_t type, uint16_t flags);

/**
 * pl_nft_batch_done() - the message is complete
 * @batch:  begun
 * @header: of pl_nft_batch_next()
 */
void pl_nft_batch_done(struct pl_nft_batch *batch, struct nlmsghdr *header);

/**
 * pl_nft_batch_end() - the transaction is complete
 * @batch: begun, with at least one message
 *
 * Return: 0, or @batch->error
 */
int pl_nft_batch_end(struct pl_nft_batch *batch) PL_MUST_USE;

/**
 * pl_nft_batch_free() - give the memory back
 * @batch: all zero afterwards
 */
void pl_nft_batch_free(struct pl_nft_batch *batch);

/* The sets. Each exists twice, for IPv4 and IPv6; see pl_nft_table.c for what they are for. */
enum pl_nft_set {
	PL_NFT_FLOWS = 1,	/* connection; of SCTP its ports without addresses, too */
	PL_NFT_PIN_IN,		/* connection, reqid */
	PL_NFT_PIN_OUT,		/* connection, reqid */
	PL_NFT_PAIRS,		/* local, remote, protocol */
	PL_NFT_PAIR_PINS,	/* local, remote, protocol, reqid; inbound */
	PL_NFT_LISTENERS,	/* local, protocol, port */
	PL_NFT_BIRTHS,		/* the same, reqid: by which connections may begin */
	PL_NFT_BORN,		/* connection, leading to a reqid; learnt in the packet path;
				 * of SCTP its ports without addresses */
	PL_NFT_SAME,		/* reqid, the same reqid; likewise */
	PL_NFT_PORTS,		/* a local port, without its last bits */
	PL_NFT_ANSWERS,		/* connection, and for a reqid the device that leads to its
				 * local end: segments that come by it get a RST */
	PL_NFT_SET_ROOF,
};

/**
 * pl_nft_set_name() - what the kernel calls it: "flows4"
 * @set: which
 * @af:  PL_AF_IP4 or PL_AF_IP6
 *
 * Return: NULL for what is no set
 */
const char *pl_nft_set_name(enum pl_nft_set set, uint8_t af);

/**
 * pl_nft_set_find() - the other way round
 * @name:    from the kernel
 * @ret_set: which
 * @ret_af:  its family
 */
bool pl_nft_set_find(const char *name, enum pl_nft_set *ret_set, uint8_t *ret_af);

/* Ports that share an element of PL_NFT_PORTS. For keys of two bytes the kernel has bitmaps, which
 * it asks quickly, and changes in as many steps as there are elements: so not one for each port. */
enum { PL_NFT_PORT_BLOCK = 16 };

/* The longest key: connection and reqid over IPv6. The kernel's limit is 64. */
enum { PL_NFT_KEY_MAX = 48 };

/**
 * struct pl_nft_key - key of a set element
 *
 * Fields in the order of the list in enum pl_nft_set, each padded with zeros to a multiple of 4
 * bytes: addresses in network order, local before remote in every set; the protocol in the first
 * byte of its slot; ports big-endian in the first two bytes of theirs, local before remote; the
 * reqid in host order. PL_NFT_SAME has two slots, which are equal;
 * PL_NFT_PORTS has two bytes, and its last bits are zero.
 */
struct pl_nft_key {
	uint8_t bytes[PL_NFT_KEY_MAX];
	uint8_t len;
};

/**
 * pl_nft_key_len() - bytes of every key of a set
 * @set: which
 * @af:  PL_AF_IP4 or PL_AF_IP6
 */
uint8_t pl_nft_key_len(enum pl_nft_set set, uint8_t af);

/**
 * pl_nft_key_make() - the key under which a set holds this
 * @set:   which
 * @tuple: normal
 * @reqid: ignored by keys without one
 * @ret:   the key
 */
void pl_nft_key_make(enum pl_nft_set set, const struct pl_tuple *tuple, uint32_t reqid,
		     struct pl_nft_key *ret);

/**
 * pl_nft_key_read() - the other way round; fields that the set has not are zero
 * @set:       which
 * @af:        its family
 * @bytes:     from the kernel
 * @len:       of them
 * @ret_tuple: not checked for being normal
 * @ret_reqid: or 0
 *
 * Return: 0, or PL_E_MALFORMED: another length, or padding that is not zero
 */
int pl_nft_key_read(enum pl_nft_set set, uint8_t af, const void *bytes, size_t len,
		    struct pl_tuple *ret_tuple, uint32_t *ret_reqid) PL_MUST_USE;

/**
 * pl_nft_element() - add or remove one element
 * @batch:  begun
 * @is_new: add (being there is no error), or remove (not being there is: ENOENT)
 * @set:    which
 * @tuple:  normal; its family chooses the set
 * @reqid:  ignored by sets without one; being there with another one is an error (EBUSY)
 *
 * Elements of one set that follow each other, all added or all removed, share messages. Allocates
 * nothing but what the batch needs to grow.
 */
void pl_nft_element(struct pl_nft_batch *batch, bool is_new, enum pl_nft_set set,
		    const struct pl_tuple *tuple, uint32_t reqid);

/**
 * pl_nft_association() - what an association of SCTP is known by, wherever its ends are
 * @tuple: of a connection of SCTP
 * @af:    of the set
 * @ret:   its ports without addresses: not normal
 */
void pl_nft_association(const struct pl_tuple *tuple, uint8_t af, struct pl_tuple *ret);

/**
 * pl_nft_is_association() - is it that
 * @tuple: as read from a set of connections
 */
bool pl_nft_is_association(const struct pl_tuple *tuple);

/* More than any question for one element. */
enum { PL_NFT_ASK_MAX = 256 };

/**
 * pl_nft_ask() - the question for one element, by its key
 * @bytes: all zero; gets the message, whose header is at its beginning
 * @seq:   its number
 * @set:   which
 * @tuple: normal; its family chooses the set
 * @reqid: ignored by keys without one
 *
 * Answered by an NFT_MSG_NEWSETELEM with just that element, or by ENOENT; acknowledged.
 */
void pl_nft_ask(uint8_t bytes[static PL_NFT_ASK_MAX], uint32_t seq, enum pl_nft_set set,
		const struct pl_tuple *tuple, uint32_t reqid);

/**
 * typedef pl_nft_visit - sees one element
 *
 * Return: 0 to go on; anything else ends the walk and is handed up
 */
typedef int pl_nft_visit(void *ctx, enum pl_nft_set set, const struct pl_tuple *tuple,
			 uint32_t reqid);

/**
 * pl_nft_elements_read() - the elements that a message of the kernel holds
 * @header:    NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM, complete
 * @visit:     sees each; elements of sets that are not ours are passed over
 * @visit_ctx: for it
 *
 * Return: 0, PL_E_MALFORMED, or what @visit returned
 */
int pl_nft_elements_read(const struct nlmsghdr *header, pl_nft_visit *visit, void *visit_ctx)
	PL_MUST_USE;

#endif
