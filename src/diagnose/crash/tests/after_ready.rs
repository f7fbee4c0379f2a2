//! Ends of containers that had been Ready.

use serde_json::json;

use super::super::rules;
use super::{dead, hold_of, running};
use crate::diagnose::{CauseCode, Hold};
use crate::testing::World;

/// One life of the container, from its start to its end, Ready for that many seconds.
fn life(world: &mut World, n: u32, ready: u64) {
    let start = world.now.as_secs();
    running(world, n - 1, "False");
    if ready > 0 {
        world.at(start + 2);
        running(world, n - 1, "True");
    }
    world.at(start + 2 + ready);
    dead(world, n, 1, "Error");
}

#[test]
fn a_crash_of_a_container_that_had_passed_its_readiness_probe_is_one_after_ready() {
    let mut world = World::with_app(json!({"readinessProbe": {"httpGet": {"port": 80}}}));
    for (n, hold) in [(1, Hold::Announce), (2, Hold::Announce), (3, Hold::Announce), (4, Hold::Ripe)] {
        life(&mut world, n, 5);
        assert_eq!(hold_of(&world, CauseCode::CrashAfterReady), hold, "{n}");
    }
    let found = world.run(rules);
    assert_eq!(found.codes(), ["crash-after-ready"]);
    let headline = &found.the(CauseCode::CrashAfterReady).headline;
    assert!(
        headline.starts_with("container app became ready and ended 4 times with exit code 1"),
        "{headline}"
    );
}

#[test]
fn without_a_readiness_probe_ready_for_a_moment_says_nothing() {
    let of = |ready| {
        let mut world = World::with_app(json!({}));
        life(&mut world, 1, ready);
        world.run(rules).codes()
    };
    assert_eq!(of(20), ["container-crashing"]);
    assert_eq!(of(30), ["crash-after-ready"]);
}

#[test]
fn a_crash_before_the_probe_has_passed_is_an_ordinary_one() {
    let mut world = World::with_app(json!({"readinessProbe": {"httpGet": {"port": 80}}}));
    life(&mut world, 1, 0);
    assert_eq!(world.run(rules).codes(), ["container-crashing"]);
}
