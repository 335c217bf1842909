// fd_*. Descriptor 3 is a directory that holds `dir/a` and `dir/b`.
#include "p1.h"

static fd_t open_at(const char *path, uint32_t oflags, uint64_t rights, uint32_t fdflags) {
    fd_t fd = NO_FD;
    errno_t code = path_open(3, FOLLOW, path, length_of(path), oflags, rights, RIGHTS_ALL, fdflags, &fd);
    put("open "), put(path), put(": "), put_errno(code), end_line();
    return fd;
}

static errno_t read_fd(fd_t fd) {
    char bytes[64];
    iovec into = {bytes, sizeof bytes};
    uint32_t count = 0;
    errno_t code = fd_read(fd, &into, 1, &count);
    if (!code) print_text("read", bytes, count);
    return code;
}

static errno_t write_fd(fd_t fd, const char *text) {
    ciovec from = {text, length_of(text)};
    uint32_t count = 0;
    errno_t code = fd_write(fd, &from, 1, &count);
    if (!code) print_number("wrote", count);
    return code;
}

static errno_t pread_fd(fd_t fd, uint64_t offset) {
    char bytes[64];
    iovec into = {bytes, sizeof bytes};
    uint32_t count = 0;
    errno_t code = fd_pread(fd, &into, 1, offset, &count);
    if (!code) print_text("read", bytes, count);
    return code;
}

static errno_t pwrite_fd(fd_t fd, const char *text, uint64_t offset) {
    ciovec from = {text, length_of(text)};
    uint32_t count = 0;
    errno_t code = fd_pwrite(fd, &from, 1, offset, &count);
    if (!code) print_number("wrote", count);
    return code;
}

static errno_t seek_fd(fd_t fd, int64_t offset, uint32_t whence) {
    uint64_t at = 0;
    errno_t code = fd_seek(fd, offset, whence, &at);
    if (!code) print_number("at", at);
    return code;
}

static errno_t tell_fd(fd_t fd) {
    uint64_t at = 0;
    errno_t code = fd_tell(fd, &at);
    if (!code) print_number("at", at);
    return code;
}

static errno_t stat_fd(fd_t fd) {
    filestat stat = {0};
    errno_t code = fd_filestat_get(fd, &stat);
    if (!code) {
        print_number("filetype", stat.filetype);
        if (stat.filetype == 4) print_number("size", stat.size), print_number("nlink", stat.nlink);
    }
    return code;
}

static errno_t fdstat_fd(fd_t fd) {
    fdstat stat = {0};
    errno_t code = fd_fdstat_get(fd, &stat);
    if (!code) {
        print_number("filetype", stat.filetype);
        print_number("flags", stat.flags);
        print_number("base rights", stat.rights_base);
        print_number("inheriting rights", stat.rights_inheriting);
    }
    return code;
}

static void streams(void) {
    print("# standard streams");
    ciovec parts[3] = {{"three ", 6}, {0, 0}, {"parts\n", 6}};
    uint32_t count = 0;
    // As much as the engine likes, at least the first part; the rest after it.
    errno_t code = fd_write(1, parts, 3, &count);
    if (count < 12) put_bytes(&"three parts\n"[count], 12 - count);
    print_number("at least a part", count >= 6);
    put("fd_write of parts: "), put_errno(code), end_line();
    CALL(fd_write(1, parts, 0, &count));
    print_number("wrote", count);
    CALL(write_fd(0, "x"));
    CALL(read_fd(1));
    char one[4], two[4];
    iovec into[3] = {{one, 4}, {one, 0}, {two, 4}};
    // As much as the engine likes again, then all the rest.
    CALL(fd_read(0, into, 3, &count));
    print_text("first", one, 4);
    uint32_t all = count;
    while (count) {
        if (fd_read(0, into, 3, &count)) __builtin_trap();
        all += count;
    }
    print_number("all", all);
    CALL(read_fd(0));
    CALL(read_fd(0));
    for (fd_t fd = 0; fd < 3; fd++) {
        fdstat stat;
        CALL(fd_fdstat_get(fd, &stat));
        CALL(seek_fd(fd, 0, WHENCE_CUR));
        CALL(tell_fd(fd));
        filestat file;
        CALL(fd_filestat_get(fd, &file));
    }
    CALL(pread_fd(0, 0));
    CALL(pwrite_fd(1, "x", 0));
    CALL(fd_sync(1));
    CALL(fd_datasync(1));
    CALL(fd_filestat_set_size(1, 0));
    CALL(fd_advise(1, 0, 0, 0));
}

static void preopens(void) {
    print("# preopened directories");
    char name[32];
    prestat stat = {9, 99};
    if (CALL(fd_prestat_get(3, &stat))) {
        print_number("tag", stat.tag);
        print_number("length", stat.name_length);
    }
    if (CALL(fd_prestat_dir_name(3, name, stat.name_length))) print_text("name", name, stat.name_length);
    CALL(fd_prestat_dir_name(3, name, stat.name_length - 1));
    CALL(fd_prestat_dir_name(3, name, stat.name_length + 5));
    CALL(fd_prestat_get(0, &stat));
    CALL(fd_prestat_get(4, &stat));
    CALL(fd_prestat_dir_name(4, name, sizeof name));
    fd_t fd = open_at("dir", DIRECTORY, RIGHTS_DIR, 0);
    CALL(fd_prestat_get(fd, &stat));
    CALL(fd_prestat_dir_name(fd, name, sizeof name));
    CALL(fd_close(fd));
    CALL(fdstat_fd(3));
    CALL(stat_fd(3));
}

static void file(void) {
    print("# a file");
    fd_t fd = open_at("file", CREAT | EXCL, RIGHTS_ALL, 0);
    print_number("descriptor", fd);
    CALL(fdstat_fd(fd));
    CALL(stat_fd(fd));
    CALL(write_fd(fd, "0123456789"));
    CALL(tell_fd(fd));
    CALL(read_fd(fd));
    CALL(seek_fd(fd, 2, WHENCE_SET));
    CALL(seek_fd(fd, 3, WHENCE_CUR));
    CALL(read_fd(fd));
    CALL(seek_fd(fd, -4, WHENCE_END));
    CALL(write_fd(fd, "ab"));
    CALL(read_fd(fd));
    CALL(seek_fd(fd, -11, WHENCE_END));
    CALL(seek_fd(fd, -1, WHENCE_SET));
    CALL(tell_fd(fd));
    CALL(pread_fd(fd, 5));
    CALL(pread_fd(fd, 100));
    CALL(pread_fd(fd, ~0ull));
    CALL(pwrite_fd(fd, "XYZ", 9));
    CALL(tell_fd(fd));
    CALL(stat_fd(fd));
    CALL(fd_filestat_set_size(fd, 4));
    CALL(seek_fd(fd, 0, WHENCE_SET));
    CALL(read_fd(fd));
    CALL(fd_filestat_set_size(fd, 6));
    CALL(stat_fd(fd));
    CALL(fd_filestat_set_size(fd, ~0ull));
    CALL(fd_allocate(fd, 0, 8));
    CALL(fd_allocate(fd, 0, 0));
    CALL(fd_sync(fd));
    CALL(fd_datasync(fd));
    for (uint32_t advice = 0; advice < 6; advice++) CALL(fd_advise(fd, 0, 10, advice));
    uint64_t time = 1000000000000000000ull;
    filestat stat;
    CALL(fd_filestat_set_times(fd, time, time + 5000000000, SET_ATIM | SET_MTIM));
    CALL(fd_filestat_get(fd, &stat));
    print_number("atim", stat.atim);
    print_number("mtim", stat.mtim);
    CALL(fd_filestat_set_times(fd, 0, time, SET_MTIM));
    CALL(fd_filestat_get(fd, &stat));
    print_number("atim", stat.atim);
    print_number("mtim", stat.mtim);
    CALL(fd_filestat_set_times(fd, 0, 0, SET_MTIM_NOW | SET_ATIM_NOW));
    CALL(fd_filestat_get(fd, &stat));
    print_number("later", stat.atim > time && stat.mtim > time);
    CALL(fd_filestat_set_times(fd, 0, 0, SET_ATIM | SET_ATIM_NOW));
    CALL(fd_filestat_set_times(fd, 0, 0, SET_MTIM | SET_MTIM_NOW));
    CALL(fd_filestat_set_times(fd, 0, 0, 0));
    CALL(fd_close(fd));
    CALL(fd_close(fd));
}

static void flags(void) {
    print("# flags");
    fd_t fd = open_at("flags", CREAT, RIGHTS_ALL, APPEND);
    CALL(fdstat_fd(fd));
    CALL(write_fd(fd, "first"));
    CALL(seek_fd(fd, 0, WHENCE_SET));
    CALL(write_fd(fd, " second"));
    CALL(pread_fd(fd, 0));
    CALL(pwrite_fd(fd, "P", 0));
    CALL(pread_fd(fd, 0));
    CALL(fd_fdstat_set_flags(fd, 0));
    CALL(seek_fd(fd, 0, WHENCE_SET));
    CALL(write_fd(fd, "F"));
    CALL(pread_fd(fd, 0));
    CALL(fd_fdstat_set_flags(fd, APPEND));
    CALL(write_fd(fd, "!"));
    CALL(pread_fd(fd, 0));
    CALL(fd_fdstat_set_flags(fd, NONBLOCK));
    CALL(fd_fdstat_set_flags(fd, SYNC));
    CALL(fd_fdstat_set_flags(fd, DSYNC));
    CALL(fd_fdstat_set_flags(fd, RSYNC));
    CALL(fd_fdstat_set_flags(1, APPEND));
    CALL(fd_fdstat_set_flags(3, APPEND));
    CALL(fd_close(fd));
    for (uint32_t at = 0; at < 5; at++) {
        fd = open_at("flags", 0, RIGHTS_ALL, 1u << at);
        if (fd != NO_FD) {
            fdstat stat;
            CALL(fd_fdstat_get(fd, &stat));
            print_number("flags", stat.flags);
            CALL(fd_close(fd));
        }
    }
}

static void rights(void) {
    print("# rights");
    fd_t fd = open_at("file", 0, RIGHT_READ | RIGHT_SEEK, 0);
    CALL(fdstat_fd(fd));
    CALL(write_fd(fd, "x"));
    CALL(pwrite_fd(fd, "x", 0));
    CALL(fd_filestat_set_size(fd, 0));
    CALL(fd_allocate(fd, 0, 100));
    CALL(seek_fd(fd, 0, WHENCE_SET));
    CALL(fd_fdstat_set_rights(fd, RIGHT_READ, 0));
    CALL(fd_fdstat_set_rights(fd, RIGHTS_ALL, 0));
    CALL(seek_fd(fd, 0, WHENCE_SET));
    CALL(fd_close(fd));
    fd = open_at("file", 0, RIGHT_WRITE, 0);
    CALL(read_fd(fd));
    CALL(pread_fd(fd, 0));
    CALL(seek_fd(fd, 0, WHENCE_SET));
    CALL(fd_close(fd));
    fd = open_at("file", 0, 0, 0);
    CALL(fdstat_fd(fd));
    CALL(read_fd(fd));
    CALL(write_fd(fd, "x"));
    CALL(fd_close(fd));
}

static void directory(void) {
    print("# a directory");
    fd_t fd = open_at("dir", DIRECTORY, RIGHTS_DIR, 0);
    CALL(fdstat_fd(fd));
    CALL(stat_fd(fd));
    CALL(read_fd(fd));
    CALL(write_fd(fd, "x"));
    CALL(pread_fd(fd, 0));
    CALL(pwrite_fd(fd, "x", 0));
    CALL(seek_fd(fd, 0, WHENCE_SET));
    CALL(tell_fd(fd));
    CALL(fd_filestat_set_size(fd, 0));
    CALL(fd_allocate(fd, 0, 1));
    CALL(fd_advise(fd, 0, 0, 0));
    CALL(fd_sync(fd));
    CALL(fd_datasync(fd));

    // All at once, then one at a time, each from the cookie of the last.
    static char buffer[1024];
    uint32_t used = 0;
    CALL(fd_readdir(fd, buffer, sizeof buffer, 0, &used));
    uint32_t count = 0, known = 0, dots = 0;
    uint64_t inodes[8] = {0}, last = 0;
    for (uint32_t at = 0; at + sizeof(dirent_t) <= used;) {
        dirent_t entry;
        memcpy(&entry, buffer + at, sizeof entry);
        const char *name = buffer + at + sizeof entry;
        if (entry.name_length == 1 && (*name == 'a' || *name == 'b')) known += entry.filetype == 4;
        if (*name == '.') dots += entry.filetype == 3;
        inodes[count++ & 7] = entry.ino;
        last = entry.next;
        at += sizeof entry + entry.name_length;
    }
    print_number("entries", count);
    print_number("files", known);
    print_number("dots", dots);
    CALLED("fd_readdir from the end", fd_readdir(fd, buffer, sizeof buffer, last, &used));
    print_number("used", used);

    uint64_t cookie = 0;
    uint32_t found = 0;
    for (; found < 8; found++) {
        if (fd_readdir(fd, buffer, sizeof(dirent_t) + 2, cookie, &used)) break;
        if (used < sizeof(dirent_t)) break;
        dirent_t entry;
        memcpy(&entry, buffer, sizeof entry);
        if (entry.ino != inodes[found]) print("  another inode");
        cookie = entry.next;
    }
    print_number("one by one", found);
    CALLED("fd_readdir into 10 bytes", fd_readdir(fd, buffer, 10, 0, &used));
    print_number("used", used);
    CALLED("fd_readdir into nothing", fd_readdir(fd, buffer, 0, 0, &used));
    print_number("used", used);
    CALLED("fd_readdir far away", fd_readdir(fd, buffer, sizeof buffer, 1000000, &used));
    print_number("used", used);
    CALL(fd_close(fd));
    fd = open_at("dir/a", 0, RIGHTS_ALL, 0);
    CALLED("fd_readdir of a file", fd_readdir(fd, buffer, sizeof buffer, 0, &used));
    CALL(fd_close(fd));
    CALLED("fd_readdir of stdin", fd_readdir(0, buffer, sizeof buffer, 0, &used));
}

static void renumber(void) {
    print("# numbers");
    fd_t a = open_at("dir/a", 0, RIGHTS_ALL, 0), b = open_at("dir/b", 0, RIGHTS_ALL, 0);
    print_number("first", a);
    print_number("second", b);
    CALL(fd_renumber(a, b));
    CALL(pread_fd(b, 0));
    CALL(pread_fd(a, 0));
    CALL(fd_renumber(b, b));
    CALL(pread_fd(b, 0));
    CALL(fd_renumber(b, 50));
    CALL(fd_renumber(77, b));
    fd_t next = open_at("dir/b", 0, RIGHTS_ALL, 0);
    print_number("lowest again", next);
    CALL(fd_renumber(next, 2));
    CALL(pread_fd(2, 0));
    CALL(fd_close(2));
    CALL(write_fd(2, "x"));
    next = open_at("dir/b", 0, RIGHTS_ALL, 0);
    print_number("lowest again", next);
    CALL(fd_close(next));
    CALL(fd_renumber(3, b));
    CALL(fd_renumber(b, 3));
    CALL(fd_close(b));
}

static void none(void) {
    print("# no descriptor");
    fd_t fd = 99;
    uint32_t count;
    char buffer[64];
    CALL(fd_advise(fd, 0, 0, 0));
    CALL(fd_allocate(fd, 0, 1));
    CALL(fd_close(fd));
    CALL(fd_datasync(fd));
    CALL(fdstat_fd(fd));
    CALL(fd_fdstat_set_flags(fd, 0));
    CALL(fd_fdstat_set_rights(fd, 0, 0));
    CALL(stat_fd(fd));
    CALL(fd_filestat_set_size(fd, 0));
    CALL(fd_filestat_set_times(fd, 0, 0, 0));
    CALL(pread_fd(fd, 0));
    CALL(pwrite_fd(fd, "x", 0));
    CALL(read_fd(fd));
    CALL(fd_readdir(fd, buffer, sizeof buffer, 0, &count));
    CALL(fd_renumber(fd, 98));
    CALL(seek_fd(fd, 0, WHENCE_SET));
    CALL(fd_sync(fd));
    CALL(tell_fd(fd));
    CALL(write_fd(fd, "x"));
    CALL(fd_close(0xffffffff));
}

START {
    streams();
    preopens();
    file();
    flags();
    rights();
    directory();
    renumber();
    none();
    print("# the end of stdin");
    CALL(fd_close(0));
    CALL(read_fd(0));
    CALL(fd_close(0));
}
