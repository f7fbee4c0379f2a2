//! `--min-available`: how many of the pods asked for are enough.

use std::fmt;

/// A number of pods, or a share of those asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MinAvailable {
    Pods(u32),
    /// From 1 to 100.
    Percent(u8),
}

impl MinAvailable {
    /// Reads `3` or `95%`. The error is a fragment that says what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let expected = "expected a number of pods from 1, or a percentage from 1% to 100%";
        let parsed = match text.strip_suffix('%') {
            Some(percent) => {
                percent.parse().ok().filter(|percent| (1..=100).contains(percent)).map(Self::Percent)
            }
            None => text.parse().ok().filter(|pods| *pods > 0).map(Self::Pods),
        };
        parsed.ok_or_else(|| expected.to_owned())
    }

    /// How many of that many pods must be available: a percentage is rounded up, and never is none enough.
    pub(crate) fn of(self, desired: i64) -> i64 {
        let pods = match self {
            Self::Pods(pods) => i64::from(pods),
            Self::Percent(percent) => {
                desired.saturating_mul(i64::from(percent)).saturating_add(99).div_euclid(100)
            }
        };
        pods.clamp(1, desired.max(1))
    }
}

impl fmt::Display for MinAvailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pods(pods) => write!(f, "{pods}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bad_node_of_five_hundred_is_within_95_percent_and_none_is_never_enough() {
        let of = |text: &str, desired| MinAvailable::parse(text).unwrap().of(desired);
        assert_eq!(of("95%", 500), 475);
        assert_eq!(of("95%", 3), 3, "rounded up");
        assert_eq!(of("1%", 3), 1);
        assert_eq!(of("2", 3), 2);
        assert_eq!(of("9", 3), 3, "more than all is all");
        for wrong in ["0", "0%", "101%", "-1", "5 %", "", "%", "1.5"] {
            assert!(MinAvailable::parse(wrong).is_err(), "{wrong}");
        }
    }
}
