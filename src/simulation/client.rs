//! One stream between the session and the toy server: our own machine, and a way that misbehaves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Random;
use super::fleet::Darkness;
use super::server::Server;
use crate::model::{Kind, ObjectMeta};
use crate::observation::{Object, Observed, Stream, StreamHealth};
use crate::source::failure::{Failure, Status};
use crate::source::watch::{Input, Item, Line, Output, Page, Read, Watch};

/// An answer to a read takes this long at most, in seconds.
pub(super) const SLOWEST_ANSWER: u64 = 3;
/// A line of a watch is this late at most, in seconds.
const LATEST_LINE: u64 = 4;

const BOOKMARKS: Duration = Duration::from_secs(60);

/// Where an open watch is.
struct Open {
    position: u64,
    /// It never brings anything again, and nobody says so.
    silent: bool,
    late: Duration,
    /// Nothing was written since it was opened, or since the last bookmark.
    idle: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "what has happened to a connection, each by itself")]
pub(super) struct Client {
    pub(super) stream: Stream,
    machine: Watch<Object>,
    watch: Option<Open>,
    /// What is on its way through the watch, in order.
    lines: VecDeque<(Duration, Input<Object>)>,
    /// What is on its way besides it.
    answer: Option<(Duration, Input<Object>)>,
    /// The next line gets lost, though later ones come: a promise of Kubernetes that has been broken before
    /// (etcd#17529, #18089, #19179).
    losing: bool,
    confirm: bool,
    /// Another stream has found the way.
    wake: bool,
    /// This one has.
    pub(super) healed: bool,
    begun: bool,
    listed: bool,
    /// It was refused though it had been shown something, or before it was.
    pub(super) refused: Option<Refused>,
    /// What is left of a list that is read by pages, and as of which version and restore.
    pages: Option<(u64, u32, Vec<Item<Object>>)>,
    /// When it called the server.
    pub(super) calls: Vec<Duration>,
    /// The uid and the template of the Deployment that was shown first.
    pub(super) first: Option<(String, u64)>,
    shown: BTreeMap<String, u64>,
    confirmed: Duration,
    /// The same, otherwise than by a line.
    seen: Duration,
    behind: bool,
    bookmark: Duration,
}

/// When a stream was refused for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    BeforeItWorked,
    AfterItWorked,
}

/// The state of the server as calls meet it.
pub(super) struct Scene<'a> {
    pub(super) server: &'a Server,
    pub(super) now: Duration,
    /// Nobody can see anything.
    pub(super) dark: Option<Darkness>,
    /// All calls are answered with this status.
    pub(super) refusing: Option<u16>,
    /// Items of a page.
    pub(super) page: usize,
    /// Everything works.
    pub(super) calm: bool,
    pub(super) random: &'a mut Random,
    pub(super) problems: &'a mut Vec<String>,
}

fn meta(object: &Object) -> &ObjectMeta {
    match object {
        Object::Workload(workload) => &workload.metadata,
        Object::ReplicaSet(set) => &set.metadata,
        Object::ControllerRevision(revision) => &revision.metadata,
        Object::Pod(pod) => &pod.metadata,
    }
}

fn status(code: u16) -> Failure {
    Failure::Status(Status { code, ..Status::default() })
}

/// A GET by name answers with the version of the object.
fn own_version(items: &[Item<Object>]) -> String {
    items.first().map(|item| item.resource_version.clone()).unwrap_or_default()
}

impl Client {
    pub(super) fn new(stream: Stream, random: &mut Random, now: Duration) -> Self {
        let named = stream.name().is_some();
        let machine = Watch::new(stream.kind.plural(), named, random.one_in(2), random.next());
        Self {
            stream,
            machine,
            watch: None,
            lines: VecDeque::new(),
            answer: None,
            losing: false,
            confirm: false,
            wake: false,
            healed: false,
            begun: false,
            listed: false,
            refused: None,
            pages: None,
            calls: Vec::new(),
            first: None,
            shown: BTreeMap::new(),
            confirmed: now,
            seen: now,
            behind: false,
            bookmark: now,
        }
    }

    /// Somebody wants a proof that is not older than this.
    pub(super) fn prove(&mut self, now: Duration, fresh: Duration, anew: bool) {
        let last = if anew { self.seen } else { self.confirmed };
        self.confirm |= now >= last + fresh;
    }

    /// Somebody has found the way to the server again.
    pub(super) const fn wake(&mut self) {
        self.wake = true;
    }

    /// The server, or the way to it, ends every connection.
    pub(super) fn cut(&mut self, now: Duration) {
        if self.watch.take().is_some() {
            self.lines.push_back((now, Input::Failed(Failure::transport("reset"))));
        }
    }

    /// Breaks, silences, ends, delays, repeats, loses.
    pub(super) fn misbehave(&mut self, scene: &mut Scene<'_>) {
        let now = scene.now;
        let Some(open) = &mut self.watch else { return };
        match scene.random.below(300) {
            0 => self.lines.push_back((now, Input::Failed(Failure::transport("reset")))),
            1 => self.lines.push_back((now, Input::Ended)),
            2 => open.silent = true,
            3 => open.position = open.position.saturating_sub(scene.random.below(6)),
            4 => open.late = Duration::from_secs(scene.random.below(LATEST_LINE + 1)),
            5 => open.late = Duration::ZERO,
            6 => self.losing = true,
            7 => {
                let status = Status { code: 410, ..Status::default() };
                self.lines.push_back((now, Input::Line(Line::Error(status))));
            }
            8 => self.lines.push_back((now, Input::Failed(status(504)))),
            _ => {}
        }
    }

    /// The next thing that has arrived by now, and what follows from it; `None`: nothing has.
    pub(super) fn step(&mut self, scene: &mut Scene<'_>) -> Option<Vec<Observed>> {
        self.follow(scene);
        let now = scene.now;
        let due = |at: &Duration| *at <= now;
        let input = if !self.begun {
            self.begun = true;
            Input::Time
        } else if std::mem::take(&mut self.confirm) {
            Input::Confirm
        } else if std::mem::take(&mut self.wake) {
            Input::Healed
        } else if self.answer.as_ref().is_some_and(|(at, _)| due(at)) {
            self.answer.take()?.1
        } else if self.lines.front().is_some_and(|(at, _)| due(at)) {
            self.lines.pop_front()?.1
        } else if self.machine.deadline().as_ref().is_some_and(due) {
            Input::Time
        } else {
            return None;
        };
        if matches!(input, Input::Ended | Input::Failed(_)) {
            self.watch = None;
            self.lines.clear();
        }
        let outputs = self.machine.step(now, input);
        Some(outputs.into_iter().flat_map(|output| self.carry_out(output, scene)).collect())
    }

    /// What the open watch brings.
    fn follow(&mut self, scene: &mut Scene<'_>) {
        let (now, version) = (scene.now, scene.server.version);
        let Some(open) = &mut self.watch else { return };
        let mut last = self.lines.back().map_or(now, |(at, _)| *at);
        last = last.max(now + open.late);
        match scene.dark {
            Some(Darkness::Refused) => return self.cut(now),
            Some(Darkness::EtcdIsStuck) if !open.silent && now >= self.bookmark + BOOKMARKS => {
                self.bookmark = now;
                let resource_version = open.position.to_string();
                let line = Line::Bookmark { resource_version, ends_initial: false };
                return self.lines.push_back((last, Input::Line(line)));
            }
            Some(_) => return,
            None if open.silent => return,
            None => {}
        }
        for (at, line) in scene.server.since(open.position, self.stream.kind) {
            open.position = at;
            open.idle = false;
            if !std::mem::take(&mut self.losing) {
                self.lines.push_back((last, Input::Line(line)));
            }
        }
        // of a kind of which nothing was written the API server sends none
        if !open.idle && now >= self.bookmark + BOOKMARKS {
            open.idle = true;
            self.bookmark = now;
            open.position = version;
            let line = Line::Bookmark { resource_version: version.to_string(), ends_initial: false };
            self.lines.push_back((last, Input::Line(line)));
        }
    }

    /// A refusal: of everything for some time, or one that heals, now and then.
    fn trouble(&self, scene: &mut Scene<'_>) -> Option<Failure> {
        if let Some(code) = scene.refusing {
            return Some(status(code));
        }
        if scene.calm {
            return None;
        }
        Some(match scene.random.below(60) {
            0 => Failure::transport("reset"),
            1 => Failure::Status(Status {
                code: 429,
                retry_after: Some(Duration::from_secs(scene.random.below(5))),
                ..Status::default()
            }),
            2 => status(500),
            3 => status(503),
            4 => status(410),
            5 => Failure::Status(Status { code: 504, too_large: true, ..Status::default() }),
            6 if self.listed => status(401),
            7 if self.listed => status(403),
            _ => return None,
        })
    }

    fn open(&mut self, from: Option<u64>, scene: &mut Scene<'_>) {
        let (now, version) = (scene.now, scene.server.version);
        self.calls.push(now);
        self.lines.clear();
        self.watch = None;
        self.losing = false;
        match scene.dark {
            Some(Darkness::Refused) => {
                let failure = Failure::transport("connection refused");
                return self.lines.push_back((now, Input::Failed(failure)));
            }
            Some(Darkness::Silent) => return,
            // a snapshot begins with a read of etcd
            Some(Darkness::EtcdIsStuck) if from.is_none() => return,
            Some(Darkness::EtcdIsStuck) | None => {}
        }
        if let Some(failure) = self.trouble(scene) {
            self.lines.push_back((now, Input::Failed(failure)));
            return;
        }
        if from.is_some_and(|from| from < scene.server.compacted) {
            self.lines.push_back((now, Input::Failed(status(410))));
            return;
        }
        self.lines.push_back((now, Input::Opened));
        let late = if scene.calm || scene.random.one_in(2) { 0 } else { scene.random.below(LATEST_LINE) };
        let late = Duration::from_secs(late);
        if from.is_none() {
            let end = Line::Bookmark { resource_version: version.to_string(), ends_initial: true };
            let snapshot = scene.server.list(self.stream.kind).into_iter().map(Line::Applied);
            let lines = snapshot.chain([end]).map(|line| (now + late, Input::Line(line)));
            self.lines.extend(lines);
        }
        self.watch = Some(Open { position: from.unwrap_or(version), silent: false, late, idle: true });
    }

    /// A page of a list; of the object, where lists are forbidden, there is one.
    fn read(&mut self, how: &Read, scene: &mut Scene<'_>) {
        let now = scene.now;
        let continued = matches!(how, Read::Page { continue_token: Some(_) });
        if !continued {
            self.calls.push(now);
        }
        // all pages together take as long as the slowest answer
        let late = match (scene.calm, continued) {
            (true, _) => 0,
            (false, true) => 250,
            (false, false) => scene.random.below((SLOWEST_ANSWER - 1) * 1000),
        };
        let pages = self.pages.take().filter(|_| continued);
        self.answer = Some(if scene.dark == Some(Darkness::Refused) {
            (now, Input::Unread(Failure::transport("connection refused")))
        } else if scene.dark.is_some() {
            (now + Duration::from_secs(10), Input::Unread(Failure::transport("timeout")))
        } else if let Some(failure) = self.trouble(scene) {
            (now, Input::Unread(failure))
        } else {
            let server = scene.server;
            let (version, restored, mut items) =
                pages.unwrap_or_else(|| (server.version, server.restored, server.list(self.stream.kind)));
            let is_gone = version < server.compacted || !scene.calm && scene.random.one_in(6);
            if continued && (is_gone || restored != server.restored) {
                self.answer = Some((now, Input::Unread(status(410))));
                return;
            }
            if *how == Read::Object && items.is_empty() {
                self.answer = Some((now, Input::Unread(status(404))));
                return;
            }
            let rest = items.split_off(items.len().min(scene.page));
            let resource_version =
                if *how == Read::Object { own_version(&items) } else { version.to_string() };
            let continue_token = (!rest.is_empty()).then(|| "more".to_owned());
            self.pages = (!rest.is_empty()).then_some((version, restored, rest));
            let page = Page { items, resource_version, continue_token };
            (now + Duration::from_millis(late), Input::Page(page))
        });
    }

    fn carry_out(&mut self, output: Output<Object>, scene: &mut Scene<'_>) -> Vec<Observed> {
        let stream = self.stream.clone();
        match output {
            Output::Watch { resource_version } => {
                self.open(resource_version.and_then(|version| version.parse().ok()), scene);
                Vec::new()
            }
            Output::HangUp => {
                self.watch = None;
                self.lines.clear();
                Vec::new()
            }
            Output::Read(how) => {
                self.read(&how, scene);
                Vec::new()
            }
            Output::Healed => {
                self.healed = true;
                Vec::new()
            }
            Output::Refresh | Output::Stop => Vec::new(),
            Output::Seen => {
                self.confirmed = scene.now;
                self.seen = scene.now;
                self.behind = false;
                vec![Observed::Seen { stream }]
            }
            Output::Behind => {
                self.behind = true;
                vec![Observed::Behind { stream }]
            }
            Output::Health(health) => {
                if let StreamHealth::Refused(_) = &health {
                    let worked = if self.listed { Refused::AfterItWorked } else { Refused::BeforeItWorked };
                    self.refused = Some(worked);
                }
                vec![Observed::Health { stream, health }]
            }
            Output::Listed(objects) => {
                self.confirmed = scene.now;
                self.behind = false;
                self.listed = true;
                self.seen = scene.now;
                self.shown.retain(|uid, _| objects.iter().any(|object| object.uid() == uid));
                for object in &objects {
                    self.note(object, scene);
                }
                vec![Observed::Listed { stream: stream.clone(), objects }, Observed::Seen { stream }]
            }
            Output::Applied(object) => {
                self.news(scene.now);
                self.note(&object, scene);
                vec![Observed::Applied { stream, object }]
            }
            Output::Deleted(object) => {
                self.news(scene.now);
                self.shown.remove(object.uid());
                vec![Observed::Deleted { stream, object }]
            }
        }
    }

    fn news(&mut self, now: Duration) {
        if !self.behind {
            self.confirmed = now;
        }
    }

    /// V5: no object is shown in an older version than before.
    fn note(&mut self, object: &Object, scene: &mut Scene<'_>) {
        if let Object::Workload(workload) = object {
            let image = workload.spec.template.spec.containers[0].image.trim_start_matches("web:");
            let template = image.parse().unwrap();
            self.first.get_or_insert_with(|| (workload.metadata.uid.clone(), template));
        }
        let meta = meta(object);
        let version = meta.resource_version.parse::<u64>().unwrap();
        let before = self.shown.insert(meta.uid.clone(), version).unwrap_or(0);
        if version < before {
            scene.problems.push(format!("{} shown at {version} after {before}", meta.uid));
        }
    }

    /// Whether the toy server has what the stream shows.
    pub(super) const fn can_show(stream: &Stream) -> bool {
        matches!(stream.kind, Kind::Deployment | Kind::ReplicaSet | Kind::Pod)
    }
}
