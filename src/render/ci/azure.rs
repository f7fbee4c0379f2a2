//! Azure Pipelines: issues of the run, a folded group, output variables, the summary page.

use std::fmt::Write as _;

use super::{COURSE, CiLog, bad, course, message, origin, title, values};
use crate::report::Report;
use crate::untrusted::Untrusted;

const MESSAGE: usize = 1000;
const ISSUES: usize = 10;

pub(super) fn log(report: &Report, text: &str, log: &CiLog<'_>) -> String {
    let value = |raw: &str| Untrusted::new(raw).for_azure(log.redactor, MESSAGE);
    let mut out = text.to_owned();
    for target in bad(report).iter().take(ISSUES) {
        let place = origin(target).map_or_else(String::new, |(file, line)| {
            format!("sourcepath={};linenumber={};", value(file), line)
        });
        // An issue is one line.
        let said = format!("{}: {}", title(target), message(target).replace('\n', "; "));
        let _ = writeln!(out, "##vso[task.logissue type=error;{place}]{}", value(&said));
    }
    let course = course::course(report, log.redactor);
    if !course.is_empty() && !text.is_empty() {
        let _ = write!(out, "##[group]{COURSE}\n{course}##[endgroup]\n");
    }
    for (name, said) in values::values(report) {
        // Variables of Azure have no dashes when a script reads them.
        let name = name.replace('-', "_");
        let said = Untrusted::new(&said).for_azure_variable(log.redactor, MESSAGE);
        let _ = writeln!(out, "##vso[task.setvariable variable=rollout_{name};isOutput=true]{said}");
    }
    if let Some(path) = log.markdown {
        let _ = writeln!(out, "##vso[task.uploadsummary]{}", value(path));
    }
    out
}
