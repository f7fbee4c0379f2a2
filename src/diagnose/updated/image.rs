//! The template has not the image that it should have.

use super::{MANAGERS_EVERY, moment};
use crate::diagnose::image::Reference;
use crate::diagnose::place::kubectl;
use crate::diagnose::{CauseCode, Diagnosis, Evidence, Finding, Prognosis, nearest};
use crate::model::{Container, FieldManager, Rollout, Workload};
use crate::observation::{Request, Want};
use crate::policy::Expected;

/// Controllers that write a workload from a source of their own, by a part of their names.
const FROM_A_SOURCE: &[(&str, &str)] = &[
    ("argocd", "Argo CD"),
    ("kustomize-controller", "Flux"),
    ("helm-controller", "Flux"),
    ("flux", "Flux"),
    ("fleet", "Fleet"),
    ("keel", "Keel"),
    ("image-updater", "the image updater"),
    ("helm", "Helm"),
];

/// Whether the template has that image.
pub(super) fn is_met(workload: &Workload, expected: &Expected) -> bool {
    let spec = &workload.spec.template.spec;
    match &expected.container {
        Some(name) => spec.container(name).is_some_and(|container| is(&container.image, &expected.value)),
        None => spec.all_containers().any(|container| is(&container.image, &expected.value)),
    }
}

/// Whether a reference is the one expected. A digest that is pinned beside the tag expected is no difference.
fn is(image: &str, expected: &str) -> bool {
    let (image, expected) = (Reference::parse(image), Reference::parse(expected));
    let same_tag = image.repository() == expected.repository() && image.tag == expected.tag;
    image.full() == expected.full() || expected.digest.is_none() && image.digest.is_some() && same_tag
}

/// `image-not-updated` of the template.
pub(super) fn rule(rollout: &Rollout<'_>, expected: &Expected, diagnosis: &mut Diagnosis) {
    let workload = rollout.workload;
    if is_met(workload, expected) {
        return;
    }
    diagnosis.ask(Request::every(MANAGERS_EVERY, Want::Managers(workload.object_ref())));
    let spec = &workload.spec.template.spec;
    let named = format!("{} {}", workload.kind, workload.metadata.name);
    let wanted = &expected.value;
    // Which container should have it: the one named, or the one with another tag of that image, or the only one.
    let container = if let Some(name) = &expected.container {
        spec.container(name)
    } else {
        let only = match spec.containers.as_slice() {
            [one] => Some(one),
            _ => None,
        };
        spec.all_containers().find(|container| is_of_repository(container, wanted)).or(only)
    };
    let elsewhere = spec.all_containers().find(|container| is(&container.image, wanted));
    let kind =
        |container: &Container| if spec.is_init(&container.name) { "init container" } else { "container" };
    let mut headline = match (container, &expected.container) {
        (Some(container), _) => {
            format!(
                "{} {} of {named} has image {}, not {wanted}",
                kind(container),
                container.name,
                container.image
            )
        }
        (None, Some(name)) => format!("{named} has no container {name}, which should have image {wanted}"),
        (None, None) => format!("no container of {named} has image {wanted}"),
    };
    if let Some(other) = elsewhere {
        headline = format!("{headline}; {} {} has it", kind(other), other.name);
    }
    let reverted = reverted_from(rollout, expected);
    if let Some(revision) = &reverted {
        headline = format!("{headline}; revision {revision} had it");
    }
    let subject = workload.object_ref();
    let mut finding = Finding::new(
        CauseCode::ImageNotUpdated,
        format!("{} {wanted}", expected.container.as_deref().unwrap_or_default()),
        subject.clone(),
        headline,
        image_evidence(rollout, container),
    )
    .with_prognosis(Prognosis::LikelyPermanent);
    let name = container.map(|container| container.name.as_str());
    let manager = writer_of(rollout.managers(), name);
    if let Some(manager) = manager {
        let at = manager.at.map_or_else(String::new, |at| format!(" at {}", moment(at)));
        let what = if name.is_some() { "image" } else { "template" };
        finding = finding.with_evidence(Evidence::field(
            subject,
            "metadata.managedFields",
            format!("{what} written by {}{at}", manager.name),
        ));
    }
    finding = advice(rollout, expected, container, elsewhere, manager, reverted.is_some(), finding);
    diagnosis.add(finding);
}

fn is_of_repository(container: &Container, wanted: &str) -> bool {
    Reference::parse(&container.image).repository() == Reference::parse(wanted).repository()
}

fn image_evidence(rollout: &Rollout<'_>, container: Option<&Container>) -> Evidence {
    let spec = &rollout.workload.spec.template.spec;
    let object = rollout.workload.object_ref();
    let Some(container) = container else {
        let all: Vec<String> = spec
            .all_containers()
            .map(|container| format!("{} {}", container.name, container.image))
            .collect();
        return Evidence::field(object, "spec.template.spec.containers", all.join(", "));
    };
    let init = spec.init_containers.iter().any(|other| other.name == container.name);
    let list = if init { "initContainers" } else { "containers" };
    let path = format!("spec.template.spec.{list}[{}].image", container.name);
    Evidence::field(object, path, container.image.clone())
}

/// The revision of an older ReplicaSet that has the image: somebody set it back.
fn reverted_from(rollout: &Rollout<'_>, expected: &Expected) -> Option<String> {
    let has = |container: &Container| {
        expected.container.as_ref().is_none_or(|name| *name == container.name)
            && is(&container.image, &expected.value)
    };
    rollout
        .old_sets
        .iter()
        .filter(|set| set.spec.template.spec.all_containers().any(has))
        .filter_map(|set| set.metadata.annotations.revision.clone())
        .max_by_key(|revision| revision.parse::<u64>().ok())
}

/// Who wrote the image of a container last; without one, the template.
fn writer_of<'a>(managers: &'a [FieldManager], container: Option<&str>) -> Option<&'a FieldManager> {
    managers
        .iter()
        .find(|manager| container.is_none_or(|name| manager.images.iter().any(|image| image == name)))
}

fn advice(
    rollout: &Rollout<'_>,
    expected: &Expected,
    container: Option<&Container>,
    elsewhere: Option<&Container>,
    manager: Option<&FieldManager>,
    reverted: bool,
    finding: Finding,
) -> Finding {
    let spec = &rollout.workload.spec.template.spec;
    let (namespace, target) = (rollout.namespace(), rollout.workload.command_target());
    let mut finding = finding;
    if let (Some(name), None) = (&expected.container, container) {
        let near = nearest(name, spec.all_containers().map(|container| container.name.as_str()));
        finding = match near.first() {
            Some(near) => {
                finding.with_help(format!("Did you mean --expect-image {near}={}?", expected.value))
            }
            None => finding.with_help("Name a container that the template has."),
        };
    }
    if let (Some(other), Some(name)) = (elsewhere, &expected.container) {
        finding = finding.with_help(format!(
            "The image was set on container {} instead of {name}: correct the manifest, or the command that set it.",
            other.name
        ));
    }
    let source = manager.and_then(|manager| {
        let of = |(part, source): &(&str, &'static str)| manager.name.contains(part).then_some(*source);
        FROM_A_SOURCE.iter().find_map(of)
    });
    finding = match source {
        Some(source) => finding.with_help(format!(
            "{source} writes this object from a source of its own: change the image there, or it is set back again."
        )),
        None if reverted => finding.with_help(
            "Something set the image back after it was rolled out: another pipeline, an older manifest, or an undo.",
        ),
        None => finding.with_help(
            "The apply did not change the template: was the manifest built with the new tag, and applied to this namespace and context?",
        ),
    };
    let finding =
        finding.with_help("If something else applies the image later, be more patient with --patience.");
    match container {
        Some(container) if !spec.is_init(&container.name) => finding.with_command(kubectl(
            namespace,
            &["set", "image", &target, &format!("{}={}", container.name, expected.value)],
        )),
        _ => finding,
    }
    .with_command(kubectl(namespace, &["get", &target, "-o", "yaml", "--show-managed-fields"]))
}
