//! By what terms a target was judged: its policy, and what was applied.

use super::v1::{PolicySetting, Warning};
use crate::guard::Guard;

/// What is not the default, and who said so.
pub(super) fn settings(guard: &Guard) -> Vec<PolicySetting> {
    let settings = guard.last.applied.settings.iter();
    settings
        .map(|(knob, value, source)| PolicySetting {
            name: knob.annotation().to_owned(),
            value: value.clone(),
            from: source.as_str().to_owned(),
        })
        .collect()
}

/// What a person should know whatever the verdict is.
pub(super) fn warnings(guard: &Guard) -> Vec<Warning> {
    let warning = |code: &str, message: String| Warning { code: code.to_owned(), message };
    let mut warnings: Vec<Warning> = guard
        .last
        .applied
        .problems
        .iter()
        .map(|problem| warning("annotation-not-usable", problem.clone()))
        .collect();
    let shown = guard.last.workload.as_ref().map(|workload| workload.metadata.generation);
    if let (Some(applied), Some(shown)) = (guard.target().generation, shown)
        && shown > applied
    {
        warnings.push(warning(
            "changed-since-apply",
            format!(
                "its spec was changed after it was applied: generation {shown}, and {applied} was applied"
            ),
        ));
    }
    warnings
}
