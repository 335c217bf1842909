// proc_raise: was taken out of 0.1's later editions.
#include "p1.h"

START {
    CALL(proc_raise(0));
    CALL(proc_raise(9));
}
