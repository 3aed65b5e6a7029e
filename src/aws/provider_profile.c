/*
 * provider_profile.c
 *		Credentials that a profile of AWS's shared files has, or the role that it
 *		says to assume.
 */
#include "postgres.h"

#include "aws/printable.h"
#include "aws/provider.h"
#include "aws/sts.h"
#include "compat.h"

/* Whose credentials may assume a role: those of another profile, or of a source. */
typedef struct RoleProfile
{
	const char *name;
	const AwsProfile *profile;
	const char *source_profile;
	const char *credential_source;
	const char *mfa_serial;
} RoleProfile;

pg_noreturn static void
invalid_profile(const char *message, const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					errmsg("profile \"%s\" of the AWS configuration cannot be used",
						   aws_printable(name)),
					errdetail("%s", message)));
}

/* ---- keys ---- */

typedef const char *(*ProfileReader)(const AwsProfile *profile, const char *key);

/* Keys as one of the files has them. */
static bool
read_keys(AwsChain *chain, const char *provider, const AwsIniFile *file,
		  ProfileReader value, AwsCredentials *credentials)
{
	const char *id = value(chain->profile, "aws_access_key_id");
	const char *secret = value(chain->profile, "aws_secret_access_key");
	const char *token = value(chain->profile, "aws_security_token");

	if (file->problem)
		return aws_refuse(chain, provider, "%s", file->problem);
	if (id == NULL)
		return aws_refuse(chain, provider,
						  "Profile \"%s\" in \"%s\" has no aws_access_key_id.",
						  aws_printable(chain->profile_name), aws_printable(file->path));
	if (secret == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("partial credentials found in %s, missing: "
							   "aws_secret_access_key",
							   provider),
						errdetail("Profile \"%s\" in \"%s\" has aws_access_key_id only.",
								  aws_printable(chain->profile_name),
								  aws_printable(file->path))));
	if (token == NULL)
		token = value(chain->profile, "aws_session_token");
	credentials->access_key_id = unconstify(char *, id);
	credentials->secret_access_key = unconstify(char *, secret);
	credentials->session_token = token && *token ? unconstify(char *, token) : NULL;
	return true;
}

/*
 * The profile's keys in the credentials file.  Throws if there is only the id.
 */
bool
aws_provider_credentials_file(AwsChain *chain, AwsCredentials *credentials)
{
	return read_keys(chain, AWS_PROVIDER_CREDENTIALS_FILE, chain->files->credentials,
					 aws_profile_credentials_value, credentials);
}

/*
 * The profile's keys in the configuration file.  Likewise.
 */
bool
aws_provider_config_file(AwsChain *chain, AwsCredentials *credentials)
{
	return read_keys(chain, AWS_PROVIDER_CONFIG_FILE, chain->files->config,
					 aws_profile_config_value, credentials);
}

/*
 * Single sign-on needs somebody to sign on.  A profile that is set up for it has no
 * other credentials: to go on to what the machine has would be to act as somebody else.
 */
bool
aws_provider_sso(AwsChain *chain, AwsCredentials *credentials pg_attribute_unused())
{
	if (aws_profile_value(chain->profile, "sso_account_id") ||
		aws_profile_value(chain->profile, "sso_role_name"))
		invalid_profile("It is set up for IAM Identity Center: there is nobody who could "
						"sign in.",
						chain->profile_name);
	return false;
}

/* ---- roles ---- */

static bool
has_keys(const AwsProfile *profile)
{
	return aws_profile_value(profile, "aws_access_key_id") ||
		   aws_profile_value(profile, "aws_secret_access_key");
}

/* A role to be assumed with credentials, not with a token. */
static bool
has_role(const AwsProfile *profile)
{
	return aws_profile_value(profile, "role_arn") &&
		   !aws_profile_value(profile, "web_identity_token_file");
}

static bool
is_member(const List *names, const char *name)
{
	ListCell *cell;

	foreach(cell, names)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	return false;
}

/* Throws unless the profile's source is one that can be used. */
static void
check_source_profile(const AwsChain *chain, const RoleProfile *role, const List *visited)
{
	const char *name = role->source_profile;
	const AwsProfile *source = aws_config_files_profile(chain->files, name);

	if (source == NULL)
		invalid_profile(psprintf("Its source_profile \"%s\" does not exist.",
								 aws_printable(name)),
						role->name);
	if (!is_member(visited, name))
		return;
	/* It may name itself, for its own keys. */
	if (strcmp(name, role->name) != 0 || !has_keys(source))
		invalid_profile(psprintf("Its source_profile \"%s\" leads back to it: an "
								 "infinite loop.",
								 aws_printable(name)),
						role->name);
}

/* Reads what a profile says of its role; throws if that makes no sense. */
static RoleProfile
read_role(const AwsChain *chain, const char *name, const List *visited)
{
	const AwsProfile *profile = aws_config_files_profile(chain->files, name);
	RoleProfile role = {.name = name,
						.profile = profile,
						.source_profile = aws_profile_value(profile, "source_profile"),
						.credential_source = aws_profile_value(profile,
															   "credential_source"),
						.mfa_serial = aws_profile_value(profile, "mfa_serial")};

	if (role.source_profile && role.credential_source)
		invalid_profile("It has both source_profile and credential_source.", name);
	if (!role.source_profile && !role.credential_source)
		invalid_profile("It has a role_arn, but neither source_profile nor "
						"credential_source.",
						name);
	if (role.mfa_serial)
		invalid_profile("It has an mfa_serial: there is nobody who could be asked for "
						"the code.",
						name);
	if (role.source_profile)
		check_source_profile(chain, &role, visited);
	return role;
}

/* As botocore: what is no number is as good as nothing. */
static int
duration_seconds(const AwsProfile *profile)
{
	const char *value = aws_profile_value(profile, "duration_seconds");
	char *end;
	long seconds = value ? strtol(value, &end, 10) : 0;

	return value && *end == '\0' && seconds > 0 && seconds <= PG_INT32_MAX ? seconds : 0;
}

/* Credentials of the environment, of a container or of an instance. */
static void
find_named_source(AwsChain *chain, const RoleProfile *role, AwsCredentials *credentials)
{
	AwsChain source = *chain;
	const char *name = role->credential_source;
	bool is_known;

	source.refusals = NIL;
	if (aws_chain_run_source(&source, name, credentials, &is_known))
		return;
	if (!is_known)
		invalid_profile(psprintf("Its credential_source \"%s\" is none of Environment, "
								 "EcsContainer, Ec2InstanceMetadata.",
								 aws_printable(name)),
						role->name);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
			 errmsg("no credentials found in credential_source %s of profile \"%s\"",
					name, aws_printable(role->name)),
			 errdetail("%s", aws_chain_refusals_text(&source))));
}

/* Credentials that the role of that profile can be assumed with. */
static void
find_source(AwsChain *chain, const RoleProfile *role, AwsCredentials *credentials)
{
	AwsChain source = *chain;

	if (role->credential_source)
	{
		find_named_source(chain, role, credentials);
		return;
	}
	source.refusals = NIL;
	if (!aws_chain_run_for_profile(&source, role->source_profile, credentials))
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("the source profile \"%s\" must have credentials",
							   aws_printable(role->source_profile)),
						errdetail("%s", aws_chain_refusals_text(&source))));
}

/*
 * Assumes the role of the profile.  Where the profile with the credentials for that
 * has a role itself, that one is assumed first, and so on.
 */
bool
aws_provider_assume_role(AwsChain *chain, AwsCredentials *credentials)
{
	const char *name = chain->profile_name;
	List *visited = list_make1(unconstify(char *, name));
	List *roles = NIL; /* the one to assume first at its head */
	RoleProfile *role;
	ListCell *cell;

	if (!has_role(chain->profile))
		return aws_refuse(chain, AWS_PROVIDER_ASSUME_ROLE,
						  "Profile \"%s\" has no role_arn%s.", aws_printable(name),
						  aws_profile_value(chain->profile, "role_arn") ?
							  " to assume with credentials" :
							  "");
	do
	{
		role = palloc(sizeof(RoleProfile));
		*role = read_role(chain, name, visited);
		roles = lcons(role, roles);
		name = role->source_profile;
		if (name)
			visited = lappend(visited, unconstify(char *, name));
	} while (name && !has_keys(aws_config_files_profile(chain->files, name)) &&
			 has_role(aws_config_files_profile(chain->files, name)));

	find_source(chain, role, credentials);
	foreach(cell, roles)
	{
		const AwsProfile *profile = ((RoleProfile *) lfirst(cell))->profile;
		AwsCredentials source = *credentials;
		AwsStsRole target = {.arn = aws_profile_value(profile, "role_arn"),
							 .session_name = aws_profile_value(profile,
															   "role_session_name"),
							 .external_id = aws_profile_value(profile, "external_id"),
							 .duration_seconds = duration_seconds(profile)};

		aws_sts_assume_role(chain, &target, &source, credentials);
	}
	return true;
}
