//! What the store reads off an object as it arrives.

use jiff::{SignedDuration, Timestamp};

use crate::model::{Pod, Workload};
use crate::observation::{Object, Stream};

/// The object of a stream by name as the workload that it is.
pub(super) fn target_of(stream: &Stream, object: &Object) -> Option<Workload> {
    stream.name()?;
    match object {
        Object::Workload(workload) => Some(workload.as_ref().clone()),
        Object::ReplicaSet(set) => Some(set.as_workload()),
        Object::Pod(pod) => Some(pod.as_workload()),
        Object::ControllerRevision(_) => None,
    }
}

pub(super) fn uid_of(object: &Object) -> &str {
    match object {
        Object::Workload(workload) => &workload.metadata.uid,
        Object::ReplicaSet(replica_set) => &replica_set.metadata.uid,
        Object::ControllerRevision(revision) => &revision.metadata.uid,
        Object::Pod(pod) => &pod.metadata.uid,
    }
}

/// Kubelet forgets a back-off after ten minutes of running; so do we with the ends before it.
pub(super) fn ended_lately(pod: &Pod, now: Timestamp) -> bool {
    pod.statuses()
        .filter_map(|status| status.latest_termination()?.finished_at)
        .any(|finished| now.duration_since(finished) < SignedDuration::from_mins(10))
}
