//! The time of a run: the time in which this process was able to see.
//!
//! A runner that is suspended, a process that is stopped, a terminal that takes no output: time goes on in the
//! cluster, and none of it was watched. It counts for no tolerance and for no timeout. Where the monotonic clock
//! goes on meanwhile (a stopped process) the gap between two steps shows it; where it stops too (a suspended
//! machine) the wall clock does.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The loop takes a step every few hundred milliseconds; a machine without a free core makes it some seconds.
const LONGEST_STEP: Duration = Duration::from_secs(10);
/// Clocks that are set right move by less than this.
const DRIFT: SignedDuration = SignedDuration::from_secs(5);

/// Turns the process's clocks into the time of a run.
#[derive(Debug)]
pub(super) struct Clock {
    started: Timestamp,
    /// Monotonic time of the last step, since the start.
    last: Duration,
    /// Monotonic time that does not count.
    lost: Duration,
    /// By how much the wall clock is ahead of the time of the run, as last told.
    drift: SignedDuration,
}

impl Clock {
    pub(super) const fn new(started: Timestamp) -> Self {
        Self { started, last: Duration::ZERO, lost: Duration::ZERO, drift: SignedDuration::ZERO }
    }

    /// The time of the run, in whole milliseconds as a recording has it, after so much monotonic time.
    pub(super) fn step(&mut self, elapsed: Duration) -> Duration {
        let gap = elapsed.saturating_sub(self.last);
        if gap > LONGEST_STEP {
            self.lost += gap;
        }
        self.last = elapsed;
        let counted = elapsed.saturating_sub(self.lost);
        Duration::from_millis(u64::try_from(counted.as_millis()).unwrap_or(u64::MAX))
    }

    /// By how much the wall clock is ahead of the run, where that has changed: the process was suspended, or its
    /// clock was set.
    pub(super) fn drift(&mut self, at: Duration, wall: Timestamp) -> Option<SignedDuration> {
        let ran = SignedDuration::try_from(at).unwrap_or(SignedDuration::MAX);
        let drift = wall.duration_since(self.started).checked_sub(ran)?;
        if (drift - self.drift).abs() < DRIFT {
            return None;
        }
        self.drift = drift;
        Some(drift)
    }

    /// Monotonic time since the start at which the run will be so old.
    pub(super) fn moment(&self, at: Duration) -> Duration {
        at.saturating_add(self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_stopped_process_loses_the_time_in_which_it_saw_nothing() {
        let started: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let wall = |after: i64| started + SignedDuration::from_secs(after);
        let mut clock = Clock::new(started);
        assert_eq!((clock.step(seconds(9)), clock.drift(seconds(9), wall(9))), (seconds(9), None));
        assert_eq!(clock.step(seconds(609)), seconds(9));
        assert_eq!(clock.drift(seconds(9), wall(609)), Some(SignedDuration::from_secs(600)));
        assert_eq!(clock.step(seconds(611)), seconds(11));
        assert_eq!(clock.drift(seconds(11), wall(611)), None, "told once");
        assert_eq!(clock.moment(seconds(20)), seconds(620));
    }

    #[test]
    fn a_suspended_machine_shows_by_its_wall_clock() {
        let started: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let mut clock = Clock::new(started);
        assert_eq!(clock.step(seconds(3)), seconds(3));
        let woken = started + SignedDuration::from_secs(3603);
        assert_eq!(clock.drift(seconds(3), woken), Some(SignedDuration::from_hours(1)));
        assert_eq!(clock.step(seconds(4)), seconds(4));
    }
}
