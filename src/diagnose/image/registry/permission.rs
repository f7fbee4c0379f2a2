//! The image is there and the pods may not read it: what is wrong with what they have.

use super::super::super::place::kubectl;
use super::super::super::{CauseCode, Confidence, Evidence, Finding};
use super::super::access;
use super::super::pull::Pull;
use super::super::pull_secrets::pull_secrets;
use super::{Word, was_refused, word, words};
use crate::model::{Kind, ObjectRef};
use crate::observation::{Account, ImageReply, RegistryLook, Untried};

/// `opened`: the answer to the account that may read it.
pub(super) fn missing(
    pull: &Pull<'_>,
    opened: &RegistryLook,
    looks: &[RegistryLook],
    finding: Finding,
) -> Finding {
    let wanted = &pull.reference;
    let (image, host) = (wanted.full(), &wanted.host);
    let whom = words::account(&opened.account);
    if !was_refused(&pull.error) {
        return finding.with_help(format!("From here the registry answers, and has the image for {whom}."));
    }
    // What kubelet complains of stays the cause; that the image is there is one question less.
    let exists = format!("The image itself is there: the registry gives it to {whom}.");
    if finding.code == CauseCode::ImagePullSecretMissing {
        return finding.with_help(exists);
    }
    let named = pull_secrets(pull.pod);
    if named.is_empty() {
        let headline = format!(
            "image {image} exists, and registry {host} gives it to nobody without credentials; the pod has no pull secret"
        );
        let account = access::service_account(pull);
        let finding = pull
            .finding(CauseCode::ImageAccessDenied, headline)
            .with_evidence(Evidence::absence("spec.imagePullSecrets of the pod is empty"))
            .with_help(format!(
                "The cluster lacks permission, the name is right: neither the pod nor ServiceAccount {account} has a pull secret for {host}."
            ));
        let finding = match access::cloud_hint(host) {
            Some(hint) => finding.with_help(hint),
            None => finding,
        };
        return access::create_and_attach(pull, "regcred", finding);
    }
    let of_secrets = looks.iter().filter_map(|look| match &look.account {
        Account::PullSecret { name } => Some((name.as_str(), look)),
        _ => None,
    });
    for (name, look) in of_secrets {
        let fault = match (&look.image, word(host, look)) {
            (ImageReply::NotTried(Untried::NoEntry), _) => {
                Fault::Secret(format!("pull secret {name} has no credentials for registry {host}"))
            }
            (ImageReply::NotTried(Untried::WrongType(kind)), _) => {
                Fault::Secret(format!("Secret {name} is of type {kind} and cannot be a pull secret"))
            }
            (_, Word::Rejected) => {
                Fault::Secret(format!("registry {host} rejects the credentials of pull secret {name}"))
            }
            (_, Word::Refused | Word::Missing | Word::RepositoryMissing) => Fault::Right(format!(
                "the account of pull secret {name} may not read {} in registry {host}",
                wanted.path
            )),
            _ => continue,
        };
        return of_fault(pull, name, fault, &exists);
    }
    // The Secrets cannot be read: kubelet's error has to tell which it is.
    if finding.code != CauseCode::ImageAccessDenied {
        return finding.with_help(exists);
    }
    pull.finding(
        CauseCode::ImageAccessDenied,
        format!("image {image} exists, and pull secret {} does not open it", named.join(", ")),
    )
    .with_confidence(Confidence::Likely)
    .with_help(exists)
    .with_help(format!(
        "The account of the pull secret may not read {}, or the secret is for another registry than {host}.",
        wanted.path
    ))
    .with_command(access::show_servers(pull, named.first().copied().unwrap_or_default()))
}

enum Fault {
    /// With the secret itself.
    Secret(String),
    /// With what its account may do.
    Right(String),
}

fn of_fault(pull: &Pull<'_>, name: &str, fault: Fault, exists: &str) -> Finding {
    let (namespace, wanted) = (pull.rollout.namespace(), &pull.reference);
    let image = wanted.full();
    match fault {
        Fault::Secret(what) => {
            let mut finding = pull
                .finding(CauseCode::ImagePullSecretRejected, format!("{what}, and image {image} exists"))
                .with_help(exists)
                .with_help(format!(
                    "Make the secret anew, with valid credentials and for the server name {}.",
                    access::server_name(&wanted.host)
                ))
                .with_command(access::show_servers(pull, name))
                .with_command(kubectl(namespace, &["delete", "secret", name]))
                .with_command(access::create_secret(pull, name));
            finding.subject = ObjectRef::named(Kind::Secret, namespace, name);
            finding
        }
        Fault::Right(what) => {
            let finding = pull
                .finding(CauseCode::ImageAccessDenied, format!("{what}, and image {image} exists"))
                .with_help(exists)
                .with_help(format!(
                    "Give that account the right to read {}, or put another account into pull secret {name}.",
                    wanted.path
                ));
            match access::cloud_hint(&wanted.host) {
                Some(hint) => finding.with_help(hint),
                None => finding,
            }
        }
    }
}
