//! Pod Security admission: the level of the namespace, each check, and the securityContext that passes it.

use serde_json::{Map, Value, json};

use super::{base, between};
use crate::diagnose::place::{command, kubectl};
use crate::diagnose::refusal::Refusal;
use crate::diagnose::{CauseCode, Finding};
use crate::model::{PodSpec, Rollout};

/// One check that the pod fails: what it wants, and who breaks it. Texts of k8s.io/pod-security-admission.
#[derive(Debug, PartialEq, Eq)]
struct Check<'a> {
    /// `allowPrivilegeEscalation != false`, `host namespaces`, …
    name: &'a str,
    /// `container "app" must set securityContext.allowPrivilegeEscalation=false`
    detail: &'a str,
}

/// `violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must …), …`.
pub(super) fn finding(rollout: &Rollout<'_>, refusal: &Refusal<'_>) -> Finding {
    let policy = between(refusal.text, "violates PodSecurity \"", "\"").unwrap_or("restricted:latest");
    let level = policy.split(':').next().unwrap_or(policy);
    let rest = refusal.text.split_once(&format!("\"{policy}\": ")).map_or("", |(_, rest)| rest);
    let checks = checks(rest);
    let namespace = rollout.namespace();
    let names: Vec<&str> = checks.iter().map(|check| check.name).collect();
    let headline = format!(
        "namespace {namespace} enforces the Pod Security level {level}, and the pods break {} of its rules: {}",
        checks.len(),
        names.join(", ")
    );
    let target = rollout.workload.command_target();
    let mut finding = base(rollout, refusal, CauseCode::PodSecurityViolation, policy, headline);
    let (can_be_set, to_be_removed): (Vec<&Check<'_>>, Vec<&Check<'_>>) =
        checks.iter().partition(|check| wanted(check.name).is_some());
    for check in &to_be_removed {
        finding =
            finding.with_help(format!("Remove from the pod template: {} ({}).", check.name, check.detail));
    }
    if !can_be_set.is_empty() {
        let patch = patch(&rollout.workload.spec.template.spec, &can_be_set).to_string();
        finding = finding
            .with_help("Set the securityContext that the level asks for; the command below does. An image that runs as root must then name another user: `runAsUser`.")
            .with_command(kubectl(namespace, &["patch", &target, "--type=strategic", "-p", &patch]));
    }
    let lower = if level == "restricted" && to_be_removed.is_empty() { "baseline" } else { "privileged" };
    finding
        .with_help(format!(
            "Or, if these pods need it, ask whoever owns namespace {namespace} to enforce only the level {lower}, or use a namespace that does."
        ))
        .with_command(command(&["kubectl", "get", "namespace", namespace, "--show-labels"]))
}

/// `a (x), b (y (z), w)` at the commas outside of parentheses.
fn checks(text: &str) -> Vec<Check<'_>> {
    let mut depth = 0_usize;
    text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .map(|part| {
        let (name, detail) = part.split_once(" (").unwrap_or((part, ""));
        Check { name, detail: detail.strip_suffix(')').unwrap_or(detail) }
    })
    .collect()
}

/// Where the field that a check wants belongs, and its value; `None` where something must be removed instead.
fn wanted(check: &str) -> Option<(Place, &'static str, Value)> {
    match check {
        "allowPrivilegeEscalation != false" => {
            Some((Place::Container, "allowPrivilegeEscalation", json!(false)))
        }
        "unrestricted capabilities" => Some((Place::Container, "capabilities", json!({"drop": ["ALL"]}))),
        "runAsNonRoot != true" => Some((Place::Pod, "runAsNonRoot", json!(true))),
        "seccompProfile" => Some((Place::Pod, "seccompProfile", json!({"type": "RuntimeDefault"}))),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Pod,
    Container,
}

/// The strategic merge patch that sets them: for the pod, or for every container that a check names.
fn patch(spec: &PodSpec, checks: &[&Check<'_>]) -> Value {
    let mut pod = Map::new();
    let mut lists: [(&str, Vec<Value>); 2] = [("initContainers", Vec::new()), ("containers", Vec::new())];
    for check in checks {
        if let Some((Place::Pod, field, value)) = wanted(check.name) {
            pod.insert(field.to_owned(), value);
        }
    }
    for ((_, list), containers) in lists.iter_mut().zip([&spec.init_containers, &spec.containers]) {
        for container in containers {
            let mut context = Map::new();
            for check in checks {
                let named = check.detail.contains(&format!("\"{}\"", container.name));
                if let (true, Some((Place::Container, field, value))) = (named, wanted(check.name)) {
                    context.insert(field.to_owned(), value);
                }
            }
            if !context.is_empty() {
                list.push(json!({"name": container.name, "securityContext": context}));
            }
        }
    }
    let mut template = Map::new();
    if !pod.is_empty() {
        template.insert("securityContext".to_owned(), Value::Object(pod));
    }
    for (name, list) in lists {
        if !list.is_empty() {
            template.insert(name.to_owned(), Value::Array(list));
        }
    }
    json!({"spec": {"template": {"spec": template}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_split_outside_of_their_parentheses() {
        let all = checks(
            "host namespaces (hostNetwork=true), restricted volume types (volumes \"a\", \"b\" use restricted volume type \"hostPath\"), privileged (container \"app\" must not set securityContext.privileged=true)",
        );
        let names: Vec<&str> = all.iter().map(|check| check.name).collect();
        assert_eq!(names, ["host namespaces", "restricted volume types", "privileged"]);
        assert_eq!(all[0].detail, "hostNetwork=true");
    }

    #[test]
    fn only_the_containers_that_a_check_names_are_patched() {
        let spec: PodSpec = serde_json::from_value(json!({
            "initContainers": [{"name": "init"}], "containers": [{"name": "app"}, {"name": "side"}]}))
        .unwrap();
        let all = checks(
            "allowPrivilegeEscalation != false (containers \"init\", \"app\" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or container \"app\" must set securityContext.runAsNonRoot=true)",
        );
        let all: Vec<&Check<'_>> = all.iter().collect();
        assert_eq!(
            patch(&spec, &all)["spec"]["template"]["spec"],
            json!({"securityContext": {"runAsNonRoot": true},
                "initContainers": [{"name": "init", "securityContext": {"allowPrivilegeEscalation": false}}],
                "containers": [{"name": "app", "securityContext": {"allowPrivilegeEscalation": false}}]})
        );
    }
}
