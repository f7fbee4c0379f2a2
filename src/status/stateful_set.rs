//! StatefulSets. The controller has no conditions and no deadline, so its counters are all it says
//! (`pkg/controller/statefulset/stateful_set_control.go`).

use super::{Status, count, not_observed};
use crate::model::{Pod, Rollout};

/// Complete: all pods that are to be updated are, as many exist as are asked for, and all of them are available.
///
/// `currentRevision == updateRevision` is not asked: it lags, and with a partition it never holds. Pods below the
/// partition count as available like all others.
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
    let to_update = if set.updates_on_delete() { 0 } else { set.to_update() };
    let updated = status.updated_replicas >= to_update;
    if updated && status.replicas == desired && set.available() == desired {
        return Status::Complete;
    }
    Status::Progressing { missing: missing(rollout, to_update) }
}

/// Surplus ones gone, all made, updated, available: the order in which the controller does it.
fn missing(rollout: &Rollout<'_>, to_update: i64) -> String {
    let set = rollout.workload;
    let (desired, status) = (set.desired(), &set.status);
    let what = if status.replicas > desired {
        format!("{} to be removed", count(status.replicas - desired, "surplus replica"))
    } else if status.replicas < desired {
        format!("{} of {desired} replicas to be created", desired - status.replicas)
    } else if status.updated_replicas < to_update {
        format!("{} of {to_update} replicas to be updated", to_update - status.updated_replicas)
    } else {
        let lacking = (desired - set.available()).max(0);
        return format!("{lacking} of {desired} replicas to become available");
    };
    match blocking(rollout) {
        Some(pod) => format!("{what}; pod {} comes first, and is not ready", pod.metadata.name),
        None => what,
    }
}

/// Made and updated one after the other, a pod that is not ready keeps all others as they are. The controller
/// goes through them by ordinal and stops at the first.
fn blocking<'a>(rollout: &Rollout<'a>) -> Option<&'a Pod> {
    if !rollout.workload.is_ordered() {
        return None;
    }
    rollout
        .pods
        .iter()
        .chain(&rollout.old_pods)
        .copied()
        .filter(|pod| !pod.is_ready() && !pod.metadata.is_being_deleted() && !pod.is_finished())
        .min_by_key(|pod| pod.ordinal())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Kind;
    use crate::testing::World;

    fn world(spec: Value, status: Value) -> World {
        let mut world = World::of(Kind::StatefulSet);
        let mut full = json!({"observedGeneration": 1, "updateRevision": "web-new"});
        crate::testing::merge(&mut full, status);
        world.workload(spec, full);
        world
    }

    fn assessed(spec: Value, status: Value) -> Status {
        assess(&world(spec, status).rollout())
    }

    fn missing_of(spec: Value, status: Value) -> String {
        match assessed(spec, status) {
            Status::Progressing { missing } => missing,
            other => panic!("{other:?}"),
        }
    }

    fn counters(replicas: i64, updated: i64, available: i64) -> Value {
        json!({"replicas": replicas, "updatedReplicas": updated, "readyReplicas": 3,
            "availableReplicas": available})
    }

    fn partition(partition: i64) -> Value {
        json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate",
            "rollingUpdate": {"partition": partition}}})
    }

    fn on_delete() -> Value {
        json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}})
    }

    #[test]
    fn complete_needs_all_updated_none_surplus_and_all_available() {
        let spec = json!({"replicas": 3});
        assert_eq!(assessed(spec.clone(), counters(3, 3, 3)), Status::Complete);
        assert_eq!(missing_of(spec.clone(), counters(5, 3, 3)), "2 surplus replicas to be removed");
        assert_eq!(missing_of(spec.clone(), counters(1, 1, 1)), "2 of 3 replicas to be created");
        assert_eq!(missing_of(spec.clone(), counters(3, 1, 3)), "2 of 3 replicas to be updated");
        // Ready, but not for minReadySeconds.
        assert_eq!(missing_of(spec, counters(3, 3, 2)), "1 of 3 replicas to become available");
    }

    #[test]
    fn a_current_revision_that_lags_does_not_matter() {
        let mut status = counters(3, 3, 3);
        crate::testing::merge(&mut status, json!({"currentRevision": "web-old", "currentReplicas": 0}));
        assert_eq!(assessed(json!({"replicas": 3}), status), Status::Complete);
    }

    #[test]
    fn nothing_counts_before_the_generation_is_observed() {
        let mut status = counters(3, 3, 3);
        status["observedGeneration"] = json!(0);
        let expected = Status::NotObserved { generation: 1, observed: Some(0) };
        assert_eq!(assessed(json!({"replicas": 3}), status), expected);
    }

    #[test]
    fn below_a_partition_pods_need_no_update_but_must_be_available() {
        assert_eq!(assessed(partition(2), counters(3, 1, 3)), Status::Complete);
        assert_eq!(missing_of(partition(2), counters(3, 0, 3)), "1 of 1 replicas to be updated");
        assert_eq!(missing_of(partition(2), counters(3, 1, 2)), "1 of 3 replicas to become available");
        // Nothing at all is updated.
        assert_eq!(assessed(partition(7), counters(3, 0, 3)), Status::Complete);
    }

    #[test]
    fn on_delete_with_old_pods_waits_for_somebody_unless_that_is_allowed() {
        assert_eq!(assessed(on_delete(), counters(3, 1, 3)), Status::UpdateOnDelete { old: 2 });
        assert_eq!(assessed(on_delete(), counters(3, 3, 3)), Status::Complete);
        assert_eq!(missing_of(on_delete(), counters(1, 1, 1)), "2 of 3 replicas to be created");
        let mut allowed = world(on_delete(), counters(3, 1, 3));
        allowed.accepted.on_delete = true;
        assert_eq!(assess(&allowed.rollout()), Status::Complete);
        allowed
            .workload(on_delete(), json!({"observedGeneration": 1, "replicas": 3, "availableReplicas": 2}));
        assert!(matches!(assess(&allowed.rollout()), Status::Progressing { .. }));
    }

    #[test]
    fn zero_replicas_are_complete_when_none_is_left() {
        assert_eq!(assessed(json!({"replicas": 0}), counters(0, 0, 0)), Status::Complete);
        assert_eq!(missing_of(json!({"replicas": 0}), counters(1, 1, 1)), "1 surplus replica to be removed");
    }

    #[test]
    fn the_lowest_ordinal_that_is_not_ready_is_named_where_the_order_counts() {
        let mut world = world(json!({"replicas": 12}), counters(12, 11, 12));
        for name in ["web-10", "web-9"] {
            world.pod_of_revision(name, "web-new", json!({"phase": "Running"}));
        }
        let ordered = assess(&world.rollout());
        world.workload(
            json!({"replicas": 12, "podManagementPolicy": "Parallel"}),
            json!({"observedGeneration": 1, "updateRevision": "web-new", "replicas": 12,
                "updatedReplicas": 11, "availableReplicas": 12}),
        );
        let parallel = assess(&world.rollout());
        let Status::Progressing { missing } = ordered else { panic!("{ordered:?}") };
        assert_eq!(missing, "1 of 12 replicas to be updated; pod web-9 comes first, and is not ready");
        assert_eq!(parallel, Status::Progressing { missing: "1 of 12 replicas to be updated".to_owned() });
    }
}
