//! What is known of the claims, volumes and nodes of a rollout's pods.

use super::{Lookup, Rollout, unanswered};
use crate::model::{Casualty, Claim, Kind, Node, OtherPod, PersistentVolume, Pod, StorageClass};
use crate::observation::{Answer, Want};

impl<'a> Rollout<'a> {
    /// One node.
    pub(crate) fn node(&self, name: &str) -> Lookup<'a, Node> {
        match self.store.answer(&Want::Node { name: name.to_owned() }) {
            Some(Answer::Nodes(nodes)) => nodes.first().map_or(Lookup::Missing, Lookup::Found),
            other => unanswered(other),
        }
    }

    /// Pods of the newest template that their nodes rejected or evicted.
    pub(crate) fn casualties(&self) -> Vec<&'a Casualty> {
        let store = self.store();
        match self.workload.kind {
            Kind::StatefulSet | Kind::DaemonSet => {
                let Some(revision) = self.template_identity() else { return Vec::new() };
                store.casualties(&self.workload.metadata.uid, Some(revision)).collect()
            }
            _ => {
                self.current.map_or_else(Vec::new, |set| store.casualties(&set.metadata.uid, None).collect())
            }
        }
    }

    /// A claim of the workload's namespace.
    pub(crate) fn claim(&self, name: &str) -> Lookup<'a, Claim> {
        let want = Want::Claim { namespace: self.namespace().to_owned(), name: name.to_owned() };
        match self.store.answer(&want) {
            Some(Answer::Claim(claim)) => Lookup::Found(claim),
            other => unanswered(other),
        }
    }

    pub(crate) fn storage_classes(&self) -> Lookup<'a, [StorageClass]> {
        match self.store.answer(&Want::StorageClasses) {
            Some(Answer::StorageClasses(classes)) => Lookup::Found(classes),
            other => unanswered(other),
        }
    }

    pub(crate) fn volumes(&self) -> Lookup<'a, [PersistentVolume]> {
        match self.store.answer(&Want::Volumes) {
            Some(Answer::Volumes(volumes)) => Lookup::Found(volumes),
            other => unanswered(other),
        }
    }

    /// One persistent volume.
    pub(crate) fn volume(&self, name: &str) -> Lookup<'a, PersistentVolume> {
        match self.store.answer(&Want::Volume { name: name.to_owned() }) {
            Some(Answer::Volumes(volumes)) => volumes.first().map_or(Lookup::Missing, Lookup::Found),
            other => unanswered(other),
        }
    }

    /// A pod of somebody else in the workload's namespace.
    pub(crate) fn other_pod(&self, name: &str) -> Lookup<'a, OtherPod> {
        let want = Want::OtherPod { namespace: self.namespace().to_owned(), name: name.to_owned() };
        match self.store.answer(&want) {
            Some(Answer::OtherPod(pod)) => Lookup::Found(pod),
            other => unanswered(other),
        }
    }
}

impl Pod {
    /// The claim behind a volume of the pod: by name, or made for this pod alone.
    pub(crate) fn claim_of(&self, volume: &str) -> Option<String> {
        let volume = self.spec.volume(volume)?;
        if let Some(claim) = &volume.persistent_volume_claim {
            return Some(claim.claim_name.clone());
        }
        volume.ephemeral.as_ref().map(|_| format!("{}-{}", self.metadata.name, volume.name))
    }

    /// The claims of the pod with the volumes that use them, in the order of its volumes.
    pub(crate) fn claims(&self) -> impl Iterator<Item = (&str, String)> {
        self.spec
            .volumes
            .iter()
            .filter_map(|volume| Some((volume.name.as_str(), self.claim_of(&volume.name)?)))
    }
}
