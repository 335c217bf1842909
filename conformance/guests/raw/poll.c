// poll_oneoff. Descriptor 3 is a directory. Stdin is at its end.
#include "p1.h"

#define MS 1000000ull

static subscription in[8];
static event out[8];

static uint64_t now(void) {
    uint64_t time;
    if (clock_time_get(CLOCK_MONOTONIC, 1, &time)) __builtin_trap();
    return time;
}

static subscription after(uint64_t userdata, uint32_t id, uint64_t timeout, uint32_t flags) {
    return (subscription){.userdata = userdata, .tag = ON_CLOCK, .clock = {id, timeout, 0, flags}};
}

static subscription on(uint64_t userdata, uint8_t tag, fd_t fd) {
    return (subscription){.userdata = userdata, .tag = tag, .io = {fd}};
}

// The events, in the order of what they were asked with.
static void poll(const char *what, uint32_t count) {
    uint32_t ready = 77;
    for (uint32_t at = 0; at < 8; at++) out[at] = (event){.userdata = ~0ull};
    if (!told(what, poll_oneoff(in, out, count, &ready))) return;
    print_number("ready", ready);
    for (uint64_t userdata = 0; userdata < 1000; userdata++)
        for (uint32_t at = 0; at < ready && at < 8; at++)
            if (out[at].userdata == userdata) {
                put("  "), put_number(userdata), put(" type "), put_number(out[at].type);
                put(" "), put_errno(out[at].error), end_line();
            }
}

START {
    poll("nothing", 0);

    uint64_t start = now();
    in[0] = after(1, CLOCK_MONOTONIC, 20 * MS, 0);
    poll("monotonic, 20 ms", 1);
    print_number("in time", now() - start >= 20 * MS);

    start = now();
    in[0] = after(2, CLOCK_REALTIME, 20 * MS, 0);
    poll("realtime, 20 ms", 1);
    print_number("in time", now() - start >= 19 * MS);

    start = now();
    in[0] = after(3, CLOCK_MONOTONIC, start + 20 * MS, 1);
    poll("until", 1);
    print_number("in time", now() - start >= 20 * MS);

    in[0] = after(4, CLOCK_MONOTONIC, 1, 1);
    poll("until long ago", 1);
    in[0] = after(5, CLOCK_MONOTONIC, 0, 0);
    poll("not at all", 1);
    uint64_t real;
    if (clock_time_get(CLOCK_REALTIME, 1, &real)) __builtin_trap();
    in[0] = after(6, CLOCK_REALTIME, real + 20 * MS, 1);
    poll("until, realtime", 1);

    in[0] = after(7, CLOCK_MONOTONIC, 3600000 * MS, 0);
    in[1] = after(8, CLOCK_MONOTONIC, 10 * MS, 0);
    poll("an hour or 10 ms", 2);
    in[0] = after(9, CLOCK_MONOTONIC, 0, 0);
    in[1] = after(10, CLOCK_MONOTONIC, 0, 0);
    poll("two at once", 2);

    in[0] = after(11, CLOCK_PROCESS, 0, 0);
    poll("process clock", 1);

    in[0] = on(20, ON_WRITE, 1);
    poll("stdout to write", 1);
    in[0] = on(21, ON_READ, 0);
    in[1] = after(22, CLOCK_MONOTONIC, 1000 * MS, 0);
    poll("stdin to read, or a second", 2);
    in[0] = on(23, ON_READ, 99);
    poll("no such descriptor", 1);
    in[0] = on(24, ON_WRITE, 99);
    in[1] = after(25, CLOCK_MONOTONIC, 3600000 * MS, 0);
    poll("no such descriptor, or an hour", 2);
    in[0] = on(26, ON_READ, 1);
    in[1] = after(27, CLOCK_MONOTONIC, 10 * MS, 0);
    poll("stdout to read", 2);
    in[0] = on(28, ON_WRITE, 0);
    in[1] = after(29, CLOCK_MONOTONIC, 10 * MS, 0);
    poll("stdin to write", 2);
    in[0] = on(30, ON_READ, 3);
    poll("directory to read", 1);

    fd_t fd = NO_FD;
    uint32_t wrote;
    ciovec text = {"content", 7};
    CALL(path_open(3, 0, P("file"), CREAT, RIGHTS_ALL, 0, 0, &fd));
    CALL(fd_write(fd, &text, 1, &wrote));
    in[0] = on(32, ON_READ, fd);
    poll("file at its end", 1);
    uint64_t at;
    CALL(fd_seek(fd, 2, WHENCE_SET, &at));
    poll("file before its end", 1);
    in[0] = on(33, ON_WRITE, fd);
    poll("file to write", 1);
    in[0] = on(34, ON_READ, fd);
    in[1] = on(35, ON_WRITE, fd);
    in[2] = on(36, ON_WRITE, 1);
    in[3] = after(37, CLOCK_MONOTONIC, 3600000 * MS, 0);
    poll("all of them", 4);
    CALL(fd_close(fd));
}
