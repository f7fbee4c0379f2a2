//! By what terms a target was judged: its policy, and what was applied.

use std::time::Duration;

use super::v1::{PolicySetting, Undo, Warning};
use crate::duration;
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
        duration_seconds: Duration::from_millis(undone.millis).as_secs_f64(),
    })
}

/// A difference of clocks that is worth a word.
const SKEW: Duration = Duration::from_secs(30);

/// The clock of this machine is wrong, or the API server's. Said once in a report.
pub(super) fn clock(store: &Store) -> Option<Warning> {
    let server = store.server().filter(|server| !server.clock_unknown)?;
    let skew = Duration::from_millis(server.clock_offset_millis.unsigned_abs());
    let minutes = (skew.as_secs() + 30) / 60;
    let where_to = if server.clock_offset_millis > 0 { "behind" } else { "ahead of" };
    (skew > SKEW).then(|| Warning {
        code: "clock-skew".to_owned(),
        message: format!(
            "the clock of this machine is {} {where_to} the API server's; ages are counted by the API server's",
            duration::short(Duration::from_secs(60 * minutes))
        ),
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
