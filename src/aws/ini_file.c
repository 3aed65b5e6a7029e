/*
 * ini_file.c
 *		The grammar of AWS's shared configuration files.
 *
 * It is that of Python's RawConfigParser, with one level of options below others
 * as botocore adds them, because what the AWS CLI makes of a file is what its
 * author meant.  What Python takes for an error is one here, too.
 *
 * A file is parsed in place: names and values point into its contents, so that
 * there is only one copy of its secrets, which is wiped with the memory context.
 * A value of many lines is moved together; that never takes more room than it had.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "aws/ini_file.h"
#include "aws/printable.h"
#include "aws/secret.h"
#include "compat.h"

/* What Python takes for white space, in UTF-8. */
static const char *const spaces[] = {" ",
									 "\t",
									 "\n",
									 "\v",
									 "\f",
									 "\r",
									 "\x1c",
									 "\x1d",
									 "\x1e",
									 "\x1f",
									 "\xc2\x85",
									 "\xc2\xa0",
									 "\xe1\x9a\x80",
									 "\xe2\x80\x80",
									 "\xe2\x80\x81",
									 "\xe2\x80\x82",
									 "\xe2\x80\x83",
									 "\xe2\x80\x84",
									 "\xe2\x80\x85",
									 "\xe2\x80\x86",
									 "\xe2\x80\x87",
									 "\xe2\x80\x88",
									 "\xe2\x80\x89",
									 "\xe2\x80\x8a",
									 "\xe2\x80\xa8",
									 "\xe2\x80\xa9",
									 "\xe2\x80\xaf",
									 "\xe2\x81\x9f",
									 "\xe3\x80\x80"};

/* What else than a newline ends a line below an option, for Python. */
static const char *const line_ends[] = {"\v",           "\f",          "\x1c",
										"\x1d",         "\x1e",        "\xc2\x85",
										"\xe2\x80\xa8", "\xe2\x80\xa9"};

/* Where in the file the parser stands. */
typedef struct Parser
{
	AwsIniFile *file;
	AwsIniSection *section; /* NULL: before the first one */
	AwsIniOption *option;   /* that further lines may belong to; NULL: none */
	char *value_end;        /* of its value so far */
	int indent;             /* of the line that it began on, in characters */
	int line;
} Parser;

/* ---- white space ---- */

/* Bytes of the white space character at text; 0 if there is none. */
static size_t
space_at(const char *text)
{
	for (size_t i = 0; i < lengthof(spaces); i++)
		if (strncmp(text, spaces[i], strlen(spaces[i])) == 0)
			return strlen(spaces[i]);
	return 0;
}

/* Bytes of the white space character that ends at end, in text from start on. */
static size_t
space_before(const char *start, const char *end)
{
	for (size_t i = 0; i < lengthof(spaces); i++)
	{
		size_t len = strlen(spaces[i]);

		if ((size_t) (end - start) >= len && memcmp(end - len, spaces[i], len) == 0)
			return len;
	}
	return 0;
}

/* Cuts white space off the end, in place. */
static void
strip_end(char *text)
{
	char *end = text + strlen(text);
	size_t n;

	while ((n = space_before(text, end)) > 0)
		end -= n;
	*end = '\0';
}

/* Cuts it off the end and returns where the text begins; counts what is skipped. */
static char *
strip(char *text, int *skipped)
{
	size_t n;

	*skipped = 0;
	strip_end(text);
	while ((n = space_at(text)) > 0)
	{
		text += n;
		(*skipped)++;
	}
	return text;
}

/* ---- the grammar ---- */

pg_noreturn static void
malformed(const AwsIniFile *file, int line, const char *problem)
{
	ereport(ERROR, (errcode(ERRCODE_CONFIG_FILE_ERROR),
					errmsg("AWS configuration file \"%s\" cannot be used",
						   aws_printable(file->path)),
					line > 0 ? errdetail("Line %d: %s", line, problem) :
							   errdetail("%s", problem)));
}

/* "[name]", and whatever follows the last bracket. */
static bool
take_section(Parser *parser, char *text)
{
	char *end = strrchr(text, ']');
	const char *name = text + 1;

	if (*text != '[' || end == NULL || end == name)
		return false;
	*end = '\0';
	parser->option = NULL;
	if (strcmp(name, "DEFAULT") == 0)
	{
		parser->section = &parser->file->defaults;
		return true;
	}
	if (aws_ini_section(parser->file, name) != NULL)
		malformed(parser->file, parser->line,
				  psprintf("There is a section \"%s\" already.", aws_printable(name)));
	parser->section = palloc0(sizeof(AwsIniSection));
	parser->section->name = name;
	parser->file->sections = lappend(parser->file->sections, parser->section);
	return true;
}

static const AwsIniOption *
find_option(const List *options, const char *key)
{
	ListCell *cell;

	foreach(cell, options)
	{
		const AwsIniOption *option = lfirst(cell);

		if (strcmp(option->key, key) == 0)
			return option;
	}
	return NULL;
}

/* "key = value" or "key: value". */
static void
take_option(Parser *parser, char *text)
{
	char *delimiter = strpbrk(text, "=:");
	AwsIniOption *option;
	int skipped;

	if (parser->section == NULL)
		malformed(parser->file, parser->line, "There is no section before it.");
	if (delimiter == NULL || delimiter == text)
		malformed(parser->file, parser->line, "It does not have the form key = value.");
	*delimiter = '\0';
	strip_end(text);
	for (char *p = text; *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	if (find_option(parser->section->options, text) != NULL)
		malformed(parser->file, parser->line,
				  psprintf("The section has a key \"%s\" already.", aws_printable(text)));

	option = palloc0(sizeof(AwsIniOption));
	option->key = text;
	option->value = strip(delimiter + 1, &skipped);
	parser->section->options = lappend(parser->section->options, option);
	parser->option = option;
	parser->value_end = option->value + strlen(option->value);
}

/* Moves one line more to the value; an empty one counts, too. */
static void
take_continuation(Parser *parser, const char *text)
{
	size_t len = strlen(text);

	*parser->value_end++ = '\n';
	memmove(parser->value_end, text, len + 1);
	parser->value_end += len;
}

static void
take_line(Parser *parser, char *line)
{
	int indent;
	char *text = strip(line, &indent);

	if (*text == '#' || *text == ';')
		return;
	if (*text == '\0')
	{
		if (parser->option)
			take_continuation(parser, text);
		return;
	}
	if (parser->option && indent > parser->indent)
	{
		take_continuation(parser, text);
		return;
	}
	parser->indent = indent;
	if (!take_section(parser, text))
		take_option(parser, text);
}

/* Makes newlines of what ends lines; white space fills what is left of it. */
static void
unify_line_ends(char *text)
{
	for (size_t i = 0; i < lengthof(line_ends); i++)
		for (char *p = text; (p = strstr(p, line_ends[i])) != NULL;)
		{
			memset(p, ' ', strlen(line_ends[i]));
			*p = '\n';
		}
}

/* The lines of a value that begins with an empty one are options of their own. */
static void
nest_option(const AwsIniFile *file, AwsIniOption *option)
{
	char *next = option->value;

	unify_line_ends(next);
	while (next)
	{
		int skipped;
		char *line = strsep(&next, "\n");
		char *text = strip(line, &skipped);
		char *delimiter = strchr(text, '=');
		AwsIniOption *nested;

		if (*text == '\0')
			continue;
		if (delimiter == NULL)
			malformed(file, 0,
					  psprintf("A line below \"%s\" does not have the form key = value.",
							   aws_printable(option->key)));
		*delimiter = '\0';
		strip_end(text);
		nested = palloc0(sizeof(AwsIniOption));
		nested->key = text;
		nested->value = strip(delimiter + 1, &skipped);
		/* The last one of a key counts. */
		option->nested = lcons(nested, option->nested);
	}
	option->value = NULL;
}

/* Finishes values once all their lines are there. */
static void
finish_section(const AwsIniFile *file, AwsIniSection *section)
{
	ListCell *cell;

	foreach(cell, section->options)
	{
		AwsIniOption *option = lfirst(cell);

		strip_end(option->value);
		if (option->value[0] == '\n')
			nest_option(file, option);
	}
}

/* Makes "\n" of "\r\n" and "\r", in place. */
static void
unify_newlines(char *text)
{
	char *out = text;

	for (const char *in = text; *in; in++)
	{
		/* Of "\r\n", the second one is enough. */
		if (in[0] != '\r' || in[1] != '\n')
			*out++ = in[0] == '\r' ? '\n' : in[0];
	}
	*out = '\0';
}

static void
parse(AwsIniFile *file, char *contents)
{
	Parser parser = {.file = file};
	ListCell *cell;

	while (contents)
	{
		char *line = strsep(&contents, "\n");

		/* What follows the last newline is no line, if it is nothing. */
		if (contents == NULL && *line == '\0')
			break;
		parser.line++;
		take_line(&parser, line);
		CHECK_FOR_INTERRUPTS();
	}
	finish_section(file, &file->defaults);
	foreach(cell, file->sections)
		finish_section(file, lfirst(cell));
}

/*
 * Reads a file.  Where there is none, or none that can be read, it has no sections
 * and file->problem says why: that is no error, as it is none for the AWS CLI.
 * Throws if it is malformed.  Allocated in the current memory context, and wiped
 * with it.
 */
AwsIniFile *
aws_ini_read(const char *path)
{
	AwsIniFile *file = palloc0(sizeof(AwsIniFile));
	size_t len;
	char *contents = aws_secret_read_file(path, &len);
	int error = errno;

	file->path = pstrdup(path);
	file->defaults.name = "DEFAULT";
	if (contents == NULL && error == ENOENT)
		file->problem = psprintf("There is no file \"%s\".", aws_printable(path));
	else if (contents == NULL)
		file->problem = psprintf("File \"%s\" cannot be read: %s.", aws_printable(path),
								 strerror(error));
	if (contents == NULL)
		return file;
	if (!pg_verify_mbstr(PG_UTF8, contents, len, true))
		malformed(file, 0, "It is not a text in UTF-8.");
	unify_newlines(contents);
	parse(file, contents);
	return file;
}

/*
 * The section of that name; NULL if there is none.
 */
const AwsIniSection *
aws_ini_section(const AwsIniFile *file, const char *name)
{
	ListCell *cell;

	foreach(cell, file->sections)
	{
		const AwsIniSection *section = lfirst(cell);

		if (strcmp(section->name, name) == 0)
			return section;
	}
	return NULL;
}

/*
 * An option of a section, or of all sections; NULL if there is none.
 */
const AwsIniOption *
aws_ini_option(const AwsIniFile *file, const AwsIniSection *section, const char *key)
{
	const AwsIniOption *option = find_option(section->options, key);

	return option ? option : find_option(file->defaults.options, key);
}

/*
 * A value below an option; NULL if there is none.
 */
const char *
aws_ini_nested_value(const AwsIniOption *option, const char *key)
{
	const AwsIniOption *nested = find_option(option->nested, key);

	return nested ? nested->value : NULL;
}
