/*
 * printable.h
 *		Words of others, made fit for a message.
 */
#ifndef AWS_PRINTABLE_H
#define AWS_PRINTABLE_H

extern char *aws_clip(const char *text, size_t max);
extern void aws_make_printable(char *text);
extern const char *aws_printable(const char *text);

#endif /* AWS_PRINTABLE_H */
