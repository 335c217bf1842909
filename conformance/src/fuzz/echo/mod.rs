//! Components that hand on what they are given.
//!
//! Bytes choose a signature, some components in a row, each of which calls the next with
//! what it is given and gives back what that returns, how each of them has its values in
//! its memory, and what it does wrong. The last one calls the host.
//!
//! | file | |
//! | --- | --- |
//! | `flat` | the core values that a value is |
//! | `text` | the components, as text |
//! | `ours` | what happens, by us: in slices, recorded and replayed |
//! | `peer` | what happens, by the reference engine |

mod flat;
mod ours;
#[cfg(feature = "peers")]
pub mod peer;
mod text;

use std::sync::Arc;

use arbitrary::Unstructured;
use wippy::value::{Field, Resource, ResourceId, Type, TypeId, Types, Value};

pub use self::ours::class;
use super::generate::{self, Kinds, Values};

/// A run of components, and what it is given.
#[derive(Clone, Debug)]
pub struct Echo {
    pub types: Arc<Types>,
    pub params: Vec<TypeId>,
    pub result: Option<TypeId>,
    /// The resource whose handles there may be.
    pub resource: Option<ResourceId>,
    /// The first calls the host, the last is called.
    pub members: Vec<Member>,
    /// It is exported in an interface.
    pub interface: bool,
    pub args: Vec<Value>,
    /// What the host returns.
    pub answer: Option<Value>,
}

/// One of the components.
#[derive(Clone, Debug)]
pub struct Member {
    /// Of what it is given.
    pub lift: Encoding,
    /// Of what it gives on.
    pub lower: Encoding,
    /// Its memory has 64-bit addresses.
    pub wide: bool,
    pub realloc: Realloc,
    pub post: Post,
    /// It calls the function without arguments too.
    pub poke: bool,
    /// Handles that it drops first, by their numbers.
    pub drops: Vec<u32>,
    pub mangles: Vec<Mangle>,
}

/// How strings are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16,
    Latin1,
}

/// What a `realloc` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Realloc {
    Right,
    /// It takes a page more each time, and is right.
    Grows,
    /// A byte beside.
    Unaligned,
    /// Beyond the memory, or almost.
    Outside,
    Traps,
    /// It calls the host, which it may not.
    CallsOut,
}

/// What is done after the result has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    Nothing,
    Return,
    Traps,
    CallsOut,
}

/// Something that a guest changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mangle {
    /// A core value that it gives on, to these bits.
    Param(u32, u64),
    /// Four bytes of what it gives on in memory.
    Spilled(u32, u32),
    /// Four bytes of its result in memory.
    Returned(u32, u32),
    /// Its result in a core value.
    Result(u64),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the host was asked and when handles of its own were dropped, in order.
    pub heard: Vec<String>,
    pub end: End,
}

/// How a call ended. Values are in words, in which a NaN is equal to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Value(String),
    Trap(Class, String),
}

/// Traps that are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// By an instruction: its words in the test suite of the specification.
    Core(String),
    /// By the canonical ABI.
    Canonical,
    /// By something else.
    Other(String),
}

#[cfg(feature = "peers")]
impl Seen {
    /// Both are the same; traps need not have the same words.
    pub fn agrees(&self, other: &Seen) -> bool {
        let ends = match (&self.end, &other.end) {
            (End::Value(one), End::Value(other)) => one == other,
            (End::Trap(one, _), End::Trap(other, _)) => one == other,
            (End::Value(_), End::Trap(..)) | (End::Trap(..), End::Value(_)) => false,
        };
        ends && self.heard == other.heard
    }
}

/// A value in words, without what tells resources of one engine from those of another.
pub fn words(value: &Value) -> String {
    fn bare(value: &Value) -> Value {
        let all = |values: &[Value]| values.iter().map(bare).collect::<Vec<_>>();
        match value {
            Value::List(list) => {
                Value::from(list.iter().map(|value| bare(&value)).collect::<Vec<_>>())
            }
            Value::Map(entries) => {
                Value::Map(entries.iter().map(|(key, value)| (bare(key), bare(value))).collect())
            }
            Value::Record(values) => Value::Record(all(values)),
            Value::Variant { case, payload } => Value::Variant {
                case: *case,
                payload: payload.as_deref().map(|value| Box::new(bare(value))),
            },
            Value::Own(handle) => Value::Own(Resource::host(handle.rep)),
            Value::Borrow(handle) => Value::Borrow(Resource::host(handle.rep)),
            other => other.clone(),
        }
    }
    format!("{:?}", bare(value))
}

impl Echo {
    /// The components that bytes choose.
    pub fn new(data: &[u8]) -> Option<Echo> {
        let bytes = &mut Unstructured::new(data);
        let mut types = Types::default();
        let with = |bytes: &mut Unstructured<'_>, n| bytes.ratio(1, n).unwrap_or(false);
        let resource = with(bytes, 3).then(|| types.add_resource("r"));
        let of = Kinds { handles: resource, borrows: true, maps: with(bytes, 2) };
        let count = bytes.int_in_range(0..=4).unwrap_or(1);
        let params: Vec<TypeId> =
            (0..count).map(|_| generate::ty(&mut types, bytes, 0, of)).collect();
        let result = (!with(bytes, 8)).then(|| match params.first() {
            // What it has been given, so that this comes back.
            Some(ty) if with(bytes, 2) && !has_borrow(&types, *ty) => *ty,
            _ => generate::ty(&mut types, bytes, 0, Kinds { borrows: false, ..of }),
        });
        let count = if with(bytes, 3) { bytes.int_in_range(2..=3).unwrap_or(2) } else { 1 };
        let members = (0..count).map(|_| Member::new(bytes, resource.is_some())).collect();
        let interface = with(bytes, 2);
        let types = Arc::new(types);
        let ty = |id: &TypeId| Type::new(types.clone(), *id);
        let mut values = Values { bytes, nan: true, next: Some(1), left: generate::ELEMENTS };
        let args = params.iter().map(|id| values.value(&ty(id))).collect::<Option<_>>()?;
        let answer = match &result {
            Some(id) => Some(values.value(&ty(id))?),
            None => None,
        };
        Some(Echo { params, result, resource, members, interface, args, answer, types })
    }

    /// Nobody does anything wrong, so that the values have to arrive.
    fn is_right(&self) -> bool {
        self.members.iter().all(|member| {
            let right = matches!(member.realloc, Realloc::Right | Realloc::Grows)
                && matches!(member.post, Post::Nothing | Post::Return);
            let handles = member.drops.is_empty();
            right && handles && member.mangles.is_empty() && member.lift == member.lower
        }) && !self.params.iter().any(|ty| has_handle(&self.types, *ty))
    }
}

/// True if it has handles, of which some have to be dropped by whoever gets them.
fn has_handle(types: &Types, ty: TypeId) -> bool {
    format!("{}", types.display(ty)).split(|c: char| !c.is_alphanumeric()).any(|word| word == "r")
}

fn has_borrow(types: &Types, ty: TypeId) -> bool {
    format!("{}", types.display(ty)).contains("borrow<")
}

impl Member {
    fn new(bytes: &mut Unstructured<'_>, handles: bool) -> Member {
        let mut rarely = |n: u8| bytes.int_in_range(0..=n).unwrap_or(0);
        let encoding = |which: u8| match which {
            0 => Encoding::Utf8,
            1 => Encoding::Utf16,
            _ => Encoding::Latin1,
        };
        let lift = encoding(rarely(2));
        let lower = match rarely(7) {
            // What stands in memory in one is read as another.
            7 if lift != Encoding::Utf8 => encoding(rarely(2)),
            _ => lift,
        };
        let realloc = match rarely(24) {
            20 => Realloc::Grows,
            21 => Realloc::Unaligned,
            22 => Realloc::Outside,
            23 => Realloc::Traps,
            24 => Realloc::CallsOut,
            _ => Realloc::Right,
        };
        let post = match rarely(12) {
            0..=5 => Post::Nothing,
            11 => Post::Traps,
            12 => Post::CallsOut,
            _ => Post::Return,
        };
        let wide = rarely(9) == 9;
        let poke = rarely(5) == 5;
        let drops = match rarely(9) {
            9 if handles => (0..=rarely(1)).map(|_| u32::from(rarely(4))).collect(),
            _ => Vec::new(),
        };
        let mangles = match rarely(5) {
            5 => (0..=rarely(2)).map(|_| Mangle::new(bytes)).collect(),
            _ => Vec::new(),
        };
        Member { lift, lower, wide, realloc, post, poke, drops, mangles }
    }
}

/// Numbers at which the rules have something to say.
const ODD: [u64; 24] = [
    0,
    1,
    2,
    3,
    4,
    6,
    7,
    8,
    0x7f,
    0xff,
    0x100,
    0xd7ff,
    0xd800,
    0xdfff,
    0x10_ffff,
    0x11_0000,
    // The end of the memory.
    0x7_fffe,
    0x7_ffff,
    0x8_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fa0_0000_7fa0_0000,
    u64::MAX,
];

impl Mangle {
    fn new(bytes: &mut Unstructured<'_>) -> Mangle {
        let at = bytes.int_in_range(0..=15).unwrap_or(0u32);
        let bits = match bytes.ratio(1, 5).unwrap_or(false) {
            true => bytes.arbitrary().unwrap_or(0),
            false => *bytes.choose(&ODD).unwrap_or(&0),
        };
        match bytes.int_in_range(0..=5).unwrap_or(0u8) {
            0..=2 => Mangle::Param(at, bits),
            3 => Mangle::Spilled(at * 4, bits as u32),
            4 => Mangle::Returned(at * 4, bits as u32),
            _ => Mangle::Result(bits),
        }
    }
}

/// The components alone, by us: what they do is the same in any slices and in a replay,
/// and the values arrive where nobody does anything wrong.
pub fn run(data: &[u8]) {
    let Some(echo) = Echo::new(data) else { return };
    let slices = match echo.ours() {
        Ok(slices) => slices,
        Err(failure) => panic!("{failure}\n{}", echo.text()),
    };
    if echo.is_right()
        && let Some(why) = echo.misses(&slices.seen)
    {
        panic!("{why}\n{}", echo.text());
    }
}

impl Echo {
    /// What has not arrived as it should have.
    fn misses(&self, seen: &Seen) -> Option<String> {
        let args = self.args.iter().map(words).collect::<Vec<_>>().join(", ");
        let asked = format!("echo({args})");
        if !seen.heard.contains(&asked) {
            return Some(format!("the host has not heard {asked}, but {:?}", seen.heard));
        }
        let answer = self.answer.as_ref().map_or_else(String::new, words);
        match &seen.end {
            End::Value(value) if *value == answer => None,
            end => Some(format!("it ends with {end:?} instead of {answer}")),
        }
    }

    /// The type of each parameter, by name.
    fn named_params(&self) -> Vec<Field> {
        let field = |(at, ty): (usize, &TypeId)| Field { name: format!("p{at}").into(), ty: *ty };
        self.params.iter().enumerate().map(field).collect()
    }
}
