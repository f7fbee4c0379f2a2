//! The image is not there: which of the three suspects it is, and how to find out.

use super::super::place::command;
use super::super::{CauseCode, Confidence, Finding};
use super::pull::Pull;
use super::pull_error::PullError;
use super::reference::Reference;
use super::relatives::{Relative, other_repositories, other_tags};
use super::{registry, set_image};

/// What remains of the three suspects (wrong tag, no such image in this registry, no permission) after a
/// registry said "not found".
enum Suspect {
    Tag(Confidence, String),
    Repository(Confidence, String),
    TagOrRepository,
}

/// Registries that answer 401 or 403 for a repository they do not have. A 404 of theirs is about the tag.
pub(super) fn hides_missing_repositories(host: &str) -> bool {
    matches!(host, "docker.io" | "ghcr.io" | "quay.io" | "gcr.io" | "registry.gitlab.com")
        || [".pkg.dev", ".gcr.io", ".azurecr.io"].iter().any(|suffix| host.ends_with(suffix))
}

fn suspect(pull: &Pull<'_>) -> Suspect {
    let wanted = &pull.reference;
    let repository = wanted.repository();
    let witness = pull
        .relatives
        .iter()
        .find(|relative| relative.running && relative.reference.repository() == repository);
    match (&pull.error, witness) {
        (PullError::TagMissing, _) => {
            Suspect::Tag(Confidence::Certain, format!("registry {} says so", wanted.host))
        }
        (PullError::RepositoryMissing, _) => {
            Suspect::Repository(Confidence::Certain, format!("registry {} says so", wanted.host))
        }
        (_, Some(witness)) => {
            Suspect::Tag(Confidence::Likely, format!("{} {}", witness.reference.full(), witness.words))
        }
        _ if hides_missing_repositories(&wanted.host) => Suspect::Tag(
            Confidence::Likely,
            format!("{} answers 404 only for a repository it has", wanted.host),
        ),
        _ => Suspect::TagOrRepository,
    }
}

/// The registry answered that the image is not there.
pub(super) fn not_found(pull: &Pull<'_>) -> Finding {
    let wanted = &pull.reference;
    let (image, repository, version) = (wanted.full(), wanted.repository(), wanted.version_words());
    let suspect = suspect(pull);
    let (confidence, headline) = match &suspect {
        Suspect::Tag(confidence, _) => {
            (*confidence, format!("image {image} does not exist: repository {repository} has no {version}"))
        }
        Suspect::Repository(confidence, _) => (
            *confidence,
            format!(
                "image {image} does not exist: registry {} has no repository {}",
                wanted.host, wanted.path
            ),
        ),
        Suspect::TagOrRepository => (
            Confidence::Certain,
            format!(
                "image {image} does not exist: either the {version} is wrong or registry {} has no repository {}",
                wanted.host, wanted.path
            ),
        ),
    };
    let finding = pull.finding(CauseCode::ImageNotFound, headline).with_confidence(confidence);
    let finding = match &suspect {
        Suspect::Tag(_, why) => with_tags(
            pull,
            finding.with_help(format!(
                "The {version} is misspelt, or the pipeline has not pushed it ({why}). Permission is not the problem: \
                 the registry answered \"not found\"."
            )),
        ),
        Suspect::Repository(_, why) => with_repositories(
            pull,
            finding.with_help(format!("The name is misspelt, or the image lives in another registry ({why}).")),
        ),
        Suspect::TagOrRepository => with_repositories(
            pull,
            with_tags(
                pull,
                finding.with_help(
                    "Two suspects remain: the tag (misspelt, or not pushed by the pipeline), or the repository \
                     (misspelt, or in another registry). Permission is not the problem: the registry answered \
                     \"not found\".",
                ),
            ),
        ),
    };
    with_two_pulls(pull, PUSHED_SINCE, with_implied_host(wanted, finding))
}

/// Docker's official images are public, so a refusal means that there is no such image.
pub(super) fn no_official_image(pull: &Pull<'_>) -> Finding {
    let wanted = &pull.reference;
    let headline = format!(
        "image {} does not exist: Docker Hub has no official image {}",
        wanted.full(),
        wanted.base_name()
    );
    let finding = pull
        .finding(CauseCode::ImageNotFound, headline)
        .with_confidence(Confidence::Likely)
        .with_help(
            "Docker Hub answers \"denied\" for a repository it does not have, and all images in library/ are public: \
             the name is misspelt, or the image lives in another registry.",
        );
    with_two_pulls(pull, NO_PERMISSION, with_implied_host(wanted, with_repositories(pull, finding)))
}

/// Names the registry that was assumed, where the manifest names none.
pub(super) fn with_implied_host(wanted: &Reference, finding: Finding) -> Finding {
    if !wanted.host_implied {
        return finding;
    }
    finding.with_help(
        "The manifest names no registry, so Docker Hub (docker.io) is assumed: an image in another registry must be \
         written with its host, as in quay.io/… or registry.example/….",
    )
}

/// Names the tags of the same repository that are in use, and how to go to the nearest.
pub(super) fn with_tags(pull: &Pull<'_>, finding: Finding) -> Finding {
    let tags = other_tags(&pull.reference, &pull.relatives);
    let Some(nearest) = tags.first() else { return finding };
    let list: Vec<String> =
        tags.iter().map(|other| format!("{} ({})", other.reference.tag, other.words)).collect();
    finding
        .with_help(format!(
            "Nearest other tag of {} in use: {}.",
            pull.reference.repository(),
            list.join(", ")
        ))
        .with_command(set_image(pull.rollout, &pull.status.name, &nearest.reference.full()))
}

/// Names repositories in use that the wanted one may stand for.
pub(super) fn with_repositories(pull: &Pull<'_>, finding: Finding) -> Finding {
    let others: Vec<&Relative> = other_repositories(&pull.reference, &pull.relatives);
    let Some(first) = others.first() else { return finding };
    let list: Vec<String> =
        others.iter().map(|other| format!("{} ({})", other.reference.repository(), other.words)).collect();
    let version = if pull.reference.tag.is_empty() { &first.reference.tag } else { &pull.reference.tag };
    finding.with_help(format!("Similar repositories in use: {}.", list.join(", "))).with_command(set_image(
        pull.rollout,
        &pull.status.name,
        &first.reference.with_tag(version),
    ))
}

/// The two pulls that tell all three suspects apart. `if_first_works`: what it means that the image can be pulled
/// elsewhere.
pub(super) fn with_two_pulls(pull: &Pull<'_>, if_first_works: &str, finding: Finding) -> Finding {
    // They have been made.
    if registry::has_answered(pull) {
        return finding;
    }
    let wanted = &pull.reference;
    let (host, version) = (&wanted.host, wanted.version_words());
    finding
        .with_help(format!(
            "Two pulls on a machine that may use {host} tell which. If the first works, {if_first_works}; if only the \
             second works, the {version} is wrong; if neither does, {host} has no such repository (or it has no tag \
             latest)."
        ))
        .with_command(command(&["docker", "pull", &wanted.full()]))
        .with_command(command(&["docker", "pull", &wanted.repository()]))
}

/// What a pull that works elsewhere means after the registry said "not found".
const PUSHED_SINCE: &str = "the image was pushed meanwhile or the node asks a mirror";
/// What a pull that works elsewhere means after the registry refused.
pub(super) const NO_PERMISSION: &str = "the cluster lacks permission";
