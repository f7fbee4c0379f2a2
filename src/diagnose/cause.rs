//! The catalogue of causes. Codes are public: never renamed, the same in text, JSON, JUnit and `explain`.

/// What a cause is about; also the section of its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Image,
    Config,
    Crash,
    Probe,
    Quota,
    Admission,
    Limits,
    Placement,
    Volume,
    Node,
    Job,
    Custom,
    Rollout,
    Updated,
    Manifest,
}

impl Family {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Config => "config",
            Self::Crash => "crash",
            Self::Probe => "probe",
            Self::Quota => "quota",
            Self::Admission => "admission",
            Self::Limits => "limits",
            Self::Placement => "placement",
            Self::Volume => "volume",
            Self::Node => "node",
            Self::Job => "job",
            Self::Custom => "custom",
            Self::Rollout => "rollout",
            Self::Updated => "updated",
            Self::Manifest => "manifest",
        }
    }
}

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $family:ident;)*) => {
        /// A named reason why a rollout does not complete.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum CauseCode { $($(#[$doc])* $name,)* }

        impl CauseCode {
            /// Every code, in the order of the catalogue.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The public name.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            pub(crate) const fn family(self) -> Family {
                match self { $(Self::$name => Family::$family,)* }
            }
        }
    };
}

causes! {
    ImageNotFound = "image-not-found", Image;
    ImageTagMissing = "image-tag-missing", Image;
    ImageRepositoryMissing = "image-repository-missing", Image;
    ImageAccessDenied = "image-access-denied", Image;
    ImagePullSecretMissing = "image-pull-secret-missing", Image;
    ImagePullSecretRejected = "image-pull-secret-rejected", Image;
    ImagePlatformMismatch = "image-platform-mismatch", Image;
    ImageNameInvalid = "image-name-invalid", Image;
    ImageNeverPulled = "image-never-pulled", Image;
    RegistryRateLimited = "registry-rate-limited", Image;
    RegistryUnreachable = "registry-unreachable", Image;
    RegistryCertificateUntrusted = "registry-certificate-untrusted", Image;
    RegistryPlainHttp = "registry-plain-http", Image;

    ContainerCrashing = "container-crashing", Crash;
    CommandNotFound = "command-not-found", Crash;
    CommandNotExecutable = "command-not-executable", Crash;
    ContainerCannotStart = "container-cannot-start", Crash;
    ExecFormatError = "exec-format-error", Crash;
    MemoryLimitExceeded = "memory-limit-exceeded", Crash;
    MemoryLimitTooSmall = "memory-limit-too-small", Crash;
    InitContainerFailing = "init-container-failing", Crash;
    ContainerKilled = "container-killed", Crash;
    ContainerCompleted = "container-completed", Crash;
    RunAsRootRefused = "run-as-root-refused", Crash;
    PostStartHookFailed = "post-start-hook-failed", Crash;
    CrashAfterReady = "crash-after-ready", Crash;

    ConfigMapMissing = "config-map-missing", Config;
    SecretMissing = "secret-missing", Config;
    ConfigMapKeyMissing = "config-map-key-missing", Config;
    SecretKeyMissing = "secret-key-missing", Config;
    SubPathMissing = "sub-path-missing", Config;
    EnvFileUnusable = "env-file-unusable", Config;

    LivenessProbeFailing = "liveness-probe-failing", Probe;
    StartupProbeFailing = "startup-probe-failing", Probe;
    ReadinessProbeFailing = "readiness-probe-failing", Probe;
    ProbeMisconfigured = "probe-misconfigured", Probe;
    ReadinessFlapping = "readiness-flapping", Probe;
    ReadinessGateClosed = "readiness-gate-closed", Probe;

    LimitRangeExceeded = "limit-range-exceeded", Limits;
    LimitRangeDefaultConflict = "limit-range-default-conflict", Limits;
    /// A pod the API server refused for a reason no other rule names.
    PodInvalid = "pod-invalid", Limits;

    QuotaExceeded = "quota-exceeded", Quota;
    QuotaRequiresResources = "quota-requires-resources", Quota;
    QuotaSurgeDeadlock = "quota-surge-deadlock", Quota;

    InsufficientResources = "insufficient-resources", Placement;
    UntoleratedTaint = "untolerated-taint", Placement;
    NodeSelectorUnmatched = "node-selector-unmatched", Placement;
    PodAffinityUnmatched = "pod-affinity-unmatched", Placement;
    PodAntiAffinityConflict = "pod-anti-affinity-conflict", Placement;
    TopologySpreadUnsatisfied = "topology-spread-unsatisfied", Placement;
    HostPortConflict = "host-port-conflict", Placement;
    NoNodes = "no-nodes", Placement;
    SchedulingGated = "scheduling-gated", Placement;
    SchedulerMissing = "scheduler-missing", Placement;
    AutoscalerRefused = "autoscaler-refused", Placement;

    ClaimMissing = "claim-missing", Volume;
    ClaimUnbound = "claim-unbound", Volume;
    StorageClassMissing = "storage-class-missing", Volume;
    ProvisioningFailed = "provisioning-failed", Volume;
    VolumeNodeMismatch = "volume-node-mismatch", Volume;
    VolumeMultiAttach = "volume-multi-attach", Volume;
    VolumeAttachFailed = "volume-attach-failed", Volume;
    VolumeMountFailed = "volume-mount-failed", Volume;

    NodeNotReady = "node-not-ready", Node;
    NodeRejectedPod = "node-rejected-pod", Node;
    PodEvicted = "pod-evicted", Node;
    SandboxFailed = "sandbox-failed", Node;

    PodSecurityViolation = "pod-security-violation", Admission;
    AdmissionWebhookDenied = "admission-webhook-denied", Admission;
    AdmissionWebhookUnavailable = "admission-webhook-unavailable", Admission;
    AdmissionPolicyDenied = "admission-policy-denied", Admission;
    ServiceAccountMissing = "service-account-missing", Admission;
    PriorityClassMissing = "priority-class-missing", Admission;
    RuntimeClassMissing = "runtime-class-missing", Admission;
    NamespaceTerminating = "namespace-terminating", Admission;

    JobFailed = "job-failed", Job;
    JobSuspended = "job-suspended", Job;
    PodFailed = "pod-failed", Job;

    ObjectFailed = "object-failed", Custom;
    ObjectNotReady = "object-not-ready", Custom;
    ImageNotUpdated = "image-not-updated", Updated;
    RolledBack = "rolled-back", Updated;

    ManifestInvalid = "manifest-invalid", Manifest;
    FieldUnknown = "field-unknown", Manifest;
    FieldImmutable = "field-immutable", Manifest;
    ApiRemoved = "api-removed", Manifest;
    ApplyConflict = "apply-conflict", Manifest;
    ApplyForbidden = "apply-forbidden", Manifest;
    NamespaceMissing = "namespace-missing", Manifest;
    ApplyFailed = "apply-failed", Manifest;

    RolloutPaused = "rollout-paused", Rollout;
    RolloutSuperseded = "rollout-superseded", Rollout;
    UpdateOnDelete = "update-on-delete", Rollout;
    OldPodBlocking = "old-pod-blocking", Rollout;
    OldPodRemains = "old-pod-remains", Rollout;
    TargetDeleted = "target-deleted", Rollout;
    ProgressDeadlineExceeded = "progress-deadline-exceeded", Rollout;
    Stalled = "stalled", Rollout;
    Unknown = "unknown", Rollout;
}

impl CauseCode {
    /// The code of that public name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kebab_case_unique_and_found_by_name() {
        for code in CauseCode::ALL {
            let name = code.as_str();
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{name}");
            assert_eq!(CauseCode::from_name(name), Some(*code));
        }
    }
}
