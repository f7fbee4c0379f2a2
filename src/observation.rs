//! Facts as they arrive, and the requests for more of them.
//!
//! Everything the decision depends on is an [`Observation`]: objects, the health of streams, answers to a
//! [`Want`], signals, and time itself ([`Observed::Tick`]). A run is a function of its observations, so a
//! recording of them replays to the same report. Nothing here reads a clock.

mod registry;
mod tail;
mod target;
mod trial;
mod undone;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use registry::{Account, ImageAsk, ImageReply, RegistryError, RegistryLook, TagsReply, Untried};
pub(crate) use tail::{LogNews, Tail};
pub(crate) use target::{Origin, Target};
pub(crate) use trial::{Correction, Trial, TrialResult};
pub(crate) use undone::{UndoOutcome, Undone};

use crate::model::{
    Claim, ControllerRevision, Event, FieldManager, Kind, LimitRange, Namespace, Node, ObjectRef, OtherPod,
    PersistentVolume, Pod, PodAsk, ReplicaSet, ResourceQuota, Service, StorageClass, Workload,
};

/// One fact and when it reached us.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    /// Since the start of the run, on our monotonic clock.
    pub(crate) at: Duration,
    pub(crate) what: Observed,
}

/// What was observed.
#[derive(Clone, Debug)]
pub(crate) enum Observed {
    /// Which API server is asked; again, with its version and its clock, once it has answered.
    Connected(Server),
    /// A consistent snapshot: all else that this stream had shown before is gone.
    Listed { stream: Stream, objects: Vec<Object> },
    /// An object appeared or changed.
    Applied { stream: Stream, object: Object },
    /// An object went away; its last state.
    Deleted { stream: Stream, object: Object },
    /// What this stream has shown is what is there: proved by the server just now, though nothing changed.
    Seen { stream: Stream },
    /// The watch was opened anew: what it shows now may be what happened meanwhile, and proves nothing until the
    /// next proof.
    Behind { stream: Stream },
    /// Whether we can see through this stream.
    Health { stream: Stream, health: StreamHealth },
    /// The answer to a [`Want`].
    Answered { want: Want, answer: Answer },
    /// Time passed, or a burst of facts has ended: judge now. Only here is anything decided.
    Tick,
    /// The command before the wait has ended.
    Command(CommandEnd),
    /// The process was asked to end.
    Signal(Signal),
    /// Our wall clock is ahead of the time of the run by this much: the process was suspended, or the clock set.
    Drifted { millis: i64 },
    /// After the verdict: what became of the way back.
    Undone(Undone),
}

/// What is known of the API server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Server {
    pub(crate) context: String,
    pub(crate) url: String,
    pub(crate) version: String,
    /// Server clock minus our wall clock, in milliseconds, from the `Date` header.
    pub(crate) clock_offset_millis: i64,
    /// It has not told the time: it has not answered yet, or something on the way takes the `Date` header away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) clock_unknown: bool,
}

/// Which objects a list/watch stream shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Stream {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) scope: Scope,
}

/// How a stream narrows its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Scope {
    /// `metadata.name=…`
    Name(String),
    /// A label selector in query form.
    Selector(String),
    /// All of the namespace.
    All,
}

/// An object in our narrow view.
#[derive(Clone, Debug)]
pub(crate) enum Object {
    Workload(Box<Workload>),
    ReplicaSet(Box<ReplicaSet>),
    ControllerRevision(Box<ControllerRevision>),
    Pod(Box<Pod>),
}

/// Whether a stream shows what is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum StreamHealth {
    /// Connected and in step.
    Live,
    /// Read anew now and then, for want of a watch that can be relied on: in step, and late.
    Polled { message: String },
    /// Reconnecting; what we know may be old.
    Interrupted { message: String },
    /// The server will not show it: permission, credentials, unknown resource. Retrying does not help.
    Refused(Refusal),
}

impl StreamHealth {
    /// Why nothing is seen for now, if that is so.
    pub(crate) fn interruption(&self) -> Option<&str> {
        match self {
            Self::Interrupted { message } => Some(message),
            Self::Live | Self::Polled { .. } | Self::Refused(_) => None,
        }
    }
}

/// A refusal in the server's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// HTTP status, 0 where there was none.
    pub(crate) code: u16,
    /// The verb and resource that were asked: `list pods`.
    pub(crate) asked: String,
    pub(crate) message: String,
}

/// A signal that asks us to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
}

/// How the command before the wait ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CommandEnd {
    /// The program and its verb: `kubectl apply`.
    pub(crate) command: String,
    /// `None`: a signal ended it.
    pub(crate) exit_code: Option<i32>,
    /// What it said on its standard error, without what looks like a secret.
    pub(crate) stderr: String,
}

/// A request for a fact that no open stream shows. Equal wants are one request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Want {
    /// Open a stream and keep it open.
    Watch(Stream),
    /// The events about one object, by its uid.
    Events(ObjectRef),
    /// The log of a container.
    Logs(LogRequest),
    /// The key names of a ConfigMap or Secret. Values are dropped while decoding.
    Keys { kind: Kind, namespace: String, name: String },
    /// The names of all objects of a kind in a namespace.
    Names { kind: Kind, namespace: String },
    /// The namespaces that have an object of that kind and name.
    Namespaces { kind: Kind, name: String },
    /// The Services of a namespace, with their ready endpoints.
    Services { namespace: String },
    /// The LimitRanges of a namespace.
    LimitRanges { namespace: String },
    /// One namespace: whether it is being deleted.
    Namespace { name: String },
    /// A ResourceQuota by name.
    Quota { namespace: String, name: String },
    /// What every pod of a namespace asks for.
    PodAsks { namespace: String },
    /// All nodes: their labels, taints and what they offer.
    Nodes,
    /// One node.
    Node { name: String },
    /// One claim.
    Claim { namespace: String, name: String },
    /// All storage classes.
    StorageClasses,
    /// All persistent volumes.
    Volumes,
    /// One persistent volume.
    Volume { name: String },
    /// One pod of somebody else: where it is and who made it.
    OtherPod { namespace: String, name: String },
    /// Who wrote the template of a workload.
    Managers(ObjectRef),
    /// The pull secrets that a ServiceAccount adds to its pods.
    PullSecrets { namespace: String, service_account: String },
    /// What its registry says about an image, with the credentials there are.
    Registry(ImageAsk),
    /// What the API server says to a pod in a dry run.
    Trial(Trial),
}

/// Which log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogRequest {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: String,
    /// The log of the instance before the current one.
    pub(crate) previous: bool,
    /// Which end of the container this log is for ([`crate::model::ContainerStatus::deaths`]); makes each end
    /// a request of its own.
    pub(crate) death: i64,
}

/// The answer to a [`Want`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Answer {
    Events(Vec<Event>),
    /// The last lines, oldest first. Empty means the container wrote nothing.
    Logs(Vec<String>),
    /// There is no such log (any more, or yet): absence, not an empty log.
    NoLogs(String),
    Keys(Vec<String>),
    Names(Vec<String>),
    Services(Vec<Service>),
    LimitRanges(Vec<LimitRange>),
    Namespace(Box<Namespace>),
    Quota(ResourceQuota),
    PodAsks(Vec<PodAsk>),
    /// All nodes, or the one that was asked for.
    Nodes(Vec<Node>),
    Claim(Box<Claim>),
    StorageClasses(Vec<StorageClass>),
    /// All volumes, or the one that was asked for.
    Volumes(Vec<PersistentVolume>),
    OtherPod(Box<OtherPod>),
    Managers(Vec<FieldManager>),
    /// With one set of credentials after the other.
    Registry(Vec<RegistryLook>),
    Trial(TrialResult),
    /// The object does not exist.
    Missing,
    Refused(Refusal),
}

/// Of a list that a [`Want`] asks for no more is read: what a diagnosis says is not about a whole cluster.
pub(crate) const LONGEST_LIST: usize = 5000;

/// A [`Want`] together with how fresh its answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) want: Want,
    /// Ask again once the last answer is older than this; `None`: once is enough.
    pub(crate) refresh: Option<Duration>,
    /// Of a stream only what was asked for counts as an answer, and not what its watch happens to bring.
    pub(crate) anew: bool,
}

impl Request {
    pub(crate) const fn once(want: Want) -> Self {
        Self { want, refresh: None, anew: false }
    }

    pub(crate) const fn every(seconds: u64, want: Want) -> Self {
        Self { want, refresh: Some(Duration::from_secs(seconds)), anew: false }
    }

    /// A proof of a stream that is not older than that.
    pub(crate) const fn proof(stream: Stream, within: Duration) -> Self {
        Self { want: Want::Watch(stream), refresh: Some(within), anew: false }
    }
}

impl Object {
    pub(crate) fn uid(&self) -> &str {
        match self {
            Self::Workload(workload) => &workload.metadata.uid,
            Self::ReplicaSet(replica_set) => &replica_set.metadata.uid,
            Self::ControllerRevision(revision) => &revision.metadata.uid,
            Self::Pod(pod) => &pod.metadata.uid,
        }
    }
}

impl Stream {
    /// The name, for a stream of one object.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.scope {
            Scope::Name(name) => Some(name),
            Scope::Selector(_) | Scope::All => None,
        }
    }

    /// The stream of one named object.
    pub(crate) fn of(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), scope: Scope::Name(name.to_owned()) }
    }

    /// The stream of all objects of the namespace, which shows what this one shows.
    pub(crate) fn widened(&self) -> Self {
        Self { kind: self.kind, namespace: self.namespace.clone(), scope: Scope::All }
    }

    /// The stream of all objects that a selector matches.
    pub(crate) fn selected(kind: Kind, namespace: &str, selector: String) -> Self {
        Self { kind, namespace: namespace.to_owned(), scope: Scope::Selector(selector) }
    }
}
