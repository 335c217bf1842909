//! The order of services: what an entry with a `lifecycle` depends on.
//!
//! Such an entry, a service or a host, depends on what its `requires` names and
//! on what its other fields refer to. Dependencies start first and stop last.
//! Only entries that have a life cycle are looked at: the others neither start
//! nor stop.

use super::{Entry, EntryKind, HttpService, Id, Lifecycle, Problems, ProcessService, Project};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

impl Entry {
    /// When it starts and stops, if it is something that does.
    pub fn lifecycle(&self) -> Option<&Lifecycle> {
        match &self.kind {
            EntryKind::ProcessService(service) => Some(&service.lifecycle),
            EntryKind::HttpService(service) => Some(&service.lifecycle),
            EntryKind::ProcessHost(host) => Some(&host.lifecycle),
            EntryKind::TerminalHost(host) => Some(&host.lifecycle),
            EntryKind::FsDirectory(_)
            | EntryKind::EnvStorage
            | EntryKind::EnvVariable(_)
            | EntryKind::ProcessWasm(_)
            | EntryKind::ProcessLua(_)
            | EntryKind::LibraryLua(_)
            | EntryKind::FunctionLua(_)
            | EntryKind::FunctionWasm(_)
            | EntryKind::HttpRouter(_)
            | EntryKind::HttpEndpoint(_)
            | EntryKind::HttpStatic(_)
            | EntryKind::Other => None,
        }
    }

    /// The entries that its life cycle depends on.
    fn depends_on(&self) -> impl Iterator<Item = &Id> {
        let host = if let EntryKind::ProcessService(service) = &self.kind {
            Some(&service.host)
        } else if let EntryKind::HttpService(service) = &self.kind {
            service.process_host.as_ref()
        } else {
            None
        };
        self.lifecycle().into_iter().flat_map(|cycle| &cycle.requires).chain(host)
    }
}

/// A service, and what has to run before it.
#[derive(Clone, Debug)]
pub struct Service<'p> {
    /// The id of its entry.
    pub id: &'p Id,
    /// The entry.
    pub service: ServiceKind<'p>,
    /// The other services that it depends on, directly or by way of a host.
    pub needs: BTreeSet<&'p Id>,
}

/// What a service keeps alive.
#[derive(Clone, Copy, Debug)]
pub enum ServiceKind<'p> {
    /// A process.
    Process(&'p ProcessService),
    /// A server.
    Http(&'p HttpService),
}

impl<'p> ServiceKind<'p> {
    fn of(entry: &'p Entry) -> Option<ServiceKind<'p>> {
        if let EntryKind::ProcessService(service) = &entry.kind {
            Some(ServiceKind::Process(service))
        } else if let EntryKind::HttpService(service) = &entry.kind {
            Some(ServiceKind::Http(service))
        } else {
            None
        }
    }

    /// When it starts and stops.
    pub fn lifecycle(self) -> &'p Lifecycle {
        match self {
            ServiceKind::Process(service) => &service.lifecycle,
            ServiceKind::Http(service) => &service.lifecycle,
        }
    }
}

impl Project {
    /// All services, each after those that it depends on.
    pub fn services(&self) -> Vec<Service<'_>> {
        let mut services: Vec<Service<'_>> = Vec::new();
        // Hosts hand on what they need to those that need them.
        let mut hosts: BTreeMap<&Id, BTreeSet<&Id>> = BTreeMap::new();
        for entry in order(&self.entries).ended {
            let mut needs = BTreeSet::new();
            for id in entry.depends_on().filter_map(|id| self.entries.get(id)) {
                match (&id.kind, hosts.get(&id.id)) {
                    (EntryKind::ProcessService(_) | EntryKind::HttpService(_), _) => {
                        needs.insert(&id.id);
                    }
                    (_, Some(more)) => needs.extend(more),
                    _ => {}
                }
            }
            if let Some(service) = ServiceKind::of(entry) {
                services.push(Service { id: &entry.id, service, needs });
            } else {
                hosts.insert(&entry.id, needs);
            }
        }
        services
    }
}

struct Order<'e> {
    /// Each after those that it depends on, as far as possible by id.
    ended: Vec<&'e Entry>,
    /// Those that depend on themselves, or on some that do.
    open: BTreeSet<&'e Id>,
}

/// Entries whose dependencies are all done are done, until nothing changes.
fn order(entries: &BTreeMap<Id, Entry>) -> Order<'_> {
    let mut open: BTreeMap<&Id, usize> = BTreeMap::new();
    let mut users: BTreeMap<&Id, Vec<&Entry>> = BTreeMap::new();
    let mut next: BTreeMap<&Id, &Entry> = BTreeMap::new();
    for entry in entries.values().filter(|entry| entry.lifecycle().is_some()) {
        let needs: BTreeSet<&Id> = needs(entries, entry).collect();
        if needs.is_empty() {
            next.insert(&entry.id, entry);
            continue;
        }
        open.insert(&entry.id, needs.len());
        for need in needs {
            users.entry(need).or_default().push(entry);
        }
    }
    let mut ended = Vec::new();
    while let Some((_, entry)) = next.pop_first() {
        ended.push(entry);
        for user in users.remove(&entry.id).unwrap_or_default() {
            let Some(left) = open.get_mut(&user.id) else { continue };
            *left = left.saturating_sub(1);
            if *left == 0 {
                open.remove(&user.id);
                next.insert(&user.id, user);
            }
        }
    }
    Order { ended, open: open.into_keys().collect() }
}

/// The entries that an entry depends on, as far as it has a life cycle itself.
fn needs<'e>(entries: &'e BTreeMap<Id, Entry>, entry: &'e Entry) -> impl Iterator<Item = &'e Id> {
    let needs = entry.depends_on().filter_map(|id| entries.get(id));
    needs.filter(|entry| entry.lifecycle().is_some()).map(|entry| &entry.id)
}

/// Reports entries that depend on each other in a circle.
///
/// An entry that is left by [`order`] depends on something else that is left. So whoever
/// goes from one to the next comes to a circle.
pub(super) fn check_circles(entries: &BTreeMap<Id, Entry>, problems: &RefCell<Problems>) {
    let open = order(entries).open;
    let mut seen: BTreeSet<&Id> = BTreeSet::new();
    for start in &open {
        let mut path: Vec<&Id> = Vec::new();
        let mut at: Option<&Id> = Some(start);
        while let Some(id) = at.filter(|id| seen.insert(id)) {
            path.push(id);
            let entry = entries.get(id);
            at = entry.and_then(|entry| needs(entries, entry).find(|need| open.contains(need)));
        }
        // An older walk has been there, and has found the circle.
        let Some(from) = path.iter().position(|id| Some(*id) == at) else { continue };
        let circle: Vec<&Id> = path.into_iter().skip(from).collect();
        let Some(first) = circle.first().and_then(|id| entries.get(id)) else { continue };
        let names: Vec<String> =
            circle.iter().chain(circle.first()).take(20).map(|id| id.to_string()).collect();
        problems.borrow_mut().push(first.problem(
            "lifecycle.requires",
            format!("a circle: {}", names.join(" needs ")),
            "entries that can start one after the other",
            "take one of them out of the other's `requires`",
        ));
    }
}
