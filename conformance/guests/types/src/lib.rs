wit_bindgen::generate!({ world: "types-guest" });

use std::cell::{Cell, RefCell};

use exports::wippy::conformance::types::*;
use wippy::conformance::host;

struct Types;

/// Functions that give back what they are given.
macro_rules! echoes {
    ($($name:ident => $type:ty;)*) => {
        $(fn $name(v: $type) -> $type {
            v
        })*
    };
}

impl exports::wippy::conformance::types::Guest for Types {
    type Counter = Count;

    echoes! {
        echo_bool => bool;
        echo_s8 => i8;
        echo_u8 => u8;
        echo_s16 => i16;
        echo_u16 => u16;
        echo_s32 => i32;
        echo_u32 => u32;
        echo_s64 => i64;
        echo_u64 => u64;
        echo_f32 => f32;
        echo_f64 => f64;
        echo_char => char;
        echo_string => String;
        echo_list_bool => Vec<bool>;
        echo_list_u8 => Vec<u8>;
        echo_list_s16 => Vec<i16>;
        echo_list_u32 => Vec<u32>;
        echo_list_u64 => Vec<u64>;
        echo_list_f32 => Vec<f32>;
        echo_list_f64 => Vec<f64>;
        echo_list_char => Vec<char>;
        echo_list_string => Vec<String>;
        echo_list_list => Vec<Vec<u16>>;
        echo_list_tuple => Vec<(u8, String, u64)>;
        echo_list_option => Vec<Option<String>>;
        echo_point => Point;
        echo_line => Line;
        echo_padded => Padded;
        echo_list_padded => Vec<Padded>;
        echo_list_line => Vec<Line>;
        echo_large => Large;
        echo_tuple => (u8, String, f64);
        echo_tuple_nested => ((u8, u16), (u32, (u64,)));
        echo_shape => Shape;
        echo_list_shape => Vec<Shape>;
        echo_number => Number;
        echo_list_number => Vec<Number>;
        echo_colour => Colour;
        echo_list_colour => Vec<Colour>;
        echo_crowd => Crowd;
        echo_list_crowd => Vec<Crowd>;
        echo_option => Option<u32>;
        echo_option_string => Option<String>;
        echo_option_option => Option<Option<u8>>;
        echo_option_list => Option<Vec<String>>;
        echo_result => Result<(), ()>;
        echo_result_ok => Result<u32, ()>;
        echo_result_err => Result<(), String>;
        echo_result_both => Result<String, u64>;
        echo_result_nested => Result<Option<String>, Colour>;
        echo_result_result => Result<Result<u8, String>, f32>;
        echo_flags1 => One;
        echo_flags8 => Eight;
        echo_flags9 => Nine;
        echo_flags17 => SeventeenFlags;
        echo_flags32 => ThirtyTwo;
        echo_list_flags => Vec<Nine>;
    }

    fn nothing() {}

    fn sixteen(
        a: u64,
        b: u64,
        c: u64,
        d: u64,
        e: u64,
        f: u64,
        g: u64,
        h: u64,
        i: u64,
        j: u64,
        k: u64,
        l: u64,
        m: u64,
        n: u64,
        o: u64,
        p: u64,
    ) -> u64 {
        weigh(&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    fn seventeen(
        a: u8,
        b: u64,
        c: u8,
        d: u64,
        e: u8,
        f: u64,
        g: u8,
        h: u64,
        i: u8,
        j: u64,
        k: u8,
        l: u64,
        m: u8,
        n: u64,
        o: u8,
        p: u64,
        q: String,
    ) -> (u64, String) {
        let [a, c, e, g, i, k, m, o] = [a, c, e, g, i, k, m, o].map(u64::from);
        (weigh(&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]), q)
    }

    fn take_counter(c: Counter) -> i32 {
        c.into_inner::<Count>().0.get()
    }

    fn peek_counter(c: CounterBorrow<'_>) -> i32 {
        c.get::<Count>().0.get()
    }

    fn echo_counter(c: Counter) -> Counter {
        c
    }

    fn make_counters(n: u32) -> Vec<Counter> {
        (0..n as i32).map(|i| Counter::new(Count::new(i))).collect()
    }

    fn maybe_counter(c: Option<Counter>) -> Option<Counter> {
        c
    }

    fn live_counters() -> u32 {
        LIVE.get()
    }
}

/// First times 1 plus second times 2 and so on, so that no two may be swapped.
fn weigh(values: &[u64]) -> u64 {
    values.iter().zip(1u64..).fold(0, |sum, (v, place)| sum.wrapping_add(v.wrapping_mul(place)))
}

thread_local! {
    static LIVE: Cell<u32> = const { Cell::new(0) };
    static KEPT: RefCell<Vec<host::Token>> = const { RefCell::new(Vec::new()) };
}

struct Count(Cell<i32>);

impl Count {
    fn new(start: i32) -> Self {
        LIVE.set(LIVE.get() + 1);
        Count(Cell::new(start))
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

impl GuestCounter for Count {
    fn new(start: i32) -> Self {
        Count::new(start)
    }

    fn value(&self) -> i32 {
        self.0.get()
    }

    fn add(&self, n: i32) -> i32 {
        self.0.set(self.0.get().wrapping_add(n));
        self.0.get()
    }

    fn merge(a: Counter, b: CounterBorrow<'_>) -> Counter {
        a.get::<Count>().add(b.get::<Count>().value());
        Counter::new(Count::new(a.get::<Count>().value()))
    }

    fn sum(counters: Vec<CounterBorrow<'_>>) -> i32 {
        counters.iter().fold(0, |sum, c| c.get::<Count>().value().wrapping_add(sum))
    }

    fn parse(text: String) -> Result<Counter, String> {
        match text.parse() {
            Ok(start) => Ok(Counter::new(Count::new(start))),
            Err(_) => Err(format!("not a number: {text}")),
        }
    }
}

impl Guest for Types {
    fn use_host_log(s: String) {
        host::log(&s);
    }

    fn use_host_add(a: u32, b: u32) -> u32 {
        host::add(a, b)
    }

    fn use_host_add_many(n: u32) -> u32 {
        (0..n).fold(0, |sum, _| host::add(sum, 1))
    }

    fn use_host_make_text(n: u32) -> String {
        host::make_text(n)
    }

    fn use_host_wait(n: u32) -> String {
        host::wait(n)
    }

    fn use_host_wait_many(n: u32) -> Vec<String> {
        (0..=n).map(host::wait).collect()
    }

    fn use_host_token(value: u32) -> u32 {
        host::Token::new(value).value()
    }

    fn use_host_join(values: Vec<u32>) -> u32 {
        let tokens: Vec<_> = values.into_iter().map(host::Token::new).collect();
        let borrowed: Vec<_> = tokens.iter().collect();
        host::Token::join(&borrowed).value()
    }

    fn use_host_give(value: u32) -> Token {
        Token::new(value)
    }

    fn use_host_take(t: Token) -> u32 {
        t.value()
    }

    fn use_host_borrow(t: &Token) -> u32 {
        t.value()
    }

    fn use_host_keep(value: u32) {
        KEPT.with_borrow_mut(|kept| kept.push(Token::new(value)));
    }
}

export!(Types);
