//! Objects that the pod names and that must exist before it.

use std::time::Duration;

use super::{base, between};
use crate::diagnose::place::{command, kubectl};
use crate::diagnose::refusal::Refusal;
use crate::diagnose::{CauseCode, Diagnosis, Evidence, Finding, Hold, nearest};
use crate::model::{Kind, Lookup, Rollout};
use crate::observation::{Request, Want};

/// `error looking up service account shop/deployer: serviceaccount "deployer" not found`.
pub(super) fn service_account(
    rollout: &Rollout<'_>,
    refusal: &Refusal<'_>,
    diagnosis: &mut Diagnosis,
) -> Finding {
    let name = between(refusal.text, "serviceaccount \"", "\"").unwrap_or("default").to_owned();
    let namespace = rollout.namespace();
    diagnosis
        .ask(Request::every(5, Want::Names { kind: Kind::ServiceAccount, namespace: namespace.to_owned() }));
    let headline = format!("ServiceAccount {name} does not exist in namespace {namespace}");
    let finding = base(rollout, refusal, CauseCode::ServiceAccountMissing, &name, headline)
        .with_evidence(named_evidence(rollout, "serviceAccountName", &name));
    let target = rollout.workload.command_target();
    let create = kubectl(namespace, &["create", "serviceaccount", &name]);
    let finding = match rollout.names(Kind::ServiceAccount) {
        Lookup::Found(names) if names.contains(&name) => {
            // The controller has not tried again yet.
            let age = Evidence::absence(format!(
                "ServiceAccount {name} exists now; the controller has not tried again"
            ));
            finding.with_hold(Hold::Announce).with_evidence(age)
        }
        Lookup::Found(names) => match nearest(&name, names.iter().map(String::as_str)).as_slice() {
            [] => finding.with_help(format!("ServiceAccounts of this namespace: {}.", shown(names))),
            [one, ..] => finding
                .with_help(format!("Did you mean ServiceAccount {one}?"))
                .with_command(kubectl(namespace, &["set", "serviceaccount", &target, one])),
        },
        _ => finding,
    };
    finding
        .with_help(format!(
            "Create ServiceAccount {name} in namespace {namespace}, with its role bindings, before the workload: ServiceAccounts belong to one namespace."
        ))
        .with_command(create)
}

/// At most eight names.
fn shown(names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(8).map(String::as_str).collect();
    let more = names.len().saturating_sub(first.len());
    if more == 0 { first.join(", ") } else { format!("{} and {more} more", first.join(", ")) }
}

/// Where the template names it; a webhook or the namespace may have added it instead.
fn named_evidence(rollout: &Rollout<'_>, field: &str, name: &str) -> Evidence {
    let spec = &rollout.workload.spec.template.spec;
    let own = match field {
        "serviceAccountName" => spec.service_account_name.as_deref(),
        "priorityClassName" => spec.priority_class_name.as_deref(),
        _ => spec.runtime_class_name.as_deref(),
    };
    match own {
        Some(own) if own == name => {
            Evidence::field(rollout.workload.object_ref(), format!("spec.template.spec.{field}"), own)
        }
        _ => Evidence::absence(format!(
            "the template does not name {name} as {field}: it is a default, or was added"
        )),
    }
}

/// `no PriorityClass with name high was found`.
pub(super) fn priority_class(rollout: &Rollout<'_>, refusal: &Refusal<'_>) -> Finding {
    let name = between(refusal.text, "no PriorityClass with name ", " was found").unwrap_or_default();
    class(
        rollout,
        refusal,
        &Class {
            code: CauseCode::PriorityClassMissing,
            kind: "PriorityClass",
            plural: "priorityclasses",
            field: "priorityClassName",
            name,
        },
    )
    .with_help("Or create it: PriorityClasses belong to the cluster, so whoever administers it does.")
}

/// `pod rejected: RuntimeClass "gvisor" not found`.
pub(super) fn runtime_class(rollout: &Rollout<'_>, refusal: &Refusal<'_>) -> Finding {
    let name = between(refusal.text, "RuntimeClass \"", "\"").unwrap_or_default();
    class(
        rollout,
        refusal,
        &Class {
            code: CauseCode::RuntimeClassMissing,
            kind: "RuntimeClass",
            plural: "runtimeclasses",
            field: "runtimeClassName",
            name,
        },
    )
    .with_help("Or create it, on nodes whose container runtime has that handler; whoever administers the cluster does.")
}

struct Class<'a> {
    code: CauseCode,
    kind: &'a str,
    plural: &'a str,
    field: &'a str,
    name: &'a str,
}

fn class(rollout: &Rollout<'_>, refusal: &Refusal<'_>, class: &Class<'_>) -> Finding {
    let Class { code, kind, plural, field, name } = *class;
    let target = rollout.workload.command_target();
    let patch =
        serde_json::json!({"spec": {"template": {"spec": {field: serde_json::Value::Null}}}}).to_string();
    base(rollout, refusal, code, name, format!("{kind} {name} does not exist in this cluster"))
        .with_tolerance(Duration::from_secs(15))
        .with_evidence(named_evidence(rollout, field, name))
        .with_help(format!("Name one that exists in `spec.template.spec.{field}`, or none."))
        .with_command(command(&["kubectl", "get", plural]))
        .with_command(kubectl(rollout.namespace(), &["patch", &target, "--type=merge", "-p", &patch]))
}
