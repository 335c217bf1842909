//! From events to nodes.
//!
//! An alias is read as its anchor's events once more, and counted like them. One
//! that stands inside its own anchor never ends, which the depth ends.

use std::collections::{HashMap, HashSet};

use super::{
    Data, Map, Node, Pair, YamlError,
    bounds::{Budget, Limit, MAX_DEPTH},
    events::{Event, What},
    over, scalar,
};

/// Bytes of the keys from the root to a node.
const MAX_PATH: usize = 4096;

/// The tree of a document's events, of which there is at least one.
pub(super) fn build(events: &[Event<'_>]) -> Result<Node, YamlError> {
    let named = events.iter().enumerate().filter(|(_, event)| event.anchor != 0);
    let anchors = named.map(|(at, event)| (event.anchor, at)).collect();
    let aliases = events.iter().filter_map(|event| match event.what {
        What::Alias(anchor) => Some(anchor),
        What::Scalar { .. } | What::List | What::Map | What::End => None,
    });
    let used = aliases.collect();
    let mut builder = Builder { events, anchors, used, budget: Budget::default() };
    let mut at = 0;
    let mut root = builder.value(&mut at, Place::default())?;
    root.line = root.line.or(Some(1));
    Ok(root)
}

struct Builder<'e, 't> {
    events: &'e [Event<'t>],
    /// Where the value of an anchor begins.
    anchors: HashMap<usize, usize>,
    /// Those that an alias calls.
    used: HashSet<usize>,
    budget: Budget,
}

/// Where in the tree a value is read.
#[derive(Clone, Copy, Default)]
struct Place {
    depth: usize,
    /// Bytes of the keys above.
    path: usize,
}

impl Builder<'_, '_> {
    /// The value that begins at an event; the next one begins where it ends.
    fn value(&mut self, at: &mut usize, place: Place) -> Result<Node, YamlError> {
        let events = self.events;
        let Some(event) = events.get(*at) else { return Err(over(Limit::Nodes, None)) };
        *at = at.saturating_add(1);
        let line = event.line;
        let fail = |limit| over(limit, line);
        match &event.what {
            What::Scalar { text, plain, tag } => {
                self.budget.node().map_err(fail)?;
                self.budget.text(text.len()).map_err(fail)?;
                let data = scalar::value(text, *plain, *tag).ok_or_else(|| fail(Limit::Tag))?;
                Ok(Node { line, data })
            }
            What::Alias(anchor) => match self.anchors.get(anchor) {
                Some(target) => self.value(&mut target.clone(), place),
                None => Err(fail(Limit::Tag)),
            },
            What::List | What::Map => {
                self.budget.node().map_err(fail)?;
                if place.depth >= MAX_DEPTH {
                    return Err(fail(Limit::Depth));
                }
                let inner = Place { depth: place.depth.saturating_add(1), ..place };
                match event.what {
                    What::List => self.list(at, inner, line),
                    What::Scalar { .. } | What::Alias(_) | What::Map | What::End => {
                        self.map(at, inner, line)
                    }
                }
            }
            // Only after a value that is missing, which the parser fills in.
            What::End => Ok(Node { line, data: Data::Null }),
        }
    }

    /// True if an alias calls something between two events.
    fn is_used(&self, start: usize, end: usize) -> bool {
        let mut within = self.events.get(start..end).unwrap_or_default().iter();
        !self.used.is_empty() && within.any(|event| self.used.contains(&event.anchor))
    }

    /// True if the list or mapping ends here; then the end is taken.
    fn ends(&self, at: &mut usize) -> bool {
        let ends = self.events.get(*at).is_none_or(|event| matches!(event.what, What::End));
        if ends {
            *at = at.saturating_add(1);
        }
        ends
    }

    fn below(place: Place, key: usize, line: Option<u32>) -> Result<Place, YamlError> {
        let path = place.path.saturating_add(key);
        if path > MAX_PATH { Err(over(Limit::Path, line)) } else { Ok(Place { path, ..place }) }
    }

    fn list(&mut self, at: &mut usize, place: Place, line: Option<u32>) -> Result<Node, YamlError> {
        // `[12]` in the path of an error is at most this long.
        let inner = Self::below(place, 10, line)?;
        let mut items = Vec::new();
        while !self.ends(at) {
            items.push(self.value(at, inner)?);
        }
        let first = items.first().and_then(|item: &Node| item.line);
        Ok(Node { line: first.or(line), data: Data::List(items) })
    }

    fn map(&mut self, at: &mut usize, place: Place, line: Option<u32>) -> Result<Node, YamlError> {
        let mut map = Map::default();
        let mut seen: HashMap<String, Option<u32>> = HashMap::new();
        while !self.ends(at) {
            let key = self.value(at, place)?;
            let line = key.line;
            let key = match key.data {
                Data::Text(text) => text.value,
                Data::List(_) | Data::Map(_) => return Err(over(Limit::Key, line)),
                Data::Null => odd(&mut map, "null".into(), line),
                Data::Bool(b) => odd(&mut map, b.to_string(), line),
                Data::Int(n) => odd(&mut map, n.to_string(), line),
                Data::Float(n) => odd(&mut map, n.to_string(), line),
            };
            let below = Self::below(place, key.len().saturating_add(1), line)?;
            let start = *at;
            let mut value = self.value(at, below)?;
            let used = self.is_used(start, *at);
            if value.line.is_none() || value.data == Data::Null {
                value.line = line;
            }
            if let Some(first) = seen.get(&key) {
                map.repeated.push((key, line, *first));
            } else {
                seen.insert(key.clone(), line);
                map.pairs.push(Pair { key, line, value, used });
            }
        }
        let first = map.pairs.first().and_then(|pair| pair.line);
        merge(&mut map, seen);
        Ok(Node { line: first.or(line), data: Data::Map(map) })
    }
}

fn odd(map: &mut Map, key: String, line: Option<u32>) -> String {
    map.odd_keys.push((key.clone(), line));
    key
}

/// Applies a merge key, `<<: *defaults`: what the mapping lacks is taken over.
fn merge(map: &mut Map, mut seen: HashMap<String, Option<u32>>) {
    let Some(at) = map.pairs.iter().position(|pair| pair.key == "<<") else { return };
    let mergeable = match map.pairs.get(at).map(|pair| &pair.value.data) {
        Some(Data::Map(_)) => true,
        Some(Data::List(items)) => items.iter().all(|item| matches!(item.data, Data::Map(_))),
        _ => false,
    };
    if !mergeable {
        return;
    }
    let sources = match map.pairs.remove(at).value.data {
        Data::List(items) => items,
        data @ (Data::Null
        | Data::Bool(_)
        | Data::Int(_)
        | Data::Float(_)
        | Data::Text(_)
        | Data::Map(_)) => vec![Node { line: None, data }],
    };
    for source in sources {
        let Data::Map(source) = source.data else { continue };
        for pair in source.pairs {
            if !seen.contains_key(&pair.key) {
                seen.insert(pair.key.clone(), pair.line);
                map.pairs.push(pair);
            }
        }
    }
}
