//! Whether anything was rolled out at all.

use jiff::SignedDuration;

use crate::model::{Kind, Rollout};

/// Pods that are older than this are not of what was applied just before the wait.
const OLD: SignedDuration = SignedDuration::from_mins(10);

/// Every pod was there when we came and is as it was: since we look, nothing was rolled out.
pub(crate) fn is_untouched(rollout: &Rollout<'_>) -> bool {
    let rolls = matches!(rollout.workload.kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet);
    let as_it_was =
        |pod| rollout.memory(pod).is_some_and(|memory| memory.present_at_start && !memory.change_seen);
    rolls
        && rollout.workload.desired() > 0
        && rollout.old_pods.is_empty()
        && rollout.live_pods().next().is_some()
        && rollout.live_pods().all(as_it_was)
}

/// Nor was anything rolled out just before.
pub(crate) fn nothing_is_new(rollout: &Rollout<'_>) -> bool {
    let started = rollout.store().server_started();
    is_untouched(rollout)
        && rollout
            .live_pods()
            .all(|pod| pod.metadata.creation_timestamp.is_some_and(|made| started.duration_since(made) > OLD))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::World;

    /// A Deployment with a pod of that moment; the run starts at ten o'clock.
    fn with_pod(made: &str) -> World {
        let mut world = World::with_app(json!({}));
        world.listed_pod("web-1", json!({"phase": "Running"}));
        world.born("web-1", made);
        world
    }

    #[test]
    fn old_pods_that_nothing_has_touched_mean_that_nothing_was_rolled_out() {
        assert!(nothing_is_new(&with_pod("2026-11-24T09:49:00Z").rollout()));
        assert!(!nothing_is_new(&with_pod("2026-11-24T09:51:00Z").rollout()));
    }

    #[test]
    fn a_pod_that_came_while_we_looked_is_a_rollout() {
        let mut world = with_pod("2026-11-24T09:49:00Z");
        assert!(is_untouched(&world.rollout()));
        world.pod("web-2", json!({"phase": "Running"}));
        assert!(!is_untouched(&world.rollout()));
    }
}
