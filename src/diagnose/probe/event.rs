//! What kubelet's events say about probes.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;

use crate::model::{Event, reason};

/// The three kinds of probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::diagnose) enum ProbeKind {
    Startup,
    Liveness,
    Readiness,
}

impl ProbeKind {
    /// As in `livenessProbe`.
    pub(in crate::diagnose) const fn word(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "startup" => Some(Self::Startup),
            "liveness" => Some(Self::Liveness),
            "readiness" => Some(Self::Readiness),
            _ => None,
        }
    }
}

/// Failures of one probe of one container, with the newest event of them.
#[derive(Clone, Copy, Debug)]
pub(in crate::diagnose) struct ProbeFailure<'a> {
    pub(in crate::diagnose) kind: ProbeKind,
    /// The probe could not be tried: kubelet throws such a result away, so nothing follows from it, ever.
    pub(in crate::diagnose) errored: bool,
    /// The newest output.
    pub(in crate::diagnose) output: &'a str,
    /// Failures that events count; kubelet stops writing events at about 25.
    pub(in crate::diagnose) times: i64,
    pub(in crate::diagnose) first_seen: Option<Timestamp>,
    pub(in crate::diagnose) last_seen: Option<Timestamp>,
    pub(in crate::diagnose) event: &'a Event,
}

/// Kills of a container by one probe.
#[derive(Clone, Copy, Debug)]
pub(in crate::diagnose) struct ProbeKills<'a> {
    pub(in crate::diagnose) kind: ProbeKind,
    pub(in crate::diagnose) times: i64,
    pub(in crate::diagnose) last_seen: Option<Timestamp>,
    pub(in crate::diagnose) event: &'a Event,
}

/// The failures of the probes of a container, one entry a kind and manner; `events` newest first.
pub(in crate::diagnose) fn failures<'a>(events: &[&'a Event], container: &str) -> Vec<ProbeFailure<'a>> {
    let mut known: Vec<ProbeFailure<'a>> = Vec::new();
    for event in events.iter().filter(|event| event.reason == reason::UNHEALTHY) {
        if event.container() != Some(container) {
            continue;
        }
        let Some((kind, errored, output)) = read_failure(event.text()) else { continue };
        match known.iter_mut().find(|failure| failure.kind == kind && failure.errored == errored) {
            Some(failure) => {
                failure.times += event.times();
                failure.first_seen = failure.first_seen.min(event.first_timestamp.or(failure.first_seen));
            }
            None => known.push(ProbeFailure {
                kind,
                errored,
                output,
                times: event.times(),
                first_seen: event.first_timestamp.or_else(|| event.last_seen()),
                last_seen: event.last_seen(),
                event,
            }),
        }
    }
    known
}

/// `Readiness probe failed: …`, `Liveness probe errored and resulted in unknown state: …`; before about 1.33
/// the latter was `… probe errored: …`.
fn read_failure(text: &str) -> Option<(ProbeKind, bool, &str)> {
    let (kind, rest) = text.split_once(" probe ")?;
    let (how, output) = rest.split_once(':')?;
    Some((ProbeKind::from_word(kind)?, how.starts_with("errored"), output.trim()))
}

/// The kills of a container by a probe; `events` newest first.
pub(in crate::diagnose) fn kills<'a>(events: &[&'a Event], container: &str) -> Option<ProbeKills<'a>> {
    // `Container app failed liveness probe, will be restarted`, `Init container proxy failed startup probe`.
    static KILL: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(?i)^(?:init )?container \S+ failed (startup|liveness) probe").ok());
    let mut found: Option<ProbeKills<'a>> = None;
    for event in events.iter().filter(|event| event.reason == reason::KILLING) {
        if event.container() != Some(container) {
            continue;
        }
        let kind = KILL
            .as_ref()
            .and_then(|regex| regex.captures(event.text()))
            .and_then(|groups| groups.get(1))
            .and_then(|word| ProbeKind::from_word(word.as_str()));
        let Some(kind) = kind else { continue };
        match &mut found {
            Some(kills) if kills.kind == kind => kills.times += event.times(),
            Some(_) => {}
            None => {
                found = Some(ProbeKills { kind, times: event.times(), last_seen: event.last_seen(), event });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_versions_are_read() {
        assert_eq!(
            read_failure("Readiness probe failed: HTTP probe failed with statuscode: 503"),
            Some((ProbeKind::Readiness, false, "HTTP probe failed with statuscode: 503"))
        );
        assert_eq!(
            read_failure(
                "Liveness probe errored and resulted in unknown state: strconv.Atoi: parsing \"htpp\": invalid syntax"
            ),
            Some((ProbeKind::Liveness, true, "strconv.Atoi: parsing \"htpp\": invalid syntax"))
        );
        assert_eq!(
            read_failure("Startup probe errored: rpc error"),
            Some((ProbeKind::Startup, true, "rpc error"))
        );
        assert_eq!(read_failure("Readiness probe failed: "), Some((ProbeKind::Readiness, false, "")));
        assert_eq!(read_failure("Readiness probe warning"), None);
    }

    #[test]
    fn a_kill_is_counted_for_its_container_only() {
        let event = |message: &str, container: &str, count: i64| -> Event {
            serde_json::from_value(
                serde_json::json!({"reason": "Killing", "message": message, "count": count,
                "involvedObject": {"fieldPath": format!("spec.containers{{{container}}}")}}),
            )
            .unwrap()
        };
        let liveness = event("Container app failed liveness probe, will be restarted", "app", 2);
        let other = event("Container side failed liveness probe, will be restarted", "side", 7);
        let hook = event("FailedPostStartHook", "app", 4);
        let events = [&liveness, &other, &hook];
        assert_eq!(
            kills(&events, "app").map(|kills| (kills.kind, kills.times)),
            Some((ProbeKind::Liveness, 2))
        );
        assert!(kills(&[&hook], "app").is_none());
        let sidecar = event("Init container proxy failed startup probe", "proxy", 1);
        assert_eq!(kills(&[&sidecar], "proxy").map(|kills| kills.kind), Some(ProbeKind::Startup));
    }
}
