/*
 * transport.c
 *		libcurl's multi interface driven by PostgreSQL's latch.
 *
 * A transport is a pool of keep-alive connections.  An exchange (exchange.c)
 * is one POST on it; any number of exchanges may be under way at once, and
 * waiting moves all of them along.  Waiting ends early, by an
 * error, when the backend is asked to cancel or to terminate.
 *
 * Three rules keep libcurl and the backend apart:
 *
 * - No callback throws or pallocs.  They note what happened in malloc'ed
 *	 memory, and the code that drives libcurl looks at it afterwards.
 * - Whatever libcurl owns hangs on a memory context: a reset callback frees it,
 *	 so an error may be thrown anywhere outside of libcurl.
 * - All signals are blocked while libcurl works on exchanges, because it may start
 *	 a thread (to resolve a name), and PostgreSQL's handlers must not run in there.
 *
 * What a request means, and what its answer says, is not known here.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <math.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "aws/pollset.h"
#include "aws/transport_private.h"
#include "compat.h"

/* More are not shown: two at most while it connects, and an idle one. */
#define SOCKETS_PER_CONNECTION 3

/* How often ready sockets are looked for before interrupts are: enough for 500. */
#define MAX_LOOKS 32

/*
 * When it was last seen that a wait of whoever waits for several transports was over:
 * see aws_transport_watch().
 */
static double last_wakeup = -1;

/*
 * Seconds on a clock that never jumps.  Never negative.
 */
double
aws_transport_now(void)
{
	instr_time t;

	INSTR_TIME_SET_CURRENT(t);
	return INSTR_TIME_GET_DOUBLE(t);
}

/* Goes around whatever may make libcurl start a thread. */
static void
block_signals(sigset_t *saved)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, saved);
}

static void
restore_signals(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/*
 * libcurl's own initialization, once per backend.  Not at load time: the
 * library may be loaded by the postmaster, whose threads and handles would not
 * survive the fork.
 */
static void
initialize_curl(void)
{
	static bool done = false;

	if (done)
		return;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not initialize libcurl")));
	done = true;
}

/* ---- callbacks from libcurl: they never throw and never palloc ---- */

static int
on_timer(CURLM *multi pg_attribute_unused(), long timeout_ms, void *arg)
{
	AwsTransport *transport = arg;

	transport->wake_up = timeout_ms < 0 ? -1 : aws_transport_now() + timeout_ms / 1000.0;
	return 0;
}

/* Writes an address as text: host:port. */
static void
format_address(char text[AWS_ADDRESS_SIZE], const struct sockaddr *address)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (address->sa_family == AF_INET6)
	{
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) address;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(text, AWS_ADDRESS_SIZE, "[%s]:%d", host, ntohs(in6->sin6_port));
	}
	else
	{
		const struct sockaddr_in *in = (const struct sockaddr_in *) address;

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(text, AWS_ADDRESS_SIZE, "%s:%d", host, ntohs(in->sin_port));
	}
}

/* The inode of a descriptor, which tells whether it is still the same file; 0: none. */
static ino_t
inode_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* Forgets the sockets that libcurl has closed without a word. */
static void
prune_sockets(AwsTransport *transport)
{
	for (int i = 0; i < transport->nsockets; i++)
		if (inode_of(transport->sockets[i].fd) != transport->sockets[i].inode)
			transport->sockets[i--] = transport->sockets[--transport->nsockets];
}

/* The socket that was opened under that number, NULL if none is known. */
static AwsSocket *
find_socket(AwsTransport *transport, curl_socket_t fd)
{
	for (int i = 0; i < transport->nsockets; i++)
		if (transport->sockets[i].fd == fd)
			return &transport->sockets[i];
	return NULL;
}

/*
 * A socket was opened for a connection to that address.
 */
void
aws_transport_note_socket(AwsTransport *transport, curl_socket_t fd,
						  const struct sockaddr *address)
{
	AwsSocket *socket;

	if (fd == CURL_SOCKET_BAD)
		return;
	aws_transport_forget_socket(transport, fd);
	if (transport->nsockets == transport->max_sockets)
		prune_sockets(transport);
	if (transport->nsockets == transport->max_sockets)
		return;
	socket = &transport->sockets[transport->nsockets++];
	socket->fd = fd;
	socket->inode = inode_of(fd);
	socket->watched = 0;
	socket->awaited = false;
	socket->opened = GetCurrentTimestamp();
	format_address(socket->address, address);
}

/*
 * It is about to be closed.
 */
void
aws_transport_forget_socket(AwsTransport *transport, curl_socket_t fd)
{
	for (int i = 0; i < transport->nsockets; i++)
		if (transport->sockets[i].fd == fd)
			transport->sockets[i--] = transport->sockets[--transport->nsockets];
}

/* Is what is going on there, or was until now, HTTP/2? */
static bool
speaks_http2(CURL *easy)
{
	long version = 0;

	curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
	return version >= CURL_HTTP_VERSION_2_0;
}

/*
 * libcurl waits for a socket, or no longer does.  One whose answer is complete will
 * soon be waited for again: it stays in the pollset until it has something to say.
 */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg,
		  void *socket_arg pg_attribute_unused())
{
	AwsTransport *transport = arg;
	AwsSocket *socket = find_socket(transport, fd);

	if (socket)
		socket->awaited = what != CURL_POLL_REMOVE;
	if (what == CURL_POLL_REMOVE)
	{
		if (socket)
			socket->may_talk = speaks_http2(easy);
		else
			aws_pollset_forget(transport->pollset, fd);
		return 0;
	}
	if (socket && socket->watched == what && socket->inode == inode_of(fd))
		return 0;
	if (!aws_pollset_watch(transport->pollset, fd, (what & CURL_POLL_IN) != 0,
						   (what & CURL_POLL_OUT) != 0))
		return -1;
	if (socket)
		socket->watched = what;
	return 0;
}

/* ---- the pool ---- */

/* Memory context callback: frees what the context does not own. */
static void
free_transport(void *arg)
{
	AwsTransport *transport = arg;

	while (transport->nidle > 0)
		curl_easy_cleanup(transport->idle[--transport->nidle]);
	curl_multi_cleanup(transport->multi);
	if (transport->wait_set)
		FreeWaitEventSet(transport->wait_set);
	if (transport->pollset >= 0)
		close(transport->pollset);
	while (transport->reserved_fds-- > 0)
		ReleaseExternalFD();
}

/* Closes a pool that nobody needs, when descriptors run short; NULL: nobody does. */
static bool (*reclaim)(void) = NULL;

/*
 * Says who closes pools that are not needed now: close_unused does so with one of
 * them, and is false if there is none.  It must not throw.
 */
void
aws_transport_reclaim_by(bool (*close_unused)(void))
{
	reclaim = close_unused;
}

/*
 * Tells fd.c that up to n descriptors are in use which it does not manage, so
 * that it closes files of its own before the process runs out.
 */
void
aws_transport_reserve_fds(AwsTransport *transport, int n)
{
	while (transport->reserved_fds < n)
	{
		if (AcquireExternalFD())
			transport->reserved_fds++;
		else if (reclaim == NULL || !reclaim())
			ereport(
				ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("too many open connections to Amazon Forecast"),
				 errhint(
					 "Raise max_files_per_process, or use fewer servers and user mappings in one statement.")));
	}
}

static void
set_up_multi(AwsTransport *transport)
{
	transport->multi = curl_multi_init();
	if (transport->multi == NULL ||
		curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, on_socket) !=
			CURLM_OK ||
		curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport) != CURLM_OK ||
		curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, on_timer) !=
			CURLM_OK ||
		curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport) != CURLM_OK ||
		curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS,
						  (long) transport->config.max_connections) != CURLM_OK)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("could not set up libcurl")));

#if LIBCURL_VERSION_NUM >= 0x081400
	/*
	 * A name still being resolved is left, not waited for, when the pool closes.
	 * Since 8.20 the multi handle owns the threads for that, not the easy one.
	 */
	(void) curl_multi_setopt(transport->multi, CURLMOPT_QUICK_EXIT, 1L);
#endif
}

/* libcurl would look for these at each request. */
static bool
environment_names_proxy(void)
{
	static const char *const variables[] = {"http_proxy", "https_proxy", "HTTPS_PROXY",
											"all_proxy", "ALL_PROXY"};

	for (size_t i = 0; i < lengthof(variables); i++)
		if (getenv(variables[i]))
			return true;
	return false;
}

/*
 * Makes a pool without connections.  Strings in config are copied.  The pool
 * lives until aws_transport_close(), whatever becomes of the caller's memory
 * context or transaction.
 */
AwsTransport *
aws_transport_create(const AwsTransportConfig *config)
{
	MemoryContext context;
	AwsTransport *transport;
	MemoryContextCallback *cleanup;

	initialize_curl();

	/* Until it is complete, it goes away with the caller's context. */
	context = AllocSetContextCreate(CurrentMemoryContext, "forecast_fdw transport",
									ALLOCSET_SMALL_SIZES);
	transport = MemoryContextAllocZero(context, sizeof(AwsTransport));
	transport->context = context;
	transport->pollset = -1;
	transport->wake_up = -1;
	transport->watched_since = -1;
	dlist_init(&transport->exchanges);

	cleanup = MemoryContextAlloc(context, sizeof(MemoryContextCallback));
	cleanup->func = free_transport;
	cleanup->arg = transport;
	MemoryContextRegisterResetCallback(context, cleanup);

	transport->config = *config;
	transport->config.user_agent = MemoryContextStrdup(context, config->user_agent);
	if (config->ca_bundle)
		transport->config.ca_bundle = MemoryContextStrdup(context, config->ca_bundle);
	if (config->proxy)
		transport->config.proxy = MemoryContextStrdup(context, config->proxy);
	else if (!environment_names_proxy())
		transport->config.proxy = "";
	transport->idle = MemoryContextAlloc(context,
										 sizeof(CURL *) * config->max_connections);

	transport->max_sockets = config->max_connections * SOCKETS_PER_CONNECTION;
	transport->sockets = MemoryContextAlloc(context,
											sizeof(AwsSocket) * transport->max_sockets);

	/* One more for the wait event set, which reserves it by itself. */
	aws_transport_reserve_fds(transport, TRANSPORT_FDS + 1);
	transport->pollset = aws_pollset_create();
	if (transport->pollset < 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
						errmsg("could not create a poll descriptor: %m")));
	set_up_multi(transport);

	ReleaseExternalFD();
	transport->reserved_fds--;
	transport->wait_set = forecast_create_wait_event_set(context, 3);
	AddWaitEventToSet(transport->wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(transport->wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET,
						  NULL, NULL);
	AddWaitEventToSet(transport->wait_set, WL_SOCKET_READABLE, transport->pollset, NULL,
					  NULL);

	MemoryContextSetParent(context, TopMemoryContext);
	return transport;
}

/*
 * Closes the pool.  Its exchanges must be gone.  Never throws.
 */
void
aws_transport_close(AwsTransport *transport)
{
	Assert(transport->nexchanges == 0);
	MemoryContextDelete(transport->context);
}

/*
 * Has libcurl failed in a way that leaves the pool useless?  Its exchanges have ended
 * then, and no other will begin.
 */
bool
aws_transport_is_broken(const AwsTransport *transport)
{
	return transport->broken;
}

/* ---- waiting ---- */

/* Marks the exchanges that libcurl is done with.  Signals are blocked. */
static void
collect_finished(AwsTransport *transport)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(transport->multi, &left)) != NULL)
	{
		char *private = NULL;
		AwsExchange *exchange;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		exchange = (AwsExchange *) private;
		aws_exchange_end_with(exchange, code);
	}
}

/*
 * What counts for the time-outs is the time spent waiting.  Between two fetches of
 * a cursor nobody looks after its calls, and that is nobody's fault: the exchanges
 * get so much longer.  To be called before anything begins or is waited for.
 */
void
aws_transport_forgive_idleness(AwsTransport *transport)
{
	double time = aws_transport_now();
	double waited_until = transport->driven;
	dlist_iter iter;

	/* Somebody has been waiting, for this and for others, until one of them woke him. */
	if (transport->watched_since >= 0 && last_wakeup > transport->watched_since)
		waited_until = Max(waited_until, last_wakeup);
	dlist_foreach(iter, &transport->exchanges)
		dlist_container(AwsExchange, node, iter.cur)->last_progress += time -
																	   waited_until;
	transport->driven = time;
}

/* Ends the exchanges that have waited too long.  Signals are blocked. */
static void
expire_exchanges(AwsTransport *transport)
{
	dlist_mutable_iter iter;

	transport->driven = aws_transport_now();
	dlist_foreach_modify(iter, &transport->exchanges)
	{
		AwsExchange *exchange = dlist_container(AwsExchange, node, iter.cur);

		if (aws_exchange_deadline(exchange) <= transport->driven)
			aws_exchange_expire(exchange);
	}
}

/*
 * Lets libcurl work.  When it fails, and it does so for want of memory, it may have
 * lost track of any of its sockets: all that is under way has failed then.
 */
static void
drive(AwsTransport *transport, curl_socket_t fd, int events)
{
	dlist_mutable_iter iter;
	int running;

	transport->driven = aws_transport_now();
	if (!transport->broken &&
		curl_multi_socket_action(transport->multi, fd, events, &running) != CURLM_OK)
		transport->broken = true;
	collect_finished(transport);
	if (!transport->broken)
		return;
	dlist_foreach_modify(iter, &transport->exchanges)
		aws_exchange_end(dlist_container(AwsExchange, node, iter.cur),
						 AWS_OUTCOME_OUT_OF_MEMORY);
}

/*
 * Does libcurl wait for that socket?  If not, it is dropped from the pollset, and so
 * is the connection: what it has to say is not about anything that was asked, but
 * would be taken for the answer to the next request.
 */
static bool
is_awaited(AwsTransport *transport, curl_socket_t fd)
{
	AwsSocket *socket = find_socket(transport, fd);

	if (socket == NULL || socket->awaited)
		return true;
	aws_pollset_forget(transport->pollset, fd);
	socket->watched = 0;
	/* libcurl sees that it is closed, and makes another. */
	if (!socket->may_talk)
		(void) shutdown(fd, SHUT_RDWR);
	return false;
}

/* Lets libcurl work on the sockets that are ready.  Signals are blocked. */
static void
drive_sockets(AwsTransport *transport)
{
	AwsReadySocket ready[16];
	int nready = lengthof(ready);

	/* All of them, before any is found to have been silent for too long. */
	for (int i = 0; i < MAX_LOOKS && nready == lengthof(ready); i++)
	{
		nready = aws_pollset_ready(transport->pollset, ready, lengthof(ready));
		for (int j = 0; j < nready; j++)
			if (is_awaited(transport, ready[j].fd))
				drive(transport, ready[j].fd,
					  (ready[j].readable ? CURL_CSELECT_IN : 0) |
						  (ready[j].writable ? CURL_CSELECT_OUT : 0) |
						  (ready[j].broken ? CURL_CSELECT_ERR : 0));
	}
}

/* Calls libcurl if it wanted to be called by now.  Signals are blocked. */
static void
drive_timers(AwsTransport *transport)
{
	if (transport->wake_up < 0 || transport->wake_up > aws_transport_now())
		return;
	transport->wake_up = -1; /* libcurl sets a new one if it wants one */
	drive(transport, CURL_SOCKET_TIMEOUT, 0);
}

/*
 * Sends an exchange on its way, at once: who asks ahead of need does not wait now.
 * False if there is no memory for it.
 */
bool
aws_transport_begin(AwsTransport *transport, AwsExchange *exchange)
{
	sigset_t saved;

	block_signals(&saved);
	drive_sockets(transport); /* none that is spoiled is to be used */
	if (!transport->broken &&
		curl_multi_add_handle(transport->multi, exchange->easy) == CURLM_OK)
	{
		exchange->added = true;
		dlist_push_tail(&transport->exchanges, &exchange->node);
		transport->nexchanges++;
		drive_timers(transport);
	}
	restore_signals(&saved);
	return exchange->added || exchange->outcome != AWS_OUTCOME_PENDING;
}

/*
 * Moves all exchanges along as far as they get without waiting.  Throws only
 * what an interrupt throws.
 */
void
aws_transport_advance(AwsTransport *transport)
{
	sigset_t saved;

	CHECK_FOR_INTERRUPTS();
	if (transport->watched_since >= 0)
		last_wakeup = aws_transport_now();
	transport->watched_since = -1;
	block_signals(&saved);
	drive_sockets(transport);
	drive_timers(transport);
	expire_exchanges(transport);
	restore_signals(&saved);
}

/* The earlier of two times, of which a negative one is never. */
static double
earlier(double a, double b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/*
 * Milliseconds until something is due that no socket tells of, rounded up: on the
 * transport, or at the time that the caller has in mind (< 0: none).  To be called
 * before a wait.  If there is nothing to wait for: 0.
 */
long
aws_transport_due(AwsTransport *transport, double callers_due)
{
	double due = earlier(transport->wake_up, callers_due);
	dlist_iter iter;

	if (transport->nexchanges == 0 && callers_due < 0)
		return 0;
	aws_transport_forgive_idleness(transport);
	dlist_foreach(iter, &transport->exchanges)
		due = earlier(due, aws_exchange_deadline(
							   dlist_container(AwsExchange, node, iter.cur)));
	return (long) Min(ceil(Max(due - aws_transport_now(), 0) * 1000), INT_MAX);
}

/*
 * Says that somebody waits for the transport from now on, by means of his own, and
 * maybe for others too: until aws_transport_advance() is called for one of them.
 */
void
aws_transport_watch(AwsTransport *transport)
{
	aws_transport_forgive_idleness(transport);
	transport->watched_since = transport->driven;
}

/*
 * Waits until something happens, or for the time that the caller has in mind (< 0:
 * none), and moves all exchanges along; where there is neither, nothing is waited
 * for.  Throws only what an interrupt throws (cancel, terminate, timeouts).
 */
void
aws_transport_wait(AwsTransport *transport, double callers_due)
{
	long timeout = aws_transport_due(transport, callers_due);
	WaitEvent events[3];

	if (timeout != 0)
	{
		int n = WaitEventSetWait(transport->wait_set, timeout, events, lengthof(events),
								 PG_WAIT_EXTENSION);

		for (int i = 0; i < n; i++)
			if (events[i].events & WL_LATCH_SET)
				ResetLatch(MyLatch);
	}
	aws_transport_advance(transport);
}

/* The port at our end of a connection, 0 if it is none. */
static int
local_port_of(curl_socket_t fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);

	if (getsockname(fd, (struct sockaddr *) &address, &len) != 0)
		return 0;
	return ntohs(address.ss_family == AF_INET6 ?
					 ((struct sockaddr_in6 *) &address)->sin6_port :
					 ((struct sockaddr_in *) &address)->sin_port);
}

/* Does an exchange that is under way use this socket? */
static bool
is_active(AwsTransport *transport, curl_socket_t fd)
{
	int port = local_port_of(fd);
	dlist_iter iter;

	dlist_foreach(iter, &transport->exchanges)
	{
		const AwsExchange *exchange = dlist_container(AwsExchange, node, iter.cur);

		if (exchange->connected && exchange->local_port == port)
			return true;
	}
	return false;
}

/*
 * The connections that are open: AwsConnections, palloc'd.
 */
List *
aws_transport_connections(AwsTransport *transport)
{
	List *connections = NIL;

	prune_sockets(transport);
	for (int i = 0; i < transport->nsockets; i++)
	{
		const AwsSocket *socket = &transport->sockets[i];
		AwsConnection *connection = palloc(sizeof(AwsConnection));

		strlcpy(connection->address, socket->address, AWS_ADDRESS_SIZE);
		connection->opened = socket->opened;
		connection->active = is_active(transport, socket->fd);
		connections = lappend(connections, connection);
	}
	return connections;
}

/*
 * A descriptor, of the transport's own, that is readable when a socket is ready.
 * When aws_transport_due() says so, something is to be done without it.
 */
int
aws_transport_pollset(const AwsTransport *transport)
{
	return transport->pollset;
}
