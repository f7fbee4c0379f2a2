#![doc = include_str!("config.md")]

mod advice;
mod env_file;
mod gap;
mod patch;
mod sub_path;
mod usage;
mod volume;

use super::Diagnosis;
use super::place::waiting_evidence;
use crate::model::{ContainerStatus, Event, ObjectRef, Pod, Rollout, reason};
use crate::observation::{Answer, Request, Want};
use gap::{Gap, gaps};
pub(super) use sub_path::drop_consequences;
use usage::Via;

/// Every rule of this family.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    for pod in rollout.live_pods() {
        for status in pod.statuses() {
            if status.waiting_reason() == Some(reason::CREATE_CONTAINER_CONFIG_ERROR) {
                environment(rollout, pod, status, diagnosis);
                env_file::rule(rollout, pod, status, diagnosis);
            }
            sub_path::rules(rollout, pod, status, diagnosis);
        }
    }
    volume::rules(rollout, diagnosis);
}

/// A container that cannot be created because a variable's ConfigMap, Secret or key is missing. Other reasons of
/// `CreateContainerConfigError` (a refused root user, kubelet's caches not yet filled) name no object.
fn environment(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus, diagnosis: &mut Diagnosis) {
    let message = status.state.waiting.as_ref().map_or("", |waiting| waiting.message.as_str());
    for gap in gaps(message) {
        let missing = match gap {
            Gap::Object { kind, name } => advice::Missing { kind, name, key: None },
            Gap::Key { kind, name, key } => advice::Missing { kind, name, key: Some(key) },
            // Kubelet uses these words for volumes only.
            Gap::VolumeKey { .. } => continue,
        };
        let object = pod.object_ref();
        diagnosis.ask(Request::every(5, Want::Events(object.clone())));
        let tries = attempts(rollout, &object, |event| {
            event.reason == reason::FAILED
                && event.container().is_none_or(|container| container == status.name)
                && event.text().contains(message)
        });
        let finding = advice::finding(
            rollout,
            pod,
            &missing,
            &Via::Environment { container: &status.name },
            waiting_evidence(pod, status),
            diagnosis,
        );
        diagnosis.add(advice::with_attempts(rollout, &missing, tries, finding));
    }
}

/// Whether a text of kubelet about a volume says that a ConfigMap, Secret or key is missing, or only that its own
/// caches of them are not filled yet.
pub(super) fn is_about_configuration(text: &str) -> bool {
    !gaps(text).is_empty() || text.contains("failed to sync ") || text.contains("\" not registered")
}

/// How often kubelet tried and failed, by its events; `None` where we may not read them, so that nothing waits
/// for an attempt we could not see.
fn attempts(rollout: &Rollout<'_>, pod: &ObjectRef, counts: impl Fn(&Event) -> bool) -> Option<u64> {
    if let Some(Answer::Refused(_)) = rollout.store().answer(&Want::Events(pod.clone())) {
        return None;
    }
    let times = rollout.events(pod).into_iter().filter(|event| counts(event)).map(Event::times).sum::<i64>();
    Some(u64::try_from(times).unwrap_or(0))
}

#[cfg(test)]
mod tests;
