//! What the store reads off an object as it arrives.

use crate::model::Workload;
use crate::observation::Object;

/// An object that is a target by itself as the workload that it is.
pub(super) fn target_of(object: &Object) -> Option<Workload> {
    match object {
        Object::Workload(workload) => Some(workload.as_ref().clone()),
        Object::ReplicaSet(set) => Some(set.as_workload()),
        Object::Pod(pod) => Some(pod.as_workload()),
        Object::ControllerRevision(_) => None,
    }
}
