// A client in C without a library: a raw core module, whose WIT text is client.wit. The
// numbers of layouts are those of the Component Model's canonical ABI.

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name))) extern
#define EXPORT(name) __attribute__((export_name(name)))

#define TYPES "wasi:http/types@0.2.12"
#define STREAMS "wasi:io/streams@0.2.12"
#define POLL "wasi:io/poll@0.2.12"

IMPORT(TYPES, "[constructor]fields") u32 fields_new(void);
IMPORT(TYPES, "[method]fields.append")
void fields_append(u32 self, const char *name, u32 name_len, const char *value, u32 value_len, void *out);
IMPORT(TYPES, "[method]fields.get") void fields_get(u32 self, const char *name, u32 len, void *out);
IMPORT(TYPES, "[resource-drop]fields") void fields_drop(u32 self);
IMPORT(TYPES, "[constructor]outgoing-request") u32 request_new(u32 fields);
IMPORT(TYPES, "[method]outgoing-request.set-method")
u32 request_method(u32 self, u32 method, const char *other, u32 len);
IMPORT(TYPES, "[method]outgoing-request.set-scheme")
u32 request_scheme(u32 self, u32 some, u32 scheme, const char *other, u32 len);
IMPORT(TYPES, "[method]outgoing-request.set-authority")
u32 request_authority(u32 self, u32 some, const char *text, u32 len);
IMPORT(TYPES, "[method]outgoing-request.set-path-with-query")
u32 request_path(u32 self, u32 some, const char *text, u32 len);
IMPORT(TYPES, "[method]outgoing-request.body") void request_body(u32 self, void *out);
IMPORT(TYPES, "[method]outgoing-body.write") void body_write(u32 self, void *out);
IMPORT(TYPES, "[static]outgoing-body.finish")
void body_finish(u32 body, u32 some, u32 trailers, void *out);
IMPORT("wasi:http/outgoing-handler@0.2.12", "handle")
void handle(u32 request, u32 some, u32 options, void *out);
IMPORT(TYPES, "[method]future-incoming-response.subscribe") u32 future_subscribe(u32 self);
IMPORT(TYPES, "[method]future-incoming-response.get") void future_get(u32 self, void *out);
IMPORT(TYPES, "[resource-drop]future-incoming-response") void future_drop(u32 self);
IMPORT(TYPES, "[method]incoming-response.status") u32 response_status(u32 self);
IMPORT(TYPES, "[method]incoming-response.headers") u32 response_headers(u32 self);
IMPORT(TYPES, "[method]incoming-response.consume") void response_consume(u32 self, void *out);
IMPORT(TYPES, "[resource-drop]incoming-response") void response_drop(u32 self);
IMPORT(TYPES, "[method]incoming-body.stream") void body_stream(u32 self, void *out);
IMPORT(TYPES, "[resource-drop]incoming-body") void body_drop(u32 self);
IMPORT(TYPES, "http-error-code") void error_code(u32 error, void *out);
IMPORT(STREAMS, "[method]input-stream.blocking-read")
void stream_read(u32 self, u64 len, void *out);
IMPORT(STREAMS, "[resource-drop]input-stream") void input_drop(u32 self);
IMPORT(STREAMS, "[method]output-stream.check-write") void stream_check(u32 self, void *out);
IMPORT(STREAMS, "[method]output-stream.write")
void stream_write(u32 self, const u8 *bytes, u32 len, void *out);
IMPORT(STREAMS, "[method]output-stream.subscribe") u32 stream_subscribe(u32 self);
IMPORT(STREAMS, "[resource-drop]output-stream") void output_drop(u32 self);
IMPORT(POLL, "[method]pollable.block") void pollable_block(u32 self);
IMPORT(POLL, "poll") void poll(const u32 *list, u32 len, void *out);
IMPORT(POLL, "[resource-drop]pollable") void pollable_drop(u32 self);
IMPORT("wasi:clocks/monotonic-clock@0.2.12", "subscribe-duration")
u32 subscribe_duration(u64 nanoseconds);

// Nothing is ever given back: each process answers one call.
extern u8 __heap_base;
static u32 heap = 0;

EXPORT("cabi_realloc") void *cabi_realloc(void *old, u32 old_len, u32 align, u32 len) {
    (void)align;
    if (!heap) heap = (u32)&__heap_base;
    u32 at = (heap + 7) & ~7u;
    heap = at + len;
    u32 have = __builtin_wasm_memory_size(0) << 16;
    if (heap > have && __builtin_wasm_memory_grow(0, ((heap - have) >> 16) + 1) == (unsigned long)-1) {
        __builtin_trap();
    }
    for (u32 i = 0; i < old_len && i < len; i++) ((u8 *)at)[i] = ((u8 *)old)[i];
    return (void *)at;
}

// A text that grows, and is what a call returns.
typedef struct {
    u8 *at;
    u32 len;
} text_t;

static void add(text_t *text, const void *bytes, u32 len) {
    text->at = cabi_realloc(text->at, text->len, 1, text->len + len);
    for (u32 i = 0; i < len; i++) text->at[text->len + i] = ((const u8 *)bytes)[i];
    text->len += len;
}

static u32 length(const char *text) {
    u32 len = 0;
    while (text[len]) len++;
    return len;
}

static void add_text(text_t *text, const char *more) { add(text, more, length(more)); }

static u32 digits(char *out, u32 number) {
    char turned[10];
    u32 len = 0;
    do turned[len++] = (char)('0' + number % 10);
    while ((number /= 10));
    for (u32 i = 0; i < len; i++) out[i] = turned[len - 1 - i];
    return len;
}

static void add_number(text_t *text, u32 number) {
    char out[10];
    add(text, out, digits(out, number));
}

// In the order of the variant `error-code`.
static const char *const ERRORS[] = {
    "DNS-timeout", "DNS-error", "destination-not-found", "destination-unavailable",
    "destination-IP-prohibited", "destination-IP-unroutable", "connection-refused",
    "connection-terminated", "connection-timeout", "connection-read-timeout",
    "connection-write-timeout", "connection-limit-reached", "TLS-protocol-error",
    "TLS-certificate-error", "TLS-alert-received", "HTTP-request-denied",
    "HTTP-request-length-required", "HTTP-request-body-size", "HTTP-request-method-invalid",
    "HTTP-request-URI-invalid", "HTTP-request-URI-too-long",
    "HTTP-request-header-section-size", "HTTP-request-header-size",
    "HTTP-request-trailer-section-size", "HTTP-request-trailer-size",
    "HTTP-response-incomplete", "HTTP-response-header-section-size",
    "HTTP-response-header-size", "HTTP-response-body-size",
    "HTTP-response-trailer-section-size", "HTTP-response-trailer-size",
    "HTTP-response-transfer-coding", "HTTP-response-content-coding", "HTTP-response-timeout",
    "HTTP-upgrade-failed", "HTTP-protocol-error", "loop-detected", "configuration-error",
    "internal-error"};

// What a call returns; where a function of the host writes what it returns.
static text_t told;
static u64 area[16];
static u8 *const out = (u8 *)area;

static u32 word(u32 at) { return *(u32 *)(out + at); }

// Nothing, so that it can be returned.
static u32 fail(const char *what) {
    told = (text_t){0, 0};
    add_text(&told, "error: ");
    add_text(&told, what);
    return 0;
}

static u32 fail_code(u32 at) {
    u32 tag = out[at];
    return fail(tag < sizeof ERRORS / sizeof *ERRORS ? ERRORS[tag] : "unknown");
}

// The `stream-error` at this place: true if it is only the end.
static int is_end(u32 at) {
    if (out[at] == 1) return 1;
    error_code(word(at + 4), out);
    if (out[0]) fail_code(8);
    else fail("a stream has failed");
    return 0;
}

// A request of a method (0 is GET, 2 POST), with a length if it has a body.
static u32 request(const char *url, u32 len, u32 method, int has_body, u32 bytes) {
    u32 scheme = 0, begin = 7;
    if (len > 8 && url[4] == 's') scheme = 1, begin = 8;
    u32 path = begin;
    while (path < len && url[path] != '/') path++;
    u32 fields = fields_new();
    if (has_body) {
        char number[10];
        fields_append(fields, "content-length", 14, number, digits(number, bytes), out);
    }
    u32 made = request_new(fields);
    u32 wrong = request_method(made, method, 0, 0) | request_scheme(made, 1, scheme, 0, 0) |
                request_authority(made, 1, url + begin, path - begin);
    wrong |= path < len ? request_path(made, 1, url + path, len - path) : request_path(made, 1, "/", 1);
    return wrong ? fail("the address is none") : made;
}

static u32 send(u32 made) {
    handle(made, 0, 0, out);
    return out[0] ? fail_code(8) : word(8);
}

// The response of an exchange. With a limit, whatever comes first.
static u32 wait(u32 future, u32 milliseconds) {
    u32 both[2] = {future_subscribe(future), 0};
    if (milliseconds) {
        both[1] = subscribe_duration((u64)milliseconds * 1000000);
        poll(both, 2, out);
        pollable_drop(both[1]);
    } else {
        pollable_block(both[0]);
    }
    pollable_drop(both[0]);
    future_get(future, out);
    if (!out[0]) {
        future_drop(future);
        return fail("late");
    }
    u32 is_error = out[16], response = word(24);
    future_drop(future);
    return is_error ? fail_code(24) : response;
}

// Reads the body of a response and lets that go; false if it has failed.
static int read(u32 response, text_t *body, u32 *pieces) {
    response_consume(response, out);
    u32 incoming = word(4);
    body_stream(incoming, out);
    u32 stream = word(4);
    int well = 1;
    for (*pieces = 0;; ++*pieces) {
        stream_read(stream, 65536, out);
        if (out[0]) {
            well = is_end(4);
            break;
        }
        add(body, (u8 *)word(4), word(8));
    }
    input_drop(stream);
    body_drop(incoming);
    response_drop(response);
    return well;
}

// The response that an address leads to in the end.
static u32 last(const char *url, u32 len, u32 milliseconds) {
    for (u32 i = 0; i < 10; i++) {
        u32 made = request(url, len, 0, 0, 0);
        u32 future = made ? send(made) : 0;
        u32 response = future ? wait(future, milliseconds) : 0;
        if (!response) return 0;
        u32 status = response_status(response), fields = response_headers(response);
        fields_get(fields, "location", 8, out);
        fields_drop(fields);
        const u32 *first = (u32 *)word(0);
        if (status < 300 || status >= 400 || !word(4)) return response;
        const char *to = (char *)first[0];
        u32 to_len = first[1], pieces;
        text_t passed = {0, 0}, next = {0, 0};
        if (!read(response, &passed, &pieces)) return 0;
        // A path belongs to the same server.
        u32 host = url[4] == 's' ? 8 : 7;
        while (host < len && url[host] != '/') host++;
        if (to[0] == '/') add(&next, url, host);
        add(&next, to, to_len);
        url = (char *)next.at;
        len = next.len;
    }
    return fail("too many redirects");
}

static text_t *line(u32 response) {
    if (!response) return &told;
    text_t text = {0, 0}, body = {0, 0};
    u32 pieces;
    add_number(&text, response_status(response));
    add_text(&text, " ");
    if (!read(response, &body, &pieces)) return &told;
    add(&text, body.at, body.len);
    told = text;
    return &told;
}

EXPORT("get") text_t *get(const char *url, u32 len) { return line(last(url, len, 0)); }

EXPORT("hurry") text_t *hurry(const char *url, u32 len, u32 milliseconds) {
    return line(last(url, len, milliseconds));
}

EXPORT("pieces") text_t *count_pieces(const char *url, u32 len) {
    u32 response = last(url, len, 0), pieces;
    if (!response) return &told;
    text_t text = {0, 0}, body = {0, 0};
    add_number(&text, response_status(response));
    if (!read(response, &body, &pieces)) return &told;
    add_text(&text, " ");
    add_number(&text, body.len);
    add_text(&text, pieces == 1 ? " one" : " more");
    told = text;
    return &told;
}

EXPORT("post") text_t *post(const char *url, u32 len, u32 bytes) {
    static u8 piece[65536];
    u32 made = request(url, len, 2, 1, bytes);
    if (!made) return &told;
    request_body(made, out);
    u32 body = word(4);
    body_write(body, out);
    u32 stream = word(4), future = send(made);
    if (!future) return &told;
    u32 room = stream_subscribe(stream);
    for (u32 sent = 0; sent < bytes;) {
        pollable_block(room);
        stream_check(stream, out);
        if (out[0]) break;
        u64 most = *(u64 *)(out + 8);
        u32 next = bytes - sent;
        if (next > most) next = (u32)most;
        if (next > sizeof piece) next = sizeof piece;
        for (u32 i = 0; i < next; i++) piece[i] = (u8)((sent + i) % 251);
        stream_write(stream, piece, next, out);
        if (out[0]) break;
        sent += next;
    }
    pollable_drop(room);
    output_drop(stream);
    // What is wrong with it, the response tells.
    body_finish(body, 0, 0, out);
    return line(wait(future, 0));
}
