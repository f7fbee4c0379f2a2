//! Where in an object something stands, and commands that a person can paste.

use super::Evidence;
use crate::model::{ContainerStatus, Pod};

/// The path of a field of a container's status: `status.initContainerStatuses[migrate].state.waiting.reason`.
pub(super) fn status_path(pod: &Pod, container: &str, field: &str) -> String {
    let init = pod.status.init_container_statuses.iter().any(|status| status.name == container);
    let list = if init { "initContainerStatuses" } else { "containerStatuses" };
    format!("status.{list}[{container}].{field}")
}

/// The path of a field of a container's spec: `spec.containers[app].image`.
pub(super) fn spec_path(pod: &Pod, container: &str, field: &str) -> String {
    let init = pod.spec.init_containers.iter().any(|other| other.name == container);
    let list = if init { "initContainers" } else { "containers" };
    format!("spec.{list}[{container}].{field}")
}

/// The words with which a sentence names a container: `container app`, `init container migrate`.
pub(super) fn container_words(pod: &Pod, container: &str) -> String {
    if pod.spec.is_init(container) {
        format!("init container {container}")
    } else {
        format!("container {container}")
    }
}

/// What kubelet says of a waiting container: the message, or the reason where there is none.
pub(super) fn waiting_evidence(pod: &Pod, status: &ContainerStatus) -> Evidence {
    let waiting = status.state.waiting.clone().unwrap_or_default();
    if waiting.message.is_empty() {
        let path = status_path(pod, &status.name, "state.waiting.reason");
        Evidence::field(pod.object_ref(), path, waiting.reason)
    } else {
        let path = status_path(pod, &status.name, "state.waiting.message");
        Evidence::field(pod.object_ref(), path, waiting.message)
    }
}

/// `kubectl -n NAMESPACE …`, every word quoted for a shell where it needs it.
pub(super) fn kubectl(namespace: &str, words: &[&str]) -> String {
    let mut line = vec!["kubectl", "-n", namespace];
    line.extend_from_slice(words);
    command(&line)
}

/// A command line of those words, quoted for a POSIX shell. Names come from the cluster, and what a person
/// pastes must do nothing but what it says.
pub(super) fn command(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| shell_word(word)).collect();
    quoted.join(" ")
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_cannot_leave_its_word() {
        assert_eq!(
            kubectl("shop", &["get", "configmap", "a; rm -rf '/'"]),
            r"kubectl -n shop get configmap 'a; rm -rf '\''/'\'''"
        );
        assert_eq!(
            command(&["docker", "pull", "reg:5000/a/b@sha256:00"]),
            "docker pull reg:5000/a/b@sha256:00"
        );
        assert_eq!(command(&["x", ""]), "x ''");
    }
}
