/*
 * shell_words.c
 *		Splitting a line into words as a shell would, without a shell.
 *
 * The rules are those of Python's shlex.split(), which botocore and the AWS CLI use
 * for credential_process and for the names of profiles: quotes and backslashes mean
 * what they mean to a POSIX shell; nothing else means anything.
 */
#include "postgres.h"

#include "aws/secret.h"
#include "aws/shell_words.h"

/* Where in a line the splitter stands. */
typedef struct Splitter
{
	const char *next;
	char *end; /* of the word, where its next character goes */
	const char *problem;
} Splitter;

/* What is between words; no more than this, whatever the locale says. */
static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes what follows the opening quote, up to the closing one. */
static void
take_quoted(Splitter *splitter, char quote)
{
	while (*splitter->next != quote)
	{
		char c = *splitter->next;

		/* In double quotes, a backslash escapes itself and the quote only. */
		if (quote == '"' && c == '\\' &&
			(splitter->next[1] == '"' || splitter->next[1] == '\\'))
			c = *++splitter->next;
		if (c == '\0')
		{
			splitter->problem = "A quotation is not closed.";
			return;
		}
		*splitter->end++ = c;
		splitter->next++;
	}
	splitter->next++;
}

/* Takes the word that begins here. */
static void
take_word(Splitter *splitter)
{
	while (*splitter->next && !is_space(*splitter->next) && !splitter->problem)
	{
		char c = *splitter->next++;

		if (c == '\'' || c == '"')
			take_quoted(splitter, c);
		else if (c != '\\')
			*splitter->end++ = c;
		else if (*splitter->next)
			*splitter->end++ = *splitter->next++;
		else
			splitter->problem = "It ends with a backslash.";
	}
	*splitter->end++ = '\0';
}

/*
 * Splits a line into a list of palloc'd words, which are wiped with the current
 * memory context.  Returns NULL, or one sentence that says why it cannot be split.
 */
const char *
aws_shell_words(const char *line, List **words)
{
	/* Words and their ends take no more than the line and its end. */
	char *buffer = palloc0(strlen(line) + 2);
	Splitter splitter = {.next = line, .end = buffer};

	aws_secret_wipe_later(buffer, strlen(line) + 2);
	*words = NIL;
	for (;;)
	{
		char *word = splitter.end;

		while (is_space(*splitter.next))
			splitter.next++;
		if (*splitter.next == '\0')
			return NULL;
		take_word(&splitter);
		if (splitter.problem)
			return splitter.problem;
		*words = lappend(*words, word);
	}
}
