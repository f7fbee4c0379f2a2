//! Since when a cause stands, and whether it has stood long enough to end the wait.
//!
//! One failure signal is not a failure: each code has a tolerance, the time a cause may stand because it is
//! known to heal by itself (a tag that is pushed late, a ConfigMap applied a moment after the workload).

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::diagnose::{CauseCode, Family, Finding, Hold};
use crate::model::Rollout;

/// A cause together with its age.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) finding: Finding,
    /// First seen, since the start of the run.
    pub(crate) since: Duration,
    /// It may end the wait now.
    pub(crate) ripe: bool,
    /// From when and by when it ends the wait if it stays, since the start of the run: the first attempt that fails
    /// in between does. `None` if it alone never ends it.
    pub(crate) ends: Option<RangeInclusive<Duration>>,
}

/// The memory of causes between judgements.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: BTreeMap<(CauseCode, String), Entry>,
}

#[derive(Debug)]
struct Entry {
    since: Duration,
    /// Start of the tolerance: moved on while the cause is only announced.
    counted_since: Duration,
    last_seen: Duration,
    /// Failed attempts when the tolerance ran out.
    attempts_at_end: Option<u64>,
}

/// A cause that was not seen for this long is gone; shorter gaps lie between two states of one cause.
const FORGET_AFTER: Duration = Duration::from_secs(5);

/// A cause that some pods of the same template do not have is the node's or the moment's, not the template's.
const TOLERANCE_WHEN_SOME_ARE_FINE: Duration = Duration::from_secs(300);

/// How long a cause of that code may stand. The classes are T0 (at least two looks) to T4 (infrastructure).
const fn tolerance(code: CauseCode) -> Duration {
    use CauseCode as C;
    let seconds = match code {
        // T0: the text is a function of the spec alone.
        C::ManifestInvalid
        | C::FieldUnknown
        | C::FieldImmutable
        | C::ApiRemoved
        | C::ApplyConflict
        | C::ApplyForbidden
        | C::NamespaceMissing
        | C::ApplyFailed
        | C::ImageNameInvalid
        | C::ImageNeverPulled
        | C::RunAsRootRefused
        | C::RolloutPaused
        | C::JobSuspended
        | C::JobFailed
        | C::PodFailed
        | C::UpdateOnDelete
        | C::RolloutSuperseded
        | C::RolledBack
        | C::TargetDeleted => 3,
        // T1: deterministic unless a sibling object changes.
        C::ImagePlatformMismatch
        | C::CommandNotFound
        | C::CommandNotExecutable
        | C::ContainerCannotStart
        | C::ExecFormatError
        | C::MemoryLimitTooSmall
        | C::ProbeMisconfigured
        | C::LimitRangeExceeded
        | C::LimitRangeDefaultConflict
        | C::QuotaRequiresResources
        | C::PodSecurityViolation
        | C::AdmissionWebhookDenied
        | C::AdmissionPolicyDenied
        | C::PriorityClassMissing
        | C::RuntimeClassMissing
        | C::ImageNotUpdated
        | C::PodInvalid
        | C::EnvFileUnusable
        | C::NodeRejectedPod
        | C::PodEvicted
        | C::ObjectFailed
        | C::ObjectNotReady => 15,
        // T2: a companion object may come from the same pipeline.
        C::ImageNotFound
        | C::ImageTagMissing
        | C::ImageRepositoryMissing
        | C::ConfigMapMissing
        | C::SecretMissing
        | C::ConfigMapKeyMissing
        | C::SecretKeyMissing
        | C::QuotaExceeded
        | C::QuotaSurgeDeadlock
        | C::ServiceAccountMissing
        | C::NamespaceTerminating
        | C::SubPathMissing => 30,
        C::RegistryCertificateUntrusted | C::RegistryPlainHttp => 45,
        C::ImageAccessDenied
        | C::ImagePullSecretMissing
        | C::ImagePullSecretRejected
        | C::OldPodBlocking
        | C::OldPodRemains
        | C::InsufficientResources
        | C::NodeSelectorUnmatched
        | C::PodAffinityUnmatched
        | C::ClaimMissing
        | C::ClaimUnbound
        | C::StorageClassMissing
        | C::VolumeNodeMismatch
        | C::PodAntiAffinityConflict
        | C::TopologySpreadUnsatisfied
        | C::HostPortConflict
        | C::SchedulerMissing => 60,
        // An autoscaler looks every ten seconds and may change its mind once a node group has cooled down.
        C::AutoscalerRefused | C::NoNodes => 90,
        // T3: infrastructure that usually heals in this time.
        C::AdmissionWebhookUnavailable | C::UntoleratedTaint | C::VolumeMountFailed | C::SandboxFailed => 120,
        // T4: remote services and rate limits.
        C::RegistryRateLimited
        | C::RegistryUnreachable
        | C::ProvisioningFailed
        | C::VolumeAttachFailed
        // T5: rules count outcomes and say when they are ripe; this bounds what they leave to time.
        | C::ContainerCrashing
        | C::CrashAfterReady
        | C::MemoryLimitExceeded
        | C::InitContainerFailing
        | C::ContainerKilled
        | C::ContainerCompleted
        | C::PostStartHookFailed
        | C::LivenessProbeFailing
        | C::StartupProbeFailing
        | C::ReadinessProbeFailing
        | C::ReadinessFlapping
        // T6: a controller of the cloud opens it once its load balancer sends traffic.
        | C::ReadinessGateClosed
        | C::ProgressDeadlineExceeded
        | C::SchedulingGated
        | C::Stalled
        | C::Unknown => 300,
        // Five minutes after a node has fallen silent its pods are made anew elsewhere.
        C::NodeNotReady => 330,
        // The attach/detach controller takes a volume away by force after this time.
        C::VolumeMultiAttach => 360,
    };
    Duration::from_secs(seconds)
}

impl Ledger {
    /// Takes in what is found now; the order of the findings is kept.
    ///
    /// `some_are_fine`: pods of the same template have settled. `patience`: factor on every tolerance.
    pub(crate) fn update(
        &mut self,
        now: Duration,
        findings: Vec<Finding>,
        some_are_fine: bool,
        patience: f64,
    ) -> Vec<Standing> {
        let standing =
            findings
                .into_iter()
                .map(|finding| {
                    let entry =
                        self.entries.entry((one_matter(finding.code), finding.key.clone())).or_insert(
                            Entry { since: now, counted_since: now, last_seen: now, attempts_at_end: None },
                        );
                    entry.last_seen = now;
                    let allowed = allowed(&finding, some_are_fine, patience);
                    let (ripe, ends) = entry.ripeness(&finding, now, allowed);
                    Standing { since: entry.since, finding, ripe, ends }
                })
                .collect();
        self.entries.retain(|_, entry| now.saturating_sub(entry.last_seen) <= FORGET_AFTER);
        standing
    }

    /// Judges findings by how long their objects have existed, for a single look without a wait.
    #[expect(clippy::unused_self, reason = "the counterpart of `update`, which has a memory")]
    pub(crate) fn update_from_ages(
        &self,
        rollout: &Rollout<'_>,
        findings: Vec<Finding>,
        some_are_fine: bool,
        patience: f64,
    ) -> Vec<Standing> {
        findings
            .into_iter()
            .map(|finding| {
                let ripe = match finding.hold {
                    Hold::Ripe => true,
                    Hold::Announce => false,
                    Hold::Tolerance => age(rollout, &finding) >= allowed(&finding, some_are_fine, patience),
                };
                Standing { since: rollout.now(), finding, ripe, ends: None }
            })
            .collect()
    }
}

/// The age of a cause by the objects' own timestamps: no longer than its youngest pod, or its object, exists.
fn age(rollout: &Rollout<'_>, finding: &Finding) -> Duration {
    let is_about = |pod: &&&crate::model::Pod| {
        finding.pods.contains(&pod.metadata.name) || finding.subject.uid == pod.metadata.uid
    };
    let pods = rollout.pods.iter().chain(&rollout.old_pods).filter(is_about);
    let born = pods
        .filter_map(|pod| pod.metadata.creation_timestamp)
        .max()
        .or_else(|| rollout.creator()?.created())
        .or(rollout.workload.metadata.creation_timestamp);
    born.and_then(|born| Duration::try_from(rollout.server_now().duration_since(born)).ok())
        .unwrap_or_default()
}

/// Codes under which one failed pull is told, the more exact ones once the registry has answered: that changes what is
/// said, not since when it stands.
const fn one_matter(code: CauseCode) -> CauseCode {
    use CauseCode as C;
    match code {
        C::ImageTagMissing | C::ImageRepositoryMissing => C::ImageNotFound,
        code => code,
    }
}

fn allowed(finding: &Finding, some_are_fine: bool, patience: f64) -> Duration {
    let base = finding.tolerance.unwrap_or_else(|| tolerance(finding.code));
    // Room and admission are given pod by pod: that other pods got theirs says nothing about the template.
    // And pods that are fine are no sign that the template is the one that was meant.
    let pod_by_pod = matches!(
        finding.code.family(),
        Family::Quota | Family::Placement | Family::Admission | Family::Updated
    ) || is_about_one_claim(finding.code);
    let base = if some_are_fine && !pod_by_pod { base.max(TOLERANCE_WHEN_SOME_ARE_FINE) } else { base };
    base.mul_f64(patience.clamp(0.0, 1000.0))
}

/// Pods of a StatefulSet have a claim each, and a volume goes to one of several pods.
const fn is_about_one_claim(code: CauseCode) -> bool {
    use CauseCode as C;
    matches!(
        code,
        C::ClaimMissing
            | C::ClaimUnbound
            | C::StorageClassMissing
            | C::ProvisioningFailed
            | C::VolumeNodeMismatch
            | C::VolumeMultiAttach
    )
}

impl Entry {
    fn ripeness(
        &mut self,
        finding: &Finding,
        now: Duration,
        allowed: Duration,
    ) -> (bool, Option<RangeInclusive<Duration>>) {
        match finding.hold {
            Hold::Ripe => return (true, Some(now..=now)),
            Hold::Announce => {
                self.counted_since = now;
                self.attempts_at_end = None;
                return (false, None);
            }
            Hold::Tolerance => {}
        }
        let end = self.counted_since + allowed;
        let Some(attempts) = finding.attempts else { return (now >= end, Some(end..=end)) };
        // Whoever retries does so on a schedule slower than our clock: the tolerance ends at the first attempt
        // that fails after it ran out, and at twice its length at the latest.
        let cap = end + allowed;
        if now < end {
            return (false, Some(end..=cap));
        }
        let at_end = *self.attempts_at_end.get_or_insert(attempts);
        (attempts > at_end || now >= cap, Some(end..=cap))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::Evidence;
    use crate::model::{Kind, ObjectRef};

    fn finding(code: CauseCode) -> Finding {
        let pod = ObjectRef::named(Kind::Pod, "shop", "web-1");
        Finding::new(code, "app", pod, "headline", Evidence::absence("nothing"))
    }

    fn ripe(ledger: &mut Ledger, seconds: u64, finding: Finding) -> bool {
        let standing = ledger.update(Duration::from_secs(seconds), vec![finding], false, 1.0);
        standing.first().is_some_and(|standing| standing.ripe)
    }

    #[test]
    fn a_cause_ends_the_wait_only_after_its_tolerance() {
        let mut ledger = Ledger::default();
        assert!(!ripe(&mut ledger, 5, finding(CauseCode::LimitRangeExceeded)));
        assert!(!ripe(&mut ledger, 19, finding(CauseCode::LimitRangeExceeded)));
        assert!(ripe(&mut ledger, 20, finding(CauseCode::LimitRangeExceeded)));
    }

    #[test]
    fn a_slow_retry_gets_one_more_attempt_but_not_for_ever() {
        let mut ledger = Ledger::default();
        assert!(!ripe(&mut ledger, 0, finding(CauseCode::ImageNotFound).with_attempts(1)));
        assert!(!ripe(&mut ledger, 31, finding(CauseCode::ImageNotFound).with_attempts(2)));
        assert!(ripe(&mut ledger, 40, finding(CauseCode::ImageNotFound).with_attempts(3)));

        let mut ledger = Ledger::default();
        for (at, expected) in [(0, false), (30, false), (59, false), (60, true)] {
            let finding = finding(CauseCode::ImageNotFound).with_attempts(1);
            let standing = ledger.update(Duration::from_secs(at), vec![finding], false, 1.0);
            assert_eq!(standing[0].ripe, expected, "{at}");
        }
    }

    #[test]
    fn what_is_tried_again_ends_between_two_moments_that_do_not_move() {
        let mut ledger = Ledger::default();
        for at in [0, 29, 31, 59, 60] {
            let finding = finding(CauseCode::ImageNotFound).with_attempts(1);
            let standing = ledger.update(Duration::from_secs(at), vec![finding], false, 1.0);
            assert_eq!(standing[0].ends, Some(Duration::from_secs(30)..=Duration::from_secs(60)), "{at}");
        }
    }

    #[test]
    fn a_cause_that_was_gone_starts_again() {
        let mut ledger = Ledger::default();
        assert!(!ripe(&mut ledger, 0, finding(CauseCode::PodInvalid)));
        ledger.update(Duration::from_secs(9), Vec::new(), false, 1.0);
        assert!(!ripe(&mut ledger, 16, finding(CauseCode::PodInvalid)));
    }

    #[test]
    fn a_short_gap_does_not_restart_the_tolerance() {
        let mut ledger = Ledger::default();
        assert!(!ripe(&mut ledger, 0, finding(CauseCode::PodInvalid)));
        ledger.update(Duration::from_secs(3), Vec::new(), false, 1.0);
        assert!(ripe(&mut ledger, 16, finding(CauseCode::PodInvalid)));
    }

    #[test]
    fn while_a_cause_is_only_announced_its_tolerance_does_not_run() {
        let mut ledger = Ledger::default();
        let announced = || finding(CauseCode::ConfigMapMissing).with_hold(Hold::Announce);
        assert!(!ripe(&mut ledger, 0, finding(CauseCode::ConfigMapMissing)));
        assert!(!ripe(&mut ledger, 29, announced()));
        assert!(!ripe(&mut ledger, 31, finding(CauseCode::ConfigMapMissing)));
        assert!(ripe(&mut ledger, 60, finding(CauseCode::ConfigMapMissing)));
    }

    #[test]
    fn when_some_pods_are_fine_the_template_is_given_more_time() {
        let mut ledger = Ledger::default();
        let mut ripe_at = None;
        for at in 0..400 {
            let found = vec![finding(CauseCode::PodInvalid)];
            let standing = ledger.update(Duration::from_secs(at), found, true, 1.0);
            if standing[0].ripe && ripe_at.is_none() {
                ripe_at = Some(at);
            }
        }
        assert_eq!(ripe_at, Some(300));
    }
}
