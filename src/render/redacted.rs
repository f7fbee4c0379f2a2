//! The report without secrets, for the formats that otherwise keep texts as they are.

use crate::report::{Cause, Evidence, NotSeen, Report, Target};
use crate::untrusted::Redactor;

/// A copy in which every text that the cluster or an application wrote is redacted. Names of objects stay.
pub(super) fn redacted(report: &Report, redactor: &Redactor) -> Report {
    let mut report = report.clone();
    let text = |text: &mut String| redact(text, redactor);
    for NotSeen { what: _, message, consequence } in &mut report.not_seen {
        text(message);
        text(consequence);
    }
    for target in &mut report.targets {
        redact_target(target, redactor);
    }
    report
}

fn redact_target(target: &mut Target, redactor: &Redactor) {
    let text = |text: &mut String| redact(text, redactor);
    text(&mut target.summary);
    text(&mut target.impact.summary);
    target.changes.iter_mut().for_each(text);
    if let Some(undo) = &mut target.undo {
        text(&mut undo.message);
        undo.note.iter_mut().for_each(text);
    }
    target.images.iter_mut().for_each(|image| text(&mut image.image));
    target.warnings.iter_mut().for_each(|warning| text(&mut warning.message));
    target.timeline.iter_mut().for_each(|entry| text(&mut entry.what));
    target.pods.iter_mut().flat_map(|pod| &mut pod.states).for_each(|state| text(&mut state.state));
    target.causes.iter_mut().for_each(|cause| redact_cause(cause, redactor));
}

fn redact_cause(cause: &mut Cause, redactor: &Redactor) {
    let text = |text: &mut String| redact(text, redactor);
    text(&mut cause.headline);
    cause.changes.iter_mut().for_each(text);
    cause.help.iter_mut().for_each(text);
    cause.commands.iter_mut().for_each(text);
    for piece in &mut cause.evidence {
        match piece {
            Evidence::Field { object: _, path: _, value } => text(value),
            Evidence::Event { object: _, reason: _, message, count: _ } => text(message),
            Evidence::Log { object: _, container: _, previous: _, lines } => {
                let shown = redactor.redact_lines(lines);
                *lines = shown;
            }
            Evidence::Absence { what } => text(what),
            Evidence::Registry { registry: _, account: _, said }
            | Evidence::DryRun { object: _, corrected: _, said } => text(said),
        }
    }
}

fn redact(text: &mut String, redactor: &Redactor) {
    if let std::borrow::Cow::Owned(shown) = redactor.redact(text) {
        *text = shown;
    }
}
