//! `fs.directory`: a directory that other entries read and mount.

use super::Reading;
use std::path::PathBuf;

/// A directory: the only files that an entry which names it can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FsDirectory {
    /// Where it is: `directory` below its base.
    pub path: PathBuf,
    /// The `directory` field as it is written.
    pub directory: String,
    /// True if it is created if it does not exist.
    pub auto_init: bool,
    /// The permissions that it is created with.
    pub mode: u32,
}

const FIX: &str = "write it like this: directory: ./files";

pub(super) fn directory(reading: &mut Reading<'_>) -> Option<FsDirectory> {
    let fields = &reading.fields;
    let directory = fields.required("directory", "a directory", FIX);
    let auto_init = fields.flag("auto_init").unwrap_or(false);
    let mode = fields.mode("mode", "\"0755\"").unwrap_or(0o755);
    let base = match fields.text("base") {
        None => reading.project,
        Some(text) => match text.value {
            "project" => reading.project,
            "module" => reading.module,
            _ => {
                fields.report().error(
                    text.line,
                    &text.field,
                    text.found,
                    "project (the project's directory) or module (the directory of this file)",
                    "leave the field out, or write: base: project",
                );
                return None;
            }
        },
    };
    let directory = directory?;
    if directory.value.contains('\0') {
        fields.report().error(
            directory.line,
            &directory.field,
            directory.found,
            "a path without NUL",
            FIX,
        );
        return None;
    }
    Some(FsDirectory {
        // Without the `.` of `./files`, for messages.
        path: base.join(directory.value).components().collect(),
        directory: directory.value.to_owned(),
        auto_init,
        mode,
    })
}
