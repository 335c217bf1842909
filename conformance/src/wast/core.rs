//! Core modules in scripts.
//!
//! A core module is run as a user's would be: without WIT, as a component that the
//! adapter makes of it. So what the loader changes in modules is tested by the scripts
//! of the core specification as well. Three things of those have no place in a process:
//! imports from other modules, functions with types that no component function can
//! have, and going on after a trap. The first two are skipped; for the third, the
//! instance is made anew and what has been called before is called again.

use wippy::{
    adapter::{AdaptOptions, Adapted, adapt},
    value::Value,
};

/// Calls that are made again after a trap; who has made more is not called any more.
pub const MOST_CALLS: usize = 2000;

/// A core module as a component, and what became of its functions.
pub struct Core {
    adapted: Adapted,
}

impl Core {
    /// Adapts a module.
    pub fn new(bytes: &[u8]) -> Result<Core, String> {
        let adapted = adapt(bytes, &AdaptOptions::default()).map_err(|error| error.to_string())?;
        Ok(Core { adapted })
    }

    /// The component.
    pub fn component(&self) -> &[u8] {
        &self.adapted.component
    }

    /// The name of a function in the component.
    ///
    /// # Errors
    ///
    /// Why it has none.
    pub fn name<'a>(&'a self, function: &'a str) -> Result<&'a str, String> {
        if let Some(left_out) = self.adapted.left_out.iter().find(|out| out.core == function) {
            return Err(left_out.reason.clone());
        }
        let renamed = self.adapted.renamed.iter().find(|export| export.core == function);
        Ok(renamed.map_or(function, |export| &export.name))
    }
}

/// A call that has come back.
#[derive(Clone)]
pub struct Call<'a> {
    pub function: &'a str,
    pub args: Vec<Value>,
}
