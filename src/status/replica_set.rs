//! ReplicaSets that are targets by themselves (pkg/controller/replicaset).

use super::{Status, count, not_observed};
use crate::model::Workload;

/// As many pods as asked for, all of them with the labels of the template and available.
pub(super) fn assess(set: &Workload) -> Status {
    if let Some(status) = not_observed(set) {
        return status;
    }
    let (desired, status) = (set.desired(), &set.status);
    if status.replicas == desired && status.updated_replicas == desired && set.available() == desired {
        return Status::Complete;
    }
    let missing = match status.replicas - desired {
        lacking @ ..0 => format!("{} of {desired} replicas to be created", -lacking),
        0 => format!("{} of {desired} replicas to become available", (desired - set.available()).max(0)),
        surplus => format!("{} to be removed", count(surplus, "surplus replica")),
    };
    Status::Progressing { missing }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Kind;
    use crate::testing::World;

    fn assessed(replicas: i64, status: Value) -> Status {
        let mut world = World::of(Kind::ReplicaSet);
        world.workload(json!({"replicas": replicas}), status);
        assess(world.rollout().workload)
    }

    fn status(replicas: i64, labelled: i64, available: i64) -> Value {
        json!({"observedGeneration": 1, "replicas": replicas, "fullyLabeledReplicas": labelled,
            "readyReplicas": replicas, "availableReplicas": available})
    }

    #[test]
    fn pitfall_8_none_of_three_pods_is_not_ready() {
        let missing = "3 of 3 replicas to be created".to_owned();
        assert_eq!(assessed(3, status(0, 0, 0)), Status::Progressing { missing });
        assert_eq!(assessed(0, status(0, 0, 0)), Status::Complete);
    }

    #[test]
    fn complete_needs_every_counter_and_the_newest_spec() {
        assert_eq!(assessed(3, status(3, 3, 3)), Status::Complete);
        for (replicas, labelled, available) in [(4, 4, 4), (3, 2, 3), (3, 3, 2), (2, 2, 2)] {
            let found = assessed(3, status(replicas, labelled, available));
            assert!(matches!(found, Status::Progressing { .. }), "{found:?}");
        }
        let unseen = json!({"replicas": 3, "fullyLabeledReplicas": 3, "availableReplicas": 3});
        assert_eq!(assessed(3, unseen), Status::NotObserved { generation: 1, observed: None });
    }
}
