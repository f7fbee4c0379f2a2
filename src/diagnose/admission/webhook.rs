//! Webhooks and policies: a no, and no answer at all.

use super::{base, between};
use crate::diagnose::logs::shorten;
use crate::diagnose::place::{command, kubectl};
use crate::diagnose::refusal::Refusal;
use crate::diagnose::{CauseCode, Finding, Prognosis};
use crate::model::Rollout;

/// As many characters of a policy's own words as a headline bears.
const WORDS: usize = 300;

fn name<'a>(refusal: &Refusal<'a>) -> &'a str {
    ["failed calling webhook \"", "admission webhook \""]
        .iter()
        .find_map(|sign| between(refusal.text, sign, "\""))
        .unwrap_or("NAME")
}

/// `admission webhook "w" denied the request: …`, or `… without explanation`.
pub(super) fn denied(rollout: &Rollout<'_>, refusal: &Refusal<'_>) -> Finding {
    let webhook = name(refusal);
    let words = refusal.text.split_once("denied the request: ").map_or("", |(_, words)| words.trim());
    let said = if words.is_empty() { "without a reason".to_owned() } else { shorten(words, WORDS) };
    let what = refusal.what();
    let headline = if words.is_empty() {
        format!("admission webhook {webhook} refuses {what} {said}")
    } else {
        format!("admission webhook {webhook} refuses {what}: {said}")
    };
    let finding =
        base(rollout, refusal, CauseCode::AdmissionWebhookDenied, &format!("{webhook} {words}"), headline)
            .with_help(format!(
                "Change what it objects to in {}; the words after the name are the webhook's own.",
                rollout.workload.command_target()
            ));
    let finding = match product(webhook) {
        Some((product, resources)) => finding
            .with_help(format!("Or ask whoever owns the {product} policy for an exception."))
            .with_command(command(&["kubectl", "get", resources])),
        None => finding.with_help("Or ask whoever runs the webhook for an exception."),
    };
    finding.with_command(refusal.describe(rollout)).with_command(configurations())
}

/// Products that can be told from the name of their webhook, and where their rules are.
fn product(webhook: &str) -> Option<(&'static str, &'static str)> {
    if webhook.contains("kyverno") {
        Some(("Kyverno", "clusterpolicies,policies"))
    } else if webhook.contains("gatekeeper") {
        Some(("Gatekeeper", "constraints"))
    } else {
        None
    }
}

fn configurations() -> String {
    command(&["kubectl", "get", "validatingwebhookconfigurations,mutatingwebhookconfigurations"])
}

/// `failed calling webhook "w": failed to call webhook: Post "https://svc.ns.svc:443/…": connection refused`.
pub(super) fn unavailable(rollout: &Rollout<'_>, refusal: &Refusal<'_>) -> Finding {
    let webhook = name(refusal);
    let error = refusal
        .text
        .split_once("failed to call webhook: ")
        .or_else(|| refusal.text.split_once(&format!("webhook \"{webhook}\": ")))
        .map_or(refusal.text, |(_, error)| error);
    let url = between(error, "Post \"", "\"");
    // Post "URL": the error
    let error = url.and_then(|url| error.split_once(&format!("{url}\": "))).map_or(error, |(_, error)| error);
    let headline = format!(
        "admission webhook {webhook} does not answer, so {} are not let in: {}",
        refusal.what(),
        shorten(error, WORDS)
    );
    let service = service(error, url);
    let finding = base(rollout, refusal, CauseCode::AdmissionWebhookUnavailable, webhook, headline)
        .with_prognosis(Prognosis::Transient);
    let finding = if let Some((service, namespace)) = &service {
        finding
            .with_help(format!(
                "Bring Service {service} of namespace {namespace} back: its pods must be ready. This is the cluster's trouble and not that of {}.",
                rollout.workload.command_target()
            ))
            .with_command(kubectl(namespace, &["get", "service,endpointslices,pods"]))
    } else {
        finding.with_help(format!(
            "Bring the webhook{} back. This is the cluster's trouble and not that of {}.",
            url.map_or_else(String::new, |url| format!(" at {}", url.split('?').next().unwrap_or(url))),
            rollout.workload.command_target()
        ))
    };
    let finding = if error.contains("x509") {
        finding.with_help("The certificate of the webhook does not fit the caBundle of its configuration: renew one of them.")
    } else {
        finding
    };
    finding
        .with_help("If it cannot come back soon, whoever administers the cluster can leave out this namespace with a namespaceSelector, or set failurePolicy to Ignore, in its configuration.")
        .with_command(configurations())
}

/// The Service behind a webhook, from `https://NAME.NAMESPACE.svc…` or `service "NAME" not found`.
fn service<'a>(error: &'a str, url: Option<&'a str>) -> Option<(&'a str, &'a str)> {
    let host = url?.split_once("://")?.1.split(['/', ':', '?']).next()?;
    let mut parts = host.split('.');
    let (name, namespace, svc) = (parts.next()?, parts.next()?, parts.next()?);
    (svc == "svc").then_some((between(error, "service \"", "\"").unwrap_or(name), namespace))
}

/// `ValidatingAdmissionPolicy 'p' with binding 'b' denied request: …`.
pub(super) fn policy(rollout: &Rollout<'_>, refusal: &Refusal<'_>) -> Finding {
    let policy = between(refusal.text, "ValidatingAdmissionPolicy '", "'").unwrap_or("NAME");
    let binding = between(refusal.text, "with binding '", "'");
    let words = refusal.text.split_once("denied request: ").map_or("", |(_, words)| words.trim());
    let headline = format!(
        "ValidatingAdmissionPolicy {policy} refuses {}: {}",
        refusal.what(),
        if words.is_empty() { "no reason given".to_owned() } else { shorten(words, WORDS) }
    );
    let finding =
        base(rollout, refusal, CauseCode::AdmissionPolicyDenied, &format!("{policy} {words}"), headline)
            .with_help(format!("Change what it objects to in {}.", rollout.workload.command_target()))
            .with_command(command(&["kubectl", "get", "validatingadmissionpolicy", policy, "-o", "yaml"]));
    match binding {
        Some(binding) => finding
            .with_help(format!(
                "Or ask whoever owns the policy for an exception: binding {binding} says where it applies."
            ))
            .with_command(command(&[
                "kubectl",
                "get",
                "validatingadmissionpolicybinding",
                binding,
                "-o",
                "yaml",
            ])),
        None => finding,
    }
}
