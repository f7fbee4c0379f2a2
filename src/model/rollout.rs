//! One target's rollout at one instant: the view that status and rules read.

use std::time::Duration;

use jiff::Timestamp;

use super::event::Event;
use super::limit_range::LimitRange;
use super::meta::{Kind, ObjectRef};
use super::pod::Pod;
use super::pod_memory::{ContainerMemory, PodMemory};
use super::replica_set::ReplicaSet;
use super::store::Store;
use super::workload::Workload;
use crate::observation::{Answer, LogRequest, Refusal, Stream, Want};

/// What a target consists of now. Built anew for each judgement; borrows everything.
pub(crate) struct Rollout<'a> {
    store: &'a Store,
    pub(crate) workload: &'a Workload,
    /// The ReplicaSet of the newest template, once the controller has made it.
    pub(crate) current: Option<&'a ReplicaSet>,
    /// Other ReplicaSets of the workload.
    pub(crate) old_sets: Vec<&'a ReplicaSet>,
    /// Pods of the newest template, by name. Only these can be the reason of a failure.
    pub(crate) pods: Vec<&'a Pod>,
    /// Pods of older templates: impact, or what blocks.
    pub(crate) old_pods: Vec<&'a Pod>,
    /// What the user accepts, as far as rules must know it.
    pub(crate) tolerated_restarts: i64,
}

/// What is known of something that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup<'a, T: ?Sized> {
    /// Not answered yet.
    Unknown,
    /// It does not exist.
    Missing,
    /// We may not see it.
    Refused(&'a Refusal),
    Found(&'a T),
}

impl<'a> Rollout<'a> {
    /// The view of a workload.
    pub(crate) fn new(store: &'a Store, workload: &'a Workload, tolerated_restarts: i64) -> Self {
        let uid = workload.metadata.uid.as_str();
        let current = current_replica_set(store, workload);
        let mut old_sets: Vec<&ReplicaSet> = store
            .replica_sets_of(uid)
            .filter(|set| current.is_none_or(|current| current.metadata.uid != set.metadata.uid))
            .collect();
        old_sets.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        let by_name = |mut pods: Vec<&'a Pod>| {
            pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
            pods
        };
        let pods = by_name(current.map_or_else(Vec::new, |set| store.pods_of(&set.metadata.uid).collect()));
        let old_pods = by_name(old_sets.iter().flat_map(|set| store.pods_of(&set.metadata.uid)).collect());
        Self { store, workload, current, old_sets, pods, old_pods, tolerated_restarts }
    }

    pub(crate) const fn store(&self) -> &'a Store {
        self.store
    }

    /// Monotonic time since the start of the run.
    pub(crate) const fn now(&self) -> Duration {
        self.store.now()
    }

    /// The API server's clock.
    pub(crate) fn server_now(&self) -> Timestamp {
        self.store.server_now()
    }

    pub(crate) fn namespace(&self) -> &'a str {
        &self.workload.metadata.namespace
    }

    /// Current pods that have neither ended nor are being deleted.
    pub(crate) fn live_pods(&self) -> impl Iterator<Item = &'a Pod> {
        self.pods.iter().copied().filter(|pod| !pod.metadata.is_being_deleted() && !pod.is_finished())
    }

    /// A snapshot of the pods has been received: what is not among them is not there.
    pub(crate) fn pods_are_seen(&self) -> bool {
        self.store.sight(&self.pod_stream()).is_some_and(|sight| sight.listed)
    }

    pub(crate) fn memory(&self, pod: &Pod) -> Option<&'a PodMemory> {
        self.store.memory(&pod.metadata.uid)
    }

    pub(crate) fn container_memory(&self, pod: &Pod, container: &str) -> Option<&'a ContainerMemory> {
        self.memory(pod)?.container(container)
    }

    /// The events about an object, newest first; empty until answered (ask with [`Want::Events`]).
    pub(crate) fn events(&self, object: &ObjectRef) -> Vec<&'a Event> {
        let Some(Answer::Events(events)) = self.store.answer(&Want::Events(object.clone())) else {
            return Vec::new();
        };
        let mut events: Vec<&Event> = events.iter().collect();
        events.sort_by_key(|event| std::cmp::Reverse(event.last_seen()));
        events
    }

    /// Whether the events of an object have been answered at all, with how old that is.
    pub(crate) fn events_age(&self, object: &ObjectRef) -> Option<Duration> {
        self.store.answer_age(&Want::Events(object.clone()))
    }

    /// The server refuses to show the events of an object.
    pub(crate) fn events_refused(&self, object: &ObjectRef) -> bool {
        matches!(self.store.answer(&Want::Events(object.clone())), Some(Answer::Refused(_)))
    }

    /// The key names of a ConfigMap or Secret of the workload's namespace.
    pub(crate) fn keys(&self, kind: Kind, name: &str) -> Lookup<'a, [String]> {
        let want = Want::Keys { kind, namespace: self.namespace().to_owned(), name: name.to_owned() };
        match self.store.answer(&want) {
            Some(Answer::Keys(keys)) => Lookup::Found(keys),
            other => unanswered(other),
        }
    }

    /// The names of all objects of a kind in the workload's namespace.
    pub(crate) fn names(&self, kind: Kind) -> Lookup<'a, [String]> {
        match self.store.answer(&Want::Names { kind, namespace: self.namespace().to_owned() }) {
            Some(Answer::Names(names)) => Lookup::Found(names),
            other => unanswered(other),
        }
    }

    /// The names of the pull secrets that the ServiceAccount of the pods brings.
    pub(crate) fn pull_secrets(&self, service_account: &str) -> Lookup<'a, [String]> {
        let want = Want::PullSecrets {
            namespace: self.namespace().to_owned(),
            service_account: service_account.to_owned(),
        };
        match self.store.answer(&want) {
            Some(Answer::Names(names)) => Lookup::Found(names),
            other => unanswered(other),
        }
    }

    pub(crate) fn limit_ranges(&self) -> Lookup<'a, [LimitRange]> {
        match self.store.answer(&Want::LimitRanges { namespace: self.namespace().to_owned() }) {
            Some(Answer::LimitRanges(ranges)) => Lookup::Found(ranges),
            other => unanswered(other),
        }
    }

    /// The logs of a container that were fetched, those of its latest end first.
    pub(crate) fn logs(&self, pod: &'a Pod, container: &'a str) -> Vec<(&'a LogRequest, &'a Answer)> {
        self.store.logs_of(&pod.metadata.namespace, &pod.metadata.name, container).collect()
    }

    /// The stream of the ReplicaSets of this workload.
    pub(crate) fn replica_set_stream(&self) -> Stream {
        Stream::selected(Kind::ReplicaSet, self.namespace(), self.workload.spec.selector.to_query())
    }

    /// The stream of the pods of this workload.
    pub(crate) fn pod_stream(&self) -> Stream {
        Stream::selected(Kind::Pod, self.namespace(), self.workload.spec.selector.to_query())
    }
}

fn unanswered<T: ?Sized>(answer: Option<&Answer>) -> Lookup<'_, T> {
    match answer {
        Some(Answer::Missing) => Lookup::Missing,
        Some(Answer::Refused(refusal)) => Lookup::Refused(refusal),
        _ => Lookup::Unknown,
    }
}

/// The ReplicaSet of the newest template: controlled by the Deployment, of the Deployment's own revision, with
/// the Deployment's template. A rollback gives an old ReplicaSet a new revision, so age says nothing.
///
/// Follows `FindNewReplicaSet` of `pkg/controller/deployment/util/deployment_util.go`, which takes the oldest of
/// several equal ones. Our template view is narrower than the controller's, so the revision decides and the
/// template only guards against a ReplicaSet list that is ahead of or behind the Deployment. A paused Deployment
/// keeps its revision when its template changes; then only `updatedReplicas` tells that no ReplicaSet has it.
fn current_replica_set<'a>(store: &'a Store, workload: &'a Workload) -> Option<&'a ReplicaSet> {
    if !workload.is_observed() {
        return None;
    }
    let revision = workload.metadata.annotations.revision.as_deref()?;
    let none_updated = workload.spec.paused && workload.status.updated_replicas == 0;
    store
        .replica_sets_of(&workload.metadata.uid)
        .filter(|set| set.metadata.annotations.revision.as_deref() == Some(revision))
        .filter(|set| set.spec.template.spec == workload.spec.template.spec)
        .filter(|set| !(none_updated && set.status.replicas > 0))
        .min_by_key(|set| (set.metadata.creation_timestamp, set.metadata.name.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::World;

    #[test]
    fn pods_behind_a_pause_are_old_where_the_controller_counts_none_as_updated() {
        let mut world = World::with_app(json!({}));
        world.pod("web-1", json!({}));
        assert_eq!(world.rollout().pods.len(), 1);
        world.paused(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 0}));
        assert_eq!(world.rollout().pods.len(), 0);
        assert_eq!(world.rollout().old_pods.len(), 1);
        world.paused(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
        assert_eq!(world.rollout().pods.len(), 1);
    }
}
