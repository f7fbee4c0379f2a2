//! Which pull secrets a pod names, and whether they exist.

use super::super::{Diagnosis, Evidence};
use crate::model::{Event, Kind, Lookup, Pod, Rollout, reason};
use crate::observation::{Answer, Request, Want};

/// Seconds by which a failed pull must be later than kubelet's complaint about a secret to count as made with the
/// secret, where we see that the secret exists.
const TRIED_SINCE: i64 = 2;
/// The same where we may not see which secrets exist: longer than a registry takes to refuse.
const TRIED_SINCE_UNSEEN: i64 = 60;

/// The pull secrets of a pod. The API server has copied those of the ServiceAccount into a pod that names none.
pub(super) fn pull_secrets(pod: &Pod) -> Vec<&str> {
    pod.spec
        .image_pull_secrets
        .iter()
        .map(|secret| secret.name.as_str())
        .filter(|name| !name.is_empty())
        .collect()
}

/// What is known about the pull secrets that a pod names.
pub(super) enum Secrets<'a> {
    /// Not known yet.
    Unknown,
    /// All are there, as far as can be seen.
    Present,
    /// Some were missing at the last pull; whether they are there now.
    Missing { names: Vec<&'a str>, exist_now: bool, evidence: Option<Evidence> },
}

/// Looks for the secrets: kubelet's event tells which it could not read, the list of names whether they are there
/// now. Either may be forbidden to us. Secrets are listed only when there is reason to.
pub(super) fn look_for<'a>(
    rollout: &Rollout<'_>,
    pod: &Pod,
    named: &[&'a str],
    diagnosis: &mut Diagnosis,
) -> Secrets<'a> {
    let object = pod.object_ref();
    let want = Want::Events(object.clone());
    let events_seen = matches!(rollout.store().answer(&want), Some(Answer::Events(_)));
    let events_refused = matches!(rollout.store().answer(&want), Some(Answer::Refused(_)));
    diagnosis.ask(Request::every(5, want));
    let events = rollout.events(&object);
    let complaint = events.iter().copied().find(|event| event.reason == reason::FAILED_PULL_SECRET);
    if complaint.is_some() || events_refused {
        let list = Want::Names { kind: Kind::Secret, namespace: rollout.namespace().to_owned() };
        diagnosis.ask(Request::every(5, list));
    }
    let there = match rollout.names(Kind::Secret) {
        Lookup::Found(list) => Some(list),
        _ => None,
    };
    let exists = |name: &str| there.map(|list| list.iter().any(|other| other == name));
    let last_pull = events.iter().filter(|event| event.text().starts_with("Failed to pull image"));
    let last_pull = last_pull.copied().map(seconds).max();
    // Kubelet reads the secrets anew before each attempt: an attempt that failed after its last complaint had them.
    let was_missing = |name: &str| {
        let Some(complaint) = complaint.filter(|complaint| names_secret(complaint, name)) else {
            return false;
        };
        let margin = if exists(name) == Some(true) { TRIED_SINCE } else { TRIED_SINCE_UNSEEN };
        last_pull.is_none_or(|pull| pull <= seconds(complaint).saturating_add(margin))
    };
    let missing: Vec<&str> =
        named.iter().copied().filter(|name| exists(name) == Some(false) || was_missing(name)).collect();
    if missing.is_empty() {
        return if events_seen || there.is_some() { Secrets::Present } else { Secrets::Unknown };
    }
    Secrets::Missing {
        exist_now: missing.iter().all(|name| exists(name) == Some(true)),
        names: missing,
        evidence: complaint.map(|complaint| Evidence::event(object, complaint)),
    }
}

fn seconds(event: &Event) -> i64 {
    event.last_seen().map_or(0, jiff::Timestamp::as_second)
}

/// Whether `Unable to retrieve some image pull secrets (a, b); …` names that secret.
fn names_secret(event: &Event, name: &str) -> bool {
    let list =
        event.text().split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(list, _)| list);
    list.split(", ").any(|other| other == name)
}
