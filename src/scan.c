/*
 * scan.c
 *		Executing a scan: the conditions' values are computed, the service is asked,
 *		its answers become rows.
 *
 * A scan does not begin before its first row is asked for: until then neither
 * credentials nor a user mapping are needed, and a NULL key never needs them.
 * There are three who ask: the executor, which waits; an Append node, which waits
 * for several scans at once (ForeignAsync*); and a lookup join (forecast_lookup_*).
 */
#include "postgres.h"

#include "executor/execAsync.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "aws/waiter.h"
#include "compat.h"
#include "condition.h"
#include "connection.h"
#include "plan.h"
#include "row.h"
#include "scan.h"

typedef struct ForecastScan
{
	ForecastScanPlan plan;
	ForecastConditions *conditions;
	ForecastRowMaker *maker;
	ForecastCounters counters;
	ForecastSource source; /* its user is NULL before the first call */

	Oid userid; /* whose mapping is used */
	Oid serverid;

	MemoryContext feed_context; /* the feed, and what it asks for */
	ForecastFeed *feed;         /* NULL: not begun, or at its end */
	bool begun;
	MemoryContext row_context; /* the row's values */

	bool async;        /* is an Append asking, that must not be kept waiting? */
	bool waiting;      /* if so: are there rows to come yet? */
	AwsWaiter *waiter; /* what the Append waits for, NULL: never did */
} ForecastScan;

/*
 * FDW callback: sets the scan up, without touching the network.
 */
void
forecastBeginForeignScan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan_node = castNode(ForeignScan, node->ss.ps.plan);
	Relation relation = node->ss.ss_currentRelation;
	EState *estate = node->ss.ps.state;
	ForecastScan *scan;

	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	scan = palloc0(sizeof(ForecastScan));
	forecast_scan_plan_unpack(&scan->plan, plan_node);
	scan->conditions = forecast_conditions_begin(&scan->plan, plan_node->fdw_exprs,
												 &node->ss.ps);
	scan->maker = forecast_row_maker(relation, scan->plan.resource, scan->plan.attnos,
									 scan->plan.fields);

	scan->serverid = plan_node->fs_server;

	/* As in postgres_fdw: the owner of a view, not whoever reads it. */
	scan->userid = forecast_check_as_user(plan_node, estate);
	if (!OidIsValid(scan->userid))
		scan->userid = GetUserId();

	scan->source.resource = scan->plan.resource;
	scan->source.tuning = &scan->plan.tuning;
	scan->source.limit = scan->plan.limit;
	scan->source.counters = &scan->counters;
	scan->feed_context = AllocSetContextCreate(estate->es_query_cxt, "forecast_fdw feed",
											   ALLOCSET_SMALL_SIZES);
	scan->row_context = AllocSetContextCreate(estate->es_query_cxt, "forecast_fdw row",
											  ALLOCSET_SMALL_SIZES);
	node->fdw_state = scan;
}

/* The mapping and the statement are needed now, and kept for as long as it runs. */
static void
prepare_source(ForecastScan *scan, EState *estate)
{
	MemoryContext caller;

	if (scan->source.user)
		return;
	caller = MemoryContextSwitchTo(estate->es_query_cxt);
	scan->source.answers = forecast_statement_answers(estate);
	scan->source.user = forecast_get_user_mapping(scan->userid, scan->serverid);
	MemoryContextSwitchTo(caller);
}

/*
 * What is to be read, in the current memory context; NULL if that is nothing.
 * key is what a lookup join looks up, or NULL.
 */
static ForecastFeed *
open_feed(ForecastScan *scan, ForeignScanState *node, const char *key)
{
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	List *arns = NIL;
	List *lists = NIL;

	if (scan->plan.mode == FORECAST_SCAN_DESCRIBE)
		arns = forecast_condition_keys(scan->conditions, econtext);
	else if (scan->plan.lookup == forecast_arn_field(scan->plan.resource))
		arns = forecast_is_possible_arn(key) ? list_make1(pstrdup(key)) : NIL;
	else
		lists = forecast_condition_lists(scan->conditions, econtext, key);
	if (arns == NIL && lists == NIL)
		return NULL;

	prepare_source(scan, node->ss.ps.state);
	return arns ? forecast_feed_describe(&scan->source, arns) :
				  forecast_feed_list(&scan->source, lists,
									 scan->plan.describe_fields != NIL);
}

/* Begins the scan if that has not been done. */
static void
begin_feed(ForecastScan *scan, ForeignScanState *node)
{
	MemoryContext caller;

	if (scan->begun)
		return;
	caller = MemoryContextSwitchTo(scan->feed_context);
	scan->feed = open_feed(scan, node, NULL);
	MemoryContextSwitchTo(caller);
	scan->begun = true;
}

/* Ends it, and gives up what it waits for. */
static void
end_feed(ForecastScan *scan)
{
	scan->feed = NULL;
	MemoryContextReset(scan->feed_context);
}

/*
 * The feed's next row, as the scan's slot, if there is one without waiting.  The
 * row context is the current one.
 */
static ForecastProgress
next_row(ForecastScan *scan, ForeignScanState *node, ForecastFeed *feed)
{
	const cJSON *answer;
	ForecastProgress progress = forecast_feed_next(feed, &scan->maker->arn, &answer);

	if (progress == FORECAST_ROW)
	{
		TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

		forecast_row_store(scan->maker, slot, answer);
		slot->tts_tableOid = RelationGetRelid(node->ss.ss_currentRelation);
	}
	return progress;
}

/* One attempt to get the next row. */
static ForecastProgress
advance(ForecastScan *scan, ForeignScanState *node)
{
	ForecastProgress progress;

	MemoryContextReset(scan->row_context);
	begin_feed(scan, node);
	if (scan->feed == NULL)
		return FORECAST_END;
	progress = next_row(scan, node, scan->feed);
	if (progress == FORECAST_END)
		end_feed(scan);
	else if (progress == FORECAST_WAIT && !scan->async)
		aws_client_wait(forecast_feed_client(scan->feed));
	return progress;
}

/*
 * FDW callback: the next row.  To an Append that waits for other scans as well,
 * an empty slot may also mean that there is none yet.
 */
TupleTableSlot *
forecastIterateForeignScan(ForeignScanState *node)
{
	ForecastScan *scan = node->fdw_state;
	MemoryContext caller = MemoryContextSwitchTo(scan->row_context);
	ForecastProgress progress;

	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	forecast_row_begin(scan->maker);
	do
		progress = advance(scan, node);
	while (progress == FORECAST_WAIT && !scan->async);
	forecast_row_end(scan->maker);
	MemoryContextSwitchTo(caller);
	scan->waiting = progress == FORECAST_WAIT;
	return node->ss.ss_ScanTupleSlot;
}

/*
 * FDW callback: other values may have come.
 */
void
forecastReScanForeignScan(ForeignScanState *node)
{
	ForecastScan *scan = node->fdw_state;

	end_feed(scan);
	scan->begun = false;
}

/*
 * FDW callback: what is under way is given up at once; the rest goes with the
 * query.
 */
void
forecastEndForeignScan(ForeignScanState *node)
{
	ForecastScan *scan = node->fdw_state;

	if (scan == NULL)
		return;
	MemoryContextDelete(scan->feed_context);
	MemoryContextDelete(scan->row_context);
}

/*
 * What the scan has asked so far; NULL if it was not executed.
 */
const ForecastCounters *
forecast_scan_counters(ForeignScanState *node)
{
	ForecastScan *scan = node->fdw_state;

	return scan ? &scan->counters : NULL;
}

/* ---- beside other branches of an Append ---- */

/* Answers the request with a row, the end, or that there is none yet. */
static void
respond(AsyncRequest *request)
{
	ForeignScanState *node = (ForeignScanState *) request->requestee;
	ForecastScan *scan = node->fdw_state;
	TupleTableSlot *row;

	scan->async = true;
	scan->waiting = false;
	row = node->ss.ps.ExecProcNodeReal(&node->ss.ps);
	scan->async = false;

	if (!TupIsNull(row))
		ExecAsyncRequestDone(request, row);
	else if (scan->waiting)
		ExecAsyncRequestPending(request);
	else
		ExecAsyncRequestDone(request, NULL);
}

/*
 * FDW callback: the Append needs a row.
 */
void
forecastForeignAsyncRequest(AsyncRequest *request)
{
	respond(request);
}

/*
 * FDW callback: the Append is about to wait, and asks for what.
 */
void
forecastForeignAsyncConfigureWait(AsyncRequest *request)
{
	ForeignScanState *node = (ForeignScanState *) request->requestee;
	ForecastScan *scan = node->fdw_state;
	WaitEventSet *set = ((AppendState *) request->requestor)->as_eventset;
	bool ready;
	int fd;

	if (scan->waiter == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);

		scan->waiter = aws_waiter_create();
		MemoryContextSwitchTo(caller);
	}
	/* Looked at first: it may replace the client. */
	ready = forecast_feed_can_advance(scan->feed);
	fd = aws_waiter_watch(scan->waiter, forecast_feed_client(scan->feed), ready);
	AddWaitEventToSet(set, WL_SOCKET_READABLE, fd, NULL, request);
}

/*
 * FDW callback: the Append has seen that something happened.
 */
void
forecastForeignAsyncNotify(AsyncRequest *request)
{
	ForecastScan *scan = ((ForeignScanState *) request->requestee)->fdw_state;

	aws_client_advance(forecast_feed_client(scan->feed));
	respond(request);
}

/* ---- driven by a lookup join ---- */

/*
 * How the table is to be read.
 */
const ForecastTuning *
forecast_scan_tuning(ForeignScanState *node)
{
	return &((ForecastScan *) node->fdw_state)->plan.tuning;
}

/*
 * A stream of the rows with that key, in the current memory context; NULL if
 * there can be none.  Nothing is asked yet.
 */
ForecastFeed *
forecast_lookup_open(ForeignScanState *node, const char *key)
{
	return open_feed(node->fdw_state, node, key);
}

/*
 * The stream's next row, if there is one without waiting.  *row is NULL if the
 * scan's own conditions drop it; it is valid until the next call.  key is what
 * the stream was opened with.
 */
ForecastProgress
forecast_lookup_next(ForeignScanState *node, ForecastFeed *feed, const char *key,
					 TupleTableSlot **row)
{
	ForecastScan *scan = node->fdw_state;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	MemoryContext caller = MemoryContextSwitchTo(scan->row_context);
	ForecastProgress progress;

	MemoryContextReset(scan->row_context);
	ResetExprContext(econtext);
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	forecast_row_begin(scan->maker);
	scan->maker->arn = key;
	progress = next_row(scan, node, feed);
	forecast_row_end(scan->maker);
	MemoryContextSwitchTo(caller);

	*row = NULL;
	if (progress != FORECAST_ROW)
		return progress;
	econtext->ecxt_scantuple = node->ss.ss_ScanTupleSlot;
	if (ExecQual(node->ss.ps.qual, econtext))
		*row = node->ss.ps.ps_ProjInfo ? ExecProject(node->ss.ps.ps_ProjInfo) :
										 node->ss.ss_ScanTupleSlot;
	else
		InstrCountFiltered1(node, 1);
	return progress;
}

/*
 * Waits until something happens that the stream may be waiting for.
 */
void
forecast_lookup_wait(ForeignScanState *node, const ForecastFeed *feed, const char *key)
{
	ForecastScan *scan = node->fdw_state;

	forecast_row_begin(scan->maker);
	scan->maker->arn = key;
	aws_client_wait(forecast_feed_client(feed));
	forecast_row_end(scan->maker);
}
