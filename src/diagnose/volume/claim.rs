//! The chain up to the claim: it exists, it is not about to go, it has a volume.

use super::super::place::kubectl;
use super::super::text::nearest;
use super::super::{CauseCode, Diagnosis, Evidence, Finding, Prognosis};
use super::unbound;
use crate::model::{Claim, Kind, Lookup, ObjectRef, Pod, Rollout};
use crate::observation::{Request, Want};

/// How often a claim that keeps a pod waiting is read again, in seconds.
pub(super) const CLAIM_EVERY: u64 = 3;

/// Looks at every claim of a pod, and names the broken link of each; `evidence` is what was said of the pod.
/// Whether there was one.
pub(super) fn chain(
    rollout: &Rollout<'_>,
    pod: &Pod,
    evidence: Option<&Evidence>,
    diagnosis: &mut Diagnosis,
) -> bool {
    let mut broken = false;
    for (volume, name) in pod.claims() {
        diagnosis.ask(Request::every(CLAIM_EVERY, want(rollout, &name)));
        let link = Link { rollout, pod, volume, name: &name, evidence };
        let finding = match rollout.claim(&name) {
            Lookup::Missing => missing(&link, diagnosis),
            Lookup::Found(claim) if claim.metadata.deletion_timestamp.is_some() => leaving(&link),
            Lookup::Found(claim) if !claim.is_bound() => {
                let Some(finding) = unbound::finding(&link, claim, diagnosis) else { continue };
                finding
            }
            _ => continue,
        };
        broken = true;
        diagnosis.add(finding.on_pod(&pod.metadata.name));
    }
    broken
}

pub(super) fn want(rollout: &Rollout<'_>, name: &str) -> Want {
    Want::Claim { namespace: rollout.namespace().to_owned(), name: name.to_owned() }
}

/// A claim that keeps a pod from its node.
pub(super) struct Link<'r, 'a> {
    pub(super) rollout: &'r Rollout<'a>,
    pub(super) pod: &'r Pod,
    /// The volume of the pod that needs it.
    pub(super) volume: &'r str,
    pub(super) name: &'r str,
    evidence: Option<&'r Evidence>,
}

impl Link<'_, '_> {
    pub(super) fn claim_ref(&self) -> ObjectRef {
        ObjectRef::named(Kind::PersistentVolumeClaim, self.rollout.namespace(), self.name)
    }

    /// The claim as its events know it.
    pub(super) fn event_ref(&self, claim: &Claim) -> ObjectRef {
        ObjectRef { uid: claim.metadata.uid.clone(), ..self.claim_ref() }
    }

    /// A finding about the claim, with what the scheduler said of the pod as its last evidence.
    pub(super) fn finding(&self, code: CauseCode, headline: String, first: Evidence) -> Finding {
        let finding = Finding::new(code, self.key(), self.claim_ref(), headline, first);
        match self.evidence {
            Some(evidence) => finding.with_evidence(evidence.clone()),
            None => finding,
        }
    }

    /// Pods of a StatefulSet have a claim each, which share their fate: their template.
    fn key(&self) -> String {
        match self.pod.ordinal().filter(|_| self.is_of_a_template()) {
            Some(_) => format!("template {}", self.volume),
            None => self.name.to_owned(),
        }
    }

    /// Made by a StatefulSet from `spec.volumeClaimTemplates`: named `VOLUME-POD`.
    pub(super) fn is_of_a_template(&self) -> bool {
        self.rollout.workload.kind == Kind::StatefulSet
            && self.name == format!("{}-{}", self.volume, self.pod.metadata.name)
    }

    pub(super) fn kubectl(&self, words: &[&str]) -> String {
        kubectl(self.rollout.namespace(), words)
    }

    /// How to give the pods another claim: nothing of an unbound claim can be changed but its size.
    pub(super) fn with_new_claim(&self, finding: Finding, why: &str) -> Finding {
        if self.is_of_a_template() {
            let set = &self.rollout.workload.metadata.name;
            return finding
                .with_help(format!(
                    "{why}, and a StatefulSet's volumeClaimTemplates cannot be changed: delete the set without its pods, delete the claim, which holds nothing, and apply the corrected manifest"
                ))
                .with_command(self.kubectl(&["delete", "statefulset", set, "--cascade=orphan"]))
                .with_command(self.kubectl(&["delete", "persistentvolumeclaim", self.name]));
        }
        finding
            .with_help(format!(
                "{why}: delete the claim, which holds nothing as long as it is not bound, and apply a corrected one"
            ))
            .with_command(self.kubectl(&["delete", "persistentvolumeclaim", self.name]))
    }
}

/// `claim-missing`.
fn missing(link: &Link<'_, '_>, diagnosis: &mut Diagnosis) -> Finding {
    let (rollout, name) = (link.rollout, link.name);
    let namespace = rollout.namespace();
    let headline = format!(
        "PersistentVolumeClaim {name} does not exist in namespace {namespace}; volume {} needs it",
        link.volume
    );
    let absent = Evidence::absence(format!(
        "PersistentVolumeClaim {name} in namespace {namespace}: looked up, not there"
    ));
    let mut finding = match link.evidence {
        Some(said) => link.finding(CauseCode::ClaimMissing, headline, said.clone()),
        None => link.finding(CauseCode::ClaimMissing, headline, absent.clone()),
    };
    finding.evidence.truncate(1);
    if link.evidence.is_some() {
        finding = finding.with_evidence(absent);
    }
    let kind = Kind::PersistentVolumeClaim;
    diagnosis.ask(Request::once(Want::Names { kind, namespace: namespace.to_owned() }));
    let near = match rollout.names(kind) {
        Lookup::Found(names) => nearest(name, names.iter().map(String::as_str)),
        _ => Vec::new(),
    };
    let volumes = &rollout.workload.spec.template.spec.volumes;
    let index = volumes.iter().position(|volume| volume.name == link.volume);
    match (near.as_slice(), index) {
        ([], _) => {}
        ([one], Some(index)) => {
            let field = format!("/spec/template/spec/volumes/{index}/persistentVolumeClaim/claimName");
            let patch = serde_json::json!([{"op": "replace", "path": field, "value": one}]).to_string();
            let target = rollout.workload.command_target();
            finding = finding
                .with_help(format!(
                    "PersistentVolumeClaim {one} exists in namespace {namespace}: is it the one meant?"
                ))
                .with_command(link.kubectl(&["patch", &target, "--type=json", "-p", &patch]));
        }
        (several, _) => finding = finding.with_help(format!("similar names: {}", several.join(", "))),
    }
    finding
        .with_help(format!(
            "Create PersistentVolumeClaim {name} in namespace {namespace}: the pods go on by themselves then. Is it in the same manifest, applied to the same namespace?"
        ))
        .with_command(link.kubectl(&["get", "persistentvolumeclaims"]))
}

/// A claim that is being deleted: no new pod may use it, and it stays until the last pod that does is gone.
fn leaving(link: &Link<'_, '_>) -> Finding {
    let name = link.name;
    let headline = format!(
        "PersistentVolumeClaim {name} is being deleted, and no new pod may use it; volume {} needs it",
        link.volume
    );
    let evidence = Evidence::field(link.claim_ref(), "metadata.deletionTimestamp", "set");
    link.finding(CauseCode::ClaimMissing, headline, evidence)
        .with_prognosis(Prognosis::Permanent)
        .with_help("somebody deleted it while pods still use it: it goes with the last of them, and its data with it, if its volume is reclaimed")
        .with_help("keep the data first, if you need them; then let the pods go and create the claim again")
        .with_command(link.kubectl(&["describe", "persistentvolumeclaim", name]))
}
