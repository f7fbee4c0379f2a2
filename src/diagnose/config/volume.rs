//! Volumes that cannot be mounted because a ConfigMap, Secret or key is missing.
//!
//! Nothing in the pod's status tells: its containers are `ContainerCreating` for hours. Only the `FailedMount` events
//! say what is missing.

use super::super::creating::{MAX_PODS, is_stuck, pending_events};
use super::super::{Diagnosis, Evidence};
use super::advice::{Missing, finding, with_attempts};
use super::attempts;
use super::gap::{Gap, gaps};
use super::usage::{Via, sources};
use crate::model::{Event, Pod, Rollout, TOKEN_VOLUME, Volume, reason};
use crate::observation::{Request, Want};

/// Finds what the volumes of pods that do not start lack.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    for pod in rollout.live_pods().filter(|pod| is_stuck(rollout, pod)).take(MAX_PODS) {
        let object = pod.object_ref();
        let own =
            pod.spec.volumes.iter().any(|volume| !is_token_volume(volume) && !sources(volume).is_empty());
        diagnosis.ask(Request::every(if own { 3 } else { 10 }, Want::Events(object.clone())));
        let mut seen: Vec<(String, String)> = Vec::new();
        let events = pending_events(rollout, pod);
        for event in events.iter().filter(|event| event.reason == reason::FAILED_MOUNT) {
            let Some(volume) = failed_volume(event.text()) else { continue };
            let known = (volume.to_owned(), event.text().to_owned());
            if seen.contains(&known) {
                continue;
            }
            seen.push(known);
            report(rollout, pod, volume, event, diagnosis);
        }
    }
}

/// The volume of `MountVolume.SetUp failed for volume "cfg" : …`. The summary `Unable to attach or mount volumes`
/// names no cause.
fn failed_volume(text: &str) -> Option<&str> {
    text.strip_prefix("MountVolume.SetUp failed for volume \"")?.split_once('"').map(|(volume, _)| volume)
}

fn report(rollout: &Rollout<'_>, pod: &Pod, volume: &str, event: &Event, diagnosis: &mut Diagnosis) {
    let object = pod.object_ref();
    for gap in gaps(event.text()) {
        let missing = match gap {
            Gap::Object { kind, name } => Some(Missing { kind, name, key: None }),
            // The text of a volume does not name the object; the volume does.
            Gap::VolumeKey { kind, key } => pod
                .spec
                .volume(volume)
                .into_iter()
                .flat_map(sources)
                .find(|source| {
                    source.kind == kind && !source.optional && source.items.iter().any(|item| item.key == key)
                })
                .map(|source| Missing { kind, name: source.name.to_owned(), key: Some(key) }),
            Gap::Key { .. } => None,
        };
        let Some(missing) = missing else { continue };
        let tries = attempts(rollout, &object, |other| {
            other.reason == reason::FAILED_MOUNT && failed_volume(other.text()) == Some(volume)
        });
        let found = finding(
            rollout,
            pod,
            &missing,
            &Via::Volume { volume },
            Evidence::event(object.clone(), event),
            diagnosis,
        );
        diagnosis.add(with_attempts(rollout, &missing, tries, found));
    }
}

/// The volume of the ServiceAccount's token, which every pod has.
fn is_token_volume(volume: &Volume) -> bool {
    volume.name.starts_with(TOKEN_VOLUME)
}
