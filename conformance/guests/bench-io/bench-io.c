// Work for the benchmarks of files and output:
//
//   bench-io write FILE BYTES    in writes of 64 KiB
//   bench-io read FILE           in reads of 64 KiB
//   bench-io make DIR COUNT      that many empty files, 0 to COUNT - 1
//   bench-io stat DIR COUNT      looks at each of them
//   bench-io clear DIR COUNT     removes them
//   bench-io lines COUNT         that many short lines, each written by itself
//   bench-io buffered COUNT      the same through stdio's buffer
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char block[1 << 16];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void write_file(const char *path, unsigned long long bytes) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0) fail(path);
    for (size_t at = 0; at < sizeof block; at++) block[at] = (char)(at * 31 >> 4);
    for (unsigned long long left = bytes; left;) {
        ssize_t wrote = write(fd, block, left < sizeof block ? left : sizeof block);
        if (wrote <= 0) fail(path);
        left -= wrote;
    }
    if (close(fd)) fail(path);
    printf("wrote %llu bytes\n", bytes);
}

static void read_file(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) fail(path);
    unsigned long long bytes = 0;
    for (ssize_t got; (got = read(fd, block, sizeof block));) {
        if (got < 0) fail(path);
        bytes += got;
    }
    printf("read %llu bytes\n", bytes);
}

enum each { MAKE, STAT, CLEAR };

static void each_file(enum each what, const char *dir, long count) {
    if (chdir(dir)) fail(dir);
    unsigned long long size = 0;
    for (long at = 0; at < count; at++) {
        char name[24];
        snprintf(name, sizeof name, "%ld", at);
        struct stat found;
        int fd;
        switch (what) {
        case MAKE:
            if ((fd = open(name, O_WRONLY | O_CREAT, 0644)) < 0 || close(fd)) fail(name);
            break;
        case STAT:
            if (stat(name, &found)) fail(name);
            size += found.st_size;
            break;
        case CLEAR:
            if (unlink(name)) fail(name);
            break;
        }
    }
    printf("%ld files, %llu bytes\n", count, size);
}

static void lines(long count) {
    for (long at = 0; at < count; at++)
        if (write(1, "a short line\n", 13) != 13) fail("stdout");
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    if (!strcmp(what, "write") && argc == 4) write_file(argv[2], strtoull(argv[3], NULL, 10));
    else if (!strcmp(what, "read") && argc == 3) read_file(argv[2]);
    else if (!strcmp(what, "make") && argc == 4) each_file(MAKE, argv[2], atol(argv[3]));
    else if (!strcmp(what, "stat") && argc == 4) each_file(STAT, argv[2], atol(argv[3]));
    else if (!strcmp(what, "clear") && argc == 4) each_file(CLEAR, argv[2], atol(argv[3]));
    else if (!strcmp(what, "lines") && argc == 3) lines(atol(argv[2]));
    else if (!strcmp(what, "buffered") && argc == 3)
        for (long at = atol(argv[2]); at; at--) puts("a short line");
    else {
        fprintf(stderr, "bench-io write|read|make|stat|clear|lines|buffered ...\n");
        return 2;
    }
    return 0;
}
