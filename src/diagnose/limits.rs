#![doc = include_str!("limits.md")]

mod bounds;
mod conflict;
mod message;
mod range;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;

use super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use crate::model::{Creator, Event, Rollout, condition, reason};
use crate::observation::{Request, Want};

/// How often the events of a ReplicaSet without its pods are read again, in seconds.
const EVENTS_EVERY: u64 = 3;

/// The controller needs this long to make the first pods; a younger ReplicaSet is not asked about.
const FIRST_PODS: SignedDuration = SignedDuration::from_secs(1);

/// Every rule of this family: why a ReplicaSet has not the pods it should have.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    let Some(set) = rollout.creator() else { return };
    let set = &set;
    let failing = find_failure(rollout, set);
    if set.desired() <= set.replicas && failing.is_none() {
        return;
    }
    let age = set.created().map(|created| rollout.server_now().duration_since(created));
    if failing.is_none() && age.is_some_and(|age| age < FIRST_PODS) {
        return;
    }
    diagnosis.ask(Request::every(EVENTS_EVERY, Want::Events(set.object_ref())));
    let Some(refusal) = refusal(rollout, set, failing) else { return };
    judge(rollout, set, &refusal, diagnosis);
}

/// Why the newest pod was not made.
struct Refusal<'a> {
    text: &'a str,
    evidence: Evidence,
    /// From a condition: that is the first error, and perhaps not the present one.
    may_be_stale: bool,
}

/// The newest `FailedCreate` event is the present error; the condition is written once and keeps the first.
fn refusal<'a>(rollout: &Rollout<'a>, set: &Creator<'_>, failing: Option<&'a str>) -> Option<Refusal<'a>> {
    let object = set.object_ref();
    let events = rollout.events(&object);
    let created = newest(&events, "SuccessfulCreate").and_then(Event::last_seen);
    if let Some(event) = newest(&events, reason::FAILED_CREATE) {
        if event.last_seen() < created {
            return None;
        }
        return Some(Refusal {
            text: message::refusal(event.text()),
            evidence: Evidence::event(object, event),
            may_be_stale: false,
        });
    }
    let text = failing?;
    Some(Refusal {
        text: message::refusal(text),
        evidence: Evidence::field(object, "status.conditions[ReplicaFailure].message", text),
        may_be_stale: true,
    })
}

fn newest<'a>(events: &[&'a Event], reason: &str) -> Option<&'a Event> {
    events.iter().copied().find(|event| event.reason == reason)
}

/// The `ReplicaFailure` condition of the ReplicaSet, or the Deployment's copy. The copy may be of an old
/// ReplicaSet, so it counts only while no old one has the condition.
fn find_failure<'a>(rollout: &Rollout<'a>, set: &Creator<'a>) -> Option<&'a str> {
    let of = |conditions: &'a [crate::model::Condition]| {
        crate::model::find_condition(conditions, condition::REPLICA_FAILURE)
            .filter(|failure| failure.is_true() && failure.reason == reason::FAILED_CREATE)
            .map(|failure| failure.message.as_str())
    };
    let an_old_one_fails = rollout.old_sets.iter().any(|old| {
        crate::model::find_condition(&old.status.conditions, condition::REPLICA_FAILURE).is_some()
    });
    of(set.conditions).or_else(|| {
        // The copy outlives its origin by a moment; a ReplicaSet with all its pods has no failure.
        let copied = of(&rollout.workload.status.conditions);
        copied.filter(|_| !an_old_one_fails && set.desired() > set.replicas)
    })
}

fn judge(rollout: &Rollout<'_>, set: &Creator<'_>, refusal: &Refusal<'_>, diagnosis: &mut Diagnosis) {
    let violations = message::violations(refusal.text);
    if !violations.is_empty() {
        diagnosis.ask(Request::every(30, limit_ranges(rollout)));
        let finding = bounds::exceeded(rollout, set, &violations, refusal.evidence.clone());
        diagnosis.add(finish(rollout, set, finding, refusal));
        return;
    }
    if let Some(read) = message::request_above_limit(refusal.text) {
        diagnosis.ask(Request::every(30, limit_ranges(rollout)));
        if let Some(finding) = conflict::default_conflict(rollout, set, &read, refusal.evidence.clone()) {
            diagnosis.add(finish(rollout, set, finding, refusal));
            return;
        }
    }
    // Quotas are another family.
    if ["exceeded quota", "failed quota", "status unknown for quota"]
        .iter()
        .any(|text| refusal.text.contains(text))
    {
        return;
    }
    diagnosis.add(finish(rollout, set, refused(rollout, set, refusal), refusal));
}

fn limit_ranges(rollout: &Rollout<'_>) -> Want {
    Want::LimitRanges { namespace: rollout.namespace().to_owned() }
}

/// What all findings about pods that were not made have in common.
fn finish(rollout: &Rollout<'_>, set: &Creator<'_>, finding: Finding, refusal: &Refusal<'_>) -> Finding {
    let missing = set.desired().saturating_sub(set.replicas);
    let absence = if set.replicas == 0 {
        "no pod of the new revision exists, so `kubectl get pods` shows nothing of it".to_owned()
    } else if !set.is_of_one_template() {
        format!("{missing} of {} pods do not exist", set.desired())
    } else {
        format!("{missing} of {} pods of the new revision do not exist", set.desired())
    };
    let finding = finding.with_evidence(Evidence::absence(absence));
    let finding = if refusal.may_be_stale && finding.confidence == Confidence::Certain {
        finding.with_confidence(Confidence::Likely)
    } else {
        finding
    };
    let target = rollout.workload.command_target();
    finding
        .with_help(format!(
            "after the fix run `kubectl rollout restart`: the controller tries again in growing pauses of up to 16m40s, and a change of {target} itself is seen at once"
        ))
        .with_command(format!("kubectl -n {} rollout restart {target}", rollout.namespace()))
}

/// A refusal that no rule reads: its own words.
fn refused(rollout: &Rollout<'_>, set: &Creator<'_>, refusal: &Refusal<'_>) -> Finding {
    let why = reason_of(refusal.text);
    let passing = may_pass(refusal.text);
    Finding::new(
        CauseCode::PodInvalid,
        without_pod_name(refusal.text),
        set.object_ref(),
        format!("the API server refuses the pods: {}", super::logs::shorten(why, 300)),
        refusal.evidence.clone(),
    )
    .with_prognosis(if passing { Prognosis::Transient } else { Prognosis::Permanent })
    .with_hold(if passing { Hold::Announce } else { Hold::Tolerance })
    .with_help(format!(
        "correct what the message names, in {} or in what it refers to",
        rollout.workload.command_target()
    ))
    .with_command(format!(
        "kubectl -n {} describe {} {}",
        rollout.namespace(),
        set.kind.command_word(),
        set.name()
    ))
}

/// The part after `pods "x" is forbidden: ` or `Pod "x" is invalid: `.
fn reason_of(text: &str) -> &str {
    [" is forbidden: ", " is invalid: "]
        .iter()
        .find_map(|middle| text.split_once(middle))
        .map_or(text, |(_, why)| why)
}

/// Each attempt has a pod name of its own; a finding must not.
fn without_pod_name(text: &str) -> String {
    match (text.split_once('"'), reason_of(text)) {
        (Some((start, _)), why) if why.len() < text.len() => format!("{start}{why}"),
        _ => text.to_owned(),
    }
}

/// Trouble of the API server or of a webhook, which says nothing about the pod.
fn may_pass(text: &str) -> bool {
    [
        "failed calling webhook",
        "failed to call webhook",
        "enforcing limit ranges",
        "context deadline exceeded",
        "connection refused",
        "Internal error occurred",
        "etcdserver",
        "too many requests",
        "timed out",
        "error looking up service account",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}
