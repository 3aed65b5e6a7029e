/*
 * analyze.c
 *		ANALYZE: all is listed and counted, and a random sample of it is kept.
 */
#include "postgres.h"

#include "commands/vacuum.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

#include "analyze.h"
#include "connection.h"
#include "feed.h"
#include "row.h"

/* So many rows are sampled at most if each of them takes a describe call. */
#define MAX_DESCRIBED_SAMPLE 1000

/* A sample being taken. */
typedef struct Sample
{
	const ForecastSource *source;
	ForecastRowMaker *maker;
	MemoryContext scratch; /* what one row takes */
	ReservoirStateData reservoir;
	double skip; /* rows to pass over before the next one is taken; < 0: unknown */
	int target;
	int taken;
	double seen;
} Sample;

/* The columns of the table and their fields. */
static ForecastRowMaker *
make_row_maker(Relation relation, const ForecastTable *table, bool *describe)
{
	List *attnos = NIL;
	List *fields = NIL;

	*describe = false;
	for (AttrNumber attno = 1; attno <= table->natts; attno++)
	{
		const ForecastField *field = forecast_table_field(table, attno);

		if (field == NULL)
			continue;
		attnos = lappend_int(attnos, attno);
		fields = lappend_int(fields, field - table->resource->fields);
		*describe = *describe || !field->listed;
	}
	return forecast_row_maker(relation, table->resource, attnos, fields);
}

/* The next row of the feed; waits for it. */
static bool
fetch(Sample *sample, ForecastFeed *feed, const cJSON **row)
{
	for (;;)
	{
		switch (forecast_feed_next(feed, &sample->maker->arn, row))
		{
			case FORECAST_ROW:
				return true;
			case FORECAST_END:
				return false;
			case FORECAST_WAIT:
				aws_client_wait(forecast_feed_client(feed));
		}
	}
}

/*
 * Where in the sample the row just seen belongs, -1: nowhere.  Each row seen so
 * far has the same chance (Vitter's algorithm, as in PostgreSQL's own ANALYZE).
 */
static int
choose_place(Sample *sample)
{
	sample->seen++;
	if (sample->taken < sample->target)
		return sample->taken++;
	if (sample->skip < 0)
		sample->skip = reservoir_get_next_S(&sample->reservoir, sample->seen - 1,
											sample->target);
	if (sample->skip-- > 0)
		return -1;
	return (int) (sample->target * sampler_random_fract(&sample->reservoir.randstate));
}

/* Lists all, and keeps the ARNs of a sample, or its rows if describe is false. */
static void
sample_list(Sample *sample, bool describe, TupleTableSlot *slot, char **arns,
			HeapTuple *rows)
{
	ForecastListRequest everything = {NULL, NIL};
	ForecastFeed *feed = forecast_feed_list(sample->source, list_make1(&everything),
											false);
	MemoryContext caller = MemoryContextSwitchTo(sample->scratch);
	const cJSON *item;

	while (fetch(sample, feed, &item))
	{
		int place = choose_place(sample);

		if (place >= 0 && describe)
			arns[place] = MemoryContextStrdup(caller,
											  forecast_item_arn(sample->source->resource,
																item));
		else if (place >= 0)
		{
			if (rows[place])
				heap_freetuple(rows[place]);
			forecast_row_store(sample->maker, slot, item);
			MemoryContextSwitchTo(caller);
			rows[place] = ExecCopySlotHeapTuple(slot);
			MemoryContextSwitchTo(sample->scratch);
		}
		MemoryContextReset(sample->scratch);
	}
	MemoryContextSwitchTo(caller);
}

/* Describes the sampled ARNs; those that are gone by now are left out. */
static int
describe_sample(Sample *sample, char **arns, TupleTableSlot *slot, HeapTuple *rows)
{
	List *list = NIL;
	ForecastFeed *feed;
	MemoryContext caller = CurrentMemoryContext;
	const cJSON *answer;
	int n = 0;

	for (int i = 0; i < sample->taken; i++)
		list = lappend(list, arns[i]);
	feed = forecast_feed_describe(sample->source, list);

	MemoryContextSwitchTo(sample->scratch);
	while (fetch(sample, feed, &answer))
	{
		forecast_row_store(sample->maker, slot, answer);
		MemoryContextSwitchTo(caller);
		rows[n++] = ExecCopySlotHeapTuple(slot);
		MemoryContextSwitchTo(sample->scratch);
		MemoryContextReset(sample->scratch);
	}
	MemoryContextSwitchTo(caller);
	return n;
}

/*
 * Callback: fills rows with a sample of up to target rows, and returns their
 * number; *total is how many there are.
 */
static int
acquire_sample(Relation relation, int elevel, HeapTuple *rows, int target, double *total,
			   double *dead)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "forecast_fdw analyze",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = CurrentMemoryContext;
	ForecastTable *table = forecast_table_load(relation);
	ForecastCounters counters = {0};
	ForecastSource source = {.resource = table->resource,
							 .tuning = &table->tuning,
							 .limit = -1,
							 .counters = &counters};
	Sample sample = {.source = &source, .skip = -1};
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(relation),
													&TTSOpsVirtual);
	char **arns;
	bool describe;
	int n;

	source.user = forecast_get_user_mapping(relation->rd_rel->relowner,
											GetForeignTable(RelationGetRelid(relation))
												->serverid);
	source.answers = forecast_answers_create(context);
	sample.maker = make_row_maker(relation, table, &describe);
	sample.scratch = AllocSetContextCreate(context, "forecast_fdw row",
										   ALLOCSET_SMALL_SIZES);
	sample.target = describe ? Min(target, MAX_DESCRIBED_SAMPLE) : target;
	reservoir_init_selection_state(&sample.reservoir, sample.target);
	arns = palloc0(sizeof(char *) * sample.target);

	forecast_row_begin(sample.maker);
	memset(rows, 0, sizeof(HeapTuple) * target);
	sample_list(&sample, describe, slot, arns, rows);
	n = describe ? describe_sample(&sample, arns, slot, rows) : sample.taken;
	forecast_row_end(sample.maker);

	*total = sample.seen;
	*dead = 0;
	ereport(elevel, (errmsg("\"%s\": listed %.0f rows, sampled %d, by %lld calls",
							RelationGetRelationName(relation), sample.seen, n,
							(long long) counters.calls)));
	ExecDropSingleTupleTableSlot(slot);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return n;
}

/*
 * FDW callback: yes, it can be analyzed.  There are no pages to tell the number
 * of; one is as good as any.
 */
bool
forecastAnalyzeForeignTable(Relation relation pg_attribute_unused(),
							AcquireSampleRowsFunc *func, BlockNumber *totalpages)
{
	*func = acquire_sample;
	*totalpages = 1;
	return true;
}
