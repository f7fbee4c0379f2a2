//! The words that both forms of progress share.

use std::time::Duration;

use crate::duration::short as short_duration;
use crate::progress::{Progress, TargetProgress};
use crate::report::Replicas;
use crate::untrusted::{Redactor, Untrusted};

/// A text from the cluster as part of one line.
pub(super) fn one_line(text: &str, redactor: &Redactor) -> String {
    Untrusted::new(text).for_terminal(redactor)
}

/// `deployment/web`, with the namespace where the targets are of several.
pub(super) fn name(target: &TargetProgress, progress: &Progress, redactor: &Redactor) -> String {
    let several = progress.targets.iter().any(|other| other.namespace != target.namespace);
    if several {
        format!("{} in {}", one_line(&target.name, redactor), one_line(&target.namespace, redactor))
    } else {
        one_line(&target.name, redactor)
    }
}

/// `1 of 3 updated replicas available`, in kubectl's words, for the counter that is behind.
pub(super) fn counts(replicas: &Replicas) -> String {
    let Replicas { desired, updated, ready: _, available, old } = *replicas;
    if updated < desired {
        format!("{updated} of {desired} replicas updated, {available} available")
    } else if available < updated {
        format!("{available} of {updated} updated replicas available")
    } else if old > 0 {
        format!("{available} of {desired} updated replicas available, {old} old left")
    } else {
        format!("{available} of {desired} updated replicas available")
    }
}

/// All there is to say about time: `fails in 12s to 42s unless it heals; 4m50s left`.
pub(super) fn time_left(target: &TargetProgress, progress: &Progress) -> String {
    let left = format!("{} left", short_duration(progress.left));
    match until_failure(target, progress) {
        Some(until) => format!("fails {until} unless it heals; {left}"),
        None => left,
    }
}

/// What comes first, where there is little room: `fails in 12s`, or `4m50s left`.
pub(super) fn next_end(target: &TargetProgress, progress: &Progress) -> String {
    match until_failure(target, progress) {
        Some(until) => format!("fails {until}"),
        None => format!("{} left", short_duration(progress.left)),
    }
}

/// How long the likely cause is still tolerated: `in 12s`, `in 12s to 42s` where the first attempt that fails in between
/// ends the wait, `within 30s` while that attempt is awaited. A cause whose time has run out altogether waits for its
/// evidence: there is no number to give.
fn until_failure(target: &TargetProgress, progress: &Progress) -> Option<String> {
    let ends = target.likely.as_ref()?.ends.as_ref()?;
    let left = |moment: &Duration| {
        let left = moment.saturating_sub(progress.elapsed);
        (left >= Duration::from_secs(1)).then_some(left)
    };
    let before_time_is_up = |left: &Duration| *left < progress.left;
    let (from, by) = (left(ends.start()), left(ends.end()).filter(before_time_is_up));
    match (from, by.map(short_duration)) {
        (Some(from), by) if before_time_is_up(&from) => {
            let from = short_duration(from);
            Some(
                by.filter(|by| *by != from)
                    .map_or_else(|| format!("in {from}"), |by| format!("in {from} to {by}")),
            )
        }
        (Some(_), _) => None,
        (None, by) => by.map(|by| format!("within {by}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{likely, progress, target};
    use super::*;

    #[test]
    fn the_time_a_cause_has_is_a_span_where_one_more_attempt_counts() {
        let say = |elapsed, ends| {
            let cause = TargetProgress {
                likely: Some(likely("no image", ends)),
                ..target("web", [1, 1, 0, 0], "a pod to be ready")
            };
            next_end(&cause, &progress(elapsed, Vec::new()))
        };
        assert_eq!(say(10, None), "4m50s left");
        assert_eq!(say(10, Some((25, 25))), "fails in 15s");
        assert_eq!(say(10, Some((40, 70))), "fails in 30s to 1m");
        assert_eq!(say(40, Some((40, 70))), "fails within 30s");
        assert_eq!(say(70, Some((40, 70))), "3m50s left", "its evidence is fetched");
        assert_eq!(say(260, Some((290, 320))), "fails in 30s", "what comes after the deadline is not said");
        assert_eq!(say(292, Some((290, 320))), "8s left");
        assert_eq!(say(280, Some((310, 340))), "20s left");
    }

    #[test]
    fn the_counter_that_is_behind_is_named() {
        let say = |desired, updated, available, old| {
            counts(&Replicas { desired, updated, ready: available, available, old })
        };
        assert_eq!(say(3, 1, 3, 3), "1 of 3 replicas updated, 3 available");
        assert_eq!(say(3, 3, 1, 0), "1 of 3 updated replicas available");
        assert_eq!(say(3, 3, 3, 1), "3 of 3 updated replicas available, 1 old left");
        assert_eq!(say(3, 3, 3, 0), "3 of 3 updated replicas available");
    }
}
