//! Reason 2: the application crashes.

use serde_json::{Value, json};

use crate::case::{Case, apply, rolled_out, until};
use crate::manifest::{app, container, one, ready, server, shell, web};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = exits();
    cases.extend(late_deaths());
    cases.extend(commands());
    cases.extend(changed_by_the_rollout());
    cases.extend(around_the_application());
    cases.extend(healthy());
    cases
}

fn running(script: &str) -> Value {
    web(one(app(json!({ "command": shell(script) }))))
}

fn exits() -> Vec<Case> {
    vec![
        Case::fails("crash", "exit-1-with-log", "container-crashing")
            .object(running("echo starting version 7; echo 'panic: DATABASE_URL is empty' >&2; exit 1"))
            .says(&["exit code 1", "panic: DATABASE_URL is empty", "kubectl -n $NS logs web-"])
            .lasts(45),
        // Far gone before we look: the pause before the next end is longer than our time.
        Case::fails("crash", "failing-before-we-looked", "container-crashing")
            .before(apply(web(one(app(json!({"command": shell("echo no disk; exit 3")}))))))
            .before(until(
                "get pods -o jsonpath=restarts:{.items[*].status.containerStatuses[*].restartCount}",
                "restarts:3",
            ))
            .says(&["no disk"])
            .timeout(30)
            .lasts(60),
        Case::fails("crash", "exit-3-without-log", "container-crashing")
            .object(running("exit 3"))
            .says(&["exit code 3", "logged nothing", "start"])
            .lasts(45),
        Case::fails("crash", "completed", "container-completed")
            .object(running("echo migration done"))
            .says(&["exit code 0", "migration done", "Job"])
            .lasts(25),
        Case::fails("crash", "out-of-memory", "memory-limit-exceeded")
            .object(web(one(app(json!({
                "command": shell("echo filling the cache; exec dd if=/dev/zero of=/dev/null bs=300M"),
                "resources": {"limits": {"memory": "96Mi"}},
            })))))
            .says(&["96Mi", "OOMKilled", "137"])
            .lasts(20),
        Case::fails("crash", "limit-below-the-first-process", "memory-limit-too-small")
            .object(web(one(app(json!({"resources": {"limits": {"memory": "128m"}}})))))
            .says(&["128m", "Mi"])
            .lasts(25),
        // With the processes of the pod shared it is not process 1, and can be killed. Kubernetes makes $ of $$.
        Case::fails("crash", "killed-from-outside", "container-killed")
            .object(web(json!({
                "shareProcessNamespace": true,
                "containers": [app(json!({"command": shell("echo working; sleep 1; kill -9 $$$$")}))],
            })))
            .says(&["SIGKILL", "137"])
            .lasts(50),
        Case::fails("crash", "beside-a-healthy-container", "container-crashing")
            .object(web(json!({"containers": [
                server(json!({"readinessProbe": ready()})),
                container("proxy", json!({"command": shell("echo no upstream; exit 2")})),
            ]})))
            .says(&["proxy", "exit code 2", "no upstream"])
            .lasts(45),
    ]
}

/// Ready, hence available, hence complete for kubectl, until they die. None has a readiness probe.
fn late_deaths() -> Vec<Case> {
    vec![
        Case::fails("crash", "dies-at-once", "container-crashing")
            .object(running("echo cannot bind; exit 1"))
            .says(&["exit code 1", "cannot bind"])
            .lasts(45),
        Case::fails("crash", "dies-after-5s", "container-crashing")
            .object(running("echo warming up; sleep 5; echo lost the database; exit 1"))
            .says(&["exit code 1", "lost the database"])
            .lasts(65),
        // No probe says that it has come up, and its client of the database gives up late.
        Case::fails("crash", "dies-after-14s", "container-crashing")
            .object(running("echo connecting; sleep 14; echo lost the database; exit 1"))
            .args("--tolerate-restarts 1")
            .says(&["exit code 1", "lost the database"])
            .lasts(55),
        // `startedAt` lies before the hook ends, so the pod looks old when it becomes Ready.
        Case::fails("crash", "dies-after-post-start-hook-of-15s", "container-crashing")
            .object(web(one(app(json!({
                "command": shell("sleep 17; echo lost the database; exit 1"),
                "lifecycle": {"postStart": {"exec": {"command": ["sleep", "15"]}}},
            })))))
            .says(&["exit code 1", "lost the database"])
            .lasts(120),
        // The probe passes, old pods go, and then it dies.
        Case::fails("crash", "dies-after-being-ready", "crash-after-ready")
            .object(web(one(server(json!({
                "command": shell("httpd -p 8080 -h /www; sleep 6; echo lost the database; exit 1"),
                "readinessProbe": ready(),
            })))))
            .says(&[
                "became ready and ended 4 times with exit code 1",
                "lost the database",
                "minReadySeconds",
            ])
            .timeout(240)
            .lasts(100),
    ]
}

fn commands() -> Vec<Case> {
    let command = |command: Value| web(one(app(json!({ "command": command }))));
    vec![
        Case::fails("crash", "command-not-found", "command-not-found")
            .object(command(json!(["servr", "--port", "8080"])))
            .says(&["servr", "$PATH"])
            .lasts(25),
        Case::fails("crash", "command-of-a-shell-not-found", "command-not-found")
            .object(command(shell("servr --port 8080")))
            .says(&["127", "servr: not found"])
            .lasts(25),
        Case::fails("crash", "command-not-executable", "command-not-executable")
            .object(command(json!(["/bin/noexec"])))
            .says(&["/bin/noexec", "chmod +x"])
            .lasts(25),
        Case::fails("crash", "wrong-architecture", "exec-format-error")
            .object(command(json!(["/bin/wrong-arch"])))
            .says(&["/bin/wrong-arch", "exec format error"])
            .lasts(25),
        Case::fails("crash", "script-without-shebang", "exec-format-error")
            .object(command(json!(["/bin/no-shebang"])))
            .says(&["/bin/no-shebang", "#!"])
            .lasts(25),
        Case::fails("crash", "working-directory-is-a-file", "container-cannot-start")
            .object(web(one(app(json!({"workingDir": "/bin/sh"})))))
            .says(&["/bin/sh", "not a directory"])
            .lasts(25),
    ]
}

/// What this rollout changed of the thing that fails comes first, with the command that sets it back.
fn changed_by_the_rollout() -> Vec<Case> {
    let script =
        "[ -n \"$DATABASE_URL\" ] || { echo 'panic: DATABASE_URL is not set'; exit 1; }; exec sleep 3600";
    let with_env = |env: Value| web(one(app(json!({"command": shell(script), "env": env}))));
    vec![
        Case::fails("crash", "command-changed", "command-not-found")
            .before(apply(web(one(app(json!({}))))))
            .before(rolled_out("deploy/web"))
            .object(web(one(app(json!({"command": ["slep", "3600"]})))))
            .says(&[
                "This rollout changed command of container app from sleep 3600 to slep 3600: set it",
                "patch deployment/web",
            ])
            .lasts(35),
        Case::fails("crash", "variable-removed", "container-crashing")
            .before(apply(with_env(json!([{"name": "DATABASE_URL", "value": "db"}]))))
            .before(rolled_out("deploy/web"))
            .object(with_env(json!([])))
            .says(&[
                "This rollout removed variable DATABASE_URL of container app",
                "set env deployment/web -c app DATABASE_URL=VALUE",
            ])
            .lasts(60),
    ]
}

fn around_the_application() -> Vec<Case> {
    vec![
        Case::fails("crash", "init-container-failing", "init-container-failing")
            .object(web(json!({
                "initContainers": [
                    container("prepare", json!({"command": ["true"]})),
                    container("migrate", json!({"command": shell("echo relation users exists; exit 4")})),
                ],
                "containers": [app(json!({}))],
            })))
            .says(&["migrate", "exit code 4", "relation users exists", "-c migrate"])
            .lasts(45),
        Case::fails("crash", "post-start-hook-failing", "post-start-hook-failed")
            .object(web(one(app(json!({
                "lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "echo no token; exit 9"]}}},
            })))))
            .says(&["postStart"])
            .lasts(45),
        Case::fails("crash", "run-as-root-refused", "run-as-root-refused")
            .object(web(json!({
                "securityContext": {"runAsNonRoot": true},
                "containers": [app(json!({}))],
            })))
            .says(&["runAsNonRoot", "runAsUser"])
            .lasts(10),
    ]
}

/// Crashes twice with the same last line, then serves: a database that comes up 15 s late looks like this.
const TWICE: &str = "n=$(cat /state/n 2>/dev/null || echo 0); echo $((n+1)) >/state/n
    if [ $n -lt 2 ]; then echo 'waiting for the database'; exit 1; fi
    exec httpd -f -p 8080 -h /www";

fn healthy() -> Vec<Case> {
    vec![
        Case::passes("crash", "crashes-twice-near-miss")
            .object(web(json!({
                "volumes": [{"name": "state", "emptyDir": {}}],
                "containers": [server(json!({
                    "command": shell(TWICE),
                    "volumeMounts": [{"name": "state", "mountPath": "/state"}],
                    "readinessProbe": ready(),
                }))],
            })))
            .field("/targets/0/pods/0/restarts", 2)
            .lasts(40),
        Case::passes("crash", "old-revision-crashing-near-miss")
            .before(apply(running("echo the old bug; exit 1")))
            .before(until("get pods -o jsonpath={.items[*].status.containerStatuses[*].restartCount}", "2"))
            .object(web(one(server(json!({"readinessProbe": ready()})))))
            .lasts(50),
        Case::passes("crash", "init-container-fails-once-near-miss")
            .object(web(json!({
                "volumes": [{"name": "state", "emptyDir": {}}],
                "initContainers": [container("migrate", json!({
                    "command": shell("[ -e /state/seen ] || { touch /state/seen; echo locked; exit 1; }"),
                    "volumeMounts": [{"name": "state", "mountPath": "/state"}],
                }))],
                "containers": [app(json!({}))],
            })))
            .lasts(25),
        Case::passes("crash", "post-start-hook-fails-twice-near-miss")
            .object(web(json!({
                "volumes": [{"name": "state", "emptyDir": {}}],
                "containers": [server(json!({
                    "lifecycle": {"postStart": {"exec": {"command": shell(
                        "n=$(cat /state/n 2>/dev/null || echo 0); echo $((n+1)) >/state/n; [ $n -ge 2 ]",
                    )}}},
                    "volumeMounts": [{"name": "state", "mountPath": "/state"}],
                    "readinessProbe": ready(),
                }))],
            })))
            .lasts(45),
        // An init container ends once by design; that is no restart.
        Case::passes("crash", "init-containers-done-near-miss")
            .object(web(json!({
                "initContainers": [
                    container("prepare", json!({"command": ["true"]})),
                    container("migrate", json!({"command": shell("echo 3 tables; sleep 1")})),
                ],
                "containers": [server(json!({"readinessProbe": ready()}))],
            })))
            .never_warns(&["containers-restarted"])
            .field("/targets/0/warnings", json!([]))
            .lasts(20),
        // What ended before we came does not count.
        Case::passes("crash", "earlier-restarts-near-miss")
            .before(apply(web(json!({
                "volumes": [{"name": "state", "emptyDir": {}}],
                "containers": [server(json!({
                    "command": shell(TWICE),
                    "volumeMounts": [{"name": "state", "mountPath": "/state"}],
                    "readinessProbe": ready(),
                }))],
            }))))
            .before(until("get pods -o jsonpath={.items[*].status.containerStatuses[*].restartCount}", "2"))
            .before(rolled_out("deploy/web"))
            .lasts(55),
        // One kill may have been a neighbour's doing or the burst of a start.
        Case::passes("crash", "out-of-memory-once-near-miss")
            .object(web(json!({
                "volumes": [{"name": "state", "emptyDir": {}}],
                "containers": [server(json!({
                    "command": shell(
                        "[ -e /state/seen ] || { touch /state/seen; exec dd if=/dev/zero of=/dev/null bs=300M; }
                        exec httpd -f -p 8080 -h /www",
                    ),
                    "resources": {"limits": {"memory": "48Mi"}},
                    "volumeMounts": [{"name": "state", "mountPath": "/state"}],
                    "readinessProbe": ready(),
                }))],
            })))
            .field("/targets/0/pods/0/restarts", 1)
            .lasts(20),
        Case::passes("crash", "within-the-memory-limit-near-miss")
            .object(web(one(server(json!({
                "resources": {"limits": {"memory": "48Mi"}},
                "readinessProbe": ready(),
            })))))
            .lasts(20),
    ]
}
