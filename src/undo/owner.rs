//! Who would write the newer template back, and so makes a way back useless or worse.

use serde_json::Value;

/// Marks of controllers that keep the object as a repository says, where they are, and who that is.
const GITOPS: &[(&str, &str, &str)] = &[
    ("annotations", "argocd.argoproj.io/tracking-id", "Argo CD"),
    ("labels", "argocd.argoproj.io/instance", "Argo CD"),
    ("labels", "kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("labels", "helm.toolkit.fluxcd.io/name", "Flux"),
    ("labels", "fleet.cattle.io/bundle-id", "Fleet"),
    ("annotations", "configmanagement.gke.io/managed", "Config Sync"),
];

/// Field managers by which such a controller is known where it leaves no mark of its own: Argo CD's default label
/// `app.kubernetes.io/instance` is Helm's as well.
const MANAGERS: &[(&str, &str)] =
    &[("argocd", "Argo CD"), ("kustomize-controller", "Flux"), ("helm-controller", "Flux")];

/// Why nobody but its owner may take the object back.
pub(super) fn forbids(object: &Value) -> Option<String> {
    let metadata = object.get("metadata")?;
    let marked =
        GITOPS.iter().find(|(place, key, _)| metadata.get(place).is_some_and(|of| of.get(key).is_some()));
    if let Some((place, key, who)) = marked {
        let place = place.trim_end_matches('s');
        return Some(format!(
            "{who} owns it ({place} {key}) and would write it back; revert the change where {who} reads it"
        ));
    }
    let managers = metadata.get("managedFields").and_then(Value::as_array).into_iter().flatten();
    for manager in managers.filter_map(|entry| entry.get("manager")?.as_str()) {
        if let Some((_, who)) = MANAGERS.iter().find(|(start, _)| manager.starts_with(start)) {
            return Some(format!(
                "{who} applies it (field manager {manager}) and would write it back; revert the change where {who} reads it"
            ));
        }
    }
    let owners = metadata.get("ownerReferences").and_then(Value::as_array).into_iter().flatten();
    let controller =
        owners.into_iter().find(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))?;
    let field = |name: &str| controller.get(name).and_then(Value::as_str).unwrap_or_default();
    let owner = format!("{} {}", field("kind"), field("name"));
    Some(format!("{owner} owns it and would write it back; take {owner} back instead"))
}

/// What does not forbid it, and should be known.
pub(super) fn note(object: &Value) -> Option<String> {
    let release = object.pointer("/metadata/annotations")?.get("meta.helm.sh/release-name")?.as_str()?;
    Some(format!(
        "Helm does not know of it: the history of release {release} still ends with what failed (helm rollback {release} keeps both in step)"
    ))
}
