//! What a server has: which entry answers which path.

use std::collections::BTreeSet;

use super::files::Files;
use crate::registry::{Cors, EntryKind, Id, Pattern, Project};

/// What a server has.
#[derive(Debug, Default)]
pub struct Site {
    /// The first that matches answers.
    endpoints: Vec<Endpoint>,
    /// The longest path first.
    pub(super) files: Vec<Files>,
}

/// An entry that answers a method and a path.
#[derive(Debug)]
pub(in crate::host) struct Endpoint {
    pub method: String,
    pub path: Pattern,
    /// The id of the entry.
    pub func: String,
    pub cors: Option<Cors>,
}

/// What stands for a path.
pub(in crate::host) enum Found<'s> {
    /// This answers.
    Endpoint(&'s Endpoint),
    /// There are endpoints for it, but of other methods.
    Others {
        /// Their methods.
        allowed: BTreeSet<&'s str>,
        cors: Option<&'s Cors>,
    },
    Nothing,
}

impl Site {
    /// What the entries of a project say of this server.
    pub fn of_project(project: &Project, server: &Id) -> Site {
        let (mut endpoints, mut files) = (Vec::new(), Vec::new());
        for entry in project.entries() {
            if let EntryKind::HttpEndpoint(endpoint) = &entry.kind {
                let router = project.entry(&endpoint.router).map(|entry| &entry.kind);
                let Some(EntryKind::HttpRouter(router)) = router else { continue };
                if router.server == *server {
                    endpoints.push(Endpoint {
                        method: endpoint.method.clone(),
                        path: endpoint.path.below(&router.prefix),
                        func: endpoint.func.to_string(),
                        cors: router.cors.clone(),
                    });
                }
            } else if let EntryKind::HttpStatic(own) = &entry.kind
                && own.server == *server
            {
                files.push(Files::of_project(project, own));
            }
        }
        Site::new(endpoints, files)
    }

    /// One entry answers everything.
    pub fn of_one(func: &str) -> Site {
        let everything = Pattern::everything();
        let (method, func) = ("*".to_owned(), func.to_owned());
        Site::new(vec![Endpoint { method, path: everything, func, cors: None }], Vec::new())
    }

    fn new(mut endpoints: Vec<Endpoint>, mut files: Vec<Files>) -> Site {
        endpoints.sort_by_key(|endpoint| endpoint.path.rank());
        files.sort_by_key(|files| std::cmp::Reverse(files.path.len()));
        Site { endpoints, files }
    }

    /// What stands for a path, which is not decoded. `HEAD` is answered like `GET` unless
    /// it has an endpoint of its own.
    pub(in crate::host) fn find(&self, method: &str, path: &str) -> Found<'_> {
        let fitting = || self.endpoints.iter().filter(|endpoint| endpoint.path.matches(path));
        let of = |method: &str| {
            fitting().find(|endpoint| endpoint.method == method || endpoint.method == "*")
        };
        let found = of(method).or_else(|| if method == "HEAD" { of("GET") } else { None });
        if let Some(endpoint) = found {
            return Found::Endpoint(endpoint);
        }
        let mut allowed: BTreeSet<&str> = fitting().map(|endpoint| &*endpoint.method).collect();
        if allowed.is_empty() {
            return Found::Nothing;
        }
        if allowed.contains("GET") {
            allowed.insert("HEAD");
        }
        Found::Others { allowed, cors: fitting().find_map(|endpoint| endpoint.cors.as_ref()) }
    }
}
