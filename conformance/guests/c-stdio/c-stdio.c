// What a C program does with WASI through its C library. The first argument
// names the test; what it prints is the same on every run. Errors are printed
// by their names. A check that fails ends it with a message and code 1.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static const char *name_of(int code) {
    switch (code) {
    case 0: return "0";
#define NAME(code) \
    case code: return #code;
        NAME(EACCES) NAME(EBADF) NAME(EBUSY) NAME(EEXIST) NAME(EFAULT) NAME(EFBIG) NAME(EILSEQ)
        NAME(EINVAL) NAME(EIO) NAME(EISDIR) NAME(ELOOP) NAME(EMFILE) NAME(EMLINK) NAME(ENAMETOOLONG)
        NAME(ENOENT) NAME(ENOSPC) NAME(ENOSYS) NAME(ENOTCAPABLE) NAME(ENOTDIR) NAME(ENOTEMPTY)
        NAME(ENOTSUP) NAME(ENOTTY) NAME(EPERM) NAME(EPIPE) NAME(EROFS) NAME(ESPIPE) NAME(EXDEV)
        NAME(EOVERFLOW) NAME(ERANGE) NAME(ENXIO) NAME(ENODEV) NAME(ETXTBSY) NAME(EAGAIN)
#undef NAME
    default: return "another error";
    }
}

#define CHECK(what) \
    do { \
        if (!(what)) { \
            fprintf(stderr, "line %d: %s failed, errno %s\n", __LINE__, #what, name_of(errno)); \
            exit(1); \
        } \
    } while (0)

// The value of a call that gives -1 for an error.
#define SHOW(what) \
    do { \
        errno = 0; \
        long long outcome = (what); \
        if (outcome < 0) printf("%s: %s\n", #what, name_of(errno)); \
        else printf("%s: %lld\n", #what, outcome); \
    } while (0)

// The same for calls that give a pointer.
#define MADE(what) \
    do { \
        errno = 0; \
        printf("%s: %s\n", #what, (what) ? "made" : name_of(errno)); \
    } while (0)

static void write_all(const char *path, const char *mode, const char *text) {
    FILE *file = fopen(path, mode);
    if (!file) {
        printf("fopen %s %s: %s\n", path, mode, name_of(errno));
        return;
    }
    errno = 0;
    size_t wrote = fwrite(text, 1, strlen(text), file);
    int failed = ferror(file);
    int closed = fclose(file);
    printf("fopen %s %s: wrote %zu, error %d, fclose %d\n", path, mode, wrote, failed != 0, closed);
}

static void show(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        printf("%s: %s\n", path, name_of(errno));
        return;
    }
    printf("%s: \"", path);
    for (int c; (c = fgetc(file)) != EOF;) {
        if (c == '\n') printf("\\n");
        else if (c == '"' || c == '\\') printf("\\%c", c);
        else if (c < 32 || c > 126) printf("\\x%02x", c);
        else putchar(c);
    }
    printf("\"%s\n", ferror(file) ? " and an error" : "");
    fclose(file);
}

// fopen's modes.
static void modes(void) {
    write_all("modes.txt", "r", "none");
    write_all("modes.txt", "r+", "none");
    write_all("modes.txt", "w", "one\n");
    show("modes.txt");
    write_all("modes.txt", "a", "two\n");
    show("modes.txt");
    write_all("modes.txt", "r+", "ONE");
    show("modes.txt");
    write_all("modes.txt", "a+", "three\n");
    show("modes.txt");
    write_all("modes.txt", "r", "nothing");
    show("modes.txt");
    write_all("modes.txt", "wx", "exclusive");
    write_all("new.txt", "wx", "exclusive");
    show("new.txt");
    write_all("modes.txt", "w+", "again");
    show("modes.txt");
    errno = 0;
    MADE(fopen("modes.txt", "q"));
    MADE(fopen("none/x.txt", "w"));
    MADE(fopen("modes.txt/x.txt", "r"));
    MADE(fopen(".", "r"));
    MADE(fopen(".", "w"));

    FILE *file = fopen("modes.txt", "w");
    CHECK(file);
    printf("read from a file to write: %d, error %d\n", fgetc(file), ferror(file) != 0);
    CHECK((file = freopen("new.txt", "r", file)));
    char text[32];
    printf("freopen: %s\n", fgets(text, sizeof text, file));
    fclose(file);
    CHECK(!remove("modes.txt"));
    CHECK(!remove("new.txt"));
}

// Positions, block reads, pushing back, buffers.
static void seek(void) {
    char bytes[256];
    FILE *file = fopen("seek.bin", "w+b");
    CHECK(file);
    for (int at = 0; at < 1000; at++) CHECK(fputc(at & 0xff, file) != EOF);
    printf("ftell: %ld\n", ftell(file));
    CHECK(!fseek(file, 100, SEEK_SET));
    printf("at 100: %d\n", fgetc(file));
    CHECK(!fseek(file, 49, SEEK_CUR));
    printf("at 150: %d\n", fgetc(file));
    CHECK(!fseek(file, -1, SEEK_END));
    printf("at 999: %d\n", fgetc(file));
    printf("at the end: %d, feof %d\n", fgetc(file), feof(file) != 0);
    rewind(file);
    printf("after rewind: ftell %ld, feof %d\n", ftell(file), feof(file) != 0);
    SHOW(fseek(file, -1, SEEK_SET));
    SHOW(fseek(file, 0, 17));
    CHECK(!fseek(file, 0, SEEK_SET));
    printf("fread of 30: %zu\n", fread(bytes, 30, 8, file));
    CHECK(!fseek(file, 990, SEEK_SET));
    printf("fread at the end: %zu, feof %d\n", fread(bytes, 1, 30, file), feof(file) != 0);
    CHECK(!fseek(file, 5, SEEK_SET));
    int c = fgetc(file);
    ungetc('x', file);
    printf("pushed back: %d then %c, ftell %ld\n", c, fgetc(file), ftell(file));
    CHECK(!fseek(file, 1500, SEEK_SET));
    CHECK(fputs("end", file) >= 0);
    CHECK(!fflush(file));
    struct stat stat;
    CHECK(!fstat(fileno(file), &stat));
    printf("with a hole: %lld\n", (long long)stat.st_size);
    CHECK(!fseek(file, 1200, SEEK_SET));
    printf("in the hole: %d\n", fgetc(file));
    CHECK(!ftruncate(fileno(file), 10));
    CHECK(!fseek(file, 0, SEEK_END));
    printf("cut: %ld\n", ftell(file));
    fpos_t position;
    CHECK(!fgetpos(file, &position));
    rewind(file);
    CHECK(!fsetpos(file, &position));
    printf("fsetpos: %ld\n", ftell(file));
    fclose(file);

    // Without a buffer every write is there at once.
    CHECK((file = fopen("seek.bin", "w")));
    CHECK(!setvbuf(file, NULL, _IONBF, 0));
    fputs("now", file);
    show("seek.bin");
    CHECK(!setvbuf(file, NULL, _IOFBF, BUFSIZ));
    fputs(", later", file);
    show("seek.bin");
    fclose(file);
    show("seek.bin");

    CHECK((file = fopen("seek.bin", "w+")));
    fprintf(file, "%d %s %.3f %c %#x\n", -42, "words", 2.5, 'z', 255);
    rewind(file);
    int number;
    char word[16];
    double real;
    char letter;
    unsigned hex;
    int got = fscanf(file, "%d %15s %lf %c %x", &number, word, &real, &letter, &hex);
    printf("fscanf %d: %d %s %.3f %c %u\n", got, number, word, real, letter, hex);
    fclose(file);
    CHECK(!unlink("seek.bin"));
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path) {
    DIR *dir = opendir(path);
    if (!dir) {
        printf("opendir %s: %s\n", path, name_of(errno));
        return;
    }
    char *names[64];
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *mark = entry->d_type == DT_DIR ? "/" : entry->d_type == DT_LNK ? "@" : entry->d_type == DT_REG ? "" : "?";
        char name[300];
        snprintf(name, sizeof name, "%s%s", entry->d_name, mark);
        CHECK(count < 64);
        names[count++] = strdup(name);
    }
    closedir(dir);
    qsort(names, count, sizeof *names, by_name);
    printf("%s:", path);
    for (int at = 0; at < count; at++) printf(" %s", names[at]), free(names[at]);
    printf("\n");
}

static void show_stat(const char *path) {
    struct stat stat;
    errno = 0;
    if (lstat(path, &stat)) {
        printf("lstat %s: %s\n", path, name_of(errno));
        return;
    }
    const char *kind = S_ISDIR(stat.st_mode) ? "directory" : S_ISREG(stat.st_mode) ? "file" : S_ISLNK(stat.st_mode) ? "link" : "other";
    printf("lstat %s: %s", path, kind);
    if (!S_ISDIR(stat.st_mode)) printf(", %lld bytes, %d names", (long long)stat.st_size, (int)stat.st_nlink);
    printf("\n");
}

// Directories, names and what they lead to.
static void dirs(void) {
    SHOW(mkdir("d", 0755));
    SHOW(mkdir("d", 0755));
    SHOW(mkdir("d/e", 0700));
    SHOW(mkdir("none/e", 0700));
    write_all("d/a.txt", "w", "aaa");
    write_all("d/b.txt", "w", "b");
    SHOW(mkdir("d/a.txt", 0755));
    SHOW(symlink("a.txt", "d/link"));
    SHOW(symlink("a.txt", "d/link"));
    list("d");
    list("d/a.txt");
    list("none");
    show_stat("d");
    show_stat("d/a.txt");
    show_stat("d/link");
    show_stat("d/none");
    show_stat("d/a.txt/x");
    char target[32];
    SHOW(readlink("d/link", target, sizeof target));
    SHOW(readlink("d/link", target, 2));
    SHOW(readlink("d/a.txt", target, sizeof target));
    SHOW(link("d/a.txt", "d/second"));
    SHOW(link("d/a.txt", "d/b.txt"));
    SHOW(link("d/none", "d/third"));
    SHOW(link("d", "d2"));
    show_stat("d/second");
    SHOW(rename("d/b.txt", "d/c.txt"));
    SHOW(rename("d/b.txt", "d/c.txt"));
    SHOW(rename("d/c.txt", "d/e"));
    SHOW(rename("d/e", "d/c.txt"));
    SHOW(rename("d", "d/e/f"));
    SHOW(rename("d/e", "moved"));
    SHOW(rename("moved", "d"));
    list("d");
    SHOW(rmdir("d"));
    SHOW(rmdir("d/a.txt"));
    SHOW(rmdir("d/link"));
    SHOW(rmdir("none"));
    SHOW(rmdir("."));
    SHOW(unlink("moved"));
    SHOW(unlink("none"));
    SHOW(unlink("d/a.txt/"));
    SHOW(access("d/a.txt", R_OK | W_OK));
    SHOW(access("d/none", F_OK));
    SHOW(truncate("d/a.txt", 1));
    show("d/a.txt");
    show("d/link");
    SHOW(unlink("d/a.txt"));
    show("d/link");
    show("d/second");
    SHOW(unlink("d/link"));
    SHOW(unlink("d/second"));
    SHOW(unlink("d/c.txt"));
    SHOW(rmdir("d"));
    SHOW(rmdir("moved"));
    list(".");

    // Where in a directory a reader is.
    for (int at = 0; at < 5; at++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", at);
        fclose(fopen(name, "w"));
    }
    DIR *dir = opendir(".");
    CHECK(dir);
    int all = 0;
    while (readdir(dir)) all++;
    rewinddir(dir);
    CHECK(readdir(dir) && readdir(dir));
    long two = telldir(dir);
    struct dirent *entry = readdir(dir);
    CHECK(entry);
    char third[64];
    snprintf(third, sizeof third, "%s", entry->d_name);
    while (readdir(dir)) {}
    seekdir(dir, two);
    entry = readdir(dir);
    printf("%d entries, the third found again: %d\n", all, entry && !strcmp(entry->d_name, third));
    closedir(dir);
    for (int at = 0; at < 5; at++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", at);
        CHECK(!unlink(name));
    }
}

// Plain descriptors.
static void descriptors(void) {
    char text[16] = {0};
    int fd = open("fd.txt", O_RDWR | O_CREAT | O_EXCL, 0644);
    CHECK(fd > 2);
    SHOW(open("fd.txt", O_RDWR | O_CREAT | O_EXCL, 0644));
    SHOW(open("fd.txt", O_RDONLY | O_DIRECTORY));
    SHOW(open("none", O_RDONLY));
    SHOW(write(fd, "0123456789", 10));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(pread(fd, text, 3, 4));
    printf("pread: %s\n", text);
    SHOW(pwrite(fd, "XY", 2, 8));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, -4, SEEK_CUR));
    memset(text, 0, sizeof text);
    SHOW(read(fd, text, 15));
    printf("read: %s\n", text);
    SHOW(read(fd, text, 15));
    SHOW(lseek(fd, -100, SEEK_CUR));
    SHOW(lseek(fd, 2, SEEK_SET));
    struct iovec parts[3] = {{"ab", 2}, {"", 0}, {"c", 1}};
    // Both may stop after the first part.
    ssize_t some = writev(fd, parts, 3);
    CHECK(some == 2 || some == 3);
    if (some == 2) CHECK(write(fd, "c", 1) == 1);
    SHOW(lseek(fd, 0, SEEK_SET));
    char one[4] = {0}, two[8] = {0};
    struct iovec into[2] = {{one, 3}, {two, 7}};
    some = readv(fd, into, 2);
    CHECK(some == 3 || some == 10);
    if (some == 3) CHECK(read(fd, two, 7) == 7);
    printf("readv: %s %s\n", one, two);
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    SHOW(ftruncate(fd, 4));
    SHOW(ftruncate(fd, -1));
    SHOW(posix_fallocate(fd, 0, 6) == 0 ? 0 : 1);
    SHOW(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    SHOW(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK));
    SHOW(fcntl(fd, F_SETFL, O_APPEND));
    SHOW(fcntl(fd, F_GETFL) == (O_APPEND | O_RDWR));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(write(fd, "end", 3));
    show("fd.txt");
    SHOW(isatty(fd));
    struct timespec times[2] = {{1000000000, 0}, {1100000000, 500000000}};
    SHOW(futimens(fd, times));
    struct stat stat;
    CHECK(!fstat(fd, &stat));
    printf("times: %lld.%09ld %lld.%09ld\n", (long long)stat.st_atim.tv_sec, stat.st_atim.tv_nsec,
           (long long)stat.st_mtim.tv_sec, stat.st_mtim.tv_nsec);
    SHOW(close(fd));
    SHOW(close(fd));
    SHOW(read(fd, text, 1));
    SHOW(write(1000, text, 1));
    SHOW(lseek(-1, 0, SEEK_SET));

    fd = open("fd.txt", O_WRONLY);
    CHECK(fd > 2);
    SHOW(read(fd, text, 1));
    SHOW(close(fd));
    fd = open("fd.txt", O_RDONLY);
    CHECK(fd > 2);
    SHOW(write(fd, text, 1));
    SHOW(ftruncate(fd, 0));
    SHOW(close(fd));
    fd = open(".", O_RDONLY | O_DIRECTORY);
    CHECK(fd > 2);
    SHOW(read(fd, text, 1));
    SHOW(lseek(fd, 0, SEEK_SET) >= 0);
    int below = openat(fd, "fd.txt", O_RDONLY);
    CHECK(below > 2);
    SHOW(read(below, text, 3));
    SHOW(close(below));
    SHOW(unlinkat(fd, "fd.txt", 0));
    SHOW(mkdirat(fd, "sub", 0755));
    SHOW(unlinkat(fd, "sub", 0));
    SHOW(unlinkat(fd, "sub", AT_REMOVEDIR));
    SHOW(close(fd));
}

static long long millis(const struct timespec *from, const struct timespec *to) {
    return (to->tv_sec - from->tv_sec) * 1000LL + (to->tv_nsec - from->tv_nsec) / 1000000;
}

static void clocks(void) {
    struct timespec now, start, end;
    CHECK(!clock_gettime(CLOCK_REALTIME, &now));
    printf("after 2020: %d\n", now.tv_sec > 1577836800);
    CHECK(time(NULL) >= now.tv_sec);
    struct timeval day;
    CHECK(!gettimeofday(&day, NULL));
    CHECK(day.tv_sec >= now.tv_sec);
    struct timespec resolution;
    CHECK(!clock_getres(CLOCK_MONOTONIC, &resolution));
    printf("resolution: %d\n", resolution.tv_sec == 0 && resolution.tv_nsec > 0);

    CHECK(!clock_gettime(CLOCK_MONOTONIC, &start));
    SHOW(nanosleep(&(struct timespec){0, 20000000}, NULL));
    CHECK(!clock_gettime(CLOCK_MONOTONIC, &end));
    printf("slept 20 ms: %d\n", millis(&start, &end) >= 20);
    SHOW(usleep(1000));
    SHOW(nanosleep(&(struct timespec){0, -1}, NULL));
    SHOW(nanosleep(&(struct timespec){0, 0}, NULL));

    // Until a point in time.
    CHECK(!clock_gettime(CLOCK_MONOTONIC, &start));
    struct timespec until = start;
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, until.tv_sec++;
    SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    CHECK(!clock_gettime(CLOCK_MONOTONIC, &end));
    printf("slept until: %d\n", millis(&until, &end) >= 0);
    SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &start, NULL));

    struct tm *parts = gmtime(&(time_t){1000000000});
    char text[64];
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", parts);
    printf("%s\n", text);
}

// Waits for stdin for so many milliseconds, then reads what is there, to its end.
static void wait_for_input(int timeout) {
    for (;;) {
        struct timespec start, end;
        CHECK(!clock_gettime(CLOCK_MONOTONIC, &start));
        struct pollfd polled = {.fd = 0, .events = POLLIN};
        int ready = poll(&polled, 1, timeout);
        CHECK(!clock_gettime(CLOCK_MONOTONIC, &end));
        if (ready == 0) {
            printf("nothing within %d ms: %d\n", timeout, millis(&start, &end) >= timeout);
            return;
        }
        CHECK(ready == 1);
        char text[64];
        ssize_t got = read(0, text, sizeof text);
        if (got <= 0) {
            printf("end: %zd\n", got);
            return;
        }
        printf("ready, read %zd: %.*s\n", got, (int)got, text);
    }
}

static void polls(void) {
    struct pollfd none = {.fd = 77, .events = POLLIN};
    int ready = poll(&none, 1, 10);
    printf("no such descriptor: %d, POLLNVAL %d\n", ready, (none.revents & POLLNVAL) != 0);
    struct pollfd out = {.fd = 1, .events = POLLOUT};
    ready = poll(&out, 1, 1000);
    printf("stdout: %d, POLLOUT %d\n", ready, (out.revents & POLLOUT) != 0);
    int fd = open("poll.txt", O_RDWR | O_CREAT, 0644);
    CHECK(fd > 2);
    struct pollfd both = {.fd = fd, .events = POLLIN | POLLOUT};
    ready = poll(&both, 1, 1000);
    printf("file: %d, POLLOUT %d\n", ready > 0, (both.revents & POLLOUT) != 0);
    close(fd);
    unlink("poll.txt");
    struct timespec start, end;
    CHECK(!clock_gettime(CLOCK_MONOTONIC, &start));
    SHOW(poll(NULL, 0, 20));
    CHECK(!clock_gettime(CLOCK_MONOTONIC, &end));
    printf("nothing but time: %d\n", millis(&start, &end) >= 20);
}

static void terminal(void) {
    for (int fd = 0; fd < 3; fd++) {
        errno = 0;
        int is = isatty(fd);
        printf("isatty(%d): %d %s\n", fd, is, is ? "" : name_of(errno));
    }
    SHOW(isatty(99));
}

static void environment(void) {
    extern char **environ;
    for (char **at = environ; at && *at; at++) printf("%s\n", *at);
    printf("NAME: %s\n", getenv("NAME") ? getenv("NAME") : "not there");
    printf("MISSING: %s\n", getenv("MISSING") ? getenv("MISSING") : "not there");
    CHECK(!setenv("NAME", "changed", 1));
    CHECK(!unsetenv("OTHER"));
    printf("NAME: %s\n", getenv("NAME"));
    char cwd[PATH_MAX];
    printf("getcwd: %s\n", getcwd(cwd, sizeof cwd));
}

static void echo(void) {
    int c, count = 0;
    while ((c = getchar()) != EOF) {
        if (c >= 'a' && c <= 'z') c -= 32;
        putchar(c);
        count++;
    }
    printf("[%d, feof %d]\n", count, feof(stdin) != 0);
}

static void lines(void) {
    char line[16];
    for (int number = 1; fgets(line, sizeof line, stdin); number++) {
        line[strcspn(line, "\n")] = '\0';
        printf("%d: %s\n", number, line);
        fflush(stdout);
    }
}

static void at_exit(void) { printf("at exit\n"); }

static void random_bytes(void) {
    unsigned char one[32] = {0}, two[32] = {0};
    SHOW(getentropy(one, sizeof one));
    SHOW(getentropy(two, sizeof two));
    printf("differ: %d\n", memcmp(one, two, sizeof one) != 0);
    unsigned char many[300];
    SHOW(getentropy(many, sizeof many));
}

// Each way to change something in a directory that may only be read. It holds
// `file`, `link` to it, and the directories `empty` and `full`.
static void read_only(void) {
    show("file");
    list("full");
    MADE(fopen("file", "w"));
    MADE(fopen("file", "a"));
    MADE(fopen("file", "r+"));
    MADE(fopen("new", "w"));
    SHOW(open("file", O_RDONLY | O_TRUNC));
    SHOW(open("new", O_RDONLY | O_CREAT, 0644));
    SHOW(open("file", O_RDONLY | O_CREAT, 0644) >= 0);
    SHOW(open("link", O_WRONLY));
    SHOW(mkdir("new", 0755));
    SHOW(rmdir("empty"));
    SHOW(unlink("file"));
    SHOW(unlink("link"));
    SHOW(rename("file", "new"));
    SHOW(rename("full/inner", "full/other"));
    SHOW(link("file", "new"));
    SHOW(symlink("file", "new"));
    SHOW(truncate("file", 0));
    struct timespec times[2] = {{1, 0}, {1, 0}};
    SHOW(utimensat(AT_FDCWD, "file", times, 0));
    int fd = open("file", O_RDONLY);
    CHECK(fd > 2);
    SHOW(futimens(fd, times));
    SHOW(ftruncate(fd, 0));
    SHOW(write(fd, "x", 1));
    SHOW(pwrite(fd, "x", 1, 0));
    SHOW(fsync(fd));
    SHOW(close(fd));
    show("file");
    list(".");
}

int main(int argc, char **argv) {
    const char *test = argc > 1 ? argv[1] : "";
    const char *dir = argc > 2 ? argv[2] : NULL;
#define TEST(name, run) \
    if (!strcmp(test, name)) { \
        run; \
        return 0; \
    }
#define TEST_IN(name, run) \
    if (!strcmp(test, name) && dir) { \
        CHECK(!chdir(dir)); \
        run; \
        return 0; \
    }
    TEST_IN("modes", modes())
    TEST_IN("seek", seek())
    TEST_IN("dirs", dirs())
    TEST_IN("descriptors", descriptors())
    TEST_IN("poll", polls())
    TEST_IN("read-only", read_only())
    TEST("clocks", clocks())
    TEST("wait", wait_for_input(argc > 2 ? atoi(argv[2]) : -1))
    TEST("terminal", terminal())
    TEST("environment", environment())
    TEST("echo", echo())
    TEST("lines", lines())
    TEST("random", random_bytes())
    TEST("args", for (int at = 1; at < argc; at++) printf("%d: [%s]\n", at, argv[at]))
    TEST("streams", (fprintf(stderr, "to stderr\n"), printf("to stdout\n"), perror("perror")))
    TEST("abort", abort())
    TEST("exit", (atexit(at_exit), exit(argc > 2 ? atoi(argv[2]) : 0)))
    TEST("_exit", (printf("lost in the buffer"), _exit(argc > 2 ? atoi(argv[2]) : 0)))
    if (!strcmp(test, "return")) return argc > 2 ? atoi(argv[2]) : 0;
    fprintf(stderr, "no such test: %s\n", test);
    return 2;
}
