//! What every encoder promises of every text. Used by the properties of this module and by fuzzing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code; clippy knows it only by its plain form")]

use std::sync::LazyLock;

use quick_xml::events::Event;
use regex::Regex;

use super::{GUTTER, LINE_LIMIT, Redactor, Untrusted};

/// Compiled once: oracles run thousands of times.
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

/// Known by its own form wherever it stands on a line, and the part of it that nobody may see.
const SECRET: &str = "ghp_0aKq7Zs1Lw9Xe3Rt5Yu8Io2Pl4Mn6Bv0Cx";
const SECRET_PART: &str = "7Zs1Lw9Xe3Rt5Yu8Io2Pl4Mn";

/// More than a text here has.
const FAR: usize = 1 << 24;

/// XML 1.0, production 2, less the control characters it allows.
fn is_plain(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Everything that the encoders promise.
pub(crate) fn encoders(text: &str) {
    lines_are_plain(text);
    twice_is_once(text);
    secrets_are_gone(text);
    values_read_back(text);
    xml_reads_back(text);
}

/// Whether a terminal or a CI system would act on this line instead of showing it.
pub(crate) fn acts(line: &str) -> bool {
    !line.chars().all(is_plain) || TRIGGERS.is_match(line)
}

/// No line acts, hides, commands, or is longer than a line may be.
pub(super) fn lines_are_plain(text: &str) {
    let text = Untrusted::new(text);
    let shown = text.for_terminal_lines(&REDACTOR);
    let logged = text.for_log_lines(&REDACTOR);
    let line = text.for_terminal(&REDACTOR);
    let command = text.for_command(&REDACTOR);
    let xml = text.for_xml_text(&REDACTOR, FAR);
    let lines =
        shown.iter().chain(&logged).chain([&line, &command]).map(String::as_str).chain(xml.split('\n'));
    for line in lines {
        assert!(!acts(line), "{line:?}");
    }
    assert!(line.chars().count() <= LINE_LIMIT, "{} characters", line.chars().count());
    assert!(shown.iter().all(|line| line.chars().count() <= LINE_LIMIT), "{shown:?}");
    assert!(logged.iter().all(|line| line.starts_with(GUTTER)), "{logged:?}");
    for limit in [0, 1, 40, 41, 300] {
        let capped = text.for_xml_text(&REDACTOR, limit);
        assert!(capped.chars().count() <= limit.max(super::CAP_NOTE), "{limit}: {capped:?}");
    }
}

/// What was encoded before, as when a stored report is shown, stays as it is.
pub(super) fn twice_is_once(text: &str) {
    let once = Untrusted::new(text).for_xml_text(&REDACTOR, FAR);
    assert_eq!(Untrusted::new(&once).for_xml_text(&REDACTOR, FAR), once);
    let once = Untrusted::new(text).for_terminal(&REDACTOR);
    assert_eq!(Untrusted::new(&once).for_terminal(&REDACTOR), once);
    let once = REDACTOR.redact(text);
    assert_eq!(REDACTOR.redact(&once), once);
}

/// No text around a secret makes it visible.
pub(super) fn secrets_are_gone(text: &str) {
    // A fuzzer that sees us compare puts it there.
    let shown = Untrusted::new(text).for_xml_text(&REDACTOR, FAR);
    if text.contains(SECRET_PART) || shown.contains(SECRET_PART) {
        return;
    }
    let around = format!("{text}\n{SECRET}\n{text} {SECRET} {text}");
    let text = Untrusted::new(&around);
    for shown in [
        text.for_terminal(&REDACTOR),
        text.for_terminal_lines(&REDACTOR).join("\n"),
        text.for_html_lines(&REDACTOR),
        text.for_markdown(&REDACTOR),
        text.for_github_message(&REDACTOR, FAR),
        REDACTOR.redact(&around).into_owned(),
    ] {
        assert!(!shown.contains(SECRET_PART), "{shown:?}");
    }
}

/// A reader of each grammar gets back what was meant, as one value.
pub(super) fn values_read_back(text: &str) {
    let text = Untrusted::new(text);
    let (line, block) = (text.for_terminal(&REDACTOR), text.for_xml_text(&REDACTOR, FAR));
    let one_line = |written: &str| assert!(!written.contains(['\n', '\r']), "{written:?}");

    let message = text.for_github_message(&REDACTOR, FAR);
    one_line(&message);
    assert_eq!(percent(&message, "%", &["25", "0D", "0A"]), block);
    let property = text.for_github_property(&REDACTOR, FAR);
    one_line(&property);
    assert!(!property.contains([':', ',']), "{property:?}");
    assert_eq!(percent(&property, "%", &["25", "0D", "0A", "3A", "2C"]), line);
    let issue = text.for_azure(&REDACTOR, FAR);
    one_line(&issue);
    assert!(!issue.contains([';', ']']), "{issue:?}");
    assert_eq!(percent(&issue, "%", &["AZP25", "0D", "0A", "3B", "5D"]), block);
    let value = text.for_teamcity(&REDACTOR, FAR);
    one_line(&value);
    assert_eq!(bars(&value), block);
    one_line(&text.for_variable(&REDACTOR, FAR));

    let html = text.for_html(&REDACTOR);
    assert!(!html.contains(['<', '>', '"', '\'']), "{html:?}");
    assert_eq!(quick_xml::escape::unescape(&html).unwrap(), line);
    assert_eq!(quick_xml::escape::unescape(&text.for_html_lines(&REDACTOR)).unwrap(), block);
}

/// An XML reader gets back the text of an element and of an attribute, and finds no other element.
pub(super) fn xml_reads_back(text: &str) {
    let text = Untrusted::new(text);
    let (block, line) = (text.for_xml_text(&REDACTOR, FAR), text.for_xml_attribute(&REDACTOR, FAR));
    let status = quick_junit::TestCaseStatus::non_success(quick_junit::NonSuccessKind::Failure);
    let mut case = quick_junit::TestCase::new("case", status);
    case.status.set_description(block.as_str()).set_message(line.as_str());
    let mut suite = quick_junit::TestSuite::new("suite");
    suite.add_test_case(case);
    let mut report = quick_junit::Report::new("report");
    report.add_test_suite(suite);
    let xml = report.to_string().unwrap();
    let mut reader = quick_xml::Reader::from_str(&xml);
    let (mut names, mut read, mut message) = (Vec::new(), String::new(), String::new());
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => {
                names.push(String::from_utf8(element.name().as_ref().to_vec()).unwrap());
                if let Some(found) = element.try_get_attribute("message").unwrap() {
                    let value = String::from_utf8(found.value.to_vec()).unwrap();
                    message = quick_xml::escape::unescape(&value).unwrap().into_owned();
                }
            }
            Event::Text(part) => read.push_str(&part.decode().unwrap()),
            Event::GeneralRef(reference) => {
                let written = format!("&{};", reference.decode().unwrap());
                read.push_str(&quick_xml::escape::unescape(&written).unwrap());
            }
            Event::End(_) | Event::Decl(_) => {}
            Event::Eof => break,
            event => panic!("{event:?} in {xml}"),
        }
    }
    assert_eq!(names, ["testsuites", "testsuite", "testcase", "failure"], "{xml}");
    assert_eq!(read.trim(), block.trim());
    assert_eq!(message, line);
}

/// Undoes percent escapes, of which only these exist.
fn percent(written: &str, mark: &str, known: &[&str]) -> String {
    let mut parts = written.split(mark);
    let mut read = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = known.iter().find(|code| part.starts_with(**code));
        let code = code.unwrap_or_else(|| panic!("{written:?} has a {mark} that escapes nothing"));
        let hex = u8::from_str_radix(code.trim_start_matches("AZP"), 16).unwrap();
        read.push(char::from(hex));
        read.push_str(part.strip_prefix(code).unwrap_or_default());
    }
    read
}

/// Undoes the escapes of TeamCity.
fn bars(written: &str) -> String {
    let mut read = String::new();
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        assert!(!matches!(c, '\'' | '[' | ']'), "{written:?} has a bare {c}");
        read.push(match c {
            '|' => match chars.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                escaped => escaped,
            },
            c => c,
        });
    }
    read
}
