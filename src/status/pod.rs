//! Pods that are targets by themselves.

use super::Status;
use crate::model::{Detail, Pod, Workload};

/// A pod whose containers are always restarted is to be Ready, with its readiness gates; one that may end is to end
/// well. `Unknown` is a lost node and no failure.
pub(super) fn assess(workload: &Workload) -> Status {
    let Detail::Pod(pod) = &workload.detail else {
        return Status::Progressing { missing: "the pod to be seen".to_owned() };
    };
    match pod.status.phase.as_str() {
        "Failed" => Status::PodEnded,
        "Succeeded" if pod.restarts_always() => Status::PodEnded,
        "Succeeded" => Status::Complete,
        _ if pod.restarts_always() && pod.is_ready() => Status::Complete,
        _ => Status::Progressing { missing: missing(pod) },
    }
}

fn missing(pod: &Pod) -> String {
    if let Some(gate) = pod.closed_gate() {
        return format!(
            "its readiness gate {gate}: the containers are ready, and whoever sets that condition has not"
        );
    }
    if pod.node().is_none() {
        return "a node for it".to_owned();
    }
    if pod.restarts_always() {
        return "it to become ready".to_owned();
    }
    let policy = pod.spec.restart_policy.as_deref().unwrap_or_default();
    format!("it to end: its restart policy is {policy}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Kind;
    use crate::observation::{Observed, Stream};
    use crate::testing::World;

    fn assessed(policy: &str, status: Value) -> Status {
        let mut world = World::of(Kind::Pod);
        world.bare_pod(
            json!({"restartPolicy": policy, "nodeName": "n", "readinessGates": [
            {"conditionType": "example.com/open"}]}),
            status,
        );
        assess(world.rollout().workload)
    }

    fn missing_of(policy: &str, status: Value) -> String {
        match assessed(policy, status) {
            Status::Progressing { missing } => missing,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pitfall_47_a_pod_that_failed_has_failed() {
        for policy in ["Never", "OnFailure", "Always"] {
            assert_eq!(assessed(policy, json!({"phase": "Failed"})), Status::PodEnded, "{policy}");
        }
        assert_eq!(assessed("Never", json!({"phase": "Succeeded"})), Status::Complete);
        assert_eq!(assessed("OnFailure", json!({"phase": "Succeeded"})), Status::Complete);
        assert!(missing_of("Always", json!({"phase": "Unknown"})).contains("become ready"));
    }

    #[test]
    fn the_stream_of_another_target_shows_its_end_too() {
        let mut world = World::of(Kind::Pod);
        world.bare_pod(json!({"restartPolicy": "Never"}), json!({"phase": "Running"}));
        let ended = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "web"},
            "spec": {"restartPolicy": "Never"}, "status": {"phase": "Failed"}});
        let object = crate::model::decode_value(Kind::Pod, ended).unwrap();
        world.observe(Observed::Applied {
            stream: Stream::selected(Kind::Pod, "shop", "app=web".to_owned()),
            object,
        });
        assert_eq!(assess(world.rollout().workload), Status::PodEnded);
    }

    #[test]
    fn ready_is_enough_only_for_a_pod_that_is_to_stay() {
        let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!(assessed("Always", ready.clone()), Status::Complete);
        assert_eq!(missing_of("Never", ready), "it to end: its restart policy is Never");
    }

    #[test]
    fn a_closed_readiness_gate_is_named() {
        let status = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"},
            {"type": "ContainersReady", "status": "True"}]});
        assert!(missing_of("Always", status).starts_with("its readiness gate example.com/open"));
    }
}
