#![doc = include_str!("image.md")]

mod access;
mod advice;
mod name;
mod pull;
mod pull_error;
mod pull_secrets;
mod reference;
mod registry;
mod relatives;

use super::place::{container_words, kubectl, spec_path, waiting_evidence};
use super::{CauseCode, Diagnosis, Evidence, Finding, Prognosis};
use crate::model::{ContainerStatus, Pod, Rollout, reason};
pub(super) use reference::Reference;

/// The waiting reason of a signature policy of the node.
const SIGNATURE_VALIDATION_FAILED: &str = "SignatureValidationFailed";

/// Every rule of this family.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    for pod in rollout.live_pods() {
        for status in pod.statuses() {
            match status.waiting_reason() {
                Some(reason::INVALID_IMAGE_NAME) => diagnosis.add(name_invalid(rollout, pod, status)),
                Some(reason::ERR_IMAGE_NEVER_PULL) => diagnosis.add(never_pulled(rollout, pod, status)),
                Some(
                    reason::ERR_IMAGE_PULL
                    | reason::IMAGE_PULL_BACK_OFF
                    | reason::REGISTRY_UNAVAILABLE
                    | reason::IMAGE_INSPECT_ERROR
                    | SIGNATURE_VALIDATION_FAILED,
                ) => pull::rules(rollout, pod, status, diagnosis),
                _ => {}
            }
        }
    }
}

/// The image as the author wrote it.
fn written_image<'a>(pod: &'a Pod, status: &'a ContainerStatus) -> &'a str {
    pod.spec.container(&status.name).map_or(status.image.as_str(), |container| container.image.as_str())
}

/// `kubectl set image`, which reaches init containers too.
fn set_image(rollout: &Rollout<'_>, container: &str, image: &str) -> String {
    let target = rollout.workload.command_target();
    kubectl(rollout.namespace(), &["set", "image", &target, &format!("{container}={image}")])
}

fn name_invalid(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus) -> Finding {
    let image = written_image(pod, status);
    let fault = name::fault(image);
    let headline = format!(
        "image name \"{image}\" of {} is not valid: {}",
        container_words(pod, &status.name),
        fault.what
    );
    let mut finding = Finding::new(
        CauseCode::ImageNameInvalid,
        image,
        pod.object_ref(),
        headline,
        waiting_evidence(pod, status),
    )
    .with_prognosis(Prognosis::Permanent)
    .on_pod(&pod.metadata.name)
    .with_evidence(Evidence::field(
        rollout.workload.object_ref(),
        spec_path(pod, &status.name, "image").replacen("spec.", "spec.template.spec.", 1),
        image,
    ))
    .with_help(fault.help);
    if let Some(meant) = fault.meant {
        finding = finding.with_command(set_image(rollout, &status.name, &meant));
    } else {
        // The same image in an older revision shows how the name was meant.
        let wanted = Reference::parse(image);
        let relatives = relatives::relatives(rollout, &status.name);
        if let Some(known) = relatives
            .iter()
            .find(|known| known.reference.repository() == wanted.repository() && known.running)
        {
            finding = finding
                .with_help(format!("Last good image: {}, which {}.", known.reference.full(), known.words))
                .with_command(set_image(rollout, &status.name, &known.reference.full()));
        }
    }
    finding
}

fn never_pulled(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus) -> Finding {
    let image = Reference::parse(written_image(pod, status)).full();
    let node = pod.node().map_or_else(|| "the node".to_owned(), |node| format!("node {node}"));
    let headline = format!(
        "image {image} is not on {node}, and imagePullPolicy Never of {} forbids pulling it",
        container_words(pod, &status.name)
    );
    let target = rollout.workload.command_target();
    let list = if pod.spec.init_containers.iter().any(|container| container.name == status.name) {
        "initContainers"
    } else {
        "containers"
    };
    let patch = serde_json::json!({"spec": {"template": {"spec": {
        list: [{"name": status.name, "imagePullPolicy": "IfNotPresent"}]}}}});
    Finding::new(
        CauseCode::ImageNeverPulled,
        image.as_str(),
        pod.object_ref(),
        headline,
        waiting_evidence(pod, status),
    )
    .with_prognosis(Prognosis::LikelyPermanent)
    .on_pod(&pod.metadata.name)
    .with_evidence(Evidence::field(pod.object_ref(), spec_path(pod, &status.name, "imagePullPolicy"), "Never"))
    .with_help("Set imagePullPolicy to IfNotPresent, so that the node pulls what it lacks.")
    .with_help(
        "If the image exists only on your machine, load it onto every node that can run the pod, under exactly this \
         name: `kind load docker-image`, `minikube image load`, `k3d image import`, or `ctr -n k8s.io images import`.",
    )
    .with_command(kubectl(rollout.namespace(), &["patch", &target, "-p", &patch.to_string()]))
}

#[cfg(test)]
mod tests;
