//! Containers that are not even created, or whose start the runtime refuses without an end to count.

use super::super::ends::status_list;
use super::super::probe::EVENTS_EVERY;
use super::super::{CauseCode, Diagnosis, Evidence, Finding, Hold, Prognosis};
use super::start_error::{self, StartFailure};
use super::{advice, words};
use crate::model::{ContainerStatus, Event, Pod, Quantity, Rollout, reason};
use crate::observation::{Request, Want};

/// A limit below this cannot hold a sandbox, a token volume and a process.
const TINY_LIMIT_BYTES: f64 = 8.0 * 1024.0 * 1024.0;

pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    for pod in rollout.live_pods() {
        for status in pod.statuses() {
            let Some(waiting) = &status.state.waiting else { continue };
            match waiting.reason.as_str() {
                reason::CREATE_CONTAINER_CONFIG_ERROR if is_root_refused(&waiting.message) => {
                    diagnosis.add(root_refused(pod, status, &waiting.message));
                }
                // Without an end, what follows from ends does not see it (CRI-O).
                reason::CREATE_CONTAINER_ERROR | reason::RUN_CONTAINER_ERROR
                    if status.latest_termination().is_none() =>
                {
                    diagnosis.add(refused_by_runtime(pod, status, &waiting.message));
                }
                _ => {}
            }
        }
        tiny_limit(rollout, pod, diagnosis);
    }
}

fn is_root_refused(message: &str) -> bool {
    ["runAsNonRoot", "cannot verify user is non-root", "runAsUser breaks non-root policy"]
        .iter()
        .any(|text| message.contains(text))
}

fn waiting_evidence(pod: &Pod, status: &ContainerStatus) -> Evidence {
    let waiting = status.state.waiting.clone().unwrap_or_default();
    Evidence::field(
        pod.object_ref(),
        format!("{}[{}].state.waiting", status_list(pod, &status.name), status.name),
        format!("{}: {}", waiting.reason, waiting.message),
    )
}

fn root_refused(pod: &Pod, status: &ContainerStatus, message: &str) -> Finding {
    let who = words::who(pod, &status.name);
    let image = pod.spec.container(&status.name).map_or("", |container| container.image.as_str());
    let (headline, help) = if let Some((_, rest)) = message.split_once("non-numeric user (") {
        let user = rest.split(')').next().unwrap_or_default();
        (
            format!(
                "{who} may not start: runAsNonRoot is set, and the user \"{user}\" of image {image} is a name, which cannot be checked"
            ),
            "give the user as a number: USER 10001 in the Dockerfile, or securityContext.runAsUser: 10001 in the pod template",
        )
    } else if message.contains("breaks non-root policy") {
        (
            format!("{who} may not start: runAsNonRoot is set, and runAsUser is 0"),
            "set securityContext.runAsUser to the number of a user other than root",
        )
    } else {
        (
            format!("{who} may not start: runAsNonRoot is set, and image {image} runs as root"),
            "build the image with a user other than root (USER 10001), or set securityContext.runAsUser: 10001 if it can run as any user",
        )
    };
    Finding::new(
        CauseCode::RunAsRootRefused,
        status.name.clone(),
        pod.object_ref(),
        headline,
        waiting_evidence(pod, status),
    )
    .on_pod(&pod.metadata.name)
    .with_prognosis(Prognosis::Permanent)
    .with_help(help)
    .with_command(format!("kubectl -n {} describe pod {}", pod.metadata.namespace, pod.metadata.name))
}

fn refused_by_runtime(pod: &Pod, status: &ContainerStatus, message: &str) -> Finding {
    let failure = start_error::read(message);
    let code = super::end::End::CannotStart(failure.clone()).code(false);
    let busy = failure == StartFailure::RuntimeBusy;
    let limit = memory_limit(pod, &status.name).map(Quantity::human);
    let who = words::who(pod, &status.name);
    let mut finding = Finding::new(
        code,
        status.name.clone(),
        pod.object_ref(),
        words::start_headline(&who, &failure, limit.as_deref()),
        waiting_evidence(pod, status),
    )
    .on_pod(&pod.metadata.name)
    .with_prognosis(if busy { Prognosis::Transient } else { Prognosis::Permanent })
    .with_hold(if busy { Hold::Announce } else { Hold::Tolerance })
    .with_command(format!("kubectl -n {} describe pod {}", pod.metadata.namespace, pod.metadata.name));
    let container = pod.spec.container(&status.name);
    let command = container.map_or_else(String::new, |container| container.command.join(" "));
    for help in advice::start_help(&failure, limit.as_deref(), &format!("command: {command}")) {
        finding = finding.with_help(help);
    }
    finding
}

fn memory_limit<'a>(pod: &'a Pod, container: &str) -> Option<&'a Quantity> {
    pod.spec.container(container)?.resources.limits.get("memory")
}

/// `memory: 128m` is an eighth of a byte. Not even the volume of the token fits, so the pod stays
/// `ContainerCreating`, with events about a full device or a sandbox that was killed.
fn tiny_limit(rollout: &Rollout<'_>, pod: &Pod, diagnosis: &mut Diagnosis) {
    let tiny = pod.spec.all_containers().find_map(|container| {
        let limit = container.resources.limits.get("memory")?;
        (limit.value()? < TINY_LIMIT_BYTES).then_some((container, limit))
    });
    let Some((container, limit)) = tiny else { return };
    let nothing_started =
        pod.statuses().all(|status| status.state.running.is_none() && status.latest_termination().is_none());
    if pod.node().is_none() && pod.statuses().next().is_none() || !nothing_started {
        return;
    }
    let object = pod.object_ref();
    diagnosis.ask(Request::every(EVENTS_EVERY, Want::Events(object.clone())));
    let shown = rollout.events(&object).into_iter().find(|event| is_memory_event(event));
    let less_than_a_byte = limit.value().is_some_and(|bytes| bytes < 1.0);
    // From the spec alone only what cannot be otherwise.
    if shown.is_none() && !less_than_a_byte {
        return;
    }
    let who = words::who(pod, &container.name);
    let mut finding = Finding::new(
        CauseCode::MemoryLimitTooSmall,
        container.name.clone(),
        object.clone(),
        words::start_headline(&who, &StartFailure::OutOfMemory, Some(&value_of(limit))),
        Evidence::field(
            object.clone(),
            format!("spec.containers[{}].resources.limits.memory", container.name),
            limit.as_str(),
        ),
    )
    .on_pod(&pod.metadata.name)
    .with_prognosis(Prognosis::Permanent)
    .with_command(format!("kubectl -n {} describe pod {}", pod.metadata.namespace, pod.metadata.name));
    if let Some(event) = shown {
        finding = finding.with_evidence(Evidence::event(object, event));
    }
    for help in advice::start_help(&StartFailure::OutOfMemory, Some(limit.as_str()), "") {
        finding = finding.with_help(help);
    }
    diagnosis.add(finding);
}

/// `128m (0.128 bytes)`.
fn value_of(limit: &Quantity) -> String {
    match limit.value() {
        Some(bytes) if limit.as_str().ends_with('m') => format!("{limit} ({bytes} bytes)"),
        _ => limit.human(),
    }
}

fn is_memory_event(event: &Event) -> bool {
    let text = event.text();
    text.contains("OOM-killed")
        || text.contains("memory limit too low")
        || (event.reason == reason::FAILED_MOUNT && text.contains("no space left on device"))
}
