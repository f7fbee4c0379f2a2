//! The registry refused: with or without pull secrets, and which of them exist.

use super::super::place::kubectl;
use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold};
use super::advice;
use super::pull::Pull;
use super::pull_error::PullError;
use super::pull_secrets::{Secrets, look_for, pull_secrets};
use super::relatives::Relative;
use crate::model::{Kind, Lookup, ObjectRef, Rollout};
use crate::observation::{Request, Want};

/// A finding for a pull that the registry refused.
pub(super) fn refused(pull: &Pull<'_>, diagnosis: &mut Diagnosis) -> Finding {
    let named = pull_secrets(pull.pod);
    if pull.reference.is_official() && pull.error == PullError::Denied {
        return advice::no_official_image(pull);
    }
    if named.is_empty() {
        return with_copy_on_node(pull, without_secret(pull, diagnosis));
    }
    let finding = match look_for(pull.rollout, pull.pod, &named, diagnosis) {
        Secrets::Missing { names, exist_now, evidence } => secret_missing(pull, &names, exist_now, evidence),
        Secrets::Present if says_rejected(&pull.error) => secret_rejected(pull, &named),
        Secrets::Present => refused_with_secret(pull, &named),
        Secrets::Unknown => refused_with_secret(pull, &named).with_confidence(Confidence::Possible),
    };
    with_copy_on_node(pull, finding)
}

/// Where this very image runs.
fn runs<'a>(pull: &'a Pull<'_>) -> Option<&'a Relative> {
    pull.relatives.iter().find(|relative| relative.running && relative.reference == pull.reference)
}

/// The node may have an image that runs in other pods, and the pod would not have pulled it: says why the copy does not
/// help (kubelet's `KubeletEnsureSecretPulledImages`, `pkg/kubelet/images/pullmanager`).
fn with_copy_on_node(pull: &Pull<'_>, finding: Finding) -> Finding {
    let container = pull.pod.spec.container(&pull.status.name);
    let policy = container.and_then(|container| container.image_pull_policy.as_deref());
    let Some(relative) = runs(pull).filter(|_| policy != Some("Always")) else { return finding };
    finding.with_first_help(format!(
        "Image {} {}, so it exists, and a node may have a copy. Since Kubernetes 1.35 kubelet lets a pod use a copy only with \
         a pull secret that has opened the image: give this pod the one that those pods have.",
        relative.reference.full(),
        relative.words
    ))
}

/// The two pulls that tell a missing permission from a wrong name; what runs has a right name.
fn with_two_pulls(pull: &Pull<'_>, finding: Finding) -> Finding {
    match runs(pull) {
        Some(_) => finding,
        None => advice::with_two_pulls(pull, advice::NO_PERMISSION, finding),
    }
}

fn says_rejected(error: &PullError) -> bool {
    matches!(error, PullError::Unauthorized | PullError::CredentialsRejected | PullError::CredentialsRequired)
}

pub(super) fn service_account<'a>(pull: &Pull<'a>) -> &'a str {
    pull.pod.spec.service_account_name.as_deref().filter(|name| !name.is_empty()).unwrap_or("default")
}

/// What the text leaves open: missing or forbidden.
fn is_ambiguous(error: &PullError) -> bool {
    matches!(error, PullError::Denied)
}

fn without_secret(pull: &Pull<'_>, diagnosis: &mut Diagnosis) -> Finding {
    let (rollout, wanted) = (pull.rollout, &pull.reference);
    let account = service_account(pull);
    diagnosis.ask(Request::once(Want::PullSecrets {
        namespace: rollout.namespace().to_owned(),
        service_account: account.to_owned(),
    }));
    let (image, host, namespace) = (wanted.full(), &wanted.host, rollout.namespace());
    if let Lookup::Found(names @ [first, ..]) = rollout.pull_secrets(account) {
        return pull
            .finding(
                CauseCode::ImageAccessDenied,
                format!(
                    "registry {host} refused {image}: the pod has no pull secret (ServiceAccount {account} has {} now, \
                     but only new pods get it)",
                    names.join(", ")
                ),
            )
            .with_confidence(Confidence::Likely)
            .with_evidence(no_secret_evidence())
            .with_help(format!("Replace the pods, so that they get pull secret {first} from ServiceAccount {account}."))
            .with_command(kubectl(namespace, &["rollout", "restart", &rollout.workload.command_target()]));
    }
    let (headline, why) = if is_ambiguous(&pull.error) {
        (
            format!(
                "registry {host} refused {image}: it is private and the pod has no pull secret, or it does not exist"
            ),
            format!(
                "Two suspects remain, because {host} answers both alike. Most likely first: no permission (neither the \
                 pod nor ServiceAccount {account} has a pull secret); or the name is wrong and {host} has no such \
                 repository."
            ),
        )
    } else {
        (
            format!("registry {host} asks for credentials for {image}, and the pod has no pull secret"),
            format!(
                "No permission: neither the pod nor ServiceAccount {account} has a pull secret for {host}. Whether the \
                 image exists is shown only to who may read it."
            ),
        )
    };
    let mut finding = pull
        .finding(CauseCode::ImageAccessDenied, headline)
        .with_confidence(if is_ambiguous(&pull.error) { Confidence::Possible } else { Confidence::Likely })
        .with_evidence(no_secret_evidence())
        .with_help(why);
    if let Some(hint) = cloud_hint(host) {
        finding = finding.with_help(hint);
    }
    // While both suspects remain, finding out comes before creating anything.
    if is_ambiguous(&pull.error) {
        finding = with_two_pulls(pull, finding);
    }
    finding = advice::with_repositories(pull, advice::with_implied_host(wanted, finding));
    finding = create_and_attach(pull, "regcred", finding);
    if is_ambiguous(&pull.error) { finding } else { with_two_pulls(pull, finding) }
}

fn no_secret_evidence() -> Evidence {
    Evidence::absence("spec.imagePullSecrets of the pod is empty")
}

fn secret_missing(pull: &Pull<'_>, names: &[&str], exist_now: bool, evidence: Option<Evidence>) -> Finding {
    let (rollout, wanted) = (pull.rollout, &pull.reference);
    let (image, namespace, list) = (wanted.full(), rollout.namespace(), names.join(", "));
    let plural = if names.len() == 1 { "pull secret" } else { "pull secrets" };
    let headline = if exist_now {
        format!("{plural} {list} exists now in namespace {namespace}; kubelet tries {image} again with it")
    } else {
        let verb = if names.len() == 1 { "does" } else { "do" };
        format!(
            "{plural} {list} {verb} not exist in namespace {namespace}, and registry {} refused {image}",
            wanted.host
        )
    };
    let mut finding = pull.finding(CauseCode::ImagePullSecretMissing, headline);
    if let Some(name) = names.first() {
        finding.subject = ObjectRef::named(Kind::Secret, namespace, name);
    }
    if let Some(evidence) = evidence {
        finding = finding.with_evidence(evidence);
    }
    if exist_now {
        return finding.with_hold(Hold::Announce);
    }
    finding = finding.with_help(
        "Secrets belong to one namespace: a manifest copied from another namespace leaves its pull secret behind.",
    );
    for name in names {
        finding = with_near_secrets(rollout, name, finding);
        finding = finding.with_command(create_secret(pull, name));
    }
    finding.with_help("Kubelet finds the secret at its next attempt; the pods need no restart.")
}

fn with_near_secrets(rollout: &Rollout<'_>, name: &str, finding: Finding) -> Finding {
    match rollout.names(Kind::Secret) {
        Lookup::Found(existing) => {
            let near = super::super::text::nearest(name, existing.iter().map(String::as_str));
            if near.is_empty() {
                finding
            } else {
                finding
                    .with_help(format!("Secrets with a similar name that exist here: {}.", near.join(", ")))
            }
        }
        _ => finding,
    }
}

fn secret_rejected(pull: &Pull<'_>, named: &[&str]) -> Finding {
    let (rollout, wanted) = (pull.rollout, &pull.reference);
    let (image, host, list) = (wanted.full(), &wanted.host, named.join(", "));
    let secrets = if named.len() == 1 { "pull secret" } else { "pull secrets" };
    let (headline, help, confidence) = match pull.error {
        PullError::CredentialsRequired => (
            format!(
                "{secrets} {list} has no credentials for registry {host}, which asks for some for {image}"
            ),
            format!(
                "The secret is for another registry, or is not of type kubernetes.io/dockerconfigjson: its entry must be named {}.",
                server_name(host)
            ),
            Confidence::Likely,
        ),
        PullError::CredentialsRejected => (
            format!("registry {host} rejects the credentials of {secrets} {list} for {image}"),
            "The user name or password is wrong, or the token has expired.".to_owned(),
            Confidence::Certain,
        ),
        _ => (
            format!("{secrets} {list} does not open {image}: registry {host} answers 401"),
            format!(
                "Either the user name or password is wrong or has expired, or the secret has no entry for {host} \
                 (it must be named {}), so that none was sent.",
                server_name(host)
            ),
            Confidence::Likely,
        ),
    };
    let mut finding = pull.finding(CauseCode::ImagePullSecretRejected, headline).with_confidence(confidence);
    if let Some(name) = named.first() {
        finding.subject = ObjectRef::named(Kind::Secret, rollout.namespace(), name);
        finding = finding
            .with_evidence(Evidence::field(pull.pod.object_ref(), "spec.imagePullSecrets", named.join(", ")))
            .with_help(help)
            .with_command(show_servers(pull, name))
            .with_command(kubectl(rollout.namespace(), &["delete", "secret", name]))
            .with_command(create_secret(pull, name));
    }
    if let Some(hint) = cloud_hint(host) {
        finding = finding.with_help(hint);
    }
    finding
}

fn refused_with_secret(pull: &Pull<'_>, named: &[&str]) -> Finding {
    let wanted = &pull.reference;
    let (image, host, list) = (wanted.full(), &wanted.host, named.join(", "));
    // The same credentials fetched another image of the registry: then the name is the first suspect.
    let proven = pull.relatives.iter().any(|relative| relative.running && relative.reference.host == *host);
    let help = if proven {
        format!(
            "Two suspects remain. Most likely first: the name is wrong and {host} has no such repository (other images \
             of {host} run here); or pull secret {list} may not read {}.",
            wanted.path
        )
    } else {
        format!(
            "Two suspects remain, because {host} answers both alike: pull secret {list} may not read {} (or is for \
             another registry), or {host} has no such repository.",
            wanted.path
        )
    };
    let mut finding = pull
        .finding(
            CauseCode::ImageAccessDenied,
            format!(
                "registry {host} refused {image}: it does not exist, or pull secret {list} may not read it"
            ),
        )
        .with_confidence(Confidence::Possible)
        .with_evidence(Evidence::field(pull.pod.object_ref(), "spec.imagePullSecrets", list))
        .with_help(help);
    if let Some(name) = named.first() {
        finding = finding.with_command(show_servers(pull, name));
    }
    if let Some(hint) = cloud_hint(host) {
        finding = finding.with_help(hint);
    }
    let finding = advice::with_implied_host(wanted, advice::with_repositories(pull, finding));
    with_two_pulls(pull, finding)
}

/// The name under which a `.dockerconfigjson` holds the credentials of a registry.
pub(super) fn server_name(host: &str) -> &str {
    if host == "docker.io" { "https://index.docker.io/v1/" } else { host }
}

pub(super) fn create_secret(pull: &Pull<'_>, name: &str) -> String {
    let server = format!("--docker-server={}", server_name(&pull.reference.host));
    kubectl(
        pull.rollout.namespace(),
        &[
            "create",
            "secret",
            "docker-registry",
            name,
            &server,
            "--docker-username",
            "USER",
            "--docker-password",
            "PASSWORD",
        ],
    )
}

/// Shows the registries a pull secret is for, without its passwords.
pub(super) fn show_servers(pull: &Pull<'_>, name: &str) -> String {
    let get = kubectl(
        pull.rollout.namespace(),
        &["get", "secret", name, "-o", r"jsonpath={.data.\.dockerconfigjson}"],
    );
    format!("{get} | base64 -d | jq '.auths | keys'")
}

/// The commands that create a pull secret, give it to the ServiceAccount of the pods, and replace the pods.
pub(super) fn create_and_attach(pull: &Pull<'_>, name: &str, finding: Finding) -> Finding {
    let namespace = pull.rollout.namespace();
    let patch = serde_json::json!({"imagePullSecrets": [{"name": name}]}).to_string();
    finding
        .with_command(create_secret(pull, name))
        .with_command(kubectl(namespace, &["patch", "serviceaccount", service_account(pull), "-p", &patch]))
        .with_command(kubectl(namespace, &["rollout", "restart", &pull.rollout.workload.command_target()]))
}

/// Registries of clouds are opened by the node's identity rather than by a secret.
pub(super) fn cloud_hint(host: &str) -> Option<String> {
    let hint = if host.contains(".dkr.ecr.") {
        "ECR: the node's role needs AmazonEC2ContainerRegistryReadOnly and, for another account's registry, that \
         repository's policy; a token in a pull secret lives 12 hours."
    } else if host.ends_with(".pkg.dev") || host == "gcr.io" || host.ends_with(".gcr.io") {
        "Google: the node's service account needs roles/artifactregistry.reader on the repository."
    } else if host.ends_with(".azurecr.io") {
        "Azure: the kubelet's identity needs AcrPull on the registry (`az aks update --attach-acr`); a new assignment \
         takes a minute or two."
    } else {
        return None;
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests;
