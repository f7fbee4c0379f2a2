#![doc = include_str!("limits.md")]

mod bounds;
mod conflict;
mod message;
mod range;
#[cfg(test)]
mod tests;

use super::refusal::{self, Refusal, may_pass};
use super::{CauseCode, Diagnosis, Finding, Hold, Prognosis, admission, quota};
use crate::model::{Creator, Rollout};
use crate::observation::{Request, Want};

/// Seconds between two looks at the LimitRanges.
const RANGES_EVERY: u64 = 5;

/// Every rule of this family: why a ReplicaSet has not the pods it should have.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    let Some(refusal) = refusal::of_pods(rollout, diagnosis) else { return };
    let Some(set) = refusal.set else { return };
    judge(rollout, &set, &refusal, diagnosis);
}

fn judge(rollout: &Rollout<'_>, set: &Creator<'_>, refusal: &Refusal<'_>, diagnosis: &mut Diagnosis) {
    let violations = message::violations(refusal.text);
    if !violations.is_empty() {
        diagnosis.ask(Request::every(RANGES_EVERY, limit_ranges(rollout)));
        let newer = refusal.is_older_than(rollout, &limit_ranges(rollout));
        let finding = bounds::exceeded(rollout, set, &violations, refusal.evidence.clone());
        let finding = match bounds::no_longer(rollout, &violations) {
            Some(headline) if newer => {
                let finding = Finding { headline, help: Vec::new(), commands: Vec::new(), ..finding };
                refusal.heals(rollout, finding)
            }
            _ => refusal.finish(rollout, finding),
        };
        diagnosis.add(finding);
        return;
    }
    if let Some(read) = message::request_above_limit(refusal.text) {
        diagnosis.ask(Request::every(RANGES_EVERY, limit_ranges(rollout)));
        if let Some(finding) = conflict::default_conflict(rollout, set, &read, refusal.evidence.clone()) {
            diagnosis.add(refusal.finish(rollout, finding));
            return;
        }
    }
    // The fallback for what no family knows.
    if !quota::knows(refusal.text) && !admission::knows(refusal.text) {
        diagnosis.add(refusal.finish(rollout, refused(rollout, set, refusal)));
    }
}

fn limit_ranges(rollout: &Rollout<'_>) -> Want {
    Want::LimitRanges { namespace: rollout.namespace().to_owned() }
}

/// A refusal that no rule reads: its own words.
fn refused(rollout: &Rollout<'_>, set: &Creator<'_>, refusal: &Refusal<'_>) -> Finding {
    let passing = may_pass(refusal.text);
    Finding::new(
        CauseCode::PodInvalid,
        refusal.key(),
        set.object_ref(),
        format!("the API server refuses the pods: {}", super::logs::shorten(refusal.reason(), 300)),
        refusal.evidence.clone(),
    )
    .with_prognosis(if passing { Prognosis::Transient } else { Prognosis::Permanent })
    .with_hold(if passing { Hold::Announce } else { Hold::Tolerance })
    .with_help(format!(
        "Correct what the message names, in {} or in what it refers to.",
        rollout.workload.command_target()
    ))
    .with_command(refusal.describe(rollout))
}
