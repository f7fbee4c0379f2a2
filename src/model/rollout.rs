//! One target's rollout at one instant: the view that status and rules read.

mod revisions;
mod storage;

use std::time::Duration;

use jiff::Timestamp;

use super::below::pods_below;
use super::controller_revision::ControllerRevision;
use super::creator::Creator;
use super::event::Event;
use super::excused::Excused;
use super::field_manager::FieldManager;
use super::goal::Goal;
use super::kind::Kind;
use super::limit_range::LimitRange;
use super::lookup::{Lookup, unanswered};
use super::meta::ObjectRef;
use super::pod::Pod;
use super::pod_memory::{ContainerMemory, PodMemory};
use super::replica_set::ReplicaSet;
use super::resource_quota::{PodAsk, ResourceQuota};
use super::scheduling::Node;
use super::store::Store;
use super::streams::streams;
use super::vocabulary::{condition, label, reason};
use super::workload::Workload;
use crate::observation::{Answer, LogRequest, Want};

/// What a target consists of now. Built anew for each judgement; borrows everything.
pub(crate) struct Rollout<'a> {
    store: &'a Store,
    pub(crate) workload: &'a Workload,
    /// A Deployment's ReplicaSet of the newest template, once the controller has made it.
    pub(crate) current: Option<&'a ReplicaSet>,
    /// Other ReplicaSets of the workload.
    pub(crate) old_sets: Vec<&'a ReplicaSet>,
    /// Pods of the newest template, by name. Only these can be the reason of a failure.
    pub(crate) pods: Vec<&'a Pod>,
    /// Pods of older templates: impact, or what blocks.
    pub(crate) old_pods: Vec<&'a Pod>,
    /// Pods that are in neither list, since their nodes are excused.
    pub(crate) excused: Excused<'a>,
    pub(crate) accepted: Accepted,
    /// What complete means, where the user says so.
    pub(crate) goal: Option<&'a Goal>,
}

/// What the user accepts, as far as status and rules must know it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) tolerated_restarts: i64,
    /// Under the strategy `OnDelete`, pods may stay as they are.
    pub(crate) on_delete: bool,
    /// A DaemonSet must be complete on nodes that are not ready or cordoned, too.
    pub(crate) strict_nodes: bool,
}

impl<'a> Rollout<'a> {
    /// The view of a workload.
    pub(crate) fn new(store: &'a Store, workload: &'a Workload, accepted: Accepted) -> Self {
        let uid = workload.metadata.uid.as_str();
        let current = match workload.kind {
            Kind::Deployment => current_replica_set(store, workload),
            Kind::ReplicaSet => store.replica_set(uid),
            _ => None,
        };
        let mut old_sets: Vec<&ReplicaSet> = store
            .replica_sets_of(uid)
            .filter(|set| current.is_none_or(|current| current.metadata.uid != set.metadata.uid))
            .collect();
        old_sets.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        let (pods, old_pods) = match workload.kind {
            Kind::StatefulSet | Kind::DaemonSet => by_revision(store, workload),
            Kind::Job => (store.pods_of(uid).collect(), Vec::new()),
            Kind::Pod => (store.pod(uid).into_iter().collect(), Vec::new()),
            Kind::Custom(_) => pods_below(store, uid),
            _ => (
                current.map_or_else(Vec::new, |set| store.pods_of(&set.metadata.uid).collect()),
                old_sets.iter().flat_map(|set| store.pods_of(&set.metadata.uid)).collect(),
            ),
        };
        let by_name = |mut pods: Vec<&'a Pod>| {
            pods.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
            pods
        };
        let (pods, old_pods) = (by_name(pods), by_name(old_pods));
        let excused = Excused::default();
        let mut rollout =
            Self { store, workload, current, old_sets, pods, old_pods, excused, accepted, goal: None };
        rollout.excused = Excused::among(&rollout);
        rollout.excused.leave_out(&mut rollout.pods);
        rollout.excused.leave_out(&mut rollout.old_pods);
        rollout
    }

    /// The same view, to be judged by a goal of the user's.
    #[must_use]
    pub(crate) fn towards(self, goal: Option<&'a Goal>) -> Self {
        Self { goal, ..self }
    }

    /// The same view, where no pod can be seen.
    #[must_use]
    pub(crate) fn without_pods(self) -> Self {
        Self { pods: Vec::new(), old_pods: Vec::new(), excused: Excused::default(), ..self }
    }

    /// The object whose controller makes the pods, once there is one.
    pub(crate) fn creator(&self) -> Option<Creator<'a>> {
        match self.workload.kind {
            Kind::StatefulSet | Kind::DaemonSet | Kind::Job => Some(Creator::workload(self.workload)),
            _ => self.current.map(Creator::replica_set),
        }
    }

    /// What tells the newest template from others, once the controller has looked at it: the uid of its
    /// ReplicaSet, or its hash. A change of it is another rollout; a scaling does not change it.
    pub(crate) fn template_identity(&self) -> Option<&'a str> {
        match self.workload.kind {
            Kind::StatefulSet | Kind::DaemonSet => current_hash(self.store, self.workload),
            Kind::Deployment => self.current.map(|set| set.metadata.uid.as_str()),
            // A Job's template cannot change, and a change of a ReplicaSet's rolls nothing.
            _ => None,
        }
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

    /// Current pods whose containers are judged by their ends: those that live, and of a Job or a bare pod also those
    /// that have failed for good. Pods that something took away did not fail by themselves.
    pub(crate) fn judged_pods(&self) -> impl Iterator<Item = &'a Pod> {
        let by_ends = matches!(self.workload.kind, Kind::Job | Kind::Pod);
        self.pods.iter().copied().filter(move |pod| {
            let failed = by_ends && pod.status.phase == "Failed" && !pod.was_disrupted();
            !pod.metadata.is_being_deleted() && (failed || !pod.is_finished())
        })
    }

    /// Being ready is part of being complete: not for pods that are to end.
    pub(crate) fn readiness_counts(&self) -> bool {
        match self.workload.kind {
            Kind::Job => false,
            Kind::Pod => self.pods.iter().all(|pod| pod.restarts_always()),
            _ => true,
        }
    }

    /// Snapshots of the pods, and of what tells them apart, have been received: what is not there is not there.
    pub(crate) fn pods_are_seen(&self) -> bool {
        streams(self.workload).iter().all(|stream| self.store.sight(stream).is_some_and(|sight| sight.listed))
    }

    /// What happened to the pods may not have been shown: the watch of them is lost, or nothing has proved since it was
    /// opened anew that what it shows is what is there.
    pub(crate) fn pods_are_in_doubt(&self) -> bool {
        let of_pods = streams(self.workload).into_iter().filter(|stream| stream.kind == Kind::Pod);
        let mut sights = of_pods.filter_map(|stream| self.store.sight(&stream));
        sights.any(|sight| sight.behind || sight.health.interruption().is_some())
    }

    /// Old pods that nobody is deleting: what they hold stays held until the controller takes them away.
    pub(crate) fn staying_old_pods(&self) -> impl Iterator<Item = &'a Pod> {
        self.old_pods.iter().copied().filter(|pod| !pod.metadata.is_being_deleted() && !pod.is_finished())
    }

    /// The workload is about to give back room of its own: pods of it are being deleted, or new pods are on
    /// their way to becoming available, after which the controller takes old ones away.
    pub(crate) fn frees_room_soon(&self) -> bool {
        let all = || self.pods.iter().chain(&self.old_pods);
        if all().any(|pod| pod.metadata.is_being_deleted()) {
            return true;
        }
        let starting = || self.live_pods().any(|pod| pod.node().is_some() && !pod.is_ready());
        let settling =
            || self.current.is_some_and(|set| set.status.ready_replicas > set.status.available_replicas);
        self.staying_old_pods().next().is_some() && (starting() || settling())
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

    pub(crate) fn nodes(&self) -> Lookup<'a, [Node]> {
        match self.store.answer(&Want::Nodes) {
            Some(Answer::Nodes(nodes)) => Lookup::Found(nodes),
            other => unanswered(other),
        }
    }

    /// A ResourceQuota of the workload's namespace, as it was when last asked for.
    pub(crate) fn quota(&self, name: &str) -> Lookup<'a, ResourceQuota> {
        let want = Want::Quota { namespace: self.namespace().to_owned(), name: name.to_owned() };
        match self.store.answer(&want) {
            Some(Answer::Quota(quota)) => Lookup::Found(quota),
            other => unanswered(other),
        }
    }

    /// What the pods of the workload's namespace ask for.
    pub(crate) fn pod_asks(&self) -> Lookup<'a, [PodAsk]> {
        match self.store.answer(&Want::PodAsks { namespace: self.namespace().to_owned() }) {
            Some(Answer::PodAsks(asks)) => Lookup::Found(asks),
            other => unanswered(other),
        }
    }

    /// Who wrote the template, the latest first; empty until answered.
    pub(crate) fn managers(&self) -> &'a [FieldManager] {
        match self.store.answer(&Want::Managers(self.workload.object_ref())) {
            Some(Answer::Managers(managers)) => managers,
            _ => &[],
        }
    }

    /// The number that the controller gave to the newest template, as `kubectl rollout history` shows it.
    pub(crate) fn revision(&self) -> Option<i64> {
        if !self.workload.is_observed() {
            return None;
        }
        match self.workload.kind {
            Kind::StatefulSet | Kind::DaemonSet => {
                let hash = self.template_identity()?;
                let revisions = self.store.controller_revisions_of(&self.workload.metadata.uid);
                revisions
                    .filter(|revision| revision.hash() == Some(hash) || revision.metadata.name == hash)
                    .map(|revision| revision.revision)
                    .max()
            }
            _ => self.workload.metadata.annotations.revision.as_deref()?.parse().ok(),
        }
    }

    /// When the object that holds a template ([`Self::template_identity`]) was made.
    pub(crate) fn template_created(&self, identity: &str) -> Option<Timestamp> {
        let uid = self.workload.metadata.uid.as_str();
        match self.workload.kind {
            Kind::StatefulSet | Kind::DaemonSet => self
                .store
                .controller_revisions_of(uid)
                .find(|revision| revision.hash() == Some(identity) || revision.metadata.name == identity)
                .and_then(|revision| revision.metadata.creation_timestamp),
            _ => self
                .store
                .replica_sets_of(uid)
                .find(|set| set.metadata.uid == identity)
                .and_then(|set| set.metadata.creation_timestamp),
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
}

/// The pods of a workload that makes them itself: those of the newest template, and all others.
fn by_revision<'a>(store: &'a Store, workload: &'a Workload) -> (Vec<&'a Pod>, Vec<&'a Pod>) {
    let current = current_hash(store, workload);
    store.pods_of(&workload.metadata.uid).partition(|pod| {
        let hash = pod.metadata.labels.get(label::CONTROLLER_REVISION_HASH);
        current.is_some() && hash.map(String::as_str) == current
    })
}

/// What pods of the newest template have in their label `controller-revision-hash`.
///
/// The controller of a DaemonSet writes the ControllerRevision before the status that tells of it, and we read
/// the former after the latter; so once the newest spec is observed, the newest revision is the one of its
/// template.
fn current_hash<'a>(store: &'a Store, workload: &'a Workload) -> Option<&'a str> {
    if !workload.is_observed() {
        return None;
    }
    match workload.kind {
        Kind::StatefulSet => workload.status.update_revision.as_deref().filter(|hash| !hash.is_empty()),
        Kind::DaemonSet => store
            .controller_revisions_of(&workload.metadata.uid)
            .max_by_key(|revision| revision.revision)
            .and_then(ControllerRevision::hash),
        _ => None,
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
    let none_updated = workload.status.updated_replicas == 0
        && (workload.spec.paused || !workload.is_rolling() && !has_just_a_new_replica_set(workload));
    let never_scaled_down = workload.is_rolling() || workload.desired() == 0;
    store
        .replica_sets_of(&workload.metadata.uid)
        .filter(|set| set.metadata.annotations.revision.as_deref() == Some(revision))
        .filter(|set| set.spec.template.spec == workload.spec.template.spec)
        .filter(|set| !(none_updated && set.status.replicas > 0))
        // Recreate observes the new template long before it makes a ReplicaSet or a revision of it: first the
        // old ReplicaSet goes to zero.
        .filter(|set| never_scaled_down || set.desired() > 0)
        .min_by_key(|set| (set.metadata.creation_timestamp, set.metadata.name.clone()))
}

/// The controller has written the revision of a ReplicaSet and not yet counted its pods.
fn has_just_a_new_replica_set(workload: &Workload) -> bool {
    workload.condition(condition::PROGRESSING).is_some_and(|progressing| {
        matches!(progressing.reason.as_str(), reason::NEW_REPLICA_SET_CREATED | reason::FOUND_NEW_REPLICA_SET)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
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

    fn names(pods: &[&Pod]) -> Vec<String> {
        pods.iter().map(|pod| pod.metadata.name.clone()).collect()
    }

    #[test]
    fn a_stateful_set_says_itself_which_of_its_pods_are_current() {
        let mut world = World::of(Kind::StatefulSet);
        world.workload(json!({}), json!({"observedGeneration": 1, "updateRevision": "web-b"}));
        world.pod_of_revision("web-0", "web-a", json!({}));
        world.pod_of_revision("web-1", "web-b", json!({}));
        let rollout = world.rollout();
        assert_eq!(
            (names(&rollout.pods), names(&rollout.old_pods)),
            (vec!["web-1".into()], vec!["web-0".into()])
        );
        assert_eq!(rollout.template_identity(), Some("web-b"));
        assert_eq!(rollout.creator().unwrap().object_ref().to_string(), "StatefulSet shop/web");
    }

    #[test]
    fn the_highest_controller_revision_is_a_daemon_sets_newest_also_after_a_rollback() {
        let mut world = World::of(Kind::DaemonSet);
        world.workload(json!({}), json!({"observedGeneration": 1}));
        world.pod_of_revision("web-x", "aaa", json!({}));
        world.pod_of_revision("web-y", "bbb", json!({}));
        world.controller_revision("aaa", 1);
        world.controller_revision("bbb", 2);
        assert_eq!(names(&world.rollout().pods), ["web-y"]);
        // `kubectl rollout undo` gives the old object a new number.
        world.controller_revision("aaa", 3);
        assert_eq!(names(&world.rollout().pods), ["web-x"]);
        assert_eq!(names(&world.rollout().old_pods), ["web-y"]);
    }

    #[test]
    fn before_the_newest_spec_is_observed_no_pod_is_current() {
        for kind in [Kind::StatefulSet, Kind::DaemonSet] {
            let mut world = World::of(kind);
            world.workload(json!({}), json!({"observedGeneration": 0, "updateRevision": "aaa"}));
            world.controller_revision("aaa", 1);
            world.pod_of_revision("web-0", "aaa", json!({}));
            let rollout = world.rollout();
            assert!(rollout.pods.is_empty() && rollout.template_identity().is_none(), "{kind}");
        }
    }

    #[test]
    fn a_surge_hides_no_missing_pod() {
        let mut world = World::of(Kind::DaemonSet);
        let status = json!({"observedGeneration": 1, "desiredNumberScheduled": 2, "currentNumberScheduled": 2,
            "updatedNumberScheduled": 1});
        world.workload(json!({}), status.clone());
        assert_eq!(world.rollout().creator().unwrap().replicas, 2);
        world.workload(
            json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%"}}}),
            status,
        );
        assert_eq!(world.rollout().creator().unwrap().replicas, 1);
    }

    #[test]
    fn while_recreate_takes_the_old_pods_away_their_replica_set_is_old() {
        let of = |conditions: serde_json::Value, updated: i64| {
            let mut world = World::with_app(json!({}));
            let container = json!({"name": "app", "image": "registry.example/shop/web:1.2"});
            world.deployment_object(json!({
                "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 1,
                    "annotations": {"deployment.kubernetes.io/revision": "1"}},
                "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                    "strategy": {"type": "Recreate"},
                    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}},
                "status": {"observedGeneration": 1, "updatedReplicas": updated, "conditions": conditions}}));
            world.rollout().current.is_some()
        };
        let progressing = |reason: &str| json!([{"type": "Progressing", "status": "True", "reason": reason}]);
        // Kubernetes 1.36.3, as recorded: the revision is still that of the ReplicaSet that goes.
        assert!(!of(progressing("NewReplicaSetAvailable"), 0));
        assert!(of(progressing("NewReplicaSetAvailable"), 1));
        assert!(of(progressing("NewReplicaSetCreated"), 0));
    }
}
