//! How long to wait between attempts, without a clock.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use crate::planted::{self, Bug};

use backon::{BackoffBuilder, ExponentialBuilder};

const FIRST_DELAY: Duration = Duration::from_millis(250);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Growing delays with jitter, from 250 ms to 30 s, until a success resets them.
#[derive(Debug)]
pub(super) struct Pace {
    seed: u64,
    delays: Option<<ExponentialBuilder as BackoffBuilder>::Backoff>,
}

impl Pace {
    /// The same seed gives the same delays.
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, delays: None }
    }

    /// The delay before the next attempt.
    pub(super) fn next(&mut self) -> Duration {
        if planted::is(Bug::NoBackOff) {
            return Duration::from_millis(1);
        }
        if self.delays.is_none() {
            let seed = self.random();
            let builder = ExponentialBuilder::new()
                .with_min_delay(FIRST_DELAY)
                .with_max_delay(LONGEST_DELAY)
                .without_max_times()
                .with_jitter()
                .with_jitter_seed(seed);
            self.delays = Some(builder.build());
        }
        self.delays.as_mut().and_then(Iterator::next).map_or(LONGEST_DELAY, |delay| delay.min(LONGEST_DELAY))
    }

    /// The attempt succeeded.
    pub(super) fn reset(&mut self) {
        self.delays = None;
    }

    /// A duration up to a tenth shorter or longer than the one given, so that many runs do not fall in step.
    pub(super) fn about(&mut self, duration: Duration) -> Duration {
        let tenth = duration / 10;
        let permille = u32::try_from(self.random() % 2001).unwrap_or(0);
        duration.saturating_sub(tenth) + tenth * permille / 1000
    }

    /// The next number of splitmix64.
    pub(super) const fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// A seed that differs from run to run and from call to call.
pub(super) fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_30_s_and_no_further() {
        let mut pace = Pace::new(1);
        let delays: Vec<Duration> = (0..12).map(|_| pace.next()).collect();
        assert!(delays[0] >= FIRST_DELAY && delays[0] <= FIRST_DELAY * 2);
        assert_eq!(delays[11], LONGEST_DELAY);
        pace.reset();
        assert!(pace.next() <= FIRST_DELAY * 2);
    }

    #[test]
    fn spread_durations_stay_within_a_tenth() {
        let mut pace = Pace::new(7);
        for _ in 0..200 {
            let spread = pace.about(Duration::from_secs(60));
            assert!((54..=66).contains(&spread.as_secs()), "{spread:?}");
        }
    }
}
