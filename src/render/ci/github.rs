//! GitHub Actions: annotations and a folded group.
//!
//! The runner reads commands from both streams, also `##[…]` in the middle of a line, so the text stands between
//! `stop-commands` and its token although the encoder has broken every command in it.

use std::fmt::Write as _;

use super::{COURSE, CiLog, bad, course, message, origin, title};
use crate::report::{Report, VerdictName};
use crate::untrusted::Untrusted;

/// GitHub shows ten annotations of each level for a step; the last says how many more there are.
const ERRORS: usize = 9;
const NOTICES: usize = 5;
/// The runner cuts at 4096; nobody reads so much beside a line of code.
const MESSAGE: usize = 1000;
const TITLE: usize = 200;

pub(super) fn log(report: &Report, text: &str, log: &CiLog<'_>) -> String {
    let mut out = stopped(text, log);
    annotations(report, log, &mut out);
    let course = course::course(report, log.redactor);
    if !course.is_empty() && !text.is_empty() {
        let _ = write!(out, "::group::{COURSE}\n{}::endgroup::\n", stopped(&course, log));
    }
    out
}

/// The text, in which no command is one.
fn stopped(text: &str, log: &CiLog<'_>) -> String {
    if text.is_empty() {
        return String::new();
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("::stop-commands::{0}\n{text}{end}::{0}::\n", log.token)
}

fn annotations(report: &Report, log: &CiLog<'_>, out: &mut String) {
    let bad = bad(report);
    for target in bad.iter().take(ERRORS) {
        let place = origin(target).map_or_else(String::new, |(file, line)| {
            let file = Untrusted::new(file).for_github_property(log.redactor, TITLE);
            format!("file={file},line={line},")
        });
        annotation("error", &place, &title(target), &message(target), log, out);
    }
    if bad.len() > ERRORS {
        let more = format!("{} more rollouts are not complete", bad.len() - ERRORS);
        annotation("error", "", "rollout-guard", &more, log, out);
    }
    let mut told: Vec<&str> = Vec::new();
    for target in report.targets.iter().filter(|target| target.verdict == VerdictName::Complete) {
        for warning in &target.warnings {
            if told.len() < NOTICES && !told.contains(&warning.message.as_str()) {
                told.push(&warning.message);
                let title = format!("{}/{}: {}", target.kind.to_lowercase(), target.name, warning.code);
                annotation("notice", "", &title, &warning.message, log, out);
            }
        }
    }
}

fn annotation(level: &str, place: &str, title: &str, message: &str, log: &CiLog<'_>, out: &mut String) {
    let title = Untrusted::new(title).for_github_property(log.redactor, TITLE);
    let message = Untrusted::new(message).for_github_message(log.redactor, MESSAGE);
    let _ = writeln!(out, "::{level} {place}title={title}::{message}");
}
