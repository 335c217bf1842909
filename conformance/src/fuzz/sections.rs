//! Components that are almost right: of a right one, sections are moved, left out or
//! doubled, and bytes of its definitions changed: above all canonical options and types.
//!
//! Nearly all that is made so is refused, and for another reason than noise is.

use super::{component, echo::Echo};
use crate::random::Random;

/// A section: its id and its bytes.
type Section = (u8, Vec<u8>);

/// The ids of sections in a component.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;
const TYPE: u8 = 7;
const CANON: u8 = 8;

pub fn run(data: &[u8]) {
    if let Some(bytes) = changed(data) {
        component::run(&bytes);
    }
}

/// The component that bytes choose.
pub fn changed(data: &[u8]) -> Option<Vec<u8>> {
    let echo = Echo::new(data)?;
    let right = wat::parse_str(echo.text()).ok()?;
    let seed = data.iter().fold(0u64, |sum, byte| sum.rotate_left(7) ^ u64::from(*byte));
    let mut random = Random(seed);
    let changes = 1 + random.index(2);
    let mut bytes = right;
    for _ in 0..changes {
        bytes = change(&bytes, &mut random)?;
    }
    Some(bytes)
}

fn change(bytes: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let (header, mut sections) = split(bytes)?;
    let at = random.index(sections.len());
    let of = |id: u8, sections: &[Section], random: &mut Random| {
        let all: Vec<usize> =
            (0..sections.len()).filter(|at| sections.get(*at).is_some_and(|s| s.0 == id)).collect();
        random.pick(&all).copied()
    };
    match random.index(8) {
        0 if sections.len() > 1 => {
            let other = random.index(sections.len());
            sections.swap(at, other);
        }
        1 => {
            let copy = sections.get(at)?.clone();
            sections.insert(random.index(sections.len() + 1), copy);
        }
        2 => drop(sections.remove(at)),
        3 => {
            let inner = of(COMPONENT, &sections, random);
            let inner = inner.and_then(|at| sections.get_mut(at))?;
            inner.1 = change(&inner.1, random)?;
        }
        which => {
            let id = match which {
                4 => CORE_MODULE,
                5 => TYPE,
                _ => CANON,
            };
            let at = of(id, &sections, random)?;
            flip(&mut sections.get_mut(at)?.1, random);
        }
    }
    Some(join(header, &sections))
}

/// Changes a byte: mostly to one that means something.
fn flip(bytes: &mut [u8], random: &mut Random) {
    let at = random.index(bytes.len());
    let other = match random.index(3) {
        0 => random.next() as u8,
        _ => random.below(9) as u8,
    };
    if let Some(byte) = bytes.get_mut(at) {
        *byte = other;
    }
}

fn split(bytes: &[u8]) -> Option<(&[u8], Vec<Section>)> {
    let (header, mut rest) = bytes.split_at_checked(8)?;
    let mut sections = Vec::new();
    while let Some((id, after)) = rest.split_first() {
        let mut reader = wasmparser::BinaryReader::new(after, 0);
        let length = usize::try_from(reader.read_var_u32().ok()?).ok()?;
        let begin = reader.current_position();
        let end = begin.checked_add(length)?;
        sections.push((*id, after.get(begin..end)?.to_vec()));
        rest = after.get(end..)?;
    }
    Some((header, sections))
}

fn join(header: &[u8], sections: &[Section]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    for (id, section) in sections {
        bytes.push(*id);
        wasm_encoder::Encode::encode(section.as_slice(), &mut bytes);
    }
    bytes
}
