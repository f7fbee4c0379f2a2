//! Credentials for registries, in the form of Docker's `config.json`, which pull secrets have too.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, STANDARD};
use serde::Deserialize;

use super::super::connect::ConnectOptions;
use super::{config, helper};
use crate::observation::Untried;

/// What opens a registry. Never shown, never recorded, no `Debug`.
pub(super) enum Credential {
    Password {
        user: String,
        password: String,
    },
    /// For the token service, in place of a password.
    IdentityToken(String),
    /// For the registry itself.
    RegistryToken(String),
}

impl Credential {
    /// What must not be repeated, whoever says it.
    pub(super) fn secrets(&self) -> Vec<String> {
        match self {
            Self::Password { user, password } => vec![password.clone(), basic(user, password)],
            Self::IdentityToken(token) | Self::RegistryToken(token) => vec![token.clone()],
        }
    }
}

/// `user:password` in base64.
pub(super) fn basic(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

/// `config.json`, as far as it is about registries.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ConfigFile {
    auths: BTreeMap<String, AuthEntry>,
    /// For every registry that `credHelpers` does not name.
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

/// One entry of `auths`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct AuthEntry {
    /// `user:password` in base64.
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl AuthEntry {
    fn credential(&self) -> Option<Credential> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.registrytoken) {
            return Some(Credential::RegistryToken(token));
        }
        if let Some(token) = given(&self.identitytoken) {
            return Some(Credential::IdentityToken(token));
        }
        if let (Some(user), Some(password)) = (given(&self.username), given(&self.password)) {
            return Some(Credential::Password { user, password });
        }
        let decoded = decode(given(&self.auth)?.trim())?;
        let (user, password) = decoded.split_once(':')?;
        Some(Credential::Password {
            user: user.to_owned(),
            password: password.trim_end_matches('\0').to_owned(),
        })
    }
}

/// Base64 with padding or without.
fn decode(text: &str) -> Option<String> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
    );
    String::from_utf8(LENIENT.decode(text).ok()?).ok()
}

/// The entries of a pull secret.
pub(super) struct Entries(BTreeMap<String, AuthEntry>);

#[derive(Default, Deserialize)]
#[serde(default)]
struct SecretBody {
    #[serde(rename = "type")]
    kind: String,
    data: SecretData,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SecretData {
    #[serde(rename = ".dockerconfigjson")]
    config: Option<String>,
    #[serde(rename = ".dockercfg")]
    old_config: Option<String>,
}

impl Entries {
    /// Of a Secret as the API server shows it. No error quotes it.
    pub(super) fn of_secret(body: &[u8]) -> Result<Self, Untried> {
        let unusable = |why: &str| Untried::Unusable(why.to_owned());
        let SecretBody { kind, data } =
            serde_json::from_slice(body).map_err(|_| unusable("the API server's answer is no Secret"))?;
        let broken = || unusable("what is in it cannot be read as JSON");
        match kind.as_str() {
            "kubernetes.io/dockerconfigjson" => {
                let text = decode(&data.config.unwrap_or_default()).ok_or_else(broken)?;
                let file: ConfigFile = serde_json::from_str(&text).map_err(|_| broken())?;
                Ok(Self(file.auths))
            }
            "kubernetes.io/dockercfg" => {
                let text = decode(&data.old_config.unwrap_or_default()).ok_or_else(broken)?;
                serde_json::from_str(&text).map(Self).map_err(|_| broken())
            }
            _ => Err(Untried::WrongType(kind)),
        }
    }

    /// The entry that kubelet would take: also one for part of the registry, or for all below a domain (`*.example`).
    pub(super) fn find_as_kubelet(&self, host: &str, path: &str) -> Result<Credential, Untried> {
        find(&self.0, host, path).ok_or(Untried::NoEntry)
    }
}

/// The most specific entry for a repository that holds a credential.
fn find(auths: &BTreeMap<String, AuthEntry>, host: &str, path: &str) -> Option<Credential> {
    let mut fitting: Vec<(usize, Credential)> = auths
        .iter()
        .filter_map(|(key, entry)| Some((covers(key, host, path)?, entry.credential()?)))
        .collect();
    fitting.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    fitting.into_iter().next().map(|(_, credential)| credential)
}

/// Whether an entry of that name is for a repository, and how much of its path it names.
fn covers(key: &str, host: &str, path: &str) -> Option<usize> {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let (key_host, key_path) = bare.split_once('/').unwrap_or((bare, ""));
    let key_path = key_path.trim_matches('/');
    let key_path = if matches!(key_path, "v1" | "v2") { "" } else { key_path };
    let below = path
        .strip_prefix(key_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || key_path.is_empty());
    (same_host(key_host, host) && below).then_some(key_path.len())
}

fn same_host(key: &str, host: &str) -> bool {
    let (key, host) = (known_as(key), known_as(host));
    let (mut labels, mut wanted) = (key.split('.'), host.split('.'));
    loop {
        match (labels.next(), wanted.next()) {
            (None, None) => return true,
            (Some(label), Some(wanted)) if label == "*" || label == wanted => {}
            _ => return false,
        }
    }
}

/// Docker Hub has several names; `:443` goes without saying.
fn known_as(host: &str) -> String {
    let host = host.to_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    if matches!(host, "index.docker.io" | "registry-1.docker.io") {
        "docker.io".to_owned()
    } else {
        host.to_owned()
    }
}

/// The credentials of the machine for a repository, and where they come from: a helper for this registry, else the
/// store of all, else the file itself.
pub(super) async fn of_machine(
    host: &str,
    path: &str,
    options: &ConnectOptions,
) -> (String, Result<Credential, Untried>) {
    let Some((from, text)) = config(options) else {
        return ("~/.docker/config.json".to_owned(), Err(Untried::NoEntry));
    };
    let file = match text.map(|text| serde_json::from_str::<ConfigFile>(&text)) {
        Ok(Ok(file)) => file,
        Ok(Err(_)) => return (from, Err(Untried::Unusable("it is not JSON".to_owned()))),
        Err(why) => return (from, Err(Untried::Unusable(why))),
    };
    let server = if known_as(host) == "docker.io" { "https://index.docker.io/v1/" } else { host };
    let of_host = file.cred_helpers.iter().find(|(key, _)| covers(key, host, "").is_some());
    let name = of_host.map(|(_, name)| name).or(file.creds_store.as_ref());
    if let Some(name) = name {
        match helper::ask(name, server, options).await {
            Err(Untried::NoEntry) => {}
            answer => return (format!("docker-credential-{name}"), answer),
        }
    }
    let found = find(&file.auths, host, path).ok_or(Untried::NoEntry);
    (from, found)
}

#[cfg(test)]
mod tests;
