// WASI 0.1 (`wasi_snapshot_preview1`) without a C library: its functions as
// they are imported, its types, and just enough to print what they return.
#include <stdint.h>

typedef uint16_t errno_t;
typedef uint32_t fd_t;

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(#name))) extern

typedef struct { const void *at; uint32_t length; } ciovec;
typedef struct { void *at; uint32_t length; } iovec;
typedef struct { uint8_t filetype; uint16_t flags; uint64_t rights_base, rights_inheriting; } fdstat;
typedef struct { uint64_t dev, ino; uint8_t filetype; uint64_t nlink, size, atim, mtim, ctim; } filestat;
typedef struct { uint8_t tag; uint32_t name_length; } prestat;
typedef struct { uint64_t next, ino; uint32_t name_length; uint8_t filetype; } dirent_t;
typedef struct {
    uint64_t userdata;
    uint8_t tag;
    union {
        struct { uint32_t id; uint64_t timeout, precision; uint16_t flags; } clock;
        struct { fd_t fd; } io;
    };
} subscription;
typedef struct { uint64_t userdata; errno_t error; uint8_t type; uint64_t nbytes; uint16_t flags; } event;
_Static_assert(sizeof(subscription) == 48 && sizeof(event) == 32, "as in the specification");
_Static_assert(sizeof(filestat) == 64 && sizeof(dirent_t) == 24 && sizeof(fdstat) == 24, "as in the specification");

WASI(args_get) errno_t args_get(char **argv, char *buffer);
WASI(args_sizes_get) errno_t args_sizes_get(uint32_t *count, uint32_t *size);
WASI(environ_get) errno_t environ_get(char **environ, char *buffer);
WASI(environ_sizes_get) errno_t environ_sizes_get(uint32_t *count, uint32_t *size);
WASI(clock_res_get) errno_t clock_res_get(uint32_t id, uint64_t *out);
WASI(clock_time_get) errno_t clock_time_get(uint32_t id, uint64_t precision, uint64_t *out);
WASI(fd_advise) errno_t fd_advise(fd_t fd, uint64_t offset, uint64_t length, uint32_t advice);
WASI(fd_allocate) errno_t fd_allocate(fd_t fd, uint64_t offset, uint64_t length);
WASI(fd_close) errno_t fd_close(fd_t fd);
WASI(fd_datasync) errno_t fd_datasync(fd_t fd);
WASI(fd_fdstat_get) errno_t fd_fdstat_get(fd_t fd, fdstat *out);
WASI(fd_fdstat_set_flags) errno_t fd_fdstat_set_flags(fd_t fd, uint32_t flags);
WASI(fd_fdstat_set_rights) errno_t fd_fdstat_set_rights(fd_t fd, uint64_t base, uint64_t inheriting);
WASI(fd_filestat_get) errno_t fd_filestat_get(fd_t fd, filestat *out);
WASI(fd_filestat_set_size) errno_t fd_filestat_set_size(fd_t fd, uint64_t size);
WASI(fd_filestat_set_times) errno_t fd_filestat_set_times(fd_t fd, uint64_t atim, uint64_t mtim, uint32_t flags);
WASI(fd_pread) errno_t fd_pread(fd_t fd, const iovec *parts, uint32_t count, uint64_t offset, uint32_t *out);
WASI(fd_prestat_get) errno_t fd_prestat_get(fd_t fd, prestat *out);
WASI(fd_prestat_dir_name) errno_t fd_prestat_dir_name(fd_t fd, char *path, uint32_t length);
WASI(fd_pwrite) errno_t fd_pwrite(fd_t fd, const ciovec *parts, uint32_t count, uint64_t offset, uint32_t *out);
WASI(fd_read) errno_t fd_read(fd_t fd, const iovec *parts, uint32_t count, uint32_t *out);
WASI(fd_readdir) errno_t fd_readdir(fd_t fd, void *buffer, uint32_t length, uint64_t cookie, uint32_t *out);
WASI(fd_renumber) errno_t fd_renumber(fd_t from, fd_t to);
WASI(fd_seek) errno_t fd_seek(fd_t fd, int64_t offset, uint32_t whence, uint64_t *out);
WASI(fd_sync) errno_t fd_sync(fd_t fd);
WASI(fd_tell) errno_t fd_tell(fd_t fd, uint64_t *out);
WASI(fd_write) errno_t fd_write(fd_t fd, const ciovec *parts, uint32_t count, uint32_t *out);
// Each path as its address and length.
#define PATH(name) const char *name, uint32_t name##_length
WASI(path_create_directory) errno_t path_create_directory(fd_t fd, PATH(path));
WASI(path_filestat_get) errno_t path_filestat_get(fd_t fd, uint32_t lookup, PATH(path), filestat *out);
WASI(path_filestat_set_times)
errno_t path_filestat_set_times(fd_t fd, uint32_t lookup, PATH(path), uint64_t atim, uint64_t mtim, uint32_t flags);
WASI(path_link) errno_t path_link(fd_t from, uint32_t lookup, PATH(old), fd_t to, PATH(new));
WASI(path_open)
errno_t path_open(fd_t fd, uint32_t lookup, PATH(path), uint32_t oflags, uint64_t base, uint64_t inheriting,
                  uint32_t fdflags, fd_t *out);
WASI(path_readlink) errno_t path_readlink(fd_t fd, PATH(path), char *buffer, uint32_t length, uint32_t *out);
WASI(path_remove_directory) errno_t path_remove_directory(fd_t fd, PATH(path));
WASI(path_rename) errno_t path_rename(fd_t from, PATH(old), fd_t to, PATH(new));
WASI(path_symlink) errno_t path_symlink(PATH(target), fd_t fd, PATH(path));
WASI(path_unlink_file) errno_t path_unlink_file(fd_t fd, PATH(path));
WASI(poll_oneoff) errno_t poll_oneoff(const subscription *in, event *out, uint32_t count, uint32_t *ready);
WASI(proc_exit) _Noreturn void proc_exit(uint32_t code);
WASI(proc_raise) errno_t proc_raise(uint32_t signal);
WASI(sched_yield) errno_t sched_yield(void);
WASI(random_get) errno_t random_get(void *buffer, uint32_t length);
WASI(sock_accept) errno_t sock_accept(fd_t fd, uint32_t flags, fd_t *out);
WASI(sock_recv)
errno_t sock_recv(fd_t fd, const iovec *parts, uint32_t count, uint32_t flags, uint32_t *out, uint16_t *out_flags);
WASI(sock_send) errno_t sock_send(fd_t fd, const ciovec *parts, uint32_t count, uint32_t flags, uint32_t *out);
WASI(sock_shutdown) errno_t sock_shutdown(fd_t fd, uint32_t how);

enum { RIGHT_READ = 1 << 1, RIGHT_SEEK = 1 << 2, RIGHT_WRITE = 1 << 6, RIGHT_READDIR = 1 << 14 };
#define RIGHTS_ALL 0x1fffffffull
// What is asked for directories: some engines take a write for a mistake there.
#define RIGHTS_DIR (RIGHTS_ALL & ~(uint64_t)RIGHT_WRITE)
#define NO_FD 0xffffffu
enum { APPEND = 1, DSYNC = 2, NONBLOCK = 4, RSYNC = 8, SYNC = 16 };
enum { CREAT = 1, DIRECTORY = 2, EXCL = 4, TRUNC = 8 };
enum { FOLLOW = 1 };
enum { SET_ATIM = 1, SET_ATIM_NOW = 2, SET_MTIM = 4, SET_MTIM_NOW = 8 };
enum { WHENCE_SET, WHENCE_CUR, WHENCE_END };
enum { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS, CLOCK_THREAD };
enum { ON_CLOCK, ON_READ, ON_WRITE };

static const char *const errnos[] = {
    "success", "2big", "acces", "addrinuse", "addrnotavail", "afnosupport", "again", "already", "badf", "badmsg",
    "busy", "canceled", "child", "connaborted", "connrefused", "connreset", "deadlk", "destaddrreq", "dom", "dquot",
    "exist", "fault", "fbig", "hostunreach", "idrm", "ilseq", "inprogress", "intr", "inval", "io", "isconn", "isdir",
    "loop", "mfile", "mlink", "msgsize", "multihop", "nametoolong", "netdown", "netreset", "netunreach", "nfile",
    "nobufs", "nodev", "noent", "noexec", "nolck", "nolink", "nomem", "nomsg", "noprotoopt", "nospc", "nosys",
    "notconn", "notdir", "notempty", "notrecoverable", "notsock", "notsup", "notty", "nxio", "overflow", "ownerdead",
    "perm", "pipe", "proto", "protonosupport", "prototype", "range", "rofs", "spipe", "srch", "stale", "timedout",
    "txtbsy", "xdev", "notcapable",
};

// Printing. Everything goes out at once at the end of a line.
static char line[4096];
static uint32_t filled;

static inline void put_bytes(const char *text, uint32_t length) {
    for (uint32_t at = 0; at < length && filled < sizeof line; at++) line[filled++] = text[at];
}

static inline uint32_t length_of(const char *text) {
    uint32_t length = 0;
    while (text[length]) length++;
    return length;
}

static inline void put(const char *text) { put_bytes(text, length_of(text)); }

static inline void put_number(uint64_t number) {
    char digits[20];
    uint32_t at = sizeof digits;
    do digits[--at] = '0' + number % 10;
    while (number /= 10);
    put_bytes(digits + at, sizeof digits - at);
}

static inline void put_errno(errno_t code) {
    if (code < sizeof errnos / sizeof *errnos) put(errnos[code]);
    else put_number(code);
}

static inline void end_line(void) {
    put("\n");
    uint32_t wrote;
    for (uint32_t at = 0; at < filled; at += wrote) {
        ciovec rest = {line + at, filled - at};
        if (fd_write(1, &rest, 1, &wrote)) __builtin_trap();
    }
    filled = 0;
}

static inline void print(const char *text) { put(text), end_line(); }

static inline void print_number(const char *what, uint64_t number) {
    put("  "), put(what), put(" "), put_number(number), end_line();
}

static inline void print_text(const char *what, const char *text, uint32_t length) {
    put("  "), put(what), put(" [");
    for (uint32_t at = 0; at < length; at++) {
        uint8_t byte = text[at];
        if (byte >= 32 && byte < 127) put_bytes(text + at, 1);
        else put("\\"), put_number(byte);
    }
    put("]"), end_line();
}

static inline int told(const char *what, errno_t code) {
    put(what), put(": "), put_errno(code), end_line();
    return code == 0;
}

// Makes a call, prints it with its error, and is true where it had none.
#define CALL(call) told(#call, call)
// The same for long calls, under a name.
#define CALLED(name, call) told(name, call)
// Two words of C for one path.
#define P(text) text, sizeof(text) - 1

static inline int same(const void *a, const void *b, uint32_t length) {
    const char *x = a, *y = b;
    for (uint32_t at = 0; at < length; at++)
        if (x[at] != y[at]) return 0;
    return 1;
}

#define START __attribute__((export_name("_start"))) void start(void)

// The compiler makes calls of these.
void *memset(void *to, int byte, unsigned long length) {
    for (volatile char *at = to; length--;) *at++ = byte;
    return to;
}
void *memcpy(void *restrict to, const void *restrict from, unsigned long length) {
    const char *in = from;
    for (volatile char *at = to; length--;) *at++ = *in++;
    return to;
}
