//! Pods that ended for good with kubelet's reason: rejected by their node, or evicted from it. The controllers of
//! StatefulSets and DaemonSets delete them at once, so they are remembered.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::pod::Pod;
use super::vocabulary::label;

/// One pod that its node did not take, or did not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Casualty {
    pub(crate) name: String,
    uid: String,
    pub(crate) node: String,
    /// `OutOfcpu`, `NodeAffinity`, `UnexpectedAdmissionError`, `Evicted`, …
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) created: Option<Timestamp>,
    /// The label `controller-revision-hash` of pods that a workload makes itself.
    revision: Option<String>,
}

/// Of one controller, which makes about three a second; more tell nothing new.
const MOST: usize = 1000;
/// What ended longer ago than this, in seconds, before we looked for the first time is another rollout's.
const RECENT: i64 = 600;

/// Those of every controller, by its uid, in the order in which we learned of them.
#[derive(Debug, Default)]
pub(crate) struct Casualties {
    by_owner: BTreeMap<String, Vec<Casualty>>,
}

impl Casualties {
    /// Takes in a snapshot of a pod. `first`: it was there before we looked for the first time.
    pub(crate) fn observe(&mut self, pod: &Pod, first: bool, now: Timestamp) {
        if pod.status.phase != "Failed" || pod.status.reason.is_empty() {
            return;
        }
        let created = pod.metadata.creation_timestamp;
        if first && created.is_some_and(|created| now.duration_since(created).as_secs() > RECENT) {
            return;
        }
        let Some(owner) = pod.metadata.controller() else { return };
        let known = self.by_owner.entry(owner.uid.clone()).or_default();
        if known.len() >= MOST || known.iter().any(|other| other.uid == pod.metadata.uid) {
            return;
        }
        known.push(Casualty {
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            node: pod.node().unwrap_or_default().to_owned(),
            reason: pod.status.reason.clone(),
            message: pod.status.message.trim().to_owned(),
            created,
            revision: pod.metadata.labels.get(label::CONTROLLER_REVISION_HASH).cloned(),
        });
    }

    /// Those of a controller, of one revision of its template where the pods bear one.
    pub(crate) fn of<'a>(
        &'a self,
        owner: &str,
        revision: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Casualty> {
        let all = self.by_owner.get(owner).into_iter().flatten();
        all.filter(move |casualty| revision.is_none_or(|hash| casualty.revision.as_deref() == Some(hash)))
    }
}
