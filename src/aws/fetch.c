/*
 * fetch.c
 *		HTTP requests that the backend waits for, one at a time.
 *
 * For the few that are made on the way to credentials.  All of it hangs on the
 * current memory context: when that goes, by an error or not, requests are given up
 * and the connection is closed.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/palloc.h"
#include "utils/wait_event.h"

#include "aws/fetch.h"

/* Memory context callback. */
static void
close_transport(void *arg)
{
	aws_transport_close(arg);
}

/*
 * Makes a pool of connections that is closed when the current memory context is
 * reset.  Exchanges on it must be made in that same context, so that they go first.
 */
AwsTransport *
aws_fetch_open(const AwsTransportConfig *config)
{
	MemoryContextCallback *cleanup = palloc(sizeof(MemoryContextCallback));
	AwsTransport *transport = aws_transport_create(config);

	cleanup->func = close_transport;
	cleanup->arg = transport;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, cleanup);
	return transport;
}

/*
 * Sends a request and waits for its end, whatever that is.  The exchange lives as
 * long as the current memory context.  Throws only what an interrupt throws, and
 * out of memory.
 */
const AwsExchange *
aws_fetch(AwsTransport *transport, const AwsHttpRequest *request)
{
	const AwsExchange *exchange = aws_transport_send(transport, request);

	while (aws_exchange_outcome(exchange) == AWS_OUTCOME_PENDING)
		aws_transport_wait(transport, -1);
	return exchange;
}

/*
 * Waits for so long.  Throws only what an interrupt throws.
 */
void
aws_fetch_pause(double seconds)
{
	double end = aws_transport_now() + seconds;
	double left = seconds;

	while (left > 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 (long) ceil(left * 1000), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		left = end - aws_transport_now();
	}
}

/*
 * Says in one sentence what is wrong with an exchange that was to bring an answer
 * with HTTP status 200, and NULL if it did.  Never quotes a response.
 */
const char *
aws_fetch_problem(const AwsExchange *exchange, const char *url, double timeout)
{
	switch (aws_exchange_outcome(exchange))
	{
		case AWS_OUTCOME_ANSWERED:
			if (aws_exchange_status(exchange) == 200)
				return NULL;
			return psprintf("%s answered with HTTP status %ld.", url,
							aws_exchange_status(exchange));
		case AWS_OUTCOME_CONNECT_TIMEOUT:
			return psprintf("No connection to %s within %g s.", url, timeout);
		case AWS_OUTCOME_READ_TIMEOUT:
			return psprintf("No answer from %s within %g s.", url, timeout);
		case AWS_OUTCOME_CUT:
			return psprintf("The connection to %s ended before the answer was complete.",
							url);
		case AWS_OUTCOME_TOO_LARGE:
			return psprintf("The answer from %s is too large.", url);
		case AWS_OUTCOME_NOT_HTTP:
			return psprintf("The answer from %s is not HTTP.", url);
		default:
			return psprintf("No connection to %s: %s.", url,
							aws_exchange_problem(exchange));
	}
}
