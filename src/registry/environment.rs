//! The environment registry: where the values of variables come from.
//!
//! A process never sees the operating system's environment. It sees the
//! variables that `env.variable` entries declare, each out of the storage that
//! its entry names. So a project's files tell all that its processes can learn
//! about the machine, and a test can put anything in its place: the operating
//! system's part is a function handed in by the caller.

use super::Id;
use crate::lock::lock;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    sync::{Arc, Mutex},
};

/// Asks the operating system for a variable.
pub type OsLookup = Arc<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// The deepest chain of routers.
const MAX_ROUTERS: usize = 16;

/// A declared variable: the fields of an `env.variable` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvVariable {
    /// The public name, by which placeholders find it (`variable`). Without
    /// one, the variable is known by its id alone.
    pub variable: Option<String>,
    /// The name that the storage knows it by: the public one, or the entry's.
    pub key: String,
    /// Where its value lives; without one only the default is left.
    pub storage: Option<Id>,
    /// The value where the storage has none.
    pub default: Option<String>,
    /// True if [`Environment::set`] refuses it.
    pub readonly: bool,
}

/// Where variables live.
pub(super) enum Storage {
    /// `env.storage.os`: the operating system's environment. Read-only.
    Os,
    /// `env.storage.memory`: empty at the start, gone at the end.
    Memory(Mutex<BTreeMap<String, String>>),
    /// `env.storage.static` and `env.storage.file`: as at the start. Read-only.
    Fixed(BTreeMap<String, String>),
    /// `env.storage.router`: the first of these storages that has the variable.
    Router(Vec<Id>),
}

/// The variables of a project and their storages.
#[derive(Clone)]
pub struct Environment {
    os: OsLookup,
    variables: BTreeMap<Id, EnvVariable>,
    names: BTreeMap<String, Id>,
    storages: BTreeMap<Id, Arc<Storage>>,
}

/// Why a variable has no answer. That it has no value is an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvError {
    /// No `env.variable` entry has this id.
    NoEntry(Id),
    /// No `env.variable` entry has this public name.
    NoName(String),
    /// The storage that the variable names is no storage.
    NoStorage(Id),
    /// The routers of a storage go round in a circle.
    RouterLoop(Id),
    /// The operating system's value is not UTF-8.
    NotUnicode(String),
    /// The variable, or the storage it lives in, is read-only.
    ReadOnly(Id),
}

impl Environment {
    /// An environment without variables.
    pub fn new(os: OsLookup) -> Environment {
        Environment {
            os,
            variables: BTreeMap::new(),
            names: BTreeMap::new(),
            storages: BTreeMap::new(),
        }
    }

    pub(super) fn add_storage(&mut self, id: Id, storage: Storage) {
        self.storages.insert(id, Arc::new(storage));
    }

    /// Adds a variable; the id of the one that already has its public name.
    pub(super) fn add_variable(&mut self, id: Id, variable: EnvVariable) -> Option<Id> {
        let mut taken = None;
        if let Some(name) = &variable.variable {
            match self.names.get(name) {
                Some(first) => taken = Some(first.clone()),
                None => {
                    self.names.insert(name.clone(), id.clone());
                }
            }
        }
        self.variables.insert(id, variable);
        taken
    }

    /// The public names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The value of the variable that an entry declares, if it has one.
    pub fn lookup(&self, id: &Id) -> Result<Option<String>, EnvError> {
        let variable = self.variables.get(id).ok_or_else(|| EnvError::NoEntry(id.clone()))?;
        let stored = match &variable.storage {
            Some(storage) => self.stored(storage, &variable.key, 0)?,
            None => None,
        };
        Ok(stored.or_else(|| variable.default.clone()))
    }

    /// The id of the entry that declares a variable, by its public name or that id.
    pub fn declared(&self, name: &str) -> Option<&Id> {
        let by_id = || Some(self.variables.get_key_value(&name.parse::<Id>().ok()?)?.0);
        self.names.get(name).or_else(by_id)
    }

    /// The public name of the variable that an entry declares, if it has one.
    pub fn public_name(&self, id: &Id) -> Option<&str> {
        self.variables.get(id)?.variable.as_deref()
    }

    /// Looks whether a variable could be given another value.
    ///
    /// # Errors
    ///
    /// As for [`Environment::set`].
    pub fn can_set(&self, id: &Id) -> Result<(), EnvError> {
        let variable = self.variables.get(id).ok_or_else(|| EnvError::NoEntry(id.clone()))?;
        let read_only = || EnvError::ReadOnly(id.clone());
        let storage =
            variable.storage.as_ref().filter(|_| !variable.readonly).ok_or_else(read_only)?;
        if self.takes(storage, 0)? { Ok(()) } else { Err(read_only()) }
    }

    /// True if a storage takes values.
    fn takes(&self, storage: &Id, depth: usize) -> Result<bool, EnvError> {
        match self.storage(storage, depth)? {
            Storage::Os | Storage::Fixed(_) => Ok(false),
            Storage::Memory(_) => Ok(true),
            Storage::Router(storages) => {
                for storage in storages {
                    if self.takes(storage, depth.saturating_add(1))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// The value of the variable with a public name, if it has one.
    pub fn lookup_name(&self, name: &str) -> Result<Option<String>, EnvError> {
        match self.names.get(name) {
            Some(id) => self.lookup(id),
            None => Err(EnvError::NoName(name.to_owned())),
        }
    }

    /// Gives a variable another value, in the first storage that takes it.
    pub fn set(&self, id: &Id, value: &str) -> Result<(), EnvError> {
        let variable = self.variables.get(id).ok_or_else(|| EnvError::NoEntry(id.clone()))?;
        let read_only = || EnvError::ReadOnly(id.clone());
        let storage =
            variable.storage.as_ref().filter(|_| !variable.readonly).ok_or_else(read_only)?;
        if self.store(storage, &variable.key, value, 0)? { Ok(()) } else { Err(read_only()) }
    }

    fn storage(&self, id: &Id, depth: usize) -> Result<&Storage, EnvError> {
        if depth > MAX_ROUTERS {
            return Err(EnvError::RouterLoop(id.clone()));
        }
        self.storages.get(id).map(Arc::as_ref).ok_or_else(|| EnvError::NoStorage(id.clone()))
    }

    fn stored(&self, storage: &Id, key: &str, depth: usize) -> Result<Option<String>, EnvError> {
        match self.storage(storage, depth)? {
            Storage::Os => match (self.os)(key) {
                None => Ok(None),
                Some(value) => {
                    let value =
                        value.into_string().map_err(|_| EnvError::NotUnicode(key.to_owned()))?;
                    Ok(Some(value))
                }
            },
            Storage::Memory(values) => {
                let values = lock(values);
                Ok(values.get(key).cloned())
            }
            Storage::Fixed(values) => Ok(values.get(key).cloned()),
            Storage::Router(storages) => {
                for storage in storages {
                    let found = self.stored(storage, key, depth.saturating_add(1))?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Ok(None)
            }
        }
    }

    fn store(&self, storage: &Id, key: &str, value: &str, depth: usize) -> Result<bool, EnvError> {
        match self.storage(storage, depth)? {
            Storage::Os | Storage::Fixed(_) => Ok(false),
            Storage::Memory(values) => {
                let mut values = lock(values);
                values.insert(key.to_owned(), value.to_owned());
                Ok(true)
            }
            Storage::Router(storages) => {
                for storage in storages {
                    if self.store(storage, key, value, depth.saturating_add(1))? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

impl fmt::Debug for Environment {
    /// Names only: values may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("storages", &self.storages.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for EnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnvError::NoEntry(id) => write!(f, "no env.variable entry has the id {id}"),
            EnvError::NoName(name) => {
                write!(f, "no env.variable entry declares `variable: {name}`")
            }
            EnvError::NoStorage(id) => write!(f, "no env.storage entry has the id {id}"),
            EnvError::RouterLoop(id) => write!(f, "the routers of {id} go round in a circle"),
            EnvError::NotUnicode(name) => {
                write!(f, "the operating system's value of {name} is not UTF-8")
            }
            EnvError::ReadOnly(id) => write!(f, "the variable {id} is read-only"),
        }
    }
}

impl std::error::Error for EnvError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    fn variable(name: &str, storage: &str) -> EnvVariable {
        EnvVariable {
            variable: Some(name.into()),
            key: name.into(),
            storage: Some(id(storage)),
            default: None,
            readonly: false,
        }
    }

    fn sample() -> Environment {
        let os: OsLookup = Arc::new(|name| (name == "HOME").then(|| "/home/ada".into()));
        let mut env = Environment::new(os);
        env.add_storage(id("app:os"), Storage::Os);
        env.add_storage(id("app:memory"), Storage::Memory(Mutex::default()));
        env.add_storage(id("app:all"), Storage::Router(vec![id("app:memory"), id("app:os")]));
        env.add_storage(id("app:loop"), Storage::Router(vec![id("app:loop")]));
        env.add_variable(id("app:home"), variable("HOME", "app:all"));
        let port = EnvVariable { default: Some("80".into()), ..variable("PORT", "app:os") };
        env.add_variable(id("app:port"), port);
        env.add_variable(id("app:round"), variable("ROUND", "app:loop"));
        env
    }

    #[test]
    fn a_router_asks_its_storages_in_order() {
        let env = sample();
        assert_eq!(env.lookup(&id("app:home")), Ok(Some("/home/ada".into())));
        env.set(&id("app:home"), "/tmp").unwrap();
        assert_eq!(env.lookup_name("HOME"), Ok(Some("/tmp".into())));
    }

    #[test]
    fn a_default_stands_in_and_read_only_is_kept() {
        let env = sample();
        assert_eq!(env.lookup_name("PORT"), Ok(Some("80".into())));
        assert_eq!(env.set(&id("app:port"), "81"), Err(EnvError::ReadOnly(id("app:port"))));
    }

    #[test]
    fn what_cannot_be_answered_is_an_error() {
        let env = sample();
        assert_eq!(env.lookup_name("NOPE"), Err(EnvError::NoName("NOPE".into())));
        assert_eq!(env.lookup(&id("app:x")), Err(EnvError::NoEntry(id("app:x"))));
        assert_eq!(env.lookup_name("ROUND"), Err(EnvError::RouterLoop(id("app:loop"))));
    }

    #[test]
    fn two_variables_cannot_share_a_public_name() {
        let mut env = sample();
        let taken = env.add_variable(id("app:home2"), variable("HOME", "app:os"));
        assert_eq!(taken, Some(id("app:home")));
    }

    #[test]
    fn values_stay_out_of_debug_output() {
        assert!(!format!("{:?}", sample()).contains("ada"));
    }
}
