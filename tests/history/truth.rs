//! What the API server really had, by a watch of our own that nothing disturbs.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::plot::Plot;
use crate::server::folder;

/// One change.
pub(crate) struct Change {
    pub(crate) at: Instant,
    pub(crate) deleted: bool,
    pub(crate) object: Value,
}

/// Everything that became of the workload and the pods of a namespace, from its first version.
pub(crate) struct Truth {
    /// The kind of the workload, and whether one is complete.
    kind: &'static str,
    is_complete: fn(&Value) -> bool,
    changes: Mutex<Vec<Change>>,
    failed: Mutex<Option<String>>,
}

impl Truth {
    /// Watches until the set ends.
    pub(crate) fn watch(client: &Client, namespace: &str, plot: &Plot, tasks: &mut JoinSet<()>) -> Arc<Self> {
        let (kind, _) = plot.kind();
        let truth = Arc::new(Self {
            kind,
            is_complete: plot.is_complete(),
            changes: Mutex::default(),
            failed: Mutex::default(),
        });
        for folder in [folder(namespace, kind), folder(namespace, "Pod")] {
            let (truth, client) = (Arc::clone(&truth), client.clone());
            tasks.spawn(async move {
                if let Err(error) = truth.follow(&client, &folder).await {
                    truth.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            });
        }
        truth
    }

    async fn follow(&self, client: &Client, folder: &str) -> Result<(), String> {
        let uri = format!("{folder}?watch=true&timeoutSeconds=3000");
        let request =
            http::Request::builder().uri(uri).body(Body::empty()).map_err(|error| error.to_string())?;
        let mut body = client.send(request).await.map_err(|error| error.to_string())?.into_body();
        let mut bytes: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.map_err(|error| error.to_string())?.into_data().unwrap_or_default();
            bytes.extend_from_slice(&data);
            while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = bytes.drain(..=end).collect();
                let mut line: Value = serde_json::from_slice(&line).map_err(|error| error.to_string())?;
                let change = Change {
                    at: Instant::now(),
                    deleted: line["type"] == "DELETED",
                    object: line["object"].take(),
                };
                self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
            }
        }
        Err("the watch of the truth ended".to_owned())
    }

    /// Why it is not the whole truth.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the workload of that uid, with that image in its template, was complete in every moment of the
    /// span, and whether it was in any.
    pub(crate) fn complete(&self, uid: &str, image: &str, from: Instant, to: Instant) -> (bool, bool) {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut now, mut always, mut ever) = (false, true, false);
        let mut entered = false;
        for change in changes.iter().filter(|change| change.object["kind"] == self.kind) {
            if change.at > to {
                break;
            }
            if change.at >= from && !entered {
                entered = true;
                always &= now;
                ever |= now;
            }
            if change.object["metadata"]["uid"] == uid {
                let meant = change.object["spec"]["template"]["spec"]["containers"][0]["image"] == image;
                now = !change.deleted && meant && (self.is_complete)(&change.object);
            }
            if entered {
                always &= now;
                ever |= now;
            }
        }
        (always && now, ever || now)
    }

    /// Whether there was no workload in some moment of the span.
    pub(crate) fn was_absent(&self, from: Instant, to: Instant) -> bool {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let own = || changes.iter().filter(|change| change.object["kind"] == self.kind && change.at <= to);
        let at_first = own().rfind(|change| change.at < from).is_none_or(|change| change.deleted);
        at_first || own().any(|change| change.at >= from && change.deleted)
    }

    /// When a pod that satisfies this was first seen, if it was before that moment.
    pub(crate) fn first_pod(&self, to: Instant, is: impl Fn(&Value) -> bool) -> Option<Instant> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pods = changes.iter().filter(|change| change.at <= to && change.object["kind"] == "Pod");
        pods.find(|change| is(&change.object)).map(|change| change.at)
    }

    /// Every version that the pod of that name had until then.
    pub(crate) fn versions_of_pod(&self, name: &str, to: Instant) -> Vec<Value> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let pods = changes.iter().filter(|change| change.at <= to && change.object["kind"] == "Pod");
        let of_name = pods.filter(|change| change.object["metadata"]["name"] == name);
        of_name.map(|change| change.object.clone()).collect()
    }

    /// Every template that the workload had until then: uid and image, in order.
    pub(crate) fn templates(&self, to: Instant) -> Vec<(String, String)> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<(String, String)> = Vec::new();
        for Change { object, .. } in
            changes.iter().filter(|change| change.at <= to && change.object["kind"] == self.kind)
        {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let pair = (
                text(&object["metadata"]["uid"]),
                text(&object["spec"]["template"]["spec"]["containers"][0]["image"]),
            );
            if found.last() != Some(&pair) {
                found.push(pair);
            }
        }
        found
    }
}
