//! What changed in one container.

use std::collections::{BTreeMap, BTreeSet};

use super::super::logs::shorten;
use super::super::probe::spoken;
use super::{Part, named};
use crate::model::{Container, Probe, Quantity};

/// Characters of a command line that are shown.
const ROOM: usize = 60;

pub(super) fn changes(was: &Container, is: &Container, add: &mut dyn FnMut(Part, String)) {
    if was.image != is.image {
        add(Part::Image, format!("image {} → {}", was.image, is.image));
    }
    for (field, was, is) in [("command", &was.command, &is.command), ("args", &was.args, &is.args)] {
        if was != is {
            let line = |words: &[String]| (!words.is_empty()).then(|| shorten(&words.join(" "), ROOM));
            let (was, is) = (line(was), line(is));
            add(Part::Command, format!("{field} {}", from_to(was.as_deref(), is.as_deref())));
        }
    }
    if was.working_dir != is.working_dir {
        let text = from_to(was.working_dir.as_deref(), is.working_dir.as_deref());
        add(Part::Command, format!("workingDir {text}"));
    }
    let probes = [
        (Part::Liveness, "livenessProbe", &was.liveness_probe, &is.liveness_probe),
        (Part::Readiness, "readinessProbe", &was.readiness_probe, &is.readiness_probe),
        (Part::Startup, "startupProbe", &was.startup_probe, &is.startup_probe),
    ];
    for (part, field, old, new) in probes {
        match (old, new) {
            (Some(old), Some(new)) if old != new => {
                add(part, format!("{field} {}", probe_changes(was, old, is, new)));
            }
            (None, Some(new)) => add(part, format!("{field} was added ({})", spoken(is, new))),
            (Some(_), None) => add(part, format!("{field} was removed")),
            _ => {}
        }
    }
    amounts("requests", &was.resources.requests, &is.resources.requests, add);
    amounts("limits", &was.resources.limits, &is.resources.limits, add);
    variables(was, is, add);
    if was.ports != is.ports {
        let held = |container: &Container| -> BTreeSet<i64> {
            container.ports.iter().filter_map(|port| port.host_port).collect()
        };
        let part = if held(was) == held(is) { Part::Ports } else { Part::HostPort };
        add(part, "ports changed".to_owned());
    }
    let mounts = |container: &Container| -> BTreeMap<String, (String, Option<String>)> {
        let mounts = container.volume_mounts.iter();
        mounts.map(|mount| (mount.mount_path.clone(), (mount.name.clone(), mount.sub_path.clone()))).collect()
    };
    named(&mounts(was), &mounts(is), |path, verb| add(Part::Mounts, format!("mount {path} {verb}")));
    match (was.lifecycle.post_start.is_some(), is.lifecycle.post_start.is_some()) {
        (false, true) => add(Part::Hooks, "postStart hook was added".to_owned()),
        (true, false) => add(Part::Hooks, "postStart hook was removed".to_owned()),
        _ => {}
    }
}

/// `old → new`, `was set to new`, `was removed (old)`.
pub(super) fn from_to(was: Option<&str>, is: Option<&str>) -> String {
    match (was, is) {
        (Some(was), Some(is)) => format!("{was} → {is}"),
        (None, Some(is)) => format!("was set to {is}"),
        (Some(was), None) => format!("was removed ({was})"),
        (None, None) => "changed".to_owned(),
    }
}

/// Only what differs: `GET http://:8080/a → GET http://:8080/b, timeoutSeconds 1 → 5`.
fn probe_changes(old_container: &Container, was: &Probe, container: &Container, is: &Probe) -> String {
    let (old, new) = (spoken(old_container, was), spoken(container, is));
    let mut changes = Vec::new();
    if old != new {
        changes.push(format!("{old} → {new}"));
    }
    for (field, was, is) in [
        ("initialDelaySeconds", was.initial_delay_seconds, is.initial_delay_seconds),
        ("timeoutSeconds", was.timeout_seconds, is.timeout_seconds),
        ("periodSeconds", was.period_seconds, is.period_seconds),
        ("successThreshold", was.success_threshold, is.success_threshold),
        ("failureThreshold", was.failure_threshold, is.failure_threshold),
    ] {
        if was != is {
            changes.push(format!("{field} {was} → {is}"));
        }
    }
    if changes.is_empty() { "changed".to_owned() } else { changes.join(", ") }
}

fn amounts(
    field: &str,
    was: &BTreeMap<String, Quantity>,
    is: &BTreeMap<String, Quantity>,
    add: &mut dyn FnMut(Part, String),
) {
    for resource in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
        let text = |amounts: &BTreeMap<String, Quantity>| {
            amounts.get(resource).map_or_else(|| "none".to_owned(), |amount| amount.as_str().to_owned())
        };
        let (before, after) = (text(was), text(is));
        if before != after {
            let part = match resource.as_str() {
                "cpu" => Part::Cpu,
                "memory" => Part::Memory,
                _ => Part::Resource,
            };
            add(part, format!("resources.{field}.{resource} {before} → {after}"));
        }
    }
}

/// Names only, and where values come from: values themselves are never read.
fn variables(was: &Container, is: &Container, add: &mut dyn FnMut(Part, String)) {
    let by_name = |container: &Container| -> BTreeMap<String, Option<crate::model::EnvSource>> {
        let variables = container.env.iter();
        variables.map(|variable| (variable.name.clone(), variable.value_from.clone())).collect()
    };
    named(&by_name(was), &by_name(is), |name, verb| {
        let verb = if verb == "changed" { "comes from elsewhere" } else { verb };
        add(Part::Variables, format!("environment variable {name} {verb}"));
    });
    let sources = |container: &Container| -> BTreeSet<String> {
        let of = container.env_from.iter();
        of.filter_map(|from| {
            let map = from.config_map_ref.as_ref().map(|map| format!("ConfigMap {}", map.name));
            map.or_else(|| from.secret_ref.as_ref().map(|secret| format!("Secret {}", secret.name)))
        })
        .collect()
    };
    let (old, new) = (sources(was), sources(is));
    for source in new.difference(&old) {
        add(Part::Variables, format!("envFrom {source} was added"));
    }
    for source in old.difference(&new) {
        add(Part::Variables, format!("envFrom {source} was removed"));
    }
}
