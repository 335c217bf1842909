//! Core modules inside a component.
//!
//! wasmi runs a module's start function inside instantiation, where it cannot
//! be suspended. So the start section is taken out of the module's bytes and
//! the function is exported instead, under a name that the module does not use,
//! to be called like any other function, in slices.

use std::{collections::HashSet, ops::Range};

use super::error::LoadError;

/// A translated core module. Functions are translated when first called.
#[derive(Debug)]
pub(crate) struct CoreModule {
    pub module: wasmi::Module,
    /// The name under which the start function is exported.
    pub start: Option<Box<str>>,
    /// Module and field name of every import, in order.
    pub imports: Vec<(Box<str>, Box<str>)>,
}

/// What has to be noted while the sections of a module pass by.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// The start function, and where in the input its section's contents are.
    pub start: Option<(u32, Range<u64>)>,
    pub exports: HashSet<String>,
    /// Where in the input the contents of the export section are.
    pub export_section: Option<Range<u64>>,
}

impl CoreModule {
    /// Translates the module `bytes`, which begin at `offset` of the input.
    pub fn new(
        engine: &wasmi::Engine,
        bytes: &[u8],
        offset: u64,
        outline: &Outline,
    ) -> Result<CoreModule, LoadError> {
        let rewritten;
        let (bytes, start) = match &outline.start {
            None => (bytes, None),
            Some(_) => {
                let name = unused_name(&outline.exports);
                rewritten = export_start(bytes, offset, outline, &name)
                    .ok_or_else(|| LoadError::new("the start section is malformed"))?;
                (rewritten.as_slice(), Some(name))
            }
        };
        let module = wasmi::Module::new(engine, bytes).map_err(|error| {
            LoadError::new(format!("core module at offset {offset:#x}: {error}"))
        })?;
        let imports =
            module.imports().map(|import| (import.module().into(), import.name().into())).collect();
        Ok(CoreModule { module, start: start.map(Into::into), imports })
    }
}

fn unused_name(exports: &HashSet<String>) -> String {
    let mut name = String::from("[start]");
    while exports.contains(&name) {
        name.push('\'');
    }
    name
}

/// The module without its start section and with `name` as a further export.
fn export_start(bytes: &[u8], offset: u64, outline: &Outline, name: &str) -> Option<Vec<u8>> {
    let (func, start) = outline.start.as_ref()?;
    let local = |range: &Range<u64>| -> Option<Range<usize>> {
        let from = usize::try_from(range.start.checked_sub(offset)?).ok()?;
        let to = usize::try_from(range.end.checked_sub(offset)?).ok()?;
        Some(from..to)
    };
    let start = local(start)?;
    let mut entry = Vec::new();
    leb(&mut entry, u32::try_from(name.len()).ok()?);
    entry.extend(name.as_bytes());
    entry.push(0); // a function
    leb(&mut entry, *func);

    let mut out = Vec::with_capacity(bytes.len().checked_add(entry.len())?.checked_add(16)?);
    let (head_end, contents, resume) = match &outline.export_section {
        Some(range) => {
            let range = local(range)?;
            let (count, rest) = read_leb(bytes.get(range.clone())?)?;
            let mut contents = Vec::new();
            leb(&mut contents, count.checked_add(1)?);
            contents.extend(rest);
            contents.extend(&entry);
            (section_start(bytes, range.start, range.len())?, contents, range.end)
        }
        None => {
            let at = section_start(bytes, start.start, start.len())?;
            let mut contents = vec![1];
            contents.extend(&entry);
            (at, contents, at)
        }
    };
    out.extend(bytes.get(..head_end)?);
    out.push(7);
    leb(&mut out, u32::try_from(contents.len()).ok()?);
    out.extend(contents);
    out.extend(bytes.get(resume..section_start(bytes, start.start, start.len())?)?);
    out.extend(bytes.get(start.end..)?);
    Some(out)
}

/// Where the section whose contents begin at `contents` has its id byte. Its
/// size is a LEB128 number of `len`, possibly padded.
fn section_start(bytes: &[u8], contents: usize, len: usize) -> Option<usize> {
    (1..=5).find_map(|width| {
        let at = contents.checked_sub(width)?;
        let (size, rest) = read_leb(bytes.get(at..contents)?)?;
        (rest.is_empty() && size as usize == len).then(|| at.checked_sub(1)).flatten()
    })
}

fn leb(out: &mut Vec<u8>, mut value: u32) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

fn read_leb(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0u32;
    for (i, byte) in bytes.iter().enumerate().take(5) {
        value |= u32::from(byte & 0x7f).checked_shl(7 * i as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(i + 1..)?));
        }
    }
    None
}
