//! One test per fault, on a scripted server and a clock that only the script moves.

use super::super::failure::{Failure, Status};
use super::{Duration, Input, Item, Line, Output, Page, Read, Watch};
use crate::observation::StreamHealth;

pub(super) type Machine = Watch<&'static str>;

pub(super) fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn item(uid: &'static str, version: u64) -> Item<&'static str> {
    Item { uid: uid.to_owned(), resource_version: version.to_string(), body: uid }
}

pub(super) fn page(items: Vec<Item<&'static str>>, version: u64) -> Input<&'static str> {
    Input::Page(Page { items, resource_version: version.to_string(), continue_token: None })
}

pub(super) fn bookmark(version: u64, ends_initial: bool) -> Input<&'static str> {
    Input::Line(Line::Bookmark { resource_version: version.to_string(), ends_initial })
}

pub(super) fn applied(uid: &'static str, version: u64) -> Input<&'static str> {
    Input::Line(Line::Applied(item(uid, version)))
}

pub(super) fn status(code: u16) -> Status {
    Status { code, message: "no".to_owned(), ..Status::default() }
}

pub(super) fn answered(code: u16) -> Failure {
    Failure::Status(status(code))
}

fn too_large() -> Failure {
    Failure::Status(Status { too_large: true, retry_after: Some(at(1)), ..status(504) })
}

pub(super) fn watch_from(version: u64) -> Output<&'static str> {
    Output::Watch { resource_version: Some(version.to_string()) }
}

pub(super) const STREAMING: Output<&str> = Output::Watch { resource_version: None };
pub(super) const FIRST_PAGE: Output<&str> = Output::Read(Read::Page { continue_token: None });
const LIVE: Output<&str> = Output::Health(StreamHealth::Live);

pub(super) fn refused(outputs: &[Output<&'static str>]) -> Option<(u16, String)> {
    outputs.iter().find_map(|output| match output {
        Output::Health(StreamHealth::Refused(refusal)) => Some((refusal.code, refusal.asked.clone())),
        _ => None,
    })
}

pub(super) fn interrupted(outputs: &[Output<&'static str>]) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Health(StreamHealth::Interrupted { .. })))
}

/// Steps through time until the machine asks for something, and says when that was.
pub(super) fn next_call(machine: &mut Machine, mut now: Duration) -> (Duration, Vec<Output<&'static str>>) {
    for _ in 0..100 {
        now = machine.deadline().expect("the machine waits for ever").max(now);
        let outputs = machine.step(now, Input::Time);
        if outputs.iter().any(|output| matches!(output, Output::Watch { .. } | Output::Read(_))) {
            return (now, outputs);
        }
    }
    panic!("no call in 100 steps");
}

/// A stream of pods that follows since version 10, at 1 s.
pub(super) fn following() -> Machine {
    let mut machine = Machine::new("pods", false, true, 7);
    assert_eq!(machine.step(at(0), Input::Time), [STREAMING]);
    machine.step(at(0), Input::Opened);
    machine.step(at(0), applied("a", 5));
    assert_eq!(machine.step(at(1), bookmark(10, true)), [LIVE, Output::Listed(vec!["a"])]);
    machine
}

/// A stream of one Deployment by pages, that follows since version 10, at 1 s.
pub(super) fn following_by_name() -> Machine {
    let mut machine = Machine::new("deployments", true, false, 7);
    assert_eq!(machine.step(at(0), Input::Time), [FIRST_PAGE]);
    let outputs = machine.step(at(1), page(vec![item("a", 5)], 10));
    assert_eq!(outputs, [LIVE, Output::Listed(vec!["a"]), watch_from(10)]);
    machine.step(at(1), Input::Opened);
    machine
}

#[test]
fn a_streamed_list_is_shown_once_and_whole() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    assert!(machine.step(at(0), Input::Opened).is_empty());
    assert!(machine.step(at(0), applied("a", 5)).is_empty());
    assert!(machine.step(at(0), applied("b", 6)).is_empty());
    assert!(machine.step(at(0), applied("a", 7)).is_empty());
    assert!(machine.step(at(0), Input::Line(Line::Deleted(item("b", 8)))).is_empty());
    assert_eq!(machine.step(at(1), bookmark(9, true)), [LIVE, Output::Listed(vec!["a"])]);
    assert_eq!(machine.step(at(2), applied("c", 11)), [Output::Applied("c")]);
    assert_eq!(machine.step(at(2), Input::Line(Line::Deleted(item("c", 12)))), [Output::Deleted("c")]);
}

#[test]
fn pages_are_shown_as_one_list() {
    let mut machine = Machine::new("pods", false, false, 7);
    machine.step(at(0), Input::Time);
    let first = Page {
        items: vec![item("a", 5)],
        resource_version: "10".to_owned(),
        continue_token: Some("more".to_owned()),
    };
    let more = Output::Read(Read::Page { continue_token: Some("more".to_owned()) });
    assert_eq!(machine.step(at(0), Input::Page(first)), [more]);
    let outputs = machine.step(at(0), page(vec![item("b", 6)], 10));
    assert_eq!(outputs, [LIVE, Output::Listed(vec!["a", "b"]), watch_from(10)]);
}

#[test]
fn a_watch_that_begins_where_a_list_has_just_ended_shows_no_past() {
    for (opened, expected) in [(0, vec![]), (5, vec![Output::Behind])] {
        let mut machine = Machine::new("pods", false, false, 7);
        machine.step(at(0), Input::Time);
        machine.step(at(3), page(vec![item("a", 5)], 10));
        assert_eq!(machine.step(at(3 + opened), Input::Opened), expected);
    }
}

#[test]
fn gone_as_an_http_status_reads_anew_once() {
    let mut machine = following();
    machine.step(at(300), Input::Ended);
    assert_eq!(machine.step(at(301), Input::Failed(answered(410))), [STREAMING]);
}

#[test]
fn gone_within_the_stream_reads_anew_once() {
    let mut machine = following();
    let outputs = machine.step(at(20), Input::Line(Line::Error(status(410))));
    assert_eq!(outputs, [Output::HangUp, STREAMING]);
}

#[test]
fn an_expired_continuation_begins_the_list_again() {
    let mut machine = Machine::new("pods", false, false, 7);
    machine.step(at(0), Input::Time);
    let first = Page {
        items: vec![item("a", 5)],
        resource_version: "10".to_owned(),
        continue_token: Some("old".to_owned()),
    };
    machine.step(at(0), Input::Page(first));
    let expired = Failure::Status(Status { reason: "Expired".to_owned(), ..status(410) });
    assert_eq!(machine.step(at(1), Input::Unread(expired)), [FIRST_PAGE]);
    let outputs = machine.step(at(2), page(vec![item("b", 9)], 12));
    assert!(outputs.contains(&Output::Listed(vec!["b"])), "{outputs:?}");
}

#[test]
fn a_server_that_is_gone_each_time_is_not_asked_without_pause() {
    let mut machine = following_by_name();
    let (mut now, mut calls) = (at(10), 0);
    let mut outputs = machine.step(now, Input::Failed(answered(410)));
    while now < at(310) {
        calls += 1;
        if outputs.contains(&FIRST_PAGE) {
            outputs = machine.step(now, page(vec![item("a", 5)], 10));
        } else if outputs.iter().any(|output| matches!(output, Output::Watch { .. })) {
            outputs = machine.step(now, Input::Failed(answered(410)));
        } else {
            calls -= 1;
            (now, outputs) = next_call(&mut machine, now);
        }
    }
    assert!(calls < 60, "{calls} calls in 300 s");
}

#[test]
fn a_deletion_that_was_missed_is_seen_in_the_next_snapshot() {
    let mut machine = following();
    machine.step(at(20), Input::Line(Line::Error(status(410))));
    machine.step(at(20), Input::Opened);
    machine.step(at(20), applied("b", 30));
    assert!(machine.step(at(20), bookmark(31, true)).contains(&Output::Listed(vec!["b"])));
}

#[test]
fn a_version_too_large_is_asked_again_three_times_then_read_anew() {
    let mut machine = following();
    machine.step(at(300), Input::Ended);
    let mut now = at(300);
    for _ in 0..3 {
        machine.step(now, Input::Failed(too_large()));
        let (then, outputs) = next_call(&mut machine, now);
        assert_eq!(outputs, [watch_from(10)]);
        assert!(then >= now + at(1), "the hint of the server was not kept");
        now = then;
    }
    assert_eq!(machine.step(now, Input::Failed(too_large())), [STREAMING]);
}

#[test]
fn a_watch_that_ends_at_once_is_repeated_with_growing_pauses() {
    let mut machine = following();
    let (mut now, mut watches) = (at(100), 0);
    let mut outputs = machine.step(now, Input::Ended);
    while now < at(400) {
        if outputs.iter().any(|output| matches!(output, Output::Watch { .. })) {
            assert_eq!(outputs.first(), Some(&watch_from(10)));
            watches += 1;
            if outputs.contains(&FIRST_PAGE) {
                machine.step(now, page(vec![item("a", 5)], 10));
            }
            machine.step(now, Input::Opened);
            outputs = machine.step(now, Input::Ended);
        } else if outputs.contains(&FIRST_PAGE) {
            outputs = machine.step(now, page(vec![item("a", 5)], 10));
        } else {
            (now, outputs) = next_call(&mut machine, now);
        }
    }
    assert!((10..=30).contains(&watches), "{watches} watches in 300 s");
}

#[test]
fn a_watch_that_ends_in_good_order_goes_on_where_it_was() {
    let mut machine = following();
    machine.step(at(60), bookmark(40, false));
    assert_eq!(machine.step(at(280), Input::Ended), [watch_from(40)]);
    assert_eq!(machine.step(at(280), Input::Opened), [Output::Behind], "health did not change");
}

#[test]
fn an_error_before_the_end_bookmark_falls_back_to_pages() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    machine.step(at(0), Input::Opened);
    let error = Status { message: "RequestWatchProgress is disabled".to_owned(), ..status(500) };
    let outputs = machine.step(at(0), Input::Line(Line::Error(error)));
    assert!(outputs.contains(&FIRST_PAGE), "{outputs:?}");
    assert!(!machine.streaming_list);
}

#[test]
fn a_server_that_does_not_know_streamed_lists_is_read_by_pages() {
    for code in [400, 422] {
        let mut machine = Machine::new("pods", false, true, 7);
        machine.step(at(0), Input::Time);
        assert_eq!(machine.step(at(0), Input::Failed(answered(code))), [FIRST_PAGE]);
        assert!(!machine.streaming_list);
    }
}

#[test]
fn without_the_end_bookmark_in_10_s_pages_are_read() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    machine.step(at(0), Input::Opened);
    machine.step(at(5), applied("a", 5));
    assert_eq!(machine.deadline(), Some(at(15)));
    assert!(machine.step(at(14), Input::Time).is_empty());
    assert_eq!(machine.step(at(15), Input::Time), [Output::HangUp, FIRST_PAGE]);
    assert!(!machine.streaming_list);
}

#[test]
fn no_answer_at_all_is_said_and_pages_are_tried() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    let outputs = machine.step(at(10), Input::Time);
    assert!(interrupted(&outputs) && outputs.contains(&FIRST_PAGE), "{outputs:?}");
}

#[test]
fn a_stream_that_may_be_listed_but_not_watched_is_polled() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    assert_eq!(machine.step(at(0), Input::Failed(answered(403))), [FIRST_PAGE]);
    machine.step(at(0), page(vec![item("a", 5)], 10));
    let (now, outputs) = next_call(&mut machine, at(0));
    assert_eq!(outputs, [FIRST_PAGE]);
    assert!(now >= at(9) && now <= at(11), "{now:?}");
    assert_eq!(machine.step(now, page(vec![item("a", 5)], 11)), [Output::Seen], "nothing changed");
    let (now, _) = next_call(&mut machine, now);
    assert_eq!(machine.step(now, page(vec![item("a", 12)], 12)), [Output::Listed(vec!["a"])]);
}

#[test]
fn a_named_object_that_may_only_be_got_is_polled_by_name() {
    let mut machine = Machine::new("deployments", true, true, 7);
    machine.step(at(0), Input::Time);
    machine.step(at(0), Input::Failed(answered(403)));
    assert_eq!(machine.step(at(0), Input::Unread(answered(403))), [Output::Read(Read::Object)]);
    assert!(machine.step(at(0), page(vec![item("a", 5)], 5)).contains(&Output::Listed(vec!["a"])));
    let (now, outputs) = next_call(&mut machine, at(0));
    assert_eq!(outputs, [Output::Read(Read::Object)]);
    let outputs = machine.step(now, Input::Unread(answered(404)));
    assert_eq!(outputs, [], "not the API server's word on this object");
    let (now, _) = next_call(&mut machine, now);
    let absent = Failure::Status(Status { reason: "NotFound".to_owned(), ..status(404) });
    let outputs = machine.step(now, Input::Unread(absent));
    assert!(outputs.contains(&Output::Listed(Vec::new())), "{outputs:?}");
}

#[test]
fn what_may_not_be_seen_is_refused_with_the_verb() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    machine.step(at(0), Input::Failed(answered(403)));
    let outputs = machine.step(at(0), Input::Unread(answered(403)));
    assert_eq!(refused(&outputs), Some((403, "list pods".to_owned())));
    assert_eq!(outputs.last(), Some(&Output::Stop));
    assert_eq!(machine.deadline(), None);
    assert!(machine.step(at(99), Input::Time).is_empty());
}

#[test]
fn a_certificate_that_cannot_be_trusted_is_refused_at_once() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    let failure = Failure::Transport { message: "cannot trust".to_owned(), heals: false };
    let outputs = machine.step(at(0), Input::Failed(failure));
    assert_eq!(refused(&outputs), Some((0, "watch pods".to_owned())));
}

#[test]
fn the_first_fault_of_all_is_said_at_once() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    assert!(interrupted(&machine.step(at(0), Input::Failed(Failure::transport("refused")))));
    let (now, outputs) = next_call(&mut machine, at(0));
    assert_eq!(outputs, [STREAMING]);
    assert!(machine.step(now, Input::Failed(Failure::transport("refused"))).is_empty(), "said already");
}

#[test]
fn a_loss_is_said_after_2_s_and_its_end_too() {
    let mut machine = following();
    assert!(machine.step(at(30), Input::Failed(Failure::transport("reset"))).is_empty());
    let (now, outputs) = next_call(&mut machine, at(30));
    assert_eq!(outputs, [watch_from(10)]);
    assert!(now < at(31));
    let outputs = machine.step(at(31), Input::Opened);
    assert_eq!(outputs, [Output::Behind, Output::Healed], "back before a word was needed");

    machine.step(at(40), Input::Failed(Failure::transport("reset")));
    machine.step(at(41), Input::Time);
    assert!(interrupted(&machine.step(at(42), Input::Time)));
    assert_eq!(machine.step(at(43), Input::Opened), [Output::Behind, Output::Healed, LIVE]);
}

#[test]
fn a_server_in_trouble_sets_the_pause_itself() {
    let mut machine = following();
    let busy = Failure::Status(Status { retry_after: Some(at(3600)), ..status(429) });
    machine.step(at(30), Input::Failed(busy));
    let (now, _) = next_call(&mut machine, at(30));
    assert_eq!(now, at(60), "not more than 30 s");
}

#[test]
fn what_a_watch_that_ends_at_once_cannot_bring_is_read_soon_and_then_less_often() {
    let mut machine = following_by_name();
    let (mut now, mut reads) = (at(1), Vec::new());
    let mut outputs = machine.step(now, Input::Ended);
    while now < at(61) {
        match outputs.pop() {
            Some(Output::Watch { .. }) => {
                outputs.extend(machine.step(now, Input::Opened));
                outputs.extend(machine.step(now, Input::Ended));
            }
            Some(Output::Read(_)) => {
                reads.push(now.as_secs());
                outputs.extend(machine.step(now, page(vec![item("a", 5)], 10)));
            }
            Some(_) => {}
            None => {
                now = machine.deadline().expect("it waits for ever");
                outputs = machine.step(now, Input::Time);
            }
        }
    }
    let gaps: Vec<u64> = reads.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[..3].iter().all(|gap| *gap <= 2), "{reads:?}");
    assert!(gaps[gaps.len() - 2..].iter().all(|gap| (9..=11).contains(gap)), "{reads:?}");
    assert!(reads.len() <= 20, "{reads:?}");
}

#[test]
fn reads_in_place_of_a_watch_are_told_until_a_watch_lasts() {
    let told = |outputs: &[Output<&str>]| {
        outputs.iter().find_map(|output| match output {
            Output::Health(StreamHealth::Polled { message }) => Some(message.clone()),
            _ => None,
        })
    };
    let mut machine = following();
    let (mut now, mut said) = (at(1), Vec::new());
    for _ in 0..5 {
        let mut outputs = machine.step(now, Input::Ended);
        while !outputs.iter().any(|output| matches!(output, Output::Watch { .. })) {
            now = machine.deadline().unwrap();
            outputs = machine.step(now, Input::Time);
        }
        said.push(told(&machine.step(now, Input::Opened)));
    }
    assert_eq!(said, [None, None, None, None, Some("each watch ended as soon as it was open".to_owned())]);
    assert!(!machine.step(now + at(1), applied("a", 20)).contains(&LIVE));
    assert!(machine.step(now + at(6), applied("a", 21)).contains(&LIVE));

    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    machine.step(at(0), Input::Failed(answered(403)));
    assert_eq!(
        told(&machine.step(at(0), page(vec![item("a", 5)], 10))),
        Some("the API server answered 403: no".to_owned())
    );
}

#[test]
fn a_named_object_is_read_again_each_minute_and_shown_if_it_differs() {
    let mut machine = following_by_name();
    let (now, outputs) = next_call(&mut machine, at(1));
    assert_eq!(outputs, [FIRST_PAGE]);
    assert!(now >= at(54) && now <= at(68), "{now:?}");
    assert_eq!(machine.step(now, page(vec![item("a", 5)], 20)), [Output::Seen], "as it was");
    machine.step(now, bookmark(21, false));
    let (now, _) = next_call(&mut machine, now);
    let outputs = machine.step(now, page(vec![item("a", 30)], 31));
    assert_eq!(outputs, [Output::Listed(vec!["a"])], "the watch had lost an event");
    assert!(machine.step(now, applied("a", 30)).is_empty(), "the event comes late: shown already");
}

#[test]
fn a_read_older_than_the_watch_is_not_shown() {
    let mut machine = following_by_name();
    let (now, _) = next_call(&mut machine, at(1));
    machine.step(now, applied("a", 40));
    assert!(machine.step(now, page(vec![item("a", 5)], 39)).is_empty());
    assert!(machine.step(now, page(Vec::new(), 39)).is_empty());
}

#[test]
fn an_object_never_goes_back_in_time() {
    let mut machine = following();
    assert_eq!(machine.step(at(2), applied("a", 20)), [Output::Applied("a")]);
    assert!(machine.step(at(2), applied("a", 15)).is_empty());
    assert!(machine.step(at(2), applied("a", 20)).is_empty());
}

#[test]
fn a_watch_whose_answer_is_held_back_is_backed_by_reads() {
    let mut machine = following();
    machine.step(at(280), Input::Ended);
    assert_eq!(machine.step(at(290), Input::Time), [FIRST_PAGE]);
    let outputs = machine.step(at(290), page(vec![item("a", 5), item("b", 15)], 16));
    assert_eq!(outputs, [Output::Listed(vec!["a", "b"])]);
    let (now, outputs) = next_call(&mut machine, at(290));
    assert_eq!(outputs, [FIRST_PAGE]);
    assert!(now <= at(301), "{now:?}");
}
