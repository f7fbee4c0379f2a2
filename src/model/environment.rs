//! Where the environment of a container comes from; literal values are never read.

use serde::Deserialize;

/// An environment variable: its name and, if it is not a literal, where its value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EnvVar {
    pub(crate) name: String,
    pub(crate) value_from: Option<EnvSource>,
}

/// `valueFrom` of a variable.
#[expect(clippy::struct_field_names, reason = "the API's own names")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EnvSource {
    pub(crate) config_map_key_ref: Option<ConfigReference>,
    pub(crate) secret_key_ref: Option<ConfigReference>,
    pub(crate) file_key_ref: Option<FileReference>,
}

/// One entry of `envFrom`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct EnvFrom {
    pub(crate) prefix: Option<String>,
    pub(crate) config_map_ref: Option<ConfigReference>,
    pub(crate) secret_ref: Option<ConfigReference>,
}

/// A reference to a ConfigMap or Secret, with a key where one is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ConfigReference {
    pub(crate) name: String,
    pub(crate) key: String,
    pub(crate) optional: bool,
}

/// `fileKeyRef`: a key of a file that an init container has written into an `emptyDir` (beta since Kubernetes 1.35).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FileReference {
    pub(crate) volume_name: String,
    pub(crate) path: String,
    pub(crate) key: String,
    pub(crate) optional: bool,
}
