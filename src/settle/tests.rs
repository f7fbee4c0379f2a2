//! The settling rule on small worlds.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::model::Kind;
use crate::observation::{Observed, Stream};
use crate::testing::World;

fn running(restarts: i64, since: &str) -> Value {
    json!({"phase": "Running",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}],
        "containerStatuses": [{"name": "app", "ready": true, "restartCount": restarts,
            "state": {"running": {"startedAt": since}}}]})
}

fn dead(restarts: i64, since: &str, until: &str) -> Value {
    json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "app", "restartCount": restarts,
            "state": {"terminated": {"exitCode": 1, "startedAt": since, "finishedAt": until}}}]})
}

fn complete(world: &mut World) {
    world.deployment(
        json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}),
    );
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn auto() -> Policy {
    Policy::default()
}

/// An application that says when it has come up.
fn probed() -> Value {
    json!({"readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}}})
}

const START: &str = "2026-11-24T10:00:00Z";

#[test]
fn a_young_pod_must_reach_ten_seconds() {
    let mut world = World::with_app(probed());
    let mut settling = Settling::default();
    world.at(2);
    world.pod("web-1", running(0, START));
    complete(&mut world);
    let (state, _) = settling.update(&world.rollout(), true, &auto());
    assert!(matches!(state, Settled::Waiting { until, .. } if until == seconds(12)), "{state:?}");
    world.at(12);
    assert_eq!(settling.update(&world.rollout(), true, &auto()).0, Settled::Settled);
}

#[test]
fn without_a_probe_of_any_kind_a_pod_must_reach_thirty_seconds() {
    let required = |container: Value, policy: &Policy| {
        let mut world = World::with_app(container);
        complete(&mut world);
        required_age(&world.rollout(), policy).as_secs()
    };
    let check = json!({"exec": {"command": ["true"]}, "initialDelaySeconds": 1, "periodSeconds": 1});
    assert_eq!(required(json!({}), &auto()), 30);
    assert_eq!(required(probed(), &auto()), 10);
    assert_eq!(required(json!({ "startupProbe": check }), &auto()), 10);
    assert_eq!(required(json!({ "livenessProbe": check }), &auto()), 10);
    // A recording that was judged before this was so, and what the user says.
    assert_eq!(required(json!({}), &Policy { waits_longer: false, ..auto() }), 10);
    assert_eq!(required(json!({}), &Policy { stable_for: StableFor::For(seconds(5)), ..auto() }), 5);
}

#[test]
fn a_pod_that_had_settled_long_before_we_looked_passes_at_once() {
    let mut world = World::with_app(probed());
    complete(&mut world);
    world.listed_pod("web-1", running(0, "2026-11-24T09:58:00Z"));
    let mut settling = Settling::default();
    assert_eq!(settling.update(&world.rollout(), true, &auto()).0, Settled::Settled);
}

#[test]
fn a_pod_that_is_only_a_little_older_than_required_is_watched_all_the_same() {
    let mut world = World::with_app(probed());
    complete(&mut world);
    world.listed_pod("web-1", running(0, "2026-11-24T09:59:30Z"));
    let mut settling = Settling::default();
    assert!(matches!(settling.update(&world.rollout(), true, &auto()).0, Settled::Waiting { .. }));
}

#[test]
fn a_crash_makes_the_pod_young_and_doubles_what_it_must_show() {
    let mut world = World::with_app(probed());
    let mut settling = Settling::default();
    world.pod("web-1", running(0, START));
    complete(&mut world);
    settling.update(&world.rollout(), true, &auto());
    world.at(8);
    world.pod("web-1", dead(0, START, "2026-11-24T10:00:08Z"));
    let (state, _) = settling.update(&world.rollout(), false, &auto());
    assert_eq!(state, Settled::NotComplete);
    world.at(9);
    world.pod("web-1", running(1, "2026-11-24T10:00:09Z"));
    let (state, _) = settling.update(&world.rollout(), true, &auto());
    assert!(matches!(state, Settled::Waiting { until, .. } if until == seconds(9 + 30)), "{state:?}");
    // A longer life counts double.
    world.at(34);
    world.pod("web-1", dead(1, "2026-11-24T10:00:09Z", "2026-11-24T10:00:34Z"));
    settling.update(&world.rollout(), false, &auto());
    world.at(35);
    world.pod("web-1", running(2, "2026-11-24T10:00:35Z"));
    let (state, _) = settling.update(&world.rollout(), true, &auto());
    assert!(matches!(state, Settled::Waiting { until, .. } if until == seconds(35 + 50)), "{state:?}");
}

#[test]
fn after_a_crash_a_probe_that_passes_is_not_enough_for_a_short_wait() {
    // Lives of 3 s and of 11 s: twice the first would believe the second.
    let crashed = |policy: &Policy| {
        let mut world = World::with_app(probed());
        world.pod("web-1", running(0, START));
        complete(&mut world);
        let healthy = required_age(&world.rollout(), policy).as_secs();
        world.at(3);
        world.pod("web-1", dead(0, START, "2026-11-24T10:00:03Z"));
        world.at(4);
        world.pod("web-1", running(1, "2026-11-24T10:00:04Z"));
        (healthy, required_age(&world.rollout(), policy).as_secs())
    };
    assert_eq!(crashed(&auto()), (10, 30));
    assert_eq!(crashed(&Policy { waits_longer: false, ..auto() }), (10, 10));
    assert_eq!(crashed(&Policy { stable_for: StableFor::For(seconds(5)), ..auto() }), (5, 5));
}

#[test]
fn restarts_before_this_rollout_make_nobody_wait_longer() {
    let mut world = World::with_app(probed());
    complete(&mut world);
    world.listed_pod("web-1", running(9, START));
    assert_eq!(required_age(&world.rollout(), &auto()).as_secs(), 10);
}

#[test]
fn pods_that_an_autoscaler_adds_do_not_delay_the_cohort() {
    let mut world = World::with_app(probed());
    let mut settling = Settling::default();
    world.pod("web-1", running(0, START));
    complete(&mut world);
    settling.update(&world.rollout(), true, &auto());
    world.at(8);
    world.pod("web-2", json!({"phase": "Pending"}));
    assert!(matches!(settling.update(&world.rollout(), false, &auto()).0, Settled::Waiting { .. }));
    world.at(10);
    assert_eq!(settling.update(&world.rollout(), false, &auto()).0, Settled::Settled);
}

#[test]
fn pods_that_came_while_nobody_saw_them_are_waited_for() {
    let mut world = World::with_app(probed());
    let mut settling = Settling::default();
    world.pod("web-1", running(0, START));
    complete(&mut world);
    settling.update(&world.rollout(), true, &auto());
    let stream = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    world.at(8);
    world.observe(Observed::Behind { stream: stream.clone() });
    world.pod("web-2", running(0, "2026-11-24T10:00:08Z"));
    settling.update(&world.rollout(), true, &auto());
    world.at(10);
    world.observe(Observed::Seen { stream });
    let (state, _) = settling.update(&world.rollout(), true, &auto());
    assert!(matches!(state, Settled::Waiting { until, .. } if until == seconds(18)), "{state:?}");
    world.at(18);
    assert_eq!(settling.update(&world.rollout(), true, &auto()).0, Settled::Settled);
}

#[test]
fn a_later_pod_that_crashes_blocks() {
    let mut world = World::with_app(probed());
    let mut settling = Settling::default();
    world.pod("web-1", running(0, START));
    complete(&mut world);
    settling.update(&world.rollout(), true, &auto());
    world.at(6);
    world.pod("web-2", dead(0, START, "2026-11-24T10:00:06Z"));
    world.at(10);
    assert!(matches!(settling.update(&world.rollout(), false, &auto()).0, Settled::Waiting { .. }));
}

#[test]
fn a_failing_liveness_probe_stands_until_it_could_have_killed() {
    let probe = json!({"httpGet": {"port": 80}, "periodSeconds": 5, "failureThreshold": 3});
    let mut world = World::with_app(json!({"livenessProbe": probe}));
    let mut settling = Settling::default();
    world.pod("web-1", running(0, START));
    complete(&mut world);
    let (_, requests) = settling.update(&world.rollout(), true, &auto());
    assert_eq!(requests.len(), 1, "events are read while a liveness probe exists");
    world.at(12);
    let failure = json!([{"reason": "Unhealthy", "message": "Liveness probe failed: HTTP probe failed with statuscode: 404",
        "involvedObject": {"fieldPath": "spec.containers{app}"}, "lastTimestamp": "2026-11-24T10:00:10Z"}]);
    world.events(Kind::Pod, "web-1", failure.clone());
    let (state, _) = settling.update(&world.rollout(), true, &auto());
    assert!(matches!(state, Settled::Waiting { until, .. } if until == seconds(28)), "{state:?}");
    world.at(29);
    let (state, _) = settling.update(&world.rollout(), true, &auto());
    assert!(matches!(state, Settled::Waiting { .. }), "the events were read too long ago");
    world.events(Kind::Pod, "web-1", failure.clone());
    assert_eq!(settling.update(&world.rollout(), true, &auto()).0, Settled::Settled);
    // Read a moment before the window was over: the next failure may have come since.
    let mut world = World::with_app(json!({"livenessProbe": probe}));
    world.pod("web-1", running(0, START));
    complete(&mut world);
    world.at(26);
    world.events(Kind::Pod, "web-1", failure);
    world.at(30);
    let (state, _) = Settling::default().update(&world.rollout(), true, &auto());
    assert!(matches!(state, Settled::Waiting { until, .. } if until == seconds(32)), "{state:?}");
}

#[test]
fn a_kill_that_kubelet_has_announced_is_waited_for() {
    let probe = json!({"httpGet": {"port": 80}, "periodSeconds": 2, "failureThreshold": 1});
    let mut world = World::with_app(json!({"livenessProbe": probe}));
    world.pod("web-1", running(0, START));
    complete(&mut world);
    let kill = json!([{"reason": "Killing", "message": "Container app failed liveness probe, will be restarted",
        "involvedObject": {"fieldPath": "spec.containers{app}"}, "lastTimestamp": "2026-11-24T10:00:10Z"}]);
    for (at, settles) in [(30, false), (43, false), (45, true)] {
        world.at(at);
        world.events(Kind::Pod, "web-1", kill.clone());
        let (state, _) = Settling::default().update(&world.rollout(), true, &auto());
        assert_eq!(state == Settled::Settled, settles, "{at}: {state:?}");
    }
}

#[test]
fn counters_ahead_of_the_pods_we_have_seen_do_not_settle() {
    let mut world = World::with_app(probed());
    complete(&mut world);
    world.at(60);
    assert_eq!(Settling::default().update(&world.rollout(), true, &auto()).0, Settled::NotComplete);
}

#[test]
fn zero_turns_settling_off() {
    let mut world = World::with_app(probed());
    complete(&mut world);
    let policy = Policy { stable_for: StableFor::For(Duration::ZERO), ..auto() };
    assert_eq!(Settling::default().update(&world.rollout(), true, &policy).0, Settled::Settled);
}

#[test]
fn below_a_partition_nothing_settles() {
    let mut world = World::of_with_app(Kind::StatefulSet, probed());
    world.at(2);
    world.workload(
        json!({"replicas": 2, "updateStrategy": {"rollingUpdate": {"partition": 1}}}),
        json!({"observedGeneration": 1, "updateRevision": "new", "replicas": 2, "updatedReplicas": 1,
            "availableReplicas": 2}),
    );
    world.pod_of_revision("web-0", "old", dead(7, START, START));
    let mut settling = Settling::default();
    let (state, _) = settling.update(&world.rollout(), true, &auto());
    assert_eq!(state, Settled::NotComplete, "the updated pod has not been seen");
    world.pod_of_revision("web-1", "new", running(0, START));
    let (state, _) = settling.update(&world.rollout(), true, &auto());
    assert!(matches!(state, Settled::Waiting { until, .. } if until == seconds(12)), "{state:?}");
    world.at(12);
    assert_eq!(settling.update(&world.rollout(), true, &auto()).0, Settled::Settled);
}

#[test]
fn where_nothing_is_to_be_updated_nothing_is_waited_for() {
    let mut world = World::of_with_app(Kind::StatefulSet, probed());
    world.workload(
        json!({"updateStrategy": {"rollingUpdate": {"partition": 9}}}),
        json!({"observedGeneration": 1, "updateRevision": "new", "replicas": 1, "availableReplicas": 1}),
    );
    world.pod_of_revision("web-0", "old", running(0, START));
    let mut settling = Settling::default();
    assert_eq!(settling.update(&world.rollout(), true, &auto()).0, Settled::Settled);
}

#[test]
fn pods_of_an_older_template_that_are_there_again_are_no_shortage() {
    let mut world = World::with_app(probed());
    let mut settling = Settling::default();
    world.at(2);
    world.pod("web-1", running(0, START));
    complete(&mut world);
    settling.update(&world.rollout(), true, &auto());
    world.at(12);
    let status = |replicas: i64| json!({"observedGeneration": 1, "replicas": replicas, "updatedReplicas": 1});
    world.deployment(status(1));
    assert_eq!(settling.update(&world.rollout(), false, &auto()).0, Settled::Settled, "scaled");
    world.deployment(status(2));
    assert_eq!(settling.update(&world.rollout(), false, &auto()).0, Settled::NotComplete);
}

#[test]
fn a_pod_that_goes_while_the_counters_still_have_it_is_waited_for() {
    let mut world = World::with_app(probed());
    let mut settling = Settling::default();
    let two = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
    world.deployment(two);
    world.pod("web-1", running(0, START));
    world.at(8);
    world.pod("web-2", running(0, "2026-11-24T10:00:08Z"));
    settling.update(&world.rollout(), true, &auto());
    world.at(12);
    world.delete_pod("web-2");
    let (state, _) = settling.update(&world.rollout(), true, &auto());
    assert!(matches!(state, Settled::Waiting { until, .. } if until == seconds(13)), "{state:?}");
    world.deployment(json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}));
    assert_eq!(settling.update(&world.rollout(), false, &auto()).0, Settled::Settled, "evicted");
}
