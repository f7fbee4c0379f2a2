//! What the registry itself says about an image that cannot be pulled, where the user lets it be asked: it decides
//! between the suspects that kubelet's message leaves open.

mod permission;
#[cfg(test)]
mod tests;
mod words;

use super::super::{CauseCode, Confidence, Diagnosis, Finding, Prognosis, text};
use super::advice::{self, hides_missing_repositories};
use super::pull::Pull;
use super::pull_error::PullError;
use super::pull_secrets::pull_secrets;
use super::set_image;
use crate::observation::{
    Account, Answer, ImageAsk, ImageReply, RegistryError, RegistryLook, Request, TagsReply, Untried, Want,
};

/// Seconds between two questions about the same image: what is pushed late is noticed, and no registry minds.
const ASKED_EVERY: u64 = 30;
/// Tags that are named where none is near.
const FEW_TAGS: usize = 6;

/// What one answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Has,
    /// The repository is there, the tag or digest is not.
    TagMissing,
    RepositoryMissing,
    /// One of the two.
    Missing,
    /// Not to this account; missing and private look the same.
    Refused,
    /// The credentials themselves are not accepted.
    Rejected,
    /// Nothing about the image.
    Nothing,
}

/// What all answers together mean.
#[derive(Clone, Copy, Debug)]
enum Conclusion<'a> {
    TagMissing(&'a RegistryLook),
    RepositoryMissing(&'a RegistryLook),
    /// There, and one of the ways that the pods have opens it.
    There(&'a RegistryLook),
    /// There, and only the machine we run on may read it.
    NotForThePods(&'a RegistryLook),
    /// Every account that could be tried was refused.
    Undecided,
    Nothing,
}

/// The finding, made more exact by what the registry says.
pub(super) fn informed(pull: &Pull<'_>, finding: Finding, diagnosis: &mut Diagnosis) -> Finding {
    let Some(ask) = question(pull) else { return finding };
    let want = Want::Registry(ask);
    let answer = pull.rollout.store().answer(&want);
    diagnosis.ask(Request::every(ASKED_EVERY, want.clone()));
    let Some(Answer::Registry(looks)) = answer else { return finding };
    let conclusion = conclude(pull, looks);
    let finding = match conclusion {
        Conclusion::TagMissing(_) | Conclusion::RepositoryMissing(_)
            if finding.code == CauseCode::ImagePullSecretMissing =>
        {
            finding.with_help(
                "And the image itself is not there, as the registry says to another account: correct its name too.",
            )
        }
        Conclusion::TagMissing(look) => tag_missing(pull, look),
        Conclusion::RepositoryMissing(look) => repository_missing(pull, look),
        Conclusion::There(look) => there(pull, look, finding),
        Conclusion::NotForThePods(look) => permission::missing(pull, look, looks, finding),
        Conclusion::Undecided => finding.with_help(format!(
            "The registry refuses everybody who could be tried here too, and so does not tell. After `docker login {}` \
             as somebody who may read {} it would.",
            pull.reference.host, pull.reference.path
        )),
        Conclusion::Nothing => finding,
    };
    // What could not be tried matters where the rest decides nothing.
    let open = matches!(conclusion, Conclusion::Undecided | Conclusion::Nothing);
    let shown = looks.iter().filter(|look| {
        open || look.image != ImageReply::NotTried(Untried::NoEntry)
            || !matches!(look.account, Account::Pipeline { .. })
    });
    shown.fold(finding, |finding, look| finding.with_evidence(words::evidence(&pull.reference.host, look)))
}

/// Whether the registry has answered: then a person need not ask it again.
pub(super) fn has_answered(pull: &Pull<'_>) -> bool {
    let answer = question(pull).and_then(|ask| pull.rollout.store().answer(&Want::Registry(ask)));
    let Some(Answer::Registry(looks)) = answer else { return false };
    looks.iter().any(|look| matches!(look.image, ImageReply::Has { .. } | ImageReply::Error(_)))
}

/// What to ask, where an answer can tell more than kubelet does.
fn question(pull: &Pull<'_>) -> Option<ImageAsk> {
    let useful = match pull.error {
        PullError::RateLimited
        | PullError::Throttled
        | PullError::BrokenImage
        | PullError::NoSpace
        | PullError::Policy
        | PullError::ShortName
        | PullError::Store => false,
        PullError::Platform
        | PullError::Certificate(_)
        | PullError::PlainHttp
        | PullError::NoSuchHost
        | PullError::Unreachable(_)
        | PullError::CredentialsRejected
        | PullError::CredentialsRequired
        | PullError::Unauthorized
        | PullError::Denied
        | PullError::RepositoryMissing
        | PullError::TagMissing
        | PullError::NotFound
        | PullError::Other => true,
    };
    let wanted = &pull.reference;
    let version = wanted.digest.clone().unwrap_or_else(|| wanted.tag.clone());
    let plain = |text: &str, signs: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
    };
    let sound = plain(&wanted.host, ".-_:[]") && plain(&wanted.path, "._-/") && plain(&version, "._-:+");
    (useful && sound && !wanted.path.split('/').any(|part| part.is_empty() || part.starts_with('.'))).then(
        || ImageAsk {
            host: wanted.host.clone(),
            path: wanted.path.clone(),
            version,
            namespace: pull.rollout.namespace().to_owned(),
            pull_secrets: pull_secrets(pull.pod).into_iter().map(str::to_owned).collect(),
            platforms: pull.error == PullError::Platform,
        },
    )
}

/// Whether kubelet was refused, rather than told that there is nothing.
const fn was_refused(error: &PullError) -> bool {
    matches!(
        error,
        PullError::Denied
            | PullError::Unauthorized
            | PullError::CredentialsRequired
            | PullError::CredentialsRejected
    )
}

fn conclude<'a>(pull: &Pull<'_>, looks: &'a [RegistryLook]) -> Conclusion<'a> {
    let said: Vec<(&RegistryLook, Word)> =
        looks.iter().map(|look| (look, word(&pull.reference.host, look))).collect();
    let having = |of_pods: bool| {
        said.iter().find(|(look, word)| {
            *word == Word::Has && matches!(look.account, Account::Pipeline { .. }) != of_pods
        })
    };
    if let Some((look, _)) = having(true) {
        return Conclusion::There(look);
    }
    if let Some((look, _)) = having(false) {
        return Conclusion::NotForThePods(look);
    }
    // To strangers some registries deny what they have; kubelet, which was refused, was none.
    let believed = |look: &RegistryLook| !was_refused(&pull.error) || look.account != Account::Anonymous;
    let first = |wanted: Word| said.iter().find(|(look, word)| *word == wanted && believed(look));
    if let Some((look, _)) = first(Word::TagMissing) {
        return Conclusion::TagMissing(look);
    }
    if let Some((look, _)) = first(Word::RepositoryMissing) {
        return Conclusion::RepositoryMissing(look);
    }
    let tried: Vec<Word> = said.iter().map(|(_, word)| *word).filter(|word| *word != Word::Nothing).collect();
    let refused = |word: &Word| matches!(word, Word::Refused | Word::Rejected);
    if was_refused(&pull.error) && !tried.is_empty() && tried.iter().all(refused) {
        Conclusion::Undecided
    } else {
        Conclusion::Nothing
    }
}

/// The shapes of the answers, vendor by vendor, are in the tests.
fn word(host: &str, look: &RegistryLook) -> Word {
    let error = match &look.image {
        ImageReply::Has { .. } => return Word::Has,
        ImageReply::NotTried(_) | ImageReply::NoAnswer { .. } => return Word::Nothing,
        ImageReply::Error(error) => error,
    };
    match error.status {
        404 => absent(host, error, look.tags.as_ref()),
        // Azure's token service says 401 to whoever may not read a repository, whether it exists or not.
        400 | 401 if error.rejected && !host.ends_with(".azurecr.io") => Word::Rejected,
        403 if error.message.contains("expired") => Word::Rejected,
        400 if error.of_token => Word::Refused,
        401 | 403 | 412 => match look.tags {
            // The repository is open to this account: what it refuses is the tag.
            Some(TagsReply::Listed { .. }) if error.status == 403 => Word::Nothing,
            _ => Word::Refused,
        },
        _ => Word::Nothing,
    }
}

fn absent(host: &str, error: &RegistryError, tags: Option<&TagsReply>) -> Word {
    let of_repository = |error: &RegistryError| {
        let message = error.message.to_lowercase();
        error.code == "NAME_UNKNOWN"
            || (error.status == 404
                && ["repository ", "project "].iter().any(|what| message.starts_with(what))
                && message.contains("not found"))
    };
    match tags {
        Some(TagsReply::Listed { .. }) => Word::TagMissing,
        Some(TagsReply::Error(tags)) if of_repository(tags) => Word::RepositoryMissing,
        _ if of_repository(error) => Word::RepositoryMissing,
        _ if hides_missing_repositories(host) || host.contains(".dkr.ecr.") => Word::TagMissing,
        _ => Word::Missing,
    }
}

fn tag_missing(pull: &Pull<'_>, look: &RegistryLook) -> Finding {
    let wanted = &pull.reference;
    let (repository, version) = (wanted.repository(), wanted.version_words());
    let finding = pull
        .finding(
            CauseCode::ImageTagMissing,
            format!("image {} does not exist: repository {repository} has no {version}", wanted.full()),
        )
        .with_confidence(Confidence::Certain);
    let finding = if wanted.digest.is_some() {
        finding.with_help(format!(
            "The {version} was pushed to another repository, or has been deleted there since."
        ))
    } else {
        finding.with_help(format!("The {version} is misspelt, or the pipeline has not pushed it."))
    };
    let listed = match &look.tags {
        Some(TagsReply::Listed { tags, .. }) => tags.as_slice(),
        _ => &[],
    };
    let finding = with_tags(pull, listed, finding);
    if !was_refused(&pull.error) {
        return finding;
    }
    finding.with_help(
        "The registry refused kubelet before it came to that, so a right name alone may not be enough: see what it says to the pull secret.",
    )
}

/// Names the tags that may be meant.
fn with_tags(pull: &Pull<'_>, listed: &[String], finding: Finding) -> Finding {
    let wanted = &pull.reference;
    let near = text::nearest(&wanted.tag, listed.iter().map(String::as_str));
    if let (Some(nearest), None) = (near.first(), &wanted.digest) {
        return finding
            .with_help(format!("Nearest tags of {} there: {}.", wanted.path, near.join(", ")))
            .with_command(set_image(pull.rollout, &pull.status.name, &wanted.with_tag(nearest)));
    }
    let finding = match listed {
        [] => finding,
        few if few.len() <= FEW_TAGS => {
            finding.with_help(format!("All tags of {} there: {}.", wanted.path, few.join(", ")))
        }
        _ => finding,
    };
    advice::with_tags(pull, finding)
}

fn repository_missing(pull: &Pull<'_>, look: &RegistryLook) -> Finding {
    let wanted = &pull.reference;
    let finding = pull
        .finding(
            CauseCode::ImageRepositoryMissing,
            format!(
                "image {} does not exist: registry {} has no repository {}",
                wanted.full(),
                wanted.host,
                wanted.path
            ),
        )
        // A stranger may be told so of what is there for others.
        .with_confidence(if look.account == Account::Anonymous { Confidence::Likely } else { Confidence::Certain })
        .with_help(format!(
            "The name is misspelt, the image lives in another registry, or nothing has been pushed to {} yet.",
            wanted.repository()
        ));
    advice::with_implied_host(wanted, advice::with_repositories(pull, finding))
}

/// The image is there for the pods: what failed was the moment, or the way of the node.
fn there(pull: &Pull<'_>, look: &RegistryLook, finding: Finding) -> Finding {
    let wanted = &pull.reference;
    let (image, host, node) = (wanted.full(), &wanted.host, pull.node_words());
    let whom = words::account(&look.account);
    if let (PullError::Platform, ImageReply::Has { platforms }) = (&pull.error, &look.image) {
        if platforms.is_empty() {
            return finding;
        }
        let headline = format!(
            "image {image} is built for {}, and not for the processor or system of {node}",
            platforms.join(", ")
        );
        return Finding { headline, ..finding };
    }
    let elsewhere = format!(
        "If its next attempt fails too, {node} asks somebody else than the registry that answered here: a mirror, a \
         proxy, another address of {host}."
    );
    if matches!(pull.error, PullError::NotFound | PullError::TagMissing | PullError::RepositoryMissing) {
        return pull
            .finding(
                CauseCode::ImageNotFound,
                format!("image {image} was not there when {node} pulled it, and is there now"),
            )
            .with_confidence(Confidence::Likely)
            .with_prognosis(Prognosis::Transient)
            .with_help("It was pushed late; kubelet tries again by itself, after at most 5 minutes.")
            .with_help(elsewhere);
    }
    if was_refused(&pull.error) {
        return pull
            .finding(
                CauseCode::ImageAccessDenied,
                format!("registry {host} refused {image} to {node}, and gives it to {whom} here"),
            )
            .with_confidence(Confidence::Likely)
            .with_help("Kubelet tries again by itself, after at most 5 minutes, with the pull secrets as they are then.")
            .with_help(elsewhere);
    }
    finding.with_help(format!(
        "From here the registry answers and has the image, so it is the way from {node} to {host} that is broken."
    ))
}
