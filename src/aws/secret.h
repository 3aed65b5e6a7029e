/*
 * secret.h
 *		Memory whose contents must not outlive their use, and files that go there.
 */
#ifndef AWS_SECRET_H
#define AWS_SECRET_H

extern void aws_secret_wipe_later(void *data, size_t len);
extern char *aws_secret_copy(const char *secret);
extern char *aws_secret_read_file(const char *path, size_t *len);

#endif /* AWS_SECRET_H */
