//! What the scheduler says of volumes, and the link of the chain that is behind it.

use super::super::place::{command, kubectl};
use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Prognosis};
use super::claim;
use super::holder;
use crate::model::{Kind, Lookup, ObjectRef, PersistentVolume, Pod, Rollout};
use crate::observation::{Request, Want};

/// What a reason of the scheduler is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A claim that does not exist, is not bound, or lost its volume.
    Claim,
    /// A bound volume that can be used on some nodes only.
    Nodes,
    /// A volume that another pod has.
    Held,
    /// As many volumes as can be attached to a node.
    Full,
}

/// The topic of the reason of a node group; `None` if it is not about volumes. The texts are those of the plugins
/// VolumeBinding, VolumeZone, VolumeRestrictions and NodeVolumeLimits of pkg/scheduler, of 1.24 to 1.36.
pub(crate) fn topic(reason: &str) -> Option<Topic> {
    let has = |sign: &str| reason.contains(sign);
    Some(
        if has("PersistentVolume's node affinity")
            || has("volume node affinity conflict")
            || has("no available volume zone")
        {
            Topic::Nodes
        } else if has("ReadWriteOncePod access mode") || has("had no available disk") {
            Topic::Held
        } else if has("exceed max volume count") {
            Topic::Full
        } else if has("persistentvolumeclaim")
            || has("PersistentVolumeClaim")
            || has("persistent volumes to bind")
            || has("non-existent pv")
            || has("storageclass.storage.k8s.io")
            || has("enough free storage")
            || has("binding volumes")
        {
            Topic::Claim
        } else {
            return None;
        },
    )
}

/// Names what keeps a pod from a node, where the scheduler's main reason is about volumes. `others`: what it says of
/// the other nodes.
pub(crate) fn unplaced(
    rollout: &Rollout<'_>,
    pod: &Pod,
    reason: &str,
    others: &[String],
    evidence: &Evidence,
    diagnosis: &mut Diagnosis,
) {
    let before = diagnosis.findings.len();
    let finding = match topic(reason) {
        Some(Topic::Held) => Some(holder::by_scheduler(rollout, pod, reason, evidence, diagnosis)),
        Some(Topic::Nodes) => Some(elsewhere(rollout, pod, evidence, diagnosis)),
        Some(Topic::Full) => Some(full(rollout, pod, evidence)),
        _ if claim::chain(rollout, pod, Some(evidence), diagnosis) => None,
        // What was asked for says more than the words.
        _ if is_waiting(rollout, diagnosis) => None,
        _ => Some(words_only(rollout, pod, reason, evidence)),
    };
    if let Some(finding) = finding {
        diagnosis.add(finding.on_pod(&pod.metadata.name));
    }
    if !others.is_empty()
        && let Some(added) = diagnosis.findings.get_mut(before)
    {
        added.headline = format!("{} (the others: {})", added.headline, others.join(", "));
    }
}

fn is_waiting(rollout: &Rollout<'_>, diagnosis: &Diagnosis) -> bool {
    let about_storage = |want: &Want| match want {
        Want::Claim { .. } | Want::StorageClasses | Want::Volumes | Want::Volume { .. } => true,
        Want::Events(object) => object.kind == Kind::PersistentVolumeClaim,
        _ => false,
    };
    let open = |want: &Want| rollout.store().answer(want).is_none();
    diagnosis.requests.iter().any(|request| about_storage(&request.want) && open(&request.want))
}

/// The claims could not be read, or tell nothing (yet): the scheduler's words stand alone.
fn words_only(rollout: &Rollout<'_>, pod: &Pod, reason: &str, evidence: &Evidence) -> Finding {
    let missing = reason.contains("not found") && reason.contains("persistentvolumeclaim \"");
    let code = if missing { CauseCode::ClaimMissing } else { CauseCode::ClaimUnbound };
    let words = reason.trim_end_matches(". not found");
    let headline = format!("no node takes the pods because of their volumes: {words}");
    let mut finding = Finding::new(code, words, pod.object_ref(), headline, evidence.clone())
        .with_confidence(Confidence::Likely)
        .with_tolerance(std::time::Duration::from_secs(120));
    let refused = pod.claims().any(|(_, name)| matches!(rollout.claim(&name), Lookup::Refused(_)));
    if refused {
        finding = finding
            .with_help("The claims could not be read with these credentials (get persistentvolumeclaims).");
    }
    finding
        .with_help("Look at the claims of the pods: each must exist and have the status Bound.")
        .with_command(kubectl(rollout.namespace(), &["get", "persistentvolumeclaims"]))
        .with_command(kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name]))
}

/// `volume-node-mismatch`: the volume can be used on some nodes only, and none of them takes the pod.
fn elsewhere(rollout: &Rollout<'_>, pod: &Pod, evidence: &Evidence, diagnosis: &mut Diagnosis) -> Finding {
    let mut bound: Vec<(String, &PersistentVolume)> = Vec::new();
    for (_, name) in pod.claims() {
        diagnosis.ask(Request::every(claim::CLAIM_EVERY, claim::want(rollout, &name)));
        let Lookup::Found(claim) = rollout.claim(&name) else { continue };
        if claim.spec.volume_name.is_empty() {
            continue;
        }
        diagnosis.ask(Request::every(10, Want::Volume { name: claim.spec.volume_name.clone() }));
        if let Lookup::Found(volume) = rollout.volume(&claim.spec.volume_name)
            && !volume.spec.node_affinity.required.node_selector_terms.is_empty()
        {
            bound.push((name, volume));
        }
    }
    let wanted = |volume: &PersistentVolume| {
        let terms = &volume.spec.node_affinity.required.node_selector_terms;
        let terms: Vec<String> = terms
            .iter()
            .map(|term| {
                let all: Vec<String> = term
                    .match_expressions
                    .iter()
                    .map(|wanted| format!("{} {} {}", wanted.key, wanted.operator, wanted.values.join(", ")))
                    .collect();
                all.join(" and ")
            })
            .collect();
        terms.join(", or ")
    };
    let none_has = |volume: &PersistentVolume| match rollout.nodes() {
        Lookup::Found(nodes) if !nodes.is_empty() => {
            let terms = &volume.spec.node_affinity.required.node_selector_terms;
            !nodes.iter().any(|node| {
                terms.iter().any(|term| {
                    term.match_expressions
                        .iter()
                        .all(|wanted| wanted.matches(node.metadata.labels.get(&wanted.key)))
                })
            })
        }
        _ => false,
    };
    let guilty = bound.iter().find(|(_, volume)| none_has(volume)).or_else(|| bound.first());
    let Some((name, volume)) = guilty else {
        let headline = "the volumes of the pods cannot be used on any node that would take them".to_owned();
        return Finding::new(
            CauseCode::VolumeNodeMismatch,
            "volumes",
            pod.object_ref(),
            headline,
            evidence.clone(),
        )
        .with_confidence(Confidence::Likely)
        .with_help(
            "The volumes belong to nodes or zones; compare their node affinity with the labels of the nodes",
        )
        .with_command(kubectl(rollout.namespace(), &["get", "persistentvolumeclaims"]))
        .with_command(command(&["kubectl", "get", "persistentvolumes", "-o", "yaml"]));
    };
    let volume_name = volume.metadata.name.as_str();
    let wanted = wanted(volume);
    let gone = none_has(volume);
    let end = if gone { "no node is like that" } else { "no such node takes the pods" };
    let headline = format!(
        "PersistentVolume {volume_name} (claim {name}) can be used only on a node with {wanted}, and {end}"
    );
    let object = ObjectRef::named(Kind::PersistentVolume, "", volume_name);
    let finding = Finding::new(
        CauseCode::VolumeNodeMismatch,
        name.as_str(),
        object.clone(),
        headline,
        evidence.clone(),
    )
    .with_evidence(Evidence::field(object, "spec.nodeAffinity.required", wanted));
    let finding = if gone {
        finding
            .with_prognosis(Prognosis::Permanent)
            .with_help("The node or zone of the volume is gone: bring a node with that label back, or move the data to a new volume")
    } else {
        finding.with_help("Make room on such a node, or let the pods go there: their other rules exclude it, or it is full, tainted or not ready")
    };
    finding
        .with_help(
            "A StorageClass with volumeBindingMode WaitForFirstConsumer makes volumes where the pod can run",
        )
        .with_command(command(&["kubectl", "get", "nodes", "--show-labels"]))
        .with_command(kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name]))
}

/// A node can have only so many volumes of a driver.
fn full(rollout: &Rollout<'_>, pod: &Pod, evidence: &Evidence) -> Finding {
    let headline = "every suitable node has as many volumes attached as it can have".to_owned();
    Finding::new(CauseCode::VolumeAttachFailed, "volume count", pod.object_ref(), headline, evidence.clone())
        .with_tolerance(std::time::Duration::from_secs(60))
        .with_help(
            "Add a node, or run pods with fewer volumes on each: the limit is the driver's, by machine type",
        )
        .with_command(command(&["kubectl", "get", "csinodes", "-o", "yaml"]))
        .with_command(kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name]))
}
