//! Every combination of the verbs that the gate can do without, with real tokens and Roles on a real cluster:
//! 2^6 accounts, each judging a healthy and a broken Deployment.
//!
//! ```sh
//! tests/cluster/cluster up && eval "$(tests/cluster/cluster env)"
//! cargo test --test permissions
//! ```
//!
//! Without a cluster it says that it was skipped and why.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test harness: it reads the environment, prints, and fails by panicking"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

/// One thing that an account may do or not, a bit each.
const BITS: [(&str, &str, &[&str]); 6] = [
    ("apps", "deployments", &["get"]),
    ("apps", "deployments", &["list"]),
    ("apps", "deployments", &["watch"]),
    ("", "pods", &["list"]),
    ("", "pods", &["watch"]),
    ("", "events+pods/log", &["get", "list"]),
];

const CELLS: u32 = 64;

fn may(cell: u32, bit: u32) -> bool {
    cell >> bit & 1 == 1
}

/// What must come of a cell: the exit code for the healthy and for the broken Deployment, and the reason of both
/// where nothing can be judged.
fn right(cell: u32) -> (i32, i32, Option<&'static str>) {
    let target = may(cell, 0) || may(cell, 1) || may(cell, 2);
    let pods = may(cell, 3) || may(cell, 4);
    match (target, pods) {
        (true, true) => (0, 1, None),
        (true, false) => (4, 4, Some("pods-not-readable")),
        (false, _) => (4, 4, Some("workload-not-readable")),
    }
}

fn main() -> ExitCode {
    let variables = ["KUBECONFIG", "ROLLOUT_GUARD_TEST_REGISTRY"].map(|name| std::env::var(name).ok());
    let [Some(_), Some(registry)] = variables else {
        println!(
            "\nskipped: KUBECONFIG or ROLLOUT_GUARD_TEST_REGISTRY is not set; see tests/cluster/README.md\n"
        );
        return ExitCode::SUCCESS;
    };
    if std::env::args().any(|argument| argument == "--list") {
        println!("permissions: test");
        return ExitCode::SUCCESS;
    }
    let prefix = std::env::var("ROLLOUT_GUARD_TEST_PREFIX").unwrap_or_else(|_| "rg".to_owned());
    let namespace = format!("{prefix}-permissions");
    println!("\nrunning {CELLS} tests");
    set_up(&namespace, &registry);
    let server = kubectl(&["config", "view", "--raw", "--minify", "-o", "json"], "");
    let server: Value = serde_json::from_str(&server).expect("JSON of kubectl");
    let cluster = server.pointer("/clusters/0/cluster").cloned().expect("a cluster");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let next = AtomicU32::new(0);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            drop(scope.spawn(|| {
                loop {
                    let cell = next.fetch_add(1, Ordering::SeqCst);
                    if cell >= CELLS {
                        return;
                    }
                    let problems = judge(cell, &namespace, &cluster, folder.path());
                    let word = if problems.is_empty() { "ok" } else { "FAILED" };
                    println!("test {} ... {word}", name(cell));
                    failed.lock().unwrap_or_else(PoisonError::into_inner).extend(problems);
                }
            }));
        }
    });
    kubectl(&["delete", "namespace", &namespace, "--wait=false"], "");
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    for problem in &failed {
        println!("\n{problem}");
    }
    println!("\ntest result: {}. {CELLS} cells\n", if failed.is_empty() { "ok" } else { "FAILED" });
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) }
}

/// `deployments[get,watch] pods[list] events+log`.
fn name(cell: u32) -> String {
    let mut words: Vec<String> = Vec::new();
    for (bit, (_, resource, verbs)) in (0..).zip(BITS) {
        if may(cell, bit) {
            words.push(format!("{resource}:{}", verbs.join(",")));
        }
    }
    if words.is_empty() { "nothing".to_owned() } else { words.join(" ") }
}

fn kubectl(arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("kubectl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl");
    child.stdin.take().expect("its input").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The namespace with both Deployments, and an account with its Role for each cell.
fn set_up(namespace: &str, registry: &str) {
    kubectl(&["delete", "namespace", namespace, "--ignore-not-found", "--timeout=90s"], "");
    let mut items = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})];
    for (deployment, image) in
        [("healthy", format!("{registry}/busy:1")), ("broken", "shop/WEB:1".to_owned())]
    {
        let labels = json!({ "app": deployment });
        items.push(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": deployment, "namespace": namespace},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "app", "image": image, "command": ["sleep", "3600"]}]}}}}));
    }
    for cell in 0..CELLS {
        let account = format!("cell-{cell}");
        let metadata = json!({"name": account, "namespace": namespace});
        let mut rules = vec![json!({"apiGroups": ["apps"], "resources": ["replicasets"],
            "verbs": ["get", "list", "watch"]})];
        for (bit, (group, resources, verbs)) in (0..).zip(BITS) {
            if may(cell, bit) {
                let resources: Vec<&str> = resources.split('+').collect();
                rules.push(json!({"apiGroups": [group], "resources": resources, "verbs": verbs}));
            }
        }
        items.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}));
        items
            .push(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
            "rules": rules}));
        items.push(json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]}));
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    kubectl(&["apply", "-f", "-"], &list.to_string());
    kubectl(&["-n", namespace, "rollout", "status", "deploy/healthy", "--timeout=120s"], "");
}

/// Runs the binary as the account of a cell, on both Deployments; what is not as it must be.
fn judge(cell: u32, namespace: &str, cluster: &Value, folder: &Path) -> Vec<String> {
    let account = format!("cell-{cell}");
    let token = kubectl(&["-n", namespace, "create", "token", &account, "--duration=10m"], "");
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
        "users": [{"name": "u", "user": {"token": token.trim()}}]});
    let path = folder.join(&account);
    std::fs::write(&path, config.to_string()).expect("a writable folder");
    let (healthy, broken, reason) = right(cell);
    let mut problems = Vec::new();
    for (deployment, code) in [("healthy", healthy), ("broken", broken)] {
        let output = Command::new(env!("CARGO_BIN_EXE_rollout-guard"))
            .args(["wait", &format!("deploy/{deployment}"), "--timeout", "40s", "--stable-for", "1s"])
            .args(["-o", "json", "--kubeconfig"])
            .arg(&path)
            .env_clear()
            .output()
            .expect("the binary");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let said = || format!("{} {deployment}: {report}", name(cell));
        if output.status.code() != Some(code) {
            problems.push(format!("exit {:?}, not {code}: {}", output.status.code(), said()));
        }
        let found = report.pointer("/targets/0/reason").and_then(Value::as_str);
        if reason.is_some() && found != reason {
            problems.push(format!("reason {found:?}, not {reason:?}: {}", said()));
        }
        let not_seen = report.get("notSeen").map(Value::to_string).unwrap_or_default();
        let missing = match reason {
            Some("pods-not-readable") => "pods",
            Some(_) => "deployments",
            None => "",
        };
        if !not_seen.contains(&format!(" {missing}\"")) && !missing.is_empty() {
            problems.push(format!("the verb on {missing} is not named: {}", said()));
        }
    }
    problems
}
