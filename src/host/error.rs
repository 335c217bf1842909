//! Why an artifact could not be made into a program, in the words of a
//! registry problem: what was found, what was expected, what to do.

use std::fmt;

use crate::{
    adapter::{AdaptError, AdaptErrorKind},
    component::{LinkError, LoadError, Program},
    registry::{nearest, quoted},
};

/// Why a verified artifact cannot be run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrepareError {
    /// The text format does not parse.
    Text(String),
    /// The raw module and its WIT text do not fit together.
    Adapt(AdaptError),
    /// The bytes are no valid component.
    Load(LoadError),
    /// An import cannot be linked, not even as a stub.
    Link(LinkError),
    /// The function to call is not there, or there are several of its name.
    Method {
        /// The name that was asked for.
        method: String,
        /// Why it leads to no function, with the candidates.
        why: String,
        /// A function of a similar name.
        meant: Option<String>,
    },
}

impl PrepareError {
    pub(super) fn method(program: &Program, method: &str, why: String) -> PrepareError {
        let names: Vec<String> = program
            .functions()
            .take(1000)
            .flat_map(|function| [function.name().to_owned(), function.full_name()])
            .collect();
        let meant = nearest(method, names.iter().map(String::as_str))
            .filter(|meant| *meant != method)
            .map(str::to_owned);
        PrepareError::Method { method: method.to_owned(), why, meant }
    }

    /// The field of a process entry that the error is about.
    pub fn field(&self) -> &'static str {
        match self {
            PrepareError::Adapt(error) => match error.kind() {
                AdaptErrorKind::Module | AdaptErrorKind::Import => "path",
                _ => "wit",
            },
            PrepareError::Text(_) | PrepareError::Load(_) => "path",
            PrepareError::Link(_) => "imports",
            PrepareError::Method { .. } => "method",
        }
    }

    /// What was found.
    pub fn found(&self) -> String {
        match self {
            PrepareError::Text(why) => format!("WebAssembly text that does not parse: {why}"),
            PrepareError::Adapt(error) => error.to_string(),
            PrepareError::Load(error) => format!("not valid WebAssembly: {error}"),
            PrepareError::Link(error) => error.to_string(),
            PrepareError::Method { why, .. } => why.clone(),
        }
    }

    /// What was expected; empty where the finding says it.
    pub fn expected(&self) -> &'static str {
        match self {
            PrepareError::Text(_) => "a module or component in the text format",
            PrepareError::Load(_) => "a valid component or core module",
            PrepareError::Link(_) => "an import as this version of wippy declares it",
            PrepareError::Method { .. } => "one of the functions that the component exports",
            PrepareError::Adapt(error) => match error.kind() {
                AdaptErrorKind::Module => "a valid core module",
                AdaptErrorKind::Wit { .. } => {
                    "WIT, such as a list of functions: answer: func() -> s32;"
                }
                _ => "",
            },
        }
    }

    /// What to do; empty where the finding says it.
    pub fn fix(&self) -> String {
        match self {
            PrepareError::Text(_) => "mend the text where the arrow points".to_owned(),
            PrepareError::Load(_) => {
                "build the file again; `wasm-tools validate FILE` may say more".to_owned()
            }
            PrepareError::Link(_) => {
                "build the component against the WIT of this version of wippy".to_owned()
            }
            PrepareError::Method { meant: Some(meant), .. } => format!("did you mean {meant}?"),
            PrepareError::Method { method, .. } if method.contains('#') => {
                "`wippy inspect FILE` shows all names".to_owned()
            }
            PrepareError::Method { .. } => {
                "`wippy inspect FILE` shows all names; `interface#name` names one of several"
                    .to_owned()
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

/// The reason that a WIT text is of no use beside a component.
pub(super) fn needless_wit() -> (String, &'static str, &'static str) {
    let found = format!("{} for a component, which has its own types", quoted("wit"));
    (found, "wit only beside raw core modules", "remove the field")
}
