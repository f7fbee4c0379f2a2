//! What a rollout changed against the revision before it.

use crate::model::{Container, Probe, ReplicaSet, Rollout};

/// The changes of the template, in the words of the manifest. Empty without an earlier revision.
pub(crate) fn changes(rollout: &Rollout<'_>) -> Vec<String> {
    let (Some(current), Some(before)) = (rollout.current, previous(rollout)) else { return Vec::new() };
    let (new, old) = (&current.spec.template.spec, &before.spec.template.spec);
    let mut changes = Vec::new();
    for container in new.all_containers() {
        match old.container(&container.name) {
            Some(was) => container_changes(was, container, &mut changes),
            None => changes.push(format!("container {} was added", container.name)),
        }
    }
    for was in old.all_containers().filter(|was| new.container(&was.name).is_none()) {
        changes.push(format!("container {} was removed", was.name));
    }
    if new.volumes != old.volumes {
        changes.push("volumes changed".to_owned());
    }
    if new.service_account_name != old.service_account_name {
        changes.push("serviceAccountName changed".to_owned());
    }
    if new.node_selector != old.node_selector {
        changes.push("nodeSelector changed".to_owned());
    }
    changes
}

/// The older ReplicaSet of the highest revision.
fn previous<'a>(rollout: &Rollout<'a>) -> Option<&'a ReplicaSet> {
    let revision = |set: &ReplicaSet| set.metadata.annotations.revision.as_deref()?.parse::<u64>().ok();
    rollout.old_sets.iter().copied().max_by_key(|set| revision(set))
}

fn container_changes(was: &Container, is: &Container, changes: &mut Vec<String>) {
    let name = &is.name;
    if was.image != is.image {
        changes.push(format!("{name}: image {} → {}", was.image, is.image));
    }
    if was.command != is.command || was.args != is.args {
        changes.push(format!("{name}: command or args changed"));
    }
    let probes = [
        ("livenessProbe", &was.liveness_probe, &is.liveness_probe),
        ("readinessProbe", &was.readiness_probe, &is.readiness_probe),
        ("startupProbe", &was.startup_probe, &is.startup_probe),
    ];
    for (field, was, is) in probes {
        if was != is {
            changes.push(format!("{name}: {field} {}", verb(was.as_ref(), is.as_ref())));
        }
    }
    let resources = [
        ("requests", &was.resources.requests, &is.resources.requests),
        ("limits", &was.resources.limits, &is.resources.limits),
    ];
    for (field, was, is) in resources {
        for key in was.keys().chain(is.keys()).collect::<std::collections::BTreeSet<_>>() {
            let text = |quantity: Option<&crate::model::Quantity>| {
                quantity.map_or_else(|| "none".to_owned(), |quantity| quantity.as_str().to_owned())
            };
            let (before, after) = (text(was.get(key)), text(is.get(key)));
            if before != after {
                changes.push(format!("{name}: resources.{field}.{key} {before} → {after}"));
            }
        }
    }
    let names = |container: &Container| -> Vec<String> {
        container.env.iter().map(|variable| variable.name.clone()).collect()
    };
    let (before, after) = (names(was), names(is));
    for added in after.iter().filter(|name| !before.contains(name)) {
        changes.push(format!("{name}: environment variable {added} was added"));
    }
    for removed in before.iter().filter(|name| !after.contains(name)) {
        changes.push(format!("{name}: environment variable {removed} was removed"));
    }
}

const fn verb(was: Option<&Probe>, is: Option<&Probe>) -> &'static str {
    match (was, is) {
        (None, Some(_)) => "was added",
        (Some(_), None) => "was removed",
        _ => "changed",
    }
}
