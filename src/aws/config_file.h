/* interim */
#ifndef AWS_CONFIG_FILE_H
#define AWS_CONFIG_FILE_H
typedef struct AwsProfile AwsProfile;
#define aws_profile_load(x)                ((AwsProfile *) NULL)
#define aws_profile_value(p, k)            ((const char *) NULL)
#define aws_profile_service_value(p, s, k) ((const char *) NULL)
#endif
