//! V1 to V8: what must hold for a run, whatever happened on the way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::evidence::{self, image_of};
use crate::game::{End, PEACE, TIMEOUT};
use crate::plot::Plot;
use crate::server::CANARY;
use crate::truth::Truth;
use crate::way::{SLOWEST, Way};

/// A verdict rests on a proof of 5 s at most, that may have been that slow; the rest is for a machine under load.
const FRESH: Duration = Duration::from_secs(5 + SLOWEST + 6);
/// Most requests for one stream in any 30 s, whether they get, list or watch: three at once, and one a second.
const BUDGET: usize = 33;
/// A complete rollout passes in this time where nothing misbehaves: settling takes 10 s.
const SOON: Duration = Duration::from_secs(25);

/// How the binary ended.
pub(crate) struct Ran {
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
    /// When it was asked to end, or killed.
    pub(crate) asked: Option<Instant>,
    /// `None`: by a signal.
    pub(crate) code: Option<i32>,
    /// It had to be killed long after its timeout.
    pub(crate) hung: bool,
}

/// What was played.
pub(crate) struct Game<'a> {
    pub(crate) calm: bool,
    pub(crate) plain: bool,
    pub(crate) end: End,
    pub(crate) plot: &'a Plot,
    pub(crate) truth: &'a Truth,
    pub(crate) way: &'a Way,
    pub(crate) folder: &'a Path,
    pub(crate) namespace: &'a str,
    /// The most that the harness itself was late, on a machine under load.
    pub(crate) late: Duration,
}

/// A verdict and what it is about.
struct Said<'a> {
    reason: &'a str,
    uid: &'a str,
    image: &'a str,
    report: &'a Value,
}

impl Game<'_> {
    /// The word for what became of it, and the problems.
    pub(crate) fn check(&self, ran: &Ran) -> (String, Vec<String>) {
        let mut problems = Vec::new();
        let read = |name: &str| {
            String::from_utf8_lossy(&fs::read(self.folder.join(name)).unwrap_or_default()).into_owned()
        };
        let (out, err) = (read("stdout"), read("stderr"));
        let (report, junit) = (read("report.json"), read("report.xml"));
        if ran.hung {
            problems.push("V3: it did not end".to_owned());
        }
        let took = ran.ended - ran.begun;
        if took > Duration::from_secs(TIMEOUT + 5) + self.late {
            problems.push(format!("V3: it ended after {took:?}"));
        }
        // killed before it began is no run
        if ran.asked.is_some() && report.is_empty() && took < Duration::from_secs(1) {
            return ("killed at once".to_owned(), problems);
        }
        let parsed: Value = serde_json::from_str(&report).unwrap_or_else(|error| {
            problems.push(format!("V4: the report is not JSON: {error}"));
            Value::Null
        });
        let reason = parsed["targets"][0]["reason"].as_str().unwrap_or("").to_owned();
        problems.extend(self.check_agreement(ran, &parsed, &junit));
        let (first, backwards) = shown(&read("recording.jsonl"));
        problems.extend(backwards);
        if let Some((uid, image)) = &first {
            problems.extend(self.check_verdict(ran, &Said { reason: &reason, uid, image, report: &parsed }));
        } else if matches!(ran.code, Some(0 | 1 | 3)) {
            problems.push(format!("V1: {reason}, and the recording shows no workload"));
        }
        problems.extend(self.check_budget());
        for (name, text) in [("stdout", &out), ("stderr", &err), ("JSON", &report), ("JUnit", &junit)] {
            if text.contains(CANARY) {
                problems.push(format!("V7: a secret in {name}"));
            }
            let commands = text.lines().any(|line| line.trim_start().starts_with("::"));
            if text.contains('\u{1b}') || text.contains("##[") || text.contains("##vso[") || commands {
                problems.push(format!("V8: a live command in {name}"));
            }
        }
        let word = match self.end {
            End::Kill { .. } if ran.asked.is_some() => "killed".to_owned(),
            _ if reason.is_empty() => format!("{:?}", ran.code),
            _ => reason,
        };
        (word, problems)
    }

    /// V4: the reports say the same as the exit code.
    fn check_agreement(&self, ran: &Ran, report: &Value, junit: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let verdict = report["verdict"].as_str().unwrap_or("").to_owned();
        let green = match quick_junit::Report::deserialize_from_str(junit) {
            Ok(read) => {
                let mut cases = read.test_suites.iter().flat_map(|suite| &suite.test_cases);
                cases.all(|case| matches!(case.status, quick_junit::TestCaseStatus::Success { .. }))
            }
            Err(error) => {
                problems.push(format!("V4: the JUnit file cannot be read: {error}"));
                false
            }
        };
        if green != (verdict == "complete") {
            problems.push(format!("V4: JUnit is green: {green}, and the report says {verdict:?}"));
        }
        let killed = matches!(self.end, End::Kill { .. }) && ran.asked.is_some();
        let code = match verdict.as_str() {
            "complete" => 0,
            "failed" => 1,
            "timed-out" => 3,
            "superseded" => 6,
            "interrupted" => 143,
            "indeterminate" if ran.code == Some(2) => 2,
            _ => 4,
        };
        if !killed && ran.code != Some(code) {
            problems.push(format!("V4: exit code {:?}, and the report says {verdict:?}", ran.code));
        }
        if let (End::Terminate { .. }, Some(asked)) = (self.end, ran.asked) {
            let took = ran.ended - asked;
            if took > Duration::from_secs(3) {
                problems.push(format!("V3: it ended {took:?} after SIGTERM"));
            }
        }
        problems
    }

    /// V1, V2 and V3.
    fn check_verdict(&self, ran: &Ran, said: &Said<'_>) -> Vec<String> {
        let mut problems = Vec::new();
        let mut problem =
            |text: &str| problems.push(format!("{text} ({} after {:?})", said.reason, ran.ended - ran.begun));
        let fresh = FRESH + self.late;
        let lately = (ran.ended - fresh).max(ran.begun);
        let (always, ever) = self.truth.complete(said.uid, said.image, lately, ran.ended);
        let (_, ever_at_all) = self.truth.complete(said.uid, said.image, ran.begun, ran.ended);
        let templates = self.truth.templates(ran.ended);
        let newest = templates.last().is_some_and(|(uid, image)| uid == said.uid && image == said.image);
        let reason = said.reason;
        let is_pass = reason == "complete";
        if is_pass && !ever_at_all {
            problem("V1: a pass of what never was complete");
        } else if is_pass && !ever {
            problem("V1: a pass of what is complete no more");
        }
        let ended = self.end != End::Itself && ran.asked.is_some();
        // what a killed run leaves is what it knew by then
        let interim = reason == "not-finished" && matches!(self.end, End::Kill { .. });
        let undecided = interim
            || ["", "progressing", "settling", "unreachable", "interrupted", "not-found"].contains(&reason);
        let replaced = ["rollout-superseded", "target-deleted"].contains(&reason);
        if replaced && newest {
            problem("V2: superseded, though nobody touched it");
        }
        let trouble =
            self.truth.first_pod(ran.ended, |pod| image_of(pod) == said.image && is_in_trouble(pod));
        if !is_pass && !undecided && !replaced {
            if trouble.is_none() {
                problem("V2: a failure of what was always well");
            }
            if always && ran.ended - ran.begun > fresh {
                problem("V2: a failure of what is complete");
            }
            let target = &said.report["targets"][0];
            for wrong in evidence::wrong(target, self.namespace, said.image, self.truth, ran.ended) {
                problem(&format!("V2: {wrong}"));
            }
        }
        let must = self.plot.must();
        let absent = ["not-found", "target-deleted"].contains(&reason);
        if absent && !self.truth.was_absent(lately, ran.ended) {
            problem("V2: not there, though it was");
        }
        let light = self.plot.dark().0.is_none_or(|(_, to)| to < PEACE);
        let soon = SOON + self.late;
        let (long, _) = self.truth.complete(said.uid, said.image, ran.ended - soon, ran.ended);
        let in_time = long && ran.ended - ran.begun > soon;
        // a plot of late and slow steps is complete when time is up, or not even then
        let too_slow = must.pass && !in_time && ["progressing", "settling"].contains(&reason);
        let free = light && !ended && !too_slow;
        if free && undecided && (self.calm || !must.may_be_undecided) {
            problem("V3: no verdict, though the way was free for a minute");
        }
        if must.pass && free && !is_pass {
            problem("V3: no pass of what completed in time");
        }
        if must.at_once && self.calm && is_pass && in_time {
            problem("V3: a pass long after it was complete");
        }
        if let (Some(told_in), Some(since), true) = (must.fail_in, trouble, self.calm) {
            let took = ran.ended - since.max(ran.begun);
            if took > told_in + self.late {
                problem(&format!("V3: {took:?} after the first trouble of its pods"));
            }
        }
        problems
    }

    /// V6.
    fn check_budget(&self) -> Vec<String> {
        if !self.plain {
            return Vec::new();
        }
        let mut problems = Vec::new();
        for (kind, moments) in self.way.requests() {
            let busiest = moments.iter().enumerate().map(|(index, from)| {
                let end = *from + Duration::from_secs(30);
                moments.iter().skip(index).take_while(|moment| **moment < end).count()
            });
            let most = busiest.max().unwrap_or(0);
            if most > BUDGET {
                problems.push(format!("V6: {most} requests in 30 s: {kind}"));
            }
        }
        problems
    }
}

fn is_in_trouble(pod: &Value) -> bool {
    let state = &pod["status"]["containerStatuses"][0]["state"];
    state["terminated"]["exitCode"].as_i64().is_some_and(|code| code != 0)
        || state["waiting"]["reason"] == "ErrImagePull"
}

/// The uid and the image of the workload that was shown first, and V5: every object that was shown in an older
/// version than before.
fn shown(recording: &str) -> (Option<(String, String)>, Vec<String>) {
    let mut first = None;
    let mut versions: BTreeMap<String, u64> = BTreeMap::new();
    let mut problems = Vec::new();
    for line in recording.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let what = &line["what"];
        let listed = what["listed"]["objects"].as_array().into_iter().flatten();
        let one = [&what["applied"]["object"]].into_iter().filter(|object| object.is_object());
        for object in listed.chain(one) {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let uid = text(&object["metadata"]["uid"]);
            let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
            if first.is_none() && object["metadata"]["name"] == "web" && image.is_string() {
                first = Some((uid.clone(), text(image)));
            }
            let version = text(&object["metadata"]["resourceVersion"]).parse().unwrap_or(0);
            let before = versions.insert(uid.clone(), version).unwrap_or(0);
            if version < before {
                problems.push(format!("V5: {uid} was shown at {version} after {before}"));
            }
        }
    }
    (first, problems)
}
