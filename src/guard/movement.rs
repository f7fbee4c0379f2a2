//! Since when a rollout has come no further.
//!
//! The controller's own deadline starts anew with every rise of a counter (pkg/controller/deployment/progress.go), so
//! pods that come and go keep it from ever ending. Here only a counter that is better than it ever was is progress.

use std::time::Duration;

use crate::report::Replicas;

/// The best that the counters of a rollout have been.
#[derive(Debug, Default)]
pub(super) struct Movement {
    best: Option<Replicas>,
    /// The generation of the spec that the controller had looked at.
    generation: Option<i64>,
    since: Duration,
}

impl Movement {
    /// Takes in the counters of now, of that observed generation; for how long none has got better.
    pub(super) fn stands_still(
        &mut self,
        now: Duration,
        generation: Option<i64>,
        counters: Replicas,
    ) -> Duration {
        let best = match self.best {
            // Another number of replicas is another task, and before the newest spec is observed the counters are
            // those of the one before.
            Some(best) if best.desired == counters.desired && self.generation == generation => Replicas {
                desired: best.desired,
                updated: best.updated.max(counters.updated),
                ready: best.ready.max(counters.ready),
                available: best.available.max(counters.available),
                old: best.old.min(counters.old),
            },
            _ => counters,
        };
        if self.best != Some(best) || self.generation != generation {
            self.best = Some(best);
            self.generation = generation;
            self.since = now;
        }
        now.saturating_sub(self.since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn still_after(looks: &[(u64, i64, i64)]) -> u64 {
        let mut movement = Movement::default();
        let mut still = Duration::ZERO;
        for (at, desired, ready) in looks {
            let counters = Replicas { desired: *desired, ready: *ready, ..Replicas::default() };
            still = movement.stands_still(Duration::from_secs(*at), Some(1), counters);
        }
        still.as_secs()
    }

    #[test]
    fn only_a_counter_that_is_better_than_ever_is_progress() {
        assert_eq!(still_after(&[(0, 3, 1), (50, 3, 2), (100, 3, 2)]), 50);
        assert_eq!(still_after(&[(0, 3, 1), (50, 3, 0), (100, 3, 1), (150, 3, 0)]), 150);
    }

    #[test]
    fn a_scaling_begins_anew() {
        assert_eq!(still_after(&[(0, 3, 3), (50, 2, 2), (60, 2, 2)]), 10);
    }

    #[test]
    fn a_spec_that_is_observed_begins_anew() {
        let mut movement = Movement::default();
        for (at, generation, ready, expected) in [(0, 1, 3, 0), (5, 2, 0, 0), (9, 2, 1, 0), (19, 2, 1, 10)] {
            let counters = Replicas { desired: 3, ready, ..Replicas::default() };
            let still = movement.stands_still(Duration::from_secs(at), Some(generation), counters);
            assert_eq!(still.as_secs(), expected, "{at}");
        }
    }

    #[test]
    fn fewer_old_pods_are_progress() {
        let mut movement = Movement::default();
        for (at, old) in [(0, 3), (40, 2), (60, 3)] {
            let counters = Replicas { old, ..Replicas::default() };
            let still = movement.stands_still(Duration::from_secs(at), None, counters);
            assert_eq!(still.as_secs(), if at == 60 { 20 } else { 0 });
        }
    }
}
