//! A namespace that is being deleted: in the API server's words about a pod, or in its own.
//!
//! A controller that cannot make a pod because of it says nothing (`NamespaceTerminatingCause` in
//! `pkg/controller/controller_utils.go` and in each controller), and what it said would be an event,
//! which such a namespace does not take either. So the namespace is asked where pods are missing without a word.

use std::time::Duration;

use super::super::logs::shorten;
use super::super::place::{command, kubectl};
use super::super::{order_by_root, refusal::Refusal};
use super::{CauseCode, Diagnosis, Evidence, Finding, Prognosis, base};
use crate::model::{Kind, Lookup, Namespace, ObjectRef, Rollout};
use crate::observation::{Request, Want};

/// Seconds between two looks at the namespace.
const EVERY: u64 = 20;
/// As much of one condition is shown.
const LONGEST: usize = 500;
/// Of finalizers, and of pods that are held, as many are shown.
const MOST: usize = 3;
/// What is left of the tolerance of the code: pods have been missing for as long already.
const TOLERANCE: Duration = Duration::from_secs(15);

fn want(rollout: &Rollout<'_>) -> Want {
    Want::Namespace { name: rollout.namespace().to_owned() }
}

/// The API server said it of a pod, or of the ReplicaSet.
pub(super) fn refused(rollout: &Rollout<'_>, refusal: &Refusal<'_>, diagnosis: &mut Diagnosis) -> Finding {
    diagnosis.ask(Request::every(EVERY, want(rollout)));
    let namespace = rollout.namespace();
    let mut finding = base(rollout, refusal, CauseCode::NamespaceTerminating, namespace, headline(namespace));
    finding.evidence.extend(own_words(rollout));
    advised(rollout, finding)
}

/// Nobody says why the workload has no pods: perhaps because nobody can.
pub(crate) fn without_a_word(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    diagnosis.ask(Request::every(EVERY, want(rollout)));
    let mut words = own_words(rollout).into_iter();
    let Some(first) = words.next() else { return };
    let namespace = rollout.namespace();
    let subject = ObjectRef::named(Kind::Namespace, "", namespace);
    let code = CauseCode::NamespaceTerminating;
    let mut finding = Finding::new(code, namespace, subject, headline(namespace), first)
        .with_prognosis(Prognosis::Permanent)
        .with_tolerance(TOLERANCE);
    finding.evidence.extend(words);
    let silence = format!(
        "no pod of {} is alive, and no event says why: a namespace that is being deleted takes no events",
        rollout.workload.command_target()
    );
    diagnosis.add(advised(rollout, finding.with_evidence(Evidence::absence(silence))));
    order_by_root(&mut diagnosis.findings);
}

fn headline(namespace: &str) -> String {
    format!("namespace {namespace} is being deleted, so nothing can be created in it")
}

/// What the namespace says of itself while it goes, and what holds pods of the workload in it: as long as there are
/// pods, its conditions do not count them (`deleteAllContent` in pkg/controller/namespace/deletion).
fn own_words(rollout: &Rollout<'_>) -> Vec<Evidence> {
    let Lookup::Found(namespace) = rollout.own_namespace() else { return Vec::new() };
    if !namespace.is_going() {
        return Vec::new();
    }
    let Namespace { metadata, status } = namespace;
    let object = ObjectRef::named(Kind::Namespace, "", rollout.namespace());
    let field = |path: &str, value: String| Evidence::field(object.clone(), path, value);
    let mut words = Vec::new();
    if !status.phase.is_empty() {
        words.push(field("status.phase", shorten(&status.phase, LONGEST)));
    }
    words.extend(metadata.deletion_timestamp.map(|at| field("metadata.deletionTimestamp", at.to_string())));
    if !metadata.finalizers.is_empty() {
        words.push(field("metadata.finalizers", listed(&metadata.finalizers)));
    }
    // there are five kinds of them
    words.extend(namespace.holding().take(5).map(|condition| {
        let path = format!("status.conditions[{}]", condition.kind);
        field(&path, shorten(&format!("{}: {}", condition.reason, condition.message), LONGEST))
    }));
    let pods = rollout.pods.iter().chain(&rollout.old_pods);
    let held = pods.filter(|pod| pod.metadata.is_being_deleted() && !pod.metadata.finalizers.is_empty());
    words.extend(held.take(MOST).map(|pod| {
        Evidence::field(pod.object_ref(), "metadata.finalizers", listed(&pod.metadata.finalizers))
    }));
    words
}

fn listed(finalizers: &[String]) -> String {
    let shown: Vec<&str> = finalizers.iter().take(MOST).map(String::as_str).collect();
    let more = if finalizers.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn advised(rollout: &Rollout<'_>, finding: Finding) -> Finding {
    let namespace = rollout.namespace();
    finding
        .with_help("Find out who deletes it; a deletion cannot be taken back.")
        .with_help("Deploy into another namespace; or wait until it is gone, create it again and apply everything that was in it.")
        .with_help("If it stays, a finalizer holds something in it, or an API service does not answer: look at its pods first, which go before the rest, then at its conditions. Whoever put a finalizer there has to take it away.")
        .with_command(command(&["kubectl", "get", "namespace", namespace, "-o", "yaml"]))
        .with_command(kubectl(namespace, &["get", "all"]))
}
