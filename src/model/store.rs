//! The fold of all observations, with the memory that a single snapshot lacks.
//!
//! Objects are keyed by uid, so a re-created object of the same name is a different one. What a stream shows
//! and what it showed before is kept per stream: after a new snapshot everything else of that stream is gone.

mod clock;
mod objects;
mod sharing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::objects::target_of;
use super::casualty::{Casualties, Casualty};
use super::compact::unite;
use super::controller_revision::ControllerRevision;
use super::ignored::Ignored;
use super::kind::Kind;
use super::meta::ObjectMeta;
use super::pod::Pod;
use super::pod_memory::PodMemory;
use super::replica_set::ReplicaSet;
use super::siblings::Siblings;
use super::workload::Workload;
use crate::observation::{
    Answer, CommandEnd, LogRequest, Object, Observation, Observed, Refusal, Server, Signal, Stream,
    StreamHealth, Undone, Want,
};

/// All we know, at the time of the last observation.
#[derive(Debug)]
pub(crate) struct Store {
    /// Wall clock at the start of the run.
    started: Timestamp,
    /// Ends of containers before our first look count, because there will be no second.
    instant: bool,
    now: Duration,
    server: Option<Server>,
    workloads: BTreeMap<String, Workload>,
    replica_sets: BTreeMap<String, ReplicaSet>,
    controller_revisions: BTreeMap<String, ControllerRevision>,
    pods: BTreeMap<String, Box<Pod>>,
    siblings: Siblings,
    memories: BTreeMap<String, Box<PodMemory>>,
    /// Pods that an object should have and has, and when we saw that change.
    counts: BTreeMap<String, Counts>,
    casualties: Casualties,
    /// Uids of ReplicaSets, ControllerRevisions and pods by the uid of their controller.
    owned: BTreeMap<String, BTreeSet<String>>,
    members: BTreeMap<Stream, BTreeSet<String>>,
    health: BTreeMap<Stream, Sight>,
    answers: BTreeMap<Want, Answered>,
    /// When a stream last showed something.
    changed: Duration,
    /// The last state of Jobs that had ended and are gone, by their own stream.
    departed: BTreeMap<Stream, Workload>,
    signal: Option<Signal>,
    undone: BTreeMap<Stream, Undone>,
    command: Option<CommandEnd>,
    /// By how much our wall clock is ahead of the time of the run.
    drift: SignedDuration,
    ignored: Ignored,
    /// One stream of a kind and namespace stands for all narrower ones.
    shared: bool,
}

/// The state of a stream and since when.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) health: StreamHealth,
    pub(crate) since: Duration,
    /// A consistent snapshot has been received at least once.
    pub(crate) listed: bool,
    /// When it last proved that what it has shown is what is there. `None` in recordings of format 1.0, which
    /// have no proofs.
    pub(crate) proved: Option<Duration>,
    /// When the server last proved it otherwise than by a line that its watch brought.
    pub(crate) seen: Option<Duration>,
    /// What it shows may be history: only a proof proves.
    pub(crate) behind: bool,
}

impl Sight {
    /// The server has shown something through this stream.
    fn renew(&mut self, now: Duration) {
        if !self.behind {
            self.proved = self.proved.map(|_| now);
        }
    }
}

#[derive(Debug)]
struct Counts {
    desired: i64,
    replicas: i64,
    /// `None`: as we found it.
    changed: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Answered {
    at: Duration,
    /// Since when it has been the same.
    since: Duration,
    answer: Answer,
}

impl Store {
    pub(crate) fn new(started: Timestamp, instant: bool) -> Self {
        Self {
            started,
            instant,
            now: Duration::ZERO,
            server: None,
            workloads: BTreeMap::new(),
            replica_sets: BTreeMap::new(),
            controller_revisions: BTreeMap::new(),
            pods: BTreeMap::new(),
            siblings: Siblings::default(),
            memories: BTreeMap::new(),
            counts: BTreeMap::new(),
            casualties: Casualties::default(),
            owned: BTreeMap::new(),
            members: BTreeMap::new(),
            health: BTreeMap::new(),
            answers: BTreeMap::new(),
            changed: Duration::ZERO,
            departed: BTreeMap::new(),
            signal: None,
            undone: BTreeMap::new(),
            command: None,
            drift: SignedDuration::ZERO,
            ignored: Ignored::default(),
            shared: false,
        }
    }

    /// Containers of these names are not judged, whoever they belong to.
    #[must_use]
    pub(crate) fn ignoring(mut self, names: BTreeSet<String>) -> Self {
        self.ignored = Ignored::everywhere(names);
        self
    }

    /// Takes in one observation. Total: nothing an API server can say makes it fail.
    pub(crate) fn apply(&mut self, observation: Observation) {
        let Observation { at, what } = observation;
        self.now = self.now.max(at);
        if matches!(what, Observed::Listed { .. } | Observed::Applied { .. } | Observed::Deleted { .. }) {
            self.changed = self.now;
        }
        match what {
            Observed::Connected(server) => self.server = Some(server),
            Observed::Listed { stream, objects } => self.listed(stream, objects),
            Observed::Seen { stream } => {
                let now = self.now;
                let sight = self.sight_of(stream, StreamHealth::Live);
                sight.proved = Some(now);
                sight.seen = Some(now);
                sight.behind = false;
            }
            Observed::Behind { stream } => self.sight_of(stream, StreamHealth::Live).behind = true,
            Observed::Applied { stream, object } => {
                if let Some(sight) = self.health.get_mut(&stream) {
                    sight.renew(self.now);
                }
                let uid = self.insert(&stream, object, false);
                self.members.entry(stream).or_default().insert(uid);
            }
            Observed::Deleted { stream, object } => {
                if let Some(sight) = self.health.get_mut(&stream) {
                    sight.renew(self.now);
                }
                let uid = object.uid().to_owned();
                if let Some(members) = self.members.get_mut(&stream) {
                    members.remove(&uid);
                }
                self.remove(&stream, &uid);
                if let Object::Workload(last) = object {
                    self.note_departure(*last);
                }
            }
            Observed::Health { stream, health } => {
                let now = self.now;
                let sight = self.sight_of(stream, health.clone());
                // one outage has many messages
                if std::mem::discriminant(&sight.health) != std::mem::discriminant(&health) {
                    sight.since = now;
                }
                sight.health = health;
            }
            Observed::Answered { want, answer } => {
                let at = self.now;
                let same = self.answers.get(&want).filter(|known| known.answer == answer);
                let since = same.map_or(at, |known| known.since);
                self.answers.insert(want, Answered { at, since, answer });
            }
            Observed::Tick => {}
            Observed::Command(end) => self.command = Some(end),
            Observed::Signal(signal) => self.signal = Some(signal),
            Observed::Drifted { millis } => self.drift = SignedDuration::from_millis(millis),
            Observed::Undone(undone) => {
                self.undone.insert(undone.target.clone(), undone);
            }
        }
    }

    /// The state of a stream; a new one begins as given.
    fn sight_of(&mut self, stream: Stream, health: StreamHealth) -> &mut Sight {
        let since = self.now;
        self.health.entry(stream).or_insert(Sight {
            health,
            since,
            listed: false,
            proved: None,
            seen: None,
            behind: false,
        })
    }

    fn listed(&mut self, stream: Stream, objects: Vec<Object>) {
        let first = !self.health.get(&stream).is_some_and(|sight| sight.listed);
        let present: BTreeSet<String> =
            objects.into_iter().map(|object| self.insert(&stream, object, first)).collect();
        let before = self.members.insert(stream.clone(), present.clone()).unwrap_or_default();
        for gone in before.difference(&present) {
            self.remove(&stream, gone);
        }
        let now = self.now;
        let sight = self.sight_of(stream, StreamHealth::Live);
        sight.listed = true;
        sight.renew(now);
        if matches!(sight.health, StreamHealth::Interrupted { .. } | StreamHealth::Refused(_)) {
            sight.health = StreamHealth::Live;
            sight.since = now;
        }
    }

    /// Stores an object and returns its uid. `first`: it was there before we looked for the first time.
    fn insert(&mut self, stream: &Stream, mut object: Object, first: bool) -> String {
        self.ignored.remove_from(&mut object);
        // A target shows itself on a stream by its name; once it is known, it may be the stream of another target
        // that shows it first, and then all of it is as new.
        let is_target = stream.name().is_some() || self.workloads.contains_key(object.uid());
        if is_target
            && !matches!(object, Object::Workload(_))
            && let Some(target) = target_of(&object)
        {
            self.workloads.insert(target.metadata.uid.clone(), target);
        }
        match object {
            Object::Workload(workload) => {
                let uid = workload.metadata.uid.clone();
                self.note_counts(&uid, workload.desired(), workload.status.replicas, first);
                self.note_owner(&workload.metadata);
                self.workloads.insert(uid.clone(), *workload);
                uid
            }
            Object::ReplicaSet(mut replica_set) => {
                let owner = replica_set.metadata.controller().map(|owner| owner.uid.as_str());
                if let Some(owner) = owner.and_then(|owner| self.workloads.get(owner)) {
                    unite(&mut replica_set.spec.template.spec, &owner.spec.template.spec);
                }
                let uid = replica_set.metadata.uid.clone();
                self.note_owner(&replica_set.metadata);
                self.note_counts(&uid, replica_set.desired(), replica_set.status.replicas, first);
                self.replica_sets.insert(uid.clone(), *replica_set);
                uid
            }
            Object::ControllerRevision(revision) => {
                let uid = revision.metadata.uid.clone();
                self.note_owner(&revision.metadata);
                self.controller_revisions.insert(uid.clone(), *revision);
                uid
            }
            Object::Pod(mut pod) => {
                let uid = pod.metadata.uid.clone();
                self.siblings.share(&mut pod);
                let now = self.now;
                self.note_owner(&pod.metadata);
                let server_now = self.server_now();
                self.casualties.observe(&pod, first && !self.instant, server_now);
                let past_counts = self.instant && pod.ended_lately(server_now);
                self.memories
                    .entry(uid.clone())
                    .or_insert_with(|| Box::new(PodMemory::new(now, first, past_counts)))
                    .observe(&pod, now);
                self.pods.insert(uid.clone(), pod);
                uid
            }
        }
    }

    fn note_counts(&mut self, uid: &str, desired: i64, replicas: i64, first: bool) {
        let changed = (!first).then_some(self.now);
        let counts = self.counts.entry(uid.to_owned()).or_insert(Counts { desired, replicas, changed });
        if (counts.desired, counts.replicas) != (desired, replicas) {
            *counts = Counts { desired, replicas, changed: Some(self.now) };
        }
    }

    fn remove(&mut self, stream: &Stream, uid: &str) {
        self.counts.remove(uid);
        let gone = self.workloads.remove(uid);
        let meta = match stream.kind {
            Kind::ReplicaSet => self.replica_sets.remove(uid).map(|set| set.metadata),
            Kind::ControllerRevision => {
                self.controller_revisions.remove(uid).map(|revision| revision.metadata)
            }
            Kind::Pod => {
                drop(self.memories.remove(uid));
                self.pods.remove(uid).map(|pod| pod.metadata)
            }
            _ => gone.as_ref().map(|workload| workload.metadata.clone()),
        };
        if let Some(gone) = gone {
            self.note_departure(gone);
        }
        let owner = meta.as_ref().and_then(ObjectMeta::controller);
        if let Some(siblings) = owner.and_then(|owner| self.owned.get_mut(&owner.uid)) {
            siblings.remove(uid);
        }
    }

    /// A Job that has ended may be deleted in the same moment, and its result stands.
    fn note_departure(&mut self, gone: Workload) {
        if gone.job_end().is_some() {
            let stream = Stream::of(gone.kind, &gone.metadata.namespace, &gone.metadata.name);
            self.departed.insert(stream, gone);
        }
    }

    /// An object that changes its controller (an orphan that is adopted) is found under the new one; lookups
    /// compare the owner, so the old entry does no harm.
    fn note_owner(&mut self, meta: &ObjectMeta) {
        if let Some(owner) = meta.controller() {
            self.owned.entry(owner.uid.clone()).or_default().insert(meta.uid.clone());
        }
    }

    fn owned_by<'a>(&'a self, owner: &str) -> impl Iterator<Item = &'a String> + use<'a> {
        self.owned.get(owner).into_iter().flatten()
    }

    pub(crate) const fn server(&self) -> Option<&Server> {
        self.server.as_ref()
    }

    /// The command before the wait, if it failed: then there is nothing to wait for.
    pub(crate) fn failed_command(&self) -> Option<&CommandEnd> {
        self.command.as_ref().filter(|end| end.exit_code != Some(0))
    }

    pub(crate) const fn signal(&self) -> Option<Signal> {
        self.signal
    }

    /// What became of the way back of a target, where there was one.
    pub(crate) fn undone(&self, target: &Stream) -> Option<&Undone> {
        self.undone.get(target)
    }

    /// The workload that a stream by name shows, if it is there.
    pub(crate) fn workload(&self, stream: &Stream) -> Option<&Workload> {
        let name = stream.name();
        let mut shown = self.members.get(&*self.stream_for(stream))?.iter();
        shown.find_map(|uid| {
            self.workloads.get(uid).filter(|shown| Some(shown.metadata.name.as_str()) == name)
        })
    }

    /// The last state of the Job of that stream, if it had ended and is gone.
    pub(crate) fn departed(&self, stream: &Stream) -> Option<&Workload> {
        self.departed.get(stream).filter(|_| self.workload(stream).is_none())
    }

    pub(crate) fn replica_set(&self, uid: &str) -> Option<&ReplicaSet> {
        self.replica_sets.get(uid)
    }

    pub(crate) fn pod(&self, uid: &str) -> Option<&Pod> {
        self.pods.get(uid).map(Box::as_ref)
    }

    /// Workloads controlled by the object of that uid, in order of their uid.
    pub(crate) fn workloads_of<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a Workload> {
        self.owned_by(owner)
            .filter_map(|uid| self.workloads.get(uid))
            .filter(move |workload| workload.metadata.is_controlled_by(owner))
    }

    /// ReplicaSets controlled by the object of that uid, in order of their uid.
    pub(crate) fn replica_sets_of<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a ReplicaSet> {
        self.owned_by(owner)
            .filter_map(|uid| self.replica_sets.get(uid))
            .filter(move |set| set.metadata.is_controlled_by(owner))
    }

    /// ControllerRevisions controlled by the object of that uid, in order of their uid.
    pub(crate) fn controller_revisions_of<'a>(
        &'a self,
        owner: &'a str,
    ) -> impl Iterator<Item = &'a ControllerRevision> {
        self.owned_by(owner)
            .filter_map(|uid| self.controller_revisions.get(uid))
            .filter(move |revision| revision.metadata.is_controlled_by(owner))
    }

    /// Pods controlled by the object of that uid, in order of their uid.
    pub(crate) fn pods_of<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a Pod> {
        self.owned_by(owner)
            .filter_map(|uid| self.pod(uid))
            .filter(move |pod| pod.metadata.is_controlled_by(owner))
    }

    /// Pods of a controller that their nodes rejected or evicted ([`Casualties::of`]).
    pub(crate) fn casualties<'a>(
        &'a self,
        owner: &str,
        revision: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Casualty> {
        self.casualties.of(owner, revision)
    }

    pub(crate) fn memory(&self, pod_uid: &str) -> Option<&PodMemory> {
        self.memories.get(pod_uid).map(Box::as_ref)
    }

    /// How long ago we saw a change of the pods that an object should have or has; `None`: they are as we found
    /// them.
    pub(crate) fn counts_age(&self, uid: &str) -> Option<Duration> {
        self.counts.get(uid)?.changed.map(|changed| self.now.saturating_sub(changed))
    }

    pub(crate) fn sight(&self, stream: &Stream) -> Option<&Sight> {
        self.health.get(&*self.stream_for(stream))
    }

    /// The server's refusal to show a stream, if it refuses.
    pub(crate) fn refused(&self, stream: &Stream) -> Option<&Refusal> {
        match &self.sight(stream)?.health {
            StreamHealth::Refused(refusal) => Some(refusal),
            StreamHealth::Live | StreamHealth::Polled { .. } | StreamHealth::Interrupted { .. } => None,
        }
    }

    /// All streams with their state.
    pub(crate) fn sights(&self) -> impl Iterator<Item = (&Stream, &Sight)> {
        self.health.iter()
    }

    pub(crate) fn answer(&self, want: &Want) -> Option<&Answer> {
        self.answers.get(want).map(|answered| &answered.answer)
    }

    /// How old the answer to a want is.
    pub(crate) fn answer_age(&self, want: &Want) -> Option<Duration> {
        self.answers.get(want).map(|answered| self.now.saturating_sub(answered.at))
    }

    /// How long nothing has been new: neither in the answer to a want nor on any stream.
    pub(crate) fn unchanged_for(&self, want: &Want) -> Duration {
        let since = self.answers.get(want).map_or(self.now, |answered| answered.since.max(self.changed));
        self.now.saturating_sub(since)
    }

    /// All answers, for what could not be seen.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (&Want, &Answer)> {
        self.answers.iter().map(|(want, answered)| (want, &answered.answer))
    }

    /// Logs of a container that have been answered, for the latest of its ends first.
    pub(crate) fn logs_of<'a>(
        &'a self,
        namespace: &'a str,
        pod: &'a str,
        container: &'a str,
    ) -> impl Iterator<Item = (&'a LogRequest, &'a Answer)> {
        self.answers
            .iter()
            .rev()
            .filter_map(|(want, answered)| match want {
                Want::Logs(request) => Some((request, &answered.answer)),
                _ => None,
            })
            .filter(move |(request, _)| {
                request.namespace == namespace && request.pod == pod && request.container == container
            })
    }
}
