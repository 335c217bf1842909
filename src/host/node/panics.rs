//! What becomes of a panic.
//!
//! Where a panic can unwind it is caught: it ends the process that was stepped, or
//! the load that was under way. Where it cannot, see
//! [`Guard`](crate::component::Guard), there is one moment left, the panic hook,
//! which runs before anything unwinds. There the process is given up: its host is
//! told that it has ended and gets another thread, and this thread sleeps for ever,
//! with all that the process has. Nothing unwinds and nothing is freed, so nothing
//! is left half done either, but a thread's stack and the memory of one process stay
//! taken. It takes a fault in the interpreter to get there.
//!
//! The hook calls the one that was there before for all panics that are not our own.
//! Once a thread sleeps in it, setting another hook waits for ever: the standard
//! library lets nobody change the hook while it runs.

use std::{
    cell::{Cell, RefCell},
    panic::{self, PanicHookInfo},
    ptr,
    sync::Once,
    thread,
};

use crate::component::Guard;

/// Somebody who is told of a process that is given up.
pub(in crate::host) trait Undertaker: Sync {
    /// Gives the process up. Called on the thread that panics, which is in the
    /// middle of a step, so that nothing may be done that could wait for it. Its
    /// thread is gone if this gives `true`; otherwise the panic takes its course.
    fn give_up(&self, why: &str) -> bool;
}

/// The thing that a thread does just now.
#[derive(Clone, Copy)]
enum Doing {
    /// Something that is not ours.
    Other,
    /// Something of ours that catches panics.
    Catching,
    /// It steps a process.
    Stepping(*const Step<'static>),
}

/// A step of a process.
struct Step<'a> {
    guard: &'a Guard,
    undertaker: Option<&'a dyn Undertaker>,
}

thread_local! {
    static DOING: Cell<Doing> = const { Cell::new(Doing::Other) };
    /// The words of the last panic that was caught.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Sets what the thread does, until this is dropped.
struct During(Doing);

impl During {
    fn new(doing: Doing) -> During {
        During(DOING.replace(doing))
    }
}

impl Drop for During {
    fn drop(&mut self) {
        DOING.set(self.0);
    }
}

/// Runs something whose panics are caught: nothing is printed about them.
pub(in crate::host) fn catching<R>(run: impl FnOnce() -> R) -> R {
    install();
    let _during = During::new(Doing::Catching);
    run()
}

/// Runs a step of a process, some code of which a panic may not be able to leave.
pub(in crate::host) fn stepping<R>(
    guard: Option<&Guard>,
    undertaker: Option<&dyn Undertaker>,
    run: impl FnOnce() -> R,
) -> R {
    let step = guard.map(|guard| Step { guard, undertaker });
    let _during = During::new(match &step {
        Some(step) => Doing::Stepping(ptr::from_ref(step).cast()),
        None => Doing::Catching,
    });
    run()
}

/// The words of the last panic that was caught on this thread, and its place.
pub(in crate::host) fn said() -> String {
    match SAID.take() {
        // Somebody has set another hook.
        nothing if nothing.is_empty() => "it has not said why".to_owned(),
        said => said,
    }
}

/// Puts the hook in its place, once.
pub(in crate::host) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let doing = DOING.try_with(Cell::get).unwrap_or(Doing::Other);
            if !matches!(doing, Doing::Other) && !wants_trace() {
                hear(doing, info, || previous(info));
            } else {
                previous(info);
                hear(doing, info, || {});
            }
        }));
    });
}

/// Somebody looks for a fault, and wants to read all of it.
fn wants_trace() -> bool {
    std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0")
}

/// Deals with a panic of ours; with one that ends the whole program after `last_words`.
#[expect(unsafe_code, reason = "the hook is given no reference to what is stepped")]
fn hear(doing: Doing, info: &PanicHookInfo<'_>, last_words: impl FnOnce()) {
    let text = text(info);
    let step = match doing {
        Doing::Other => return,
        Doing::Catching => None,
        // SAFETY: `stepping` is below this on the stack of this very thread, and takes
        // the pointer away before what it points to goes.
        Doing::Stepping(step) => Some(unsafe { &*step }).filter(|s| s.guard.cannot_unwind()),
    };
    let Some(Step { guard, undertaker }) = step else {
        let _ = SAID.try_with(|said| said.replace(text));
        return;
    };
    if info.location().is_none_or(|place| translates(place.file())) {
        guard.condemn_program();
    }
    // A panic from here on is nobody's.
    DOING.set(Doing::Other);
    if undertaker.is_some_and(|undertaker| undertaker.give_up(&text)) {
        loop {
            thread::park();
        }
    }
    last_words();
}

/// A source file of what translates functions, rather than of what runs them.
fn translates(file: &str) -> bool {
    let file = file.replace('\\', "/");
    ["/engine/translator/", "/code_map/", "/module/", "wasmi_ir", "wasmparser"]
        .iter()
        .any(|part| file.contains(part))
}

/// A panic in one line, without the paths of the machine that built this.
fn text(info: &PanicHookInfo<'_>) -> String {
    let what = info.payload_as_str().unwrap_or("a panic without a text");
    let what = what.lines().next().unwrap_or_default();
    match info.location() {
        Some(place) => format!("{what} ({}:{})", short(place.file()), place.line()),
        None => what.to_owned(),
    }
}

/// The end of a path: from the folder of the package, or the file alone.
fn short(path: &str) -> String {
    let path = path.replace('\\', "/");
    let Some((before, after)) = path.rsplit_once("/src/") else {
        return path.rsplit('/').next().unwrap_or_default().to_owned();
    };
    let package = before.rsplit('/').next().unwrap_or_default();
    format!("{package}/{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cut_to_what_is_the_same_on_all_machines() {
        let path = "/home/me/.cargo/registry/src/index-1949/wasmi-2.0.0/src/engine/code_map/mod.rs";
        assert_eq!(short(path), "wasmi-2.0.0/engine/code_map/mod.rs");
        assert!(translates(path) && !translates("wasmi-2.0.0/src/engine/executor/mod.rs"));
        assert_eq!(short("src/lib.rs"), "lib.rs");
    }

    #[test]
    fn a_panic_that_is_caught_is_remembered_and_not_printed() {
        let caught = catching(|| panic::catch_unwind(|| panic!("on purpose\nand more")));
        assert!(caught.is_err());
        let said = said();
        assert!(said.starts_with("on purpose (") && said.contains("panics.rs:"), "{said}");
    }
}
