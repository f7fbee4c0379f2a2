//! The lines of a recording: serialisable mirrors of the observations.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::redact::{redact_answer, redact_health, redact_undone};
use crate::model::{Goal, decode_value};
use crate::observation::{
    Answer, CommandEnd, Observation, Observed, Server, Signal, Stream, StreamHealth, Target, Undone, Want,
};
use crate::policy::{Asks, Expectations, Knob, MinAvailable, Policy, StableFor};
use crate::untrusted::Redactor;

/// Version of the format written by this program.
pub(super) const FORMAT: Format = Format { major: 1, minor: 4 };

/// A version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Format {
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    pub(crate) format: Format,
    /// The program that wrote it.
    pub(crate) tool: String,
    /// Wall clock at the start of the run, RFC 3339.
    pub(crate) started: jiff::Timestamp,
    pub(crate) targets: Vec<Target>,
    pub(crate) policy: RecordedPolicy,
    /// What was removed from the objects.
    pub(crate) removed: Vec<String>,
}

/// The policy of the run, so that a replay judges by the same one. Durations in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct RecordedPolicy {
    timeout: u64,
    /// Absent means `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stable_for: Option<u64>,
    patience: f64,
    tolerated_restarts: i64,
    follow: bool,
    fail_fast: bool,
    logs: bool,
    instant: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    allow_on_delete: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    wait_for_create: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    old_pods_gone: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    strict_nodes: bool,
    /// `--for`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    goal: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    require_endpoints: bool,
    /// `95%` or `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_available: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    ignored_containers: BTreeSet<String>,
    /// Flags that outrank annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    given: Vec<String>,
    #[serde(default, skip_serializing_if = "Expectations::is_empty")]
    expect: Expectations,
    #[serde(default, skip_serializing_if = "Asks::is_none")]
    asks: Asks,
    /// Proofs before a failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    proofs: bool,
    /// See [`Policy::waits_longer`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    waits_longer: bool,
    /// See [`Policy::rereads`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rereads: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl From<Policy> for RecordedPolicy {
    fn from(policy: Policy) -> Self {
        Self {
            timeout: millis(policy.timeout),
            stable_for: match policy.stable_for {
                StableFor::Auto => None,
                StableFor::For(duration) => Some(millis(duration)),
            },
            patience: policy.patience,
            tolerated_restarts: policy.tolerated_restarts,
            follow: policy.follow,
            fail_fast: policy.fail_fast,
            logs: policy.logs,
            instant: policy.instant,
            allow_on_delete: policy.allow_on_delete,
            wait_for_create: millis(policy.wait_for_create),
            old_pods_gone: policy.old_pods_gone,
            strict_nodes: policy.strict_nodes,
            goal: policy.goal.as_ref().map(|goal| goal.written.clone()),
            require_endpoints: policy.require_endpoints,
            min_available: policy.min_available.map(|min| min.to_string()),
            ignored_containers: policy.ignored_containers,
            given: policy.given.iter().map(|knob| knob.annotation().to_owned()).collect(),
            expect: policy.expect,
            asks: policy.asks,
            proofs: policy.proofs,
            waits_longer: policy.waits_longer,
            rereads: policy.rereads,
        }
    }
}

impl RecordedPolicy {
    pub(crate) fn to_policy(&self) -> Policy {
        Policy {
            timeout: Duration::from_millis(self.timeout),
            stable_for: self
                .stable_for
                .map_or(StableFor::Auto, |millis| StableFor::For(Duration::from_millis(millis))),
            patience: self.patience,
            tolerated_restarts: self.tolerated_restarts,
            follow: self.follow,
            fail_fast: self.fail_fast,
            logs: self.logs,
            instant: self.instant,
            allow_on_delete: self.allow_on_delete,
            wait_for_create: Duration::from_millis(self.wait_for_create),
            old_pods_gone: self.old_pods_gone,
            strict_nodes: self.strict_nodes,
            goal: self.goal.as_deref().and_then(|text| Goal::parse(text).ok()),
            require_endpoints: self.require_endpoints,
            min_available: self.min_available.as_deref().and_then(|text| MinAvailable::parse(text).ok()),
            ignored_containers: self.ignored_containers.clone(),
            given: Knob::ALL
                .into_iter()
                .filter(|knob| self.given.iter().any(|given| given == knob.annotation()))
                .collect(),
            expect: self.expect.clone(),
            asks: self.asks,
            proofs: self.proofs,
            waits_longer: self.waits_longer,
            rereads: self.rereads,
        }
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Every line after the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Milliseconds since the start of the run.
    pub(super) at: u64,
    pub(super) what: What,
}

/// The mirror of [`Observed`], with objects as the API server sent them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum What {
    Connected(Server),
    Listed { stream: Stream, objects: Vec<Value> },
    Applied { stream: Stream, object: Value },
    Deleted { stream: Stream, object: Value },
    Seen { stream: Stream },
    Behind { stream: Stream },
    Health { stream: Stream, health: StreamHealth },
    Answered { want: Want, answer: Answer },
    Command(CommandEnd),
    Tick,
    Signal(Signal),
    Drifted { millis: i64 },
    Undone(Undone),
}

impl What {
    /// The mirror of an observation whose objects, if any, are given in their wire form and order.
    pub(super) fn mirror(observed: &Observed, objects: &[Value], redactor: &Redactor) -> Self {
        let first = || objects.first().cloned().unwrap_or_default();
        match observed {
            Observed::Connected(server) => Self::Connected(server.clone()),
            Observed::Listed { stream, .. } => {
                Self::Listed { stream: stream.clone(), objects: objects.to_vec() }
            }
            Observed::Applied { stream, .. } => Self::Applied { stream: stream.clone(), object: first() },
            Observed::Deleted { stream, .. } => Self::Deleted { stream: stream.clone(), object: first() },
            Observed::Seen { stream } => Self::Seen { stream: stream.clone() },
            Observed::Behind { stream } => Self::Behind { stream: stream.clone() },
            Observed::Health { stream, health } => {
                Self::Health { stream: stream.clone(), health: redact_health(redactor, health) }
            }
            Observed::Answered { want, answer } => {
                Self::Answered { want: want.clone(), answer: redact_answer(redactor, answer) }
            }
            Observed::Command(end) => Self::Command(end.clone()),
            Observed::Tick => Self::Tick,
            Observed::Signal(signal) => Self::Signal(*signal),
            Observed::Drifted { millis } => Self::Drifted { millis: *millis },
            Observed::Undone(undone) => Self::Undone(redact_undone(redactor, undone)),
        }
    }
}

impl Entry {
    /// Back to the observation, decoding objects as a live run does.
    pub(super) fn into_observation(self) -> Result<Observation, serde_json::Error> {
        let Self { at, what } = self;
        let what = match what {
            What::Connected(server) => Observed::Connected(server),
            What::Listed { stream, objects } => {
                let objects: Result<Vec<_>, _> =
                    objects.into_iter().map(|object| decode_value(stream.kind, object)).collect();
                Observed::Listed { objects: objects?, stream }
            }
            What::Applied { stream, object } => {
                Observed::Applied { object: decode_value(stream.kind, object)?, stream }
            }
            What::Deleted { stream, object } => {
                Observed::Deleted { object: decode_value(stream.kind, object)?, stream }
            }
            What::Seen { stream } => Observed::Seen { stream },
            What::Behind { stream } => Observed::Behind { stream },
            What::Health { stream, health } => Observed::Health { stream, health },
            What::Answered { want, answer } => Observed::Answered { want, answer },
            What::Command(end) => Observed::Command(end),
            What::Tick => Observed::Tick,
            What::Signal(signal) => Observed::Signal(signal),
            What::Drifted { millis } => Observed::Drifted { millis },
            What::Undone(undone) => Observed::Undone(undone),
        };
        Ok(Observation { at: Duration::from_millis(at), what })
    }
}
