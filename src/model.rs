//! Typed views of Kubernetes objects, as narrow as the decisions need.
//!
//! Only fields that some rule reads are declared; `serde` skips all others without keeping them, so that
//! memory follows what we use and not what the cluster holds. Nothing here knows a client, a clock or a file.

mod annotations;
mod below;
mod casualty;
mod compact;
mod container;
mod controller_revision;
mod creator;
mod custom;
mod decode;
mod environment;
mod event;
mod excused;
mod field_manager;
mod goal;
mod ignored;
mod job;
mod json_path;
mod kind;
mod limit_range;
mod lookup;
mod meta;
mod namespace;
mod pod;
mod pod_memory;
mod pod_resources;
mod quantity;
mod replica_set;
mod resource_quota;
mod rollout;
mod scheduling;
mod service;
mod siblings;
mod storage;
mod store;
mod streams;
mod template;
mod vocabulary;
mod workload;

pub(crate) use casualty::Casualty;
pub(crate) use container::{ContainerStatus, StateTerminated};
pub(crate) use controller_revision::ControllerRevision;
pub(crate) use creator::Creator;
pub(crate) use custom::{CustomState, ObservedGeneration};
pub(crate) use decode::{decode_slice, decode_value};
pub(crate) use environment::{ConfigReference, EnvSource, FileReference};
pub(crate) use event::Event;
pub(crate) use field_manager::{FieldManager, Managed};
pub(crate) use goal::Goal;
pub(crate) use job::{Job, JobEnd};
pub(crate) use kind::{Kind, KindName};
pub(crate) use limit_range::{LimitRange, LimitRangeItem};
pub(crate) use lookup::Lookup;
pub(crate) use meta::{
    Condition, LabelRequirement, LabelSelector, ObjectMeta, ObjectRef, OwnerReference, find_condition,
};
pub(crate) use namespace::Namespace;
pub(crate) use pod::Pod;
pub(crate) use pod_memory::PodMemory;
pub(crate) use pod_resources::Ask;
pub(crate) use quantity::{Quantity, human_bytes};
pub(crate) use replica_set::ReplicaSet;
pub(crate) use resource_quota::{PodAsk, ResourceQuota};
pub(crate) use rollout::{Accepted, Rollout};
pub(crate) use scheduling::{Node, PodAffinityTerm, Taint};
pub(crate) use service::Service;
pub(crate) use siblings::Siblings;
pub(crate) use storage::{Claim, OtherPod, PersistentVolume, StorageClass};
pub(crate) use store::{Sight, Store};
pub(crate) use streams::{below, streams};
pub(crate) use template::{
    Container, KeyToPath, PodSpec, PodTemplate, PortRef, Probe, ProbeAction, TOKEN_VOLUME, Volume,
    VolumeMount,
};
pub(crate) use vocabulary::{condition, label, reason};
#[cfg(test)]
pub(crate) use workload::WorkloadBody;
pub(crate) use workload::{Detail, Workload, WorkloadSpec, WorkloadStatus};
