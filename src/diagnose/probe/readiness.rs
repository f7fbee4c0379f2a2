//! Readiness: a container that runs and is never Ready. Nothing restarts it; the rollout waits.

use std::time::Duration;

use super::super::{CauseCode, Diagnosis, Evidence, Hold, ends};
use super::{ProbeKind, Seen, action, flapping};

/// What a slow start may take beyond what its probes plan for.
const SLACK: Duration = Duration::from_secs(60);

/// The same where waiting cannot help: a port that nobody declares, a path that is not there.
const SLACK_WHEN_CLEAR: Duration = Duration::from_secs(30);

/// So many answers of the same kind are no accident.
const STEADY: i64 = 6;

pub(super) fn rule(seen: &Seen<'_>, diagnosis: &mut Diagnosis) {
    let Some(probe) = &seen.container.readiness_probe else { return };
    // Before the startup probe has passed, readiness is not probed.
    let Some(running) = seen.status.state.running.as_ref().filter(|_| seen.status.started != Some(false))
    else {
        return;
    };
    // Readiness that comes and goes is told as that.
    if seen.status.ready || flapping::flaps(seen.rollout, seen.pod) {
        return;
    }
    let failure = seen.failure(ProbeKind::Readiness, false);
    // A probe that cannot be run is another cause.
    if failure.is_none() && seen.failure(ProbeKind::Readiness, true).is_some() {
        return;
    }
    let Some(elapsed) = elapsed(seen, running.started_at) else { return };
    let budget = Duration::from_secs(action::readiness_budget(seen.container));
    let times = failure.map_or(0, |failure| failure.times);
    let Some(opinion) = seen.opinion(ProbeKind::Readiness, failure.map_or("", |failure| failure.output))
    else {
        return;
    };
    let slack = if opinion.clear && times >= STEADY { SLACK_WHEN_CLEAR } else { SLACK };
    let ripe = elapsed > budget + slack;
    let threshold = Duration::from_secs(probe.failure_threshold * probe.period_seconds);
    let failed_enough = i64::try_from(probe.failure_threshold).is_ok_and(|threshold| times >= threshold);
    let shown = ripe || (failed_enough && elapsed >= threshold);
    if !shown {
        return;
    }
    seen.ask_for_log(diagnosis);
    let consequence = format!(
        "it has not been ready for {}s (the probe allows {}s) and gets no traffic",
        elapsed.as_secs(),
        budget.as_secs()
    );
    let decisive = match failure {
        Some(failure) => seen.event_evidence(failure.event),
        None => Evidence::field(
            seen.pod.object_ref(),
            format!("{}[{}].ready", ends::status_list(seen.pod, &seen.status.name), seen.status.name),
            "false",
        ),
    };
    let mut finding = seen.finding(
        CauseCode::ReadinessProbeFailing,
        ProbeKind::Readiness,
        &opinion,
        &consequence,
        decisive,
    );
    for pod in alike(seen) {
        finding = finding.on_pod(&pod);
    }
    diagnosis.add(seen.with_log(finding).with_hold(if ripe { Hold::Ripe } else { Hold::Announce }));
}

/// How long the container has been as it is: by our own clock if we saw it change, else by the server's.
fn elapsed(seen: &Seen<'_>, started: Option<jiff::Timestamp>) -> Option<Duration> {
    let by_server = started
        .and_then(|started| Duration::try_from(seen.rollout.server_now().duration_since(started)).ok());
    match seen.rollout.memory(seen.pod) {
        Some(memory) if memory.change_seen => Some(seen.rollout.now().saturating_sub(memory.changed)),
        _ => by_server,
    }
}

/// Other live pods in which the same container runs and is not ready.
fn alike(seen: &Seen<'_>) -> Vec<String> {
    seen.rollout
        .live_pods()
        .filter(|pod| {
            pod.status_of(&seen.status.name)
                .is_some_and(|status| status.state.running.is_some() && !status.ready)
        })
        .map(|pod| pod.metadata.name.clone())
        .collect()
}
