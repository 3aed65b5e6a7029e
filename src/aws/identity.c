/*
 * identity.c
 *		Who requests are signed as: credentials that are kept, and renewed in time.
 *
 * A search (chain.c) happens in a memory context that is gone when it is over, with
 * everything that it opened, started and read.  What it found is copied, and takes
 * the place of what was there before in one step: a cancelled query leaves the
 * identity as it was.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "aws/provider.h"
#include "aws/secret.h"
#include "aws/sts.h"
#include "compat.h"

/*
 * Before credentials expire, in seconds: when others are looked for, and when they
 * must be found.
 */
#define ADVISORY_REFRESH  (15 * SECS_PER_MINUTE)
#define MANDATORY_REFRESH (10 * SECS_PER_MINUTE)

/*
 * Credentials that are still valid are kept for so many seconds after a search:
 * some are never valid for as long as the above, and who failed to give any fails
 * again.
 */
#define PAUSE_AFTER_SUCCESS 5
#define PAUSE_AFTER_FAILURE SECS_PER_MINUTE

/* What a search came to. */
typedef struct Finding
{
	MemoryContext context; /* holds this struct and what it points to */
	MemoryContextCallback cleanup;
	AwsCredentials credentials; /* access_key_id NULL: none */
	const char *provider;       /* NULL: none */
	List *refusals;             /* AwsProviderRefusals */
} Finding;

struct AwsIdentity
{
	MemoryContext context; /* holds this struct and what it points to */
	AwsIdentityConfig config;
	Finding *finding;       /* the last; NULL: not yet */
	bool distrusted;        /* does AWS not accept what was found? */
	TimestampTz keep_until; /* no search before, as long as credentials are valid */
};

/* Memory context callbacks. */
static void
wipe_finding(void *arg)
{
	aws_credentials_wipe(&((Finding *) arg)->credentials);
}

static void
wipe_identity(void *arg)
{
	aws_credentials_wipe(&((AwsIdentity *) arg)->config.keys);
}

static char *
copy_string(const char *string)
{
	return string ? pstrdup(string) : NULL;
}

/*
 * Makes an identity, in the current memory context: it lives as long, and its
 * secrets are wiped with it.  config is copied.  Nothing is looked for yet.
 */
AwsIdentity *
aws_identity_create(const AwsIdentityConfig *config)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "forecast_fdw identity",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	AwsIdentity *identity = palloc0(sizeof(AwsIdentity));
	MemoryContextCallback *cleanup = palloc(sizeof(MemoryContextCallback));
	AwsIdentityConfig *copy = &identity->config;

	identity->context = context;
	*copy = *config;
	memset(&copy->keys, 0, sizeof(copy->keys));
	cleanup->func = wipe_identity;
	cleanup->arg = identity;
	MemoryContextRegisterResetCallback(context, cleanup);

	if (config->keys.access_key_id)
		aws_credentials_copy(&copy->keys, &config->keys);
	copy->profile = copy_string(config->profile);
	copy->role_arn = copy_string(config->role_arn);
	copy->role_session_name = copy_string(config->role_session_name);
	copy->external_id = copy_string(config->external_id);
	copy->region = copy_string(config->region);
	copy->sts_endpoint_url = copy_string(config->sts_endpoint_url);
	copy->user_agent = copy_string(config->user_agent);
	copy->ca_bundle = copy_string(config->ca_bundle);
	copy->proxy = copy_string(config->proxy);
	MemoryContextSwitchTo(caller);
	return identity;
}

/* ---- what was found ---- */

static List *
copy_refusals(const List *refusals)
{
	List *copies = NIL;
	ListCell *cell;

	foreach(cell, refusals)
	{
		const AwsProviderRefusal *refusal = lfirst(cell);
		AwsProviderRefusal *copy = palloc(sizeof(AwsProviderRefusal));

		copy->provider = refusal->provider; /* a constant */
		copy->reason = pstrdup(refusal->reason);
		copies = lappend(copies, copy);
	}
	return copies;
}

/* Puts a copy of the finding in the place of the one before. */
static void
keep(AwsIdentity *identity, const Finding *finding)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "forecast_fdw identity found",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Finding *copy = palloc0(sizeof(Finding));
	Finding *before = identity->finding;

	copy->context = context;
	copy->cleanup.func = wipe_finding;
	copy->cleanup.arg = copy;
	MemoryContextRegisterResetCallback(context, &copy->cleanup);
	if (finding->provider)
		aws_credentials_copy(&copy->credentials, &finding->credentials);
	copy->provider = finding->provider;
	copy->refusals = copy_refusals(finding->refusals);
	MemoryContextSwitchTo(caller);

	/* Nothing throws from here on. */
	MemoryContextSetParent(context, identity->context);
	identity->finding = copy;
	if (before)
		MemoryContextDelete(before->context);
}

/* ---- looking for credentials ---- */

pg_noreturn static void
nothing_found(const AwsChain *chain)
{
	const char *reasons = aws_chain_refusals_text(chain);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("no AWS credentials found"), errdetail("%s", reasons),
			 errhint("Set aws_access_key_id and aws_secret_access_key with ALTER USER "
					 "MAPPING%s.",
					 chain->files ? ", or set up one of these for the database server" :
									"")));
}

/* Assumes the role that the user asks for with what was found. */
static void
assume_role(const AwsChain *chain, Finding *finding)
{
	const AwsIdentityConfig *config = chain->config;
	AwsStsRole role = {.arn = config->role_arn,
					   .session_name = config->role_session_name,
					   .external_id = config->external_id};
	AwsCredentials source = finding->credentials;

	aws_sts_assume_role(chain, &role, &source, &finding->credentials);
	finding->provider = AWS_PROVIDER_ASSUME_ROLE;
}

/* Looks for credentials, in the current memory context, and keeps them. */
static void
search(AwsIdentity *identity)
{
	const AwsIdentityConfig *config = &identity->config;
	Finding finding = {0};
	AwsChain *chain;

	if (config->keys.access_key_id)
	{
		finding.provider = AWS_PROVIDER_USER_MAPPING;
		finding.credentials = config->keys;
	}
	/* Files may be malformed: they are only read where they matter. */
	if (finding.provider && config->role_arn == NULL)
	{
		keep(identity, &finding);
		return;
	}

	chain = aws_chain_create(config);
	if (finding.provider == NULL)
	{
		(void) aws_refuse(chain, AWS_PROVIDER_USER_MAPPING,
						  "It has no aws_access_key_id.");
		if (config->use_server_identity)
			finding.provider = aws_chain_run(chain, &finding.credentials);
	}
	finding.refusals = chain->refusals;
	if (finding.provider == NULL)
	{
		/* Credentials that are still valid for a while are not given up for that. */
		if (identity->finding == NULL || identity->finding->provider == NULL)
			keep(identity, &finding);
		nothing_found(chain);
	}
	if (config->role_arn)
		assume_role(chain, &finding);
	if (finding.credentials.expiration != 0 &&
		finding.credentials.expiration <= GetCurrentTimestamp())
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("AWS credentials have expired"),
						errdetail("Those that %s has to give are expired already.",
								  finding.provider)));
	keep(identity, &finding);
}

/* The same in a memory context that is gone afterwards, however it ends. */
static void
refresh(AwsIdentity *identity)
{
	/* Should the backend be terminated, the transaction takes it along. */
	MemoryContext parent = CurTransactionContext ? CurTransactionContext :
												   CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(parent, "forecast_fdw identity search",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);

	PG_TRY();
	{
		search(identity);
	}
	PG_FINALLY();
	{
		MemoryContextSwitchTo(caller);
		MemoryContextDelete(context);
	}
	PG_END_TRY();
}

/* Is the error that is being handled one of an interrupt, or nothing to survive? */
static bool
is_interrupt(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
		case ERRCODE_INTERNAL_ERROR:
			return true;
		default:
			return sqlerrcode == ERRCODE_OUT_OF_MEMORY;
	}
}

/*
 * Refreshes credentials that are still good for a while: a failure is only logged.
 * It needs no subtransaction, because a search takes no locks and changes nothing
 * that a transaction would have to undo.
 */
static void
try_refresh(AwsIdentity *identity)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		refresh(identity);
	}
	PG_CATCH();
	{
		ErrorData *error;

		if (is_interrupt(geterrcode()))
			PG_RE_THROW();
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		ereport(LOG, (errmsg("could not refresh AWS credentials in good time: %s",
							 error->message),
					  error->detail ? errdetail_internal("%s", error->detail) : 0));
		FreeErrorData(error);
		identity->keep_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
														   PAUSE_AFTER_FAILURE * 1000);
	}
	PG_END_TRY();
}

/* Are these credentials good for so many seconds more? */
static bool
lasts(const AwsCredentials *credentials, TimestampTz now, int seconds)
{
	return credentials->expiration == 0 ||
		   credentials->expiration > now + seconds * USECS_PER_SEC;
}

/*
 * Credentials that are valid.  They belong to the identity, and may be gone after
 * the next call.  Waits where they have to be looked for, 15 minutes before those
 * that it has expire; throws if there are none, and 10 minutes before.
 */
const AwsCredentials *
aws_identity_credentials(AwsIdentity *identity)
{
	TimestampTz now = GetCurrentTimestamp();
	const Finding *finding = identity->finding;
	bool found = finding && finding->provider && !identity->distrusted;

	if (found && lasts(&finding->credentials, now, ADVISORY_REFRESH))
		return &finding->credentials;
	if (found && now < identity->keep_until && lasts(&finding->credentials, now, 0))
		return &finding->credentials;

	identity->keep_until = 0;
	if (found && lasts(&finding->credentials, now, MANDATORY_REFRESH))
		try_refresh(identity);
	else
		refresh(identity);
	identity->distrusted = false;
	if (identity->keep_until == 0)
		identity->keep_until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
														   PAUSE_AFTER_SUCCESS * 1000);
	return &identity->finding->credentials;
}

/*
 * AWS does not accept the credentials: they are looked for anew when they are needed
 * next.  Who keeps them in a file, or prints them, may have replaced them.
 */
void
aws_identity_distrust(AwsIdentity *identity)
{
	identity->distrusted = true;
}

/*
 * Botocore's name of the provider that the credentials are from, or "user-mapping";
 * NULL while there are none.
 */
const char *
aws_identity_provider(const AwsIdentity *identity)
{
	return identity->finding ? identity->finding->provider : NULL;
}

/*
 * Why each provider that was asked before that one had none (AwsProviderRefusals);
 * they belong to the identity, and may be gone after the next call of
 * aws_identity_credentials().
 */
List *
aws_identity_refusals(const AwsIdentity *identity)
{
	return identity->finding ? identity->finding->refusals : NIL;
}
