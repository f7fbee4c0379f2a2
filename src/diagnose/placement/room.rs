//! Too little CPU, memory, devices or pod slots.

use std::time::Duration;

use super::Waiting;
use super::nodes::{known, largest, reference, shown};
use crate::diagnose::place::command;
use crate::diagnose::{CauseCode, Evidence, Finding, Prognosis, nearest};
use crate::model::{Ask, Quantity, human_bytes};

/// `insufficient-resources`.
pub(super) fn insufficient(waiting: &Waiting<'_, '_>) -> Finding {
    let resources = waiting.sentence.resources();
    let asked: Vec<String> =
        resources.iter().filter(|resource| **resource != "pods").map(|name| asked(waiting, name)).collect();
    let what = resources.join(" and ");
    let never = resources.iter().find_map(|resource| never_fits(waiting, resource));
    let absent = resources.iter().find(|resource| offered_nowhere(waiting, resource));
    let blocked = waiting.blocked_by_own();
    let headline = if let Some(absent) = absent {
        format!("no node offers {absent}, which a pod asks for")
    } else if let Some((resource, most)) = &never {
        format!(
            "a pod asks for {}, and the largest node has {most} {resource} in all: no node can ever take it",
            asked.join(" and ")
        )
    } else if asked.is_empty() {
        format!(
            "{} take another pod: the number of pods per node is limited",
            waiting.nodes("cannot", "cannot")
        )
    } else {
        let nodes = waiting.nodes("has", "have");
        format!("{nodes} too little {what} free: a pod asks for {}", asked.join(" and "))
    };
    let headline = match blocked {
        Some(old) if absent.is_none() && never.is_none() => format!(
            "{headline}; {old} old pod{} of this Deployment stay{} until new ones are ready (maxUnavailable 0)",
            if old == 1 { "" } else { "s" },
            if old == 1 { "s" } else { "" }
        ),
        _ => headline,
    };
    let mut finding = waiting.finding(CauseCode::InsufficientResources, resources.join(","), headline);
    for resource in &resources {
        finding = with_evidence(waiting, resource, finding);
    }
    if let Some(absent) = absent {
        return absent_resource(waiting, absent, finding);
    }
    if never.is_some() {
        // An autoscaler that could make a larger node says so within seconds.
        finding = finding.with_prognosis(Prognosis::Permanent).with_tolerance(Duration::from_secs(30));
    } else if blocked.is_some() {
        finding = waiting.with_strategy(finding).with_prognosis(Prognosis::LikelyPermanent);
    }
    options(waiting, &resources, never, finding)
}

fn options(
    waiting: &Waiting<'_, '_>,
    resources: &[&str],
    never: Option<(&str, String)>,
    finding: Finding,
) -> Finding {
    let what = resources.join(" and ");
    let finding = match never {
        Some((resource, most)) => finding
            .with_help(format!("Lower the {resource} request of the pods below {most}: a number or its unit may be mistaken."))
            .with_help(format!("Or add a node with more than {most} {resource}.")),
        None => finding
            .with_help(format!("Free or add room: another node, fewer replicas, or lower requests of {what}, here or in other workloads."))
            .with_help("Requests count, not use: a node may be idle and still have nothing left to give."),
    };
    let containers = &waiting.rollout.workload.spec.template.spec.containers;
    let askers: Vec<_> = containers
        .iter()
        .filter(|container| resources.iter().any(|name| container.resources.requests.contains_key(*name)))
        .collect();
    let finding = if askers.is_empty() && resources != ["pods"] {
        finding.with_help("The template names no such request: it comes from the default of a LimitRange, or something adds it to the pods.")
    } else {
        finding
    };
    finding.with_command(command(&["kubectl", "describe", "nodes"]))
}

/// `1000 cpu`.
fn asked(waiting: &Waiting<'_, '_>, resource: &str) -> String {
    let value = waiting.pod.spec.total(Ask::Request, resource);
    format!("{} {resource}", written(resource, value))
}

fn written(resource: &str, value: f64) -> String {
    if resource == "cpu" {
        if value.fract().abs() < 1e-9 { format!("{value:.0}") } else { format!("{:.0}m", value * 1000.0) }
    } else if resource == "memory" || resource.contains("storage") || resource.starts_with("hugepages-") {
        human_bytes(value)
    } else {
        format!("{value:.0}")
    }
}

/// The resource and the most that a node has of it, where a pod asks for more than that.
fn never_fits<'r>(waiting: &Waiting<'_, '_>, resource: &'r str) -> Option<(&'r str, String)> {
    let nodes = known(waiting.rollout)?;
    let (_, most, _) = largest(nodes, resource)?;
    let asked = if resource == "pods" { 1.0 } else { waiting.pod.spec.total(Ask::Request, resource) };
    (asked > most).then(|| (resource, written(resource, most)))
}

fn offered_nowhere(waiting: &Waiting<'_, '_>, resource: &str) -> bool {
    known(waiting.rollout).is_some_and(|nodes| {
        nodes.iter().all(|node| {
            let offered = node.status.allocatable.get(resource);
            offered.and_then(|offered| Quantity::new(offered).value()).is_none_or(|value| value <= 0.0)
        })
    })
}

fn with_evidence(waiting: &Waiting<'_, '_>, resource: &str, finding: Finding) -> Finding {
    let containers = &waiting.pod.spec.containers;
    let mut finding = finding;
    for container in containers {
        if let Some(asked) = container.resources.requests.get(resource) {
            let path = format!("spec.containers[{}].resources.requests.{resource}", container.name);
            finding = finding.with_evidence(Evidence::field(waiting.pod.object_ref(), path, asked.human()));
        }
    }
    let largest = known(waiting.rollout).and_then(|nodes| largest(nodes, resource));
    match largest {
        Some((node, _, most)) => finding.with_evidence(Evidence::field(
            reference(&node.metadata.name),
            format!("status.allocatable.{resource}"),
            format!("{} (the most of any node; all its pods share it)", Quantity::new(most).human()),
        )),
        None => finding,
    }
}

/// A device that no node announces: a typing error, or its plugin does not run.
fn absent_resource(waiting: &Waiting<'_, '_>, resource: &str, finding: Finding) -> Finding {
    let mut offered: Vec<&str> = known(waiting.rollout)
        .unwrap_or_default()
        .iter()
        .flat_map(|node| node.status.allocatable.keys().map(String::as_str))
        .collect();
    offered.sort_unstable();
    offered.dedup();
    let near = nearest(resource, offered.iter().copied());
    let finding = finding.with_prognosis(Prognosis::LikelyPermanent);
    let finding = if near.is_empty() {
        finding
    } else {
        finding.with_help(format!("Did you mean {}?", near.join(" or ")))
    };
    finding
        .with_help(format!(
            "If {resource} is a device, the plugin that announces it must run on a node that has one."
        ))
        .with_help(format!("Resources that nodes offer: {}.", shown(offered)))
        .with_command(command(&["kubectl", "describe", "nodes"]))
}
