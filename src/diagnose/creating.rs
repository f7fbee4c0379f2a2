//! Pods on a node whose containers are still being created: only their events say why.

use std::time::Duration;

use crate::model::{Condition, ContainerStatus, Event, Pod, Rollout, condition};

/// How long a pod on a node may create its containers before we look at its events.
const SUSPICIOUS_AFTER: Duration = Duration::from_secs(3);
/// Pods of one template fail alike: more need not be looked at.
pub(super) const MAX_PODS: usize = 5;

/// On a node for a while, and its containers are still being created.
pub(super) fn is_stuck(rollout: &Rollout<'_>, pod: &Pod) -> bool {
    let creating = pod.status.container_statuses.iter().all(ContainerStatus::is_being_created)
        && pod.status.init_container_statuses.iter().all(|status| {
            status.is_being_created() || status.state.terminated.is_some() || status.state.running.is_some()
        });
    if pod.node().is_none() || pod.is_ready() || !creating {
        return false;
    }
    // Once the sandbox is there, all volumes are mounted.
    if pod.condition(condition::READY_TO_START_CONTAINERS).is_some_and(Condition::is_true) {
        return false;
    }
    age(rollout, pod) >= SUSPICIOUS_AFTER
}

/// How long a pod is known to be on its way: since we first saw it, or since kubelet took it up.
pub(super) fn age(rollout: &Rollout<'_>, pod: &Pod) -> Duration {
    let watched =
        rollout.memory(pod).map_or(Duration::ZERO, |memory| rollout.now().saturating_sub(memory.first_seen));
    let started = pod.status.start_time.map_or(0, |started| {
        rollout.server_now().as_second().saturating_sub(started.as_second()).max(0).unsigned_abs()
    });
    watched.max(Duration::from_secs(started))
}

/// The events of a pod, newest first, that are not about something it has got over: images are pulled after the
/// sandbox is made and all volumes are mounted.
pub(super) fn pending_events<'a>(rollout: &Rollout<'a>, pod: &Pod) -> Vec<&'a Event> {
    let mut events = rollout.events(&pod.object_ref());
    let passed = events
        .iter()
        .filter(|event| matches!(event.reason.as_str(), "Pulling" | "Pulled" | "Created" | "Started"))
        .filter_map(|event| event.last_seen())
        .max();
    events.retain(|event| passed.is_none_or(|passed| event.last_seen().is_some_and(|at| at > passed)));
    events
}
