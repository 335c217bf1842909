//! The nearest known word to a misspelt one.

/// Words longer than this are not typing mistakes, and comparing them is slow.
const LONGEST: usize = 64;

/// The known word that `word` was probably meant to be.
///
/// One slip of the fingers per three letters is forgiven: a swap, a missing, a
/// doubled or a wrong letter. Of equally near words the first one is taken.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let flat = flatten(word);
    let slips = (flat.chars().count() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&flat, &flatten(candidate)), candidate))
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The known word that `word` surely was meant to be: the same in another style, or
/// one or two letters away, of words that are long enough for that.
pub(crate) fn slip_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let flat = flatten(word);
    known
        .into_iter()
        .filter_map(|candidate| {
            let meant = flatten(candidate);
            let letters = flat.chars().count().max(meant.chars().count());
            let slips = if letters < 5 { 1 } else { 2 };
            let distance = strsim::osa_distance(&flat, &meant);
            // Of two letters, one other is another word.
            (distance == 0 || distance <= slips && letters > 2).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The known word that `word` goes on from, or that goes on from it.
pub(super) fn part_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let flat = flatten(word);
    let shares = |meant: &str| flat.starts_with(meant) || meant.starts_with(&flat);
    let long = |text: &str| text.chars().count() >= 4;
    let fits = |known: &&str| long(known) && long(&flat) && shares(&flatten(known));
    known.into_iter().filter(fits).max_by_key(|known| known.len())
}

/// True if a word is another but for its case and style.
pub(super) fn is_same(word: &str, meant: &str) -> bool {
    word.len() <= LONGEST && flatten(word) == flatten(meant)
}

/// True if a word is another but for its style or one letter.
pub(super) fn is_one_slip(word: &str, meant: &str) -> bool {
    strsim::osa_distance(&flatten(word), &flatten(meant)) <= 1
}

/// The known kind, or group of imports, that one surely was meant to be: each of its
/// words is one that is meant, or the whole is, where a dot is missing.
pub(crate) fn slip_of_kind<'a>(
    kind: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const DOTS: [char; 2] = ['.', ':'];
    let parts = |kind: &str| kind.split(DOTS).count();
    let part = |(own, meant): (&str, &str)| own == meant || slip_of(own, [meant]).is_some();
    known.into_iter().find(|candidate| match parts(kind) == parts(candidate) {
        true => kind.split(DOTS).zip(candidate.split(DOTS)).all(part),
        false => is_one_slip(&kind.replace(DOTS, ""), &candidate.replace(DOTS, "")),
    })
}

/// `maxMemory`, `max-memory` and `max_memory` are the same word.
fn flatten(word: &str) -> String {
    word.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .flat_map(char::to_lowercase)
        .take(LONGEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{nearest, slip_of, slip_of_kind};

    #[test]
    fn forgives_slips_of_the_fingers() {
        let known = ["method", "path", "hash", "max_memory"];
        assert_eq!(nearest("metod", known), Some("method"));
        assert_eq!(nearest("hsah", known), Some("hash"));
        assert_eq!(nearest("maxMemory", known), Some("max_memory"));
        assert_eq!(nearest("entrypoint", known), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), known), None);
    }

    #[test]
    fn one_or_two_letters_are_a_slip() {
        let known = ["read_only", "requires", "limits", "entries", "guest", "fs", "mode", "name"];
        for (word, meant) in [
            ("readonly", "read_only"),
            ("Read-Only", "read_only"),
            ("reed_onli", "read_only"),
            ("require", "requires"),
            ("limit", "limits"),
            ("entires", "entries"),
            ("gest", "guest"),
            ("FS", "fs"),
            ("mdoe", "mode"),
        ] {
            assert_eq!(slip_of(word, known), Some(meant), "{word}");
        }
        for word in ["note", "id", "comment", "writable", "node_selector", ""] {
            assert_eq!(slip_of(word, ["read_only", "requires", "fs", "name"]), None, "{word}");
        }
    }

    #[test]
    fn a_kind_is_compared_word_by_word() {
        let known = ["process.wasm", "process.lua", "fs.directory", "cloudstorage.s3"];
        for (kind, meant) in [
            ("proces.wasm", "process.wasm"),
            ("process.wsam", "process.wasm"),
            ("Process.Wasm", "process.wasm"),
            ("processwasm", "process.wasm"),
            ("fs.directry", "fs.directory"),
        ] {
            assert_eq!(slip_of_kind(kind, known), Some(meant), "{kind}");
        }
        for kind in ["cloudstorage.gs", "process.js", "fs.embed", "custom.thing", "process"] {
            assert_eq!(slip_of_kind(kind, known), None, "{kind}");
        }
    }
}
