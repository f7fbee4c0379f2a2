//! A pod in a dry run: what the API server would refuse next.

use serde::{Deserialize, Serialize};

use crate::model::Kind;

/// A pod of a template, with what is known to be refused in it corrected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trial {
    /// Whose template.
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Of that object: another template is another trial.
    pub(crate) generation: i64,
    pub(crate) corrections: Vec<Correction>,
}

/// A change of the pod that takes one reason of a refusal away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Correction {
    /// The namespace's own ServiceAccount in place of the one that is named.
    DefaultServiceAccount,
    WithoutPriorityClass,
    WithoutRuntimeClass,
    /// The securityContext that the strictest level of Pod Security asks for.
    Secured,
    /// Every container requests that much, and has it as its limit.
    Resource {
        resource: String,
        amount: String,
    },
}

/// What the API server said to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TrialResult {
    Accepted,
    /// In its words.
    Refused(String),
}
