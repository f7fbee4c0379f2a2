//! What the user accepts: the knobs of a judgement, with the defaults of the product.

mod applied;
mod asks;
mod expectations;
mod min_available;

use std::collections::BTreeSet;
use std::time::Duration;

pub(crate) use applied::{Applied, Knob};
pub(crate) use asks::Asks;
pub(crate) use expectations::{Expectations, Expected};
pub(crate) use min_available::MinAvailable;

use crate::duration;
use crate::model::{Accepted, Goal};

/// What `wait` and `diagnose` are allowed to tolerate.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Policy {
    /// One budget for all targets.
    pub(crate) timeout: Duration,
    pub(crate) stable_for: StableFor,
    /// Factor on every tolerance of a cause, and on what counts as a stall; 1 is as documented.
    pub(crate) patience: f64,
    /// Restarts of one container that are forgiven; one termination more ends the wait.
    pub(crate) tolerated_restarts: i64,
    /// Keep following when another rollout of the same workload takes over.
    pub(crate) follow: bool,
    /// Several targets: stop at the first failure.
    pub(crate) fail_fast: bool,
    /// Fetch logs of failing containers.
    pub(crate) logs: bool,
    /// Judge this instant from the objects' own timestamps and do not wait.
    pub(crate) instant: bool,
    /// Under the strategy `OnDelete`, pods may keep the template they have.
    pub(crate) allow_on_delete: bool,
    /// A target that is not there yet is waited for that long.
    pub(crate) wait_for_create: Duration,
    /// So many pods are enough; `None`: all that are asked for.
    pub(crate) min_available: Option<MinAvailable>,
    /// Complete only once no pod of an older template exists.
    pub(crate) old_pods_gone: bool,
    /// What complete means for a kind without rules of its own.
    pub(crate) goal: Option<Goal>,
    /// A DaemonSet must be complete on nodes that are not ready or cordoned, too.
    pub(crate) strict_nodes: bool,
    /// Services that select the pods must send them traffic.
    pub(crate) require_endpoints: bool,
    /// Containers that are not judged.
    pub(crate) ignored_containers: BTreeSet<String>,
    /// What flags have decided, so that no annotation does.
    pub(crate) given: BTreeSet<Knob>,
    /// Which rollout is meant.
    pub(crate) expect: Expectations,
    /// Whom a diagnosis may ask besides.
    pub(crate) asks: Asks,
    /// Failures are proved before they are told, and pods that may have died unseen before they are believed. Always;
    /// but not in recordings of format 1.1, which were judged before that was so.
    pub(crate) proofs: bool,
    /// A target that was deleted has ten seconds to come back, not two, and pods that no probe watches, or of which a
    /// container has ended, must be 30 s old, not 10 s. Always; but not in recordings up to format 1.2, which were judged before that was so.
    pub(crate) waits_longer: bool,
    /// Of what a watch that was opened anew shows, nothing is rested on before it is proved, and a failure is told once
    /// the server has been read anew. Always; but not in recordings up to format 1.3, which were judged before that was
    /// so.
    pub(crate) rereads: bool,
}

/// How long a complete rollout must stay as it is before it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StableFor {
    /// As long as the probes and the lives of earlier instances demand; at least 10 s, 30 s where no probe watches or a
    /// container has ended in this rollout, at most 60 s.
    Auto,
    /// That long; zero is kubectl's behaviour.
    For(Duration),
}

impl StableFor {
    /// Reads `auto` or a duration. The error is a fragment that says what was expected.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            text => duration::parse(text).map(Self::For).map_err(|why| format!("{why} (or auto)")),
        }
    }
}

impl Policy {
    /// One minute past the default progress deadline, so that the two do not race.
    pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(11 * 60);
    /// A single look ends as soon as it has seen what there is; this bounds a server that does not answer.
    pub(crate) const ONE_LOOK: Duration = Duration::from_secs(10);
    /// Fails on the fourth termination, about 36 s after the first start.
    pub(crate) const DEFAULT_TOLERATED_RESTARTS: i64 = 3;

    /// So long, times `--patience`.
    pub(crate) fn scaled(&self, time: Duration) -> Duration {
        time.mul_f64(self.patience.clamp(0.0, 1000.0))
    }

    /// The part that status and rules must know.
    pub(crate) const fn accepted(&self) -> Accepted {
        Accepted {
            tolerated_restarts: self.tolerated_restarts,
            on_delete: self.allow_on_delete,
            strict_nodes: self.strict_nodes,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Self::DEFAULT_TIMEOUT,
            stable_for: StableFor::Auto,
            patience: 1.0,
            tolerated_restarts: Self::DEFAULT_TOLERATED_RESTARTS,
            follow: false,
            fail_fast: false,
            logs: true,
            instant: false,
            allow_on_delete: false,
            wait_for_create: Duration::ZERO,
            min_available: None,
            old_pods_gone: false,
            goal: None,
            strict_nodes: false,
            require_endpoints: false,
            ignored_containers: BTreeSet::new(),
            given: BTreeSet::new(),
            expect: Expectations::default(),
            asks: Asks::default(),
            proofs: true,
            waits_longer: true,
            rereads: true,
        }
    }
}

/// Which credential plugins of a kubeconfig may run: a kubeconfig that came from elsewhere is code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ExecPlugins {
    #[default]
    Allow,
    Deny,
    /// Names found in `PATH`, or paths.
    Only(Vec<String>),
}
