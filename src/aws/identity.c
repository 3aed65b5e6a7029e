/* interim */
#include "postgres.h"
#include "aws/identity.h"
struct AwsIdentity
{
	AwsCredentials keys;
	const char *provider;
};
AwsIdentity *
aws_identity_create(const AwsIdentityConfig *config)
{
	AwsIdentity *i = palloc0(sizeof(*i));
	if (config->keys.access_key_id)
		aws_credentials_copy(&i->keys, &config->keys);
	return i;
}
const AwsCredentials *
aws_identity_credentials(AwsIdentity *i)
{
	if (!i->keys.access_key_id)
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("no AWS credentials found")));
	return &i->keys;
}
const char *
aws_identity_provider(const AwsIdentity *i pg_attribute_unused())
{
	return "user-mapping";
}
List *
aws_identity_refusals(const AwsIdentity *i pg_attribute_unused())
{
	return NIL;
}
