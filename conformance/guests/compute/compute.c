// compute.h is made from wit/compute.wit by `wit-bindgen c`.
#include "compute.h"

int32_t exports_compute_compute(int32_t a, int32_t b) {
    // Wraps around like wasm's own multiplication.
    return (int32_t)((uint32_t)a * (uint32_t)b);
}

// Returns true for ok (the quotient in *ret), false for an error (in *err).
bool exports_compute_divide(int32_t a, int32_t b, int32_t *ret, compute_string_t *err) {
    if (b == 0) {
        compute_string_dup(err, "division by zero");
        return false;
    }
    if (a == INT32_MIN && b == -1) {
        compute_string_dup(err, "the quotient does not fit in an s32");
        return false;
    }
    *ret = a / b;
    return true;
}
