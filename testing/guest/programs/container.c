/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * container: makes and enters the hosts of a scenario.
 *
 * A host is a set of namespaces (net, mount, pid, uts, ipc) with a root of its own: an overlay of
 * read-only layers and a tmpfs. One program does in a few system calls what took two dozen shell
 * commands; in user-mode-linux every fork and exec costs, and tests do this thousands of times.
 *
 *	container start NAME DIR LOWER [SOURCE:TARGET...]
 *		New namespaces; the root is an overlay of LOWER (colon separated) and DIR, with
 *		the binds given. As soon as the host can be entered, DIR/pid holds the pid of its
 *		first process as the caller sees it; `start` lives as long as the host.
 *		DIR/../hosts becomes a part of /etc/hosts. The first process only reaps; when
 *		`start` is killed, the kernel ends everything in the host.
 *	container enter PID [-u USER] [NAME=VALUE...] COMMAND [ARG...]
 *		Runs the command in the host, with no other environment than the one given. Its
 *		exit code is the command's, or 128 + signal; the command dies with `enter`.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <net/if.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMESPACES (CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC)

static void die(const char *what)
{
	fprintf(stderr, "container: %s: %s\n", what, strerror(errno));
	_exit(126);
}

__attribute__((format(printf, 2, 3)))
static void path_of(char path[PATH_MAX], const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(path, PATH_MAX, format, args);
	va_end(args);
	if (n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		die(format);
	}
}

/* Makes the directory and those above it. */
static void make_dir(const char *path)
{
	char part[PATH_MAX];
	char *slash;

	path_of(part, "%s", path);
	for (slash = part + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
		*slash = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			die(part);
	}
	if (mkdir(part, 0755) < 0 && errno != EEXIST)
		die(part);
}

static void mount_at(const char *root, const char *dir, const char *type, const char *options)
{
	char path[PATH_MAX];

	path_of(path, "%s/%s", root, dir);
	make_dir(path);
	if (mount(type, path, type, 0, options) < 0)
		die(path);
}

/* SOURCE:TARGET, with everything mounted below SOURCE. */
static void mount_bind(const char *root, const char *words)
{
	const char *colon = strchr(words, ':');
	char source[PATH_MAX], target[PATH_MAX];

	if (colon == NULL) {
		errno = EINVAL;
		die(words);
	}
	path_of(source, "%.*s", (int)(colon - words), words);
	path_of(target, "%s%s", root, colon + 1);
	make_dir(target);
	if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
		die(words);
}

static void mount_root(const char *dir, const char *lower)
{
	char path[PATH_MAX], options[3 * PATH_MAX];
	const char *const parts[] = { "upper", "work", "root" };
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		path_of(path, "%s/%s", dir, parts[i]);
		make_dir(path);
	}
	snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower,
		 dir, dir);
	if (mount("overlay", path, "overlay", 0, options) < 0)
		die(options);
}

static void append_file(const char *from, const char *to)
{
	char buf[4096];
	ssize_t n;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

	if (in < 0 || out < 0)
		die(to);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			die(to);
	close(in);
	close(out);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

/* The network of a plain host: no filter by route, no redirects, no waiting for duplicates. */
static void set_network(void)
{
	static const char *const off[][2] = {
		{ "ipv4", "rp_filter" }, { "ipv4", "send_redirects" },
		{ "ipv4", "accept_redirects" }, { "ipv6", "accept_dad" },
		{ "ipv6", "accept_ra" }, { "ipv6", "disable_ipv6" },
	};
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	char path[PATH_MAX];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t i;

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) < 0)
		die("lo");
	close(fd);
	for (i = 0; i < 2 * sizeof(off) / sizeof(off[0]); i++) {
		path_of(path, "/proc/sys/net/%s/conf/%s/%s", off[i / 2][0],
			i % 2 != 0 ? "all" : "default", off[i / 2][1]);
		write_file(path, "0\n");
	}
}

static void enter_root(const char *root)
{
	if (chdir(root) < 0 || syscall(SYS_pivot_root, ".", "mnt") < 0)
		die("pivot_root");
	if (chdir("/") < 0 || umount2("/mnt", MNT_DETACH) < 0)
		die("leaving the old root");
}

/* Orphans of the host come to its first process. */
__attribute__((noreturn)) static void reap_forever(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sigwait(&set, &sig);
	}
}

/* NAME DIR LOWER BIND... */
static void first_process(char **argv, int ready)
{
	const char *dir = argv[1];
	char root[PATH_MAX], from[PATH_MAX], to[PATH_MAX];
	char **bind;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "host");
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("/");
	mount_root(dir, argv[2]);
	path_of(root, "%s/root", dir);
	mount_at(root, "proc", "proc", NULL);
	mount_at(root, "sys", "sysfs", NULL);
	mount_at(root, "run", "tmpfs", "mode=755");
	for (bind = argv + 3; *bind != NULL; bind++)
		mount_bind(root, *bind);
	path_of(from, "%s/../hosts", dir);
	path_of(to, "%s/etc/hosts", root);
	append_file(from, to);
	enter_root(root);
	make_dir("/run/pluto");
	make_dir("/run/dbus");
	make_dir("/run/lock");
	make_dir("/var/lib/ipsec/nss");
	make_dir("/etc/ipsec.d");
	if (sethostname(argv[0], strlen(argv[0])) < 0)
		die("sethostname");
	set_network();
	if (write(ready, "", 1) != 1)
		die("ready");
	close(ready);
	reap_forever();
}

static int cmd_start(char **argv)
{
	char path[PATH_MAX];
	int pipefd[2], pid_fd;
	char byte;
	pid_t pid;

	make_dir(argv[1]);
	path_of(path, "%s/pid", argv[1]);
	/* now, because the new root will be this process's root, too */
	pid_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (pid_fd < 0)
		die(path);
	if (pipe2(pipefd, O_CLOEXEC) < 0 || unshare(NAMESPACES) < 0)
		die("unshare");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		first_process(argv, pipefd[1]);
	close(pipefd[1]);
	if (read(pipefd[0], &byte, 1) != 1)
		return 126;	/* it has said why */
	if (dprintf(pid_fd, "%d\n", (int)pid) < 0)
		die("pid");
	waitpid(pid, NULL, 0);
	return 0;
}

static void become(const char *name)
{
	FILE *users = fopen("/etc/passwd", "re");
	const struct passwd *user;

	/* not getpwnam(), which wants shared objects that a static program has not */
	while (users != NULL && (user = fgetpwent(users)) != NULL)
		if (strcmp(user->pw_name, name) == 0)
			break;
	if (users == NULL || user == NULL) {
		errno = ENOENT;
		die(name);
	}
	if (setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
		die(name);
	setenv("HOME", user->pw_dir, 1);
	setenv("USER", name, 1);
}

static void run_command(const char *user, char **argv)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	clearenv();
	for (; *argv != NULL && strchr(*argv, '=') != NULL; argv++)
		putenv(*argv);
	if (user != NULL)
		become(user);
	if (*argv == NULL) {
		errno = EINVAL;
		die("no command");
	}
	execvp(*argv, argv);
	dprintf(STDERR_FILENO, "container: %s: %s\n", *argv, strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Nothing of this process is needed in the child, so its memory need not be copied. */
__attribute__((noinline)) static pid_t spawn(const char *user, char **argv)
{
	pid_t pid = vfork();

	if (pid < 0)
		die("vfork");
	if (pid == 0)
		run_command(user, argv);
	return pid;
}

static int cmd_enter(char **argv)
{
	int pidfd = syscall(SYS_pidfd_open, atoi(argv[0]), 0);
	const char *user = NULL;
	pid_t pid;
	int status;

	if (pidfd < 0 || setns(pidfd, NAMESPACES) < 0 || chdir("/") < 0)
		die("the host cannot be entered");
	close(pidfd);
	argv++;
	if (strcmp(argv[0], "-u") == 0 && argv[1] != NULL) {
		user = argv[1];
		argv += 2;
	}
	pid = spawn(user, argv);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc >= 5 && strcmp(argv[1], "start") == 0)
		return cmd_start(argv + 2);
	if (argc >= 4 && strcmp(argv[1], "enter") == 0)
		return cmd_enter(argv + 2);
	fprintf(stderr, "usage: see the top of testing/guest/programs/container.c\n");
	return 126;
}
