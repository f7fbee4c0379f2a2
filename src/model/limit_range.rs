//! LimitRanges: the bounds of a namespace.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A LimitRange. Its wire form is also its recorded form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LimitRange {
    pub(crate) metadata: LimitRangeMeta,
    pub(crate) spec: LimitRangeSpec,
}

/// `metadata` of a LimitRange.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LimitRangeMeta {
    pub(crate) name: String,
    pub(crate) namespace: String,
}

/// `spec` of a LimitRange.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LimitRangeSpec {
    pub(crate) limits: Vec<LimitRangeItem>,
}

/// One entry of `spec.limits`; quantities as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LimitRangeItem {
    /// `Container`, `Pod` or `PersistentVolumeClaim`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) max: BTreeMap<String, String>,
    pub(crate) min: BTreeMap<String, String>,
    pub(crate) default: BTreeMap<String, String>,
    pub(crate) default_request: BTreeMap<String, String>,
    pub(crate) max_limit_request_ratio: BTreeMap<String, String>,
}
