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
    use super::nearest;

    #[test]
    fn forgives_slips_of_the_fingers() {
        let known = ["method", "path", "hash", "max_memory"];
        assert_eq!(nearest("metod", known), Some("method"));
        assert_eq!(nearest("hsah", known), Some("hash"));
        assert_eq!(nearest("maxMemory", known), Some("max_memory"));
        assert_eq!(nearest("entrypoint", known), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), known), None);
    }
}
