/*
 * ini_file.h
 *		The grammar of AWS's shared configuration files.
 */
#ifndef AWS_INI_FILE_H
#define AWS_INI_FILE_H

#include "nodes/pg_list.h"

/* "key = value", or a key with indented lines "key = value" below it. */
typedef struct AwsIniOption
{
	const char *key; /* in lower case, unless it is below another one */
	char *value;     /* NULL: there are options below it */
	List *nested;    /* AwsIniOptions */
} AwsIniOption;

typedef struct AwsIniSection
{
	const char *name;
	List *options; /* AwsIniOptions */
} AwsIniSection;

typedef struct AwsIniFile
{
	const char *path;
	const char *problem;    /* why there is nothing to be read; NULL: it was read */
	List *sections;         /* AwsIniSections, in the order of the file */
	AwsIniSection defaults; /* [DEFAULT]: of all sections */
} AwsIniFile;

extern AwsIniFile *aws_ini_read(const char *path);
extern const AwsIniSection *aws_ini_section(const AwsIniFile *file, const char *name);
extern const AwsIniOption *
aws_ini_option(const AwsIniFile *file, const AwsIniSection *section, const char *key);
extern const char *aws_ini_nested_value(const AwsIniOption *option, const char *key);

#endif /* AWS_INI_FILE_H */
