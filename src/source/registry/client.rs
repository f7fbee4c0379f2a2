//! Questions to one registry over its API (OCI distribution): with credentials where they belong and nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LINK, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use kube::client::Body;
use serde::Deserialize;
use tokio::time::timeout;
use tower::{Service as _, ServiceExt as _};

use super::super::call::WHO;
use super::super::connect::ConnectOptions;
use super::super::failure::{Peer, of_client, quote};
use super::super::request::encoded;
use super::super::transport::{self, Outside};
use super::challenge::Challenge;
use super::credentials::{Credential, basic};
use super::origin::Origin;
use crate::observation::{ImageAsk, ImageReply, LONGEST_LIST, RegistryError, TagsReply};

/// For one answer, its body included.
const CALL: Duration = Duration::from_secs(5);
const LONGEST_WORDS: usize = 300;
const MOST_REDIRECTS: usize = 4;
const MOST_PAGES: usize = 5;

/// What a tag can stand for. Docker's own types come too: a registry that is not told of them may answer 404.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";
const ANYTHING: &str = "*/*";

/// One set of credentials at work.
pub(super) struct Asker {
    credential: Option<Credential>,
    /// What the registry has accepted to be asked with.
    authorization: Option<HeaderValue>,
    scope: String,
}

impl Asker {
    pub(super) fn new(credential: Option<Credential>, path: &str) -> Self {
        let authorization = match &credential {
            Some(Credential::RegistryToken(token)) => secret_header(&format!("Bearer {token}")),
            _ => None,
        };
        Self { credential, authorization, scope: format!("repository:{path}:pull") }
    }

    /// Takes the credentials out of what a server said.
    fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.credential.iter().flat_map(Credential::secrets).filter(|secret| !secret.is_empty())
        {
            text = text.replace(&secret, "[redacted]");
        }
        text
    }
}

fn secret_header(value: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(value).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// An answer, whatever its status.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// Why there is no answer of the registry itself.
enum Fault {
    /// The token service refused.
    Token(RegistryError),
    /// In a sentence without final period.
    NoAnswer(String),
}

impl Fault {
    fn no_answer(why: impl Into<String>) -> Self {
        Self::NoAnswer(why.into())
    }
}

/// The way to one registry.
pub(super) struct Client<'a> {
    options: &'a ConnectOptions,
    /// As requests name it: Docker Hub's API is not at docker.io.
    host: String,
    /// Whether to try it without TLS where it does not speak it.
    may_be_plain: bool,
    /// Found at the first answer.
    plain: bool,
    /// By the proxy on the way; the empty name is the direct way.
    ways: BTreeMap<String, Outside>,
}

impl<'a> Client<'a> {
    pub(super) fn new(host: &str, options: &'a ConnectOptions) -> Self {
        let may_be_plain = options.registry.insecure.contains(host)
            || url(true, host, "/")
                .ok()
                .and_then(|url| Origin::of(&url))
                .is_some_and(|origin| origin.is_loopback());
        let host = if host == "docker.io" { "registry-1.docker.io" } else { host };
        Self { options, host: host.to_owned(), may_be_plain, plain: false, ways: BTreeMap::new() }
    }

    /// Whether the image is there. `HEAD` first, which no registry counts as a pull; the words of a refusal, which it
    /// cannot carry, are asked for after it.
    pub(super) async fn image(&mut self, ask: &ImageAsk, asker: &mut Asker) -> ImageReply {
        let path = format!("/v2/{}/manifests/{}", ask.path, ask.version);
        match self.image_at(&path, ask, asker).await {
            Ok(reply) => reply,
            Err(Fault::Token(error)) => ImageReply::Error(error),
            Err(Fault::NoAnswer(why)) => ImageReply::NoAnswer { why },
        }
    }

    async fn image_at(&mut self, path: &str, ask: &ImageAsk, asker: &mut Asker) -> Result<ImageReply, Fault> {
        let head = self.ask(Method::HEAD, path, MANIFESTS, asker).await?;
        let limited = head.status == StatusCode::TOO_MANY_REQUESTS;
        if limited || head.status.is_server_error() || (head.status.is_success() && !ask.platforms) {
            return Ok(reply(&head, asker));
        }
        let get = self.ask(Method::GET, path, MANIFESTS, asker).await?;
        if !get.status.is_success() || !ask.platforms {
            return Ok(reply(&get, asker));
        }
        let platforms = self.platforms(&get.body, ask, asker).await;
        Ok(ImageReply::Has { platforms })
    }

    /// `linux/amd64` and so on; of a single image its configuration tells.
    async fn platforms(&mut self, manifest: &[u8], ask: &ImageAsk, asker: &mut Asker) -> Vec<String> {
        let Ok(manifest) = serde_json::from_slice::<Manifest>(manifest) else { return Vec::new() };
        if let Some(config) = manifest.config {
            if !config.digest.chars().all(|c| c.is_ascii_alphanumeric() || c == ':') {
                return Vec::new();
            }
            let path = format!("/v2/{}/blobs/{}", ask.path, config.digest);
            let Ok(blob) = self.ask(Method::GET, &path, ANYTHING, asker).await else { return Vec::new() };
            let platform: Platform = serde_json::from_slice(&blob.body).unwrap_or_default();
            return platform.words().into_iter().collect();
        }
        let mut platforms: Vec<String> =
            manifest.manifests.iter().filter_map(|entry| entry.platform.words()).take(32).collect();
        platforms.sort();
        platforms.dedup();
        platforms
    }

    /// The tags of the repository.
    pub(super) async fn tags(&mut self, ask: &ImageAsk, asker: &mut Asker) -> TagsReply {
        let mut path = format!("/v2/{}/tags/list?n=1000", ask.path);
        let mut tags: Vec<String> = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = match self.ask(Method::GET, &path, "application/json", asker).await {
                Ok(page) => page,
                Err(Fault::Token(error)) => return TagsReply::Error(error),
                Err(Fault::NoAnswer(why)) => return TagsReply::NoAnswer { why },
            };
            if !page.status.is_success() {
                return TagsReply::Error(error(&page, asker, false));
            }
            let Ok(TagsPage { tags: listed }) = serde_json::from_slice::<TagsPage>(&page.body) else {
                return TagsReply::NoAnswer { why: "the list of tags cannot be read".to_owned() };
            };
            tags.extend(listed.unwrap_or_default());
            match next_page(&page.headers) {
                Some(next) if tags.len() < LONGEST_LIST => path = next,
                Some(_) => break,
                None => return TagsReply::Listed { tags, more: false },
            }
        }
        tags.truncate(LONGEST_LIST);
        TagsReply::Listed { tags, more: true }
    }

    /// Asks the registry; meets its challenge once where it wants to know who asks.
    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        accept: &str,
        asker: &mut Asker,
    ) -> Result<Reply, Fault> {
        let first = self.send(&method, path, accept, asker.authorization.as_ref()).await?;
        if first.status != StatusCode::UNAUTHORIZED {
            return Ok(first);
        }
        let authorization = match Challenge::of(&first.headers) {
            Some(Challenge::Basic) => match &asker.credential {
                Some(Credential::Password { user, password }) => {
                    secret_header(&format!("Basic {}", basic(user, password)))
                }
                _ => None,
            },
            Some(Challenge::Bearer { realm, service, scope }) => {
                Some(self.token(&realm, service.as_deref(), scope.as_deref(), asker).await?)
            }
            None => None,
        };
        // A second refusal of the same is an answer.
        if authorization.is_none() || authorization == asker.authorization {
            return Ok(first);
        }
        asker.authorization = authorization;
        self.send(&method, path, accept, asker.authorization.as_ref()).await
    }

    /// A token of the service that the registry names.
    async fn token(
        &mut self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        asker: &Asker,
    ) -> Result<HeaderValue, Fault> {
        let url: Uri =
            realm.parse().map_err(|_| Fault::no_answer("the registry names no usable token service"))?;
        let registry = self.origin()?;
        let of_token = Origin::of(&url).filter(|origin| registry.may_send_to(origin) && !realm.contains('@'));
        if of_token.is_none() {
            return Err(Fault::no_answer(format!(
                "the registry names {} as its token service, which is not asked: it is not reached over TLS, or is on this machine",
                quote(realm.as_bytes())
            )));
        }
        let scope = scope.unwrap_or(&asker.scope);
        let mut parameters = vec![("scope", scope)];
        parameters.extend(service.map(|service| ("service", service)));
        let mut request = Request::builder().header(USER_AGENT, WHO).header(ACCEPT, "application/json");
        let mut body = Body::empty();
        if let Some(Credential::IdentityToken(token)) = &asker.credential {
            parameters.extend([
                ("grant_type", "refresh_token"),
                ("client_id", "rollout-guard"),
                ("refresh_token", token),
            ]);
            request = request
                .method(Method::POST)
                .uri(url.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            body = Body::from(form(&parameters).into_bytes());
        } else {
            let joint = if realm.contains('?') { '&' } else { '?' };
            request = request.method(Method::GET).uri(format!("{realm}{joint}{}", form(&parameters)));
            if let Some(Credential::Password { user, password }) = &asker.credential
                && let Some(header) = secret_header(&format!("Basic {}", basic(user, password)))
            {
                request = request.header(AUTHORIZATION, header);
            }
        }
        let request =
            request.body(body).map_err(|_| Fault::no_answer("the token service has no usable URL"))?;
        // It is not followed to anywhere else: the credentials are in the request.
        let answer = self.call(request).await.map_err(Fault::NoAnswer)?;
        if !answer.status.is_success() {
            return Err(Fault::Token(error(&answer, asker, true)));
        }
        let TokenBody { token, access_token } = serde_json::from_slice(&answer.body).unwrap_or_default();
        token
            .or(access_token)
            .and_then(|token| secret_header(&format!("Bearer {token}")))
            .ok_or_else(|| Fault::no_answer("the token service answered without a token"))
    }

    fn origin(&self) -> Result<Origin, Fault> {
        let url = url(!self.plain, &self.host, "/").map_err(Fault::NoAnswer)?;
        Origin::of(&url).ok_or_else(|| Fault::no_answer("the registry has no usable URL"))
    }

    /// One request to the registry, and on to where it sends us: with the credentials only for as long as that is
    /// itself.
    async fn send(
        &mut self,
        method: &Method,
        path: &str,
        accept: &str,
        authorization: Option<&HeaderValue>,
    ) -> Result<Reply, Fault> {
        let mut at = url(!self.plain, &self.host, path).map_err(Fault::NoAnswer)?;
        for _ in 0..MOST_REDIRECTS {
            let mut reply = self.request(method, &at, accept, authorization).await;
            if let Err(why) = &reply
                && self.may_be_plain
                && !self.plain
                && !why.contains("certificate")
            {
                self.plain = true;
                at = url(false, &self.host, path).map_err(Fault::NoAnswer)?;
                reply = self.request(method, &at, accept, authorization).await;
            }
            let reply = reply.map_err(Fault::NoAnswer)?;
            if !reply.status.is_redirection() {
                return Ok(reply);
            }
            let location =
                reply.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            at = self.redirected(&at, location)?;
        }
        Err(Fault::no_answer("it redirects without end"))
    }

    fn redirected(&self, from: &Uri, location: &str) -> Result<Uri, Fault> {
        let refused = || {
            Fault::no_answer(format!("it redirects to {}, which is not followed", quote(location.as_bytes())))
        };
        let next = match (location.strip_prefix("//"), location.starts_with('/')) {
            (None, true) => {
                let authority = from.authority().ok_or_else(refused)?.as_str();
                url(from.scheme_str() == Some("https"), authority, location).map_err(Fault::NoAnswer)?
            }
            _ => location.parse::<Uri>().map_err(|_| refused())?,
        };
        let allowed =
            Origin::of(&next).is_some_and(|origin| self.origin().is_ok_and(|own| own.may_send_to(&origin)));
        if allowed { Ok(next) } else { Err(refused()) }
    }

    async fn request(
        &mut self,
        method: &Method,
        url: &Uri,
        accept: &str,
        authorization: Option<&HeaderValue>,
    ) -> Result<Reply, String> {
        let own = self.origin().ok();
        let mut request =
            Request::builder().method(method).uri(url.clone()).header(ACCEPT, accept).header(USER_AGENT, WHO);
        if let Some(authorization) = authorization.filter(|_| own.is_some() && Origin::of(url) == own) {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Body::empty()).map_err(|error| error.to_string())?;
        self.call(request).await
    }

    async fn call(&mut self, request: Request<Body>) -> Result<Reply, String> {
        let place = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let proxy = self.options.proxy.of(request.uri());
        let name = proxy.clone().unwrap_or_default();
        if !self.ways.contains_key(&name) {
            let way = transport::outside(proxy.as_deref(), None)
                .map_err(|why| format!("the proxy settings: {why}"))?;
            self.ways.insert(name.clone(), way);
        }
        let Some(way) = self.ways.get_mut(&name) else { return Err(format!("no way to {place}")) };
        let (method, shown) = (request.method().clone(), request.uri().path().to_owned());
        let answered = timeout(CALL, async {
            let (parts, body) = way.ready().await?.call(request).await?;
            Ok::<Reply, tower::BoxError>(Reply { status: parts.status, headers: parts.headers, body })
        });
        match answered.await {
            Ok(Ok(reply)) => {
                tracing::debug!("{method} {place}{shown}: {}", reply.status);
                Ok(reply)
            }
            Ok(Err(error)) => {
                let peer = Peer::new(place, false);
                Err(of_client(error.as_ref(), &peer).message())
            }
            Err(_) => Err(format!("{place} did not answer within {} s", CALL.as_secs())),
        }
    }
}

fn url(tls: bool, authority: &str, path: &str) -> Result<Uri, String> {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{authority}{path}")
        .parse()
        .map_err(|_| format!("{authority} is not the name of a registry"))
}

fn form(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    pairs.join("&")
}

/// `Link: </v2/x/tags/list?last=b&n=1000>; rel="next"`: path and query, whatever host it names.
fn next_page(headers: &HeaderMap) -> Option<String> {
    let link = headers.get(LINK)?.to_str().ok()?;
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    if !rest.contains("next") {
        return None;
    }
    let target: Uri = target.parse().ok()?;
    Some(target.path_and_query()?.as_str().to_owned()).filter(|path| path.starts_with("/v2/"))
}

fn reply(reply: &Reply, asker: &Asker) -> ImageReply {
    if reply.status.is_success() {
        ImageReply::Has { platforms: Vec::new() }
    } else {
        ImageReply::Error(error(reply, asker, false))
    }
}

/// The words of an answer that is not a success, in the forms that registries and token services have for them.
fn error(reply: &Reply, asker: &Asker, of_token: bool) -> RegistryError {
    let body: ErrorBody = serde_json::from_slice(&reply.body).unwrap_or_default();
    let first = body.errors.into_iter().next().unwrap_or_default();
    let words = [first.message, body.details, body.message, body.error_description, body.error];
    let words = words.into_iter().flatten().find(|words| !words.is_empty());
    // Not every registry answers in JSON; a page for browsers says nothing here.
    let plain = || Some(quote(&reply.body)).filter(|text| !text.starts_with(['<', '{']));
    let message = words.or_else(plain).unwrap_or_default();
    let message: String = asker.scrub(&quote(message.as_bytes())).chars().take(LONGEST_WORDS).collect();
    let code: String =
        first.code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
    let sent_password = asker
        .authorization
        .as_ref()
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.starts_with("Basic ")));
    let rejected = match reply.status {
        StatusCode::UNAUTHORIZED => (of_token && asker.credential.is_some()) || sent_password,
        StatusCode::BAD_REQUEST => of_token && asker.credential.is_some(),
        _ => false,
    };
    RegistryError { status: reply.status.as_u16(), code, message, of_token, rejected }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    errors: Vec<OneError>,
    details: Option<String>,
    message: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OneError {
    code: String,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenBody {
    token: Option<String>,
    access_token: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TagsPage {
    tags: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Manifest {
    manifests: Vec<ManifestEntry>,
    config: Option<Descriptor>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Descriptor {
    digest: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ManifestEntry {
    platform: Platform,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Platform {
    os: String,
    architecture: String,
    variant: String,
}

impl Platform {
    /// `None` for what is no image, as attestations are.
    fn words(&self) -> Option<String> {
        let Self { os, architecture, variant } = self;
        if os.is_empty() || os == "unknown" {
            return None;
        }
        let variant = if variant.is_empty() { String::new() } else { format!("/{variant}") };
        Some(format!("{os}/{architecture}{variant}"))
    }
}
