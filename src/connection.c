/*
 * connection.c
 *		The clients of this backend: one for each user mapping and user, with its
 *		connections, for as long as neither the mapping nor the server changes.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_user_mapping.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "connection.h"
#include "option.h"
#include "stats.h"

PG_FUNCTION_INFO_V1(forecast_fdw_connections);

/* A mapping of PUBLIC is not the same for all: a superuser may do more with it. */
typedef struct ClientKey
{
	Oid umid;
	Oid userid;
} ClientKey;

typedef struct ClientEntry
{
	ClientKey key;
	Oid serverid;
	AwsClient *client;  /* NULL if none, or no longer */
	bool outdated;      /* options have changed since it was made */
	uint32 server_hash; /* syscache hash values to watch */
	uint32 mapping_hash;
	uint32 user_hash;
} ClientEntry;

static HTAB *client_entries = NULL;

static void
drop_client(ClientEntry *entry)
{
	if (entry->client)
		aws_client_release(entry->client);
	entry->client = NULL;
}

/*
 * Syscache callback: a server, a user mapping or a role changed.  hash 0 is all.  The
 * mark stays for a client that is just being made from what was read before.
 */
static void
invalidate_clients(Datum arg pg_attribute_unused(), int cacheid, uint32 hash)
{
	HASH_SEQ_STATUS scan;
	ClientEntry *entry;

	hash_seq_init(&scan, client_entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
	{
		uint32 watched = cacheid == FOREIGNSERVEROID ? entry->server_hash :
						 cacheid == USERMAPPINGOID   ? entry->mapping_hash :
													   entry->user_hash;

		if (hash != 0 && hash != watched)
			continue;
		entry->outdated = true;
		drop_client(entry);
	}
}

static void
initialize_entries(void)
{
	HASHCTL ctl = {.keysize = sizeof(ClientKey), .entrysize = sizeof(ClientEntry)};

	client_entries = hash_create("forecast_fdw clients", 8, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate_clients, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, invalidate_clients, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, invalidate_clients, (Datum) 0);
}

static Oid
find_user_mapping(Oid userid, Oid serverid)
{
	return GetSysCacheOid2(USERMAPPINGUSERSERVER, Anum_pg_user_mapping_oid,
						   ObjectIdGetDatum(userid), ObjectIdGetDatum(serverid));
}

/*
 * The mapping of that user, or else of PUBLIC, palloc'd, without its options: they
 * hold secrets, and are read when a client is made.  Throws if there is none.
 */
UserMapping *
forecast_get_user_mapping(Oid userid, Oid serverid)
{
	UserMapping *user;
	Oid umid = find_user_mapping(userid, serverid);

	if (!OidIsValid(umid))
		umid = find_user_mapping(InvalidOid, serverid);
	if (!OidIsValid(umid))
		return GetUserMapping(userid, serverid); /* has the words for it */

	user = palloc0(sizeof(UserMapping));
	user->umid = umid;
	user->userid = userid;
	user->serverid = serverid;
	return user;
}

/* Makes a client from the catalogs as they are now. */
static AwsClient *
make_client(UserMapping *user)
{
	AwsClientConfig config;
	AwsClient *volatile client = NULL;

	user = GetUserMapping(user->userid, user->serverid);
	PG_TRY();
	{
		forecast_client_config(&config, GetForeignServer(user->serverid), user);
		config.observe = forecast_stats_note;
		config.observe_arg = (void *) (uintptr_t) user->serverid;
		client = aws_client_create(&forecast_service, &config);
	}
	PG_FINALLY();
	{
		forecast_wipe_options(user->options);
	}
	PG_END_TRY();
	return client;
}

/*
 * The client for a user mapping.  Do not keep it: the next call may replace it.
 * Throws if the options do not suffice for one.
 */
AwsClient *
forecast_get_client(UserMapping *user)
{
	ClientKey key = {.umid = user->umid, .userid = user->userid};
	ClientEntry *entry;
	bool found;

	if (client_entries == NULL)
		initialize_entries();

	entry = hash_search(client_entries, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) entry + sizeof(key), 0, sizeof(ClientEntry) - sizeof(key));
	if (entry->outdated || (entry->client && aws_client_is_broken(entry->client)))
		drop_client(entry);
	if (entry->client == NULL)
	{
		entry->server_hash = GetSysCacheHashValue1(FOREIGNSERVEROID,
												   ObjectIdGetDatum(user->serverid));
		entry->mapping_hash = GetSysCacheHashValue1(USERMAPPINGOID,
													ObjectIdGetDatum(user->umid));
		entry->user_hash = GetSysCacheHashValue1(AUTHOID, ObjectIdGetDatum(user->userid));
		entry->outdated = false;
		entry->serverid = user->serverid;
		entry->client = make_client(user);
	}
	return entry->client;
}

/* ---- showing them ---- */

/* May the current user see what is connected as that one? */
static bool
may_see(Oid userid)
{
	return has_privs_of_role(GetUserId(), userid) ||
		   has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
}

static void
put_connections(ReturnSetInfo *result, const ClientEntry *entry)
{
	/* First: to look names up may find that the client is outdated. */
	List *connections = aws_client_connections(entry->client);
	char *url = pstrdup(aws_client_endpoint_url(entry->client));
	ForeignServer *server = GetForeignServerExtended(entry->serverid, FSV_MISSING_OK);
	char *user = GetUserNameFromId(entry->key.userid, true);
	ListCell *cell;

	if (server == NULL || user == NULL || !may_see(entry->key.userid))
		return;
	foreach(cell, connections)
	{
		const AwsConnection *connection = lfirst(cell);
		Datum values[] = {
			DirectFunctionCall1(namein, CStringGetDatum(server->servername)),
			DirectFunctionCall1(namein, CStringGetDatum(user)),
			CStringGetTextDatum(url),
			CStringGetTextDatum(connection->address),
			CStringGetTextDatum(connection->active ? "active" : "idle"),
			TimestampTzGetDatum(connection->opened),
		};
		bool nulls[lengthof(values)] = {0};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

/*
 * forecast_fdw_connections() returns setof record: the open connections of this
 * session, as far as they are the current user's or may be seen.
 */
Datum
forecast_fdw_connections(PG_FUNCTION_ARGS)
{
	HASH_SEQ_STATUS scan;
	ClientEntry *entry;

	InitMaterializedSRF(fcinfo, 0);
	if (client_entries == NULL)
		PG_RETURN_NULL();
	hash_seq_init(&scan, client_entries);
	while ((entry = hash_seq_search(&scan)) != NULL)
		if (entry->client)
			put_connections((ReturnSetInfo *) fcinfo->resultinfo, entry);
	PG_RETURN_NULL();
}
