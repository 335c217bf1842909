//! `wippy wit DIR`: the WIT packages that programs may import, ready for `wit/deps`.

use std::{fs, path::Path};

use super::{
    args::WitArgs,
    exit::{Exit, Failure},
    new::unwritable,
    output,
};
use crate::{host::packages, registry::quoted};

pub(super) fn wit(args: &WitArgs) -> Result<Exit, Failure> {
    let dir = &args.dir;
    fs::create_dir_all(dir).map_err(|error| unwritable(dir, &error))?;
    let mut page = String::new();
    for package in packages() {
        // `wasi:io@0.2.12` is in `wasi-io.wit`.
        let name = package.name.split('@').next().unwrap_or(package.name);
        let file = dir.join(format!("{}.wit", name.replace(':', "-")));
        write(&file, package.text, args.force)?;
        page.push_str(&format!("{}  {}\n", file.display(), package.name));
    }
    output::show(&page)?;
    Ok(Exit::Ok)
}

/// Writes a file, but not over what somebody else has written.
fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    match fs::read(file) {
        Ok(there) if there == text.as_bytes() => return Ok(()),
        Ok(_) if !force => {
            return Err(Failure::usage(format!(
                "{} is there and has another text\n    fix:      name another directory, or add \
                 --force to write over it",
                quoted(&file.to_string_lossy())
            )));
        }
        Ok(_) | Err(_) => {}
    }
    fs::write(file, text).map_err(|error| unwritable(file, &error))
}
