/*
 * shell_words.h
 *		Splitting a line into words as a shell would, without a shell.
 */
#ifndef AWS_SHELL_WORDS_H
#define AWS_SHELL_WORDS_H

#include "nodes/pg_list.h"

extern const char *aws_shell_words(const char *line, List **words);

#endif /* AWS_SHELL_WORDS_H */
