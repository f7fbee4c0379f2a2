//! The decision as a table.

use super::*;
use crate::diagnose::{Evidence, Finding};
use crate::model::{Kind, ObjectRef};

fn standing(code: CauseCode, ripe: bool) -> Standing {
    let pod = ObjectRef::named(Kind::Pod, "shop", "web-1");
    let finding = Finding::new(code, "app", pod, "headline", Evidence::absence("nothing"));
    Standing { finding, since: Duration::ZERO, ripe, ends: None }
}

fn live() -> Sight {
    Sight {
        health: StreamHealth::Live,
        since: Duration::ZERO,
        listed: true,
        proved: None,
        seen: None,
        behind: false,
    }
}

fn down() -> Sight {
    Sight { health: StreamHealth::Interrupted { message: "refused".into() }, ..live() }
}

fn refusal() -> Refusal {
    Refusal { code: 403, asked: "list pods".into(), message: "forbidden".into() }
}

fn forbidden() -> Sight {
    Sight { health: StreamHealth::Refused(refusal()), ..live() }
}

struct Case {
    at: u64,
    signal: Option<Signal>,
    presence: Presence,
    workload: Option<Sight>,
    pods: Option<Refusal>,
    blind: Option<&'static str>,
    settled: Settled,
    standing: Vec<Standing>,
    unjudgeable: Option<&'static str>,
    policy: Policy,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            at: 5,
            signal: None,
            presence: Presence::Here,
            workload: Some(live()),
            pods: None,
            blind: None,
            settled: Settled::NotComplete,
            standing: Vec::new(),
            unjudgeable: None,
            policy: Policy::default(),
        }
    }
}

impl Case {
    fn judge(&self) -> Judgement {
        judge(&Facts {
            now: Duration::from_secs(self.at),
            policy: &self.policy,
            signal: self.signal,
            presence: self.presence,
            workload_sight: self.workload.as_ref(),
            pods_refused: self.pods.as_ref(),
            blind: self.blind,
            unjudgeable: self.unjudgeable,
            settled: &self.settled,
            standing: &self.standing,
        })
    }

    fn reason(&self) -> &'static str {
        match self.judge() {
            Judgement::Wait => "wait",
            Judgement::Stop(verdict) => verdict.reason(),
        }
    }
}

const LATE: u64 = 11 * 60;

#[test]
fn completion_beats_a_ripe_cause_in_the_same_instant() {
    let standing = vec![standing(CauseCode::ContainerCrashing, true)];
    assert_eq!(Case { settled: Settled::Settled, standing, ..Case::default() }.reason(), "complete");
}

#[test]
fn a_cause_ends_the_wait_only_when_ripe() {
    let case = |ripe| Case { standing: vec![standing(CauseCode::ImageNotFound, ripe)], ..Case::default() };
    assert_eq!(case(false).reason(), "wait");
    assert_eq!(case(true).reason(), "image-not-found");
}

#[test]
fn a_passed_deadline_takes_the_name_of_what_explains_it() {
    let explained = vec![
        standing(CauseCode::ProgressDeadlineExceeded, true),
        standing(CauseCode::ReadinessProbeFailing, false),
    ];
    assert_eq!(Case { standing: explained, ..Case::default() }.reason(), "readiness-probe-failing");
    let alone = vec![standing(CauseCode::ProgressDeadlineExceeded, true)];
    assert_eq!(Case { standing: alone, ..Case::default() }.reason(), "progress-deadline-exceeded");
}

#[test]
fn time_up_says_what_was_going_on() {
    let late = || Case { at: LATE, ..Case::default() };
    assert_eq!(late().reason(), "progressing");
    let until = Duration::from_secs(LATE + 5);
    let settled = Settled::Waiting { until, reason: "pod web-1".into() };
    assert_eq!(Case { settled, ..late() }.reason(), "settling");
    let standing = vec![standing(CauseCode::RegistryUnreachable, false)];
    let case = Case { standing, ..late() };
    assert_eq!(case.reason(), "registry-unreachable");
    assert!(matches!(case.judge(), Judgement::Stop(Verdict::TimedOut(_))));
}

#[test]
fn a_lost_connection_is_never_a_failed_rollout() {
    assert_eq!(Case { at: LATE, workload: Some(down()), ..Case::default() }.reason(), "unreachable");
    assert_eq!(Case { at: LATE, workload: None, ..Case::default() }.reason(), "unreachable");
    assert_eq!(Case { workload: Some(down()), ..Case::default() }.reason(), "wait");
}

#[test]
fn a_cause_that_ripened_while_nothing_could_be_seen_waits_for_sight() {
    let ripe = || vec![standing(CauseCode::ImageNotFound, true)];
    let case = || Case { standing: ripe(), blind: Some("connection refused"), ..Case::default() };
    assert_eq!(case().reason(), "wait");
    let until = Duration::from_secs(LATE + 5);
    let settled = Settled::Waiting { until, reason: "the connection".into() };
    assert_eq!(Case { at: LATE, settled, standing: Vec::new(), ..case() }.reason(), "unreachable");
}

#[test]
fn without_pods_nothing_settles_unless_asked_not_to() {
    let case = Case { pods: Some(refusal()), settled: Settled::Settled, ..Case::default() };
    assert_eq!(case.reason(), "pods-not-readable");
    let policy = Policy { stable_for: StableFor::For(Duration::ZERO), ..Policy::default() };
    assert_eq!(Case { policy, ..case }.reason(), "complete");
}

#[test]
fn credentials_that_are_not_accepted_are_no_missing_permission() {
    let rejected = || Refusal { code: 401, message: "Unauthorized".into(), ..refusal() };
    let workload = Sight { health: StreamHealth::Refused(rejected()), ..live() };
    assert_eq!(Case { workload: Some(workload), ..Case::default() }.reason(), "credentials-rejected");
    assert_eq!(Case { pods: Some(rejected()), ..Case::default() }.reason(), "credentials-rejected");
}

#[test]
fn a_server_that_is_not_trusted_is_no_missing_permission() {
    let distrusted = || Refusal { code: 0, message: "cannot trust https://k8s".into(), ..refusal() };
    let workload = Sight { health: StreamHealth::Refused(distrusted()), ..live() };
    assert_eq!(Case { workload: Some(workload), ..Case::default() }.reason(), "server-not-usable");
    assert_eq!(Case { pods: Some(distrusted()), ..Case::default() }.reason(), "server-not-usable");
}

#[test]
fn presence_decides_before_anything_else() {
    let case = |presence| Case { at: 12, presence, settled: Settled::Settled, ..Case::default() };
    assert_eq!(case(Presence::Absent).reason(), "not-found");
    assert_eq!(case(Presence::Replaced).reason(), "rollout-superseded");
    assert_eq!(case(Presence::Gone(Duration::from_secs(2))).reason(), "target-deleted");
    assert_eq!(case(Presence::Gone(Duration::from_secs(3))).reason(), "wait");
    assert_eq!(Case { workload: Some(forbidden()), ..Case::default() }.reason(), "workload-not-readable");
    for presence in [Presence::Absent, Presence::Gone(Duration::from_secs(2))] {
        let dark = |at| Case { at, presence, workload: Some(down()), ..Case::default() };
        assert_eq!(dark(12).reason(), "wait");
        assert_eq!(dark(Policy::default().timeout.as_secs()).reason(), "unreachable");
    }
}

#[test]
fn a_single_look_ends_with_what_it_sees() {
    let policy = Policy { instant: true, ..Policy::default() };
    assert_eq!(Case { policy: policy.clone(), ..Case::default() }.reason(), "progressing");
    assert_eq!(
        Case { policy: policy.clone(), presence: Presence::Unknown, ..Case::default() }.reason(),
        "wait"
    );
    let standing = vec![standing(CauseCode::ImageNotFound, false)];
    assert_eq!(Case { standing, policy, ..Case::default() }.reason(), "image-not-found");
}

#[test]
fn what_says_nothing_is_not_judged_and_a_cause_below_it_still_is() {
    let case = |standing| Case { unjudgeable: Some("no conditions"), standing, ..Case::default() };
    let silent = case(Vec::new());
    assert_eq!(silent.reason(), "not-judgeable");
    assert!(matches!(silent.judge(), Judgement::Stop(Verdict::Indeterminate(_))));
    assert_eq!(case(vec![standing(CauseCode::ImageNotFound, true)]).reason(), "image-not-found");
}

#[test]
fn a_signal_ends_everything() {
    let case = Case { signal: Some(Signal::Terminate), settled: Settled::Settled, ..Case::default() };
    assert_eq!(case.reason(), "interrupted");
}
