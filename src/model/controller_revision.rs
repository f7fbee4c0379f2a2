//! A ControllerRevision, for what a DaemonSet does not say of itself, and for what a rollout changed.

use serde::{Deserialize, Deserializer};

use super::meta::ObjectMeta;
use super::template::{PodSpec, PodTemplate};

/// A template that the controller of a DaemonSet or StatefulSet has seen.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ControllerRevision {
    pub(crate) metadata: ObjectMeta,
    /// The newest has the highest: a rollback gives an old object a new number (pkg/controller/daemon/update.go,
    /// `constructHistory`), so age says nothing.
    pub(crate) revision: i64,
    /// A strategic merge patch of the object. Controllers of other kinds keep here what they like.
    #[serde(deserialize_with = "if_it_is_one")]
    data: Option<Box<Data>>,
}

/// What the controllers of apps/v1 keep (`getPatch` in pkg/controller/statefulset and pkg/controller/daemon).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Data {
    spec: DataSpec,
}

/// `spec` of that patch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct DataSpec {
    template: Option<PodTemplate>,
}

/// Data of another form is no error: the rest of the object is still wanted.
fn if_it_is_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<Data>>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

impl ControllerRevision {
    /// What its pods have in the label [`super::label::CONTROLLER_REVISION_HASH`].
    pub(crate) fn hash(&self) -> Option<&str> {
        self.metadata.labels.get(super::label::CONTROLLER_REVISION_HASH).map(String::as_str)
    }

    /// The pod spec of its template.
    pub(crate) fn template(&self) -> Option<&PodSpec> {
        self.data.as_ref()?.spec.template.as_ref().map(|template| &*template.spec)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_template_of_a_revision_is_read_and_anything_else_in_its_place_is_no_error() {
        let of = |data| -> ControllerRevision {
            serde_json::from_value(json!({"revision": 2, "data": data})).unwrap()
        };
        let template = json!({"$patch": "replace", "spec": {"containers": [{"name": "app"}]}});
        let revision = of(json!({"spec": {"template": template}}));
        assert!(revision.template().unwrap().container("app").is_some());
        for other in [json!("text"), json!({"spec": []}), json!({"other": 1}), json!(null)] {
            let revision = of(other);
            assert_eq!((revision.revision, revision.template()), (2, None));
        }
    }
}
