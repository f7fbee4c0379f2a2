#![doc = include_str!("limits.md")]

mod bounds;
mod conflict;
mod message;
mod range;
#[cfg(test)]
mod tests;

use super::refusal::{self, Refusal, may_pass};
use super::{CauseCode, Diagnosis, Finding, Prognosis, admission, quota};
use crate::model::{Creator, Quantity, Rollout};
use crate::observation::{Correction, Request, Want};

/// Seconds between two looks at the LimitRanges.
const RANGES_EVERY: u64 = 5;

/// Every rule of this family: why a ReplicaSet has not the pods it should have.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    let Some(refusal) = refusal::of_pods(rollout, diagnosis) else { return };
    let Some(set) = refusal.set else { return };
    for refusal in refusal::all(rollout, refusal, diagnosis) {
        judge(rollout, &set, &refusal, diagnosis);
    }
}

fn judge(rollout: &Rollout<'_>, set: &Creator<'_>, refusal: &Refusal<'_>, diagnosis: &mut Diagnosis) {
    let violations = message::violations(refusal.text);
    if !violations.is_empty() {
        diagnosis.ask(Request::every(RANGES_EVERY, limit_ranges(rollout)));
        let newer = refusal.is_older_than(rollout, &limit_ranges(rollout));
        let finding = bounds::exceeded(rollout, set, &violations, refusal.evidence.clone());
        let finding = match bounds::no_longer(rollout, &violations) {
            Some(headline) if newer => healed(rollout, refusal, headline, finding),
            _ => refusal.finish(rollout, finding),
        };
        diagnosis.add(finding);
        return;
    }
    if let Some(read) = message::request_above_limit(refusal.text) {
        diagnosis.ask(Request::every(RANGES_EVERY, limit_ranges(rollout)));
        if let Some(finding) = conflict::default_conflict(rollout, set, &read, refusal.evidence.clone()) {
            let newer = refusal.is_older_than(rollout, &limit_ranges(rollout));
            diagnosis.add(match conflict::no_longer(rollout, &read) {
                Some(headline) if newer => healed(rollout, refusal, headline, finding),
                _ => refusal.finish(rollout, finding),
            });
            return;
        }
    }
    // The fallback for what no family knows.
    if !quota::knows(refusal.text) && !admission::knows(refusal.text) {
        diagnosis.add(if may_pass(refusal.text) {
            refusal.heals(rollout, not_asked(set, refusal))
        } else {
            refusal.finish(rollout, refused(rollout, set, refusal))
        });
    }
}

/// Whether a refusal names bounds of a LimitRange.
pub(super) fn knows(text: &str) -> bool {
    !message::violations(text).is_empty()
}

/// What would bring the containers within the bounds that a refusal names; `None` where there is more than one way.
pub(super) fn within_bounds(text: &str, rollout: &Rollout<'_>) -> Option<Vec<Correction>> {
    let alone = rollout.workload.spec.template.spec.all_containers().count() == 1;
    let mut wanted: Vec<Correction> = Vec::new();
    for violation in message::violations(text) {
        let message::Violation { bound, resource, scope, allowed, got: _ } = violation;
        if bound == message::Bound::Ratio || !(scope == "Container" || alone) {
            return None;
        }
        let smaller = |amount: &String| {
            Quantity::new(&allowed).value().zip(Quantity::new(amount).value()).is_some_and(|(a, b)| a < b)
        };
        let known = wanted.iter_mut().find_map(|correction| match correction {
            Correction::Resource { resource: of, amount } if *of == resource => Some(amount),
            _ => None,
        });
        match known {
            Some(amount) if smaller(amount) => *amount = allowed,
            Some(_) => {}
            None => wanted.push(Correction::Resource { resource, amount: allowed }),
        }
    }
    (!wanted.is_empty()).then_some(wanted)
}

/// What was refused would be accepted now; the controller has not tried again yet.
fn healed(rollout: &Rollout<'_>, refusal: &Refusal<'_>, headline: String, finding: Finding) -> Finding {
    refusal.heals(rollout, Finding { headline, help: Vec::new(), commands: Vec::new(), ..finding })
}

fn limit_ranges(rollout: &Rollout<'_>) -> Want {
    Want::LimitRanges { namespace: rollout.namespace().to_owned() }
}

/// The API server, or something it asks, is not well: the pods themselves were not judged, so nothing in them need be
/// corrected.
fn not_asked(set: &Creator<'_>, refusal: &Refusal<'_>) -> Finding {
    Finding::new(
        CauseCode::PodInvalid,
        refusal.key(),
        set.object_ref(),
        format!("the API server cannot take the pods now: {}", super::logs::shorten(refusal.reason(), 300)),
        refusal.evidence.clone(),
    )
    .with_help(
        "This says nothing about the pods: the API server, or something it asks before it takes a pod, was late or failed. \
         If it stays, look at the API server and its etcd.",
    )
    .with_command(super::place::command(&["kubectl", "get", "--raw", "/readyz?verbose"]))
}

/// A refusal that no rule reads: its own words.
fn refused(rollout: &Rollout<'_>, set: &Creator<'_>, refusal: &Refusal<'_>) -> Finding {
    Finding::new(
        CauseCode::PodInvalid,
        refusal.key(),
        set.object_ref(),
        format!("the API server refuses the pods: {}", super::logs::shorten(refusal.reason(), 300)),
        refusal.evidence.clone(),
    )
    .with_prognosis(Prognosis::Permanent)
    .with_help(format!(
        "Correct what the message names, in {} or in what it refers to.",
        rollout.workload.command_target()
    ))
    .with_command(refusal.describe(rollout))
}
