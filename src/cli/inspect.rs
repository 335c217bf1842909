//! `wippy inspect FILE`: what a file is, exports and imports, and an entry for it.
//!
//! Signatures are shown in WIT with named types spelled out, because that is
//! what an argument on the command line is written against. `--print-wit` prints the
//! component's own WIT, names and all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
    panic::{self, AssertUnwindSafe},
    path::Path,
};

use wit_component::DecodedWasm;

use super::{
    args::InspectArgs,
    exit::{Exit, Failure},
    log::Logs,
    output::{self, Page},
    project::{self, linker},
    run::wit_text,
    yaml,
};
use crate::{
    adapter::{Adapted, CoreImportSource},
    artifact::{Artifact, ArtifactKind},
    component::{DEFAULT_STACK, Engine, Function, LinkedComponent},
    host::{
        Loaded, PrepareError, Runtime,
        complete::{Completed, complete},
        is_of_toolchain, offered,
    },
    process::{Grants, group_of},
    visible,
};

/// Signatures longer than this are cut; `--print-wit` shows them whole.
const LONGEST: usize = 240;

pub(super) fn inspect(args: &InspectArgs, logs: Logs) -> Result<Exit, Failure> {
    let name = args.file.display().to_string();
    let artifact = project::file(&args.file)?;
    let complain = |error: &dyn fmt::Display| Failure::config(format!("{name}: {error}"));
    let runtime = Runtime::new(Engine::default(), linker()?).with_cache();
    let wit = args.wit.as_deref().map(wit_text).transpose()?;
    let loaded = runtime
        .load(&artifact, wit.as_deref(), DEFAULT_STACK)
        .map_err(|error| Failure::prepare(&name, &error))?;
    if wit.is_some() && loaded.adapted.is_none() {
        logs.warn("--wit is for core modules; this is a component, which has its own types");
    }
    if args.print_wit {
        output::result(&whole_wit(&artifact, &loaded).map_err(|why| complain(&why))?)?;
        return Ok(Exit::Ok);
    }
    // What cannot be linked can still be looked at.
    let program = runtime.link(&loaded.component, &Grants::all());
    let sheet = Sheet {
        file: &args.file,
        runtime: &runtime,
        artifact: &artifact,
        loaded: &loaded,
        program: program.as_ref(),
        wit: wit.as_deref(),
    };
    let mut page = Page::default();
    sheet.write(&mut page).map_err(|_| complain(&"it cannot be shown"))?;
    output::show_page(&page)?;
    Ok(Exit::Ok)
}

/// All that is shown of a file.
struct Sheet<'a> {
    file: &'a Path,
    runtime: &'a Runtime,
    artifact: &'a Artifact,
    loaded: &'a Loaded,
    program: Result<&'a LinkedComponent, &'a PrepareError>,
    /// The WIT text given for a core module.
    wit: Option<&'a str>,
}

impl Sheet<'_> {
    fn write(&self, page: &mut Page) -> fmt::Result {
        self.head(page)?;
        self.exports(page)?;
        self.imports(page)?;
        self.entry(page)
    }

    fn adapted(&self) -> Option<&Adapted> {
        self.loaded.adapted.as_deref()
    }

    fn head(&self, f: &mut Page) -> fmt::Result {
        let what = match (self.loaded.completed, self.adapted().is_some()) {
            (true, _) => "core module that carries its world, made a component",
            (false, true) => "core module",
            (false, false) => "component",
        };
        let text = if self.artifact.kind == ArtifactKind::Text { ", in text form" } else { "" };
        f.heading(&self.file.display().to_string());
        writeln!(f, "  kind    {what}{text}")?;
        writeln!(f, "  size    {}", size(self.artifact.bytes.len()))?;
        let hash = self.artifact.hash.to_string();
        writeln!(f, "  sha256  {}", hash.strip_prefix("sha256:").unwrap_or(&hash))
    }

    fn exports(&self, f: &mut Page) -> fmt::Result {
        writeln!(f)?;
        f.heading("Exports");
        let functions = match self.program {
            Ok(program) => program.functions().collect::<Vec<Function>>(),
            Err(error) => return writeln!(f, "  none can be called: {}", error.found()),
        };
        let (mut interface, mut long) = (None, false);
        for function in &functions {
            if function.interface() != interface {
                interface = function.interface();
                writeln!(f, "  {}", interface.unwrap_or_default())?;
            }
            let indent = if interface.is_some() { "    " } else { "  " };
            let signature = function.types().display_func(function.ty()).to_string();
            let shown = cut(&signature, LONGEST);
            long |= shown != signature;
            let whose = if is_of_toolchain(function) { "  (of the toolchain)" } else { "" };
            writeln!(f, "{indent}{}: {shown}{whose}", function.name())?;
        }
        if long {
            writeln!(f, "  (types too long for this list are cut; --print-wit shows all)")?;
        }
        if functions.is_empty() {
            writeln!(f, "  no functions")?;
        }
        // The allocator and its like are nobody's business.
        let left_out = self.adapted().map_or(&[][..], |adapted| &adapted.left_out);
        let mut left_out = left_out.iter().filter(|l| !l.core.starts_with("cabi_")).peekable();
        if left_out.peek().is_some() {
            writeln!(f)?;
            f.heading("Exports that cannot be called without `wit`");
            for export in left_out {
                writeln!(f, "  {}: {}", visible::name(&export.core), export.reason)?;
            }
        }
        Ok(())
    }

    fn imports(&self, f: &mut Page) -> fmt::Result {
        writeln!(f)?;
        f.heading("Imports");
        let imports = self.loaded.component.imports();
        if imports.is_empty() {
            writeln!(f, "  none")?;
        }
        let width = |import: &String| import.chars().count();
        let widest = imports.iter().map(width).filter(|width| *width <= 60).max().unwrap_or(0);
        let mut functions = BTreeMap::<&str, Vec<String>>::new();
        for import in self.adapted().iter().flat_map(|adapted| &adapted.core_imports) {
            let line = format!("{}: {}", visible::name(&import.name), import.ty);
            match &import.source {
                CoreImportSource::Component { instance, .. } => {
                    functions.entry(instance).or_default().push(line);
                }
                CoreImportSource::Trap { reason } => {
                    let line = format!("{line}; a call traps: {reason}");
                    functions.entry(&import.module).or_default().push(line);
                }
            }
        }
        for import in &imports {
            let group = group_of(import);
            let lacks = match self.runtime.linker().provides(import) {
                true => "",
                false => "; this version of wippy does not provide it",
            };
            let (import, group) = (visible::name(import), visible::name(&group));
            writeln!(f, "  {import:widest$}  needs `- {group}`{lacks}")?;
            for function in functions.remove(&*import).unwrap_or_default() {
                writeln!(f, "    {function}")?;
            }
        }
        for (module, functions) in functions {
            writeln!(f, "  {}", visible::name(module))?;
            functions.iter().try_for_each(|function| writeln!(f, "    {function}"))?;
        }
        Ok(())
    }

    /// An entry that can be pasted. Without a function there is nothing to run.
    fn entry(&self, f: &mut Page) -> fmt::Result {
        let Some((program, function)) = self.main_function() else { return Ok(()) };
        writeln!(f)?;
        f.heading("Entry");
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        let name = Path::new(&*file).file_stem().unwrap_or_default().to_string_lossy();
        let others = offered(program).len().saturating_sub(1);
        let others = match others {
            0 => "",
            1 => "  # or the other export",
            _ => "  # or another of the exports",
        };
        writeln!(f, "  - name: {}", yaml::text(&entry_name(&name)))?;
        writeln!(f, "    kind: process.wasm")?;
        writeln!(f, "    fs: app:wasm  # the fs.directory entry that the file is in")?;
        writeln!(f, "    path: {}", yaml::text(&format!("/{file}")))?;
        writeln!(f, "    hash: {}", self.artifact.hash)?;
        writeln!(f, "    method: {}{others}", yaml::text(&method(program, &function)))?;
        let groups: BTreeSet<String> =
            self.loaded.component.imports().iter().map(|import| group_of(import)).collect();
        if !groups.is_empty() {
            writeln!(f, "    imports:")?;
            for group in groups {
                writeln!(f, "      - {}", yaml::text(&group))?;
            }
        }
        if let Some(wit) = self.module_wit(program) {
            writeln!(f, "    wit: |")?;
            wit.trim().lines().try_for_each(|line| writeln!(f, "      {line}"))?;
        }
        Ok(())
    }

    fn main_function(&self) -> Option<(&LinkedComponent, Function)> {
        let program = self.program.ok()?;
        let function = program.function("run").ok();
        Some((program, function.or_else(|| offered(program).into_iter().next())?))
    }

    /// The WIT text of a core module: the one given, or one made of numbers.
    /// None for a component, and for a module whose names WIT cannot have; it
    /// can be called without.
    fn module_wit(&self, program: &LinkedComponent) -> Option<String> {
        // One that carries its world needs none.
        self.adapted().filter(|_| !self.loaded.completed)?;
        if let Some(wit) = self.wit {
            return Some(wit.to_owned());
        }
        // Only names that are keywords need the mark.
        ["", "%"].into_iter().find_map(|mark| {
            let mut wit = String::new();
            for function in program.functions() {
                let signature = function.types().display_func(function.ty());
                let _ = writeln!(wit, "{mark}{}: {signature};", function.name());
            }
            self.runtime.load(self.artifact, Some(&wit), DEFAULT_STACK).ok().map(|_| wit)
        })
    }
}

/// The shortest name that leads to the function.
fn method(program: &LinkedComponent, function: &Function) -> String {
    match program.function(function.name()) {
        Ok(found) if found.full_name() == function.full_name() => function.name().to_owned(),
        _ => function.full_name(),
    }
}

/// The whole WIT of a component, by the tools that everybody uses.
fn whole_wit(artifact: &Artifact, loaded: &Loaded) -> Result<String, String> {
    if loaded.adapted.is_some() && !loaded.completed {
        return Err("a core module has no WIT of its own".to_owned());
    }
    let mut bytes = wat::parse_bytes(&artifact.bytes).map_err(|error| error.to_string())?;
    if loaded.completed {
        match complete(&bytes)? {
            None => {}
            Some(Completed::Wit(text)) => return Ok(text),
            Some(Completed::Component(made)) => bytes = made.into(),
        }
    }
    // These libraries are made for the output of compilers. The bytes are valid,
    // but may be stranger than they expect, and a panic must not end the command.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let printed = panic::catch_unwind(AssertUnwindSafe(|| print_wit(&bytes)));
    panic::set_hook(hook);
    match printed {
        Ok(printed) => printed,
        Err(_) => Err("its types are too unusual to be printed as WIT".to_owned()),
    }
}

fn print_wit(bytes: &[u8]) -> Result<String, String> {
    let say = |error| format!("its types cannot be printed as WIT: {error:#}");
    let decoded = wit_component::decode(bytes).map_err(say)?;
    let resolve = decoded.resolve();
    let main = match &decoded {
        DecodedWasm::WitPackage(_, package) => Some(*package),
        DecodedWasm::Component(_, world) => {
            resolve.worlds.get(*world).and_then(|world| world.package)
        }
    };
    let Some(main) = main else { return Err("it has no package".to_owned()) };
    let nested: Vec<_> =
        resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != main).collect();
    let mut printer = wit_component::WitPrinter::default();
    printer.print(resolve, main, &nested).map_err(say)?;
    Ok(printer.output.to_string().replace("\n}\npackage ", "\n}\n\npackage "))
}

/// `12951 bytes`, and what that is about.
fn size(bytes: usize) -> String {
    let tenths = |unit: usize| {
        let tenths = bytes.saturating_mul(10) / unit;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match bytes {
        1 => "1 byte".to_owned(),
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{bytes} bytes ({} KiB)", tenths(1024)),
        _ => format!("{bytes} bytes ({} MiB)", tenths(1_048_576)),
    }
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A file's name as an entry's name.
fn entry_name(stem: &str) -> String {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let name: String = stem.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    if name.is_empty() { "worker".to_owned() } else { name }
}
