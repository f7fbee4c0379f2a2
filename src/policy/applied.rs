//! What a workload's own annotations say about how it is to be judged, and which word counts.

use std::collections::{BTreeMap, BTreeSet};

use super::{MinAvailable, Policy, StableFor};
use crate::duration;

/// What a workload can say of itself with an annotation `rollout-guard/NAME`, and a flag of the same meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Knob {
    Timeout,
    StableFor,
    MinAvailable,
    IgnoreContainers,
    TolerateRestarts,
}

impl Knob {
    pub(crate) const ALL: [Self; 5] =
        [Self::Timeout, Self::StableFor, Self::MinAvailable, Self::IgnoreContainers, Self::TolerateRestarts];

    /// The name after `rollout-guard/`.
    pub(crate) const fn annotation(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::StableFor => "stable-for",
            Self::MinAvailable => "min-available",
            Self::IgnoreContainers => "ignore-containers",
            Self::TolerateRestarts => "tolerate-restarts",
        }
    }

    /// The flag without its dashes.
    pub(crate) const fn flag(self) -> &'static str {
        match self {
            Self::IgnoreContainers => "ignore-container",
            knob => knob.annotation(),
        }
    }
}

/// A policy as it applies to one workload.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Applied {
    pub(crate) policy: Policy,
    /// What is not the default, with its value, and whether the workload says so.
    pub(crate) settings: Vec<(Knob, String, Source)>,
    /// Annotations that say nothing usable, each as a sentence without final period.
    pub(crate) problems: Vec<String>,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Annotation,
}

impl Source {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Annotation => "annotation",
        }
    }
}

impl Policy {
    /// The policy for a workload with these annotations, whose names come without `rollout-guard/`. A flag that
    /// was given outranks them.
    pub(crate) fn for_workload(&self, annotations: &BTreeMap<String, String>) -> Applied {
        let mut applied = Applied { policy: self.clone(), ..Applied::default() };
        for knob in Knob::ALL.into_iter().filter(|knob| self.given.contains(knob)) {
            applied.settings.push((knob, self.shown(knob), Source::Flag));
        }
        for (name, value) in annotations {
            let Some(knob) = Knob::ALL.into_iter().find(|knob| knob.annotation() == name) else {
                let known: Vec<&str> = Knob::ALL.iter().map(|knob| knob.annotation()).collect();
                applied.problems.push(format!(
                    "there is no annotation rollout-guard/{name}; there are {}",
                    known.join(", ")
                ));
                continue;
            };
            if self.given.contains(&knob) {
                continue;
            }
            match applied.policy.set(knob, value.trim()) {
                Ok(()) => applied.settings.push((knob, applied.policy.shown(knob), Source::Annotation)),
                Err(why) => applied.problems.push(format!(
                    "the annotation rollout-guard/{name} is {value:?}, which does not count: {why}"
                )),
            }
        }
        applied
    }

    fn set(&mut self, knob: Knob, value: &str) -> Result<(), String> {
        match knob {
            Knob::Timeout => {
                let timeout = duration::parse(value)?;
                if timeout.is_zero() {
                    return Err("a wait needs some time".to_owned());
                }
                // A single look stays one.
                if !self.instant {
                    self.timeout = timeout;
                }
            }
            Knob::StableFor => self.stable_for = StableFor::parse(value)?,
            Knob::MinAvailable => self.min_available = Some(MinAvailable::parse(value)?),
            Knob::IgnoreContainers => {
                let names: BTreeSet<String> =
                    value.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
                if names.is_empty() {
                    return Err("expected names of containers, separated by commas".to_owned());
                }
                self.ignored_containers = names;
            }
            Knob::TolerateRestarts => {
                let restarts: u16 =
                    value.parse().map_err(|_| "expected a number from 0 to 65535".to_owned())?;
                self.tolerated_restarts = i64::from(restarts);
            }
        }
        Ok(())
    }

    fn shown(&self, knob: Knob) -> String {
        match knob {
            Knob::Timeout => duration::short(self.timeout),
            Knob::StableFor => match self.stable_for {
                StableFor::Auto => "auto".to_owned(),
                StableFor::For(duration) => duration::short(duration),
            },
            Knob::MinAvailable => self.min_available.map(|min| min.to_string()).unwrap_or_default(),
            Knob::IgnoreContainers => {
                self.ignored_containers.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            }
            Knob::TolerateRestarts => self.tolerated_restarts.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn annotations_are_weaker_than_flags_and_stronger_than_defaults() {
        let said = annotations(&[
            ("timeout", "20m"),
            ("stable-for", "30s"),
            ("min-available", "95%"),
            ("ignore-containers", "istio-proxy, linkerd-proxy"),
            ("tolerate-restarts", "9"),
        ]);
        let flags = Policy {
            stable_for: StableFor::For(Duration::from_secs(5)),
            given: BTreeSet::from([Knob::StableFor]),
            ..Policy::default()
        };
        let applied = flags.for_workload(&said);
        assert_eq!(applied.policy.timeout, Duration::from_secs(1200));
        assert_eq!(applied.policy.stable_for, StableFor::For(Duration::from_secs(5)));
        assert_eq!(applied.policy.min_available, Some(MinAvailable::Percent(95)));
        assert_eq!(applied.policy.ignored_containers.len(), 2);
        assert_eq!(applied.policy.tolerated_restarts, 9);
        let settings: Vec<String> = applied
            .settings
            .iter()
            .map(|(knob, value, source)| format!("{} {value} ({})", knob.annotation(), source.as_str()))
            .collect();
        assert_eq!(
            settings,
            [
                "stable-for 5s (flag)",
                "ignore-containers istio-proxy, linkerd-proxy (annotation)",
                "min-available 95% (annotation)",
                "timeout 20m (annotation)",
                "tolerate-restarts 9 (annotation)"
            ]
        );
        assert!(applied.problems.is_empty());
    }

    #[test]
    fn an_annotation_that_cannot_be_read_changes_nothing_and_is_told() {
        let said = annotations(&[("timeout", "20"), ("min-available", "all"), ("patience", "2")]);
        let applied = Policy::default().for_workload(&said);
        assert_eq!(applied.policy, Policy::default());
        let [min, patience, timeout] = applied.problems.as_slice() else { panic!("{:?}", applied.problems) };
        assert!(min.starts_with("the annotation rollout-guard/min-available is \"all\""), "{min}");
        assert!(patience.starts_with("there is no annotation rollout-guard/patience"), "{patience}");
        assert!(timeout.contains("20m for minutes"), "{timeout}");
    }
}
