//! What differs between kinds in the life of a target.

use std::time::Duration;

use crate::model::{Detail, Kind, Rollout, Store, Workload};
use crate::observation::Stream;

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

/// Whether complete is believed only of pods that have been seen. A Job and an object with conditions say it
/// themselves.
pub(super) const fn settles_by_pods(workload: &Workload) -> bool {
    !matches!(workload.kind, Kind::Job | Kind::Custom(_))
}
