//! What is promised of everything that a server, a kubeconfig or a credential plugin may send. Used by fuzzing.
#![expect(clippy::panic, reason = "test code; clippy knows it only by its plain form")]

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Uri};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::connect_error::ConnectError;
use super::exec::{credential, last_words};
use super::failure::{self, Failure};
use super::frame::{Decoder, Shown};
use super::kubeconfig::Chosen;
use super::proxy::ProxySettings;
use super::watch::{Item, Line, Page};
use crate::model::Kind;
use crate::observation::Object;

/// What a line of bytes says, as the engine is told it.
pub(crate) enum Said {
    Applied(Object),
    Deleted(Object),
    Listed(Kind, Vec<Object>),
    /// Nothing about an object.
    Other,
}

/// The kinds that are watched.
const WATCHED: [Kind; 7] = [
    Kind::Pod,
    Kind::ReplicaSet,
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Job,
    Kind::ControllerRevision,
];

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    kind: String,
}

/// Reads a line of a watch or the body of a list, of the kind that it says it is. With a recording it says the same.
pub(crate) fn read(line: &[u8]) -> Said {
    let object = serde_json::from_slice::<Envelope<'_>>(line).ok().and_then(|body| body.object);
    let named = object.map_or(line, |object| object.get().as_bytes());
    let named = serde_json::from_slice::<Named>(named).map(|named| named.kind).unwrap_or_default();
    let is_list = object.is_none();
    let kind = named.trim_end_matches("List");
    let kind = WATCHED.into_iter().find(|known| known.as_str() == kind).unwrap_or(Kind::Pod);
    let plain = Decoder { kind, keep_raw: None, siblings: std::sync::Arc::default() };
    let raw = Decoder { keep_raw: Some(crate::untrusted::Redactor::default()), ..plain.clone() };
    // What no JSON document of a Go program holds, such as 1e999, is read by one and not the other.
    let is_json = serde_json::from_slice::<Value>(line).is_ok();
    if is_list {
        let (page, recorded) = (plain.page(line), raw.page(line));
        if is_json {
            pages_agree(&page, &recorded);
        }
        return match page {
            Ok(page) => Said::Listed(kind, page.items.into_iter().map(|item| item.body.object).collect()),
            Err(failure) => is_told(&failure),
        };
    }
    let (said, recorded) = (plain.line(line), raw.line(line));
    if is_json {
        lines_agree(&said, &recorded);
    }
    match said {
        Ok(Line::Applied(item)) => Said::Applied(item.body.object),
        Ok(Line::Deleted(item)) => Said::Deleted(item.body.object),
        Ok(Line::Bookmark { .. } | Line::Error(_)) => Said::Other,
        Err(failure) => is_told(&failure),
    }
}

/// What could not be read is quoted on one line and in bounds.
fn is_told(failure: &Failure) -> Said {
    let message = failure.message();
    assert!(!message.chars().any(char::is_control) && message.chars().count() < 600, "{message:?}");
    Said::Other
}

fn pages_agree(plain: &Result<Page<Shown>, Failure>, raw: &Result<Page<Shown>, Failure>) {
    if let Ok(plain) = plain {
        let raw = raw.as_ref().unwrap_or_else(|failure| panic!("only without a recording: {failure:?}"));
        assert_eq!(plain.resource_version, raw.resource_version);
        assert_eq!(plain.items.len(), raw.items.len());
        plain.items.iter().zip(&raw.items).for_each(|(plain, raw)| items_agree(plain, raw));
    }
}

fn lines_agree(plain: &Result<Line<Shown>, Failure>, raw: &Result<Line<Shown>, Failure>) {
    // The other way a field that is written twice is read, which no server writes.
    let Ok(plain) = plain else { return };
    match (plain, raw) {
        (Line::Applied(plain), Ok(Line::Applied(raw))) | (Line::Deleted(plain), Ok(Line::Deleted(raw))) => {
            items_agree(plain, raw);
        }
        (Line::Bookmark { .. }, Ok(Line::Bookmark { .. })) | (Line::Error(_), Ok(Line::Error(_))) => {}
        (plain, raw) => panic!("{plain:?} without a recording, {raw:?} with one"),
    }
}

fn items_agree(plain: &Item<Shown>, raw: &Item<Shown>) {
    assert_eq!((&plain.uid, &plain.resource_version), (&raw.uid, &raw.resource_version));
}

/// The head and the body of an answer that is no success: the first line is `CODE RETRY-AFTER`, the second the `Date`.
pub(crate) fn answer(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (first, when, body) = (next(), next(), next());
    let split = first.iter().position(|byte| *byte == b' ').unwrap_or(first.len());
    let code =
        std::str::from_utf8(first.get(..split).unwrap_or_default()).ok().and_then(|code| code.parse().ok());
    let mut headers = HeaderMap::new();
    for (name, value) in [(RETRY_AFTER, first.get(split + 1..)), (DATE, Some(when))] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value).ok()) {
            headers.insert(name, value);
        }
    }
    let failure = failure::of_answer(code.unwrap_or(500), &headers, body);
    let _class = failure.class();
    assert!(failure.retry_after().is_none_or(|wait| wait <= failure::LONGEST_RETRY_AFTER), "{failure:?}");
    if let Failure::Transport { message, .. } = &failure {
        assert!(!message.chars().any(char::is_control) && message.chars().count() < 600, "{message:?}");
    }
}

/// What a credential plugin printed, and what it complained: no word of it that could be a token is repeated.
pub(crate) fn plugin(data: &[u8]) {
    if let Some(credential) = credential(data) {
        assert!(credential.token.is_some() || credential.certificate.is_some());
        assert!(credential.token.as_deref() != Some(""));
    }
    let words = last_words(data);
    assert!(words.chars().count() <= 302 && !words.chars().any(char::is_control), "{words:?}");
    assert!(words.split_whitespace().all(|word| word.len() <= 32), "{words:?}");
}

/// A secret of a kubeconfig, which no error may quote.
const SECRET: &str = "7Zs1Lw9Xe3Rt5Yu8Io2Pl4Mn";

/// A kubeconfig with whatever is in it.
pub(crate) fn kubeconfig(text: &str) {
    chosen(text);
    // The same around a token: broken or not, it is not shown.
    if !text.contains(SECRET) {
        chosen(&format!("users: [{{name: u, user: {{token: {SECRET}}}}}]\n{text}"));
        chosen(&format!("{text}\nusers:\n- name: u\n  user:\n    token: \"{SECRET}\n"));
    }
}

fn chosen(text: &str) {
    let quiet = |error: String| assert!(!error.contains(SECRET), "{error}");
    let kubeconfig = match Kubeconfig::from_yaml(text) {
        Ok(kubeconfig) => kubeconfig,
        Err(error) => {
            let error = ConnectError::of_kubeconfig(error, "config", [Vec::new(), Vec::new()]);
            quiet(error.to_string());
            return error.help().into_iter().for_each(quiet);
        }
    };
    let Ok(mut kubeconfig) = Kubeconfig::default().merge(kubeconfig) else { return };
    // Files of this machine are not the input.
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        cluster.certificate_authority = None;
    }
    let contexts: Vec<String> = kubeconfig.contexts.iter().map(|named| named.name.clone()).collect();
    let named = kubeconfig.current_context.iter().chain(&contexts);
    for context in named.take(3) {
        if let Some(chosen) = Chosen::of(&kubeconfig, context, &KubeConfigOptions::default())
            && let Err(why) = chosen.config()
        {
            quiet(why);
        }
    }
}

/// The proxy for a server: `NO_PROXY`, the proxy and the server on a line each.
pub(crate) fn proxy(text: &str) {
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (no_proxy, proxy, server) = (next(), next(), next());
    let Ok(server) = server.parse::<Uri>() else { return };
    let of = |no_proxy: &str| {
        let no_proxy = Some(no_proxy.to_owned());
        ProxySettings { https_proxy: Some(proxy.clone()), http_proxy: Some(proxy.clone()), no_proxy }
            .of(&server)
    };
    let found = of(&no_proxy);
    assert_eq!(of("*"), None);
    // One more item never sends more through the proxy.
    if found.is_none() {
        assert_eq!(of(&format!("{no_proxy},example.com")), None);
    }
    assert!(found.is_none_or(|proxy| proxy.contains("://")));
}
