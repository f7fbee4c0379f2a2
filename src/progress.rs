//! What is shown while the wait goes on. Texts are raw; the user interface encodes them.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::observation::LogNews;
use crate::report::{Replicas, VerdictName};

/// All targets at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Progress {
    /// Since the start of the run.
    pub(crate) elapsed: Duration,
    /// Until the timeout.
    pub(crate) left: Duration,
    /// Set while the connection to the API server is down: what is wrong.
    pub(crate) blind: Option<String>,
    pub(crate) targets: Vec<TargetProgress>,
}

impl Progress {
    /// The same state, that much later.
    pub(crate) fn after(&self, passed: Duration) -> Self {
        Self { elapsed: self.elapsed + passed, left: self.left.saturating_sub(passed), ..self.clone() }
    }
}

/// What there is to show.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News<'a> {
    Progress(&'a Progress),
    /// Of a log that is followed, and when, since the start of the run.
    Log(&'a LogNews, Duration),
}

/// One target at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TargetProgress {
    pub(crate) namespace: String,
    /// `deployment/web`.
    pub(crate) name: String,
    /// Absent until the workload has been seen.
    pub(crate) replicas: Option<Replicas>,
    /// A fragment after "waiting for": `2 of 3 updated replicas to become available`.
    pub(crate) waiting_for: String,
    /// The cause that would end the wait if it stays.
    pub(crate) likely: Option<LikelyCause>,
    /// The verdict, once there is one.
    pub(crate) done: Option<VerdictName>,
}

/// A cause not yet past its tolerance.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LikelyCause {
    pub(crate) code: &'static str,
    pub(crate) headline: String,
    /// From when and by when the wait ends if nothing changes, since the start of the run; `None` if it alone never
    /// ends it.
    pub(crate) ends: Option<RangeInclusive<Duration>>,
}
