/*
 * config_file.c
 *		Profiles: what AWS's shared configuration and credentials files say.
 *
 * The files are found, read and merged as botocore does it.  In the configuration
 * file, a profile x is the section [profile x], and only the default one may be
 * without that word; in the credentials file it is the section [x].  What the
 * credentials file says of a profile comes first.
 */
#include "postgres.h"

#include <pwd.h>
#include <unistd.h>

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "aws/config_file.h"
#include "aws/printable.h"
#include "aws/shell_words.h"

#define DEFAULT_PROFILE "default"

struct AwsProfile
{
	const AwsConfigFiles *files;
	const AwsIniSection *config;      /* NULL: the file does not have it */
	const AwsIniSection *credentials; /* likewise */
};

/*
 * An environment variable; NULL if it is not set, or empty.
 */
const char *
aws_config_variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* ---- where the files are ---- */

/* "$NAME" or "${NAME}" at text: its value if it has one, and its length. */
static const char *
variable_at(const char *text, size_t *len)
{
	bool braces = text[1] == '{';
	const char *name = text + (braces ? 2 : 1);
	size_t n = braces ?
				   strcspn(name, "}") :
				   strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
								"0123456789_");

	if (n == 0 || (braces && name[n] == '\0'))
		return NULL;
	*len = (name - text) + n + (braces ? 1 : 0);
	return getenv(pnstrdup(name, n));
}

/* Puts variables' values in; one that is not set stays as it is. */
static const char *
expand_variables(const char *path)
{
	StringInfoData result;

	initStringInfo(&result);
	while (*path)
	{
		size_t len;
		const char *value = *path == '$' ? variable_at(path, &len) : NULL;

		if (value)
			appendStringInfoString(&result, value);
		else
			appendStringInfoChar(&result, *path);
		path += value ? len : 1;
	}
	return result.data;
}

/* The home directory of a user, or of ours; NULL if there is none. */
static const char *
home_of(const char *user)
{
	const struct passwd *entry;

	if (*user == '\0' && getenv("HOME"))
		return getenv("HOME");
	entry = *user ? getpwnam(user) : getpwuid(getuid());
	return entry ? entry->pw_dir : NULL;
}

/* Puts the home directory in for "~" and "~user". */
static const char *
expand_home(const char *path)
{
	size_t len = strcspn(path, "/");
	const char *home;

	if (*path != '~')
		return path;
	home = home_of(pnstrdup(path + 1, len - 1));
	if (home == NULL)
		return path;
	return psprintf("%s%s", strcmp(home, "/") == 0 ? "" : home, path + len);
}

static AwsIniFile *
read_file(const char *variable, const char *otherwise)
{
	const char *path = getenv(variable); /* as botocore: an empty one is no file */

	return aws_ini_read(expand_home(expand_variables(path ? path : otherwise)));
}

/* ---- profiles ---- */

/* The name that follows that word in a section's; NULL if there is none. */
static const char *
named(const AwsIniSection *section, const char *word)
{
	List *words;

	if (strncmp(section->name, word, strlen(word)) != 0 ||
		aws_shell_words(section->name, &words) != NULL || list_length(words) != 2)
		return NULL;
	return lsecond(words);
}

/* The last section of the configuration file that is this word's and name's. */
static const AwsIniSection *
find_named(const AwsIniFile *file, const char *word, const char *name)
{
	const AwsIniSection *found = NULL;
	ListCell *cell;

	foreach(cell, file->sections)
	{
		const AwsIniSection *section = lfirst(cell);
		const char *its_name = named(section, word);

		if (its_name && strcmp(its_name, name) == 0)
			found = section;
	}
	return found;
}

/* A profile in the configuration file: the last one of that name. */
static const AwsIniSection *
find_profile(const AwsIniFile *file, const char *name)
{
	const AwsIniSection *found = NULL;
	ListCell *cell;

	if (strcmp(name, DEFAULT_PROFILE) != 0)
		return find_named(file, "profile", name);
	foreach(cell, file->sections)
	{
		const AwsIniSection *section = lfirst(cell);
		const char *its_name = named(section, "profile");

		if (strcmp(section->name, name) == 0 || (its_name && strcmp(its_name, name) == 0))
			found = section;
	}
	return found;
}

/*
 * What the files have of the profile of that name (in UTF-8); NULL if they do not
 * have it.
 */
const AwsProfile *
aws_config_files_profile(const AwsConfigFiles *files, const char *name)
{
	AwsProfile *profile = palloc(sizeof(AwsProfile));

	profile->files = files;
	profile->config = find_profile(files->config, name);
	profile->credentials = aws_ini_section(files->credentials, name);
	return profile->config || profile->credentials ? profile : NULL;
}

/*
 * Reads both files.  The profile that counts is the one named, in the server's
 * encoding, or if that is NULL, the one that the environment names.  Throws if a
 * file is malformed, or if the profile that is named is in neither.  Allocated in
 * the current memory context; secrets are wiped with it.
 */
AwsConfigFiles *
aws_config_files_read(const char *profile)
{
	AwsConfigFiles *files = palloc(sizeof(AwsConfigFiles));

	files->config = read_file("AWS_CONFIG_FILE", "~/.aws/config");
	files->credentials = read_file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
	if (profile)
		profile = pg_server_to_any(profile, strlen(profile), PG_UTF8);
	/* As botocore: one that is set counts, even an empty one. */
	if (profile == NULL)
		profile = getenv("AWS_DEFAULT_PROFILE");
	if (profile == NULL)
		profile = getenv("AWS_PROFILE");
	files->profile = pstrdup(profile ? profile : DEFAULT_PROFILE);

	if (profile && aws_config_files_profile(files, profile) == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("the config profile (%s) could not be found",
							   aws_printable(profile)),
						errdetail("It is neither in \"%s\" nor in \"%s\".",
								  aws_printable(files->config->path),
								  aws_printable(files->credentials->path))));
	return files;
}

/*
 * Reads the files and returns the profile of that name, which is in the server's
 * encoding, or if it is NULL, the profile that the environment names.  Throws as
 * aws_config_files_read() does; the default profile may be missing, NULL then.
 */
const AwsProfile *
aws_profile_load(const char *name)
{
	const AwsConfigFiles *files = aws_config_files_read(name);

	return aws_config_files_profile(files, files->profile);
}

/* An option of a section that may be missing. */
static const AwsIniOption *
find_option(const AwsIniFile *file, const AwsIniSection *section, const char *key)
{
	return section ? aws_ini_option(file, section, key) : NULL;
}

/*
 * The value of a key, which is in lower case; NULL if the profile does not have it,
 * or if there is no profile.  It lives as long as the profile.
 */
const char *
aws_profile_value(const AwsProfile *profile, const char *key)
{
	const AwsIniOption *option;

	if (profile == NULL)
		return NULL;
	option = find_option(profile->files->credentials, profile->credentials, key);
	if (option == NULL)
		option = find_option(profile->files->config, profile->config, key);
	return option ? option->value : NULL;
}

static const char *
value_in(const AwsIniFile *file, const AwsIniSection *section, const char *key)
{
	const AwsIniOption *option = find_option(file, section, key);

	return option ? option->value : NULL;
}

/*
 * The same of one file only: the credentials file, ...
 */
const char *
aws_profile_credentials_value(const AwsProfile *profile, const char *key)
{
	return profile ? value_in(profile->files->credentials, profile->credentials, key) :
					 NULL;
}

/*
 * ... or the configuration file.
 */
const char *
aws_profile_config_value(const AwsProfile *profile, const char *key)
{
	return profile ? value_in(profile->files->config, profile->config, key) : NULL;
}

/*
 * The value that the section [services x], which the profile names, has for a key of
 * a service; NULL if there is none.
 */
const char *
aws_profile_service_value(const AwsProfile *profile, const char *service, const char *key)
{
	const char *name = aws_profile_value(profile, "services");
	const AwsIniFile *file;
	const AwsIniOption *option;

	if (name == NULL)
		return NULL;
	file = profile->files->config;
	option = find_option(file, find_named(file, "services", name), service);
	return option ? aws_ini_nested_value(option, key) : NULL;
}

/* Are endpoints that environment and files name to be ignored? */
static bool
ignores_endpoints(const AwsProfile *profile)
{
	const char *value = aws_config_variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");

	if (value == NULL)
		value = aws_profile_value(profile, "ignore_configured_endpoint_urls");
	return value && pg_strcasecmp(value, "true") == 0;
}

/*
 * The URL that environment or files name for a service (its name in AWS's
 * configuration): its own before that of all services, variables before the profile.
 * NULL if they name none.  *source is what to call the place in a message.
 */
const char *
aws_config_endpoint_url(const AwsProfile *profile, const char *service,
						const char **source)
{
	char *upper = pstrdup(service);
	const char *url;

	if (ignores_endpoints(profile))
		return NULL;
	for (char *p = upper; *p; p++)
		*p = pg_toupper((unsigned char) *p);
	if ((url = aws_config_variable(*source = psprintf("AWS_ENDPOINT_URL_%s", upper))) !=
			NULL ||
		(url = aws_config_variable(*source = "AWS_ENDPOINT_URL")) != NULL)
		return url;
	*source = "endpoint_url in the AWS configuration file";
	url = aws_profile_service_value(profile, service, "endpoint_url");
	return url ? url : aws_profile_value(profile, "endpoint_url");
}
