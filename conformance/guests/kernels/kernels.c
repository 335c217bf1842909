// Kernels for the benchmarks. Built as a raw core module and, wrapped, as a
// component. All functions take and return numbers only, so no allocator for
// the host is needed.

#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

extern uint8_t __heap_base;

// Scratch memory: each call begins anew at the end of the static data.
static void *scratch(uint32_t size) {
    uintptr_t start = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
    uintptr_t end = start + size;
    uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) << 16;
    if (end < start) __builtin_trap();
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + 0xffff) >> 16) == (uintptr_t)-1)
        __builtin_trap();
    return (void *)start;
}

// SHA-256, as in FIPS 180-4.

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void block(uint32_t state[8], const uint8_t *data) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)data[4 * i] << 24 | (uint32_t)data[4 * i + 1] << 16 |
               (uint32_t)data[4 * i + 2] << 8 | data[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i];
        uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + t1;
        d = c, c = b, b = a, a = t1 + t2;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

// Byte i of the data is i * 31 + i / 256, cut to eight bits; it repeats after
// 64 KiB, which are all that is kept in memory.
EXPORT("hash")
uint32_t hash(uint32_t mib) {
    const uint32_t window = 1 << 16;
    uint8_t *data = scratch(window);
    for (uint32_t i = 0; i < window; i++) data[i] = (uint8_t)(i * 31 + i / 256);

    uint32_t state[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    for (uint32_t m = 0; m < mib * 16; m++)
        for (uint32_t i = 0; i < window; i += 64) block(state, data + i);

    uint8_t last[64] = {0x80};
    uint64_t bits = (uint64_t)mib << 23;
    for (int i = 0; i < 8; i++) last[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
    block(state, last);
    return state[0];
}

EXPORT("sieve")
uint32_t sieve(uint32_t n) {
    uint8_t *composite = scratch(n);
    for (uint32_t i = 0; i < n; i++) composite[i] = 0;
    uint32_t primes = 0;
    for (uint32_t i = 2; i < n; i++) {
        if (composite[i]) continue;
        primes++;
        for (uint64_t j = (uint64_t)i * i; j < n; j += i) composite[j] = 1;
    }
    return primes;
}

EXPORT("matrix")
double matrix(uint32_t n, uint32_t times) {
    double *a = scratch(3 * n * n * sizeof(double));
    double *b = a + n * n, *c = b + n * n;
    for (uint32_t i = 0; i < n * n; i++) {
        a[i] = (double)(i % 7) - 3;
        b[i] = (double)(i % 11) - 4;
    }
    double sum = 0;
    for (uint32_t t = 0; t < times; t++) {
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t j = 0; j < n; j++) {
                double cell = 0;
                for (uint32_t k = 0; k < n; k++) cell += a[i * n + k] * b[k * n + j];
                c[i * n + j] = cell;
            }
        for (uint32_t i = 0; i < n * n; i++) {
            sum += c[i];
            a[i] += 1;
        }
    }
    return sum;
}

EXPORT("calls")
uint32_t calls(uint32_t n) {
    if (n < 2) return n;
    uint32_t left = calls(n - 1);
    uint32_t right = calls(n - 2);
    // Keeps the compiler from turning the second call into a loop.
    __asm__("" : "+r"(right));
    return left + right;
}
