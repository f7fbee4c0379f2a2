#![doc = include_str!("admission.md")]

mod missing;
mod namespace;
mod pod_security;
#[cfg(test)]
mod tests;
mod webhook;

use super::refusal::{self, Refusal};
use super::{CauseCode, Diagnosis, Evidence, Finding, Prognosis};
use crate::model::Rollout;
pub(crate) use namespace::without_a_word;

/// Whether a refusal is one that this family explains.
pub(super) fn knows(text: &str) -> bool {
    classify(text).is_some()
}

/// Every rule of this family: admission refuses the pods, or the ReplicaSet.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    let Some(refusal) = refusal::read(rollout, diagnosis) else { return };
    for refusal in refusal::all(rollout, refusal, diagnosis) {
        judge(rollout, &refusal, diagnosis);
    }
}

fn judge(rollout: &Rollout<'_>, refusal: &Refusal<'_>, diagnosis: &mut Diagnosis) {
    let finding = match classify(refusal.text) {
        Some(CauseCode::PodSecurityViolation) => pod_security::finding(rollout, refusal),
        Some(CauseCode::AdmissionWebhookDenied) => webhook::denied(rollout, refusal),
        Some(CauseCode::AdmissionWebhookUnavailable) => webhook::unavailable(rollout, refusal),
        Some(CauseCode::AdmissionPolicyDenied) => webhook::policy(rollout, refusal),
        Some(CauseCode::ServiceAccountMissing) => missing::service_account(rollout, refusal, diagnosis),
        Some(CauseCode::PriorityClassMissing) => missing::priority_class(rollout, refusal),
        Some(CauseCode::RuntimeClassMissing) => missing::runtime_class(rollout, refusal),
        Some(CauseCode::NamespaceTerminating) => namespace::refused(rollout, refusal, diagnosis),
        _ => return,
    };
    diagnosis.add(refusal.finish(rollout, finding));
}

/// Which code the API server's words belong to. The order matters where one text quotes another: a webhook's
/// own message may say anything.
pub(super) fn classify(text: &str) -> Option<CauseCode> {
    let has = |sign: &str| text.contains(sign);
    Some(if has("failed calling webhook") || has("failed to call webhook") {
        CauseCode::AdmissionWebhookUnavailable
    } else if has("admission webhook \"") && has(" denied the request") {
        CauseCode::AdmissionWebhookDenied
    } else if has("admission webhook \"") || has("received invalid webhook response") {
        CauseCode::AdmissionWebhookUnavailable
    } else if has("ValidatingAdmissionPolicy '") {
        CauseCode::AdmissionPolicyDenied
    } else if has("violates PodSecurity \"") {
        CauseCode::PodSecurityViolation
    } else if has("error looking up service account") && has("not found") {
        CauseCode::ServiceAccountMissing
    } else if has("no PriorityClass with name ") {
        CauseCode::PriorityClassMissing
    } else if has("RuntimeClass \"") && has("not found") {
        CauseCode::RuntimeClassMissing
    } else if has("because it is being terminated") {
        CauseCode::NamespaceTerminating
    } else {
        return None;
    })
}

/// A finding of this family with the refusal as its first evidence.
fn base(
    rollout: &Rollout<'_>,
    refusal: &Refusal<'_>,
    code: CauseCode,
    key: &str,
    headline: String,
) -> Finding {
    Finding::new(code, key, refusal.subject(rollout), headline, refusal.evidence.clone())
        .with_prognosis(Prognosis::Permanent)
}

/// What stands between two signs of a text.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after).map_or(rest, |(found, _)| found))
}
