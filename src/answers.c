/*
 * answers.c
 *		What a statement has been told: one statement asks about one ARN once.
 *
 * Rescans, repeated keys and several scans of the same resource in a statement
 * share the answers, so that a statement neither pays twice nor sees one job in
 * two states.  Nothing outlives the statement.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/ilist.h"
#include "mb/pg_wchar.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "answers.h"
#include "aws/json.h"
#include "connection.h"

/* Longer strings, in characters, are no ARNs of the service. */
#define MAX_ARN_LENGTH 300
#define ARN_PREFIX     "arn:"

/* Nobody else's answer may be shared: the same ARN asked as somebody else. */
typedef struct AnswerKey
{
	Oid umid;
	const ForecastResource *resource;
	const char *arn;
} AnswerKey;

typedef struct AnswerEntry
{
	AnswerKey key;
	const char *text; /* JSON in UTF-8; NULL: no such resource */
} AnswerEntry;

struct ForecastAnswers
{
	EState *estate;        /* the statement */
	MemoryContext context; /* its memory */
	dlist_node node;       /* in all_answers */
	MemoryContextCallback cleanup;
	HTAB *entries;
};

/* Of all statements under way, the latest first. */
static dlist_head all_answers = DLIST_STATIC_INIT(all_answers);

static uint32
hash_key(const void *key, Size size pg_attribute_unused())
{
	const AnswerKey *k = key;

	return hash_combine(hash_combine(murmurhash32(k->umid),
									 string_hash(k->arn, MAXPGPATH)),
						murmurhash32((uint32) (uintptr_t) k->resource));
}

static int
match_keys(const void *a, const void *b, Size size pg_attribute_unused())
{
	const AnswerKey *left = a;
	const AnswerKey *right = b;

	return !(left->umid == right->umid && left->resource == right->resource &&
			 strcmp(left->arn, right->arn) == 0);
}

/* Memory context callback: the statement is over. */
static void
forget_answers(void *arg)
{
	dlist_delete(&((ForecastAnswers *) arg)->node);
}

static ForecastAnswers *
make_answers(EState *estate)
{
	MemoryContext context = estate->es_query_cxt;
	ForecastAnswers *answers = MemoryContextAllocZero(context, sizeof(ForecastAnswers));
	HASHCTL ctl = {.keysize = sizeof(AnswerKey),
				   .entrysize = sizeof(AnswerEntry),
				   .hash = hash_key,
				   .match = match_keys,
				   .hcxt = context};

	answers->estate = estate;
	answers->context = context;
	answers->entries = hash_create("forecast_fdw answers", 32, &ctl,
								   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE |
									   HASH_CONTEXT);
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
	dlist_iter iter;

	/* A recheck of a row that somebody else changed belongs to its statement. */
	while (estate->es_epq_active)
		estate = estate->es_epq_active->parentestate;

	dlist_foreach(iter, &all_answers)
	{
		ForecastAnswers *answers = dlist_container(ForecastAnswers, node, iter.cur);

		if (answers->estate == estate)
			return answers;
	}
	return make_answers(estate);
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

/*
 * Asks the service.  The answer, NULL if it knows no such resource, is
 * allocated in the current memory context.  Other errors are thrown.
 */
static const AwsAnswer *
call_describe(UserMapping *user, const ForecastResource *resource, const char *arn)
{
	StringInfoData input;
	const AwsAnswer *answer;

	initStringInfo(&input);
	appendStringInfo(&input, "{\"%s\":", resource->arn_member);
	escape_json(&input, arn);
	appendStringInfoChar(&input, '}');

	answer = aws_call_finish(
		aws_call_start(forecast_get_client(user), resource->describe, input.data));
	if (answer->error == NULL)
		return answer;
	if (!means_no_such_resource(answer->error))
		aws_error_report(answer->error);
	return NULL;
}

/*
 * Describes the resource with this ARN as that user: from an earlier answer of
 * the statement, or by a call.  Returns NULL if there is no such resource.  The
 * answer is freed with the current memory context.
 */
const cJSON *
forecast_describe(ForecastAnswers *answers, UserMapping *user,
				  const ForecastResource *resource, const char *arn)
{
	AnswerKey key = {.umid = user->umid, .resource = resource, .arn = arn};
	AnswerEntry *entry;
	const AwsAnswer *answer;
	const char *kept_arn;
	const char *kept_text;

	entry = hash_search(answers->entries, &key, HASH_FIND, NULL);
	if (entry)
		return entry->text ? aws_json_parse(entry->text, strlen(entry->text)) : NULL;

	answer = call_describe(user, resource, arn);

	/* Copied first: an entry must never be half filled in. */
	kept_arn = MemoryContextStrdup(answers->context, arn);
	kept_text = answer ? MemoryContextStrdup(answers->context, answer->text) : NULL;
	entry = hash_search(answers->entries, &key, HASH_ENTER, NULL);
	entry->key.arn = kept_arn;
	entry->text = kept_text;
	return answer ? answer->json : NULL;
}
