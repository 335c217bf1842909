// path_*. Descriptor 3 is an empty directory.
#include "p1.h"

static errno_t open_as(const char *path, uint32_t lookup, uint32_t oflags, uint64_t rights) {
    fd_t fd = NO_FD;
    errno_t code = path_open(3, lookup, path, length_of(path), oflags, rights, RIGHTS_ALL, 0, &fd);
    if (!code) {
        fdstat stat;
        if (fd_fdstat_get(fd, &stat)) __builtin_trap();
        print_number("filetype", stat.filetype);
        if (fd_close(fd)) __builtin_trap();
    }
    return code;
}

static errno_t write_to(const char *path, const char *text) {
    fd_t fd = NO_FD;
    errno_t code = path_open(3, FOLLOW, path, length_of(path), CREAT | TRUNC, RIGHT_WRITE, 0, 0, &fd);
    if (code) return code;
    ciovec from = {text, length_of(text)};
    uint32_t count;
    code = fd_write(fd, &from, 1, &count);
    if (fd_close(fd)) __builtin_trap();
    return code;
}

static errno_t read_from(const char *path) {
    fd_t fd = NO_FD;
    errno_t code = path_open(3, FOLLOW, path, length_of(path), 0, RIGHT_READ, 0, 0, &fd);
    if (code) return code;
    char bytes[64];
    iovec into = {bytes, sizeof bytes};
    uint32_t count = 0;
    code = fd_read(fd, &into, 1, &count);
    if (!code) print_text("read", bytes, count);
    if (fd_close(fd)) __builtin_trap();
    return code;
}

static errno_t stat_of(const char *path, uint32_t lookup) {
    filestat stat;
    errno_t code = path_filestat_get(3, lookup, path, length_of(path), &stat);
    if (!code) {
        print_number("filetype", stat.filetype);
        if (stat.filetype == 4) print_number("size", stat.size), print_number("nlink", stat.nlink);
    }
    return code;
}

static errno_t times_of(const char *path, uint32_t lookup) {
    filestat stat;
    errno_t code = path_filestat_get(3, lookup, path, length_of(path), &stat);
    if (!code) print_number("atim", stat.atim), print_number("mtim", stat.mtim);
    return code;
}

static errno_t target_of(const char *path, uint32_t size) {
    char buffer[64];
    uint32_t count = 0;
    errno_t code = path_readlink(3, path, length_of(path), buffer, size, &count);
    if (!code) print_text("target", buffer, count);
    return code;
}

static errno_t make_dir(const char *path) { return path_create_directory(3, path, length_of(path)); }
static errno_t remove_dir(const char *path) { return path_remove_directory(3, path, length_of(path)); }
static errno_t unlink(const char *path) { return path_unlink_file(3, path, length_of(path)); }
static errno_t rename(const char *old, const char *new) {
    return path_rename(3, old, length_of(old), 3, new, length_of(new));
}
static errno_t hard_link(const char *old, uint32_t lookup, const char *new) {
    return path_link(3, lookup, old, length_of(old), 3, new, length_of(new));
}
static errno_t symlink(const char *target, const char *path) {
    return path_symlink(target, length_of(target), 3, path, length_of(path));
}

static void directories(void) {
    print("# directories");
    CALL(make_dir("d"));
    CALL(make_dir("d"));
    CALL(make_dir("d/e"));
    CALL(make_dir("d/f/"));
    CALL(make_dir("d/none/g"));
    CALL(make_dir("."));
    CALL(make_dir(".."));
    CALL(make_dir(""));
    CALL(make_dir("/"));
    CALL(make_dir("/x"));
    CALL(make_dir("d/../x"));
    CALL(make_dir("d/../../x"));
    CALL(write_to("d/file", "content"));
    CALL(make_dir("d/file"));
    CALL(make_dir("d/file/x"));
    CALL(remove_dir("d"));
    CALL(remove_dir("d/file"));
    CALL(remove_dir("d/e"));
    CALL(remove_dir("d/e"));
    CALL(remove_dir("d/f/"));
    CALL(remove_dir("x"));
    CALL(remove_dir("."));
    CALL(remove_dir("d/.."));
    CALL(remove_dir(""));
    CALL(unlink("d"));
    CALL(unlink("d/"));
}

static void opens(void) {
    print("# open");
    CALL(open_as("d", 0, 0, RIGHTS_ALL));
    CALL(open_as("d", 0, DIRECTORY, RIGHTS_ALL));
    CALL(open_as("d/", 0, 0, RIGHTS_ALL));
    CALL(open_as("d", 0, 0, RIGHT_READ | RIGHT_READDIR));
    CALL(open_as("d", 0, 0, RIGHT_WRITE));
    CALL(open_as("d", 0, CREAT, RIGHT_READ));
    CALL(open_as("d", 0, CREAT | EXCL, RIGHT_READ));
    CALL(open_as("d", 0, TRUNC, RIGHTS_ALL));
    CALL(open_as("d/file", 0, 0, RIGHT_READ));
    CALL(open_as("d/file", 0, DIRECTORY, RIGHT_READ));
    CALL(open_as("d/file/", 0, 0, RIGHT_READ));
    CALL(open_as("d/file/x", 0, 0, RIGHT_READ));
    CALL(open_as("d/file", 0, CREAT | EXCL, RIGHT_WRITE));
    CALL(open_as("d/file", 0, TRUNC, RIGHT_READ));
    CALL(stat_of("d/file", 0));
    CALL(open_as("d/new", 0, CREAT, RIGHT_READ));
    CALL(open_as("d/newer", 0, CREAT | DIRECTORY, RIGHT_READ));
    CALL(open_as("d/newest/", 0, CREAT, RIGHT_READ));
    CALL(open_as("d/none", 0, 0, RIGHT_READ));
    CALL(open_as("d/none", 0, TRUNC, RIGHT_WRITE));
    CALL(open_as(".", 0, 0, RIGHT_READ));
    CALL(open_as("d/.", 0, 0, RIGHT_READ));
    CALL(open_as("d/..", 0, 0, RIGHT_READ));
    CALL(open_as("./d/../d/./file", 0, 0, RIGHT_READ));
    CALL(open_as("", 0, 0, RIGHT_READ));
    CALL(open_as("/", 0, 0, RIGHT_READ));
    CALL(open_as("/d", 0, 0, RIGHT_READ));
    CALL(open_as("..", 0, 0, RIGHT_READ));
    CALL(open_as("../d", 0, 0, RIGHT_READ));
    CALL(open_as("d/../../d", 0, 0, RIGHT_READ));
    CALL(open_as("/etc/passwd", 0, 0, RIGHT_READ));
    fd_t fd = NO_FD;
    CALL(path_open(3, 0, P("d/fi\0le"), 0, RIGHT_READ, 0, 0, &fd));
    CALL(path_open(3, 0, P("d/file\0"), 0, RIGHT_READ, 0, 0, &fd));
    CALL(path_open(99, 0, P("d"), 0, RIGHT_READ, 0, 0, &fd));
    CALL(path_open(1, 0, P("d"), 0, RIGHT_READ, 0, 0, &fd));
    fd_t file = NO_FD, dir = NO_FD;
    CALL(path_open(3, 0, P("d/file"), 0, RIGHT_READ, 0, 0, &file));
    CALL(path_open(file, 0, P("x"), 0, RIGHT_READ, 0, 0, &fd));
    CALL(fd_close(file));
    CALL(path_open(3, 0, P("d"), DIRECTORY, RIGHTS_DIR, RIGHTS_ALL, 0, &dir));
    CALL(path_open(dir, 0, P("file"), 0, RIGHT_READ, 0, 0, &fd));
    CALL(fd_close(fd));
    CALL(path_open(dir, 0, P("../d/file"), 0, RIGHT_READ, 0, 0, &fd));
    CALL(path_open(dir, 0, P(".."), 0, RIGHT_READ, 0, 0, &fd));
    CALL(fd_close(dir));
    static char name[5000];
    for (uint32_t at = 0; at < sizeof name; at++) name[at] = 'x';
    CALL(path_open(3, 0, name, 255, 0, RIGHT_READ, 0, 0, &fd));
    CALL(path_open(3, 0, name, 256, 0, RIGHT_READ, 0, 0, &fd));
    CALL(path_open(3, 0, name, 5000, 0, RIGHT_READ, 0, 0, &fd));
    for (uint32_t at = 1; at < sizeof name; at += 2) name[at] = '/';
    CALL(path_open(3, 0, name, 4999, 0, RIGHT_READ, 0, 0, &fd));
    CALL(unlink("d/new"));
}

static void stats(void) {
    print("# stat");
    CALL(write_to("d/file", "content"));
    CALL(stat_of("d", 0));
    CALL(stat_of("d/file", 0));
    CALL(stat_of("d/file/", 0));
    CALL(stat_of("d/none", 0));
    CALL(stat_of("d/file/x", 0));
    CALL(stat_of("", 0));
    CALL(stat_of(".", 0));
    CALL(stat_of("..", 0));
    CALL(stat_of("/", 0));
    filestat stat;
    CALL(path_filestat_get(99, 0, P("d"), &stat));
    CALL(path_filestat_get(0, 0, P("d"), &stat));
    uint64_t time = 1000000000000000000ull;
    CALL(path_filestat_set_times(3, 0, P("d/file"), time, time + 1000, SET_ATIM | SET_MTIM));
    CALL(times_of("d/file", 0));
    CALL(path_filestat_set_times(3, 0, P("d/file"), 5, 5, SET_MTIM));
    CALL(times_of("d/file", 0));
    CALL(path_filestat_set_times(3, 0, P("d/file"), 5, 5, 0));
    CALL(times_of("d/file", 0));
    CALL(path_filestat_set_times(3, 0, P("d/file"), 0, 0, SET_ATIM_NOW | SET_MTIM_NOW));
    CALL(path_filestat_get(3, 0, P("d/file"), &stat));
    print_number("later", stat.atim > time && stat.mtim > time);
    CALL(path_filestat_set_times(3, 0, P("d/file"), 0, 0, SET_ATIM | SET_ATIM_NOW));
    CALL(path_filestat_set_times(3, 0, P("d/file"), 0, 0, SET_MTIM | SET_MTIM_NOW));
    CALL(path_filestat_set_times(3, 0, P("d/none"), 0, 0, SET_ATIM));
    CALL(path_filestat_set_times(99, 0, P("d"), 0, 0, SET_ATIM));
    CALL(path_filestat_set_times(3, 0, P("../x"), 0, 0, SET_ATIM));
}

static void symlinks(void) {
    print("# symbolic links");
    CALL(symlink("file", "d/link"));
    CALL(symlink("file", "d/link"));
    CALL(symlink("none", "d/broken"));
    CALL(symlink("loop", "d/loop"));
    CALL(symlink("d", "to-dir"));
    CALL(symlink("../../x", "d/out"));
    CALL(symlink("/etc/passwd", "d/absolute"));
    CALL(symlink("/", "d/top"));
    CALL(symlink("", "d/empty"));
    CALL(symlink("x", ""));
    CALL(symlink("x", "none/x"));
    CALL(symlink("x", "../x"));
    CALL(symlink("x", "/x"));
    CALL(symlink("x", "d/x/"));
    CALL(path_symlink(P("a\0b"), 3, P("d/nul")));
    CALL(path_symlink(P("x"), 99, P("x")));
    CALL(target_of("d/link", 64));
    CALL(target_of("d/link", 2));
    CALL(target_of("d/link", 0));
    CALL(target_of("d/absolute", 64));
    CALL(target_of("d/out", 64));
    CALL(target_of("d/file", 64));
    CALL(target_of("d", 64));
    CALL(target_of("d/none", 64));
    CALL(target_of("to-dir/link", 64));
    CALL(target_of("d/link/", 64));
    CALL(target_of("../x", 64));
    CALL(open_as("d/link", 0, 0, RIGHT_READ));
    CALL(open_as("d/link", FOLLOW, 0, RIGHT_READ));
    CALL(open_as("d/broken", FOLLOW, 0, RIGHT_READ));
    CALL(open_as("d/broken", FOLLOW, CREAT | EXCL, RIGHT_READ));
    CALL(open_as("d/loop", FOLLOW, 0, RIGHT_READ));
    CALL(open_as("d/loop", 0, 0, RIGHT_READ));
    CALL(open_as("to-dir", 0, DIRECTORY, RIGHT_READ));
    CALL(open_as("to-dir", FOLLOW, DIRECTORY, RIGHT_READ));
    CALL(open_as("to-dir/", 0, 0, RIGHT_READ));
    CALL(open_as("to-dir/file", 0, 0, RIGHT_READ));
    CALL(open_as("to-dir/../d/file", 0, 0, RIGHT_READ));
    CALL(open_as("d/out", FOLLOW, 0, RIGHT_READ));
    CALL(open_as("d/out", FOLLOW, CREAT, RIGHT_WRITE));
    CALL(open_as("d/absolute", FOLLOW, 0, RIGHT_READ));
    CALL(open_as("d/top", FOLLOW, 0, RIGHT_READ));
    CALL(open_as("d/top/etc", FOLLOW, 0, RIGHT_READ));
    CALL(open_as("d/link/x", FOLLOW, 0, RIGHT_READ));
    CALL(read_from("d/link"));
    CALL(write_to("d/link", "by link"));
    CALL(read_from("d/file"));
    CALL(stat_of("d/link", 0));
    CALL(stat_of("d/link", FOLLOW));
    CALL(stat_of("d/broken", 0));
    CALL(stat_of("d/broken", FOLLOW));
    CALL(stat_of("d/loop", FOLLOW));
    CALL(stat_of("d/absolute", 0));
    CALL(stat_of("d/absolute", FOLLOW));
    uint64_t time = 1000000000000000000ull;
    CALL(path_filestat_set_times(3, FOLLOW, P("d/link"), time, time, SET_ATIM | SET_MTIM));
    CALL(times_of("d/file", 0));
    CALL(path_filestat_set_times(3, 0, P("d/link"), 7000000000, 7000000000, SET_ATIM | SET_MTIM));
    CALL(times_of("d/link", 0));
    CALL(times_of("d/file", 0));
    CALL(path_filestat_set_times(3, FOLLOW, P("d/broken"), 0, 0, SET_ATIM));
    CALL(make_dir("d/broken"));
    CALL(make_dir("d/link"));
    CALL(remove_dir("to-dir"));
    CALL(remove_dir("to-dir/"));
    CALL(unlink("to-dir/"));
}

static void names(void) {
    print("# hard links, rename, unlink");
    CALL(hard_link("d/file", 0, "d/second"));
    CALL(stat_of("d/second", 0));
    CALL(hard_link("d/file", 0, "d/second"));
    CALL(hard_link("d/none", 0, "d/third"));
    CALL(hard_link("d", 0, "d2"));
    CALL(hard_link("d/link", 0, "d/second-link"));
    CALL(stat_of("d/second-link", 0));
    CALL(hard_link("d/link", FOLLOW, "d/followed"));
    CALL(hard_link("d/file", 0, "../x"));
    CALL(hard_link("../x", 0, "x"));
    CALL(hard_link("d/file", 0, "x/"));
    CALL(hard_link("d/file", 0, ""));
    CALL(path_link(99, 0, P("x"), 3, P("y")));
    CALL(path_link(3, 0, P("d/file"), 99, P("y")));
    CALL(write_to("d/second", "by second"));
    CALL(read_from("d/file"));

    CALL(rename("d/second", "moved"));
    CALL(rename("d/second", "moved"));
    CALL(read_from("moved"));
    CALL(rename("moved", "moved"));
    CALL(rename("moved", "d/file"));
    CALL(stat_of("moved", 0));
    CALL(unlink("moved"));
    CALL(write_to("other", "other"));
    CALL(rename("other", "d/file"));
    CALL(read_from("d/file"));
    CALL(make_dir("e"));
    CALL(make_dir("full"));
    CALL(write_to("full/x", "x"));
    CALL(rename("d/file", "e"));
    CALL(rename("e", "d/file"));
    CALL(rename("e", "full"));
    CALL(rename("full", "e"));
    CALL(read_from("e/x"));
    CALL(rename("e", "e/below"));
    CALL(rename("e", "e2/"));
    CALL(rename("d/file", "d/file2/"));
    CALL(rename("d/file/", "d/file2"));
    CALL(rename("d/link", "d/link2"));
    CALL(stat_of("d/link2", 0));
    CALL(rename("d/file", "../x"));
    CALL(rename("../x", "d/file"));
    CALL(rename(".", "dot"));
    CALL(rename("", "x"));
    CALL(rename("d/file", ""));
    CALL(path_rename(99, P("x"), 3, P("y")));
    CALL(path_rename(3, P("d/file"), 99, P("y")));

    CALL(unlink("d/none"));
    CALL(unlink("d/file/"));
    CALL(unlink("d/file"));
    CALL(unlink("d/file"));
    CALL(unlink("d/link2"));
    CALL(unlink("d/broken"));
    CALL(unlink("d/loop"));
    CALL(unlink("d/out"));
    CALL(unlink("d/absolute"));
    CALL(unlink("../x"));
    CALL(unlink(""));
    CALL(unlink("."));
    CALL(path_unlink_file(99, P("x")));
    CALL(path_remove_directory(99, P("x")));
    CALL(path_create_directory(99, P("x")));
    char buffer[8];
    uint32_t count;
    CALL(path_readlink(99, P("x"), buffer, 8, &count));

    // A file stays as long as it is open.
    fd_t fd = NO_FD;
    CALL(write_to("last", "still here"));
    CALL(path_open(3, 0, P("last"), 0, RIGHT_READ, 0, 0, &fd));
    CALL(unlink("last"));
    char bytes[16];
    iovec into = {bytes, sizeof bytes};
    if (CALL(fd_read(fd, &into, 1, &count))) print_text("read", bytes, count);
    filestat stat;
    if (CALL(fd_filestat_get(fd, &stat))) print_number("nlink", stat.nlink);
    CALL(fd_close(fd));
}

START {
    directories();
    opens();
    stats();
    symlinks();
    names();
}
