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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::render::sample::{ended_by_an_error, kitchen_sink, placeholder, redactor};
    use crate::render::schema_check::problems;

    fn schema() -> Value {
        serde_json::from_str(include_str!("../schema/report.v1.json")).unwrap()
    }

    #[test]
    fn a_report_with_everything_in_it_is_as_the_schema_says() {
        let value: Value = serde_json::from_str(&json(&kitchen_sink(), &redactor())).unwrap();
        assert_eq!(problems(&schema(), &value), [""; 0]);
    }

    #[test]
    fn a_placeholder_is_as_the_schema_says_and_has_no_exit_code() {
        let value: Value = serde_json::from_str(&placeholder_json(&placeholder(&[("shop", "web")]))).unwrap();
        assert_eq!(problems(&schema(), &value), [""; 0]);
        assert_eq!(value["exitCode"], Value::Null);
        let value: Value = serde_json::from_str(&placeholder_json(&ended_by_an_error())).unwrap();
        assert_eq!(problems(&schema(), &value), [""; 0]);
        assert_eq!((&value["exitCode"], &value["verdict"]), (&4.into(), &"indeterminate".into()));
    }

    #[test]
    fn the_check_finds_a_wrong_type_a_missing_field_and_an_undescribed_one() {
        let mut value: Value = serde_json::from_str(&json(&kitchen_sink(), &redactor())).unwrap();
        value["targets"][0]["replicas"]["desired"] = "3".into();
        value["targets"][0]["extra"] = 1.into();
        value["cluster"].as_object_mut().unwrap().remove("server");
        let mut report = schema();
        report["$ref"] = "#/$defs/report".into();
        report.as_object_mut().unwrap().remove("oneOf");
        let found = problems(&report, &value);
        for place in ["/targets/0/replicas/desired", "/targets/0/extra", "/cluster: lacks \"server\""] {
            assert!(found.iter().any(|problem| problem.starts_with(place)), "{place} in {found:?}");
        }
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn json_reads_back_as_the_same_report_without_its_secrets() {
        let text = json(&kitchen_sink(), &redactor());
        let read: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(read, redacted(&kitchen_sink(), &redactor()));
        assert_ne!(read, kitchen_sink());
        assert!(!text.contains("hunter2") && text.ends_with("}\n"));
        assert_eq!(json(&read, &redactor()), text, "redacting twice is redacting once");
    }

    #[test]
    fn printed_json_is_no_command_to_a_ci_system() {
        let text = json(&kitchen_sink(), &redactor());
        for token in ["##", "[[", "::", "SPINNAKER_", "\u{202e}", "\u{fffe}"] {
            assert!(!text.contains(token), "{token:?}");
        }
    }
}
