//! The timeline as lines of text, for the folded part of a log.

use crate::report::{Report, Target, VerdictName};
use crate::untrusted::{Redactor, Untrusted};

/// Lines for all targets together; the JSON report has all.
const MOST: usize = 400;

/// What happened to each target that is not complete, a line for each entry; empty where there is nothing.
pub(super) fn course(report: &Report, redactor: &Redactor) -> String {
    let mut lines = Vec::new();
    let all = report.targets.iter().filter(|target| target.verdict != VerdictName::Complete);
    for target in all {
        lines.extend(of_target(target, redactor));
    }
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if more > 0 {
        lines.push(format!("and {more} more in the JSON report"));
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn of_target(target: &Target, redactor: &Redactor) -> Vec<String> {
    let text = |raw: &str| Untrusted::new(raw).for_terminal(redactor);
    target
        .timeline
        .iter()
        .map(|entry| {
            let (subject, what) = (text(&entry.subject), text(&entry.what));
            format!("{:>8.1}s  {:<8}  {subject}: {what}", entry.at, text(&entry.kind))
        })
        .collect()
}
