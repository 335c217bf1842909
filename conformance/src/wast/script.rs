//! Scripts: the text, and what it asks for.

use wast::{
    QuoteWat, Wast, WastArg, WastDirective, WastExecute, WastInvoke, WastRet, Wat,
    lexer::Lexer,
    parser::{self, ParseBuffer},
    token::{Id, Span},
};

use super::{Line, Verdict};

/// A directive with its place.
pub struct Directive<'a> {
    pub line: usize,
    pub name: &'static str,
    pub action: Action<'a>,
}

/// The action that a directive asks for.
pub enum Action<'a> {
    /// Define and instantiate.
    Component {
        name: Option<&'a str>,
        source: Source,
    },
    Define {
        name: Option<&'a str>,
        source: Source,
    },
    /// Instantiate a definition: the last, unless one is named.
    Instance {
        name: Option<&'a str>,
        of: Option<&'a str>,
    },
    Malformed {
        source: Source,
        message: &'a str,
    },
    Invalid {
        source: Source,
        message: &'a str,
    },
    Unlinkable {
        source: Source,
        message: &'a str,
    },
    Invoke(Invoke<'a>),
    Return {
        invoke: Invoke<'a>,
        results: Vec<WastRet<'a>>,
    },
    Trap {
        exec: Exec<'a>,
        message: &'a str,
    },
    Skip(&'static str),
}

/// A call.
pub struct Invoke<'a> {
    pub instance: Option<&'a str>,
    pub function: &'a str,
    pub args: Vec<WastArg<'a>>,
}

/// The thing that is to trap.
pub enum Exec<'a> {
    Invoke(Invoke<'a>),
    Component(Source),
}

/// A component or a module, or why its text is neither.
pub struct Source {
    pub module: bool,
    pub bytes: Result<Vec<u8>, String>,
}

/// Prepares the text of a script.
pub fn lex(text: &str) -> Result<ParseBuffer<'_>, wast::Error> {
    let mut lexer = Lexer::new(text);
    lexer.allow_confusing_unicode(true);
    ParseBuffer::new_with_lexer(lexer)
}

/// Reads a script.
pub fn parse<'a>(
    text: &str,
    buffer: &'a ParseBuffer<'a>,
) -> Result<Vec<Directive<'a>>, wast::Error> {
    let script: Wast<'a> = parser::parse(buffer)?;
    let directives = script.directives.into_iter();
    Ok(directives.map(|directive| convert(line(text, directive.span()), directive)).collect())
}

/// The result of a script that cannot be read.
pub fn broken(text: &str, error: &wast::Error) -> Line {
    let verdict = Verdict::Fail { expected: "a script".to_owned(), found: error.message() };
    Line { line: line(text, error.span()), directive: "script", verdict, fuel: 0 }
}

fn line(text: &str, span: Span) -> usize {
    span.linecol_in(text).0 + 1
}

fn name<'a>(id: Option<Id<'a>>) -> Option<&'a str> {
    id.map(|id| id.name())
}

fn convert<'a>(line: usize, directive: WastDirective<'a>) -> Directive<'a> {
    let (name, action) = match directive {
        WastDirective::Module(wat) => {
            ("component", Action::Component { name: name(wat.name()), source: quoted(wat) })
        }
        WastDirective::ModuleDefinition(wat) => {
            ("component definition", Action::Define { name: name(wat.name()), source: quoted(wat) })
        }
        WastDirective::ModuleInstance { instance, module, .. } => {
            ("component instance", Action::Instance { name: name(instance), of: name(module) })
        }
        WastDirective::AssertMalformed { module, message, .. } => {
            ("assert_malformed", Action::Malformed { source: quoted(module), message })
        }
        WastDirective::AssertInvalid { module, message, .. } => {
            ("assert_invalid", Action::Invalid { source: quoted(module), message })
        }
        WastDirective::AssertUnlinkable { module, message, .. } => {
            ("assert_unlinkable", Action::Unlinkable { source: source(module), message })
        }
        WastDirective::Invoke(call) => ("invoke", Action::Invoke(invoke(call))),
        WastDirective::AssertReturn { exec: WastExecute::Invoke(call), results, .. } => {
            ("assert_return", Action::Return { invoke: invoke(call), results })
        }
        WastDirective::AssertReturn { .. } => {
            ("assert_return", Action::Skip("components have no globals to get"))
        }
        WastDirective::AssertTrap { exec: WastExecute::Invoke(call), message, .. } => {
            ("assert_trap", Action::Trap { exec: Exec::Invoke(invoke(call)), message })
        }
        WastDirective::AssertTrap { exec: WastExecute::Wat(wat), message, .. } => {
            ("assert_trap", Action::Trap { exec: Exec::Component(source(wat)), message })
        }
        WastDirective::AssertTrap { .. } => {
            ("assert_trap", Action::Skip("components have no globals to get"))
        }
        WastDirective::AssertExhaustion { call, message, .. } => {
            ("assert_exhaustion", Action::Trap { exec: Exec::Invoke(invoke(call)), message })
        }
        WastDirective::Register { .. } => {
            ("register", Action::Skip("a process has no instances of another to import"))
        }
        WastDirective::AssertException { .. } => {
            ("assert_exception", Action::Skip("exception handling"))
        }
        WastDirective::AssertSuspension { .. } => {
            ("assert_suspension", Action::Skip("stack switching"))
        }
        WastDirective::Thread(_) => ("thread", Action::Skip("threads")),
        WastDirective::Wait { .. } => ("wait", Action::Skip("threads")),
        WastDirective::AssertInvalidCustom { .. } | WastDirective::AssertMalformedCustom { .. } => {
            ("assert_custom", Action::Skip("custom sections are not looked at"))
        }
    };
    Directive { line, name, action }
}

fn invoke(call: WastInvoke<'_>) -> Invoke<'_> {
    Invoke { instance: name(call.module), function: call.name, args: call.args }
}

fn quoted(mut wat: QuoteWat<'_>) -> Source {
    let module = matches!(wat, QuoteWat::Wat(Wat::Module(_)) | QuoteWat::QuoteModule(..));
    Source { module, bytes: wat.encode().map_err(|error| error.message()) }
}

fn source(mut wat: Wat<'_>) -> Source {
    let module = matches!(wat, Wat::Module(_));
    Source { module, bytes: wat.encode().map_err(|error| error.message()) }
}
