//! F34: secrets in everything that a cluster says, and in none of what we say.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::hostile::crashing;
use crate::server::{React, status};
use crate::stage::{Stage, end};
use crate::story::pod;
use crate::{Fault, own};

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        own(
            "f34_secrets",
            "canaries in every field that can hold a secret, in log and events",
            in_every_field,
        ),
        own(
            "f34_own_token_in_log_and_event",
            "a log and an event that say our own token",
            own_token_in_evidence,
        ),
        own(
            "f34_own_token_in_a_refusal",
            "an API server that says our own token when it refuses",
            own_token_in_refusal,
        ),
        own(
            "f34_secrets_in_waiting_messages",
            "secrets in the message of a container that waits",
            in_waiting_messages,
        ),
    ]
}

/// What nothing may show. It begins in the same way everywhere.
const CANARY: &str = "c4nary";
/// Ours; nothing about its form says that it is a secret.
const OWN: &str = "c4nary-of-our-own";

/// The reports that are wanted, besides JSON and JUnit.
const FILES: [(&str, &str); 8] = [
    ("--html", "report.html"),
    ("--markdown", "report.md"),
    ("--gitlab-dotenv", "report.env"),
    ("--gitlab-annotations", "links.json"),
    ("--gitlab-code-quality", "quality.json"),
    ("--record", "recording.jsonl"),
    ("--termination-log", "termination"),
    ("--logs", "on-failure"),
];

/// All that one run writes anywhere, by name.
fn outputs(stage: Stage, right: i32) -> BTreeMap<String, String> {
    let mut stage = stage.with_user(format!("{{token: {OWN}}}")).with(&["-vv", "--ci", "github"]);
    for (flag, name) in FILES {
        stage = stage.with(&[flag, name]);
    }
    let mut command = stage.command(60);
    command.current_dir(stage.folder.path());
    command
        .env("GITHUB_OUTPUT", stage.file("github-output"))
        .env("GITHUB_STEP_SUMMARY", stage.file("github-summary"));
    for name in ["github-output", "github-summary", "termination"] {
        fs::write(stage.file(name), "").expect("a file");
    }
    let file = |name| fs::File::create(stage.file(name)).expect("a file");
    command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
    let mut child = command.spawn().expect("the binary starts");
    let code = end(&mut child, std::time::Duration::from_secs(75));
    let all = read(stage.folder.path());
    assert_eq!(code, Some(right), "{all:?}");
    let expected = ["stdout", "stderr", "report.json", "report.xml", "github-output", "github-summary"];
    for name in expected.into_iter().chain(FILES.iter().take(7).map(|(_, name)| *name)) {
        assert!(all.get(name).is_some_and(|text| !text.is_empty()), "{name} is empty: {all:?}");
    }
    for (name, text) in &all {
        let place = text.find(CANARY).map(|at| {
            let begin = (0..=at.saturating_sub(80)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            &text[begin..at + CANARY.len() + 4]
        });
        assert_eq!(place, None, "in {name}");
    }
    all
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    let files = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let ours = files.filter(|path| path.is_file() && !path.ends_with("kubeconfig"));
    ours.map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        (name, String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned())
    })
    .collect()
}

/// The text of the evidence is there, without what was secret in it.
fn masked_in(all: &BTreeMap<String, String>, marker: &str) {
    for name in ["stdout", "report.json", "report.xml", "report.html", "report.md", "recording.jsonl"] {
        let text = &all[name];
        assert!(text.contains(marker) && text.contains("[redacted]"), "{marker:?} in {name}: {text}");
    }
}

fn event(message: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e", "namespace": "shop", "uid": "e",
            "annotations": {"note": "c4nary-20"}, "labels": {"note": "c4nary-21"}},
        "type": "Warning", "reason": "BackOff", "message": message, "count": 3,
        "firstTimestamp": "2026-11-24T10:00:00Z", "lastTimestamp": "2026-11-24T10:00:05Z",
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": "web-2-a", "uid": "web-2-a",
            "fieldPath": "spec.containers{app}"}})
}

fn events(message: &str) -> React {
    let list = json!({"apiVersion": "v1", "kind": "EventList", "metadata": {"resourceVersion": "9"},
        "items": [event(message)]});
    React::Answer(200, "OK", list.to_string())
}

fn in_every_field() -> &'static str {
    let all = outputs(secrets(), 1);
    masked_in(&all, "the log begins");
    "in no output: stdout, stderr with -vv, JSON, JUnit, HTML, Markdown, GitHub's and GitLab's files, termination log, recording"
}

fn own_token_in_evidence() -> &'static str {
    let stage = crashing(|request| {
        if request.of("events") {
            return events(&format!("back-off after a request with {OWN} failed"));
        }
        React::Answer(200, "OK", format!("the log begins\nrequest with {OWN} was refused\n"))
    });
    masked_in(&outputs(stage, 1), "the log begins");
    "in no output"
}

fn own_token_in_refusal() -> &'static str {
    let stage = Stage::new(crate::story::completing(300, |request| {
        if request.of("pods") {
            let message =
                format!("pods is forbidden: the bearer {OWN} of User \"ci\" cannot list resource \"pods\"");
            return status(403, "Forbidden", &message);
        }
        React::Serve
    }));
    let all = outputs(stage, 4);
    for name in ["stdout", "report.json", "report.xml", "report.html", "recording.jsonl"] {
        assert!(all[name].contains("[redacted]"), "{name}: {}", all[name]);
    }
    "in no output; the rest of the message is shown"
}

fn in_waiting_messages() -> &'static str {
    let mut world = crate::story::under_way();
    let message = "Failed to pull image \"https://user:c4nary-30@registry.example/shop/web:2\": couldn't parse image \
                   name; Authorization: Bearer c4nary31c4nary31c4nary31; limit as bob: c4nary-32";
    world.apply("pods", pod(2, crate::story::waiting("InvalidImageName", message)));
    let all = outputs(Stage::new(crate::server::Server::new(world, |_| React::Serve)), 1);
    masked_in(&all, "registry.example/shop/web:2");
    "in no output"
}

fn secrets() -> Stage {
    let stage = crashing(|request| {
        if request.of("events") {
            return events("back-off: password=c4nary-22 of https://user:c4nary-23@db.example/");
        }
        let log = "the log begins\npassword=c4nary-1\nAuthorization: Bearer c4nary2c4nary2c4nary2\n\
                   https://user:c4nary3@db/x\n{\"api_key\": \"c4nary-4\"}\n\
                   -----BEGIN PRIVATE KEY-----\nc4nary5\n-----END PRIVATE KEY-----\n";
        React::Answer(200, "OK", log.to_owned())
    });
    {
        let mut world = stage.server.world();
        let spoil = |object: &mut Value| {
            object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
                json!("c4nary-6");
            object["metadata"]["annotations"]["vault"] = json!("c4nary-7");
            object["metadata"]["managedFields"] = json!([{"manager": "m", "fieldsV1": {"f:c4nary-13": {}}}]);
        };
        let container = |container: &mut Value| {
            container["image"] = json!("https://user:c4nary-14@registry.example/shop/web:2");
            container["env"] =
                json!([{"name": "DB_PASSWORD", "value": "c4nary-8"}, {"name": "X", "value": "c4nary-10"}]);
            container["args"] = json!(["--token=c4nary-9"]);
            container["command"] = json!(["run", "--secret", "c4nary-11"]);
            for probe in ["readinessProbe", "livenessProbe"] {
                container[probe] = json!({"httpGet": {"path": "/?token=c4nary-15", "port": 80,
                    "httpHeaders": [{"name": "Authorization", "value": "c4nary-16"}]}});
            }
            container["startupProbe"] =
                json!({"exec": {"command": ["mysqladmin", "ping", "--password", "c4nary-28"]}});
            container["lifecycle"]["preStop"] =
                json!({"exec": {"command": ["drain", "--api-key", "c4nary-29"]}});
            container["lifecycle"]["postStart"] = json!({"httpGet": {"path": "/", "port": 80,
                "httpHeaders": [{"name": "X-Key", "value": "c4nary-17"}]}});
        };
        let volumes = json!([
            {"name": "files", "csi": {"driver": "files.example.com", "volumeAttributes": {"account": "c4nary-33"}}},
            {"name": "share", "flexVolume": {"driver": "example.com/cifs", "options": {"username": "c4nary-34"}}},
            {"name": "code", "gitRepo": {"repository": "https://user:c4nary-35@git.example/shop"}}]);
        world.change("deployments", "web", |workload| {
            spoil(workload);
            workload["spec"]["template"]["spec"]["volumes"] = volumes.clone();
            workload["spec"]["template"]["metadata"]["annotations"]["note"] = json!("c4nary-18");
            container(&mut workload["spec"]["template"]["spec"]["containers"][0]);
            workload["status"]["conditions"][1]["message"] = json!("progressing with token=c4nary-19");
            workload["status"]["conditions"][0]["message"] = json!("not available: password=c4nary-24");
        });
        let template = world.get("deployments", "web").map(|workload| workload["spec"]["template"].clone());
        world.change("replicasets", "web-2", |set| {
            spoil(set);
            let labels = set["spec"]["template"]["metadata"]["labels"].take();
            set["spec"]["template"] = template.unwrap_or_default();
            set["spec"]["template"]["metadata"]["labels"] = labels;
        });
        world.change("pods", "web-2-a", |pod| {
            spoil(pod);
            container(&mut pod["spec"]["containers"][0]);
            pod["spec"]["volumes"] = volumes.clone();
            pod["spec"]["ephemeralContainers"] = json!([{"name": "debug", "image": "shop/tools:1",
                "command": ["psql", "--password", "c4nary-36"], "env": [{"name": "X", "value": "c4nary-37"}]}]);
            pod["status"]["conditions"][1]["message"] =
                json!("containers with unready status: token=c4nary-26");
            let status = &mut pod["status"]["containerStatuses"][0];
            status["state"]["waiting"]["message"] = json!("back-off of run --password c4nary-27");
            status["lastState"]["terminated"]["message"] = json!("login failed: password=c4nary-12");
        });
    }
    stage
}
