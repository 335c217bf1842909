//! The field `source` of entries whose program is a text: the text itself, or a file
//! beside the YAML file.

use super::Reading;
use crate::{
    artifact::clean_path,
    registry::discover::{MAX_FILE, describe_io, read_bounded},
};

/// What the text is, in words.
pub(super) struct Form {
    /// What may stand in the field.
    pub expected: &'static str,
    /// An example.
    pub fix: &'static str,
    /// What the file holds.
    pub text: &'static str,
}

/// The text of a `source`, and the file that it comes from.
pub(super) fn read(reading: &Reading<'_>, form: &Form) -> Option<(String, Option<String>)> {
    let written = reading.fields.required("source", form.expected, form.fix)?;
    let Some(path) = written.value.strip_prefix("file://") else {
        return Some((written.value.to_owned(), None));
    };
    let complain = |found: String, expected: &str, fix: &str| {
        let report = reading.fields.report();
        report.error(written.line, &written.field, found, expected, fix);
    };
    let inside = !path.starts_with('/') && !path.contains('\0');
    let Some(clean) = clean_path(path).filter(|clean| inside && clean != ".") else {
        let expected = "the path of a file below the directory of this file";
        complain(written.found.clone(), expected, form.fix);
        return None;
    };
    let path = reading.module.join(&clean);
    let real = |path: &std::path::Path| path.canonicalize();
    match (real(&path), real(reading.project)) {
        (Ok(file), Ok(project)) if !file.starts_with(&project) => {
            let found = format!("{}: a link that leads out of the project", written.found);
            complain(found, "a file inside the project", "copy the file into the project");
            return None;
        }
        _ => {}
    }
    let bytes = match read_bounded(&path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let found = format!("{}: the file is too large", written.found);
            complain(found, &format!("at most {MAX_FILE} bytes"), "split it into libraries");
            return None;
        }
        Err(error) => {
            let found = format!("{}: {}", written.found, describe_io(&error));
            complain(found, "a readable file", "the path begins at the directory of this file");
            return None;
        }
    };
    let Ok(text) = String::from_utf8(bytes) else {
        let found = format!("{}: the file is not UTF-8", written.found);
        complain(found, form.text, "save the file as UTF-8; what is compiled is not loaded");
        return None;
    };
    let name = path.strip_prefix(reading.project).unwrap_or(&path);
    let parts = name.components().filter(|part| !matches!(part, std::path::Component::CurDir));
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    Some((text, Some(parts.join("/"))))
}
