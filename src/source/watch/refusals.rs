//! Refusals of what had worked, and how the streams of a run come back after an outage.

use super::super::failure::{Failure, Status};
use super::tests::{
    FIRST_PAGE, Machine, STREAMING, answered, applied, at, bookmark, following, following_by_name,
    interrupted, item, next_call, page, refused, status, watch_from,
};
use super::{Duration, Input, Line, Output, Read};

/// Answers every call with that status until something other than a repetition happens, and says when that was.
fn until_believed(
    machine: &mut Machine,
    mut now: Duration,
    code: u16,
) -> (Duration, u32, Vec<Output<&'static str>>) {
    for calls in 1..100 {
        let outputs = machine.step(now, Input::Failed(answered(code)));
        if outputs.contains(&FIRST_PAGE) || refused(&outputs).is_some() {
            return (now, calls, outputs);
        }
        if !outputs.iter().any(|output| matches!(output, Output::Watch { .. })) {
            (now, _) = next_call(machine, now);
        }
    }
    panic!("never believed");
}

#[test]
fn a_watch_that_worked_is_refused_for_ten_seconds_before_polling_begins() {
    let mut machine = following();
    let (now, calls, _) = until_believed(&mut machine, at(30), 403);
    assert!((at(40)..at(43)).contains(&now) && calls < 13, "after {calls} calls at {now:?}");
    let outputs = machine.step(now, Input::Unread(answered(403)));
    assert_eq!(refused(&outputs), Some((403, "list pods".to_owned())), "no ten seconds more");
}

#[test]
fn a_server_that_starts_refuses_for_a_moment() {
    for code in [401, 403, 404] {
        let mut machine = following();
        let mut now = at(30);
        while now < at(37) {
            let outputs = machine.step(now, Input::Failed(answered(code)));
            assert!(refused(&outputs).is_none() && !outputs.contains(&FIRST_PAGE), "{code}: {outputs:?}");
            if !outputs.contains(&watch_from(10)) {
                (now, _) = next_call(&mut machine, now);
            }
        }
        let outputs = machine.step(now, Input::Opened);
        assert!(outputs.contains(&Output::Healed), "{code}: {outputs:?}");
    }
}

#[test]
fn credentials_are_renewed_at_once_then_less_and_less_often_and_then_refused() {
    let mut machine = following();
    assert_eq!(machine.step(at(30), Input::Failed(answered(401))), [Output::Refresh, watch_from(10)]);
    let (mut now, mut renewals, mut outputs) = (at(30), 1, Vec::new());
    while refused(&outputs).is_none() {
        outputs = machine.step(now, Input::Failed(answered(401)));
        renewals += u32::from(outputs.contains(&Output::Refresh));
        if refused(&outputs).is_none() {
            (now, _) = next_call(&mut machine, now);
        }
    }
    assert_eq!(refused(&outputs), Some((401, "watch pods".to_owned())));
    assert!((at(40)..at(43)).contains(&now) && renewals <= 4, "{renewals} renewals until {now:?}");

    let mut machine = following();
    machine.step(at(30), Input::Failed(answered(401)));
    machine.step(at(31), Input::Opened);
    assert_eq!(machine.step(at(900), Input::Failed(answered(401))), [Output::Refresh, watch_from(10)]);
}

#[test]
fn a_renewal_that_failed_does_not_make_old_credentials_refused() {
    let mut machine = following();
    let not_renewed = || Input::Failed(Failure::transport("credentials could not be renewed"));
    assert_eq!(machine.step(at(30), Input::Failed(answered(401))), [Output::Refresh, watch_from(10)]);
    machine.step(at(45), not_renewed());
    let (now, _) = next_call(&mut machine, at(45));
    let outputs = machine.step(now, Input::Failed(answered(401)));
    assert!(refused(&outputs).is_none() && outputs.contains(&Output::Refresh), "{outputs:?}");
    // nor does it go on for ever
    let mut last = now;
    for _ in 0..100 {
        (last, _) = next_call(&mut machine, last);
        let outputs = machine.step(last, Input::Failed(answered(401)));
        if refused(&outputs).is_some() {
            break;
        }
        if outputs.contains(&Output::Refresh) {
            machine.step(last, not_renewed());
        }
    }
    assert!((at(60)..at(120)).contains(&last), "{last:?}");
}

#[test]
fn refusals_before_and_after_an_answer_that_lets_us_in_are_not_one() {
    let too_large = Failure::Status(Status { too_large: true, ..status(504) });
    for let_in in [answered(410), too_large] {
        let mut machine = following();
        machine.step(at(30), Input::Failed(answered(401)));
        machine.step(at(30), Input::Failed(let_in));
        for second in [42, 43] {
            let outputs = machine.step(at(second), Input::Failed(answered(401)));
            assert_eq!(refused(&outputs), None, "{second}: {outputs:?}");
        }
    }
}

#[test]
fn who_was_never_let_in_is_refused_after_one_renewal() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    assert_eq!(machine.step(at(0), Input::Failed(answered(401))), [Output::Refresh, STREAMING]);
    assert!(refused(&machine.step(at(1), Input::Failed(answered(401)))).is_some());
}

#[test]
fn a_renewal_that_takes_its_time_does_not_count_as_silence() {
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    assert_eq!(machine.step(at(0), Input::Failed(answered(401))), [Output::Refresh, STREAMING]);
    for second in [9, 19, 29] {
        machine.renewing = true;
        assert!(machine.step(at(second), Input::Time).is_empty(), "{second}");
    }
    machine.renewing = false;
    assert_eq!(machine.deadline(), Some(at(39)), "the whole time from the end of the renewal on");
    assert!(machine.step(at(38), Input::Time).is_empty() && machine.streaming_list);
    assert!(machine.step(at(39), Input::Time).contains(&Output::HangUp));
}

#[test]
fn a_server_that_is_not_trusted_is_refused_after_its_authority_was_read_again() {
    let untrusted = || Input::Failed(Failure::Untrusted { message: "cannot trust k".to_owned() });
    let mut machine = Machine::new("pods", false, true, 7);
    machine.step(at(0), Input::Time);
    assert_eq!(machine.step(at(0), untrusted()), [Output::Refresh, STREAMING]);
    assert_eq!(refused(&machine.step(at(1), untrusted())), Some((0, "watch pods".to_owned())));
}

#[test]
fn credentials_that_expire_again_and_again_are_renewed_each_time() {
    let mut machine = following_by_name();
    for minute in 1..6 {
        let now = at(900 * minute);
        machine.step(now, bookmark(10, false));
        machine.step(now, Input::Confirm);
        assert_eq!(machine.step(now, Input::Unread(answered(401))), [Output::Refresh, FIRST_PAGE]);
        assert_eq!(machine.step(now, page(vec![item("a", 5)], 10)), [Output::Seen]);
    }
}

#[test]
fn a_read_that_worked_is_not_given_up_for_a_moment_of_refusal() {
    let mut machine = following_by_name();
    machine.step(at(5), Input::Confirm);
    machine.step(at(5), Input::Unread(answered(403)));
    let (now, outputs) = next_call(&mut machine, at(5));
    assert_eq!(outputs, [FIRST_PAGE], "no GET by name");
    assert_eq!(machine.step(now, page(vec![item("a", 5)], 10)), [Output::Seen]);
}

#[test]
fn a_read_that_stays_refused_is_tried_by_name() {
    let mut machine = following_by_name();
    machine.step(at(5), Input::Confirm);
    let mut now = at(5);
    loop {
        let outputs = machine.step(now, Input::Unread(answered(403)));
        if outputs.contains(&Output::Read(Read::Object)) {
            break;
        }
        (now, _) = next_call(&mut machine, now);
    }
    assert!((at(15)..at(18)).contains(&now), "{now:?}");
}

#[test]
fn who_may_never_watch_is_polled_for_at_once() {
    let mut machine = Machine::new("pods", false, false, 7);
    machine.step(at(0), Input::Time);
    machine.step(at(0), page(vec![item("a", 5)], 10));
    assert_eq!(machine.step(at(0), Input::Failed(answered(403))), [FIRST_PAGE]);
}

/// A stream that has failed so often that its next attempt is far away.
fn far_away(failure: &Failure) -> (Machine, Duration) {
    let mut machine = following();
    let mut now = at(30);
    for _ in 0..9 {
        machine.step(now, Input::Failed(failure.clone()));
        (now, _) = next_call(&mut machine, now);
    }
    machine.step(now, Input::Failed(failure.clone()));
    let next = machine.deadline().unwrap();
    assert!(next > now + at(5), "{next:?}");
    (machine, now)
}

#[test]
fn one_stream_that_finds_the_way_wakes_the_others() {
    let (mut machine, now) = far_away(&Failure::transport("connection refused"));
    machine.step(now, Input::Healed);
    let (then, outputs) = next_call(&mut machine, now);
    assert_eq!(outputs, [watch_from(10)]);
    assert!(then < now + at(1), "{then:?} after {now:?}");
    machine.step(then, Input::Failed(Failure::transport("connection refused")));
    let next = machine.deadline();
    machine.step(then, Input::Healed);
    assert_eq!(machine.deadline(), next, "a stream that comes and goes does not drive the others");
    machine.step(then + at(5), Input::Healed);
    let (then, _) = next_call(&mut machine, then + at(5));
    assert!(machine.step(then, Input::Opened).contains(&Output::Healed), "and so on");
}

#[test]
fn a_pause_that_the_server_asked_for_is_kept_whoever_finds_the_way() {
    let busy = Failure::Status(Status { retry_after: Some(at(20)), ..status(503) });
    let mut machine = following();
    machine.step(at(30), Input::Failed(busy));
    machine.step(at(31), Input::Healed);
    let (then, _) = next_call(&mut machine, at(31));
    assert!(then >= at(50), "{then:?}");
}

#[test]
fn who_does_not_wait_is_not_woken() {
    let mut machine = following();
    let next = machine.deadline();
    assert!(machine.step(at(5), Input::Healed).is_empty());
    assert_eq!(machine.deadline(), next);
}

/// Calls in 300 s when every watch brings one line and then that.
fn calls_when_each_watch_ends_with(mut end: impl FnMut() -> Input<&'static str>) -> u32 {
    let mut machine = following();
    let (mut now, mut calls, mut version) = (at(10), 0, 10);
    let mut outputs = machine.step(now, end());
    while now < at(310) {
        if outputs.contains(&FIRST_PAGE) {
            calls += 1;
            outputs = machine.step(now, page(vec![item("a", version)], version));
        } else if let Some(Output::Watch { resource_version }) =
            outputs.iter().find(|output| matches!(output, Output::Watch { .. }))
        {
            calls += 1;
            let initial = resource_version.is_none();
            machine.step(now, Input::Opened);
            if initial {
                machine.step(now, bookmark(version, true));
            }
            version += 1;
            machine.step(now, applied("a", version));
            outputs = machine.step(now, end());
        } else {
            (now, outputs) = next_call(&mut machine, now);
        }
    }
    calls
}

#[test]
fn a_watch_that_brings_a_line_and_breaks_is_not_repeated_without_pause() {
    let gone = || Input::Line(Line::Error(status(410)));
    let unauthorized = || Input::Line(Line::Error(status(401)));
    for (what, most, calls) in [
        ("reset", 200, calls_when_each_watch_ends_with(|| Input::Failed(Failure::transport("reset")))),
        ("gone", 60, calls_when_each_watch_ends_with(gone)),
        ("unauthorized", 200, calls_when_each_watch_ends_with(unauthorized)),
        ("ended", 60, calls_when_each_watch_ends_with(|| Input::Ended)),
    ] {
        assert!(calls <= most, "{what}: {calls} calls in 300 s");
    }
}

#[test]
fn a_target_is_read_as_soon_as_its_lost_watch_is_back() {
    let mut machine = following_by_name();
    machine.step(at(20), Input::Failed(Failure::transport("reset")));
    let (now, _) = next_call(&mut machine, at(20));
    assert!(machine.step(now, Input::Opened).contains(&FIRST_PAGE));
    machine.step(now, page(vec![item("a", 5)], 10));
    machine.step(now + at(2), Input::Failed(Failure::transport("reset")));
    let (now, _) = next_call(&mut machine, now + at(2));
    assert!(!machine.step(now, Input::Opened).contains(&FIRST_PAGE), "not again at once");
}

#[test]
fn after_a_loss_a_bookmark_does_not_prove_that_the_history_is_the_same() {
    let mut machine = following_by_name();
    machine.step(at(5), Input::Failed(Failure::transport("reset")));
    let (now, _) = next_call(&mut machine, at(5));
    machine.step(now, Input::Opened);
    assert!(machine.step(now, bookmark(40, false)).is_empty());
    assert_eq!(machine.step(now, Input::Confirm), [FIRST_PAGE]);
    assert_eq!(machine.step(now, page(vec![item("a", 5)], 41)), [Output::Seen]);
    assert_eq!(machine.step(now, bookmark(42, false)), [Output::Seen]);
    assert!(!interrupted(&machine.step(now, Input::Time)));
}
