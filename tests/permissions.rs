//! Every combination of the verbs that the gate can do without, with real tokens and Roles on a real cluster:
//! 2^7 accounts that may read ReplicaSets, and some that may not, each judging a healthy, a broken and a crashing
//! Deployment. Where nothing can be judged, the verb that is missing is named and the Role that has it is printed; where
//! it can, what could not be read for the diagnosis is named, and nothing else.
//!
//! ```sh
//! tests/cluster/cluster up && eval "$(tests/cluster/cluster env)"
//! cargo test --test permissions
//! ```
//!
//! Without a cluster it says that it was skipped and why.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test harness: it reads the environment, prints, and fails by panicking"
)]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

/// One thing that an account may do or not, a bit each.
const BITS: [(&str, &str, &[&str]); 8] = [
    ("apps", "deployments", &["get"]),
    ("apps", "deployments", &["list"]),
    ("apps", "deployments", &["watch"]),
    ("", "pods", &["list"]),
    ("", "pods", &["watch"]),
    ("", "events", &["list"]),
    ("", "pods/log", &["get"]),
    ("apps", "replicasets", &["get", "list", "watch"]),
];
const EVENTS: u32 = 5;
const LOGS: u32 = 6;
const REPLICA_SETS: u32 = 7;

/// Every combination with ReplicaSets, and those that lack them and have all that is essential besides.
fn cells() -> Vec<u32> {
    let with = (0..1 << REPLICA_SETS).map(|cell| cell | 1 << REPLICA_SETS);
    with.chain((0..4).map(|extras| extras << EVENTS | 0b1_1111)).collect()
}

const fn may(cell: u32, bit: u32) -> bool {
    cell >> bit & 1 == 1
}

/// The Deployments, and the exit code of each where it can be judged.
const DEPLOYMENTS: [(&str, i32); 3] = [("healthy", 0), ("broken", 1), ("crashing", 1)];
/// What the diagnosis of the crashing one asks for.
const DIAGNOSIS: [(u32, &str); 2] = [(EVENTS, "list events"), (LOGS, "get pods/log")];

/// Without these what changes is seen late, by reads.
const WATCHES: [(u32, &str); 2] = [(2, "watch deployments"), (4, "watch pods")];

/// What keeps a cell from any judgement: the reason, and the verb that is missing, with its resource.
fn missing(cell: u32) -> Option<(&'static str, &'static str, &'static str)> {
    let target = may(cell, 0) || may(cell, 1) || may(cell, 2);
    let pods = may(cell, 3) || may(cell, 4);
    match (target, pods, may(cell, REPLICA_SETS)) {
        (false, ..) => Some(("workload-not-readable", "get", "deployments")),
        (true, false, _) => Some(("pods-not-readable", "list", "pods")),
        (true, true, false) => Some(("pods-not-readable", "list", "replicasets")),
        (true, true, true) => None,
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
    let cells = cells();
    println!("\nrunning {} tests", cells.len() + 1);
    set_up(&namespace, &registry, &cells);
    let server = kubectl(&["config", "view", "--raw", "--minify", "-o", "json"], "");
    let server: Value = serde_json::from_str(&server).expect("JSON of kubectl");
    let cluster = server.pointer("/clusters/0/cluster").cloned().expect("a cluster");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            drop(scope.spawn(|| {
                loop {
                    let Some(cell) = cells.get(next.fetch_add(1, Ordering::SeqCst)).copied() else { return };
                    let problems = judge(cell, &namespace, &cluster, folder.path());
                    let word = if problems.is_empty() { "ok" } else { "FAILED" };
                    println!("test {} ... {word}", name(cell));
                    failed.lock().unwrap_or_else(PoisonError::into_inner).extend(problems);
                }
            }));
        }
    });
    let problems = the_printed_role_is_enough(&namespace, &cluster, folder.path());
    println!("test the printed Role is enough ... {}", if problems.is_empty() { "ok" } else { "FAILED" });
    kubectl(&["delete", "namespace", &namespace, "--wait=false"], "");
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.extend(problems);
    for problem in &failed {
        println!("\n{problem}");
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {} cells, and {} problems\n", cells.len(), failed.len());
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

/// The namespace with the Deployments, and an account with its Role for each cell.
fn set_up(namespace: &str, registry: &str, cells: &[u32]) {
    kubectl(&["delete", "namespace", namespace, "--ignore-not-found", "--timeout=90s"], "");
    let mut items = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})];
    let busy = format!("{registry}/busy:1");
    for (deployment, image, script) in [
        ("healthy", busy.as_str(), "sleep 3600"),
        ("broken", "shop/WEB:1", "sleep 3600"),
        ("crashing", busy.as_str(), CRASH),
    ] {
        let labels = json!({ "app": deployment });
        items.push(json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": deployment, "namespace": namespace},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
                "spec": {"terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "app", "image": image, "command": ["sh", "-c", script]}]}}}}));
    }
    for cell in cells {
        let account = format!("cell-{cell}");
        let metadata = json!({"name": account, "namespace": namespace});
        let allowed = (0..).zip(BITS).filter(|(bit, _)| may(*cell, *bit));
        let rules: Vec<Value> = allowed
            .map(|(_, (group, resource, verbs))| {
                json!({"apiGroups": [group], "resources": [resource], "verbs": verbs})
            })
            .collect();
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

/// What the crashing container says and does.
const CRASH: &str = "echo lost-the-database; exit 1";

/// What a run wrote.
struct Ran {
    code: Option<i32>,
    text: String,
    report: Value,
}

/// Runs the binary on a Deployment as an account.
fn run(account: &str, deployment: &str, namespace: &str, cluster: &Value, folder: &Path) -> Ran {
    let token = kubectl(&["-n", namespace, "create", "token", account, "--duration=10m"], "");
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "x",
        "clusters": [{"name": "c", "cluster": cluster}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": namespace}}],
        "users": [{"name": "u", "user": {"token": token.trim()}}]});
    let path = folder.join(format!("{account}-{deployment}"));
    std::fs::write(&path, config.to_string()).expect("a writable folder");
    let json = path.with_extension("json");
    let output = Command::new(env!("CARGO_BIN_EXE_rollout-guard"))
        .args(["wait", &format!("deploy/{deployment}"), "--timeout", "90s", "--stable-for", "1s"])
        .args(["--kubeconfig".as_ref(), path.as_os_str(), "--json".as_ref(), json.as_os_str()])
        .env_clear()
        .output()
        .expect("the binary");
    let report = std::fs::read(&json).unwrap_or_default();
    Ran {
        code: output.status.code(),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
        report: serde_json::from_slice(&report).unwrap_or_default(),
    }
}

/// Judges all Deployments as the account of a cell; what is not as it must be.
fn judge(cell: u32, namespace: &str, cluster: &Value, folder: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for (deployment, code) in DEPLOYMENTS {
        let ran = run(&format!("cell-{cell}"), deployment, namespace, cluster, folder);
        let mut problem = |text: String| {
            problems.push(format!("{} {deployment}: {text}: {}\n{}", name(cell), ran.report, ran.text));
        };
        let code = if missing(cell).is_some() { 4 } else { code };
        if ran.code != Some(code) {
            problem(format!("exit {:?}, not {code}", ran.code));
        }
        let not_seen = ran.report["notSeen"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named: BTreeSet<&str> = not_seen.iter().filter_map(|entry| entry["what"].as_str()).collect();
        let Some((reason, verb, resource)) = missing(cell) else {
            let asked = DIAGNOSIS.iter().filter(|_| deployment == "crashing");
            let lacking = asked.filter(|(bit, _)| !may(cell, *bit));
            let polled = WATCHES.iter().filter(|(bit, _)| !may(cell, *bit));
            let expected: BTreeSet<&str> = lacking.chain(polled).map(|(_, what)| *what).collect();
            if named != expected {
                problem(format!("named as not seen is {named:?}, not {expected:?}"));
            }
            let quoted = ran.report["targets"][0]["causes"].to_string().contains("lost-the-database");
            if deployment == "crashing" && quoted != may(cell, LOGS) {
                problem(format!("the log is quoted: {quoted}"));
            }
            continue;
        };
        let found = &ran.report["targets"][0]["reason"];
        if found != reason {
            problem(format!("reason {found}, not {reason}"));
        }
        let what = format!("{verb} {resource}");
        let words = format!("cannot {verb} resource \"{resource}\"");
        let told = not_seen.iter().any(|entry| {
            entry["what"] == what.as_str()
                && entry["message"].as_str().is_some_and(|said| said.contains(&words))
        });
        if !told || !ran.text.contains(&format!("could not {what}")) {
            problem(format!("{what:?} is not named"));
        }
        match printed_role(&ran.text) {
            Some(role) if allows(&role, verb, resource, deployment) => {}
            role => problem(format!("the Role that is printed does not allow to {what}: {role:?}")),
        }
    }
    problems
}

/// The Role in what a run said.
fn printed_role(text: &str) -> Option<Value> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("this Role allows it"));
    lines.next()?;
    let block: Vec<&str> = lines.map_while(|line| line.strip_prefix("    ")).collect();
    serde_saphyr::from_str(&block.join("\n")).ok()
}

/// Whether a rule of the Role is about that.
fn allows(role: &Value, verb: &str, resource: &str, name: &str) -> bool {
    let group = if resource == "pods" { "" } else { "apps" };
    let has = |list: &Value, wanted: &str| {
        list.as_array().is_some_and(|list| list.iter().any(|item| item == wanted))
    };
    let mut rules = role["rules"].as_array().into_iter().flatten();
    rules.any(|rule| {
        let names = &rule["resourceNames"];
        has(&rule["apiGroups"], group)
            && has(&rule["resources"], resource)
            && has(&rule["verbs"], verb)
            && (names.is_null() || has(names, name))
    })
}

/// An account with nothing but the Role that was printed for it can judge.
fn the_printed_role_is_enough(namespace: &str, cluster: &Value, folder: &Path) -> Vec<String> {
    let account = "helped";
    kubectl(&["-n", namespace, "create", "serviceaccount", account], "");
    let before = run(account, "healthy", namespace, cluster, folder);
    let Some(role) = printed_role(&before.text) else {
        return vec![format!("no Role is printed for an account that may do nothing: {}", before.text)];
    };
    kubectl(&["apply", "-f", "-"], &role.to_string());
    let name = role["metadata"]["name"].as_str().unwrap_or_default();
    let subject = format!("--serviceaccount={namespace}:{account}");
    kubectl(&["-n", namespace, "create", "rolebinding", account, "--role", name, &subject], "");
    let after = run(account, "healthy", namespace, cluster, folder);
    if after.code == Some(0) {
        return Vec::new();
    }
    vec![format!("the Role that is printed is not enough: exit {:?}: {}", after.code, after.text)]
}
