//! Why a call gave nothing, and what that means for the next one.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;

mod tls;

use self::tls::Handshake;
use crate::observation::Refusal;

/// No server makes us wait longer than this, whatever its `Retry-After` says.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

/// The longest that a server may make us wait, of the time that is left: a quarter of it.
pub(crate) fn patience(left: Duration) -> Duration {
    (left / 4).min(LONGEST_RETRY_AFTER)
}
/// As much of an answer that we cannot read is quoted.
const QUOTED_BYTES: usize = 200;
/// How a member of gzip begins.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A call that gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The server's word: an HTTP status, or an `ERROR` event within a watch.
    Status(Status),
    /// No connection, no answer in time, or an answer that is not the API's.
    Transport { message: String, heals: bool },
    /// The server's certificate or ours is not trusted. The file that says so may have been replaced since it was read.
    Untrusted { message: String },
}

/// The server of a call, for the words about its failure.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) url: String,
    /// The URL, and the proxy before it without its password: what there was no way over.
    pub(crate) way: String,
    /// Its authority is named by the kubeconfig, and not one of those that this machine trusts.
    pub(crate) own_authority: bool,
}

impl Peer {
    /// A server without a proxy before it.
    pub(crate) fn new(url: String, own_authority: bool) -> Self {
        Self { way: url.clone(), url, own_authority }
    }
}

/// A `Status` of the API, as far as it decides anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) retry_after: Option<Duration>,
    /// The server has not yet seen the resource version that was asked for.
    pub(crate) too_large: bool,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The history that was asked for is gone: read anew.
    Gone,
    /// The server is behind: ask again.
    TooLarge,
    /// What says who we are, or whom to trust, has to be read anew.
    Unauthorized,
    Forbidden,
    NotFound,
    /// The server does not know this form of the request.
    Unsupported,
    /// May heal by itself.
    Transient,
    /// Will not heal by itself.
    Final,
}

impl Class {
    /// An answer of a server that knows who asks, and lets him.
    pub(crate) const fn is_let_in(self) -> bool {
        matches!(self, Self::Gone | Self::TooLarge)
    }
}

impl Failure {
    /// A fault that a retry may heal.
    pub(crate) fn transport(message: impl Into<String>) -> Self {
        Self::Transport { message: message.into(), heals: true }
    }

    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Transport { heals: true, .. } => Class::Transient,
            Self::Transport { heals: false, .. } => Class::Final,
            Self::Untrusted { .. } => Class::Unauthorized,
            Self::Status(status) if status.too_large => Class::TooLarge,
            Self::Status(status) => match (status.code, status.reason.as_str()) {
                (410, _) | (_, "Gone" | "Expired") => Class::Gone,
                (401, _) => Class::Unauthorized,
                (403, _) => Class::Forbidden,
                (404, _) => Class::NotFound,
                (400 | 405 | 406 | 415 | 422, _) => Class::Unsupported,
                (0..400 | 408 | 429 | 500.., _) => Class::Transient,
                _ => Class::Final,
            },
        }
    }

    /// The API server says that this object does not exist. A server in front of it, or one that does not serve the
    /// type (yet), answers 404 as well, without these words.
    pub(crate) fn is_of_an_object(&self) -> bool {
        matches!(self, Self::Status(status) if status.reason == "NotFound")
    }

    /// How long the server wants us to stay away.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status(status) => status.retry_after.map(|delay| delay.min(LONGEST_RETRY_AFTER)),
            Self::Transport { .. } | Self::Untrusted { .. } => None,
        }
    }

    /// What went wrong, for a person: the server's words after its code, or ours.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Status(status) => format!("the API server answered {}: {}", status.code, status.message),
            Self::Transport { message, .. } | Self::Untrusted { message } => message.clone(),
        }
    }

    pub(crate) fn refusal(&self, asked: String) -> Refusal {
        match self {
            Self::Status(status) => Refusal { code: status.code, asked, message: status.message.clone() },
            Self::Transport { message, .. } | Self::Untrusted { message } => {
                Refusal { code: 0, asked, message: message.clone() }
            }
        }
    }
}

/// The wire form of [`Status`].
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StatusBody {
    kind: String,
    code: u16,
    reason: String,
    message: String,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    retry_after_seconds: Option<u64>,
    causes: Option<Vec<StatusCause>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StatusCause {
    reason: String,
}

impl Status {
    /// Reads a `Status` object; `None` if it is something else.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let body: StatusBody = serde_json::from_slice(json).ok()?;
        if body.kind != "Status" {
            return None;
        }
        let details = body.details.unwrap_or_default();
        let caused = details
            .causes
            .is_some_and(|causes| causes.iter().any(|cause| cause.reason == "ResourceVersionTooLarge"));
        let too_large = caused || (body.code == 504 && body.message.contains("Too large resource version"));
        Some(Self {
            code: body.code,
            reason: body.reason,
            message: body.message,
            retry_after: details.retry_after_seconds.map(Duration::from_secs),
            too_large,
        })
    }
}

/// Reads an HTTP answer that is not a success. An answer that does not come from Kubernetes (a page of a
/// balancer) decides nothing: it is a fault of the way, except for 401.
pub(crate) fn of_answer(code: u16, headers: &HeaderMap, body: &[u8]) -> Failure {
    let retry_after = retry_after(headers);
    if let Some(mut status) = Status::parse(body) {
        status.code = code;
        status.retry_after = retry_after.or(status.retry_after);
        return Failure::Status(status);
    }
    let text = quote(body);
    if code == 400 && text.contains("HTTP request to an HTTPS server") {
        let message =
            "the API server speaks TLS: its URL in the kubeconfig has to begin with https://".to_owned();
        return Failure::Transport { message, heals: false };
    }
    let of_kubernetes = code == 401 || (code == 404 && text.trim() == "404 page not found");
    if of_kubernetes || (retry_after.is_some() && matches!(code, 429 | 503)) {
        return Failure::Status(Status { code, message: text, retry_after, ..Status::default() });
    }
    Failure::transport(format!("an HTTP {code} that is not an answer of Kubernetes: {text}"))
}

/// `Retry-After` in both of its forms. A date is compared with the answer's own `Date`, so no clock is read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = parse_http_date(value)?;
    let now = date(headers)?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// The `Date` header.
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    parse_http_date(headers.get(http::header::DATE)?.to_str().ok()?)
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

/// The beginning of an answer that could not be read, on one line. What is no text tells nobody anything.
pub(crate) fn quote(body: &[u8]) -> String {
    if body.starts_with(&GZIP) {
        return "it is compressed with gzip, which was not asked for".to_owned();
    }
    if body.first().is_some_and(|byte| *byte < b' ' && !byte.is_ascii_whitespace()) {
        return "it is no text".to_owned();
    }
    let beginning = body.get(..QUOTED_BYTES).unwrap_or(body);
    let text = String::from_utf8_lossy(beginning);
    let one_line: String =
        text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    one_line.trim().to_owned()
}

/// Reads an error of the client.
pub(crate) fn of_client(error: &(dyn Error + 'static), peer: &Peer) -> Failure {
    let Peer { way: url, own_authority, .. } = peer;
    let mut texts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && let Some(text) = of_kind(error.kind())
        {
            return Failure::transport(format!("cannot reach {url}: {text}"));
        }
        texts.push(error.to_string());
        // the source of a wrapping io::Error is that of the error within, which it skips
        let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = within.map(|error| error as &(dyn Error + 'static)).or_else(|| error.source());
    }
    match texts.iter().find_map(|text| tls::of(text, *own_authority)) {
        Some(Handshake::Untrusted(why)) => {
            return Failure::Untrusted { message: format!("cannot trust {url}: {why}") };
        }
        Some(Handshake::Unready(why)) => return Failure::transport(format!("cannot reach {url}: {why}")),
        None => {}
    }
    if texts.iter().any(|text| text.contains("tls handshake eof")) {
        return Failure::transport(format!("cannot reach {url}: connection closed within the TLS handshake"));
    }
    if texts.iter().any(|text| text.contains("dns error") || text.contains("failed to lookup address")) {
        return Failure::transport(format!("cannot reach {url}: its host name does not resolve"));
    }
    if texts.iter().any(|text| text.contains("proxy authorization required")) {
        return Failure::transport(format!("cannot reach {url}: the proxy wants a user and password"));
    }
    if texts.iter().any(|text| text.contains("SOCKS error: failed to create underlying connection")) {
        return Failure::transport(format!("cannot reach {url}: no connection to the proxy"));
    }
    let last = texts.last().map_or("", String::as_str);
    Failure::transport(format!("cannot reach {url}: {}", quote(last.as_bytes())))
}

const fn of_kind(kind: io::ErrorKind) -> Option<&'static str> {
    Some(match kind {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::BrokenPipe => "connection closed",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::UnexpectedEof => "connection closed before the answer was complete",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(url: &str) -> Peer {
        Peer::new(url.to_owned(), true)
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_capped_at_30_s() {
        let seconds = of_answer(503, &headers(&[("retry-after", "7")]), b"");
        assert_eq!(seconds.retry_after(), Some(Duration::from_secs(7)));
        let date = headers(&[
            ("date", "Tue, 24 Nov 2026 10:00:00 GMT"),
            ("retry-after", "Tue, 24 Nov 2026 10:00:12 GMT"),
        ]);
        assert_eq!(of_answer(429, &date, b"").retry_after(), Some(Duration::from_secs(12)));
        let hour = of_answer(429, &headers(&[("retry-after", "3600")]), b"");
        assert_eq!(hour.retry_after(), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_too_large_version_is_known_by_its_cause_and_by_its_words() {
        let cause = br#"{"kind":"Status","code":504,"reason":"Timeout","message":"x",
            "details":{"retryAfterSeconds":1,"causes":[{"reason":"ResourceVersionTooLarge"}]}}"#;
        let words = br#"{"kind":"Status","code":504,"reason":"Timeout",
            "message":"Timeout: Too large resource version: 9, current: 7"}"#;
        for body in [&cause[..], &words[..]] {
            assert_eq!(of_answer(504, &HeaderMap::new(), body).class(), Class::TooLarge);
        }
    }

    #[test]
    fn a_page_of_a_balancer_decides_nothing() {
        for code in [400, 403, 404, 502] {
            let failure = of_answer(code, &HeaderMap::new(), b"<html>\x1b[31mno</html>");
            assert_eq!(failure.class(), Class::Transient, "{code}");
            assert!(!failure.message().contains('\x1b'));
        }
    }

    #[test]
    fn a_refused_connection_says_so_and_may_heal() {
        let error = kube::Error::Service(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)));
        let failure = of_client(&error, &peer("https://127.0.0.1:6443"));
        assert_eq!(failure, Failure::transport("cannot reach https://127.0.0.1:6443: connection refused"));
    }

    #[test]
    fn a_reset_within_other_errors_is_found() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let wrapped = io::Error::other(io::Error::other(reset));
        let failure = of_client(&kube::Error::Service(Box::new(wrapped)), &peer("https://k"));
        assert_eq!(failure, Failure::transport("cannot reach https://k: connection reset"));
    }

    #[test]
    fn who_is_not_trusted_is_asked_again_with_files_that_were_read_anew() {
        let error = io::Error::other("invalid peer certificate: UnknownIssuer");
        let failure = of_client(&error, &peer("https://k"));
        assert_eq!(failure.class(), Class::Unauthorized);
        assert!(failure.message().contains("certificate authority of the kubeconfig"));
    }

    #[test]
    fn a_server_that_starts_may_not_speak_tls_yet() {
        for text in
            ["received fatal alert: InternalError", "received corrupt message of type InvalidContentType"]
        {
            assert_eq!(
                of_client(&io::Error::other(text), &peer("https://k")).class(),
                Class::Transient,
                "{text}"
            );
        }
    }
}
