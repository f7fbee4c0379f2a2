//! From the API's bytes to items: lines of a watch, pages of a list, single objects.
//!
//! Only the slices that hold our objects are decoded, each straight into its narrow view. With raw recording
//! each object is parsed once as JSON, redacted, and decoded from what is left.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::failure::{Failure, Status, quote};
use super::watch::{Item, Line, Page};
use crate::model::{self, Kind, ObjectMeta, Siblings};
use crate::observation::Object;
use crate::untrusted::Redactor;

/// An object with its redacted JSON where that is kept.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) object: Object,
    pub(super) raw: Option<Value>,
}

/// How objects of a stream are decoded.
#[derive(Clone, Debug)]
pub(super) struct Decoder {
    pub(super) kind: Kind,
    /// The JSON of each object is kept beside its narrow view, without secrets.
    pub(super) keep_raw: Option<Redactor>,
    /// A snapshot of very many pods must not be held with everything that is the same in all of them.
    pub(super) siblings: Arc<Mutex<Siblings>>,
}

#[derive(Deserialize)]
struct LineBody<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct BookmarkBody {
    metadata: BookmarkMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMeta {
    resource_version: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// A list with its items still as JSON.
#[derive(Deserialize)]
pub(super) struct ListBody<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    pub(super) metadata: ListMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

/// `metadata` of a list.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ListMeta {
    pub(super) resource_version: String,
    #[serde(rename = "continue")]
    pub(super) continue_token: String,
}

impl<'a> ListBody<'a> {
    /// # Errors
    /// The body is not a list of the API.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Failure> {
        let list: Self = serde_json::from_slice(body).map_err(|error| unreadable(&error, body))?;
        if list.kind.ends_with("List") { Ok(list) } else { Err(unexpected(body)) }
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &'a [u8]> {
        self.items.iter().flatten().map(|item| item.get().as_bytes())
    }
}

impl Decoder {
    /// # Errors
    /// The line is not a watch event of this kind.
    pub(super) fn line(&self, line: &[u8]) -> Result<Line<Shown>, Failure> {
        let body: LineBody<'_> = serde_json::from_slice(line).map_err(|error| unreadable(&error, line))?;
        let json = body.object.get().as_bytes();
        match body.kind.as_ref() {
            "ADDED" | "MODIFIED" => self.item(json).map(Line::Applied),
            "DELETED" => self.item(json).map(Line::Deleted),
            "BOOKMARK" => {
                let bookmark: BookmarkBody =
                    serde_json::from_slice(json).map_err(|error| unreadable(&error, line))?;
                let BookmarkMeta { resource_version, annotations } = bookmark.metadata;
                let ends_initial =
                    annotations.get("k8s.io/initial-events-end").is_some_and(|value| value == "true");
                Ok(Line::Bookmark { resource_version, ends_initial })
            }
            "ERROR" => Status::parse(json).map(Line::Error).ok_or_else(|| unexpected(line)),
            _ => Err(unexpected(line)),
        }
    }

    /// # Errors
    /// The body is not a list of this kind.
    pub(super) fn page(&self, body: &[u8]) -> Result<Page<Shown>, Failure> {
        let list = ListBody::parse(body)?;
        let items = list.items().map(|item| self.item(item)).collect::<Result<_, _>>()?;
        let ListMeta { resource_version, continue_token } = list.metadata;
        let continue_token = Some(continue_token).filter(|token| !token.is_empty());
        Ok(Page { items, resource_version, continue_token })
    }

    /// A page that holds the one object of a GET.
    ///
    /// # Errors
    /// The body is not an object of this kind.
    pub(super) fn object(&self, body: &[u8]) -> Result<Page<Shown>, Failure> {
        let item = self.item(body)?;
        let resource_version = item.resource_version.clone();
        Ok(Page { items: vec![item], resource_version, continue_token: None })
    }

    fn item(&self, json: &[u8]) -> Result<Item<Shown>, Failure> {
        let (mut object, raw) = self.decode(json).map_err(|error| unreadable(&error, json))?;
        if let Object::Pod(pod) = &mut object {
            self.siblings.lock().unwrap_or_else(PoisonError::into_inner).share(pod);
        }
        let metadata = metadata_of(&object);
        if metadata.uid.is_empty() || metadata.resource_version.is_empty() {
            return Err(unexpected(json));
        }
        let (uid, resource_version) = (metadata.uid.clone(), metadata.resource_version.clone());
        Ok(Item { uid, resource_version, body: Shown { object, raw } })
    }

    fn decode(&self, json: &[u8]) -> Result<(Object, Option<Value>), serde_json::Error> {
        let Some(redactor) = &self.keep_raw else {
            return Ok((model::decode_slice(self.kind, json)?, None));
        };
        let mut raw: Value = serde_json::from_slice(json)?;
        crate::recording::redact(redactor, self.kind, &mut raw);
        Ok((model::decode_value(self.kind, raw.clone())?, Some(raw)))
    }
}

fn metadata_of(object: &Object) -> &ObjectMeta {
    match object {
        Object::Workload(workload) => &workload.metadata,
        Object::ReplicaSet(replica_set) => &replica_set.metadata,
        Object::ControllerRevision(revision) => &revision.metadata,
        Object::Pod(pod) => &pod.metadata,
    }
}

pub(super) fn unreadable(error: &serde_json::Error, body: &[u8]) -> Failure {
    Failure::transport(format!("an answer that cannot be read ({error}): {}", quote(body)))
}

pub(super) fn unexpected(body: &[u8]) -> Failure {
    Failure::transport(format!("an answer of an unexpected kind: {}", quote(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods() -> Decoder {
        Decoder { kind: Kind::Pod, keep_raw: None, siblings: Arc::default() }
    }

    #[test]
    fn the_end_of_a_snapshot_is_the_annotated_bookmark() {
        let end = br#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"42",
            "creationTimestamp":null,"annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
        let later = br#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"43"}}}"#;
        let Line::Bookmark { resource_version, ends_initial } = pods().line(end).unwrap() else { panic!() };
        assert_eq!((resource_version.as_str(), ends_initial), ("42", true));
        let Line::Bookmark { ends_initial, .. } = pods().line(later).unwrap() else { panic!() };
        assert!(!ends_initial);
    }

    #[test]
    fn an_object_without_identity_is_not_an_object() {
        let line = br#"{"type":"ADDED","object":{"metadata":{"name":"a"}}}"#;
        assert!(pods().line(line).is_err());
        assert!(pods().line(b"<html>").is_err());
    }

    #[test]
    fn a_status_in_place_of_a_list_is_not_an_empty_list() {
        assert!(pods().page(br#"{"kind":"Status","code":200,"metadata":{}}"#).is_err());
        let empty =
            pods().page(br#"{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":null}"#).unwrap();
        assert_eq!((empty.items.len(), empty.resource_version.as_str()), (0, "7"));
    }

    #[test]
    fn raw_objects_are_kept_only_when_asked_for() {
        let line = br#"{"type":"ADDED","object":{"metadata":{"name":"a","uid":"u","resourceVersion":"1",
            "managedFields":[{}]},"status":{"qosClass":"Burstable"}}}"#;
        let Line::Applied(plain) = pods().line(line).unwrap() else { panic!() };
        assert!(plain.body.raw.is_none());
        let recording = Decoder { keep_raw: Some(Redactor::default()), ..pods() };
        let Line::Applied(raw) = recording.line(line).unwrap() else { panic!() };
        assert_eq!(raw.body.raw.unwrap()["status"]["qosClass"], "Burstable");
    }
}
