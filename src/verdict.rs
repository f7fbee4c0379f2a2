//! The decision. Everything before it observes; everything after it reports.

use std::time::Duration;

use crate::diagnose::CauseCode;
use crate::ledger::Standing;
use crate::model::Sight;
use crate::observation::{Refusal, Signal, StreamHealth};
use crate::planted::{self, Bug};
use crate::policy::{Policy, StableFor};
use crate::report::VerdictName;
use crate::settle::Settled;

/// The final word on one target. Only final states exist: a report of an unfinished rollout cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Complete(Completed),
    /// The cause that ended it.
    Failed(CauseCode),
    TimedOut(Unfinished),
    Indeterminate(Blindness),
    /// By what: another template, another object of its name, or an older revision.
    Superseded(CauseCode),
    Interrupted(Signal),
    /// No such object; it was never seen.
    NotFound,
}

/// Proof that [`judge`] saw a complete and settled rollout; nothing else can make it, so nothing else can pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Completed(());

/// What was going on when time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfinished {
    Progressing,
    Settling,
    /// A cause stands that is still tolerated.
    Tolerating(CauseCode),
}

/// Why nothing could be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Blindness {
    /// The server refuses to show the workload.
    Refused(Refusal),
    /// The server refuses to show its pods, and without pods nothing settles.
    PodsRefused(Refusal),
    /// Nothing in the object says whether it is complete.
    Meaningless(String),
    /// The connection was down when time was up.
    Unreachable(String),
}

impl Verdict {
    pub(crate) const fn name(&self) -> VerdictName {
        match self {
            Self::Complete(_) => VerdictName::Complete,
            Self::Failed(_) => VerdictName::Failed,
            Self::TimedOut(_) => VerdictName::TimedOut,
            Self::Indeterminate(_) | Self::NotFound => VerdictName::Indeterminate,
            Self::Superseded(_) => VerdictName::Superseded,
            Self::Interrupted(_) => VerdictName::Interrupted,
        }
    }

    /// The public word for why: a cause code, or what the verdict says by itself.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Complete(_) => "complete",
            Self::Superseded(code) | Self::Failed(code) | Self::TimedOut(Unfinished::Tolerating(code)) => {
                code.as_str()
            }
            Self::TimedOut(Unfinished::Progressing) => "progressing",
            Self::TimedOut(Unfinished::Settling) => "settling",
            Self::Indeterminate(Blindness::Refused(refusal) | Blindness::PodsRefused(refusal))
                if refusal.code == UNAUTHORIZED =>
            {
                "credentials-rejected"
            }
            Self::Indeterminate(Blindness::Refused(refusal) | Blindness::PodsRefused(refusal))
                if refusal.code == NO_ANSWER =>
            {
                "server-not-usable"
            }
            Self::Indeterminate(Blindness::Refused(_)) => "workload-not-readable",
            Self::Indeterminate(Blindness::PodsRefused(_)) => "pods-not-readable",
            Self::Indeterminate(Blindness::Meaningless(_)) => "not-judgeable",
            Self::Indeterminate(Blindness::Unreachable(_)) => "unreachable",
            Self::Interrupted(_) => "interrupted",
            Self::NotFound => "not-found",
        }
    }
}

/// Where the object that the target names is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The server has not answered yet.
    Unknown,
    /// The server answered: there is no such object, and there was none.
    Absent,
    Here,
    /// It was there and is not (or is being deleted), since this moment of the run.
    Gone(Duration),
    /// Another object of the same name, or another template of the same object.
    Replaced,
}

/// All that a decision on one target rests on.
pub(crate) struct Facts<'a> {
    pub(crate) now: Duration,
    pub(crate) policy: &'a Policy,
    pub(crate) signal: Option<Signal>,
    pub(crate) presence: Presence,
    /// The stream that shows the workload.
    pub(crate) workload_sight: Option<&'a Sight>,
    /// The server refuses to show its pods, or what tells which of them are its own.
    pub(crate) pods_refused: Option<&'a Refusal>,
    /// What is wrong with a stream that the judgement rests on: what we know may be old.
    pub(crate) blind: Option<&'a str>,
    /// Nothing in the object says whether it is complete, and it has had time to.
    pub(crate) unjudgeable: Option<&'a str>,
    pub(crate) settled: &'a Settled,
    /// In order, the root first.
    pub(crate) standing: &'a [Standing],
}

/// Wait on, or stop.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Judgement {
    Wait,
    Stop(Verdict),
}

/// The HTTP status of credentials that are not, or no longer, accepted.
pub(crate) const UNAUTHORIZED: u16 = 401;
/// There was no answer that could have one: what is wrong does not heal by waiting, and is no missing permission.
const NO_ANSWER: u16 = 0;

/// A deleted object may be created again under its name a moment later: by `kubectl replace --force`, or by a script
/// that deletes and then applies, each with the time that a client takes to start and to discover the API.
pub(crate) const fn gone_for(policy: &Policy) -> Duration {
    Duration::from_secs(if policy.waits_longer { 10 } else { 2 })
}

/// Decides. Completion beats failure in the same instant; the timeout is asked last.
pub(crate) fn judge(facts: &Facts<'_>) -> Judgement {
    if let Some(signal) = facts.signal {
        return Judgement::Stop(Verdict::Interrupted(signal));
    }
    if let Some(refusal) = refusal(facts.workload_sight) {
        return Judgement::Stop(Verdict::Indeterminate(Blindness::Refused(refusal.clone())));
    }
    // What was not there when we last saw may have come since.
    let interrupted = facts.workload_sight.is_some_and(|sight| sight.health.interruption().is_some());
    let in_the_dark = interrupted && !planted::is(Bug::FailBlind);
    match facts.presence {
        Presence::Absent if facts.now >= facts.policy.wait_for_create && !in_the_dark => {
            return Judgement::Stop(Verdict::NotFound);
        }
        Presence::Gone(since)
            if facts.now.saturating_sub(since) >= gone_for(facts.policy) && !in_the_dark =>
        {
            return Judgement::Stop(Verdict::Failed(CauseCode::TargetDeleted));
        }
        Presence::Replaced => {
            let code = facts.standing.first().map(|standing| standing.finding.code);
            return Judgement::Stop(Verdict::Superseded(code.unwrap_or(CauseCode::RolloutSuperseded)));
        }
        Presence::Here | Presence::Gone(_) | Presence::Absent | Presence::Unknown => {}
    }
    if facts.presence == Presence::Here {
        if let Some(refusal) = facts.pods_refused
            && facts.policy.stable_for != StableFor::For(Duration::ZERO)
        {
            return Judgement::Stop(Verdict::Indeterminate(Blindness::PodsRefused(refusal.clone())));
        }
        if *facts.settled == Settled::Settled {
            return Judgement::Stop(Verdict::Complete(Completed(())));
        }
        // What failed when we last saw it may have healed since.
        if (facts.blind.is_none() || planted::is(Bug::FailBlind))
            && let Some(code) = ending_cause(facts.standing)
        {
            return Judgement::Stop(Verdict::Failed(code));
        }
        if let Some(why) = facts.unjudgeable {
            return Judgement::Stop(Verdict::Indeterminate(Blindness::Meaningless(why.to_owned())));
        }
    }
    // A single look does not wait: what it sees is what there is to say.
    let looked = facts.policy.instant && facts.presence == Presence::Here;
    if looked || (facts.now >= facts.policy.timeout && !planted::is(Bug::NoTimeout)) {
        Judgement::Stop(out_of_time(facts))
    } else {
        Judgement::Wait
    }
}

/// The cause that ends the wait, if one has stood long enough. A passed deadline and a stall say only that
/// nothing moves: where anything says why, that is the cause.
fn ending_cause(standing: &[Standing]) -> Option<CauseCode> {
    let ripe = standing.iter().find(|standing| standing.ripe)?.finding.code;
    let says_why =
        |code| !matches!(code, CauseCode::ProgressDeadlineExceeded | CauseCode::Stalled | CauseCode::Unknown);
    if says_why(ripe) {
        return Some(ripe);
    }
    let better = standing.iter().map(|standing| standing.finding.code).find(|code| says_why(*code));
    Some(better.unwrap_or(ripe))
}

fn out_of_time(facts: &Facts<'_>) -> Verdict {
    let none = Some("the API server did not answer");
    if let Some(message) = facts.workload_sight.map_or(none, |sight| sight.health.interruption()) {
        return Verdict::Indeterminate(Blindness::Unreachable(message.to_owned()));
    }
    if let (Settled::Waiting { .. } | Settled::Settled, Some(message)) = (facts.settled, facts.blind) {
        return Verdict::Indeterminate(Blindness::Unreachable(message.to_owned()));
    }
    let unfinished = match (facts.settled, facts.standing.first()) {
        (Settled::Waiting { .. }, None) => Unfinished::Settling,
        (_, Some(standing)) => Unfinished::Tolerating(standing.finding.code),
        (_, None) => Unfinished::Progressing,
    };
    Verdict::TimedOut(unfinished)
}

fn refusal(sight: Option<&Sight>) -> Option<&Refusal> {
    match &sight?.health {
        StreamHealth::Refused(refusal) => Some(refusal),
        StreamHealth::Live | StreamHealth::Polled { .. } | StreamHealth::Interrupted { .. } => None,
    }
}

#[cfg(test)]
mod tests;
