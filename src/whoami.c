/*
 * whoami.c
 *		As whom, and where, calls of the current user to a server would be made: for
 *		the hour when it does not work.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_foreign_server.h"
#include "foreign/fdwapi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "connection.h"
#include "option.h"
#include "scan.h"

PG_FUNCTION_INFO_V1(forecast_fdw_whoami);

/* The columns of the result. */
enum
{
	SERVER_NAME,
	USER_NAME,
	PROVIDER,
	ACCESS_KEY_ID,
	EXPIRATION,
	REGION,
	ENDPOINT_URL,
	PROBLEM,
	PROVIDERS,
	NCOLUMNS
};

/* How much of a key id is shown at its end, as `aws configure list` does. */
#define MASK          "****************"
#define SHOWN_KEY_LEN 4

typedef struct Whoami
{
	UserMapping *user;
	AwsClient *client; /* NULL: none could be made */
	Datum values[NCOLUMNS];
	bool nulls[NCOLUMNS];
} Whoami;

static void
set_value(Whoami *whoami, int column, Datum value)
{
	whoami->values[column] = value;
	whoami->nulls[column] = false;
}

static void
set_text(Whoami *whoami, int column, const char *value)
{
	set_value(whoami, column, CStringGetTextDatum(value));
}

static char *
masked(const char *key_id)
{
	size_t len = strlen(key_id);

	return psprintf("%s%s", MASK,
					key_id + (len > SHOWN_KEY_LEN ? len - SHOWN_KEY_LEN : len));
}

/* What the providers say that had nothing to give, as jsonb. */
static Datum
refusals_jsonb(List *refusals)
{
	StringInfoData json;
	ListCell *cell;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	foreach(cell, refusals)
	{
		const AwsProviderRefusal *refusal = lfirst(cell);

		appendStringInfoString(&json,
							   json.len > 1 ? ", {\"provider\": " : "{\"provider\": ");
		escape_json(&json, refusal->provider);
		appendStringInfoString(&json, ", \"reason\": ");
		escape_json(&json, refusal->reason);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* Finds out; throws where a call would. */
static void
ask(Whoami *whoami)
{
	AwsClient *client = forecast_get_client(whoami->user);
	AwsIdentity *identity = aws_client_identity(client);
	const AwsCredentials *credentials;

	aws_client_hold(client);
	whoami->client = client;
	set_text(whoami, REGION, aws_client_region(client));
	set_text(whoami, ENDPOINT_URL, aws_client_endpoint_url(client));
	credentials = aws_identity_credentials(identity);
	set_text(whoami, PROVIDER, aws_identity_provider(identity));
	set_text(whoami, ACCESS_KEY_ID, masked(credentials->access_key_id));
	if (credentials->expiration != 0)
		set_value(whoami, EXPIRATION, TimestampTzGetDatum(credentials->expiration));
}

/* Throws the error again if it asks the session to stop. */
static void
heed_interrupt(ErrorData *error)
{
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
}

/* Likewise, but what is thrown becomes the result's problem. */
static void
ask_for_problem(Whoami *whoami)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		ask(whoami);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		heed_interrupt(error);
		set_text(whoami, PROBLEM,
				 error->detail ? psprintf("%s: %s", error->message, error->detail) :
								 error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
}

/* The server of that name, which must be one of ours that the user may use. */
static ForeignServer *
find_server(const char *name)
{
	ForeignServer *server = GetForeignServerByName(name, false);

	if (forecast_server_aclcheck(server->serverid, GetUserId()) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_SERVER, name);
	if (GetFdwRoutineByServerId(server->serverid)->IterateForeignScan !=
		forecastIterateForeignScan)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("server \"%s\" is not of forecast_fdw", name)));
	return server;
}

static bool
may_use_server_identity(const UserMapping *user)
{
	UserMapping *mapping = GetUserMapping(user->userid, user->serverid);
	bool may = forecast_may_use_server_identity(mapping);

	forecast_wipe_options(mapping->options);
	return may;
}

/*
 * forecast_fdw_whoami(server name) returns a row: the provider of the current
 * user's credentials there, what they are and what is wrong with them, and for those
 * who may use the server's own, why the other providers did not serve.
 */
Datum
forecast_fdw_whoami(PG_FUNCTION_ARGS)
{
	ForeignServer *server = find_server(NameStr(*PG_GETARG_NAME(0)));
	UserMapping *user = forecast_get_user_mapping(GetUserId(), server->serverid);
	Whoami whoami = {.user = user};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	memset(whoami.nulls, true, sizeof(whoami.nulls));
	set_value(&whoami, SERVER_NAME,
			  DirectFunctionCall1(namein, CStringGetDatum(server->servername)));
	set_value(&whoami, USER_NAME,
			  DirectFunctionCall1(namein, CStringGetDatum(
											  GetUserNameFromId(GetUserId(), false))));
	ask_for_problem(&whoami);
	if (whoami.client && may_use_server_identity(user))
		set_value(&whoami, PROVIDERS,
				  refusals_jsonb(
					  aws_identity_refusals(aws_client_identity(whoami.client))));
	PG_RETURN_DATUM(HeapTupleGetDatum(
		heap_form_tuple(BlessTupleDesc(desc), whoami.values, whoami.nulls)));
}
