// Paths that try to leave, or to do harm otherwise: everything that can be done
// with each, beginning at descriptor 3, which holds `file`. What succeeds is
// undone. The paths are the lines of stdin; `\0` and `\\` are a NUL and a
// backslash, `<N*text>` is N times the text. A line is printed for each: the
// error of most calls, then other errors with their calls. The argument is `look`
// or `change`.
#include "p1.h"

static char list[1 << 16], path[1 << 22];
static uint32_t length;
static struct { const char *call; errno_t code; } calls[64];
static uint32_t count;

static errno_t note(const char *call, errno_t code) {
    calls[count].call = call, calls[count].code = code, count++;
    return code;
}

// Appends a name to the path as long as it is used.
static uint32_t below(const char *name) {
    path[length] = '/';
    memcpy(path + length + 1, name, length_of(name));
    return length + 1 + length_of(name);
}

static errno_t open_as(uint32_t lookup, const char *at, uint32_t size, uint32_t oflags, uint64_t rights) {
    fd_t fd = NO_FD;
    errno_t code = path_open(3, lookup, at, size, oflags, rights, 0, 0, &fd);
    if (code) return code;
    char bytes[32];
    iovec into = {bytes, sizeof bytes};
    uint32_t got = 0;
    // What has been reached, so that the secret would be seen.
    if (rights == RIGHT_READ && !fd_read(fd, &into, 1, &got)) print_text("reached", bytes, got);
    if (fd_close(fd)) __builtin_trap();
    return 0;
}

static errno_t stat_of(uint32_t lookup, const char *at, uint32_t size) {
    filestat stat;
    return path_filestat_get(3, lookup, at, size, &stat);
}

static errno_t read_link(const char *at, uint32_t size) {
    char target[256];
    uint32_t got = 0;
    errno_t code = path_readlink(3, at, size, target, sizeof target, &got);
    // None that shows where the directory is outside.
    if (!code && got && target[0] == '/') print_text("absolute", target, got);
    return code;
}

static void look(void) {
    note("open", open_as(FOLLOW, path, length, 0, RIGHT_READ));
    note("open-link", open_as(0, path, length, 0, RIGHT_READ));
    note("open-directory", open_as(FOLLOW, path, length, DIRECTORY, RIGHT_READDIR));
    note("stat", stat_of(FOLLOW, path, length));
    note("stat-link", stat_of(0, path, length));
    note("readlink", read_link(path, length));
    uint32_t size = below("secret");
    note("open-below", open_as(FOLLOW, path, size, 0, RIGHT_READ));
    note("stat-below", stat_of(FOLLOW, path, size));
}

// Calls for which there is a way back, if there is.
static void undone(errno_t code) {
    if (code) note("(undone)", code);
}
#define MADE(call, made, undo) do { if (!note(call, made)) undone(undo); } while (0)
#define OLD P("file")
#define NEW P("got")

static void change(void) {
    note("write", open_as(FOLLOW, path, length, 0, RIGHT_WRITE));
    note("times", path_filestat_set_times(3, FOLLOW, path, length, 1, 1, SET_ATIM | SET_MTIM));
    MADE("create", open_as(FOLLOW, path, length, CREAT | EXCL, RIGHT_WRITE), path_unlink_file(3, path, length));
    MADE("mkdir", path_create_directory(3, path, length), path_remove_directory(3, path, length));
    MADE("symlink", path_symlink(P("x"), 3, path, length), path_unlink_file(3, path, length));
    MADE("link-to", path_link(3, 0, OLD, 3, path, length), path_unlink_file(3, path, length));
    MADE("link-from", path_link(3, 0, path, length, 3, NEW), path_unlink_file(3, NEW));
    MADE("rename-from", path_rename(3, path, length, 3, NEW), path_rename(3, NEW, 3, path, length));

    uint32_t size = below("new");
    MADE("create-below", open_as(FOLLOW, path, size, CREAT | EXCL, RIGHT_WRITE), path_unlink_file(3, path, size));
    MADE("mkdir-below", path_create_directory(3, path, size), path_remove_directory(3, path, size));
    MADE("symlink-below", path_symlink(P("x"), 3, path, size), path_unlink_file(3, path, size));
    MADE("link-below", path_link(3, 0, OLD, 3, path, size), path_unlink_file(3, path, size));
    MADE("rename-below", path_rename(3, OLD, 3, path, size), path_rename(3, path, size, 3, OLD));
    size = below("secret");
    note("cut-below", open_as(FOLLOW, path, size, TRUNC, RIGHT_WRITE));
    note("times-below", path_filestat_set_times(3, FOLLOW, path, size, 1, 1, SET_ATIM | SET_MTIM));
    note("unlink-below", path_unlink_file(3, path, size));
    note("rename-from-below", path_rename(3, path, size, 3, NEW));
    note("link-from-below", path_link(3, 0, path, size, 3, NEW));
    size = below("dir");
    note("rmdir-below", path_remove_directory(3, path, size));

    // A link that leads there.
    if (!note("symlink-there", path_symlink(path, length, 3, NEW))) {
        note("open-there", open_as(FOLLOW, P("got"), 0, RIGHT_READ));
        note("open-below-there", open_as(FOLLOW, P("got/secret"), 0, RIGHT_READ));
        note("write-there", open_as(FOLLOW, P("got"), 0, RIGHT_WRITE));
        note("create-below-there", open_as(FOLLOW, P("got/new"), CREAT | EXCL, RIGHT_WRITE));
        note("mkdir-below-there", path_create_directory(3, P("got/new")));
        note("unlink-below-there", path_unlink_file(3, P("got/secret")));
        if (path_unlink_file(3, NEW)) __builtin_trap();
    }
}

// What there may be no way back from: links may well be removed.
static void destroy(void) {
    uint32_t name = length && path[length - 1] == '/' ? length - 1 : length;
    MADE("rename-to", path_rename(3, OLD, 3, path, length), path_rename(3, path, name, 3, OLD));
    note("unlink", path_unlink_file(3, path, length));
    note("rmdir", path_remove_directory(3, path, length));
}

// The path of a line.
static void understand(const char *text, uint32_t size) {
    length = 0;
    for (uint32_t at = 0; at < size; at++) {
        if (text[at] == '\\') path[length++] = text[++at] == '0' ? 0 : text[at];
        else if (text[at] != '<') path[length++] = text[at];
        else {
            uint32_t times = 0, end;
            while (text[++at] != '*') times = times * 10 + (text[at] - '0');
            for (end = ++at; text[end] != '>';) end++;
            for (; times--; length += end - at) memcpy(path + length, text + at, end - at);
            at = end;
        }
    }
}

static uint32_t number_of(errno_t code) {
    uint32_t number = 0;
    for (uint32_t at = 0; at < count; at++) number += calls[at].code == code;
    return number;
}

static void tell(const char *text, uint32_t size) {
    errno_t most = calls[0].code;
    for (uint32_t at = 0; at < count; at++)
        if (number_of(calls[at].code) > number_of(most)) most = calls[at].code;
    put_bytes(text, size), put(": "), put_errno(most);
    for (uint32_t at = 0; at < count; at++) {
        errno_t code = calls[at].code;
        uint32_t first = 0;
        while (calls[first].code != code) first++;
        if (code == most || first != at) continue;
        put("; "), put_errno(code);
        for (uint32_t other = at; other < count; other++)
            if (calls[other].code == code) put(" "), put(calls[other].call);
    }
    end_line();
}

static void each(const char *what, uint32_t size, void (*call)(void)) {
    print(what);
    for (uint32_t at = 0, end; at < size; at = end + 1) {
        for (end = at; end < size && list[end] != '\n';) end++;
        if (list[at] == '#') continue;
        count = 0;
        understand(list + at, end - at);
        call();
        tell(list + at, end - at);
    }
}

START {
    uint32_t size = 0, got;
    iovec into;
    do {
        into.at = list + size, into.length = sizeof list - size;
        if (fd_read(0, &into, 1, &got)) __builtin_trap();
        size += got;
    } while (got);
    char *argv[2], words[64];
    if (args_get(argv, words)) __builtin_trap();
    if (argv[1][0] == 'l') each("# Looking.", size, look);
    else {
        each("# Changing.", size, change);
        each("# Removing, and putting something else there.", size, destroy);
    }
    print("# In the end.");
    CALL(open_as(0, P("file"), 0, RIGHT_READ));
}
