//! The report as JUnit XML: a suite per namespace, a case per workload.
//!
//! `failure` is a rollout that is bad or late, `error` one that could not be judged. What each consumer reads
//! decides the shape: GitLab shows only the text of a failure, so the headline is its first line too; publishers
//! sum the count attributes of the suites; Jenkins fails on a file without a case, so there always is one; names
//! hold no pod and no time, so that a dashboard knows the case again.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::style::Look;
use super::terminal::{headline, target_text};
use crate::planted::{self, Bug};
use crate::report::{PlaceholderReport, Report, Target, Tool, VerdictName};
use crate::untrusted::{Redactor, Untrusted};

/// Longest text of a case in bytes; GitLab takes 30 MB for a file, and a person reads a page.
const TEXT_LIMIT: usize = 64 * 1024;
/// Of a longer text: what stays of its beginning (what is wrong) and of its end (what to do). A log is between.
const TEXT_HEAD: usize = 40_000;
const TEXT_TAIL: usize = 20_000;
/// Longest `message`.
const MESSAGE_LIMIT: usize = 300;
/// Longest name; Azure cuts at 512.
const NAME_LIMIT: usize = 300;

const TOOL: &str = "rollout-guard";

/// A finished report.
pub(crate) fn junit(report: &Report, redactor: &Redactor) -> String {
    let writer = Writer { redactor, started_at: &report.started_at };
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for target in &report.targets {
        let suite =
            suites.entry(&target.namespace).or_insert_with(|| writer.report_suite(&target.namespace, report));
        let time = seconds(target.duration_seconds);
        suite.time = suite.time.max(Some(time));
        suite.add_test_case(writer.target_case(target, report, time));
    }
    if suites.is_empty() {
        let mut suite = writer.report_suite(TOOL, report);
        suite.add_test_case(writer.empty_case(report));
        suites.insert(TOOL, suite);
    }
    document(suites.into_values(), seconds(report.duration_seconds))
}

/// A report without a verdict: every target is an error, so that a killed job leaves no green case.
pub(crate) fn placeholder_junit(report: &PlaceholderReport, redactor: &Redactor) -> String {
    let writer = Writer { redactor, started_at: &report.started_at };
    let message = report.message.as_deref().unwrap_or("rollout-guard ended before it had a verdict");
    let hints = report.help.iter().map(|hint| format!("\nhint: {hint}"));
    let text = std::iter::once(message.to_owned()).chain(hints).collect::<String>();
    let exit_code = report.exit_code.map_or_else(String::new, |code| code.to_string());
    let properties = [("verdict", report.verdict.as_str()), ("exit-code", exit_code.as_str())];
    let new_suite = |name: &str| writer.suite(name, &report.tool, &properties);
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for target in &report.targets {
        let suite = suites.entry(&target.namespace).or_insert_with(|| new_suite(&target.namespace));
        let status = writer.non_success(NonSuccessKind::Error, &report.reason, message, text.clone());
        suite.add_test_case(writer.case(&target.namespace, &target.kind, &target.name, status));
    }
    if suites.is_empty() {
        let mut suite = new_suite(TOOL);
        let status = writer.non_success(NonSuccessKind::Error, &report.reason, message, text);
        suite.add_test_case(writer.case("", TOOL, "targets", status));
        suites.insert(TOOL, suite);
    }
    document(suites.into_values(), Duration::ZERO)
}

struct Writer<'a> {
    redactor: &'a Redactor,
    started_at: &'a str,
}

impl Writer<'_> {
    fn report_suite(&self, name: &str, report: &Report) -> TestSuite {
        let exit_code = report.exit_code.map_or_else(String::new, |code| code.to_string());
        let mut suite = self.suite(
            name,
            &report.tool,
            &[
                ("cluster.context", report.cluster.context.as_str()),
                ("cluster.server", &report.cluster.server),
                ("cluster.version", &report.cluster.version),
                ("verdict", report.verdict.as_str()),
                ("exit-code", &exit_code),
            ],
        );
        let host =
            [&report.cluster.context, &report.cluster.server].into_iter().find(|name| !name.is_empty());
        if let Some(host) = host {
            suite.extra.insert("hostname".into(), self.attribute(host, NAME_LIMIT).into());
        }
        suite
    }

    fn suite(&self, name: &str, tool: &Tool, properties: &[(&str, &str)]) -> TestSuite {
        let mut suite = TestSuite::new(self.attribute(if name.is_empty() { TOOL } else { name }, NAME_LIMIT));
        suite.set_time(Duration::ZERO);
        // Not `set_timestamp`: quick-junit writes milliseconds and an offset, which Azure and the strict schema do
        // not read. The root has no timestamp, as nobody reads it there and quick-junit offers no other way.
        if let Some(timestamp) = timestamp(self.started_at) {
            suite.extra.insert("timestamp".into(), timestamp.into());
        }
        suite.add_property(("rollout-guard.version", self.attribute(&tool.version, NAME_LIMIT).as_str()));
        for (name, value) in properties.iter().filter(|(_, value)| !value.is_empty()) {
            suite.add_property((
                format!("rollout-guard.{name}").as_str(),
                self.attribute(value, NAME_LIMIT).as_str(),
            ));
        }
        suite
    }

    fn target_case(&self, target: &Target, report: &Report, time: Duration) -> TestCase {
        let look = Look::plain(self.redactor);
        let text = target_text(target, &report.not_seen, &look);
        let kind = match target.verdict {
            VerdictName::Complete => None,
            VerdictName::Failed | VerdictName::TimedOut => Some(NonSuccessKind::Failure),
            VerdictName::Indeterminate | VerdictName::Superseded | VerdictName::Interrupted => {
                Some(NonSuccessKind::Error)
            }
        };
        let status = kind.map_or_else(TestCaseStatus::success, |kind| {
            let cause = target.causes.first().map_or(target.reason.as_str(), |cause| cause.code.as_str());
            self.non_success(kind, cause, &headline(target, &look), text.clone())
        });
        let mut case = self.case(&target.namespace, &target.kind, &target.name, status);
        case.set_time(time);
        // Where a publisher can point: GitLab, mikepenz and EnricoMi read these two.
        if let Some(origin) = &target.origin {
            case.extra.insert("file".into(), self.attribute(&origin.file, NAME_LIMIT).into());
            case.extra.insert("line".into(), origin.line.to_string().into());
        }
        // A pass says what it does not prove; a failure has said everything already.
        if kind.is_none() {
            case.set_system_out(fit(text));
        }
        case
    }

    /// The case of a run that had no target.
    fn empty_case(&self, report: &Report) -> TestCase {
        let message = "there was nothing to judge";
        let status = if report.verdict == VerdictName::Complete {
            let mut status = TestCaseStatus::skipped();
            status.set_message(message);
            status
        } else {
            let reasons: Vec<&str> = report.not_seen.iter().map(|missing| missing.message.as_str()).collect();
            let reasons = Untrusted::new(&reasons.join("\n")).for_xml_text(self.redactor, TEXT_HEAD);
            let text = format!("{message}\n{reasons}");
            self.non_success(NonSuccessKind::Error, report.verdict.as_str(), message, text)
        };
        self.case("", TOOL, "targets", status)
    }

    fn case(&self, namespace: &str, kind: &str, name: &str, status: TestCaseStatus) -> TestCase {
        let class = if namespace.is_empty() { kind.to_owned() } else { format!("{namespace}.{kind}") };
        let mut case = TestCase::new(self.attribute(name, NAME_LIMIT), status);
        case.set_classname(self.attribute(&class, NAME_LIMIT));
        case.set_time(Duration::ZERO);
        case
    }

    /// A status whose text begins with its message, because GitLab drops the message where there is text. The text
    /// is encoded already.
    fn non_success(&self, kind: NonSuccessKind, cause: &str, message: &str, text: String) -> TestCaseStatus {
        let message = self.attribute(message, MESSAGE_LIMIT);
        let text = if text.starts_with(&message) { text } else { format!("{message}\n\n{text}") };
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(self.attribute(cause, NAME_LIMIT)).set_description(fit(text)).set_message(message);
        status
    }

    fn attribute(&self, text: &str, limit: usize) -> String {
        Untrusted::new(text).for_xml_attribute(self.redactor, limit)
    }
}

fn document(suites: impl IntoIterator<Item = TestSuite>, time: Duration) -> String {
    let mut report = quick_junit::Report::new(TOOL);
    report.set_time(time);
    report.add_test_suites(suites);
    // Writing to memory does not fail; should it, a file that says so beats no file.
    let text = report.to_string().unwrap_or_else(|_| UNWRITABLE.to_owned());
    if planted::is(Bug::Markup) { text.replace("&lt;", "<").replace("&gt;", ">") } else { text }
}

const UNWRITABLE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"rollout-guard\" tests=\"1\" \
    skipped=\"0\" failures=\"0\" errors=\"1\" time=\"0.000\"><testsuite name=\"rollout-guard\" tests=\"1\" skipped=\"0\" errors=\"1\" \
    failures=\"0\" time=\"0.000\"><testcase name=\"targets\" classname=\"rollout-guard\" time=\"0.000\"><error \
    message=\"the report could not be written as XML\"/></testcase></testsuite></testsuites>\n";

/// The text within [`TEXT_LIMIT`], saying how many lines were left out of its middle.
fn fit(text: String) -> String {
    if text.len() <= TEXT_LIMIT {
        return text;
    }
    let lines: Vec<&str> = text.lines().collect();
    let head = lines_within(lines.iter(), TEXT_HEAD);
    let tail = lines_within(lines.iter().rev(), TEXT_TAIL);
    let omitted = format!("… ({} lines left out)", lines.len().saturating_sub(head + tail));
    let end = lines.iter().skip(lines.len().saturating_sub(tail));
    lines.iter().take(head).chain([&omitted.as_str()]).chain(end).copied().collect::<Vec<_>>().join("\n")
}

/// How many lines fit into so many bytes.
fn lines_within<'t>(lines: impl Iterator<Item = &'t &'t str>, bytes: usize) -> usize {
    lines
        .scan(0, |used, line| {
            *used += line.len() + 1;
            Some(*used)
        })
        .take_while(|used| *used <= bytes)
        .count()
}

/// Seconds as a duration; nonsense is zero.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// `2026-11-23T20:00:00Z`: whole seconds, UTC, the form that Jenkins, Azure and the Ant schema all read.
fn timestamp(rfc3339: &str) -> Option<String> {
    let parsed: jiff::Timestamp = rfc3339.parse().ok()?;
    Some(parsed.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod consumers;
#[cfg(test)]
mod tests;
