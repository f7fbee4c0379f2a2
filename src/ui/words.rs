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

/// All there is to say about time: `fails in 12s unless it heals; 4m50s left`.
pub(super) fn time_left(target: &TargetProgress, progress: &Progress) -> String {
    let left = format!("{} left", short_duration(progress.left));
    match until_failure(target, progress) {
        Some(until) => format!("fails in {} unless it heals; {left}", short_duration(until)),
        None => left,
    }
}

/// What comes first, where there is little room: `fails in 12s`, or `4m50s left`.
pub(super) fn next_end(target: &TargetProgress, progress: &Progress) -> String {
    match until_failure(target, progress) {
        Some(until) => format!("fails in {}", short_duration(until)),
        None => format!("{} left", short_duration(progress.left)),
    }
}

/// How long the likely cause is still tolerated. A cause whose time has run out waits for one more attempt:
/// there is no number to give.
fn until_failure(target: &TargetProgress, progress: &Progress) -> Option<Duration> {
    let until = target.likely.as_ref()?.ends_at?.saturating_sub(progress.elapsed);
    (until >= Duration::from_secs(1) && until < progress.left).then_some(until)
}

#[cfg(test)]
mod tests {
    use super::*;

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
