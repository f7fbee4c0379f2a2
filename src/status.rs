//! What the controller itself says of a rollout. No opinion, no pods, no memory.

mod custom;
mod daemon_set;
mod deployment;
mod job;
mod pod;
mod replica_set;
mod stateful_set;

use crate::model::{Condition, Kind, Rollout, Workload};

/// The controller's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The controller has not looked at the newest spec: nothing else in `status` means anything.
    NotObserved { generation: i64, observed: Option<i64> },
    /// Paused with a template that is not rolled out: nothing will happen.
    Paused,
    /// A Job that is suspended, or may run no pod: nothing will happen until somebody resumes it.
    Suspended,
    /// Pods keep their template until somebody deletes them, and so many still have an older one.
    UpdateOnDelete { old: i64 },
    /// Under way; what is missing, as a fragment after "waiting for".
    Progressing { missing: String },
    /// The progress deadline has passed. May be left over from an earlier rollout.
    DeadlineExceeded { message: String, missing: String },
    /// The ReplicaSet itself was refused.
    ReplicaSetRefused { message: String },
    /// It has failed for good, and says so.
    Failed { said: Said },
    /// A pod that has ended for good and should not have.
    PodEnded,
    /// Nothing in the object says whether it is complete.
    Unjudgeable { why: String },
    /// The controller's own definition of complete holds.
    Complete,
}

/// Where a status says something, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// `status.conditions[Failed]`.
    pub(crate) path: String,
    /// `True`.
    pub(crate) value: String,
    pub(crate) reason: String,
    pub(crate) message: String,
}

impl Said {
    fn by(condition: &Condition) -> Self {
        let Condition { kind, status, reason, message, .. } = condition.clone();
        Self { path: format!("status.conditions[{kind}]"), value: status, reason, message }
    }

    /// `BackoffLimitExceeded: Job has reached the specified backoff limit`, as evidence shows it.
    pub(crate) fn text(&self) -> String {
        let Self { value, reason, message, .. } = self;
        match (reason.is_empty(), message.is_empty()) {
            (true, true) => value.clone(),
            (true, false) => format!("{value}: {message}"),
            (false, true) => reason.clone(),
            (false, false) => format!("{reason}: {message}"),
        }
    }
}

/// Asks the rules of the workload's kind.
pub(crate) fn assess(rollout: &Rollout<'_>) -> Status {
    match rollout.workload.kind {
        Kind::Deployment => deployment::assess(rollout.workload),
        Kind::StatefulSet => stateful_set::assess(rollout),
        Kind::DaemonSet => daemon_set::assess(rollout),
        Kind::Job => job::assess(rollout.workload),
        Kind::ReplicaSet => replica_set::assess(rollout.workload),
        Kind::Pod => pod::assess(rollout.workload),
        _ => custom::assess(rollout.workload, rollout.goal),
    }
}

/// The controller has not looked at the newest spec.
fn not_observed(workload: &Workload) -> Option<Status> {
    (!workload.is_observed()).then_some(Status::NotObserved {
        generation: workload.metadata.generation,
        observed: workload.status.observed_generation,
    })
}

/// `1 replica`, `2 replicas`.
fn count(n: i64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
