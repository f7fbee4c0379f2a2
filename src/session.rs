//! A run as a pure machine: observations in, requests and progress out, a report at the end.
//!
//! Live and replay drive the same machine; the only difference is where observations come from.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::exit_code::ExitCode;
use crate::guard::Guard;
use crate::model::Store;
use crate::observation::{Observation, Request, Signal, Tail, Target, Want};
use crate::policy::Policy;
use crate::progress::{LikelyCause, Progress, TargetProgress};
use crate::report::Report;
use crate::verdict::Verdict;

/// More targets than this share their streams: a connection carries about a hundred, and each costs the API server
/// a watch.
const MOST_OWN_STREAMS: usize = 32;

/// The state of a run.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) store: Store,
    pub(crate) guards: Vec<Guard>,
    policy: Policy,
}

/// What follows from a judgement.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) requests: Vec<Request>,
    pub(crate) progress: Progress,
    /// When to judge again even if nothing arrives, since the start of the run.
    pub(crate) wake: Duration,
    /// Every target has its verdict, or enough of them have.
    pub(crate) done: bool,
}

impl Session {
    /// A run over targets.
    pub(crate) fn new(
        started: Timestamp,
        targets: impl IntoIterator<Item = impl Into<Target>>,
        policy: Policy,
    ) -> Self {
        let guards: Vec<Guard> = targets.into_iter().map(|target| Guard::new(target.into())).collect();
        Self {
            store: Store::new(started, policy.instant)
                .ignoring(policy.ignored_containers.clone())
                .sharing(guards.len() > MOST_OWN_STREAMS),
            guards,
            policy,
        }
    }

    /// Takes in a fact. Nothing is decided.
    pub(crate) fn observe(&mut self, observation: Observation) {
        self.store.apply(observation);
    }

    /// Judges every target that has no verdict yet.
    pub(crate) fn judge(&mut self) -> Step {
        let now = self.store.now();
        let mut requests: Vec<Request> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut wake = self.policy.timeout.max(now);
        for guard in &mut self.guards {
            let outlook = guard.look(&self.store, &self.policy);
            wake = wake.min(outlook.wake);
            for mut request in outlook.requests {
                if let Want::Watch(stream) = &request.want {
                    request.want = Want::Watch(self.store.stream_for(stream).into_owned());
                }
                if seen.insert((request.want.clone(), request.refresh, request.anew)) {
                    requests.push(request);
                }
            }
        }
        Step { requests, progress: self.progress(), wake, done: self.is_done() }
    }

    /// No more facts will come: what was decided, and waited only for evidence, stands.
    pub(crate) fn conclude(&mut self) {
        let now = self.store.now();
        for guard in &mut self.guards {
            guard.conclude(now);
        }
    }

    /// The logs that a person who watches would want to see.
    pub(crate) fn starting(&self) -> Vec<Tail> {
        self.guards.iter().flat_map(|guard| guard.starting(&self.store)).collect()
    }

    fn is_done(&self) -> bool {
        let mut verdicts = self.guards.iter().map(|guard| guard.verdict().map(|(verdict, _)| verdict));
        let all = self.guards.iter().all(|guard| guard.verdict().is_some());
        // A target that does not exist is a mistake in the command, not a result to wait beside; but all such
        // mistakes are told at once.
        let all_known =
            self.guards.iter().all(|guard| guard.verdict().is_some() || guard.last.workload.is_some());
        let ends_all = |verdict: &Verdict| {
            (matches!(verdict, Verdict::NotFound) && all_known)
                || (self.policy.fail_fast && matches!(verdict, Verdict::Failed(_)))
        };
        all || verdicts.any(|verdict| verdict.is_some_and(ends_all))
    }

    fn progress(&self) -> Progress {
        let now = self.store.now();
        let blind = self.store.sights().find_map(|(_, sight)| sight.health.interruption());
        Progress {
            elapsed: now,
            left: self.policy.timeout.saturating_sub(now),
            blind: blind.map(ToOwned::to_owned),
            targets: self.guards.iter().map(target_progress).collect(),
        }
    }

    /// Judged at one moment, without waiting.
    pub(crate) const fn is_single_look(&self) -> bool {
        self.policy.instant
    }

    /// The code with which the process ends.
    pub(crate) fn exit_code(&self) -> ExitCode {
        // A target without a verdict was not judged. Without targets nothing can fail: a run with none is only
        // begun where the user accepts that.
        self.guards
            .iter()
            .map(|guard| guard.verdict().map_or(ExitCode::Indeterminate, |(verdict, _)| verdict.exit_code()))
            .reduce(ExitCode::worse)
            .unwrap_or(ExitCode::Complete)
    }

    /// What is known while the run goes on.
    pub(crate) fn report_so_far(&self) -> Report {
        crate::report::so_far(self)
    }

    /// The finished report.
    pub(crate) fn report(&self) -> Report {
        crate::report::build(self)
    }
}

impl Verdict {
    /// The exit code of this verdict alone.
    pub(crate) const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Complete(_) => ExitCode::Complete,
            Self::Failed(_) => ExitCode::Failed,
            Self::TimedOut(_) => ExitCode::TimedOut,
            Self::Indeterminate(_) => ExitCode::Indeterminate,
            Self::Superseded(_) => ExitCode::Superseded,
            Self::Interrupted(Signal::Interrupt) => ExitCode::Interrupted,
            Self::Interrupted(Signal::Terminate) => ExitCode::Terminated,
            Self::NotFound => ExitCode::Usage,
        }
    }
}

fn target_progress(guard: &Guard) -> TargetProgress {
    let stream = guard.stream();
    let look = &guard.last;
    let likely = look.standing.first().map(|standing| LikelyCause {
        code: standing.finding.code.as_str(),
        headline: standing.finding.headline.clone(),
        ends: standing.ends.clone(),
    });
    TargetProgress {
        namespace: stream.namespace.clone(),
        name: format!("{}/{}", stream.kind.command_word(), stream.name().unwrap_or_default()),
        replicas: look.workload.as_ref().filter(|workload| workload.rolls_replicas()).map(|_| look.replicas),
        waiting_for: look.waiting_for.clone(),
        likely,
        done: guard.verdict().map(|(verdict, _)| verdict.name()),
    }
}
