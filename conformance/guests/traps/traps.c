// traps.h is made from wit/traps.wit by `wit-bindgen c`. The function names
// below end up in the module's name section, so that a trap can tell them.
#include "traps.h"
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

NOINLINE static void give_up(void) { __builtin_trap(); }

NOINLINE static void look_for_trouble(volatile int *flag) {
    if (*flag) give_up();
}

void exports_traps_unreachable(void) {
    volatile int flag = 1;
    look_for_trouble(&flag);
}

// Division, conversion and calls as wasm defines them: C leaves the failing
// cases undefined, so they are spelled out.
NOINLINE static int32_t divide(int32_t a, int32_t b) {
    int32_t out;
    __asm__("local.get %1\n local.get %2\n i32.div_s\n local.set %0" : "=r"(out) : "r"(a), "r"(b));
    return out;
}

int32_t exports_traps_divide_by_zero(int32_t by) { return divide(100, by); }

int32_t exports_traps_overflow(int32_t by) { return divide(INT32_MIN, by); }

NOINLINE static uint32_t read_far(uint32_t address) { return *(volatile uint32_t *)address; }

uint32_t exports_traps_out_of_bounds(void) { return read_far(0xfffffff0u); }

NOINLINE static uint32_t go_deeper(uint32_t depth) {
    // Needs its caller after the call, so that it is no tail call.
    if (depth == UINT32_MAX) return 0;
    uint32_t below = go_deeper(depth + 1);
    return below * 3 + depth;
}

uint32_t exports_traps_stack_overflow(uint32_t depth) { return go_deeper(depth); }

// The only address of a function that is taken: it becomes the table's entry 1.
static uint32_t (*volatile other)(uint32_t) = go_deeper;

NOINLINE static uint32_t call(uintptr_t address) { return ((uint32_t (*)(void))address)(); }

uint32_t exports_traps_bad_call(uint32_t index) {
    return call(index == 1 ? (uintptr_t)other : index);
}

NOINLINE static int32_t to_integer(double number) {
    int32_t out;
    __asm__("local.get %1\n i32.trunc_f64_s\n local.set %0" : "=r"(out) : "r"(number));
    return out;
}

int32_t exports_traps_truncate(double number) { return to_integer(number); }

static volatile uint32_t turns;

NOINLINE static void turn_around(void) {
    for (;;) turns++;
}

void exports_traps_spin(void) { turn_around(); }

int32_t exports_traps_grow_memory(uint32_t pages) {
    return (int32_t)__builtin_wasm_memory_grow(0, pages);
}

uint32_t exports_traps_fill_memory(void) {
    for (;;) {
        uintptr_t old = __builtin_wasm_memory_grow(0, 1);
        if (old == (uintptr_t)-1) return __builtin_wasm_memory_size(0);
        *(volatile uint8_t *)(old << 16) = 1;
    }
}

static char last_words[256];

void exports_traps_panic(traps_string_t *message) {
    size_t length = message->len < sizeof last_words ? message->len : sizeof last_words;
    memcpy(last_words, message->ptr, length);
    abort();
}

void exports_traps_bad_pointer(traps_string_t *ret) {
    ret->ptr = (uint8_t *)0xfffffff0u;
    ret->len = 8;
}

void exports_traps_bad_text(traps_string_t *ret) {
    traps_string_dup(ret, "\xff\xfe");
}

uint32_t exports_traps_fine(void) { return 42; }
