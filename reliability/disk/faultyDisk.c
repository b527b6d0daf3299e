/*
 * A disk that lies, fails or stops, for one process: a library to preload (LD_PRELOAD) on Linux with glibc.
 *
 * It stands between a program and the calls that change files, and acts on those files alone whose path begins
 * with a prefix. Everything else passes through. `faultyDisk.ts` compiles it, and sets these variables:
 *
 *   FAULTY_DISK_PREFIX    Which files: those whose path begins with it, without `-shm`, which no power cut keeps
 *                         and which is changed through memory. And the directory that they are in.
 *   FAULTY_DISK_LOG       A file to which all that happens is appended: see `struct record`.
 *   FAULTY_DISK_CONTROL   A file that says what goes wrong while it is there, and may be replaced at any time:
 *                         `<call> <what> <number>`. The call is `write`, `sync` or `open`; what happens to it is
 *                         the name of an error, `KILL` (SIGKILL before it) or `TEAR` (SIGKILL in the middle of a
 *                         write). It happens to call `7` alone, or, with `7+`, to that and all that follow,
 *                         counted since this file is there. `sync DELAY 100` makes each sync take 100 ms longer.
 *
 * Each call is made and logged under one lock, so the order of the log is the order in which things happened, and
 * a write that is logged before a sync of its file had ended before that sync began.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The function that this library stands in front of. */
#define NEXT(name) ((__typeof__(&name))next(#name))

/* An entry of the log, in the byte order of the machine; `length` bytes follow it. */
struct record {
  uint32_t op;     /* One of `enum op`. */
  uint32_t file;   /* Number of the file: 1 is the directory, each file that is made gets the next one. */
  uint64_t offset; /* Of a write; the new size of a truncation; else 0. */
  uint32_t length; /* Of what follows: the bytes of a write, the name of what was made or unlinked. */
} __attribute__((packed));

enum op { CREATE = 'C', WRITE = 'W', SYNC = 'S', TRUNCATE = 'T', UNLINK = 'U' };

enum { NO_FILE = 0, DIRECTORY = 1, MAX_FDS = 65536, MAX_FILES = 4096 };

/* What may happen other than an error, which is its errno. */
enum { NOTHING = 0, KILL = -1, TEAR = -2, DELAY = -3 };

static const struct { const char *name; int code; } outcomes[] = {
  {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EROFS", EROFS}, {"EMFILE", EMFILE}, {"KILL", KILL}, {"TEAR", TEAR},
  {"DELAY", DELAY},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *prefix, *control;
static char directory[4096];
static int log_fd = -1;

/* What the control file says, and which file it was. */
static struct { char call[8]; int code; long from, until, count; } fault;
static struct stat control_read;

/* Which file a descriptor is of; NO_FILE: none of ours. */
static uint32_t file_of_fd[MAX_FDS];
/* By number. What is not made in front of us is numbered when it is first opened. */
static struct { dev_t device; ino_t inode; } files[MAX_FILES];
static uint32_t last_file = DIRECTORY;

static void *next(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (!function) abort();
  return function;
}

static void complain(const char *what, const char *value) {
  fprintf(stderr, "faultyDisk: %s makes no sense: %s\n", what, value ? value : "(not set)");
  abort();
}

static void read_fault(const char *text) {
  char what[16] = "", plus = 0;
  int read = sscanf(text, "%7s %15s %ld%c", fault.call, what, &fault.from, &plus);
  fault.code = NOTHING;
  for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++)
    if (!strcmp(outcomes[i].name, what)) fault.code = outcomes[i].code;
  if (read < 3 || fault.code == NOTHING || fault.from < 1) complain("the control file", text);
  fault.until = plus == '+' ? __LONG_MAX__ : fault.from;
  fault.count = 0;
}

static void read_settings(void) {
  prefix = getenv("FAULTY_DISK_PREFIX");
  if (!prefix || !strrchr(prefix, '/') || strlen(prefix) >= sizeof directory) complain("FAULTY_DISK_PREFIX", prefix);
  memcpy(directory, prefix, (size_t)(strrchr(prefix, '/') - prefix));
  control = getenv("FAULTY_DISK_CONTROL");
  const char *log = getenv("FAULTY_DISK_LOG");
  if (!log) return;
  log_fd = NEXT(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (log_fd < 0) complain("FAULTY_DISK_LOG", log);
}

/* Whether a fault is on. Reads the control file when it is another one than before. */
static int is_faulty(void) {
  struct stat found;
  if (!control || stat(control, &found) != 0) return 0;
  int is_same = found.st_ino == control_read.st_ino && found.st_mtim.tv_sec == control_read.st_mtim.tv_sec &&
                found.st_mtim.tv_nsec == control_read.st_mtim.tv_nsec;
  if (is_same) return 1;
  char text[64] = "";
  int fd = NEXT(open)(control, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, text, sizeof text - 1) < 0) complain("the control file", control);
  NEXT(close)(fd);
  read_fault(text);
  control_read = found;
  return 1;
}

/* What is to happen to the call that is about to be made. Does not return when it is KILL. */
static int strike(const char *call) {
  if (!is_faulty() || strcmp(fault.call, call) != 0 || fault.code == DELAY) return NOTHING;
  fault.count += 1;
  if (fault.count < fault.from || fault.count > fault.until) return NOTHING;
  if (fault.code == KILL) raise(SIGKILL);
  return fault.code;
}

/* Outside of the lock, so that other calls go on. */
static void delay(void) {
  pthread_mutex_lock(&lock);
  long ms = is_faulty() && fault.code == DELAY ? fault.from : 0;
  pthread_mutex_unlock(&lock);
  struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
  if (ms > 0) nanosleep(&pause, NULL);
}

static void record(enum op op, uint32_t file, uint64_t offset, const void *bytes, size_t length) {
  if (log_fd < 0) return;
  struct record head = {op, file, offset, (uint32_t)length};
  struct iovec parts[] = {{&head, sizeof head}, {(void *)bytes, length}};
  /* A log with a hole would prove nothing. */
  if (writev(log_fd, parts, 2) != (ssize_t)(sizeof head + length)) abort();
}

static const char *name_in(const char *path) { return strrchr(path, '/') + 1; }

static int is_ours(const char *path) {
  pthread_once(&once, read_settings);
  size_t length = strlen(path);
  if (length > 4 && !strcmp(path + length - 4, "-shm")) return 0;
  return !strncmp(path, prefix, strlen(prefix));
}

static uint32_t file_of(int fd) {
  return fd >= 0 && fd < MAX_FDS ? __atomic_load_n(&file_of_fd[fd], __ATOMIC_ACQUIRE) : NO_FILE;
}

/* Numbers a file. An inode is used again after its file was unlinked, so one that was made is always new. */
static uint32_t number_file(int fd, int is_new) {
  struct stat found;
  if (fstat(fd, &found) != 0) abort();
  for (uint32_t file = last_file; !is_new && file > DIRECTORY; file--)
    if (files[file].inode == found.st_ino && files[file].device == found.st_dev) return file;
  if (++last_file == MAX_FILES) abort();
  files[last_file].device = found.st_dev;
  files[last_file].inode = found.st_ino;
  return last_file;
}

static int open_file(const char *path, int flags, mode_t mode) {
  if (!is_ours(path)) {
    int fd = NEXT(open)(path, flags, mode);
    if (fd >= 0 && fd < MAX_FDS && !strcmp(path, directory)) file_of_fd[fd] = DIRECTORY;
    return fd;
  }
  pthread_mutex_lock(&lock);
  int code = strike("open");
  /* As of a file system that is mounted so. */
  if (code == EROFS && (flags & O_ACCMODE) == O_RDONLY) code = NOTHING;
  int is_new = access(path, F_OK) != 0;
  int fd = code == NOTHING ? NEXT(open)(path, flags, mode) : -1;
  if (fd >= 0) {
    if (fd >= MAX_FDS) abort();
    uint32_t file = number_file(fd, is_new);
    if (is_new) record(CREATE, file, 0, name_in(path), strlen(name_in(path)));
    __atomic_store_n(&file_of_fd[fd], file, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&lock);
  if (code > 0) errno = code;
  return fd;
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_file(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return is_ours(path) ? open_file(path, flags, mode) : NEXT(openat)(at, path, flags, mode);
}

int close(int fd) {
  if (file_of(fd) != NO_FILE) __atomic_store_n(&file_of_fd[fd], NO_FILE, __ATOMIC_RELEASE);
  return NEXT(close)(fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  uint32_t file = file_of(fd);
  if (file == NO_FILE) return NEXT(pwrite)(fd, bytes, length, offset);
  pthread_mutex_lock(&lock);
  int code = strike("write");
  ssize_t written = -1;
  if (code == NOTHING || code == TEAR) written = NEXT(pwrite)(fd, bytes, code == TEAR ? length / 2 : length, offset);
  if (written > 0) record(WRITE, file, (uint64_t)offset, bytes, (size_t)written);
  if (code == TEAR) raise(SIGKILL);
  int error = code == NOTHING ? errno : code;
  pthread_mutex_unlock(&lock);
  errno = error;
  return written;
}

/* At the position of the descriptor, which nobody else moves meanwhile. */
ssize_t write(int fd, const void *bytes, size_t length) {
  if (file_of(fd) == NO_FILE) return NEXT(write)(fd, bytes, length);
  off_t offset = lseek(fd, 0, SEEK_CUR);
  ssize_t written = pwrite(fd, bytes, length, offset);
  if (written > 0) lseek(fd, offset + written, SEEK_SET);
  return written;
}

static int sync_file(int fd, int (*sync)(int)) {
  uint32_t file = file_of(fd);
  if (file == NO_FILE) return sync(fd);
  delay();
  pthread_mutex_lock(&lock);
  int code = strike("sync");
  int result = code == NOTHING ? sync(fd) : -1;
  if (result == 0) record(SYNC, file, 0, NULL, 0);
  int error = code == NOTHING ? errno : code;
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int fsync(int fd) { return sync_file(fd, NEXT(fsync)); }

int fdatasync(int fd) { return sync_file(fd, NEXT(fdatasync)); }

int ftruncate(int fd, off_t size) {
  uint32_t file = file_of(fd);
  if (file == NO_FILE) return NEXT(ftruncate)(fd, size);
  pthread_mutex_lock(&lock);
  int result = NEXT(ftruncate)(fd, size);
  if (result == 0) record(TRUNCATE, file, (uint64_t)size, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int unlink(const char *path) {
  if (!is_ours(path)) return NEXT(unlink)(path);
  pthread_mutex_lock(&lock);
  int result = NEXT(unlink)(path);
  if (result == 0) record(UNLINK, DIRECTORY, 0, name_in(path), strlen(name_in(path)));
  pthread_mutex_unlock(&lock);
  return result;
}

/* The same functions under the names that programs call which know of large files. */
int open64(const char *path, int flags, ...) __attribute__((alias("open")));
int openat64(int at, const char *path, int flags, ...) __attribute__((alias("openat")));
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) __attribute__((alias("pwrite")));
int ftruncate64(int fd, off64_t size) __attribute__((alias("ftruncate")));
