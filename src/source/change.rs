//! The only place that changes anything in a cluster: the patch that takes a workload back.

use http::Request;
use http::header::{CONTENT_TYPE, USER_AGENT};
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;

use super::Live;
use super::call::{JSON, WHO};
use super::fetch::pages;
use super::request;
use crate::model::Kind;
use crate::observation::Refusal;

/// More revisions than this are not kept of a workload (`revisionHistoryLimit` is 10 by default).
const MOST_PAGES: usize = 10;

#[derive(Deserialize)]
#[serde(transparent)]
struct Raw(Value);

impl Live {
    /// A connection of its own streams over the same way to the API server.
    pub(crate) fn again(&self) -> Self {
        let mut again = Self::new(self.shared.access.clone(), None, self.settings);
        again.clock.clone_from(&self.clock);
        again
    }

    /// An object in its wire form.
    ///
    /// # Errors
    /// The server refuses, or could not be reached (code 0).
    pub(crate) async fn object(&self, kind: Kind, namespace: &str, name: &str) -> Result<Value, Refusal> {
        let path = request::path(kind, namespace, Some(name));
        let asked = || format!("get {}", kind.plural());
        let whole =
            self.shared.access.get_renewed(&path, JSON).await.map_err(|failure| failure.refusal(asked()))?;
        serde_json::from_slice(&whole.body).map_err(|error| unreadable(asked(), &error))
    }

    /// All objects of a kind that the labels select, in their wire form.
    ///
    /// # Errors
    /// As [`Self::object`].
    pub(crate) async fn objects(
        &self,
        kind: Kind,
        namespace: &str,
        labels: &str,
    ) -> Result<Vec<Value>, Refusal> {
        let path = request::path(kind, namespace, None);
        let parameters = [("labelSelector", labels)];
        let found: Vec<Raw> = pages(&path, &parameters, JSON, &self.shared.access, MOST_PAGES)
            .await
            .map_err(|failure| failure.refusal(format!("list {}", kind.plural())))?;
        Ok(found.into_iter().map(|Raw(object)| object).collect())
    }

    /// Changes an object; returns what it is now.
    ///
    /// # Errors
    /// As [`Self::object`]. Code 409 or 422: it is not what the patch is for any more.
    pub(crate) async fn patch(
        &self,
        kind: Kind,
        namespace: &str,
        name: &str,
        content_type: &str,
        change: &Value,
    ) -> Result<Value, Refusal> {
        let path =
            request::query(request::path(kind, namespace, Some(name)), &[("fieldManager", "rollout-guard")]);
        let asked = || format!("patch {}", kind.plural());
        let body = serde_json::to_vec(change).map_err(|error| unreadable(asked(), &error))?;
        let request = Request::patch(&path)
            .header(CONTENT_TYPE, content_type)
            .header(USER_AGENT, WHO)
            .body(Body::from(body))
            .map_err(|error| Refusal { code: 0, asked: asked(), message: error.to_string() })?;
        let answer = self.shared.access.send(request).await.map_err(|failure| failure.refusal(asked()))?;
        serde_json::from_slice(&answer.body).map_err(|error| unreadable(asked(), &error))
    }
}

fn unreadable(asked: String, error: &serde_json::Error) -> Refusal {
    Refusal { code: 0, asked, message: format!("an answer that cannot be read: {error}") }
}
