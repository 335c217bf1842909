//! What readers ask for, noted while they read a mapping that has nothing: the forms of
//! all fields, out of the code that checks them.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use crate::registry::yaml::{Data, Map, Node};

/// The form of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::registry) enum Form {
    Text,
    Flag,
    Integer,
    Number,
    Size,
    Duration,
    /// Texts in a list.
    Texts,
    /// A list of mappings, or of anything.
    Items,
    /// A mapping with fields of its own.
    Fields,
    /// A mapping whose keys are free.
    Map,
    Any,
}

/// All that a reader has asked for.
#[derive(Debug, Default)]
pub(in crate::registry) struct Shape {
    /// The fields of each mapping, by its path, and whether they have to be there. The
    /// items of a list have the path `list[]`.
    pub fields: BTreeMap<String, BTreeMap<&'static str, (Form, bool)>>,
    /// The mappings that have no other fields.
    pub closed: BTreeSet<String>,
}

impl Shape {
    /// A field is asked for. The first form counts: it says most.
    pub fn note(&mut self, path: &str, name: &'static str, form: Form, required: bool) {
        let fields = self.fields.entry(path.to_owned()).or_default();
        fields.entry(name).or_insert((form, required));
    }
}

/// Where they are noted.
pub(in crate::registry) type Noting<'p> = Option<&'p RefCell<Shape>>;

/// A text that stands for any.
pub(super) const SOME_TEXT: &str = "x";

/// A mapping that has nothing.
pub(in crate::registry) static NOTHING: Map =
    Map { pairs: Vec::new(), repeated: Vec::new(), odd_keys: Vec::new() };

/// The same as an item of a list.
pub(super) static NO_ITEM: Node = Node {
    line: None,
    data: Data::Map(Map { pairs: Vec::new(), repeated: Vec::new(), odd_keys: Vec::new() }),
};
