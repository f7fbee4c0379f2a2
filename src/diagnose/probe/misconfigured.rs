//! Probes that kubelet cannot run: it throws their result away, so they never kill and never pass.

use std::time::Duration;

use super::super::{CauseCode, Diagnosis, Evidence, Finding, Hold, Prognosis, crash, text};
use super::{ProbeKind, Seen, action};
use crate::model::Probe;

/// A port name that is not declared follows from the spec alone.
const TOLERANCE_OF_A_NAME: Duration = Duration::from_secs(3);

pub(super) fn rule(seen: &Seen<'_>, diagnosis: &mut Diagnosis) {
    for kind in [ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness] {
        let Some(probe) = action::of(seen.container, kind) else { continue };
        // A probe that passed can be run.
        let passed = match kind {
            ProbeKind::Startup => seen.status.started == Some(true),
            ProbeKind::Readiness => seen.status.ready,
            ProbeKind::Liveness => false,
        };
        let counts = kind != ProbeKind::Readiness || seen.rollout.readiness_counts();
        if passed || !counts || seen.status.state.running.is_none() {
            continue;
        }
        if let Some(finding) = port_name(seen, kind, probe).or_else(|| command(seen, kind, probe)) {
            diagnosis.add(finding);
        }
    }
}

/// `port: htpp` where the container declares `http`.
fn port_name(seen: &Seen<'_>, kind: ProbeKind, probe: &Probe) -> Option<Finding> {
    let (None, written) = action::port(seen.container, probe)? else { return None };
    let names = seen.container.ports.iter().filter_map(|port| port.name.as_deref());
    let near = text::nearest(&written, names).into_iter().next().map(str::to_owned);
    let meant = near.as_deref().map_or_else(String::new, |near| format!("; did you mean {near}?"));
    let why = format!(
        "the {} probe of {} asks port \"{written}\", and the container declares {}{meant}",
        kind.word(),
        seen.who(),
        action::declared_ports(seen.container)
    );
    let help = match &near {
        Some(near) => format!("change the port of the {} probe from {written} to {near}", kind.word()),
        None => format!(
            "give the port by number, or add a port named {written} to container {}",
            seen.status.name
        ),
    };
    Some(finding(seen, kind, probe, &why, help).with_tolerance(TOLERANCE_OF_A_NAME))
}

/// A command that the image does not have.
fn command(seen: &Seen<'_>, kind: ProbeKind, probe: &Probe) -> Option<Finding> {
    let failure = seen.failure(kind, true)?;
    let why = crash::unusable_command(failure.output)?;
    let why = format!("the {} probe of {} cannot be run: {why}", kind.word(), seen.who());
    let help = "use a program that the image has, or an httpGet, tcpSocket or grpc probe, which needs none";
    Some(finding(seen, kind, probe, &why, help.to_owned()))
}

fn finding(seen: &Seen<'_>, kind: ProbeKind, probe: &Probe, why: &str, help: String) -> Finding {
    let effect = match kind {
        ProbeKind::Readiness => {
            "kubelet throws such a result away, so it never becomes ready and nothing restarts it"
        }
        ProbeKind::Startup => {
            "kubelet throws such a result away, so it never counts as started and nothing restarts it"
        }
        ProbeKind::Liveness => "kubelet throws such a result away, so this probe protects nothing",
    };
    let harmless = kind == ProbeKind::Liveness;
    let mut finding = Finding::new(
        CauseCode::ProbeMisconfigured,
        format!("{} {}", seen.status.name, kind.word()),
        seen.pod.object_ref(),
        format!("{why}; {effect}"),
        seen.probe_evidence(kind, probe),
    )
    .on_pod(&seen.pod.metadata.name)
    .with_prognosis(if harmless { Prognosis::Informational } else { Prognosis::Permanent })
    .with_hold(if harmless { Hold::Announce } else { Hold::Tolerance })
    .with_help(help)
    .with_command(format!(
        "kubectl -n {} describe pod {}",
        seen.pod.metadata.namespace, seen.pod.metadata.name
    ));
    if let Some(failure) = seen.failure(kind, true) {
        finding = finding.with_evidence(Evidence::event(seen.pod.object_ref(), failure.event));
    }
    finding
}
