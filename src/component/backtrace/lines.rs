//! Files and lines of a module, from its DWARF.
//!
//! Anybody may have written the sections: what cannot be read is as if it were not there.

use std::collections::HashMap;

use addr2line::{
    Context, LookupResult,
    gimli::{Dwarf, EndianSlice, LittleEndian},
};
use wasmparser::{Parser, Payload};

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// What the sections of a module say.
pub(super) struct Lines<'a>(Context<Slice<'a>>);

/// A function at an address, as its source has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The name as it is in the module; nothing if none is known.
    pub name: Option<String>,
    /// File and line.
    pub line: Option<String>,
}

impl<'a> Lines<'a> {
    /// Those of a module; nothing if it has none.
    pub fn of(module: &'a [u8]) -> Option<Lines<'a>> {
        let mut sections = HashMap::new();
        for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
            if let Payload::CustomSection(section) = payload
                && section.name().starts_with(".debug_")
            {
                sections.entry(section.name()).or_insert(section.data());
            }
        }
        if !sections.contains_key(".debug_line") {
            return None;
        }
        let section = |id: addr2line::gimli::SectionId| {
            let bytes: &[u8] = sections.get(id.name()).copied().unwrap_or_default();
            Ok::<_, addr2line::gimli::Error>(EndianSlice::new(bytes, LittleEndian))
        };
        let dwarf = Dwarf::load(section).ok()?;
        Context::from_dwarf(dwarf).ok().map(Lines)
    }

    /// The addresses at which a line begins, in order. An address is counted from the
    /// beginning of the code section.
    pub fn begins(&self) -> Vec<u32> {
        let Ok(rows) = self.0.find_location_range(0, u64::MAX) else { return Vec::new() };
        let mut begins: Vec<u32> =
            rows.filter_map(|(address, ..)| u32::try_from(address).ok()).collect();
        begins.sort_unstable();
        begins.dedup();
        begins
    }

    /// The functions that an address is in, the innermost first: more than one if it is
    /// in a function that has been put into another.
    pub fn at(&self, address: u32) -> Vec<Place> {
        let mut places = Vec::new();
        let LookupResult::Output(Ok(mut frames)) = self.0.find_frames(u64::from(address)) else {
            return places;
        };
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|name| name.raw_name().ok());
            let line = frame.location.as_ref().and_then(|location| {
                let (file, line) = (location.file?, location.line?);
                Some(format!("{file}:{line}"))
            });
            places.push(Place { name: name.map(Into::into), line });
        }
        places
    }
}
