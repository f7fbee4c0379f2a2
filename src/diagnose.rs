//! Why a rollout is not complete: rules over a [`Rollout`], each a plain function.
//!
//! A rule looks at one instant. It neither knows how long a cause has stood (that is [`crate::ledger`]) nor
//! decides anything (that is [`crate::verdict`]). What it would need to see and does not, it puts into
//! [`Diagnosis::requests`].

mod admission;
mod cause;
mod changes;
mod companions;
mod config;
mod crash;
mod creating;
mod custom;
mod ends;
mod evidence;
mod finding;
mod image;
mod immutable;
mod job;
mod limits;
mod logs;
mod manifest;
mod node;
mod place;
mod placement;
mod probe;
mod quota;
mod refusal;
mod rollout;
mod root;
mod text;
mod updated;
mod volume;

pub(crate) use admission::without_a_word;
pub(crate) use cause::{CauseCode, Family};
pub(crate) use changes::{Change, changes, culprits};
pub(crate) use evidence::Evidence;
pub(crate) use finding::{Confidence, Finding, Hold, Prognosis};
pub(crate) use manifest::causes as causes_of_command;
pub(crate) use probe::planned_readiness;
pub(crate) use rollout::{kept_by, old_pod_remains, stalled, target_deleted};
pub(crate) use root::{drop_explained, order_by_root};
pub(crate) use text::nearest;
pub(crate) use updated::{differing, has_images, outdated, passed_by, superseded, wants_of_config};

use crate::model::Rollout;
use crate::observation::Request;
use crate::policy::Expectations;

/// What the rules found, and what they would like to know.
#[derive(Debug, Default)]
pub(crate) struct Diagnosis {
    pub(crate) findings: Vec<Finding>,
    pub(crate) requests: Vec<Request>,
}

impl Diagnosis {
    /// Adds a finding, merging it with the same cause seen on another pod.
    pub(crate) fn add(&mut self, finding: Finding) {
        match self.findings.iter_mut().find(|known| known.code == finding.code && known.key == finding.key) {
            Some(known) => known.merge(finding),
            None => self.findings.push(finding),
        }
    }

    /// Asks for a fact; asking twice is asking once.
    pub(crate) fn ask(&mut self, request: Request) {
        if !self.requests.contains(&request) {
            self.requests.push(request);
        }
    }
}

/// One family of rules.
type Rule = fn(&Rollout<'_>, &mut Diagnosis);

/// Every family, in the order of the article that this product automates.
const RULES: &[Rule] = &[
    image::rules,
    crash::rules,
    config::rules,
    probe::rules,
    limits::rules,
    quota::rules,
    admission::rules,
    placement::rules,
    volume::rules,
    node::rules,
    job::rules,
    custom::rules,
    rollout::rules,
];

/// Runs every rule.
pub(crate) fn diagnose(rollout: &Rollout<'_>, expect: &Expectations) -> Diagnosis {
    let mut diagnosis = Diagnosis::default();
    for rule in RULES {
        rule(rollout, &mut diagnosis);
    }
    updated::rules(rollout, expect, &mut diagnosis);
    config::drop_consequences(&mut diagnosis.findings);
    drop_explained(&mut diagnosis.findings);
    order_by_root(&mut diagnosis.findings);
    node::say_where(rollout, &mut diagnosis.findings);
    changes::remedy::of_amounts(rollout, &mut diagnosis.findings);
    rollout::warn_of_the_trap(rollout, &mut diagnosis.findings);
    immutable::replace_changes(rollout, &mut diagnosis.findings);
    diagnosis
}
