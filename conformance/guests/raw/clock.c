// clock_*.
#include "p1.h"

START {
    uint64_t resolution = 0, time = 0, later = 0;
    if (CALL(clock_res_get(CLOCK_REALTIME, &resolution)))
        print_number("within 1 ns and 1 s", resolution >= 1 && resolution <= 1000000000);
    if (CALL(clock_res_get(CLOCK_MONOTONIC, &resolution)))
        print_number("within 1 ns and 1 s", resolution >= 1 && resolution <= 1000000000);
    CALL(clock_res_get(CLOCK_PROCESS, &resolution));
    CALL(clock_res_get(CLOCK_THREAD, &resolution));
    if (CALL(clock_time_get(CLOCK_REALTIME, 1, &time))) print_number("after 2020", time > 1577836800000000000ull);
    if (CALL(clock_time_get(CLOCK_REALTIME, 0, &time))) print_number("after 2020", time > 1577836800000000000ull);
    if (CALL(clock_time_get(CLOCK_REALTIME, ~0ull, &time))) print_number("after 2020", time > 1577836800000000000ull);
    CALL(clock_time_get(CLOCK_MONOTONIC, 1, &time));
    if (CALL(clock_time_get(CLOCK_MONOTONIC, 1000000, &later))) print_number("not earlier", later >= time);
    CALL(clock_time_get(CLOCK_PROCESS, 1, &time));
    CALL(clock_time_get(CLOCK_THREAD, 1, &time));
}
