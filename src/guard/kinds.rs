//! What differs between kinds in the life of a target.

use std::time::Duration;

use crate::diagnose::{kept_by, planned_readiness};
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

/// With `--old-pods-gone` nothing has settled while a pod of an older template exists; and that pod.
pub(super) fn await_old_pods<'a>(rollout: &Rollout<'a>, settled: Settled) -> (Settled, Option<&'a Pod>) {
    let excused = rollout.excused.pods().filter(|(_, is_new)| !is_new).map(|(pod, _)| pod);
    let old = rollout.old_pods.iter().copied().chain(excused).find(|pod| !pod.is_finished());
    match (settled, old) {
        (Settled::Settled, Some(pod)) => {
            let waiting = Settled::Waiting {
                until: rollout.now() + Duration::from_secs(1),
                reason: format!("old pod {} to be gone: {}", pod.metadata.name, kept_by(rollout, pod)),
            };
            (waiting, Some(pod))
        }
        (settled, _) => (settled, None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::World;

    #[test]
    fn an_old_pod_is_waited_for_and_nothing_else() {
        let world = World::with_app(json!({}));
        assert_eq!(await_old_pods(&world.rollout(), Settled::Settled), (Settled::Settled, None));
        let mut world = World::of(Kind::StatefulSet);
        world.workload(json!({}), json!({"observedGeneration": 1, "updateRevision": "b"}));
        world.pod_of_revision("web-0", "a", json!({"phase": "Running"}));
        let rollout = world.rollout();
        let (settled, pod) = await_old_pods(&rollout, Settled::Settled);
        assert_eq!(pod.unwrap().metadata.name, "web-0");
        assert!(
            matches!(settled, Settled::Waiting { reason, .. } if reason == "old pod web-0 to be gone: nobody has deleted it")
        );
        assert_eq!(await_old_pods(&rollout, Settled::NotComplete).0, Settled::NotComplete);
        world.pod_of_revision("web-0", "a", json!({"phase": "Succeeded"}));
        assert_eq!(await_old_pods(&world.rollout(), Settled::Settled), (Settled::Settled, None));
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
}
