//! Handles of a resource that a component defines: made, lent, given away and dropped by
//! two components in any order, with numbers that are right, stale or made up.
//!
//! What each of them finds is mixed into a number, which is the result; a destructor adds
//! to a sum that both can ask for, and may itself drop or trap.

#[cfg(feature = "peers")]
pub mod peer;

use std::fmt::Write;

use arbitrary::Unstructured;
use wippy::{
    command::Reply,
    component::{Component, Engine, LinkedComponent, Linker},
    process::{Call, Fuel, Limits, Start, WasmProcess, run as run_process},
};

use super::echo::class;

/// Calls of the host, in order.
pub const CALLS: [&str; 3] = ["run", "own-run", "run"];

/// Handles that a component keeps.
const KEPT: u32 = 4;

/// Fuel of one run.
const FUEL: u64 = 10_000_000;

/// What happened in each call that came to be.
pub type Seen = Vec<String>;

/// The components, as text.
pub fn text(data: &[u8]) -> String {
    let bytes = &mut Unstructured::new(data);
    let dtor = match bytes.int_in_range(0..=5).unwrap_or(0u8) {
        0 => "(if (i32.eq (local.get 0) (i32.const 3)) (then unreachable))",
        1 => {
            "(if (i32.gt_u (local.get 0) (i32.const 5)) (then (call $drop (call $new (i32.const 2)))))"
        }
        2 => "(if (i32.eq (local.get 0) (i32.const 4)) (then (call $drop (i32.const 1))))",
        _ => "",
    };
    let own = ops(bytes, &[Op::New, Op::Rep, Op::Drop, Op::Sum]);
    let user = ops(bytes, &[Op::Make, Op::Use, Op::Take, Op::Drop, Op::Sum, Op::Back]);
    let borrow_drop = match bytes.int_in_range(0..=9).unwrap_or(0u8) {
        0 => "(call $drop (local.get 0))",
        _ => "",
    };
    let take = match bytes.int_in_range(0..=3).unwrap_or(0u8) {
        0 => "(call $rep (local.get 0))",
        1 => "(call $drop (local.get 0)) (i32.const 7)",
        2 => "(call $rep (local.get 0)) (call $drop (local.get 0))",
        _ => "(local.get 0)",
    };
    let locals = "(local $x i32) (local $0 i32) (local $1 i32) (local $2 i32) (local $3 i32)";
    format!(
        r#"(component
(component $maker
  (core module $shim
    (table (export "t") 1 funcref)
    (type $f (func (param i32)))
    (func (export "dtor") (param i32) (call_indirect (type $f) (local.get 0) (i32.const 0))))
  (core instance $shim (instantiate $shim))
  (type $r' (resource (rep i32) (dtor (core func $shim "dtor"))))
  (export $r "r" (type $r'))
  (core func $new (canon resource.new $r'))
  (core func $rep (canon resource.rep $r'))
  (core func $drop (canon resource.drop $r'))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "t" (table 1 funcref))
    (global $sum (mut i32) (i32.const 1))
    (elem (i32.const 0) $dtor)
    (func $dtor (param i32)
      (global.set $sum (i32.add (i32.mul (global.get $sum) (i32.const 31)) (local.get 0)))
      {dtor})
    (func $sum (export "sum") (result i32) (global.get $sum))
    (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
    (func (export "use") (param i32) (result i32) {borrow_drop} (i32.mul (local.get 0) (i32.const 3)))
    (func (export "take") (param i32) (result i32) {take})
    (func (export "back") (param i32) (result i32) (local.get 0))
    (func (export "own-run") (result i32) {locals} {own} (local.get $x)))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))
    (export "rep" (func $rep)) (export "drop" (func $drop)) (export "t" (table $shim "t"))))))
  (func (export "make") (param "n" u32) (result (own $r)) (canon lift (core func $i "make")))
  (func (export "use") (param "it" (borrow $r)) (result u32) (canon lift (core func $i "use")))
  (func (export "take") (param "it" (own $r)) (result u32) (canon lift (core func $i "take")))
  (func (export "back") (param "it" (own $r)) (result (own $r)) (canon lift (core func $i "back")))
  (func (export "sum") (result u32) (canon lift (core func $i "sum")))
  (func (export "own-run") (result u32) (canon lift (core func $i "own-run"))))
(instance $maker (instantiate $maker))
(component $user
  (import "it" (instance $it
    (export "r" (type $r (sub resource)))
    (export "make" (func (param "n" u32) (result (own $r))))
    (export "use" (func (param "it" (borrow $r)) (result u32)))
    (export "take" (func (param "it" (own $r)) (result u32)))
    (export "back" (func (param "it" (own $r)) (result (own $r))))
    (export "sum" (func (result u32)))))
  (alias export $it "r" (type $r))
  (core func $make (canon lower (func $it "make")))
  (core func $use (canon lower (func $it "use")))
  (core func $take (canon lower (func $it "take")))
  (core func $back (canon lower (func $it "back")))
  (core func $sum (canon lower (func $it "sum")))
  (core func $drop (canon resource.drop $r))
  (core module $m
    (import "" "make" (func $make (param i32) (result i32)))
    (import "" "use" (func $use (param i32) (result i32)))
    (import "" "take" (func $take (param i32) (result i32)))
    (import "" "back" (func $back (param i32) (result i32)))
    (import "" "sum" (func $sum (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (result i32) {locals} {user} (local.get $x)))
  (core instance $i (instantiate $m (with "" (instance (export "make" (func $make))
    (export "use" (func $use)) (export "take" (func $take)) (export "back" (func $back))
    (export "sum" (func $sum)) (export "drop" (func $drop))))))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
(instance $user (instantiate $user (with "it" (instance $maker))))
(export "run" (func $user "run"))
(export "own-run" (func $maker "own-run")))"#
    )
}

#[derive(Clone, Copy)]
enum Op {
    New,
    Make,
    Rep,
    Use,
    Take,
    Back,
    Drop,
    Sum,
}

/// Instructions that do such things in any order.
fn ops(bytes: &mut Unstructured<'_>, of: &[Op]) -> String {
    let mut text = String::new();
    // The places of handles that are still there, if all has gone well.
    let mut live: Vec<u32> = Vec::new();
    for _ in 0..bytes.int_in_range(1..=14).unwrap_or(1u32) {
        let mut op = *bytes.choose(of).unwrap_or(&Op::Sum);
        if live.is_empty() && !matches!(op, Op::Sum) {
            op = of[0];
        }
        let kept = bytes.int_in_range(0..=KEPT - 1).unwrap_or(0);
        let used = bytes.choose(&live).ok().copied();
        let handle = match (bytes.int_in_range(0..=39u8).unwrap_or(0), used) {
            (0, _) => format!("(i32.const {})", bytes.int_in_range(0..=9).unwrap_or(0u32)),
            (1, _) => "(i32.const -1)".to_owned(),
            (2, _) | (_, None) => format!("(local.get ${kept})"),
            (_, Some(used)) => format!("(local.get ${used})"),
        };
        if matches!(op, Op::Take | Op::Back | Op::Drop) {
            live.retain(|place| Some(*place) != used);
        }
        if matches!(op, Op::New | Op::Make | Op::Back) && !live.contains(&kept) {
            live.push(kept);
        }
        let number = bytes.int_in_range(0..=9).unwrap_or(0u32);
        let mix = |value: String| {
            format!("(local.set $x (i32.add (i32.mul (local.get $x) (i32.const 37)) {value}))")
        };
        let new = |value: String| {
            format!("(local.set ${kept} {value}) {}", mix(format!("(local.get ${kept})")))
        };
        let code = match op {
            Op::New => new(format!("(call $new (i32.const {number}))")),
            Op::Make => new(format!("(call $make (i32.const {number}))")),
            Op::Back => new(format!("(call $back {handle})")),
            Op::Rep => mix(format!("(call $rep {handle})")),
            Op::Use => mix(format!("(call $use {handle})")),
            Op::Take => mix(format!("(call $take {handle})")),
            Op::Drop => format!("(call $drop {handle})"),
            Op::Sum => mix("(call $sum)".to_owned()),
        };
        write!(text, "{code} ").expect("it grows");
    }
    text
}

/// What happens by us, in slices of several lengths.
///
/// # Errors
///
/// If it is refused, or not the same in all slices.
pub fn ours(bytes: &[u8]) -> Result<Seen, String> {
    let component = Component::new(&Engine::default(), bytes)
        .map_err(|error| format!("it is refused: {error}"))?;
    let program = component.link(&Linker::default()).map_err(|error| error.to_string())?;
    let one = all(&program, 1_000)?;
    let other = all(&program, 1_000_000)?;
    if one != other {
        return Err(format!("slices differ:\n  {one:?}\n  {other:?}"));
    }
    Ok(one.0)
}

fn all(program: &LinkedComponent, slice: u64) -> Result<(Seen, u64), String> {
    let mut start = Start::from(Call::new(CALLS[0], Vec::new()));
    start.data.limits = Limits { max_memory: 64 << 20, max_fuel: Some(FUEL) };
    let mut process = WasmProcess::start(program, start).map_err(|error| error.to_string())?;
    let mut seen = Seen::new();
    for (at, name) in CALLS.iter().enumerate() {
        if at > 0 {
            let call = Call::new(*name, Vec::new());
            process.call(call).map_err(|error| error.to_string())?;
        }
        let refuse = |_| Reply::Refused("nobody answers".to_owned());
        match run_process(&mut process, Fuel(slice), refuse) {
            Ok(value) => seen.push(format!("{value:?}")),
            Err(error) => {
                let class = class(&error).map_err(|failure| failure.0)?;
                seen.push(format!("! {class:?}"));
                break;
            }
        }
    }
    Ok((seen, process.fuel_used()))
}

/// Handles, by us.
pub fn run(data: &[u8]) {
    let text = text(data);
    let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    if let Err(why) = ours(&bytes) {
        panic!("{why}\n{text}");
    }
}
