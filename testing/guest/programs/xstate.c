// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xstate: a library for LD_PRELOAD of user-mode-linux itself, where the processor has more
 * registers than that kernel knows.
 *
 * Linux 6.1 sets those of its processes from a buffer of 2,696 bytes, which is all up to AVX-512.
 * The host's kernel takes the whole of its own format or nothing, which is 11,008 bytes with AMX:
 * the guest would not get as far as its first program. What is set here is made whole: what that
 * kernel does not know stays as it begins. (No process of it has begun to use AMX: that takes an
 * arch_prctl() of the host, which a guest's process cannot call.)
 */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

enum {
	HEADER = 512,		/* here it says which parts are in use (Intel SDM 1, 13.4.2) */
	WHOLE_MAX = 65536,
	KNOWN = 0x2ff,		/* x87, SSE, AVX, MPX, AVX-512, PKRU: what 2,696 bytes hold */
};

static long (*real_ptrace)(int request, ...);
static uint8_t whole[WHOLE_MAX] __attribute__((aligned(64)));
static size_t whole_len;

__attribute__((constructor)) static void prepare(void)
{
	real_ptrace = (long (*)(int, ...))dlsym(RTLD_NEXT, "ptrace");
}

/* How long the format of the host is, for any process that is traced and stopped; 0: unknown. */
static size_t ask_whole_len(pid_t pid)
{
	struct iovec iov = { .iov_base = whole, .iov_len = sizeof(whole) };

	if (real_ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &iov) < 0)
		return 0;
	memset(whole, 0, sizeof(whole));
	return iov.iov_len;
}

static long set_whole(pid_t pid, const struct iovec *part)
{
	struct iovec iov = { .iov_base = whole };
	uint64_t in_use;

	if (whole_len == 0)
		whole_len = ask_whole_len(pid);
	if (part->iov_len >= whole_len || part->iov_len < HEADER + sizeof(in_use))
		return real_ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, part);
	memcpy(whole, part->iov_base, part->iov_len);
	memcpy(&in_use, whole + HEADER, sizeof(in_use));
	in_use &= KNOWN;
	memcpy(whole + HEADER, &in_use, sizeof(in_use));
	iov.iov_len = whole_len;
	return real_ptrace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, &iov);
}

long ptrace(enum __ptrace_request request, ...)
{
	va_list args;
	void *addr, *data;
	pid_t pid;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	addr = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (request == PTRACE_SETREGSET && (uintptr_t)addr == NT_X86_XSTATE)
		return set_whole(pid, data);
	return real_ptrace((int)request, pid, addr, data);
}
