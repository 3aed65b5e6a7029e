/*
 * identity.h
 *		Who requests are signed as: the chain of credential providers.
 */
#ifndef AWS_IDENTITY_H
#define AWS_IDENTITY_H

#include "nodes/pg_list.h"

#include "aws/credentials.h"

/* Where credentials are to come from, and how to get there. */
typedef struct AwsIdentityConfig
{
	AwsCredentials keys;           /* given by the user; access_key_id NULL: none */
	const char *profile;           /* NULL: AWS_PROFILE's, or "default" */
	const char *role_arn;          /* the role to assume with what is found; NULL: none */
	const char *role_session_name; /* NULL: one made of the time */
	const char *external_id;
	bool
		use_server_identity; /* may environment, files, processes and metadata be used? */

	/* For requests to STS: */
	const char *region;
	const char *sts_endpoint_url; /* NULL: the region's own */
	bool use_fips_endpoint;
	bool use_dualstack_endpoint;
	const char *user_agent;
	const char *ca_bundle; /* as in AwsTransportConfig */
	const char *proxy;     /* likewise */
} AwsIdentityConfig;

/* Why a provider had nothing to give. */
typedef struct AwsProviderRefusal
{
	const char *provider; /* botocore's name of it */
	const char *reason;   /* a sentence; nothing secret */
} AwsProviderRefusal;

typedef struct AwsIdentity AwsIdentity;

extern AwsIdentity *aws_identity_create(const AwsIdentityConfig *config);
extern const AwsCredentials *aws_identity_credentials(AwsIdentity *identity);
extern void aws_identity_distrust(AwsIdentity *identity);
extern const char *aws_identity_provider(const AwsIdentity *identity);
extern List *aws_identity_refusals(const AwsIdentity *identity);

#endif /* AWS_IDENTITY_H */
