//! A target that a manifest pins: the very object, and at least the generation, that was applied.

use super::Guard;
use crate::model::{Detail, ObjectMeta, Workload, WorkloadSpec, WorkloadStatus};

impl Guard {
    /// What the API server shows is older than what was applied: it says nothing about it.
    pub(super) fn is_outdated(&self, workload: &Workload) -> bool {
        let same = self.target.uid.as_ref().is_none_or(|uid| *uid == workload.metadata.uid);
        same && self.target.generation.is_some_and(|applied| workload.metadata.generation < applied)
    }

    /// The object that was applied, as far as it is known without having been seen.
    pub(super) fn unseen(&self) -> Option<Workload> {
        let stream = &self.target.stream;
        let metadata = ObjectMeta {
            name: stream.name()?.to_owned(),
            namespace: stream.namespace.clone(),
            uid: self.target.uid.clone()?,
            ..ObjectMeta::default()
        };
        Some(Workload {
            kind: stream.kind,
            metadata,
            spec: WorkloadSpec::default(),
            status: WorkloadStatus::default(),
            detail: Detail::Plain,
        })
    }
}
