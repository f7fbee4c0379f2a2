//! A Service, and which pods it sends traffic to.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// A Service with the ready endpoints of all its endpoint slices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// Empty: somebody else writes its endpoints.
    pub(crate) selector: BTreeMap<String, String>,
    /// Names of the pods that get its traffic.
    pub(crate) ready: BTreeSet<String>,
}

impl Service {
    /// Whether it selects pods with these labels.
    pub(crate) fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.selector.is_empty() && self.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}
