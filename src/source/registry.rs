//! What a registry says about an image: the two pulls of a person who searches for the cause, over its API.
//!
//! Asked only where the user wants it (`--check-registry`). No layer is downloaded. Credentials go to the registry
//! that they are for and to the token service that it names, over TLS; nothing of them is in the answer. Everything
//! is bounded: each call, each body, the whole.

mod challenge;
mod client;
mod credentials;
mod helper;
mod origin;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod vendors;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use self::client::{Asker, Client};
use self::credentials::{Credential, Entries};
use super::call::{Access, JSON};
use super::connect::ConnectOptions;
use super::failure::Class;
use super::request;
use crate::model::Kind;
use crate::observation::{Account, Answer, ImageAsk, ImageReply, RegistryLook, TagsReply, Untried};

/// For all questions about one image together.
const WHOLE: Duration = Duration::from_secs(20);

/// Where the credentials of the machine are, and how it speaks to registries.
#[derive(Clone, Default)]
pub(crate) struct RegistryOptions {
    /// The value of `DOCKER_AUTH_CONFIG`: a `config.json` as text.
    pub(crate) auth_config: Option<String>,
    /// The value of `DOCKER_CONFIG`: the folder of `config.json`.
    pub(crate) config_folder: Option<PathBuf>,
    /// The value of `REGISTRY_AUTH_FILE`.
    pub(crate) auth_file: Option<PathBuf>,
    /// Registries that may be spoken to without TLS, beside those of this machine.
    pub(crate) insecure: BTreeSet<String>,
}

impl std::fmt::Debug for RegistryOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryOptions").field("insecure", &self.insecure).finish_non_exhaustive()
    }
}

/// Asks with the credentials of the machine, then with those of each pull secret, then with none, until it is clear
/// that the image is not there.
pub(super) async fn look(ask: &ImageAsk, access: &Access) -> Answer {
    let options = access.options();
    let mut asking = Asking {
        ask,
        client: Client::new(&ask.host, options),
        ends: Instant::now() + WHOLE,
        looks: Vec::new(),
    };
    let (from, found) = credentials::of_machine(&ask.host, &ask.path, options).await;
    let done = asking.with(Account::Pipeline { from }, found).await;
    if !done {
        asking.as_the_pod(access).await;
    }
    Answer::Registry(asking.looks)
}

struct Asking<'a> {
    ask: &'a ImageAsk,
    client: Client<'a>,
    ends: Instant,
    looks: Vec<RegistryLook>,
}

impl Asking<'_> {
    /// With what the pods have: their pull secrets; and with nothing, unless one of them opens the image.
    async fn as_the_pod(&mut self, access: &Access) {
        let mut opened = false;
        for name in &self.ask.pull_secrets {
            let found = pull_secret(&self.ask.namespace, name, access).await;
            let found = found.and_then(|entries| entries.find_as_kubelet(&self.ask.host, &self.ask.path));
            if self.with(Account::PullSecret { name: name.clone() }, found).await {
                return;
            }
            opened |= self.looks.last().is_some_and(|look| matches!(look.image, ImageReply::Has { .. }));
        }
        if !opened {
            self.look(Account::Anonymous, None).await;
        }
    }

    /// Whether there is nothing more to learn.
    async fn with(&mut self, account: Account, found: Result<Credential, Untried>) -> bool {
        match found {
            Ok(credential) => self.look(account, Some(credential)).await,
            Err(why) => {
                self.looks.push(RegistryLook { account, image: ImageReply::NotTried(why), tags: None });
                false
            }
        }
    }

    async fn look(&mut self, account: Account, credential: Option<Credential>) -> bool {
        let mut asker = Asker::new(credential, &self.ask.path);
        let late = || format!("no answer within {} s", WHOLE.as_secs());
        let image = timeout_at(self.ends, self.client.image(self.ask, &mut asker)).await;
        let image = image.unwrap_or_else(|_| ImageReply::NoAnswer { why: late() });
        let tags = match &image {
            // 401 and 403 can be about the image alone; a list of tags then proves that the repository is there.
            ImageReply::Error(error) if matches!(error.status, 401 | 403 | 404) && !error.of_token => {
                let tags = timeout_at(self.ends, self.client.tags(self.ask, &mut asker)).await;
                Some(tags.unwrap_or_else(|_| TagsReply::NoAnswer { why: late() }))
            }
            _ => None,
        };
        let done = match (&image, &tags) {
            (ImageReply::NoAnswer { .. }, _) => true,
            (ImageReply::Error(error), Some(TagsReply::Listed { .. })) => error.status == 404,
            (ImageReply::Error(error), _) => error.status == 404 && error.code == "NAME_UNKNOWN",
            _ => false,
        };
        self.looks.push(RegistryLook { account, image, tags });
        done
    }
}

/// The credentials in a pull secret. Its values stay in this module.
async fn pull_secret(namespace: &str, name: &str, access: &Access) -> Result<Entries, Untried> {
    let path = request::path(Kind::Secret, namespace, Some(name));
    match access.get_renewed(&path, JSON).await {
        Ok(whole) => Entries::of_secret(&whole.body),
        Err(failure) => Err(match failure.class() {
            Class::NotFound => Untried::Missing,
            Class::Forbidden | Class::Unauthorized => Untried::Forbidden,
            _ => Untried::Unusable("the API server did not show it".to_owned()),
        }),
    }
}

/// The file that holds the credentials of the machine, or its text, and how it is named.
fn config(options: &ConnectOptions) -> Option<(String, Result<String, String>)> {
    let RegistryOptions { auth_config, config_folder, auth_file, insecure: _ } = &options.registry;
    if let Some(text) = auth_config {
        return Some(("DOCKER_AUTH_CONFIG".to_owned(), Ok(text.clone())));
    }
    let home = options.home.as_ref().map(|home| home.join(".docker"));
    let (name, path) = match (config_folder, auth_file, home) {
        (Some(folder), _, _) => ("the config.json in DOCKER_CONFIG", folder.join("config.json")),
        (None, Some(file), _) => ("REGISTRY_AUTH_FILE", file.clone()),
        (None, None, Some(folder)) => ("~/.docker/config.json", folder.join("config.json")),
        (None, None, None) => return None,
    };
    let text = match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Ok(metadata) if metadata.len() > LONGEST_CONFIG => Err("it is longer than 1 MiB".to_owned()),
        _ => std::fs::read_to_string(&path).map_err(|error| error.kind().to_string()),
    };
    Some((name.to_owned(), text))
}

const LONGEST_CONFIG: u64 = 1 << 20;
