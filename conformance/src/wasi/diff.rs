//! Two texts to the lines that differ.

/// Lines that are shown at most.
const MOST: usize = 60;

/// Lines of the expected text that are missing, with `-`, and those that are
/// found in their place, with `+`; in front of each piece the line's number in
/// the expected text.
pub(super) fn lines(expected: &[u8], found: &[u8]) -> String {
    let (a, b) = (split(expected), split(found));
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(head..).unwrap_or_default(), b.get(head..).unwrap_or_default());
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let a = a.get(..a.len() - tail).unwrap_or_default();
    let b = b.get(..b.len() - tail).unwrap_or_default();
    let mut out = Vec::new();
    let mut number = head + 1;
    let mut within = false;
    for (sign, line) in edits(a, b) {
        if sign == ' ' {
            within = false;
        } else {
            if !within {
                out.push(format!("line {number}:"));
                within = true;
            }
            let end = if line.ends_with(b"\n") { "" } else { " (no newline)" };
            out.push(format!(
                "{sign} {}{end}",
                String::from_utf8_lossy(line).trim_end_matches('\n')
            ));
        }
        number += usize::from(sign != '+');
    }
    let more = out.len().saturating_sub(MOST);
    out.truncate(MOST);
    if more > 0 {
        out.push(format!("... and {more} lines more"));
    }
    out.join("\n")
}

/// With their newlines, so that a missing one at the end is seen.
fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// The shortest way from one to the other; all at once if that takes too long.
fn edits<'a>(a: &[&'a [u8]], b: &[&'a [u8]]) -> Vec<(char, &'a [u8])> {
    let width = b.len() + 1;
    let mut common = Vec::new();
    if a.len().saturating_mul(b.len()) <= 1 << 22 {
        // From the end: how long the longest common rest is.
        common = vec![0_u32; (a.len() + 1) * width];
        for (i, x) in a.iter().enumerate().rev() {
            for (j, y) in b.iter().enumerate().rev() {
                common[i * width + j] = match x == y {
                    true => common[(i + 1) * width + j + 1] + 1,
                    false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
                };
            }
        }
    }
    let rest = |i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    loop {
        match (a.get(i), b.get(j)) {
            (Some(x), Some(y)) if x == y => {
                out.push((' ', *x));
                i += 1;
                j += 1;
            }
            (Some(x), y) if y.is_none() || rest(i + 1, j) >= rest(i, j + 1) => {
                out.push(('-', *x));
                i += 1;
            }
            (_, Some(y)) => {
                out.push(('+', *y));
                j += 1;
            }
            (_, None) => return out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn pieces_have_their_place() {
        assert_eq!(lines(b"a\nb\nc\nd\n", b"a\nx\nc\nd\n"), "line 2:\n- b\n+ x");
        assert_eq!(lines(b"a\nb\nc\nd\n", b"b\nc\nd\ne\n"), "line 1:\n- a\nline 5:\n+ e");
        assert_eq!(lines(b"a\n", b"a"), "line 1:\n- a\n+ a (no newline)");
        assert_eq!(lines(b"", b"a\n"), "line 1:\n+ a");
        assert_eq!(lines(b"", b""), "");
    }
}
