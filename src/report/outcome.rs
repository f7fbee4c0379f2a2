//! What has become of a target whose kind rolls no replicas out.

use crate::guard::Guard;
use crate::model::{Condition, Detail, Kind, Workload, condition};

/// The outcome in a few words, for the kinds that have other words than replicas; `None` for all others.
pub(super) fn outcome(guard: &Guard) -> Option<String> {
    let workload = guard.last.workload.as_ref()?;
    match &workload.detail {
        Detail::Job(_) => completions(workload),
        Detail::Pod(pod) => Some(match pod.status.phase.as_str() {
            "Succeeded" => "it ended well".to_owned(),
            _ if pod.is_ready() => "it is ready".to_owned(),
            phase => format!("its phase is {phase}"),
        }),
        Detail::Custom(state) => {
            if let Some(goal) = &guard.last.applied.policy.goal {
                let missing = goal.missing(&state.document);
                return Some(
                    missing.map_or_else(|| format!("{} holds", goal.written), |_| "not complete".to_owned()),
                );
            }
            let conditions = &workload.status.conditions;
            let of = |kind: &str| conditions.iter().find(|found| found.kind == kind);
            let telling =
                ["Ready", "Available", "Healthy", "Succeeded", "Complete", "Completed", "Established"];
            let shown: Option<&Condition> = telling.into_iter().find_map(of).or_else(|| conditions.first());
            Some(shown.map_or_else(
                || "no condition tells of it".to_owned(),
                |found| format!("condition {} is {}", found.kind, found.status),
            ))
        }
        Detail::Plain => None,
    }
}

/// `2 of 3 completions, after 1 failed pod`.
pub(crate) fn completions(workload: &Workload) -> Option<String> {
    let job = workload.job()?;
    let (succeeded, failed) = (job.status.succeeded, job.status.failed);
    let by_policy = workload
        .condition(condition::SUCCESS_CRITERIA_MET)
        .is_some_and(|met| met.is_true() && met.reason == "SuccessPolicy");
    let base = match job.spec.completions {
        Some(wanted) if by_policy => {
            format!("{succeeded} of {wanted} completions, which is enough for its success policy")
        }
        Some(wanted) => format!("{succeeded} of {wanted} completions"),
        None => format!("{succeeded} pods of a work queue succeeded"),
    };
    Some(match failed {
        0 => base,
        1 => format!("{base}, after 1 failed pod"),
        failed => format!("{base}, after {failed} failed pods"),
    })
}

/// Pods of it serve, so that what serves now is an answer to what its failure means.
pub(super) const fn serves(kind: Kind) -> bool {
    !matches!(kind, Kind::Job | Kind::Pod | Kind::Custom(_))
}
