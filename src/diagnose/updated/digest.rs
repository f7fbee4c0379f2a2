//! The pods run another image than the one expected, although the name may be the same.

use std::collections::BTreeMap;

use crate::diagnose::place::{kubectl, status_path};
use crate::diagnose::{CauseCode, Diagnosis, Evidence, Finding, Prognosis};
use crate::model::{Container, Pod, Rollout, reason};
use crate::observation::{Request, Want};
use crate::policy::Expected;

/// Seconds between two looks at the events of a pod.
const EVENTS_EVERY: u64 = 10;

/// The digest that a container of a pod runs, where the runtime tells one that registries know.
fn digest_of<'a>(pod: &'a Pod, container: &str) -> Option<&'a str> {
    let status = pod.status_of(container)?;
    status.image_id.rsplit_once('@').map(|(_, digest)| digest)
}

/// `image-not-updated` of the pods: judged once kubelet has told the image of each container asked about.
pub(super) fn rule(rollout: &Rollout<'_>, expected: &Expected, diagnosis: &mut Diagnosis) {
    let spec = &rollout.workload.spec.template.spec;
    let containers: Vec<&Container> = spec
        .all_containers()
        .filter(|container| expected.container.as_ref().is_none_or(|name| *name == container.name))
        .collect();
    if containers.is_empty() {
        diagnosis.add(no_container(rollout, expected));
        return;
    }
    for pod in rollout.live_pods() {
        let known: Vec<(&Container, &str)> = containers
            .iter()
            .filter_map(|container| Some((*container, digest_of(pod, &container.name)?)))
            .collect();
        if known.iter().any(|(_, digest)| *digest == expected.value)
            || known.len() < containers.len() && !pod.is_ready()
        {
            continue;
        }
        diagnosis.ask(Request::every(EVENTS_EVERY, Want::Events(pod.object_ref())));
        diagnosis.add(mismatch(rollout, pod, &containers, &known, expected));
    }
}

fn no_container(rollout: &Rollout<'_>, expected: &Expected) -> Finding {
    let name = expected.container.as_deref().unwrap_or_default();
    let named = format!("{} {}", rollout.workload.kind, rollout.workload.metadata.name);
    let spec = &rollout.workload.spec.template.spec;
    let all: Vec<&str> = spec.all_containers().map(|container| container.name.as_str()).collect();
    Finding::new(
        CauseCode::ImageNotUpdated,
        format!("{name} {}", expected.value),
        rollout.workload.object_ref(),
        format!("{named} has no container {name}, which should run {}", short(&expected.value)),
        Evidence::field(rollout.workload.object_ref(), "spec.template.spec.containers", all.join(", ")),
    )
    .with_prognosis(Prognosis::Permanent)
    .with_help("Name a container that the template has, in --expect-digest.")
}

fn mismatch(
    rollout: &Rollout<'_>,
    pod: &Pod,
    containers: &[&Container],
    known: &[(&Container, &str)],
    expected: &Expected,
) -> Finding {
    let (namespace, target) = (rollout.namespace(), rollout.workload.command_target());
    let wanted = short(&expected.value);
    let container = known.first().map(|(container, _)| *container).or_else(|| containers.first().copied());
    let (name, image) = container.map_or(("", ""), |container| (&container.name, &container.image));
    let headline = match known {
        [(container, digest)] => format!(
            "container {} runs {} of {}, not {wanted}",
            container.name,
            short(digest),
            container.image
        ),
        [] => format!("the node tells no digest of image {image}, so it cannot be shown to be {wanted}"),
        _ => format!("no container runs {wanted}"),
    };
    let runs: Vec<String> =
        known.iter().map(|(container, digest)| format!("{}: {digest}", container.name)).collect();
    let evidence = match known {
        [] => Evidence::absence(format!("status.imageID of container {name} names no digest")),
        _ => Evidence::field(pod.object_ref(), status_path(pod, name, "imageID"), runs.join(", ")),
    };
    let mut finding = Finding::new(
        CauseCode::ImageNotUpdated,
        format!("{} {}", expected.container.as_deref().unwrap_or_default(), expected.value),
        pod.object_ref(),
        headline,
        evidence,
    )
    .on_pod(&pod.metadata.name)
    .with_prognosis(Prognosis::Permanent)
    .with_evidence(Evidence::field(
        rollout.workload.object_ref(),
        "expected digest",
        expected.value.clone(),
    ));
    let pinned = image.contains('@');
    let policy = container.and_then(|container| container.image_pull_policy.as_deref()).unwrap_or_default();
    let present = rollout
        .events(&pod.object_ref())
        .into_iter()
        .find(|event| event.reason == reason::PULLED && event.text().contains("already present on machine"));
    if let Some(event) = present {
        finding = finding.with_evidence(Evidence::event(pod.object_ref(), event));
    }
    finding = if pinned {
        finding.with_help("The template pins another digest: it was not updated.")
    } else if policy != "Always" {
        finding.with_help(format!(
            "The tag was moved, and imagePullPolicy {} keeps what the node already has of it: push every build under a tag of its own, or deploy by digest.",
            if policy.is_empty() { "IfNotPresent" } else { policy }
        ))
    } else {
        finding.with_help("The tag was at another image when the pod pulled it: restart the pods, and push every build under a tag of its own.")
    };
    let repository = image.split('@').next().unwrap_or(image);
    let repository = match repository.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => repository,
    };
    finding.with_command(kubectl(
        namespace,
        &["set", "image", &target, &format!("{name}={repository}@{}", expected.value)],
    ))
}

/// `sha256:0123456789ab…`
fn short(digest: &str) -> String {
    match digest.char_indices().nth(19) {
        Some((end, _)) => format!("{}…", digest.get(..end).unwrap_or(digest)),
        None => digest.to_owned(),
    }
}

/// The containers whose image differs between pods of the newest template: a tag that was moved meanwhile. With
/// each digest and how many pods run it.
pub(crate) fn differing<'a>(rollout: &Rollout<'a>) -> Vec<(&'a Container, BTreeMap<&'a str, usize>)> {
    let spec = &rollout.workload.spec.template.spec;
    spec.all_containers()
        .filter_map(|container| {
            let mut digests: BTreeMap<&str, usize> = BTreeMap::new();
            for pod in rollout.live_pods() {
                if let Some(digest) = digest_of(pod, &container.name) {
                    *digests.entry(digest).or_default() += 1;
                }
            }
            (digests.len() > 1).then_some((container, digests))
        })
        .collect()
}
