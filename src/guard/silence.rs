//! A workload without a pod, about which nobody says a word.

use std::time::Duration;

use super::Guard;
use crate::diagnose::{CauseCode, Diagnosis, Finding, without_a_word};
use crate::model::{Detail, Pod, Rollout};
use crate::policy::Policy;

/// A controller makes pods at once, or says why it cannot.
const SILENT_FOR: Duration = Duration::from_secs(15);
/// Seconds after the end of its grace period in which a pod that goes is gone.
const GOES_WITHIN: i64 = 10;

impl Guard {
    /// Asks the namespace where pods are missing for too long without a cause.
    pub(super) fn ask_about_silence(
        &mut self,
        rollout: &Rollout<'_>,
        policy: &Policy,
        found: &mut Diagnosis,
    ) {
        let now = rollout.now();
        let blind = self.blind(rollout.store(), rollout.workload).is_some();
        if blind || !lacks_every_pod(rollout) || found.findings.iter().any(explains) {
            self.silent_since = None;
            return;
        }
        let since = *self.silent_since.get_or_insert(now);
        if policy.instant || now.saturating_sub(since) >= SILENT_FOR {
            without_a_word(rollout, found);
        }
    }
}

/// That nothing moved says not why.
fn explains(finding: &Finding) -> bool {
    finding.code != CauseCode::ProgressDeadlineExceeded
}

/// There should be pods, and there is none that lives, nor one that has to end before the next is made.
fn lacks_every_pod(rollout: &Rollout<'_>) -> bool {
    let wanted = match &rollout.workload.detail {
        Detail::Plain => rollout.workload.desired(),
        Detail::Job(job) => job.wanted_active(),
        Detail::Pod(_) | Detail::Custom(_) => 0,
    };
    // A ReplicaSet makes new pods while others end; a StatefulSet, a DaemonSet and the strategy Recreate wait for them.
    let waits = !rollout.creator().is_some_and(|creator| creator.is_of_one_template());
    let now = rollout.server_now();
    let is_over = |pod: &Pod| {
        let ends = pod.metadata.deletion_timestamp;
        pod.is_finished() || ends.is_some_and(|end| !waits || now.duration_since(end).as_secs() > GOES_WITHIN)
    };
    wanted > 0
        && rollout.pods_are_seen()
        && rollout.excused.pods().next().is_none()
        && rollout.pods.iter().chain(&rollout.old_pods).all(|pod| is_over(pod))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::guard::Outlook;
    use crate::guard::tests::reason;
    use crate::model::Kind;
    use crate::observation::{Answer, Object, Observed, Refusal, Stream, StreamHealth, Want};
    use crate::testing::World;

    fn want() -> Want {
        Want::Namespace { name: "shop".to_owned() }
    }

    fn asks(outlook: &Outlook) -> bool {
        outlook.requests.iter().any(|request| request.want == want())
    }

    fn namespace(value: Value) -> Answer {
        Answer::Namespace(Box::new(serde_json::from_value(value).unwrap()))
    }

    fn going() -> Answer {
        namespace(json!({"metadata": {"deletionTimestamp": "2026-11-24T10:00:00Z"},
            "status": {"phase": "Terminating"}}))
    }

    /// What streams that show nothing more than that have seen.
    fn listed(world: &mut World, kind: Kind, objects: Vec<Object>) {
        let stream = Stream::selected(kind, "shop", "app=web".to_owned());
        world.observe(Observed::Listed { stream, objects });
    }

    /// A pod `web-1` of the ReplicaSet or workload `owner`, with more of its metadata.
    fn pod(owner: &str, hash: &str, metadata: Value) -> Object {
        let mut body = json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "web-1",
            "labels": {"app": "web", "controller-revision-hash": hash},
            "ownerReferences": [{"name": owner, "uid": owner, "controller": true}]},
            "status": {"phase": "Running"}});
        crate::testing::merge(&mut body["metadata"], metadata);
        crate::model::decode_value(Kind::Pod, body).unwrap()
    }

    /// A Deployment whose ReplicaSet wants a pod and has none.
    fn without_pods() -> World {
        let mut world = World::with_app(json!({}));
        world.deployment(json!({"observedGeneration": 1, "replicas": 0, "updatedReplicas": 0}));
        let set = json!({
            "metadata": {"name": "web-new", "namespace": "shop", "uid": "web-new",
                "labels": {"app": "web", "pod-template-hash": "web-new"},
                "annotations": {"deployment.kubernetes.io/revision": "1"},
                "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d-1", "controller": true}]},
            "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                {"name": "app", "image": "registry.example/shop/web:1.2"}]}}},
            "status": {"replicas": 0}});
        listed(
            &mut world,
            Kind::ReplicaSet,
            vec![crate::model::decode_value(Kind::ReplicaSet, set).unwrap()],
        );
        listed(&mut world, Kind::Pod, Vec::new());
        world
    }

    /// When the namespace is asked, in looks of every second up to a minute.
    fn asked_at(world: &mut World, kind: Kind) -> Option<u64> {
        let mut guard = Guard::new(Stream::of(kind, "shop", "web"));
        (0..60).find(|at| {
            world.at(*at);
            asks(&guard.look(&world.store, &Policy::default()))
        })
    }

    #[test]
    fn a_namespace_is_asked_when_there_has_been_no_pod_and_no_word_for_fifteen_seconds() {
        assert_eq!(asked_at(&mut without_pods(), Kind::Deployment), Some(15));
        let mut instant = Guard::new(World::target());
        let policy = Policy { instant: true, ..Policy::default() };
        assert!(asks(&instant.look(&without_pods().store, &policy)));
    }

    #[test]
    fn a_pod_that_lives_a_word_or_an_outage_is_no_silence() {
        let mut world = without_pods();
        world.pod("web-1", json!({"phase": "Pending"}));
        assert_eq!(asked_at(&mut world, Kind::Deployment), None);

        let mut world = without_pods();
        world.events(
            Kind::ReplicaSet,
            "web-new",
            json!([{"reason": "FailedCreate", "message": "Error creating: pods \"web-1\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1"}]),
        );
        assert_eq!(asked_at(&mut world, Kind::Deployment), None);

        let mut world = without_pods();
        let stream = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
        let health = StreamHealth::Interrupted { message: "connection refused".to_owned() };
        world.observe(Observed::Health { stream, health });
        assert_eq!(asked_at(&mut world, Kind::Deployment), None);
    }

    #[test]
    fn a_namespace_that_is_being_deleted_ends_the_wait_and_an_active_one_does_not() {
        let ends = |answer: Answer| {
            let mut world = without_pods();
            let mut guard = Guard::new(World::target());
            let policy = Policy { proofs: false, ..Policy::default() };
            for at in 0..40 {
                world.at(at);
                if asks(&guard.look(&world.store, &policy)) {
                    world.answer(want(), answer.clone());
                }
                if guard.verdict().is_some() {
                    return (reason(&guard), at);
                }
            }
            ("none", 0)
        };
        assert_eq!(ends(going()).0, "namespace-terminating");
        // asked at 15, known at 16, and then fifteen of the thirty seconds of its tolerance are left; verdicts wait
        // up to three seconds for events that are on their way
        assert!((31..=34).contains(&ends(going()).1), "{:?}", ends(going()));
        assert_eq!(ends(namespace(json!({"status": {"phase": "Active"}}))).0, "none");
        assert_eq!(ends(Answer::Missing).0, "none");
        let refusal = Refusal { code: 403, asked: "get namespaces".to_owned(), message: "no".to_owned() };
        assert_eq!(ends(Answer::Refused(refusal)).0, "none");
    }

    #[test]
    fn pods_that_are_ending_are_waited_for_where_the_controller_waits_for_them() {
        let ending = json!({"deletionTimestamp": "2026-11-24T10:00:05Z"});
        let mut world = without_pods();
        listed(&mut world, Kind::Pod, vec![pod("web-new", "", ending.clone())]);
        assert_eq!(asked_at(&mut world, Kind::Deployment), Some(15), "a ReplicaSet makes others meanwhile");

        // Overdue is a pod more than ten seconds after the end of its grace period, so here from 10:00:16 on.
        let mut world = World::of(Kind::StatefulSet);
        world.workload(json!({}), json!({"observedGeneration": 1, "replicas": 1, "updateRevision": "a"}));
        listed(&mut world, Kind::Pod, vec![pod("web", "a", ending)]);
        assert_eq!(asked_at(&mut world, Kind::StatefulSet), Some(31), "a StatefulSet waits for it");
    }

    #[test]
    fn every_controller_that_makes_pods_can_be_silent() {
        let status = json!({"observedGeneration": 1, "desiredNumberScheduled": 1});
        for kind in [Kind::StatefulSet, Kind::DaemonSet, Kind::ReplicaSet, Kind::Job] {
            let mut world = World::of(kind);
            world.workload(json!({}), status.clone());
            listed(&mut world, Kind::ControllerRevision, Vec::new());
            listed(&mut world, Kind::Pod, Vec::new());
            assert_eq!(asked_at(&mut world, kind), Some(15), "{kind}");
        }
        let mut none = World::of(Kind::StatefulSet);
        none.workload(json!({"replicas": 0}), json!({"observedGeneration": 1}));
        listed(&mut none, Kind::Pod, Vec::new());
        assert_eq!(asked_at(&mut none, Kind::StatefulSet), None, "none is wanted");
    }

    #[test]
    fn a_deployment_whose_new_replica_set_cannot_be_made_is_silent_once_its_old_pods_are_gone() {
        // The controller has not looked at generation 2, as far as its status tells: it fails before it writes it.
        let mut world = World::with_app(json!({}));
        world.deployment_object(json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 2,
                "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                    {"name": "app", "image": "registry.example/shop/web:2"}]}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}}));
        listed(&mut world, Kind::ReplicaSet, Vec::new());
        listed(&mut world, Kind::Pod, Vec::new());
        assert_eq!(asked_at(&mut world, Kind::Deployment), Some(15));
    }
}
