//! Claims, volumes and storage classes, as far as the chain from a claim to a mount reads them. Their wire form is
//! also their recorded form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::quantity::Quantity;
use super::scheduling::NodeSelector;

/// `metadata` of an object that is read once and not watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BriefMeta {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deletion_timestamp: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "BriefAnnotations::is_empty")]
    pub(crate) annotations: BriefAnnotations,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) owner_references: Vec<BriefOwner>,
}

/// The annotations that storage gives a meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct BriefAnnotations {
    /// On a StorageClass: `true` makes it the one for claims that name none.
    #[serde(rename = "storageclass.kubernetes.io/is-default-class", skip_serializing_if = "Option::is_none")]
    pub(crate) is_default: Option<String>,
}

impl BriefAnnotations {
    const fn is_empty(&self) -> bool {
        self.is_default.is_none()
    }
}

/// One entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct BriefOwner {
    pub(crate) kind: String,
    pub(crate) name: String,
}

/// A `PersistentVolumeClaim`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Claim {
    pub(crate) metadata: BriefMeta,
    pub(crate) spec: ClaimSpec,
    pub(crate) status: Phase,
}

/// `spec` of a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClaimSpec {
    pub(crate) access_modes: Vec<String>,
    pub(crate) resources: ClaimResources,
    /// Absent: the default class, if there is one. Empty: none, so that only a volume made by hand fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) storage_class_name: Option<String>,
    /// The volume it is bound to, or must be bound to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) volume_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) volume_mode: Option<String>,
}

/// `spec.resources` of a claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimResources {
    /// Quantities as written.
    pub(crate) requests: BTreeMap<String, String>,
}

/// `status` of a claim or volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Phase {
    /// Claim: `Pending`, `Bound`, `Lost`; volume: `Available`, `Bound`, `Released`, `Failed`.
    pub(crate) phase: String,
}

impl Claim {
    /// How much it asks for, as written.
    pub(crate) fn size(&self) -> &str {
        self.spec.resources.requests.get("storage").map_or("", String::as_str)
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.status.phase == "Bound"
    }

    /// `1Gi, ReadWriteOnce, StorageClass fast`: what is asked for.
    pub(crate) fn asked(&self) -> String {
        let class = match self.spec.storage_class_name.as_deref() {
            None => "no StorageClass".to_owned(),
            Some("") => "StorageClass \"\"".to_owned(),
            Some(name) => format!("StorageClass {name}"),
        };
        format!("{}, {}, {class}", self.size(), self.spec.access_modes.join("+"))
    }
}

/// A `StorageClass`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StorageClass {
    pub(crate) metadata: BriefMeta,
    pub(crate) provisioner: String,
    /// `Immediate` or `WaitForFirstConsumer`.
    pub(crate) volume_binding_mode: String,
}

impl StorageClass {
    pub(crate) fn is_default(&self) -> bool {
        self.metadata.annotations.is_default.as_deref() == Some("true")
    }

    /// Volumes of this class are made by hand.
    pub(crate) fn makes_none(&self) -> bool {
        self.provisioner == "kubernetes.io/no-provisioner"
    }
}

/// A `PersistentVolume`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PersistentVolume {
    pub(crate) metadata: BriefMeta,
    pub(crate) spec: VolumeSpec,
    pub(crate) status: Phase,
}

/// `spec` of a volume; of its source only what tells who mounts it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VolumeSpec {
    /// Quantities as written.
    pub(crate) capacity: BTreeMap<String, String>,
    pub(crate) access_modes: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) storage_class_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) claim_ref: Option<ClaimRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) volume_mode: Option<String>,
    pub(crate) node_affinity: VolumeAffinity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) csi: Option<CsiSource>,
}

/// `spec.claimRef`: the claim that has, had or will have the volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ClaimRef {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// `spec.nodeAffinity`: where the volume can be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct VolumeAffinity {
    pub(crate) required: NodeSelector,
}

/// `spec.csi`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CsiSource {
    pub(crate) driver: String,
}

impl PersistentVolume {
    /// Its size, as written.
    pub(crate) fn size(&self) -> &str {
        self.spec.capacity.get("storage").map_or("", String::as_str)
    }

    /// Why the claim cannot be bound to it, in words that follow its name; `None` where it fits.
    ///
    /// After `CheckVolumeModeMismatches`, `FindMatchingVolume` and `checkVolumeSatisfyClaim` of
    /// pkg/controller/volume/persistentvolume.
    pub(crate) fn misfit(&self, namespace: &str, claim: &Claim) -> Option<String> {
        let class = claim.spec.storage_class_name.as_deref().unwrap_or_default();
        if let Some(held) = &self.spec.claim_ref {
            let own = held.namespace == namespace && held.name == claim.metadata.name;
            if !own {
                let other = format!("claim {}/{}", held.namespace, held.name);
                return Some(match self.status.phase.as_str() {
                    "Released" => format!("was released by {other} and is not given out again"),
                    "Bound" => format!("is bound to {other}"),
                    _ => format!("is reserved for {other}"),
                });
            }
        }
        if self.spec.storage_class_name != class {
            return Some(format!("has the StorageClass {:?}", self.spec.storage_class_name));
        }
        let lacking: Vec<&str> = claim
            .spec
            .access_modes
            .iter()
            .filter(|mode| !self.spec.access_modes.contains(mode))
            .map(String::as_str)
            .collect();
        if !lacking.is_empty() {
            return Some(format!("offers only {}", self.spec.access_modes.join(", ")));
        }
        let value = |text: &str| Quantity::new(text).value().unwrap_or_default();
        if value(self.size()) < value(claim.size()) {
            return Some(format!("has only {}", self.size()));
        }
        let mode = |mode: &Option<String>| mode.clone().unwrap_or_else(|| "Filesystem".to_owned());
        if mode(&self.spec.volume_mode) != mode(&claim.spec.volume_mode) {
            return Some(format!("has the volumeMode {}", mode(&self.spec.volume_mode)));
        }
        (self.status.phase == "Failed").then(|| "could not be reclaimed (phase Failed)".to_owned())
    }
}

/// A pod of somebody else: where it is and who made it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OtherPod {
    pub(crate) metadata: BriefMeta,
    pub(crate) spec: OtherPodSpec,
    pub(crate) status: Phase,
}

/// `spec` of a pod of somebody else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OtherPodSpec {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) node_name: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn volume(spec: &serde_json::Value, phase: &str) -> PersistentVolume {
        serde_json::from_value(json!({"metadata": {"name": "pv"}, "spec": spec, "status": {"phase": phase}}))
            .unwrap()
    }

    #[test]
    fn a_volume_that_does_not_fit_says_why() {
        let claim: Claim = serde_json::from_value(json!({"metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "manual",
                "resources": {"requests": {"storage": "2Gi"}}}}))
        .unwrap();
        let fits = json!({"capacity": {"storage": "2048Mi"}, "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "storageClassName": "manual"});
        let why = |field: &str, value: serde_json::Value, phase: &str| {
            let mut spec = fits.clone();
            spec[field] = value;
            volume(&spec, phase).misfit("shop", &claim)
        };
        assert_eq!(volume(&fits, "Available").misfit("shop", &claim), None);
        assert_eq!(why("capacity", json!({"storage": "1Gi"}), "Available").unwrap(), "has only 1Gi");
        assert_eq!(
            why("accessModes", json!(["ReadWriteOnce"]), "Available").unwrap(),
            "offers only ReadWriteOnce"
        );
        assert_eq!(why("volumeMode", json!("Block"), "Available").unwrap(), "has the volumeMode Block");
        assert_eq!(why("storageClassName", json!(""), "Available").unwrap(), "has the StorageClass \"\"");
        let other = json!({"namespace": "old", "name": "data"});
        assert_eq!(
            why("claimRef", other.clone(), "Released").unwrap(),
            "was released by claim old/data and is not given out again"
        );
        assert_eq!(why("claimRef", other, "Bound").unwrap(), "is bound to claim old/data");
        assert_eq!(why("claimRef", json!({"namespace": "shop", "name": "data"}), "Available"), None);
    }
}
