//! The pod template: what the author asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::compact::{exact, shared};
use super::environment::{EnvFrom, EnvVar};
use super::quantity::Quantity;
use super::scheduling::{Affinity, SchedulingGate, SchedulingGroup, SpreadConstraint, Toleration};

/// `spec.template` of a workload.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct PodTemplate {
    pub(crate) metadata: TemplateMeta,
    /// Shared by what is made of the template (the newest ReplicaSet has the spec of its Deployment).
    #[serde(deserialize_with = "shared")]
    pub(crate) spec: Arc<PodSpec>,
}

/// `metadata` of a template: labels, and the annotation that `kubectl rollout restart` changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct TemplateMeta {
    pub(crate) labels: BTreeMap<String, String>,
}

/// `spec` of a pod or of a pod template.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodSpec {
    #[serde(deserialize_with = "exact")]
    pub(crate) containers: Vec<Container>,
    #[serde(deserialize_with = "exact")]
    pub(crate) init_containers: Vec<Container>,
    #[serde(deserialize_with = "exact")]
    pub(crate) volumes: Vec<Volume>,
    pub(crate) image_pull_secrets: Vec<LocalReference>,
    pub(crate) service_account_name: Option<String>,
    pub(crate) restart_policy: Option<String>,
    pub(crate) node_name: Option<String>,
    pub(crate) scheduler_name: Option<String>,
    pub(crate) priority_class_name: Option<String>,
    pub(crate) runtime_class_name: Option<String>,
    pub(crate) termination_grace_period_seconds: Option<i64>,
    pub(crate) node_selector: BTreeMap<String, String>,
    #[serde(deserialize_with = "exact")]
    pub(crate) readiness_gates: Vec<ReadinessGate>,
    pub(crate) overhead: BTreeMap<String, Quantity>,
    pub(crate) affinity: Affinity,
    #[serde(deserialize_with = "exact")]
    pub(crate) tolerations: Vec<Toleration>,
    pub(crate) scheduling_gates: Vec<SchedulingGate>,
    pub(crate) topology_spread_constraints: Vec<SpreadConstraint>,
    pub(crate) scheduling_group: Option<SchedulingGroup>,
}

/// What the ServiceAccount admission plugin calls the volume that it adds to every pod, before a random suffix.
pub(crate) const TOKEN_VOLUME: &str = "kube-api-access-";

impl PodSpec {
    /// Init containers in their order, then the app containers.
    pub(crate) fn all_containers(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().chain(&self.containers)
    }

    /// The container of that name, init or app.
    pub(crate) fn container(&self, name: &str) -> Option<&Container> {
        self.all_containers().find(|container| container.name == name)
    }

    /// Containers that must be running for the pod to serve: app containers and native sidecars.
    pub(crate) fn long_running(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().filter(|container| container.is_sidecar()).chain(&self.containers)
    }

    pub(crate) fn is_init(&self, name: &str) -> bool {
        self.init_containers.iter().any(|container| container.name == name && !container.is_sidecar())
    }

    /// The volume of the ServiceAccount's token has a random name in each pod.
    pub(super) fn forget_the_names_of_token_volumes(&mut self) {
        let mounts = self.init_containers.iter_mut().chain(&mut self.containers);
        let mounts = mounts.flat_map(|container| &mut container.volume_mounts).map(|mount| &mut mount.name);
        for name in self.volumes.iter_mut().map(|volume| &mut volume.name).chain(mounts) {
            if name.starts_with(TOKEN_VOLUME) {
                TOKEN_VOLUME.clone_into(name);
            }
        }
    }

    pub(crate) fn volume(&self, name: &str) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.name == name)
    }
}

/// `{name: …}` as used for pull secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct LocalReference {
    pub(crate) name: String,
}

/// One entry of `spec.readinessGates`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadinessGate {
    pub(crate) condition_type: String,
}

/// A container of the spec. Environment values and secrets are never decoded.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) image_pull_policy: Option<String>,
    #[serde(deserialize_with = "exact")]
    pub(crate) command: Vec<String>,
    #[serde(deserialize_with = "exact")]
    pub(crate) args: Vec<String>,
    pub(crate) working_dir: Option<String>,
    #[serde(deserialize_with = "exact")]
    pub(crate) env: Vec<EnvVar>,
    #[serde(deserialize_with = "exact")]
    pub(crate) env_from: Vec<EnvFrom>,
    #[serde(deserialize_with = "exact")]
    pub(crate) ports: Vec<ContainerPort>,
    pub(crate) resources: Resources,
    #[serde(deserialize_with = "exact")]
    pub(crate) volume_mounts: Vec<VolumeMount>,
    pub(crate) liveness_probe: Option<Probe>,
    pub(crate) readiness_probe: Option<Probe>,
    pub(crate) startup_probe: Option<Probe>,
    pub(crate) lifecycle: Lifecycle,
    /// `Always` on an init container makes it a native sidecar.
    pub(crate) restart_policy: Option<String>,
}

impl Container {
    /// A native sidecar: an init container that keeps running (KEP-753).
    pub(crate) fn is_sidecar(&self) -> bool {
        self.restart_policy.as_deref() == Some("Always")
    }

    /// The port number a probe asks: a number as it is, a name through `ports`.
    pub(crate) fn resolve_port(&self, port: &PortRef) -> Option<i64> {
        match port {
            PortRef::Number(number) => Some(*number),
            PortRef::Name(name) => self
                .ports
                .iter()
                .find(|declared| declared.name.as_deref() == Some(name))
                .map(|declared| declared.container_port),
        }
    }
}

/// Whether hooks exist; their commands are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Lifecycle {
    pub(crate) post_start: Option<Hook>,
}

/// Marks that a lifecycle hook is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Hook {}

/// A declared port.
#[expect(clippy::struct_field_names, reason = "the API's own names")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ContainerPort {
    pub(crate) name: Option<String>,
    pub(crate) container_port: i64,
    pub(crate) protocol: Option<String>,
    pub(crate) host_port: Option<i64>,
}

/// Requests and limits by resource name.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Resources {
    pub(crate) requests: BTreeMap<String, Quantity>,
    pub(crate) limits: BTreeMap<String, Quantity>,
}

/// Where a volume appears in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VolumeMount {
    pub(crate) name: String,
    pub(crate) mount_path: String,
    pub(crate) sub_path: Option<String>,
}

/// A volume; only the sources that a rule reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) config_map: Option<ConfigMapVolume>,
    pub(crate) secret: Option<SecretVolume>,
    pub(crate) projected: Option<ProjectedVolume>,
    pub(crate) persistent_volume_claim: Option<ClaimVolume>,
    pub(crate) ephemeral: Option<EphemeralVolume>,
    pub(crate) host_path: Option<HostPathVolume>,
    pub(crate) nfs: Option<NfsVolume>,
}

/// `configMap` of a volume or of a projected source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ConfigMapVolume {
    pub(crate) name: String,
    pub(crate) items: Vec<KeyToPath>,
    pub(crate) optional: bool,
}

/// `secret` of a volume. A projected source says `name` where a volume says `secretName`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SecretVolume {
    #[serde(alias = "name")]
    pub(crate) secret_name: String,
    pub(crate) items: Vec<KeyToPath>,
    pub(crate) optional: bool,
}

/// `projected` of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ProjectedVolume {
    pub(crate) sources: Vec<ProjectedSource>,
}

/// One source of a projected volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ProjectedSource {
    pub(crate) config_map: Option<ConfigMapVolume>,
    pub(crate) secret: Option<SecretVolume>,
}

/// `items[]` of a ConfigMap or Secret volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct KeyToPath {
    pub(crate) key: String,
    pub(crate) path: String,
}

/// `persistentVolumeClaim` of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ClaimVolume {
    pub(crate) claim_name: String,
}

/// `ephemeral` of a volume: a claim named `POD-VOLUME` is made for each pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct EphemeralVolume {}

/// `hostPath` of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct HostPathVolume {
    pub(crate) path: String,
    /// `Directory`, `File`, `Socket`, …; empty means that nothing is checked.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// `nfs` of a volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct NfsVolume {
    pub(crate) server: String,
    pub(crate) path: String,
}

/// A probe with Kubernetes' own defaults for absent numbers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Probe {
    pub(crate) http_get: Option<HttpGet>,
    pub(crate) tcp_socket: Option<TcpSocket>,
    pub(crate) exec: Option<ExecAction>,
    pub(crate) grpc: Option<GrpcAction>,
    /// Seconds.
    pub(crate) initial_delay_seconds: u64,
    /// Seconds.
    pub(crate) timeout_seconds: u64,
    /// Seconds.
    pub(crate) period_seconds: u64,
    pub(crate) success_threshold: u64,
    pub(crate) failure_threshold: u64,
}

impl Default for Probe {
    // Defaults of k8s.io/api/core/v1 `Probe`.
    fn default() -> Self {
        Self {
            http_get: None,
            tcp_socket: None,
            exec: None,
            grpc: None,
            initial_delay_seconds: 0,
            timeout_seconds: 1,
            period_seconds: 10,
            success_threshold: 1,
            failure_threshold: 3,
        }
    }
}

/// What a probe does, borrowed from the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProbeAction<'a> {
    Http(&'a HttpGet),
    Tcp(&'a TcpSocket),
    Exec(&'a ExecAction),
    Grpc(&'a GrpcAction),
    /// A kind this version does not know.
    Other,
}

impl Probe {
    pub(crate) fn action(&self) -> ProbeAction<'_> {
        if let Some(http) = &self.http_get {
            ProbeAction::Http(http)
        } else if let Some(tcp) = &self.tcp_socket {
            ProbeAction::Tcp(tcp)
        } else if let Some(exec) = &self.exec {
            ProbeAction::Exec(exec)
        } else if let Some(grpc) = &self.grpc {
            ProbeAction::Grpc(grpc)
        } else {
            ProbeAction::Other
        }
    }

    /// Seconds from the start of the container to the moment a probe that always fails has used up its threshold.
    pub(crate) const fn budget_seconds(&self) -> u64 {
        self.initial_delay_seconds + self.failure_threshold * self.period_seconds
    }
}

/// A port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PortRef {
    Number(i64),
    Name(String),
}

impl Default for PortRef {
    fn default() -> Self {
        Self::Number(0)
    }
}

impl<'de> Deserialize<'de> for PortRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = PortRef;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a port number or a port name")
            }
            fn visit_i64<E>(self, value: i64) -> Result<PortRef, E> {
                Ok(PortRef::Number(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<PortRef, E> {
                Ok(PortRef::Number(i64::try_from(value).unwrap_or(i64::MAX)))
            }
            fn visit_str<E>(self, value: &str) -> Result<PortRef, E> {
                Ok(PortRef::Name(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl std::fmt::Display for PortRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// `httpGet` of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct HttpGet {
    pub(crate) path: Option<String>,
    pub(crate) port: PortRef,
    pub(crate) scheme: Option<String>,
    pub(crate) host: Option<String>,
}

/// `tcpSocket` of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct TcpSocket {
    pub(crate) port: PortRef,
}

/// `exec` of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ExecAction {
    #[serde(deserialize_with = "exact")]
    pub(crate) command: Vec<String>,
}

/// `grpc` of a probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct GrpcAction {
    pub(crate) port: i64,
    pub(crate) service: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_numbers_of_a_probe_are_kubernetes_defaults() {
        let probe: Probe = serde_json::from_str(r#"{"httpGet":{"path":"/healthz","port":"http"}}"#).unwrap();
        assert_eq!((probe.timeout_seconds, probe.period_seconds, probe.failure_threshold), (1, 10, 3));
        assert_eq!(probe.budget_seconds(), 30);
        assert!(
            matches!(probe.action(), ProbeAction::Http(http) if http.port == PortRef::Name("http".into()))
        );
    }

    #[test]
    fn a_named_port_resolves_through_the_declared_ports() {
        let container: Container = serde_json::from_str(
            r#"{"name":"app","ports":[{"name":"http","containerPort":8080}],"env":[{"name":"A","value":"secret"}]}"#,
        )
        .unwrap();
        assert_eq!(container.resolve_port(&PortRef::Name("http".into())), Some(8080));
        assert_eq!(container.resolve_port(&PortRef::Name("htpp".into())), None);
        assert_eq!(container.env[0].name, "A");
    }

    #[test]
    fn a_secret_is_named_differently_in_a_volume_and_in_a_projected_source() {
        let volume: Volume = serde_json::from_str(
            r#"{"name":"v","projected":{"sources":[{"secret":{"name":"a"}}]},"secret":{"secretName":"b"}}"#,
        )
        .unwrap();
        assert_eq!(volume.secret.unwrap().secret_name, "b");
        assert_eq!(volume.projected.unwrap().sources[0].secret.as_ref().unwrap().secret_name, "a");
    }
}
