//! Variables that come from a file of the pod (`fileKeyRef`, beta since Kubernetes 1.35): an init container writes it into
//! an `emptyDir`, and kubelet reads one key of it.

use super::super::place::{container_words, kubectl, waiting_evidence};
use super::super::{CauseCode, Diagnosis, Finding, Prognosis};
use crate::model::{Container, ContainerStatus, FileReference, Pod, Rollout};

/// What kubelet says of the file (`pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`).
#[derive(Debug, PartialEq, Eq)]
enum Fault<'a> {
    /// `environment variable key "K" not found in file "F"`: not there, or with an empty value.
    Key(&'a str),
    /// `couldn't parse env file`, which also stands for a file that is not there.
    File,
    /// `cannot find the volume "V" referenced by FileKeyRef`.
    Volume(&'a str),
}

fn fault(message: &str) -> Option<Fault<'_>> {
    let quoted = |before: &str, after: &str| {
        let (name, rest) = message.split_once(before)?.1.split_once('"')?;
        rest.starts_with(after).then_some(name)
    };
    quoted("environment variable key \"", " not found in file ")
        .map(Fault::Key)
        .or_else(|| quoted("cannot find the volume \"", " referenced by FileKeyRef").map(Fault::Volume))
        .or_else(|| message.contains("couldn't parse env file").then_some(Fault::File))
}

/// `env-file-unusable`.
pub(super) fn rule(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus, diagnosis: &mut Diagnosis) {
    let message = status.state.waiting.as_ref().map_or("", |waiting| waiting.message.as_str());
    if let Some(fault) = fault(message) {
        diagnosis.add(finding(rollout, pod, status, &fault));
    }
}

/// The variables of a container that come from files, with where they come from.
fn from_files(container: &Container) -> impl Iterator<Item = (&str, &FileReference)> {
    container.env.iter().filter_map(|variable| {
        Some((variable.name.as_str(), variable.value_from.as_ref()?.file_key_ref.as_ref()?))
    })
}

fn finding(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus, fault: &Fault<'_>) -> Finding {
    let words = container_words(pod, &status.name);
    let container = pod.spec.container(&status.name);
    let about = |(_, file): &(&str, &FileReference)| match fault {
        Fault::Key(key) => file.key == *key && !file.optional,
        Fault::Volume(volume) => file.volume_name == *volume,
        Fault::File => true,
    };
    let uses: Vec<(&str, &FileReference)> =
        container.into_iter().flat_map(from_files).filter(about).collect();
    let file = uses.first().map(|(_, file)| *file);
    let variables = match uses.as_slice() {
        [] => "a variable".to_owned(),
        [(name, _)] => format!("variable {name}"),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
            format!("variables {}", names.join(", "))
        }
    };
    let path = file.map_or_else(
        || "its file".to_owned(),
        |file| format!("file {} of volume {}", file.path, file.volume_name),
    );
    let headline = match fault {
        Fault::Key(key) => format!("{path} has no key {key}; {words} needs it for {variables}"),
        Fault::File => format!("{path} cannot be read as variables; {words} needs it for {variables}"),
        Fault::Volume(volume) => {
            format!("volume {volume} with the file for {variables} of {words} is not there")
        }
    };
    let key = match fault {
        Fault::Key(key) => format!("{} {path} {key}", status.name),
        Fault::File | Fault::Volume(_) => format!("{} {path}", status.name),
    };
    let help = match fault {
        Fault::Key(_) => {
            "Let the init container that writes the file write this key too, with a value that is not empty, or correct \
             the key of fileKeyRef. A key marked optional may be missing."
        }
        Fault::File => {
            "The init container must have written the file, under this very path, as lines of NAME='value': single \
             quotes, no blank before the equals sign, no export."
        }
        Fault::Volume(_) => {
            "Name an emptyDir of the pod in fileKeyRef, one that an init container writes the file into."
        }
    };
    let mut finding = Finding::new(
        CauseCode::EnvFileUnusable,
        key,
        pod.object_ref(),
        headline,
        waiting_evidence(pod, status),
    )
    .on_pod(&pod.metadata.name)
    .with_prognosis(Prognosis::LikelyPermanent)
    .with_help(help);
    if let Some(writer) = file.and_then(|file| writer(pod, file)) {
        finding = finding
            .with_help(format!("Init container {writer} has that volume and may have written it: its log is the place to look."))
            .with_command(kubectl(rollout.namespace(), &["logs", &pod.metadata.name, "-c", writer]));
    }
    finding.with_command(kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name]))
}

/// The init container that mounts the volume of the file.
fn writer<'a>(pod: &'a Pod, file: &FileReference) -> Option<&'a str> {
    let mounts = |init: &&Container| init.volume_mounts.iter().any(|mount| mount.name == file.volume_name);
    pod.spec.init_containers.iter().find(mounts).map(|init| init.name.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::rules;
    use super::*;
    use crate::testing::World;

    fn spec(optional: bool) -> Value {
        let file = json!({"volumeName": "conf", "path": "app.env", "key": "MODE", "optional": optional});
        json!({
            "volumes": [{"name": "conf", "emptyDir": {}}],
            "initContainers": [{"name": "write", "volumeMounts": [{"name": "conf", "mountPath": "/conf"}]}],
            "containers": [{"name": "app", "env": [{"name": "APP_MODE", "valueFrom": {"fileKeyRef": file}}]}],
        })
    }

    fn waiting(message: &str) -> World {
        let mut world = World::new(spec(false));
        world.waiting_pod("web-1", "CreateContainerConfigError", message);
        world
    }

    #[test]
    fn a_key_that_the_file_lacks_names_the_variable_the_file_and_who_writes_it() {
        let world = waiting(
            "environment variable key \"MODE\" not found in file \"/var/lib/kubelet/pods/1/volumes/kubernetes.io~empty-dir/conf/app.env\"",
        );
        let diagnosis = world.run(rules);
        let finding = diagnosis.the(CauseCode::EnvFileUnusable);
        assert_eq!(
            finding.headline,
            "file app.env of volume conf has no key MODE; container app needs it for variable APP_MODE"
        );
        assert_eq!(finding.commands[0], "kubectl -n shop logs web-1 -c write");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let diagnosis = waiting("couldn't parse env file").run(rules);
        let finding = diagnosis.the(CauseCode::EnvFileUnusable);
        assert!(finding.headline.starts_with("file app.env of volume conf cannot be read as variables; "));
        let diagnosis = waiting("cannot find the volume \"conf\" referenced by FileKeyRef").run(rules);
        assert_eq!(
            diagnosis.the(CauseCode::EnvFileUnusable).headline,
            "volume conf with the file for variable APP_MODE of container app is not there"
        );
    }

    #[test]
    fn other_reasons_of_the_same_state_are_other_causes() {
        for message in
            ["configmap \"conf\" not found", "container has runAsNonRoot and image will run as root"]
        {
            assert!(!waiting(message).run(rules).codes().contains(&"env-file-unusable"), "{message}");
        }
    }
}
