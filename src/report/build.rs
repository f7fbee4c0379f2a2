//! From the end of a session to its report.

use std::collections::BTreeSet;

use super::absent::not_found;
use super::outcome::{outcome, serves};
use super::timeline::timeline;
use super::v1::{
    Affected, Cause, ClusterInfo, Evidence, Impact, NotSeen, Origin, Report, SCHEMA_VERSION, Target,
    TargetImage, Tool, VerdictName,
};
use super::warnings::warnings;
use crate::diagnose::{self, CauseCode, Change};
use crate::duration;
use crate::guard::Guard;
use crate::ledger::Standing;
use crate::model::{Kind, Rollout, Sight, Store};
use crate::observation::{Answer, StreamHealth, UndoOutcome, Want};
use crate::session::Session;
use crate::verdict::{Blindness, UNAUTHORIZED, Unfinished, Verdict};

/// A shorter pause is no news.
const SUSPENDED: std::time::Duration = std::time::Duration::from_secs(10);
/// Pods listed in a report.
const MAX_PODS: usize = 200;

/// The state of a session that goes on: whatever ends this process now, that much was known. It is no verdict on
/// the run, and reads as a run that was interrupted.
pub(crate) fn so_far(session: &Session) -> Report {
    Report { verdict: VerdictName::Interrupted, exit_code: None, ..build(session) }
}

/// The report of a session whose targets have been judged.
pub(crate) fn build(session: &Session) -> Report {
    let store = &session.store;
    let exit_code = session.exit_code();
    let mut targets: Vec<Target> = session.guards.iter().map(|guard| target(session, guard)).collect();
    if let Some(first) = targets.first_mut() {
        first.warnings.extend(super::terms::clock(store));
    }
    let verdict = targets
        .iter()
        .zip(&session.guards)
        .filter_map(|(target, guard)| Some((guard.verdict()?.0.exit_code(), target.verdict)))
        .find(|(code, _)| *code == exit_code)
        .map(|(_, verdict)| verdict);
    let verdict = match verdict {
        None if session.guards.is_empty() => VerdictName::Complete,
        verdict => verdict.unwrap_or(VerdictName::Indeterminate),
    };
    let server = store.server().cloned().unwrap_or_default();
    Report {
        schema_version: SCHEMA_VERSION,
        tool: tool(),
        verdict,
        exit_code: Some(exit_code.number()),
        started_at: timestamp(store.started()),
        duration_seconds: round(store.now().as_secs_f64()),
        cluster: ClusterInfo { context: server.context, server: server.url, version: server.version },
        not_seen: not_seen(store),
        targets,
    }
}

/// This program.
pub(crate) fn tool() -> Tool {
    Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
}

/// A moment of the wall clock: whole seconds, UTC, the form every consumer of reports can read.
pub(crate) fn timestamp(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn target(session: &Session, guard: &Guard) -> Target {
    let store = &session.store;
    let look = &guard.last;
    let stream = guard.stream();
    let meta = look.workload.as_ref().map(|workload| workload.metadata.clone()).unwrap_or_default();
    let accepted = look.applied.policy.accepted();
    let rollout = look.workload.as_ref().map(|workload| Rollout::new(store, workload, accepted));
    let (verdict, at) = guard.verdict().map_or((None, store.now()), |(verdict, at)| (Some(verdict), at));
    let mut pods = guard.history.pods();
    let pods_omitted = u64::try_from(pods.len().saturating_sub(MAX_PODS)).unwrap_or(0);
    pods.truncate(MAX_PODS);
    let total = rollout.as_ref().map_or(0, |rollout| rollout.pods.len());
    let is_complete = matches!(verdict, Some(Verdict::Complete(_)));
    let reason = verdict.map_or("not-finished", Verdict::reason);
    let name = verdict.map_or(VerdictName::Interrupted, Verdict::name);
    let seconds = round(at.as_secs_f64());
    let mut changes = rollout.as_ref().map_or_else(Vec::new, diagnose::changes);
    lead_with_culprits(guard, &mut changes);
    Target {
        api_version: stream.kind.api_version().to_owned(),
        kind: stream.kind.to_string(),
        namespace: stream.namespace.clone(),
        name: stream.name().unwrap_or_default().to_owned(),
        uid: meta.uid.clone(),
        generation: meta.generation,
        revision: meta
            .annotations
            .revision
            .clone()
            .or_else(|| Some(rollout.as_ref()?.revision()?.to_string())),
        verdict: name,
        reason: reason.to_owned(),
        summary: summary(session, guard, verdict),
        duration_seconds: seconds,
        single_look: session.is_single_look(),
        replicas: look.replicas,
        images: rollout.as_ref().map_or_else(Vec::new, images),
        impact: rollout
            .as_ref()
            .filter(|rollout| rollout.pods_are_seen() && serves(rollout.workload.kind))
            .map_or_else(Impact::default, |rollout| impact(rollout, look.old_ready)),
        changes: changes.iter().map(|change| change.text.clone()).collect(),
        causes: if is_complete { Vec::new() } else { causes(store, guard, total, &changes) },
        warnings: super::terms::warnings(guard)
            .into_iter()
            .chain(rollout.iter().flat_map(|rollout| warnings(rollout, guard, is_complete)))
            .collect(),
        timeline: timeline(store, guard, name, reason, seconds),
        pods,
        pods_omitted,
        origin: guard
            .target()
            .origin
            .as_ref()
            .map(|origin| Origin { file: origin.file.clone(), line: origin.line }),
        policy: super::terms::settings(guard),
        undo: super::terms::undo(store, guard),
    }
}

/// Milliseconds are the finest that a reader can use.
fn round(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// The verdict in one sentence.
fn summary(session: &Session, guard: &Guard, verdict: Option<&Verdict>) -> String {
    let store = &session.store;
    let look = &guard.last;
    let replicas = look.replicas;
    let own = outcome(guard);
    let counters = own.clone().unwrap_or_else(|| {
        format!(
            "{} of {} replicas updated, {} available",
            replicas.updated, replicas.desired, replicas.available
        )
    });
    match verdict {
        Some(Verdict::Complete(_)) if own.is_some() => counters,
        Some(Verdict::Complete(_)) if replicas.desired == 0 && guard.stream().kind == Kind::DaemonSet => {
            "no node matches".to_owned()
        }
        Some(Verdict::Complete(_)) if replicas.desired == 0 => "0 replicas are asked for".to_owned(),
        Some(Verdict::Complete(_)) if look.enough.is_some() => format!(
            "{} of {} replicas are available, {} are enough",
            replicas.available,
            replicas.desired,
            look.enough.unwrap_or_default()
        ),
        Some(Verdict::Complete(_)) if look.excused_nodes > 0 => {
            let plural = if look.excused_nodes == 1 { "" } else { "s" };
            format!(
                "{} of {} replicas updated and available; excused: {} node{plural}",
                replicas.available, replicas.desired, look.excused_nodes
            )
        }
        Some(Verdict::Complete(_)) if replicas.updated < replicas.desired => {
            format!(
                "{} of {} replicas updated, which is as far as its update strategy goes",
                replicas.updated, replicas.desired
            )
        }
        Some(Verdict::Complete(_)) => {
            format!("{} of {} replicas updated and available", replicas.available, replicas.desired)
        }
        Some(Verdict::Failed(_)) => headline(guard).unwrap_or(counters),
        Some(Verdict::TimedOut(Unfinished::Settling)) if session.is_single_look() => {
            format!("complete, but not for long enough: waiting for {}", look.waiting_for)
        }
        Some(Verdict::TimedOut(Unfinished::Settling)) => {
            format!("complete, but time was up while waiting for {}", look.waiting_for)
        }
        Some(Verdict::TimedOut(_)) => match headline(guard) {
            Some(headline) => format!("{counters}; likely cause: {headline}"),
            None => format!("{counters}; still waiting for {}", look.waiting_for),
        },
        Some(Verdict::Indeterminate(blindness)) => match blindness {
            Blindness::Refused(refusal) | Blindness::PodsRefused(refusal) if refusal.code == UNAUTHORIZED => {
                format!("the API server does not accept the credentials (HTTP 401): {}", refusal.message)
            }
            Blindness::Refused(refusal) => format!("the target cannot be read: {}", refusal.message),
            Blindness::PodsRefused(refusal) => {
                format!(
                    "its pods cannot be read, so nothing can be said to have settled: {}",
                    refusal.message
                )
            }
            Blindness::Meaningless(why) => why.clone(),
            Blindness::Unreachable(message) => {
                format!("no connection to the API server when time was up: {message}")
            }
        },
        Some(Verdict::Superseded(_)) => "another rollout of this workload took over".to_owned(),
        Some(Verdict::Interrupted(_)) => format!("interrupted while waiting for {}", look.waiting_for),
        Some(Verdict::NotFound) => not_found(store, guard.stream()),
        None => {
            let is_mistaken = |other: &Guard| matches!(other.verdict(), Some((Verdict::NotFound, _)));
            if session.guards.iter().any(is_mistaken) {
                "not judged, because another target does not exist".to_owned()
            } else if session.guards.iter().any(|other| other.verdict().is_some()) {
                format!("not judged any more, because another target failed; last seen: {counters}")
            } else {
                format!("no verdict, because what was observed ends here; last seen: {counters}")
            }
        }
    }
}

fn headline(guard: &Guard) -> Option<String> {
    let root = guard.root()?;
    let standing = guard.last.standing.iter().find(|standing| standing.finding.code == root)?;
    Some(standing.finding.headline.clone())
}

/// What may explain the root cause is told first.
fn lead_with_culprits(guard: &Guard, changes: &mut [Change]) {
    let root = guard.root();
    let Some(root) = guard.last.standing.iter().find(|standing| Some(standing.finding.code) == root) else {
        return;
    };
    let led: Vec<Change> = diagnose::culprits(&root.finding, changes).into_iter().cloned().collect();
    changes.sort_by_key(|change| led.iter().position(|culprit| culprit == change).unwrap_or(usize::MAX));
}

fn causes(store: &Store, guard: &Guard, total: usize, changes: &[Change]) -> Vec<Cause> {
    let root = guard.root();
    let mut standing: Vec<&Standing> = guard.last.standing.iter().collect();
    standing.sort_by_key(|standing| Some(standing.finding.code) != root);
    let mut causes: Vec<Cause> =
        standing.into_iter().map(|standing| cause(standing, total, changes)).collect();
    // Who pastes it after the way back has been taken goes forward again, to what failed.
    let open = store.undone(guard.stream()).is_none_or(|undone| undone.outcome == UndoOutcome::DryRun);
    if let (Some(root), Some(command), true) = (causes.first_mut(), way_back(guard), open) {
        root.help.push("The old revision still serves: going back to it buys time.".to_owned());
        if !root.commands.contains(&command) {
            root.commands.push(command);
        }
    }
    causes
}

/// Back to the revision whose pods still serve, where a rollout has failed beside it.
fn way_back(guard: &Guard) -> Option<String> {
    let (verdict, _) = guard.verdict()?;
    let workload = guard.last.workload.as_ref()?;
    let failed = matches!(verdict, Verdict::Failed(code)
        if !matches!(code, CauseCode::RolloutPaused | CauseCode::UpdateOnDelete));
    (failed && guard.last.old_ready > 0).then(|| {
        format!("kubectl -n {} rollout undo {}", workload.metadata.namespace, workload.command_target())
    })
}

fn cause(standing: &Standing, total: usize, changes: &[Change]) -> Cause {
    let finding = &standing.finding;
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Cause {
        code: finding.code.as_str().to_owned(),
        family: finding.code.family().as_str().to_owned(),
        prognosis: finding.prognosis.as_str().to_owned(),
        confidence: finding.confidence.as_str().to_owned(),
        headline: finding.headline.clone(),
        subject: finding.subject.to_string(),
        since: round(standing.since.as_secs_f64()),
        affected: Affected { pods: count(finding.pods.len()), of: count(total) },
        evidence: finding.evidence.iter().map(evidence).collect(),
        changes: diagnose::culprits(finding, changes).into_iter().map(|change| change.text.clone()).collect(),
        help: finding.help.clone(),
        commands: finding.commands.clone(),
    }
}

fn evidence(evidence: &diagnose::Evidence) -> Evidence {
    match evidence {
        diagnose::Evidence::Field { object, path, value } => {
            Evidence::Field { object: object.to_string(), path: path.clone(), value: value.clone() }
        }
        diagnose::Evidence::Event { object, reason, message, count } => Evidence::Event {
            object: object.to_string(),
            reason: reason.clone(),
            message: message.clone(),
            count: *count,
        },
        diagnose::Evidence::Log { pod, container, previous, lines } => Evidence::Log {
            object: pod.to_string(),
            container: container.clone(),
            previous: *previous,
            lines: lines.clone(),
        },
        diagnose::Evidence::Absence { what } => Evidence::Absence { what: what.clone() },
        diagnose::Evidence::DryRun { object, corrected, said } => {
            Evidence::DryRun { object: object.to_string(), corrected: corrected.clone(), said: said.clone() }
        }
        diagnose::Evidence::Registry { registry, account, said } => {
            Evidence::Registry { registry: registry.clone(), account: account.clone(), said: said.clone() }
        }
    }
}

fn images(rollout: &Rollout<'_>) -> Vec<TargetImage> {
    let spec = &rollout.workload.spec.template.spec;
    spec.all_containers()
        .map(|container| {
            let digests: BTreeSet<String> = rollout
                .pods
                .iter()
                .filter_map(|pod| pod.status_of(&container.name))
                .filter_map(|status| status.image_id.rsplit_once('@'))
                .map(|(_, digest)| digest.to_owned())
                .collect();
            TargetImage {
                container: container.name.clone(),
                image: container.image.clone(),
                digests: digests.into_iter().collect(),
            }
        })
        .collect()
}

fn impact(rollout: &Rollout<'_>, old_ready: i64) -> Impact {
    let new_ready =
        i64::try_from(rollout.pods.iter().filter(|pod| pod.is_ready()).count()).unwrap_or(i64::MAX);
    let pods = |n: i64, which: &str| {
        if n == 1 { format!("1 {which} pod still serves") } else { format!("{n} {which} pods still serve") }
    };
    let summary = match (old_ready, new_ready) {
        (0, 0) if rollout.workload.desired() == 0 => "no replicas are asked for".to_owned(),
        (0, 0) => "nothing serves: no pod of any revision is ready".to_owned(),
        (0, 1) if rollout.workload.desired() <= 1 => "the new pod is ready".to_owned(),
        (0, new) if new >= rollout.workload.desired() => format!("{new} new pods are ready"),
        (0, new) => format!("{new} of {} new pods are ready; no old pods serve", rollout.workload.desired()),
        (old, 0) => pods(old, "old"),
        (old, new) => format!("{}, {new} new ready", pods(old, "old")),
    };
    Impact { summary, old_pods_ready: old_ready, new_pods_ready: new_ready }
}

/// Everything the server refused to show, with what is missing because of it.
fn not_seen(store: &Store) -> Vec<NotSeen> {
    let streams = store.sights().filter_map(|(stream, sight)| match &sight.health {
        StreamHealth::Refused(refusal) => Some((stream.kind.plural(), refusal)),
        StreamHealth::Live | StreamHealth::Polled { .. } | StreamHealth::Interrupted { .. } => None,
    });
    let blind = store.sights().filter_map(|(stream, sight)| match &sight.health {
        StreamHealth::Interrupted { message } => Some(NotSeen {
            what: format!("watch {}", stream.kind.plural()),
            message: format!("blind since {}: {message}", timestamp(moment(store, known_until(sight)))),
            consequence: "what changed since then is not known".to_owned(),
        }),
        StreamHealth::Polled { message } => Some(NotSeen {
            what: format!("watch {}", stream.kind.plural()),
            message: message.clone(),
            consequence: "what changed was seen some seconds late".to_owned(),
        }),
        StreamHealth::Live | StreamHealth::Refused(_) => None,
    });
    let answers = store.answers().filter_map(|(want, answer)| match (want, answer) {
        (Want::Events(_), Answer::Refused(refusal)) => Some(("events", refusal)),
        (Want::Logs(_), Answer::Refused(refusal)) => Some(("pods/log", refusal)),
        (Want::Keys { kind, .. } | Want::Names { kind, .. }, Answer::Refused(refusal)) => {
            Some((kind.plural(), refusal))
        }
        (Want::Services { .. }, Answer::Refused(refusal)) => Some(("services", refusal)),
        (Want::LimitRanges { .. }, Answer::Refused(refusal)) => Some(("limitranges", refusal)),
        (Want::Namespace { .. }, Answer::Refused(refusal)) => Some(("namespaces", refusal)),
        (Want::Quota { .. }, Answer::Refused(refusal)) => Some(("resourcequotas", refusal)),
        (Want::PodAsks { .. }, Answer::Refused(refusal)) => Some(("pods of others", refusal)),
        (Want::Nodes | Want::Node { .. }, Answer::Refused(refusal)) => Some(("nodes", refusal)),
        (Want::Claim { .. }, Answer::Refused(refusal)) => Some(("persistentvolumeclaims", refusal)),
        (Want::StorageClasses, Answer::Refused(refusal)) => Some(("storageclasses", refusal)),
        (Want::Volumes | Want::Volume { .. }, Answer::Refused(refusal)) => {
            Some(("persistentvolumes", refusal))
        }
        (Want::OtherPod { .. }, Answer::Refused(refusal)) => Some(("other pods", refusal)),
        // Whether a ConfigMap is newer than the pods is read for a warning only.
        (Want::Managers(object), Answer::Refused(refusal)) if object.kind != Kind::ConfigMap => {
            Some(("managers", refusal))
        }
        (Want::PullSecrets { .. }, Answer::Refused(refusal)) => Some(("serviceaccounts", refusal)),
        (Want::Trial(_), Answer::Refused(refusal)) => Some(("dry runs", refusal)),
        _ => None,
    });
    let suspended = store.suspended();
    let nothing = (suspended > SUSPENDED).then(|| NotSeen {
        what: format!("watch the cluster for {}", duration::short(suspended)),
        message: "this process was suspended".to_owned(),
        consequence: "that time was not counted towards any tolerance or timeout".to_owned(),
    });
    let all: BTreeSet<NotSeen> = streams
        .chain(answers)
        .map(|(resource, refusal)| NotSeen {
            what: refusal.asked.clone(),
            message: refusal.message.clone(),
            consequence: consequence(resource).to_owned(),
        })
        .chain(blind)
        .chain(super::cut::cut_lists(store))
        .collect();
    nothing.into_iter().chain(all).collect()
}

/// The last moment of which anything is known; that nothing comes any more is noticed later.
fn known_until(sight: &Sight) -> std::time::Duration {
    sight.proved.map_or(sight.since, |proved| proved.min(sight.since))
}

/// A moment of the run on the wall clock of this machine.
fn moment(store: &Store, since: std::time::Duration) -> jiff::Timestamp {
    store.started().checked_add(since).unwrap_or(store.started())
}

fn consequence(resource: &str) -> &'static str {
    match resource {
        "deployments" => "the target could not be judged",
        "pods" => "no pod could be judged",
        "replicasets" => "pods of the new and of older revisions cannot be told apart",
        "controllerrevisions" => {
            "what changed is not known, and new and older pods of a DaemonSet cannot be told apart"
        }
        "services" => "whether traffic reaches the pods is not known",
        "events" => "failed probes, mounts and refused pods may not be explained",
        "pods/log" => "no log is shown",
        "limitranges" => "bounds are known only from the API server's message",
        "namespaces" => "whether the namespace is being deleted is not known",
        "resourcequotas" => "quotas are known only as they were when the API server refused a pod",
        "pods of others" => "who uses most of the quota is not known",
        "nodes" => {
            "labels, taints, sizes and conditions of nodes are known only from messages about pods, and a DaemonSet is excused none of them"
        }
        "persistentvolumeclaims" | "storageclasses" | "persistentvolumes" => {
            "what keeps a claim from its volume is known only from messages"
        }
        "other pods" => "the node of a pod that holds a volume is not known",
        "managers" => "who changed the template is not known",
        "secrets" => "names and keys of Secrets could not be compared",
        "configmaps" => "names and keys of ConfigMaps could not be compared",
        "dry runs" => "what the API server would refuse next is not known",
        "serviceaccounts" => "pull secrets of the ServiceAccount are not known",
        _ => "part of the diagnosis may be missing",
    }
}
