//! What a registry said, as evidence.

use super::super::super::Evidence;
use crate::observation::{Account, ImageReply, RegistryError, RegistryLook, TagsReply, Untried};

/// Whose credentials, as the object of a sentence.
pub(super) fn account(account: &Account) -> String {
    match account {
        Account::Pipeline { from } => format!("the pipeline's account ({from})"),
        Account::PullSecret { name } => format!("pull secret {name}"),
        Account::Anonymous => "anybody".to_owned(),
    }
}

/// One answer of the registry.
pub(super) fn evidence(host: &str, look: &RegistryLook) -> Evidence {
    Evidence::Registry { registry: host.to_owned(), account: account(&look.account), said: said(look) }
}

fn said(look: &RegistryLook) -> String {
    let image = match &look.image {
        ImageReply::Has { platforms } if platforms.is_empty() => "it has the image".to_owned(),
        ImageReply::Has { platforms } => format!("it has the image, for {}", platforms.join(", ")),
        ImageReply::Error(error) => status(error),
        ImageReply::NotTried(why) => untried(why),
        ImageReply::NoAnswer { why } => format!("no answer: {why}"),
    };
    let tags = match &look.tags {
        Some(TagsReply::Listed { tags, more: false }) if tags.len() == 1 => {
            "; the repository has 1 tag".to_owned()
        }
        Some(TagsReply::Listed { tags, more }) => {
            let more = if *more { "more than " } else { "" };
            format!("; the repository has {more}{} tags", tags.len())
        }
        // A second refusal of the same kind says nothing new.
        Some(TagsReply::Error(error)) if refuses_as(error, look) => String::new(),
        Some(TagsReply::Error(error)) => format!("; its tags: {}", status(error)),
        Some(TagsReply::NoAnswer { .. }) | None => String::new(),
    };
    format!("{image}{tags}")
}

fn refuses_as(error: &RegistryError, look: &RegistryLook) -> bool {
    matches!(&look.image, ImageReply::Error(image) if image.status == error.status && image.code == error.code)
}

/// `404 MANIFEST_UNKNOWN: manifest unknown`.
fn status(error: &RegistryError) -> String {
    let RegistryError { status, code, message, of_token, rejected: _ } = error;
    let code = if code.is_empty() { String::new() } else { format!(" {code}") };
    let whose = if *of_token { " from its token service" } else { "" };
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    format!("{status}{code}{whose}{message}")
}

fn untried(why: &Untried) -> String {
    match why {
        Untried::NoEntry => "not tried: no credentials for this registry".to_owned(),
        Untried::Missing => "not tried: there is no such Secret".to_owned(),
        Untried::Forbidden => {
            "not tried: we may not read the Secret (rbac --with secrets allows it)".to_owned()
        }
        Untried::WrongType(kind) => {
            format!("not tried: the Secret is of type {kind}, not kubernetes.io/dockerconfigjson")
        }
        Untried::Unusable(why) => format!("not tried: {why}"),
    }
}
