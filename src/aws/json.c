/*
 * json.c
 *		JSON text to a cJSON tree that a memory context owns.
 */
#include "postgres.h"

#include "utils/palloc.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

#include "aws/json.h"
#include "compat.h"

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

/* Is it nested more deeply than cJSON goes along with? */
static bool
is_too_deep(const char *text)
{
	int depth = 0;
	bool in_string = false;

	for (const char *p = text; *p; p++)
	{
		if (*p == '"')
			in_string = !in_string;
		else if (in_string && *p == '\\' && p[1])
			p++;
		else if (!in_string && (*p == '{' || *p == '['))
			depth++;
		else if (!in_string && (*p == '}' || *p == ']'))
			depth--;
		if (depth >= CJSON_NESTING_LIMIT)
			return true;
	}
	return false;
}

/*
 * cJSON could not parse it: is that for want of memory?  It does not tell; it is if
 * PostgreSQL's own parser finds nothing wrong.
 */
static bool
is_valid(const char *text, size_t len)
{
	JsonLexContext *lex;

	if (len == 0 || is_too_deep(text))
		return false;
	lex = forecast_make_json_lexer(unconstify(char *, text), len);
	return pg_parse_json(lex, &nullSemAction) == JSON_SUCCESS;
}

/*
 * Parses len bytes of text, which a NUL byte follows.  Returns NULL if they are
 * not exactly one JSON value.  The tree is freed with the current memory context;
 * the text is not needed any longer.  Throws out of memory.
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
	if (tree == NULL && is_valid(text, len))
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
						errdetail("cJSON could not parse an answer.")));
	if (tree == NULL)
		return NULL;
	cleanup->func = free_tree;
	cleanup->arg = tree;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, cleanup);
	return tree;
}
