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
        let standing = |finding| Standing { finding, since: now, ripe: true, ends_at: None };
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
