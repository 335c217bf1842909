//! Servers: requests from outside, each of them a process.
//!
//! ```text
//! connection ─► head ─► route ─┬─ file ───────────────────────► response
//!  (limits,     (cors,         └─ process on a host, with its
//!   timeouts)    access log)       entry's limits ────────────► response
//! ```
//!
//! A [`Server`] listens as soon as its service starts. Each connection is a task on the
//! threads of the host that the processes live on; the HTTP library reads heads and
//! bodies, and everything that a client may do without end has a bound: see
//! `connection` for time, and the table of limits for the rest. A client that goes away
//! takes the process with it that answers it.
//!
//! | file | what |
//! | --- | --- |
//! | `listen` | the address, connections, the end |
//! | `connection` | one connection, and how long it may take for what |
//! | `site` | which entry answers what |
//! | `answer` | from a request to a response |
//! | `call` | from a request to a process and back |
//! | `cors` | what pages of other origins may do |
//! | `files` | files of a directory |
//! | `body` | bodies of responses |
//! | `tls` | certificates |

mod answer;
mod body;
mod call;
mod connection;
mod cors;
mod described;
mod files;
mod listen;
mod site;
mod tls;

pub(super) use self::{call::parts_of, described::text, site::Found};
pub use self::{
    listen::{Listening, Server},
    site::Site,
};
use crate::registry::{Entry, HttpService, HttpStatic, Problem, Project};

/// All that is wrong with the files of a server's entry.
pub(super) fn check_service(entry: &Entry, service: &HttpService) -> Vec<Problem> {
    service.tls.as_ref().map_or_else(Vec::new, |tls| tls::check(entry, tls))
}

/// The fault of an entry's directory, if it has one.
pub(super) fn check_static(project: &Project, entry: &Entry, own: &HttpStatic) -> Option<Problem> {
    files::Files::of_project(project, own).problem(entry)
}
