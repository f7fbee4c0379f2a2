//! A finding: a cause, whom it concerns, and what shows it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cause::CauseCode;
use super::evidence::Evidence;
use crate::model::ObjectRef;

/// Whether a cause can go away without anybody changing anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Prognosis {
    /// Goes with healthy rollouts too.
    Informational,
    /// Usually heals by itself.
    Transient,
    /// May heal if something else in the cluster changes.
    LikelyPermanent,
    /// Stays until somebody changes the object named.
    Permanent,
}

impl Prognosis {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Transient => "transient",
            Self::LikelyPermanent => "likely-permanent",
            Self::Permanent => "permanent",
        }
    }
}

/// How sure the naming of the cause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Confidence {
    /// Several causes share what is seen.
    Possible,
    /// A cross-check agreed.
    Likely,
    /// The text names the object and the rule.
    Certain,
}

impl Confidence {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// When a cause that stays may end the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// After the tolerance of its code ([`crate::ledger`]).
    Tolerance,
    /// The rule counted enough observations of a process outcome: now.
    Ripe,
    /// Not yet, or never by itself: announced as the likely cause, decides nothing.
    Announce,
}

/// With a capital letter and a period. A first word that is not a plain word (a name, a field, a command) stays.
fn sentence(text: &str) -> String {
    let first = text.split([' ', ',', ':']).next().unwrap_or_default();
    let plain = first.bytes().all(|byte| byte.is_ascii_lowercase());
    let mut chars = text.chars();
    let mut sentence = match chars.next() {
        Some(letter) if plain => letter.to_uppercase().chain(chars).collect(),
        _ => text.to_owned(),
    };
    if !sentence.ends_with(['.', '?', '!', ':']) {
        sentence.push('.');
    }
    sentence
}

/// A cause seen now.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) code: CauseCode,
    /// What makes two findings of one code the same: the image, the ConfigMap, the container. No pod names.
    pub(crate) key: String,
    /// The object to look at first.
    pub(crate) subject: ObjectRef,
    /// Names of the pods that show it; empty where it is not about pods that exist.
    pub(crate) pods: BTreeSet<String>,
    pub(crate) prognosis: Prognosis,
    pub(crate) confidence: Confidence,
    pub(crate) hold: Hold,
    /// Grows with each failed attempt of whoever retries; `None` where nobody retries on a schedule slower
    /// than ours. A tolerance then ends at the first failed attempt after it ran out.
    pub(crate) attempts: Option<u64>,
    /// In place of the tolerance of the code, where the way it came about decides.
    pub(crate) tolerance: Option<Duration>,
    /// One sentence without final period, with the real values filled in.
    pub(crate) headline: String,
    /// At least one piece; the decisive one first.
    pub(crate) evidence: Vec<Evidence>,
    /// What to do, most likely first; sentences.
    pub(crate) help: Vec<String>,
    /// Commands that can be pasted.
    pub(crate) commands: Vec<String>,
}

impl Finding {
    /// A finding with what it cannot do without. Refine it with the `with_*` methods.
    pub(crate) fn new(
        code: CauseCode,
        key: impl Into<String>,
        subject: ObjectRef,
        headline: impl Into<String>,
        evidence: Evidence,
    ) -> Self {
        Self {
            code,
            key: key.into(),
            subject,
            pods: BTreeSet::new(),
            prognosis: Prognosis::LikelyPermanent,
            confidence: Confidence::Certain,
            hold: Hold::Tolerance,
            attempts: None,
            tolerance: None,
            headline: headline.into(),
            evidence: vec![evidence],
            help: Vec::new(),
            commands: Vec::new(),
        }
    }

    pub(crate) fn on_pod(mut self, pod: &str) -> Self {
        self.pods.insert(pod.to_owned());
        self
    }

    pub(crate) const fn with_prognosis(mut self, prognosis: Prognosis) -> Self {
        self.prognosis = prognosis;
        self
    }

    pub(crate) const fn with_confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    pub(crate) const fn with_hold(mut self, hold: Hold) -> Self {
        self.hold = hold;
        self
    }

    pub(crate) const fn with_attempts(mut self, attempts: u64) -> Self {
        self.attempts = Some(attempts);
        self
    }

    pub(crate) const fn with_tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    pub(crate) fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Adds advice, as whole sentences: rules may begin with a small letter and leave the last period out.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(sentence(&help.into()));
        self
    }

    pub(crate) fn with_command(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// Puts advice before all other, and its command before the others.
    pub(crate) fn put_first(&mut self, help: impl Into<String>, command: impl Into<String>) {
        self.help.insert(0, sentence(&help.into()));
        self.commands.insert(0, command.into());
    }

    pub(crate) fn with_first_help(mut self, help: impl Into<String>) -> Self {
        self.help.insert(0, sentence(&help.into()));
        self
    }

    pub(crate) fn with_first(mut self, help: impl Into<String>, command: impl Into<String>) -> Self {
        self.put_first(help, command);
        self
    }

    /// Takes in the same cause seen on another pod: one finding, more pods, the more urgent hold.
    pub(crate) fn merge(&mut self, other: Self) {
        self.pods.extend(other.pods);
        self.attempts = self.attempts.max(other.attempts);
        let urgency = |hold: Hold| match hold {
            Hold::Announce => 0,
            Hold::Tolerance => 1,
            Hold::Ripe => 2,
        };
        // The pod whose evidence is decisive is the one to show.
        if urgency(other.hold) > urgency(self.hold) {
            self.hold = other.hold;
            self.subject = other.subject;
            self.headline = other.headline;
            self.evidence = other.evidence;
            self.help = other.help;
            self.commands = other.commands;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn advice_becomes_sentences_and_names_stay_as_they_are() {
        assert_eq!(sentence("raise the limit"), "Raise the limit.");
        assert_eq!(
            sentence("or, if it is yours, edit it. Then wait"),
            "Or, if it is yours, edit it. Then wait."
        );
        assert_eq!(sentence("is it the one meant?"), "Is it the one meant?");
        assert_eq!(sentence("web-7c9d is the pod"), "web-7c9d is the pod.");
        assert_eq!(sentence("`spec.paused` is set"), "`spec.paused` is set.");
    }
}
