//! Where the reference engine differs, and why it may, or what is wrong there.

use crate::fuzz::echo::{Class, Echo, End, Post, Seen};

/// Its 48 lifts and lowers at 64-bit memories as if they had 32 bits: a panic, or code that
/// its compiler refuses.
pub const WIDE: &str = "64-bit memories, whose values it cannot lift and lower yet";

/// The reason for which it differs, if it is known.
pub fn reason(echo: &Echo, ours: &Seen, theirs: &Seen) -> Option<&'static str> {
    let (first, last) = echo.members.split_at(echo.members.len() - 1);
    let _ = last;
    let End::Trap(class, words) = &ours.end else { return None };
    if first.iter().any(|member| member.post == Post::CallsOut)
        && words.contains("cannot leave component instance")
        && theirs.heard.len() > ours.heard.len()
    {
        return Some("between components, its post-return functions may call imports");
    }
    let End::Trap(Class::Core(other), _) = &theirs.end else { return None };
    if *class == Class::Canonical
        && words.contains("out-of-bounds") | words.contains("beyond end of memory")
        && other == "out of bounds memory access"
        && !first.is_empty()
        && ours.heard == theirs.heard
    {
        return Some("between components, it finds a pointer wrong when it reads there");
    }
    // The specification lifts all arguments before it lowers the first.
    if *class == Class::Canonical && !first.is_empty() && ours.heard == theirs.heard {
        return Some("between components, it calls `realloc` before it has lifted everything");
    }
    None
}

/// The reason for which it refuses what we take.
pub fn refused(why: &str) -> Option<&'static str> {
    why.contains("gc types are disallowed")
        .then_some("`externref`, which it has only with garbage collection")
}

/// Both have seen the same: but for the place, which ours tells where data do not fit.
pub fn same(ours: &[String], theirs: &[String]) -> bool {
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(one, other)| alike(one, other))
}

fn alike(ours: &str, theirs: &str) -> bool {
    let table = "out of bounds table access: an element segment does not fit";
    let ours = ours.replace(": a data segment does not fit", "");
    ours.replace(table, "undefined element: out of bounds table access") == theirs
}

/// The reason for which functions of a module differ.
pub fn of_modules(ours: &[String], theirs: &[String]) -> Option<&'static str> {
    let first = ours.iter().zip(theirs).find(|(one, other)| !alike(one, other))?;
    first.0.contains("Trap(Limit)").then_some("a limit of ours, of the stack or of memory")
}
