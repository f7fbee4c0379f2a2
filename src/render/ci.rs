//! What a CI system is told besides the text: annotations, folded parts of the log, variables.
//!
//! All of it is one string for the stream that carries the text, because a system that reads commands from two
//! streams does not know their order.

mod azure;
mod course;
mod github;
mod gitlab;
#[cfg(any(test, fuzzing))]
pub(super) mod runner;
mod teamcity;
mod values;

use crate::report::{Report, Target, VerdictName};
use crate::untrusted::Redactor;

pub(crate) use gitlab::{code_quality, links};
pub(crate) use values::{dotenv, github_output, placeholder_dotenv};

/// The title of the folded part.
const COURSE: &str = "How it went";

/// A system whose log understands commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CiHost {
    GitHub,
    GitLab,
    Azure,
    TeamCity,
    Buildkite,
    /// None, or one whose log is only text.
    Plain,
}

/// What the log of a run is made from, besides the report.
pub(crate) struct CiLog<'a> {
    pub(crate) host: CiHost,
    /// Nobody can have guessed it: ends what no command may end.
    pub(crate) token: &'a str,
    /// The wall clock, in seconds since 1970.
    pub(crate) clock: i64,
    /// The JUnit report, where it is a file.
    pub(crate) junit: Option<&'a str>,
    /// The Markdown report, where it is a file.
    pub(crate) markdown: Option<&'a str>,
    pub(crate) redactor: &'a Redactor,
}

/// The text of a report with what the CI system is told about it.
pub(crate) fn ci_log(report: &Report, text: &str, log: &CiLog<'_>) -> String {
    match log.host {
        CiHost::GitHub => github::log(report, text, log),
        CiHost::GitLab => gitlab::log(report, text, log),
        CiHost::Azure => azure::log(report, text, log),
        CiHost::TeamCity => teamcity::log(report, text, log),
        CiHost::Buildkite => buildkite(report, text, log),
        CiHost::Plain => text.to_owned(),
    }
}

/// A line that begins with `+++` opens its part of the log, `---` folds it.
fn buildkite(report: &Report, text: &str, log: &CiLog<'_>) -> String {
    let open = if report.verdict == VerdictName::Complete { "---" } else { "+++" };
    let course = course::course(report, log.redactor);
    let course = if course.is_empty() { course } else { format!("--- {COURSE}\n{course}") };
    if text.is_empty() { String::new() } else { format!("{open} rollout-guard\n{text}{course}") }
}

/// The targets that need somebody, the worst first.
fn bad(report: &Report) -> Vec<&Target> {
    let mut bad: Vec<&Target> =
        report.targets.iter().filter(|target| target.verdict != VerdictName::Complete).collect();
    bad.sort_by_key(|target| target.verdict);
    bad
}

/// Where its manifest declares the target: path and line.
fn origin(target: &Target) -> Option<(&str, u64)> {
    target.origin.as_ref().map(|origin| (origin.file.as_str(), origin.line))
}

/// `deployment/web failed after 55s`.
fn title(target: &Target) -> String {
    let (kind, name) = (target.kind.to_lowercase(), &target.name);
    let time = super::style::spoken(target.duration_seconds);
    format!("{kind}/{name} {} {time}", super::style::after(target.verdict))
}

/// What is wrong and what to do first: one line each.
fn message(target: &Target) -> String {
    let Some(cause) = target.causes.first() else { return target.summary.clone() };
    let help = cause.help.iter().find(|sentence| !sentence.trim().is_empty());
    let mut lines = vec![format!("{} [{}]", cause.headline, cause.code)];
    lines.extend(help.cloned());
    lines.extend(cause.commands.first().cloned());
    if !target.impact.summary.is_empty() {
        lines.push(format!("impact: {}", target.impact.summary));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
