//! The object whose controller makes the pods of the newest template: who to ask why a pod was not made.

use jiff::Timestamp;

use super::kind::Kind;
use super::meta::{Condition, ObjectMeta, ObjectRef};
use super::replica_set::ReplicaSet;
use super::workload::Workload;

/// The current ReplicaSet of a Deployment; a StatefulSet, DaemonSet, ReplicaSet or Job itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creator<'a> {
    pub(crate) kind: Kind,
    metadata: &'a ObjectMeta,
    desired: i64,
    /// Pods it has made.
    pub(crate) replicas: i64,
    pub(crate) conditions: &'a [Condition],
}

impl<'a> Creator<'a> {
    pub(super) fn replica_set(set: &'a ReplicaSet) -> Self {
        Self {
            kind: Kind::ReplicaSet,
            metadata: &set.metadata,
            desired: set.desired(),
            replicas: set.status.replicas,
            conditions: &set.status.conditions,
        }
    }

    /// A workload that makes its pods itself, and so counts pods of every template.
    pub(super) fn workload(workload: &'a Workload) -> Self {
        let status = &workload.status;
        if let Some(job) = workload.job() {
            return Self {
                kind: workload.kind,
                metadata: &workload.metadata,
                desired: job.wanted_active(),
                replicas: job.status.active,
                conditions: &[],
            };
        }
        // With a surge the old pod of a node stands until the new one is there, and hides that it is missing.
        let replicas = if workload.surges() { status.updated_replicas } else { status.replicas };
        Self {
            kind: workload.kind,
            metadata: &workload.metadata,
            desired: workload.desired(),
            replicas,
            conditions: &status.conditions,
        }
    }

    pub(crate) fn object_ref(&self) -> ObjectRef {
        ObjectRef::new(self.kind, self.metadata)
    }

    pub(crate) fn uid(&self) -> &'a str {
        &self.metadata.uid
    }

    /// Of the object, template and number of pods alike.
    pub(crate) const fn generation(&self) -> i64 {
        self.metadata.generation
    }

    /// Pods it should have.
    pub(crate) const fn desired(&self) -> i64 {
        self.desired
    }

    /// When the template got it, which only a ReplicaSet tells: the others outlive their templates.
    pub(crate) const fn created(&self) -> Option<Timestamp> {
        match self.kind {
            Kind::ReplicaSet => self.metadata.creation_timestamp,
            _ => None,
        }
    }

    /// It makes pods of the newest template only.
    pub(crate) fn is_of_one_template(&self) -> bool {
        self.kind == Kind::ReplicaSet
    }
}
