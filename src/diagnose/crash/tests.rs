//! Cases of the family `crash`, with the texts of Kubernetes 1.36.3 on containerd 1.6 as recorded.

mod after_ready;

use serde_json::{Value, json};

use super::rules;
use crate::diagnose::{CauseCode, Evidence, Hold};
use crate::model::Kind;
use crate::testing::World;

const RUNC: &str = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

/// The n-th end of a container, of a life of one second.
fn end(n: u32, code: i64, reason: &str) -> Value {
    json!({"exitCode": code, "reason": reason, "containerID": format!("containerd://{n}"),
        "startedAt": format!("2026-11-24T10:0{n}:00Z"), "finishedAt": format!("2026-11-24T10:0{n}:01Z")})
}

/// Writes the pod `web-1` after its container has ended so often, dead.
fn dead(world: &mut World, ends: u32, code: i64, reason: &str) {
    let last = if ends > 1 { json!({"terminated": end(ends - 1, code, reason)}) } else { json!({}) };
    world.pod(
        "web-1",
        json!({"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": ends - 1,
            "state": {"terminated": end(ends, code, reason)}, "lastState": last}]}),
    );
}

fn running(world: &mut World, ends: u32, ready: &str) {
    world.pod(
        "web-1",
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"name": "app", "restartCount": ends, "ready": ready == "True",
            "state": {"running": {"startedAt": "2026-11-24T10:00:00Z"}},
            "lastState": {"terminated": end(ends, 1, "Error")}}]}),
    );
}

fn start_error(world: &mut World, ends: i64, text: &str) {
    let message = format!("{RUNC}{text}: unknown");
    world.pod(
        "web-1",
        json!({"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": ends - 1,
            "state": {"waiting": {"reason": "RunContainerError", "message": message}},
            "lastState": {"terminated": {"exitCode": 128, "reason": "StartError", "message": message,
                "containerID": format!("containerd://{ends}"),
                "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "2026-11-24T10:00:01Z"}}}]}),
    );
}

fn hold_of(world: &World, code: CauseCode) -> Hold {
    world.run(rules).the(code).hold
}

#[test]
fn a_crash_is_announced_at_once_and_judged_at_the_fourth_end() {
    let mut world = World::with_app(json!({}));
    for (ends, hold) in [(1, Hold::Announce), (2, Hold::Announce), (3, Hold::Announce), (4, Hold::Ripe)] {
        world.at(u64::from(ends));
        dead(&mut world, ends, 1, "Error");
        assert_eq!(hold_of(&world, CauseCode::ContainerCrashing), hold, "{ends}");
    }
    world.log("web-1", false, 4, &["starting", "FATAL: DATABASE_URL is not set"]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ContainerCrashing);
    assert_eq!(
        finding.headline,
        "container app ended 4 times with exit code 1 (general error of the application) 1s after its start: \"FATAL: DATABASE_URL is not set\""
    );
    assert!(finding.help[0].contains("envFrom"), "{:?}", finding.help);
    assert!(
        finding.evidence.iter().any(|evidence| matches!(evidence, Evidence::Log { previous: false, .. }))
    );
}

#[test]
fn two_crashes_and_then_health_leave_nothing() {
    let mut world = World::with_app(json!({}));
    dead(&mut world, 2, 1, "Error");
    world.at(12);
    running(&mut world, 2, "True");
    assert_eq!(world.run(rules).codes(), ["container-crashing"], "announced while young");
    world.at(30);
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn more_tolerated_restarts_move_every_count() {
    let mut world = World::with_app(json!({}));
    for ends in 1..=4 {
        dead(&mut world, ends, 1, "Error");
    }
    let mut rollout = world.rollout();
    rollout.accepted.tolerated_restarts = 5;
    let mut diagnosis = crate::diagnose::Diagnosis::default();
    rules(&rollout, &mut diagnosis);
    assert_eq!(diagnosis.the(CauseCode::ContainerCrashing).hold, Hold::Announce);
}

#[test]
fn silence_is_said_with_the_advice_of_the_article() {
    let mut world = World::new(json!({"containers": [{"name": "app", "image": "r/web:1",
        "env": [{"name": "DB_URL", "value": "x"}], "volumeMounts": [{"name": "d", "mountPath": "/data"}]}]}));
    dead(&mut world, 4, 3, "Error");
    world.log("web-1", false, 4, &[]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ContainerCrashing);
    assert!(finding.headline.ends_with("and logged nothing"), "{}", finding.headline);
    assert!(finding.help.iter().any(|help| help.contains("log at start-up")));
    assert!(
        finding.help.iter().any(|help| help.contains("variables DB_URL; mounts /data")),
        "{:?}",
        finding.help
    );
    assert!(finding.evidence.contains(&Evidence::absence("container app logged nothing")));
}

#[test]
fn an_absent_log_is_not_an_empty_one() {
    use crate::observation::{Answer, LogRequest, Want};
    let mut world = World::with_app(json!({}));
    dead(&mut world, 4, 1, "Error");
    let request = LogRequest {
        namespace: "shop".into(),
        pod: "web-1".into(),
        container: "app".into(),
        previous: false,
        death: 4,
    };
    world.answer(Want::Logs(request), Answer::NoLogs("unable to retrieve container logs".into()));
    let headline = world.run(rules).the(CauseCode::ContainerCrashing).headline.clone();
    assert!(!headline.contains("logged nothing"), "{headline}");
}

#[test]
fn the_log_of_an_end_is_asked_for_by_state() {
    use crate::observation::Want;
    let logs = |world: &World| -> Vec<(bool, i64)> {
        let requests = world.run(rules).requests;
        let wants = requests.into_iter().filter_map(|request| match request.want {
            Want::Logs(log) => Some((log.previous, log.death)),
            _ => None,
        });
        wants.collect()
    };
    let mut world = World::with_app(json!({}));
    dead(&mut world, 2, 1, "Error");
    assert_eq!(logs(&world), [(false, 2)]);
    running(&mut world, 2, "False");
    assert_eq!(logs(&world), [(true, 2)]);
}

#[test]
fn a_missing_command_is_judged_at_the_third_attempt() {
    let mut world = World::with_app(json!({"command": ["servr"]}));
    for (ends, hold) in [(1, Hold::Announce), (2, Hold::Announce), (3, Hold::Ripe)] {
        start_error(&mut world, ends, r#"exec: "servr": executable file not found in $PATH"#);
        assert_eq!(hold_of(&world, CauseCode::CommandNotFound), hold, "{ends}");
    }
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::CommandNotFound);
    assert_eq!(finding.headline, "container app cannot start: the image has no command \"servr\"");
    assert!(
        finding.help[0].contains("command (it replaces the image's ENTRYPOINT): servr"),
        "{:?}",
        finding.help
    );
}

#[test]
fn a_shell_that_finds_no_command_quotes_it() {
    let mut world = World::with_app(json!({}));
    for ends in 1..=3 {
        dead(&mut world, ends, 127, "Error");
    }
    world.log("web-1", false, 3, &["sh: servr: not found"]);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::CommandNotFound);
    assert_eq!(finding.hold, Hold::Ripe);
    assert!(
        finding.headline.contains("exit code 127 (command not found): \"sh: servr: not found\""),
        "{}",
        finding.headline
    );
}

#[test]
fn a_file_that_may_not_be_executed_has_its_own_code() {
    let mut world = World::with_app(json!({}));
    start_error(&mut world, 1, r#"exec: "/bin/noexec": permission denied"#);
    assert_eq!(world.run(rules).codes(), ["command-not-executable"]);
    let mut world = World::with_app(json!({}));
    dead(&mut world, 1, 126, "Error");
    assert_eq!(world.run(rules).codes(), ["command-not-executable"]);
}

#[test]
fn a_working_directory_that_is_a_file_cannot_start() {
    let mut world = World::with_app(json!({}));
    start_error(&mut world, 1, "error during container init: mkdir /etc/passwd: not a directory");
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::ContainerCannotStart);
    assert_eq!(finding.hold, Hold::Tolerance);
    assert_eq!(finding.headline, "container app cannot start: mkdir /etc/passwd: not a directory");
}

#[test]
fn a_foreign_binary_says_so_in_the_log() {
    let mut world = World::with_app(json!({}));
    dead(&mut world, 1, 1, "Error");
    assert_eq!(world.run(rules).codes(), ["container-crashing"], "as long as the log is not read");
    world.log("web-1", false, 1, &["exec /bin/wrong-arch: exec format error"]);
    assert_eq!(world.run(rules).codes(), ["exec-format-error"]);
}

#[test]
fn a_second_kill_for_memory_is_enough_and_the_limit_is_named() {
    let mut world = World::with_app(json!({"resources": {"limits": {"memory": "128Mi"}}}));
    dead(&mut world, 1, 137, "OOMKilled");
    assert_eq!(hold_of(&world, CauseCode::MemoryLimitExceeded), Hold::Announce);
    dead(&mut world, 2, 137, "OOMKilled");
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::MemoryLimitExceeded);
    assert_eq!(finding.hold, Hold::Ripe);
    assert!(
        finding.headline.contains("killed 2 times for using more than its memory limit of 128Mi"),
        "{}",
        finding.headline
    );
}

#[test]
fn one_kill_for_memory_is_not_enough_however_small_the_limit() {
    let mut world = World::with_app(json!({"resources": {"limits": {"memory": "32Mi"}}}));
    dead(&mut world, 1, 137, "OOMKilled");
    assert_eq!(hold_of(&world, CauseCode::MemoryLimitExceeded), Hold::Announce);
}

#[test]
fn one_kill_for_memory_among_crashes_is_not_two() {
    let mut world = World::with_app(json!({"resources": {"limits": {"memory": "128Mi"}}}));
    dead(&mut world, 1, 1, "Error");
    world.pod(
        "web-1",
        json!({"containerStatuses": [{"name": "app", "restartCount": 1,
            "state": {"terminated": end(2, 137, "OOMKilled")}, "lastState": {"terminated": end(1, 1, "Error")}}]}),
    );
    assert_eq!(hold_of(&world, CauseCode::MemoryLimitExceeded), Hold::Announce);
}

#[test]
fn a_limit_in_thousandths_of_a_byte_is_seen_before_anything_starts() {
    let mut world = World::with_app(json!({"resources": {"limits": {"memory": "128m"}}}));
    world.waiting_pod("web-1", "ContainerCreating", "");
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::MemoryLimitTooSmall);
    assert!(finding.headline.contains("128m (0.128 bytes)"), "{}", finding.headline);
    assert!(finding.help[0].contains("128Mi"), "{:?}", finding.help);
}

#[test]
fn a_tiny_limit_is_blamed_only_when_an_event_says_so() {
    let mut world = World::with_app(json!({"resources": {"limits": {"memory": "1Mi"}}}));
    world.waiting_pod("web-1", "ContainerCreating", "");
    assert!(world.run(rules).codes().is_empty());
    world.events(Kind::Pod, "web-1", json!([{"reason": "FailedCreatePodSandBox", "count": 6, "message":
        format!("Failed to create pod sandbox: rpc error: code = Unknown desc = {RUNC}container init was OOM-killed (memory limit too low?): unknown")}]));
    assert_eq!(world.run(rules).codes(), ["memory-limit-too-small"]);
}

#[test]
fn an_init_container_is_named_with_its_place() {
    let mut world = World::new(json!({
        "initContainers": [{"name": "wait"}, {"name": "migrate"}], "containers": [{"name": "app"}]}));
    let status = |ends: u32| {
        json!({"phase": "Pending", "initContainerStatuses": [
            {"name": "wait", "ready": true, "state": {"terminated": end(0, 0, "Completed")}},
            {"name": "migrate", "restartCount": ends - 1, "state": {"terminated": end(ends, 2, "Error")}}],
        "containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "PodInitializing"}}}]})
    };
    for ends in 1..=4 {
        world.pod("web-1", status(ends));
    }
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["init-container-failing"]);
    let finding = diagnosis.the(CauseCode::InitContainerFailing);
    assert_eq!(finding.hold, Hold::Ripe);
    assert!(
        finding.headline.starts_with("init container migrate (2 of 2) ended 4 times with exit code 2"),
        "{}",
        finding.headline
    );
}

#[test]
fn an_init_container_that_has_succeeded_after_restarts_is_fine() {
    let mut world =
        World::new(json!({"initContainers": [{"name": "migrate"}], "containers": [{"name": "app"}]}));
    world.pod(
        "web-1",
        json!({"initContainerStatuses": [{"name": "migrate", "restartCount": 2, "ready": true,
            "state": {"terminated": end(3, 0, "Completed")}, "lastState": {"terminated": end(2, 1, "Error")}}]}),
    );
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn a_missing_command_of_an_init_container_is_a_missing_command() {
    let mut world =
        World::new(json!({"initContainers": [{"name": "migrate"}], "containers": [{"name": "app"}]}));
    world.pod(
        "web-1",
        json!({"initContainerStatuses": [{"name": "migrate", "restartCount": 0, "lastState": {"terminated":
            {"exitCode": 128, "reason": "StartError", "message":
                format!("{RUNC}exec: \"migrat\": executable file not found in $PATH: unknown")}},
            "state": {"waiting": {"reason": "RunContainerError"}}}]}),
    );
    let diagnosis = world.run(rules);
    assert!(
        diagnosis.the(CauseCode::CommandNotFound).headline.starts_with("init container migrate (1 of 1)")
    );
}

#[test]
fn a_container_that_completes_is_judged_at_the_third_end() {
    let mut world = World::with_app(json!({"command": ["true"]}));
    for (ends, hold) in [(2, Hold::Announce), (3, Hold::Ripe)] {
        dead(&mut world, ends, 0, "Completed");
        assert_eq!(hold_of(&world, CauseCode::ContainerCompleted), hold, "{ends}");
    }
}

#[test]
fn a_kill_without_a_known_killer_is_not_called_a_crash() {
    let mut world = World::with_app(json!({}));
    dead(&mut world, 1, 137, "Error");
    assert_eq!(world.run(rules).codes(), ["container-killed"]);
}

#[test]
fn an_end_by_a_probe_is_no_crash() {
    let mut world = World::with_app(json!({"livenessProbe": {"httpGet": {"port": 8080}}}));
    dead(&mut world, 1, 137, "Error");
    world.events(
        Kind::Pod,
        "web-1",
        json!([{"reason": "Killing", "count": 1,
        "message": "Container app failed liveness probe, will be restarted",
        "involvedObject": {"fieldPath": "spec.containers{app}"}, "lastTimestamp": "2026-11-24T10:01:00Z"}]),
    );
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn a_crash_after_an_old_kill_by_a_probe_is_a_crash() {
    let mut world = World::with_app(json!({"livenessProbe": {"httpGet": {"port": 8080}}}));
    dead(&mut world, 2, 1, "Error");
    world.events(
        Kind::Pod,
        "web-1",
        json!([{"reason": "Killing", "count": 1,
        "message": "Container app failed liveness probe, will be restarted",
        "involvedObject": {"fieldPath": "spec.containers{app}"}, "lastTimestamp": "2026-11-24T10:01:00Z"}]),
    );
    assert_eq!(world.run(rules).codes(), ["container-crashing"]);
}

#[test]
fn with_a_liveness_probe_nothing_is_ripe_before_the_events_are_read() {
    let mut world = World::with_app(json!({"livenessProbe": {"httpGet": {"port": 8080}}}));
    world.at(10);
    for ends in 1..=4 {
        dead(&mut world, ends, 1, "Error");
    }
    assert_eq!(hold_of(&world, CauseCode::ContainerCrashing), Hold::Announce);
    world.at(12);
    world.events(Kind::Pod, "web-1", json!([]));
    assert_eq!(hold_of(&world, CauseCode::ContainerCrashing), Hold::Ripe);
}

#[test]
fn a_failed_hook_is_told_from_the_kill_that_follows_it() {
    let mut world = World::with_app(json!({"lifecycle": {"postStart": {}}}));
    let message = "Exec lifecycle hook ([sh -c echo hook broke; exit 4]) for Container \"app\" in Pod \"web-1\" failed - error: command 'sh -c echo hook broke; exit 4' exited with 4: , message: \"hook broke\\n\"";
    world.pod(
        "web-1",
        json!({"containerStatuses": [{"name": "app", "restartCount": 0, "lastState": {"terminated": end(1, 137, "Error")},
            "state": {"waiting": {"reason": "PostStartHookError", "message": message}}}]}),
    );
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::PostStartHookFailed);
    assert_eq!(finding.hold, Hold::Announce);
    let shown = |evidence: &Evidence| matches!(evidence, Evidence::Field { value, .. } if value.contains("hook broke"));
    assert!(finding.evidence.iter().any(shown));
    // Later only the event tells it.
    dead(&mut world, 4, 137, "Error");
    world.events(
        Kind::Pod,
        "web-1",
        json!([{"reason": "FailedPostStartHook", "count": 4, "message": "PostStartHook failed",
        "involvedObject": {"fieldPath": "spec.containers{app}"}, "lastTimestamp": "2026-11-24T10:04:00Z"}]),
    );
    assert_eq!(hold_of(&world, CauseCode::PostStartHookFailed), Hold::Ripe);
}

#[test]
fn a_container_that_ends_during_its_hook_has_crashed() {
    // Recorded: the application ends at 14 s, its hook of 15 s ends with it, and kubelet blames the hook.
    let mut world = World::with_app(json!({"lifecycle": {"postStart": {}}}));
    world.pod(
        "web-1",
        json!({"containerStatuses": [{"name": "app", "restartCount": 0, "lastState": {"terminated": end(1, 1, "Error")},
            "state": {"waiting": {"reason": "PostStartHookError", "message": "Exec lifecycle hook ([sleep 15]) … exited with 137"}}}]}),
    );
    world.events(
        Kind::Pod,
        "web-1",
        json!([{"reason": "FailedPostStartHook", "message": "PostStartHook failed",
        "involvedObject": {"fieldPath": "spec.containers{app}"}, "lastTimestamp": "2026-11-24T10:01:01Z"}]),
    );
    assert_eq!(world.run(rules).codes(), ["container-crashing"]);
}

#[test]
fn a_root_image_under_run_as_non_root_is_refused() {
    let mut world = World::with_app(json!({}));
    world.waiting_pod(
        "web-1",
        "CreateContainerConfigError",
        "container has runAsNonRoot and image will run as root (pod: \"web-1_shop(x)\", container: app)",
    );
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::RunAsRootRefused);
    assert!(finding.headline.contains("registry.example/shop/web:1.2 runs as root"), "{}", finding.headline);
    world.waiting_pod(
        "web-1",
        "CreateContainerConfigError",
        "container has runAsNonRoot and image has non-numeric user (app), cannot verify user is non-root",
    );
    assert!(world.run(rules).the(CauseCode::RunAsRootRefused).headline.contains("user \"app\""));
    world.waiting_pod("web-1", "CreateContainerConfigError", "configmap \"x\" not found");
    assert!(world.run(rules).codes().is_empty(), "another family's cause");
}

#[test]
fn a_runtime_that_refuses_to_create_is_read_without_any_end() {
    let mut world = World::with_app(json!({}));
    world.waiting_pod(
        "web-1",
        "CreateContainerError",
        "container create failed: executable file `servr` not found in $PATH: No such file or directory",
    );
    assert_eq!(hold_of(&world, CauseCode::CommandNotFound), Hold::Tolerance);
    world.waiting_pod(
        "web-1",
        "CreateContainerError",
        "failed to reserve container name \"app\": name \"app\" is reserved for \"x\"",
    );
    assert_eq!(hold_of(&world, CauseCode::ContainerCannotStart), Hold::Announce);
}

#[test]
fn all_pods_of_a_crashing_container_are_one_finding() {
    let mut world = World::with_app(json!({}));
    dead(&mut world, 2, 1, "Error");
    world.pod(
        "web-2",
        json!({"containerStatuses": [{"name": "app", "state": {"terminated": end(1, 1, "Error")}}]}),
    );
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["container-crashing"]);
    let finding = diagnosis.the(CauseCode::ContainerCrashing);
    assert_eq!(finding.pods.len(), 2);
    assert_eq!(finding.subject.name, "web-1");
}

#[test]
fn a_pod_that_starts_nothing_again_is_not_said_to_have_been_restarted() {
    let of = |policy: &str| {
        let mut world = World::of(Kind::Job);
        world.workload(json!({}), json!({}));
        let ended = json!({"exitCode": 5, "reason": "Error", "startedAt": "2026-11-24T10:00:01Z", "finishedAt": "2026-11-24T10:00:02Z"});
        world.job_pod(
            "web-1",
            policy,
            json!({"phase": "Failed", "containerStatuses": [
            {"name": "app", "state": {"terminated": ended}}]}),
        );
        world.log("web-1", false, 1, &["no disk"]);
        world.run(rules).the(CauseCode::ContainerCrashing).help.concat()
    };
    assert!(of("Never").contains("its pod does not start it again (restartPolicy Never)"), "{}", of("Never"));
    assert!(of("OnFailure").contains("Kubernetes only restarted it"));
}
