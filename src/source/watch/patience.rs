//! How long a server is tried again: after faults, refusals, and when another stream has found the way.

use super::{Duration, Failure, Feed, Output, Watch};
use crate::planted::{self, Bug};

/// A refusal of what was allowed before is believed when it has stood for so long. An API server that starts knows no
/// roles and no accounts until it has read them, and answers 403 and 401 meanwhile.
const RESTART: Duration = Duration::from_secs(10);
/// The server is there: what it refuses is asked for again as soon as this.
const SOON: Duration = Duration::from_secs(2);
/// Where there is no way to a server at all, nobody is there to be spared, and a pipeline waits for us as we wait.
const NO_WAY: Duration = Duration::from_secs(10);
/// A watch that lives shorter than this counts as ended at once, whatever it brought.
pub(super) const SHORT: Duration = Duration::from_secs(1);
/// A watch that lives for so long works: what had gone wrong before counts no more.
const STEADY: Duration = Duration::from_secs(5);
/// A wait is cut short at this interval at most, so that one stream that comes and goes does not drive the others.
const WAKE_PAUSE: Duration = Duration::from_secs(5);
/// Streams that are woken together do not call together.
const WAKE_SPREAD_MILLIS: u64 = 250;

/// What is known of a verb.
#[derive(Debug, Default)]
pub(super) struct Permission {
    worked: bool,
    refused_since: Option<Duration>,
}

impl Permission {
    pub(super) const fn granted(&mut self) {
        self.worked = true;
        self.refused_since = None;
    }

    /// Something else is wrong: refusals before and after are not one.
    pub(super) const fn is_not_refused(&mut self) {
        self.refused_since = None;
    }

    pub(super) const fn has_worked(&self) -> bool {
        self.worked
    }

    /// If this verb is refused as well, then for as long as the other.
    pub(super) const fn refused_since(&mut self, other: &Self) {
        self.refused_since = other.refused_since;
    }

    /// The verb is refused now: whether that may be a server that starts. `worked`: what shows that it was allowed.
    pub(super) fn may_be_a_restart(&mut self, now: Duration, worked: bool) -> bool {
        let since = *self.refused_since.get_or_insert(now);
        let worked = worked && !planted::is(Bug::BelieveRefusals);
        worked && now < since + RESTART
    }
}

impl<T> Watch<T> {
    /// The delay after a fault that may heal.
    pub(super) fn delay(&mut self, now: Duration, failure: &Failure) -> Duration {
        let asked = self.asked(now, failure);
        let longest = if matches!(failure, Failure::Transport { .. }) { NO_WAY } else { Duration::MAX };
        self.pace.next().min(longest).max(asked)
    }

    /// The delay after a refusal that is not believed yet, or after the loss of a watch that was open.
    pub(super) fn soon(&mut self, now: Duration, failure: &Failure) -> Duration {
        let asked = self.asked(now, failure);
        self.pace.next().min(SOON).max(asked)
    }

    /// How long the server itself wants us to stay away, within our patience.
    fn asked(&mut self, now: Duration, failure: &Failure) -> Duration {
        let asked = failure.retry_after().map(|wait| wait.min(self.patience));
        self.not_before = asked.map(|wait| now + wait);
        asked.unwrap_or_default()
    }

    /// What to do about an answer of 401: the delay before the next attempt, with credentials that are new at first
    /// and then less and less often; `None`: it is believed.
    pub(super) fn unauthorized(
        &mut self,
        now: Duration,
        failure: &Failure,
        may_be_a_restart: bool,
        out: &mut Vec<Output<T>>,
    ) -> Option<Duration> {
        self.unauthorized += 1;
        if self.unauthorized.is_power_of_two() {
            out.push(Output::Refresh);
        }
        if self.unauthorized == 1 {
            // how long new credentials take is no time for which they were refused
            self.watching.is_not_refused();
            self.listing.is_not_refused();
            let lately = self.renewed_at.is_some_and(|at| now < at + STEADY);
            self.renewed_at = Some(now);
            return Some(if lately { self.soon(now, failure) } else { Duration::ZERO });
        }
        if !may_be_a_restart {
            return None;
        }
        self.lose(now, failure.message(), out);
        Some(self.soon(now, failure))
    }

    /// The same for a watch that goes on: after many that ended at once it is one to rely on.
    pub(super) fn note_steady(&mut self, now: Duration, out: &mut Vec<Output<T>>) {
        self.steady(now);
        let Feed::Following { opened, .. } = self.feed else { return };
        if self.short > 0 && now >= opened + STEADY {
            self.short = 0;
            self.short_pace.reset();
            self.found(out);
        }
    }

    /// Forgets what had gone wrong before, if the open watch has lived long enough: opened again after the shortest
    /// pause, it makes less than a call a second, and with a list before each watch it must live longer for that.
    pub(super) fn steady(&mut self, now: Duration) {
        let Feed::Following { opened, .. } = self.feed else { return };
        if now >= opened + SHORT {
            self.pace.reset();
        }
        if now >= opened + STEADY {
            self.gone = 0;
            self.too_large = 0;
        }
    }

    /// Another stream has found the way: a wait for the next attempt is over, unless the server itself set it.
    pub(super) fn healed(&mut self, now: Duration) {
        let lately = self.woken_at.is_some_and(|at| now < at + WAKE_PAUSE);
        if lately || self.loss.is_none() || planted::is(Bug::NeverWake) {
            return;
        }
        let spread = Duration::from_millis(self.pace.random() % WAKE_SPREAD_MILLIS);
        let soon = (now + spread).max(self.not_before.unwrap_or_default());
        let next = match &mut self.feed {
            Feed::Waiting { until } => until,
            Feed::None if self.reading.is_none() => match &mut self.read_at {
                Some(at) => at,
                None => return,
            },
            _ => return,
        };
        if soon < *next {
            *next = soon;
            self.woken_at = Some(now);
        }
    }
}
