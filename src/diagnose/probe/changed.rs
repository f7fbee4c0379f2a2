//! A probe that fails since this very rollout changed it: what to set back, and how.

use serde_json::{Map, Value, json};

use super::super::place::kubectl;
use super::possibility::{Opinion, Possibility};
use super::{ProbeKind, Seen, action};
use crate::model::{Container, PortRef, Probe, ProbeAction};

/// Advice that comes before all other: what this rollout changed of the thing that fails.
pub(super) struct Remedy {
    pub(super) help: String,
    pub(super) command: String,
}

/// One field of a probe that differs: its name, what it was, and the same as a patch.
struct Field {
    name: &'static str,
    was: String,
    patch: Value,
}

/// What of the failing probe this rollout changed, if that may be why it fails. `output`: the newest of the probe.
pub(super) fn remedy(seen: &Seen<'_>, kind: ProbeKind, opinion: &Opinion, output: &str) -> Option<Remedy> {
    if !seen.rollout.workload.has_revisions() {
        return None;
    }
    let (old, new) = seen.rollout.templates()?;
    let (was, is) = (old.container(&seen.status.name)?, new.container(&seen.status.name)?);
    let probe = action::of(is, kind)?;
    let Some(before) = action::of(was, kind) else { return Some(added(seen, kind, probe)) };
    let word = kind.word();
    if std::mem::discriminant(&before.action()) != std::mem::discriminant(&probe.action()) {
        let help = format!(
            "this rollout changed the {word} probe from {} to {}: go back to the former, or let the application pass the new one",
            action::spoken(was, before),
            action::spoken(is, probe)
        );
        return Some(Remedy { help, command: undo(seen) });
    }
    let of_action = asked(before, probe, output);
    // An answer that came says that the probe had the time it needs.
    let impatient =
        !matches!(opinion.possibility, Some(Possibility::ProbeIsWrong | Possibility::ApplicationIsUnwell));
    let of_time = if impatient { shortened(before, probe) } else { Vec::new() };
    let section = match probe.action() {
        ProbeAction::Http(_) => "httpGet",
        ProbeAction::Tcp(_) => "tcpSocket",
        ProbeAction::Exec(_) => "exec",
        ProbeAction::Grpc(_) => "grpc",
        ProbeAction::Other => return None,
    };
    if of_action.is_empty() && of_time.is_empty() {
        return (kind != ProbeKind::Startup && impatient).then(|| startup_lost(seen, was, is)).flatten();
    }
    let words: Vec<String> = of_action
        .iter()
        .chain(&of_time)
        .map(|field| format!("{} back to {}", field.name, field.was))
        .collect();
    let end = if of_action.is_empty() { "" } else { ", or let the application answer to what it asks now" };
    let help = format!("this rollout changed the {word} probe: set {}{end}", words.join(", "));
    let mut patch: Map<String, Value> = Map::new();
    if !of_action.is_empty() {
        let fields: Map<String, Value> =
            of_action.into_iter().map(|field| (field.name.to_owned(), field.patch)).collect();
        patch.insert(section.to_owned(), Value::Object(fields));
    }
    patch.extend(of_time.into_iter().map(|field| (field.name.to_owned(), field.patch)));
    Some(Remedy { help, command: patch_probe(seen, kind, Value::Object(patch)) })
}

fn added(seen: &Seen<'_>, kind: ProbeKind, probe: &Probe) -> Remedy {
    let help = format!(
        "this rollout added the {} probe ({}): the application may not be made for it yet; correct it, or go back",
        kind.word(),
        action::spoken(seen.container, probe)
    );
    Remedy { help, command: undo(seen) }
}

/// Without the startup probe that it had, the others begin at once.
fn startup_lost(seen: &Seen<'_>, was: &Container, is: &Container) -> Option<Remedy> {
    let before = was.startup_probe.as_ref()?;
    let (help, command) = match &is.startup_probe {
        None => (
            format!(
                "this rollout removed the startup probe, which gave the application {} to come up: put it back",
                action::budget(before)
            ),
            undo(seen),
        ),
        Some(now) if now.budget_seconds() < before.budget_seconds() => (
            format!(
                "this rollout cut the startup probe from {} to {}",
                action::budget(before),
                action::budget(now)
            ),
            patch_probe(
                seen,
                ProbeKind::Startup,
                json!({
                    "initialDelaySeconds": before.initial_delay_seconds,
                    "failureThreshold": before.failure_threshold,
                    "periodSeconds": before.period_seconds,
                }),
            ),
        ),
        Some(_) => return None,
    };
    Some(Remedy { help, command })
}

/// What it asks, and asked before, as far as such a failure can come from it: nobody looks at the path where nobody
/// listens on the port.
fn asked(before: &Probe, now: &Probe, output: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let output = output.to_lowercase();
    let nobody = ["connection refused", "no route to host"].iter().any(|sign| output.contains(sign));
    let port = |was: &PortRef, is: &PortRef| {
        (was != is).then(|| Field { name: "port", was: was.to_string(), patch: port_value(was) })
    };
    match (before.action(), now.action()) {
        (ProbeAction::Http(was), ProbeAction::Http(is)) => {
            fields.extend(port(&was.port, &is.port));
            for (name, was, is, default) in
                [("path", &was.path, &is.path, "/"), ("scheme", &was.scheme, &is.scheme, "HTTP")]
            {
                let (was, is) = (was.as_deref().unwrap_or(default), is.as_deref().unwrap_or(default));
                if was != is && !nobody {
                    fields.push(Field { name, was: was.to_owned(), patch: was.into() });
                }
            }
            if was.host != is.host {
                let patch = was.host.clone().map_or(Value::Null, Value::from);
                fields.push(Field {
                    name: "host",
                    was: was.host.clone().unwrap_or_else(|| "none".to_owned()),
                    patch,
                });
            }
        }
        (ProbeAction::Tcp(was), ProbeAction::Tcp(is)) => fields.extend(port(&was.port, &is.port)),
        (ProbeAction::Grpc(was), ProbeAction::Grpc(is)) => {
            if was.port != is.port {
                fields.push(Field { name: "port", was: was.port.to_string(), patch: was.port.into() });
            }
            if was.service != is.service && !nobody {
                let service = was.service.clone().unwrap_or_default();
                let words = if service.is_empty() { "none".to_owned() } else { service.clone() };
                fields.push(Field { name: "service", was: words, patch: service.into() });
            }
        }
        (ProbeAction::Exec(was), ProbeAction::Exec(is)) if was.command != is.command => {
            let line = super::super::logs::shorten(&was.command.join(" "), 100);
            fields.push(Field {
                name: "command",
                was: format!("`{line}`"),
                patch: was.command.clone().into(),
            });
        }
        _ => {}
    }
    fields
}

fn port_value(port: &PortRef) -> Value {
    match port {
        PortRef::Number(number) => (*number).into(),
        PortRef::Name(name) => name.as_str().into(),
    }
}

/// The numbers with which it allows less than before.
fn shortened(before: &Probe, now: &Probe) -> Vec<Field> {
    [
        ("timeoutSeconds", before.timeout_seconds, now.timeout_seconds),
        ("initialDelaySeconds", before.initial_delay_seconds, now.initial_delay_seconds),
        ("failureThreshold", before.failure_threshold, now.failure_threshold),
        ("periodSeconds", before.period_seconds, now.period_seconds),
    ]
    .into_iter()
    .filter(|(_, was, is)| is < was)
    .map(|(name, was, _)| Field { name, was: was.to_string(), patch: was.into() })
    .collect()
}

/// A strategic merge patch, which finds the container by its name.
fn patch_probe(seen: &Seen<'_>, kind: ProbeKind, probe: Value) -> String {
    let list = if seen.pod.spec.init_containers.iter().any(|init| init.name == seen.status.name) {
        "initContainers"
    } else {
        "containers"
    };
    let mut container = Map::new();
    container.insert("name".to_owned(), seen.status.name.as_str().into());
    container.insert(format!("{}Probe", kind.word()), probe);
    let patch = json!({"spec": {"template": {"spec": {list: [container]}}}}).to_string();
    let target = seen.rollout.workload.command_target();
    kubectl(seen.rollout.namespace(), &["patch", &target, "-p", &patch])
}

fn undo(seen: &Seen<'_>) -> String {
    kubectl(seen.rollout.namespace(), &["rollout", "undo", &seen.rollout.workload.command_target()])
}

#[cfg(test)]
mod tests;
