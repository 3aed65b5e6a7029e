/*
 * sts_answer.c
 *		What the Security Token Service answers: XML.
 *
 * Expat calls back while it parses, and its callers must not be left by a longjmp:
 * so nothing in the callbacks throws or pallocs.  They write into a buffer that is
 * large enough for all the text there can be.
 */
#include "postgres.h"

#include <expat.h>
#include <openssl/crypto.h>

#include "aws/secret.h"
#include "aws/sts_answer.h"
#include "compat.h"

/* Elements deeper than this are none of those that matter. */
#define MAX_DEPTH 16

/* Longer names are cut off, and are none of those that matter. */
#define NAME_SIZE 32

/* Which element goes where: its name, below that of another one. */
static const struct
{
	const char *parent;
	const char *name;
	size_t offset;
} elements[] = {
	{"Credentials", "AccessKeyId", offsetof(AwsStsAnswer, access_key_id)},
	{"Credentials", "SecretAccessKey", offsetof(AwsStsAnswer, secret_access_key)},
	{"Credentials", "SessionToken", offsetof(AwsStsAnswer, session_token)},
	{"Credentials", "Expiration", offsetof(AwsStsAnswer, expiration)},
	{"Error", "Code", offsetof(AwsStsAnswer, code)},
	{"Error", "Message", offsetof(AwsStsAnswer, message)},
	{"ErrorResponse", "RequestId", offsetof(AwsStsAnswer, request_id)},
	{"ResponseMetadata", "RequestId", offsetof(AwsStsAnswer, request_id)},
};

/* Where in the document expat is. */
typedef struct Reader
{
	XML_Parser parser;
	AwsStsAnswer *answer;
	char names[MAX_DEPTH][NAME_SIZE];
	int depth;     /* of the elements that are open */
	char *end;     /* of the texts so far */
	char *limit;   /* of the room for them */
	bool in_field; /* is text wanted? */
} Reader;

/* ---- memory of expat's, wiped when it is freed ---- */

/* Goes before each piece; as large as the strictest alignment. */
typedef union Header
{
	size_t size;
	max_align_t align;
} Header;

static void *
allocate(size_t size)
{
	Header *header = malloc(sizeof(Header) + size);

	if (header == NULL)
		return NULL;
	header->size = size;
	return header + 1;
}

static void
release(void *data)
{
	Header *header = (Header *) data - 1;

	if (data == NULL)
		return;
	OPENSSL_cleanse(data, header->size);
	free(header);
}

static void *
reallocate(void *data, size_t size)
{
	void *moved = allocate(size);

	if (moved == NULL)
		return NULL;
	if (data)
		memcpy(moved, data, Min(size, ((Header *) data - 1)->size));
	release(data);
	return moved;
}

/* ---- callbacks from expat: they never throw and never palloc ---- */

/* The text of an element ends with it, or where one inside begins. */
static void
end_field(Reader *reader)
{
	if (reader->in_field)
		*reader->end++ = '\0';
	reader->in_field = false;
}

static void
on_start(void *arg, const char *name, const char **attributes pg_attribute_unused())
{
	Reader *reader = arg;
	const char *parent = "";

	end_field(reader);
	if (reader->depth > 0 && reader->depth <= MAX_DEPTH)
		parent = reader->names[reader->depth - 1];
	for (size_t i = 0; i < lengthof(elements); i++)
	{
		char **field = (char **) ((char *) reader->answer + elements[i].offset);

		if (*field || strcmp(parent, elements[i].parent) != 0 ||
			strcmp(name, elements[i].name) != 0)
			continue;
		*field = reader->end;
		reader->in_field = true;
	}
	if (reader->depth < MAX_DEPTH)
		strlcpy(reader->names[reader->depth], name, NAME_SIZE);
	reader->depth++;
}

static void
on_end(void *arg, const char *name pg_attribute_unused())
{
	Reader *reader = arg;

	reader->depth--;
	end_field(reader);
}

static void
on_text(void *arg, const char *text, int len)
{
	Reader *reader = arg;

	if (!reader->in_field)
		return;
	if (reader->limit - reader->end < len + (int) lengthof(elements))
	{
		XML_StopParser(reader->parser, XML_FALSE);
		return;
	}
	memcpy(reader->end, text, len);
	reader->end += len;
}

/* A document type could define entities, and text would grow. */
static void
on_doctype(void *arg, const char *name pg_attribute_unused(),
		   const char *system_id pg_attribute_unused(),
		   const char *public_id pg_attribute_unused(),
		   int has_internal pg_attribute_unused())
{
	Reader *reader = arg;

	XML_StopParser(reader->parser, XML_FALSE);
}

/* ---- reading ---- */

/* Memory context callback. */
static void
free_parser(void *arg)
{
	XML_ParserFree(arg);
}

pg_noreturn static void
out_of_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
					errdetail("Expat could not read an answer of AWS STS.")));
}

static XML_Parser
create_parser(void)
{
	static const XML_Memory_Handling_Suite memory = {allocate, reallocate, release};
	MemoryContextCallback *cleanup = palloc(sizeof(MemoryContextCallback));
	XML_Parser parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);

	if (parser == NULL)
		out_of_memory();
	cleanup->func = free_parser;
	cleanup->arg = parser;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, cleanup);
	return parser;
}

/*
 * Reads an answer, len bytes of XML.  What is not well-formed has no elements.
 * Allocated in the current memory context, and wiped with it.  Throws out of memory.
 */
void
aws_sts_read_answer(AwsStsAnswer *answer, const char *xml, size_t len)
{
	/*
	 * In UTF-8, and that is what AWS sends, texts are never longer than what they are
	 * written as; each has an end.
	 */
	size_t size = len + lengthof(elements) + 1;
	char *texts = palloc0(size);
	Reader reader = {.answer = answer, .end = texts, .limit = texts + size};

	memset(answer, 0, sizeof(*answer));
	aws_secret_wipe_later(texts, size);
	reader.parser = create_parser();
	XML_SetUserData(reader.parser, &reader);
	XML_SetElementHandler(reader.parser, on_start, on_end);
	XML_SetCharacterDataHandler(reader.parser, on_text);
	XML_SetStartDoctypeDeclHandler(reader.parser, on_doctype);
	if (XML_Parse(reader.parser, xml, (int) len, XML_TRUE) != XML_STATUS_OK)
		memset(answer, 0, sizeof(*answer));
	if (XML_GetErrorCode(reader.parser) == XML_ERROR_NO_MEMORY)
		out_of_memory();
	XML_SetUserData(reader.parser, NULL);
}
