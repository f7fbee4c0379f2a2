//! What a diagnosis may ask beyond reading the cluster; nothing of it without a flag.

use serde::{Deserialize, Serialize};

/// Who else may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Asks {
    /// Registries, about images that cannot be pulled.
    pub(crate) registry: bool,
    /// The API server, in dry runs, what else it would refuse of a pod that it refuses.
    pub(crate) dry_run: bool,
}

impl Asks {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
