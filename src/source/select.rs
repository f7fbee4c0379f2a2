//! Which objects there are: a list of names, asked once before the run.

use serde::Deserialize;
use tokio::time::Instant;

use super::Live;
use super::call::{Access, METADATA_LIST};
use super::failure::Failure;
use super::fetch::pages;
use super::{request, retry};
use crate::model::{Kind, OwnerReference};
use crate::observation::{Answer, Refusal};

/// Of 500 names each: more than a cluster can hold.
const MOST_PAGES: usize = 1000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Selected {
    metadata: SelectedMeta,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SelectedMeta {
    namespace: String,
    name: String,
    owner_references: Vec<OwnerReference>,
}

impl Live {
    /// Namespace and name of every object of a kind that the labels select, in that order. An empty namespace
    /// stands for all. Jobs that a `CronJob` starts are no rollout and left out. What heals is asked again until `ends`.
    ///
    /// # Errors
    /// The server refuses, or could not be reached (code 0).
    pub(crate) async fn select(
        &self,
        kind: Kind,
        namespace: &str,
        labels: Option<&str>,
        ends: Instant,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let found = retry::until(ends, async || selected(kind, namespace, labels, &self.shared.access).await);
        found.await.map_err(|failure| failure.refusal(format!("list {}", kind.plural())))
    }
}

/// The namespaces that have an object of that kind and name.
pub(super) async fn namespaces(kind: Kind, name: &str, access: &Access) -> Result<Answer, Failure> {
    let field = format!("metadata.name={name}");
    let found = objects(kind, "", &[("fieldSelector", field.as_str())], access).await?;
    Ok(Answer::Names(found.into_iter().map(|(namespace, _)| namespace).collect()))
}

async fn selected(
    kind: Kind,
    namespace: &str,
    labels: Option<&str>,
    access: &Access,
) -> Result<Vec<(String, String)>, Failure> {
    let parameters: Vec<(&str, &str)> = labels.map(|labels| ("labelSelector", labels)).into_iter().collect();
    objects(kind, namespace, &parameters, access).await
}

async fn objects(
    kind: Kind,
    namespace: &str,
    parameters: &[(&str, &str)],
    access: &Access,
) -> Result<Vec<(String, String)>, Failure> {
    let path = request::path(kind, namespace, None);
    let objects: Vec<Selected> = pages(&path, parameters, METADATA_LIST, access, MOST_PAGES).await?;
    let mut found: Vec<(String, String)> = objects
        .into_iter()
        .filter(|object| {
            kind != Kind::Job || !object.metadata.owner_references.iter().any(|owner| owner.controller)
        })
        .map(|object| (object.metadata.namespace, object.metadata.name))
        .collect();
    found.sort();
    Ok(found)
}
