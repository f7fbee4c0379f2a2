//! F13 and F16 with credential plugins and client certificates that change while the wait goes on.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{React, Request, Server, lock, status};
use crate::stage::{Stage, end};
use crate::story::{complete, completing, under_way};
use crate::tls::{Authority, Certified, Front, PEER, Speaks};
use crate::world::World;
use crate::{Fault, own};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        own(
            "f13_plugin_runs_once_a_token",
            "the server wants a new token every 2 s; a credential plugin has it",
            token_rotated,
        ),
        own(
            "f13_plugin_runs_once_a_certificate",
            "the server wants a new client certificate every 2 s; a credential plugin has it",
            || certificate_rotated(true),
        ),
        own(
            "f13_certificate_file_rotated",
            "the server wants a new client certificate every 2 s; the files of the kubeconfig have it",
            || certificate_rotated(false),
        ),
        own(
            "f13_plugin_fails_for_a_while",
            "the server wants a new token; the credential plugin fails for 12 s before it has it",
            fails_for_a_while,
        ),
        own(
            "f13_kubeconfig_turns_to_another_cluster",
            "the token expires; the kubeconfig has the next one, and its current context is another cluster by now",
            turned_away,
        ),
        own(
            "f16_plugin_reads_an_open_pipe",
            "a credential plugin reads standard input to its end; ours is a pipe that stays open and silent",
            silent_pipe,
        ),
    ]
}

/// How often credentials change, and how often in a run.
const LIFE: u64 = 2000;
const ROTATIONS: usize = 4;

/// What the server accepts, and whether somebody has shown it.
#[derive(Clone, Default)]
struct Accepted(Arc<Mutex<(String, bool)>>);

impl Accepted {
    fn is_now(&self, credential: String) {
        *lock(&self.0) = (credential, false);
    }

    fn admits(&self, credential: &str) -> bool {
        let mut accepted = lock(&self.0);
        accepted.1 |= accepted.0 == credential;
        accepted.0 == credential
    }

    fn has_been_shown(&self) -> bool {
        lock(&self.0).1
    }
}

fn only(accepted: &Accepted, shown: fn(&Request) -> String) -> impl Fn(&Request) -> React + use<> {
    let accepted = accepted.clone();
    move |request| {
        if accepted.admits(&shown(request)) {
            React::Serve
        } else {
            status(401, "Unauthorized", "Unauthorized")
        }
    }
}

fn header(request: &Request, wanted: &str) -> String {
    let mut fields = request.head.lines().filter_map(|line| line.split_once(':'));
    let field = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    field.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

/// Each time a credential has lived, since it was first shown, the next one is handed out and is the only one that
/// counts; every watch ends, so that all streams ask at once. The rollout completes after the last.
fn rotate(stage: &Stage, accepted: Accepted, next: impl Fn(usize) + Send + 'static) {
    stage.server.later_than_pods(LIFE, move |server| {
        for number in 1..=ROTATIONS {
            next(number);
            server.end_watches();
            while !accepted.has_been_shown() {
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(Duration::from_millis(LIFE));
        }
        complete(&mut server.world());
    });
}

/// A file is there with all of its content or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::rename(beside, path)
}

/// A plugin that notes each run and prints the file `credential`.
fn plugin(stage: &Stage) -> String {
    let path = stage.file("plugin");
    let folder = stage.folder.path().display();
    let script = format!("#!/bin/sh\necho run >>'{folder}/runs'\ncat '{folder}/credential'\n");
    fs::write(&path, script).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file");
    format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{}', interactiveMode: IfAvailable}}}}",
        path.display()
    )
}

fn credential(status: Value) -> String {
    json!({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": status})
        .to_string()
}

fn runs(stage: &Stage) -> usize {
    fs::read_to_string(stage.file("runs")).expect("it ran").lines().count()
}

fn passed(stage: &Stage) {
    let run = stage.guard(40);
    assert_eq!(run.code, Some(0), "{}", run.everything());
    assert!(run.took < Duration::from_secs(30), "{:?}", run.took);
}

fn token_rotated() -> &'static str {
    let token = |number: usize| format!("token-{number}");
    let accepted = Accepted::default();
    let server = Server::new(under_way(), only(&accepted, |request| header(request, "authorization")));
    let stage = Stage::new(server);
    let user = plugin(&stage);
    let path = stage.file("credential");
    let ours = accepted.clone();
    let hand_out = move |number| {
        write(&path, &credential(json!({"token": token(number)}))).expect("a writable folder");
        ours.is_now(format!("Bearer {}", token(number)));
    };
    hand_out(0);
    rotate(&stage, accepted, hand_out);
    let stage = stage.with_user(user);
    passed(&stage);
    assert_eq!(runs(&stage), 1 + ROTATIONS);
    "exit 0; the plugin ran once for each of 5 tokens"
}

fn fails_for_a_while() -> &'static str {
    let accepted = Accepted::default();
    let server = Server::new(under_way(), only(&accepted, |request| header(request, "authorization")));
    let stage = Stage::new(server);
    let user = plugin(&stage);
    let path = stage.file("credential");
    write(&path, &credential(json!({"token": "first"}))).expect("a writable folder");
    accepted.is_now("Bearer first".to_owned());
    let ours = accepted.clone();
    let away = path.clone();
    stage.server.later_than_pods(500, move |server| {
        drop(fs::remove_file(&away));
        ours.is_now("Bearer second".to_owned());
        server.end_watches();
    });
    stage.server.later_than_pods(12_500, move |server| {
        write(&path, &credential(json!({"token": "second"}))).expect("a writable folder");
        complete(&mut server.world());
    });
    let stage = stage.with_user(user);
    let run = stage.guard(90);
    assert_eq!(run.code, Some(0), "{}", run.everything());
    "exit 0; the failures of the plugin were no rejections of the token"
}

fn turned_away() -> &'static str {
    let accepted = Accepted::default();
    let server = Server::new(under_way(), only(&accepted, |request| header(request, "authorization")));
    let elsewhere = Server::new(World::new(), |_| React::Serve);
    let stage = Stage::new(server);
    accepted.is_now("Bearer first".to_owned());
    let (path, port, other) = (stage.file("kubeconfig"), stage.server.port, elsewhere.port);
    let ours = accepted.clone();
    stage.server.later_than_pods(500, move |server| {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: y\n\
             clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}, \
             {{name: d, cluster: {{server: 'http://127.0.0.1:{other}'}}}}]\n\
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}, {{name: y, context: {{cluster: d, user: u}}}}]\n\
             users: [{{name: u, user: {{token: second}}}}]\n"
        );
        write(&path, &text).expect("a writable folder");
        ours.is_now("Bearer second".to_owned());
        server.end_watches();
    });
    stage.server.later_than_pods(2500, |server| complete(&mut server.world()));
    let stage = stage.with_user("{token: first}");
    passed(&stage);
    assert!(elsewhere.requests().is_empty(), "another cluster was asked");
    "exit 0; the other cluster was not asked"
}

fn certificate_rotated(by_plugin: bool) -> &'static str {
    let (servers, clients) = (Authority::new(), Authority::new());
    let certificates: Arc<Vec<Certified>> =
        Arc::new((0..=ROTATIONS).map(|_| clients.certify(&["ci"])).collect());
    let accepted = Accepted::default();
    let server = Server::new(under_way(), only(&accepted, |request| header(request, PEER)));
    let front = Front::knowing(server.port, Speaks::Http2, &servers.certify(&["127.0.0.1"]), &clients);
    let stage = Stage::new(server).with_cluster(servers.cluster(&front.url(), ""));
    let (certificate, key) = (stage.file("client.crt"), stage.file("client.key"));
    let user = if by_plugin {
        plugin(&stage)
    } else {
        format!("{{client-certificate: '{}', client-key: '{}'}}", certificate.display(), key.display())
    };
    let path = stage.file("credential");
    let ours = accepted.clone();
    let hand_out = move |number: usize| {
        let next: &Certified = &certificates[number];
        if by_plugin {
            let status = json!({"clientCertificateData": next.pem(), "clientKeyData": next.key_pem()});
            write(&path, &credential(status)).expect("a writable folder");
        } else {
            write(&certificate, &next.pem()).expect("a writable folder");
            write(&key, &next.key_pem()).expect("a writable folder");
        }
        ours.is_now(next.mark());
    };
    hand_out(0);
    rotate(&stage, accepted, hand_out);
    let stage = stage.with_user(user);
    passed(&stage);
    if !by_plugin {
        return "exit 0; the files were read again for each of 5 certificates";
    }
    assert_eq!(runs(&stage), 1 + ROTATIONS);
    "exit 0; the plugin ran once for each of 5 certificates"
}

fn silent_pipe() -> &'static str {
    let accepted = Accepted::default();
    accepted.is_now("Bearer token".to_owned());
    let server = completing(300, only(&accepted, |request| header(request, "authorization")));
    let stage = Stage::new(server);
    let user = plugin(&stage);
    let folder = stage.folder.path().display().to_string();
    let script = format!("#!/bin/sh\ncat >'{folder}/read'\ncat '{folder}/credential'\n");
    fs::write(stage.file("plugin"), script).expect("a file");
    write(&stage.file("credential"), &credential(json!({"token": "token"}))).expect("a writable folder");
    let stage = stage.with_user(user);
    let mut command = stage.command(20);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().expect("the binary starts");
    let pipe = child.stdin.take();
    let code = end(&mut child, Duration::from_secs(60));
    assert_eq!(code, Some(0), "{}", fs::read_to_string(stage.file("report.json")).unwrap_or_default());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(fs::read(stage.file("read")).expect("it read"), b"");
    drop(pipe);
    "exit 0; the plugin met the end of its input at once"
}
