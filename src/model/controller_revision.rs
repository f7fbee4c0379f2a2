//! A ControllerRevision, for what a DaemonSet does not say of itself.

use serde::Deserialize;

use super::meta::ObjectMeta;

/// A template that the controller of a DaemonSet has seen. The template itself is not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ControllerRevision {
    pub(crate) metadata: ObjectMeta,
    /// The newest has the highest: a rollback gives an old object a new number (pkg/controller/daemon/update.go,
    /// `constructHistory`), so age says nothing.
    pub(crate) revision: i64,
}

impl ControllerRevision {
    /// What its pods have in the label [`super::label::CONTROLLER_REVISION_HASH`].
    pub(crate) fn hash(&self) -> Option<&str> {
        self.metadata.labels.get(super::label::CONTROLLER_REVISION_HASH).map(String::as_str)
    }
}
