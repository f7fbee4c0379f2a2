//! Why the API server did not let a pod, or the ReplicaSet itself, be made: one reading for all families.
//!
//! No such pod exists, so the only witnesses are the events and conditions of the object that should have made it.

mod next;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::place::kubectl;
use super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use crate::model::{Condition, Creator, Event, Kind, ObjectRef, Rollout, condition, find_condition, reason};
use crate::observation::{Request, Want};

pub(super) use next::{Behind, all};

/// How often the events of a ReplicaSet without its pods are read again, in seconds.
const EVENTS_EVERY: u64 = 3;

/// The controller needs this long to make the first pods; a younger ReplicaSet is not asked about.
const FIRST_PODS: SignedDuration = SignedDuration::from_secs(1);

/// Nor is one whose number of pods has just moved: in a rolling update it is short of a pod at every step.
const MOVING: Duration = Duration::from_secs(2);

/// Why the newest object was not made.
pub(super) struct Refusal<'a> {
    /// The API server's words, without what the controller puts before them.
    pub(super) text: &'a str,
    pub(super) evidence: Evidence,
    /// From a condition: that is the first error, and perhaps not the present one.
    may_be_stale: bool,
    /// When it was last said, by the API server's clock.
    at: Option<Timestamp>,
    /// Whose pods are refused; absent where the ReplicaSet itself is.
    pub(super) set: Option<Creator<'a>>,
    /// Not the present reason: one that dry runs brought out.
    is_behind: bool,
    /// What is known to come after the present one.
    behind: Behind,
}

impl<'a> Refusal<'a> {
    /// The present reason, as far as is known, said at a time that is not known.
    const fn new(text: &'a str, evidence: Evidence, set: Option<Creator<'a>>) -> Self {
        let behind = Behind { more: 0, clear: false };
        Self { text, evidence, may_be_stale: false, at: None, set, is_behind: false, behind }
    }
}

/// Reads it, and asks for the events it needs.
pub(super) fn read<'a>(rollout: &Rollout<'a>, diagnosis: &mut Diagnosis) -> Option<Refusal<'a>> {
    of_pods(rollout, diagnosis).or_else(|| of_replica_set(rollout))
}

/// Why a ReplicaSet has not the pods it should have.
pub(super) fn of_pods<'a>(rollout: &Rollout<'a>, diagnosis: &mut Diagnosis) -> Option<Refusal<'a>> {
    let set = rollout.creator()?;
    let failing = find_failure(rollout, &set);
    if set.desired() <= set.replicas && failing.is_none() {
        return None;
    }
    let age = set.created().map(|created| rollout.server_now().duration_since(created));
    let moving = rollout.store().counts_age(set.uid()).is_some_and(|age| age < MOVING);
    let asked = rollout.events_age(&set.object_ref()).is_some();
    if failing.is_none() && !asked && (moving || age.is_some_and(|age| age < FIRST_PODS)) {
        return None;
    }
    diagnosis.ask(Request::every(EVENTS_EVERY, Want::Events(set.object_ref())));
    let object = set.object_ref();
    let events = rollout.events(&object);
    let created = newest(&events, reason::SUCCESSFUL_CREATE).and_then(Event::last_seen);
    // The newest event is the present error; the condition is written once and keeps the first.
    if let Some(event) = newest(&events, reason::FAILED_CREATE) {
        if event.last_seen() < created {
            return None;
        }
        let evidence = Evidence::event(object, event);
        let at = event.last_seen();
        return Some(Refusal { at, ..Refusal::new(bare(event.text()), evidence, Some(set)) });
    }
    let text = failing?;
    let evidence = Evidence::field(object, "status.conditions[ReplicaFailure].message", text);
    Some(Refusal { may_be_stale: true, ..Refusal::new(bare(text), evidence, Some(set)) })
}

/// Why the Deployment has no ReplicaSet of the newest template (reason `ReplicaSetCreateError`).
fn of_replica_set<'a>(rollout: &Rollout<'a>) -> Option<Refusal<'a>> {
    let progressing = rollout.workload.condition(condition::PROGRESSING)?;
    if !progressing.is_false() || progressing.reason != reason::REPLICA_SET_CREATE_ERROR {
        return None;
    }
    let text = progressing.message.as_str();
    let object = rollout.workload.object_ref();
    let evidence = Evidence::field(object, "status.conditions[Progressing].message", text);
    // Failed to create new replica set "web-1": replicasets.apps "web-1" is forbidden: …
    let text = text
        .strip_prefix("Failed to create new replica set ")
        .map_or(text, |rest| rest.split_once(": ").map_or(rest, |(_, words)| words));
    Some(Refusal { at: progressing.last_update_time, ..Refusal::new(text, evidence, None) })
}

fn newest<'a>(events: &[&'a Event], reason: &str) -> Option<&'a Event> {
    events.iter().copied().find(|event| event.reason == reason)
}

fn bare(message: &str) -> &str {
    if let Some(refusal) = message.strip_prefix("Error creating: ") {
        return refusal;
    }
    // A StatefulSet: `create Pod web-0 in StatefulSet web failed error: …`, and `Create Claim …` alike.
    let begins = message.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("create "));
    match message.split_once(" failed error: ") {
        Some((_, refusal)) if begins => refusal,
        _ => message,
    }
}

/// The `ReplicaFailure` condition of the ReplicaSet, or the Deployment's copy. The copy may be of an old
/// ReplicaSet, so it counts only while no old one has the condition.
fn find_failure<'a>(rollout: &Rollout<'a>, set: &Creator<'a>) -> Option<&'a str> {
    let of = |conditions: &'a [Condition]| {
        find_condition(conditions, condition::REPLICA_FAILURE)
            .filter(|failure| failure.is_true() && failure.reason == reason::FAILED_CREATE)
            .map(|failure| failure.message.as_str())
    };
    let an_old_one_fails = rollout
        .old_sets
        .iter()
        .any(|old| find_condition(&old.status.conditions, condition::REPLICA_FAILURE).is_some());
    of(set.conditions).or_else(|| {
        // The copy outlives its origin by a moment; a ReplicaSet with all its pods has no failure.
        let copied = of(&rollout.workload.status.conditions);
        copied.filter(|_| !an_old_one_fails && set.desired() > set.replicas)
    })
}

impl Refusal<'_> {
    /// The object to look at first: whose pods are refused, or the Deployment without a ReplicaSet.
    pub(super) fn subject(&self, rollout: &Rollout<'_>) -> ObjectRef {
        self.set.map_or_else(|| rollout.workload.object_ref(), |set| set.object_ref())
    }

    /// What is refused: `the pods` or `the new ReplicaSet`.
    pub(super) const fn what(&self) -> &'static str {
        if self.set.is_some() { "the pods" } else { "the new ReplicaSet" }
    }

    /// How many pods of the new revision do not exist.
    pub(super) fn missing(&self, rollout: &Rollout<'_>) -> i64 {
        self.set.map_or_else(|| rollout.workload.desired(), |set| missing_of(&set))
    }

    /// `kubectl describe` of the object with the events.
    pub(super) fn describe(&self, rollout: &Rollout<'_>) -> String {
        let subject = self.subject(rollout);
        kubectl(rollout.namespace(), &["describe", subject.kind.command_word(), &subject.name])
    }

    /// The part after `pods "x" is forbidden: ` or `Pod "x" is invalid: `.
    pub(super) fn reason(&self) -> &str {
        [" is forbidden: ", " is invalid: "]
            .iter()
            .find_map(|middle| self.text.split_once(middle))
            .map_or(self.text, |(_, why)| why)
    }

    /// The text as the key of a finding. Each attempt has a pod name of its own; a finding must not.
    pub(super) fn key(&self) -> String {
        match (self.text.split_once('"'), self.reason()) {
            (Some((start, _)), why) if why.len() < self.text.len() => format!("{start}{why}"),
            _ => self.text.to_owned(),
        }
    }

    /// Whether an answer was given after the refusal, so that it shows what holds now. Events have whole seconds.
    pub(super) fn is_older_than(&self, rollout: &Rollout<'_>, want: &Want) -> bool {
        let Some(age) = rollout.store().answer_age(want) else { return false };
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        let answered = rollout.server_now().checked_sub(age).unwrap_or(Timestamp::MIN);
        self.at.is_none_or(|at| answered.duration_since(at) >= SignedDuration::from_secs(1))
    }

    /// In place of [`Self::finish`] where what refused the pods does so no longer: nothing need be corrected.
    pub(super) fn heals(&self, rollout: &Rollout<'_>, finding: Finding) -> Finding {
        if self.is_behind {
            return finding.with_hold(Hold::Announce);
        }
        let subject = self.subject(rollout);
        let now = rollout.server_now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let touched = format!("{}/{}", subject.kind.command_word(), subject.name);
        self.with_absence(finding)
            .with_prognosis(Prognosis::Transient)
            .with_hold(Hold::Announce)
            .with_help(format!(
                "The controller tries again by itself, after a pause that grows up to 16m40s; a touch of {touched} makes it try at once."
            ))
            .with_command(kubectl(
                rollout.namespace(),
                &["annotate", &touched, &format!("touched-at={now}"), "--overwrite"],
            ))
    }

    /// What all findings about objects that were not made have in common; the last thing added to them.
    pub(super) fn finish(&self, rollout: &Rollout<'_>, finding: Finding) -> Finding {
        if self.is_behind {
            let headline = format!("next, {}", finding.headline);
            return Finding { headline, hold: Hold::Announce, ..finding };
        }
        let finding = self.with_absence(finding);
        // Nothing can be made there any more, however often it is tried.
        if finding.code == CauseCode::NamespaceTerminating {
            return finding;
        }
        let finding = match next::more_words(self.behind, rollout.workload.kind) {
            Some(words) => finding.with_help(words),
            None => finding,
        };
        if rollout.workload.kind == Kind::Job {
            return finding.with_help(
                "The controller tries again by itself, in growing pauses, once the cause is gone",
            );
        }
        let target = rollout.workload.command_target();
        let restart = kubectl(rollout.namespace(), &["rollout", "restart", &target]);
        finding
            .with_help(format!(
                "After the fix run `kubectl rollout restart`: the controller tries again in growing pauses of up to 16m40s, and a change of {target} itself is seen at once."
            ))
            .with_command(restart)
    }

    /// That the pods do not exist.
    fn with_absence(&self, finding: Finding) -> Finding {
        let absence = match self.set {
            None => "no ReplicaSet and no pod of the new revision exists, so `kubectl get pods` shows nothing of it"
                .to_owned(),
            Some(set) if set.replicas == 0 => {
                "no pod of the new revision exists, so `kubectl get pods` shows nothing of it".to_owned()
            }
            Some(set) if !set.is_of_one_template() => {
                format!("{} of {} pods do not exist", missing_of(&set), set.desired())
            }
            Some(set) => {
                let missing = missing_of(&set);
                format!("{missing} of {} pods of the new revision do not exist", set.desired())
            }
        };
        let finding = finding.with_evidence(Evidence::absence(absence));
        if self.may_be_stale && finding.confidence == Confidence::Certain {
            finding.with_confidence(Confidence::Likely)
        } else {
            finding
        }
    }
}

const fn missing_of(set: &Creator<'_>) -> i64 {
    let missing = set.desired() - set.replicas;
    if missing > 0 { missing } else { 0 }
}

/// Trouble of the API server or of something it asks, which says nothing about the pod.
pub(super) fn may_pass(text: &str) -> bool {
    [
        "enforcing limit ranges",
        "context deadline exceeded",
        "connection refused",
        "Internal error occurred",
        "etcdserver",
        "too many requests",
        "timed out",
        "error looking up service account",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Kind;
    use crate::testing::World;

    #[test]
    fn a_refused_replica_set_is_read_from_the_deployment() {
        // Kubernetes 1.36.3, as recorded.
        let mut world = World::with_app(json!({}));
        world.deployment(json!({"observedGeneration": 1, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ReplicaSetCreateError",
             "message": "Failed to create new replica set \"rs-74b7c7c55\": replicasets.apps \"rs-74b7c7c55\" is forbidden: exceeded quota: team, requested: count/replicasets.apps=1, used: count/replicasets.apps=0, limited: count/replicasets.apps=0"}]}));
        let rollout = world.rollout();
        let refusal = read(&rollout, &mut Diagnosis::default()).unwrap();
        assert!(refusal.text.starts_with("replicasets.apps \"rs-74b7c7c55\" is forbidden: exceeded quota"));
        assert!(refusal.reason().starts_with("exceeded quota: team"));
        assert_eq!(refusal.subject(&rollout).kind, Kind::Deployment);
        assert!(!refusal.key().contains("rs-74b7c7c55"));
    }

    #[test]
    fn a_rollout_without_a_refusal_has_none() {
        let world = World::with_app(json!({}));
        assert!(read(&world.rollout(), &mut Diagnosis::default()).is_none());
    }

    #[test]
    fn every_controller_wraps_the_refusal_in_words_of_its_own() {
        let refused = "pods \"web-0\" is forbidden: exceeded quota";
        for text in [
            refused.to_owned(),
            format!("Error creating: {refused}"),
            format!("create Pod web-0 in StatefulSet web failed error: {refused}"),
            format!("Create Pod web-0 in StatefulSet web failed error: {refused}"),
        ] {
            assert_eq!(bare(&text), refused, "{text}");
        }
        let other = "the webhook failed error: none";
        assert_eq!(bare(other), other);
    }
}
