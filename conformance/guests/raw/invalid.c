// Values that 0.1 does not have. The first argument is the number of the case.
#include "p1.h"

static char *pointers[64];
static char buffer[1024];

START {
    uint32_t count, size, number = 0;
    if (args_sizes_get(&count, &size) || count < 2 || args_get(pointers, buffer)) __builtin_trap();
    for (const char *digit = pointers[1]; *digit; digit++) number = number * 10 + (*digit - '0');
    uint64_t out;
    fd_t fd = NO_FD, other = NO_FD;
    CALL(path_open(3, 0, P("file"), CREAT, RIGHTS_ALL, 0, 0, &fd));
    subscription clock = {.tag = ON_CLOCK, .clock = {9, 0, 0, 0}}, tag = {.tag = 7};
    subscription flag = {.tag = ON_CLOCK, .clock = {CLOCK_MONOTONIC, 0, 0, 2}};
    event event;
    char byte = 'x';
    switch (number) {
    case 0: CALL(clock_res_get(4, &out)); break;
    case 1: CALL(clock_time_get(0xffffffff, 0, &out)); break;
    case 2: CALL(fd_seek(fd, 0, 3, &out)); break;
    case 3: CALL(fd_advise(fd, 0, 0, 6)); break;
    case 4: CALL(fd_fdstat_set_flags(fd, 32)); break;
    case 5: CALL(fd_filestat_set_times(fd, 0, 0, 16)); break;
    case 6: CALL(path_open(3, 0, P("file"), 16, RIGHT_READ, 0, 0, &other)); break;
    case 7: CALL(path_open(3, 2, P("file"), 0, RIGHT_READ, 0, 0, &other)); break;
    case 8: CALL(path_open(3, 0, P("file"), 0, RIGHT_READ, 0, 32, &other)); break;
    case 9: CALL(path_open(3, 0, P("file"), 0, 1ull << 40, 0, 0, &other)); break;
    case 10: CALL(path_filestat_set_times(3, 0, P("file"), 0, 0, 16)); break;
    case 11: CALL(poll_oneoff(&clock, &event, 1, &count)); break;
    case 12: CALL(poll_oneoff(&tag, &event, 1, &count)); break;
    case 13: CALL(poll_oneoff(&flag, &event, 1, &count)); break;
    // A path that is no UTF-8.
    case 14: CALL(path_open(3, 0, P("\xff\xfe"), CREAT, RIGHT_READ, 0, 0, &other)); break;
    // Addresses outside of the memory, and one that is not aligned.
    case 15: CALL(random_get((void *)0xfffffff0u, 8)); break;
    case 16: CALL(random_get(&byte, 0xffffffff)); break;
    case 17: CALL(fd_write(1, (ciovec *)0xfffffff0u, 1, &count)); break;
    case 18: CALL(fd_write(1, &(ciovec){(void *)0xfffffff0u, 8}, 1, &count)); break;
    case 19: CALL(path_open(3, 0, (char *)0xfffffff0u, 8, 0, RIGHT_READ, 0, 0, &other)); break;
    case 20: CALL(clock_time_get(CLOCK_REALTIME, 0, (uint64_t *)0xfffffff8u)); break;
    case 21: CALL(clock_time_get(CLOCK_REALTIME, 0, (uint64_t *)((char *)&event + 1))); break;
    case 22: CALL(proc_raise(99)); break;
    }
}
