//! The reasons behind the present one. The API server names one at a time; dry runs of the pod with the known ones
//! corrected bring out the others, where the user lets them be made (`--dry-run-pods`).

use super::super::{CauseCode, Diagnosis, Evidence, admission, limits};
use super::Refusal;
use crate::model::{Kind, Rollout};
use crate::observation::{Answer, Correction, Request, Trial, TrialResult, Want};

/// Seconds between two dry runs of the same pod.
const TRIED_EVERY: u64 = 30;
/// No pod is refused for more reasons, one behind the other, than there are corrections.
const MOST: usize = 6;

/// What dry runs say of the reasons that stand behind a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::diagnose) struct Behind {
    /// So many more are known.
    pub(super) more: usize,
    /// With all of them corrected the pod is accepted.
    pub(super) clear: bool,
}

/// The present refusal and those behind it, in the order in which the API server comes to them.
pub(in crate::diagnose) fn all<'a>(
    rollout: &Rollout<'a>,
    mut first: Refusal<'a>,
    diagnosis: &mut Diagnosis,
) -> Vec<Refusal<'a>> {
    let mut behind = Vec::new();
    let Some(set) = first.set else { return vec![first] };
    let mut corrections: Vec<Correction> = Vec::new();
    let mut text = first.text;
    while behind.len() < MOST {
        let Some(next) = corrections_of(text, rollout) else { break };
        // What has been corrected already and is refused still cannot be corrected here.
        if next.iter().all(|correction| corrections.contains(correction)) {
            break;
        }
        corrections.extend(next);
        let object = set.object_ref();
        let want = Want::Trial(Trial {
            kind: object.kind,
            namespace: object.namespace.clone(),
            name: object.name.clone(),
            generation: set.generation(),
            corrections: corrections.clone(),
        });
        diagnosis.ask(Request::every(TRIED_EVERY, want.clone()));
        match rollout.store().answer(&want) {
            Some(Answer::Trial(TrialResult::Accepted)) => {
                first.behind.clear = true;
                break;
            }
            Some(Answer::Trial(TrialResult::Refused(said))) if kind_of(said) != kind_of(text) => {
                let corrected = corrections.iter().map(words).collect::<Vec<_>>().join(", ");
                let evidence = Evidence::DryRun { object, corrected, said: said.clone() };
                behind.push(Refusal { is_behind: true, ..Refusal::new(said, evidence, Some(set)) });
                text = said;
            }
            _ => break,
        }
    }
    first.behind.more = behind.len();
    std::iter::once(first).chain(behind).collect()
}

/// What tells two reasons apart, as far as they can be corrected.
fn kind_of(text: &str) -> Option<CauseCode> {
    if limits::knows(text) { Some(CauseCode::LimitRangeExceeded) } else { admission::classify(text) }
}

/// What takes the reason away; `None` where nothing that is sure does.
fn corrections_of(text: &str, rollout: &Rollout<'_>) -> Option<Vec<Correction>> {
    match admission::classify(text) {
        Some(CauseCode::ServiceAccountMissing) => Some(vec![Correction::DefaultServiceAccount]),
        Some(CauseCode::PriorityClassMissing) => Some(vec![Correction::WithoutPriorityClass]),
        Some(CauseCode::RuntimeClassMissing) => Some(vec![Correction::WithoutRuntimeClass]),
        Some(CauseCode::PodSecurityViolation) => Some(vec![Correction::Secured]),
        Some(_) => None,
        None => limits::within_bounds(text, rollout),
    }
}

fn words(correction: &Correction) -> String {
    match correction {
        Correction::DefaultServiceAccount => "the default ServiceAccount".to_owned(),
        Correction::WithoutPriorityClass => "no priorityClassName".to_owned(),
        Correction::WithoutRuntimeClass => "no runtimeClassName".to_owned(),
        Correction::Secured => "the securityContext of level restricted".to_owned(),
        Correction::Resource { resource, amount } => format!("{resource} {amount}"),
    }
}

/// What to say of the reasons behind, in words.
pub(super) fn more_words(behind: Behind, kind: Kind) -> Option<String> {
    let pods = if kind == Kind::Job { "the Job's pods" } else { "the pods" };
    match behind {
        Behind { more: 0, clear: true } => Some(format!(
            "A dry run with that corrected is accepted: nothing else keeps {pods} from being made."
        )),
        Behind { more: 0, clear: false } => None,
        Behind { more: 1, .. } => {
            Some("Correct 2 things at once: the other reason below comes after this one.".to_owned())
        }
        Behind { more, .. } => Some(format!(
            "Correct {} things at once: the {more} reasons below come after this one.",
            more + 1
        )),
    }
}

#[cfg(test)]
mod tests;
