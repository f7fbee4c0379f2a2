//! GitLab: a folded section, and two of its report files: links on the job's page, and Code Quality.

use serde_json::{Value, json};

use super::{COURSE, CiLog, bad, course, origin, title};
use crate::report::Report;
use crate::untrusted::{Redactor, Untrusted, for_json};

const TEXT: usize = 500;

pub(super) fn log(report: &Report, text: &str, log: &CiLog<'_>) -> String {
    let course = course::course(report, log.redactor);
    if course.is_empty() || text.is_empty() {
        return text.to_owned();
    }
    let (clock, name) = (log.clock, "rollout_guard_course");
    format!(
        "{text}\u{1b}[0Ksection_start:{clock}:{name}[collapsed=true]\r\u{1b}[0K{COURSE}\n\
         {course}\u{1b}[0Ksection_end:{clock}:{name}\r\u{1b}[0K\n"
    )
}

/// `artifacts:reports:annotations`: a link for each target that is not complete, to where its report is.
pub(crate) fn links(report: &Report, url: Option<&str>, redactor: &Redactor) -> String {
    let links: Vec<Value> = bad(report)
        .iter()
        .filter_map(|target| {
            let reason = target.causes.first().map_or(target.reason.as_str(), |cause| cause.code.as_str());
            let label = format!("{}: {reason}", title(target));
            let label = Untrusted::new(&label).for_variable(redactor, TEXT);
            Some(json!({"external_link": {"label": label, "url": url?}}))
        })
        .collect();
    document(&json!({"rollout-guard": links}))
}

/// `artifacts:reports:codequality`: a finding for each cause, at the line of its manifest where that is known.
pub(crate) fn code_quality(report: &Report, redactor: &Redactor) -> String {
    let text = |raw: &str| Untrusted::new(raw).for_variable(redactor, TEXT);
    let mut findings: Vec<Value> = Vec::new();
    for target in bad(report) {
        let object = format!("{}/{}/{}", target.namespace, target.kind, target.name);
        let (path, line) =
            origin(target).map_or_else(|| (text(&object), 1), |(file, line)| (text(file), line));
        for (number, cause) in target.causes.iter().enumerate() {
            findings.push(json!({
                "description": text(&format!("{}/{}: {}", target.kind.to_lowercase(), target.name, cause.headline)),
                "check_name": text(&cause.code),
                // Stable from run to run, and never twice in a file.
                "fingerprint": text(&format!("{object}/{}/{number}", cause.code)),
                "severity": if number == 0 { "blocker" } else { "major" },
                "location": {"path": path, "lines": {"begin": line}},
            }));
        }
    }
    document(&Value::Array(findings))
}

fn document(value: &Value) -> String {
    // Serialising to memory fails only for maps whose keys are no strings; there is none.
    let mut text = for_json(&serde_json::to_string_pretty(value).unwrap_or_default());
    text.push('\n');
    text
}
