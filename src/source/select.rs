//! Which objects there are: a list of names, asked once before the run.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::Live;
use super::call::{Access, METADATA_LIST};
use super::failure::{Class, Failure};
use super::fetch::pages;
use super::pace::{self, Pace};
use super::request;
use crate::model::{Kind, OwnerReference};
use crate::observation::{Answer, Refusal};

/// An API server that cannot be reached for this long is not asked again: a list is the first thing a run does.
const RETRIED_FOR: Duration = Duration::from_secs(30);

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
    /// stands for all. Jobs that a `CronJob` starts are no rollout and left out.
    ///
    /// # Errors
    /// The server refuses, or could not be reached (code 0).
    pub(crate) async fn select(
        &self,
        kind: Kind,
        namespace: &str,
        labels: Option<&str>,
    ) -> Result<Vec<(String, String)>, Refusal> {
        let begun = Instant::now();
        let mut pace = Pace::new(pace::seed());
        loop {
            let failure = match selected(kind, namespace, labels, &self.shared.access).await {
                Ok(found) => return Ok(found),
                Err(failure) => failure,
            };
            let delay = pace.next().max(failure.retry_after().unwrap_or_default());
            let heals = matches!(failure.class(), Class::Transient | Class::TooLarge | Class::Gone);
            if !heals || begun.elapsed() + delay > RETRIED_FOR {
                return Err(failure.refusal(format!("list {}", kind.plural())));
            }
            tokio::time::sleep(delay).await;
        }
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
