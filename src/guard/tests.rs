//! A target over several looks.

use serde_json::json;

use super::*;
use crate::model::Kind;
use crate::observation::{Observed, Refusal, StreamHealth};
use crate::testing::World;

fn guard(kind: Kind) -> Guard {
    Guard::new(Stream::of(kind, "shop", "web"))
}

fn verdict(guard: &mut Guard, world: &World) -> Option<Verdict> {
    let _outlook = guard.look(&world.store, &Policy::default());
    guard.verdict().map(|(verdict, _)| verdict.clone())
}

#[test]
fn another_update_revision_is_another_rollout_and_a_scaling_is_not() {
    let mut world = World::of(Kind::StatefulSet);
    let mut guard = guard(Kind::StatefulSet);
    world.workload(json!({"replicas": 1}), json!({"observedGeneration": 1, "updateRevision": "web-a"}));
    assert_eq!(verdict(&mut guard, &world), None);
    world.workload(json!({"replicas": 3}), json!({"observedGeneration": 1, "updateRevision": "web-a"}));
    assert_eq!(verdict(&mut guard, &world), None);
    // Not looked at yet: whatever the status says is of the spec before.
    world.workload(json!({}), json!({"observedGeneration": 0, "updateRevision": "web-b"}));
    assert_eq!(verdict(&mut guard, &world), None);
    world.workload(json!({}), json!({"observedGeneration": 1, "updateRevision": "web-b"}));
    assert_eq!(verdict(&mut guard, &world), Some(Verdict::Superseded));
}

#[test]
fn a_newer_controller_revision_is_another_rollout_of_a_daemon_set() {
    let mut world = World::of(Kind::DaemonSet);
    let mut guard = guard(Kind::DaemonSet);
    let status = json!({"observedGeneration": 1, "desiredNumberScheduled": 1});
    world.workload(json!({}), status.clone());
    assert_eq!(verdict(&mut guard, &world), None, "no revision has been seen");
    world.controller_revision("aaa", 1);
    assert_eq!(verdict(&mut guard, &world), None);
    // The same object with a higher number: the template is the same.
    world.controller_revision("aaa", 2);
    assert_eq!(verdict(&mut guard, &world), None);
    world.controller_revision("bbb", 3);
    assert_eq!(verdict(&mut guard, &world), Some(Verdict::Superseded));
}

#[test]
fn what_tells_new_pods_from_old_must_be_readable_and_nothing_else() {
    let refuse = |kind: Kind| Observed::Health {
        stream: Stream::selected(kind, "shop", "app=web".to_owned()),
        health: StreamHealth::Refused(Refusal {
            code: 403,
            asked: format!("list {}", kind.plural()),
            message: "forbidden".to_owned(),
        }),
    };
    for (workload, refused, blind) in [
        (Kind::DaemonSet, Kind::ControllerRevision, true),
        (Kind::DaemonSet, Kind::Pod, true),
        (Kind::DaemonSet, Kind::ReplicaSet, false),
        (Kind::StatefulSet, Kind::ControllerRevision, false),
        (Kind::StatefulSet, Kind::Pod, true),
    ] {
        let mut world = World::of(workload);
        world.workload(json!({}), json!({"observedGeneration": 1}));
        world.observe(refuse(refused));
        let ended = verdict(&mut guard(workload), &world);
        assert_eq!(
            matches!(ended, Some(Verdict::Indeterminate(_))),
            blind,
            "{workload} {refused}: {ended:?}"
        );
    }
}
