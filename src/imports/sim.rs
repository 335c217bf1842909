//! `wippy:sim`: checks that a simulation looks at.
//!
//! A check is a call that the world answers, see [`HostCall`]: a simulation takes note of
//! it, and any other world does nothing. So a recorded run that has checks can be
//! replayed as any other.

#[cfg(feature = "host")]
use crate::command::Reply;
use crate::{
    command::HostCall,
    component::{DeclareError, Linker},
    value::Value,
};

/// The WIT packages, name and text.
pub const PACKAGES: [(&str, &str); 1] =
    [("wippy:sim@0.1.0", include_str!("../../wit/wippy/sim.wit"))];

/// The interface of the checks.
const CHECK: &str = "wippy:sim/check";

/// Declares `wippy:sim` and binds its functions.
///
/// # Errors
///
/// If the linker already has other declarations of the package.
pub fn add_to_linker(linker: &mut Linker) -> Result<(), DeclareError> {
    for (_, package) in PACKAGES {
        linker.declare(package)?;
    }
    ["always", "sometimes", "reachable"]
        .into_iter()
        .try_for_each(|function| linker.suspending(CHECK, function))
}

/// Something that a program says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// It is to hold always.
    Always {
        /// The name of the check.
        name: String,
        /// True if it holds.
        holds: bool,
    },
    /// It is to hold in some run.
    Sometimes {
        /// The name of the check.
        name: String,
        /// True if it holds.
        holds: bool,
    },
    /// The program has come here.
    Reachable {
        /// The name of the place.
        name: String,
    },
}

impl Check {
    /// The check that a call is, if it is one.
    pub fn of(call: &HostCall) -> Option<Check> {
        if call.interface != CHECK {
            return None;
        }
        let mut args = call.args.iter();
        let name = args.next().and_then(Value::as_str)?.to_owned();
        let holds = match args.next() {
            Some(Value::Bool(holds)) => Some(*holds),
            _ => None,
        };
        match (&*call.function, holds) {
            ("always", Some(holds)) => Some(Check::Always { name, holds }),
            ("sometimes", Some(holds)) => Some(Check::Sometimes { name, holds }),
            ("reachable", None) => Some(Check::Reachable { name }),
            _ => None,
        }
    }

    /// The check as a call.
    #[cfg(feature = "lua")]
    pub(crate) fn call(self) -> HostCall {
        let (function, args) = match self {
            Check::Always { name, holds } => ("always", vec![name.into(), holds.into()]),
            Check::Sometimes { name, holds } => ("sometimes", vec![name.into(), holds.into()]),
            Check::Reachable { name } => ("reachable", vec![name.into()]),
        };
        HostCall { interface: CHECK.to_owned(), function: function.to_owned(), args }
    }

    /// The answer to a check, wherever it is.
    #[cfg(feature = "host")]
    pub(crate) fn answer() -> Reply {
        Reply::Value(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_check_if_it_has_its_form() {
        let call = |interface: &str, function: &str, args: Vec<Value>| HostCall {
            interface: interface.to_owned(),
            function: function.to_owned(),
            args,
        };
        let always = call(CHECK, "always", vec!["a".into(), true.into()]);
        let check = Check::Always { name: "a".to_owned(), holds: true };
        assert_eq!(Check::of(&always), Some(check));
        let reachable = call(CHECK, "reachable", vec!["a".into()]);
        assert_eq!(Check::of(&reachable), Some(Check::Reachable { name: "a".to_owned() }));
        for other in [
            call("demo:host/log", "always", vec!["a".into(), true.into()]),
            call(CHECK, "always", vec!["a".into()]),
            call(CHECK, "never", vec!["a".into(), true.into()]),
        ] {
            assert_eq!(Check::of(&other), None);
        }
    }
}
