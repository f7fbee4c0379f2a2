//! Causes of the family `config`.

use super::Diagnosis;
use crate::model::Rollout;

/// Every rule of this family.
pub(super) fn rules(_rollout: &Rollout<'_>, _diagnosis: &mut Diagnosis) {}
