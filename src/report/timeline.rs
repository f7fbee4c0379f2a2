//! The timeline of a target: what its history noted, the events that were read, and the verdict.

use std::collections::BTreeSet;

use super::v1::{TimelineEntry, VerdictName};
use crate::guard::Guard;
use crate::model::Store;
use crate::observation::{Answer, Want};

/// Events of one target that are listed; a loop repeats itself.
const MAX_EVENTS: usize = 200;
/// The longest `what`; the whole message of an event stands in the evidence.
const MAX_TEXT: usize = 300;

/// Everything that happened, in order of time; the verdict last.
pub(super) fn timeline(
    store: &Store,
    guard: &Guard,
    verdict: VerdictName,
    reason: &str,
    seconds: f64,
) -> Vec<TimelineEntry> {
    let mut entries = guard.history.timeline.clone();
    entries.extend(events(store, guard, seconds));
    entries.sort_by(|a, b| a.at.total_cmp(&b.at));
    let subject =
        guard.last.workload.as_ref().map_or_else(String::new, crate::model::Workload::command_target);
    let what = if verdict.as_str() == reason {
        reason.to_owned()
    } else {
        format!("{}: {reason}", verdict.as_str())
    };
    entries.push(TimelineEntry { at: seconds, kind: "verdict".to_owned(), subject, what, replicas: None });
    entries
}

/// Events that were read, at the time they carry; what lies before the run is at its start.
fn events(store: &Store, guard: &Guard, until: f64) -> Vec<TimelineEntry> {
    let started = store.server_started();
    let own = objects(store, guard);
    let mut entries: Vec<TimelineEntry> = store
        .answers()
        .filter_map(|(want, answer)| match (want, answer) {
            (Want::Events(object), Answer::Events(events)) if own.contains(object.uid.as_str()) => {
                Some(events)
            }
            _ => None,
        })
        .flatten()
        .filter_map(|event| {
            let at = event.last_seen()?.duration_since(started).as_secs_f64();
            let times = if event.times() > 1 { format!(" ×{}", event.times()) } else { String::new() };
            let text: String = event.text().chars().take(MAX_TEXT).collect();
            Some(TimelineEntry {
                at: at.clamp(0.0, until),
                kind: "event".to_owned(),
                subject: format!("{} {}", event.involved_object.kind, event.involved_object.name),
                what: format!("{}{times}: {text}", event.reason),
                replicas: None,
            })
        })
        .collect();
    entries.sort_by(|a, b| a.at.total_cmp(&b.at));
    entries.split_off(entries.len().saturating_sub(MAX_EVENTS))
}

/// The uids of the workload, of what it owns, and of its pods.
fn objects<'a>(store: &'a Store, guard: &'a Guard) -> BTreeSet<&'a str> {
    let Some(workload) = &guard.last.workload else { return BTreeSet::new() };
    let uid = workload.metadata.uid.as_str();
    let mut own: BTreeSet<&str> = guard.history.uids().collect();
    own.insert(uid);
    own.extend(store.replica_sets_of(uid).map(|set| set.metadata.uid.as_str()));
    own
}
