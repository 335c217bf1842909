//! Texts of strangers as they may be shown.
//!
//! A terminal obeys some characters, and others make a line read unlike what it is:
//! they turn its direction, take no room, or begin another line. Whatever a guest, a
//! file or a name says is shown with these written out, `\u{202e}`, and all else as
//! it is: text in any script stays readable.
//!
//! This is done where texts leave, in the command's writers; functions that put a
//! text into a sentence do it as well, so that a line feed in a name is no new line.

use std::borrow::Cow;

/// A text for the middle of a line: no line feed and no tab is left.
pub(crate) fn name(text: &str) -> Cow<'_, str> {
    escape(text, "", plain)
}

/// The first `most` characters of a text as [`name`] shows them, and whether these
/// are all.
pub(crate) fn head(text: &str, most: usize) -> (Cow<'_, str>, bool) {
    match text.char_indices().nth(most) {
        Some((end, _)) => (name(text.get(..end).unwrap_or_default()), false),
        None => (name(text), true),
    }
}

/// A line, which may have tabs.
#[cfg(feature = "host")]
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, "\t", plain)
}

/// A text of several lines.
#[cfg(feature = "cli")]
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, "\t\n", plain)
}

/// JSON, which means the same afterwards: what is hidden can only stand in strings.
#[cfg(feature = "host")]
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    escape(text, "\t\n", |c, out| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

/// True if a text has characters that would be written out.
pub(crate) fn has_hidden(text: &str) -> bool {
    matches!(name(text), Cow::Owned(_))
}

fn plain(c: char, out: &mut String) {
    out.extend(c.escape_default());
}

fn escape<'t>(text: &'t str, kept: &str, write: fn(char, &mut String)) -> Cow<'t, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut before, mut any) = (String::with_capacity(text.len()), None, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if kept.contains(c) || !is_hidden(before, c, chars.peek().copied()) {
            shown.push(c);
        } else {
            any = true;
            write(c, &mut shown);
        }
        before = Some(c);
    }
    if any { Cow::Owned(shown) } else { Cow::Borrowed(text) }
}

/// True if a character cannot be seen, or moves others, where it stands.
fn is_hidden(before: Option<char>, c: char, after: Option<char>) -> bool {
    match c {
        // Persian, Indian scripts and emoji are not written without these two.
        '\u{200c}' | '\u{200d}' => !(before.is_some_and(joins) && after.is_some_and(joins)),
        // Another form of the character before, and the digit on a key.
        '\u{fe00}'..='\u{fe0f}' => match before {
            Some('0'..='9' | '#' | '*') => after != Some('\u{20e3}'),
            Some(before) => before.is_ascii() || is_hidden(None, before, None),
            None => true,
        },
        // No text has these, or none that one could see.
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'
        | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fdd0}'..='\u{fdef}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        c => c.is_control() || u32::from(c) & 0xfffe == 0xfffe,
    }
}

/// True if a character belongs to a script, or to pictures, that joiners hold
/// together.
fn joins(c: char) -> bool {
    matches!(
        c,
        '\u{600}'..='\u{61b}'
        | '\u{61d}'..='\u{109f}'
        | '\u{1780}'..='\u{17b3}'
        | '\u{17b6}'..='\u{180a}'
        | '\u{1810}'..='\u{1aaf}'
        | '\u{2190}'..='\u{2bff}'
        | '\u{a840}'..='\u{abff}'
        | '\u{fb50}'..='\u{fdcf}'
        | '\u{fdf0}'..='\u{fdff}'
        | '\u{fe0f}'
        | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{11fff}'
        | '\u{1f000}'..='\u{1faff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out() {
        for (text, shown) in [
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{9b}2J \u{9d}x\u{9c}", "\\u{9b}2J \\u{9d}x\\u{9c}"),
            ("a\rb\u{8}\u{7f}\0", "a\\rb\\u{8}\\u{7f}\\u{0}"),
            ("user\u{202e}nimda\u{2066}x\u{2069}", "user\\u{202e}nimda\\u{2066}x\\u{2069}"),
            ("a\u{200e}b\u{61c}", "a\\u{200e}b\\u{61c}"),
            ("pay\u{200b}pal\u{2060}\u{feff}\u{ad}", "pay\\u{200b}pal\\u{2060}\\u{feff}\\u{ad}"),
            ("a\u{200d}b\u{200c}", "a\\u{200d}b\\u{200c}"),
            ("a\u{2028}b\u{2029}\u{85}", "a\\u{2028}b\\u{2029}\\u{85}"),
            ("a\u{fe0f}\u{e0041}\u{fffe}", "a\\u{fe0f}\\u{e0041}\\u{fffe}"),
            ("a\nb\tc", "a\\nb\\tc"),
        ] {
            assert_eq!(name(text), shown);
        }
        #[cfg(feature = "host")]
        assert_eq!(line("a\nb\tc"), "a\\nb\tc");
    }

    #[test]
    fn text_in_other_scripts_stays_as_it_is() {
        for text in [
            "Grüße, señor",
            "Привет, мир",
            "你好，世界",
            "こんにちは",
            "שלום עולם",
            "مرحبا بالعالم",
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष",
            "👩\u{200d}💻 ❤\u{fe0f}\u{200d}🔥 1\u{fe0f}\u{20e3}",
            "e\u{301} \\u{1b}",
        ] {
            assert!(matches!(name(text), Cow::Borrowed(_)), "{text}: {}", name(text));
        }
    }

    #[cfg(feature = "host")]
    #[test]
    fn json_means_the_same_afterwards() {
        let value = serde_json::json!({"a\u{202e}": ["\u{7f}\u{9b}", "\u{e0041}\n", "ü"]});
        let shown = json(&value.to_string()).into_owned();
        assert_eq!(shown, r#"{"a\u202e":["\u007f\u009b","\udb40\udc41\n","ü"]}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
