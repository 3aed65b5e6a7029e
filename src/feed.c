/*
 * feed.c
 *		What the service answers, as a stream of rows to be.
 *
 * There are three kinds.  ARNs are described; lists are read; or lists are read
 * and what they list is described, while the paging goes on.  Describe calls run
 * ahead of the rows that are returned, as many at once as the pool of connections
 * allows; rows come in the order of the ARNs.
 *
 * Nothing here waits.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "connection.h"
#include "feed.h"

/*
 * How far describe calls run ahead, in connections: one that is slow does not
 * leave the others idle.
 */
#define LOOKAHEAD 4

struct ForecastFeed
{
	const ForecastSource *source;
	MemoryContext context; /* the feed's own */
	List *arns;            /* those to describe, where they are given */
	List *requests;        /* the lists to read, where they are not */
	int next;              /* index of the next ARN or list */
	List *pagers;          /* of the lists begun */
	bool describe;         /* what is listed? */
	bool exhausted;        /* are there no more ARNs? */
	int64 returned;        /* rows so far */

	/* Answers that are awaited, in the order of the ARNs: a ring. */
	ForecastAnswer **awaited;
	int size;
	int first;
	int n;
	int started; /* so many of them have been asked for */
};

static ForecastFeed *
make_feed(const ForecastSource *source, bool describe, int size)
{
	ForecastFeed *feed = palloc0(sizeof(ForecastFeed));

	feed->source = source;
	feed->context = CurrentMemoryContext;
	feed->describe = describe;
	if (describe)
	{
		feed->size = size;
		feed->awaited = palloc(sizeof(ForecastAnswer *) * feed->size);
	}
	return feed;
}

static int
lookahead(const ForecastSource *source)
{
	return source->tuning->max_pool_connections * LOOKAHEAD;
}

/*
 * The answers about these ARNs.  The feed lives as long as the current memory
 * context, and so must its arguments.
 */
ForecastFeed *
forecast_feed_describe(const ForecastSource *source, List *arns)
{
	ForecastFeed *feed = make_feed(source, true,
								   Min(lookahead(source), Max(list_length(arns), 1)));

	feed->arns = arns;
	return feed;
}

/*
 * The items of these lists (ForecastListRequests), in the order of the lists; or,
 * if describe is true, the answers about them.  Otherwise as above.
 */
ForecastFeed *
forecast_feed_list(const ForecastSource *source, List *requests, bool describe)
{
	ForecastFeed *feed = make_feed(source, describe, lookahead(source));

	feed->requests = requests;
	return feed;
}

/*
 * Begins the next lists: several at once, unless the first one may suffice.
 */
static void
begin_lists(ForecastFeed *feed)
{
	const ForecastSource *source = feed->source;
	int max = source->limit < 0 ? source->tuning->max_pool_connections : 1;
	MemoryContext caller = MemoryContextSwitchTo(feed->context);
	ListCell *cell;

	while (feed->next < list_length(feed->requests) && list_length(feed->pagers) < max)
		feed->pagers = lappend(feed->pagers,
							   forecast_pager_create(source->user, source->resource,
													 list_nth(feed->requests,
															  feed->next++),
													 source->tuning->fetch_size,
													 source->limit, source->counters));
	foreach(cell, feed->pagers)
		forecast_pager_start(lfirst(cell));
	MemoryContextSwitchTo(caller);
}

/* The next item of the lists, in their order. */
static ForecastProgress
next_item(ForecastFeed *feed, cJSON **item)
{
	for (;;)
	{
		ForecastProgress progress;

		begin_lists(feed);
		if (feed->pagers == NIL)
			return FORECAST_END;
		progress = forecast_pager_next(linitial(feed->pagers), item);
		if (progress != FORECAST_END)
			return progress;
		forecast_pager_free(linitial(feed->pagers));
		feed->pagers = list_delete_first(feed->pagers);
	}
}

/*
 * The ARN of an item of a list, in the server's encoding, palloc'd or a part of item.
 */
const char *
forecast_item_arn(const ForecastResource *resource, const cJSON *item)
{
	const char *arn = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(item, resource->arn_member));

	if (arn == NULL)
		ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
						errmsg("answer to %s has an item without %s", resource->list,
							   resource->arn_member)));
	return pg_any_to_server(arn, strlen(arn), PG_UTF8);
}

/* The next ARN to describe, in the server's encoding. */
static ForecastProgress
next_arn(ForecastFeed *feed, const char **arn)
{
	ForecastProgress progress;
	cJSON *item;

	if (feed->requests == NIL)
	{
		if (feed->next == list_length(feed->arns))
			return FORECAST_END;
		*arn = list_nth(feed->arns, feed->next++);
		return FORECAST_ROW;
	}

	progress = next_item(feed, &item);
	if (progress == FORECAST_ROW)
		*arn = forecast_item_arn(feed->source->resource, item);
	return progress;
}

/* How many answers may be awaited at once. */
static int
window(const ForecastFeed *feed)
{
	double limit = feed->source->limit;

	if (limit > feed->returned && limit - feed->returned < feed->size)
		return limit - feed->returned;
	return feed->size;
}

/* Runs ahead: takes more ARNs and asks for them, as far as that is allowed. */
static void
run_ahead(ForecastFeed *feed)
{
	const ForecastSource *source = feed->source;
	ForecastAnswer *answer;
	const char *arn;

	while (!feed->exhausted && feed->n < window(feed))
	{
		ForecastProgress progress = next_arn(feed, &arn);

		feed->exhausted = progress == FORECAST_END;
		if (progress != FORECAST_ROW)
			break;
		answer = forecast_answer(source->answers, source->user, source->resource, arn,
								 source->tuning->cache_ttl, feed->requests == NIL);
		feed->awaited[(feed->first + feed->n++) % feed->size] = answer;
	}
	while (
		feed->started < feed->n &&
		forecast_answer_start(feed->awaited[(feed->first + feed->started) % feed->size],
							  source->counters))
		feed->started++;
}

/* The next answer that there is. */
static ForecastProgress
next_answer(ForecastFeed *feed, const char **arn, const cJSON **row)
{
	for (;;)
	{
		ForecastAnswer *answer;

		run_ahead(feed);
		if (feed->n == 0)
			return feed->exhausted ? FORECAST_END : FORECAST_WAIT;
		answer = feed->awaited[feed->first];
		*arn = forecast_answer_arn(answer);
		if (!forecast_answer_ready(answer, feed->source->counters))
			return FORECAST_WAIT;
		*arn = pstrdup(*arn); /* an answer that was read may be forgotten */

		feed->first = (feed->first + 1) % feed->size;
		feed->n--;
		feed->started = Max(feed->started - 1, 0);
		*row = forecast_answer_json(answer, feed->source->counters);
		if (*row)
			return FORECAST_ROW;
	}
}

/*
 * The next row, if there is one without waiting: the object with its fields, and
 * its ARN if it was asked for by that.  Both are valid until the next call, and
 * may go with the current memory context.  Throws what the service refuses.
 */
ForecastProgress
forecast_feed_next(ForecastFeed *feed, const char **arn, const cJSON **row)
{
	ForecastProgress progress;
	cJSON *item;

	*arn = NULL;
	if (feed->describe)
		progress = next_answer(feed, arn, row);
	else
	{
		progress = next_item(feed, &item);
		if (progress == FORECAST_ROW)
			*row = item;
	}
	feed->returned += progress == FORECAST_ROW;
	return progress;
}

/*
 * The client to wait for until there is progress.
 */
AwsClient *
forecast_feed_client(const ForecastFeed *feed)
{
	if (feed->n > 0)
		return forecast_answer_client(feed->awaited[feed->first]);
	if (feed->pagers)
		return forecast_pager_client(linitial(feed->pagers));
	return forecast_get_client(feed->source->user);
}

/*
 * Would forecast_feed_next() get any further now?  If not, a call is under way
 * that has to come to an end first.
 */
bool
forecast_feed_can_advance(const ForecastFeed *feed)
{
	if (feed->n > 0)
		return forecast_answer_can_advance(feed->awaited[feed->first]);
	return feed->pagers == NIL || forecast_pager_can_advance(linitial(feed->pagers));
}
