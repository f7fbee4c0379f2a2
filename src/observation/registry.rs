//! What a registry says about an image: facts for a diagnosis, never the credentials that were used.

use serde::{Deserialize, Serialize};

/// An image that its registry is asked about, as the runtime of a node would pull it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageAsk {
    /// As images are written: `docker.io`, `registry.example:5000`.
    pub(crate) host: String,
    /// The repository within it: `library/nginx`.
    pub(crate) path: String,
    /// The tag or the digest.
    pub(crate) version: String,
    /// Where the pull secrets are.
    pub(crate) namespace: String,
    /// Those of the pod, in its order.
    #[serde(default)]
    pub(crate) pull_secrets: Vec<String>,
    /// Whether it matters for which platforms the image is built; reading that counts as a pull.
    #[serde(default)]
    pub(crate) platforms: bool,
}

/// What was learnt with one set of credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistryLook {
    pub(crate) account: Account,
    /// The answer to the very reference that is pulled.
    pub(crate) image: ImageReply,
    /// The answer to the question which tags the repository has; asked where the image is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<TagsReply>,
}

/// Whose credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Account {
    /// Those of the machine that we run on, and where they come from: `~/.docker/config.json`.
    Pipeline {
        from: String,
    },
    PullSecret {
        name: String,
    },
    Anonymous,
}

/// Whether the registry has the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ImageReply {
    /// It has it and lets this account read it. The platforms are empty where they were not asked for.
    Has {
        #[serde(default)]
        platforms: Vec<String>,
    },
    Error(RegistryError),
    /// These credentials could not be tried.
    NotTried(Untried),
    /// There was no answer: a sentence without final period.
    NoAnswer {
        why: String,
    },
}

/// Why credentials could not be tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Untried {
    /// None for this registry.
    NoEntry,
    /// There is no such Secret.
    Missing,
    /// We may not read the Secret.
    Forbidden,
    /// The Secret has another type than pull secrets have.
    WrongType(String),
    /// A credential helper failed, a file cannot be read: a fragment.
    Unusable(String),
}

/// The tags of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TagsReply {
    Listed {
        tags: Vec<String>,
        /// There are more than were read.
        #[serde(default)]
        more: bool,
    },
    Error(RegistryError),
    NoAnswer {
        why: String,
    },
}

/// An answer that is not a success, in the registry's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RegistryError {
    pub(crate) status: u16,
    /// `MANIFEST_UNKNOWN`; empty where it gave none.
    pub(crate) code: String,
    pub(crate) message: String,
    /// Said by the token service, before the registry itself was asked.
    pub(crate) of_token: bool,
    /// Credentials were sent, and it is they that it does not accept.
    pub(crate) rejected: bool,
}

impl RegistryLook {
    /// Every text that is another's own words.
    pub(crate) fn messages(&mut self) -> impl Iterator<Item = &mut String> {
        let image = match &mut self.image {
            ImageReply::Error(error) => Some(&mut error.message),
            ImageReply::NoAnswer { why } | ImageReply::NotTried(Untried::Unusable(why)) => Some(why),
            ImageReply::Has { .. } | ImageReply::NotTried(_) => None,
        };
        let tags = match &mut self.tags {
            Some(TagsReply::Error(error)) => Some(&mut error.message),
            Some(TagsReply::NoAnswer { why }) => Some(why),
            Some(TagsReply::Listed { .. }) | None => None,
        };
        image.into_iter().chain(tags)
    }
}
