//! The report as JSON: `src/schema/report.v1.json` describes it.

use serde::Serialize;

use super::redacted::redacted;
use crate::report::{PlaceholderReport, Report};
use crate::untrusted::{Redactor, for_json};

/// The report as pretty JSON with a final newline, its fields in the order of the schema.
///
/// Texts are as the cluster gave them, less the secrets. What a terminal or a CI system would act on is written as
/// `\u…`: the same JSON, but printed on stdout (`-o json`) it is not a command.
pub(crate) fn json(report: &Report, redactor: &Redactor) -> String {
    document(&redacted(report, redactor))
}

/// The same for a report without a verdict.
pub(crate) fn placeholder_json(report: &PlaceholderReport) -> String {
    document(report)
}

fn document<T: Serialize>(report: &T) -> String {
    // Serialising to memory fails only for maps whose keys are no strings; a report has none.
    let mut text = for_json(&serde_json::to_string_pretty(report).unwrap_or_default());
    text.push('\n');
    text
}
