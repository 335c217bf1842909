//! Where a core module is in the file of its component.

use std::{ops::Range, sync::Arc};

/// A module's bytes inside the component's.
#[derive(Clone)]
pub(crate) struct Source {
    pub bytes: Arc<[u8]>,
    pub range: Range<usize>,
}

impl Source {
    pub fn get(&self) -> &[u8] {
        self.bytes.get(self.range.clone()).unwrap_or_default()
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.range.fmt(f)
    }
}
