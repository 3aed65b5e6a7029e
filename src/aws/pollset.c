/*
 * pollset.c
 *		Many sockets behind one descriptor.
 *
 * PostgreSQL's WaitEventSet cannot drop a socket again, and an Append node has
 * room for one descriptor of each child.  Linux's epoll solves both: its
 * descriptor is itself pollable and becomes readable when any socket in it is
 * ready.  A port to another kernel replaces this file.
 *
 * Nothing here throws, so all of it may be called from libcurl's callbacks.
 */
#include "postgres.h"

#include <errno.h>
#include <sys/epoll.h>

#include "aws/pollset.h"

/* How many ready sockets one look reports; the rest is reported by the next. */
#define MAX_READY 16

/*
 * Makes an empty set.  Returns its descriptor, which the caller closes, or -1
 * with errno set.
 */
int
aws_pollset_create(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

/*
 * Adds fd, or changes what is waited for.  False if the kernel refuses.
 */
bool
aws_pollset_watch(int pollset, int fd, bool readable, bool writable)
{
	struct epoll_event event = {.events = (readable ? EPOLLIN : 0) |
										  (writable ? EPOLLOUT : 0),
								.data.fd = fd};

	if (epoll_ctl(pollset, EPOLL_CTL_ADD, fd, &event) == 0)
		return true;
	return errno == EEXIST && epoll_ctl(pollset, EPOLL_CTL_MOD, fd, &event) == 0;
}

/*
 * Takes fd out of the set; one that is not in it, or closed already, is fine.
 */
void
aws_pollset_forget(int pollset, int fd)
{
	(void) epoll_ctl(pollset, EPOLL_CTL_DEL, fd, NULL);
}

/*
 * Reports up to max sockets that are ready now, without waiting.  Returns
 * their number.
 */
int
aws_pollset_ready(int pollset, AwsReadySocket *ready, int max)
{
	struct epoll_event events[MAX_READY];
	int n = epoll_wait(pollset, events, Min(max, MAX_READY), 0);

	for (int i = 0; i < n; i++)
	{
		ready[i].fd = events[i].data.fd;
		ready[i].readable = (events[i].events & EPOLLIN) != 0;
		ready[i].writable = (events[i].events & EPOLLOUT) != 0;
		ready[i].broken = (events[i].events & (EPOLLERR | EPOLLHUP)) != 0;
	}
	return Max(n, 0);
}
