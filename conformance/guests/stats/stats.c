// A raw core module, no component: it exports `memory`, `cabi_realloc` and
// functions in the canonical ABI's flat form. With this `wit` field
//
//     word-count: func(text: string) -> u32;
//     shout: func(text: string) -> string;
//
// a process entry can call them with strings.

#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

// The linker puts this symbol where the free part of the memory begins.
extern uint8_t __heap_base;

static uint8_t *top = 0;

static uint8_t *bottom(void) { return &__heap_base; }

// An arena: allocations pile up, and all go at once when the call is over.
static void *arena_alloc(uint32_t align, uint32_t size) {
    if (top == 0) top = bottom();
    uintptr_t start = ((uintptr_t)top + align - 1) & ~(uintptr_t)(align - 1);
    uintptr_t end = start + size;
    if (end < start) __builtin_trap();
    uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) << 16;
    if (end > have) {
        uintptr_t pages = (end - have + 0xffff) >> 16;
        if (__builtin_wasm_memory_grow(0, pages) == (uintptr_t)-1) __builtin_trap();
    }
    top = (uint8_t *)end;
    return (void *)start;
}

static void arena_reset(void) { top = bottom(); }

// The host allocates strings that it passes in with this.
EXPORT("cabi_realloc")
void *cabi_realloc(void *old, uint32_t old_size, uint32_t align, uint32_t new_size) {
    uint8_t *fresh = arena_alloc(align, new_size);
    uint32_t keep = old_size < new_size ? old_size : new_size;
    for (uint32_t i = 0; i < keep; i++) fresh[i] = ((uint8_t *)old)[i];
    return fresh;
}

static int is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

EXPORT("word-count")
uint32_t word_count(const uint8_t *text, uint32_t length) {
    uint32_t words = 0;
    int inside = 0;
    for (uint32_t i = 0; i < length; i++) {
        int space = is_space(text[i]);
        words += !space && !inside;
        inside = !space;
    }
    arena_reset();
    return words;
}

struct string {
    uint8_t *text;
    uint32_t length;
};

// A string result does not fit the one flat result there is, so the function
// returns the address of its pointer and length.
EXPORT("shout")
struct string *shout(const uint8_t *text, uint32_t length) {
    struct string *result = arena_alloc(4, sizeof(struct string));
    uint8_t *out = arena_alloc(1, length + 1);
    for (uint32_t i = 0; i < length; i++) {
        uint8_t c = text[i];
        out[i] = c >= 'a' && c <= 'z' ? c - 32 : c;
    }
    out[length] = '!';
    result->text = out;
    result->length = length + 1;
    return result;
}

// Called by the host when it has read the result of `shout`.
EXPORT("cabi_post_shout")
void shout_done(struct string *result) {
    (void)result;
    arena_reset();
}
