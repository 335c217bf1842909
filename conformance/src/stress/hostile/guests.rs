//! Amplifiers in WebAssembly.

/// A program whose function is called `run`.
pub struct Guest {
    pub name: &'static str,
    pub text: String,
    /// For a core module.
    pub wit: Option<&'static str>,
}

/// Lists whose elements all lie at one place, and their types.
const SHARED: &[(&str, &str)] = &[
    ("tuples", "(list (list (tuple u8 u8 u8 u8 u8 u8 u8 u8)))"),
    ("options", "(list (list (option bool)))"),
    ("lists", "(list (list (list u8)))"),
    ("strings", "(list (list string))"),
    ("results", "(list (list (result (tuple u8 u8 u8))))"),
];

/// All of them, and two that do nobody any harm: `good` and `idle`.
pub fn all() -> Vec<Guest> {
    let mut all: Vec<Guest> = SHARED.iter().map(|(name, ty)| component(name, shared(ty))).collect();
    all.extend(SHARED.iter().zip(PASSED).map(|((_, ty), name)| component(name, passed(ty))));
    let wit = Some("run: func();");
    all.extend([
        component(
            "pollables",
            clocks("(loop $next (drop (call $after (i64.const 1))) (br $next))"),
        ),
        component(
            "good",
            clocks(
                "(local $p i32)
                 (loop $next
                    (local.set $p (call $after (i64.const 5000000)))
                    (call $block (local.get $p))
                    (call $drop (local.get $p))
                    (br $next))",
            ),
        ),
        component("random", RANDOM.to_owned()),
        component("handles", HANDLES.to_owned()),
        Guest { name: "listings", text: LISTINGS.to_owned(), wit },
        Guest { name: "memory", text: MEMORY.to_owned(), wit },
        Guest { name: "idle", text: IDLE.to_owned(), wit },
    ]);
    all
}

const PASSED: [&str; 5] = ["tuples-on", "options-on", "lists-on", "strings-on", "results-on"];

fn component(name: &'static str, text: String) -> Guest {
    Guest { name, text, wit: None }
}

/// 4096 lists of 4096 elements.
const LISTS: &str = "(local $at i32)
    (local.set $at (i32.const 131072))
    (loop $next
        (i32.store (local.get $at) (i32.const 4096))
        (i32.store offset=4 (local.get $at) (i32.const 4096))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 163840))))";

fn shared(ty: &str) -> String {
    format!(
        "(component
            (core module $m (memory (export \"memory\") 4)
                (func (export \"run\") (result i32) {LISTS}
                    (i32.store (i32.const 0) (i32.const 131072))
                    (i32.store offset=4 (i32.const 0) (i32.const 4096))
                    (i32.const 0)))
            (core instance $i (instantiate $m))
            (func (export \"run\") (result {ty})
                (canon lift (core func $i \"run\") (memory (core memory $i \"memory\")))))"
    )
}

/// The same, given to another component.
fn passed(ty: &str) -> String {
    format!(
        "(component
            (component $taker
                (core module $m (memory (export \"memory\") 1)
                    (global $top (mut i32) (i32.const 1024))
                    (func (export \"realloc\") (param i32 i32 i32 i32) (result i32)
                        (local $at i32)
                        (local.set $at
                            (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
                        (global.set $top (i32.add (local.get $at) (local.get 3)))
                        (loop $grow
                            (if (i32.gt_u (global.get $top)
                                          (i32.mul (memory.size) (i32.const 65536)))
                                (then
                                    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1))
                                        (then (unreachable)))
                                    (br $grow))))
                        (local.get $at))
                    (func (export \"take\") (param i32 i32)))
                (core instance $i (instantiate $m))
                (func (export \"take\") (param \"all\" {ty})
                    (canon lift (core func $i \"take\") (memory (core memory $i \"memory\"))
                        (realloc (core func $i \"realloc\")))))
            (instance $taker (instantiate $taker))
            (core module $memory (memory (export \"memory\") 4))
            (core instance $memory (instantiate $memory))
            (core func $take (canon lower (func $taker \"take\") (memory (core memory $memory \"memory\"))))
            (core module $m
                (import \"memory\" \"memory\" (memory 4))
                (import \"taker\" \"take\" (func $take (param i32 i32)))
                (func (export \"run\") {LISTS}
                    (call $take (i32.const 131072) (i32.const 256))))
            (core instance $i (instantiate $m
                (with \"memory\" (instance $memory))
                (with \"taker\" (instance (export \"take\" (func $take))))))
            (func (export \"run\") (canon lift (core func $i \"run\"))))"
    )
}

/// A program with a clock.
fn clocks(body: &str) -> String {
    format!(
        "(component
            (import \"wasi:io/poll@0.2.0\" (instance $poll
                (export \"pollable\" (type $p (sub resource)))
                (export \"[method]pollable.block\" (func (param \"self\" (borrow $p))))))
            (alias export $poll \"pollable\" (type $pollable))
            (import \"wasi:clocks/monotonic-clock@0.2.0\" (instance $clock
                (alias outer 1 $pollable (type $x))
                (export \"pollable\" (type $p (eq $x)))
                (export \"subscribe-duration\" (func (param \"when\" u64) (result (own $p))))))
            (core func $after (canon lower (func $clock \"subscribe-duration\")))
            (core func $block (canon lower (func $poll \"[method]pollable.block\")))
            (core func $drop (canon resource.drop $pollable))
            (core module $m
                (import \"\" \"after\" (func $after (param i64) (result i32)))
                (import \"\" \"block\" (func $block (param i32)))
                (import \"\" \"drop\" (func $drop (param i32)))
                (func (export \"run\") {body}))
            (core instance $i (instantiate $m (with \"\" (instance
                (export \"after\" (func $after))
                (export \"block\" (func $block))
                (export \"drop\" (func $drop))))))
            (func (export \"run\") (canon lift (core func $i \"run\"))))"
    )
}

/// Random bytes, more and more of them.
const RANDOM: &str = r#"(component
    (import "wasi:random/random@0.2.0" (instance $random
        (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
    (core module $memory (memory (export "memory") 2)
        ;; They all go to one place, as far as there is one.
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (if (i32.gt_u (local.get 3) (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const 65536)))
                (then (drop (memory.grow (i32.add (i32.div_u (local.get 3) (i32.const 65536)) (i32.const 1))))))
            (i32.const 1024)))
    (core instance $memory (instantiate $memory))
    (core func $get (canon lower (func $random "get-random-bytes")
        (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))
    (core module $m
        (import "" "get" (func $get (param i64 i32)))
        (func (export "run") (local $len i64)
            (local.set $len (i64.const 1000))
            (loop $next
                (call $get (local.get $len) (i32.const 0))
                (local.set $len (i64.mul (local.get $len) (i64.const 2)))
                (br $next))))
    (core instance $i (instantiate $m (with "" (instance (export "get" (func $get))))))
    (func (export "run") (canon lift (core func $i "run"))))"#;

/// Resources of its own.
const HANDLES: &str = r#"(component
    (type $r (resource (rep i32)))
    (core func $new (canon resource.new $r))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (func (export "run") (loop $next (drop (call $new (i32.const 7))) (br $next))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "run") (canon lift (core func $i "run"))))"#;

/// Opens its directory again and again, and looks at the beginning of each list.
const LISTINGS: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir"
        (func $readdir (param i32 i32 i32 i64 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) ".")
    (func (export "run") (local $error i32)
        (loop $next
            (local.set $error (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1)
                (i32.const 2) (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 8)))
            (br_if $next (i32.eqz (i32.or (local.get $error)
                (call $readdir (i32.load (i32.const 8)) (i32.const 1024) (i32.const 64)
                    (i64.const 0) (i32.const 16))))))
        (loop $rest (br $rest))))"#;

/// As much memory and table as there is.
const MEMORY: &str = r#"(module
    (memory (export "memory") 16)
    (table $t 0 funcref)
    (func (export "run")
        (loop $next
            (br_if $next (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (loop $next
            (br_if $next (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1))))
        (memory.fill (i32.const 0) (i32.const 7) (i32.mul (memory.size) (i32.const 65536)))
        (loop $rest (br $rest))))"#;

/// Has some memory, and does nothing.
const IDLE: &str = r#"(module
    (memory (export "memory") 16)
    (func (export "run") (loop $rest (br $rest))))"#;
