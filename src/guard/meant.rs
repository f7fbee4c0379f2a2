//! Which rollout is meant: what the user says of its generation, revision and images, against what is there.

use std::cmp::Ordering;
use std::time::Duration;

use super::Guard;
use crate::diagnose::{CauseCode, Diagnosis, causes_of_command, passed_by, superseded};
use crate::ledger::Standing;
use crate::model::{Kind, Rollout, Workload};
use crate::observation::{CommandEnd, Request, Stream, Want};
use crate::policy::{Expectations, Policy};
use crate::verdict::Verdict;

/// What is compared, what is asked for, and what is there, where that is known.
type Count = (&'static str, i64, Option<i64>);

/// The counts that are asked for.
fn counts(rollout: &Rollout<'_>, expect: &Expectations) -> Vec<Count> {
    let generation = rollout.workload.metadata.generation;
    let generation = expect.generation.map(|asked| ("generation", asked, Some(generation)));
    let revision = expect.revision.map(|asked| ("revision", asked, rollout.revision()));
    generation.into_iter().chain(revision).collect()
}

impl Guard {
    /// The command that should have started the rollout failed: there is nothing to wait for.
    pub(super) fn never_began(&mut self, end: &CommandEnd, now: Duration) {
        let findings = causes_of_command(end, &self.target.stream);
        let code = findings.first().map_or(CauseCode::ApplyFailed, |finding| finding.code);
        let standing = |finding| Standing { finding, since: now, ripe: true, ends: None };
        self.last.standing = findings.into_iter().map(standing).collect();
        self.verdict = Some((Verdict::Failed(code), now));
    }

    /// Whether the rollout that is asked for is still to come, is there, or has been passed by.
    pub(super) fn compare(rollout: &Rollout<'_>, policy: &Policy) -> Ordering {
        let mut arrived = Ordering::Equal;
        for (_, asked, is) in counts(rollout, &policy.expect) {
            match is.map(|is| is.cmp(&asked)) {
                Some(Ordering::Greater) if !policy.follow => return Ordering::Greater,
                Some(Ordering::Greater | Ordering::Equal) => {}
                Some(Ordering::Less) | None => arrived = Ordering::Less,
            }
        }
        arrived
    }

    /// What has not arrived yet, as a fragment after "waiting for".
    pub(super) fn awaited(rollout: &Rollout<'_>, policy: &Policy) -> Option<String> {
        counts(rollout, &policy.expect).into_iter().find_map(|(what, asked, is)| match is {
            Some(is) if is < asked => Some(format!("{what} {asked} (it is at {is})")),
            None => Some(format!("{what} {asked}")),
            Some(_) => None,
        })
    }

    /// Another rollout is there in place of the one that was watched, or asked for.
    pub(super) fn taken_over(&self, rollout: &Rollout<'_>, policy: &Policy) -> Diagnosis {
        let passed = counts(rollout, &policy.expect)
            .into_iter()
            .find_map(|(what, asked, is)| Some((what, asked, is.filter(|is| *is > asked)?)));
        match passed {
            Some((what, asked, is)) if !self.arrived => passed_by(rollout, what, asked, is),
            _ => {
                let mut found = superseded(
                    rollout,
                    self.uid.as_deref().unwrap_or_default(),
                    self.revision.as_deref(),
                    self.template.as_deref(),
                );
                // Which of two templates is the older one is known of their revisions only.
                found.requests.extend(revisions_of(rollout.workload, &policy.expect, true));
                found
            }
        }
    }
}

/// The revisions of a StatefulSet have numbers, and older ones templates, only in objects that are not watched
/// otherwise: where a number is asked for, and in trouble for what the rollout changed.
pub(super) fn revisions_of(workload: &Workload, expect: &Expectations, in_trouble: bool) -> Option<Request> {
    (workload.kind == Kind::StatefulSet && (in_trouble || expect.revision.is_some())).then(|| {
        let selector = workload.spec.selector.to_query();
        let stream = Stream::selected(Kind::ControllerRevision, &workload.metadata.namespace, selector);
        Request::once(Want::Watch(stream))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::World;

    fn asks(revision: i64) -> Policy {
        let expect = Expectations { revision: Some(revision), ..Expectations::default() };
        Policy { expect, ..Policy::default() }
    }

    /// A StatefulSet, which names its newest revision, or a DaemonSet, whose newest is the highest.
    fn set(kind: Kind, newest: &str) -> World {
        let mut world = World::of(kind);
        world
            .workload(json!({}), json!({"observedGeneration": 1, "updateRevision": format!("web-{newest}")}));
        world
    }

    #[test]
    fn the_revision_of_a_set_is_the_number_of_its_newest_controller_revision() {
        for kind in [Kind::StatefulSet, Kind::DaemonSet] {
            let mut world = set(kind, "b");
            assert_eq!(world.rollout().revision(), None, "{kind}: none has been read");
            world.controller_revision("a", 1);
            world.controller_revision("b", 2);
            assert_eq!(world.rollout().revision(), Some(2), "{kind}");
            // `kubectl rollout undo` gives the old object a new number.
            let status = json!({"observedGeneration": 1, "updateRevision": "web-a"});
            world.workload(json!({}), status);
            world.controller_revision("a", 3);
            assert_eq!(world.rollout().revision(), Some(3), "{kind}");
            world.workload(json!({}), json!({"observedGeneration": 0, "updateRevision": "web-a"}));
            assert_eq!(world.rollout().revision(), None, "{kind}: the controller has not looked");
        }
    }

    #[test]
    fn the_revision_that_is_asked_for_is_waited_for_and_a_later_one_is_another_rollout() {
        for kind in [Kind::StatefulSet, Kind::DaemonSet] {
            let mut world = set(kind, "b");
            assert_eq!(Guard::compare(&world.rollout(), &asks(2)), Ordering::Less, "{kind}");
            assert_eq!(Guard::awaited(&world.rollout(), &asks(2)).as_deref(), Some("revision 2"), "{kind}");
            world.controller_revision("a", 1);
            world.controller_revision("b", 2);
            let rollout = world.rollout();
            let compared = |revision| Guard::compare(&rollout, &asks(revision));
            assert_eq!(
                [compared(3), compared(2), compared(1)],
                [Ordering::Less, Ordering::Equal, Ordering::Greater]
            );
            assert_eq!(
                Guard::compare(&rollout, &Policy { follow: true, ..asks(1) }),
                Ordering::Equal,
                "{kind}"
            );
            assert_eq!(
                Guard::awaited(&rollout, &asks(3)).as_deref(),
                Some("revision 3 (it is at 2)"),
                "{kind}"
            );
            assert_eq!(Guard::awaited(&rollout, &asks(2)), None, "{kind}");
        }
    }

    #[test]
    fn a_set_that_has_been_passed_by_says_which_revision_is_there() {
        for kind in [Kind::StatefulSet, Kind::DaemonSet] {
            let mut world = set(kind, "b");
            world.controller_revision("a", 1);
            world.controller_revision("b", 2);
            let guard = Guard::new(Stream::of(kind, "shop", "web"));
            let found = guard.taken_over(&world.rollout(), &asks(1));
            assert_eq!(
                found.the(CauseCode::RolloutSuperseded).headline,
                format!(
                    "revision 1 was asked for, and {kind} web is at 2: another template was rolled out after it"
                )
            );
        }
    }

    #[test]
    fn the_controller_revisions_of_a_stateful_set_are_read_where_a_number_is_asked_for() {
        let world = set(Kind::StatefulSet, "b");
        let workload = world.rollout().workload;
        assert!(revisions_of(workload, &asks(2).expect, false).is_some());
        assert!(revisions_of(workload, &Expectations::default(), true).is_some());
        assert!(revisions_of(workload, &Expectations::default(), false).is_none());
        // Those of a DaemonSet are always watched.
        let world = set(Kind::DaemonSet, "b");
        assert!(revisions_of(world.rollout().workload, &asks(2).expect, true).is_none());
    }
}
