//! What differs between kinds in the life of a target.

use std::time::Duration;

use crate::diagnose::planned_readiness;
use crate::model::{Detail, Kind, Pod, Rollout, Store, Workload};
use crate::observation::Stream;
use crate::settle::Settled;

/// A controller that has begun to write a status gives it its meaning in this time.
pub(super) const MEANING_WITHIN: Duration = Duration::from_secs(30);
/// An object that is not complete by now may be in trouble, and is looked into.
pub(super) const TROUBLE_AFTER: Duration = Duration::from_secs(8);

/// A Job that had ended when it was deleted, which its TTL does: its result stands.
pub(super) fn ended_job<'a>(store: &'a Store, stream: &Stream) -> Option<&'a Workload> {
    store.departed(stream)
}

/// Whether nothing moving means that nothing will. A Job's pod may work for hours, and what a kind without rules of
/// its own waits for is not known.
pub(super) fn may_stall(rollout: &Rollout<'_>) -> bool {
    match (rollout.workload.kind, &rollout.workload.detail) {
        (Kind::Job, _) => !rollout.live_pods().any(|pod| pod.status.phase == "Running"),
        (_, Detail::Pod(pod)) => pod.restarts_always() || pod.status.phase != "Running",
        (Kind::Custom(_), _) => false,
        _ => true,
    }
}

/// What pods of the template may take to become available, by their own probes and `minReadySeconds`: so long nothing
/// need move.
pub(super) fn planned_start(rollout: &Rollout<'_>) -> Duration {
    let spec = &rollout.workload.spec;
    let probes = spec.template.spec.long_running().map(planned_readiness).max().unwrap_or_default();
    Duration::from_secs(probes.saturating_add(u64::try_from(spec.min_ready_seconds).unwrap_or(0)))
}

/// Whether complete is believed only of pods that have been seen. A Job and an object with conditions say it
/// themselves.
pub(super) const fn settles_by_pods(workload: &Workload) -> bool {
    !matches!(workload.kind, Kind::Job | Kind::Custom(_))
}

/// With `--old-pods-gone` nothing has settled while a pod of an older template exists.
pub(super) fn await_old_pods(rollout: &Rollout<'_>, settled: Settled) -> Settled {
    let old = rollout.old_pods.iter().find(|pod| !pod.is_finished());
    match (settled, old) {
        (Settled::Settled, Some(pod)) => Settled::Waiting {
            until: rollout.now() + Duration::from_secs(1),
            reason: format!("old pod {} to be gone: {}", pod.metadata.name, held_by(pod)),
        },
        (settled, _) => settled,
    }
}

/// What keeps a pod: a finalizer, its grace period, or its node.
fn held_by(pod: &Pod) -> String {
    let node = pod.node().map_or_else(|| "no node".to_owned(), |node| format!("node {node}"));
    if !pod.metadata.is_being_deleted() {
        return "nobody has deleted it".to_owned();
    }
    match (pod.metadata.finalizers.first(), pod.spec.termination_grace_period_seconds) {
        (Some(finalizer), _) => format!("its finalizer {finalizer} keeps it"),
        (None, Some(seconds)) => format!("it has {seconds}s to end on {node}"),
        (None, None) => format!("it ends on {node}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::observation::Observed;
    use crate::testing::World;

    fn waits_for(metadata: Value) -> Option<String> {
        let mut world = World::of(Kind::StatefulSet);
        world.workload(json!({}), json!({"observedGeneration": 1, "updateRevision": "b"}));
        let mut body = json!({"metadata": {"name": "web-0", "namespace": "shop", "uid": "web-0",
                "labels": {"controller-revision-hash": "a"},
                "ownerReferences": [{"name": "web", "uid": "web", "controller": true}]},
            "spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": 1800}, "status": {"phase": "Running"}});
        crate::testing::merge(&mut body["metadata"], metadata);
        let object = crate::model::decode_value(Kind::Pod, body).unwrap();
        let stream = Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
        world.observe(Observed::Applied { stream, object });
        match await_old_pods(&world.rollout(), Settled::Settled) {
            Settled::Waiting { reason, .. } => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn pitfall_35_what_holds_an_old_pod_is_named() {
        let deleted = "2026-11-24T10:00:00Z";
        let ending = waits_for(json!({"deletionTimestamp": deleted}));
        assert_eq!(ending.as_deref(), Some("old pod web-0 to be gone: it has 1800s to end on node node-1"));
        let held = waits_for(json!({"deletionTimestamp": deleted, "finalizers": ["example.com/hold"]}));
        assert_eq!(
            held.as_deref(),
            Some("old pod web-0 to be gone: its finalizer example.com/hold keeps it")
        );
        assert!(waits_for(json!({})).unwrap().ends_with("nobody has deleted it"));
    }

    #[test]
    fn a_start_may_take_what_its_probes_and_min_ready_seconds_plan_for() {
        let mut world = World::new(json!({"containers": [{"name": "app",
            "startupProbe": {"tcpSocket": {"port": 1}, "failureThreshold": 100, "periodSeconds": 10}}]}));
        world.deployment_object(json!({
            "metadata": {"name": "web", "namespace": "shop", "uid": "d-1", "generation": 1},
            "spec": {"minReadySeconds": 90, "template": {"spec": {"containers": [{"name": "app",
                "startupProbe": {"tcpSocket": {"port": 1}, "failureThreshold": 100}}]}}}}));
        assert_eq!(planned_start(&world.rollout()), Duration::from_secs(1090));
        let world = World::with_app(json!({}));
        assert_eq!(planned_start(&world.rollout()), Duration::ZERO);
    }

    #[test]
    fn without_old_pods_nothing_is_waited_for() {
        let world = World::with_app(json!({}));
        assert_eq!(await_old_pods(&world.rollout(), Settled::Settled), Settled::Settled);
    }
}
