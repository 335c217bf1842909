//! Trying the interpreter's translator before guests are entered.
//!
//! wasmi can translate a function when it is first called, which makes components
//! start four times as fast. But then the translator runs below frames that cannot
//! unwind, see `guard`, and a panic in it would end the whole program. So before a
//! component can be entered, each of its function bodies has been translated once
//! where a panic is caught. Translation depends on nothing but the body and the
//! sections before the code, so what has gone well once goes well again.
//!
//! It is done in one of two ways:
//!
//! * A small component, or one that is loaded by one thread, is translated when it
//!   is loaded, for good.
//! * Of a large one each module is cut into *shards*, for the threads of a [`Crew`].
//!   A shard is the module without its data and with a `trap` for every body that
//!   others look after. It is translated and thrown away, while the loading thread
//!   goes on; the component itself is translated late. So on two processors or more
//!   an unknown component is ready sooner, and takes as little memory as a known one.
//!
//! Who knows that the same bytes have been vetted before says so with
//! [`Vetting::Done`] and pays for none of this.
//!
//! Bodies are validated along the way.

use crate::lock::lock;
use std::{
    any::Any,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

use wasm_encoder::{CodeSection, DataSection, Module, RawSection};
use wasmparser::{Parser, Payload};

use super::source::Source;
use crate::component::{
    engine::{MIN_STACK, Translation, core},
    error::{LoadError, panic_message},
};

/// Components of fewer bytes are translated when they are loaded: late translation
/// would not save half a millisecond.
pub(crate) const SMALL: usize = 8 << 10;

/// Where threads are shared, bodies of more bytes are translated when they are loaded:
/// late translation would hold the thread for more than about ten milliseconds.
pub(crate) const LARGE_BODY: usize = 200 << 10;

/// The locals that wasmi takes, parameters among them.
const MAX_LOCALS: usize = 30_000;

/// A shard has at least so many bytes of bodies.
const SHARD: usize = 64 << 10;

/// How a component is vetted.
#[derive(Clone, Copy, Default)]
pub enum Vetting<'a> {
    /// By the thread that loads it.
    #[default]
    Alone,
    /// By several threads.
    With(&'a dyn Crew),
    /// Not at all: this version of the engine has loaded the same bytes before. A
    /// body that the interpreter fails on is then only found when it is called, and
    /// the process may take its thread along.
    Done,
}

impl std::fmt::Debug for Vetting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Vetting::Alone => "Alone",
            Vetting::With(_) => "With",
            Vetting::Done => "Done",
        })
    }
}

/// A part of the work, which any thread may do. It does not panic.
pub type Work = Box<dyn FnOnce() + Send>;

/// Threads that help to vet one component.
pub trait Crew {
    /// How many threads there are, the loading one among them.
    fn width(&self) -> usize;
    /// Takes work, to be done by any of the threads.
    fn add(&self, work: Work);
    /// Returns when all work is done, the loading thread having done its share.
    fn finish(&self);
}

/// The interpreter's verdict on some bodies.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It does not accept them.
    Refused(String),
    /// It failed on them.
    Failed(String),
}

/// Bodies that are not fit to be entered.
#[derive(Debug)]
struct Finding {
    bodies: Arc<Bodies>,
    range: Range<usize>,
}

/// Vets the modules of one component with a crew.
pub(crate) struct Vetter<'a> {
    crew: &'a dyn Crew,
    findings: Arc<Mutex<Vec<Finding>>>,
}

impl<'a> Vetter<'a> {
    pub fn new(crew: &'a dyn Crew) -> Vetter<'a> {
        Vetter { crew, findings: Arc::default() }
    }

    /// Begins to vet a module. `bytes` are those for the interpreter, `source` those
    /// in the component.
    pub fn add(&self, bytes: &[u8], source: &Source) -> Result<(), LoadError> {
        let bodies = Arc::new(Bodies::new(bytes, source)?);
        for range in bodies.shards(self.crew.width()) {
            let (bodies, findings) = (bodies.clone(), self.findings.clone());
            self.crew.add(Box::new(move || {
                if bodies.verdict(&range).is_some() {
                    let mut findings = lock(&findings);
                    findings.push(Finding { bodies: bodies.clone(), range });
                }
            }));
        }
        Ok(())
    }

    /// Waits for all that has begun, and tells of the first body that is not fit.
    pub fn finish(self) -> Result<(), LoadError> {
        self.crew.finish();
        let mut findings = lock(&self.findings);
        let first = |finding: &Finding| (finding.bodies.source.range.start, finding.range.start);
        findings.sort_by_key(first);
        match findings.first() {
            Some(finding) => Err(finding.bodies.explain(finding.range.clone())),
            None => Ok(()),
        }
    }
}

/// Why the interpreter did not translate a whole module.
pub(crate) fn explain(bytes: &[u8], source: &Source, verdict: Verdict) -> LoadError {
    match Bodies::new(bytes, source) {
        Ok(bodies) if bodies.verdict(&bodies.all()).is_some() => bodies.explain(bodies.all()),
        _ => failure("a core module", verdict).at(source.range.start),
    }
}

/// The error for something of a component.
fn failure(what: &str, verdict: Verdict) -> LoadError {
    match verdict {
        Verdict::Refused(why) => {
            LoadError::unsupported(format!("{what}: the interpreter cannot take it: {why}"))
        }
        Verdict::Failed(why) => LoadError::engine(format!("{what}: {why}")),
    }
}

/// Translates a module for good.
pub(crate) fn translate(engine: &wasmi::Engine, bytes: &[u8]) -> Result<wasmi::Module, Verdict> {
    // What has been translated of it before a panic is not used.
    match catch_unwind(AssertUnwindSafe(|| wasmi::Module::new(engine, bytes))) {
        Ok(Ok(module)) => Ok(module),
        Ok(Err(error)) => Err(Verdict::Refused(error.to_string())),
        Err(payload) => Err(Verdict::Failed(said(&*payload))),
    }
}

fn said(payload: &(dyn Any + Send)) -> String {
    panic_message(payload).to_owned()
}

/// The function bodies of a module, and what has to be known for their translation.
struct Bodies {
    source: Source,
    /// The bytes for the interpreter.
    bytes: Box<[u8]>,
    /// The sections before the code, with the head of the module.
    head: Module,
    bodies: Vec<Range<usize>>,
    data_segments: u32,
    imported_funcs: u32,
}

impl std::fmt::Debug for Bodies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bodies({})", self.bodies.len())
    }
}

impl Bodies {
    fn new(bytes: &[u8], source: &Source) -> Result<Bodies, LoadError> {
        let mut bodies = Bodies {
            source: source.clone(),
            bytes: bytes.into(),
            head: Module::new(),
            bodies: Vec::new(),
            data_segments: 0,
            imported_funcs: 0,
        };
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            match &payload {
                Payload::CodeSectionStart { .. } | Payload::CustomSection(_) => {}
                Payload::CodeSectionEntry(body) => bodies.bodies.push(range(&body.range())?),
                Payload::DataSection(section) => bodies.data_segments = section.count(),
                other => {
                    if let Payload::ImportSection(section) = other {
                        for import in section.clone().into_imports() {
                            let func = matches!(
                                import?.ty,
                                wasmparser::TypeRef::Func(_) | wasmparser::TypeRef::FuncExact(_)
                            );
                            bodies.imported_funcs =
                                bodies.imported_funcs.saturating_add(u32::from(func));
                        }
                    }
                    if let Some((id, section)) = other.as_section() {
                        let data = bytes.get(range(&section)?).unwrap_or_default();
                        bodies.head.section(&RawSection { id, data });
                    }
                }
            }
        }
        Ok(bodies)
    }

    fn all(&self) -> Range<usize> {
        0..self.bodies.len()
    }

    /// Parts of about the same size, at most so many.
    fn shards(&self, most: usize) -> Vec<Range<usize>> {
        let total: usize = self.bodies.iter().map(Range::len).sum();
        let size = total.div_ceil(most.max(1)).max(SHARD);
        let (mut shards, mut begin, mut sum) = (Vec::new(), 0, 0_usize);
        for (index, body) in self.bodies.iter().enumerate() {
            sum = sum.saturating_add(body.len());
            if sum >= size {
                shards.push(begin..index + 1);
                (begin, sum) = (index + 1, 0);
            }
        }
        if begin < self.bodies.len() {
            shards.push(begin..self.bodies.len());
        }
        shards
    }

    /// The module with these bodies alone.
    fn shard(&self, part: &Range<usize>) -> Vec<u8> {
        /// No locals, `unreachable`, `end`.
        const TRAP: [u8; 3] = [0, 0, 0x0b];
        let mut module = self.head.clone();
        let mut code = CodeSection::new();
        for (index, body) in self.bodies.iter().enumerate() {
            match part.contains(&index) {
                true => code.raw(self.bytes.get(body.clone()).unwrap_or(&TRAP)),
                false => code.raw(&TRAP),
            };
        }
        if !self.bodies.is_empty() {
            module.section(&code);
        }
        if self.data_segments > 0 {
            let mut data = DataSection::new();
            for _ in 0..self.data_segments {
                data.passive([]);
            }
            module.section(&data);
        }
        module.finish()
    }

    /// The fault of these bodies.
    fn verdict(&self, part: &Range<usize>) -> Option<Verdict> {
        let engine = core(MIN_STACK, Translation::Early);
        translate(&engine, &self.shard(part)).err()
    }

    /// Which of these bodies is wrong, and how.
    fn explain(&self, mut part: Range<usize>) -> LoadError {
        while part.len() > 1 {
            let middle = part.start.midpoint(part.end);
            part = match self.verdict(&(part.start..middle)) {
                Some(_) => part.start..middle,
                None => middle..part.end,
            };
        }
        let (function, offset) = self.function(part.start);
        let locals = self.locals(part.start);
        if locals > MAX_LOCALS {
            return LoadError::unsupported(format!(
                "{function} has {locals} locals, and the interpreter takes {MAX_LOCALS}, with the \
                 parameters"
            ))
            .at(offset);
        }
        match self.verdict(&part) {
            Some(verdict) => failure(&function, verdict).at(offset),
            None => LoadError::engine("the interpreter gave two answers to one question"),
        }
    }

    /// How many locals a body declares.
    fn locals(&self, body: usize) -> usize {
        let bytes = self.bodies.get(body).and_then(|range| self.bytes.get(range.clone()));
        let reader = wasmparser::BinaryReader::new(bytes.unwrap_or_default(), 0);
        let locals = wasmparser::FunctionBody::new(reader).get_locals_reader();
        let counts = locals.into_iter().flatten().map_while(Result::ok);
        counts.fold(0, |sum, (count, _)| sum.saturating_add(count as usize))
    }

    /// The function with the body of this number, for messages, and where it is.
    fn function(&self, body: usize) -> (String, usize) {
        let index = u32::try_from(body).unwrap_or(u32::MAX).saturating_add(self.imported_funcs);
        let offset = Parser::new(0)
            .parse_all(self.source.get())
            .filter_map(|payload| match payload {
                Ok(Payload::CodeSectionEntry(body)) => range(&body.range()).ok(),
                _ => None,
            })
            .nth(body);
        match offset {
            Some(range) => {
                let offset = range.start.saturating_add(self.source.range.start);
                (function(self.source.get(), index), offset)
            }
            // Changes add functions behind all others.
            None => ("a function that was added to a module".to_owned(), self.source.range.start),
        }
    }
}

/// A function of a module, as messages call it.
pub(in crate::component) fn function(module: &[u8], index: u32) -> String {
    let name = super::names::name_section(module).remove(&index);
    let name = name.map(|name| format!(" `{:#}`", rustc_demangle::demangle(&name)));
    format!("function {index}{}", crate::visible::name(&name.unwrap_or_default()))
}

fn range(range: &Range<u64>) -> Result<Range<usize>, LoadError> {
    let number = |n: u64| usize::try_from(n);
    match (number(range.start), number(range.end)) {
        (Ok(start), Ok(end)) => Ok(start..end),
        _ => Err(LoadError::new("a section is too large for this machine")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{
        Component, Engine, EngineConfig, LoadErrorKind, LoadOptions,
        program::{loaded_engine, translated_late},
    };
    use std::cell::RefCell;

    /// A crew of four that is one thread.
    #[derive(Default)]
    struct Pretenders(RefCell<Vec<Work>>);

    impl Crew for Pretenders {
        fn width(&self) -> usize {
            4
        }
        fn add(&self, work: Work) {
            self.0.borrow_mut().push(work);
        }
        fn finish(&self) {
            self.0.take().into_iter().for_each(|work| work());
        }
    }

    /// A module with these functions among many others, of about a shard each.
    fn large(functions: &str) -> Vec<u8> {
        let filler = "(drop (i32.add (i32.const 1) (i32.const 2)))".repeat(12_000);
        let filler = format!("(func {filler})").repeat(3);
        let text = format!(
            "(component (core module $m (memory 3) {filler} {functions} {filler}
                (data (i32.const 0) \"abc\") (data \"def\"))
             (core instance (instantiate $m)))"
        );
        wat::parse_str(text).unwrap()
    }

    const BAD: &str = "(func $bad (param i32) (local i32)
        (i32.store offset=70000
            (local.tee 1 (i32.add (local.get 0) (i32.const 4))) (local.get 1)))";

    fn load(bytes: &[u8], vetting: Vetting<'_>) -> Result<Component, LoadError> {
        let engine = Engine::new(EngineConfig { without_mending: true, ..EngineConfig::default() });
        Component::load(&engine, bytes, LoadOptions { vetting, ..LoadOptions::default() })
    }

    #[test]
    fn a_crew_finds_the_function_that_the_interpreter_fails_on() {
        let (good, bad) = (large("(func $good)"), large(BAD));
        let crew = Pretenders::default();
        assert!(load(&good, Vetting::With(&crew)).is_ok());
        for vetting in [Vetting::With(&crew), Vetting::Alone] {
            let error = load(&bad, vetting).unwrap_err();
            assert_eq!(error.kind(), LoadErrorKind::Engine, "{error}");
            assert!(error.to_string().contains("function 3 `bad`"), "{error}");
            // The body, with one local.
            let offset = usize::try_from(error.offset().unwrap()).unwrap();
            assert_eq!(&bad[offset..offset + 3], [1, 1, 0x7f], "{error}");
        }
        assert!(load(&bad, Vetting::Done).is_ok());
    }

    #[test]
    fn an_invalid_body_is_named_with_its_place_in_the_file() {
        let invalid = "(func $wrong (result i32) (i64.const 1))";
        let crew = Pretenders::default();
        for (bytes, index) in [
            (large(invalid), 3),
            (wat::parse_str(format!("(component (core module {invalid}))")).unwrap(), 0),
        ] {
            for vetting in [Vetting::With(&crew), Vetting::Alone] {
                let error = load(&bytes, vetting).unwrap_err();
                assert_eq!(error.kind(), LoadErrorKind::Invalid, "{error}");
                let text = error.to_string();
                assert!(
                    text.starts_with(&format!("function {index} `wrong` is invalid")),
                    "{text}"
                );
                // The `end` after the constant.
                let offset = usize::try_from(error.offset().unwrap()).unwrap();
                assert_eq!(&bytes[offset - 2..=offset], [0x42, 1, 0x0b], "{text}");
            }
        }
    }

    #[test]
    fn many_locals_work_or_are_refused_by_name() {
        let many = |ty: &str, count: usize| {
            let locals = format!("{ty} ").repeat(count);
            let text = format!("(component (core module (func $many (local {locals}))))");
            load(&wat::parse_str(text).unwrap(), Vetting::Alone)
        };
        for (ty, works) in
            [("i32", MAX_LOCALS), ("i64", MAX_LOCALS), ("funcref", MAX_LOCALS), ("v128", 15_000)]
        {
            assert!(many(ty, works).is_ok(), "{ty}");
            let error = many(ty, 50_000).unwrap_err();
            assert_eq!(error.kind(), LoadErrorKind::Unsupported, "{error}");
            let text = error.to_string();
            assert!(text.contains("function 0 `many`") && text.contains("50000 locals"), "{text}");
        }
    }

    #[test]
    fn large_bodies_are_translated_when_they_are_loaded() {
        let body = "(drop (i32.add (i32.const 1) (i32.const 2)))".repeat(LARGE_BODY / 5);
        let text = format!("(component (core module (func {body})))");
        let bytes = wat::parse_str(text).unwrap();
        assert!(!translated_late(&load(&bytes, Vetting::Done).unwrap()));
        let vetting = Vetting::Done;
        let alone = LoadOptions { vetting, shares_threads: false, ..LoadOptions::default() };
        let alone = Component::load(&Engine::default(), bytes, alone).unwrap();
        assert!(translated_late(&alone));
        assert!(translated_late(&load(&large(""), Vetting::Done).unwrap()));
        let small = wat::parse_str("(component (core module (func)))").unwrap();
        assert!(!translated_late(&load(&small, Vetting::Done).unwrap()));
    }

    #[test]
    fn what_a_component_takes_in_the_interpreter_goes_with_it() {
        let component = load(&large(""), Vetting::Done).unwrap();
        let program = component.link(&crate::component::Linker::default()).unwrap();
        let engine = loaded_engine(&component).weak();
        drop(component);
        assert!(engine.upgrade().is_some());
        drop(program);
        assert!(engine.upgrade().is_none());
    }
}
