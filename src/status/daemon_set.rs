//! DaemonSets, which count nodes (`pkg/controller/daemon/daemon_controller.go`, `updateDaemonSetStatus`).

use super::{Status, count, not_observed};
use crate::model::{Rollout, Workload};

/// Complete: every node that should run a pod runs an updated one, and all of them are available.
///
/// The number of nodes moves while the rollout is under way, so it is taken from the same status as the rest.
/// While a surge has two pods on a node, the controller counts the older of them. Nodes that are not ready or
/// cordoned are excused where all others are complete ([`Rollout::excused`]).
pub(super) fn assess(rollout: &Rollout<'_>) -> Status {
    let set = rollout.workload;
    if let Some(status) = not_observed(set) {
        return status;
    }
    let (desired, status) = (set.desired(), &set.status);
    let old = status.replicas - status.updated_replicas;
    if set.updates_on_delete() && old > 0 && !rollout.accepted.on_delete {
        return Status::UpdateOnDelete { old };
    }
    if rollout.excused.apply() {
        return Status::Complete;
    }
    let updated = set.updates_on_delete() || status.updated_replicas == desired;
    if updated && status.replicas == desired && set.available() == desired {
        return Status::Complete;
    }
    Status::Progressing { missing: missing(set) }
}

fn missing(set: &Workload) -> String {
    let (desired, status) = (set.desired(), &set.status);
    let nodes = count(desired, "node");
    if status.replicas < desired {
        format!("a pod on {} of {nodes}", desired - status.replicas)
    } else if status.updated_replicas < desired && !set.updates_on_delete() {
        format!("the pod on {} of {nodes} to be updated", desired - status.updated_replicas)
    } else {
        format!("the pod on {} of {nodes} to become available", (desired - set.available()).max(0))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Kind;
    use crate::testing::World;

    fn world(spec: Value, counters: [i64; 4]) -> World {
        let mut world = World::of(Kind::DaemonSet);
        world.workload(spec, status(counters));
        world
    }

    fn status([desired, current, updated, available]: [i64; 4]) -> Value {
        json!({"observedGeneration": 1, "desiredNumberScheduled": desired, "currentNumberScheduled": current,
            "updatedNumberScheduled": updated, "numberReady": current, "numberAvailable": available})
    }

    fn assessed(counters: [i64; 4]) -> Status {
        assess(&world(json!({}), counters).rollout())
    }

    fn missing_of(counters: [i64; 4]) -> String {
        match assessed(counters) {
            Status::Progressing { missing } => missing,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn complete_needs_an_updated_and_available_pod_on_every_node() {
        assert_eq!(assessed([3, 3, 3, 3]), Status::Complete);
        assert_eq!(missing_of([3, 2, 2, 2]), "a pod on 1 of 3 nodes");
        assert_eq!(missing_of([3, 3, 1, 3]), "the pod on 2 of 3 nodes to be updated");
        assert_eq!(missing_of([1, 1, 1, 0]), "the pod on 1 of 1 node to become available");
    }

    #[test]
    fn no_node_at_all_is_complete_once_observed() {
        assert_eq!(assessed([0, 0, 0, 0]), Status::Complete);
        let mut unseen = World::of(Kind::DaemonSet);
        unseen.workload(json!({}), json!({}));
        let expected = Status::NotObserved { generation: 1, observed: None };
        assert_eq!(assess(&unseen.rollout()), expected);
    }

    #[test]
    fn on_delete_with_old_pods_waits_for_somebody_unless_that_is_allowed() {
        let spec = json!({"updateStrategy": {"type": "OnDelete"}});
        let mut world = world(spec.clone(), [3, 3, 1, 3]);
        assert_eq!(assess(&world.rollout()), Status::UpdateOnDelete { old: 2 });
        world.accepted.on_delete = true;
        assert_eq!(assess(&world.rollout()), Status::Complete);
        world.workload(spec, status([3, 3, 1, 2]));
        assert!(matches!(assess(&world.rollout()), Status::Progressing { .. }));
    }
}
