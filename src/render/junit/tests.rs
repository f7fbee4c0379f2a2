//! Judged by a reader that is not the writer: the tree is read back and its counts are added up again.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;

use super::{junit, placeholder_junit};
use crate::render::sample::{
    cause, ended_by_an_error, field, kitchen_sink, log, not_seen, placeholder, redactor, report, target,
    warning,
};
use crate::report::{Report, Target, VerdictName};

#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) text: String,
    pub(super) children: Vec<Self>,
}

impl Element {
    pub(super) fn all(&self, name: &str) -> Vec<&Self> {
        let below = self.children.iter().flat_map(|child| child.all(name));
        self.children.iter().filter(|child| child.name == name).chain(below).collect()
    }

    fn the(&self, name: &str) -> &Self {
        let found = self.all(name);
        assert_eq!(found.len(), 1, "{name} in {self:?}");
        found[0]
    }
}

/// Reads a document as XML 1.0 and checks what every consumer relies on.
pub(super) fn read(xml: &str) -> Element {
    let root = parse(xml);
    check_counts(&root);
    root
}

/// Reads a document as XML 1.0.
pub(super) fn parse(xml: &str) -> Element {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().check_end_names = true;
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(tag) => open.push(element(&tag)),
            Event::Empty(tag) => {
                let element = element(&tag);
                open.last_mut().unwrap().children.push(element);
            }
            Event::End(_) => {
                let element = open.pop().unwrap();
                open.last_mut().unwrap().children.push(element);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(&text.decode().unwrap()),
            Event::GeneralRef(name) => {
                let entity = format!("&{};", name.decode().unwrap());
                let text = quick_xml::escape::unescape(&entity).unwrap().into_owned();
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::Decl(_) => {}
            Event::Eof => break,
            other => panic!("nobody writes {other:?}"),
        }
    }
    for c in xml.chars() {
        assert!(
            matches!(c, '\n' | ' '..='\u{7e}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..),
            "{c:?} is not XML 1.0"
        );
    }
    open.pop().unwrap().children.pop().unwrap()
}

fn element(tag: &quick_xml::events::BytesStart<'_>) -> Element {
    let name = String::from_utf8(tag.name().as_ref().to_vec()).unwrap();
    let attributes = tag.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).unwrap().into_owned();
        (String::from_utf8(attribute.key.as_ref().to_vec()).unwrap(), value)
    });
    Element { name, attributes: attributes.collect(), ..Element::default() }
}

fn check_counts(root: &Element) {
    assert_eq!(root.name, "testsuites");
    let suites = root.all("testsuite");
    for element in suites.iter().copied().chain([root]) {
        let count = |name: &str| element.all(name).len().to_string();
        assert_eq!(element.attributes["tests"], count("testcase"));
        assert_eq!(element.attributes["failures"], count("failure"));
        assert_eq!(element.attributes["errors"], count("error"));
        assert_eq!(element.attributes["skipped"], count("skipped"));
        let time = &element.attributes["time"];
        assert_eq!(time.split_once('.').map(|(_, fraction)| fraction.len()), Some(3), "{time}");
    }
    let cases = root.all("testcase");
    assert!(!cases.is_empty(), "Jenkins fails on a file without a case");
    assert!(
        cases
            .iter()
            .all(|case| case.attributes.contains_key("classname") && case.attributes.contains_key("time"))
    );
}

fn rendered(report: &Report) -> Element {
    read(&junit(report, &redactor()))
}

fn one(target: Target) -> Report {
    report(target.verdict, u8::from(target.verdict == VerdictName::Failed), vec![target])
}

fn crashed() -> Target {
    let mut web = target("web", VerdictName::Failed, "container-crashing", 36.25);
    let mut root = cause("container-crashing", "container app terminated 4 times with exit code 1");
    root.evidence = vec![log(true, &["panic: no database"])];
    web.causes = vec![root];
    web
}

#[test]
fn a_suite_is_a_namespace_and_a_case_a_workload() {
    let mut other = target("api", VerdictName::Complete, "complete", 12.0);
    other.namespace = "front".to_owned();
    let root = rendered(&report(VerdictName::Failed, 1, vec![crashed(), other]));
    let suites = root.all("testsuite");
    assert_eq!(
        suites.iter().map(|suite| suite.attributes["name"].as_str()).collect::<Vec<_>>(),
        ["front", "shop"]
    );
    let shop = suites[1];
    assert_eq!(shop.attributes["timestamp"], "2026-11-23T20:00:00Z");
    assert_eq!(shop.attributes["hostname"], "prod-eu");
    assert_eq!(shop.attributes["time"], "36.250");
    let properties: BTreeMap<&str, &str> = shop
        .all("property")
        .iter()
        .map(|property| (property.attributes["name"].as_str(), property.attributes["value"].as_str()))
        .collect();
    assert_eq!(properties["rollout-guard.version"], "0.1.0");
    assert_eq!(properties["rollout-guard.cluster.context"], "prod-eu");
    assert_eq!(properties["rollout-guard.verdict"], "failed");
    assert_eq!(properties["rollout-guard.exit-code"], "1");
    let case = shop.the("testcase");
    assert_eq!(case.attributes["classname"], "shop.Deployment");
    assert_eq!(case.attributes["name"], "web");
}

#[test]
fn a_failure_begins_with_its_headline_and_goes_on_as_the_terminal_does() {
    let root = rendered(&one(crashed()));
    let failure = root.the("failure");
    assert_eq!(failure.attributes["type"], "container-crashing");
    assert_eq!(failure.attributes["message"], "container app terminated 4 times with exit code 1");
    let mut lines = failure.text.lines();
    assert_eq!(lines.next(), Some(failure.attributes["message"].as_str()));
    assert!(lines.any(|line| line.ends_with("│ panic: no database")), "{}", failure.text);
    assert!(failure.text.contains("deployment/web failed after 36s: "));
}

#[test]
fn bad_and_late_are_failures_and_unjudged_are_errors() {
    for (verdict, element) in [
        (VerdictName::Failed, "failure"),
        (VerdictName::TimedOut, "failure"),
        (VerdictName::Indeterminate, "error"),
        (VerdictName::Superseded, "error"),
        (VerdictName::Interrupted, "error"),
    ] {
        let mut web = target("web", verdict, "settling", 1.0);
        web.summary = "it ended".to_owned();
        let root = rendered(&one(web));
        let found = root.the(element);
        assert_eq!(found.attributes["type"], "settling");
        assert!(found.attributes["message"].starts_with("deployment/web "), "{found:?}");
        assert_eq!(found.text.lines().next(), Some(found.attributes["message"].as_str()));
    }
}

#[test]
fn a_pass_says_in_its_output_what_it_does_not_prove() {
    let mut web = target("web", VerdictName::Complete, "complete", 12.0);
    web.warnings = vec![warning("zero-replicas", "it is scaled to 0")];
    let root = rendered(&one(web));
    assert!(root.the("system-out").text.contains("warning[zero-replicas]: it is scaled to 0"));
    assert!(root.all("failure").is_empty() && root.all("error").is_empty());
}

#[test]
fn a_log_can_neither_forge_a_case_nor_attach_a_file_nor_spoil_the_document() {
    let xml = junit(&kitchen_sink(), &redactor());
    let root = read(&xml);
    assert_eq!(root.all("testcase").len(), 2);
    assert!(root.the("failure").text.contains("]]></failure></testcase>"), "it is shown as it was logged");
    for token in ["[[ATTACHMENT|", "##vso", "SPINNAKER_", "hunter2"] {
        assert!(!xml.contains(token), "{token}");
    }
    // quick-junit's own reader agrees.
    assert_eq!(quick_junit::Report::deserialize_from_str(&xml).unwrap().tests, 2);
}

#[test]
fn texts_have_limits() {
    let mut web = crashed();
    web.causes[0].headline = "long ".repeat(200);
    web.causes[0].evidence = vec![log(true, &vec!["日本語日本語"; 20_000]), field("a", "b")];
    let root = rendered(&one(web));
    let failure = root.the("failure");
    assert!(failure.text.len() <= 64 * 1024, "{}", failure.text.len());
    assert!(failure.text.contains("\n… (18") && failure.text.contains("lines left out)\n"));
    assert!(failure.text.trim_end().ends_with("more: rollout-guard explain container-crashing"));
    assert!(failure.attributes["message"].chars().count() <= 300);
    assert!(failure.text.starts_with(&failure.attributes["message"]));
}

#[test]
fn nothing_judged_is_a_case_all_the_same() {
    let root = rendered(&report(VerdictName::Complete, 0, Vec::new()));
    assert_eq!(root.the("skipped").attributes["message"], "there was nothing to judge");
    let mut unreachable = report(VerdictName::Indeterminate, 4, Vec::new());
    unreachable.not_seen = vec![not_seen("list deployments", "connection refused", "everything")];
    assert!(rendered(&unreachable).the("error").text.contains("connection refused"));
}

#[test]
fn a_placeholder_has_an_error_for_every_target_and_at_least_one() {
    let root = read(&placeholder_junit(
        &placeholder(&[("shop", "web"), ("shop", "api"), ("front", "web")]),
        &redactor(),
    ));
    assert_eq!(root.all("error").len(), 3);
    assert!(root.all("error").iter().all(|error| error.attributes["type"] == "not-finished"));
    assert_eq!(root.all("testsuite").len(), 2);
    assert_eq!(read(&placeholder_junit(&placeholder(&[]), &redactor())).all("error").len(), 1);
}

#[test]
fn an_error_before_the_wait_is_told_with_its_exit_code() {
    let root = read(&placeholder_junit(&ended_by_an_error(), &redactor()));
    let error = root.the("error");
    assert_eq!(error.attributes["type"], "not-prepared");
    assert_eq!(error.attributes["message"], r"cannot list deployments: <b>502</b> :\:error::x");
    assert!(
        error.text.contains(r":\:error::x") && error.text.contains("hint: grant the verb list"),
        "{}",
        error.text
    );
    let codes = root.all("property").iter().filter(|property| property.attributes["value"] == "4").count();
    assert_eq!(codes, 1);
}

#[test]
fn the_document_of_last_resort_is_a_document() {
    assert_eq!(read(super::UNWRITABLE).all("error").len(), 1);
}
