//! What the controller itself says of a rollout. No opinion, no pods, no memory.

mod daemon_set;
mod deployment;
mod stateful_set;

use crate::model::{Kind, Rollout, Workload};

/// The controller's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The controller has not looked at the newest spec: nothing else in `status` means anything.
    NotObserved { generation: i64, observed: Option<i64> },
    /// Paused with a template that is not rolled out: nothing will happen.
    Paused,
    /// Pods keep their template until somebody deletes them, and so many still have an older one.
    UpdateOnDelete { old: i64 },
    /// Under way; what is missing, as a fragment after "waiting for".
    Progressing { missing: String },
    /// The progress deadline has passed. May be left over from an earlier rollout.
    DeadlineExceeded { message: String, missing: String },
    /// The ReplicaSet itself was refused.
    ReplicaSetRefused { message: String },
    /// The controller's own definition of complete holds.
    Complete,
}

/// Asks the rules of the workload's kind.
pub(crate) fn assess(rollout: &Rollout<'_>) -> Status {
    match rollout.workload.kind {
        Kind::Deployment => deployment::assess(rollout.workload),
        Kind::StatefulSet => stateful_set::assess(rollout),
        Kind::DaemonSet => daemon_set::assess(rollout),
        // Other kinds are refused as targets; without rules of their own they never complete.
        _ => Status::Progressing { missing: "a kind this version can judge".to_owned() },
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
