//! Facts that no stream shows: events, logs, names and keys, each asked for when a diagnosis needs it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;

use super::call::{Access, JSON, METADATA, METADATA_LIST};
use super::endpoints;
use super::failure::{Class, Failure};
use super::frame::{ListBody, unreadable};
use super::pace::{self, Pace};
use super::registry;
use super::request::{self, PAGE};
use super::{select, trial};
use crate::model::{Kind, Managed, ObjectRef, Pod, PodAsk};
use crate::observation::{Answer, LONGEST_LIST, LogRequest, Want};

/// Faults of the way are retried within this time, and no longer: nothing may wait for ever for an answer.
const RETRIED_FOR: Duration = Duration::from_secs(10);
const RETRIES: u32 = 2;
/// Of each log.
const LOG_BYTES: u32 = 256 << 10;
const LOG_LINE_CHARACTERS: usize = 2000;
/// More names or events than this are not read: what a diagnosis says is not about a whole cluster.
const MOST_PAGES: usize = LONGEST_LIST.div_ceil(PAGE as usize);

/// What fetches need to know besides the want.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchSettings {
    pub(crate) log_lines: u32,
}

/// Answers a want, whatever happens: with a refusal of code 0 if the server cannot be reached.
pub(super) async fn answer(want: &Want, access: &Access, settings: FetchSettings) -> Answer {
    let begun = Instant::now();
    let mut pace = Pace::new(pace::seed());
    let mut retries = 0;
    loop {
        let failure = match fetch(want, access, settings).await {
            Ok(answer) => return answer,
            Err(failure) => failure,
        };
        let delay = pace.next().max(failure.retry_after().unwrap_or_default());
        let heals = matches!(failure.class(), Class::Transient | Class::TooLarge | Class::Gone);
        if !heals || retries == RETRIES || begun.elapsed() + delay > RETRIED_FOR {
            return refused(want, &failure);
        }
        retries += 1;
        tokio::time::sleep(delay).await;
    }
}

/// What a failed fetch means: absence is an answer, everything else is a refusal.
fn refused(want: &Want, failure: &Failure) -> Answer {
    let missing = failure.class() == Class::NotFound;
    match want {
        Want::Logs(_) if missing || failure.class() == Class::Unsupported => {
            let Failure::Status(status) = failure else { return Answer::Missing };
            Answer::NoLogs(status.message.clone())
        }
        Want::Keys { .. }
        | Want::PullSecrets { .. }
        | Want::Quota { .. }
        | Want::Managers(_)
        | Want::Namespace { .. }
        | Want::Node { .. }
        | Want::Claim { .. }
        | Want::Volume { .. }
        | Want::OtherPod { .. }
            if missing =>
        {
            Answer::Missing
        }
        _ => Answer::Refused(failure.refusal(asked(want))),
    }
}

/// The verb and resource, in the words of RBAC.
fn asked(want: &Want) -> String {
    match want {
        Want::Watch(stream) => format!("watch {}", stream.kind.plural()),
        Want::Events(_) => "list events".to_owned(),
        Want::Logs(_) => "get pods/log".to_owned(),
        Want::Keys { kind, .. } => format!("get {}", kind.plural()),
        Want::Names { kind, .. } | Want::Namespaces { kind, .. } => format!("list {}", kind.plural()),
        Want::Services { .. } => "list services and endpointslices".to_owned(),
        Want::LimitRanges { .. } => "list limitranges".to_owned(),
        Want::Namespace { .. } => "get namespaces".to_owned(),
        Want::Quota { .. } => "get resourcequotas".to_owned(),
        Want::PodAsks { .. } => "list pods".to_owned(),
        Want::Managers(object) => format!("get {}", object.kind.plural()),
        Want::Nodes => "list nodes".to_owned(),
        Want::Node { .. } => "get nodes".to_owned(),
        Want::Claim { .. } => "get persistentvolumeclaims".to_owned(),
        Want::StorageClasses => "list storageclasses".to_owned(),
        Want::Volumes => "list persistentvolumes".to_owned(),
        Want::Volume { .. } => "get persistentvolumes".to_owned(),
        Want::OtherPod { .. } => "get pods".to_owned(),
        Want::PullSecrets { .. } => "get serviceaccounts".to_owned(),
        Want::Registry(image) => format!("ask registry {}", image.host),
        Want::Trial(_) => "create pods in a dry run".to_owned(),
    }
}

async fn fetch(want: &Want, access: &Access, settings: FetchSettings) -> Result<Answer, Failure> {
    match want {
        // streams are opened, not fetched
        Want::Watch(_) => Ok(Answer::Missing),
        Want::Events(object) => events(object, access).await,
        Want::Logs(log) => logs(log, access, settings).await,
        Want::Keys { kind, namespace, name } => {
            let whole = access.get_renewed(&request::path(*kind, namespace, Some(name)), JSON).await?;
            keys(&whole.body)
        }
        Want::Names { kind, namespace } => names(*kind, namespace, access).await,
        Want::Namespaces { kind, name } => select::namespaces(*kind, name, access).await,
        Want::Services { namespace } => endpoints::services(namespace, access).await,
        Want::LimitRanges { namespace } => {
            let path = request::path(Kind::LimitRange, namespace, None);
            Ok(Answer::LimitRanges(list(&path, &[], JSON, access).await?))
        }
        Want::Namespace { name } => {
            one(Kind::Namespace, "", name, access).await.map(|found| Answer::Namespace(Box::new(found)))
        }
        Want::Quota { namespace, name } => {
            let path = request::path(Kind::ResourceQuota, namespace, Some(name));
            Ok(Answer::Quota(decoded(&access.get_renewed(&path, JSON).await?.body)?))
        }
        Want::PodAsks { namespace } => {
            let path = request::path(Kind::Pod, namespace, None);
            let pods: Vec<Pod> = list(&path, &[], JSON, access).await?;
            Ok(Answer::PodAsks(pods.iter().filter_map(PodAsk::of).collect()))
        }
        Want::Managers(object) => {
            let path = request::path(object.kind, &object.namespace, Some(&object.name));
            let managed: Managed = decoded(&access.get_renewed(&path, METADATA).await?.body)?;
            Ok(Answer::Managers(managed.managers()))
        }
        Want::Nodes => {
            let path = request::path(Kind::Node, "", None);
            Ok(Answer::Nodes(list(&path, &[], JSON, access).await?))
        }
        Want::Node { name } => one(Kind::Node, "", name, access).await.map(|node| Answer::Nodes(vec![node])),
        Want::Claim { namespace, name } => {
            let kind = Kind::PersistentVolumeClaim;
            one(kind, namespace, name, access).await.map(|claim| Answer::Claim(Box::new(claim)))
        }
        Want::StorageClasses => {
            let path = request::path(Kind::StorageClass, "", None);
            Ok(Answer::StorageClasses(list(&path, &[], JSON, access).await?))
        }
        Want::Volumes => {
            let path = request::path(Kind::PersistentVolume, "", None);
            Ok(Answer::Volumes(list(&path, &[], JSON, access).await?))
        }
        Want::Volume { name } => {
            let kind = Kind::PersistentVolume;
            one(kind, "", name, access).await.map(|volume| Answer::Volumes(vec![volume]))
        }
        Want::OtherPod { namespace, name } => {
            one(Kind::Pod, namespace, name, access).await.map(|pod| Answer::OtherPod(Box::new(pod)))
        }
        Want::PullSecrets { namespace, service_account } => {
            let path = request::path(Kind::ServiceAccount, namespace, Some(service_account));
            pull_secrets(&access.get_renewed(&path, JSON).await?.body)
        }
        Want::Registry(image) => Ok(registry::look(image, access).await),
        Want::Trial(trial) => trial::answer(trial, access).await,
    }
}

async fn events(object: &ObjectRef, access: &Access) -> Result<Answer, Failure> {
    let path = request::path(Kind::Event, &object.namespace, None);
    let selector = if object.uid.is_empty() {
        format!("involvedObject.kind={},involvedObject.name={}", object.kind, object.name)
    } else {
        format!("involvedObject.uid={}", object.uid)
    };
    let parameters = [("fieldSelector", selector.as_str())];
    Ok(Answer::Events(list(&path, &parameters, JSON, access).await?))
}

async fn one<T: DeserializeOwned>(
    kind: Kind,
    namespace: &str,
    name: &str,
    access: &Access,
) -> Result<T, Failure> {
    decoded(&access.get_renewed(&request::path(kind, namespace, Some(name)), JSON).await?.body)
}

async fn names(kind: Kind, namespace: &str, access: &Access) -> Result<Answer, Failure> {
    let path = request::path(kind, namespace, None);
    let objects: Vec<Named> = list(&path, &[], METADATA_LIST, access).await?;
    let mut names: Vec<String> = objects.into_iter().map(|object| object.metadata.name).collect();
    names.sort();
    Ok(Answer::Names(names))
}

/// All pages of a list, up to a bound. A continuation that has expired begins again through the caller's retry.
async fn list<T: DeserializeOwned>(
    path: &str,
    parameters: &[(&str, &str)],
    accept: &str,
    access: &Access,
) -> Result<Vec<T>, Failure> {
    pages(path, parameters, accept, access, MOST_PAGES).await
}

/// [`list`] up to that many pages.
pub(super) async fn pages<T: DeserializeOwned>(
    path: &str,
    parameters: &[(&str, &str)],
    accept: &str,
    access: &Access,
    most: usize,
) -> Result<Vec<T>, Failure> {
    let limit = PAGE.to_string();
    let mut all = Vec::new();
    let mut token = String::new();
    for _ in 0..most {
        let mut parameters = parameters.to_vec();
        parameters.push(("limit", &limit));
        if !token.is_empty() {
            parameters.push(("continue", &token));
        }
        let whole = access.get_renewed(&request::query(path.to_owned(), &parameters), accept).await?;
        let body = ListBody::parse(&whole.body)?;
        for item in body.items() {
            all.push(decoded(item)?);
        }
        token = body.metadata.continue_token;
        if token.is_empty() {
            break;
        }
    }
    Ok(all)
}

async fn logs(log: &LogRequest, access: &Access, settings: FetchSettings) -> Result<Answer, Failure> {
    let lines = settings.log_lines.to_string();
    let bytes = LOG_BYTES.to_string();
    let path = format!("{}/log", request::path(Kind::Pod, &log.namespace, Some(&log.pod)));
    let mut parameters = vec![
        ("container", log.container.as_str()),
        ("tailLines", lines.as_str()),
        ("limitBytes", bytes.as_str()),
    ];
    if log.previous {
        parameters.push(("previous", "true"));
    }
    Ok(log_lines(&access.get_log(&request::query(path, &parameters)).await?))
}

/// Logs are bytes. Where the log is gone, the server can still answer 200, with a sentence as the body.
fn log_lines(body: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(body);
    if text.starts_with("unable to retrieve container logs for") {
        return Answer::NoLogs(text.trim_end().to_owned());
    }
    let mut lines: Vec<String> = text.split('\n').map(log_line).collect();
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    Answer::Logs(lines)
}

/// As much of a line as is kept.
pub(super) fn log_line(line: &str) -> String {
    let line = line.strip_suffix('\r').unwrap_or(line);
    line.chars().take(LOG_LINE_CHARACTERS).collect()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct KeysBody {
    data: KeyNames,
    binary_data: KeyNames,
}

/// The keys of an object or of nothing (`null`), sorted.
#[derive(Default)]
struct KeyNames(BTreeSet<String>);

impl<'de> Deserialize<'de> for KeyNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeyNamesVisitor)
    }
}

struct KeyNamesVisitor;

impl<'de> Visitor<'de> for KeyNamesVisitor {
    type Value = KeyNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<KeyNames, E> {
        Ok(KeyNames::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<KeyNames, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry()? {
            names.insert(name);
        }
        Ok(KeyNames(names))
    }
}

/// The key names of a ConfigMap or Secret; the values are skipped while decoding.
fn keys(body: &[u8]) -> Result<Answer, Failure> {
    // the error does not quote the body: it may be a Secret
    let body: KeysBody = serde_json::from_slice(body)
        .map_err(|_| Failure::transport("an answer that is not a ConfigMap or Secret"))?;
    let KeysBody { data: KeyNames(mut keys), binary_data: KeyNames(binary) } = body;
    keys.extend(binary);
    Ok(Answer::Keys(keys.into_iter().collect()))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: NamedMeta,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedMeta {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ServiceAccountBody {
    image_pull_secrets: Option<Vec<NamedMeta>>,
}

fn pull_secrets(body: &[u8]) -> Result<Answer, Failure> {
    let account: ServiceAccountBody = decoded(body)?;
    let names = account.image_pull_secrets.into_iter().flatten().map(|secret| secret.name).collect();
    Ok(Answer::Names(names))
}

fn decoded<T: DeserializeOwned>(json: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| unreadable(&error, json))
}

#[cfg(test)]
mod tests {
    use super::super::failure::Status;
    use super::*;

    #[test]
    fn keys_are_sorted_and_values_are_not_even_in_errors() {
        let body = br#"{"data":{"b":"c2VjcmV0","a":""},"binaryData":{"z":"AA=="},"type":"Opaque"}"#;
        let expected = Answer::Keys(vec!["a".to_owned(), "b".to_owned(), "z".to_owned()]);
        assert_eq!(keys(body).unwrap(), expected);
        assert_eq!(keys(br#"{"metadata":{}}"#).unwrap(), Answer::Keys(Vec::new()));
        assert!(!keys(b"{\"data\":[\"c2VjcmV0\"]}").unwrap_err().message().contains("c2Vj"));
    }

    #[test]
    fn a_log_is_bytes_and_its_absence_is_not_a_log() {
        let Answer::Logs(lines) = log_lines(b"one\r\n\xff two\n\n") else { panic!() };
        assert_eq!(lines, ["one", "\u{fffd} two", ""]);
        assert_eq!(log_lines(b""), Answer::Logs(Vec::new()));
        let gone = log_lines(b"unable to retrieve container logs for containerd://0123");
        assert!(matches!(gone, Answer::NoLogs(_)));
        let Answer::Logs(long) = log_lines("ä".repeat(5000).as_bytes()) else { panic!() };
        assert_eq!(long[0].chars().count(), LOG_LINE_CHARACTERS);
    }

    #[test]
    fn absence_is_an_answer_and_denial_is_a_refusal() {
        let of = |code| Failure::Status(Status { code, message: "no".to_owned(), ..Status::default() });
        let keys = Want::Keys { kind: Kind::Secret, namespace: "shop".to_owned(), name: "db".to_owned() };
        assert_eq!(refused(&keys, &of(404)), Answer::Missing);
        let namespace = Want::Namespace { name: "shop".to_owned() };
        assert_eq!(refused(&namespace, &of(404)), Answer::Missing);
        let Answer::Refused(refusal) = refused(&namespace, &of(403)) else { panic!() };
        assert_eq!(refusal.asked, "get namespaces");
        let Answer::Refused(refusal) = refused(&keys, &of(403)) else { panic!() };
        assert_eq!((refusal.code, refusal.asked.as_str()), (403, "get secrets"));
        let log = LogRequest {
            namespace: "shop".to_owned(),
            pod: "web".to_owned(),
            container: "app".to_owned(),
            previous: true,
            death: 1,
        };
        assert_eq!(refused(&Want::Logs(log), &of(400)), Answer::NoLogs("no".to_owned()));
    }
}
