/* The program: a plain module, whose types the `wit` of its entry tells. Texts come and go
   through memory that `cabi_realloc` gives out; a process is short-lived, and so nothing is
   given back. */

typedef unsigned int size;

static unsigned char heap[1 << 16];
static size used;

__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size had, size align,
                                                                size wanted) {
  (void)old, (void)had;
  used = (used + align - 1) & ~(align - 1);
  if (wanted > sizeof heap - used) __builtin_trap();
  used += wanted;
  return heap + used - wanted;
}

static struct {
  char *text;
  size length;
} result;

static void add(const char *text, size length) {
  for (size i = 0; i < length; i++) result.text[result.length++] = text[i];
}

__attribute__((export_name("greet"))) void *greet(const char *name, size length) {
  result.text = cabi_realloc(0, 0, 1, length + 8);
  result.length = 0;
  add("Hello, ", 7);
  add(name, length);
  add("!", 1);
  return &result;
}
