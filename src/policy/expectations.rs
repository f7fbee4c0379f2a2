//! What the user says the rollout is: images, digests, a generation, a revision.

use serde::{Deserialize, Serialize};

/// What must hold before a rollout counts as the one that was meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Expectations {
    /// Image references that the template must have.
    pub(crate) images: Vec<Expected>,
    /// `sha256:…` digests that the pods must run.
    pub(crate) digests: Vec<Expected>,
    /// `metadata.generation` of the spec that was applied.
    pub(crate) generation: Option<i64>,
    /// The revision that the controller gave to its template.
    pub(crate) revision: Option<i64>,
}

/// An image or digest, of one container or of any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Expected {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) container: Option<String>,
    pub(crate) value: String,
}

impl Expectations {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
