/*
 * process.c
 *		Running a program for what it writes.
 *
 * The program is a process group of its own, and gets nothing of the backend's but
 * the environment: no descriptors, no signal dispositions, no blocked signals.  It
 * is waited for by the latch.  When its memory context is reset while it runs, by
 * an error or a cancelled query, the whole group is killed.
 */
#include "postgres.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/palloc.h"
#include "utils/wait_event.h"

#include "aws/pollset.h"
#include "aws/process.h"
#include "aws/secret.h"
#include "aws/transport.h"

/* Of each of its outputs, in bytes. */
#define MAX_OUTPUT (64 * 1024)

/* Descriptors while it starts: the pollset, and both ends of two pipes. */
#define PROCESS_FDS 5

/* Between two looks at whether it has ended, in seconds. */
#define EXIT_POLL 0.01

/* How often it is looked for after it was killed, and microseconds in between. */
#define KILL_POLLS 50
#define KILL_POLL  1000

extern char **environ;

/* One of its outputs. */
typedef struct Output
{
	int fd;       /* -1: closed */
	int child_fd; /* the end that the program writes to, likewise */
	char *data;   /* MAX_OUTPUT + 1 bytes */
	size_t len;
	bool is_cut; /* was there more? */
} Output;

typedef struct Process
{
	MemoryContextCallback cleanup;
	pid_t pid; /* 0: there is none, or none any longer */
	Output outputs[2];
	int pollset;
	int reserved_fds;
	double deadline;
} Process;

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * Kills what still runs.  One that has become another user's cannot be killed: it is
 * not waited for, and its entry in the process table goes with the backend.
 */
static void
kill_process(pid_t pid)
{
	kill(-pid, SIGKILL);
	for (int i = 0; i < KILL_POLLS && waitpid(pid, NULL, WNOHANG) == 0; i++)
		pg_usleep(KILL_POLL);
}

/* Memory context callback. */
static void
end_process(void *arg)
{
	Process *process = arg;

	if (process->pid > 0)
		kill_process(process->pid);
	for (size_t i = 0; i < lengthof(process->outputs); i++)
	{
		close_fd(&process->outputs[i].fd);
		close_fd(&process->outputs[i].child_fd);
	}
	close_fd(&process->pollset);
	while (process->reserved_fds-- > 0)
		ReleaseExternalFD();
}

/* ---- starting it ---- */

static void
open_output(Process *process, Output *output)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		ereport(ERROR,
				(errcode_for_socket_access(), errmsg("could not create a pipe: %m")));
	output->fd = fds[0];
	output->child_fd = fds[1];
	if (fcntl(output->fd, F_SETFL, O_NONBLOCK) != 0 ||
		!aws_pollset_watch(process->pollset, output->fd, true, false))
		ereport(ERROR,
				(errcode_for_socket_access(), errmsg("could not watch a pipe: %m")));
	output->data = palloc0(MAX_OUTPUT + 1);
	aws_secret_wipe_later(output->data, MAX_OUTPUT);
}

static Process *
create_process(double timeout)
{
	Process *process = palloc0(sizeof(Process));

	process->pollset = -1;
	for (size_t i = 0; i < lengthof(process->outputs); i++)
		process->outputs[i].fd = process->outputs[i].child_fd = -1;
	process->deadline = aws_transport_now() + timeout;
	process->cleanup.func = end_process;
	process->cleanup.arg = process;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &process->cleanup);

	for (; process->reserved_fds < PROCESS_FDS; process->reserved_fds++)
		if (!AcquireExternalFD())
			ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
							errmsg("too many open files to start a program"),
							errhint("Raise max_files_per_process.")));
	process->pollset = aws_pollset_create();
	if (process->pollset < 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("could not create a poll descriptor: %m")));
	for (size_t i = 0; i < lengthof(process->outputs); i++)
		open_output(process, &process->outputs[i]);
	return process;
}

/* Has the program's descriptors set up; an errno if that fails. */
static int
set_up_descriptors(posix_spawn_file_actions_t *actions, const Process *process)
{
	int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, DEVNULL, O_RDONLY,
												 0);

	for (int i = 0; error == 0 && i < 2; i++)
		error = posix_spawn_file_actions_adddup2(actions, process->outputs[i].child_fd,
												 STDOUT_FILENO + i);
	if (error != 0)
		return error;
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
	error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#else
	for (int fd = STDERR_FILENO + 1; error == 0 && fd < sysconf(_SC_OPEN_MAX); fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			error = posix_spawn_file_actions_addclose(actions, fd);
#endif
	return error;
}

/* Has its signals and its process group set up; likewise. */
static int
set_up_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all;
	sigset_t none;
	int error;

	sigfillset(&all);
	sigemptyset(&none);
	error = posix_spawnattr_setsigdefault(attributes, &all);
	if (error == 0)
		error = posix_spawnattr_setsigmask(attributes, &none);
	if (error == 0)
		error = posix_spawnattr_setpgroup(attributes, 0);
	if (error == 0)
		error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
														 POSIX_SPAWN_SETSIGMASK |
														 POSIX_SPAWN_SETPGROUP);
	return error;
}

/* Starts the program; an errno if that fails.  Never throws. */
static int
start(Process *process, char *const argv[])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	pid_t pid;
	int error = posix_spawn_file_actions_init(&actions);

	if (error != 0)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error == 0)
	{
		error = set_up_descriptors(&actions, process);
		if (error == 0)
			error = set_up_attributes(&attributes);
		if (error == 0)
			error = posix_spawnp(&pid, argv[0], &actions, &attributes, argv, environ);
		if (error == 0)
			process->pid = pid;
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	for (size_t i = 0; i < lengthof(process->outputs); i++)
		close_fd(&process->outputs[i].child_fd);
	return error;
}

/* ---- waiting for it ---- */

/* Takes what there is of an output; what is beyond the limit is thrown away. */
static void
read_output(Process *process, Output *output)
{
	char rest[1024];

	while (output->fd >= 0)
	{
		size_t room = MAX_OUTPUT - output->len;
		ssize_t n = read(output->fd, room > 0 ? output->data + output->len : rest,
						 room > 0 ? room : sizeof(rest));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n <= 0)
		{
			aws_pollset_forget(process->pollset, output->fd);
			close_fd(&output->fd);
		}
		else if (room > 0)
			output->len += n;
		else
		{
			output->is_cut = true;
			break; /* there may be no end to it: interrupts first */
		}
	}
	explicit_bzero(rest, sizeof(rest));
}

/* Waits for output, or for so many seconds.  Throws what an interrupt throws. */
static void
wait_for(const Process *process, double seconds)
{
	double left = Max(Min(seconds, process->deadline - aws_transport_now()), 0);

	(void) WaitLatchOrSocket(MyLatch,
							 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT |
								 WL_EXIT_ON_PM_DEATH,
							 process->pollset, (long) ceil(left * 1000),
							 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static bool
is_late(const Process *process)
{
	return aws_transport_now() >= process->deadline;
}

/* Reads both outputs to their ends. */
static void
read_outputs(Process *process)
{
	Output *out = &process->outputs[0];
	Output *err = &process->outputs[1];

	while (!is_late(process) && !out->is_cut)
	{
		read_output(process, out);
		read_output(process, err);
		if (out->fd < 0 && err->fd < 0)
			return;
		wait_for(process, INFINITY);
	}
}

/* Waits for its end, which it is left as a zombie at, so that its group can be killed. */
static bool
has_ended(Process *process, siginfo_t *end)
{
	for (;;)
	{
		end->si_pid = 0;
		if (waitid(P_PID, process->pid, end, WEXITED | WNOHANG | WNOWAIT) == 0 &&
			end->si_pid == process->pid)
			return true;
		if (is_late(process))
			return false;
		wait_for(process, EXIT_POLL);
	}
}

/* What went wrong with it; NULL if nothing did. */
static const char *
find_problem(Process *process, double timeout)
{
	siginfo_t end;

	if (process->outputs[0].is_cut)
		return psprintf("It wrote more than %d bytes.", MAX_OUTPUT);
	if (is_late(process) || !has_ended(process, &end))
		return psprintf("It did not end within %g s.", timeout);
	if (end.si_code != CLD_EXITED)
		return psprintf("It was ended by signal %d.", end.si_status);
	if (end.si_status != 0)
		return psprintf("It ended with exit status %d.", end.si_status);
	return NULL;
}

/*
 * Runs a program, which is looked for on the PATH, with these arguments (the first
 * one is its name, NULL follows the last one) and nothing to read, for timeout
 * seconds at most.  What it writes lives as long as the current memory context, and
 * is wiped with it.  Throws only what an interrupt throws, and what a lack of
 * resources does.
 */
void
aws_process_run(char *const argv[], double timeout, AwsProcessResult *result)
{
	Process *process = create_process(timeout);
	int error = start(process, argv);

	result->output = process->outputs[0].data;
	result->errors = process->outputs[1].data;
	if (error != 0)
	{
		result->problem = psprintf("It could not be started: %s.", strerror(error));
		result->output_len = 0;
		return;
	}
	read_outputs(process);
	result->output_len = process->outputs[0].len;
	result->problem = find_problem(process, timeout);
	if (result->problem)
		return; /* it is killed with the memory context */
	while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
		;
	process->pid = 0;
}
