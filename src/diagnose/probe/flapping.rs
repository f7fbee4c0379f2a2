//! Readiness that comes and goes: the controller's progress deadline starts anew each time, so nothing else ends.

use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold};
use super::{ProbeKind, action, failures, kills};
use crate::model::{Pod, Rollout, condition};
use crate::observation::{Request, Want};

/// Losses of readiness without an end of a container that are enough.
const FLAPS: u32 = 2;

pub(super) fn rule(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    for pod in rollout.live_pods() {
        if !flaps(rollout, pod) {
            continue;
        }
        let object = pod.object_ref();
        diagnosis.ask(Request::every(super::EVENTS_EVERY, Want::Events(object.clone())));
        let events = rollout.events(&object);
        // A container that a probe kills loses its readiness first; that is told as a kill.
        if pod.statuses().any(|status| kills(&events, &status.name).is_some()) {
            continue;
        }
        let count = rollout.memory(pod).map_or(0, |memory| memory.flaps);
        diagnosis.add(finding(rollout, pod, count));
    }
}

/// Whether the readiness of a pod comes and goes.
pub(super) fn flaps(rollout: &Rollout<'_>, pod: &Pod) -> bool {
    rollout.memory(pod).is_some_and(|memory| memory.flaps >= FLAPS)
}

fn finding(rollout: &Rollout<'_>, pod: &Pod, flaps: u32) -> Finding {
    let object = pod.object_ref();
    let events = rollout.events(&object);
    let probed = pod.spec.long_running().find(|container| container.readiness_probe.is_some());
    let failure = probed.and_then(|container| {
        failures(&events, &container.name).into_iter().find(|failure| failure.kind == ProbeKind::Readiness)
    });
    let probe = probed
        .and_then(|container| Some((container, action::of(container, ProbeKind::Readiness)?)))
        .map_or_else(String::new, |(container, probe)| format!(" ({})", action::spoken(container, probe)));
    let ready = pod.condition(condition::READY).map_or("", |ready| ready.status.as_str());
    let transition = pod
        .condition(condition::READY)
        .and_then(|ready| ready.last_transition_time)
        .map_or_else(String::new, |at| format!(", lastTransitionTime {at}"));
    let output = failure.filter(|failure| !failure.output.is_empty()).map_or_else(String::new, |failure| {
        format!(": {}", super::super::logs::shorten(failure.output, 160))
    });
    let mut finding = Finding::new(
        CauseCode::ReadinessFlapping,
        probed.map_or("", |container| container.name.as_str()),
        object.clone(),
        format!("pods become ready and lose it again, {flaps} times without a restart; the readiness probe{probe} does not hold{output}"),
        Evidence::field(object.clone(), "status.conditions[Ready].status", format!("{ready}{transition}")),
    )
    .on_pod(&pod.metadata.name)
    .with_confidence(Confidence::Likely)
    .with_hold(Hold::Ripe)
    .with_help("find what makes the check fail at times: a dependency, load, or a timeoutSeconds that is shorter than a slow answer")
    .with_help("a higher failureThreshold of the readiness probe rides out single failures")
    .with_command(format!("kubectl -n {} logs {} --timestamps", pod.metadata.namespace, pod.metadata.name));
    if let Some(failure) = failure {
        finding = finding.with_evidence(Evidence::event(object, failure.event));
    }
    finding
}
