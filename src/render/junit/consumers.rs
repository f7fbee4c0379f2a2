//! What each consumer of JUnit reads, as a rule over the document; each comment says where the rule comes from.

use std::collections::BTreeSet;

use super::tests::{Element, parse, read};
use super::{junit, placeholder_junit};
use crate::render::sample::{
    cause, ended_by_an_error, kitchen_sink, kitchen_sink_of, not_seen, placeholder, redactor, report, target,
    warning,
};
use crate::report::{Origin, VerdictName};

/// A consumer, and what it would not read right; empty if nothing.
type Consumer = (&'static str, fn(&Element) -> Vec<String>);

const CONSUMERS: &[Consumer] = &[
    ("gitlab", gitlab),
    ("jenkins", jenkins),
    ("azure", azure),
    ("circleci", names_and_times),
    ("buildkite", names_and_times),
    ("teamcity", teamcity),
    ("mikepenz/action-junit-report", mikepenz),
    ("dorny/test-reporter", dorny),
    ("EnricoMi/publish-unit-test-result", enricomi),
];

fn attribute<'a>(element: &'a Element, name: &str) -> &'a str {
    element.attributes.get(name).map_or("", String::as_str)
}

fn results(case: &Element) -> impl Iterator<Item = &Element> {
    case.children.iter().filter(|child| ["failure", "error", "skipped"].contains(&child.name.as_str()))
}

/// `lib/gitlab/ci/parsers/test/junit.rb`: identity is suite, class and name; where an element has text its message
/// is lost; words of `ActiveSupport`'s typed XML must not be a type; `[[ATTACHMENT|` links a file.
fn gitlab(root: &Element) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    for suite in root.all("testsuite") {
        for case in suite.all("testcase") {
            let identity = (attribute(suite, "name"), attribute(case, "classname"), attribute(case, "name"));
            if !known.insert(identity) {
                wrong.push(format!("{identity:?} twice"));
            }
            for result in results(case) {
                let message = attribute(result, "message");
                if !result.text.is_empty() && !result.text.trim_start().starts_with(message) {
                    wrong.push(format!("the text does not begin with {message:?}"));
                }
                let typed =
                    ["integer", "boolean", "date", "datetime", "array", "file", "yaml", "symbol", "float"];
                if typed.contains(&attribute(result, "type")) {
                    wrong.push("a type that changes how the element is read".to_owned());
                }
            }
            if case.all("system-out").iter().any(|out| out.text.contains("[[ATTACHMENT|")) {
                wrong.push("an attachment".to_owned());
            }
        }
    }
    wrong
}

/// `hudson.tasks.junit.SuiteResult`, `CaseResult`: a file without a case fails the build; without a class the name is
/// split at its last dot.
fn jenkins(root: &Element) -> Vec<String> {
    let cases = root.all("testcase");
    let mut wrong = Vec::new();
    if cases.is_empty() {
        wrong.push("no case".to_owned());
    }
    if cases.iter().any(|case| attribute(case, "classname").is_empty()) {
        wrong.push("a case without class".to_owned());
    }
    for suite in root.all("testsuite") {
        if attribute(suite, "time").parse::<f64>().is_err() {
            wrong.push("a time that is no number".to_owned());
        }
    }
    wrong
}

/// `JUnitResultReader`: names up to 512 characters, a timestamp that .NET reads as UTC, the message of the result.
fn azure(root: &Element) -> Vec<String> {
    let mut wrong = Vec::new();
    for suite in root.all("testsuite") {
        let timestamp = attribute(suite, "timestamp");
        if timestamp.len() != 20 || !timestamp.ends_with('Z') {
            wrong.push(format!("the timestamp {timestamp:?}"));
        }
    }
    for case in root.all("testcase") {
        if attribute(case, "name").chars().count() > 512 {
            wrong.push("a name above 512 characters".to_owned());
        }
        let bad = results(case).filter(|result| result.name != "skipped");
        if bad.into_iter().any(|result| attribute(result, "message").is_empty()) {
            wrong.push("a failure without message".to_owned());
        }
        if case.all("system-out").iter().any(|out| out.text.contains("[[ATTACHMENT|")) {
            wrong.push("a file of the agent would be uploaded".to_owned());
        }
    }
    wrong
}

/// `store_test_results` and Test Engine: class, name and time of each case.
fn names_and_times(root: &Element) -> Vec<String> {
    let lacks = |case: &&Element| {
        ["classname", "name", "time"].iter().any(|name| attribute(case, name).is_empty())
            || attribute(case, "time").parse::<f64>().is_err()
    };
    root.all("testcase")
        .iter()
        .filter(|case| lacks(case))
        .map(|case| format!("{:?}", case.attributes))
        .collect()
}

/// XML report processing: the text of a failure is what is shown.
fn teamcity(root: &Element) -> Vec<String> {
    let cases = root.all("testcase");
    let shown = cases.iter().flat_map(|case| results(case)).filter(|result| result.name != "skipped");
    shown
        .filter(|result| result.text.trim().is_empty())
        .map(|_| "a failure without text".to_owned())
        .collect()
}

/// `file` and `line` of a case place the annotation; a line without its file would be taken of a class.
fn mikepenz(root: &Element) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in root.all("testcase") {
        let (file, line) = (attribute(case, "file"), attribute(case, "line"));
        if file.is_empty() != line.is_empty() || (!line.is_empty() && line.parse::<u64>().is_err()) {
            wrong.push(format!("file {file:?}, line {line:?}"));
        }
    }
    wrong
}

/// `java-junit-parser.ts`: a suite without time is NaN; the headline is made of type and message.
fn dorny(root: &Element) -> Vec<String> {
    let mut wrong = Vec::new();
    for suite in root.all("testsuite") {
        if attribute(suite, "name").is_empty() || attribute(suite, "time").parse::<f64>().is_err() {
            wrong.push("a suite without name or time".to_owned());
        }
    }
    for case in root.all("testcase") {
        let bad = results(case).filter(|result| result.name != "skipped");
        if bad.into_iter().any(|result| attribute(result, "type").is_empty()) {
            wrong.push("a failure without type".to_owned());
        }
    }
    wrong
}

/// `publish/junit.py`: the totals are the attributes of the suites.
fn enricomi(root: &Element) -> Vec<String> {
    let mut wrong = Vec::new();
    for suite in root.all("testsuite") {
        let cases = suite.all("testcase");
        let of =
            |name: &str| cases.iter().filter(|case| results(case).any(|result| result.name == name)).count();
        let counted = [
            ("tests", cases.len()),
            ("failures", of("failure")),
            ("errors", of("error")),
            ("skipped", of("skipped")),
        ];
        for (name, count) in counted {
            if attribute(suite, name) != count.to_string() {
                wrong.push(format!("{name} is {:?} and not {count}", attribute(suite, name)));
            }
        }
    }
    wrong
}

/// Documents of every kind that a run can leave.
fn documents() -> Vec<(&'static str, String)> {
    let redactor = redactor();
    let mut failed = target("web", VerdictName::Failed, "image-not-found", 55.0);
    failed.causes = vec![cause("image-not-found", "image web:1.4.l does not exist")];
    failed.origin = Some(Origin { file: "k8s/web.yaml".to_owned(), line: 7 });
    let mut complete = target("api", VerdictName::Complete, "complete", 12.0);
    complete.warnings = vec![warning("mutable-tag", "the tag may move")];
    let late = target("db", VerdictName::TimedOut, "progressing", 300.0);
    let blind = target("bus", VerdictName::Indeterminate, "unreachable", 300.0);
    let all = report(VerdictName::Failed, 1, vec![failed, complete, late, blind]);
    let mut empty = report(VerdictName::Indeterminate, 4, Vec::new());
    empty.not_seen = vec![not_seen("list pods", "forbidden", "nothing is known")];
    vec![
        ("every verdict", junit(&all, &redactor)),
        ("nothing to judge", junit(&empty, &redactor)),
        ("everything", junit(&kitchen_sink(), &redactor)),
        ("a name that is a type", junit(&kitchen_sink_of("array"), &redactor)),
        ("a placeholder", placeholder_junit(&placeholder(&[("shop", "web"), ("blog", "web")]), &redactor)),
        ("an error", placeholder_junit(&ended_by_an_error(), &redactor)),
        ("a placeholder of nothing", placeholder_junit(&placeholder(&[]), &redactor)),
    ]
}

#[test]
fn every_consumer_reads_every_document_right() {
    let mut wrong = Vec::new();
    for (what, xml) in documents() {
        let root = read(&xml);
        for (consumer, rule) in CONSUMERS {
            wrong.extend(rule(&root).into_iter().map(|problem| format!("{consumer}: {what}: {problem}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_finds_what_it_is_for() {
    let broken = parse(
        "<testsuites><testsuite name='' tests='2' failures='0' errors='0' skipped='0' timestamp='now' time='1,5'>\
         <testcase name='a' line='x'><failure type='array' message=''/></testcase>\
         <testcase name='a' time='?'><failure message='m'>n</failure><system-out>[[ATTACHMENT|x]]</system-out></testcase>\
         </testsuite></testsuites>",
    );
    for (consumer, rule) in CONSUMERS {
        assert!(!rule(&broken).is_empty(), "{consumer} finds nothing");
    }
}
