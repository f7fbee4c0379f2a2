//! Kinds without rules of their own, by the conditions that most of them share.
//!
//! The API conventions name `Ready` and `observedGeneration`; kstatus adds `Reconciling` and `Stalled`; others are in
//! wide use. A condition may prove, forbid or fail, and what proves nothing is said to be not judgeable: kstatus
//! calls an object without conditions current, and so passes everything whose controller is not running.

use super::{Said, Status};
use crate::model::{Condition, CustomState, Goal, ObservedGeneration, Workload};

/// True means that it is there and works. All that an object has must be true, and one is needed.
const PROVES: &[&str] =
    &["Ready", "Available", "Healthy", "Succeeded", "Complete", "Completed", "Established", "Programmed"];
/// Must be true where an object has them, and prove nothing by themselves.
const REQUIRED: &[&str] = &["Synced", "Accepted", "NamesAccepted"];
/// True means that work goes on.
const WORKING: &[&str] = &["Reconciling", "Progressing", "Issuing", "Degraded"];
/// True means that it will not come to a good end by itself.
const FAILS: &[&str] = &["Stalled", "Failed", "InvalidSpec"];
/// `Progressing` stays true for this reason after a rollout, as Deployments have it and Argo Rollouts too.
const DONE: &str = "NewReplicaSetAvailable";

const PHASES_THAT_PROVE: &[&str] = &["Healthy", "Ready", "Succeeded", "Complete", "Completed", "Bound"];
const PHASES_OF_WORK: &[&str] = &[
    "Pending",
    "Progressing",
    "Paused",
    "Creating",
    "Updating",
    "Upgrading",
    "Provisioning",
    "Initializing",
    "Reconciling",
    "Terminating",
    "Unknown",
];
const PHASES_OF_FAILURE: &[&str] = &["Failed", "Error", "Degraded"];

pub(super) fn assess(object: &Workload, goal: Option<&Goal>) -> Status {
    let Some(state) = object.custom() else {
        return Status::Progressing { missing: "the object to be seen".to_owned() };
    };
    // What the user asks for stands in place of all that is known of other kinds.
    if let Some(goal) = goal {
        return match goal.missing(&state.document) {
            Some(missing) => Status::Progressing { missing },
            None => Status::Complete,
        };
    }
    let generation = object.metadata.generation;
    match &state.observed {
        ObservedGeneration::Of(seen) if *seen < generation => {
            return Status::NotObserved { generation, observed: Some(*seen) };
        }
        ObservedGeneration::Unreadable(text) => {
            let why = format!(
                "its status.observedGeneration is {text}, which says nothing about generation {generation}"
            );
            return Status::Unjudgeable { why };
        }
        _ => {}
    }
    // A condition about an older spec says nothing, neither good nor bad.
    let about_this = |found: &&Condition| found.observed_generation.is_none_or(|seen| seen >= generation);
    let conditions = &object.status.conditions;
    let current: Vec<&Condition> = conditions.iter().filter(about_this).collect();
    let known = |kinds: &[&str]| {
        let named = |found: &&&Condition| kinds.contains(&found.kind.as_str());
        current.iter().filter(named).copied().collect::<Vec<_>>()
    };
    if let Some(said) = failure(state, &known) {
        return Status::Failed { said };
    }
    if conditions.len() > current.len() && known(PROVES).is_empty() {
        return Status::Progressing {
            missing: format!("its conditions to be about generation {generation}"),
        };
    }
    let required: Vec<&Condition> = known(PROVES).into_iter().chain(known(REQUIRED)).collect();
    if let Some(open) = required.iter().find(|found| !found.is_true()) {
        return Status::Progressing {
            missing: format!("condition {} to be True: {}", open.kind, said_by(open)),
        };
    }
    let working = known(WORKING).into_iter().find(|found| found.is_true() && found.reason != DONE);
    if let Some(working) = working {
        let missing = format!("condition {} to become False: {}", working.kind, said_by(working));
        return Status::Progressing { missing };
    }
    if let Some(phase) = state.phase.as_deref().filter(|phase| PHASES_OF_WORK.contains(phase)) {
        return Status::Progressing { missing: format!("its phase to be another than {phase}") };
    }
    if let Some(missing) = counters(object, state) {
        return Status::Progressing { missing };
    }
    let proven = !known(PROVES).is_empty()
        || state.phase.as_deref().is_some_and(|phase| PHASES_THAT_PROVE.contains(&phase));
    if proven { Status::Complete } else { unknown_shape(object, state) }
}

/// What says that it has failed for good.
fn failure<'a>(state: &CustomState, known: &dyn Fn(&[&str]) -> Vec<&'a Condition>) -> Option<Said> {
    let failed = known(FAILS).into_iter().find(|found| found.is_true());
    let ended_badly = || known(&["Succeeded"]).into_iter().find(|found| found.is_false());
    let past_deadline = || {
        known(&["Progressing"])
            .into_iter()
            .find(|found| found.is_false() && found.reason == "ProgressDeadlineExceeded")
    };
    if let Some(condition) = failed.or_else(ended_badly).or_else(past_deadline) {
        return Some(Said::by(condition));
    }
    let phase = state.phase.as_deref().filter(|phase| PHASES_OF_FAILURE.contains(phase))?;
    let message =
        state.document.pointer("/status/message").and_then(|text| text.as_str()).unwrap_or_default();
    Some(Said {
        path: "status.phase".to_owned(),
        value: phase.to_owned(),
        reason: String::new(),
        message: message.to_owned(),
    })
}

/// An object that counts the replicas of its newest template must have them all, and no others.
fn counters(object: &Workload, state: &CustomState) -> Option<String> {
    if !state.counts_replicas {
        return None;
    }
    let (desired, status) = (object.desired(), &object.status);
    if status.updated_replicas < desired {
        Some(format!("{} of {desired} replicas to be updated", desired - status.updated_replicas))
    } else if status.replicas > desired {
        Some(format!("{} replicas to be removed", status.replicas - desired))
    } else if object.available() < desired {
        Some(format!("{} of {desired} replicas to become available", desired - object.available()))
    } else {
        None
    }
}

/// Its controller may not have come to it yet, unless the kind is one of Kubernetes' own, which have no such wait.
fn unknown_shape(object: &Workload, state: &CustomState) -> Status {
    let status = state.document.get("status");
    let empty = status
        .is_none_or(|status| status.is_null() || status.as_object().is_some_and(serde_json::Map::is_empty));
    if empty && object.kind.api_version().contains('.') {
        return Status::Progressing { missing: "its controller to write a status".to_owned() };
    }
    let kinds: Vec<&str> = object.status.conditions.iter().map(|found| found.kind.as_str()).collect();
    let has = match (kinds.as_slice(), &state.phase) {
        ([], Some(phase)) => format!("it has no conditions, and the phase {phase}"),
        ([], None) => "it has no conditions".to_owned(),
        (kinds, _) => format!("its conditions are {}", kinds.join(", ")),
    };
    Status::Unjudgeable {
        why: format!("{has}: none of Ready, Available, Succeeded and the like tells whether it is complete"),
    }
}

fn said_by(condition: &Condition) -> String {
    let text = if condition.message.is_empty() { &condition.reason } else { &condition.message };
    if text.is_empty() { format!("it is {}", condition.status) } else { text.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Kind;
    use crate::testing::World;

    fn assessed_as(api_version: &str, status: Value) -> Status {
        let mut world = World::of(Kind::discovered(api_version, "Widget", "widgets", true));
        world.workload(json!({"replicas": 2}), status);
        assess(world.rollout().workload, None)
    }

    fn assessed(status: Value) -> Status {
        assessed_as("example.com/v1", status)
    }

    fn condition(kind: &str, status: &str) -> Value {
        json!({"type": kind, "status": status, "reason": "Why", "message": "because"})
    }

    fn of(conditions: &[(&str, &str)]) -> Status {
        let conditions: Vec<Value> =
            conditions.iter().map(|(kind, status)| condition(kind, status)).collect();
        assessed(json!({"observedGeneration": 1, "conditions": conditions}))
    }

    fn is_progressing(status: &Status) -> bool {
        matches!(status, Status::Progressing { .. })
    }

    #[test]
    fn one_condition_proves_and_every_other_may_forbid() {
        for kind in PROVES {
            assert_eq!(of(&[(kind, "True")]), Status::Complete, "{kind}");
            assert!(is_progressing(&of(&[(kind, "Unknown")])), "{kind}");
            assert!(is_progressing(&of(&[(kind, "True"), ("Reconciling", "True")])), "{kind}");
            assert!(is_progressing(&of(&[(kind, "True"), ("Synced", "False")])), "{kind}");
        }
        assert!(is_progressing(&of(&[("Available", "True"), ("Ready", "False")])));
        let Status::Progressing { missing } = of(&[("Ready", "False")]) else { panic!() };
        assert_eq!(missing, "condition Ready to be True: because");
    }

    #[test]
    fn stalled_and_failed_are_failures_and_ready_is_none() {
        for kind in FAILS {
            assert!(matches!(of(&[("Ready", "False"), (kind, "True")]), Status::Failed { .. }), "{kind}");
            assert!(is_progressing(&of(&[("Ready", "False"), (kind, "False")])), "{kind}");
        }
        assert!(matches!(of(&[("Succeeded", "False")]), Status::Failed { .. }));
        let Status::Failed { said } = assessed(json!({"phase": "Degraded", "message": "no quorum"})) else {
            panic!()
        };
        assert_eq!((said.path.as_str(), said.message.as_str()), ("status.phase", "no quorum"));
    }

    #[test]
    fn what_is_about_an_older_spec_says_nothing() {
        let old = json!({"observedGeneration": 0, "conditions": [condition("Ready", "True")]});
        assert_eq!(assessed(old), Status::NotObserved { generation: 1, observed: Some(0) });
        let mut ready = condition("Ready", "True");
        ready["observedGeneration"] = json!(0);
        assert!(is_progressing(&assessed(json!({"conditions": [ready]}))));
    }

    #[test]
    fn pitfall_14_an_observed_generation_as_text_is_compared_or_refused() {
        let with = |observed: &str| {
            assessed(json!({"observedGeneration": observed, "conditions": [condition("Ready", "True")]}))
        };
        assert_eq!(with("1"), Status::Complete);
        assert_eq!(with("0"), Status::NotObserved { generation: 1, observed: Some(0) });
        let Status::Unjudgeable { why } = with("6f7d8") else { panic!() };
        assert!(why.contains("6f7d8"), "{why}");
    }

    #[test]
    fn an_unknown_shape_is_never_complete() {
        let Status::Unjudgeable { why } = of(&[("Frobnicated", "True")]) else { panic!() };
        assert!(why.starts_with("its conditions are Frobnicated"), "{why}");
        assert!(matches!(assessed(json!({"phase": "Running"})), Status::Unjudgeable { .. }));
        assert!(is_progressing(&assessed(json!({}))), "its controller may come to it yet");
        assert!(matches!(assessed_as("v1", json!({})), Status::Unjudgeable { .. }));
    }

    #[test]
    fn pitfall_17_old_replicas_that_are_available_do_not_prove_a_rollout() {
        let rollout = |updated: i64, replicas: i64, reason: &str| {
            let mut progressing = condition("Progressing", "True");
            progressing["reason"] = json!(reason);
            assessed(json!({"replicas": replicas, "updatedReplicas": updated, "availableReplicas": 2,
                "conditions": [condition("Available", "True"), progressing]}))
        };
        assert_eq!(rollout(2, 2, DONE), Status::Complete);
        assert!(is_progressing(&rollout(1, 3, "ReplicaSetUpdated")));
        assert!(is_progressing(&rollout(1, 2, DONE)));
        assert!(is_progressing(&rollout(2, 3, DONE)));
    }

    #[test]
    fn a_goal_stands_in_place_of_every_rule() {
        let mut world = World::of(Kind::discovered("example.com/v1", "Widget", "widgets", true));
        let status = json!({"phase": "Degraded", "conditions": [condition("Stalled", "True")]});
        world.workload(json!({}), status);
        let reached = |goal: &str| assess(world.rollout().workload, Some(&Goal::parse(goal).unwrap()));
        assert_eq!(reached("condition=Stalled"), Status::Complete);
        assert_eq!(reached("jsonpath={.status.phase}=Degraded"), Status::Complete);
        assert!(is_progressing(&reached("condition=Ready")));
    }

    #[test]
    fn a_phase_may_prove_or_forbid() {
        assert_eq!(assessed_as("v1", json!({"phase": "Bound"})), Status::Complete);
        assert!(is_progressing(&assessed(json!({"phase": "Pending"}))));
        let paused = json!({"phase": "Paused", "conditions": [condition("Available", "True")]});
        assert!(is_progressing(&assessed(paused)));
        let own_words =
            json!({"phase": "Cluster in healthy state", "conditions": [condition("Ready", "True")]});
        assert_eq!(assessed(own_words), Status::Complete);
    }
}
