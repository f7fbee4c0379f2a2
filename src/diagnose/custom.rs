//! Kinds without rules of their own, by what their conditions say.
#![doc = include_str!("custom.md")]

use std::time::Duration;

use super::place::kubectl;
use super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use crate::model::{Condition, Rollout};
use crate::status::{Said, Status, assess};

/// A controller may say that it has failed and try again a moment later.
const MAY_FLIP: Duration = Duration::from_secs(15);
/// Conditions shown.
const SHOWN: usize = 6;

/// Every rule of this family.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    if rollout.workload.custom().is_none() {
        return;
    }
    match assess(rollout) {
        Status::Failed { said } => diagnosis.add(failed(rollout, &said)),
        Status::Progressing { missing } => diagnosis.add(not_ready(rollout, &missing)),
        _ => {}
    }
}

fn failed(rollout: &Rollout<'_>, said: &Said) -> Finding {
    let subject = rollout.workload.object_ref();
    let headline = format!("{} {} says that it has failed: {}", subject.kind, subject.name, said.text());
    let evidence = Evidence::field(subject.clone(), said.path.clone(), said.text());
    let finding = Finding::new(CauseCode::ObjectFailed, said.path.clone(), subject, headline, evidence)
        .with_prognosis(Prognosis::LikelyPermanent)
        .with_tolerance(MAY_FLIP)
        .with_help("the text is its controller's; correct what it names");
    describe(rollout, finding)
}

fn not_ready(rollout: &Rollout<'_>, missing: &str) -> Finding {
    let subject = rollout.workload.object_ref();
    let headline = format!("{} {} is not complete: waiting for {missing}", subject.kind, subject.name);
    let conditions = &rollout.workload.status.conditions;
    let mut evidence = conditions.iter().take(SHOWN).map(|condition| {
        Evidence::field(subject.clone(), format!("status.conditions[{}]", condition.kind), shown(condition))
    });
    let first = evidence.next().unwrap_or_else(|| Evidence::absence("its status has no conditions"));
    let mut finding = Finding::new(CauseCode::ObjectNotReady, "not-ready", subject.clone(), headline, first)
        .with_prognosis(Prognosis::Informational)
        .with_confidence(Confidence::Possible)
        .with_hold(Hold::Announce);
    for evidence in evidence {
        finding = finding.with_evidence(evidence);
    }
    let finding = finding.with_help("the texts are its controller's; where they say nothing, its log does");
    describe(rollout, finding)
}

fn shown(condition: &Condition) -> String {
    let Condition { status, reason, message, .. } = condition;
    [status, reason, message]
        .into_iter()
        .filter(|text| !text.is_empty())
        .cloned()
        .collect::<Vec<_>>()
        .join(": ")
}

fn describe(rollout: &Rollout<'_>, finding: Finding) -> Finding {
    let target = rollout.workload.command_target();
    finding.with_command(kubectl(rollout.namespace(), &["describe", &target]))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Kind;
    use crate::testing::World;

    fn world(conditions: &Value) -> World {
        let mut world = World::of(Kind::discovered("example.com/v1", "Widget", "widgets", true));
        world.workload(json!({}), json!({"conditions": conditions}));
        world
    }

    #[test]
    fn pitfall_65_a_failure_that_may_flip_is_given_time() {
        let world = world(
            &json!([{"type": "Stalled", "status": "True", "reason": "NoRoom", "message": "disk full"}]),
        );
        let found = world.run(rules);
        let finding = found.the(CauseCode::ObjectFailed);
        assert_eq!(finding.headline, "Widget web says that it has failed: NoRoom: disk full");
        assert_eq!((finding.hold, finding.tolerance), (Hold::Tolerance, Some(MAY_FLIP)));
        assert_eq!(finding.commands, ["kubectl -n shop describe widget.example.com/web"]);
    }

    #[test]
    fn what_is_not_ready_yet_decides_nothing_and_is_shown() {
        let world = world(
            &json!([{"type": "Ready", "status": "False", "reason": "Issuing", "message": "waits for DNS"}]),
        );
        let found = world.run(rules);
        let finding = found.the(CauseCode::ObjectNotReady);
        assert_eq!(finding.hold, Hold::Announce);
        assert!(
            finding.headline.ends_with("condition Ready to be True: waits for DNS"),
            "{}",
            finding.headline
        );
    }

    #[test]
    fn a_complete_object_has_no_cause() {
        assert!(world(&json!([{"type": "Ready", "status": "True"}])).run(rules).codes().is_empty());
    }
}
