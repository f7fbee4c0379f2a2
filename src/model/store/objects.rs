//! What the store reads off an object as it arrives.

use crate::model::Workload;
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
