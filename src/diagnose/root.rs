//! Which of several causes is the root: it is shown first and named by the exit.

use super::{CauseCode, Finding, Hold};

/// What the first explains where it is sure of itself: the second is told of the same pods in other words.
const EXPLAINED: &[(CauseCode, CauseCode)] = &[
    (CauseCode::SubPathMissing, CauseCode::ContainerCannotStart),
    (CauseCode::ReadinessFlapping, CauseCode::ReadinessProbeFailing),
    (CauseCode::MemoryLimitTooSmall, CauseCode::VolumeMountFailed),
    (CauseCode::JobFailed, CauseCode::ContainerCrashing),
    (CauseCode::JobFailed, CauseCode::CrashAfterReady),
    (CauseCode::JobFailed, CauseCode::ContainerKilled),
    (CauseCode::JobFailed, CauseCode::InitContainerFailing),
    (CauseCode::PodFailed, CauseCode::ContainerCrashing),
    (CauseCode::PodFailed, CauseCode::CrashAfterReady),
    (CauseCode::PodFailed, CauseCode::ContainerKilled),
    (CauseCode::PodFailed, CauseCode::InitContainerFailing),
];

/// Takes out what another finding explains.
pub(crate) fn drop_explained(findings: &mut Vec<Finding>) {
    for (cause, effect) in EXPLAINED {
        let explained: Vec<String> = findings
            .iter()
            .filter(|finding| finding.code == *cause && finding.hold != Hold::Announce)
            .flat_map(|finding| finding.pods.iter().cloned())
            .collect();
        findings.retain(|finding| {
            finding.code != *effect || !finding.pods.iter().all(|pod| explained.contains(pod))
        });
    }
}

/// Sorts findings so that the root cause comes first.
///
/// Upstream beats downstream: what keeps pods from existing, then what keeps a container from being created,
/// then what ends it, then what keeps it from being ready. Within a rank the more certain and the more common
/// come first; the code and the key make the order total.
pub(crate) fn order_by_root(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let announced = |finding: &Finding| finding.hold == Hold::Announce;
        announced(a)
            .cmp(&announced(b))
            .then_with(|| rank(a.code).cmp(&rank(b.code)))
            .then_with(|| b.confidence.cmp(&a.confidence))
            .then_with(|| b.pods.len().cmp(&a.pods.len()))
            .then_with(|| a.code.cmp(&b.code))
            .then_with(|| a.key.cmp(&b.key))
    });
}

/// Lower is nearer to the root.
const fn rank(code: CauseCode) -> u8 {
    use CauseCode as C;
    match code {
        C::ManifestInvalid
        | C::FieldUnknown
        | C::FieldImmutable
        | C::ApiRemoved
        | C::ApplyConflict
        | C::ApplyForbidden
        | C::NamespaceMissing
        | C::ApplyFailed
        | C::TargetDeleted
        | C::RolledBack
        | C::ImageNotUpdated
        | C::RolloutSuperseded
        | C::RolloutPaused
        | C::JobSuspended
        | C::UpdateOnDelete => 0,
        C::OldPodBlocking
        | C::OldPodRemains
        | C::LimitRangeExceeded
        | C::LimitRangeDefaultConflict
        | C::PodInvalid
        | C::QuotaExceeded
        | C::QuotaRequiresResources
        | C::QuotaSurgeDeadlock
        | C::PodSecurityViolation
        | C::AdmissionWebhookDenied
        | C::AdmissionWebhookUnavailable
        | C::AdmissionPolicyDenied
        | C::ServiceAccountMissing
        | C::PriorityClassMissing
        | C::RuntimeClassMissing
        | C::NamespaceTerminating
        | C::NodeNotReady => 1,
        C::InsufficientResources
        | C::UntoleratedTaint
        | C::NodeSelectorUnmatched
        | C::PodAffinityUnmatched
        | C::PodAntiAffinityConflict
        | C::TopologySpreadUnsatisfied
        | C::HostPortConflict
        | C::NoNodes
        | C::SchedulingGated
        | C::SchedulerMissing
        | C::AutoscalerRefused
        | C::ClaimMissing
        | C::ClaimUnbound
        | C::StorageClassMissing
        | C::ProvisioningFailed
        | C::VolumeNodeMismatch
        | C::VolumeMultiAttach
        | C::VolumeAttachFailed
        | C::NodeRejectedPod
        | C::PodEvicted
        | C::SandboxFailed => 2,
        C::VolumeMountFailed
        | C::ImageNotFound
        | C::ImageTagMissing
        | C::ImageRepositoryMissing
        | C::ImageAccessDenied
        | C::ImagePullSecretMissing
        | C::ImagePullSecretRejected
        | C::ImagePlatformMismatch
        | C::ImageNameInvalid
        | C::ImageNeverPulled
        | C::RegistryRateLimited
        | C::RegistryUnreachable
        | C::RegistryCertificateUntrusted
        | C::RegistryPlainHttp => 3,
        C::ConfigMapMissing
        | C::SecretMissing
        | C::ConfigMapKeyMissing
        | C::SecretKeyMissing
        | C::EnvFileUnusable
        | C::RunAsRootRefused => 4,
        C::SubPathMissing => 5,
        C::CommandNotFound
        | C::CommandNotExecutable
        | C::ExecFormatError
        | C::MemoryLimitTooSmall
        | C::ContainerCannotStart => 6,
        C::InitContainerFailing => 7,
        C::ProbeMisconfigured | C::LivenessProbeFailing | C::StartupProbeFailing => 8,
        C::MemoryLimitExceeded | C::PostStartHookFailed => 9,
        C::ContainerCrashing | C::CrashAfterReady | C::ContainerKilled | C::ContainerCompleted => 10,
        C::ReadinessProbeFailing | C::ReadinessFlapping | C::ReadinessGateClosed => 11,
        C::JobFailed | C::PodFailed | C::ObjectFailed | C::ObjectNotReady => 12,
        C::Stalled | C::ProgressDeadlineExceeded => 13,
        C::Unknown => 14,
    }
}
