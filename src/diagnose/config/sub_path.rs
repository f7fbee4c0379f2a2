//! A `subPath` that names no key: kubelet then mounts an empty directory in the place of the file.
//!
//! Kubelet says nothing. The container fails with `not a directory` where the image has a file, and finds a directory
//! where it wants a file otherwise; only comparing `subPath` with the keys tells.

use std::collections::BTreeSet;

use super::super::place::{container_words, kubectl, status_path};
use super::super::text::nearest;
use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use super::usage::{FileSource, sources};
use crate::model::{ContainerStatus, Kind, Lookup, ObjectRef, Pod, Rollout, VolumeMount};
use crate::observation::{Request, Want};

/// Ends after which a container that cannot start is given up: it fails the same way each time.
const RIPE_DEATHS: i64 = 3;

/// The folder in which kubelet prepares mounts of a `subPath`, as the runtime's message names it.
const SUB_PATHS: &str = "volume-subpaths/";
/// What the kernel says to a directory mounted onto a file.
const REFUSED: &str = "not a directory";

/// Looks at the mounts with a `subPath` of a container that does not work.
pub(super) fn rules(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus, diagnosis: &mut Diagnosis) {
    let Some(container) = pod.spec.container(&status.name) else { return };
    let deaths =
        rollout.container_memory(pod, &status.name).map_or(0, |memory| memory.deaths).max(status.deaths());
    let works = status.ready && deaths == 0;
    let ended_well = status.state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0);
    if works || ended_well || status.is_being_created() {
        return;
    }
    for mount in &container.volume_mounts {
        let Some(sub_path) = mount.sub_path.as_deref().filter(|path| !path.is_empty()) else { continue };
        let Some(volume) = pod.spec.volume(&mount.name) else { continue };
        let sources = sources(volume);
        let Some(main) = sources.first() else { continue };
        let decisive = decisive_text(pod, status, mount);
        match files(rollout, &sources, decisive.is_some(), diagnosis) {
            Files::Known(files) if has_path(&files, sub_path) => {
                if let Some(decisive) = decisive {
                    diagnosis.add(present_now(rollout, pod, status, mount, main, decisive));
                }
            }
            Files::Known(files) => {
                let seen = Seen { pod, status, mount, sub_path, deaths, decisive, files: Some(files) };
                diagnosis.add(report(rollout, &seen, main));
            }
            Files::Unknown if decisive.is_some() => {
                let seen = Seen { pod, status, mount, sub_path, deaths, decisive, files: None };
                diagnosis.add(report(rollout, &seen, main));
            }
            Files::Unknown => {}
        }
    }
}

/// Takes out "the container cannot start" where the very text that shows it is explained by a missing `subPath`.
pub(in crate::diagnose) fn drop_consequences(findings: &mut Vec<Finding>) {
    let explained: BTreeSet<String> = findings
        .iter()
        .filter(|finding| finding.code == CauseCode::SubPathMissing && finding.hold != Hold::Announce)
        .flat_map(|finding| finding.pods.iter().cloned())
        .collect();
    findings.retain(|finding| {
        let same_text = finding.evidence.iter().any(|evidence| {
            matches!(evidence, Evidence::Field { value, .. } if value.contains(SUB_PATHS) && value.contains(REFUSED))
        });
        finding.code != CauseCode::ContainerCannotStart || !same_text || !finding.pods.is_subset(&explained)
    });
}

/// A suspicious mount and what was seen of it.
struct Seen<'a> {
    pod: &'a Pod,
    status: &'a ContainerStatus,
    mount: &'a VolumeMount,
    sub_path: &'a str,
    deaths: i64,
    decisive: Option<Evidence>,
    /// The files of the volume; `None` where they could not be read.
    files: Option<BTreeSet<String>>,
}

/// The files a volume has.
enum Files {
    Known(BTreeSet<String>),
    Unknown,
}

fn files(
    rollout: &Rollout<'_>,
    sources: &[FileSource<'_>],
    decisive: bool,
    diagnosis: &mut Diagnosis,
) -> Files {
    let mut all = BTreeSet::new();
    let mut known = true;
    for source in sources {
        diagnosis.ask(Request::every(
            5,
            Want::Keys {
                kind: source.kind,
                namespace: rollout.namespace().to_owned(),
                name: source.name.to_owned(),
            },
        ));
        match rollout.keys(source.kind, source.name) {
            Lookup::Found(keys) if source.items.is_empty() => all.extend(keys.iter().cloned()),
            Lookup::Found(keys) => {
                let present = source.items.iter().filter(|item| keys.contains(&item.key));
                all.extend(present.map(|item| item.path.clone()));
            }
            // An optional object may be absent; the directory in place of the file is still the fault, but only
            // the container's own failure proves that it matters.
            Lookup::Missing if source.optional && decisive => {}
            _ => known = false,
        }
    }
    if known { Files::Known(all) } else { Files::Unknown }
}

/// Whether the volume has that file, or a directory of that name.
fn has_path(files: &BTreeSet<String>, path: &str) -> bool {
    let path = path.trim_matches('/');
    let directory = format!("{path}/");
    files.iter().any(|file| file == path || file.starts_with(&directory))
}

/// The runtime's own words that a directory cannot be mounted onto a file.
fn decisive_text(pod: &Pod, status: &ContainerStatus, mount: &VolumeMount) -> Option<Evidence> {
    let messages = [
        ("state.waiting.message", status.state.waiting.as_ref().map(|waiting| &waiting.message)),
        ("state.terminated.message", status.state.terminated.as_ref().map(|ended| &ended.message)),
        ("lastState.terminated.message", status.last_state.terminated.as_ref().map(|ended| &ended.message)),
    ];
    let about = format!("{SUB_PATHS}{}/{}/", mount.name, status.name);
    messages.into_iter().find_map(|(field, message)| {
        let message = message?;
        let tells =
            message.contains(REFUSED) && (message.contains(&about) || message.contains(&mount.mount_path));
        tells.then(|| Evidence::field(pod.object_ref(), status_path(pod, &status.name, field), message))
    })
}

/// The name is there and the container still fails on it: it came after the pod, or the image has a directory at the
/// mount path. Announced beside the failure itself, which decides.
fn present_now(
    rollout: &Rollout<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    mount: &VolumeMount,
    source: &FileSource<'_>,
    decisive: Evidence,
) -> Finding {
    let sub_path = mount.sub_path.as_deref().unwrap_or_default();
    let headline = format!(
        "{} cannot mount {sub_path} of {} {} at {}: one is a file, the other a directory",
        container_words(pod, &status.name),
        source.kind,
        source.name,
        mount.mount_path
    );
    let subject = ObjectRef::named(source.kind, rollout.namespace(), source.name);
    let key = format!("{}/{}#{sub_path}", source.kind, source.name);
    Finding::new(CauseCode::SubPathMissing, key, subject, headline, decisive)
        .on_pod(&pod.metadata.name)
        .with_confidence(Confidence::Possible)
        .with_hold(Hold::Announce)
        .with_help(format!(
            "If {sub_path} was added after the pod was made, the pod keeps the empty directory that kubelet put in its \
             place: replace the pods."
        ))
        .with_help(format!("If the image has a directory at {}, mount onto a file within it.", mount.mount_path))
        .with_command(kubectl(rollout.namespace(), &["rollout", "restart", &rollout.workload.command_target()]))
}

fn report(rollout: &Rollout<'_>, seen: &Seen<'_>, source: &FileSource<'_>) -> Finding {
    let Seen { pod, status, mount, sub_path, deaths, decisive, files } = seen;
    let namespace = rollout.namespace();
    let object = format!("{} {}", source.kind, source.name);
    let words = container_words(pod, &status.name);
    let headline = match files {
        Some(_) => format!(
            "{object} in namespace {namespace} has no {sub_path}, so {words} gets an empty directory at {} (subPath)",
            mount.mount_path
        ),
        None => format!(
            "{words} gets a directory instead of a file at {}: {object} in namespace {namespace} has likely no {sub_path} \
             (subPath)",
            mount.mount_path
        ),
    };
    let field = Evidence::field(
        pod.object_ref(),
        super::super::place::spec_path(pod, &status.name, &format!("volumeMounts[{}].subPath", mount.name)),
        *sub_path,
    );
    let first = decisive.clone().unwrap_or_else(|| field.clone());
    let subject = ObjectRef::named(source.kind, namespace, source.name);
    let key = format!("{}/{}#{sub_path}", source.kind, source.name);
    let mut finding = Finding::new(CauseCode::SubPathMissing, key, subject.clone(), headline, first)
        .on_pod(&pod.metadata.name)
        .with_prognosis(Prognosis::Permanent);
    if decisive.is_some() {
        finding = finding.with_evidence(field);
    }
    let (confidence, hold) = match (decisive, files) {
        (Some(_), Some(_)) if *deaths >= RIPE_DEATHS => (Confidence::Certain, Hold::Ripe),
        (Some(_), Some(_)) => (Confidence::Certain, Hold::Tolerance),
        (Some(_), None) => (Confidence::Likely, Hold::Tolerance),
        // The container ends or is not ready; whether for this reason is not proven.
        (None, _) if *deaths > 0 => (Confidence::Likely, Hold::Announce),
        (None, _) => (Confidence::Possible, Hold::Announce),
    };
    finding = finding.with_confidence(confidence).with_hold(hold);
    if let Some(files) = files {
        let list: Vec<&str> = files.iter().take(10).map(String::as_str).collect();
        let shown = if list.is_empty() { "nothing".to_owned() } else { list.join(", ") };
        finding = finding.with_evidence(Evidence::field(subject, "data (names of keys)", shown.clone()));
        let near = nearest(sub_path, files.iter().map(String::as_str));
        finding = finding.with_help(match near.first() {
            Some(near) => format!("Did you mean {near}? The volume holds: {shown}."),
            None => format!("The volume holds: {shown}."),
        });
    }
    let field = if source.kind == Kind::Secret { "stringData" } else { "data" };
    let patch = serde_json::json!({field: {*sub_path: "VALUE"}}).to_string();
    finding
        .with_help(format!(
            "Add {sub_path} to {object}, or correct subPath; then replace the pods, because a subPath is never mounted \
             anew in a pod that exists."
        ))
        .with_command(kubectl(namespace, &["patch", source.kind.command_word(), source.name, "-p", &patch]))
        .with_command(kubectl(namespace, &["rollout", "restart", &rollout.workload.command_target()]))
}

#[cfg(test)]
mod tests;
