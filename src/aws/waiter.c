/*
 * waiter.c
 *		One descriptor that tells when a client has something to do, because of a
 *		socket or because of the time.
 *
 * It is for those who wait for several things at once, and know nothing of
 * clients: an Append node has room for one descriptor of each of its branches.
 * Linux's timerfd makes a time a descriptor, and epoll makes many of them one.
 */
#include "postgres.h"

#include <unistd.h>
#include <sys/timerfd.h>

#include "storage/fd.h"

#include "aws/pollset.h"
#include "aws/waiter.h"

#define WAITER_FDS 2

struct AwsWaiter
{
	MemoryContextCallback cleanup;
	int pollset;  /* holds the client's pollset and the timer; -1: none */
	int watched;  /* the client's pollset, -1: none yet */
	int timer;    /* -1: none */
	int reserved; /* external descriptors reserved with fd.c */
};

/* Memory context callback. */
static void
free_waiter(void *arg)
{
	AwsWaiter *waiter = arg;

	if (waiter->timer >= 0)
		close(waiter->timer);
	if (waiter->pollset >= 0)
		close(waiter->pollset);
	while (waiter->reserved-- > 0)
		ReleaseExternalFD();
}

static void
report_failure(void)
{
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					errmsg("could not create a descriptor to wait for: %m")));
}

/*
 * A waiter that watches nothing yet.  It lives as long as the current memory
 * context.
 */
AwsWaiter *
aws_waiter_create(void)
{
	AwsWaiter *waiter = palloc0(sizeof(AwsWaiter));

	waiter->pollset = -1;
	waiter->watched = -1;
	waiter->timer = -1;
	waiter->cleanup.func = free_waiter;
	waiter->cleanup.arg = waiter;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &waiter->cleanup);

	for (; waiter->reserved < WAITER_FDS; waiter->reserved++)
		if (!AcquireExternalFD())
			report_failure();
	waiter->pollset = aws_pollset_create();
	waiter->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (waiter->pollset < 0 || waiter->timer < 0 ||
		!aws_pollset_watch(waiter->pollset, waiter->timer, true, false))
		report_failure();
	return waiter;
}

/* Makes the timer readable after so many milliseconds. */
static void
set_timer(AwsWaiter *waiter, long ms)
{
	struct itimerspec when = {{0, 0}, {0, 0}};

	/* A time of zero would switch it off: "now" is a nanosecond later. */
	if (ms == 0)
		when.it_value.tv_nsec = 1;
	else
	{
		when.it_value.tv_sec = ms / 1000;
		when.it_value.tv_nsec = ms % 1000 * 1000000L;
	}
	if (timerfd_settime(waiter->timer, 0, &when, NULL) != 0)
		report_failure();
}

/*
 * Watches this client, and no other any longer.  The descriptor returned is
 * readable as soon as aws_client_advance() has something to do, or at once if now
 * is true; it is the waiter's own, and so for as long as the waiter lives.
 */
int
aws_waiter_watch(AwsWaiter *waiter, AwsClient *client, bool now)
{
	int pollset = aws_client_pollset(client);

	/* An earlier client's may be closed by now, or even have become this one. */
	if (waiter->watched >= 0 && waiter->watched != pollset)
		aws_pollset_forget(waiter->pollset, waiter->watched);
	if (!aws_pollset_watch(waiter->pollset, pollset, true, false))
		report_failure();
	waiter->watched = pollset;
	set_timer(waiter, now ? 0 : aws_client_due(client));
	aws_client_watch(client);
	return waiter->pollset;
}
