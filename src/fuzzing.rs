//! Entry points for hostile inputs: bytes in, and a panic where a promise is broken. `fuzz/` runs them under a
//! coverage-guided fuzzer; the tests here run them over the inputs it has kept, and over mutations of these.
//!
//! What is promised stands beside what promises it, in the modules called `oracle`.
#![expect(clippy::unwrap_used, reason = "test code; clippy knows it only by its plain form")]

#[cfg(test)]
mod mutations;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

use crate::exit_code::ExitCode;
use crate::model::Kind;
use crate::observation::{Answer, Object, Observation, Observed, Refusal, Stream, StreamHealth, Want};
use crate::policy::Policy;
use crate::report::Report;
use crate::session::Session;
use crate::source::oracle::{self as source, Said};
use crate::untrusted::oracle::REDACTOR;
use crate::{cli, gate, manifest, recording, render, untrusted};

/// A target of fuzzing: its name, which is that of its folder of inputs, and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("answer", answer),
    ("arguments", arguments),
    ("documents", documents),
    ("kubeconfig", kubeconfig),
    ("manifest", manifests),
    ("plugin", plugin),
    ("proxy", proxy),
    ("recording", recordings),
    ("text", text),
    ("values", values),
    ("watch", watch),
];

/// Nothing said here is a secret but this.
const SECRET: &str = "7Zs1Lw9Xe3Rt5Yu8Io2Pl4Mn";

fn as_text(data: &[u8], with: fn(&str)) {
    if let Ok(text) = std::str::from_utf8(data) {
        with(text);
    }
}

/// Text of the cluster, through every encoder.
pub fn text(data: &[u8]) {
    as_text(data, untrusted::oracle::encoders);
}

/// Text of the cluster in every place of every document.
pub fn documents(data: &[u8]) {
    as_text(data, render::oracle::documents);
}

/// An HTTP answer that is no success.
pub fn answer(data: &[u8]) {
    source::answer(data);
}

/// What a credential plugin printed.
pub fn plugin(data: &[u8]) {
    source::plugin(data);
}

/// A kubeconfig.
pub fn kubeconfig(data: &[u8]) {
    as_text(data, source::kubeconfig);
}

/// `NO_PROXY`, a proxy and a server.
pub fn proxy(data: &[u8]) {
    as_text(data, source::proxy);
}

/// The value of a flag: targets, goals, images, durations.
pub fn values(data: &[u8]) {
    as_text(data, cli::oracle::values);
}

/// A whole command line.
pub fn arguments(data: &[u8]) {
    // A file of this machine is not the input.
    as_text(data, |text| {
        if !text.contains("--conf") {
            cli::oracle::line(text);
        }
    });
}

/// The manifests of `-f -`.
pub fn manifests(data: &[u8]) {
    as_text(data, |text| {
        manifest_of(text);
        if !text.contains(SECRET) {
            manifest_of(&format!("kind: Secret\nstringData: {{password: {SECRET}}}\n---\n{text}"));
            manifest_of(&format!("{text}\nstringData:\n  password: \"{SECRET}\n"));
        }
    });
}

fn manifest_of(text: &str) {
    match manifest::read(&[PathBuf::from("-")], false, &[], &mut text.as_bytes()) {
        Ok(manifest) => {
            assert!(manifest.workloads.iter().all(|workload| !workload.name.is_empty()), "{manifest:?}");
        }
        Err(error) => {
            assert!(matches!(error.exit_code(), ExitCode::Usage), "{error:?}");
            assert!(!error.render(false).contains(SECRET), "{error:?}");
        }
    }
}

/// A recording, however edited: it is refused, or replayed to a report that can be read.
///
/// # Panics
/// A promise is broken.
pub fn recordings(data: &[u8]) {
    as_text(data, |text| {
        recording::oracle::lines_read_back(text);
        if let Ok(recording) = recording::read(text) {
            if !recording.truncated {
                let written = recording::oracle::rewritten(text);
                let again = recording::read(&written).unwrap();
                assert_eq!(again.observations.len(), recording.observations.len());
            }
            is_told(&gate::replay(recording));
        }
    });
}

/// Lines of watches and lists, each of its own kind, as a session about their first workload is shown them.
///
/// # Panics
/// A promise is broken.
pub fn watch(data: &[u8]) {
    let said: Vec<Said> = data.split(|byte| *byte == b'\n').map(source::read).collect();
    let workload = said.iter().find_map(|said| match said {
        Said::Applied(Object::Workload(workload)) => Some(workload),
        Said::Listed(_, objects) => objects.iter().find_map(|object| match object {
            Object::Workload(workload) => Some(workload),
            _ => None,
        }),
        _ => None,
    });
    let Some(workload) = workload else { return };
    let metadata = &workload.metadata;
    let target = Stream::of(workload.kind, &metadata.namespace, &metadata.name);
    let mut run = Run::new(target);
    for one in said {
        run.see(one);
    }
    run.tick(Policy::default().timeout);
    // Evidence for the report may still be asked for.
    for _ in 0..10 {
        run.tick(Duration::from_secs(3));
    }
    assert!(run.done, "there is no verdict after the timeout");
    is_told(&run.session);
}

/// A session that is shown what its streams say, and is refused whatever else it asks for.
struct Run {
    session: Session,
    streams: BTreeSet<Stream>,
    answered: BTreeSet<Want>,
    /// What came before its stream was opened.
    early: Vec<Object>,
    now: Duration,
    done: bool,
}

impl Run {
    fn new(target: Stream) -> Self {
        let session = Session::new(Timestamp::UNIX_EPOCH, [target], Policy::default());
        let (streams, answered) = (BTreeSet::new(), BTreeSet::new());
        let mut run =
            Self { session, streams, answered, early: Vec::new(), now: Duration::ZERO, done: false };
        run.tick(Duration::ZERO);
        run
    }

    fn observe(&mut self, what: Observed) {
        self.session.observe(Observation { at: self.now, what });
    }

    fn tick(&mut self, pause: Duration) {
        self.now += pause;
        self.observe(Observed::Tick);
        let step = self.session.judge();
        self.done = step.done;
        for request in step.requests {
            match request.want {
                Want::Watch(stream) => self.open(stream),
                want => {
                    if self.answered.insert(want.clone()) {
                        let (asked, message) = (format!("get {want:?}"), "forbidden".to_owned());
                        let answer = Answer::Refused(Refusal { code: 403, asked, message });
                        self.observe(Observed::Answered { want, answer });
                    }
                }
            }
        }
    }

    /// A stream shows first what was there before it was opened. That of the target is opened with the run.
    fn open(&mut self, stream: Stream) {
        if !self.streams.insert(stream.clone()) {
            return;
        }
        if self.streams.len() == 1 {
            self.observe(Observed::Health { stream, health: StreamHealth::Live });
            return;
        }
        let objects = self.early.iter().filter(|object| kind_of(object) == stream.kind).cloned().collect();
        self.observe(Observed::Listed { stream, objects });
    }

    fn see(&mut self, said: Said) {
        let kind = match &said {
            Said::Applied(object) | Said::Deleted(object) => kind_of(object),
            Said::Listed(kind, _) => *kind,
            Said::Other => return,
        };
        let Some(stream) = self.streams.iter().find(|stream| stream.kind == kind).cloned() else {
            match said {
                Said::Applied(object) => self.early.push(object),
                Said::Listed(_, objects) => self.early.extend(objects),
                Said::Deleted(_) | Said::Other => {}
            }
            return;
        };
        self.observe(match said {
            Said::Applied(object) => Observed::Applied { stream, object },
            Said::Deleted(object) => Observed::Deleted { stream, object },
            Said::Listed(_, objects) => Observed::Listed { stream, objects },
            Said::Other => return,
        });
        self.tick(Duration::from_secs(1));
    }
}

fn kind_of(object: &Object) -> Kind {
    match object {
        Object::Workload(workload) => workload.kind,
        Object::ReplicaSet(_) => Kind::ReplicaSet,
        Object::ControllerRevision(_) => Kind::ControllerRevision,
        Object::Pod(_) => Kind::Pod,
    }
}

/// The report can be made in every form, and its JSON read back.
fn is_told(session: &Session) {
    let report = session.report();
    let document = render::json(&report, &REDACTOR);
    let read: Report = serde_json::from_str(&document).unwrap();
    assert_eq!(read.exit_code, Some(session.exit_code().number()));
    drop(render::terminal(&report, &render::Look::plain(&REDACTOR)));
    drop(render::junit(&report, &REDACTOR));
    drop(render::markdown(&report, &REDACTOR));
    drop(render::html(&report, &REDACTOR));
}
