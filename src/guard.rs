//! One target under watch: its baseline, its memory, and its verdict once there is one.

mod endpoints;
mod enough;
mod excuse;
mod kinds;
mod meant;
mod movement;
mod pending;
mod pinned;
#[cfg(test)]
pub(crate) mod proofs;
mod sight;
mod silence;
mod starting;
mod unchanged;

use std::cmp::Ordering;
use std::time::Duration;

use crate::diagnose::{CauseCode, diagnose, has_images, old_pod_remains, stalled, target_deleted};
use crate::guard::kinds::{
    MEANING_WITHIN, TROUBLE_AFTER, await_old_pods, ended_job, may_stall, planned_start, settles_by_pods,
};
use crate::guard::movement::Movement;
use crate::history::{History, replicas};
use crate::ledger::{Ledger, Standing};
use crate::model::{PodTemplate, Rollout, Store, Workload, below, streams};
use crate::observation::{Answer, Request, Stream, Target, Want};
use crate::planted::{self, Bug};
use crate::policy::{Applied, Policy};
use crate::report::Replicas;
use crate::settle::{Settled, Settling, some_have_settled};
use crate::status::{Status, assess};
use crate::verdict::{Facts, Judgement, Presence, Verdict, gone_for, judge};

/// A target and all that is remembered of it.
#[derive(Debug)]
pub(crate) struct Guard {
    target: Target,
    /// The uid the target had when it was applied, or when we first saw it.
    uid: Option<String>,
    /// The template that was the newest when the spec was first observed ([`Rollout::template_identity`]).
    template: Option<String>,
    /// The template in the spec when it was first seen: what tells a change before the controller has looked at it.
    asked: Option<PodTemplate>,
    /// The Deployment's revision at that time.
    revision: Option<String>,
    /// The generation or revision that is asked for has been seen; true where none is.
    arrived: bool,
    /// The template had every expected image at the last look.
    meets_expectations: bool,
    gone_since: Option<Duration>,
    ledger: Ledger,
    settling: Settling,
    pub(crate) history: History,
    movement: Movement,
    /// When it was last seen not to be complete, or otherwise than before: what it was in between may not have been shown.
    moved_at: Option<Duration>,
    /// Since when the object says nothing that can be judged.
    meaningless_since: Option<Duration>,
    /// Since when only nodes that might be excused keep a DaemonSet from going on.
    blocked_since: Option<Duration>,
    /// Since when there has been no pod and nothing that says why.
    silent_since: Option<Duration>,
    /// When a verdict that wants evidence was first reached.
    deciding_since: Option<Duration>,
    /// That verdict, while it waits.
    pending: Option<Verdict>,
    /// Since when a pass waits for what may be said beside it.
    comparing_since: Option<Duration>,
    /// What the last look showed; the report is made from it.
    pub(crate) last: Look,
    verdict: Option<(Verdict, Duration)>,
}

/// What one look at the target showed.
#[derive(Debug, Default)]
pub(crate) struct Look {
    /// The workload as last seen; kept after it is gone.
    pub(crate) workload: Option<Workload>,
    pub(crate) replicas: Replicas,
    pub(crate) waiting_for: String,
    /// Why the object cannot be judged, if it cannot.
    pub(crate) unjudgeable: Option<String>,
    pub(crate) standing: Vec<Standing>,
    /// Ready pods of older revisions.
    pub(crate) old_ready: i64,
    /// So many pods were enough, and there are fewer than were asked for.
    pub(crate) enough: Option<i64>,
    /// Nodes that a DaemonSet is excused on.
    pub(crate) excused_nodes: usize,
    /// By what policy it was judged.
    pub(crate) applied: Applied,
}

/// What a look asks for.
#[derive(Debug)]
pub(crate) struct Outlook {
    pub(crate) requests: Vec<Request>,
    /// When to look again even if nothing arrives, since the start of the run.
    pub(crate) wake: Duration,
}

/// No counter has got better for this long, times `--patience`: none will.
const STALLED_AFTER: Duration = Duration::from_secs(600);
/// And at least for this long: what Kubernetes takes to say what is wrong (40 s for a silent node, two minutes for a
/// volume that is not mounted) knows nothing of our patience.
const STALLED_NOT_BEFORE: Duration = Duration::from_secs(180);
/// Looks are at least this frequent while nothing arrives.
const IDLE: Duration = Duration::from_secs(5);

impl Guard {
    pub(crate) fn new(target: impl Into<Target>) -> Self {
        let target = target.into();
        Self {
            uid: target.uid.clone(),
            target,
            template: None,
            asked: None,
            revision: None,
            arrived: false,
            meets_expectations: true,
            gone_since: None,
            ledger: Ledger::default(),
            settling: Settling::default(),
            history: History::default(),
            movement: Movement::default(),
            moved_at: None,
            meaningless_since: None,
            blocked_since: None,
            silent_since: None,
            deciding_since: None,
            comparing_since: None,
            pending: None,
            last: Look::default(),
            verdict: None,
        }
    }

    /// The stream of the object that the target names.
    pub(crate) const fn stream(&self) -> &Stream {
        &self.target.stream
    }

    /// What was known of the target beforehand.
    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// The verdict and when it was reached, once there is one; it never changes.
    pub(crate) const fn verdict(&self) -> Option<(&Verdict, Duration)> {
        match &self.verdict {
            Some((verdict, at)) => Some((verdict, *at)),
            None => None,
        }
    }

    /// Looks at the target and judges it.
    pub(crate) fn look(&mut self, store: &Store, policy: &Policy) -> Outlook {
        let now = store.now();
        let shown = store.workload(&self.target.stream);
        if let Some(workload) = shown {
            self.last.applied = policy.for_workload(&workload.metadata.annotations.guard);
        }
        let applied = shown.map(|_| self.last.applied.policy.clone());
        let policy = applied.as_ref().unwrap_or(policy);
        let mut outlook = Outlook {
            requests: vec![Request::once(Want::Watch(self.target.stream.clone()))],
            wake: now + IDLE,
        };
        if self.verdict.is_some() {
            return outlook;
        }
        if let Some(end) = store.failed_command().filter(|_| store.signal().is_none()) {
            self.never_began(end, now);
            return outlook;
        }
        let workload = shown
            .filter(|workload| !self.is_outdated(workload))
            .or_else(|| ended_job(store, &self.target.stream));
        let rollout = workload
            .map(|workload| Rollout::new(store, workload, policy.accepted()).towards(policy.goal.as_ref()))
            .map(|rollout| sight::without_what_is_refused(rollout, policy));
        let presence = self.presence(store, rollout.as_ref(), policy);
        let taken_over = rollout.as_ref().filter(|_| presence == Presence::Replaced).and_then(|rollout| {
            let found = self.taken_over(rollout, policy);
            outlook.requests.extend(found.requests);
            found.findings.into_iter().next()
        });
        let mut settled = Settled::NotComplete;
        if let Some(rollout) = &rollout {
            settled = self.examine(rollout, policy, &mut outlook);
        } else {
            "the API server to show the target".clone_into(&mut self.last.waiting_for);
        }
        if let Presence::Gone(since) = presence
            && let Some(gone) = self.last.workload.clone().or_else(|| self.unseen())
        {
            self.last.standing =
                vec![Standing { finding: target_deleted(&gone), since, ripe: true, ends: None }];
        }
        if let Some(finding) = taken_over {
            self.last.standing = vec![Standing { finding, since: now, ripe: true, ends: None }];
        }
        if presence == Presence::Absent && now < policy.wait_for_create {
            "it to be created".clone_into(&mut self.last.waiting_for);
            outlook.wake = outlook.wake.min(policy.wait_for_create);
        } else if presence == Presence::Absent {
            let Stream { kind, namespace, .. } = &self.target.stream;
            let names = Want::Names { kind: *kind, namespace: namespace.clone() };
            // A namespace that does not exist has as much in it as one that is empty.
            if !namespace.is_empty() && store.answer(&names) == Some(&Answer::Names(Vec::new())) {
                outlook.requests.push(Request::once(Want::Namespace { name: namespace.clone() }));
            }
            outlook.requests.push(Request::once(names));
            let name = self.target.stream.name().unwrap_or_default().to_owned();
            outlook.requests.push(Request::once(Want::Namespaces { kind: *kind, name }));
        }
        // Without what tells the pods of the newest template from others there are as good as no pods.
        let pods = workload
            .filter(|workload| settles_by_pods(workload))
            .and_then(|workload| streams(workload).iter().find_map(|stream| store.refused(stream)));
        let unjudgeable = self.meaning_is_missing(now, policy);
        let judgement = judge(&Facts {
            now,
            policy,
            signal: store.signal(),
            presence,
            workload_sight: store.sight(&self.target.stream),
            pods_refused: pods,
            blind: workload.and_then(|workload| self.blind(store, workload)),
            unjudgeable: unjudgeable.as_deref(),
            settled: &settled,
            standing: &self.last.standing,
        });
        match judgement {
            Judgement::Stop(verdict) if !self.waits_for_proof(store, &verdict, policy, &mut outlook) => {
                self.verdict = Some((verdict, now));
            }
            Judgement::Stop(verdict) => {
                self.pending = Some(verdict);
                outlook.wake = outlook.wake.min(now + Duration::from_millis(250));
            }
            Judgement::Wait => {
                self.deciding_since = None;
                self.pending = None;
            }
        }
        self.look_before_the_deadline(now, policy, &mut outlook);
        let moments = [self.gone_since.map(|since| since + gone_for(policy)), Some(policy.timeout)];
        for moment in moments.into_iter().flatten().filter(|moment| *moment > now) {
            outlook.wake = outlook.wake.min(moment);
        }
        outlook
    }

    /// Status, causes, settling: everything that needs the workload to be there.
    fn examine(&mut self, rollout: &Rollout<'_>, policy: &Policy, outlook: &mut Outlook) -> Settled {
        let (store, workload) = (rollout.store(), rollout.workload);
        let now = store.now();
        for stream in streams(workload) {
            outlook.requests.push(Request::once(Want::Watch(stream)));
        }
        let status = assess(rollout);
        let version = &workload.metadata.resource_version;
        let moved = self.last.workload.as_ref().is_none_or(|last| last.metadata.resource_version != *version);
        if moved || !matches!(status, Status::Complete) {
            self.moved_at = Some(now);
        }
        let in_trouble = !matches!(status, Status::Complete) && (policy.instant || now >= TROUBLE_AFTER);
        outlook.requests.extend(meant::revisions_of(workload, &policy.expect, in_trouble));
        if in_trouble {
            outlook
                .requests
                .extend(below(workload).into_iter().map(|stream| Request::once(Want::Watch(stream))));
        }
        // Between a change of the spec (a scaling, too) and the controller's look at it nothing is known; what
        // was settling goes on settling.
        let mut settled = Settled::NotComplete;
        let mut remaining = None;
        if !matches!(status, Status::NotObserved { .. }) {
            let (state, requests) = self.settling.update(rollout, status == Status::Complete, policy);
            let state = self.enough(rollout, &status, state, policy);
            let (state, old) =
                if policy.old_pods_gone { await_old_pods(rollout, state) } else { (state, None) };
            remaining = old;
            if status == Status::Complete && state != Settled::Settled {
                outlook.requests.extend(sight::reread(workload));
            }
            settled = self.believed(state, status == Status::Complete, store, workload, policy, outlook);
            settled = endpoints::served(rollout, settled, policy, &mut outlook.requests);
            settled = self.compared_with_config(rollout, settled, policy, &mut outlook.requests);
            outlook.requests.extend(requests);
        }
        let mut found = diagnose(rollout, &policy.expect);
        self.ask_about_silence(rollout, policy, &mut found);
        found.findings.extend(remaining.map(|pod| old_pod_remains(rollout, pod)));
        // What is not the rollout that was meant cannot complete as it.
        let another = found.findings.iter().any(|finding| finding.code == CauseCode::ImageNotUpdated);
        if another || !self.arrived {
            settled = Settled::NotComplete;
        }
        found.requests.retain(|request| match request.want {
            Want::Logs(_) => policy.logs,
            Want::Registry(_) => policy.asks.registry,
            Want::Trial(_) => policy.asks.dry_run,
            _ => true,
        });
        outlook.requests.extend(found.requests.into_iter().map(|request| sight::unhurried(request, store)));
        let counters = replicas(rollout);
        let still = self.movement.stands_still(now, workload.status.observed_generation, counters);
        if still >= policy.scaled(STALLED_AFTER).max(STALLED_NOT_BEFORE) + planned_start(rollout)
            && may_stall(rollout)
            && settled == Settled::NotComplete
            && !matches!(status, Status::Complete)
        {
            found.findings.push(stalled(rollout, still.as_secs()));
        }
        let fine = some_have_settled(rollout, policy);
        self.last.standing = if policy.instant {
            self.ledger.update_from_ages(rollout, found.findings, fine, policy.patience)
        } else {
            self.ledger.update(now, found.findings, fine, policy.patience)
        };
        Self::excuse(&mut self.last.standing, rollout, policy);
        self.hold_for_nodes(rollout);
        self.history.observe(rollout, &self.last.standing);
        for ends in self.last.standing.iter().filter_map(|standing| standing.ends.as_ref()) {
            for moment in [*ends.start(), *ends.end()].into_iter().filter(|moment| *moment > now) {
                outlook.wake = outlook.wake.min(moment);
            }
        }
        if let Settled::Waiting { until, .. } = &settled {
            outlook.wake = outlook.wake.min(*until);
        }
        let refreshes = outlook.requests.iter().filter_map(|request| request.refresh);
        outlook.wake = refreshes.fold(outlook.wake, |wake, refresh| wake.min(now + refresh));
        self.last.waiting_for = match Self::awaited(rollout, policy) {
            Some(awaited) if !self.arrived => awaited,
            _ => waiting_for(&status, &settled),
        };
        self.last.unjudgeable = match status {
            Status::Unjudgeable { why } => Some(why),
            _ => None,
        };
        self.last.replicas = counters;
        self.last.excused_nodes = rollout.excused.nodes().count();
        self.last.old_ready =
            i64::try_from(rollout.old_pods.iter().filter(|pod| pod.is_ready()).count()).unwrap_or(i64::MAX);
        self.last.workload = Some(workload.clone());
        settled
    }

    /// Where the target is, against the baseline of the first look.
    fn presence(&mut self, store: &Store, rollout: Option<&Rollout<'_>>, policy: &Policy) -> Presence {
        let now = store.now();
        let Some(rollout) = rollout else {
            let listed = store.sight(&self.target.stream).is_some_and(|sight| sight.listed);
            let outdated = store.workload(&self.target.stream).is_some();
            let seen = self.last.workload.is_some();
            return match &self.uid {
                _ if outdated || !(listed || seen) => Presence::Unknown,
                Some(_) => Presence::Gone(*self.gone_since.get_or_insert(now)),
                None => Presence::Absent,
            };
        };
        let workload = rollout.workload;
        let uid = &workload.metadata.uid;
        let current = rollout.template_identity().map(ToOwned::to_owned);
        let same_object = self.uid.as_ref().is_none_or(|known| known == uid);
        let same_template = match (&self.template, &current) {
            (Some(known), Some(current)) => known == current,
            _ => self.asked.as_ref().is_none_or(|asked| *asked == workload.spec.template),
        };
        if !(same_object && same_template) {
            // An image that is expected arrives late, or is set back: the rule of it decides.
            let met = has_images(workload, &policy.expect);
            let is_meant = self.arrived && self.meets_expectations;
            let follow = policy.follow || planted::is(Bug::FollowNewUid);
            if !follow && (!same_object || is_meant && met) {
                return Presence::Replaced;
            }
            self.ledger = Ledger::default();
            self.settling = Settling::default();
            self.movement = Movement::default();
            self.template = None;
            self.asked = None;
        }
        let was_meant = self.arrived && self.meets_expectations;
        if !self.arrived {
            match Self::compare(rollout, policy) {
                Ordering::Less => {}
                Ordering::Equal => self.arrived = true,
                Ordering::Greater => return Presence::Replaced,
            }
        }
        self.meets_expectations = has_images(workload, &policy.expect);
        if !was_meant && self.arrived && self.meets_expectations {
            // What is meant has come: its template is the baseline as soon as the controller has looked at it.
            self.template = None;
            self.asked = None;
        }
        self.uid = Some(uid.clone());
        if current.is_some() {
            self.template = current;
            self.revision.clone_from(&workload.metadata.annotations.revision);
        }
        if self.asked.is_none() && workload.has_revisions() {
            self.asked = Some(workload.spec.template.clone());
        }
        // A Job that has ended is deleted by its TTL, or by whoever cleans up: its result stands.
        if workload.metadata.is_being_deleted() && workload.job_end().is_none() {
            return Presence::Gone(*self.gone_since.get_or_insert(now));
        }
        self.gone_since = None;
        Presence::Here
    }

    /// Why the object cannot be judged, once it has had time to say something that can be.
    fn meaning_is_missing(&mut self, now: Duration, policy: &Policy) -> Option<String> {
        let why = self.last.unjudgeable.clone();
        self.meaningless_since = why.as_ref().map(|_| self.meaningless_since.unwrap_or(now));
        let since = self.meaningless_since?;
        why.filter(|_| policy.instant || now.saturating_sub(since) >= MEANING_WITHIN)
    }

    /// Nothing will arrive any more: a verdict that waited for evidence stands without it.
    pub(crate) fn conclude(&mut self, now: Duration) {
        if let (None, Some(verdict)) = (&self.verdict, self.pending.take()) {
            self.verdict = Some((verdict, now));
        }
    }

    /// The cause that the report names first.
    pub(crate) fn root(&self) -> Option<CauseCode> {
        match self.verdict.as_ref().map(|(verdict, _)| verdict) {
            Some(Verdict::Failed(code)) => Some(*code),
            _ => self.last.standing.first().map(|standing| standing.finding.code),
        }
    }
}

/// The fragment after "waiting for".
fn waiting_for(status: &Status, settled: &Settled) -> String {
    if let Settled::Waiting { reason, .. } = settled {
        return reason.clone();
    }
    match status {
        Status::NotObserved { generation, .. } => {
            format!("the controller to look at generation {generation}")
        }
        Status::Paused | Status::Suspended => "somebody to resume it".to_owned(),
        Status::Failed { .. } => "its controller to try again".to_owned(),
        Status::PodEnded => "nothing: the pod has ended".to_owned(),
        Status::Unjudgeable { .. } => "a condition that tells whether it is complete".to_owned(),
        Status::UpdateOnDelete { .. } => "somebody to delete the old pods".to_owned(),
        Status::Progressing { missing } | Status::DeadlineExceeded { missing, .. } => missing.clone(),
        Status::ReplicaSetRefused { .. } => "the API server to accept the new ReplicaSet".to_owned(),
        Status::Complete => "the pods to be seen".to_owned(),
    }
}

#[cfg(test)]
mod tests;
