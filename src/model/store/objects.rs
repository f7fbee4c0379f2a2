//! What the store reads off an object as it arrives.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Pod, PodSpec, Workload};
use crate::observation::{Object, Stream};

/// The newest spec of the pods of each owner: pods of one template hold it together, which is most of what they hold.
#[derive(Debug, Default)]
pub(super) struct Specs(BTreeMap<String, Arc<PodSpec>>);

impl Specs {
    pub(super) fn share(&mut self, pod: &mut Pod) {
        let Some(owner) = pod.metadata.controller().map(|owner| owner.uid.clone()) else { return };
        let known = self.0.entry(owner).or_insert_with(|| Arc::clone(&pod.spec));
        if *known == pod.spec {
            pod.spec = Arc::clone(known);
        } else {
            *known = Arc::clone(&pod.spec);
        }
    }
}

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
