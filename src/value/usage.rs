//! A function's signature as a command line: `run NAME --help`, words to arguments,
//! a result to text.
//!
//! A parameter of type `string` takes its word as it is; that is what people expect
//! of a command line, and it keeps quotes out of the commonest case. Everything else
//! is WAVE, also an `option<string>`: `'some("a")'`, `'"a"'` or `none`. Were a bare
//! word allowed there, the word `none` would have two meanings.
//!
//! Parameters of type `option` at the end may be left out, and are `none` then.
//!
//! Examples are shown the way they are typed: quoted for a POSIX shell.

use std::{
    borrow::Cow,
    fmt::{self, Write},
    sync::Arc,
};

use super::{
    FormatError, FuncType, ParseError, Type, TypeDef, TypeId, Types, Value,
    example::{brief, example_of, shortened},
    wave,
};

/// The help text of a function: how to call it, each parameter with its type and an
/// example, what it prints. Ends with a line feed.
///
/// ```
/// use wippy::value::{Field, FuncType, TypeDef, Types, usage};
///
/// let mut types = Types::default();
/// let string = types.intern(TypeDef::String);
/// let list = types.intern(TypeDef::List(string));
/// let option = types.intern(TypeDef::Option(string));
/// let param = |name: &str, ty| Field { name: name.into(), ty };
/// let func = FuncType {
///     params: [param("to", string), param("lines", list), param("from", option)].into(),
///     result: Some(string),
///     is_async: false,
/// };
/// assert_eq!(usage::usage("mail", &types, &func), r#"Usage: mail <to> <lines> [<from>]
///
///   <to>     string          for example text
///   <lines>  list<string>    for example '["text"]'
///   <from>   option<string>  for example 'some("text")'; may be left out
///
/// Result: string
/// "#);
/// ```
pub fn usage(name: &str, types: &Types, func: &FuncType) -> String {
    let required = required(types, func);
    let rows = func.params.iter().enumerate().map(|(i, param)| Row {
        word: format!("<{}>", param.name),
        ty: brief(types, param.ty),
        example: example_word(types, param.ty),
        optional: i >= required,
    });
    let rows: Vec<Row> = rows.collect();

    let mut out = format!("Usage: {name}");
    for Row { word, optional, .. } in &rows {
        let _ = if *optional { write!(out, " [{word}]") } else { write!(out, " {word}") };
    }
    out.push_str(if rows.is_empty() { "\n" } else { "\n\n" });
    let words = width(rows.iter().map(|row| &*row.word));
    let types_width = width(rows.iter().map(|row| &*row.ty));
    for Row { word, ty, example, optional } in &rows {
        let omit = if *optional { "; may be left out" } else { "" };
        let _ = writeln!(out, "  {word:words$}  {ty:types_width$}  for example {example}{omit}");
    }
    let _ = match func.result {
        Some(ty) => writeln!(out, "\nResult: {}", brief(types, ty)),
        None => writeln!(out, "\nNo result."),
    };
    out
}

/// A parameter's line in the help text.
struct Row {
    word: String,
    ty: String,
    example: String,
    optional: bool,
}

/// The width of a column. A very long text does not push all others away.
fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).filter(|width| *width <= 40).max().unwrap_or(0)
}

/// One argument: a `string` is the word as it is, anything else is WAVE.
///
/// ```
/// # use std::sync::Arc;
/// # use wippy::value::{Type, TypeDef, Types, Value, usage};
/// # let mut types = Types::default();
/// # let (string, u8_) = (types.intern(TypeDef::String), types.intern(TypeDef::U8));
/// # let types = Arc::new(types);
/// # let (string, u8_) = (Type::new(types.clone(), string), Type::new(types, u8_));
/// assert_eq!(usage::parse_argument(&string, "12")?, Value::from("12"));
/// assert_eq!(usage::parse_argument(&u8_, "12")?, Value::U8(12));
/// # Ok::<(), wippy::value::ParseError>(())
/// ```
pub fn parse_argument(ty: &Type, word: &str) -> Result<Value, ParseError> {
    match ty.def() == &TypeDef::String {
        true => Ok(Value::from(word)),
        false => wave::parse(ty, word),
    }
}

/// The arguments that the words of a command line stand for.
///
/// ```
/// # use std::sync::Arc;
/// # use wippy::value::{Field, FuncType, TypeDef, Types, Value, usage};
/// let mut types = Types::default();
/// let u32_ = types.intern(TypeDef::U32);
/// let param = |name: &str| Field { name: name.into(), ty: u32_ };
/// let func = FuncType { params: [param("a"), param("b")].into(), ..FuncType::default() };
/// let types = Arc::new(types);
///
/// let words = ["6".to_owned(), "7".to_owned()];
/// let arguments = usage::parse_arguments(&types, &func, &words)?;
/// assert_eq!(arguments, [Value::U32(6), Value::U32(7)]);
///
/// let error = usage::parse_arguments(&types, &func, &["6".to_owned()]).unwrap_err();
/// assert_eq!(error.to_string(), "\
/// the argument <b> is missing: expected 2 arguments, found 1
///   signature: func(a: u32, b: u32)
///   for example: 0 0");
/// # Ok::<(), usage::ArgumentError>(())
/// ```
pub fn parse_arguments(
    types: &Arc<Types>,
    func: &FuncType,
    words: &[String],
) -> Result<Vec<Value>, ArgumentError> {
    let required = required(types, func);
    if words.len() < required || words.len() > func.params.len() {
        return Err(ArgumentError::Count {
            given: words.len(),
            least: required,
            most: func.params.len(),
            missing: func.params.get(words.len()).map(|param| param.name.to_string()),
            signature: shortened(1000, &types.display_func(func)),
            example: example_words(types, func, required),
        });
    }
    let mut words = words.iter();
    let arguments = func.params.iter().enumerate().map(|(i, param)| {
        let Some(word) = words.next() else { return Ok(Value::NONE) };
        let ty = Type::new(types.clone(), param.ty);
        parse_argument(&ty, word).map_err(|error| ArgumentError::Value {
            position: i.saturating_add(1),
            name: param.name.to_string(),
            ty: brief(types, param.ty),
            example: example_word(types, param.ty),
            error: Box::new(error),
        })
    });
    arguments.collect()
}

/// A result as it is printed: a string as it is, anything else as WAVE.
///
/// ```
/// # use std::sync::Arc;
/// # use wippy::value::{Type, TypeDef, Types, Value, usage};
/// # let mut types = Types::default();
/// # let string = types.intern(TypeDef::String);
/// # let ty = Type::new(Arc::new(types), string);
/// assert_eq!(usage::render_result(&ty, &Value::from("Hello, Ada!"))?, "Hello, Ada!");
/// # Ok::<(), wippy::value::FormatError>(())
/// ```
pub fn render_result(ty: &Type, value: &Value) -> Result<String, FormatError> {
    match (ty.def(), value) {
        (TypeDef::String, Value::String(text)) => Ok(text.clone()),
        _ => wave::format(ty, value),
    }
}

/// Words that are not the arguments of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgumentError {
    /// There are too few or too many.
    Count {
        /// How many words there are.
        given: usize,
        /// How many there must be.
        least: usize,
        /// How many there may be.
        most: usize,
        /// The name of the first parameter that no word is left for.
        missing: Option<String>,
        /// The signature in WIT syntax, shortened when very long.
        signature: String,
        /// Right arguments, as typed.
        example: String,
    },
    /// One is not of its parameter's type.
    Value {
        /// Which word, from 1.
        position: usize,
        /// The parameter's name.
        name: String,
        /// The parameter's type in WIT syntax.
        ty: String,
        /// A right word, as typed.
        example: String,
        /// Where in the word, and why.
        error: Box<ParseError>,
    },
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgumentError::Count { given, least, most, missing, signature, example } => {
                let expected = match (least, most) {
                    (_, 0) => "no arguments".to_owned(),
                    (1, 1) => "1 argument".to_owned(),
                    (least, most) if least == most => format!("{least} arguments"),
                    (least, most) => format!("{least} to {most} arguments"),
                };
                match missing {
                    Some(name) => write!(f, "the argument <{name}> is missing")?,
                    None => f.write_str("there are too many arguments")?,
                }
                let given = match given {
                    0 => "none".to_owned(),
                    given => given.to_string(),
                };
                write!(f, ": expected {expected}, found {given}\n  signature: {signature}")?;
                if !example.is_empty() {
                    write!(f, "\n  for example: {example}")?;
                }
                Ok(())
            }
            ArgumentError::Value { position, name, ty, example, error } => {
                write!(f, "argument {position}, <{name}>: {error}")?;
                // The error shows the place alone, and as WAVE: a shell wants quotes.
                if *ty != error.expected || *example != error.example {
                    write!(f, "\n  <{name}> is a {ty}\n  for example: {example}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ArgumentError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ArgumentError::Count { .. } => None,
            ArgumentError::Value { error, .. } => Some(error),
        }
    }
}

/// The number of parameters before the options at the end.
fn required(types: &Types, func: &FuncType) -> usize {
    let required = |id| !matches!(types.get(id), TypeDef::Option(_));
    let last = func.params.iter().rposition(|param| required(param.ty));
    last.map_or(0, |last| last.saturating_add(1))
}

fn example_words(types: &Types, func: &FuncType, count: usize) -> String {
    let params = func.params.iter().take(count);
    params.map(|param| example_word(types, param.ty)).collect::<Vec<_>>().join(" ")
}

/// An example argument, quoted for a shell.
fn example_word(types: &Types, ty: TypeId) -> String {
    match types.get(ty) == &TypeDef::String {
        true => "text".to_owned(),
        false => quoted(&example_of(types, ty)).into_owned(),
    }
}

fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else if word.contains('\'') && !word.contains(['"', '$', '`', '\\', '!']) {
        Cow::Owned(format!("\"{word}\""))
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}
