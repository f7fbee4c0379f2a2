//! What is rolled out in a game, and how it must end.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::fleet::{self, Course, Fleet};
use crate::job::Job;
use crate::random::Random;
use crate::server::Server;
use crate::set::Set;

/// An image that cannot be pulled ends the wait after 30 s and one more try, or after 60 s where nobody tries, as here; the
/// rest is for proofs and a machine under load.
const PULL_TOLD_IN: Duration = Duration::from_secs(60 + 12);
/// Containers that end 3 s after they are Ready are told of after a few ends.
const CRASH_TOLD_IN: Duration = Duration::from_secs(75);
/// The second try of a Job fails 20 s after the first, at most.
const JOB_TOLD_IN: Duration = Duration::from_secs(20 + 15);

/// A workload, second by second.
pub(crate) enum Plot {
    Deployment(Box<Fleet>),
    StatefulSet(Set),
    Job(Job),
}

/// How it must end where the way is free at last.
pub(crate) struct Must {
    /// It completes, early enough to be told of.
    pub(crate) pass: bool,
    /// And stays as it is once it is complete, so that settling begins then.
    pub(crate) at_once: bool,
    /// It fails: so long after the first trouble of a pod.
    pub(crate) fail_in: Option<Duration>,
    /// What breaks for most of the time and then heals may have been seen too late for any verdict.
    pub(crate) may_be_undecided: bool,
}

impl Plot {
    pub(crate) fn new(random: &mut Random, origin: Timestamp) -> Self {
        match random.below(6) {
            0 => Self::StatefulSet(Set::new(random)),
            1 => Self::Job(Job::new(random, origin)),
            _ => Self::Deployment(Box::new(Fleet::new(random, origin))),
        }
    }

    pub(crate) fn second(&mut self, second: u64, random: &mut Random, server: &mut Server) {
        match self {
            Self::Deployment(fleet) => fleet.second(second, random, server),
            Self::StatefulSet(set) => set.second(second, server),
            Self::Job(job) => job.second(second, server),
        }
    }

    /// The kind as the API spells it, and as the command line does.
    pub(crate) const fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Deployment(_) => ("Deployment", "deploy"),
            Self::StatefulSet(_) => ("StatefulSet", "sts"),
            Self::Job(_) => ("Job", "job"),
        }
    }

    /// Whether that object is complete as its controller means it.
    pub(crate) const fn is_complete(&self) -> fn(&Value) -> bool {
        match self {
            Self::Deployment(_) => fleet::is_complete,
            Self::StatefulSet(_) => crate::set::is_complete,
            Self::Job(_) => crate::job::is_complete,
        }
    }

    /// Seconds in which nobody can see anything, and whether connections are refused then.
    pub(crate) const fn dark(&self) -> (Option<(u64, u64)>, bool) {
        match self {
            Self::Deployment(fleet) => (fleet.dark, matches!(fleet.darkness, fleet::Darkness::Refused)),
            Self::StatefulSet(set) => (set.dark, true),
            Self::Job(job) => (job.dark, false),
        }
    }

    pub(crate) const fn lighten(&mut self) {
        match self {
            Self::Deployment(fleet) => fleet.dark = None,
            Self::StatefulSet(set) => set.dark = None,
            Self::Job(job) => job.dark = None,
        }
    }

    /// For a person.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Deployment(fleet) => format!("{:?}", fleet.course),
            Self::StatefulSet(set) if set.fails => "StatefulSet that fails".to_owned(),
            Self::StatefulSet(_) => "StatefulSet".to_owned(),
            Self::Job(job) if job.fails => "Job that fails".to_owned(),
            Self::Job(_) => "Job".to_owned(),
        }
    }

    pub(crate) fn must(&self) -> Must {
        let open = Must { pass: false, at_once: false, fail_in: None, may_be_undecided: false };
        let pass = Must { pass: true, at_once: true, ..open };
        let course = match self {
            Self::Deployment(fleet) => fleet.course,
            Self::StatefulSet(Set { fails: true, .. }) => Course::PullFails,
            Self::Job(Job { fails: true, .. }) => return Must { fail_in: Some(JOB_TOLD_IN), ..open },
            Self::StatefulSet(_) | Self::Job(_) => Course::Healthy,
        };
        match course {
            Course::Healthy | Course::ObservedLate | Course::LongComplete => pass,
            Course::Scaled => Must { at_once: false, ..pass },
            Course::PullFails => Must { fail_in: Some(PULL_TOLD_IN), ..open },
            Course::CrashAfterReady => Must { fail_in: Some(CRASH_TOLD_IN), may_be_undecided: true, ..open },
            Course::DiesUnseen => Must { may_be_undecided: true, ..open },
            Course::PullHeals | Course::Superseded | Course::Recreated => open,
        }
    }
}
