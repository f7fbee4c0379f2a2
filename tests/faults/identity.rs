//! F13, F15, F16: who we are, and what we may see.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use crate::server::{React, Request, Server, status};
use crate::stage::{Run, Stage};
use crate::story::{break_image, complete, completing, under_way};
use crate::{Fault, staged};

fn fine(_: &Run, _: &Stage) {}

const CANARY: &str = "canary-5f1d7c";

pub(crate) fn faults() -> Vec<Fault> {
    vec![
        staged(
            "f13_token_rotated",
            "the token expires in the middle; the token file has the next one",
            rotated,
            30,
            0,
            fine,
        ),
        staged(
            "f13_rejected_for_good",
            "401 for every request from 0.5 s on",
            || {
                Stage::new(Server::new(under_way(), |request| {
                    if request.at > Duration::from_millis(500) { unauthorized() } else { React::Serve }
                }))
                .ending_watches()
            },
            40,
            4,
            |run, _| {
                assert!(run.took < Duration::from_secs(25), "{:?}", run.took);
                assert_eq!(run.reason(), "credentials-rejected");
                assert!(
                    run.everything().contains("401") || run.everything().contains("Unauthorized"),
                    "{}",
                    run.everything()
                );
            },
        ),
        staged(
            "f13_rejected_for_a_moment",
            "401 for every request for 4 s, as by a server that starts; the rollout completes meanwhile",
            || refusing_for_a_moment(unauthorized),
            40,
            0,
            fine,
        ),
        staged(
            "f15_forbidden_for_a_moment",
            "403 for every request for 4 s, as by a server that starts; the rollout completes meanwhile",
            || refusing_for_a_moment(forbidden),
            40,
            0,
            fine,
        ),
        staged(
            "f15_not_found_in_front",
            "the Deployment may be got by name, not listed or watched; something in front answers it with a page of 404 for 15 s",
            not_found_in_front,
            40,
            0,
            fine,
        ),
        staged(
            "f15_target_not_readable",
            "403 for the Deployment",
            || forbidding(&["deployments"]),
            10,
            4,
            |run, _| {
                assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
                assert!(run.everything().contains("deployments"), "{}", run.everything());
            },
        ),
        staged(
            "f15_list_and_watch_forbidden",
            "the Deployment may be got by name, not listed or watched; pods may be listed, not watched",
            || {
                let server = Server::new(under_way(), |request| {
                    if is_the_target(request) {
                        return React::Serve;
                    }
                    if request.of("deployments") || request.is_watch() { forbidden() } else { React::Serve }
                });
                server.later(500, |server| complete(&mut server.world()));
                Stage::new(server)
            },
            40,
            0,
            fine,
        ),
        staged(
            "f15_pods_not_readable",
            "403 for pods: nothing can be said to have settled",
            || forbidding(&["pods"]),
            10,
            4,
            |run, _| {
                assert_eq!(run.reason(), "pods-not-readable");
            },
        ),
        staged(
            "f15_events_and_logs_not_readable",
            "403 for events and logs, and a broken image name",
            || {
                let server = Server::new(under_way(), |request| {
                    if request.of("events") || request.path.contains("/log") {
                        forbidden()
                    } else {
                        React::Serve
                    }
                });
                server.later(300, |server| break_image(&mut server.world()));
                Stage::new(server)
            },
            20,
            1,
            |run, _| assert_eq!(run.reason(), "image-name-invalid"),
        ),
        staged(
            "f16_plugin_gives_a_token",
            "a credential plugin that prints a token and much else",
            || {
                plugin(
                    "echo 'canary-5f1d7c noise' >&2; echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"canary-5f1d7c\"}}'",
                )
            },
            20,
            0,
            |run, _| assert!(!run.everything().contains(CANARY), "the token is in an output"),
        ),
        staged(
            "f16_plugin_floods",
            "a credential plugin that prints 3 MB, a token in it, on both of its streams and goes on",
            || plugin("yes canary-5f1d7c | head -c 3000000 >&2; yes canary-5f1d7c"),
            20,
            4,
            |run, _| {
                assert!(run.took < Duration::from_secs(10), "{:?}", run.took);
                assert!(!run.everything().contains(CANARY), "what the plugin printed is in an output");
            },
        ),
        staged(
            "f16_plugin_fails",
            "a credential plugin that prints a token and fails",
            || plugin("echo canary-5f1d7c; echo denied >&2; exit 1"),
            20,
            4,
            |run, _| {
                assert!(run.stderr.contains("denied"), "{}", run.stderr);
                assert!(!run.everything().contains(CANARY), "what the plugin printed is in an output");
            },
        ),
        staged(
            "f16_plugin_prompts",
            "a credential plugin that waits for an answer on standard input",
            || plugin("read -r x; echo \"no answer\" >&2; exit 1"),
            20,
            4,
            |run, _| {
                assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
            },
        ),
        staged(
            "f16_plugin_hangs",
            "a credential plugin that never ends",
            || plugin("exec sleep 100"),
            40,
            4,
            |run, _| {
                assert!(run.stderr.contains("did not end within 30 s"), "{}", run.stderr);
            },
        ),
        staged(
            "f16_plugin_not_allowed",
            "a kubeconfig that brings its own program, under `--exec-plugins deny`",
            || {
                plugin("touch ran; echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"x\"}}'").with(&["--exec-plugins", "deny"])
            },
            10,
            4,
            |run, stage| {
                assert!(run.stderr.contains("--exec-plugins"), "{}", run.stderr);
                assert!(!stage.file("ran").exists(), "it ran");
            },
        ),
    ]
}

fn unauthorized() -> React {
    status(401, "Unauthorized", "Unauthorized")
}

fn forbidden() -> React {
    status(403, "Forbidden", "user \"ci\" cannot do this in the namespace \"shop\"")
}

fn is_the_target(request: &Request) -> bool {
    request.path.split('?').next().is_some_and(|path| path.ends_with("/deployments/web"))
}

fn not_found_in_front() -> Stage {
    let server = Server::new(under_way(), |request| {
        let away = (Duration::from_secs(2)..Duration::from_secs(17)).contains(&request.at);
        if is_the_target(request) {
            if away {
                React::Answer(404, "Not Found", "404 page not found\n".to_owned())
            } else {
                React::Serve
            }
        } else if request.of("deployments") {
            forbidden()
        } else {
            React::Serve
        }
    });
    server.later(2500, |server| complete(&mut server.world()));
    Stage::new(server)
}

fn refusing_for_a_moment(refusal: fn() -> React) -> Stage {
    let server = Server::new(under_way(), move |request| {
        let starts = (Duration::from_secs(1)..Duration::from_secs(5)).contains(&request.at);
        if starts { refusal() } else { React::Serve }
    });
    server.later(1000, Server::end_watches);
    server.later(2500, |server| complete(&mut server.world()));
    Stage::new(server)
}

fn forbidding(resources: &'static [&'static str]) -> Stage {
    let refused = move |request: &Request| resources.iter().any(|resource| request.of(resource));
    Stage::new(completing(300, move |request| if refused(request) { forbidden() } else { React::Serve }))
}

impl Stage {
    /// Every watch ends at half a second, so that the next request is needed.
    fn ending_watches(self) -> Self {
        self.server.later(600, Server::end_watches);
        self
    }
}

fn rotated() -> Stage {
    let server = Server::new(under_way(), |request| {
        let wanted = if request.at > Duration::from_secs(1) { "second" } else { "first" };
        let given = request.head.contains(&format!("Bearer {wanted}"));
        if given { React::Serve } else { unauthorized() }
    });
    let stage = Stage::new(server);
    let token = stage.file("token");
    fs::write(&token, "first").expect("a writable folder");
    stage.server.later(1000, move |server| {
        drop(fs::write(&token, "second"));
        server.end_watches();
    });
    stage.server.later(2500, |server| complete(&mut server.world()));
    let path = stage.file("token");
    stage.with_user(format!("{{tokenFile: '{}'}}", path.display()))
}

/// A completing rollout behind a plugin with that script.
fn plugin(script: &str) -> Stage {
    let stage = Stage::new(completing(300, |request| {
        let known = request.head.contains(&format!("Bearer {CANARY}"));
        if known { React::Serve } else { unauthorized() }
    }));
    behind_plugin(stage, script)
}

/// The same server, whose kubeconfig names a plugin with that script.
pub(crate) fn behind_plugin(stage: Stage, script: &str) -> Stage {
    let path = stage.file("plugin");
    fs::write(&path, format!("#!/bin/sh\ncd {}\n{script}\n", stage.folder.path().display())).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file");
    let user = format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{}', interactiveMode: IfAvailable}}}}",
        path.display()
    );
    stage.with_user(user)
}
