/*
 * sts_answer.h
 *		What the Security Token Service answers: XML.
 */
#ifndef AWS_STS_ANSWER_H
#define AWS_STS_ANSWER_H

#include <stddef.h>

/* The elements that matter; NULL if missing. */
typedef struct AwsStsAnswer
{
	char *access_key_id;
	char *secret_access_key;
	char *session_token;
	char *expiration;
	char *code; /* of an error */
	char *message;
	char *request_id;
} AwsStsAnswer;

extern void aws_sts_read_answer(AwsStsAnswer *answer, const char *xml, size_t len);

#endif /* AWS_STS_ANSWER_H */
