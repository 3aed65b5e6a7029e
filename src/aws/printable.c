/*
 * printable.c
 *		Words of others, made fit for a message.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "aws/printable.h"

/* No more of it is printed, in bytes. */
#define MAX_LENGTH 500

/*
 * The first line of a text in UTF-8, perhaps cut off, in the server's encoding and
 * without control characters; palloc'd.  What cannot be converted becomes question
 * marks: a report must not fail for its own words.
 */
const char *
aws_printable(const char *text)
{
	size_t len = strcspn(text, "\r\n");
	char *result = pnstrdup(text, Min(len, MAX_LENGTH + 1));

	if (strlen(result) > MAX_LENGTH)
		result[pg_encoding_mbcliplen(PG_UTF8, result, strlen(result), MAX_LENGTH)] = '\0';
	len = strlen(result);
	if (GetDatabaseEncoding() != PG_UTF8 || !pg_verify_mbstr(PG_UTF8, result, len, true))
	{
		for (char *p = result; *p; p++)
			if (IS_HIGHBIT_SET(*p))
				*p = '?';
	}
	for (char *p = result; *p; p++)
		if ((unsigned char) *p < ' ' || *p == 0x7f)
			*p = ' ';
	return result;
}
