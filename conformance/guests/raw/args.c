// args_*, environ_*.
#include "p1.h"

static char *pointers[64];
static char buffer[1024];

START {
    uint32_t count = 0, size = 0;
    CALL(args_sizes_get(&count, &size));
    print_number("count", count);
    print_number("size", size);
    if (CALL(args_get(pointers, buffer)))
        for (uint32_t at = 0; at < count; at++) {
            print_number("at", pointers[at] - buffer);
            print_text("is", pointers[at], length_of(pointers[at]));
        }
    CALL(environ_sizes_get(&count, &size));
    print_number("count", count);
    print_number("size", size);
    if (CALL(environ_get(pointers, buffer)))
        for (uint32_t at = 0; at < count; at++) {
            print_number("at", pointers[at] - buffer);
            print_text("is", pointers[at], length_of(pointers[at]));
        }
}
