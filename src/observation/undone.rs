//! What became of the way back after a failed rollout.

use serde::{Deserialize, Serialize};

use super::Stream;

/// The way back of one target, at its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Undone {
    pub(crate) target: Stream,
    pub(crate) outcome: UndoOutcome,
    /// The revision that was, or would be, gone back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<i64>,
    /// The outcome in one sentence, without final period.
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// How long it took, in milliseconds.
    pub(crate) millis: u64,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UndoOutcome {
    /// Only told: nothing was changed.
    DryRun,
    /// There is no way back, or it is not ours to take.
    Refused,
    /// The earlier revision is rolled out and has settled.
    Complete,
    /// The earlier revision fails as well.
    Failed,
    TimedOut,
    /// It was begun, and its end was not seen.
    Unknown,
}

impl UndoOutcome {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::DryRun => "dry-run",
            Self::Refused => "refused",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Unknown => "unknown",
        }
    }
}
