//! A quota that counts a resource demands that every container names it.

use std::collections::BTreeMap;

use super::amount::field;
use super::message::Unnamed;
use super::room::list;
use crate::diagnose::place::kubectl;
use crate::diagnose::refusal::Refusal;
use crate::diagnose::{CauseCode, Evidence, Finding, Prognosis};
use crate::model::{Container, PodSpec, Rollout};

/// `quota-requires-resources`.
pub(super) fn finding(
    rollout: &Rollout<'_>,
    refusal: &Refusal<'_>,
    quota: &str,
    unnamed: &[Unnamed],
) -> Finding {
    let namespace = rollout.namespace();
    let spec = &rollout.workload.spec.template.spec;
    let all: Vec<&str> = unnamed.iter().map(|unnamed| unnamed.resource.as_str()).collect();
    let lacking = by_container(unnamed, spec);
    let who: Vec<String> = lacking
        .iter()
        .map(|(container, resources)| format!("container {container} has no {}", resources.join(" and no ")))
        .collect();
    let who =
        if who.is_empty() { format!("a container does not name {}", words(&all)) } else { who.join(", ") };
    let headline = format!("ResourceQuota {quota} of namespace {namespace} counts {}: {who}", words(&all));
    let mut finding = Finding::new(
        CauseCode::QuotaRequiresResources,
        format!("{quota} {}", all.join(",")),
        refusal.subject(rollout),
        headline,
        refusal.evidence.clone(),
    )
    .with_prognosis(Prognosis::Permanent)
    .with_help(
        "Set them in the template; the amounts below are placeholders for what the container really needs.",
    );
    let target = rollout.workload.command_target();
    for (container, resources) in &lacking {
        match spec.container(container) {
            None => {
                finding = finding.with_help(format!(
                    "Container {container} is not in the template: something adds it to the pods (a service mesh, for example), and its resources are set there."
                ));
            }
            // `kubectl set resources` does not reach init containers.
            Some(_) if spec.is_init(container) => {
                finding = finding.with_help(format!("Init container {container} must name them too."));
            }
            Some(container) => {
                let flags = flags(resources);
                let mut command = vec!["set", "resources", target.as_str(), "-c", container.name.as_str()];
                command.extend(flags.iter().map(String::as_str));
                finding = finding
                    .with_evidence(asked_evidence(rollout, container, resources))
                    .with_command(kubectl(namespace, &command));
            }
        }
    }
    finding
        .with_help(format!(
            "Or give every container of namespace {namespace} a default with a LimitRange: `default` for limits, `defaultRequest` for requests."
        ))
        .with_command(kubectl(namespace, &["describe", "resourcequota", quota]))
}

/// The resources that each container must name. The texts before Kubernetes 1.24 name no container: then those
/// of the template that lack them.
fn by_container<'a>(unnamed: &'a [Unnamed], template: &'a PodSpec) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Unnamed { resource, containers } in unnamed {
        let names: Vec<&str> = if containers.is_empty() {
            template
                .all_containers()
                .filter(|container| lacks(container, resource))
                .map(|c| c.name.as_str())
                .collect()
        } else {
            containers.iter().map(String::as_str).collect()
        };
        for name in names {
            lacking.entry(name).or_default().push(resource);
        }
    }
    lacking
}

fn lacks(container: &Container, resource: &str) -> bool {
    field(resource).is_some_and(|(ask, name)| match ask {
        crate::model::Ask::Request => !container.resources.requests.contains_key(name),
        crate::model::Ask::Limit => !container.resources.limits.contains_key(name),
    })
}

/// `a`, `a and b`, `a, b and c`.
fn words(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// `--limits=cpu=500m,memory=128Mi`, with amounts to be corrected.
fn flags(resources: &[&str]) -> Vec<String> {
    let mut by_list: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (ask, name) in resources.iter().filter_map(|resource| field(resource)) {
        let amount = match name {
            "cpu" => "500m",
            "memory" => "128Mi",
            "ephemeral-storage" => "1Gi",
            _ => "1",
        };
        by_list.entry(list(ask)).or_default().push(format!("{name}={amount}"));
    }
    by_list.into_iter().map(|(list, amounts)| format!("--{list}={}", amounts.join(","))).collect()
}

/// What the container has instead.
fn asked_evidence(rollout: &Rollout<'_>, container: &Container, resources: &[&str]) -> Evidence {
    let absent: Vec<&str> = resources.iter().copied().filter(|resource| lacks(container, resource)).collect();
    let of = rollout.workload.command_target();
    if absent.is_empty() {
        Evidence::absence(format!(
            "container {} of {of} names them in the template; what creates the pods may remove them",
            container.name
        ))
    } else {
        Evidence::absence(format!("container {} of {of} sets no {}", container.name, absent.join(" and no ")))
    }
}
