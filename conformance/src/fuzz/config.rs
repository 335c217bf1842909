//! A project whose `_index.yaml` is anything.

use std::{cell::RefCell, fs, path::PathBuf};

use wippy::registry::Project;

thread_local! {
    /// A directory for each thread, with the rest of a project.
    static PLACE: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// Lines of the longest line that may be printed of a problem.
const LINE: usize = 64 << 10;

pub fn run(data: &[u8]) {
    let dir = PLACE.with_borrow_mut(|place| place.get_or_insert_with(project).clone());
    fs::write(dir.join("src/_index.yaml"), data).expect("the index can be written");
    let loaded = Project::load(&dir);
    for problem in &loaded.problems {
        let text = problem.to_string();
        assert!(!text.is_empty() && text.len() < LINE, "a problem of {} bytes", text.len());
        let odd = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(odd), "a problem with control characters: {text:?}");
    }
    // What is without errors can be asked for everything.
    for command in loaded.project.commands() {
        assert!(loaded.project.entry(&command.entry).is_some(), "{} runs nothing", command.name);
    }
}

fn project() -> PathBuf {
    let dir = std::env::temp_dir().join(format!(
        "wippy-fuzz-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    fs::create_dir_all(dir.join("src")).expect("a directory can be made");
    fs::write(dir.join("wippy.lock"), "directories:\n  src: ./src\n")
        .expect("a file can be written");
    dir
}
