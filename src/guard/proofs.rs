//! What has to be proved before it decides anything.

use serde_json::json;

use super::tests::{complete, complete_since, reason};
use super::*;
use crate::model::Kind;
use crate::observation::{Object, Observed, StreamHealth};
use crate::planted::with;
use crate::testing::World;

/// A rollout whose image name is wrong, proved a second ago by lines of its watches.
fn failing() -> (World, Stream) {
    let mut world = World::with_app(json!({}));
    let message = "couldn't parse image name \"Web\": invalid reference format";
    let pods = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    for stream in [World::target(), pods.clone(), Stream { kind: Kind::ReplicaSet, ..pods.clone() }] {
        world.observe(Observed::Listed { stream: stream.clone(), objects: Vec::new() });
        world.observe(Observed::Seen { stream });
    }
    world.replica_set("web-new", "1", json!({"replicas": 1}));
    world.at(39);
    world.waiting_pod("web-1", "InvalidImageName", message);
    world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
    world.at(40);
    (world, pods)
}

fn read_anew(outlook: &Outlook) -> usize {
    outlook.requests.iter().filter(|request| request.anew).count()
}

/// What is decided upon lines, how many reads it asks for, and what is decided after these.
pub(crate) fn failure() -> (&'static str, usize, &'static str) {
    let (mut world, pods) = failing();
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &Policy::default());
    world.at(55);
    world.waiting_pod("web-1", "InvalidImageName", "couldn't parse");
    world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
    let outlook = guard.look(&world.store, &Policy::default());
    let before = reason(&guard);
    for stream in [World::target(), pods] {
        world.observe(Observed::Seen { stream });
    }
    guard.look(&world.store, &Policy::default());
    (before, read_anew(&outlook), reason(&guard))
}

#[test]
fn a_failure_is_read_anew_before_it_is_told_though_lines_have_come() {
    assert_eq!(failure(), ("none", 2, "image-name-invalid"));
    assert_eq!(with(Bug::NeverReread, failure), ("image-name-invalid", 0, "image-name-invalid"));
}

#[test]
fn a_failure_that_cannot_be_read_anew_is_told_three_seconds_later() {
    let (mut world, _) = failing();
    let mut guard = Guard::new(World::target());
    let mut told = None;
    for at in 40..70 {
        world.at(at);
        world.waiting_pod("web-1", "InvalidImageName", "couldn't parse");
        world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
        let outlook = guard.look(&world.store, &Policy::default());
        told = told.or((read_anew(&outlook) > 0).then_some(at));
        if reason(&guard) != "none" {
            assert_eq!((reason(&guard), Some(at)), ("image-name-invalid", told.map(|at| at + 3)));
            return;
        }
    }
    panic!("never told");
}

#[test]
fn a_recording_that_was_judged_without_such_reads_still_is() {
    let (mut world, _) = failing();
    let policy = Policy { rereads: false, ..Policy::default() };
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &policy);
    world.at(55);
    world.waiting_pod("web-1", "InvalidImageName", "couldn't parse");
    world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
    guard.look(&world.store, &policy);
    assert_eq!(reason(&guard), "image-name-invalid");
}

#[test]
fn nothing_rests_on_any_stream_that_was_opened_anew_before_its_next_proof() {
    assert_eq!(opened_anew(), ("none", "complete"));
    assert_eq!(with(Bug::TrustReopened, opened_anew), ("complete", "complete"));
}

/// What is decided before the next proof of one of the streams, and after it.
pub(crate) fn opened_anew() -> (&'static str, &'static str) {
    let mut world = complete();
    let sets = Stream::selected(Kind::ReplicaSet, "shop", "app=web".to_owned());
    for stream in [World::target(), sets.clone()] {
        world.observe(Observed::Seen { stream });
    }
    world.observe(Observed::Behind { stream: sets.clone() });
    world.at(2);
    let mut guard = Guard::new(World::target());
    let outlook = guard.look(&world.store, &Policy::default());
    let before = reason(&guard);
    let asked = |request: &&Request| request.want == Want::Watch(sets.clone()) && request.refresh.is_some();
    assert!(before == "complete" || outlook.requests.iter().any(|request| asked(&request)));
    assert!(outlook.wake > Duration::from_secs(2), "without asking all the time");
    world.observe(Observed::Seen { stream: sets });
    guard.look(&world.store, &Policy::default());
    (before, reason(&guard))
}

#[test]
fn where_pods_count_for_nothing_those_seen_before_they_were_refused_do_not_count() {
    let mut world = complete();
    world.listed_pod(
        "web-1",
        json!({"phase": "Running", "containerStatuses": [{"name": "app", "ready": false, "restartCount": 9,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}),
    );
    let pods = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    let refusal =
        crate::observation::Refusal { code: 403, asked: "list pods".to_owned(), message: String::new() };
    world.observe(Observed::Health { stream: pods, health: StreamHealth::Refused(refusal) });
    let policy = Policy { stable_for: crate::policy::StableFor::For(Duration::ZERO), ..Policy::default() };
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &policy);
    assert_eq!(reason(&guard), "complete");
}

#[test]
fn pods_that_were_seen_before_the_workload_last_changed_are_read_anew_before_a_pass() {
    let mut world = complete_since("2026-11-24T09:59:55Z");
    let pods = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    for stream in [World::target(), pods.clone()] {
        world.observe(Observed::Seen { stream });
    }
    let policy = Policy::default();
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &policy);
    // It says what it said before; whether it did in between, nobody saw.
    let mut again = world.store.workload(&World::target()).unwrap().clone();
    "9".clone_into(&mut again.metadata.resource_version);
    let object = Object::Workload(Box::new(again));
    world.at(40);
    world.observe(Observed::Applied { stream: World::target(), object });
    let outlook = guard.look(&world.store, &policy);
    let asked = |request: &Request| request.want == Want::Watch(pods.clone()) && request.refresh.is_some();
    assert_eq!(reason(&guard), "none");
    assert!(outlook.requests.iter().any(asked), "{:?}", outlook.requests);
    world.observe(Observed::Seen { stream: pods });
    guard.look(&world.store, &policy);
    assert_eq!(reason(&guard), "complete");
}

#[test]
fn what_is_refused_later_needs_no_proof_where_pods_count_for_nothing() {
    let mut world = complete();
    let pods = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    for stream in [World::target(), pods.clone()] {
        world.observe(Observed::Seen { stream });
    }
    world.at(200);
    let refusal =
        crate::observation::Refusal { code: 403, asked: "list pods".to_owned(), message: String::new() };
    world.observe(Observed::Health { stream: pods, health: StreamHealth::Refused(refusal) });
    world.observe(Observed::Seen { stream: World::target() });
    let policy = Policy { stable_for: crate::policy::StableFor::For(Duration::ZERO), ..Policy::default() };
    let mut guard = Guard::new(World::target());
    guard.look(&world.store, &policy);
    assert_eq!(reason(&guard), "complete");
}
