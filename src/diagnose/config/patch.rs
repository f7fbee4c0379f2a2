//! The JSON patch that corrects a misspelt reference in the pod template.

use serde_json::{Value, json};

use super::usage::reference;
use crate::model::{Kind, PodSpec};

/// What of the references is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wrong<'a> {
    Name,
    /// The key of that name.
    Key(&'a str),
}

/// The operations that put `right` in the place of a wrong name or key, wherever the template refers to the
/// object so; empty where it nowhere does.
pub(super) fn operations(
    spec: &PodSpec,
    kind: Kind,
    name: &str,
    wrong: Wrong<'_>,
    right: &str,
) -> Vec<Value> {
    let (key_ref, from_ref, volume_field, name_field) = match kind {
        Kind::ConfigMap => ("configMapKeyRef", "configMapRef", "configMap", "name"),
        _ => ("secretKeyRef", "secretRef", "secret", "secretName"),
    };
    let mut operations = Vec::new();
    let mut replace = |path: String| {
        operations
            .push(json!({"op": "replace", "path": format!("/spec/template/spec/{path}"), "value": right}));
    };
    for (list, containers) in [("initContainers", &spec.init_containers), ("containers", &spec.containers)] {
        for (c, container) in containers.iter().enumerate() {
            for (e, variable) in container.env.iter().enumerate() {
                let Some(reference) = reference(variable.value_from.as_ref(), kind) else { continue };
                let path = format!("{list}/{c}/env/{e}/valueFrom/{key_ref}");
                match wrong {
                    _ if reference.name != name => {}
                    Wrong::Name => replace(format!("{path}/name")),
                    Wrong::Key(key) if reference.key == key => replace(format!("{path}/key")),
                    Wrong::Key(_) => {}
                }
            }
            for (f, from) in container.env_from.iter().enumerate() {
                let reference = if kind == Kind::ConfigMap { &from.config_map_ref } else { &from.secret_ref };
                if matches!(wrong, Wrong::Name)
                    && reference.as_ref().is_some_and(|reference| reference.name == name)
                {
                    replace(format!("{list}/{c}/envFrom/{f}/{from_ref}/name"));
                }
            }
        }
    }
    for (v, volume) in spec.volumes.iter().enumerate() {
        let mut in_source =
            |source: Option<(&str, &[crate::model::KeyToPath])>, path: String, name_field: &str| {
                let Some((_, items)) = source.filter(|(source, _)| *source == name) else { return };
                match wrong {
                    Wrong::Name => replace(format!("{path}/{name_field}")),
                    Wrong::Key(key) => {
                        for (i, _) in items.iter().enumerate().filter(|(_, item)| item.key == key) {
                            replace(format!("{path}/items/{i}/key"));
                        }
                    }
                }
            };
        let config_map =
            volume.config_map.as_ref().map(|source| (source.name.as_str(), source.items.as_slice()));
        let secret =
            volume.secret.as_ref().map(|source| (source.secret_name.as_str(), source.items.as_slice()));
        let source = if kind == Kind::ConfigMap { config_map } else { secret };
        in_source(source, format!("volumes/{v}/{volume_field}"), name_field);
        for (s, projected) in volume.projected.iter().flat_map(|projected| &projected.sources).enumerate() {
            let config_map =
                projected.config_map.as_ref().map(|source| (source.name.as_str(), source.items.as_slice()));
            let secret = projected
                .secret
                .as_ref()
                .map(|source| (source.secret_name.as_str(), source.items.as_slice()));
            let source = if kind == Kind::ConfigMap { config_map } else { secret };
            in_source(source, format!("volumes/{v}/projected/sources/{s}/{volume_field}"), "name");
        }
    }
    operations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_that_names_the_object_is_corrected() {
        let spec: PodSpec = serde_json::from_value(json!({
            "containers": [
                {"name": "a"},
                {"name": "b", "env": [{"name": "X", "value": "1"},
                    {"name": "Y", "valueFrom": {"secretKeyRef": {"name": "db", "key": "pasword"}}}],
                 "envFrom": [{"secretRef": {"name": "db"}}]}],
            "volumes": [{"name": "v", "secret": {"secretName": "db", "items": [{"key": "pasword", "path": "p"}]}},
                {"name": "w", "projected": {"sources": [{"configMap": {"name": "db"}}, {"secret": {"name": "db"}}]}}]
        }))
        .unwrap();
        let paths = |wrong| -> Vec<String> {
            operations(&spec, Kind::Secret, "db", wrong, "x")
                .iter()
                .map(|operation| operation["path"].as_str().unwrap().replace("/spec/template/spec/", ""))
                .collect()
        };
        assert_eq!(
            paths(Wrong::Name),
            [
                "containers/1/env/1/valueFrom/secretKeyRef/name",
                "containers/1/envFrom/0/secretRef/name",
                "volumes/0/secret/secretName",
                "volumes/1/projected/sources/1/secret/name"
            ]
        );
        assert_eq!(
            paths(Wrong::Key("pasword")),
            ["containers/1/env/1/valueFrom/secretKeyRef/key", "volumes/0/secret/items/0/key"]
        );
    }
}
