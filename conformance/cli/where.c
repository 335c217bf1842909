// Functions in each other, to look where a replay is.
// zig cc -target wasm32-freestanding -nostdlib -Wl,--no-entry -g -O1 -fdebug-compilation-dir=. -o where.wasm where.c
static volatile unsigned sum;

static inline void add(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        sum += i;
    }
}

__attribute__((noinline)) static void inner(unsigned n) {
    add(n);
    sum ^= 1;
}

__attribute__((noinline)) static unsigned outer(unsigned n) {
    inner(n);
    return sum;
}

__attribute__((export_name("f"))) unsigned f(unsigned n) {
    unsigned last = outer(n);
    return last + 1;
}
