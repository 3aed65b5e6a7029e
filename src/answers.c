/*
 * answers.c
 *		What a statement has been told: one statement asks about one ARN once.
 *
 * Rescans, repeated keys and several scans of the same resource in a statement
 * share the answers, so that a statement neither pays twice nor sees one job in
 * two states.  An answer begins as a question: any number of them may be under
 * way at once, and whoever needs one waits for it.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "answers.h"
#include "aws/json.h"
#include "cache.h"
#include "connection.h"

/* Longer strings, in characters, are no ARNs of the service. */
#define MAX_ARN_LENGTH 300
#define ARN_PREFIX     "arn:"

struct ForecastAnswer
{
	ForecastAnswerKey key;
	ForecastAnswers *answers;
	UserMapping *user;
	double ttl;   /* seconds it may be kept for other statements */
	bool keep;    /* for the rest of the statement, whatever that takes? */
	int awaiting; /* how many times it is to be read yet */
	const ForecastCounters *asker; /* who asked, until that was counted */

	TimestampTz asked; /* when it was asked for */
	uint64 epoch;      /* of the cache then */

	MemoryContext call_context; /* the call and what came of it, NULL: neither */
	AwsCall *call;              /* NULL: not asked yet, or done */
	const AwsAnswer *fresh;     /* NULL: asked for before, or found in the cache */
	bool done;
	const char *text; /* JSON in UTF-8; NULL: no such resource, or an error */
};

struct ForecastAnswers
{
	EState *estate;        /* the statement, NULL: none */
	MemoryContext context; /* its memory */
	dlist_node node;       /* in all_answers */
	MemoryContextCallback cleanup;
	HTAB *entries;
	Size kept; /* bytes of text */
};

/* Of all statements under way, the latest first. */
static dlist_head all_answers = DLIST_STATIC_INIT(all_answers);

/* Memory context callback: the statement is over. */
static void
forget_answers(void *arg)
{
	dlist_delete(&((ForecastAnswers *) arg)->node);
}

/*
 * A place for answers that belong to no statement.  They live as long as the
 * context.
 */
ForecastAnswers *
forecast_answers_create(MemoryContext context)
{
	ForecastAnswers *answers = MemoryContextAllocZero(context, sizeof(ForecastAnswers));

	answers->context = context;
	answers->entries = forecast_answer_hash("forecast_fdw answers",
											sizeof(ForecastAnswer), context);
	dlist_push_head(&all_answers, &answers->node);
	answers->cleanup.func = forget_answers;
	answers->cleanup.arg = answers;
	MemoryContextRegisterResetCallback(context, &answers->cleanup);
	return answers;
}

/*
 * The answers of the statement that estate belongs to; they live as long as
 * its query context.
 */
ForecastAnswers *
forecast_statement_answers(EState *estate)
{
	ForecastAnswers *answers;
	dlist_iter iter;

	/* A recheck of a row that somebody else changed belongs to its statement. */
	while (estate->es_epq_active)
		estate = estate->es_epq_active->parentestate;

	dlist_foreach(iter, &all_answers)
	{
		answers = dlist_container(ForecastAnswers, node, iter.cur);
		if (answers->estate == estate)
			return answers;
	}
	answers = forecast_answers_create(estate->es_query_cxt);
	answers->estate = estate;
	return answers;
}

/*
 * Counts what it took to get an answer.
 */
void
forecast_count_answer(ForecastCounters *counters, const AwsAnswer *answer)
{
	counters->retries += answer->retries;
	counters->throttles += answer->throttles;
	counters->bytes += answer->received;
}

/*
 * Can the service know an ARN like this?  If not, no call is needed.
 */
bool
forecast_is_possible_arn(const char *arn)
{
	return strncmp(arn, ARN_PREFIX, strlen(ARN_PREFIX)) == 0 &&
		   pg_mbstrlen(arn) <= MAX_ARN_LENGTH;
}

/*
 * Errors of a describe call that mean there is no such resource.  The last two
 * say that the value is no ARN of this kind: such a value names nothing either,
 * and the ARN is the only input that could be wrong.
 */
static const char *const no_such_resource[] = {
	"ResourceNotFoundException",
	"InvalidInputException",
	"ValidationException",
};

static bool
means_no_such_resource(const AwsError *error)
{
	/* A gateway that fails may say anything: only the service itself is believed. */
	if (error->status / 100 != 4)
		return false;
	for (size_t i = 0; i < lengthof(no_such_resource); i++)
		if (aws_error_is(error, no_such_resource[i]))
			return true;
	return false;
}

static void
keep_text(ForecastAnswer *answer, const char *text)
{
	answer->text = MemoryContextStrdup(answer->answers->context, text);
	answer->answers->kept += strlen(text);
}

/* Takes the answer from those kept of earlier statements, if it is there. */
static void
take_from_cache(ForecastAnswer *answer)
{
	const char *text = forecast_cache_get(&answer->key, answer->ttl);

	if (text == NULL)
		return;
	keep_text(answer, text);
	answer->done = true;
}

/*
 * The statement's answer about that ARN, as asked by that user: given already,
 * or yet to be asked for by forecast_answer_start().  To be read once, with
 * forecast_answer_json().  ttl: how old it may be, in seconds.  keep: false if it
 * is hardly of use to anybody else, and may be forgotten once it was read.  user
 * must live as long as the statement.
 */
ForecastAnswer *
forecast_answer(ForecastAnswers *answers, UserMapping *user,
				const ForecastResource *resource, const char *arn, double ttl, bool keep)
{
	ForecastAnswerKey key = {.umid = user->umid,
							 .userid = user->userid,
							 .resource = resource,
							 .arn = arn};
	ForecastAnswer *answer = hash_search(answers->entries, &key, HASH_FIND, NULL);

	if (answer == NULL)
	{
		/* Copied first: an entry must never be half filled in. */
		key.arn = MemoryContextStrdup(answers->context, arn);
		answer = hash_search(answers->entries, &key, HASH_ENTER, NULL);
		memset((char *) answer + sizeof(key), 0, sizeof(ForecastAnswer) - sizeof(key));
		answer->answers = answers;
		answer->user = user;
		answer->ttl = ttl;
		take_from_cache(answer);
	}
	answer->keep = answer->keep || keep;
	answer->awaiting++;
	return answer;
}

/* Starts the call, in a context of its own. */
static void
start_call(ForecastAnswer *answer, AwsClient *client)
{
	MemoryContext caller;
	StringInfoData input;

	answer->call_context = AllocSetContextCreate(answer->answers->context,
												 "forecast_fdw call",
												 ALLOCSET_DEFAULT_SIZES);
	caller = MemoryContextSwitchTo(answer->call_context);
	initStringInfo(&input);
	appendStringInfo(&input, "{\"%s\":", answer->key.resource->arn_member);
	escape_json(&input, answer->key.arn);
	appendStringInfoChar(&input, '}');
	answer->epoch = forecast_cache_epoch();
	answer->asked = GetCurrentTimestamp();
	answer->call = aws_call_start(client, answer->key.resource->describe, input.data);
	MemoryContextSwitchTo(caller);
}

/*
 * Asks, unless that was done before.  False if too many calls are under way; then
 * wait for one of them and try again.
 */
bool
forecast_answer_start(ForecastAnswer *answer, ForecastCounters *counters)
{
	AwsClient *client;

	if (answer->call || answer->done)
		return true;
	client = forecast_get_client(answer->user);
	if (!aws_client_has_room(client))
		return false;
	start_call(answer, client);
	counters->calls++;
	answer->asker = counters;
	return true;
}

/* The call is done: keeps what is needed of it. */
static void
read_call(ForecastAnswer *answer, ForecastCounters *counters)
{
	MemoryContext caller = MemoryContextSwitchTo(answer->call_context);

	answer->fresh = aws_call_answer(answer->call);
	MemoryContextSwitchTo(caller);
	forecast_count_answer(counters, answer->fresh);
	if (answer->fresh->json && answer->ttl > 0)
		forecast_cache_put(&answer->key, answer->epoch, answer->asked,
						   answer->fresh->text, answer->fresh->json);
	if (answer->fresh->error && means_no_such_resource(answer->fresh->error))
	{
		answer->fresh = NULL;
		MemoryContextDelete(answer->call_context);
		answer->call_context = NULL;
	}
	answer->call = NULL;
	answer->done = true;
}

/*
 * Has the answer come, so that forecast_answer_json() can be called?  Does not
 * wait.
 */
bool
forecast_answer_ready(ForecastAnswer *answer, ForecastCounters *counters)
{
	if (!answer->done && answer->call && aws_call_is_done(answer->call))
		read_call(answer, counters);
	return answer->done;
}

/*
 * Is it of use to look after the answer now: to take it, or to ask for it?
 */
bool
forecast_answer_can_advance(const ForecastAnswer *answer)
{
	if (answer->done)
		return true;
	return answer->call ? aws_call_is_done(answer->call) :
						  aws_client_has_room(forecast_get_client(answer->user));
}

/*
 * The client to wait for until the answer is ready.
 */
AwsClient *
forecast_answer_client(const ForecastAnswer *answer)
{
	return answer->call ? aws_call_client(answer->call) :
						  forecast_get_client(answer->user);
}

/*
 * The ARN that was asked about.
 */
const char *
forecast_answer_arn(const ForecastAnswer *answer)
{
	return answer->key.arn;
}

/* An answer must be about what was asked, or the row would vanish silently. */
static void
check_answer(const ForecastAnswer *answer, const cJSON *json)
{
	const char *arn = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(json, answer->key.resource->arn_member));

	if (arn == NULL ||
		strcmp(pg_any_to_server(arn, strlen(arn), PG_UTF8), answer->key.arn) != 0)
		ereport(ERROR, (errcode(ERRCODE_PROTOCOL_VIOLATION),
						errmsg("answer to %s is not about the ARN that was asked for",
							   answer->key.resource->describe)));
}

/*
 * Will somebody need the answer again?  One that is only read once, as those about
 * all that a list has, is kept as long as there is memory for it.
 */
static bool
is_worth_keeping(const ForecastAnswer *answer)
{
	return answer->keep || answer->awaiting > 0 ||
		   answer->answers->kept < get_hash_memory_limit();
}

/* Counts a key as asked by the scan that reads it first if it did so, else shared. */
static void
count_key(ForecastAnswer *answer, ForecastCounters *counters)
{
	if (answer->asker == counters)
		counters->keys_asked++;
	else
		counters->keys_shared++;
	answer->asker = NULL;
	counters->keys_missing += answer->fresh == NULL && answer->text == NULL;
}

/* Forgets the answer, which nobody awaits. */
static void
forget_answer(ForecastAnswer *answer)
{
	const char *arn = answer->key.arn;

	hash_search(answer->answers->entries, &answer->key, HASH_REMOVE, NULL);
	pfree((char *) arn);
}

/*
 * Reads an answer that is ready: NULL if there is no such resource.  The tree is
 * freed with the current memory context.  Throws what the service said otherwise.
 * The answer must not be used any longer.
 */
const cJSON *
forecast_answer_json(ForecastAnswer *answer, ForecastCounters *counters)
{
	const cJSON *json = NULL;

	if (answer->fresh && answer->fresh->error)
		aws_error_report(answer->fresh->error);
	answer->awaiting--;
	count_key(answer, counters);
	if (answer->fresh)
	{
		/* The first to need it gets the tree that the call has left. */
		json = answer->fresh->json;
		check_answer(answer, json);
		if (is_worth_keeping(answer))
			keep_text(answer, answer->fresh->text);
		MemoryContextSetParent(answer->call_context, CurrentMemoryContext);
		answer->fresh = NULL;
		answer->call_context = NULL;
		if (answer->text == NULL)
			forget_answer(answer);
	}
	else if (answer->text)
	{
		json = aws_json_parse(answer->text, strlen(answer->text));
		check_answer(answer, json);
	}
	return json;
}
