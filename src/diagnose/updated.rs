#![doc = include_str!("updated.md")]

mod config;
mod digest;
mod image;

use jiff::Timestamp;

use super::place::kubectl;
use super::{CauseCode, Diagnosis, Evidence, Finding, Hold, Prognosis};
use crate::model::{FieldManager, Kind, Rollout, Workload};
use crate::observation::{Request, Want};
use crate::policy::Expectations;

pub(crate) use config::{outdated, wants as wants_of_config};
pub(crate) use digest::differing;

/// Seconds between two looks at who writes the template.
const MANAGERS_EVERY: u64 = 10;

/// Every rule of this family: what the user said of the rollout does not hold.
pub(super) fn rules(rollout: &Rollout<'_>, expect: &Expectations, diagnosis: &mut Diagnosis) {
    for expected in &expect.images {
        image::rule(rollout, expected, diagnosis);
    }
    for expected in &expect.digests {
        digest::rule(rollout, expected, diagnosis);
    }
}

/// Whether the template has every image that is expected of it.
pub(crate) fn has_images(workload: &Workload, expect: &Expectations) -> bool {
    expect.images.iter().all(|expected| image::is_met(workload, expected))
}

/// Another template of the target, or another object of its name, has taken the place of the one with that uid,
/// revision and template: found by the guard, which alone remembers it.
pub(crate) fn superseded(
    rollout: &Rollout<'_>,
    uid: &str,
    revision: Option<&str>,
    template: Option<&str>,
) -> Diagnosis {
    let after = rollout.workload;
    let mut diagnosis = Diagnosis::default();
    if after.metadata.uid != uid {
        diagnosis.add(super::rollout::superseded(after, uid, revision));
        return diagnosis;
    }
    diagnosis.ask(Request::once(Want::Managers(after.object_ref())));
    let older = template.zip(rollout.template_identity()).is_some_and(|(was, is)| {
        let made = |identity| rollout.template_created(identity);
        // Two templates of one second have the same age; a ReplicaSet tells of its earlier revisions itself.
        let served_before = rollout.current.is_some_and(|set| set.metadata.annotations.served_before);
        was != is && (served_before || made(is).zip(made(was)).is_some_and(|(is, was)| is < was))
    });
    let finding =
        if older { rolled_back(rollout, revision) } else { super::rollout::superseded(after, uid, revision) };
    let identities = template.zip(rollout.template_identity()).filter(|(was, is)| was != is);
    let names = identities.and_then(|(was, is)| template_name(rollout, was).zip(template_name(rollout, is)));
    let finding = match names {
        Some((was, is)) => finding.with_evidence(Evidence::field(
            after.object_ref(),
            "spec.template",
            format!("of {is}, was of {was}"),
        )),
        None => finding,
    };
    let finding = match rollout.managers().first() {
        Some(manager) => finding.with_evidence(written_by(rollout, manager)),
        None => finding,
    };
    diagnosis.add(finding);
    diagnosis
}

/// The object that holds a template, whose name ends with the hash of it.
fn template_name(rollout: &Rollout<'_>, identity: &str) -> Option<String> {
    if rollout.workload.kind != Kind::Deployment {
        return Some(format!("revision {identity}"));
    }
    let mut sets = rollout.store().replica_sets_of(&rollout.workload.metadata.uid);
    sets.find(|set| set.metadata.uid == identity).map(|set| format!("ReplicaSet {}", set.metadata.name))
}

/// The spec or the template that was asked for by its number is gone: a later one is there.
pub(crate) fn passed_by(rollout: &Rollout<'_>, what: &str, asked: i64, is: i64) -> Diagnosis {
    let workload = rollout.workload;
    let subject = workload.object_ref();
    let headline = format!(
        "{what} {asked} was asked for, and {} {} is at {is}: {} after it",
        workload.kind,
        workload.metadata.name,
        if what == "generation" { "its spec was changed" } else { "another template was rolled out" },
    );
    let path = if what == "generation" { "metadata.generation" } else { "revision" };
    let target = workload.command_target();
    let mut diagnosis = Diagnosis::default();
    diagnosis.add(
        Finding::new(
            CauseCode::RolloutSuperseded,
            what,
            subject.clone(),
            headline,
            Evidence::field(subject, path, is.to_string()),
        )
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe)
        .with_help("Whoever made the later change waits for it.")
        .with_command(kubectl(rollout.namespace(), &["rollout", "history", &target])),
    );
    diagnosis
}

/// Somebody put an older template back: `kubectl rollout undo`, or an older manifest.
fn rolled_back(rollout: &Rollout<'_>, revision: Option<&str>) -> Finding {
    let subject = rollout.workload.object_ref();
    let named = format!("{} {}", rollout.workload.kind, rollout.workload.metadata.name);
    let is = rollout.revision().map_or_else(|| "newest".to_owned(), |revision| revision.to_string());
    let headline = match revision {
        Some(was) => format!(
            "{named} was rolled back while it was watched: its revision {is} is an older template than revision {was}"
        ),
        None => {
            format!("{named} was rolled back while it was watched: an older template of it is in place again")
        }
    };
    let evidence = match rollout.template_identity().and_then(|identity| rollout.template_created(identity)) {
        Some(made) => {
            let value = format!("a template first rolled out at {}", moment(made));
            Evidence::field(subject.clone(), "spec.template", value)
        }
        None => Evidence::field(subject.clone(), "spec.template", "an older template"),
    };
    let target = rollout.workload.command_target();
    Finding::new(CauseCode::RolledBack, "rolled-back", subject, headline, evidence)
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe)
        .with_help("Find out who went back and why before this version is rolled out again.")
        .with_command(kubectl(rollout.namespace(), &["rollout", "history", &target]))
}

/// Whole seconds, as managers write them.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Who wrote the template last, and when.
fn written_by(rollout: &Rollout<'_>, manager: &FieldManager) -> Evidence {
    let at = manager.at.map_or_else(String::new, |at| format!(" at {}", moment(at)));
    Evidence::field(
        rollout.workload.object_ref(),
        "metadata.managedFields",
        format!("template written by {}{at}", manager.name),
    )
}

#[cfg(test)]
mod tests;
