//! Reads on which a run depends before it begins, repeated while that can help.

use std::time::Duration;

use tokio::time::Instant;

use super::failure::{self, Class, Failure};
use super::pace::{self, Pace};

/// An API server that has just started refuses everybody for some seconds: it has read no roles yet, or no keys of
/// tokens. Whoever is refused for longer is refused.
const REFUSED_FOR: Duration = Duration::from_secs(5);
/// There is no progress to be shown yet, and silence would look like a hang.
const TOLD_AFTER: Duration = Duration::from_secs(5);
/// Between two attempts, unless the server asks for more: a run that can begin should.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Repeats a call until it succeeds or fails for good, or until `ends`; then its last failure counts.
///
/// # Errors
/// The last failure.
pub(super) async fn until<T>(
    ends: Instant,
    call: impl AsyncFn() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut attempts = Attempts::new(ends);
    let mut last = None;
    loop {
        let failure = match tokio::time::timeout_at(ends, call()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(failure)) => failure,
            Err(_) => {
                let none = || Failure::transport("there was no answer before the time was up");
                return Err(last.unwrap_or_else(none));
            }
        };
        let Some(again) = attempts.next_after(&failure, Instant::now()) else { return Err(failure) };
        if attempts.is_to_be_told(Instant::now()) {
            tracing::warn!("still trying: {}", failure.message());
        }
        last = Some(failure);
        tokio::time::sleep_until(again).await;
    }
}

/// When to try again, without a clock.
struct Attempts {
    ends: Instant,
    pace: Pace,
    refused_since: Option<Instant>,
    failing_since: Option<Instant>,
    told: bool,
}

impl Attempts {
    fn new(ends: Instant) -> Self {
        Self { ends, pace: Pace::new(pace::seed()), refused_since: None, failing_since: None, told: false }
    }

    /// Whether a person should hear that we are still trying: once, and not for a moment of trouble.
    fn is_to_be_told(&mut self, now: Instant) -> bool {
        let lasts = now.duration_since(*self.failing_since.get_or_insert(now)) >= TOLD_AFTER;
        lasts && !std::mem::replace(&mut self.told, true)
    }

    /// `None`: it fails for good, or there is no time left.
    fn next_after(&mut self, failure: &Failure, now: Instant) -> Option<Instant> {
        let heals = match failure.class() {
            Class::Transient | Class::TooLarge | Class::Gone => {
                self.refused_since = None;
                true
            }
            Class::Unauthorized | Class::Forbidden => {
                now.duration_since(*self.refused_since.get_or_insert(now)) < REFUSED_FOR
            }
            _ => false,
        };
        let pause = self.pace.next().min(LONGEST_PAUSE);
        let patience = failure::patience(self.ends.saturating_duration_since(now));
        let asked = failure.retry_after().unwrap_or_default().min(patience);
        let again = now + pause.max(asked);
        (heals && again < self.ends).then_some(again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::failure::of_answer;

    /// Asks until an end in so many seconds; the answers by the seconds that have passed, 0 for a connection that is
    /// refused. Returns whether there was an answer, and after how many seconds.
    fn ask(ends: u64, answers: impl Fn(u64) -> Option<u16>) -> (bool, u64) {
        let begun = Instant::now();
        let mut attempts = Attempts::new(begun + Duration::from_secs(ends));
        let mut now = begun;
        for _ in 0..60 {
            let passed = now.duration_since(begun).as_secs();
            let failure = match answers(passed) {
                None => return (true, passed),
                Some(0) => Failure::transport("connection refused"),
                Some(code) => {
                    let body =
                        format!(r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","code":{code}}}"#);
                    of_answer(code, &http::HeaderMap::new(), body.as_bytes())
                }
            };
            match attempts.next_after(&failure, now) {
                Some(again) => now = again,
                None => return (false, passed),
            }
        }
        panic!("more than sixty calls");
    }

    #[test]
    fn an_api_server_that_restarts_for_forty_seconds_and_then_has_no_roles_yet_is_waited_for() {
        let (answered, after) = ask(600, |passed| match passed {
            0..40 => Some(0),
            40..44 => Some(403),
            _ => None,
        });
        assert!(answered && (44..55).contains(&after), "{after} s");
    }

    #[test]
    fn a_refusal_is_believed_after_some_seconds_and_a_mistake_at_once() {
        for code in [401, 403] {
            let (answered, after) = ask(600, |_| Some(code));
            assert!(!answered && (4..12).contains(&after), "{code}: {after} s");
        }
        for code in [400, 404] {
            assert_eq!(ask(600, |_| Some(code)), (false, 0), "{code}");
        }
    }

    #[test]
    fn the_end_of_the_time_is_kept() {
        let (answered, after) = ask(20, |_| Some(503));
        assert!(!answered && (14..=20).contains(&after), "{after} s");
    }
}
