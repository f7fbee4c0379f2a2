#![doc = include_str!("crash.md")]

mod advice;
mod end;
mod exit;
mod hints;
mod not_started;
mod start_error;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use super::ends::Ended;
use super::logs::{self, Log};
use super::probe::{self, EVENTS_EVERY};
use super::{Diagnosis, Hold};
use crate::model::Rollout;
use crate::observation::{Request, Want};
use crate::status::{Status, assess};
use end::End;
use start_error::StartFailure;
pub(super) use words::who;

/// How long a verdict waits for events that say who killed a container. Kubelet writes them before the kill; a
/// server that does not answer for so long will not.
const EVENTS_MAY_TAKE: Duration = Duration::from_secs(30);

/// Every rule of this family.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    not_started::rules(rollout, diagnosis);
    for group in Ended::by_container(rollout) {
        judge(rollout, &group, diagnosis);
    }
}

/// One container of the template, in all pods in which it ended; the pod with the most ends speaks for all.
fn judge(rollout: &Rollout<'_>, group: &[Ended<'_>], diagnosis: &mut Diagnosis) {
    let Some(first) = group.first() else { return };
    let object = first.pod.object_ref();
    logs::ask_for_end(diagnosis, first.pod, first.status);
    diagnosis.ask(Request::every(EVENTS_EVERY, Want::Events(object.clone())));

    let events = rollout.events(&object);
    if probe::ended_by_probe(&events, first) {
        return;
    }
    let log = logs::of_end(rollout, first.pod, first.status);
    let Some(end) = End::of(rollout, first, &events) else { return };
    let hold = hold(rollout, first, &end);
    diagnosis.add(words::finding(rollout, first, group, &end, log, &events).with_hold(hold));
}

/// Counts, and waits for the events where a probe may have been the killer.
fn hold(rollout: &Rollout<'_>, ended: &Ended<'_>, end: &End) -> Hold {
    let over = match assess(rollout) {
        Status::Failed { .. } | Status::PodEnded => true,
        _ => ended.pod.is_finished() && rollout.workload.job().is_none(),
    };
    if over {
        return Hold::Ripe;
    }
    // How often a Job tries is for its controller to say; what no try can heal need not be waited for.
    if rollout.workload.job().is_some() && !end.never_heals() {
        return Hold::Announce;
    }
    let alike = end.alike(rollout, ended);
    let general = rollout.accepted.tolerated_restarts + 1;
    // `--tolerate-restarts` moves every count, not only that of plain crashes.
    let moved = rollout.accepted.tolerated_restarts - crate::policy::Policy::DEFAULT_TOLERATED_RESTARTS;
    let needed = (end.needed() + moved).max(1);
    if ended.count < general && alike < needed {
        let never_ran = matches!(end, End::CannotStart(_)) && ended.status.state.running.is_none();
        return if never_ran && end.is_timed() { Hold::Tolerance } else { Hold::Announce };
    }
    if killer_is_known(rollout, ended) { Hold::Ripe } else { Hold::Announce }
}

/// Whether the events read are younger than the end, so that a kill by a probe would be among them.
fn killer_is_known(rollout: &Rollout<'_>, ended: &Ended<'_>) -> bool {
    let probed = ended
        .container
        .is_some_and(|container| container.liveness_probe.is_some() || container.startup_probe.is_some());
    if !probed {
        return true;
    }
    let learned = rollout
        .container_memory(ended.pod, &ended.status.name)
        .and_then(|memory| memory.terminations.last())
        .map_or(Duration::ZERO, |termination| termination.at);
    let since = rollout.now().saturating_sub(learned);
    since >= EVENTS_MAY_TAKE || rollout.events_age(&ended.pod.object_ref()).is_some_and(|age| age <= since)
}

/// A log that was read and is empty: said so, with advice.
const fn is_silent(log: Log<'_>) -> bool {
    matches!(log, Log::Empty)
}

/// Why a command of a pod, here of an exec probe, cannot be run in its image, from the words of the runtime.
pub(super) fn unusable_command(text: &str) -> Option<String> {
    match start_error::read(text) {
        StartFailure::NotFound(command) => Some(format!("the image has no command \"{command}\"")),
        StartFailure::NotExecutable(command) => Some(format!("\"{command}\" may not be executed")),
        _ => None,
    }
}
