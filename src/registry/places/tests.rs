use super::*;
use crate::{
    artifact::{ArtifactError, directory},
    registry::{Loaded, Project, Severity},
};

/// A project in a directory, beside files that are not for it. It goes away with
/// the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str, entries: &str) -> Place {
        let path = std::env::temp_dir().join(format!("wippy-places-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("project/src")).unwrap();
        std::fs::create_dir_all(path.join("outside")).unwrap();
        std::fs::write(path.join("outside/secret"), "A=secret").unwrap();
        let text = format!("namespace: app\nentries:\n{entries}");
        std::fs::write(path.join("project/src/_index.yaml"), text).unwrap();
        std::fs::write(path.join("project/wippy.lock"), "").unwrap();
        Place(path)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.join("project").join(path)
    }

    fn make(&self, path: &str) {
        std::fs::create_dir_all(self.at(path)).unwrap();
    }

    fn link(&self, target: &str, path: &str) {
        let _ = std::fs::remove_dir(self.at(path));
        #[cfg(unix)]
        std::os::unix::fs::symlink(target, self.at(path)).unwrap();
    }

    fn load(&self) -> Loaded {
        Project::load(self.0.join("project"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn entry(name: &str, path: &str, more: &str) -> String {
    format!("  - {{name: {name}, kind: fs.directory, directory: {path}{more}}}\n")
}

/// A process with mounts: a directory, and what else is said of it.
fn process(name: &str, mounts: &[(&str, &str)]) -> String {
    let mounts: String = mounts
        .iter()
        .enumerate()
        .map(|(i, (fs, more))| format!("        - {{fs: {fs}, guest: /{i}{more}}}\n"))
        .collect();
    format!(
        "  - name: {name}\n    kind: process.wasm\n    fs: app:wasm\n    path: /x.wasm\n    \
         hash: sha256:{}\n    method: run\n    wasi:\n      mounts:\n{mounts}",
        "0".repeat(64)
    )
}

/// `data`, which a guest can write, and `data/sub`, another entry.
fn entries(sub: &str) -> String {
    let mut text = entry("wasm", "./wasm", "") + &entry("data", "./data", "");
    text += &entry("sub", sub, "");
    text + &process("a", &[("app:data", "")]) + &process("b", &[("app:sub", ", read_only: true")])
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn get(project: &Project, name: &str) -> Result<Directory, ArtifactError> {
    directory(project, &id(name))
}

fn is_refused(found: Result<Directory, ArtifactError>) -> bool {
    matches!(found, Err(ArtifactError::Link { .. }))
}

#[test]
#[cfg(unix)]
fn a_link_that_a_guest_has_made_is_not_followed() {
    for target in ["../..", "../../outside", ".", "/", "../wasm", "../data"] {
        for order in [false, true] {
            let place = Place::new("guest", &entries("./data/sub"));
            place.make("wasm");
            place.make("data/sub");
            if order {
                // The link is made while the project is loaded: it stays what it was.
                let Loaded { project, .. } = place.load();
                let before = identity(&get(&project, "app:sub").unwrap()).unwrap();
                place.link(target, "data/sub");
                assert_eq!(identity(&get(&project, "app:sub").unwrap()).unwrap(), before);
                continue;
            }
            place.link(target, "data/sub");
            let Loaded { project, .. } = place.load();
            let error = get(&project, "app:sub").unwrap_err();
            assert!(matches!(error, ArtifactError::Link { .. }), "{target}: {error}");
            assert!(error.found().contains("data/sub\" is a link"), "{error}");
            assert_eq!(error.field(), "fs");
            get(&project, "app:data").unwrap();
            get(&project, "app:wasm").unwrap();
        }
    }
}

#[test]
#[cfg(unix)]
fn a_link_on_the_way_is_not_followed_either() {
    let place = Place::new("way", &entries("./data/x/y/sub"));
    place.make("wasm");
    place.make("data/x/y/sub");
    std::fs::create_dir_all(place.0.join("outside/y/sub")).unwrap();
    get(&place.load().project, "app:sub").unwrap();
    std::fs::rename(place.at("data/x"), place.at("data/z")).unwrap();
    place.link("../../outside", "data/x");
    assert!(is_refused(get(&place.load().project, "app:sub")));
}

#[test]
#[cfg(unix)]
fn a_directory_that_is_made_later_is_not_made_elsewhere() {
    let text = entry("wasm", "./wasm", "")
        + &entry("data", "./data", "")
        + &entry("sub", "./data/x/sub", ", auto_init: true")
        + &process("a", &[("app:data", ""), ("app:sub", "")]);
    let place = Place::new("made", &text);
    place.make("wasm");
    place.make("data");
    let Loaded { project, .. } = place.load();
    assert!(!place.at("data/x").exists(), "loading makes nothing");
    place.link("../../outside", "data/x");
    assert!(is_refused(get(&project, "app:sub")));
    assert!(!place.0.join("outside/sub").exists());
    std::fs::remove_file(place.at("data/x")).unwrap();
    let made = get(&project, "app:sub").unwrap();
    assert!(place.at("data/x/sub").is_dir());
    // From now on it is that one.
    std::fs::rename(place.at("data/x"), place.at("data/z")).unwrap();
    place.link("../../outside", "data/x");
    assert_eq!(identity(&get(&project, "app:sub").unwrap()).unwrap(), identity(&made).unwrap());
}

#[test]
fn a_directory_is_made_only_if_its_entry_says_so() {
    let text = entry("no", "./no", "") + &entry("yes", "./new/deep", ", auto_init: true");
    let place = Place::new("auto", &text);
    let Loaded { project, .. } = place.load();
    let error = get(&project, "app:no").unwrap_err();
    assert!(error.found().ends_with("it does not exist"), "{error}");
    get(&project, "app:yes").unwrap();
    assert!(place.at("new/deep").is_dir());
    assert_eq!(get(&project, "app:none").unwrap_err(), ArtifactError::NoDirectory(id("app:none")));
}

#[test]
#[cfg(unix)]
fn links_of_the_user_are_followed() {
    let outside = "../outside";
    let place = Place::new("user", &entries("./sub"));
    place.make("wasm");
    place.link(outside, "data");
    place.link("wasm/../../outside", "sub");
    let Loaded { project, .. } = place.load();
    for name in ["app:data", "app:sub"] {
        assert!(get(&project, name).unwrap().exists("secret"), "{name}");
    }
    // Where guests can only read, they have made no link.
    let text = entry("wasm", "./wasm", "")
        + &entry("data", "./data", "")
        + &entry("sub", "./data/sub", "")
        + &process("a", &[("app:data", ", read_only: true"), ("app:sub", "")]);
    let place = Place::new("reader", &text);
    place.make("wasm");
    place.make("data");
    place.link("../../outside", "data/sub");
    assert!(get(&place.load().project, "app:sub").unwrap().exists("secret"));
}

#[test]
#[cfg(unix)]
fn a_link_by_way_of_a_link_is_still_the_guests() {
    // The user's link leads to where the guest has put its own.
    let place = Place::new("both", &entries("./data/sub"));
    place.make("wasm");
    place.link("../outside", "data");
    std::os::unix::fs::symlink("/", place.0.join("outside/sub")).unwrap();
    let Loaded { project, .. } = place.load();
    assert!(is_refused(get(&project, "app:sub")));
    // By its absolute path as well.
    let path = place.0.join("outside/sub");
    let other = Place::new("both-absolute", &entries(path.to_str().unwrap()));
    other.make("wasm");
    other.link(place.0.join("outside").to_str().unwrap(), "data");
    assert!(is_refused(get(&other.load().project, "app:sub")));
}

#[test]
#[cfg(unix)]
fn files_that_are_read_on_loading_are_not_led_elsewhere() {
    let text = entry("wasm", "./wasm", "")
        + &entry("data", "./data", "")
        + &process("a", &[("app:data", "")])
        + "  - {name: env, kind: env.storage.file, file_path: ./data/env}\n"
        + "  - {name: lua, kind: library.lua, source: \"file://../data/lib.lua\"}\n";
    let place = Place::new("files", &text.replace("file://../data", "file://data"));
    place.make("wasm");
    place.make("data");
    std::fs::write(place.at("data/env"), "A=1").unwrap();
    // The library is beside its YAML file.
    place.make("src/data");
    std::fs::write(place.at("src/data/lib.lua"), "return {}").unwrap();
    let loaded = place.load();
    assert_eq!(loaded.problems.count(Severity::Error), 0, "{:?}", loaded.problems);
    std::fs::remove_file(place.at("data/env")).unwrap();
    place.link("../../outside/secret", "data/env");
    let loaded = place.load();
    let problem = loaded.problems.iter().find(|p| p.severity == Severity::Error).unwrap();
    assert_eq!(problem.field.as_deref(), Some("file_path"));
    assert!(problem.found.contains("a link where guests can write"), "{problem}");
}

#[test]
#[cfg(unix)]
fn that_a_guest_can_write_the_project_is_said() {
    let text =
        entry("wasm", "./wasm", "") + &entry("all", ".", "") + &process("a", &[("app:all", "")]);
    let place = Place::new("own", &text);
    place.make("wasm");
    let loaded = place.load();
    let problem = loaded.problems.iter().find(|p| p.severity == Severity::Warning).unwrap();
    assert!(problem.found.contains("that a guest can write"), "{problem}");
    assert_eq!(&*problem.file, "src");
    assert!(!loaded.problems.has_errors());
    // A part of the source is worse: a guest could add entries there.
    let text = text
        .replace("directory: .,", "directory: ./src/data,")
        .replace("directory: .}", "directory: ./src/data}");
    let place = Place::new("part", &text);
    place.make("wasm");
    place.make("src/data");
    assert!(!place.load().problems.has_errors());
    let planted = "namespace: evil\nentries:\n  - {name: x, kind: fs.directory, directory: /}";
    std::fs::write(place.at("src/data/_index.yaml"), planted).unwrap();
    let loaded = place.load();
    let problem = loaded.problems.iter().find(|p| p.severity == Severity::Error).unwrap();
    assert_eq!(&*problem.file, "src/data");
    let place = Place::new("own-read", &text.replace("guest: /0", "guest: /0, read_only: true"));
    place.make("wasm");
    assert_eq!(place.load().problems.count(Severity::Warning), 0);
}

#[test]
#[cfg(unix)]
fn directories_of_one_command_are_looked_at_together() {
    let place = Place::new("together", "");
    place.make("data/sub");
    let (data, sub) = (place.at("data"), place.at("data/sub"));
    let open = |write| open_together(&[(&sub, false), (&data, write)]);
    assert!(open(true).iter().all(Result::is_ok));
    place.link("../../outside", "data/sub");
    assert!(matches!(open(true)[..], [Err(DirectoryError::Link(_)), Ok(_)]));
    assert!(open(false).iter().all(Result::is_ok));
    let nothing = open_together(&[(Path::new(""), true), (&place.at("none"), true)]);
    assert!(nothing.iter().all(Result::is_err));
}

/// A guest that swaps a directory and a link while another's is opened.
#[test]
#[cfg(unix)]
fn no_race_leads_elsewhere() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let place = Place::new("race", &entries("./data/x/sub"));
    place.make("wasm");
    place.make("data/x/sub");
    std::fs::create_dir_all(place.0.join("outside/sub")).unwrap();
    std::os::unix::fs::symlink("../../outside", place.at("data/link")).unwrap();
    let outside = Dir::open_ambient_dir(place.0.join("outside/sub"), ambient_authority()).unwrap();
    let outside = identity(&outside).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for (from, to) in [("x", "dir"), ("link", "x"), ("x", "link"), ("dir", "x")] {
                    let at = |name| place.at(&format!("data/{name}"));
                    let _ = std::fs::rename(at(from), at(to));
                }
            }
        });
        for _ in 0..300 {
            // On loading, or when it is needed.
            if let Ok(found) = get(&place.load().project, "app:sub") {
                assert_ne!(identity(&found).unwrap(), outside);
            }
        }
        stop.store(true, Ordering::Relaxed);
        swapper.join().unwrap();
    });
}
