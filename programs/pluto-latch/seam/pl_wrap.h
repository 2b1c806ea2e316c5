/* SPDX-License-Identifier: GPL-2.0-or-later */

#ifndef PL_WRAP_H
#define PL_WRAP_H

#include "defs.h"

#include "connection_db.h"
#include "connections.h"
#include "demux.h"
#include "ikev2.h"
#include "ikev2_auth.h"
#include "ikev2_ike_sa_init.h"
#include "ikev2_ike_session_resume.h"
#include "ikev2_msgid.h"
#include "ikev2_parent.h"
#include "ikev2_proposals.h"
#include "ikev2_retransmit.h"
#include "ikev2_ts.h"
#include "kernel.h"
#include "log.h"
#include "pending.h"
#include "routing.h"
#include "server.h"
#include "state.h"
#include "terminate.h"
#include "updown.h"
#include "whack_shutdown.h"

/* The compiler holds each of ours against the prototype in pluto's own header. */
#define PL_WRAP(SYMBOL, WHY) extern typeof(SYMBOL) __real_##SYMBOL, __wrap_##SYMBOL;
#define PL_WRAP_OUTER(SYMBOL, WHY) PL_WRAP(SYMBOL, WHY)
#include "seam/pl_wrap.def"
#undef PL_WRAP_OUTER
#undef PL_WRAP

#endif
