//! What the quota plugin of the API server says (plugin `resourcequota` of k8s.io/apiserver).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// One resource of a quota that has no room for the object. Quantities as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shortage {
    /// `requests.memory`, `pods`, `count/replicasets.apps`, …
    pub(super) resource: String,
    /// By the one object that was refused.
    pub(super) requested: String,
    pub(super) used: String,
    pub(super) hard: String,
}

/// `exceeded quota: team, requested: pods=1, used: pods=10, limited: pods=10`: the quota, and what is short.
pub(super) fn exceeded(text: &str) -> Option<(String, Vec<Shortage>)> {
    static TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"exceeded quota: (?P<quota>[^,]+), requested: (?P<requested>.+?), used: (?P<used>.+?), limited: (?P<hard>[^\s\]]+)",
        )
        .ok()
    });
    let groups = TEXT.as_ref()?.captures(text)?;
    let part = |name: &str| groups.name(name).map_or("", |group| group.as_str());
    let (used, hard) = (amounts(part("used")), amounts(part("hard")));
    let of = |amounts: &BTreeMap<&str, &str>, resource: &str| {
        amounts.get(resource).map_or_else(String::new, |amount| (*amount).to_owned())
    };
    let shortages = amounts(part("requested"))
        .into_iter()
        .map(|(resource, requested)| Shortage {
            resource: resource.to_owned(),
            requested: requested.to_owned(),
            used: of(&used, resource),
            hard: of(&hard, resource),
        })
        .collect();
    Some((part("quota").to_owned(), shortages))
}

fn amounts(list: &str) -> BTreeMap<&str, &str> {
    list.split(',').filter_map(|pair| pair.trim().split_once('=')).collect()
}

/// A resource that every container must name because the quota counts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unnamed {
    /// `limits.cpu`
    pub(super) resource: String,
    /// Containers that do not; empty in the texts before Kubernetes 1.24, which do not say.
    pub(super) containers: Vec<String>,
}

/// `failed quota: team: must specify limits.cpu for: app,proxy; limits.memory for: app`.
pub(super) fn must_specify(text: &str) -> Option<(String, Vec<Unnamed>)> {
    let (_, rest) = text.split_once("failed quota: ")?;
    let (quota, what) = rest.split_once(": must specify ")?;
    let mut all = Vec::new();
    for part in what.trim_end_matches(['.', ']']).split("; ") {
        let (resources, containers) = part.split_once(" for: ").unwrap_or((part, ""));
        let names = |list: &str| -> Vec<String> {
            list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        for resource in names(resources) {
            all.push(Unnamed { resource, containers: names(containers) });
        }
    }
    Some((quota.to_owned(), all))
}

/// `status unknown for quota: team, resources: …`: the quota is so new that nothing has been counted yet.
pub(super) fn uncounted(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("status unknown for quota: ")?;
    Some(rest.split(',').next().unwrap_or(rest))
}

/// Resources that may be used only where a quota grants them, and none does: the words after the sign.
pub(super) fn not_granted(text: &str) -> Option<&str> {
    ["insufficient quota to consume: ", "insufficient quota to match these scopes: "]
        .iter()
        .find_map(|sign| text.split_once(sign).map(|(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_that_is_short_is_read() {
        let (quota, short) = exceeded(
            "pods \"x\" is forbidden: exceeded quota: team-a, requested: pods=1,requests.memory=64Mi, used: pods=5,requests.memory=64Mi, limited: pods=5,requests.memory=100Mi",
        )
        .unwrap();
        assert_eq!(quota, "team-a");
        assert_eq!(short.len(), 2);
        assert_eq!(
            short[1],
            Shortage {
                resource: "requests.memory".into(),
                requested: "64Mi".into(),
                used: "64Mi".into(),
                hard: "100Mi".into(),
            }
        );
        assert_eq!(exceeded("pods \"x\" is forbidden: no"), None);
    }

    #[test]
    fn both_forms_of_must_specify_are_read() {
        // Kubernetes 1.36.3, as recorded, with a second container.
        let (quota, all) = must_specify(
            "pods \"x\" is forbidden: failed quota: team: must specify limits.cpu for: app,proxy; limits.memory for: app",
        )
        .unwrap();
        assert_eq!(quota, "team");
        assert_eq!(all[0].containers, ["app", "proxy"]);
        assert_eq!((all[1].resource.as_str(), all[1].containers.len()), ("limits.memory", 1));
        let (_, old) = must_specify("failed quota: q: must specify limits.cpu,limits.memory").unwrap();
        assert_eq!(old.len(), 2);
        assert!(old[0].containers.is_empty());
    }
}
