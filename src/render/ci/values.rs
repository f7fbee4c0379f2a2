//! The result in a few values that a later step can branch on.

use std::fmt::Write as _;

use super::{bad, title};
use crate::report::{PlaceholderReport, Report};
use crate::untrusted::{Redactor, Untrusted, for_json};

/// Names in the list of failed targets; the JSON report has all.
const MOST_NAMES: usize = 100;
const TEXT: usize = 300;
/// GitLab takes 5 KB in all.
const DOTENV_TEXT: usize = 1000;

/// Name and value of each, the value raw.
pub(super) fn values(report: &Report) -> Vec<(&'static str, String)> {
    let bad = bad(report);
    let worst = bad.first();
    let reason = worst.map_or("complete", |target| {
        target.causes.first().map_or(target.reason.as_str(), |cause| cause.code.as_str())
    });
    let headline = worst.map_or_else(String::new, |target| match target.causes.first() {
        Some(cause) => format!("{}: {}", title(target), cause.headline),
        None => format!("{}: {}", title(target), target.summary),
    });
    vec![
        ("result", report.verdict.as_str().to_owned()),
        ("exit-code", report.exit_code.map_or_else(String::new, |code| code.to_string())),
        ("reason", reason.to_owned()),
        ("headline", headline),
        ("duration-seconds", format!("{:.3}", report.duration_seconds)),
    ]
}

/// The targets that are not complete, as a JSON array of `namespace/Kind/name`.
fn failed(report: &Report, redactor: &Redactor) -> String {
    let names: Vec<String> = bad(report)
        .iter()
        .take(MOST_NAMES)
        .map(|target| {
            let name = format!("{}/{}/{}", target.namespace, target.kind, target.name);
            Untrusted::new(&name).for_variable(redactor, TEXT)
        })
        .collect();
    for_json(&serde_json::to_string(&names).unwrap_or_default())
}

/// Lines for the file `GITHUB_OUTPUT`: the values, the failed targets, and the paths of the reports.
///
/// A value of one line has no delimiter that could be forged; a path may have several, and then a token ends it.
pub(crate) fn github_output(
    report: &Report,
    paths: &[(&str, String)],
    token: &str,
    redactor: &Redactor,
) -> String {
    let mut out = String::new();
    for (name, value) in values(report) {
        let _ = writeln!(out, "{name}={}", Untrusted::new(&value).for_variable(redactor, TEXT));
    }
    let _ = writeln!(out, "failed={}", failed(report, redactor));
    for (name, path) in paths {
        if path.contains(['\n', '\r']) {
            let _ = write!(out, "{name}<<{token}\n{path}\n{token}\n");
        } else {
            let _ = writeln!(out, "{name}={path}");
        }
    }
    out
}

/// `artifacts:reports:dotenv` of GitLab: a variable a line.
pub(crate) fn dotenv(report: &Report, redactor: &Redactor) -> String {
    let line = |(name, value): (&str, String)| {
        let name = name.to_uppercase().replace('-', "_");
        format!("ROLLOUT_{name}={}\n", Untrusted::new(&value).for_passed_on_variable(redactor, DOTENV_TEXT))
    };
    values(report).into_iter().map(line).collect()
}

/// The same without a verdict.
pub(crate) fn placeholder_dotenv(report: &PlaceholderReport) -> String {
    let code = report.exit_code.map_or_else(String::new, |code| format!("ROLLOUT_EXIT_CODE={code}\n"));
    format!("ROLLOUT_RESULT={}\n{code}ROLLOUT_REASON={}\n", report.verdict.as_str(), report.reason)
}
