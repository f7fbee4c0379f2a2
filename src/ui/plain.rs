//! Progress for logs: a line for each change, and a sign of life every thirty seconds. Lines are never rewritten.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use jiff::Timestamp;

use super::words::{counts, name, one_line, time_left};
use crate::progress::{Progress, TargetProgress};
use crate::report::{Replicas, VerdictName};
use crate::untrusted::Redactor;

/// CI systems end jobs that print nothing for some minutes, and people do so sooner.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Above this many unfinished targets a sign of life is one line for all.
const FEW: usize = 3;

/// Of more targets than this only likely causes and verdicts are told.
const CROWD: usize = 20;

/// What has been said so far.
pub(super) struct Plain {
    started: Timestamp,
    last_line: Option<Duration>,
    blind: Option<String>,
    said: BTreeMap<(String, String), (Key, Duration)>,
}

/// What makes a line a new one. Times are not part of it: they change with every judgement.
#[derive(PartialEq, Eq)]
struct Key {
    replicas: Option<Replicas>,
    waiting_for: String,
    likely: Option<(&'static str, String)>,
    done: Option<VerdictName>,
}

impl Key {
    fn of(target: &TargetProgress) -> Self {
        Self {
            replicas: target.replicas,
            waiting_for: without_numbers(&target.waiting_for),
            likely: target.likely.as_ref().map(|likely| (likely.code, without_numbers(&likely.headline))),
            done: target.done,
        }
    }
}

impl Key {
    /// A verdict or another likely cause is told at once.
    fn is_urgent_beside(&self, next: &Self) -> bool {
        let code = |key: &Self| key.likely.as_ref().map(|(code, _)| *code);
        next.done.is_some() || (code(next).is_some() && code(next) != code(self))
    }
}

/// A text that only counts seconds or attempts says nothing new; replicas are compared by themselves.
fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// What is complete already is known before this; until then its state is not worth a line.
const FIRST_LOOK: Duration = Duration::from_millis(500);

/// How long nothing is said of a target that the API server has not shown yet.
const FIRST_ANSWER: Duration = Duration::from_secs(2);

/// A target that flips between two states is told of once in this time, in the state it then has.
const PAUSE: Duration = Duration::from_secs(2);

impl Plain {
    pub(super) const fn new(started: Timestamp) -> Self {
        Self { started, last_line: None, blind: None, said: BTreeMap::new() }
    }

    pub(super) fn update(
        &mut self,
        progress: &Progress,
        now: Duration,
        redactor: &Redactor,
        err: &mut dyn Write,
    ) {
        let mut lines: Vec<String> = Vec::new();
        if self.blind != progress.blind {
            lines.push(match &progress.blind {
                Some(why) => {
                    format!("no connection to the API server, still trying: {}", one_line(why, redactor))
                }
                None => "connected to the API server again".to_owned(),
            });
            self.blind.clone_from(&progress.blind);
        }
        // The first answer is normally there in a moment; only a wait for it is worth a line.
        let unanswered = |target: &&TargetProgress| {
            let patience = if target.replicas.is_none() { FIRST_ANSWER } else { FIRST_LOOK };
            target.done.is_none() && now < patience
        };
        for target in progress.targets.iter().filter(|target| !unanswered(target)) {
            let key = Key::of(target);
            let id = (target.namespace.clone(), target.name.clone());
            let said = self.said.get(&id);
            let is_news = if progress.targets.len() > CROWD {
                // The steps of hundreds of rollouts are no reading.
                said.map_or(key.done.is_some() || key.likely.is_some(), |(said, _)| {
                    *said != key && said.is_urgent_beside(&key)
                })
            } else {
                said.is_none_or(|(said, at)| {
                    *said != key && (said.is_urgent_beside(&key) || now.saturating_sub(*at) >= PAUSE)
                })
            };
            if is_news {
                lines.push(line(target, progress, redactor));
                self.said.insert(id, (key, now));
            }
        }
        let silent = now.saturating_sub(self.last_line.unwrap_or_default());
        if lines.is_empty() && silent >= HEARTBEAT {
            lines = heartbeat(progress, redactor);
        }
        if lines.is_empty() {
            return;
        }
        self.last_line = Some(now);
        self.print(&lines, now, err);
    }

    /// Prints lines as they are, each with the time.
    pub(super) fn print(&self, lines: &[String], now: Duration, err: &mut dyn Write) {
        if lines.is_empty() {
            return;
        }
        let time = clock(self.started, now);
        let mut text = String::new();
        for line in lines {
            let _ = writeln!(text, "{time} {line}");
        }
        drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
    }
}

/// `12:03:10Z`: UTC, as the cluster's own timestamps.
fn clock(started: Timestamp, now: Duration) -> String {
    started.checked_add(now).unwrap_or(started).strftime("%H:%M:%SZ").to_string()
}

fn heartbeat(progress: &Progress, redactor: &Redactor) -> Vec<String> {
    let waiting: Vec<&TargetProgress> = progress.targets.iter().filter(|t| t.done.is_none()).collect();
    if waiting.len() <= FEW {
        return waiting.into_iter().map(|target| line(target, progress, redactor)).collect();
    }
    let (of, left) = (progress.targets.len(), crate::duration::short(progress.left));
    let complete = progress.targets.iter().filter(|t| t.done == Some(VerdictName::Complete)).count();
    vec![format!("{complete} of {of} rollouts complete, {} under way ({left} left)", waiting.len())]
}

/// What there is to say about one target.
fn line(target: &TargetProgress, progress: &Progress, redactor: &Redactor) -> String {
    let name = name(target, progress, redactor);
    if let Some(verdict) = target.done {
        return match &target.likely {
            Some(likely) if verdict != VerdictName::Complete => {
                format!("{name}: {} ({})", verdict.as_str(), likely.code)
            }
            _ => format!("{name}: {}", verdict.as_str()),
        };
    }
    let mut parts: Vec<String> = Vec::new();
    parts.extend(target.replicas.as_ref().map(counts));
    if !target.waiting_for.is_empty() {
        parts.push(format!("waiting for {}", one_line(&target.waiting_for, redactor)));
    }
    if let Some(likely) = &target.likely {
        parts.push(format!("likely cause {}: {}", likely.code, one_line(&likely.headline, redactor)));
    }
    format!("{name}: {} ({})", parts.join("; "), time_left(target, progress))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{likely, progress, target};
    use super::*;

    /// What is printed for those states at those seconds.
    fn shown(states: Vec<Progress>) -> String {
        let (mut out, redactor) = (Vec::new(), Redactor::new(&["s3cr[0-9]t"]).unwrap());
        let mut plain = Plain::new("2026-11-24T12:03:00Z".parse().unwrap());
        for state in states {
            plain.update(&state, state.elapsed, &redactor, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_change_is_one_line_and_silence_is_broken_every_thirty_seconds() {
        let unseen = || TargetProgress { replicas: None, ..target("web", [0; 4], "the first answer") };
        let waiting = || target("web", [3, 3, 1, 1], "2 pods to become ready");
        let stuck =
            || TargetProgress { likely: Some(likely("no image shop/web:1.3", Some((90, 120)))), ..waiting() };
        let settling =
            |seconds: u64| target("web", [3, 3, 3, 3], &format!("pods to settle, {seconds}s of 10s"));
        let done = || TargetProgress { done: Some(VerdictName::Complete), ..settling(10) };
        let text = shown(vec![
            progress(0, vec![unseen()]),
            progress(3, vec![unseen()]),
            progress(10, vec![waiting()]),
            progress(11, vec![waiting()]),
            progress(39, vec![waiting()]),
            progress(40, vec![waiting()]),
            progress(41, vec![waiting()]),
            progress(71, vec![stuck()]),
            progress(75, vec![stuck()]),
            progress(95, vec![stuck()]),
            progress(101, vec![stuck()]),
            progress(110, vec![settling(0)]),
            progress(113, vec![settling(3)]),
            progress(120, vec![done()]),
            progress(200, vec![done()]),
        ]);
        let expected = "\
12:03:03Z deployment/web: waiting for the first answer (4m57s left)
12:03:10Z deployment/web: 1 of 3 updated replicas available; waiting for 2 pods to become ready (4m50s left)
12:03:40Z deployment/web: 1 of 3 updated replicas available; waiting for 2 pods to become ready (4m20s left)
12:04:11Z deployment/web: 1 of 3 updated replicas available; waiting for 2 pods to become ready; likely cause image-not-found: no image shop/web:1.3 (fails in 19s to 49s unless it heals; 3m49s left)
12:04:41Z deployment/web: 1 of 3 updated replicas available; waiting for 2 pods to become ready; likely cause image-not-found: no image shop/web:1.3 (fails within 19s unless it heals; 3m19s left)
12:04:50Z deployment/web: 3 of 3 updated replicas available; waiting for pods to settle, 0s of 10s (3m10s left)
12:05:00Z deployment/web: complete
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_was_complete_before_we_looked_is_one_line() {
        let soon = |state| Progress { elapsed: Duration::from_millis(40), ..progress(0, vec![state]) };
        let unsettled = target("web", [3, 3, 3, 3], "the pods to be seen");
        let done = TargetProgress { done: Some(VerdictName::Complete), ..unsettled.clone() };
        assert_eq!(shown(vec![soon(unsettled), soon(done)]), "12:03:00Z deployment/web: complete\n");
    }

    #[test]
    fn a_state_that_flips_is_told_once_in_two_seconds_and_a_new_cause_at_once() {
        let ready = |seconds: u64| progress(seconds, vec![target("web", [1, 1, 1, 1], "pod to settle")]);
        let dead = |seconds: u64| progress(seconds, vec![target("web", [1, 1, 0, 0], "pod to be ready")]);
        let cause = TargetProgress {
            likely: Some(likely("no image", None)),
            ..target("web", [1, 1, 0, 0], "pod to be ready")
        };
        let text = shown(vec![dead(10), ready(11), dead(11), ready(12), progress(13, vec![cause])]);
        let times: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(times, ["12:03:10Z", "12:03:12Z", "12:03:13Z"], "{text}");
    }

    #[test]
    fn a_lost_connection_and_its_return_are_said_once() {
        let waiting = || vec![target("web", [1, 1, 0, 0], "1 pod to become ready")];
        let blind = |seconds| Progress {
            blind: Some("connection\nrefused".to_owned()),
            ..progress(seconds, waiting())
        };
        let text = shown(vec![
            progress(1, waiting()),
            blind(5),
            blind(6),
            progress(8, waiting()),
            progress(9, waiting()),
        ]);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "12:03:05Z no connection to the API server, still trying: connection refused",
                "12:03:08Z connected to the API server again",
            ]
        );
    }

    #[test]
    fn texts_of_the_cluster_neither_act_nor_tell_secrets() {
        let web = TargetProgress {
            likely: Some(likely("a\r\n\u{1b}[2J::error::b s3cr3t", None)),
            ..target("web", [1, 1, 0, 0], "\n##vso[task.setvariable]")
        };
        let text = shown(vec![progress(1, vec![web])]);
        assert_eq!(text.lines().count(), 1, "{text}");
        for forbidden in ["\u{1b}", "##vso[", "s3cr3t"] {
            assert!(!text.contains(forbidden), "{text}");
        }
    }

    #[test]
    fn many_targets_share_one_sign_of_life() {
        let targets = || -> Vec<TargetProgress> {
            (0..5)
                .map(|n| {
                    let done = (n == 0).then_some(VerdictName::Complete);
                    TargetProgress { done, ..target(&format!("w{n}"), [1, 1, 0, 0], "1 pod to become ready") }
                })
                .collect()
        };
        let text = shown(vec![progress(1, targets()), progress(31, targets())]);
        assert_eq!(text.lines().count(), 6);
        assert!(text.ends_with("12:03:31Z 1 of 5 rollouts complete, 4 under way (4m29s left)\n"), "{text}");
    }

    #[test]
    fn of_a_crowd_only_causes_and_verdicts_are_told() {
        let at = |seconds: u64, first: TargetProgress| {
            let others = (1..30).map(|n| target(&format!("web-{n}"), [1, 1, 0, 0], "a pod to become ready"));
            progress(seconds, std::iter::once(first).chain(others).collect())
        };
        let starting = || target("web-0", [1, 1, 0, 0], "a pod to become ready");
        let stuck =
            || TargetProgress { likely: Some(likely("no image shop/web:1.3", Some((90, 90)))), ..starting() };
        let failed = || TargetProgress { done: Some(VerdictName::Failed), ..stuck() };
        let text = shown(vec![at(5, starting()), at(10, stuck()), at(15, stuck()), at(20, failed())]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].contains("deployment/web-0") && lines[0].contains("likely cause image-not-found"));
        assert!(lines[1].ends_with("deployment/web-0: failed (image-not-found)"), "{text}");
    }

    #[test]
    fn targets_of_several_namespaces_are_told_apart() {
        let other = TargetProgress { namespace: "blog".to_owned(), ..target("web", [1, 1, 0, 0], "a pod") };
        let failed = TargetProgress {
            done: Some(VerdictName::Failed),
            likely: Some(likely("no image", None)),
            ..target("web", [1, 1, 0, 0], "")
        };
        let text = shown(vec![progress(1, vec![failed, other])]);
        let expected = "\
12:03:01Z deployment/web in shop: failed (image-not-found)
12:03:01Z deployment/web in blog: 0 of 1 updated replicas available; waiting for a pod (4m59s left)
";
        assert_eq!(text, expected);
    }
}
