//! What a rollout changed against the revision before it, and which of it may explain a cause.

mod container;
mod culprit;
pub(super) mod remedy;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub(crate) use culprit::culprits;

use crate::model::{PodSpec, Rollout};

/// One difference between two templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Whose, where it is a container's.
    container: Option<String>,
    part: Part,
    /// In the words of the manifest, with the container in front.
    pub(crate) text: String,
}

/// The part of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// A container that was not there, or is not any more.
    Container,
    Image,
    Command,
    Liveness,
    Readiness,
    Startup,
    Cpu,
    Memory,
    /// Any other resource.
    Resource,
    Variables,
    Ports,
    HostPort,
    Mounts,
    Hooks,
    Volumes,
    Account,
    PullSecrets,
    /// Selectors, affinity, tolerations, spread, scheduler.
    Placement,
    Classes,
    Gates,
}

/// The changes of the template, those of the containers first. Empty without an earlier revision.
pub(crate) fn changes(rollout: &Rollout<'_>) -> Vec<Change> {
    let Some((old, new)) = rollout.templates() else { return Vec::new() };
    let mut changes = Vec::new();
    let mut add = |container: Option<&str>, part: Part, text: String| {
        let container = container.map(ToOwned::to_owned);
        changes.push(Change { container, part, text });
    };
    for is in new.all_containers() {
        match old.container(&is.name) {
            Some(was) => container::changes(was, is, &mut |part, text| {
                add(Some(&is.name), part, format!("{}: {text}", is.name));
            }),
            None => add(Some(&is.name), Part::Container, format!("container {} was added", is.name)),
        }
    }
    for was in old.all_containers().filter(|was| new.container(&was.name).is_none()) {
        add(Some(&was.name), Part::Container, format!("container {} was removed", was.name));
    }
    of_pod(old, new, &mut |part, text| add(None, part, text));
    changes
}

fn of_pod(old: &PodSpec, new: &PodSpec, add: &mut dyn FnMut(Part, String)) {
    let volumes = |spec: &PodSpec| -> BTreeMap<String, crate::model::Volume> {
        spec.volumes.iter().map(|volume| (volume.name.clone(), volume.clone())).collect()
    };
    named(&volumes(old), &volumes(new), |name, verb| add(Part::Volumes, format!("volume {name} {verb}")));
    named(&old.node_selector, &new.node_selector, |key, verb| {
        add(
            Part::Placement,
            match (new.node_selector.get(key), old.node_selector.get(key)) {
                (Some(is), Some(was)) => format!("nodeSelector {key} {was} → {is}"),
                (Some(value), None) | (None, Some(value)) => format!("nodeSelector {key}={value} {verb}"),
                (None, None) => format!("nodeSelector {key} {verb}"),
            },
        );
    });
    let placement = [
        ("affinity", old.affinity != new.affinity),
        ("tolerations", old.tolerations != new.tolerations),
        ("topologySpreadConstraints", old.topology_spread_constraints != new.topology_spread_constraints),
        ("schedulingGates", old.scheduling_gates != new.scheduling_gates),
    ];
    for (field, _) in placement.into_iter().filter(|(_, changed)| *changed) {
        add(Part::Placement, format!("{field} changed"));
    }
    let fields = [
        (Part::Placement, "nodeName", &old.node_name, &new.node_name),
        (Part::Placement, "schedulerName", &old.scheduler_name, &new.scheduler_name),
        (Part::Account, "serviceAccountName", &old.service_account_name, &new.service_account_name),
        (Part::Classes, "priorityClassName", &old.priority_class_name, &new.priority_class_name),
        (Part::Classes, "runtimeClassName", &old.runtime_class_name, &new.runtime_class_name),
    ];
    for (part, field, was, is) in fields.into_iter().filter(|(_, _, was, is)| was != is) {
        add(part, format!("{field} {}", container::from_to(was.as_deref(), is.as_deref())));
    }
    if old.image_pull_secrets != new.image_pull_secrets {
        add(Part::PullSecrets, "imagePullSecrets changed".to_owned());
    }
    if old.readiness_gates != new.readiness_gates {
        add(Part::Gates, "readinessGates changed".to_owned());
    }
}

/// What was added, what changed and what was removed, by name.
fn named<T: PartialEq>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    mut add: impl FnMut(&str, &'static str),
) {
    for (name, is) in new {
        match old.get(name) {
            None => add(name, "was added"),
            Some(was) if was != is => add(name, "changed"),
            Some(_) => {}
        }
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        add(name, "was removed");
    }
}
