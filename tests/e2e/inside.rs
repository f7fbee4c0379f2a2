//! Judging from inside: our binary as a Job on the cluster, in the image of the Dockerfile, not root, with nothing to
//! write to, and allowed what `rbac` prints and nothing more.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::{Value, json};

use crate::case::{Case, Step};
use crate::check;
use crate::cluster::{Cluster, variable};
use crate::run::{Finished, Outcome, binary};

/// How the only container of a pod ended.
const TERMINATED: &str = "/status/containerStatuses/0/state/terminated";

/// The image as the nodes name it, once it is pushed.
static IMAGE: OnceLock<Result<String, String>> = OnceLock::new();

/// Runs the Job beside the objects of the case and checks what it left.
pub(crate) fn judge(outcome: &mut Outcome, namespace: &str, cluster: &Cluster) -> Result<(), String> {
    let case = outcome.case.clone();
    let image = IMAGE.get_or_init(|| push(cluster)).clone()?;
    allow(&case, namespace)?;
    let began = Instant::now();
    let job = reaching(job(&case, &image), &api_server(namespace)?);
    cluster.perform(namespace, &Step::Apply(vec![job]))?;
    let pod = ended(namespace)?;
    let seconds = began.elapsed().as_secs_f64();
    let of_end = |field: &str| pod.pointer(TERMINATED).and_then(|end| end.get(field));
    let exit_code = of_end("exitCode").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok());
    let message = of_end("message").and_then(Value::as_str).unwrap_or_default();
    let printed = kubectl(namespace, &["logs", "job/guard"])?;
    outcome.transcript = format!("-- termination message\n{message}\n-- log\n{printed}");
    outcome.problems =
        check::inside(&case, &|text| cluster.fill(text, namespace), exit_code, &printed, message);
    outcome.ours = Some(Finished { exit_code, seconds, cause: check::cause_in(&printed) });
    Ok(())
}

/// `ROLLOUT_GUARD_TEST_BINARY` names another one, a static one for example.
fn push(cluster: &Cluster) -> Result<String, String> {
    let binary = variable("ROLLOUT_GUARD_TEST_BINARY");
    let binary = binary.as_deref().unwrap_or(env!("CARGO_BIN_EXE_rollout-guard"));
    let name = cluster.fill("$REGISTRY/rollout-guard:$RUN", "");
    let here = name.replace("localhost", "127.0.0.1");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/guard-image");
    let output = Command::new(program).args([binary, &here]).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(name)
    } else {
        Err(format!("no image: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}

/// Allows what `rbac` prints for this target.
fn allow(case: &Case, namespace: &str) -> Result<(), String> {
    let printed = binary().args(["rbac", "-n", namespace, "--for", case.target]).output();
    let printed = printed.map_err(|error| error.to_string())?;
    let manifest = String::from_utf8_lossy(&printed.stdout).into_owned();
    crate::cluster::call(Command::new("kubectl").args(["apply", "-f", "-"]), &manifest).map(drop)
}

fn job(case: &Case, image: &str) -> Value {
    let mut args = vec!["wait".to_owned(), case.target.to_owned()];
    args.extend(["-o=json".to_owned(), "--progress=none".to_owned(), format!("--timeout={}s", case.timeout)]);
    args.extend(case.args.iter().cloned());
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "guard"},
        "spec": {"backoffLimit": 0, "activeDeadlineSeconds": case.timeout + 60, "template": {"spec": {
            "restartPolicy": "Never",
            "serviceAccountName": "rollout-guard",
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "guard",
                "image": image,
                "args": args,
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
                "resources": {"limits": {"memory": "64Mi"}},
            }],
        }}},
    })
}

/// The address of the API server, as this machine has it.
fn api_server(namespace: &str) -> Result<String, String> {
    kubectl(namespace, &["config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"])
}

/// An API server that listens on the loopback of its node (`tests/cluster` has no kube-proxy) is reached through the
/// network of the node, at an address that the pod is given in place of the Service's.
fn reaching(mut job: Value, server: &str) -> Value {
    let address = server.trim_start_matches("https://").trim_end_matches('/');
    let Some((host, port)) = address.rsplit_once(':').filter(|(host, _)| *host == "127.0.0.1") else {
        return job;
    };
    if let Some(pod) = job.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut) {
        pod.insert("hostNetwork".to_owned(), Value::Bool(true));
    }
    if let Some(container) =
        job.pointer_mut("/spec/template/spec/containers/0").and_then(Value::as_object_mut)
    {
        let env = json!([
            {"name": "KUBERNETES_SERVICE_HOST", "value": host},
            {"name": "KUBERNETES_SERVICE_PORT", "value": port},
        ]);
        container.insert("env".to_owned(), env);
    }
    job
}

/// The pod of the Job once its container has ended.
fn ended(namespace: &str) -> Result<Value, String> {
    let began = Instant::now();
    loop {
        let pods = kubectl(namespace, &["get", "pods", "-l", "job-name=guard", "-o", "json"])?;
        let pods: Value = serde_json::from_str(&pods).map_err(|error| error.to_string())?;
        let pod = pods.pointer("/items/0");
        if let Some(pod) = pod.filter(|pod| pod.pointer(TERMINATED).is_some()) {
            return Ok(pod.clone());
        }
        if began.elapsed().as_secs() > 240 {
            return Err(format!("the Job did not end: {:?}", pod.and_then(|pod| pod.get("status"))));
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
}

fn kubectl(namespace: &str, args: &[&str]) -> Result<String, String> {
    crate::cluster::call(Command::new("kubectl").args(["-n", namespace]).args(args), "")
}
