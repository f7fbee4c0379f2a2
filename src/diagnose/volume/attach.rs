//! Volumes that are not attached to the node of a pod.

use std::time::Duration;

use super::super::logs::shorten;
use super::super::place::{command, kubectl};
use super::super::{CauseCode, Confidence, Diagnosis, Finding, Hold, Prognosis};
use super::claim::{CLAIM_EVERY, want};
use super::{Trouble, holder, with_attempts};
use crate::model::Rollout;
use crate::observation::Request;

/// The first word of an attacher that does not answer comes after two minutes of waiting for it.
const NOBODY_ANSWERS: Duration = Duration::from_secs(60);

fn ask_for_claims(rollout: &Rollout<'_>, trouble: &Trouble<'_, '_>, diagnosis: &mut Diagnosis) {
    for (_, name) in trouble.pod.claims() {
        diagnosis.ask(Request::every(CLAIM_EVERY, want(rollout, &name)));
    }
}

/// `volume-multi-attach`.
pub(super) fn held_elsewhere(
    rollout: &Rollout<'_>,
    trouble: &Trouble<'_, '_>,
    diagnosis: &mut Diagnosis,
) -> Finding {
    ask_for_claims(rollout, trouble, diagnosis);
    holder::by_attachment(rollout, trouble, diagnosis)
}

/// `volume-attach-failed`.
pub(super) fn failed(rollout: &Rollout<'_>, trouble: &Trouble<'_, '_>, diagnosis: &mut Diagnosis) -> Finding {
    ask_for_claims(rollout, trouble, diagnosis);
    let (name, node, words) = (trouble.name(rollout), trouble.node(), trouble.words);
    let silent = words
        .split_once("timed out waiting for external-attacher of ")
        .and_then(|(_, rest)| rest.split_once(" CSI driver"))
        .map(|(driver, _)| driver);
    let unknown = words
        .split_once("does not contain driver ")
        .map(|(_, rest)| rest.split_whitespace().next().unwrap_or_default());
    let headline = match (silent, unknown) {
        (Some(driver), _) => {
            format!("{name} is not attached to {node}: the attacher of CSI driver {driver} does not answer")
        }
        (None, Some(driver)) => {
            format!("{name} is not attached to {node}: CSI driver {driver} does not run there")
        }
        _ => format!("{name} could not be attached to {node}: {}", said(words)),
    };
    let finding = Finding::new(
        CauseCode::VolumeAttachFailed,
        format!("{name}/{}", silent.or(unknown).unwrap_or_default()),
        trouble.pod.object_ref(),
        headline,
        trouble.evidence(),
    );
    let finding = match (silent, unknown) {
        (Some(driver), _) => finding.with_tolerance(NOBODY_ANSWERS).with_help(format!(
            "Look whether the controller of CSI driver {driver} runs (its pod has a container csi-attacher), and whether the PersistentVolume names the driver right"
        )),
        (None, Some(driver)) => finding.with_tolerance(Duration::from_secs(120)).with_help(format!(
            "Look whether the DaemonSet of CSI driver {driver} has a pod on {node}, and what it says"
        )),
        _ if words.contains("being deleted") => finding
            .with_hold(Hold::Announce)
            .with_confidence(Confidence::Likely)
            .with_prognosis(Prognosis::Transient)
            .with_help("an earlier attachment is still being taken away; if that hangs, look at its node"),
        _ => finding.with_help("the words are those of the storage: a wrong zone, a volume that is gone, a permission of the driver, or too many volumes on the machine"),
    };
    let finding = finding
        .with_command(command(&["kubectl", "get", "volumeattachments"]))
        .with_command(kubectl(rollout.namespace(), &["describe", "pod", &trouble.pod.metadata.name]));
    with_attempts(finding, trouble.attempts(rollout))
}

/// The driver's own words, without what wraps them.
pub(super) fn said(words: &str) -> String {
    let words = words.rsplit_once(" desc = ").map_or(words, |(_, words)| words);
    shorten(words.trim(), 300)
}
