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
 * A copy of a text in UTF-8 of no more than max bytes, cut between characters;
 * palloc'd.
 */
char *
aws_clip(const char *text, size_t max)
{
	char *result = pnstrdup(text, max + 1);

	if (strlen(result) > max)
		result[pg_encoding_mbcliplen(PG_UTF8, result, strlen(result), max)] = '\0';
	return result;
}

/*
 * Makes a text fit for the server's encoding, in place, and free of control
 * characters but for line ends.  What cannot be converted becomes question marks: a
 * report must not fail for its own words.
 */
void
aws_make_printable(char *text)
{
	if (GetDatabaseEncoding() != PG_UTF8 ||
		!pg_verify_mbstr(PG_UTF8, text, strlen(text), true))
	{
		for (char *p = text; *p; p++)
			if (IS_HIGHBIT_SET(*p))
				*p = '?';
	}
	for (char *p = text; *p; p++)
		if ((unsigned char) *p < ' ' && *p != '\n')
			*p = ' ';
}

/*
 * The first line of a text in UTF-8, perhaps cut off, made fit to print; palloc'd.
 */
const char *
aws_printable(const char *text)
{
	char *result = aws_clip(pnstrdup(text, strcspn(text, "\r\n")), MAX_LENGTH);

	aws_make_printable(result);
	for (char *p = result; *p; p++)
		if (*p == 0x7f)
			*p = ' ';
	return result;
}
