//! An object of a kind without rules of its own, read without trusting its shape.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::kind::Kind;
use super::meta::{Condition, LabelSelector, ObjectMeta};
use super::workload::{Detail, Workload, WorkloadSpec, WorkloadStatus};

/// What is known of the object beyond its metadata. `spec` says what was asked for and may hold secrets; only the
/// fields of a workload are read from it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CustomState {
    /// `{"metadata": …, "status": …}`, for paths into it.
    pub(crate) document: Value,
    /// `status.observedGeneration`.
    pub(crate) observed: ObservedGeneration,
    /// `status.phase`, or `status.state` where that is a word.
    pub(crate) phase: Option<String>,
    /// `status.selector`, the form in which the scale subresource has it.
    pub(crate) selector: Option<String>,
    /// The counters of a workload, where it has those of the newest template.
    pub(crate) counts_replicas: bool,
    pub(crate) paused: bool,
}

/// Which spec the status is about. Some controllers write it as a string (Argo Rollouts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ObservedGeneration {
    /// The kind does not say.
    #[default]
    Absent,
    Of(i64),
    /// It says so in a form that cannot be compared.
    Unreadable(String),
}

/// Reads an object of any shape.
///
/// # Errors
/// It has no metadata that an object of the API can have.
pub(super) fn workload(kind: Kind, mut object: Value) -> Result<Workload, serde_json::Error> {
    let mut take = |field: &str| object.get_mut(field).map(Value::take).unwrap_or_default();
    let (metadata, status, mut spec) = (take("metadata"), take("status"), take("spec"));
    let meta: ObjectMeta = serde_json::from_value(metadata.clone())?;
    let number = |name: &str| status.get(name).and_then(Value::as_i64);
    let word = |name: &str| status.get(name).and_then(Value::as_str).map(str::to_owned);
    let general = WorkloadSpec {
        replicas: spec.get("replicas").and_then(Value::as_i64),
        selector: spec.get_mut("selector").map(Value::take).and_then(selector).unwrap_or_default(),
        template: spec
            .get_mut("template")
            .map(Value::take)
            .and_then(|template| serde_json::from_value(template).ok())
            .unwrap_or_default(),
        ..WorkloadSpec::default()
    };
    let available = number("availableReplicas").or_else(|| number("readyReplicas"));
    let counted = WorkloadStatus {
        replicas: number("replicas").unwrap_or(0),
        updated_replicas: number("updatedReplicas").unwrap_or(0),
        ready_replicas: number("readyReplicas").unwrap_or(0),
        conditions: conditions(&status),
        available_replicas: Some(available.unwrap_or(0)),
        ..WorkloadStatus::default()
    };
    let flag = |name: &str| spec.get(name).and_then(Value::as_bool).unwrap_or(false);
    let state = CustomState {
        observed: observed(&status),
        phase: word("phase").or_else(|| word("state")).filter(|phase| !phase.is_empty()),
        selector: word("selector").filter(|selector| !selector.is_empty()),
        counts_replicas: general.replicas.is_some()
            && number("updatedReplicas").is_some()
            && available.is_some(),
        paused: flag("paused") || flag("suspend"),
        document: Value::Object(Map::from_iter([
            ("metadata".to_owned(), metadata),
            ("status".to_owned(), status),
        ])),
    };
    Ok(Workload {
        kind,
        metadata: meta,
        spec: general,
        status: counted,
        detail: Detail::Custom(Box::new(state)),
    })
}

/// A label selector; the plain map of labels that some kinds have in its place.
fn selector(value: Value) -> Option<LabelSelector> {
    let map = value.as_object()?;
    if map.contains_key("matchLabels") || map.contains_key("matchExpressions") {
        return serde_json::from_value(value).ok();
    }
    let match_labels = serde_json::from_value(value).ok()?;
    Some(LabelSelector { match_labels, ..LabelSelector::default() })
}

fn observed(status: &Value) -> ObservedGeneration {
    match status.get("observedGeneration") {
        None | Some(Value::Null) => ObservedGeneration::Absent,
        Some(Value::Number(number)) if number.is_i64() => {
            ObservedGeneration::Of(number.as_i64().unwrap_or_default())
        }
        Some(Value::String(text)) if text.is_empty() => ObservedGeneration::Absent,
        Some(Value::String(text)) => {
            text.parse().map_or_else(|_| ObservedGeneration::Unreadable(text.clone()), ObservedGeneration::Of)
        }
        Some(other) => ObservedGeneration::Unreadable(other.to_string()),
    }
}

/// The conditions that are conditions: with a type and a status.
fn conditions(status: &Value) -> Vec<Condition> {
    let listed = status.get("conditions").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(condition).collect()
}

fn condition(value: &Value) -> Option<Condition> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let time = |name: &str| text(name).parse::<Timestamp>().ok();
    let (kind, status) = (text("type"), text("status"));
    (!kind.is_empty() && !status.is_empty()).then(|| Condition {
        kind,
        status,
        reason: text("reason"),
        message: text("message"),
        last_transition_time: time("lastTransitionTime"),
        last_update_time: time("lastUpdateTime"),
        observed_generation: value.get("observedGeneration").and_then(Value::as_i64),
    })
}

impl Workload {
    /// Its status tells which spec it is about: as a whole, or in a condition.
    pub(crate) fn names_its_generation(&self) -> bool {
        let as_a_whole =
            self.custom().is_some_and(|state| matches!(state.observed, ObservedGeneration::Of(_)));
        let seen = |condition: &Condition| condition.observed_generation.is_some();
        as_a_whole || self.status.conditions.iter().any(seen)
    }

    /// What is known of an object of a kind without rules of its own.
    pub(crate) fn custom(&self) -> Option<&CustomState> {
        match &self.detail {
            Detail::Custom(state) => Some(state),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(object: Value) -> Workload {
        workload(Kind::discovered("example.com/v1", "Widget", "widgets", true), object).unwrap()
    }

    #[test]
    fn an_observed_generation_is_read_in_every_form_it_is_written_in() {
        let observed = |value: Value| {
            read(json!({"metadata": {}, "status": {"observedGeneration": value}}))
                .custom()
                .unwrap()
                .observed
                .clone()
        };
        assert_eq!(observed(json!(3)), ObservedGeneration::Of(3));
        assert_eq!(observed(json!("3")), ObservedGeneration::Of(3));
        assert_eq!(observed(json!(null)), ObservedGeneration::Absent);
        assert_eq!(observed(json!("6f7d8")), ObservedGeneration::Unreadable("6f7d8".to_owned()));
        assert_eq!(observed(json!(1.5)), ObservedGeneration::Unreadable("1.5".to_owned()));
    }

    #[test]
    fn what_has_another_shape_than_usual_is_left_out_and_not_an_error() {
        let widget = read(json!({"metadata": {"name": "w"}, "spec": {"selector": "a=b", "template": 7},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": null}, {"type": 5}, "x"],
                "phase": {"name": "x"}}}));
        assert_eq!(widget.status.conditions.len(), 1);
        assert_eq!(widget.condition("Ready").unwrap().reason, "");
        assert_eq!(widget.custom().unwrap().phase, None);
        assert!(
            read(json!({"metadata": {}, "status": {"conditions": {"Ready": true}}}))
                .status
                .conditions
                .is_empty()
        );
    }

    #[test]
    fn a_workload_of_another_controller_is_recognised_by_its_counters() {
        let rollout = read(json!({"metadata": {"generation": 2}, "spec": {"replicas": 3, "selector":
                {"matchLabels": {"app": "web"}}, "template": {"spec": {"containers": [{"name": "app", "image": "a"}]}}},
            "status": {"replicas": 4, "updatedReplicas": 1, "availableReplicas": 3, "observedGeneration": "2"}}));
        assert!(rollout.custom().unwrap().counts_replicas);
        assert_eq!((rollout.desired(), rollout.status.updated_replicas, rollout.available()), (3, 1, 3));
        assert_eq!(rollout.spec.selector.to_query(), "app=web");
    }
}
