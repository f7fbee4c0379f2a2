//! What must hold for every recording, whatever it shows: recordings are edited as text and replayed.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Case, Run, cases, run};

fn lines(case: &Case) -> Vec<String> {
    let text = fs::read_to_string(case.recording()).expect("a recording");
    text.lines().map(ToOwned::to_owned).collect()
}

/// Replays edited lines and gives the run with its report.
fn replay(folder: &Path, lines: &[String]) -> (Run, Value) {
    let path = folder.join("edited.jsonl");
    fs::write(&path, lines.join("\n") + "\n").expect("a writable folder");
    let run = run(&["replay", path.to_str().expect("a UTF-8 path"), "-o", "json"]);
    let report = serde_json::from_str(&run.stdout).unwrap_or(Value::Null);
    (run, report)
}

fn what(line: &str) -> Value {
    serde_json::from_str::<Value>(line).map(|value| value["what"].clone()).unwrap_or_default()
}

fn is_object_change(line: &str) -> bool {
    what(line).get("applied").is_some()
}

/// A few places spread over a recording, never its header.
fn places(count: usize, wanted: usize) -> Vec<usize> {
    let step = (count / wanted).max(1);
    (1..count).step_by(step).collect()
}

fn outcome(report: &Value) -> (Value, Value, Vec<Value>) {
    let target = &report["targets"][0];
    let codes =
        target["causes"].as_array().into_iter().flatten().map(|cause| cause["code"].clone()).collect();
    (report["verdict"].clone(), target["reason"].clone(), codes)
}

#[test]
fn every_prefix_replays_and_none_turns_green_by_accident() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for case in cases() {
        let lines = lines(&case);
        for end in places(lines.len(), 6) {
            let (run, report) = replay(folder.path(), &lines[..end]);
            assert!(
                [0, 1, 2, 3, 4, 6, 130, 143].contains(&run.code),
                "{} cut at {end}: {}",
                case.name,
                run.stderr
            );
            if case.file.expect.exit_code != 0 {
                assert_ne!(report["verdict"], "complete", "{} cut at {end}", case.name);
                assert_ne!(run.code, 0, "{} cut at {end}", case.name);
            }
        }
    }
}

#[test]
fn an_object_that_is_shown_twice_changes_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for case in cases() {
        let lines = lines(&case);
        let doubled: Vec<String> = lines
            .iter()
            .flat_map(|line| std::iter::repeat_n(line.clone(), if is_object_change(line) { 2 } else { 1 }))
            .collect();
        let (_, before) = replay(folder.path(), &lines);
        let (_, after) = replay(folder.path(), &doubled);
        assert_eq!(outcome(&before), outcome(&after), "{}", case.name);
    }
}

#[test]
fn a_replay_is_the_same_to_the_byte_each_time() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for case in cases() {
        let lines = lines(&case);
        let (first, _) = replay(folder.path(), &lines);
        let (second, _) = replay(folder.path(), &lines);
        assert_eq!(first.stdout, second.stdout, "{}", case.name);
    }
}

#[test]
fn refused_events_and_logs_never_turn_a_failure_into_a_pass() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refused =
        serde_json::json!({"refused": {"code": 403, "asked": "list events", "message": "forbidden"}});
    for case in cases() {
        let blind: Vec<String> = lines(&case)
            .into_iter()
            .map(|line| {
                let mut value: Value = serde_json::from_str(&line).expect("a line of JSON");
                let Some(answered) = value.pointer_mut("/what/answered") else { return line };
                let hidden =
                    answered["want"].get("events").is_some() || answered["want"].get("logs").is_some();
                if hidden {
                    answered["answer"] = refused.clone();
                    value.to_string()
                } else {
                    line
                }
            })
            .collect();
        let (run, report) = replay(folder.path(), &blind);
        if case.file.expect.exit_code != 0 {
            assert_ne!(report["verdict"], "complete", "{}", case.name);
            assert_ne!(run.code, 0, "{}", case.name);
        }
    }
}

#[test]
fn names_are_carried_through_and_decide_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for case in cases() {
        let lines = lines(&case);
        let (_, before) = replay(folder.path(), &lines);
        let Some(namespace) = before["targets"][0]["namespace"].as_str().filter(|name| name.len() > 3) else {
            panic!("{}: the report names a namespace", case.name);
        };
        let renamed: Vec<String> = lines.iter().map(|line| line.replace(namespace, "elsewhere")).collect();
        let (_, after) = replay(folder.path(), &renamed);
        assert_eq!(outcome(&before), outcome(&after), "{}", case.name);
        assert_eq!(after["targets"][0]["namespace"], "elsewhere", "{}", case.name);
    }
}
