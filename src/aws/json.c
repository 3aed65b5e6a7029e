/*
 * json.c
 *		JSON text to a cJSON tree that a memory context owns.
 */
#include "postgres.h"

#include "utils/palloc.h"

#include "aws/json.h"

/*
 * Replaces each escaped NUL character (\u0000) by U+FFFD, the replacement
 * character, in place.  PostgreSQL's text cannot hold a NUL, and cJSON's
 * strings would end at it.
 */
void
aws_json_replace_nul(char *text)
{
	static const char nul[] = "\\u0000";
	static const char replacement[] = "\\ufffd";

	/* A backslash takes the character after it along: \\u0000 is no escape. */
	for (char *p = strchr(text, '\\'); p != NULL; p = strchr(p, '\\'))
	{
		if (strncmp(p, nul, strlen(nul)) == 0)
			memcpy(p, replacement, strlen(replacement));
		p += p[1] == '\0' ? 1 : 2;
	}
}

static void
free_tree(void *arg)
{
	cJSON_Delete(arg);
}

/*
 * Parses len bytes of text, which a NUL byte follows.  Returns NULL if they are
 * not exactly one JSON value, or if there is no memory for it.  The tree is
 * freed with the current memory context; the text is not needed any longer.
 */
cJSON *
aws_json_parse(const char *text, size_t len)
{
	MemoryContextCallback *cleanup = palloc(sizeof(MemoryContextCallback));
	cJSON *tree;

	/* cJSON would take a NUL byte inside of a string for the string's end. */
	if (memchr(text, '\0', len) != NULL)
		return NULL;

	/* One byte more, so that cJSON finds the end it is told to insist on. */
	tree = cJSON_ParseWithLengthOpts(text, len + 1, NULL, true);
	if (tree == NULL)
		return NULL;
	cleanup->func = free_tree;
	cleanup->arg = tree;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, cleanup);
	return tree;
}
