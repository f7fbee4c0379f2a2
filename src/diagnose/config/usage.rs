//! Where a pod uses a ConfigMap or Secret.

use std::collections::BTreeSet;

use super::super::place::container_words;
use crate::model::{ConfigReference, Container, EnvSource, KeyToPath, Kind, Pod, PodSpec, Volume};

/// How the missing thing came to light.
#[derive(Clone, Copy, Debug)]
pub(super) enum Via<'a> {
    Environment { container: &'a str },
    Volume { volume: &'a str },
}

/// A source of files: a ConfigMap or Secret in a volume.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileSource<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a str,
    pub(super) items: &'a [KeyToPath],
    pub(super) optional: bool,
}

/// Each ConfigMap and Secret of a volume, projected ones too.
pub(super) fn sources(volume: &Volume) -> Vec<FileSource<'_>> {
    let mut found = Vec::new();
    let projected = volume.projected.iter().flat_map(|projected| &projected.sources);
    let config_maps = volume.config_map.iter().chain(projected.clone().filter_map(|s| s.config_map.as_ref()));
    for source in config_maps {
        found.push(FileSource {
            kind: Kind::ConfigMap,
            name: &source.name,
            items: &source.items,
            optional: source.optional,
        });
    }
    for source in volume.secret.iter().chain(projected.filter_map(|s| s.secret.as_ref())) {
        found.push(FileSource {
            kind: Kind::Secret,
            name: &source.secret_name,
            items: &source.items,
            optional: source.optional,
        });
    }
    found
}

/// The reference of a variable to an object of that kind.
pub(super) fn reference(source: Option<&EnvSource>, kind: Kind) -> Option<&ConfigReference> {
    let source = source?;
    match kind {
        Kind::ConfigMap => source.config_map_key_ref.as_ref(),
        Kind::Secret => source.secret_key_ref.as_ref(),
        _ => None,
    }
}

/// Who needs the object, or one key of it, as the end of a sentence.
pub(super) fn needed_by(pod: &Pod, via: &Via<'_>, kind: Kind, name: &str, key: Option<&str>) -> String {
    match via {
        Via::Environment { container } => {
            let words = container_words(pod, container);
            let uses = pod.spec.container(container).map_or_else(Vec::new, |c| variables(c, kind, name, key));
            if uses.is_empty() {
                format!("{words} needs it")
            } else {
                format!("{words} needs it for {}", uses.join(", "))
            }
        }
        Via::Volume { volume } => {
            let mounts = mounts(pod, volume);
            if mounts.is_empty() {
                format!("volume {volume} needs it")
            } else {
                format!("volume {volume} needs it ({})", mounts.join(", "))
            }
        }
    }
}

/// The variables of a container that come from the object: `LEVEL (key special.how)`, `all its keys (envFrom)`.
fn variables(container: &Container, kind: Kind, name: &str, key: Option<&str>) -> Vec<String> {
    let mut found: Vec<String> = container
        .env
        .iter()
        .filter_map(|variable| Some((variable, reference(variable.value_from.as_ref(), kind)?)))
        .filter(|(_, reference)| reference.name == name && !reference.optional)
        .filter(|(_, reference)| key.is_none_or(|key| key == reference.key))
        .map(|(variable, reference)| match key {
            Some(_) => format!("variable {}", variable.name),
            None => format!("variable {} (key {})", variable.name, reference.key),
        })
        .collect();
    if key.is_none() {
        for from in &container.env_from {
            let reference = if kind == Kind::ConfigMap { &from.config_map_ref } else { &from.secret_ref };
            if reference.as_ref().is_some_and(|reference| reference.name == name && !reference.optional) {
                found.push(match from.prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
                    Some(prefix) => format!("variables {prefix}… (envFrom)"),
                    None => "all its variables of envFrom".to_owned(),
                });
            }
        }
    }
    found
}

/// `container app at /etc/app` for each mount of a volume.
fn mounts(pod: &Pod, volume: &str) -> Vec<String> {
    pod.spec
        .all_containers()
        .flat_map(|container| {
            container
                .volume_mounts
                .iter()
                .filter(|mount| mount.name == volume)
                .map(|mount| format!("{} at {}", container_words(pod, &container.name), mount.mount_path))
        })
        .collect()
}

/// The keys of an object that a pod template asks for by name.
pub(super) fn wanted_keys(spec: &PodSpec, kind: Kind, name: &str) -> BTreeSet<String> {
    let variables = spec
        .all_containers()
        .flat_map(|container| &container.env)
        .filter_map(|variable| reference(variable.value_from.as_ref(), kind))
        .filter(|reference| reference.name == name)
        .map(|reference| reference.key.clone());
    let sources = spec.volumes.iter().flat_map(sources);
    let items = sources
        .filter(|source| source.kind == kind && source.name == name)
        .flat_map(|source| source.items)
        .map(|item| item.key.clone());
    variables.chain(items).collect()
}

/// The names of all objects of a kind that a pod template uses.
pub(super) fn used_names(spec: &PodSpec, kind: Kind) -> BTreeSet<&str> {
    let variables = spec
        .all_containers()
        .flat_map(|container| &container.env)
        .filter_map(|variable| reference(variable.value_from.as_ref(), kind))
        .map(|reference| reference.name.as_str());
    let from = spec.all_containers().flat_map(|container| &container.env_from).filter_map(|from| {
        let reference = if kind == Kind::ConfigMap { &from.config_map_ref } else { &from.secret_ref };
        reference.as_ref().map(|reference| reference.name.as_str())
    });
    let files =
        spec.volumes.iter().flat_map(sources).filter(|source| source.kind == kind).map(|source| source.name);
    variables.chain(from).chain(files).collect()
}
