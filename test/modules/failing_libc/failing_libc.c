/*
 * failing_libc.c
 *		A C library that fails where it is told to, for t/145_exhaustion.pl.
 *
 * It is preloaded into the server, so that malloc and pwrite are these, and the
 * same file is a module whose SQL functions tell the backend that calls them what
 * is to fail from then on.  No other process is affected.
 *
 * Built by: cc -shared -fPIC -I`pg_config --includedir-server` ... -ldl.  As it is
 * loaded into programs that are no PostgreSQL, it uses nothing of the server's but
 * inline functions.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "postgres.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(fail_allocations);
PG_FUNCTION_INFO_V1(allocations_failed);
PG_FUNCTION_INFO_V1(fill_disk);

/*
 * What is replaced here.  Looked up, and not by glibc's internal names, so that
 * valgrind sees it too.
 */
#define NEXT(function) ((__typeof__(&(function))) dlsym(RTLD_NEXT, #function))

/* Whose allocations fail, by where the code that asks for them lies; and which. */
static struct
{
	uintptr_t low; /* no code at all, unless told */
	uintptr_t high;
	int first; /* counted from 1 */
	int last;
	int one_in; /* of those in between, by chance */
	unsigned seed;
	int asked;
	int failed;
} victim;

/* So many writes to temporary files succeed before there is no space; -1: all. */
static int writes_left = -1;

/* ---- memory ---- */

static bool
must_fail(const void *caller)
{
	uintptr_t address = (uintptr_t) caller;
	int n;

	if (address < victim.low || address >= victim.high)
		return false;
	n = __atomic_add_fetch(&victim.asked, 1, __ATOMIC_RELAXED);
	if (n < victim.first || n > victim.last ||
		rand_r(&victim.seed) / 8 % victim.one_in != 0)
		return false;
	__atomic_add_fetch(&victim.failed, 1, __ATOMIC_RELAXED);
	errno = ENOMEM;
	return true;
}

#define CALLER __builtin_return_address(0)

void *
malloc(size_t size)
{
	return must_fail(CALLER) ? NULL : NEXT(malloc)(size);
}

void *
calloc(size_t n, size_t size)
{
	return must_fail(CALLER) ? NULL : NEXT(calloc)(n, size);
}

void *
realloc(void *old, size_t size)
{
	return must_fail(CALLER) ? NULL : NEXT(realloc)(old, size);
}

/* The libraries' strdup calls malloc from glibc, which is nobody's code. */
char *
strdup(const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy = must_fail(CALLER) ? NULL : NEXT(malloc)(size);

	return copy ? memcpy(copy, string, size) : NULL;
}

/* Is this object the one looked for?  The program itself has no name. */
static int
find_library(struct dl_phdr_info *info, size_t size, void *wanted)
{
	const char *slash = strrchr(info->dlpi_name, '/');
	const char *name = slash ? slash + 1 : info->dlpi_name;

	(void) size;
	if (strncmp(*name ? name : "postgres", wanted, strlen(wanted)) != 0)
		return 0;
	victim.low = UINTPTR_MAX;
	for (int i = 0; i < info->dlpi_phnum; i++)
	{
		uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		victim.low = Min(victim.low, start);
		victim.high = Max(victim.high, start + info->dlpi_phdr[i].p_memsz);
	}
	return 1;
}

/*
 * fail_allocations(library cstring, first int, last int, one_in int, seed int):
 * of the allocations that the library asks for from now on, those from the first to
 * the last fail, or by chance one in so many of them.  The library is a name to begin
 * with, such as libcurl; the program's is postgres.  False if there is none.
 */
Datum
fail_allocations(PG_FUNCTION_ARGS)
{
	memset(&victim, 0, sizeof(victim));
	victim.first = PG_GETARG_INT32(1);
	victim.last = PG_GETARG_INT32(2);
	victim.one_in = PG_GETARG_INT32(3);
	victim.seed = (unsigned) PG_GETARG_INT32(4);
	PG_RETURN_BOOL(dl_iterate_phdr(find_library, PG_GETARG_CSTRING(0)) != 0);
}

/*
 * allocations_failed(): no more of them fail.  Returns how many have.
 */
Datum
allocations_failed(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	victim.low = victim.high = 0;
	PG_RETURN_INT32(victim.failed);
}

/* ---- disk ---- */

static bool
is_disk_full(int fd)
{
	char link[64];
	char path[MAXPGPATH];
	ssize_t len;

	if (writes_left < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[Max(len, 0)] = '\0';
	if (strstr(path, "pgsql_tmp") == NULL)
		return false;
	if (writes_left > 0)
	{
		writes_left--;
		return false;
	}
	errno = ENOSPC;
	return true;
}

typedef ssize_t (*PwriteFunction)(int, const void *, size_t, off_t);
typedef ssize_t (*PwritevFunction)(int, const struct iovec *, int, off_t);

/* Which of these names the server uses depends on how it was built. */
ssize_t
pwrite(int fd, const void *data, size_t n, off_t offset)
{
	PwriteFunction real = (PwriteFunction) dlsym(RTLD_NEXT, "pwrite");

	return is_disk_full(fd) ? -1 : real(fd, data, n, offset);
}

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
	return pwrite(fd, data, n, offset);
}

ssize_t
pwritev(int fd, const struct iovec *parts, int n, off_t offset)
{
	PwritevFunction real = (PwritevFunction) dlsym(RTLD_NEXT, "pwritev");

	return is_disk_full(fd) ? -1 : real(fd, parts, n, offset);
}

ssize_t
pwritev64(int fd, const struct iovec *parts, int n, off64_t offset)
{
	return pwritev(fd, parts, n, offset);
}

/*
 * fill_disk(writes int): after so many more writes to temporary files there is no
 * space left for them; -1 means that there is.
 */
Datum
fill_disk(PG_FUNCTION_ARGS)
{
	writes_left = PG_GETARG_INT32(0);
	PG_RETURN_VOID();
}
