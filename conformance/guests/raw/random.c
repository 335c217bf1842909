// random_get, sched_yield.
#include "p1.h"

static uint8_t one[70000], two[64];

START {
    if (CALL(random_get(one, 64)) && CALL(random_get(two, 64))) print_number("equal", same(one, two, 64));
    if (CALL(random_get(one, sizeof one))) {
        uint32_t zeros = 0;
        for (uint32_t at = 0; at < sizeof one; at++) zeros += one[at] == 0;
        print_number("about 1 of 256 is zero", zeros > 100 && zeros < 600);
    }
    one[0] = 42;
    CALL(random_get(one, 0));
    print_number("untouched", one[0] == 42);
    for (int at = 0; at < 3; at++) CALL(sched_yield());
}
