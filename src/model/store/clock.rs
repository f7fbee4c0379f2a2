//! The times of a run: ours, which only counts while we see, and the API server's.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Store;

impl Store {
    /// Monotonic time since the start of the run.
    pub(crate) const fn now(&self) -> Duration {
        self.now
    }

    /// Wall clock at the start of the run.
    pub(crate) const fn started(&self) -> Timestamp {
        self.started
    }

    /// Our wall clock at a moment of the run.
    pub(crate) fn wall(&self, at: Duration) -> Timestamp {
        let passed = SignedDuration::try_from(at).unwrap_or(SignedDuration::MAX);
        self.started.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    /// The API server's clock at the start of the run.
    pub(crate) fn server_started(&self) -> Timestamp {
        self.to_server(self.started)
    }

    /// The API server's clock, now. Object timestamps are compared with this and never with our own clock.
    pub(crate) fn server_now(&self) -> Timestamp {
        let now = self.wall(self.now).checked_add(self.drift).unwrap_or(Timestamp::MAX);
        self.to_server(now)
    }

    /// Whether the API server has told the time. Without that its timestamps say nothing about ages: a clock that is
    /// ten minutes fast makes a pod that has just started look old.
    pub(crate) fn knows_server_clock(&self) -> bool {
        self.server.as_ref().is_none_or(|server| !server.clock_unknown)
    }

    fn to_server(&self, wall: Timestamp) -> Timestamp {
        let offset = self.server.as_ref().map_or(0, |server| server.clock_offset_millis);
        wall.checked_add(SignedDuration::from_millis(offset)).unwrap_or(Timestamp::MAX)
    }

    /// How long this process saw nothing because it was not running: that time counts for nothing.
    pub(crate) fn suspended(&self) -> Duration {
        Duration::try_from(self.drift).unwrap_or_default()
    }
}
