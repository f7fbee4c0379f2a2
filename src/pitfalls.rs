//! Situations in which some other gate has been wrong, as far as one look at a small world shows them. The table of
//! all of them is `tests/PITFALLS.md`.
#![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

mod runs;

use std::time::Duration;

use serde_json::{Value, json};

use crate::diagnose::diagnose;
use crate::model::{Kind, Pod};
use crate::observation::{Observation, Observed, Stream};
use crate::policy::{Expectations, Policy};
use crate::session::Session;
use crate::status::{Status, assess};
use crate::testing::World;

const CREATED: &str = "2026-11-24T09:59:00Z";

fn names(pods: &[&Pod]) -> Vec<String> {
    pods.iter().map(|pod| pod.metadata.name.clone()).collect()
}

/// A ReplicaSet with the template of [`World::with_app`].
fn set(name: &str, revision: &str, owner: Value, created: &str, status: Value) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": created,
            "labels": {"app": "web"}, "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": owner},
        "spec": {"replicas": 1, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "registry.example/shop/web:1.2"}]}}},
        "status": status,
    })
}

fn owner() -> Value {
    json!([{"kind": "Deployment", "name": "web", "uid": "d-1", "controller": true}])
}

fn show(world: &mut World, kind: Kind, body: Value) {
    let object = crate::model::decode_value(kind, body).unwrap();
    world.observe(Observed::Applied { stream: Stream::selected(kind, "shop", "app=web".to_owned()), object });
}

fn refused() -> Value {
    json!({"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"web-new-x\" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=1, limited: pods=1"}]})
}

fn with(mut status: Value, more: Value) -> Value {
    crate::testing::merge(&mut status, more);
    status
}

#[test]
fn pitfall_5_a_failure_that_is_over_is_not_told_though_its_condition_stays() {
    let mut world = World::with_app(json!({}));
    world.replica_set("web-new", "1", with(refused(), json!({"replicas": 1})));
    world.events(
        Kind::ReplicaSet,
        "web-new",
        json!([
        {"reason": "FailedCreate", "message": "Error creating: pods \"x\" is forbidden: exceeded quota",
         "lastTimestamp": "2026-11-24T10:00:01Z"},
        {"reason": "SuccessfulCreate", "message": "Created pod", "lastTimestamp": "2026-11-24T10:00:05Z"}]),
    );
    assert!(diagnose(&world.rollout(), &Expectations::default()).codes().is_empty());
}

#[test]
fn pitfall_6_a_failure_of_an_old_replica_set_is_not_that_of_the_new_one() {
    let mut world = World::with_app(json!({}));
    world.replica_set("web-new", "1", json!({"replicas": 1}));
    show(&mut world, Kind::ReplicaSet, set("web-old", "0", owner(), CREATED, refused()));
    world.deployment(with(refused(), json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1})));
    assert!(diagnose(&world.rollout(), &Expectations::default()).codes().is_empty());
}

#[test]
fn pitfall_11_a_completed_deployment_that_is_scaled_up_is_judged_by_its_pods() {
    let mut world = World::with_app(json!({}));
    world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "conditions": [
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]}));
    world.waiting_pod("web-1", "ErrImageNeverPull", "no");
    assert!(matches!(assess(&world.rollout()), Status::Progressing { .. }));
    assert_eq!(diagnose(&world.rollout(), &Expectations::default()).codes(), ["image-never-pulled"]);
}

#[test]
fn pitfall_16_that_one_pod_may_be_missing_does_not_make_it_complete() {
    let mut world = World::with_app(json!({}));
    world.deployment(
        json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1}),
    );
    assert!(matches!(assess(&world.rollout()), Status::Progressing { .. }));
}

#[test]
fn pitfall_17_available_is_true_all_through_a_broken_update() {
    let mut world = World::with_app(json!({}));
    world.deployment(
        json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "True"}]}),
    );
    assert!(matches!(assess(&world.rollout()), Status::Progressing { .. }));
}

#[test]
fn pitfall_18_a_rollback_makes_the_oldest_replica_set_the_new_one() {
    let mut world = World::with_app(json!({}));
    show(&mut world, Kind::ReplicaSet, set("web-new", "0", owner(), "2026-11-24T09:58:00Z", json!({})));
    show(&mut world, Kind::ReplicaSet, set("web-first", "1", owner(), "2026-11-01T00:00:00Z", json!({})));
    world.pod_of("web-first", "web-first-x", json!({}));
    world.pod_of("web-new", "web-new-x", json!({}));
    assert_eq!(names(&world.rollout().pods), ["web-first-x"]);
    assert_eq!(names(&world.rollout().old_pods), ["web-new-x"]);
}

#[test]
fn of_replica_sets_with_equal_templates_and_revision_the_oldest_counts() {
    let mut world = World::with_app(json!({}));
    show(&mut world, Kind::ReplicaSet, set("web-new", "1", owner(), "2026-11-24T09:58:00Z", json!({})));
    show(&mut world, Kind::ReplicaSet, set("web-twin", "1", owner(), "2026-11-24T09:57:00Z", json!({})));
    assert_eq!(world.rollout().current.unwrap().metadata.name, "web-twin");
}

#[test]
fn pitfall_19_a_pod_seen_before_its_replica_set_finds_its_place_later() {
    let mut world = World::with_app(json!({}));
    world.pod_of("web-late", "web-late-x", json!({}));
    assert!(world.rollout().pods.is_empty() && world.rollout().old_pods.is_empty());
    show(&mut world, Kind::ReplicaSet, set("web-late", "0", owner(), CREATED, json!({})));
    assert_eq!(names(&world.rollout().old_pods), ["web-late-x"]);
}

#[test]
fn pitfall_33_no_pause_and_no_deadline_is_read_before_the_spec_is_observed() {
    let mut world = World::with_app(json!({}));
    world.paused(json!({"observedGeneration": 0, "replicas": 1}));
    assert!(matches!(assess(&world.rollout()), Status::NotObserved { .. }));
    world.paused(json!({"observedGeneration": 1, "replicas": 1}));
    assert_eq!(diagnose(&world.rollout(), &Expectations::default()).codes(), ["rollout-paused"]);
}

#[test]
fn pitfall_58_orphans_and_look_alikes_are_nobodys() {
    let mut world = World::with_app(json!({}));
    show(&mut world, Kind::ReplicaSet, set("orphan", "1", json!([]), "2026-11-01T00:00:00Z", json!({})));
    world.pod_of("orphan", "orphan-x", json!({}));
    show(
        &mut world,
        Kind::Pod,
        json!({"metadata": {"name": "alike", "namespace": "shop", "uid": "alike",
        "labels": {"app": "web"}}, "spec": {}, "status": {}}),
    );
    let rollout = world.rollout();
    assert_eq!(rollout.current.unwrap().metadata.name, "web-new");
    assert!(rollout.pods.is_empty() && rollout.old_pods.is_empty() && rollout.old_sets.is_empty());
}

#[test]
fn pitfall_63_ready_is_not_yet_available() {
    let mut world = World::with_app(json!({}));
    world
        .deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1,
        "availableReplicas": 0}));
    assert!(matches!(assess(&world.rollout()), Status::Progressing { .. }));
}

/// A run over a Deployment that is paused with a pending template, and one that is under way, after four seconds.
fn two_targets(fail_fast: bool) -> bool {
    let started = "2026-11-24T10:00:00Z".parse().unwrap();
    let targets = ["web", "api"].map(|name| Stream::of(Kind::Deployment, "shop", name));
    let policy = Policy { fail_fast, ..Policy::default() };
    let mut session = Session::new(started, targets.clone(), policy);
    for (stream, paused) in targets.into_iter().zip([true, false]) {
        let name = stream.name().unwrap().to_owned();
        let object = crate::model::decode_value(
            Kind::Deployment,
            json!({
            "metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1},
            "spec": {"paused": paused}, "status": {"observedGeneration": 1}}),
        )
        .unwrap();
        let what = Observed::Listed { stream, objects: vec![object] };
        session.observe(Observation { at: Duration::ZERO, what });
    }
    session.judge();
    session.observe(Observation { at: Duration::from_secs(4), what: Observed::Tick });
    session.judge().done
}

#[test]
fn pitfall_51_the_first_failure_ends_the_run_where_that_is_asked_for() {
    assert!(two_targets(true));
    assert!(!two_targets(false));
}
