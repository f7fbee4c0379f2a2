//! Tests of how long a watch may say nothing.

use super::tests::{
    FIRST_PAGE, at, bookmark, following, following_by_name, item, next_call, page, watch_from,
};
use super::{Failure, Input, Output};

#[test]
fn a_connection_silent_for_90_s_is_replaced() {
    let mut machine = following();
    assert_eq!(machine.deadline(), Some(at(91)));
    machine.step(at(60), bookmark(40, false));
    assert!(machine.step(at(149), Input::Time).is_empty());
    assert_eq!(machine.step(at(150), Input::Time), [Output::HangUp, watch_from(40)]);
}

#[test]
fn a_watch_opened_anew_that_is_as_silent_is_given_twice_its_time() {
    let mut machine = following();
    let mut opened = Vec::new();
    let mut version = 10;
    for _ in 0..6 {
        let now = machine.deadline().unwrap();
        assert_eq!(machine.step(now, Input::Time), [Output::HangUp, watch_from(version)]);
        machine.step(now, Input::Opened);
        opened.push(now.as_secs());
        if opened.len() == 5 {
            version = 11;
            machine.step(now + at(1), bookmark(version, false));
        }
    }
    assert_eq!(opened, [91, 271, 631, 1351, 2071, 2162], "a line begins it anew");
}

#[test]
fn a_watch_that_no_ping_guards_is_given_90_s_each_time() {
    let mut machine = following();
    machine.pinged = false;
    for second in [91, 181, 271] {
        assert_eq!(machine.step(at(second), Input::Time), [Output::HangUp, watch_from(10)]);
        machine.step(at(second), Input::Opened);
    }
}

#[test]
fn after_a_fault_a_watch_is_given_90_s_again() {
    let mut machine = following();
    machine.step(at(91), Input::Time);
    machine.step(at(91), Input::Opened);
    machine.step(at(100), Input::Failed(Failure::transport("reset")));
    let (now, _) = next_call(&mut machine, at(100));
    machine.step(now, Input::Opened);
    assert_eq!(machine.deadline(), Some(now + at(90)));
}

#[test]
fn silence_is_no_fault_where_a_read_shows_that_there_was_nothing_to_bring() {
    let mut machine = following_by_name();
    let mut now = at(1);
    for _ in 0..30 {
        let called;
        (now, called) = next_call(&mut machine, now);
        assert_eq!(called, [FIRST_PAGE], "no new watch in half an hour");
        machine.step(now, page(vec![item("a", 5)], 12));
    }
    (now, _) = next_call(&mut machine, now);
    machine.step(now, page(vec![item("a", 13)], 13));
    let next = machine.deadline().unwrap();
    assert!(next < now + at(31), "the read has shown what the watch did not bring");
    assert_eq!(machine.step(next, Input::Time), [Output::HangUp, watch_from(10)]);
}
