/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Threads that take their time to end: a library for LD_PRELOAD.
 *
 * A thread whose work is done stays until the program joins it, or until the program has shut down
 * NSPR; only then are its thread-specific data destroyed. Any scheduler may do that to a thread.
 * Here it always happens, so that a program which tears NSPR down under threads that still run, and
 * crashes now and then, does so every time. PR_Cleanup() returns when the threads are gone.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct thread {
	void *(*work)(void *arg);
	void *arg;
	pthread_t self;
	bool may_go;
	struct thread *next;
};

int PR_Cleanup(void);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct thread *lingering;

/* The next library's function of this name; without it there is no test. */
static void *next_function(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (function == NULL)
		abort();
	return function;
}

static void *work_and_linger(void *arg)
{
	struct thread *me = arg;
	void *ret = me->work(me->arg);

	pthread_mutex_lock(&lock);
	while (!me->may_go)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	free(me);
	return ret;
}

int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*work)(void *arg),
		   void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		next_function("pthread_create");
	struct thread *thread = calloc(1, sizeof(*thread));
	int error;

	if (thread == NULL)
		abort();
	thread->work = work;
	thread->arg = arg;
	pthread_mutex_lock(&lock);
	error = real(&thread->self, attr, work_and_linger, thread);
	if (error == 0) {
		*ret_thread = thread->self;
		thread->next = lingering;
		lingering = thread;
	} else {
		free(thread);
	}
	pthread_mutex_unlock(&lock);
	return error;
}

/* Takes it from the list, so that nobody joins it a second time. */
static void let_go(pthread_t self)
{
	struct thread **at;

	pthread_mutex_lock(&lock);
	for (at = &lingering; *at != NULL; at = &(*at)->next)
		if (pthread_equal((*at)->self, self)) {
			(*at)->may_go = true;
			*at = (*at)->next;
			break;
		}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

int pthread_join(pthread_t thread, void **ret)
{
	int (*real)(pthread_t, void **) = next_function("pthread_join");

	let_go(thread);
	return real(thread, ret);
}

int PR_Cleanup(void)
{
	int (*real)(void) = next_function("PR_Cleanup");
	int status = real();

	while (lingering != NULL)
		pthread_join(lingering->self, NULL);
	return status;
}
