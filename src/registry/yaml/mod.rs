//! YAML text to a tree of nodes with line numbers, within fixed bounds.
//!
//! `serde_yaml` tells where an *error* is, but not where a *value* is, and a
//! message without a line is half a message. So each scalar is read by a
//! visitor that puts the value aside and then fails on purpose: the error that
//! comes back carries the position, the parser stands behind the scalar, and
//! reading goes on. One pass, exact lines, for every style YAML has.
//!
//! The library bounds aliases by their number, not by what they expand to, so
//! the tree counts every node and byte that it takes in and stops at a budget.

mod anchors;
mod bounds;

pub(crate) use self::anchors::repeated_anchor;
use self::bounds::{Budget, Limit, MAX_DEPTH, suspicious_prefixes};
use serde::de::{
    self, DeserializeSeed, Deserializer as _, EnumAccess, MapAccess, SeqAccess, Visitor,
};
use std::{cell::Cell, collections::HashMap, fmt};

/// Bytes of the keys from the root to a node.
const MAX_PATH: usize = 4096;

/// The message of the errors that are no errors.
const PROBE: &str = "\u{1}position\u{1}";

/// A value and the line it begins on, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub line: Option<u32>,
    pub data: Data,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Text),
    List(Vec<Node>),
    Map(Map),
}

/// A string, and what stood in the file if placeholders were filled in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Text {
    pub value: String,
    pub template: Option<String>,
    /// It has placeholders that could not be filled in, which has been reported.
    pub unfilled: bool,
}

/// A mapping in the order of the file. Of a key given twice the first is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Map {
    pub pairs: Vec<Pair>,
    /// Keys given a second time: the key, its line, the first one's line.
    pub repeated: Vec<(String, Option<u32>, Option<u32>)>,
    /// Keys that are no strings: how they were written, and the line.
    pub odd_keys: Vec<(String, Option<u32>)>,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    pub key: String,
    pub line: Option<u32>,
    pub value: Node,
}

impl Map {
    pub fn get(&self, key: &str) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.key == key)
    }
}

/// Why a text is no usable YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct YamlError {
    pub line: Option<u32>,
    pub found: String,
    pub expected: &'static str,
    pub fix: &'static str,
    /// One of our bounds was met: what follows is not worth reading.
    pub is_limit: bool,
}

/// Reads the one document of a text.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, YamlError> {
    let text = decode(bytes)?;
    for prefix in suspicious_prefixes(text) {
        match parse_text(prefix) {
            Err(error) if error.is_limit => return Err(error),
            _ => {}
        }
    }
    parse_text(text)
}

fn parse_text(text: &str) -> Result<Node, YamlError> {
    let budget = Budget::default();
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let Some(first) = documents.next() else {
        return Ok(Node { line: Some(1), data: Data::Null });
    };
    let root = Seed { budget: &budget, depth: 0, path: 0 };
    let node = match first.deserialize_any(Reader { seed: root }) {
        Ok(Taken::Node(node)) => node,
        Ok(Taken::Scalar(data)) => Node { line: Some(1), data },
        Err(error) => return Err(explain(&error, &budget)),
    };
    match documents.next() {
        None => Ok(node),
        Some(_) => Err(YamlError {
            line: None,
            found: "more than one document, separated by a line `---`".into(),
            expected: "one document in a file",
            fix: "put the second document into a file of its own",
            is_limit: true,
        }),
    }
}

fn decode(bytes: &[u8]) -> Result<&str, YamlError> {
    let expected = "UTF-8 text";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(YamlError {
            line: None,
            found: "UTF-16 text".into(),
            expected,
            fix: "save the file as UTF-8",
            is_limit: false,
        });
    }
    let line_of = |offset: usize| {
        let lines = bytes.iter().take(offset).filter(|b| **b == b'\n').count();
        u32::try_from(lines).ok().and_then(|n| n.checked_add(1))
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            None => Ok(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Some(offset) => Err(YamlError {
                line: line_of(offset),
                found: "a NUL byte".into(),
                expected,
                fix: "is this a binary file? remove it, or the NUL byte",
                is_limit: false,
            }),
        },
        Err(error) => Err(YamlError {
            line: line_of(error.valid_up_to()),
            found: "bytes that are not UTF-8".into(),
            expected,
            fix: "save the file as UTF-8",
            is_limit: false,
        }),
    }
}

/// The library's error in our words.
fn explain(error: &serde_yaml::Error, budget: &Budget) -> YamlError {
    let line = error.location().and_then(|at| u32::try_from(at.line()).ok());
    if let Some(limit) = budget.hit.get() {
        let (found, expected, fix) = limit.words();
        return YamlError { line, found: found.into(), expected, fix, is_limit: true };
    }
    // "problem at line 1 column 2, while context at line 3 column 4"
    let message: Vec<String> = error
        .to_string()
        .split(", ")
        .map(|part| part.split(" at line ").next().unwrap_or(part).to_owned())
        .collect();
    let message = message.join(", ");
    let message = message.strip_prefix("found ").unwrap_or(&message).to_owned();
    let message = if message.contains("repetition limit") {
        "aliases (*name) that stand for too much".to_owned()
    } else {
        message
    };
    let fix = if message.contains("stand for too much") || message.contains("recursion limit") {
        "write the values out instead of using aliases (*name)"
    } else if message.contains("unknown anchor") {
        "define the anchor (&name) above the alias (*name)"
    } else if message.contains("cannot start any token") || message.contains("tab character") {
        "indent with spaces, not tabs; put quotes around a text that begins with a special sign"
    } else {
        "look at this line and the one above: indentation, a missing colon, an open quote or bracket"
    };
    YamlError { line, found: message, expected: "valid YAML", fix, is_limit: false }
}

/// Where in the tree a value is read.
#[derive(Clone, Copy)]
struct Seed<'b> {
    budget: &'b Budget,
    depth: usize,
    path: usize,
}

impl<'b> Seed<'b> {
    fn below<E: de::Error>(self, key: usize) -> Result<Seed<'b>, E> {
        let path = self.path.saturating_add(key);
        if path > MAX_PATH {
            return Err(self.budget.fail(Limit::Path));
        }
        Ok(Seed { path, ..self })
    }
}

/// What a reader brings home: a finished list or mapping, or a bare scalar.
enum Taken {
    Node(Node),
    Scalar(Data),
}

/// Reads a value whose position nobody asks for.
struct Reader<'b> {
    seed: Seed<'b>,
}

/// Reads a value; a scalar is left in `aside` and a position error returned.
struct Probe<'b, 's> {
    seed: Seed<'b>,
    aside: &'s Cell<Option<Data>>,
}

impl<'de> DeserializeSeed<'de> for Probe<'_, '_> {
    type Value = Node;

    fn deserialize<D: de::Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        let aside = self.aside;
        from.deserialize_any(ProbeVisitor { reader: Reader { seed: self.seed }, aside })
    }
}

/// Reads one value from an access object with `ask`.
fn positioned<E: de::Error>(
    seed: Seed<'_>,
    ask: impl FnOnce(Probe<'_, '_>) -> Result<Option<Node>, E>,
) -> Result<Option<Node>, E> {
    let aside = Cell::new(None);
    match ask(Probe { seed, aside: &aside }) {
        Err(error) => match aside.take() {
            Some(data) => Ok(Some(Node { line: position(&error), data })),
            None => Err(error),
        },
        found => found,
    }
}

/// The line in a position error: `...PROBE at line 3 column 5`.
fn position(error: &impl fmt::Display) -> Option<u32> {
    let message = error.to_string();
    let (_, at) = message.rsplit_once(PROBE)?;
    match at.strip_prefix(" at line ") {
        Some(at) => at.split(' ').next()?.parse().ok(),
        // The library leaves the very first position of a file out.
        None => at.is_empty().then_some(1),
    }
}

/// Both visitors meet the same values; only the end of a scalar differs.
macro_rules! visit_scalars {
    ($de:lifetime, |$self:ident, $data:ident| $finish:expr) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a YAML value")
        }
        fn visit_bool<E: de::Error>(self, v: bool) -> Result<Self::Value, E> {
            let ($self, $data) = (self, Data::Bool(v));
            $finish
        }
        fn visit_i64<E: de::Error>(self, v: i64) -> Result<Self::Value, E> {
            let ($self, $data) = (self, Data::Int(v.into()));
            $finish
        }
        fn visit_u64<E: de::Error>(self, v: u64) -> Result<Self::Value, E> {
            let ($self, $data) = (self, Data::Int(v.into()));
            $finish
        }
        fn visit_i128<E: de::Error>(self, v: i128) -> Result<Self::Value, E> {
            let ($self, $data) = (self, Data::Int(v));
            $finish
        }
        fn visit_u128<E: de::Error>(self, v: u128) -> Result<Self::Value, E> {
            let ($self, $data) = (self, Data::Int(i128::try_from(v).unwrap_or(i128::MAX)));
            $finish
        }
        fn visit_f64<E: de::Error>(self, v: f64) -> Result<Self::Value, E> {
            let ($self, $data) = (self, Data::Float(v));
            $finish
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            let ($self, $data) = (self, Data::Null);
            $finish
        }
        fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
            let ($self, $data) = (self, Data::Null);
            $finish
        }
        fn visit_str<E: de::Error>(self, v: &str) -> Result<Self::Value, E> {
            self.budget().text(v.len())?;
            let text = Text { value: v.to_owned(), template: None, unfilled: false };
            let ($self, $data) = (self, Data::Text(text));
            $finish
        }
        fn visit_enum<A: EnumAccess<$de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(self.budget().fail(Limit::Tag))
        }
    };
}

struct ProbeVisitor<'b, 's> {
    reader: Reader<'b>,
    aside: &'s Cell<Option<Data>>,
}

impl ProbeVisitor<'_, '_> {
    fn budget(&self) -> &Budget {
        self.reader.seed.budget
    }

    fn put_aside<E: de::Error>(self, data: Data) -> Result<Node, E> {
        self.budget().node()?;
        self.aside.set(Some(data));
        Err(E::custom(PROBE))
    }
}

impl<'de> Visitor<'de> for ProbeVisitor<'_, '_> {
    type Value = Node;

    visit_scalars!('de, |visitor, data| visitor.put_aside(data));

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Node, A::Error> {
        self.reader.list(access)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Node, A::Error> {
        self.reader.map(access)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Taken;

    visit_scalars!('de, |_reader, data| Ok(Taken::Scalar(data)));

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Taken, A::Error> {
        self.list(access).map(Taken::Node)
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Taken, A::Error> {
        self.map(access).map(Taken::Node)
    }
}

impl<'b> Reader<'b> {
    fn budget(&self) -> &'b Budget {
        self.seed.budget
    }

    fn enter<E: de::Error>(&self) -> Result<Seed<'b>, E> {
        self.budget().node()?;
        if self.seed.depth >= MAX_DEPTH {
            return Err(self.budget().fail(Limit::Depth));
        }
        Ok(Seed { depth: self.seed.depth.saturating_add(1), ..self.seed })
    }

    fn list<'de, A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        // `[12]` in the path of an error is at most this long.
        let inner = self.enter()?.below(10)?;
        let mut items = Vec::new();
        while let Some(item) = positioned(inner, |probe| access.next_element_seed(probe))? {
            items.push(item);
        }
        let line = items.first().and_then(|item| item.line);
        Ok(Node { line, data: Data::List(items) })
    }

    fn map<'de, A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let inner = self.enter()?;
        let mut map = Map::default();
        let mut seen: HashMap<String, Option<u32>> = HashMap::new();
        while let Some(key) = positioned(inner, |probe| access.next_key_seed(probe))? {
            let line = key.line;
            let key = match key.data {
                Data::Text(text) => text.value,
                Data::List(_) | Data::Map(_) => return Err(self.budget().fail(Limit::Key)),
                Data::Null => odd(&mut map, "null".into(), line),
                Data::Bool(b) => odd(&mut map, b.to_string(), line),
                Data::Int(n) => odd(&mut map, n.to_string(), line),
                Data::Float(n) => odd(&mut map, n.to_string(), line),
            };
            let below = inner.below(key.len().saturating_add(1))?;
            let value = positioned(below, |probe| access.next_value_seed(probe).map(Some))?;
            let Some(mut value) = value else { continue };
            if value.line.is_none() {
                value.line = line;
            }
            if let Some(first) = seen.get(&key) {
                map.repeated.push((key, line, *first));
            } else {
                seen.insert(key.clone(), line);
                map.pairs.push(Pair { key, line, value });
            }
        }
        let line = map.pairs.first().and_then(|pair| pair.line);
        merge(&mut map, seen);
        Ok(Node { line, data: Data::Map(map) })
    }
}

fn odd(map: &mut Map, key: String, line: Option<u32>) -> String {
    map.odd_keys.push((key.clone(), line));
    key
}

/// Applies a merge key, `<<: *defaults`: what the mapping lacks is taken over.
fn merge(map: &mut Map, mut seen: HashMap<String, Option<u32>>) {
    let Some(at) = map.pairs.iter().position(|pair| pair.key == "<<") else { return };
    let mergeable = match map.pairs.get(at).map(|pair| &pair.value.data) {
        Some(Data::Map(_)) => true,
        Some(Data::List(items)) => items.iter().all(|item| matches!(item.data, Data::Map(_))),
        _ => false,
    };
    if !mergeable {
        return;
    }
    let sources = match map.pairs.remove(at).value.data {
        Data::List(items) => items,
        data => vec![Node { line: None, data }],
    };
    for source in sources {
        let Data::Map(source) = source.data else { continue };
        for pair in source.pairs {
            if !seen.contains_key(&pair.key) {
                seen.insert(pair.key.clone(), pair.line);
                map.pairs.push(pair);
            }
        }
    }
}

#[cfg(test)]
mod tests;
