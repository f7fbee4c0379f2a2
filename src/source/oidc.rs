//! The `oidc` auth-provider: an id-token, and a refresh-token to get the next one with.
//!
//! As client-go's (`plugin/pkg/client/auth/oidc`), but nothing is written back to the kubeconfig, a refresh has a limit
//! of time and goes through the proxy of the environment, and an id-token that was refused is replaced before it expires.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use kube::config::AuthProviderConfig;
use serde::Deserialize;
use tower::{Service as _, ServiceExt as _};

use super::connect::ConnectOptions;
use super::exec::NoCredential;
use super::failure::{self, Peer};
use super::kubeconfig;
use super::login::{basic, without_user_info};
use super::request::encoded;
use super::transport;

/// For all calls of a refresh; within the limit on a renewal.
const LIMIT: Duration = Duration::from_secs(20);
/// As client-go: a token that expires so soon is as good as expired.
const LEEWAY: SignedDuration = SignedDuration::from_secs(10);

/// The tokens of the run. A provider may take back a refresh-token once it has been used, so that what it gave for it
/// must outlive the client that asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens(Arc<tokio::sync::Mutex<Option<Held>>>);

struct Held {
    /// What the kubeconfig said: if that has changed, somebody has logged in again.
    written: Pair,
    now: Pair,
    /// The id-token has been given to a client. Whoever asks again was refused with it.
    given: bool,
}

#[derive(Clone, PartialEq, Eq)]
struct Pair {
    id: Option<String>,
    refresh: Option<String>,
}

/// Nothing of it may get into a diagnostic.
impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Held")
    }
}

#[derive(Deserialize)]
struct Claims {
    exp: serde_json::Number,
}

#[derive(Deserialize)]
struct Metadata {
    token_endpoint: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    id_token: Option<String>,
    refresh_token: Option<String>,
    error: String,
}

/// The id-token to send: the one that there is, or a new one where that has expired or was refused.
///
/// # Errors
/// There is none, and none can be got.
pub(super) async fn id_token(
    provider: &AuthProviderConfig,
    options: &ConnectOptions,
    tokens: &Tokens,
) -> Result<String, NoCredential> {
    let written = Pair {
        id: field(provider, "id-token").map(str::to_owned),
        refresh: field(provider, "refresh-token").map(str::to_owned),
    };
    let mut slot = tokens.0.lock().await;
    let held = match &mut *slot {
        Some(held) if held.written == written => held,
        other => other.insert(Held { written: written.clone(), now: written, given: false }),
    };
    let now = (options.wall_clock)();
    let unexpired = held.now.id.clone().filter(|id| {
        expiry(id).is_some_and(|expiry| now.checked_add(LEEWAY).is_ok_and(|soon| soon < expiry))
    });
    let Some(refresh_token) = held.now.refresh.clone() else {
        held.given = true;
        return unexpired.ok_or_else(|| without_refresh(held.now.id.as_deref()));
    };
    if let Some(id) = unexpired.filter(|_| !held.given) {
        held.given = true;
        return Ok(id);
    }
    options.redactor.learn(&refresh_token);
    let refreshed = tokio::time::timeout(LIMIT, refresh(provider, &refresh_token, options)).await;
    let answer = refreshed.unwrap_or_else(|_| {
        Err(format!("the identity provider did not answer within {} s", LIMIT.as_secs()))
    });
    let answer = answer.map_err(|why| {
        NoCredential::new(format!("the id-token of the user could not be refreshed: {why}")).help(AGAIN)
    })?;
    held.now = Pair { id: answer.id_token, refresh: answer.refresh_token.or(Some(refresh_token)) };
    held.given = true;
    held.now.id.clone().ok_or_else(|| {
        let why = "the identity provider gave no id-token; the login needs the scope openid";
        NoCredential::new(why).help(AGAIN)
    })
}

const AGAIN: &str = "log in again, or use the token of a service account in CI";

fn without_refresh(id: Option<&str>) -> NoCredential {
    NoCredential::new(match id {
        None => "the auth-provider oidc of the user has neither an id-token nor a refresh-token",
        Some(id) if expiry(id).is_none() => "the id-token of the user is not a JWT with an expiry",
        Some(_) => {
            "the id-token of the user has expired, and there is no refresh-token to get another one with"
        }
    })
    .help(AGAIN)
}

fn field<'a>(provider: &'a AuthProviderConfig, name: &str) -> Option<&'a str> {
    provider.config.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// The `exp` of a JWT, which may be written as a number with a fraction.
fn expiry(id_token: &str) -> Option<Timestamp> {
    let payload = URL_SAFE_NO_PAD.decode(id_token.split('.').nth(1)?.trim_end_matches('=')).ok()?;
    let exp = serde_json::from_slice::<Claims>(&payload).ok()?.exp.to_string();
    Timestamp::from_second(exp.split('.').next()?.parse().ok()?).ok()
}

async fn refresh(
    provider: &AuthProviderConfig,
    refresh_token: &str,
    options: &ConnectOptions,
) -> Result<Answer, String> {
    let missing = |name: &str| format!("the auth-provider oidc of the user has no {name}");
    let issuer = field(provider, "idp-issuer-url").ok_or_else(|| missing("idp-issuer-url"))?;
    let client = field(provider, "client-id").ok_or_else(|| missing("client-id"))?;
    let secret = field(provider, "client-secret").unwrap_or_default();
    let path = field(provider, "idp-certificate-authority");
    let authority = kubeconfig::authority(field(provider, "idp-certificate-authority-data"), path)
        .map_err(|why| format!("of the identity provider: {why}"))?;
    let call = async |request: http::request::Builder, body: String| {
        let request = request.body(Body::from(body.into_bytes()));
        send(request.map_err(|_| "its URL is malformed".to_owned())?, options, authority.clone()).await
    };
    let discovery = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let (status, body) = call(Request::get(&discovery), String::new()).await?;
    let metadata: Option<Metadata> =
        serde_json::from_slice(&body).ok().filter(|_: &Metadata| status.is_success());
    let Metadata { token_endpoint } = metadata
        .ok_or_else(|| format!("{status} without a token_endpoint from the identity provider {issuer}"))?;
    let form = format!("grant_type=refresh_token&refresh_token={}", encoded(refresh_token));
    // Some providers know a client by the header only, and some by the form only (golang.org/x/oauth2 finds out as well).
    let by_header = basic(format!("{}:{}", encoded(client), encoded(secret)).as_bytes());
    let mut by_form = format!("{form}&client_id={}", encoded(client));
    if !secret.is_empty() {
        by_form = format!("{by_form}&client_secret={}", encoded(secret));
    }
    let post = || Request::post(&token_endpoint).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let (mut status, mut body) = call(post().header(AUTHORIZATION, by_header), form).await?;
    if !status.is_success() && error_of(&body) != "invalid_grant" {
        (status, body) = call(post(), by_form).await?;
    }
    if !status.is_success() {
        let error = error_of(&body);
        let error = if error.is_empty() { String::new() } else { format!(" ({error})") };
        return Err(format!("the identity provider answered {status}{error}"));
    }
    serde_json::from_slice(&body).map_err(|_| "the identity provider's answer is not JSON".to_owned())
}

/// The word that OAuth has for what is wrong, and nothing else of the answer.
fn error_of(body: &[u8]) -> String {
    let Answer { error, .. } = serde_json::from_slice(body).unwrap_or_default();
    let is_word = error.len() <= 40 && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_word { error } else { String::new() }
}

async fn send(
    request: Request<Body>,
    options: &ConnectOptions,
    authority: Option<Vec<Vec<u8>>>,
) -> Result<(StatusCode, Vec<u8>), String> {
    let own_authority = authority.is_some();
    let url = without_user_info(request.uri()).0.to_string();
    let proxy = options.proxy.of(request.uri());
    let mut way = transport::outside(proxy.as_deref(), authority)?;
    let answered = async { way.ready().await?.call(request).await }.await;
    let (parts, body) = answered
        .map_err(|error| failure::of_client(error.as_ref(), &Peer::new(url, own_authority)).message())?;
    tracing::debug!("identity provider: {}", parts.status);
    Ok((parts.status, body))
}
