//! What bytes are, by their content alone.

/// The form of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArtifactKind {
    /// A binary core module.
    Core,
    /// A binary component.
    Component,
    /// Text, of a module or a component.
    Text,
}

/// Tells binary modules, components and text apart, or says what else it is.
pub(super) fn sniff(bytes: &[u8]) -> Result<ArtifactKind, String> {
    if let Some(rest) = bytes.strip_prefix(b"\0asm") {
        let Some((version, _)) = rest.split_first_chunk::<4>() else {
            return Err("a WebAssembly file cut off in its first 8 bytes".to_owned());
        };
        let [a, b, c, d] = *version;
        let (version, layer) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        return match (version, layer) {
            (1, 0) => Ok(ArtifactKind::Core),
            (0x0d, 1) => Ok(ArtifactKind::Component),
            (version, 1) => Err(format!(
                "a component in the draft format {version:#x}; this engine reads 0xd, build it with newer tools"
            )),
            (version, layer) => {
                Err(format!("WebAssembly of an unknown version {version}, layer {layer}"))
            }
        };
    }
    if bytes.is_empty() {
        return Err("an empty file".to_owned());
    }
    let known: [(&[u8], &str); 16] = [
        (b"\x1f\x8b", "a gzip archive"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\x28\xb5\x2f\xfd", "zstd-compressed data"),
        (b"BZh", "a bzip2 archive"),
        (b"\xfd7zXZ\0", "an xz archive"),
        (b"\x7fELF", "an ELF program for a real CPU"),
        (b"MZ", "a Windows program"),
        (b"\xcf\xfa\xed\xfe", "a macOS program"),
        (b"\xca\xfe\xba\xbe", "a macOS program or a Java class"),
        (b"!<arch>", "an archive of object files"),
        (b"BC\xc0\xde", "LLVM bitcode"),
        (b"#!", "a script"),
        (b"%PDF", "a PDF document"),
        (b"version https://git-lfs", "a Git LFS pointer; fetch the file with `git lfs pull`"),
        (b"\x89PNG", "an image"),
        (b"\xff\xfe", "UTF-16 text"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err((*what).to_owned());
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(format!("data that begins with the bytes {}", first_bytes(bytes)));
    };
    let start = skip_comments(text.strip_prefix('\u{feff}').unwrap_or(text));
    if start.starts_with('(') {
        return Ok(ArtifactKind::Text);
    }
    let lower: String = start.chars().take(20).collect::<String>().to_ascii_lowercase();
    Err(if start.is_empty() {
        "a text of nothing but comments and spaces".to_owned()
    } else if lower.starts_with("<!doctype")
        || lower.starts_with("<html")
        || lower.starts_with("<?xml")
    {
        "an HTML or XML page; was it a failed download?".to_owned()
    } else if lower.starts_with('{') {
        "JSON".to_owned()
    } else if lower.starts_with("package ")
        || lower.starts_with("interface ")
        || lower.starts_with("world ")
    {
        "WIT, which describes a component but is none".to_owned()
    } else {
        format!(
            "a text that begins with {}",
            crate::registry::quoted(start.lines().next().unwrap_or_default())
        )
    })
}

/// Behind spaces, `;; line comments` and `(; block (; comments ;) ;)`.
fn skip_comments(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        if text.starts_with(";;") {
            text = text.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(mut rest) = text.strip_prefix("(;") {
            let mut depth = 1_usize;
            while depth > 0 {
                let Some(at) = rest.find([';', '(']) else { return "" };
                let (_, from) = rest.split_at(at);
                if let Some(inner) = from.strip_prefix("(;") {
                    depth = depth.saturating_add(1);
                    rest = inner;
                } else if let Some(outer) = from.strip_prefix(";)") {
                    depth = depth.saturating_sub(1);
                    rest = outer;
                } else {
                    rest = from.get(1..).unwrap_or_default();
                }
            }
            text = rest;
        } else {
            return text;
        }
    }
}

fn first_bytes(bytes: &[u8]) -> String {
    let shown: Vec<String> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wasm_is_told_apart_by_its_first_bytes() {
        assert_eq!(sniff(b"\0asm\x01\0\0\0"), Ok(ArtifactKind::Core));
        assert_eq!(sniff(b"\0asm\x0d\0\x01\0"), Ok(ArtifactKind::Component));
        assert_eq!(sniff(b" ;; hi\n(; a (; b ;) c ;)\n(module)"), Ok(ArtifactKind::Text));
    }

    #[test]
    fn everything_else_is_called_by_its_name() {
        let what = |bytes: &[u8]| sniff(bytes).unwrap_err();
        assert_eq!(what(b""), "an empty file");
        assert_eq!(what(b"\0asm\x01"), "a WebAssembly file cut off in its first 8 bytes");
        assert!(what(b"\0asm\x0a\0\x01\0").contains("draft format 0xa"));
        assert!(what(b"\0asm\x02\0\0\0").contains("unknown version 2"));
        assert_eq!(what(b"\x1f\x8b\x08"), "a gzip archive");
        assert_eq!(what(b"\x7fELF"), "an ELF program for a real CPU");
        assert!(what(b"<!DOCTYPE html>").contains("HTML"));
        assert_eq!(what(b"{}"), "JSON");
        assert!(what(b"package a:b;").contains("WIT"));
        assert_eq!(what(b"(; never closed"), "a text of nothing but comments and spaces");
        assert_eq!(what(b"\x80\x81"), "data that begins with the bytes 80 81");
        assert_eq!(what(b"hello\nworld"), "a text that begins with \"hello\"");
    }
}
