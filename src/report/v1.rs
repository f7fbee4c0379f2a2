//! Report version 1. Field names and meanings are public; fields are added, never renamed.
//!
//! All texts from the cluster are raw here: JSON escapes them, every other sink encodes them.

use serde::{Deserialize, Serialize};

/// Version of this schema.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The final word on a target or on the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum VerdictName {
    Complete,
    Failed,
    TimedOut,
    Indeterminate,
    Superseded,
    Interrupted,
}

impl VerdictName {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Indeterminate => "indeterminate",
            Self::Superseded => "superseded",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A finished report, or the state of a wait that goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) schema_version: u32,
    pub(crate) tool: Tool,
    /// `interrupted` while the wait goes on.
    pub(crate) verdict: VerdictName,
    /// `None` while the wait goes on.
    pub(crate) exit_code: Option<u8>,
    /// RFC 3339, UTC, the wall clock of the machine that ran the gate.
    pub(crate) started_at: String,
    pub(crate) duration_seconds: f64,
    pub(crate) cluster: ClusterInfo,
    /// What could not be read, and what that means.
    pub(crate) not_seen: Vec<NotSeen>,
    pub(crate) targets: Vec<Target>,
}

/// The report that stands on disk until a verdict exists, and that stays where there was nothing to judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaceholderReport {
    pub(crate) schema_version: u32,
    pub(crate) tool: Tool,
    /// `interrupted`, until an error says otherwise.
    pub(crate) verdict: VerdictName,
    /// Null while the run goes on, or if it was killed.
    pub(crate) exit_code: Option<u8>,
    /// `not-finished`, or why nothing was judged.
    pub(crate) reason: String,
    /// The error that ended the run, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) help: Vec<String>,
    pub(crate) started_at: String,
    /// The targets as the user named them, `Kind`, namespace and name where known.
    pub(crate) targets: Vec<PlaceholderTarget>,
}

/// A target not yet judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaceholderTarget {
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// Who wrote the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// Which cluster was asked. Empty strings where unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClusterInfo {
    pub(crate) context: String,
    pub(crate) server: String,
    pub(crate) version: String,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct NotSeen {
    /// `list events`, `get pods/log`, …
    pub(crate) what: String,
    /// Why, in the server's words.
    pub(crate) message: String,
    /// What is missing from this report because of it.
    pub(crate) consequence: String,
}

/// One gated workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) generation: i64,
    /// The revision that `kubectl rollout history` shows, where there is one and it is known: of a Deployment and a
    /// DaemonSet always, of a StatefulSet where its ControllerRevisions were read (in trouble, or with `--revision`).
    pub(crate) revision: Option<String>,
    pub(crate) verdict: VerdictName,
    /// Why that verdict: a cause code, or `complete`, `settling`, `progressing`, `unreachable`, `not-finished`, …
    pub(crate) reason: String,
    /// The verdict in one sentence, without final period.
    pub(crate) summary: String,
    pub(crate) duration_seconds: f64,
    /// Judged as it was at one moment, without waiting: `timed-out` then means that it was not complete yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) single_look: bool,
    pub(crate) replicas: Replicas,
    pub(crate) images: Vec<TargetImage>,
    pub(crate) impact: Impact,
    /// What this rollout changed against the previous revision.
    pub(crate) changes: Vec<String>,
    /// The root cause first.
    pub(crate) causes: Vec<Cause>,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) timeline: Vec<TimelineEntry>,
    /// At most 200.
    pub(crate) pods: Vec<PodLine>,
    /// How many pods were left out of `pods`.
    pub(crate) pods_omitted: u64,
    /// Where the manifest of `-f` declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Origin>,
    /// What of the policy is not the default.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) policy: Vec<PolicySetting>,
    /// What became of the way back, with `--undo-on-failure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) undo: Option<Undo>,
}

/// The way back to an earlier revision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Undo {
    /// `complete`, `failed`, `timed-out`, `unknown`, `refused` or `dry-run`.
    pub(crate) outcome: String,
    /// The revision that was, or would be, gone back to.
    pub(crate) revision: Option<i64>,
    /// The outcome in one sentence, without final period.
    pub(crate) message: String,
    /// What whoever goes back should know besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    pub(crate) duration_seconds: f64,
}

/// A place in a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The path as it was given.
    pub(crate) file: String,
    /// The line in which the object begins, from 1.
    pub(crate) line: u64,
}

/// A part of the policy that was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PolicySetting {
    /// `timeout`, `min-available`, …
    pub(crate) name: String,
    pub(crate) value: String,
    /// `flag`, or `annotation` of the workload.
    pub(crate) from: String,
}

/// Counters of the workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replicas {
    pub(crate) desired: i64,
    pub(crate) updated: i64,
    pub(crate) ready: i64,
    pub(crate) available: i64,
    /// Pods of older revisions that still exist.
    pub(crate) old: i64,
}

/// An image of the current template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TargetImage {
    pub(crate) container: String,
    pub(crate) image: String,
    /// The digests that pods of this rollout run.
    pub(crate) digests: Vec<String>,
}

/// Who is affected meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Impact {
    /// One sentence: `3 old pods still serve`, `nothing serves`. Empty where the pods could not be seen.
    pub(crate) summary: String,
    pub(crate) old_pods_ready: i64,
    pub(crate) new_pods_ready: i64,
}

/// A named cause with what shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cause {
    pub(crate) code: String,
    pub(crate) family: String,
    pub(crate) prognosis: String,
    pub(crate) confidence: String,
    /// One sentence, without final period.
    pub(crate) headline: String,
    /// `Pod shop/web-7c9d-x2x4z`.
    pub(crate) subject: String,
    /// Seconds after the start of the run at which it was first seen.
    pub(crate) since: f64,
    pub(crate) affected: Affected,
    pub(crate) evidence: Vec<Evidence>,
    /// Those of the target's changes that may explain it, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) changes: Vec<String>,
    pub(crate) help: Vec<String>,
    pub(crate) commands: Vec<String>,
}

/// How many pods of the rollout show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Affected {
    pub(crate) pods: u64,
    pub(crate) of: u64,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Evidence {
    Field {
        object: String,
        path: String,
        value: String,
    },
    Event {
        object: String,
        reason: String,
        message: String,
        count: i64,
    },
    Log {
        object: String,
        container: String,
        previous: bool,
        lines: Vec<String>,
    },
    Absence {
        what: String,
    },
    Registry {
        registry: String,
        account: String,
        said: String,
    },
    #[serde(rename = "dry-run")]
    DryRun {
        object: String,
        corrected: String,
        said: String,
    },
}

/// Something that makes a pass prove less than it seems, or that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Warning {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Something that happened, for the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TimelineEntry {
    /// Seconds after the start of the run.
    pub(crate) at: f64,
    /// `replicas`, `pod`, `cause`, `event`, `verdict`.
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replicas: Option<Replicas>,
}

/// A pod of the rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PodLine {
    pub(crate) name: String,
    pub(crate) node: Option<String>,
    /// `current` or `old`.
    pub(crate) revision: String,
    pub(crate) states: Vec<PodState>,
    pub(crate) restarts: i64,
}

/// A state a pod was in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PodState {
    /// Seconds after the start of the run.
    pub(crate) at: f64,
    pub(crate) state: String,
}
