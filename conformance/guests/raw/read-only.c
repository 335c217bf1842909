// Every way to change something in a directory that may only be read:
// descriptor 3, which holds `file`, `link` to it, `empty` and `full/inner`.
#include "p1.h"

static errno_t open_as(const char *path, uint32_t oflags, uint64_t rights, uint32_t fdflags) {
    fd_t fd = NO_FD;
    errno_t code = path_open(3, FOLLOW, path, length_of(path), oflags, rights, RIGHTS_ALL, fdflags, &fd);
    if (!code && fd_close(fd)) __builtin_trap();
    return code;
}

START {
    fd_t fd = NO_FD, dir = NO_FD;
    uint32_t count = 0;
    CALL(open_as("file", 0, RIGHT_READ, 0));
    CALL(open_as("file", 0, RIGHTS_ALL, 0));
    CALL(open_as("file", 0, RIGHT_WRITE, 0));
    CALL(open_as("file", 0, RIGHT_READ | RIGHT_WRITE, 0));
    CALL(open_as("file", 0, RIGHT_READ, APPEND));
    CALL(open_as("file", CREAT, RIGHT_READ, 0));
    CALL(open_as("file", CREAT | EXCL, RIGHT_READ, 0));
    CALL(open_as("file", TRUNC, RIGHT_READ, 0));
    CALL(open_as("file", TRUNC, RIGHT_WRITE, 0));
    CALL(open_as("link", TRUNC, RIGHT_WRITE, 0));
    CALL(open_as("new", CREAT, RIGHT_READ, 0));
    CALL(open_as("new", CREAT, RIGHT_WRITE, 0));
    CALL(open_as("new", CREAT | EXCL, RIGHT_WRITE, 0));
    CALL(open_as("none", 0, RIGHT_WRITE, 0));
    CALL(open_as("empty", DIRECTORY, RIGHTS_DIR, 0));
    CALL(path_create_directory(3, P("new")));
    CALL(path_create_directory(3, P("empty")));
    CALL(path_remove_directory(3, P("empty")));
    CALL(path_remove_directory(3, P("none")));
    CALL(path_unlink_file(3, P("file")));
    CALL(path_unlink_file(3, P("none")));
    CALL(path_rename(3, P("file"), 3, P("new")));
    CALL(path_rename(3, P("none"), 3, P("new")));
    CALL(path_link(3, 0, P("file"), 3, P("new")));
    CALL(path_symlink(P("file"), 3, P("new")));
    CALL(path_filestat_set_times(3, 0, P("file"), 1, 1, SET_ATIM | SET_MTIM));
    CALL(path_filestat_set_times(3, FOLLOW, P("link"), 1, 1, SET_ATIM | SET_MTIM));

    CALLED("open file", path_open(3, 0, P("file"), 0, RIGHT_READ | RIGHT_SEEK, 0, 0, &fd));
    ciovec from = {"x", 1};
    CALL(fd_write(fd, &from, 1, &count));
    CALL(fd_pwrite(fd, &from, 1, 0, &count));
    CALL(fd_allocate(fd, 0, 100));
    CALL(fd_filestat_set_size(fd, 0));
    CALL(fd_filestat_set_times(fd, 1, 1, SET_ATIM | SET_MTIM));
    CALL(fd_fdstat_set_rights(fd, RIGHTS_ALL, RIGHTS_ALL));
    CALL(fd_fdstat_set_flags(fd, APPEND));
    CALL(fd_write(fd, &from, 1, &count));
    CALL(fd_sync(fd));
    CALL(fd_datasync(fd));
    CALL(fd_advise(fd, 0, 0, 0));
    CALL(fd_close(fd));

    CALLED("open full", path_open(3, 0, P("full"), DIRECTORY, RIGHTS_DIR, RIGHTS_ALL, 0, &dir));
    CALLED("open full/inner to write", path_open(dir, 0, P("inner"), 0, RIGHT_WRITE, 0, 0, &fd));
    CALLED("create full/new", path_open(dir, 0, P("new"), CREAT, RIGHT_WRITE, 0, 0, &fd));
    CALL(path_unlink_file(dir, P("inner")));
    CALL(path_create_directory(dir, P("new")));
    CALL(path_rename(dir, P("inner"), dir, P("new")));
    CALL(fd_filestat_set_times(dir, 1, 1, SET_ATIM | SET_MTIM));
    CALL(fd_close(dir));

    // Descriptor 4, where there is one, may be written to.
    CALL(path_rename(4, P("mine"), 3, P("new")));
    CALL(path_rename(3, P("file"), 4, P("new")));
    CALL(path_link(4, 0, P("mine"), 3, P("new")));
    CALL(path_link(3, 0, P("file"), 4, P("new")));

    CALLED("open file", path_open(3, 0, P("file"), 0, RIGHT_READ, 0, 0, &fd));
    char bytes[32];
    iovec into = {bytes, sizeof bytes};
    if (CALL(fd_read(fd, &into, 1, &count))) print_text("read", bytes, count);
    CALL(fd_close(fd));
}
