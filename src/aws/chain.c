/*
 * chain.c
 *		The chain of credential providers: who is asked, in which order.
 *
 * The order is botocore's (create_credential_resolver()), which is that of the AWS
 * CLI.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "aws/provider.h"

typedef struct Provider
{
	const char *name;
	bool (*find)(AwsChain *chain, AwsCredentials *credentials);
	const char *source;  /* its name as a credential_source; NULL: it is none */
	bool is_environment; /* does it not count where a profile was asked for? */
	bool is_of_profile;  /* may it have the credentials of a source_profile? */
} Provider;

static const Provider providers[] = {
	{AWS_PROVIDER_ENVIRONMENT, aws_provider_environment, "Environment", true, false},
	{AWS_PROVIDER_ASSUME_ROLE, aws_provider_assume_role, NULL, false, false},
	{AWS_PROVIDER_WEB_IDENTITY, aws_provider_web_identity, NULL, false, true},
	{AWS_PROVIDER_SSO, aws_provider_sso, NULL, false, true},
	{AWS_PROVIDER_CREDENTIALS_FILE, aws_provider_credentials_file, NULL, false, true},
	{AWS_PROVIDER_PROCESS, aws_provider_process, NULL, false, true},
	{AWS_PROVIDER_CONFIG_FILE, aws_provider_config_file, NULL, false, true},
	{AWS_PROVIDER_CONTAINER, aws_provider_container, "EcsContainer", false, false},
	{AWS_PROVIDER_INSTANCE, aws_provider_instance, "Ec2InstanceMetadata", false, false},
};

/*
 * A search by that configuration, which must outlive it.  Reads the server's
 * configuration files if they may be used; throws if they cannot be.
 */
AwsChain *
aws_chain_create(const AwsIdentityConfig *config)
{
	AwsChain *chain = palloc0(sizeof(AwsChain));

	chain->config = config;
	chain->ignores_environment = config->profile != NULL;
	if (!config->use_server_identity)
		return chain;
	chain->files = aws_config_files_read(config->profile);
	chain->profile_name = chain->files->profile;
	chain->profile = aws_config_files_profile(chain->files, chain->profile_name);
	chain->settings = chain->profile;
	return chain;
}

/*
 * Asks one provider after the other.  Returns the name of the first that has
 * credentials, or NULL.
 */
const char *
aws_chain_run(AwsChain *chain, AwsCredentials *credentials)
{
	for (size_t i = 0; i < lengthof(providers); i++)
	{
		memset(credentials, 0, sizeof(*credentials));
		if (providers[i].is_environment && chain->ignores_environment)
			(void) aws_refuse(chain, providers[i].name,
							  "It does not count, because a profile is asked for.");
		else if (providers[i].find(chain, credentials))
			return providers[i].name;
	}
	return NULL;
}

/*
 * The same for the credentials of a source_profile.
 */
bool
aws_chain_run_for_profile(AwsChain *chain, const char *name, AwsCredentials *credentials)
{
	chain->profile_name = name;
	chain->profile = aws_config_files_profile(chain->files, name);
	chain->ignores_environment = true;
	for (size_t i = 0; i < lengthof(providers); i++)
	{
		memset(credentials, 0, sizeof(*credentials));
		if (providers[i].is_of_profile && providers[i].find(chain, credentials))
			return true;
	}
	return false;
}

/*
 * Asks the provider with that name as a credential_source.
 */
bool
aws_chain_run_source(AwsChain *chain, const char *source, AwsCredentials *credentials,
					 bool *is_known)
{
	memset(credentials, 0, sizeof(*credentials));
	for (size_t i = 0; i < lengthof(providers); i++)
	{
		*is_known = providers[i].source && strcmp(providers[i].source, source) == 0;
		if (*is_known)
			return providers[i].find(chain, credentials);
	}
	return false;
}

/*
 * Why nothing was found, a line for each provider.
 */
const char *
aws_chain_refusals_text(const AwsChain *chain)
{
	StringInfoData text;
	ListCell *cell;

	initStringInfo(&text);
	foreach(cell, chain->refusals)
	{
		const AwsProviderRefusal *refusal = lfirst(cell);

		appendStringInfo(&text, "%s%s: %s", text.len > 0 ? "\n" : "", refusal->provider,
						 refusal->reason);
	}
	return text.data;
}
