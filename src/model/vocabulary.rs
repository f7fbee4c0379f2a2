//! Kubernetes' own strings, each once.

/// `type` of conditions.
pub(crate) mod condition {
    pub(crate) const PROGRESSING: &str = "Progressing";
    pub(crate) const REPLICA_FAILURE: &str = "ReplicaFailure";
    pub(crate) const READY: &str = "Ready";
    pub(crate) const CONTAINERS_READY: &str = "ContainersReady";
    pub(crate) const DISRUPTION_TARGET: &str = "DisruptionTarget";
    pub(crate) const POD_SCHEDULED: &str = "PodScheduled";
    pub(crate) const READY_TO_START_CONTAINERS: &str = "PodReadyToStartContainers";
    pub(crate) const INITIALIZED: &str = "Initialized";
    // Jobs: k8s.io/api/batch/v1.
    pub(crate) const COMPLETE: &str = "Complete";
    pub(crate) const FAILED: &str = "Failed";
    pub(crate) const FAILURE_TARGET: &str = "FailureTarget";
    pub(crate) const SUCCESS_CRITERIA_MET: &str = "SuccessCriteriaMet";
}

/// Keys of labels.
pub(crate) mod label {
    /// Which template a pod of a ReplicaSet was made from.
    pub(crate) const POD_TEMPLATE_HASH: &str = "pod-template-hash";
    /// Which template a pod of a StatefulSet or DaemonSet was made from.
    pub(crate) const CONTROLLER_REVISION_HASH: &str = "controller-revision-hash";
}

/// `reason` of conditions, container states, events and pods.
pub(crate) mod reason {
    // Deployment conditions: pkg/controller/deployment/util/deployment_util.go.
    pub(crate) const PROGRESS_DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";
    pub(crate) const NEW_REPLICA_SET_CREATED: &str = "NewReplicaSetCreated";
    pub(crate) const FOUND_NEW_REPLICA_SET: &str = "FoundNewReplicaSet";
    pub(crate) const REPLICA_SET_CREATE_ERROR: &str = "ReplicaSetCreateError";

    // Container states: pkg/kubelet/kuberuntime and pkg/kubelet/images.
    pub(crate) const CONTAINER_CREATING: &str = "ContainerCreating";
    pub(crate) const POD_INITIALIZING: &str = "PodInitializing";
    pub(crate) const ERR_IMAGE_PULL: &str = "ErrImagePull";
    pub(crate) const IMAGE_PULL_BACK_OFF: &str = "ImagePullBackOff";
    pub(crate) const INVALID_IMAGE_NAME: &str = "InvalidImageName";
    pub(crate) const ERR_IMAGE_NEVER_PULL: &str = "ErrImageNeverPull";
    pub(crate) const IMAGE_INSPECT_ERROR: &str = "ImageInspectError";
    pub(crate) const REGISTRY_UNAVAILABLE: &str = "RegistryUnavailable";
    pub(crate) const CREATE_CONTAINER_CONFIG_ERROR: &str = "CreateContainerConfigError";
    pub(crate) const CREATE_CONTAINER_ERROR: &str = "CreateContainerError";
    pub(crate) const RUN_CONTAINER_ERROR: &str = "RunContainerError";
    pub(crate) const CRASH_LOOP_BACK_OFF: &str = "CrashLoopBackOff";
    pub(crate) const POST_START_HOOK_ERROR: &str = "PostStartHookError";
    pub(crate) const OOM_KILLED: &str = "OOMKilled";
    pub(crate) const START_ERROR: &str = "StartError";
    pub(crate) const CONTAINER_CANNOT_RUN: &str = "ContainerCannotRun";

    // PodScheduled: pkg/scheduler.
    pub(crate) const UNSCHEDULABLE: &str = "Unschedulable";
    pub(crate) const SCHEDULING_GATED: &str = "SchedulingGated";
    pub(crate) const SCHEDULER_ERROR: &str = "SchedulerError";

    // Events.
    pub(crate) const FAILED: &str = "Failed";
    pub(crate) const FAILED_CREATE: &str = "FailedCreate";
    pub(crate) const SUCCESSFUL_CREATE: &str = "SuccessfulCreate";
    // Cluster autoscaler and Karpenter.
    pub(crate) const TRIGGERED_SCALE_UP: &str = "TriggeredScaleUp";
    pub(crate) const NOT_TRIGGER_SCALE_UP: &str = "NotTriggerScaleUp";
    pub(crate) const FAILED_SCALE_UP: &str = "FailedScaleUp";
    pub(crate) const NOMINATED: &str = "Nominated";
    pub(crate) const FAILED_SCHEDULING: &str = "FailedScheduling";
    pub(crate) const PULLED: &str = "Pulled";
    pub(crate) const FAILED_MOUNT: &str = "FailedMount";
    pub(crate) const FAILED_ATTACH_VOLUME: &str = "FailedAttachVolume";
    pub(crate) const FAILED_CREATE_POD_SANDBOX: &str = "FailedCreatePodSandBox";
    pub(crate) const NETWORK_NOT_READY: &str = "NetworkNotReady";
    pub(crate) const NODE_NOT_READY: &str = "NodeNotReady";
    // Claims: pkg/controller/volume/persistentvolume and external provisioners.
    pub(crate) const PROVISIONING_FAILED: &str = "ProvisioningFailed";
    pub(crate) const EXTERNAL_PROVISIONING: &str = "ExternalProvisioning";
    pub(crate) const PROVISIONING: &str = "Provisioning";
    pub(crate) const VOLUME_MISMATCH: &str = "VolumeMismatch";
    pub(crate) const FAILED_BINDING: &str = "FailedBinding";
    pub(crate) const CLAIM_LOST: &str = "ClaimLost";
    pub(crate) const KILLING: &str = "Killing";
    pub(crate) const UNHEALTHY: &str = "Unhealthy";
    pub(crate) const FAILED_PULL_SECRET: &str = "FailedToRetrieveImagePullSecret";
}
