//! What is read of an object, whatever it is written in.

use serde::Deserialize;

use super::{Declared, Found};
use crate::cli::TypeName;
use crate::error::Error;
use crate::model::{Kind, KindName};
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
    owner_references: Vec<Owner>,
}

/// An entry of `metadata.ownerReferences`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Owner {
    controller: bool,
}

/// An object and the line it begins in.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) metadata: Meta,
    pub(super) line: u64,
}

/// The kinds with rules of their own.
fn workload(group: &str, kind: &str) -> Option<Kind> {
    match (group, kind) {
        ("apps", "Deployment") => Some(Kind::Deployment),
        ("apps", "StatefulSet") => Some(Kind::StatefulSet),
        ("apps", "DaemonSet") => Some(Kind::DaemonSet),
        ("apps", "ReplicaSet") => Some(Kind::ReplicaSet),
        ("batch", "Job") => Some(Kind::Job),
        ("", "Pod") => Some(Kind::Pod),
        _ => None,
    }
}

/// Whether an API group is not one of Kubernetes itself.
pub(super) fn is_added(group: &str) -> bool {
    group.contains('.') && !group.ends_with(".k8s.io")
}

/// Whether a type that the user wrote (`certificate`, `certificates.cert-manager.io`) is that kind. Short names are not
/// known here: only the server has them.
pub(super) fn is_included(written: &KindName, kind: &str, group: &str, version: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    let plural = match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with(['s', 'x']) => format!("{kind}es"),
        None => format!("{kind}s"),
    };
    let same = |name: &str| name == kind || name == plural;
    (same(&written.name) || format!("{}s", written.name) == kind) && written.is_of(group, version)
}

impl Object {
    /// What it is; nothing for a list without items.
    ///
    /// # Errors
    /// A workload without a name.
    pub(super) fn found(
        self,
        shown: &str,
        file: Option<&str>,
        include: &[KindName],
    ) -> Result<Option<Found>, Error> {
        let Self { api_version, kind, metadata, line } = self;
        if kind == "List" {
            return Ok(None);
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let typed = match workload(group, &kind) {
            // What a workload made is judged with it.
            Some(Kind::Pod | Kind::ReplicaSet | Kind::Job)
                if metadata.owner_references.iter().any(|owner| owner.controller) =>
            {
                None
            }
            Some(workload) => Some(TypeName::Known(workload)),
            None => include.iter().any(|written| is_included(written, &kind, group, version)).then(|| {
                TypeName::Other(KindName::new(&format!("{kind}.{version}.{group}").to_ascii_lowercase()))
            }),
        };
        let Some(typed) = typed else {
            let added = is_added(group).then(|| format!("{kind}.{group}").to_ascii_lowercase());
            return Ok(Some(Found::Other(kind, added)));
        };
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
            kind: typed,
            namespace: full(metadata.namespace),
            name,
            uid: full(metadata.uid),
            generation: metadata.generation,
            origin: file.map(|file| Origin { file: file.to_owned(), line }),
        })))
    }
}
