//! A claim without a volume: who should make one, and why there is none.

use std::time::Duration;

use super::super::place::command;
use super::super::text::nearest;
use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use super::claim::Link;
use crate::model::{Claim, Event, Kind, Lookup, ObjectRef, PersistentVolume, StorageClass, reason};
use crate::observation::{Request, Want};

/// How often the events of a claim are read again, in seconds.
const EVENTS_EVERY: u64 = 5;
/// How often what could be bound to it is read again, in seconds.
const AGAIN: u64 = 10;
/// A provisioner that runs takes a claim up within seconds; this long nobody has.
const NOBODY_ANSWERS: Duration = Duration::from_secs(120);
/// Volumes that are named one by one.
const SHOWN: usize = 3;

/// Why a claim is not bound, once enough is known. `None` also where nobody has been asked to bind it: with
/// `WaitForFirstConsumer` the pod must find a node first.
pub(super) fn finding(link: &Link<'_, '_>, claim: &Claim, diagnosis: &mut Diagnosis) -> Option<Finding> {
    let rollout = link.rollout;
    diagnosis.ask(Request::every(EVENTS_EVERY, Want::Events(link.event_ref(claim))));
    if claim.status.phase == "Lost" {
        return Some(lost(link, claim));
    }
    if !claim.spec.volume_name.is_empty() {
        return named_volume(link, claim, diagnosis);
    }
    diagnosis.ask(Request::every(AGAIN, Want::StorageClasses));
    match claim.spec.storage_class_name.as_deref() {
        None => no_class(link, claim, diagnosis),
        Some("") => nothing_fits(link, claim, diagnosis),
        Some(name) => match rollout.storage_classes() {
            Lookup::Unknown => None,
            Lookup::Found(classes) => match classes.iter().find(|class| class.metadata.name == name) {
                Some(class) => of_class(link, claim, class, diagnosis),
                None => class_missing(link, claim, name, classes, diagnosis),
            },
            Lookup::Refused(_) | Lookup::Missing => by_events(link, claim, name, diagnosis),
        },
    }
}

/// The newest event of a claim with that reason.
fn newest<'a>(link: &Link<'_, 'a>, claim: &Claim, reason: &str) -> Option<&'a Event> {
    link.rollout.events(&link.event_ref(claim)).into_iter().find(|event| event.reason == reason)
}

fn asked(link: &Link<'_, '_>, claim: &Claim) -> Evidence {
    Evidence::field(link.claim_ref(), "spec", claim.asked())
}

fn lost(link: &Link<'_, '_>, claim: &Claim) -> Finding {
    let headline = format!(
        "PersistentVolumeClaim {} has lost its volume: PersistentVolume {} was deleted, with the data on it",
        link.name, claim.spec.volume_name
    );
    let evidence = match newest(link, claim, reason::CLAIM_LOST) {
        Some(event) => Evidence::event(link.claim_ref(), event),
        None => Evidence::field(link.claim_ref(), "status.phase", "Lost"),
    };
    let finding = link
        .finding(CauseCode::ClaimUnbound, headline, evidence)
        .with_prognosis(Prognosis::Permanent)
        .with_tolerance(Duration::from_secs(15))
        .with_help("bring the volume back, from a backup or from the storage itself, with the same name");
    link.with_new_claim(finding, "or begin with an empty one")
}

/// The claim names the volume it wants.
fn named_volume(link: &Link<'_, '_>, claim: &Claim, diagnosis: &mut Diagnosis) -> Option<Finding> {
    let volume = claim.spec.volume_name.as_str();
    diagnosis.ask(Request::every(AGAIN, Want::Volume { name: volume.to_owned() }));
    let mismatch = newest(link, claim, reason::VOLUME_MISMATCH);
    let why = match link.rollout.volume(volume) {
        Lookup::Missing => "which does not exist".to_owned(),
        Lookup::Found(found) => match (found.misfit(link.rollout.namespace(), claim), mismatch) {
            (Some(why), _) => format!("which {why}"),
            (None, Some(event)) => format!("which does not fit: {}", event.text()),
            // The controller looks again every 15 s.
            (None, None) => return None,
        },
        _ => format!("which does not fit: {}", mismatch?.text()),
    };
    let headline = format!("PersistentVolumeClaim {} wants the volume {volume}, {why}", link.name);
    let evidence = match mismatch {
        Some(event) => Evidence::event(link.claim_ref(), event),
        None => Evidence::field(link.claim_ref(), "spec.volumeName", volume),
    };
    let finding = link
        .finding(CauseCode::ClaimUnbound, headline, evidence)
        .with_evidence(asked(link, claim))
        .with_prognosis(Prognosis::Permanent)
        .with_help(
            "correct the volume, so that its size, access modes and StorageClass are those of the claim",
        );
    let finding = link.with_new_claim(finding, "or correct the claim");
    Some(finding.with_command(command(&["kubectl", "get", "persistentvolume", volume, "-o", "yaml"])))
}

/// No class is named, and there was no default one when the claim was made.
fn no_class(link: &Link<'_, '_>, claim: &Claim, diagnosis: &mut Diagnosis) -> Option<Finding> {
    let known = link.rollout.storage_classes();
    if known == Lookup::Unknown {
        return None;
    }
    let classes = if let Lookup::Found(classes) = known { classes } else { &[] };
    let names: Vec<&str> = classes.iter().map(|class| class.metadata.name.as_str()).collect();
    let why = match (known, classes.iter().find(|class| class.is_default())) {
        // Kubernetes gives the claim the default class within a minute.
        (_, Some(default)) => {
            format!("it names no StorageClass, and {} is the default only since then", default.metadata.name)
        }
        (Lookup::Found([]), _) => "it names no StorageClass, and the cluster has none".to_owned(),
        (Lookup::Found(_), _) => "it names no StorageClass, and none is the default".to_owned(),
        _ => "it names no StorageClass".to_owned(),
    };
    let mut finding = unbound(link, claim, &why).with_prognosis(Prognosis::Permanent);
    if let Some(name) = names.first() {
        let patch = serde_json::json!({"spec": {"storageClassName": name}}).to_string();
        finding = finding
            .with_help(format!(
                "name a class in the claim: the cluster has {}; here that can still be changed",
                names.join(", ")
            ))
            .with_command(link.kubectl(&["patch", "persistentvolumeclaim", link.name, "-p", &patch]));
    }
    finding = with_candidates(link, claim, finding, diagnosis);
    if names.is_empty() {
        finding = finding.with_help(
            "Install a storage provisioner with its StorageClass and make it the default, or make a PersistentVolume by hand with storageClassName \"\"",
        );
    }
    Some(finding.with_command(command(&["kubectl", "get", "storageclasses"])))
}

/// Only a volume made by hand can be bound, and there is none that fits.
fn nothing_fits(link: &Link<'_, '_>, claim: &Claim, diagnosis: &mut Diagnosis) -> Option<Finding> {
    diagnosis.ask(Request::every(AGAIN, Want::Volumes));
    let why = match link.rollout.volumes() {
        Lookup::Unknown => return None,
        Lookup::Found(volumes) => {
            let of_class: Vec<&PersistentVolume> = of_same_class(claim, volumes).collect();
            // Once one fits, the controller binds it within 15 s.
            if of_class.iter().any(|volume| volume.misfit(link.rollout.namespace(), claim).is_none()) {
                return None;
            }
            match of_class.as_slice() {
                [] => "there is no PersistentVolume of its StorageClass".to_owned(),
                [one] => format!(
                    "PersistentVolume {}, the only one of its StorageClass, {}",
                    one.metadata.name,
                    one.misfit(link.rollout.namespace(), claim).unwrap_or_default()
                ),
                all => format!("none of the {} PersistentVolumes of its StorageClass fits", all.len()),
            }
        }
        _ => "no PersistentVolume fits".to_owned(),
    };
    let finding = unbound(link, claim, &why);
    let finding = with_candidates(link, claim, finding, diagnosis)
        .with_help("make a PersistentVolume with that size, access mode and StorageClass");
    let finding = link.with_new_claim(finding, "or correct the claim");
    Some(finding.with_command(command(&["kubectl", "get", "persistentvolumes"])))
}

fn unbound(link: &Link<'_, '_>, claim: &Claim, why: &str) -> Finding {
    let headline = format!("PersistentVolumeClaim {} ({}) is not bound: {why}", link.name, claim.asked());
    let said = [reason::FAILED_BINDING, reason::PROVISIONING_FAILED, reason::VOLUME_MISMATCH]
        .iter()
        .find_map(|reason| newest(link, claim, reason));
    match said {
        Some(event) => {
            link.finding(CauseCode::ClaimUnbound, headline, Evidence::event(link.claim_ref(), event))
        }
        None => link.finding(CauseCode::ClaimUnbound, headline, asked(link, claim)),
    }
}

fn of_same_class<'a>(
    claim: &'a Claim,
    volumes: &'a [PersistentVolume],
) -> impl Iterator<Item = &'a PersistentVolume> {
    let class = claim.spec.storage_class_name.as_deref().unwrap_or_default();
    volumes.iter().filter(move |volume| volume.spec.storage_class_name == class)
}

/// The volumes that come nearest, each with what it lacks.
fn with_candidates(
    link: &Link<'_, '_>,
    claim: &Claim,
    finding: Finding,
    diagnosis: &mut Diagnosis,
) -> Finding {
    diagnosis.ask(Request::every(AGAIN, Want::Volumes));
    let Lookup::Found(volumes) = link.rollout.volumes() else { return finding };
    let mut candidates: Vec<(&PersistentVolume, String)> = of_same_class(claim, volumes)
        .filter_map(|volume| Some((volume, volume.misfit(link.rollout.namespace(), claim)?)))
        .collect();
    // What is free comes nearest.
    candidates.sort_by_key(|(volume, _)| (volume.status.phase != "Available", volume.metadata.name.clone()));
    let mut finding = finding;
    for (volume, why) in candidates.iter().take(SHOWN) {
        let object = ObjectRef::named(Kind::PersistentVolume, "", &volume.metadata.name);
        finding = finding.with_evidence(Evidence::field(object, "does not fit", why.as_str()));
    }
    let released = candidates.iter().find(|(volume, _)| volume.status.phase == "Released");
    if let Some((volume, _)) = released {
        let name = &volume.metadata.name;
        finding = finding
            .with_help(format!(
                "PersistentVolume {name} keeps the data of the claim it had; to give it out again, with those data, take its claimRef away"
            ))
            .with_command(command(&[
                "kubectl",
                "patch",
                "persistentvolume",
                name,
                "--type=json",
                "-p",
                r#"[{"op":"remove","path":"/spec/claimRef"}]"#,
            ]));
    }
    finding
}

/// `storage-class-missing`, unless the class is only a name that hand-made volumes bear.
fn class_missing(
    link: &Link<'_, '_>,
    claim: &Claim,
    name: &str,
    classes: &[StorageClass],
    diagnosis: &mut Diagnosis,
) -> Option<Finding> {
    diagnosis.ask(Request::every(AGAIN, Want::Volumes));
    let volumes = match link.rollout.volumes() {
        Lookup::Unknown => return None,
        Lookup::Found(volumes) => volumes,
        _ => &[],
    };
    if of_same_class(claim, volumes).next().is_some() {
        return nothing_fits(link, claim, diagnosis);
    }
    let names = || classes.iter().map(|class| class.metadata.name.as_str());
    let by_hand = volumes.iter().map(|volume| volume.spec.storage_class_name.as_str());
    let near = nearest(name, names().chain(by_hand).filter(|near| !near.is_empty()));
    let mut finding = no_such_class(link, claim, name);
    finding = match near.first() {
        Some(near) => finding.with_help(format!("Did you mean {near}?")),
        None => finding,
    };
    let listed: Vec<&str> = names().take(10).collect();
    let what = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
    finding = finding.with_evidence(Evidence::absence(format!(
        "StorageClass {name}: looked up, not there (the cluster has {what})"
    )));
    let finding = link.with_new_claim(finding, "the class of a claim cannot be changed");
    Some(finding.with_command(command(&["kubectl", "get", "storageclasses"])))
}

fn no_such_class(link: &Link<'_, '_>, claim: &Claim, name: &str) -> Finding {
    let headline =
        format!("StorageClass {name}, which PersistentVolumeClaim {} names, does not exist", link.name);
    let evidence = match newest(link, claim, reason::PROVISIONING_FAILED) {
        Some(event) => Evidence::event(link.claim_ref(), event),
        None => Evidence::field(link.claim_ref(), "spec.storageClassName", name),
    };
    link.finding(CauseCode::StorageClassMissing, headline, evidence)
        .with_prognosis(Prognosis::LikelyPermanent)
}

/// The class exists: volumes are made by hand, or by its provisioner.
fn of_class(
    link: &Link<'_, '_>,
    claim: &Claim,
    class: &StorageClass,
    diagnosis: &mut Diagnosis,
) -> Option<Finding> {
    if class.makes_none() {
        return nothing_fits(link, claim, diagnosis);
    }
    provisioner(link, claim, &class.provisioner)
}

/// Classes may not be listed: the events of the claim must do.
fn by_events(link: &Link<'_, '_>, claim: &Claim, name: &str, diagnosis: &mut Diagnosis) -> Option<Finding> {
    let failed = newest(link, claim, reason::PROVISIONING_FAILED);
    if failed.is_some_and(|event| event.text().contains("storageclass.storage.k8s.io")) {
        let finding = no_such_class(link, claim, name).with_confidence(Confidence::Likely);
        return Some(link.with_new_claim(finding, "the class of a claim cannot be changed"));
    }
    if failed.is_some_and(|event| event.text().contains("no volume plugin matched")) {
        return nothing_fits(link, claim, diagnosis);
    }
    provisioner(link, claim, "of the StorageClass")
}

/// `provisioning-failed`: the provisioner says why, or none answers.
fn provisioner(link: &Link<'_, '_>, claim: &Claim, name: &str) -> Option<Finding> {
    let failed = newest(link, claim, reason::PROVISIONING_FAILED)
        .filter(|event| event.text().contains("failed to provision volume"));
    let waiting = newest(link, claim, reason::EXTERNAL_PROVISIONING);
    let at_work = newest(link, claim, reason::PROVISIONING);
    let object = link.claim_ref();
    if let Some(event) = failed {
        let words = said(event.text());
        let headline = format!("no volume could be made for PersistentVolumeClaim {}: {words}", link.name);
        let finding = link
            .finding(CauseCode::ProvisioningFailed, headline, Evidence::event(object, event))
            .with_evidence(asked(link, claim))
            .with_attempts(u64::try_from(event.times()).unwrap_or_default());
        let finding = if is_final(event.text()) {
            finding.with_tolerance(Duration::from_secs(60)).with_prognosis(Prognosis::Permanent)
        } else {
            finding
        };
        return Some(
            finding
                .with_help(format!("The words are those of the provisioner {name}: a quota, a permission, a zone, or a parameter of the StorageClass"))
                .with_command(link.kubectl(&["describe", "persistentvolumeclaim", link.name])),
        );
    }
    if let Some(event) = at_work {
        let headline =
            format!("the provisioner {name} is making a volume for PersistentVolumeClaim {}", link.name);
        return Some(
            link.finding(CauseCode::ProvisioningFailed, headline, Evidence::event(object, event))
                .with_confidence(Confidence::Possible)
                .with_prognosis(Prognosis::Transient)
                .with_hold(Hold::Announce)
                .with_help("it says nothing yet of a failure; its own log may")
                .with_command(link.kubectl(&["describe", "persistentvolumeclaim", link.name])),
        );
    }
    let event = waiting?;
    let headline = format!(
        "no provisioner answers: PersistentVolumeClaim {} waits for {name} to make its volume",
        link.name
    );
    Some(
        link.finding(CauseCode::ProvisioningFailed, headline, Evidence::event(object, event))
            .with_evidence(asked(link, claim))
            .with_confidence(Confidence::Likely)
            .with_tolerance(NOBODY_ANSWERS)
            .with_help(format!("Look whether the pods of the provisioner {name} run (a CSI driver's controller, often in kube-system), and whether the StorageClass names it right"))
            .with_command(command(&["kubectl", "get", "csidrivers"]))
            .with_command(link.kubectl(&["describe", "persistentvolumeclaim", link.name])),
    )
}

/// The provisioner's own words, without what wraps them.
fn said(text: &str) -> String {
    let words = text.rsplit_once(" desc = ").map_or(text, |(_, words)| words);
    super::super::logs::shorten(words.trim(), 300)
}

/// Codes of gRPC that no further attempt changes.
fn is_final(text: &str) -> bool {
    ["InvalidArgument", "PermissionDenied", "Unauthenticated", "Unimplemented", "OutOfRange"]
        .iter()
        .any(|code| text.contains(&format!("code = {code}")))
}
