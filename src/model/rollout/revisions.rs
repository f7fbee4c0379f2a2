//! The templates of a rollout: the newest, and the one before it.

use super::{Rollout, current_hash};
use crate::model::{ControllerRevision, Kind, PodSpec, ReplicaSet};

impl<'a> Rollout<'a> {
    /// The template before the newest, and the newest, where both are known.
    ///
    /// Both come from objects of the same kind, which the controller has filled in alike: against the manifest of the
    /// workload every default would be a change.
    pub(crate) fn templates(&self) -> Option<(&'a PodSpec, &'a PodSpec)> {
        match self.workload.kind {
            Kind::StatefulSet | Kind::DaemonSet => self.of_controller_revisions(),
            _ => {
                let revision =
                    |set: &ReplicaSet| set.metadata.annotations.revision.as_deref()?.parse::<u64>().ok();
                let before = self.old_sets.iter().copied().max_by_key(|set| revision(set))?;
                Some((&before.spec.template.spec, &self.current?.spec.template.spec))
            }
        }
    }

    fn of_controller_revisions(&self) -> Option<(&'a PodSpec, &'a PodSpec)> {
        let identity = current_hash(self.store, self.workload)?;
        let all = || self.store.controller_revisions_of(&self.workload.metadata.uid);
        let newest = all().find(|revision| is(revision, identity))?;
        let before = all()
            .filter(|revision| revision.revision < newest.revision)
            .max_by_key(|revision| revision.revision)?;
        Some((before.template()?, newest.template()?))
    }
}

/// The label of a DaemonSet's pods is a hash, that of a StatefulSet's the name of the revision.
fn is(revision: &ControllerRevision, identity: &str) -> bool {
    revision.hash() == Some(identity) || revision.metadata.name == identity
}
