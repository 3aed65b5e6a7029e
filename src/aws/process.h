/*
 * process.h
 *		Running a program for what it writes.
 */
#ifndef AWS_PROCESS_H
#define AWS_PROCESS_H

#include <stddef.h>

/* What became of a program. */
typedef struct AwsProcessResult
{
	const char *problem; /* why it failed, a sentence; NULL: it did not */
	const char *output;  /* what it wrote, NUL-terminated */
	size_t output_len;
	const char *errors; /* what it wrote to stderr; perhaps cut off */
} AwsProcessResult;

extern void aws_process_run(char *const argv[], double timeout, AwsProcessResult *result);

#endif /* AWS_PROCESS_H */
