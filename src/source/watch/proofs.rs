//! What the machine proves, and when the server contradicts itself.

use super::super::failure::Failure;
use super::tests::{
    FIRST_PAGE, Machine, STREAMING, answered, applied, at, bookmark, following, following_by_name,
    interrupted, item, page, refused, watch_from,
};
use super::{Duration, Input, Output, StreamHealth};

const SEEN: Output<&str> = Output::Seen;

#[test]
fn a_snapshot_that_a_later_read_has_overtaken_is_not_shown() {
    let mut machine = following();
    machine.step(at(20), Input::Confirm);
    machine.step(at(20), Input::Failed(answered(410)));
    machine.step(at(20), Input::Opened);
    machine.step(at(21), applied("a", 6));
    assert!(machine.step(at(21), page(vec![item("a", 14)], 14)).contains(&Output::Listed(vec!["a"])));
    let outputs = machine.step(at(22), bookmark(12, true));
    assert!(!outputs.iter().any(|output| matches!(output, Output::Listed(_))), "{outputs:?}");
    assert!(machine.step(at(23), applied("a", 14)).is_empty(), "shown already");
    assert_eq!(machine.step(at(24), applied("a", 15)), [Output::Applied("a")]);
}

/// The next read of a machine that nothing else happens to.
fn next_read(machine: &mut Machine, from: Duration) -> Duration {
    let mut now = from;
    loop {
        now = machine.deadline().unwrap().max(now);
        if machine.step(now, Input::Time).contains(&FIRST_PAGE) {
            return now;
        }
    }
}

#[test]
fn a_proof_is_one_read_however_often_it_is_asked_for() {
    let mut machine = following_by_name();
    assert_eq!(machine.step(at(5), Input::Confirm), [FIRST_PAGE]);
    assert!(machine.step(at(5), Input::Confirm).is_empty(), "a read is under way");
    assert_eq!(machine.step(at(5), page(vec![item("a", 5)], 12)), [SEEN]);
    assert!(machine.step(at(5), Input::Confirm).is_empty(), "a second has not passed");
    assert_eq!(machine.step(at(7), Input::Confirm), [FIRST_PAGE]);
    let shown = machine.step(at(7), page(vec![item("a", 13)], 13));
    assert_eq!(shown, [Output::Listed(vec!["a"])], "a lost event is shown instead");
}

#[test]
fn a_read_that_failed_is_not_hurried_by_those_who_want_a_proof() {
    let mut machine = following_by_name();
    machine.step(at(5), Input::Confirm);
    machine.step(at(6), Input::Unread(Failure::transport("timeout")));
    for second in 7..14 {
        let outputs = machine.step(at(second), Input::Confirm);
        assert!(!outputs.contains(&FIRST_PAGE), "at {second} s: {outputs:?}");
    }
}

#[test]
fn a_read_that_failed_before_a_new_snapshot_hinders_no_later_proof() {
    let mut machine = following();
    machine.step(at(5), Input::Confirm);
    machine.step(at(6), Input::Unread(Failure::transport("timeout")));
    machine.step(at(7), Input::Failed(answered(410)));
    machine.step(at(7), Input::Opened);
    machine.step(at(7), bookmark(20, true));
    assert_eq!(machine.step(at(9), Input::Confirm), [FIRST_PAGE]);
}

#[test]
fn a_proof_that_is_not_answered_is_a_loss_until_the_next_read_is() {
    let mut machine = following_by_name();
    machine.step(at(5), Input::Confirm);
    assert!(!interrupted(&machine.step(at(8), Input::Unread(Failure::transport("timeout")))));
    assert!(interrupted(&machine.step(at(10), Input::Time)), "after two seconds it is told");
    let now = next_read(&mut machine, at(10));
    let outputs = machine.step(now, page(vec![item("a", 5)], 12));
    assert!(outputs.contains(&Output::Health(StreamHealth::Live)), "{outputs:?}");
}

#[test]
fn without_permission_to_list_the_watch_opened_anew_is_the_proof() {
    let mut machine = following();
    machine.step(at(5), Input::Confirm);
    machine.step(at(5), Input::Unread(answered(403)));
    assert_eq!(machine.step(at(7), Input::Confirm), [Output::HangUp, STREAMING]);
    machine.step(at(7), Input::Opened);
    machine.step(at(7), applied("a", 5));
    let shown = machine.step(at(7), bookmark(20, true));
    assert!(shown.contains(&Output::Listed(vec!["a"])), "{shown:?}");
}

#[test]
fn bookmarks_prove_that_silence_is_only_quiet() {
    let mut machine = following();
    assert_eq!(machine.step(at(60), bookmark(20, false)), [SEEN]);
}

/// An API server whose etcd is stuck sends bookmarks as ever: always the same one.
#[test]
fn a_bookmark_that_has_come_no_further_proves_nothing() {
    let mut machine = following();
    machine.step(at(60), bookmark(20, false));
    assert!(machine.step(at(120), bookmark(20, false)).is_empty());
    assert_eq!(machine.deadline(), Some(at(210)), "and is no silence");
}

#[test]
fn a_history_that_moved_back_is_refused_after_three_answers_that_agree() {
    let mut machine = following_by_name();
    machine.step(at(2), applied("a", 500));
    let mut now = at(2);
    for attempt in 1..=3 {
        now = next_read(&mut machine, now);
        let outputs = machine.step(now, page(vec![item("a", 5)], 20));
        assert!(!outputs.contains(&Output::Listed(vec!["a"])), "{outputs:?}");
        assert_eq!(refused(&outputs).is_some(), attempt == 3, "{outputs:?}");
    }
}

#[test]
fn an_object_that_moved_back_in_a_longer_history_is_refused_too() {
    let mut machine = following_by_name();
    machine.step(at(2), applied("a", 500));
    let mut now = at(2);
    for attempt in 1..=3 {
        now = next_read(&mut machine, now);
        let outputs = machine.step(now, page(vec![item("a", 400)], 700));
        assert!(!outputs.contains(&Output::Listed(vec!["a"])) && !outputs.contains(&SEEN), "{outputs:?}");
        assert_eq!(refused(&outputs).is_some(), attempt == 3, "{outputs:?}");
    }
}

#[test]
fn one_answer_from_before_is_survived() {
    let mut machine = following_by_name();
    machine.step(at(2), applied("a", 500));
    let now = next_read(&mut machine, at(2));
    machine.step(now, page(vec![item("a", 5)], 20));
    let now = next_read(&mut machine, now);
    assert!(machine.step(now, page(vec![item("a", 500)], 510)).contains(&SEEN));
    let now = next_read(&mut machine, now);
    assert!(refused(&machine.step(now, page(vec![item("a", 5)], 20))).is_none(), "counted anew");
}

#[test]
fn a_streamed_snapshot_from_before_is_not_shown_either() {
    let mut machine = following();
    machine.step(at(2), applied("a", 500));
    machine.step(at(3), Input::Failed(answered(410)));
    let mut outputs = Vec::new();
    let mut now = at(3);
    for _ in 0..3 {
        machine.step(now, Input::Opened);
        outputs = machine.step(now, bookmark(20, true));
        assert!(!outputs.iter().any(|output| matches!(output, Output::Listed(_))), "{outputs:?}");
        while refused(&outputs).is_none() {
            now = machine.deadline().unwrap();
            if machine.step(now, Input::Time).contains(&STREAMING) {
                break;
            }
        }
    }
    assert!(refused(&outputs).is_some(), "{outputs:?}");
}

#[test]
fn a_read_overtaken_by_the_watch_is_no_step_back() {
    let mut machine = following_by_name();
    for second in [10, 20, 30, 40] {
        assert_eq!(machine.step(at(second), Input::Confirm), [FIRST_PAGE]);
        machine.step(at(second), applied("a", 100 * second));
        let outputs = machine.step(at(second), page(vec![item("a", 100 * second - 1)], 100 * second - 1));
        assert!(refused(&outputs).is_none() && !interrupted(&outputs), "{outputs:?}");
    }
}

#[test]
fn without_pings_the_target_is_read_often_and_one_read_without_answer_ends_the_connection() {
    let mut machine = following_by_name();
    machine.pinged = false;
    let mut last = at(1);
    machine.step(last, Input::Confirm);
    machine.step(last, page(vec![item("a", 5)], 10));
    for _ in 0..5 {
        let now = next_read(&mut machine, last);
        assert!(now <= last + at(17), "{now:?} after {last:?}");
        machine.step(now, page(vec![item("a", 5)], 10));
        last = now;
    }
    let now = next_read(&mut machine, last);
    let outputs = machine.step(now, Input::Unread(Failure::transport("timeout")));
    assert_eq!(outputs, [Output::HangUp, watch_from(10)]);
    assert!(interrupted(&machine.step(now + at(3), Input::Time)));
}

/// etcd is stuck: the slow read beside the watch goes unanswered first, then somebody has to know.
#[test]
fn reads_that_went_unanswered_before_a_proof_was_wanted_are_no_excuse() {
    let mut machine = following_by_name();
    let now = next_read(&mut machine, at(5));
    machine.step(now + at(3), Input::Unread(Failure::transport("timeout")));
    assert!(!interrupted(&machine.step(now + at(5), Input::Confirm)));
    assert!(interrupted(&machine.step(now + at(7), Input::Time)), "the next read is not due yet");
    let again = next_read(&mut machine, now + at(7));
    let outputs = machine.step(again, page(vec![item("a", 5)], 12));
    assert!(outputs.contains(&Output::Health(StreamHealth::Live)), "{outputs:?}");
}

#[test]
fn a_read_that_was_under_way_when_a_proof_was_wanted_is_the_proof() {
    let mut machine = following_by_name();
    let now = next_read(&mut machine, at(5));
    machine.step(now + at(2), Input::Confirm);
    machine.step(now + at(10), Input::Unread(Failure::transport("timeout")));
    assert!(interrupted(&machine.step(now + at(12), Input::Time)));
}

/// Three reads have gone unanswered, and the watch was opened anew.
fn unanswered(mut machine: Machine) -> (Machine, Duration) {
    machine.step(at(5), Input::Confirm);
    machine.step(at(8), Input::Unread(Failure::transport("timeout")));
    let now = next_read(&mut machine, at(8));
    machine.step(now, Input::Unread(Failure::transport("timeout")));
    let now = next_read(&mut machine, now);
    let outputs = machine.step(now, Input::Unread(Failure::transport("timeout")));
    assert!(outputs.contains(&Output::HangUp), "{outputs:?}");
    assert!(!machine.step(now, Input::Opened).contains(&Output::Healed), "an open watch shows nothing");
    (machine, now)
}

#[test]
fn where_reads_are_refused_after_all_the_watch_that_is_open_has_to_do() {
    let (mut machine, now) = unanswered(following());
    let now = next_read(&mut machine, now);
    let outputs = machine.step(now, Input::Unread(answered(403)));
    assert!(outputs.contains(&Output::Healed), "{outputs:?}");
}

#[test]
fn news_show_that_a_server_which_answers_no_read_is_not_stuck() {
    let (mut machine, now) = unanswered(following_by_name());
    let outputs = machine.step(now + at(1), applied("a", 11));
    assert!(outputs.contains(&Output::Healed) && outputs.contains(&Output::Applied("a")), "{outputs:?}");
}
