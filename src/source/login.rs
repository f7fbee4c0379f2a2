//! Who we are to the API server: what a kubeconfig says of its user becomes one header, or a client certificate.
//!
//! kube's own way is not taken. It runs the programs of an `auth-provider` without a limit, sends a token file with the
//! line end that every shell writes, and panics over a token that no header can hold.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use http::header::HeaderValue;
use kube::config::AuthInfo;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::connect::ConnectOptions;
use super::exec::{self, NoCredential};
use super::oidc;
use crate::untrusted::Redactor;

/// As client-go (`NewCachedFileTokenSource`): kubelet writes the token of a pod anew long before it expires.
const REREAD: Duration = Duration::from_secs(50);

/// The `Authorization` header of each request.
#[derive(Clone, Debug)]
pub(super) enum Authorization {
    Fixed(HeaderValue),
    File(Arc<TokenFile>),
}

/// A file that somebody else replaces.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    /// Learns each token.
    redactor: Redactor,
    /// What was read last, and when.
    read: Mutex<(HeaderValue, Instant)>,
}

impl Authorization {
    /// The header now. A token file that can no longer be read leaves the last one that could.
    pub(super) fn header(&self) -> HeaderValue {
        self.header_at(Instant::now())
    }

    fn header_at(&self, now: Instant) -> HeaderValue {
        let file = match self {
            Self::Fixed(header) => return header.clone(),
            Self::File(file) => file,
        };
        let mut read = file.read.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(read.1) >= REREAD {
            match of_file(&file.path) {
                Ok(header) => {
                    learn(&file.redactor, &header);
                    read.0 = header;
                }
                Err(NoCredential { why, .. }) => tracing::debug!("{why}"),
            }
            read.1 = now;
        }
        read.0.clone()
    }
}

/// Takes from a user all that becomes the header, and runs the credential plugin; certificates stay.
///
/// # Errors
/// There is something of which no header can be made.
pub(super) async fn log_in(
    user: &mut AuthInfo,
    user_info: Option<&str>,
    options: &ConnectOptions,
    tokens: &oidc::Tokens,
) -> Result<Option<Authorization>, NoCredential> {
    let (exec, provider) = (user.exec.take(), user.auth_provider.take());
    let (token, file) = (user.token.take(), user.token_file.take());
    let (name, password) = (user.username.take(), user.password.take());
    if exec.is_some() && provider.is_some() {
        return Err(NoCredential::new("the user has both exec and auth-provider, and only one can be used")
            .help("take one of them out of the kubeconfig"));
    }
    let mut printed = None;
    if let Some(exec) = exec {
        let ConnectOptions { exec_plugins, stdin_is_terminal, path, .. } = options;
        let credential = exec::run(&exec, exec_plugins, *stdin_is_terminal, path.as_deref())?;
        if let Some((certificate, key)) = credential.certificate {
            user.client_certificate_data = Some(STANDARD.encode(certificate));
            user.client_key_data = Some(STANDARD.encode(key).into());
        }
        printed = credential.token;
    }
    let fixed = |header| Ok(Some(Authorization::Fixed(header)));
    if let Some(user_info) = user_info {
        // as net/http, for which these are there before client-go adds anything
        return fixed(basic(&decoded(user_info)));
    }
    if let Some(provider) = provider {
        if provider.name != "oidc" {
            return Err(unknown_provider(&provider.name));
        }
        let token = oidc::id_token(&provider, options, tokens).await?;
        return fixed(bearer(&token, "the id-token")?);
    }
    if let (Some(name), Some(password)) = (name, password) {
        return fixed(basic(format!("{name}:{}", password.expose_secret()).as_bytes()));
    }
    if let Some(token) = printed {
        return fixed(bearer(&token, "the token that the credential plugin printed")?);
    }
    let token = token.as_ref().map(SecretString::expose_secret).filter(|token| !token.is_empty());
    if let Some(path) = file.filter(|path| !path.is_empty()).map(PathBuf::from) {
        // as client-go: of the two, the file
        match of_file(&path) {
            Ok(header) => {
                let (redactor, read) = (options.redactor.clone(), Mutex::new((header, Instant::now())));
                return Ok(Some(Authorization::File(Arc::new(TokenFile { path, redactor, read }))));
            }
            Err(unread) if token.is_none() => return Err(unread),
            Err(_) => {}
        }
    }
    token.map_or(Ok(None), |token| fixed(bearer(token, "the token of the user")?))
}

/// From now on what a header proves who we are with is hidden: the token, or the password and what is made of it.
pub(super) fn learn(redactor: &Redactor, header: &HeaderValue) {
    let Some((scheme, secret)) = header.to_str().ok().and_then(|header| header.split_once(' ')) else {
        return;
    };
    redactor.learn(secret);
    if scheme == "Basic"
        && let Ok(plain) = STANDARD.decode(secret)
        && let Some((_, password)) = String::from_utf8_lossy(&plain).split_once(':')
    {
        redactor.learn(password);
    }
}

fn unknown_provider(name: &str) -> NoCredential {
    let refused = NoCredential::new(format!(
        "the auth-provider {name:?} of the user is not supported, as kubectl has not supported it since 1.26; expected \
         is exec, a token, a client certificate, or the auth-provider oidc"
    ));
    match name {
        "gcp" => refused.help(
            "install gke-gcloud-auth-plugin, then run: gcloud container clusters get-credentials CLUSTER",
        ),
        "azure" => refused.help("install kubelogin, then run: kubelogin convert-kubeconfig"),
        _ => refused.help("use a credential plugin in the exec section of the user"),
    }
}

fn of_file(path: &Path) -> Result<HeaderValue, NoCredential> {
    let shown = format!("the token file {}", path.display());
    let text = std::fs::read_to_string(path)
        .map_err(|error| NoCredential::new(format!("{shown} cannot be read: {error}")))?;
    bearer(&text, &shown)
}

/// The header of a token, without the white space around it. `what` is it, for whom it cannot be used.
fn bearer(token: &str, what: &str) -> Result<HeaderValue, NoCredential> {
    let token = token.trim();
    if token.is_empty() {
        return Err(NoCredential::new(format!("{what} is empty")));
    }
    // the API server takes what is before a blank for the token, and a header can hold no line break
    let usable = token.bytes().all(|byte| byte.is_ascii_graphic());
    let header = usable.then(|| HeaderValue::from_str(&format!("Bearer {token}")).ok()).flatten();
    let mut header = header.ok_or_else(|| {
        NoCredential::new(format!("{what} holds a line break or another character that no token has"))
            .help("write the token on one line, as kubectl create token prints it")
    })?;
    header.set_sensitive(true);
    Ok(header)
}

/// The header of a user and a password.
pub(super) fn basic(credentials: &[u8]) -> HeaderValue {
    // base64 is nothing but visible ASCII
    let header = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(credentials)));
    let mut header = header.unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    header.set_sensitive(true);
    header
}

/// A URL without the user and the password in it, and those as they were written.
pub(super) fn without_user_info(url: &Uri) -> (Uri, Option<String>) {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let Some((user_info, host)) = authority.rsplit_once('@') else { return (url.clone(), None) };
    let mut parts = url.clone().into_parts();
    parts.authority = host.parse().ok();
    let without = Uri::from_parts(parts).unwrap_or_default();
    (without, Some(user_info.to_owned()).filter(|user_info| !user_info.is_empty()))
}

/// Undoes the percent-encoding of a URL.
pub(super) fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits =
            after.get(..2).filter(|digits| *first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}
