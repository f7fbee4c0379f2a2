//! By what terms a target was judged: its policy, and what was applied.

use super::v1::{PolicySetting, Undo, Warning};
use crate::guard::Guard;
use crate::model::Store;

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

/// What became of the way back.
pub(super) fn undo(store: &Store, guard: &Guard) -> Option<Undo> {
    let undone = store.undone(guard.stream())?;
    Some(Undo {
        outcome: undone.outcome.as_str().to_owned(),
        revision: undone.revision,
        message: undone.message.clone(),
        note: undone.note.clone(),
        duration_seconds: std::time::Duration::from_millis(undone.millis).as_secs_f64(),
    })
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
