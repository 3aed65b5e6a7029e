/*
 * connection.c
 *		The clients of this backend: one for each user mapping in use, with its
 *		connections, for as long as neither the mapping nor the server changes.
 */
#include "postgres.h"

#include "catalog/pg_user_mapping.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "connection.h"
#include "option.h"

typedef struct ClientEntry
{
	Oid umid;           /* hash key: the user mapping */
	AwsClient *client;  /* NULL if none, or no longer */
	bool outdated;      /* options have changed since it was made */
	uint32 server_hash; /* syscache hash values to watch */
	uint32 mapping_hash;
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
 * Syscache callback: a server or a user mapping changed.  hash 0 is all.  The
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
													   entry->mapping_hash;

		if (hash != 0 && hash != watched)
			continue;
		entry->outdated = true;
		drop_client(entry);
	}
}

static void
initialize_entries(void)
{
	HASHCTL ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(ClientEntry)};

	client_entries = hash_create("forecast_fdw clients", 8, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, invalidate_clients, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, invalidate_clients, (Datum) 0);
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
	AwsClient *client;

	user = GetUserMapping(user->userid, user->serverid);
	forecast_client_config(&config, GetForeignServer(user->serverid), user);
	client = aws_client_create(&forecast_service, &config);
	forecast_wipe_options(user->options);
	return client;
}

/*
 * The client for a user mapping.  Do not keep it: the next call may replace it.
 * Throws if the options do not suffice for one.
 */
AwsClient *
forecast_get_client(UserMapping *user)
{
	ClientEntry *entry;
	bool found;

	if (client_entries == NULL)
		initialize_entries();

	entry = hash_search(client_entries, &user->umid, HASH_ENTER, &found);
	if (!found)
		memset((char *) entry + sizeof(Oid), 0, sizeof(ClientEntry) - sizeof(Oid));
	if (entry->outdated)
		drop_client(entry);
	if (entry->client == NULL)
	{
		entry->server_hash = GetSysCacheHashValue1(FOREIGNSERVEROID,
												   ObjectIdGetDatum(user->serverid));
		entry->mapping_hash = GetSysCacheHashValue1(USERMAPPINGOID,
													ObjectIdGetDatum(user->umid));
		entry->outdated = false;
		entry->client = make_client(user);
	}
	return entry->client;
}
