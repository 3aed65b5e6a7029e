/*
 * lookup_join.c
 *		Executing a lookup join.
 *
 * Outer rows are read ahead, up to batch_size of them; their keys, each but once,
 * are looked up with as many calls at once as the pool of connections allows; and
 * rows are returned in the order of the outer rows.  What a key has brought is
 * kept until the node is done: a row that comes later with the same key costs
 * nothing.
 *
 * The looking ahead begins small and grows, so that a LIMIT above the join does
 * not pay for what it will never see.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/ruleutils.h"

#include "compat.h"
#include "lookup_join.h"
#include "plan.h"
#include "scan.h"

/* A distinct key and what it brings. */
typedef struct LookupEntry
{
	const char *key;            /* hash key */
	dlist_node node;            /* in unstarted or active, until it is complete */
	MemoryContext feed_context; /* while it is active */
	ForecastFeed *feed;
	bool complete;
	MinimalTuple *rows; /* of the inner scan, which has checked its conditions */
	int nrows;
	int size;
} LookupEntry;

/* An outer row that waits for its turn. */
typedef struct OuterRow
{
	dlist_node node;
	MinimalTuple tuple;
	LookupEntry *entry; /* NULL: the key is NULL and matches nothing */
} OuterRow;

typedef struct LookupJoin
{
	CustomScanState css; /* must be first */
	JoinType type;
	PlanState *outer;
	ForeignScanState *inner;
	ExprState *key;
	ExprState *match;
	int nouter; /* columns of the outer plan, and so of the inner one */
	int ninner;
	TupleTableSlot *outer_slot;
	TupleTableSlot *inner_slot;

	MemoryContext context;       /* outer rows and entries */
	MemoryContext entry_context; /* entries and their rows */
	HTAB *entries;
	dlist_head unstarted; /* entries, in the order of their first outer rows */
	dlist_head active;    /* entries whose feeds are read */
	int nactive;

	dlist_head queue; /* outer rows read ahead */
	int nqueued;
	int window;      /* so many of them are looked for */
	bool outer_done; /* has the outer plan come to its end? */

	OuterRow *current; /* whose matches are being returned */
	bool exhausted;    /* are there no more of them? */
	bool matched;      /* was there one? */
	int next;          /* index of the next inner row to try */

	int64 null_keys; /* for EXPLAIN ANALYZE */
} LookupJoin;

static Node *create_state(CustomScan *scan);
static void begin_join(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *execute_join(CustomScanState *node);
static void rescan_join(CustomScanState *node);
static void end_join(CustomScanState *node);
static void explain_join(CustomScanState *node, List *ancestors, ExplainState *es);

const CustomScanMethods forecast_lookup_join_methods =
	{.CustomName = FORECAST_LOOKUP_JOIN_NAME, .CreateCustomScanState = create_state};

static const CustomExecMethods exec_methods = {.CustomName = FORECAST_LOOKUP_JOIN_NAME,
											   .BeginCustomScan = begin_join,
											   .ExecCustomScan = execute_join,
											   .ReScanCustomScan = rescan_join,
											   .EndCustomScan = end_join,
											   .ExplainCustomScan = explain_join};

/* ---- beginning ---- */

static Node *
create_state(CustomScan *scan)
{
	LookupJoin *join = palloc0(sizeof(LookupJoin));

	NodeSetTag(join, T_CustomScanState);
	join->css.methods = &exec_methods;
	join->type = intVal(list_nth(scan->custom_private, LOOKUP_JOIN_TYPE));
	return (Node *) join;
}

static uint32
hash_entry(const void *key, Size size pg_attribute_unused())
{
	const char *string = *(const char *const *) key;

	return hash_bytes((const unsigned char *) string, strlen(string));
}

static int
match_entries(const void *a, const void *b, Size size pg_attribute_unused())
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void
make_entries(LookupJoin *join)
{
	HASHCTL ctl = {.keysize = sizeof(char *),
				   .entrysize = sizeof(LookupEntry),
				   .hash = hash_entry,
				   .match = match_entries,
				   .hcxt = join->entry_context};

	join->entries = hash_create("forecast_fdw lookups", 256, &ctl,
								HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

/* Forgets the outer rows; join->context is empty. */
static void
start_over(LookupJoin *join)
{
	dlist_init(&join->queue);
	join->nqueued = 0;
	join->window = 0;
	join->outer_done = false;
	join->current = NULL;
	join->exhausted = true;
}

static void
begin_join(CustomScanState *node, EState *estate, int eflags)
{
	LookupJoin *join = (LookupJoin *) node;
	CustomScan *scan = castNode(CustomScan, node->ss.ps.plan);
	TupleDesc outer_desc;
	TupleDesc inner_desc;

	eflags &= ~(EXEC_FLAG_REWIND | EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK);
	join->outer = ExecInitNode(linitial(scan->custom_plans), estate, eflags);
	join->inner = castNode(ForeignScanState,
						   ExecInitNode(lsecond(scan->custom_plans), estate, eflags));
	node->custom_ps = list_make2(join->outer, join->inner);
	join->key = ExecInitExpr(list_nth(scan->custom_exprs, LOOKUP_KEY), &node->ss.ps);
	join->match = ExecInitQual(list_nth(scan->custom_exprs, LOOKUP_MATCH), &node->ss.ps);
	if (eflags & EXEC_FLAG_EXPLAIN_ONLY)
		return;

	outer_desc = ExecGetResultType(join->outer);
	inner_desc = ExecGetResultType(&join->inner->ss.ps);
	join->nouter = outer_desc->natts;
	join->ninner = inner_desc->natts;
	join->outer_slot = ExecInitExtraTupleSlot(estate, outer_desc, &TTSOpsMinimalTuple);
	join->inner_slot = ExecInitExtraTupleSlot(estate, inner_desc, &TTSOpsMinimalTuple);

	join->context = AllocSetContextCreate(estate->es_query_cxt,
										  "forecast_fdw lookup join",
										  ALLOCSET_DEFAULT_SIZES);
	join->entry_context = AllocSetContextCreate(estate->es_query_cxt,
												"forecast_fdw lookups",
												ALLOCSET_DEFAULT_SIZES);
	make_entries(join);
	dlist_init(&join->unstarted);
	dlist_init(&join->active);
	start_over(join);
}

/* ---- looking up ---- */

/* The entry of a key, which is a new one if it was not asked for before. */
static LookupEntry *
find_entry(LookupJoin *join, const char *key)
{
	LookupEntry *entry = hash_search(join->entries, &key, HASH_FIND, NULL);

	if (entry)
		return entry;
	key = MemoryContextStrdup(join->entry_context, key);
	entry = hash_search(join->entries, &key, HASH_ENTER, NULL);
	memset((char *) entry + sizeof(key), 0, sizeof(LookupEntry) - sizeof(key));
	dlist_push_tail(&join->unstarted, &entry->node);
	return entry;
}

/* Keeps a copy of a row that the key has brought. */
static void
keep_row(LookupJoin *join, LookupEntry *entry, TupleTableSlot *row)
{
	MemoryContext caller = MemoryContextSwitchTo(join->entry_context);

	if (entry->nrows == entry->size)
	{
		int size = Max(entry->size * 2, 1);

		entry->rows = entry->rows ? repalloc(entry->rows, sizeof(MinimalTuple) * size) :
									palloc(sizeof(MinimalTuple) * size);
		entry->size = size;
	}
	entry->rows[entry->nrows++] = ExecCopySlotMinimalTuple(row);
	MemoryContextSwitchTo(caller);
}

static void
complete_entry(LookupJoin *join, LookupEntry *entry)
{
	entry->complete = true;
	entry->feed = NULL;
	dlist_delete(&entry->node);
	join->nactive--;
	MemoryContextDelete(entry->feed_context);
}

/* Takes what has come for an active entry. */
static void
read_entry(LookupJoin *join, LookupEntry *entry)
{
	Instrumentation *instrument = join->inner->ss.ps.instrument;
	ForecastProgress progress = FORECAST_END;
	int before = entry->nrows;

	if (instrument)
		InstrStartNode(instrument);
	while (entry->feed)
	{
		TupleTableSlot *row;

		progress = forecast_lookup_next(join->inner, entry->feed, entry->key, &row);
		if (progress != FORECAST_ROW)
			break;
		if (row)
			keep_row(join, entry, row);
	}
	if (instrument)
		InstrStopNode(instrument, entry->nrows - before);
	if (progress == FORECAST_END)
		complete_entry(join, entry);
}

/* Asks for the next keys, as long as the pool has connections for them. */
static void
start_entries(LookupJoin *join)
{
	int max = forecast_scan_tuning(join->inner)->max_pool_connections;

	while (join->nactive < max && !dlist_is_empty(&join->unstarted))
	{
		LookupEntry *entry = dlist_container(LookupEntry, node,
											 dlist_pop_head_node(&join->unstarted));
		MemoryContext caller;

		dlist_push_tail(&join->active, &entry->node);
		join->nactive++;
		entry->feed_context = AllocSetContextCreate(join->entry_context,
													"forecast_fdw feed",
													ALLOCSET_SMALL_SIZES);
		caller = MemoryContextSwitchTo(entry->feed_context);
		entry->feed = forecast_lookup_open(join->inner, entry->key);
		MemoryContextSwitchTo(caller);
		read_entry(join, entry);
	}
}

/* Takes what has come for all of them, and asks for more. */
static void
read_entries(LookupJoin *join)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &join->active)
	{
		LookupEntry *entry = dlist_container(LookupEntry, node, iter.cur);

		if (forecast_feed_can_advance(entry->feed))
			read_entry(join, entry);
	}
	start_entries(join);
}

/*
 * Waits until the entry of the first row in the queue is complete.  It has been
 * asked for: entries are, in the order of their first rows.
 */
static void
await_entry(LookupJoin *join, LookupEntry *entry)
{
	while (!entry->complete)
	{
		if (entry->feed && !forecast_feed_can_advance(entry->feed))
			forecast_lookup_wait(join->inner, entry->feed, entry->key);
		read_entries(join);
	}
}

/* ---- reading ahead ---- */

/* Makes the outer plan's row the first columns of the node's. */
static void
store_outer(LookupJoin *join, TupleTableSlot *outer)
{
	TupleTableSlot *slot = join->css.ss.ss_ScanTupleSlot;

	ExecClearTuple(slot);
	slot_getallattrs(outer);
	memcpy(slot->tts_values, outer->tts_values, sizeof(Datum) * join->nouter);
	memcpy(slot->tts_isnull, outer->tts_isnull, sizeof(bool) * join->nouter);
}

/* Makes an inner row its other columns, NULLs if there is none. */
static void
store_inner(LookupJoin *join, TupleTableSlot *inner)
{
	TupleTableSlot *slot = join->css.ss.ss_ScanTupleSlot;

	ExecClearTuple(slot);
	if (inner)
	{
		slot_getallattrs(inner);
		memcpy(slot->tts_values + join->nouter, inner->tts_values,
			   sizeof(Datum) * join->ninner);
		memcpy(slot->tts_isnull + join->nouter, inner->tts_isnull,
			   sizeof(bool) * join->ninner);
	}
	else
		memset(slot->tts_isnull + join->nouter, true, sizeof(bool) * join->ninner);
	ExecStoreVirtualTuple(slot);
}

/*
 * Is this the recheck of a joined row, one half of which somebody else has changed?
 * Then the inner row is that of the joined row, and the inner scan returns it.
 */
static bool
is_recheck(const LookupJoin *join)
{
	EPQState *epq = join->css.ss.ps.state->es_epq_active;
	Index relid = ((Scan *) join->inner->ss.ps.plan)->scanrelid;

	return epq && (epq->relsubs_slot[relid - 1] || epq->relsubs_rowmark[relid - 1]);
}

/* Puts an outer row into the queue, and its key among those to be asked for. */
static void
enqueue(LookupJoin *join, TupleTableSlot *outer)
{
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;
	OuterRow *row = MemoryContextAlloc(join->context, sizeof(OuterRow));
	MemoryContext caller;
	bool isnull;
	Datum key;

	store_outer(join, outer);
	store_inner(join, NULL);
	ResetExprContext(econtext);
	econtext->ecxt_scantuple = join->css.ss.ss_ScanTupleSlot;
	caller = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	key = ExecEvalExpr(join->key, econtext, &isnull);
	row->entry = isnull || is_recheck(join) ? NULL :
											  find_entry(join, TextDatumGetCString(key));
	MemoryContextSwitchTo(join->context);
	row->tuple = ExecCopySlotMinimalTuple(outer);
	MemoryContextSwitchTo(caller);

	dlist_push_tail(&join->queue, &row->node);
	join->nqueued++;
	join->null_keys += isnull;
}

/*
 * Reads outer rows ahead, once half of those read before are used up; each time
 * twice as far, up to batch_size.
 */
static void
read_ahead(LookupJoin *join)
{
	const ForecastTuning *tuning = forecast_scan_tuning(join->inner);

	if (join->outer_done || join->nqueued > join->window / 2)
		return;
	join->window = Min(Max(join->window * 2, tuning->max_pool_connections),
					   tuning->batch_size);
	while (join->nqueued < join->window)
	{
		TupleTableSlot *outer = ExecProcNode(join->outer);

		if (TupIsNull(outer))
		{
			join->outer_done = true;
			break;
		}
		enqueue(join, outer);
		start_entries(join);
	}
}

/* ---- joining ---- */

/* Makes the next outer row the current one; false after the last. */
static bool
next_outer_row(LookupJoin *join)
{
	if (join->current)
	{
		pfree(join->current->tuple);
		pfree(join->current);
		join->current = NULL;
	}
	read_ahead(join);
	if (dlist_is_empty(&join->queue))
		return false;

	join->current = dlist_head_element(OuterRow, node, &join->queue);
	if (join->current->entry)
		await_entry(join, join->current->entry);
	dlist_delete(&join->current->node);
	join->nqueued--;
	ExecStoreMinimalTuple(join->current->tuple, join->outer_slot, false);
	store_outer(join, join->outer_slot);
	join->exhausted = false;
	join->matched = false;
	join->next = 0;
	return true;
}

/* The next inner row with the current outer row's key, NULL after the last. */
static TupleTableSlot *
next_inner_row(LookupJoin *join)
{
	LookupEntry *entry = join->current->entry;

	if (is_recheck(join))
	{
		TupleTableSlot *inner = ExecProcNode(&join->inner->ss.ps);

		return TupIsNull(inner) ? NULL : inner;
	}
	if (entry == NULL || join->next == entry->nrows)
		return NULL;
	return ExecStoreMinimalTuple(entry->rows[join->next++], join->inner_slot, false);
}

/* Makes the current outer row and the next inner row that matches it the node's. */
static bool
next_match(LookupJoin *join, ExprContext *econtext)
{
	TupleTableSlot *inner;

	while ((inner = next_inner_row(join)) != NULL)
	{
		store_inner(join, inner);
		ResetExprContext(econtext);
		if (ExecQual(join->match, econtext))
			return true;
		InstrCountFiltered1(&join->css, 1);
	}
	return false;
}

/* Makes the next joined row the node's; false after the last. */
static bool
next_joined_row(LookupJoin *join, ExprContext *econtext)
{
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		if (join->exhausted && !next_outer_row(join))
			return false;
		if (next_match(join, econtext))
		{
			join->matched = true;
			join->exhausted = join->type == JOIN_SEMI || join->type == JOIN_ANTI;
			if (join->type != JOIN_ANTI)
				return true;
			continue;
		}
		join->exhausted = true;
		if (!join->matched && (join->type == JOIN_LEFT || join->type == JOIN_ANTI))
		{
			store_inner(join, NULL);
			return true;
		}
	}
}

static TupleTableSlot *
execute_join(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	ExprContext *econtext = node->ss.ps.ps_ExprContext;
	ProjectionInfo *projection = node->ss.ps.ps_ProjInfo;

	econtext->ecxt_scantuple = node->ss.ss_ScanTupleSlot;
	while (next_joined_row(join, econtext))
	{
		ResetExprContext(econtext);
		if (ExecQual(node->ss.ps.qual, econtext))
			return projection ? ExecProject(projection) : node->ss.ss_ScanTupleSlot;
		InstrCountFiltered2(node, 1);
	}
	return ExecClearTuple(projection ? projection->pi_state.resultslot :
									   node->ss.ss_ScanTupleSlot);
}

/* ---- again, and the end ---- */

/* Frees an entry whose rows have not all come. */
static void
drop_entry(LookupJoin *join, LookupEntry *entry)
{
	const char *key = entry->key;

	for (int i = 0; i < entry->nrows; i++)
		pfree(entry->rows[i]);
	if (entry->rows)
		pfree(entry->rows);
	hash_search(join->entries, &key, HASH_REMOVE, NULL);
	pfree((char *) key);
}

/* Gives up what is under way, and what is about to be. */
static void
stop_lookups(LookupJoin *join)
{
	dlist_head *const lists[] = {&join->unstarted, &join->active};

	for (size_t i = 0; i < lengthof(lists); i++)
	{
		dlist_mutable_iter iter;

		dlist_foreach_modify(iter, lists[i])
		{
			LookupEntry *entry = dlist_container(LookupEntry, node, iter.cur);

			if (entry->feed_context)
				MemoryContextDelete(entry->feed_context);
			dlist_delete(&entry->node);
			drop_entry(join, entry);
		}
	}
	join->nactive = 0;
}

/* What a key has brought stays true, unless the inner scan's conditions change. */
static void
rescan_join(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	ListCell *cell;

	foreach(cell, node->custom_ps)
		if (node->ss.ps.chgParam)
			UpdateChangedParamSet(lfirst(cell), node->ss.ps.chgParam);

	ExecClearTuple(join->outer_slot);
	ExecClearTuple(join->inner_slot);
	ExecClearTuple(node->ss.ss_ScanTupleSlot);
	stop_lookups(join);
	MemoryContextReset(join->context);
	start_over(join);
	if (join->inner->ss.ps.chgParam)
	{
		MemoryContextReset(join->entry_context);
		make_entries(join);
	}
	ExecReScan(&join->inner->ss.ps);
	/* Otherwise ExecProcNode() does it. */
	if (join->outer->chgParam == NULL)
		ExecReScan(join->outer);
}

static void
end_join(CustomScanState *node)
{
	LookupJoin *join = (LookupJoin *) node;
	ListCell *cell;

	if (join->context)
	{
		MemoryContextDelete(join->entry_context);
		MemoryContextDelete(join->context);
	}
	foreach(cell, node->custom_ps)
		ExecEndNode(lfirst(cell));
}

/* ---- EXPLAIN ---- */

static const char *
join_type_name(JoinType type)
{
	return type == JOIN_LEFT ? "Left" :
		   type == JOIN_SEMI ? "Semi" :
		   type == JOIN_ANTI ? "Anti" :
							   "Inner";
}

static void
explain_join(CustomScanState *node, List *ancestors, ExplainState *es)
{
	LookupJoin *join = (LookupJoin *) node;
	CustomScan *scan = castNode(CustomScan, node->ss.ps.plan);
	List *match = list_nth(scan->custom_exprs, LOOKUP_MATCH);
	List *context = set_deparse_context_plan(
		deparse_context_for_plan_tree(es->pstmt, es->rtable_names), node->ss.ps.plan,
		ancestors);
	char *column = deparse_expression(list_nth(scan->custom_exprs, LOOKUP_COLUMN),
									  context, true, false);
	char *key = deparse_expression(list_nth(scan->custom_exprs, LOOKUP_KEY), context,
								   true, false);

	ExplainPropertyText("Join Type", join_type_name(join->type), es);
	ExplainPropertyText("Lookup Key", psprintf("%s = %s", column, key), es);
	if (list_length(match) > 1)
		ExplainPropertyText("Join Filter",
							deparse_expression((Node *) make_ands_explicit(
												   list_copy_tail(match, 1)),
											   context, true, false),
							es);
	if (es->analyze && join->entries)
	{
		ExplainPropertyInteger("Distinct Keys", NULL, hash_get_num_entries(join->entries),
							   es);
		ExplainPropertyInteger("NULL Keys", NULL, join->null_keys, es);
	}
}
