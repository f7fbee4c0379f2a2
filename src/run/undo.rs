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

/// How long a read is tried again. A moment of trouble must not cost the way back.
#[derive(Clone, Copy)]
struct Patience {
    /// After this no attempt begins, but for the second.
    limit: Duration,
    pause: Duration,
}

const PATIENCE: Patience = Patience { limit: Duration::from_secs(8), pause: Duration::from_secs(1) };

/// What became of one rollout that was to be sent back. (A refusal is an error, with its reason.)
#[derive(Debug)]
enum Went {
    /// Nothing was sent: it is a dry run.
    Planned(Plan),
    /// It was sent; the object as it was then.
    Sent(Plan, Value),
    /// The answer was lost, and the object does not say whether the patch was applied.
    Unknown(Plan, String),
}

/// What a way back asks of the API server.
trait Cluster {
    async fn object(&self, kind: Kind, namespace: &str, name: &str) -> Result<Value, Refusal>;
    async fn objects(&self, kind: Kind, namespace: &str, labels: &str) -> Result<Vec<Value>, Refusal>;
    async fn patch(&self, kind: Kind, namespace: &str, name: &str, plan: &Plan) -> Result<Value, Refusal>;
}

impl Cluster for Live {
    async fn object(&self, kind: Kind, namespace: &str, name: &str) -> Result<Value, Refusal> {
        Self::object(self, kind, namespace, name).await
    }

    async fn objects(&self, kind: Kind, namespace: &str, labels: &str) -> Result<Vec<Value>, Refusal> {
        Self::objects(self, kind, namespace, labels).await
    }

    async fn patch(&self, kind: Kind, namespace: &str, name: &str, plan: &Plan) -> Result<Value, Refusal> {
        Self::patch(self, kind, namespace, name, plan.content_type, &plan.body).await
    }
}

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
            went = go_back(live, &stream, &uid, generation, gate.undo, PATIENCE) => went,
        };
        match went {
            Err(why) => undone.push(one(UndoOutcome::Refused, None, why, None)),
            Ok(Went::Planned(plan)) => {
                let message = format!("would go back to {}", named(&plan));
                undone.push(one(UndoOutcome::DryRun, Some(plan.revision), message, plan.note));
            }
            Ok(Went::Unknown(plan, why)) => {
                undone.push(one(UndoOutcome::Unknown, Some(plan.revision), why, plan.note));
            }
            Ok(Went::Sent(plan, now)) => {
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

/// Plans the way back and, unless this is a dry run, takes it.
///
/// # Errors
/// Why it was not taken.
async fn go_back(
    cluster: &impl Cluster,
    stream: &Stream,
    uid: &str,
    generation: i64,
    how: Undo,
    patience: Patience,
) -> Result<Went, String> {
    let Stream { kind, namespace, .. } = stream;
    let name = stream.name().unwrap_or_default();
    let Some(history_kind) = history_kind(*kind) else {
        return Err(format!("a {kind} has no earlier revision"));
    };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let object = read(patience, async || cluster.object(*kind, namespace, name).await)
            .await
            .map_err(|refusal| not_allowed(*kind, &refusal))?;
        if !is_as_judged(&object, uid, generation) {
            return Err("it was changed after it was judged, perhaps by a fix".to_owned());
        }
        let selector = object.pointer("/spec/selector").cloned().unwrap_or_default();
        let labels = serde_json::from_value::<LabelSelector>(selector).unwrap_or_default().to_query();
        let history = read(patience, async || cluster.objects(history_kind, namespace, &labels).await)
            .await
            .map_err(|refusal| not_allowed(*kind, &refusal))?;
        let plan = plan(*kind, &object, &history)?;
        if how == Undo::DryRun {
            return Ok(Went::Planned(plan));
        }
        match cluster.patch(*kind, namespace, name, &plan).await {
            Ok(now) => return Ok(Went::Sent(plan, now)),
            Err(refusal) if refusal.code == 409 && attempt < ATTEMPTS => {}
            Err(lost) if decides_nothing(lost.code) => {
                return look_again(cluster, stream, (uid, generation), plan, &lost, patience).await;
            }
            Err(refusal) => return Err(not_allowed(*kind, &refusal)),
        }
    }
}

/// Reads until there is an answer, or a refusal that stays one.
async fn read<T>(patience: Patience, call: impl AsyncFn() -> Result<T, Refusal>) -> Result<T, Refusal> {
    let ends = Instant::now() + patience.limit;
    let mut attempt = 0;
    loop {
        attempt += 1;
        match call().await {
            Err(refusal) if may_heal(refusal.code) && may_go_on(attempt, ends, patience) => {
                tokio::time::sleep(patience.pause).await;
            }
            answer => return answer,
        }
    }
}

/// After a patch whose answer was lost: the object itself says whether it was applied. While it is as it was, the
/// patch may still be under way, so that is believed only at the end.
///
/// # Errors
/// It was not applied.
async fn look_again(
    cluster: &impl Cluster,
    stream: &Stream,
    (uid, generation): (&str, i64),
    plan: Plan,
    lost: &Refusal,
    patience: Patience,
) -> Result<Went, String> {
    let Stream { kind, namespace, .. } = stream;
    let name = stream.name().unwrap_or_default();
    let ends = Instant::now() + patience.limit;
    let why = not_allowed(*kind, lost);
    let unknown = |plan: Plan, then: &str| {
        let message = format!("it is unknown whether it went back to {}: {why}; then {then}", named(&plan));
        Ok(Went::Unknown(plan, message))
    };
    let mut attempt = 0;
    loop {
        attempt += 1;
        let seen = cluster.object(*kind, namespace, name).await;
        match &seen {
            Ok(now) if is_uid(now, uid) && plan.is_taken(now) => {
                return Ok(Went::Sent(plan, now.clone()));
            }
            Ok(now) if !is_as_judged(now, uid, generation) => {
                return unknown(plan, "it was found changed, and not to that revision: look what it is now");
            }
            _ if may_go_on(attempt, ends, patience) => {}
            Ok(_) => return Err(format!("{why}; it is still as it was")),
            Err(refusal) => {
                let then = format!("{}: look whether it did", not_allowed(*kind, refusal));
                return unknown(plan, &then);
            }
        }
        tokio::time::sleep(patience.pause).await;
    }
}

/// One attempt may have waited for all of the time by itself; so there are two at least.
fn may_go_on(attempt: u32, ends: Instant, patience: Patience) -> bool {
    attempt < 2 || Instant::now() + patience.pause < ends
}

/// No answer, or that of a server in trouble: what was asked for may have been done or not.
const fn decides_nothing(code: u16) -> bool {
    matches!(code, 0 | 500..)
}

/// As before the wait: a server that has just started refuses everybody for a moment.
const fn may_heal(code: u16) -> bool {
    decides_nothing(code) || matches!(code, 401 | 403 | 408 | 410 | 429)
}

fn is_uid(object: &Value, uid: &str) -> bool {
    object.pointer("/metadata/uid").and_then(Value::as_str) == Some(uid)
}

fn is_as_judged(object: &Value, uid: &str, generation: i64) -> bool {
    let now = object.pointer("/metadata/generation").and_then(Value::as_i64);
    is_uid(object, uid) && now == Some(generation)
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

#[cfg(test)]
mod tests;
