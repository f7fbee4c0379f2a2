//! What is read of an object, whatever it is written in.

use serde::Deserialize;

use super::{Declared, Found};
use crate::cli::TypeName;
use crate::error::Error;
use crate::model::Kind;
use crate::observation::Origin;

/// `metadata`, as far as it says which object it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    name: Option<String>,
    generate_name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    generation: Option<i64>,
}

/// An object and the line it begins in.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) metadata: Meta,
    pub(super) line: u64,
}

/// The kinds that are rollouts by themselves. Pods and ReplicaSets in a manifest are left out: who writes them
/// there has no rollout.
fn workload(api_version: &str, kind: &str) -> Option<Kind> {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    match (group, kind) {
        ("apps", "Deployment") => Some(Kind::Deployment),
        ("apps", "StatefulSet") => Some(Kind::StatefulSet),
        ("apps", "DaemonSet") => Some(Kind::DaemonSet),
        ("batch", "Job") => Some(Kind::Job),
        _ => None,
    }
}

impl Object {
    /// What it is; nothing for a list without items.
    ///
    /// # Errors
    /// A workload without a name.
    pub(super) fn found(self, shown: &str, file: Option<&str>) -> Result<Option<Found>, Error> {
        let Self { api_version, kind, metadata, line } = self;
        if kind == "List" {
            return Ok(None);
        }
        let Some(workload) = workload(&api_version, &kind) else { return Ok(Some(Found::Other(kind))) };
        let full = |text: Option<String>| text.filter(|text| !text.is_empty());
        let Some(name) = full(metadata.name) else {
            let error = Error::config(format!("{shown}:{line}: a {kind} has no name"));
            let hint = if metadata.generate_name.is_some() {
                "its name is generated; pipe what was made: kubectl create -f … -o json | rollout-guard wait -f -"
            } else {
                "metadata.name is missing"
            };
            return Err(error.hint(hint));
        };
        Ok(Some(Found::Workload(Declared {
            kind: TypeName::Known(workload),
            namespace: full(metadata.namespace),
            name,
            uid: full(metadata.uid),
            generation: metadata.generation,
            origin: file.map(|file| Origin { file: file.to_owned(), line }),
        })))
    }
}
