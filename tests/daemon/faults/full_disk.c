// A full disk, for disk.rs, by LD_PRELOAD: while the file FULL_DISK_WHILE exists, no file below FULL_DISK can become longer
// (ENOSPC). What is written over what is there already succeeds, as on a full disk.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int full(int fd, off64_t end) {
  const char *folder = getenv("FULL_DISK"), *flag = getenv("FULL_DISK_WHILE");
  char link[64], path[PATH_MAX];
  struct stat64 found;
  if (!folder || !flag || access(flag, F_OK) != 0) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) != 0 || fstat64(fd, &found) != 0) return 0;
  return end > found.st_size;
}

static off64_t behind(int fd, size_t count) {
  struct stat64 found;
  if (fcntl(fd, F_GETFL) & O_APPEND) return fstat64(fd, &found) == 0 ? found.st_size + (off64_t)count : 0;
  off64_t at = lseek64(fd, 0, SEEK_CUR);
  return at < 0 ? 0 : at + (off64_t)count;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *bytes, size_t count) {
  REAL(ssize_t, "write", int, const void *, size_t);
  if (full(fd, behind(fd, count))) return errno = ENOSPC, -1;
  return real(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  if (full(fd, at + (off64_t)count)) return errno = ENOSPC, -1;
  return real(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }

int ftruncate64(int fd, off64_t length) {
  REAL(int, "ftruncate64", int, off64_t);
  if (full(fd, length)) return errno = ENOSPC, -1;
  return real(fd, length);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int posix_fallocate64(int fd, off64_t at, off64_t length) {
  REAL(int, "posix_fallocate64", int, off64_t, off64_t);
  return full(fd, at + length) ? ENOSPC : real(fd, at, length);
}

int posix_fallocate(int fd, off_t at, off_t length) { return posix_fallocate64(fd, at, length); }
