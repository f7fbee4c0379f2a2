//! TeamCity: build problems, a block, parameters, the JUnit report.

use std::fmt::Write as _;

use super::{COURSE, CiLog, bad, course, message, title, values};
use crate::report::Report;
use crate::untrusted::Untrusted;

/// TeamCity takes 4000 characters of a description and 60 of an identity.
const MESSAGE: usize = 2000;
const PROBLEMS: usize = 10;

pub(super) fn log(report: &Report, text: &str, log: &CiLog<'_>) -> String {
    let value = |raw: &str| Untrusted::new(raw).for_teamcity(log.redactor, MESSAGE);
    let mut out = text.to_owned();
    for target in bad(report).iter().take(PROBLEMS) {
        let said = value(&format!("{}: {}", title(target), message(target)));
        let _ = writeln!(out, "##teamcity[buildProblem description='{said}']");
    }
    let course = course::course(report, log.redactor);
    if !course.is_empty() && !text.is_empty() {
        let _ = write!(
            out,
            "##teamcity[blockOpened name='{COURSE}']\n{course}##teamcity[blockClosed name='{COURSE}']\n"
        );
    }
    for (name, said) in values::values(report) {
        let said = Untrusted::new(&said).for_teamcity_parameter(log.redactor, MESSAGE);
        let _ = writeln!(out, "##teamcity[setParameter name='rollout.{name}' value='{said}']");
    }
    if let Some(path) = log.junit {
        let _ = writeln!(out, "##teamcity[importData type='junit' path='{}']", value(path));
    }
    out
}
