//! What holds for every input, generated from the pieces an attacker would use.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;

use super::{Redactor, Untrusted};

/// Texts made of hostile pieces, ordinary pieces and arbitrary characters.
pub(crate) fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "##[error]",
            "##",
            "#",
            "##vso[",
            "##teamcity[",
            "::",
            ":",
            "::set-output name=a::",
            "[[ATTACHMENT|",
            "[",
            "[[PROPERTY|",
            "SPINNAKER_PROPERTY_x=",
            "SPINNAKER",
            "_",
            "section_start:1:a\r\u{1b}[0K",
            "section",
            "start:",
            "$",
            "$NAME",
            "${NAME}",
            "$(name)",
            "%",
            "%NAME%",
            "\u{1b}",
            "\u{1b}[",
            "\u{1b}]0;",
            "\u{7}",
            "\u{9b}",
            "\u{9c}",
            "\u{1b}\\",
            "\u{1b}P",
            "\r",
            "\n",
            "\r\n",
            "\t",
            " ",
            "\0",
            "\u{8}",
            "\u{7f}",
            "\u{85}",
            "\u{202e}",
            "\u{2066}",
            "\u{200b}",
            "\u{200d}",
            "\u{2028}",
            "\u{fffe}",
            "\u{ffff}",
            "]]>",
            "<a b='",
            "&amp;",
            "&#0;",
            "\"",
            "-----BEGIN PRIVATE KEY-----",
            "-----END PRIVATE KEY-----",
            "password=",
            "token",
            "https://a:b@c",
            "eyJhbGciOiJIUzI1NiJ9.",
            "[redacted]",
            "sha256:",
            "@",
            "://",
            "Bearer ",
            "Authorization:",
            "AKIAIOSFODNN7EXAMPLE",
            "日本",
            "word",
            "1",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        "[ -~]{0,6}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Compiled once: properties run hundreds of times.
pub(crate) static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new::<&str>(&[]).unwrap());

/// What CI systems look for in a line, in the widest reading.
static TRIGGERS: LazyLock<Regex> = LazyLock::new(|| {
    let patterns = [
        r"##(?:\[|[a-z])",
        r"^\s*::",
        r"\s::[a-z]",
        r"\[\[[a-z]+\|",
        r"SPINNAKER_",
        r"section_(?:start|end):",
    ];
    Regex::new(&format!("(?i){}", patterns.join("|"))).unwrap()
});

/// XML 1.0, production 2, less the control characters it allows.
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

proptest! {
    #[test]
    fn no_line_commands_controls_or_hides(text in hostile()) {
        let text = Untrusted::new(&text);
        let mut lines = text.for_terminal_lines(&REDACTOR);
        lines.extend(text.for_log_lines(&REDACTOR));
        lines.push(text.for_terminal(&REDACTOR));
        lines.extend(text.for_xml_text(&REDACTOR, 9999).split('\n').map(str::to_owned));
        for line in lines {
            prop_assert!(line.chars().all(is_plain), "{line:?}");
            prop_assert!(!TRIGGERS.is_match(&line), "{line:?}");
        }
    }

    #[test]
    fn encoding_twice_is_encoding_once(text in hostile()) {
        let once = Untrusted::new(&text).for_xml_text(&REDACTOR, 9999);
        prop_assert_eq!(&Untrusted::new(&once).for_xml_text(&REDACTOR, 9999), &once);
        let once = Untrusted::new(&text).for_terminal(&REDACTOR);
        prop_assert_eq!(&Untrusted::new(&once).for_terminal(&REDACTOR), &once);
    }

    #[test]
    fn an_xml_reader_gets_back_what_was_written(text in hostile()) {
        let text = Untrusted::new(&text).for_xml_text(&REDACTOR, 9999);
        let mut suite = quick_junit::TestSuite::new("suite");
        let status = quick_junit::TestCaseStatus::non_success(quick_junit::NonSuccessKind::Failure);
        let mut case = quick_junit::TestCase::new("case", status);
        case.status.set_description(text.as_str());
        suite.add_test_case(case);
        let mut report = quick_junit::Report::new("report");
        report.add_test_suite(suite);
        let xml = report.to_string().unwrap();
        let read = quick_junit::Report::deserialize_from_str(&xml).unwrap();
        prop_assert_eq!(read.test_suites[0].test_cases.len(), 1);
        let quick_junit::TestCaseStatus::NonSuccess { description, .. } = &read.test_suites[0].test_cases[0].status
        else { panic!("{xml}") };
        prop_assert_eq!(description.as_ref().map_or("", |text| text.as_str()).trim(), text.trim());
    }
}
