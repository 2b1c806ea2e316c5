// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ts-narrow: the project's algebra of selectors by itself: what has to be left of a proposal.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/pl_error.h"
#include "core/pl_selector.h"
#include "core/pl_ts_narrow.h"
#include "core/pl_ts_pieces.h"

static const char usage[] =
	"usage: ts-narrow TSI TSR [FLOW...]\n"
	"TSI, TSR: selectors as strongSwan writes them, with blanks between them:\n"
	"  ADDRESS[/BITS] or FIRST..LAST, and perhaps [PROTOCOL], [PROTOCOL/PORT] or\n"
	"  [PROTOCOL/PORT-PORT]\n"
	"FLOW: PROTOCOL,ADDRESS,PORT,ADDRESS,PORT of a latch, the responder's end first.\n"
	"Print what a responder with these latches answers, \"TSI > TSR\" in canonical\n"
	"form; without a latch the proposal itself. Exit status 1 when nothing can be\n"
	"left, which is printed.\n";

static void bad(const char *what)
{
	fprintf(stderr, "ts-narrow: not understood: %s\n%s", what, usage);
	exit(2);
}

static uint8_t read_address(const char *text, uint8_t address[static 16])
{
	memset(address, 0, 16);
	if (inet_pton(AF_INET, text, address) == 1)
		return PL_AF_IP4;
	if (inet_pton(AF_INET6, text, address) != 1)
		bad(text);
	return PL_AF_IP6;
}

static unsigned read_number(const char *text, unsigned most)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || n > most)
		bad(text);
	return (unsigned)n;
}

/* "6", "6/80", "6/80-90" */
static void read_ports(char *text, struct pl_ts *ts)
{
	char *port = strchr(text, '/'), *last;

	ts->lo_port = 0;
	ts->hi_port = UINT16_MAX;
	if (port != NULL) {
		*port++ = '\0';
		last = strchr(port, '-');
		if (last != NULL)
			*last++ = '\0';
		ts->lo_port = (uint16_t)read_number(port, UINT16_MAX);
		ts->hi_port = (uint16_t)read_number(last == NULL ? port : last, UINT16_MAX);
	}
	ts->proto = (uint8_t)read_number(text, UINT8_MAX);
}

static void read_subnet(char *text, struct pl_ts *ts)
{
	char *bits = strchr(text, '/');
	unsigned size, len;

	if (bits != NULL)
		*bits++ = '\0';
	ts->af = read_address(text, ts->lo);
	size = (unsigned)pl_ts_size(ts->af);
	len = bits == NULL ? size * 8 : read_number(bits, size * 8);
	memcpy(ts->hi, ts->lo, sizeof(ts->hi));
	for (unsigned i = len; i < size * 8; i++)
		ts->hi[i / 8] = (uint8_t)(ts->hi[i / 8] | 0x80 >> i % 8);
}

static struct pl_ts read_selector(char *text)
{
	struct pl_ts ts = { .hi_port = UINT16_MAX };
	char *ports = strchr(text, '['), *last = strstr(text, "..");

	if (ports != NULL) {
		ports[strcspn(ports, "]")] = '\0';
		*ports++ = '\0';
		read_ports(ports, &ts);
	}
	if (last == NULL) {
		read_subnet(text, &ts);
	} else {
		*last = '\0';
		ts.af = read_address(text, ts.lo);
		if (read_address(last + 2, ts.hi) != ts.af)
			bad(last + 2);
	}
	if (!pl_ts_is_valid(&ts))
		bad(text);
	return ts;
}

static struct pl_ts_list read_list(char *text)
{
	struct pl_ts_list list = { .len = 0 };
	char *rest = NULL;

	for (char *word = strtok_r(text, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		if (list.len == PL_TS_MAX)
			bad("so many selectors");
		list.list[list.len++] = read_selector(word);
	}
	return list;
}

static struct pl_tuple read_flow(char *text)
{
	struct pl_tuple tuple = { .af = 0 };
	char *word[5], *rest = NULL;

	for (unsigned i = 0; i < 5; i++) {
		word[i] = strtok_r(i == 0 ? text : NULL, ",", &rest);
		if (word[i] == NULL)
			bad("a flow of less than five words");
	}
	tuple.proto = (uint8_t)read_number(word[0], UINT8_MAX);
	tuple.af = read_address(word[1], tuple.local);
	tuple.local_port = (uint16_t)read_number(word[2], UINT16_MAX);
	if (read_address(word[3], tuple.remote) != tuple.af)
		bad(word[3]);
	tuple.remote_port = (uint16_t)read_number(word[4], UINT16_MAX);
	return tuple;
}

static void show(const struct pl_ts_list *list, const char *end)
{
	char text[PL_TS_TEXT_MAX];

	for (unsigned i = 0; i < list->len; i++)
		printf("%s%s", i == 0 ? "" : " ", pl_ts_text(&list->list[i], text));
	fputs(end, stdout);
}

/* As the engine does: what the kernel cannot hold widens the cut. */
static int narrow(const struct pl_ts_list *tsi, const struct pl_ts_list *tsr,
		  const struct pl_tuple *flows, unsigned nr, struct pl_ts_narrowed *ret)
{
	static struct pl_ts_piece pieces[PL_TS_PIECES_MAX];
	unsigned len;
	int r = PL_E_TOO_MANY;

	for (unsigned limit = PL_TS_NARROW_SELECTORS; limit > 0 && r == PL_E_TOO_MANY; limit /= 2) {
		r = pl_ts_narrow(PL_ROLE_RESPONDER, tsi, tsr, flows, nr, limit, ret);
		if (r == 0 &&
		    pl_ts_pieces(&ret->tsr, &ret->tsi, PL_TS_PIECES_MAX, pieces, &len) != 0)
			r = PL_E_TOO_MANY;
	}
	return r;
}

int main(int argc, char *argv[])
{
	static struct pl_tuple flows[PL_TS_NARROW_FLOWS_MAX];
	struct pl_ts_narrowed narrowed = { .grain = PL_TS_GRAIN_NONE };
	struct pl_ts_list tsi, tsr;
	unsigned nr = 0;
	int r;

	if (argc < 3 || argc - 3 > PL_TS_NARROW_FLOWS_MAX)
		bad("this number of arguments");
	tsi = read_list(argv[1]);
	tsr = read_list(argv[2]);
	for (int i = 3; i < argc; i++)
		flows[nr++] = read_flow(argv[i]);
	if (nr > 0) {
		r = narrow(&tsi, &tsr, flows, nr, &narrowed);
	} else {
		r = pl_selector_canonical(&tsi, PL_TS_MAX, &narrowed.tsi);
		if (r == 0)
			r = pl_selector_canonical(&tsr, PL_TS_MAX, &narrowed.tsr);
	}
	if (r != 0) {
		puts(pl_strerror(r));
		return 1;
	}
	show(&narrowed.tsi, " > ");
	show(&narrowed.tsr, "\n");
	return 0;
}
