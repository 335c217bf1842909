//! The arguments of a process, as terms: those of a `spawn`, and the `input` of a
//! service, which can be checked before anything runs.

use crate::{
    host::ProcessSpec,
    value::{Term, Type, Value, term},
};

/// A term that cannot be an argument, or one that lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::host) struct Unfit {
    /// Which one; none if there are too many or too few.
    pub at: Option<usize>,
    /// The words for what was found.
    pub found: String,
    /// The words for what belongs in its place.
    pub expected: String,
    /// The same in one line.
    pub why: String,
}

impl ProcessSpec {
    /// The arguments as values of the function's types.
    ///
    /// # Errors
    ///
    /// With the first that does not fit.
    pub(in crate::host) fn input(&self, args: &[Term]) -> Result<Vec<Value>, Unfit> {
        self.too_many(args)?;
        let values = (0..self.function.ty().params.len()).map(|at| self.argument(args, at));
        values.collect()
    }

    /// The arguments of a program that reads them itself.
    ///
    /// # Errors
    ///
    /// With the first that is no text.
    pub(in crate::host) fn words(args: &[Term]) -> Result<Vec<String>, Unfit> {
        args.iter().enumerate().map(|(at, arg)| word(at, arg)).collect()
    }

    /// All that is wrong with the arguments.
    pub(in crate::host) fn check_input(&self, args: &[Term]) -> Vec<Unfit> {
        if self.raw_arguments {
            return args.iter().enumerate().filter_map(|(at, arg)| word(at, arg).err()).collect();
        }
        let params = 0..self.function.ty().params.len();
        let unfit = params.filter_map(|at| self.argument(args, at).err());
        self.too_many(args).err().into_iter().chain(unfit).collect()
    }

    fn too_many(&self, args: &[Term]) -> Result<(), Unfit> {
        let (takes, given) = (self.function.ty().params.len(), args.len());
        if given <= takes {
            return Ok(());
        }
        let name = self.function.full_name();
        Err(Unfit {
            at: None,
            found: format!("{given} values"),
            expected: format!("at most {takes}, for {}", self.signature()),
            why: format!("`{name}` takes {takes} arguments, not {given}"),
        })
    }

    /// One argument; options may be left out at the end.
    fn argument(&self, args: &[Term], at: usize) -> Result<Value, Unfit> {
        let Some(param) = self.function.ty().params.get(at) else { return Ok(Value::Bool(false)) };
        let ty = Type::new(self.function.types().clone(), param.ty);
        let misfit = match term::to_value(&ty, args.get(at).unwrap_or(&Term::Nil)) {
            Ok(value) => return Ok(value),
            Err(misfit) => misfit,
        };
        let name = &param.name;
        let why = format!("argument `{name}`: {misfit}");
        if at >= args.len() {
            let whole = self.function.types().display(param.ty);
            return Err(Unfit {
                at: None,
                found: format!("no value for `{name}`"),
                expected: format!("{whole}, for {}", self.signature()),
                why,
            });
        }
        let place = match misfit.path.is_root() {
            true => format!("`{name}`"),
            false => format!("{} in `{name}`", misfit.path),
        };
        let found = match &misfit.note {
            Some(note) => format!("{} ({note})", misfit.found),
            None => misfit.found.clone(),
        };
        let expected = format!("{}, as {place} of {}", misfit.expected, self.function.full_name());
        Err(Unfit { at: Some(at), found, expected, why })
    }

    /// The function with its types.
    fn signature(&self) -> String {
        let types = self.function.types();
        format!("{}: {}", self.function.full_name(), types.display_func(self.function.ty()))
    }
}

fn word(at: usize, arg: &Term) -> Result<String, Unfit> {
    Ok(match arg {
        Term::Text(text) => text.to_string(),
        Term::Int(number) => number.to_string(),
        Term::Uint(number) => number.to_string(),
        Term::Float(number) => number.to_string(),
        Term::Bool(value) => value.to_string(),
        Term::Nil | Term::Bytes(_) | Term::List(_) | Term::Map(_) => {
            let found = match arg {
                Term::Nil => "nothing",
                Term::Bytes(_) => "bytes",
                Term::List(_) => "a list",
                Term::Map(_) => "a map",
                Term::Text(_) | Term::Int(_) | Term::Uint(_) | Term::Float(_) | Term::Bool(_) => {
                    "a word"
                }
            };
            return Err(Unfit {
                at: Some(at),
                found: found.to_owned(),
                expected: "a text: the program reads its arguments itself".to_owned(),
                why: format!("argument {} of a program is a text", at.saturating_add(1)),
            });
        }
    })
}
