//! Copies of directories of the machine, made once for all runs.

use std::{
    collections::{BTreeMap, HashMap},
    io::Read,
    path::Path,
    sync::{Arc, Mutex},
};

use cap_std::fs::Dir;

use crate::{lock::lock, world::Directory};

/// Bytes of all copies together.
const MOST_BYTES: u64 = 64 << 20;

/// Files and directories of all copies together.
const MOST_FILES: usize = 20_000;

/// Directories in directories.
const MOST_DEPTH: usize = 64;

/// Something that was copied.
#[derive(Debug)]
pub(super) enum Copied {
    File(Arc<Vec<u8>>),
    Dir(BTreeMap<String, Copied>),
    Link(String),
}

/// The copies that have been made.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<Made>);

#[derive(Debug, Default)]
struct Made {
    /// By address, with what has it.
    by_address: HashMap<usize, (Directory, Arc<Copied>)>,
    bytes: u64,
    files: usize,
}

impl Copies {
    /// The copy of a directory.
    ///
    /// # Errors
    ///
    /// With why there is none, if it is too large or cannot be read.
    pub fn of(&self, dir: &Directory) -> Result<Arc<Copied>, String> {
        let made = &mut *lock(&self.0);
        if let Some((_, copied)) = made.by_address.get(&dir.address()) {
            return Ok(copied.clone());
        }
        let copied = Arc::new(made.copy(dir, Path::new("."), 0)?);
        made.by_address.insert(dir.address(), (dir.clone(), copied.clone()));
        Ok(copied)
    }
}

impl Made {
    fn copy(&mut self, dir: &Dir, path: &Path, depth: usize) -> Result<Copied, String> {
        let failed = |path: &Path, why: &dyn std::fmt::Display| {
            let path = crate::visible::name(&path.display().to_string()).into_owned();
            format!("the simulation copies mounts into memory, and {path} cannot be: {why}")
        };
        if depth > MOST_DEPTH {
            return Err(failed(path, &format!("it is below {MOST_DEPTH} directories")));
        }
        let mut entries = BTreeMap::new();
        for entry in dir.entries().map_err(|why| failed(path, &why))? {
            let entry = entry.map_err(|why| failed(path, &why))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let here = path.join(&name);
            self.files = self.files.saturating_add(1);
            if self.files > MOST_FILES {
                return Err(failed(&here, &format!("there are more than {MOST_FILES} files")));
            }
            let kind = entry.file_type().map_err(|why| failed(&here, &why))?;
            let copied = if kind.is_dir() {
                let inner = entry.open_dir().map_err(|why| failed(&here, &why))?;
                self.copy(&inner, &here, depth.saturating_add(1))?
            } else if kind.is_symlink() {
                let text = dir.read_link_contents(&name).map_err(|why| failed(&here, &why))?;
                Copied::Link(text.to_string_lossy().into_owned())
            } else if kind.is_file() {
                let left = MOST_BYTES.saturating_sub(self.bytes);
                let file = entry.open().map_err(|why| failed(&here, &why))?;
                let mut bytes = Vec::new();
                let read = file.take(left.saturating_add(1)).read_to_end(&mut bytes);
                read.map_err(|why| failed(&here, &why))?;
                if bytes.len() as u64 > left {
                    let why = format!("all files have more than {MOST_BYTES} bytes");
                    return Err(failed(&here, &why));
                }
                self.bytes = self.bytes.saturating_add(bytes.len() as u64);
                Copied::File(Arc::new(bytes))
            } else {
                // A pipe or a device is nothing that could be copied.
                continue;
            };
            entries.insert(name, copied);
        }
        Ok(Copied::Dir(entries))
    }
}
