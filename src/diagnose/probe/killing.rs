//! Liveness and startup probes: they kill. Kubernetes ended the container then, it did not crash.

use jiff::SignedDuration;

use super::super::{CauseCode, Diagnosis, Hold, ends};
use super::event::ProbeKills;
use super::{ProbeFailure, ProbeKind, Seen, action, kills};
use crate::policy::Policy;

/// Kills that are enough, with the default of tolerated restarts.
const KILLS: i64 = 2;

/// Finds failing liveness and startup probes; whether there is a kill or a failure that stands.
pub(super) fn rule(seen: &Seen<'_>, diagnosis: &mut Diagnosis) -> bool {
    let killed = kills(seen.events, &seen.status.name);
    let mut found = false;
    for kind in [ProbeKind::Startup, ProbeKind::Liveness] {
        let killed = killed.filter(|kills| kills.kind == kind);
        let failure = seen.failure(kind, false);
        if action::of(seen.container, kind).is_none() || (killed.is_none() && failure.is_none()) {
            continue;
        }
        let count = killed.map_or(0, |killed| count(seen, killed));
        let needed =
            (KILLS + seen.rollout.accepted.tolerated_restarts - Policy::DEFAULT_TOLERATED_RESTARTS).max(1);
        let ripe = count >= needed;
        if !ripe && !stands(seen, kind, failure, killed) {
            continue;
        }
        seen.ask_for_log(diagnosis);
        if let Some(finding) = finding(seen, kind, failure, killed, count) {
            let hold = if ripe { Hold::Ripe } else { Hold::Announce };
            diagnosis.add(seen.with_log(finding).with_hold(hold));
            found = true;
        }
    }
    found
}

/// Kills since we look. Of a pod that was there before, no more kills count than ends do, and the one under way.
fn count(seen: &Seen<'_>, killed: ProbeKills<'_>) -> i64 {
    let known_from_its_start = seen.rollout.memory(seen.pod).is_some_and(|memory| !memory.present_at_start);
    if known_from_its_start {
        return killed.times;
    }
    let ends = ends::count(seen.rollout, seen.pod, seen.status);
    let finished = seen.status.latest_termination().and_then(|latest| latest.finished_at);
    let under_way = seen
        .status
        .state
        .running
        .as_ref()
        .is_some_and(|running| killed.last_seen > finished && killed.last_seen >= running.started_at);
    killed.times.min(ends + i64::from(under_way))
}

/// A failure stands until the time of a full threshold has passed without another; before that a container that
/// came up again is not believed.
fn stands(
    seen: &Seen<'_>,
    kind: ProbeKind,
    failure: Option<&ProbeFailure<'_>>,
    killed: Option<ProbeKills<'_>>,
) -> bool {
    let last = failure.and_then(|failure| failure.last_seen).max(killed.and_then(|killed| killed.last_seen));
    let Some(running) = &seen.status.state.running else { return killed.is_some() };
    // What an earlier instance failed is past, unless it was killed for it just now.
    if killed.is_none() && last < running.started_at {
        return false;
    }
    let Some(probe) = action::of(seen.container, kind) else { return false };
    let window =
        probe.failure_threshold * probe.period_seconds + probe.timeout_seconds + probe.initial_delay_seconds;
    let window = SignedDuration::from_secs(i64::try_from(window).unwrap_or(i64::MAX));
    // A startup probe that has passed is not tried again.
    if kind == ProbeKind::Startup && seen.status.started == Some(true) {
        return false;
    }
    last.is_none_or(|last| seen.rollout.server_now().duration_since(last) <= window)
}

fn finding(
    seen: &Seen<'_>,
    kind: ProbeKind,
    failure: Option<&ProbeFailure<'_>>,
    killed: Option<ProbeKills<'_>>,
    count: i64,
) -> Option<super::Finding> {
    let probe = action::of(seen.container, kind)?;
    let opinion = seen.opinion(kind, failure.map_or("", |failure| failure.output))?;
    let code = if kind == ProbeKind::Startup {
        CauseCode::StartupProbeFailing
    } else {
        CauseCode::LivenessProbeFailing
    };
    let consequence = match (count, seen.status.latest_termination()) {
        (1.., Some(latest)) => {
            let restarts = seen.status.restart_count;
            let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
            // Earlier restarts, which may have had other reasons, are in kubelet's number too.
            let times = if restarts > count { format!("{times} (restartCount {restarts})") } else { times };
            format!(
                "Kubernetes killed it {times}, the last time {}s after its start; it did not crash",
                latest.life_seconds()
            )
        }
        (1.., None) => "Kubernetes kills it for that".to_owned(),
        _ => format!(
            "after {} failures in a row Kubernetes kills it ({} seen)",
            probe.failure_threshold,
            failure.map_or(0, |failure| failure.times)
        ),
    };
    let events: Vec<_> = [failure.map(|failure| failure.event), killed.map(|killed| killed.event)]
        .into_iter()
        .flatten()
        .collect();
    let (first, others) = events.split_first()?;
    let mut finding = seen.finding(code, kind, &opinion, &consequence, seen.event_evidence(first));
    for event in others {
        finding = finding.with_evidence(seen.event_evidence(event));
    }
    Some(finding)
}
