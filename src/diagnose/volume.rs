#![doc = include_str!("volume.md")]

mod attach;
mod claim;
mod holder;
mod mount;
#[cfg(test)]
mod tests;
mod unbound;
mod unplaced;

use super::creating::{MAX_PODS, is_stuck, pending_events};
use super::{Diagnosis, Evidence, Finding};
use crate::model::{Event, Pod, Rollout, TOKEN_VOLUME, condition, reason};
use crate::observation::{Request, Want};
pub(super) use unplaced::{topic, unplaced};

/// Every rule of this family, except for what the scheduler says ([`unplaced()`]): the chain from a claim over its
/// class, its provisioner and its attachment to the mount, where the first broken link is the one that is named.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    // While the scheduler waits for a volume to be made, or has not looked yet, it says nothing.
    let silent = |pod: &&Pod| pod.node().is_none() && pod.condition(condition::POD_SCHEDULED).is_none();
    for pod in rollout.live_pods().filter(silent).take(MAX_PODS) {
        claim::chain(rollout, pod, None, diagnosis);
    }
    for pod in rollout.live_pods().filter(|pod| is_stuck(rollout, pod)).take(MAX_PODS) {
        let own = pod.claims().next().is_some();
        diagnosis.ask(Request::every(if own { 3 } else { 10 }, Want::Events(pod.object_ref())));
        on_a_node(rollout, pod, diagnosis);
    }
}

/// Attachment and mount, each volume for itself; the summary of all of them only where nothing else is known.
fn on_a_node(rollout: &Rollout<'_>, pod: &Pod, diagnosis: &mut Diagnosis) {
    let events = pending_events(rollout, pod);
    let mut seen: Vec<String> = Vec::new();
    let mut explained = false;
    for event in &events {
        let Some((step, volume, words)) = failed(event) else { continue };
        if seen.iter().any(|known| known == volume) {
            continue;
        }
        seen.push(volume.to_owned());
        let trouble = Trouble { pod, volume, words, event };
        let finding = match step {
            Step::Attach => Some(attach::failed(rollout, &trouble, diagnosis)),
            Step::HeldElsewhere => Some(attach::held_elsewhere(rollout, &trouble, diagnosis)),
            Step::Mount => mount::finding(rollout, &trouble),
        };
        explained |= finding.is_some() || mount::is_of_another_family(words);
        if let Some(finding) = finding {
            diagnosis.add(finding.on_pod(&pod.metadata.name));
        }
    }
    if !explained && let Some(finding) = mount::summary(rollout, pod, &events) {
        diagnosis.add(finding.on_pod(&pod.metadata.name));
    }
}

/// A volume that could not be attached or mounted.
struct Trouble<'r, 'a> {
    pod: &'a Pod,
    /// As the event names it: a volume of the pod's spec, or a PersistentVolume.
    volume: &'a str,
    /// What follows the name.
    words: &'a str,
    event: &'r Event,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Attach,
    /// It would be attached if another node had not got it.
    HeldElsewhere,
    Mount,
}

/// What follows `for volume "` where the attach/detach controller says that another node has it: "Multi-Attach error"
/// up to Kubernetes 1.36, "Waiting for detach" since 1.37 (pkg/controller/volume/attachdetach/reconciler).
fn held_elsewhere(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("Multi-Attach error").or_else(|| text.strip_prefix("Waiting for detach"))?;
    rest.strip_prefix(" for volume \"")
}

/// What failed, of which volume, and why: `MountVolume.SetUp failed for volume "data" : …`.
fn failed(event: &Event) -> Option<(Step, &str, &str)> {
    if !matches!(event.reason.as_str(), reason::FAILED_MOUNT | reason::FAILED_ATTACH_VOLUME) {
        return None;
    }
    let text = event.text();
    if let Some(rest) = held_elsewhere(text) {
        let (volume, words) = rest.split_once('"')?;
        return Some((Step::HeldElsewhere, volume, words.trim()));
    }
    let (operation, rest) = text.split_once(" failed for volume \"")?;
    let (volume, words) = rest.split_once('"')?;
    let attaching = operation.starts_with("AttachVolume") || operation.contains("WaitForAttach");
    let words = words.trim_start_matches([' ', ':']);
    Some((if attaching { Step::Attach } else { Step::Mount }, volume, words))
}

impl Trouble<'_, '_> {
    fn evidence(&self) -> Evidence {
        Evidence::event(self.pod.object_ref(), self.event)
    }

    /// The claim behind it. Events name a PersistentVolume where the volume comes from a claim, so the claim that is
    /// bound to it is looked for; there is often only one.
    fn claim(&self, rollout: &Rollout<'_>) -> Option<String> {
        if self.pod.spec.volume(self.volume).is_some() {
            return self.pod.claim_of(self.volume);
        }
        let claims: Vec<String> = self.pod.claims().map(|(_, claim)| claim).collect();
        let bound = claims.iter().find(|name| match rollout.claim(name) {
            crate::model::Lookup::Found(claim) => claim.spec.volume_name == self.volume,
            _ => false,
        });
        bound.or_else(|| claims.first().filter(|_| claims.len() == 1)).cloned()
    }

    /// `volume data` or `PersistentVolume pv-1 (claim data)`.
    fn name(&self, rollout: &Rollout<'_>) -> String {
        // Its name differs from pod to pod, so the pod's spec is kept without it.
        if self.volume.starts_with(TOKEN_VOLUME) {
            return format!("volume {} (the token of the ServiceAccount)", self.volume);
        }
        match (self.pod.spec.volume(self.volume), self.claim(rollout)) {
            (Some(_), _) => format!("volume {}", self.volume),
            (None, Some(claim)) => format!("PersistentVolume {} (claim {claim})", self.volume),
            (None, None) => format!("PersistentVolume {}", self.volume),
        }
    }

    /// How often it failed; kubelet's and the controller's retries are up to two minutes apart.
    fn attempts(&self, rollout: &Rollout<'_>) -> Option<u64> {
        let object = self.pod.object_ref();
        if rollout.events_refused(&object) {
            return None;
        }
        let same = |event: &&Event| failed(event).is_some_and(|(_, volume, _)| volume == self.volume);
        let times: i64 = rollout.events(&object).into_iter().filter(same).map(Event::times).sum();
        Some(u64::try_from(times).unwrap_or_default())
    }

    fn node(&self) -> &str {
        self.pod.node().unwrap_or("its node")
    }
}

fn with_attempts(finding: Finding, attempts: Option<u64>) -> Finding {
    Finding { attempts, ..finding }
}
