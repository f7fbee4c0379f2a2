//! The expectations, and what must hold for every run whatever the case is about.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::case::Case;
use crate::junit;
use crate::manifest::SECRET_VALUE;
use crate::run::Left;

/// A person reads no more than this many lines of a failed rollout.
const LINES_OF_A_FAILURE: usize = 30;

/// What is not as it should be; empty if all is well.
pub(crate) fn all(case: &Case, fill: &dyn Fn(&str) -> String, namespace: &str, left: &Left) -> Vec<String> {
    let mut problems = Problems::default();
    let expect = &case.expect;
    problems.equal("exit code", &left.exit_code, &Some(expect.exit_code));
    let report: Value = match serde_json::from_str(&left.json) {
        Ok(report) => report,
        Err(error) => {
            problems.add(format!("the report does not parse: {error}"));
            return problems.0;
        }
    };
    report_of(case, fill, &report, &mut problems);
    as_recorded(case, &report, &mut problems);
    text_of(case, fill, &report, left, &mut problems);
    junit_of(case, namespace, left, &mut problems);
    nothing_secret(left, &mut problems);
    match &left.replayed {
        Ok(replayed) if *replayed == left.json => {}
        Ok(replayed) => problems.add(first_difference(&left.json, replayed)),
        Err(problem) => problems.add(problem.clone()),
    }
    problems.0
}

/// What a Job of our own left: the report in its log, and the diagnosis in its termination message.
pub(crate) fn inside(
    case: &Case,
    fill: &dyn Fn(&str) -> String,
    exit_code: Option<i32>,
    printed: &str,
    message: &str,
) -> Vec<String> {
    let mut problems = Problems::default();
    problems.equal("exit code", &exit_code, &Some(case.expect.exit_code));
    match serde_json::from_str::<Value>(printed) {
        Ok(report) => {
            report_of(case, fill, &report, &mut problems);
            // The printed Role is enough: nothing was refused but nodes, which are of the whole cluster and are asked
            // for where a DaemonSet does not go on.
            let what = |entry: &Value| entry["what"].as_str().unwrap_or_default().to_owned();
            let not_seen: Vec<String> =
                report.get("notSeen").and_then(Value::as_array).into_iter().flatten().map(what).collect();
            let nodes = case.target.starts_with("ds/") && case.expect.exit_code != 0;
            let expected = if nodes { vec!["get nodes".to_owned()] } else { Vec::new() };
            problems.equal("notSeen", &not_seen, &expected);
        }
        Err(error) => problems.add(format!("the log is no report: {error}")),
    }
    problems.require(message.len() <= 4000, "the termination message is longer than 4000 bytes");
    let name = case.target.split('/').next_back().unwrap_or_default();
    let first = message.lines().next().unwrap_or_default();
    problems.require(
        first.contains(&format!("/{name} ")),
        "the termination message does not begin with the verdict",
    );
    for text in &case.expect.says {
        let text = fill(text);
        problems.require(message.contains(&text), &format!("the termination message does not say {text:?}"));
    }
    problems.0
}

/// The code of the first cause of the first target, or the reason where there is none.
pub(crate) fn cause_in(json: &str) -> String {
    let report: Value = serde_json::from_str(json).unwrap_or_default();
    let at = |pointer| report.pointer(pointer).and_then(Value::as_str);
    at("/targets/0/causes/0/code").or_else(|| at("/targets/0/reason")).unwrap_or_default().to_owned()
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, problem: String) {
        self.0.push(problem);
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, is: &T, should_be: &T) {
        if is != should_be {
            self.add(format!("{what} is {is:?}, not {should_be:?}"));
        }
    }

    fn require(&mut self, holds: bool, otherwise: &str) {
        if !holds {
            self.add(otherwise.to_owned());
        }
    }
}

fn report_of(case: &Case, fill: &dyn Fn(&str) -> String, report: &Value, problems: &mut Problems) {
    let expect = &case.expect;
    let at = |pointer: &str| report.pointer(pointer).cloned().unwrap_or_default();
    problems.equal("schemaVersion", &at("/schemaVersion"), &Value::from(1));
    problems.equal("exitCode", &at("/exitCode"), &Value::from(expect.exit_code));
    problems.equal("verdict", &at("/verdict"), &Value::from(expect.verdict));
    problems.equal("targets[0].verdict", &at("/targets/0/verdict"), &Value::from(expect.verdict));
    problems.equal("targets[0].reason", &at("/targets/0/reason"), &Value::from(expect.reason));
    let codes = texts(report, "/targets/0/causes", "code");
    if let Some(code) = expect.code {
        problems.equal("causes[0].code", &codes.first().map(String::as_str), &Some(code));
    }
    if expect.verdict == "failed" {
        for field in ["evidence", "help"] {
            let count = report.pointer(&format!("/targets/0/causes/0/{field}")).and_then(Value::as_array);
            let some = count.is_some_and(|list| !list.is_empty());
            problems.require(some, &format!("causes[0].{field} is empty"));
        }
    }
    let warnings = texts(report, "/targets/0/warnings", "code");
    for code in &expect.never_warns {
        problems.require(!warnings.iter().any(|warning| warning == code), &format!("a warning {code}"));
    }
    for (pointer, value) in &expect.fields {
        let value = value.as_str().map_or_else(|| value.clone(), |text| Value::from(fill(text)));
        problems.equal(pointer, &at(pointer), &value);
    }
}

/// What `tests/recordings` expects of the recording of this case.
#[derive(Deserialize)]
struct CaseFile {
    expect: Recorded,
}

#[derive(Deserialize)]
struct Recorded {
    verdict: String,
    exit_code: i32,
    reason: String,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    not_codes: Vec<String>,
    #[serde(default)]
    warnings: Vec<String>,
}

/// A cluster and a recording of it are judged alike: what is written in `case.toml` holds here too.
fn as_recorded(case: &Case, report: &Value, problems: &mut Problems) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
    let path = folder.join(case.family).join(case.name).join("case.toml");
    // Cases without a recording (there is nothing to record of what is not found) have no such file.
    let Ok(text) = std::fs::read_to_string(&path) else { return };
    let recorded = match toml::from_str::<CaseFile>(&text) {
        Ok(file) => file.expect,
        Err(error) => return problems.add(format!("{}: {error}", path.display())),
    };
    let expect = &case.expect;
    problems.equal("exit code in case.toml", &recorded.exit_code, &expect.exit_code);
    problems.equal("verdict in case.toml", &recorded.verdict.as_str(), &expect.verdict);
    problems.equal("reason in case.toml", &recorded.reason.as_str(), &expect.reason);
    problems.equal("root in case.toml", &recorded.codes.first().map(String::as_str), &expect.code);
    let causes = texts(report, "/targets/0/causes", "code");
    for code in recorded.codes.iter().filter(|code| !causes.contains(code)) {
        problems.add(format!("no cause has the code {code}: {causes:?}"));
    }
    for code in recorded.not_codes.iter().filter(|code| causes.contains(code)) {
        problems.add(format!("a cause has the code {code}: {causes:?}"));
    }
    let warnings = texts(report, "/targets/0/warnings", "code");
    for code in recorded.warnings.iter().filter(|code| !warnings.contains(code)) {
        problems.add(format!("no warning {code}: {warnings:?}"));
    }
}

fn text_of(case: &Case, fill: &dyn Fn(&str) -> String, report: &Value, left: &Left, problems: &mut Problems) {
    let expect = &case.expect;
    let text = one_line(&left.stdout);
    for says in &expect.says {
        let says = one_line(&fill(says));
        problems.require(text.contains(&says), &format!("the text does not say: {says}"));
    }
    let everything = one_line(&format!("{}\n{}", left.stdout, left.stderr));
    for never in &expect.never_says {
        let never = one_line(&fill(never));
        problems.require(!everything.contains(&never), &format!("the text says: {never}"));
    }
    if let (Some(code), "failed") = (expect.code, expect.verdict) {
        problems.require(text.contains(&format!("error[{code}]")), &format!("the text has no error[{code}]"));
        let headline = report.pointer("/targets/0/causes/0/headline").and_then(Value::as_str);
        let headline = one_line(headline.unwrap_or("a report without headline"));
        problems.require(text.contains(&headline), &format!("the text lacks the headline: {headline}"));
        let lines = left.stdout.trim().lines().count();
        problems
            .require(lines <= LINES_OF_A_FAILURE + 3 * case.others, &format!("the text has {lines} lines"));
    }
    let printed = [&left.stdout, &left.stderr];
    let control = printed.iter().any(|text| text.chars().any(|c| c.is_control() && c != '\n'));
    problems.require(!control, "control characters reach a pipe");
}

fn junit_of(case: &Case, namespace: &str, left: &Left, problems: &mut Problems) {
    let suites = match junit::parse(&left.junit) {
        Ok(suites) => suites,
        Err(error) => return problems.add(format!("the JUnit file does not parse: {error}")),
    };
    let (failures, errors) = match case.expect.verdict {
        "failed" | "timed-out" => ("1", "0"),
        "complete" => ("0", "0"),
        _ => ("0", "1"),
    };
    let tests = (1 + case.others).to_string();
    problems.equal("JUnit tests", &suites.tests, &tests);
    problems.equal("JUnit failures", &suites.failures.as_str(), &failures);
    problems.equal("JUnit errors", &suites.errors.as_str(), &errors);
    let [test, ..] = suites.cases.as_slice() else {
        return problems.add("the JUnit file has no case".to_owned());
    };
    let name = case.target.rsplit('/').next().unwrap_or_default();
    problems.equal("JUnit classname", &test.class_name, &format!("{namespace}.{}", kind_of(case.target)));
    problems.equal("JUnit name", &test.name.as_str(), &name);
    let kinds: Vec<&str> = test.outcomes.iter().map(|(kind, ..)| kind.as_str()).collect();
    let expected: &[&str] = match (failures, errors) {
        ("1", _) => &["failure"],
        (_, "1") => &["error"],
        _ => &[],
    };
    problems.equal("JUnit outcomes", &kinds.as_slice(), &expected);
    if let (Some(code), Some((_, kind, text))) = (case.expect.code, test.outcomes.first()) {
        problems.equal("JUnit type", &kind.as_str(), &code);
        problems.require(!text.trim().is_empty(), "the JUnit failure has no text");
    }
}

/// Values of Secrets are in nothing that we write.
fn nothing_secret(left: &Left, problems: &mut Problems) {
    let written =
        [("stdout", &left.stdout), ("stderr", &left.stderr), ("JSON", &left.json), ("JUnit", &left.junit)];
    for (where_, text) in written.into_iter().chain([("the recording", &left.recording)]) {
        problems.require(!text.contains(SECRET_VALUE), &format!("{where_} shows the value of a Secret"));
    }
}

/// The texts in a field of each object in a list.
fn texts(report: &Value, list: &str, field: &str) -> Vec<String> {
    let items = report.pointer(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(|item| item.get(field)?.as_str()).map(str::to_owned).collect()
}

/// Line breaks of a rendering do not matter to what it says.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn first_difference(ours: &str, replayed: &str) -> String {
    let mut lines = ours.lines().zip(replayed.lines()).enumerate();
    match lines.find(|(_, (ours, replayed))| ours != replayed) {
        Some((number, (ours, replayed))) => {
            format!("replay differs in line {}:\n    {}\n    {}", number + 1, ours.trim(), replayed.trim())
        }
        None => format!("replay is {} bytes long, not {}", replayed.len(), ours.len()),
    }
}

/// The kind that a target of the suite has.
fn kind_of(target: &str) -> &'static str {
    match target.split('/').next() {
        Some("sts") => "StatefulSet",
        Some("ds") => "DaemonSet",
        Some("job") => "Job",
        Some("rs") => "ReplicaSet",
        Some("pod") => "Pod",
        Some(widget) if widget.starts_with("wdg") || widget.starts_with("widget") => "Widget",
        _ => "Deployment",
    }
}
