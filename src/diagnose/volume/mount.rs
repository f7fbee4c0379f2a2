//! Volumes that kubelet cannot mount. A ConfigMap, Secret or key that is missing is a matter of configuration.

use std::time::Duration;

use super::super::config::is_about_configuration;
use super::super::place::{command, kubectl};
use super::super::{CauseCode, Confidence, Evidence, Finding, Hold, Prognosis};
use super::attach::said;
use super::{Trouble, with_attempts};
use crate::model::{Event, Pod, Rollout, reason};

/// Nobody but a person changes what is on the node, or what the volume asks for.
const AS_WRITTEN: Duration = Duration::from_secs(15);
/// A package is missing on the node.
const NODE_SOFTWARE: Duration = Duration::from_secs(60);

/// Another family explains these words, or they pass.
pub(super) fn is_of_another_family(words: &str) -> bool {
    is_about_configuration(words)
}

/// What keeps it from being mounted.
enum Obstacle<'a> {
    /// `/data is not a directory`.
    HostPath(String),
    /// The path of a local volume.
    LocalPath(&'a str),
    Driver(&'a str),
    /// What the mount program printed.
    Program(String),
    /// The node has not what mounts this kind of file system.
    Helper(String),
    Other(String),
}

fn obstacle(words: &str) -> Obstacle<'_> {
    if let Some((_, what)) = words.split_once("hostPath type check failed: ") {
        // Kubernetes 1.37 adds what it is: "/data is not a directory, it's a File".
        return Obstacle::HostPath(what.trim().replace(", it's a ", " but a "));
    }
    if let Some((_, rest)) = words.split_once("driver name ")
        && let Some((driver, _)) = rest.split_once(" not found in the list of registered CSI drivers")
    {
        return Obstacle::Driver(driver);
    }
    if let Some(rest) = words.strip_prefix("path \"")
        && let Some((path, _)) = rest.split_once("\" does not exist")
    {
        return Obstacle::LocalPath(path);
    }
    if let Some((_, output)) = words.split_once("Output: ") {
        let output = printed(output);
        let lacks = ["unknown filesystem type", "helper program", "bad option", "executable file not found"]
            .iter()
            .any(|sign| words.contains(sign));
        return if lacks { Obstacle::Helper(output) } else { Obstacle::Program(output) };
    }
    Obstacle::Other(said(words))
}

/// The first line that a mount program printed, without the path in kubelet's folder, which differs for each pod.
fn printed(output: &str) -> String {
    let line = output.lines().next().unwrap_or_default().trim();
    let line = match line.split_once(": ") {
        Some(("mount", rest)) => match rest.split_once(": ") {
            Some((path, words)) if path.starts_with('/') => words,
            _ => rest,
        },
        _ => line,
    };
    line.trim_end_matches('.').to_owned()
}

/// `volume-mount-failed`.
pub(super) fn finding(rollout: &Rollout<'_>, trouble: &Trouble<'_, '_>) -> Option<Finding> {
    if is_of_another_family(trouble.words) {
        return None;
    }
    let (name, node) = (trouble.name(rollout), trouble.node());
    let spec = trouble.pod.spec.volume(trouble.volume);
    let nfs = spec.and_then(|volume| volume.nfs.as_ref());
    let what = match nfs {
        Some(nfs) => format!("NFS {name} ({}:{})", nfs.server, nfs.path),
        None => name,
    };
    let obstacle = obstacle(trouble.words);
    let headline = match &obstacle {
        Obstacle::HostPath(words) => {
            let kind =
                spec.and_then(|volume| volume.host_path.as_ref()).map_or("", |path| path.kind.as_str());
            format!("{what}: {words} on {node}, and the hostPath type {kind} asks for it")
        }
        Obstacle::LocalPath(path) => format!("{what}: the path {path} does not exist on {node}"),
        Obstacle::Driver(driver) => format!("{what}: CSI driver {driver} does not run on {node}"),
        Obstacle::Helper(words) | Obstacle::Program(words) | Obstacle::Other(words) => {
            format!("{what} could not be mounted on {node}: {words}")
        }
    };
    // Each of several volumes of one kind has its own.
    let key = match &obstacle {
        Obstacle::HostPath(words) => format!("{}/{words}", trouble.volume),
        _ => trouble.volume.to_owned(),
    };
    let finding = Finding::new(
        CauseCode::VolumeMountFailed,
        key,
        trouble.pod.object_ref(),
        headline,
        trouble.evidence(),
    );
    let finding = advice(rollout, trouble, &obstacle, nfs.is_some(), finding);
    Some(with_attempts(finding, trouble.attempts(rollout)))
}

fn advice(
    rollout: &Rollout<'_>,
    trouble: &Trouble<'_, '_>,
    obstacle: &Obstacle<'_>,
    is_nfs: bool,
    finding: Finding,
) -> Finding {
    let node = trouble.node();
    let describe = kubectl(rollout.namespace(), &["describe", "pod", &trouble.pod.metadata.name]);
    let finding = match obstacle {
        Obstacle::HostPath(_) => finding
            .with_tolerance(AS_WRITTEN)
            .with_prognosis(Prognosis::LikelyPermanent)
            .with_help(format!("Correct the path or the type of the volume, or make what it asks for on {node}; where nothing is there, the type DirectoryOrCreate or FileOrCreate makes it by itself"))
            .with_help("what a path of the node holds differs from node to node: is a volume of the node what you want?"),
        Obstacle::LocalPath(path) => finding
            .with_tolerance(AS_WRITTEN)
            .with_help(format!("Make {path} on {node} (is a disk not mounted there?), or correct the path of the PersistentVolume")),
        Obstacle::Driver(driver) => finding
            .with_help(format!("Look whether the DaemonSet of CSI driver {driver} has a pod on {node} and what it says; on a new node it may need a minute"))
            .with_help("if no such driver is installed, install it or correct the name in the volume")
            .with_command(command(&["kubectl", "get", "csidrivers"]))
            .with_command(command(&["kubectl", "get", "csinode", node, "-o", "yaml"])),
        Obstacle::Helper(_) => finding.with_tolerance(NODE_SOFTWARE).with_help(if is_nfs {
            format!("{node} cannot mount NFS: install the NFS client there (the package nfs-common or nfs-utils)")
        } else {
            format!("{node} lacks what mounts this kind of file system: install the package, or use another kind")
        }),
        Obstacle::Program(words) if words.contains("access denied") => finding.with_help(format!(
            "The server refuses: export the path to {node}, or correct the path"
        )),
        Obstacle::Program(words) if words.contains("No such file") => {
            finding.with_help("the server does not export that path: correct it, or make it")
        }
        Obstacle::Program(_) if is_nfs => finding.with_help(format!(
            "Look whether the server is up and can be reached from {node}: its address, a firewall, port 2049"
        )),
        Obstacle::Program(_) | Obstacle::Other(_) => {
            finding.with_help("the words are those of the mount program or the storage driver; kubelet tries again by itself, at most 2 minutes later")
        }
    };
    finding.with_command(describe)
}

/// Where no event says more: the summary of kubelet, or that it is still at work.
pub(super) fn summary(rollout: &Rollout<'_>, pod: &Pod, events: &[&Event]) -> Option<Finding> {
    let describe = kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name]);
    let slow = events.iter().find(|event| event.reason == "VolumePermissionChangeInProgress");
    if let Some(event) = slow {
        let headline = "kubelet is changing the owner of every file of a volume, which takes long".to_owned();
        let evidence = Evidence::event(pod.object_ref(), event);
        return Some(
            Finding::new(CauseCode::VolumeMountFailed, "ownership", pod.object_ref(), headline, evidence)
                .with_hold(Hold::Announce)
                .with_prognosis(Prognosis::Transient)
                .with_help(
                    "set securityContext.fsGroupChangePolicy to OnRootMismatch: then it is done once only",
                )
                .with_command(describe),
        );
    }
    let event = events.iter().find(|event| {
        event.reason == reason::FAILED_MOUNT && event.text().starts_with("Unable to attach or mount volumes")
    })?;
    if is_about_configuration(event.text()) {
        return None;
    }
    let (_, rest) = event.text().split_once("unmounted volumes=[")?;
    let (volumes, _) = rest.split_once(']')?;
    let several = volumes.contains(' ');
    let headline = format!(
        "volume{} {} of the pods {} not mounted on {}, and nothing says why",
        if several { "s" } else { "" },
        volumes.replace(' ', ", "),
        if several { "are" } else { "is" },
        pod.node().unwrap_or("their node"),
    );
    let evidence = Evidence::event(pod.object_ref(), event);
    Some(
        Finding::new(CauseCode::VolumeMountFailed, volumes, pod.object_ref(), headline, evidence)
            .with_confidence(Confidence::Possible)
            .with_help("the attachment of the volume, or its driver on the node, does not answer: their logs may say why")
            .with_command(command(&["kubectl", "get", "volumeattachments"]))
            .with_command(describe),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_another_type_is_told_in_the_words_of_every_version() {
        for (kubelet, ours) in [
            ("/etc/hostname is not a directory", "/etc/hostname is not a directory"),
            ("/etc/hostname is not a directory, it's a File", "/etc/hostname is not a directory but a File"),
        ] {
            let said = format!("hostPath type check failed: {kubelet}");
            let Obstacle::HostPath(words) = obstacle(&said) else { panic!("{said}") };
            assert_eq!(words, ours);
        }
    }
}
