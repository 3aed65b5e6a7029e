/*
 * provider_process.c
 *		Credentials that a program prints (credential_process).
 */
#include "postgres.h"

#include "aws/printable.h"
#include "aws/process.h"
#include "aws/provider.h"
#include "aws/shell_words.h"
#include "compat.h"

/* Seconds that it may take. */
#define TIMEOUT 60

/* Of what it prints. */
#define VERSION 1

pg_noreturn static void
failed(const AwsChain *chain, const char *program, const char *problem)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
					errmsg("credential_process of profile \"%s\" failed",
						   aws_printable(chain->profile_name)),
					errdetail("Program \"%s\": %s", aws_printable(program), problem),
					errhint("Run it as the database server's user, to see what it says: "
							"that is not printed here, because it may be secret.")));
}

/* The command as an array that a NULL ends. */
static char **
split_command(const AwsChain *chain, const char *command)
{
	List *words;
	const char *problem = aws_shell_words(command, &words);
	char **argv;
	ListCell *cell;
	int n = 0;

	if (problem == NULL && words == NIL)
		problem = "It is empty.";
	if (problem)
		ereport(ERROR, (errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
						errmsg("credential_process of profile \"%s\" is no command",
							   aws_printable(chain->profile_name)),
						errdetail("%s", problem)));
	argv = palloc0(sizeof(char *) * (list_length(words) + 1));
	foreach(cell, words)
		argv[n++] = lfirst(cell);
	return argv;
}

/* Takes credentials out of what it printed; NULL, or what is wrong with that. */
static const char *
read_output(const AwsProcessResult *result, AwsCredentials *credentials)
{
	const cJSON *json = aws_json_parse_secret(result->output, result->output_len);
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "Version");
	const char *problem;

	if (json == NULL)
		return "What it printed is not JSON.";
	if (cJSON_IsObject(json) &&
		(!cJSON_IsNumber(version) || version->valuedouble != VERSION))
		return "What it printed does not have the Version 1.";
	problem = aws_json_credentials(json, "SessionToken", false, credentials);
	return problem ? psprintf("What it printed %s.", problem) : NULL;
}

/*
 * Runs the profile's credential_process, without a shell.  Throws if that fails.
 */
bool
aws_provider_process(AwsChain *chain, AwsCredentials *credentials)
{
	const char *command = aws_profile_value(chain->profile, "credential_process");
	AwsProcessResult result;
	const char *problem;
	char **argv;

	if (command == NULL)
		return aws_refuse(chain, AWS_PROVIDER_PROCESS,
						  "Profile \"%s\" has no credential_process.",
						  aws_printable(chain->profile_name));
	argv = split_command(chain, command);
	aws_process_run(argv, TIMEOUT, &result);
	if (result.problem)
		failed(chain, argv[0], result.problem);
	problem = read_output(&result, credentials);
	if (problem)
		failed(chain, argv[0], problem);
	return true;
}
