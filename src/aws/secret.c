/*
 * secret.c
 *		Memory whose contents must not outlive their use, and files that go there.
 *
 * PostgreSQL frees memory without overwriting it.  What is registered here is
 * overwritten when its memory context is reset, whether that happens in the
 * normal course of things or by an error.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "storage/fd.h"
#include "utils/palloc.h"

#include "aws/secret.h"

/* A file that is larger is no file of settings and no token. */
#define MAX_FILE_SIZE (1024 * 1024)

typedef struct Secret
{
	MemoryContextCallback cleanup;
	void *data;
	size_t len;
} Secret;

/* Memory context callback. */
static void
wipe_secret(void *arg)
{
	Secret *secret = arg;

	OPENSSL_cleanse(secret->data, secret->len);
}

/*
 * Has len bytes of data overwritten when the current memory context is reset.
 * They must not be freed before.
 */
void
aws_secret_wipe_later(void *data, size_t len)
{
	Secret *secret = palloc(sizeof(Secret));

	secret->data = data;
	secret->len = len;
	secret->cleanup.func = wipe_secret;
	secret->cleanup.arg = secret;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, &secret->cleanup);
}

/*
 * A copy in the current memory context that is wiped with it.  NULL stays NULL.
 */
char *
aws_secret_copy(const char *secret)
{
	char *copy = secret ? pstrdup(secret) : NULL;

	if (copy)
		aws_secret_wipe_later(copy, strlen(copy));
	return copy;
}

/* Reads until the buffer is full or the file ends; -1 on an error. */
static ssize_t
read_fully(int fd, char *buffer, size_t size)
{
	size_t done = 0;

	while (done < size)
	{
		ssize_t n = read(fd, buffer + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

/*
 * The contents of a regular file, NUL-terminated, in the current memory context and
 * wiped with it.  Returns NULL and leaves the reason in errno where it cannot be
 * read: ENOENT if there is no such regular file, EFBIG if it is too large.
 */
char *
aws_secret_read_file(const char *path, size_t *len)
{
	struct stat status;
	char *contents;
	ssize_t n;
	int fd;
	int saved_errno;

	if (stat(path, &status) != 0)
		return NULL;
	if (!S_ISREG(status.st_mode) || status.st_size > MAX_FILE_SIZE)
	{
		errno = S_ISREG(status.st_mode) ? EFBIG : ENOENT;
		return NULL;
	}
	contents = palloc0(status.st_size + 1);
	aws_secret_wipe_later(contents, status.st_size);

	fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	if (fd < 0)
		return NULL;
	n = read_fully(fd, contents, status.st_size);
	saved_errno = errno;
	CloseTransientFile(fd);
	errno = saved_errno;
	if (n < 0)
		return NULL;
	*len = n;
	return contents;
}
