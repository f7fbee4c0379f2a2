//! What holds for every report, whatever the cluster and its applications say.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;

use super::sample::kitchen_sink_of;
use super::{Look, html, json, junit, terminal};
use crate::report::Report;
use crate::untrusted::properties::{REDACTOR, hostile};

/// Commands of CI systems in a printed line. After wrapping, a line may begin with an address (`::1`), which is
/// none.
static COMMANDS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)##(?:\[|[a-z])|^\s*::[a-z]|\[\[[a-z]+\||SPINNAKER_").unwrap());

/// Beginnings of lines that only we write.
static OURS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:error\[|warning\[|also\[|help: |note: |impact: |try:|  --> |deployment/)").unwrap()
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_commands_or_forges_a_line_of_the_terminal(text in hostile()) {
        let look = Look::plain(&REDACTOR);
        let shown = terminal(&kitchen_sink_of(&text), &look);
        for line in shown.lines() {
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(!COMMANDS.is_match(line), "{line:?}");
        }
        let ours = |text: &str| text.lines().filter(|line| OURS.is_match(line)).count();
        // Fewer are possible: an empty help is left out.
        prop_assert!(ours(&shown) <= ours(&terminal(&kitchen_sink_of("plain"), &look)), "{shown}");
    }

    #[test]
    fn no_text_adds_a_case_or_spoils_the_document(text in hostile()) {
        let xml = junit(&kitchen_sink_of(&text), &REDACTOR);
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        let names = |suite: &quick_junit::TestSuite| -> Vec<String> {
            suite.test_cases.iter().map(|case| case.name.as_str().to_owned()).collect()
        };
        prop_assert_eq!(read.test_suites.iter().flat_map(names).collect::<Vec<_>>(), ["web", "worker"]);
        prop_assert!(!xml.contains("[[ATTACHMENT|") && !xml.contains("[[PROPERTY|"));
    }

    #[test]
    fn no_text_adds_markup_to_the_html_page(text in hostile()) {
        let marks = |page: &str| page.matches(['<', '>']).count();
        let page = html(&kitchen_sink_of(&format!("a{text}b")), &REDACTOR);
        prop_assert_eq!(marks(&page), marks(&html(&kitchen_sink_of("plain"), &REDACTOR)));
    }

    #[test]
    fn json_reads_back_and_redacting_twice_is_redacting_once(text in hostile()) {
        let written = json(&kitchen_sink_of(&text), &REDACTOR);
        let read: Report = serde_json::from_str(&written).unwrap();
        prop_assert_eq!(json(&read, &REDACTOR), written);
    }
}
