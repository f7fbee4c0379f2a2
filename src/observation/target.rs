//! What to judge, and what is known of it before the first look.

use serde::{Deserialize, Serialize};

use super::Stream;

/// A workload to judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    /// The stream of the object.
    #[serde(flatten)]
    pub(crate) stream: Stream,
    /// The object that was applied has this uid: another one of its name is not the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) uid: Option<String>,
    /// The `metadata.generation` that was applied: an older one is not what was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) generation: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Origin>,
}

/// Where a target is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The path as the user gave it.
    pub(crate) file: String,
    /// The line in which the object begins, from 1.
    pub(crate) line: u64,
}

impl From<Stream> for Target {
    fn from(stream: Stream) -> Self {
        Self { stream, uid: None, generation: None, origin: None }
    }
}
