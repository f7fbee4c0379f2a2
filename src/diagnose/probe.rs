#![doc = include_str!("probe.md")]

mod event;

use super::Diagnosis;
use super::ends::Ended;
use crate::model::{Event, Rollout};
pub(super) use event::{ProbeKind, failures, kills};

/// How often the events of a pod are read again, in seconds.
pub(super) const EVENTS_EVERY: u64 = 4;

/// Every rule of this family.
pub(super) fn rules(_rollout: &Rollout<'_>, _diagnosis: &mut Diagnosis) {}

/// Whether the latest end of a container was a kill by its liveness or startup probe; `events` newest first.
pub(super) fn ended_by_probe(events: &[&Event], ended: &Ended<'_>) -> bool {
    let Some(kills) = kills(events, &ended.status.name) else { return false };
    let Some(latest) = ended.status.latest_termination() else { return false };
    // The kill comes before the end and after the start of that instance; times are whole seconds.
    !latest.could_not_start() && kills.last_seen >= latest.started_at
}
