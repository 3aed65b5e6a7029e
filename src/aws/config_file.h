/*
 * config_file.h
 *		Profiles: what AWS's shared configuration and credentials files say.
 */
#ifndef AWS_CONFIG_FILE_H
#define AWS_CONFIG_FILE_H

#include "aws/ini_file.h"

/* Both files, and which of the profiles in them counts. */
typedef struct AwsConfigFiles
{
	AwsIniFile *config;
	AwsIniFile *credentials;
	const char *profile; /* its name, in UTF-8 */
} AwsConfigFiles;

/* What the files have of one profile. */
typedef struct AwsProfile AwsProfile;

extern const char *aws_config_variable(const char *name);
extern AwsConfigFiles *aws_config_files_read(const char *profile);
extern const AwsProfile *
aws_config_files_profile(const AwsConfigFiles *files, const char *name);

extern const AwsProfile *aws_profile_load(const char *name);
extern const char *aws_profile_value(const AwsProfile *profile, const char *key);
extern const char *aws_profile_service_value(const AwsProfile *profile,
											 const char *service, const char *key);
extern const char *
aws_profile_credentials_value(const AwsProfile *profile, const char *key);
extern const char *aws_profile_config_value(const AwsProfile *profile, const char *key);
extern const char *aws_config_endpoint_url(const AwsProfile *profile, const char *service,
										   const char **source);

#endif /* AWS_CONFIG_FILE_H */
