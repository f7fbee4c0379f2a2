//! A target over a run, on small worlds.

use serde_json::json;

use super::*;
use crate::model::Kind;
use crate::observation::{Observed, StreamHealth};
use crate::testing::World;

/// A complete Deployment with one pod that has been Ready since before we looked.
pub(super) fn complete() -> World {
    complete_since("2026-11-24T09:50:00Z")
}

/// The run begins at ten o'clock.
pub(super) fn complete_since(since: &str) -> World {
    let mut world = World::with_app(json!({}));
    world.deployment(
        json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}),
    );
    world.listed_pod(
        "web-1",
        json!({"phase": "Running",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}],
            "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {"startedAt": since}}}]}),
    );
    world
}

pub(super) fn reason(guard: &Guard) -> &'static str {
    guard.verdict().map_or("none", |(verdict, _)| verdict.reason())
}

#[test]
fn what_settled_long_ago_passes_at_the_first_look() {
    let world = complete();
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "complete");
}

#[test]
fn nothing_passes_while_a_stream_is_interrupted() {
    let mut world = complete();
    let pods = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    let health = |message: &str| StreamHealth::Interrupted { message: message.to_owned() };
    world.observe(Observed::Health { stream: pods.clone(), health: health("connection refused") });
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "none");
    world.observe(Observed::Health { stream: pods, health: StreamHealth::Live });
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "complete");
}

#[test]
fn a_deadline_that_passes_while_the_pods_of_a_complete_rollout_cannot_be_seen_says_so() {
    let mut world = complete();
    world.listed_pod(
        "web-1",
        json!({"phase": "Pending", "containerStatuses": [{"name": "app", "ready": false,
            "state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]}),
    );
    let pods = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    let mut guard = Guard::new(World::target());
    world.at(90);
    guard.look(&world.store, &Policy::default());
    let health = StreamHealth::Interrupted { message: "connection refused".to_owned() };
    world.observe(Observed::Health { stream: pods, health });
    world.at(Policy::default().timeout.as_secs());
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "unreachable", "what the pods failed of when they were seen has passed");
}

#[test]
fn the_workload_is_read_anew_before_the_deadline() {
    let mut world = World::with_app(json!({}));
    world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
    let mut guard = Guard::new(World::target());
    let within = |outlook: &Outlook| {
        let own = Want::Watch(World::target());
        let asked = outlook.requests.iter().find(|request| request.want == own && request.refresh.is_some());
        asked.and_then(|request| request.refresh)
    };
    for (timeout, from, age) in [(10, 4, 4), (20, 8, 8), (300, 285, 10)] {
        let policy = Policy { timeout: Duration::from_secs(timeout), ..Policy::default() };
        world.at(from - 1);
        let outlook = guard.look(&world.store, &policy);
        assert_eq!(within(&outlook), None, "{timeout} s");
        assert!(outlook.wake <= Duration::from_secs(from), "{:?} of {timeout} s", outlook.wake);
        world.at(from);
        let outlook = guard.look(&world.store, &policy);
        assert_eq!(within(&outlook), Some(Duration::from_secs(age)), "{timeout} s");
    }
}

#[test]
fn nothing_passes_on_what_was_last_proved_a_while_ago() {
    let mut world = complete_since("2026-11-24T09:59:55Z");
    let pods = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    for stream in [World::target(), pods.clone()] {
        world.observe(Observed::Seen { stream });
    }
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &Policy::default());
    world.at(80);
    let outlook = guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "none");
    let asked = |outlook: &Outlook| -> Vec<Want> {
        outlook
            .requests
            .iter()
            .filter(|request| request.refresh.is_some())
            .map(|request| request.want.clone())
            .collect()
    };
    assert_eq!(asked(&outlook), [Want::Watch(World::target())], "pods are proved by bookmarks");
    world.at(100);
    assert_eq!(asked(&guard.look(&world.store, &Policy::default())).len(), 2, "and these are overdue");
    world.observe(Observed::Seen { stream: World::target() });
    world.observe(Observed::Seen { stream: pods });
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "complete");
}

#[test]
fn what_a_watch_that_was_opened_anew_shows_proves_nothing_before_the_next_proof() {
    let mut world = complete();
    world.observe(Observed::Seen { stream: World::target() });
    world.at(50);
    let mut guard = Guard::new(World::target());
    world.observe(Observed::Behind { stream: World::target() });
    let done = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1});
    world.deployment(done.clone());
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "none", "it may be what happened while there was no watch");
    world.observe(Observed::Seen { stream: World::target() });
    world.at(59);
    world.deployment(done);
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "complete", "after a proof, news are the present");
}

#[test]
fn pods_that_look_well_are_not_believed_when_the_workload_was_not_complete_since_they_were_seen() {
    let mut world = complete();
    let pods = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    world.observe(Observed::Seen { stream: pods.clone() });
    let status = |available: i64| json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": available});
    let policy = Policy::default();
    let mut guard = Guard::new(World::target());
    for (at, available) in [(20, 0), (31, 1)] {
        world.at(at);
        world.deployment(status(available));
        world.observe(Observed::Seen { stream: World::target() });
        guard.look(&world.store, &policy);
    }
    assert_eq!(reason(&guard), "none", "that pod was not well at 20 s, and nobody saw it");
    world.observe(Observed::Seen { stream: pods });
    guard.look(&world.store, &policy);
    assert_eq!(reason(&guard), "complete");
}

#[test]
fn a_failure_is_told_once_the_server_has_proved_that_it_is_still_so() {
    let mut world = World::with_app(json!({}));
    world.waiting_pod(
        "web-1",
        "InvalidImageName",
        "couldn't parse image name \"Web\": invalid reference format",
    );
    let pods = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    for stream in [World::target(), pods.clone()] {
        world.observe(Observed::Seen { stream });
    }
    let mut guard = Guard::new(World::target());
    let asked = |outlook: &Outlook, stream: &Stream| {
        let proof =
            |request: &Request| request.want == Want::Watch(stream.clone()) && request.refresh.is_some();
        outlook.requests.iter().any(proof)
    };
    for at in [6, 20, 40] {
        world.at(at);
        let outlook = guard.look(&world.store, &Policy::default());
        assert_eq!(reason(&guard), "none", "{at}");
        if at == 40 {
            assert!(asked(&outlook, &World::target()) && asked(&outlook, &pods));
        }
    }
    for stream in [World::target(), pods] {
        world.observe(Observed::Seen { stream });
    }
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "image-name-invalid");
}

#[test]
fn a_template_that_changes_before_the_controller_has_looked_is_another_rollout() {
    let mut world = World::with_app(json!({}));
    let of = |generation: i64, image: &str| {
        json!({"metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": generation},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                "template": {"spec": {"containers": [{"name": "app", "image": image}]}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}})
    };
    world.deployment_object(of(2, "web:2"));
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &Policy::default());
    let mut scaled = of(3, "web:2");
    scaled["spec"]["replicas"] = json!(5);
    world.deployment_object(scaled);
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "none", "another number of pods is the same rollout");
    world.deployment_object(of(4, "web:3"));
    world.at(4);
    guard.look(&world.store, &Policy::default());
    world.at(15);
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "rollout-superseded");
}

#[test]
fn a_target_that_goes_away_has_ten_seconds_to_come_back() {
    let mut world = World::with_app(json!({}));
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &Policy::default());
    world.at(5);
    world.observe(Observed::Listed { stream: World::target(), objects: Vec::new() });
    guard.look(&world.store, &Policy::default());
    world.at(14);
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "none");
    world.at(15);
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "target-deleted");
}

#[test]
fn a_target_that_is_gone_may_have_come_back_while_nobody_looked() {
    let stream = World::target;
    let mut world = World::with_app(json!({}));
    let mut guard = Guard::new(stream());
    world.observe(Observed::Seen { stream: stream() });
    guard.look(&world.store, &Policy::default());
    world.at(5);
    world.observe(Observed::Listed { stream: stream(), objects: Vec::new() });
    world.observe(Observed::Seen { stream: stream() });
    guard.look(&world.store, &Policy::default());
    let health = StreamHealth::Interrupted { message: "connection refused".to_owned() };
    world.observe(Observed::Health { stream: stream(), health });
    world.at(60);
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "none", "in the dark");
    world.observe(Observed::Health { stream: stream(), health: StreamHealth::Live });
    let outlook = guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "none", "not read since");
    let anew = Request { anew: true, ..Request::proof(stream(), Duration::from_secs(45)) };
    assert!(outlook.requests.contains(&anew), "{:?}", outlook.requests);
    world.observe(Observed::Seen { stream: stream() });
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "target-deleted");
}

/// A first look at a target whose stream is empty.
fn asked_for_what_is_not_there() -> (World, Guard) {
    let mut world = World::with_app(json!({}));
    let other = Stream::of(Kind::Deployment, "shop", "wbe");
    world.observe(Observed::Listed { stream: other.clone(), objects: Vec::new() });
    let mut guard = Guard::new(other);
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "none", "the names near it are on their way");
    (world, guard)
}

#[test]
fn a_target_that_was_never_there_is_not_found() {
    let (mut world, mut guard) = asked_for_what_is_not_there();
    world.at(4);
    guard.look(&world.store, &Policy::default());
    assert_eq!(reason(&guard), "not-found");
}

#[test]
fn a_target_that_was_never_there_is_looked_for_once_more_when_its_time_is_over() {
    let (mut world, mut guard) = asked_for_what_is_not_there();
    let policy = Policy { wait_for_create: Duration::from_secs(30), ..Policy::default() };
    let stream = || Stream::of(Kind::Deployment, "shop", "wbe");
    world.observe(Observed::Seen { stream: stream() });
    world.at(40);
    guard.look(&world.store, &policy);
    world.at(44);
    guard.look(&world.store, &policy);
    assert_eq!(reason(&guard), "none");
    world.observe(Observed::Seen { stream: stream() });
    guard.look(&world.store, &policy);
    assert_eq!(reason(&guard), "not-found");
}

#[test]
fn whether_its_namespace_exists_is_asked_of_a_target_that_was_never_there_where_nothing_is() {
    let names = Want::Names { kind: Kind::Deployment, namespace: "shop".to_owned() };
    for (known, expected) in [(vec!["web".to_owned()], false), (Vec::new(), true)] {
        let (mut world, mut guard) = asked_for_what_is_not_there();
        world.answer(names.clone(), Answer::Names(known));
        let requests = guard.look(&world.store, &Policy::default()).requests;
        let own = Request::once(Want::Namespace { name: "shop".to_owned() });
        assert_eq!(requests.contains(&own), expected);
    }
}

fn expecting(image: &str) -> Policy {
    let expected = crate::policy::Expected { container: None, value: image.to_owned() };
    let images = vec![expected];
    let expect = crate::policy::Expectations { images, ..Default::default() };
    Policy { expect, ..Policy::default() }
}

#[test]
fn a_complete_rollout_of_another_image_fails_after_its_tolerance() {
    let mut world = complete();
    let policy = expecting("registry.example/shop/web:1.3");
    let managers = Want::Managers(world.rollout().workload.object_ref());
    world.answer(managers, Answer::Managers(Vec::new()));
    let mut guard = Guard::new(World::target());
    // The ReplicaSets have not been listed, and a verdict waits three seconds for what explains it.
    for (at, expected) in [(0, "none"), (14, "none"), (15, "none"), (20, "image-not-updated")] {
        world.at(at);
        guard.look(&world.store, &policy);
        assert_eq!(reason(&guard), expected, "{at}");
    }
}

#[test]
fn what_is_asked_for_by_its_number_is_waited_for_and_not_passed_by() {
    let of = |generation| Policy {
        expect: crate::policy::Expectations { generation: Some(generation), ..Default::default() },
        ..Policy::default()
    };
    for (generation, expected) in [(1, "complete"), (2, "none")] {
        let mut guard = Guard::new(World::target());
        guard.look(&complete().store, &of(generation));
        assert_eq!(reason(&guard), expected, "{generation}");
    }
    let mut world = complete();
    let mut guard = Guard::new(World::target());
    for at in [0, 4] {
        world.at(at);
        guard.look(&world.store, &of(0));
    }
    assert_eq!(reason(&guard), "rollout-superseded");
}

#[test]
fn a_replica_set_that_served_before_is_a_rollback_also_within_one_second() {
    for (history, expected) in [("", "rollout-superseded"), ("1", "rolled-back")] {
        let mut world = World::with_app(json!({}));
        let mut guard = Guard::new(World::target());
        guard.look(&world.store, &Policy::default());
        let labels = json!({"app": "web"});
        let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "old"}]}});
        let revision = "deployment.kubernetes.io/revision";
        let set = json!({
            "metadata": {"name": "web-old", "namespace": "shop", "uid": "web-old",
                "annotations": {revision: "3", "deployment.kubernetes.io/revision-history": history},
                "labels": {"app": "web", "pod-template-hash": "web-old"},
                "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": "d-1", "controller": true}]},
            "spec": {"replicas": 1, "template": template}});
        world.observe(Observed::Applied {
            stream: Stream::selected(Kind::ReplicaSet, "shop", "app=web".to_owned()),
            object: crate::model::decode_value(Kind::ReplicaSet, set).unwrap(),
        });
        let deployment = |observed| {
            json!({
                "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 2,
                    "annotations": {revision: "3"}},
                "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
                "status": {"observedGeneration": observed, "replicas": 1, "updatedReplicas": 1}})
        };
        world.deployment_object(deployment(1));
        let managers = Want::Managers(world.rollout().workload.object_ref());
        world.answer(managers, Answer::Managers(Vec::new()));
        guard.look(&world.store, &Policy::default());
        assert_eq!(reason(&guard), "none", "the controller has not looked at the template");
        world.deployment_object(deployment(2));
        for at in [0, 4] {
            world.at(at);
            guard.look(&world.store, &Policy::default());
        }
        assert_eq!(reason(&guard), expected);
    }
}

#[test]
fn what_was_decided_stands_when_nothing_more_arrives() {
    let (world, mut guard) = asked_for_what_is_not_there();
    guard.conclude(world.now);
    assert_eq!(reason(&guard), "not-found");

    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &Policy::default());
    guard.conclude(world.now);
    assert_eq!(reason(&guard), "none", "nothing was decided");
}

#[test]
fn patience_is_a_factor_on_the_ten_minutes_of_a_stall_too() {
    for (patience, at) in [(0.1, 180), (0.5, 300), (2.0, 1200)] {
        let mut world = World::with_app(json!({}));
        let policy = Policy { timeout: Duration::from_secs(3600), patience, ..Policy::default() };
        let mut guard = Guard::new(World::target());
        for (at, expected) in [(0, "none"), (at - 1, "none"), (at, "none"), (at + 4, "stalled")] {
            world.at(at);
            world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
            guard.look(&world.store, &policy);
            assert_eq!(reason(&guard), expected, "{patience} {at}");
        }
    }
}

#[test]
fn a_rollout_whose_pods_come_and_go_without_getting_further_stalls() {
    let ready = |world: &mut World, ready: i64| {
        let pod = json!({"phase": "Running", "conditions": [
            {"type": "Ready", "status": if ready > 0 { "True" } else { "False" }}]});
        world.listed_pod(&format!("web-{}", world.now.as_secs()), pod);
        world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": ready, "availableReplicas": 0}));
    };
    let mut world = World::with_app(json!({}));
    let mut guard = Guard::new(World::target());
    let policy = Policy { timeout: Duration::from_secs(3600), ..Policy::default() };
    for at in (0..600).step_by(50) {
        world.at(at);
        ready(&mut world, i64::try_from(at / 50 % 2).unwrap());
        guard.look(&world.store, &policy);
        assert_eq!(reason(&guard), "none", "{at}");
    }
    // Ready for the first time at 50 s: ten minutes later nothing has got better.
    for (at, expected) in [(649, "none"), (660, "stalled")] {
        world.at(at);
        guard.look(&world.store, &policy);
        guard.conclude(world.now);
        assert_eq!(reason(&guard), expected, "{at}");
    }
}
