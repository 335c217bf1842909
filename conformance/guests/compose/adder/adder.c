// adder_guest.h is made from wit/compose.wit by `wit-bindgen c`.
#include "adder_guest.h"
#include <stdlib.h>

int32_t exports_wippy_conformance_adder_add(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

void exports_wippy_conformance_adder_squeeze(adder_guest_string_t *text, adder_guest_string_t *ret) {
    // The argument is ours: it is squeezed in place and given back.
    size_t kept = 0;
    for (size_t i = 0; i < text->len; i++)
        if (text->ptr[i] != ' ') text->ptr[kept++] = text->ptr[i];
    ret->ptr = text->ptr;
    ret->len = kept;
}

struct exports_wippy_conformance_adder_tally_t {
    int32_t total;
};

static uint32_t tallies;

exports_wippy_conformance_adder_own_tally_t
exports_wippy_conformance_adder_constructor_tally(int32_t start) {
    exports_wippy_conformance_adder_tally_t *tally = malloc(sizeof *tally);
    if (!tally) abort();
    tally->total = start;
    tallies++;
    return exports_wippy_conformance_adder_tally_new(tally);
}

void exports_wippy_conformance_adder_method_tally_add(
    exports_wippy_conformance_adder_borrow_tally_t self, int32_t n) {
    self->total = (int32_t)((uint32_t)self->total + (uint32_t)n);
}

int32_t exports_wippy_conformance_adder_method_tally_total(
    exports_wippy_conformance_adder_borrow_tally_t self) {
    return self->total;
}

void exports_wippy_conformance_adder_tally_destructor(exports_wippy_conformance_adder_tally_t *tally) {
    tallies--;
    free(tally);
}

uint32_t exports_wippy_conformance_adder_tallies(void) { return tallies; }
