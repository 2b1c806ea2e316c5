/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The end of pluto's helper threads, which compute keys.
 *
 * When pluto shuts down, each helper schedules a last callback and returns; when all callbacks
 * have run, the main thread goes on to shut down NSS and NSPR. Nothing waits for the threads
 * themselves. One that is late finds no NSPR when its thread-specific data are destroyed:
 * PR_Lock(NULL), SIGSEGV, about once in 200 ends (5.2; the scenario seam-end shows it every time).
 * So we join them. Upstream knows this as its issue 2461 and joins them itself after 5.3: whoever
 * moves on drops this file, as a thread must not be joined twice.
 *
 * Each helper joins the one that came before it, and the main thread the last one: no list of
 * threads, whose number is not known here. Invariant: after stop_server() no helper exists. Nobody
 * waits long, as a thread that is joined has nothing left to do but end. An end by fatal() is not
 * orderly: its helpers may still wait for work, and are left alone.
 */

#include <pthread.h>	/* before pluto's headers, as in theirs */

#include "seam/pl_wrap.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t last;
static bool last_is_set;

/* Takes the place of the thread that came last, and waits for its end. */
static void join_last(const pthread_t *successor)
{
	pthread_t thread;
	bool thread_is_set;

	pthread_mutex_lock(&lock);
	thread = last;
	thread_is_set = last_is_set;
	last_is_set = successor != NULL;
	if (successor != NULL)
		last = *successor;
	pthread_mutex_unlock(&lock);
	if (thread_is_set)
		pthread_join(thread, NULL);
}

void __wrap_schedule_callback(const char *story, deltatime_t delay, so_serial_t serialno,
			      callback_cb *callback, void *context)
{
	if (!in_main_thread()) {
		pthread_t self = pthread_self();

		join_last(&self);
	}
	__real_schedule_callback(story, delay, serialno, callback, context);
}

void __wrap_stop_server(server_stopped_cb callback)
{
	join_last(NULL);
	__real_stop_server(callback);
}
