//! Where in a value something is: `/items/3/name`.
//!
//! An error deep inside a value is made where it happens, and learns its path on
//! the way out: every level that it passes adds one step. So nothing is tracked,
//! and nothing costs, while all is well.

use std::fmt;

/// The place of a part within a value, shown like a JSON pointer (RFC 6901).
///
/// A field, a case and `some`, `ok`, `err` are steps by name; an element of a
/// list, tuple or map is a step by number. The whole value is the empty path.
///
/// ```
/// use std::sync::Arc;
/// use wippy::value::{Type, TypeDef, Types, Value, check};
///
/// let mut types = Types::default();
/// let string = types.intern(TypeDef::String);
/// let list = types.intern(TypeDef::List(string));
/// let ty = Type::new(Arc::new(types), list);
///
/// let error = check(&ty, &Value::from(vec!["a".into(), Value::U8(1)])).unwrap_err();
/// assert_eq!(error.path.to_string(), "/1");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Innermost first.
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(Box<str>),
    Index(usize),
}

impl Path {
    /// True if this is the whole value.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// Puts the path inside the part called `name`.
    pub(super) fn inside(&mut self, name: &str) {
        self.steps.push(Step::Name(name.into()));
    }

    /// Puts the path inside element `index`.
    pub(super) fn at(&mut self, index: usize) {
        self.steps.push(Step::Index(index));
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.steps.iter().rev() {
            match step {
                Step::Index(index) => write!(f, "/{index}")?,
                Step::Name(name) => write!(f, "/{}", name.replace('~', "~0").replace('/', "~1"))?,
            }
        }
        Ok(())
    }
}

/// An error that has a path.
pub(super) trait Located: Sized {
    fn path(&mut self) -> &mut Path;
}

/// Adds a step to the path of an error that passes.
pub(super) trait Locate {
    fn inside(self, name: &str) -> Self;
    fn at(self, index: usize) -> Self;
}

impl<T, E: Located> Locate for Result<T, E> {
    fn inside(mut self, name: &str) -> Self {
        if let Err(error) = &mut self {
            error.path().inside(name);
        }
        self
    }

    fn at(mut self, index: usize) -> Self {
        if let Err(error) = &mut self {
            error.path().at(index);
        }
        self
    }
}
