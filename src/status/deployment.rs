//! Deployments, after `DeploymentComplete` and `syncRolloutStatus` of pkg/controller/deployment.

use super::Status;
use crate::model::{Condition, Workload, condition, reason};

/// The Deployment controller's own definition: all replicas updated, no others left, all available, and the
/// newest spec observed. `Available=True` is not asked: old pods keep it true through a broken rollout.
pub(super) fn assess(deployment: &Workload) -> Status {
    if !deployment.is_observed() {
        return Status::NotObserved {
            generation: deployment.metadata.generation,
            observed: deployment.status.observed_generation,
        };
    }
    let desired = deployment.desired();
    let status = &deployment.status;
    if status.updated_replicas == desired && status.replicas == desired && deployment.available() == desired {
        return Status::Complete;
    }
    if deployment.spec.paused {
        return Status::Paused;
    }
    let missing = missing(deployment);
    let progressing = deployment.condition(condition::PROGRESSING).filter(|condition| condition.is_false());
    match progressing.map(|Condition { reason, message, .. }| (reason.as_str(), message)) {
        Some((reason::PROGRESS_DEADLINE_EXCEEDED, message)) => {
            Status::DeadlineExceeded { message: message.clone(), missing }
        }
        Some((reason::REPLICA_SET_CREATE_ERROR, message)) => {
            Status::ReplicaSetRefused { message: message.clone() }
        }
        _ => Status::Progressing { missing },
    }
}

/// kubectl's three questions in its order: updated, old ones gone, available.
fn missing(deployment: &Workload) -> String {
    let desired = deployment.desired();
    let status = &deployment.status;
    if status.updated_replicas < desired {
        format!("{} of {desired} replicas to be updated", desired - status.updated_replicas)
    } else if status.replicas > status.updated_replicas {
        let old = status.replicas - status.updated_replicas;
        let plural = if old == 1 { "" } else { "s" };
        format!("{old} old replica{plural} to be removed")
    } else if status.replicas > desired {
        format!("{} surplus replicas to be removed", status.replicas - desired)
    } else {
        let lacking = (desired - deployment.available()).max(0);
        format!("{lacking} of {desired} updated replicas to become available")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

    use serde_json::{Value, json};

    use super::*;
    use crate::model::{Kind, WorkloadBody};

    fn deployment(spec: Value, status: Value) -> Workload {
        let body = json!({"metadata": {"generation": 2}, "spec": spec, "status": status});
        serde_json::from_value::<WorkloadBody>(body).unwrap().into_workload(Kind::Deployment)
    }

    #[test]
    fn complete_needs_every_counter_to_equal_the_desired_replicas() {
        let complete =
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3});
        assert_eq!(assess(&deployment(json!({"replicas": 3}), complete.clone())), Status::Complete);
        for (field, value) in [("replicas", 4), ("updatedReplicas", 2), ("availableReplicas", 2)] {
            let mut status = complete.clone();
            status[field] = json!(value);
            assert!(
                matches!(assess(&deployment(json!({"replicas": 3}), status)), Status::Progressing { .. }),
                "{field}"
            );
        }
    }

    #[test]
    fn nothing_counts_before_the_generation_is_observed() {
        let status =
            json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1});
        assert_eq!(
            assess(&deployment(json!({}), status)),
            Status::NotObserved { generation: 2, observed: Some(1) }
        );
    }

    #[test]
    fn the_gap_of_recreate_is_not_complete() {
        let status =
            json!({"observedGeneration": 2, "replicas": 0, "updatedReplicas": 0, "unavailableReplicas": 0});
        assert!(matches!(assess(&deployment(json!({}), status)), Status::Progressing { .. }));
    }

    #[test]
    fn counters_beat_a_deadline_condition_left_over() {
        let conditions =
            json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
        let done = json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1,
            "conditions": conditions});
        assert_eq!(assess(&deployment(json!({}), done)), Status::Complete);
        let open =
            json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "conditions": conditions});
        assert!(matches!(assess(&deployment(json!({}), open)), Status::DeadlineExceeded { .. }));
    }

    #[test]
    fn paused_with_nothing_to_roll_is_complete() {
        let done =
            json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1});
        assert_eq!(assess(&deployment(json!({"paused": true}), done)), Status::Complete);
        let open =
            json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 0, "availableReplicas": 1});
        assert_eq!(assess(&deployment(json!({"paused": true}), open)), Status::Paused);
    }
}
