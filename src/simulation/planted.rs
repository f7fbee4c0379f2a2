//! Each planted bug must be noticed. A check that stays silent here is worth nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::{Outcome, play};
use crate::guard::proofs;
use crate::model::Kind;
use crate::observation::{Stream, StreamHealth};
use crate::planted::{Bug, with};
use crate::source::failure::Failure;
use crate::source::watch::{Input, Line, Output, Page, Watch};
use crate::{render, untrusted};

/// Whether some seed of a few hundred runs is noticed.
fn noticed_by_histories(bug: Bug) -> bool {
    with(bug, || (0..400).any(|seed| !play(seed).problems.is_empty()))
}

/// Whether some check notices the bug. Who adds a bug has to say here which one does.
fn is_noticed(bug: Bug) -> bool {
    // first without the bug: what is compared with is made once
    let breaks = |promises: Promises| {
        finds_nothing(promises, HOSTILE) && !with(bug, || finds_nothing(promises, HOSTILE))
    };
    match bug {
        Bug::NeverRelist
        | Bug::NoBackOff
        | Bug::ShowStale
        | Bug::IgnoreObservedGeneration
        | Bug::FollowNewUid
        | Bug::NoSettling
        | Bug::PassBlind
        | Bug::FailBlind
        | Bug::NoTimeout
        | Bug::BelieveRefusals => noticed_by_histories(bug),
        Bug::FollowHistoryBack => noticed_by_histories(bug) && with(bug, shows_the_past),
        Bug::StartAtZero => with(bug, first_read).contains("resourceVersion=0"),
        Bug::HotWatch => with(bug, calls_when_watches_end_at_once) > 33,
        Bug::NeverWake => with(bug, waits_after_another_has_found_the_way) > Duration::from_secs(5),
        Bug::TrustAccepted => says_that_no_read_is_answered() && !with(bug, says_that_no_read_is_answered),
        Bug::NeverReread => with(bug, proofs::failure) != proofs::failure(),
        Bug::TrustReopened => with(bug, proofs::opened_anew) != proofs::opened_anew(),
        Bug::Unescaped => breaks(untrusted::oracle::encoders) && breaks(render::oracle::documents),
        Bug::Unredacted => breaks(untrusted::oracle::encoders),
        Bug::Markup => breaks(render::oracle::documents),
    }
}

#[test]
fn every_planted_bug_is_noticed() {
    let unnoticed: Vec<Bug> = Bug::ALL.iter().copied().filter(|bug| !is_noticed(*bug)).collect();
    assert_eq!(unnoticed, []);
    let Outcome { problems, .. } = play(1);
    assert!(problems.is_empty(), "a bug is gone after its test: {problems:?}");
}

/// Whether a stream says within five minutes that it is blind, where every watch is accepted and no read is answered.
fn says_that_no_read_is_answered() -> bool {
    let mut machine: Watch<()> = Watch::new("deployments", true, true, 7);
    let end = Line::Bookmark { resource_version: "9".to_owned(), ends_initial: true };
    let mut inputs = vec![Input::Line(end), Input::Opened, Input::Time];
    let (mut now, mut unread) = (Duration::ZERO, None);
    while now < Duration::from_secs(300) {
        let input = inputs.pop().unwrap_or_else(|| {
            now = unread.or_else(|| machine.deadline()).unwrap().max(now);
            unread.take().map_or(Input::Time, |_| Input::Unread(Failure::transport("timeout")))
        });
        for output in machine.step(now, input) {
            match output {
                Output::Health(StreamHealth::Interrupted { .. }) => return true,
                Output::Watch { .. } if now > Duration::ZERO => inputs.push(Input::Opened),
                Output::Read(_) => unread = Some(now + Duration::from_secs(3)),
                _ => {}
            }
        }
    }
    false
}

/// Calls of a stream in 30 s when every watch ends at once.
fn calls_when_watches_end_at_once() -> usize {
    let mut machine: Watch<()> = Watch::new("pods", false, true, 7);
    let mut calls = 0;
    let mut inputs = vec![Input::Time];
    for millis in 0..30_000 {
        let now = Duration::from_millis(millis);
        for _ in 0..20 {
            let Some(input) = inputs.pop() else { break };
            for output in machine.step(now, input) {
                match output {
                    Output::Watch { resource_version: None } => {
                        calls += 1;
                        let end = Line::Bookmark { resource_version: "9".to_owned(), ends_initial: true };
                        inputs = vec![Input::Ended, Input::Line(end), Input::Opened];
                    }
                    Output::Watch { .. } => {
                        calls += 1;
                        inputs = vec![Input::Ended, Input::Opened];
                    }
                    Output::Read(_) => {
                        calls += 1;
                        let resource_version = "9".to_owned();
                        inputs.push(Input::Page(Page {
                            items: Vec::new(),
                            resource_version,
                            continue_token: None,
                        }));
                    }
                    _ => {}
                }
            }
        }
        if inputs.is_empty() && machine.deadline().is_some_and(|deadline| deadline <= now) {
            inputs.push(Input::Time);
        }
    }
    calls
}

#[test]
fn there_is_no_hot_loop() {
    assert!(calls_when_watches_end_at_once() <= 33);
}

/// Whether a history that moved back is shown.
fn shows_the_past() -> bool {
    let mut machine: Watch<&str> = Watch::new("pods", true, false, 7);
    let at = Duration::from_secs;
    let page = |version: u64| {
        Input::Page(Page { items: Vec::new(), resource_version: version.to_string(), continue_token: None })
    };
    machine.step(at(0), Input::Time);
    machine.step(at(0), page(500));
    machine.step(at(1), Input::Opened);
    let gone = crate::source::failure::Status { code: 410, ..Default::default() };
    machine.step(at(2), Input::Line(Line::Error(gone)));
    machine.step(at(2), page(20)).iter().any(|output| matches!(output, Output::Listed(_)))
}

#[test]
fn a_history_that_moved_back_is_not_shown() {
    assert!(!shows_the_past());
}

fn first_read() -> String {
    crate::source::first_read(&Stream::selected(Kind::Pod, "shop", "app=web".to_owned()))
}

#[test]
fn no_read_allows_stale_answers() {
    assert!(!first_read().contains("resourceVersion="));
}

/// How long a stream that has failed for a while waits on after another one has found the way.
fn waits_after_another_has_found_the_way() -> Duration {
    let mut machine: Watch<&str> = Watch::new("pods", false, true, 7);
    let mut now = Duration::ZERO;
    for _ in 0..10 {
        machine.step(now, Input::Time);
        machine.step(now, Input::Failed(Failure::transport("connection refused")));
        now = machine.deadline().unwrap();
    }
    machine.step(now, Input::Time);
    machine.step(now, Input::Failed(Failure::transport("connection refused")));
    machine.step(now, Input::Healed);
    machine.deadline().unwrap().saturating_sub(now)
}

#[test]
fn a_stream_is_woken_by_another() {
    assert!(waits_after_another_has_found_the_way() < Duration::from_secs(1));
}

/// A text of the cluster that acts wherever it is not made harmless, with a secret in it.
const HOSTILE: &str = "\u{1b}[2J<b onclick=x>::error::forged</b> password=hunter2-abc";

/// What is promised of every text.
type Promises = fn(&str);

fn finds_nothing(promises: Promises, text: &str) -> bool {
    catch_unwind(AssertUnwindSafe(|| promises(text))).is_ok()
}

#[test]
fn what_acts_and_what_is_secret_is_found_nowhere() {
    assert!(finds_nothing(untrusted::oracle::encoders, HOSTILE));
    assert!(finds_nothing(render::oracle::documents, HOSTILE));
}
