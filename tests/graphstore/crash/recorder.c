/* The recorder: preloaded into a process, it writes down every change that the process makes to files below a
 * directory, in the order in which they took effect, with all data.
 *
 *   RECORDER_ROOT  the directory (absolute, without links)
 *   RECORDER_LOG   the file that the records are appended to
 *
 * A record is a head, then two byte strings (`recording.py` reads them). One mutex is held around the call and its
 * record, so that the order of the records is the order of the calls, whatever thread made them.
 *
 * A write to ROOT/notes is recorded as what the process says. A note that starts with '!' is an order to the recorder:
 *   !fail KIND ERRNO [after]   the next call of a kind fails: `data` (a write), `meta` (a write through O_DSYNC) or
 *                              `sync`; with `after`, once it was carried out
 *   !stop rename               the process ends at once after the next rename
 *   !halt open                 the process stands still after the next call that opens data.mdb to write to it
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 'W', DURABLE_WRITE = 'D', SYNC = 'S', RESIZE = 'T', CREATE = 'C', MKDIR = 'M', MOVE = 'R', REMOVE = 'U' };

struct head {
	uint32_t kind, first, second, pad;
	uint64_t inode, offset;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char root[4096], notes[4096 + 8];
static size_t root_length;
static int logfd = -1;
static struct { char kind[8]; int number, after; } fault;
static char stop[8], halt[8];

#define REAL(type, name, ...)                                                   \
	static type (*real_##name)(__VA_ARGS__);                                \
	if (!real_##name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void)
{
	const char *at = getenv("RECORDER_ROOT"), *to = getenv("RECORDER_LOG");
	if (!at || !to) return;
	root_length = strlen(strncpy(root, at, sizeof root - 1));
	snprintf(notes, sizeof notes, "%s/notes", root);
	logfd = syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int below(const char *path)
{
	return logfd >= 0 && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

static void put(int kind, uint64_t inode, uint64_t offset, const void *a, size_t m, const void *b, size_t n)
{
	struct head head = {kind, m, n, 0, inode, offset};
	struct iovec parts[3] = {{&head, sizeof head}, {(void *)a, m}, {(void *)b, n}};
	if (syscall(SYS_writev, logfd, parts, 3) != (long)(sizeof head + m + n)) abort();
}

/* The path of an open file, when it is below the root. */
static int path_of(int fd, char *path)
{
	char link[40];
	if (logfd < 0) return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, 4095);
	path[n < 0 ? 0 : n] = 0;
	return n > 0 && below(path);
}

/* The absolute path of a name, when it is below the root. */
static int path_at(int directory, const char *name, char *path)
{
	if (logfd < 0) return 0;
	if (name[0] == '/') {
		snprintf(path, 4096, "%s", name);
	} else {
		if (directory == AT_FDCWD ? !getcwd(path, 4096) : (path_of(directory, path), !path[0])) return 0;
		size_t n = strlen(path);
		snprintf(path + n, 4096 - n, "/%s", name);
	}
	return below(path);
}

static uint64_t inode_of(int fd)
{
	struct stat about;
	return fstat(fd, &about) ? 0 : about.st_ino;
}

static uint64_t inode_at(const char *path)
{
	struct stat about;
	return lstat(path, &about) ? 0 : about.st_ino;
}

static void obey(const char *text, size_t n)
{
	char order[64] = "", after[8] = "";
	snprintf(order, sizeof order, "%.*s", (int)n, text);
	if (sscanf(order, "!fail %7s %d %7s", fault.kind, &fault.number, after) >= 2) fault.after = !strcmp(after, "after");
	sscanf(order, "!stop %7s", stop);
	sscanf(order, "!halt %7s", halt);
}

static int fails(const char *kind, int after)
{
	if (strcmp(fault.kind, kind) || fault.after != after) return 0;
	fault.kind[0] = 0;
	errno = fault.number;
	return 1;
}

/* -- writes ------------------------------------------------------------------------------------------------------ */

typedef ssize_t writer(int fd, const struct iovec *parts, int count, off_t offset);

static ssize_t recorded(writer *real, int fd, const struct iovec *parts, int count, off_t offset)
{
	char path[4096];
	if (!path_of(fd, path)) return real(fd, parts, count, offset);
	int note = !strcmp(path, notes);
	const char *kind = fcntl(fd, F_GETFL) & O_DSYNC ? "meta" : "data";
	pthread_mutex_lock(&mutex);
	if (!note && fails(kind, 0)) {
		pthread_mutex_unlock(&mutex);
		return -1;
	}
	off_t at = offset >= 0 ? offset : lseek(fd, 0, SEEK_CUR);
	ssize_t done = real(fd, parts, count, offset);
	int number = errno;
	if (done > 0) {
		char *data = malloc(done), *to = data;
		size_t left = done;
		for (int i = 0; i < count && left; i++) {
			size_t n = parts[i].iov_len < left ? parts[i].iov_len : left;
			memcpy(to, parts[i].iov_base, n);
			to += n;
			left -= n;
		}
		if (note && data[0] == '!') obey(data, done);
		else put(kind[0] == 'm' ? DURABLE_WRITE : WRITE, inode_of(fd), at, path, strlen(path), data, done);
		free(data);
		errno = number;
		if (!note && fails(kind, 1)) done = -1;
	}
	pthread_mutex_unlock(&mutex);
	return done;
}

static ssize_t plain(int fd, const struct iovec *parts, int count, off_t offset)
{
	(void)offset;
	REAL(ssize_t, writev, int, const struct iovec *, int);
	return real_writev(fd, parts, count);
}

static ssize_t placed(int fd, const struct iovec *parts, int count, off_t offset)
{
	REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t);
	return real_pwritev(fd, parts, count, offset);
}

ssize_t write(int fd, const void *data, size_t n)
{
	struct iovec part = {(void *)data, n};
	return recorded(plain, fd, &part, 1, -1);
}

ssize_t writev(int fd, const struct iovec *parts, int count) { return recorded(plain, fd, parts, count, -1); }

ssize_t pwrite(int fd, const void *data, size_t n, off_t offset)
{
	struct iovec part = {(void *)data, n};
	return recorded(placed, fd, &part, 1, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset) { return pwrite(fd, data, n, offset); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) { return recorded(placed, fd, parts, count, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) { return recorded(placed, fd, parts, count, offset); }

static int resized(int fd, off_t size)
{
	char path[4096];
	REAL(int, ftruncate, int, off_t);
	if (!path_of(fd, path)) return real_ftruncate(fd, size);
	pthread_mutex_lock(&mutex);
	int bad = real_ftruncate(fd, size);
	if (!bad) put(RESIZE, inode_of(fd), size, path, strlen(path), 0, 0);
	pthread_mutex_unlock(&mutex);
	return bad;
}

int ftruncate(int fd, off_t size) { return resized(fd, size); }
int ftruncate64(int fd, off64_t size) { return resized(fd, size); }

/* -- syncs ------------------------------------------------------------------------------------------------------- */

static int synced(int (*real)(int), int fd)
{
	char path[4096];
	if (!path_of(fd, path)) return real(fd);
	pthread_mutex_lock(&mutex);
	int bad = fails("sync", 0) ? -1 : real(fd);
	if (!bad) {
		put(SYNC, inode_of(fd), 0, path, strlen(path), 0, 0);
		if (fails("sync", 1)) bad = -1;
	}
	pthread_mutex_unlock(&mutex);
	return bad;
}

int fsync(int fd)
{
	REAL(int, fsync, int);
	return synced(real_fsync, fd);
}

int fdatasync(int fd)
{
	REAL(int, fdatasync, int);
	return synced(real_fdatasync, fd);
}

/* -- names ------------------------------------------------------------------------------------------------------- */

static int opened(int directory, const char *name, int flags, mode_t mode)
{
	char path[4096];
	if (!path_at(directory, name, path) || !(flags & (O_CREAT | O_TRUNC))) return syscall(SYS_openat, directory, name, flags, mode);
	pthread_mutex_lock(&mutex);
	int fresh = !inode_at(path);
	int fd = syscall(SYS_openat, directory, name, flags, mode);
	int number = errno;
	if (fd >= 0 && fresh) put(CREATE, inode_of(fd), 0, path, strlen(path), 0, 0);
	else if (fd >= 0 && flags & O_TRUNC) put(RESIZE, inode_of(fd), 0, path, strlen(path), 0, 0);
	pthread_mutex_unlock(&mutex);
	if (!strcmp(halt, "open") && strstr(path, "/data.mdb")) pause();
	errno = number;
	return fd;
}

#define MODE(flags)                                                             \
	mode_t mode = 0;                                                        \
	if ((flags) & (O_CREAT | __O_TMPFILE)) {                                \
		va_list rest;                                                   \
		va_start(rest, flags);                                          \
		mode = va_arg(rest, mode_t);                                    \
		va_end(rest);                                                   \
	}

int open(const char *name, int flags, ...) { MODE(flags) return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags) return opened(AT_FDCWD, name, flags, mode); }
int openat(int at, const char *name, int flags, ...) { MODE(flags) return opened(at, name, flags, mode); }
int openat64(int at, const char *name, int flags, ...) { MODE(flags) return opened(at, name, flags, mode); }
int creat(const char *name, mode_t mode) { return opened(AT_FDCWD, name, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int mkdirat(int at, const char *name, mode_t mode)
{
	char path[4096];
	if (!path_at(at, name, path)) return syscall(SYS_mkdirat, at, name, mode);
	pthread_mutex_lock(&mutex);
	int bad = syscall(SYS_mkdirat, at, name, mode), number = errno;
	if (!bad) put(MKDIR, inode_at(path), 0, path, strlen(path), 0, 0);
	pthread_mutex_unlock(&mutex);
	errno = number;
	return bad;
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int unlinkat(int at, const char *name, int flags)
{
	char path[4096];
	if (!path_at(at, name, path)) return syscall(SYS_unlinkat, at, name, flags);
	pthread_mutex_lock(&mutex);
	int bad = syscall(SYS_unlinkat, at, name, flags), number = errno;
	if (!bad) put(REMOVE, 0, 0, path, strlen(path), 0, 0);
	pthread_mutex_unlock(&mutex);
	errno = number;
	return bad;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
	char source[4096], target[4096];
	int inside = path_at(from, old, source) & path_at(to, new, target);
	if (!inside) return syscall(SYS_renameat2, from, old, to, new, flags);
	pthread_mutex_lock(&mutex);
	int bad = syscall(SYS_renameat2, from, old, to, new, flags), number = errno;
	if (!bad) {
		put(MOVE, 0, 0, source, strlen(source), target, strlen(target));
		if (!strcmp(stop, "rename")) syscall(SYS_exit_group, 0);
	}
	pthread_mutex_unlock(&mutex);
	errno = number;
	return bad;
}

int renameat(int from, const char *old, int to, const char *new) { return renameat2(from, old, to, new, 0); }
int rename(const char *old, const char *new) { return renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }
