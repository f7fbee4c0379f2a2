//! `--undo-on-failure`: takes failed rollouts back and watches that to its end.
//!
//! The verdict stands: whatever becomes of the way back, the exit code is that of the rollout that failed.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::diagnose::CauseCode;
use crate::env::Env;
use crate::gate;
use crate::model::{Kind, LabelSelector};
use crate::observation::{Observation, Observed, Refusal, Server, Stream, Target, UndoOutcome, Undone};
use crate::policy::Policy;
use crate::progress::News;
use crate::recording::Writer;
use crate::report::{Report, VerdictName};
use crate::session::Session;
use crate::settings::{Display, Gate, Undo};
use crate::signals::Signals;
use crate::source::Live;
use crate::ui::Ui;
use crate::undo::{Plan, history_kind, plan};
use crate::untrusted::Untrusted;
use crate::verdict::Verdict;

/// A StatefulSet's status may change between our look and our patch; so often we look again.
const ATTEMPTS: u32 = 5;

/// A rollout that has been sent back.
struct SentBack {
    target: Target,
    plan: Plan,
}

/// Takes back what has failed or timed out, if the user wants it.
pub(super) async fn failed_rollouts(
    session: &Session,
    live: &Live,
    gate: &Gate,
    display: Display,
    env: &mut Env,
    signals: &mut Signals,
) -> Vec<Undone> {
    let began = Instant::now();
    let (mut undone, mut sent) = (Vec::new(), Vec::new());
    for (stream, uid, generation) in candidates(session) {
        let one = |outcome, revision, message, note| Undone {
            target: stream.clone(),
            outcome,
            revision,
            message,
            note,
            millis: millis(began.elapsed()),
        };
        let went = tokio::select! {
            biased;
            _ = signals.next() => {
                let why = "a signal came while it was being sent back: look whether it was".to_owned();
                undone.push(one(UndoOutcome::Unknown, None, why, None));
                break;
            }
            went = go_back(live, &stream, &uid, generation, gate.undo) => went,
        };
        match went {
            Err(why) => undone.push(one(UndoOutcome::Refused, None, why, None)),
            Ok((plan, None)) => {
                let message = format!("would go back to {}", named(&plan));
                undone.push(one(UndoOutcome::DryRun, Some(plan.revision), message, plan.note));
            }
            Ok((plan, Some(now))) => {
                let generation = now.pointer("/metadata/generation").and_then(Value::as_i64);
                let target = Target { uid: Some(uid), generation, ..Target::from(stream) };
                sent.push(SentBack { target, plan });
            }
        }
    }
    if sent.is_empty() {
        return undone;
    }
    for SentBack { target, plan } in &sent {
        let Stream { kind, .. } = &target.stream;
        let name = target.stream.name().unwrap_or_default();
        if !gate.quiet {
            let text = format!("going back: {}/{name} to {}", kind.command_word(), named(plan));
            env.complain(&(Untrusted::new(&text).for_terminal(&gate.reports.redactor) + "\n"));
        }
    }
    let seen = (session.store.server().cloned(), began);
    undone.extend(watched(sent, seen, live, gate, display, env, signals).await);
    undone
}

/// The targets whose rollout failed or timed out, with the uid and generation that were judged.
fn candidates(session: &Session) -> Vec<(Stream, String, i64)> {
    let failed = session.guards.iter().filter(|guard| {
        let deleted = Verdict::Failed(CauseCode::TargetDeleted);
        let verdict = guard.verdict().map(|(verdict, _)| verdict);
        matches!(verdict, Some(Verdict::Failed(_) | Verdict::TimedOut(_))) && verdict != Some(&deleted)
    });
    failed
        .filter_map(|guard| {
            let metadata = &guard.last.workload.as_ref()?.metadata;
            Some((guard.stream().clone(), metadata.uid.clone(), metadata.generation))
        })
        .collect()
}

/// Plans the way back and, unless this is a dry run, takes it; the object as it is then.
async fn go_back(
    live: &Live,
    stream: &Stream,
    uid: &str,
    generation: i64,
    how: Undo,
) -> Result<(Plan, Option<Value>), String> {
    let Stream { kind, namespace, .. } = stream;
    let name = stream.name().unwrap_or_default();
    let Some(history_kind) = history_kind(*kind) else {
        return Err(format!("a {kind} has no earlier revision"));
    };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let object =
            live.object(*kind, namespace, name).await.map_err(|refusal| not_allowed(*kind, &refusal))?;
        let now = object.pointer("/metadata/generation").and_then(Value::as_i64);
        if object.pointer("/metadata/uid").and_then(Value::as_str) != Some(uid) || now != Some(generation) {
            return Err("it was changed after it was judged, perhaps by a fix".to_owned());
        }
        let selector = object.pointer("/spec/selector").cloned().unwrap_or_default();
        let labels = serde_json::from_value::<LabelSelector>(selector).unwrap_or_default().to_query();
        let history = live
            .objects(history_kind, namespace, &labels)
            .await
            .map_err(|refusal| not_allowed(*kind, &refusal))?;
        let plan = plan(*kind, &object, &history)?;
        if how == Undo::DryRun {
            return Ok((plan, None));
        }
        match live.patch(*kind, namespace, name, plan.content_type, &plan.body).await {
            Ok(now) => return Ok((plan, Some(now))),
            Err(refusal) if refusal.code == 409 && attempt < ATTEMPTS => {}
            Err(refusal) => return Err(not_allowed(*kind, &refusal)),
        }
    }
}

fn not_allowed(kind: Kind, refusal: &Refusal) -> String {
    let Refusal { code, asked, message } = refusal;
    if *code == 403 {
        return format!(
            "the API server forbids to {asked}: {message}; grant get and patch on {}",
            kind.plural()
        );
    }
    format!("cannot {asked}: {message}")
}

/// `revision 3 (image shop/web:1.2)`.
fn named(plan: &Plan) -> String {
    let plural = if plan.images.len() == 1 { "" } else { "s" };
    format!("revision {} (image{plural} {})", plan.revision, plan.images.join(", "))
}

/// Watches what was sent back to its end, within a budget like that of the rollout.
async fn watched(
    sent: Vec<SentBack>,
    (server, began): (Option<Server>, Instant),
    live: &Live,
    gate: &Gate,
    display: Display,
    env: &mut Env,
    signals: &mut Signals,
) -> Vec<Undone> {
    let policy = Policy { follow: false, fail_fast: false, ..gate.policy.clone() };
    let started = env.now();
    let targets: Vec<Target> = sent.iter().map(|sent| sent.target.clone()).collect();
    let mut session = Session::new(started, targets, policy);
    if let Some(server) = server {
        let what = Observed::Connected(server);
        session.observe(Observation { at: Duration::ZERO, what });
    }
    let mut ui = Ui::new(gate.ui, started, env.terminal_size(), display.stderr_color, &gate.reports.redactor);
    let stderr = &mut env.stderr;
    let nobody: &mut Option<Writer<std::io::Sink>> = &mut None;
    let show = &mut |news: News<'_>, _: &Session| {
        if let News::Progress(progress) = news {
            ui.update(progress, progress.elapsed, stderr);
        }
    };
    gate::drive(&mut session, &mut live.again(), nobody, signals, Ui::FRAME, show).await;
    ui.finish(stderr);
    let report = session.report();
    let millis = millis(began.elapsed());
    sent.into_iter().enumerate().map(|(index, sent)| ended(sent, index, &report, millis)).collect()
}

/// How one of them ended, by the report of the second wait.
fn ended(sent: SentBack, index: usize, report: &Report, millis: u64) -> Undone {
    let SentBack { target, plan } = sent;
    let told = report.targets.get(index);
    let (outcome, how) = match told.map(|told| told.verdict) {
        Some(VerdictName::Complete) => (UndoOutcome::Complete, "went back to"),
        Some(VerdictName::Failed) => (UndoOutcome::Failed, "failed as well on the way back to"),
        Some(VerdictName::TimedOut) => (UndoOutcome::TimedOut, "time was up on the way back to"),
        _ => (UndoOutcome::Unknown, "was sent back, and its end was not seen, to"),
    };
    let summary = told.map(|told| told.summary.clone()).unwrap_or_default();
    // What to do about the first failure has been told; this is about the second.
    let stuck = told.filter(|told| told.verdict != VerdictName::Complete);
    let advice = stuck.and_then(|told| told.causes.first()?.help.first().cloned());
    Undone {
        target: target.stream,
        outcome,
        revision: Some(plan.revision),
        message: format!("{how} {}: {summary}", named(&plan)),
        note: plan.note.or(advice),
        millis,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
