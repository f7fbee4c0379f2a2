//! The annotations that carry meaning for a rollout; all others are dropped while decoding, however long.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Annotations of ours, by which a workload says how it is to be judged.
const OURS: &str = "rollout-guard/";

/// What is kept of `metadata.annotations`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Annotations {
    /// `deployment.kubernetes.io/revision`, written by the Deployment controller on a Deployment and on its
    /// ReplicaSets.
    pub(crate) revision: Option<String>,
    /// `deployment.kubernetes.io/revision-history` is there: a rollback gave this ReplicaSet a new revision
    /// (pkg/controller/deployment/util, `SetNewReplicaSetAnnotations`).
    pub(crate) served_before: bool,
    /// `rollout-guard/*`, without that prefix.
    pub(crate) guard: BTreeMap<String, String>,
    /// `argocd.argoproj.io/tracking-id`: Argo CD owns the object.
    pub(crate) argo_tracking: Option<String>,
    /// `meta.helm.sh/release-name`: a Helm release made the object.
    pub(crate) helm_release: Option<String>,
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Kept)
    }
}

struct Kept;

impl<'de> Visitor<'de> for Kept {
    type Value = Annotations;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("annotations")
    }

    fn visit_unit<E>(self) -> Result<Annotations, E> {
        Ok(Annotations::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations, A::Error> {
        let mut kept = Annotations::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "deployment.kubernetes.io/revision" => kept.revision = map.next_value()?,
                "deployment.kubernetes.io/revision-history" => {
                    kept.served_before =
                        map.next_value::<Option<String>>()?.is_some_and(|old| !old.is_empty());
                }
                "argocd.argoproj.io/tracking-id" => kept.argo_tracking = map.next_value()?,
                "meta.helm.sh/release-name" => kept.helm_release = map.next_value()?,
                name => match name.strip_prefix(OURS) {
                    Some(ours) => {
                        kept.guard.insert(ours.to_owned(), map.next_value()?);
                    }
                    None => drop(map.next_value::<IgnoredAny>()?),
                },
            }
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_that_say_nothing_about_a_rollout_are_dropped() {
        let kept: Annotations = serde_json::from_str(
            r#"{"deployment.kubernetes.io/revision":"3","kubectl.kubernetes.io/last-applied-configuration":"{}",
                "rollout-guard/timeout":"5m","meta.helm.sh/release-name":"shop"}"#,
        )
        .unwrap();
        assert_eq!(kept.revision.as_deref(), Some("3"));
        assert_eq!(kept.guard, BTreeMap::from([("timeout".to_owned(), "5m".to_owned())]));
        assert_eq!((kept.helm_release.as_deref(), kept.argo_tracking.as_deref()), (Some("shop"), None));
        assert_eq!(serde_json::from_str::<Annotations>("null").unwrap(), Annotations::default());
    }

    #[test]
    fn a_replica_set_that_was_the_newest_before_says_so() {
        for (history, expected) in [("null", false), ("\"\"", false), ("\"1\"", true), ("\"1,3\"", true)] {
            let text = format!(r#"{{"deployment.kubernetes.io/revision-history":{history}}}"#);
            let kept: Annotations = serde_json::from_str(&text).unwrap();
            assert_eq!(kept.served_before, expected, "{history}");
        }
    }
}
