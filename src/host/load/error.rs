//! Why an artifact could not be made into a program, in the words of a
//! registry problem: what was found, what was expected, what to do.

use std::fmt;

use crate::{
    adapter::{AdaptError, AdaptErrorKind},
    component::{LinkError, LinkedComponent, LoadError, LoadErrorKind},
    registry::nearest,
};

/// Why a verified artifact cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrepareError {
    /// The text format does not parse.
    Text(String),
    /// The raw module and its WIT text do not fit together.
    Adapt(AdaptError),
    /// The core module does not fit the world that it carries.
    World(String),
    /// The bytes are no valid component.
    Load(LoadError),
    /// The engine failed while it made the artifact ready.
    Engine(String),
    /// An import cannot be linked, not even as a stub.
    Link(LinkError),
    /// The function to call is not there, or there are several of its name.
    Method {
        /// Why the name leads to no function, with the candidates.
        why: String,
        /// The thing to do about it.
        fix: String,
    },
    /// The function to call cannot be called without WIT text.
    Untyped {
        /// Its name in the core module.
        function: String,
        /// The property that is too much for a call without types.
        reason: String,
    },
}

impl PrepareError {
    pub(in crate::host) fn method(
        program: &LinkedComponent,
        method: &str,
        why: String,
    ) -> PrepareError {
        let names: Vec<String> = program
            .functions()
            .take(1000)
            .flat_map(|function| [function.name().to_owned(), function.full_name()])
            .collect();
        let meant = nearest(method, names.iter().map(String::as_str));
        let fix = match meant {
            // More than one function has this very name.
            Some(meant) if meant == method => {
                "write it with its interface: interface#function".to_owned()
            }
            Some(meant) => format!("did you mean {meant}?"),
            None if names.is_empty() => "export a function from the program".to_owned(),
            None => "write it as `wippy inspect FILE` shows it".to_owned(),
        };
        PrepareError::Method { why, fix }
    }

    /// The engine itself failed. Nothing says that the artifact is at fault.
    pub fn is_of_engine(&self) -> bool {
        match self {
            PrepareError::Engine(_) => true,
            PrepareError::Load(error) => error.kind() == LoadErrorKind::Engine,
            PrepareError::Text(_)
            | PrepareError::Adapt(_)
            | PrepareError::World(_)
            | PrepareError::Link(_)
            | PrepareError::Method { .. }
            | PrepareError::Untyped { .. } => false,
        }
    }

    /// The field of a process entry that the error is about.
    pub fn field(&self) -> &'static str {
        match self {
            PrepareError::Adapt(error) => match error.kind() {
                AdaptErrorKind::Module | AdaptErrorKind::Import => "path",
                AdaptErrorKind::Wit { .. }
                | AdaptErrorKind::World
                | AdaptErrorKind::MissingExport
                | AdaptErrorKind::Signature
                | AdaptErrorKind::MissingOption
                | AdaptErrorKind::Unsupported => "wit",
            },
            PrepareError::Text(_)
            | PrepareError::World(_)
            | PrepareError::Load(_)
            | PrepareError::Engine(_) => "path",
            PrepareError::Link(_) => "imports",
            PrepareError::Method { .. } | PrepareError::Untyped { .. } => "method",
        }
    }

    /// The words for what was found.
    pub fn found(&self) -> String {
        match self {
            PrepareError::Text(why) => format!("WebAssembly text that does not parse: {why}"),
            PrepareError::Adapt(error) => error.to_string(),
            PrepareError::World(why) => {
                format!("a core module that does not fit the world that it carries: {why}")
            }
            PrepareError::Load(error) => match error.kind() {
                LoadErrorKind::Invalid => format!("not valid WebAssembly: {error}"),
                LoadErrorKind::Unsupported | LoadErrorKind::Engine => error.to_string(),
            },
            PrepareError::Engine(why) => format!("the engine failed: {why}; please report it"),
            PrepareError::Link(error) => error.to_string(),
            PrepareError::Method { why, .. } => why.clone(),
            PrepareError::Untyped { function, reason } => format!("`{function}`: {reason}"),
        }
    }

    /// The expectation; empty where the finding says it.
    pub fn expected(&self) -> &'static str {
        match self {
            PrepareError::Text(_) => "a module or component in the text format",
            PrepareError::Load(error) => match error.kind() {
                LoadErrorKind::Invalid => "a valid component or core module",
                LoadErrorKind::Unsupported => "a program that this engine can run",
                LoadErrorKind::Engine => "",
            },
            PrepareError::Engine(_) => "",
            PrepareError::World(_) => "a module as its toolchain has made it",
            PrepareError::Link(_) => "imports that this version of wippy can provide",
            PrepareError::Method { .. } => "one of the functions that the program exports",
            PrepareError::Untyped { .. } => "a function on numbers, or WIT text that types it",
            PrepareError::Adapt(error) => match error.kind() {
                AdaptErrorKind::Module => "a valid core module",
                AdaptErrorKind::Wit { .. } => {
                    "WIT, such as a list of functions: answer: func() -> s32;"
                }
                AdaptErrorKind::World
                | AdaptErrorKind::MissingExport
                | AdaptErrorKind::Signature
                | AdaptErrorKind::MissingOption
                | AdaptErrorKind::Import
                | AdaptErrorKind::Unsupported => "",
            },
        }
    }

    /// The thing to do; empty where the finding says it.
    pub fn fix(&self) -> String {
        match self {
            PrepareError::Text(_) => "correct the text where the arrow points".to_owned(),
            PrepareError::Load(error) => match error.kind() {
                LoadErrorKind::Invalid => {
                    "build the file again; `wasm-tools validate FILE` may say more".to_owned()
                }
                LoadErrorKind::Unsupported => {
                    "build the program for an engine without it; compilers have options for this"
                        .to_owned()
                }
                LoadErrorKind::Engine => String::new(),
            },
            PrepareError::Engine(_) => String::new(),
            PrepareError::World(_) => {
                "build it again; `wasm-tools component new FILE` may say more".to_owned()
            }
            PrepareError::Link(_) => {
                "build the component against the WIT that wippy provides, or compose it with what it \
                 imports"
                    .to_owned()
            }
            PrepareError::Method { fix, .. } => fix.clone(),
            PrepareError::Untyped { function, .. } => {
                let name = function.replace('_', "-");
                format!("give its types, such as\nwit: \"{name}: func(text: string) -> u32;\"")
            }
            PrepareError::Adapt(_) => String::new(),
        }
    }
}

impl fmt::Display for PrepareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found())?;
        let fix = self.fix();
        if fix.is_empty() { Ok(()) } else { write!(f, "\n{fix}") }
    }
}

impl std::error::Error for PrepareError {}
