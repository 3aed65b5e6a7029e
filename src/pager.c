/*
 * pager.c
 *		The items of a list, page by page: while the items of one page are
 *		returned, the next page is under way.  No more than these two are ever in
 *		memory.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "connection.h"
#include "pager.h"

/* A token has 3,000 characters at most, and stands at the end of a page. */
#define MAX_TOKEN_TAIL 4096

struct ForecastPager
{
	UserMapping *user;
	const ForecastResource *resource;
	const ForecastListRequest *request;
	int fetch_size;
	double limit; /* how many items suffice, < 0: all */
	ForecastCounters *counters;

	MemoryContext page;  /* the page whose items are returned */
	cJSON *item;         /* the next of them, NULL: none is left */
	MemoryContext next;  /* the page under way */
	AwsCall *call;       /* that asks for it, NULL: none is */
	MemoryContext spare; /* empty */
	double asked;        /* items asked for so far */
	int size;            /* so many of them by that call */
	bool started;
	char *token; /* where the next page begins, NULL: there is none */

	int64 pages;         /* so far */
	int64 landmark_page; /* the next one whose token becomes the landmark */
	char *landmark;      /* an earlier token, to see that they go round */
};

/*
 * A pager for one list, as that user sees it; user and request must live as long
 * as the pager, which lives as long as the current memory context.  No call is
 * made yet.
 */
ForecastPager *
forecast_pager_create(UserMapping *user, const ForecastResource *resource,
					  const ForecastListRequest *request, int fetch_size, double limit,
					  ForecastCounters *counters)
{
	ForecastPager *pager = palloc0(sizeof(ForecastPager));

	pager->user = user;
	pager->resource = resource;
	pager->request = request;
	pager->fetch_size = fetch_size;
	pager->limit = limit;
	pager->counters = counters;
	pager->page = AllocSetContextCreate(CurrentMemoryContext, "forecast_fdw page",
										ALLOCSET_DEFAULT_SIZES);
	pager->next = AllocSetContextCreate(CurrentMemoryContext, "forecast_fdw page",
										ALLOCSET_DEFAULT_SIZES);
	pager->spare = AllocSetContextCreate(CurrentMemoryContext, "forecast_fdw page",
										 ALLOCSET_DEFAULT_SIZES);
	pager->landmark_page = 1;
	return pager;
}

/*
 * Frees the pager with its pages, and gives up what it has asked for.
 */
void
forecast_pager_free(ForecastPager *pager)
{
	MemoryContextDelete(pager->page);
	MemoryContextDelete(pager->next);
	MemoryContextDelete(pager->spare);
	pfree(pager);
}

/* ---- asking ---- */

/* How many items the next page should have. */
static int
page_size(const ForecastPager *pager)
{
	double missing = pager->limit - pager->asked;

	return missing > 0 && missing < pager->fetch_size ? (int) missing : pager->fetch_size;
}

/* Asks for the next page, if there is one and the pool has room for the call. */
static void
request_page(ForecastPager *pager)
{
	AwsClient *client;
	MemoryContext caller;
	StringInfoData input;
	int size = page_size(pager);

	if (pager->started && pager->token == NULL)
		return;
	client = forecast_get_client(pager->user);
	if (!aws_client_has_room(client))
		return;

	caller = MemoryContextSwitchTo(pager->next);
	initStringInfo(&input);
	appendStringInfo(&input, "{\"MaxResults\":%d", size);
	if (pager->request->filters)
		appendStringInfo(&input, ",\"Filters\":%s", pager->request->filters);
	if (pager->token)
	{
		appendStringInfoString(&input, ",\"NextToken\":");
		escape_json(&input, pager->token);
	}
	appendStringInfoChar(&input, '}');
	pager->call = aws_call_start(client, pager->resource->list, input.data);
	MemoryContextSwitchTo(caller);

	pager->started = true;
	pager->asked += size;
	pager->size = size;
	pager->counters->calls++;
}

/*
 * Asks for the first page, unless that was done or the pool has no room for it.
 */
void
forecast_pager_start(ForecastPager *pager)
{
	if (!pager->started)
		request_page(pager);
}

/* ---- reading ---- */

pg_noreturn static void
report_bad_page(const ForecastPager *pager, const char *problem)
{
	ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
					errmsg("answer to %s %s", pager->resource->list, problem)));
}

/*
 * A token that comes again would go round for ever.  Each is compared with an
 * earlier one, which is replaced after twice as many pages each time, so that a
 * circle of any length is found (Brent's algorithm).
 */
static void
check_token(ForecastPager *pager)
{
	pager->pages++;
	if (pager->token == NULL)
		return;
	if (pager->landmark && strcmp(pager->landmark, pager->token) == 0)
		report_bad_page(pager, "has a NextToken that was used before");
	if (pager->pages < pager->landmark_page)
		return;
	if (pager->landmark)
		pfree(pager->landmark);
	pager->landmark = MemoryContextStrdup(GetMemoryChunkContext(pager), pager->token);
	pager->landmark_page *= 2;
}

/* Keeps where the next page begins, in the server's encoding. */
static void
read_token(ForecastPager *pager, const cJSON *answer)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(answer, "NextToken");
	const char *token = cJSON_GetStringValue(item);

	if (pager->token)
		pfree(pager->token);
	pager->token = NULL;
	if (item == NULL || cJSON_IsNull(item))
		return;
	if (token == NULL)
		report_bad_page(pager, "has a NextToken that is not a string");
	if (*token == '\0')
		return;
	token = pg_any_to_server(token, strlen(token), PG_UTF8);
	pager->token = MemoryContextStrdup(GetMemoryChunkContext(pager), token);
}

/* Is a page to be asked for before it is needed? */
static bool
wants_next_page(const ForecastPager *pager)
{
	return pager->limit < 0 || pager->asked < pager->limit;
}

/*
 * Asks for the page after one that has come but is not parsed yet, which takes a
 * while in which the service could work: with the token that seems to stand at the
 * page's end.  keep_guess() sees whether it was the right one.
 */
static void
guess_next_page(ForecastPager *pager, const AwsCall *call)
{
	size_t len;
	const char *body = aws_call_body(call, &len);
	const char *tail = body + (len > MAX_TOKEN_TAIL ? len - MAX_TOKEN_TAIL : 0);
	const char *member = strstr(tail, "\"NextToken\"");
	const char *start = member ? strchr(member + strlen("\"NextToken\""), '"') : NULL;
	const char *end = start ? strpbrk(start + 1, "\"\\") : NULL;

	if (end == NULL || *end != '"' || !wants_next_page(pager))
		return;
	if (pager->token)
		pfree(pager->token);
	pager->token = MemoryContextAllocZero(GetMemoryChunkContext(pager), end - start);
	memcpy(pager->token, start + 1, end - start - 1);
	request_page(pager);
}

/* The page is parsed: was the page after it asked for by the token that it has? */
static void
keep_guess(ForecastPager *pager, const char *guess)
{
	if (pager->call == NULL || (pager->token && strcmp(pager->token, guess) == 0))
		return;
	MemoryContextReset(pager->next);
	pager->call = NULL;
	pager->asked -= pager->size;
}

/* The page that was under way has come: it is the one to return items of. */
static void
turn_page(ForecastPager *pager)
{
	MemoryContext old = pager->page;
	AwsCall *call = pager->call;
	MemoryContext caller;
	const AwsAnswer *answer;
	char *guess;
	cJSON *items;

	pager->page = pager->next;
	pager->next = pager->spare;
	pager->spare = old;
	pager->call = NULL;
	guess_next_page(pager, call);

	/* Only now, while the service works on the next page. */
	MemoryContextReset(old);
	caller = MemoryContextSwitchTo(pager->page);
	guess = pager->token ? pstrdup(pager->token) : "";
	answer = aws_call_answer(call);
	forecast_count_answer(pager->counters, answer);
	if (answer->error)
		aws_error_report(answer->error);

	items = cJSON_GetObjectItemCaseSensitive(answer->json, pager->resource->list_member);
	if (!cJSON_IsArray(items))
		report_bad_page(pager, psprintf("has no array %s", pager->resource->list_member));
	pager->item = items->child;
	read_token(pager, answer->json);
	check_token(pager);
	keep_guess(pager, guess);
	MemoryContextSwitchTo(caller);
	if (pager->call == NULL && wants_next_page(pager))
		request_page(pager);
}

/* Adds a member to an item which the filters tell, but the list does not. */
static void
add_member(const ForecastPager *pager, cJSON *item, const ForecastFixedField *fixed)
{
	char *path = pstrdup(fixed->field->path);
	char *name = path;
	char *dot;
	char *value;

	while ((dot = strchr(name, '.')) != NULL)
	{
		cJSON *inner;

		*dot = '\0';
		inner = cJSON_GetObjectItemCaseSensitive(item, name);
		item = inner ? inner : cJSON_AddObjectToObject(item, name);
		name = dot + 1;
	}
	if (cJSON_GetObjectItemCaseSensitive(item, name))
		return;
	value = pg_server_to_any(fixed->value, strlen(fixed->value), PG_UTF8);
	if (cJSON_AddStringToObject(item, name, value) == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("An item of %s could not be completed.",
								  pager->resource->list)));
}

/*
 * The next item, with what the filters tell of it.  It is valid until the next
 * call.  Throws what the service refuses.
 */
ForecastProgress
forecast_pager_next(ForecastPager *pager, cJSON **item)
{
	ListCell *cell;

	while (pager->item == NULL)
	{
		if (pager->call == NULL)
			request_page(pager);
		if (pager->call == NULL)
			return pager->started && pager->token == NULL ? FORECAST_END : FORECAST_WAIT;
		if (!aws_call_is_done(pager->call))
			return FORECAST_WAIT;
		turn_page(pager);
	}

	*item = pager->item;
	pager->item = (*item)->next;
	if (!cJSON_IsObject(*item))
		report_bad_page(pager, psprintf("has an item in %s that is not an object",
										pager->resource->list_member));
	foreach(cell, pager->request->fixed)
		add_member(pager, *item, lfirst(cell));
	return FORECAST_ROW;
}

/*
 * The client to wait for until there is progress.
 */
AwsClient *
forecast_pager_client(const ForecastPager *pager)
{
	return pager->call ? aws_call_client(pager->call) : forecast_get_client(pager->user);
}

/*
 * Would forecast_pager_next() get any further now?
 */
bool
forecast_pager_can_advance(const ForecastPager *pager)
{
	if (pager->item || (pager->started && pager->call == NULL && pager->token == NULL))
		return true;
	return pager->call ? aws_call_is_done(pager->call) :
						 aws_client_has_room(forecast_get_client(pager->user));
}
