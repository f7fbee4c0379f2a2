#![doc = include_str!("probe.md")]

mod action;
mod application_log;
mod changed;
mod event;
mod flapping;
mod gate;
mod killing;
mod misconfigured;
mod possibility;
mod readiness;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;

use super::companions::with_companions;
use super::crash::who;
use super::ends::Ended;
use super::{Confidence, Diagnosis, Evidence, Finding, Prognosis, logs};
use crate::model::{Container, ContainerStatus, Event, Pod, Rollout};
use crate::observation::{Request, Want};
pub(super) use event::{ProbeFailure, ProbeKind, failures, kills};
use possibility::{Opinion, Possibility};

/// How often the events of a pod are read again, in seconds.
pub(super) const EVENTS_EVERY: u64 = 4;

/// Pods that are looked into: those of one template fail alike.
const LOOKED_INTO: usize = 3;

/// Before this age a container has hardly been probed.
const FIRST_PROBES: SignedDuration = SignedDuration::from_secs(3);

/// Every rule of this family. Probes leave no trace in any status; all evidence is in the events of pods.
pub(super) fn rules(rollout: &Rollout<'_>, diagnosis: &mut Diagnosis) {
    for pod in looked_into(rollout) {
        let object = pod.object_ref();
        diagnosis.ask(Request::every(EVENTS_EVERY, Want::Events(object.clone())));
        let events = rollout.events(&object);
        for status in pod.statuses() {
            let Some(container) = pod.spec.container(&status.name) else { continue };
            if !has_probe(container) {
                continue;
            }
            let failures = failures(&events, &status.name);
            let seen = Seen { rollout, pod, status, container, events: &events, failures: &failures };
            misconfigured::rule(&seen, diagnosis);
            if !killing::rule(&seen, diagnosis) && rollout.readiness_counts() {
                readiness::rule(&seen, diagnosis);
            }
        }
    }
    if rollout.readiness_counts() {
        flapping::rule(rollout, diagnosis);
        gate::rule(rollout, diagnosis);
    }
}

/// Seconds from the start of a container in which its probes plan for it to become Ready.
pub(crate) fn planned_readiness(container: &Container) -> u64 {
    action::readiness_budget(container)
}

/// What a probe does, in words.
pub(super) fn spoken(container: &Container, probe: &crate::model::Probe) -> String {
    action::spoken(container, probe)
}

/// Whether the latest end of a container was a kill by its liveness or startup probe; `events` newest first.
pub(super) fn ended_by_probe(events: &[&Event], ended: &Ended<'_>) -> bool {
    let Some(kills) = kills(events, &ended.status.name) else { return false };
    let Some(latest) = ended.status.latest_termination() else { return false };
    // The kill comes before the end and after the start of that instance; times are whole seconds.
    !latest.could_not_start() && kills.last_seen >= latest.started_at
}

const fn has_probe(container: &Container) -> bool {
    container.liveness_probe.is_some()
        || container.startup_probe.is_some()
        || container.readiness_probe.is_some()
}

/// Pods that are not Ready, and pods that a probe may still kill; those that are not Ready first, then by name.
fn looked_into<'a>(rollout: &Rollout<'a>) -> Vec<&'a Pod> {
    let mut pods: Vec<&Pod> = rollout
        .live_pods()
        .filter(|pod| {
            pod.statuses().any(|status| {
                let Some(container) = pod.spec.container(&status.name) else { return false };
                let kills = container.liveness_probe.is_some() || container.startup_probe.is_some();
                (kills || (container.readiness_probe.is_some() && !status.ready))
                    && has_been_probed(rollout, status)
            })
        })
        .collect();
    pods.sort_by_key(|pod| pod.is_ready());
    pods.truncate(LOOKED_INTO);
    pods
}

fn has_been_probed(rollout: &Rollout<'_>, status: &ContainerStatus) -> bool {
    match &status.state.running {
        Some(running) => running
            .started_at
            .is_none_or(|started| rollout.server_now().duration_since(started) >= FIRST_PROBES),
        None => status.latest_termination().is_some(),
    }
}

/// A container with probes, and what events say of it.
struct Seen<'a> {
    rollout: &'a Rollout<'a>,
    pod: &'a Pod,
    status: &'a ContainerStatus,
    container: &'a Container,
    events: &'a [&'a Event],
    failures: &'a [ProbeFailure<'a>],
}

impl Seen<'_> {
    fn failure(&self, kind: ProbeKind, errored: bool) -> Option<&ProbeFailure<'_>> {
        self.failures.iter().find(|failure| failure.kind == kind && failure.errored == errored)
    }

    fn who(&self) -> String {
        who(self.pod, &self.status.name)
    }

    /// The judgement on a failing probe, with all that is known of the application's log.
    fn opinion(&self, kind: ProbeKind, output: &str) -> Option<Opinion> {
        let probe = action::of(self.container, kind)?;
        let log: Vec<&str> = logs::all_lines(self.rollout, self.pod, self.status).collect();
        let old = self
            .rollout
            .old_sets
            .iter()
            .filter(|old| old.status.replicas > 0)
            .find_map(|old| old.spec.template.spec.container(&self.status.name));
        Some(possibility::judge(self.container, kind, probe, output, &log, old))
    }

    /// A finding with what all findings about a failing probe have in common.
    fn finding(
        &self,
        code: super::CauseCode,
        kind: ProbeKind,
        opinion: &Opinion,
        consequence: &str,
        decisive: Evidence,
    ) -> Finding {
        let who = self.who();
        let word = kind.word();
        let start = match opinion.possibility {
            Some(Possibility::ProbeIsWrong) => format!("the {word} probe of {who} is wrong"),
            Some(Possibility::ProbeIsImpatient) => format!("the {word} probe of {who} is too impatient"),
            Some(Possibility::ApplicationIsUnwell) => format!("{who} does not pass its {word} probe"),
            None => format!("the {word} probe of {who} fails"),
        };
        let why = if opinion.why.is_empty() { String::new() } else { format!(": {}", opinion.why) };
        let namespace = &self.pod.metadata.namespace;
        let name = &self.pod.metadata.name;
        let mut finding = Finding::new(
            code,
            self.status.name.clone(),
            self.pod.object_ref(),
            format!("{start}{why}; {consequence}"),
            decisive,
        )
        .on_pod(name)
        .with_prognosis(if opinion.clear { Prognosis::Permanent } else { Prognosis::LikelyPermanent })
        .with_confidence(match (opinion.clear, opinion.possibility) {
            (true, _) => Confidence::Certain,
            (false, Some(_)) => Confidence::Likely,
            (false, None) => Confidence::Possible,
        })
        .with_command(format!("kubectl -n {namespace} logs {name} -c {}", self.status.name))
        .with_command(format!("kubectl -n {namespace} describe pod {name}"));
        for help in &opinion.help {
            finding = finding.with_help(help.clone());
        }
        let output = self.failure(kind, false).map_or("", |failure| failure.output);
        if let Some(remedy) = changed::remedy(self, kind, opinion, output) {
            finding = finding.with_first(remedy.help, remedy.command);
        }
        match action::of(self.container, kind) {
            Some(probe) => finding.with_evidence(self.probe_evidence(kind, probe)),
            None => finding,
        }
    }

    /// The probe as it is configured.
    fn probe_evidence(&self, kind: ProbeKind, probe: &crate::model::Probe) -> Evidence {
        let list = if self.pod.spec.containers.iter().any(|app| app.name == self.status.name) {
            "containers"
        } else {
            "initContainers"
        };
        Evidence::field(
            self.pod.object_ref(),
            format!("spec.{list}[{}].{}Probe", self.status.name, kind.word()),
            format!(
                "{}, timeoutSeconds {}, allows {}{}",
                action::spoken(self.container, probe),
                probe.timeout_seconds,
                action::budget(probe),
                if action::port(self.container, probe).is_some() {
                    format!("; the container declares {}", action::declared_ports(self.container))
                } else {
                    String::new()
                }
            ),
        )
    }

    fn event_evidence(&self, event: &Event) -> Evidence {
        Evidence::event(self.pod.object_ref(), event)
    }

    /// Adds the log that is at hand: of the running instance, or of the latest end.
    fn with_log(&self, finding: Finding) -> Finding {
        let log = if self.status.state.running.is_some() {
            logs::of_current(self.rollout, self.pod, self.status)
        } else {
            logs::of_end(self.rollout, self.pod, self.status)
        };
        let finding = match log.evidence(self.pod, &self.status.name) {
            Some(evidence) => finding.with_evidence(evidence),
            None => finding,
        };
        with_companions(self.pod, self.events, log, finding)
    }

    fn ask_for_log(&self, diagnosis: &mut Diagnosis) {
        if self.status.state.running.is_some() {
            logs::ask_for_current(diagnosis, self.pod, self.status);
        } else {
            logs::ask_for_end(diagnosis, self.pod, self.status);
        }
    }
}
