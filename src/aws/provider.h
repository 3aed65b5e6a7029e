/*
 * provider.h
 *		What the providers of credentials have in common.
 *
 * Each is a function that fills credentials in and returns true, or says why it has
 * none (aws_refuse()) and returns false, or throws: where it was meant to be used
 * but cannot be.  It runs in a memory context of its own, which is deleted when the
 * chain has found credentials or failed; whatever it holds hangs on that.
 */
#ifndef AWS_PROVIDER_H
#define AWS_PROVIDER_H

#include "aws/config_file.h"
#include "aws/identity.h"
#include "aws/json.h"

/* Botocore's names. */
#define AWS_PROVIDER_USER_MAPPING     "user-mapping"
#define AWS_PROVIDER_ENVIRONMENT      "env"
#define AWS_PROVIDER_ASSUME_ROLE      "assume-role"
#define AWS_PROVIDER_WEB_IDENTITY     "assume-role-with-web-identity"
#define AWS_PROVIDER_SSO              "sso"
#define AWS_PROVIDER_CREDENTIALS_FILE "shared-credentials-file"
#define AWS_PROVIDER_PROCESS          "custom-process"
#define AWS_PROVIDER_CONFIG_FILE      "config-file"
#define AWS_PROVIDER_CONTAINER        "container-role"
#define AWS_PROVIDER_INSTANCE         "iam-role"

/* A search for credentials under way. */
typedef struct AwsChain
{
	const AwsIdentityConfig *config;
	const AwsConfigFiles *files; /* NULL: nothing of the server's may be used */
	const AwsProfile *settings;  /* of the profile that counts; NULL: none */
	const char *profile_name;    /* of the profile that is searched, in UTF-8 */
	const AwsProfile *profile;   /* that one; NULL: there is none */
	bool ignores_environment;    /* because a profile was asked for */
	List *refusals;              /* AwsProviderRefusals */
} AwsChain;

/* chain.c */
extern AwsChain *aws_chain_create(const AwsIdentityConfig *config);
extern const char *aws_chain_run(AwsChain *chain, AwsCredentials *credentials);
extern bool
aws_chain_run_for_profile(AwsChain *chain, const char *name, AwsCredentials *credentials);
extern bool aws_chain_run_source(AwsChain *chain, const char *source,
								 AwsCredentials *credentials, bool *is_known);
extern const char *aws_chain_refusals_text(const AwsChain *chain);

/* provider.c */
extern bool aws_refuse(AwsChain *chain, const char *provider, const char *reason, ...)
	pg_attribute_printf(3, 4);
extern bool aws_parse_timestamp(const char *text, TimestampTz *timestamp);
extern cJSON *aws_json_parse_secret(const char *text, size_t len);
extern const char *
aws_json_credentials(const cJSON *json, const char *token_name, bool needs_expiration,
					 AwsCredentials *credentials);

/* A file each. */
extern bool aws_provider_environment(AwsChain *chain, AwsCredentials *credentials);
extern bool aws_provider_assume_role(AwsChain *chain, AwsCredentials *credentials);
extern bool aws_provider_web_identity(AwsChain *chain, AwsCredentials *credentials);
extern bool aws_provider_sso(AwsChain *chain, AwsCredentials *credentials);
extern bool aws_provider_credentials_file(AwsChain *chain, AwsCredentials *credentials);
extern bool aws_provider_process(AwsChain *chain, AwsCredentials *credentials);
extern bool aws_provider_config_file(AwsChain *chain, AwsCredentials *credentials);
extern bool aws_provider_container(AwsChain *chain, AwsCredentials *credentials);
extern bool aws_provider_instance(AwsChain *chain, AwsCredentials *credentials);

#endif /* AWS_PROVIDER_H */
