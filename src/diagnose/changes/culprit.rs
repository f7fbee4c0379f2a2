//! Which changes may explain a cause.
//!
//! A change proves nothing; but of ten fields that a rollout changed, the probe's path is the one to look at when the
//! probe fails. A change that cannot have anything to do with the cause is never named.

use super::super::{CauseCode, Family, Finding};
use super::{Change, Part};

/// The changes that may explain a finding, the likeliest first. Where one concerns it directly, as its own path does a
/// probe, no other is suspected.
pub(crate) fn culprits<'a>(finding: &Finding, changes: &'a [Change]) -> Vec<&'a Change> {
    let (direct, indirect) = suspects(finding.code);
    let among = |parts: &[Part]| -> Vec<&'a Change> {
        let rank = |change: &Change| parts.iter().position(|part| *part == change.part);
        let mut found: Vec<&Change> =
            changes.iter().filter(|change| concerns(finding, change) && rank(change).is_some()).collect();
        found.sort_by_key(|change| rank(change));
        found
    };
    let found = among(direct);
    if found.is_empty() { among(indirect) } else { found }
}

/// Of causes of one container its own changes count, those of the pod, and containers that come or go.
fn concerns(finding: &Finding, change: &Change) -> bool {
    let of_container = matches!(finding.code.family(), Family::Crash | Family::Probe)
        && finding.code != CauseCode::ReadinessGateClosed;
    // The key of such a finding begins with the container.
    let key = finding.key.split(' ').next().unwrap_or_default();
    !of_container
        || key.is_empty()
        || change.part == Part::Container
        || change.container.as_deref().is_none_or(|container| container == key)
}

/// What of a template may bring that cause about, directly or through the application, the likeliest first.
fn suspects(code: CauseCode) -> (&'static [Part], &'static [Part]) {
    use CauseCode as C;
    use Part as P;
    const APPLICATION: &[Part] =
        &[P::Command, P::Image, P::Variables, P::Mounts, P::Volumes, P::Hooks, P::Container, P::Account];
    const AMOUNTS: &[Part] = &[P::Memory, P::Cpu, P::Resource];
    match code {
        C::ImageNotFound
        | C::ImageTagMissing
        | C::ImageRepositoryMissing
        | C::ImagePlatformMismatch
        | C::ImageNameInvalid
        | C::RegistryRateLimited
        | C::RegistryUnreachable
        | C::RegistryCertificateUntrusted
        | C::RegistryPlainHttp
        | C::ImageNeverPulled
        | C::RunAsRootRefused => (&[P::Image, P::Container], &[]),
        C::ImageAccessDenied | C::ImagePullSecretMissing | C::ImagePullSecretRejected => {
            (&[P::PullSecrets, P::Account, P::Image, P::Container], &[])
        }
        C::CommandNotFound | C::CommandNotExecutable | C::ContainerCannotStart | C::ExecFormatError => {
            (&[P::Command, P::Image, P::Mounts, P::Volumes, P::Container], &[])
        }
        C::MemoryLimitExceeded | C::MemoryLimitTooSmall => (&[P::Memory], APPLICATION),
        C::PostStartHookFailed => (&[P::Hooks], APPLICATION),
        C::ContainerCrashing
        | C::CrashAfterReady
        | C::InitContainerFailing
        | C::ContainerKilled
        | C::ContainerCompleted
        | C::JobFailed
        | C::PodFailed => (APPLICATION, &[]),
        C::ConfigMapMissing
        | C::SecretMissing
        | C::ConfigMapKeyMissing
        | C::SecretKeyMissing
        | C::SubPathMissing
        | C::EnvFileUnusable => (&[P::Variables, P::Volumes, P::Mounts, P::Container], &[]),
        C::LivenessProbeFailing => (&[P::Liveness, P::Ports], APPLICATION),
        C::StartupProbeFailing => (&[P::Startup, P::Ports], APPLICATION),
        C::ReadinessProbeFailing | C::ReadinessFlapping => (&[P::Readiness, P::Ports], APPLICATION),
        C::ProbeMisconfigured => (&[P::Readiness, P::Liveness, P::Startup, P::Ports], &[P::Image]),
        C::ReadinessGateClosed => (&[P::Gates], &[]),
        C::LimitRangeExceeded
        | C::LimitRangeDefaultConflict
        | C::QuotaExceeded
        | C::QuotaRequiresResources
        | C::QuotaSurgeDeadlock => (AMOUNTS, &[P::Container]),
        C::InsufficientResources | C::AutoscalerRefused => (AMOUNTS, &[P::Placement, P::Container]),
        C::HostPortConflict => (&[P::HostPort], &[P::Ports, P::Container]),
        C::UntoleratedTaint
        | C::NodeSelectorUnmatched
        | C::PodAffinityUnmatched
        | C::PodAntiAffinityConflict
        | C::TopologySpreadUnsatisfied
        | C::SchedulingGated
        | C::SchedulerMissing
        | C::NoNodes
        | C::NodeNotReady => (&[P::Placement], &[]),
        C::ServiceAccountMissing => (&[P::Account], &[]),
        C::PriorityClassMissing | C::RuntimeClassMissing => (&[P::Classes], &[]),
        C::SandboxFailed => (&[P::Classes, P::HostPort], &[]),
        C::NodeRejectedPod => (&[P::Placement, P::Memory, P::Cpu, P::Resource, P::HostPort], &[]),
        C::PodEvicted => (&[P::Resource, P::Memory, P::Volumes], &[P::Image]),
        _ if matches!(code.family(), Family::Volume) => (&[P::Volumes, P::Mounts], &[P::Placement]),
        _ => (&[], &[]),
    }
}
