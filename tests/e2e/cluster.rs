//! The cluster as its variables describe it, and what the suite does to it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::case::{Need, Step};
use crate::loopback::Servers;
use crate::manifest;
use crate::registry::LateRegistry;

pub(crate) struct Cluster {
    /// The open registry, as the nodes name it.
    registry: String,
    private: Option<String>,
    program: Option<String>,
    late: LateRegistry,
    /// Or why there are none.
    servers: Result<Servers, String>,
    /// `36` of 1.36.
    minor: u32,
    /// Different in each run, for image tags that must be new to the nodes.
    run: String,
}

/// No single state that a case waits for takes longer.
const LONGEST: Duration = Duration::from_secs(120);

impl Cluster {
    /// The cluster, or why there is none.
    pub(crate) fn from_environment() -> Result<Self, String> {
        if variable("KUBECONFIG").is_none() {
            return Err("KUBECONFIG is not set".to_owned());
        }
        let registry = variable("ROLLOUT_GUARD_TEST_REGISTRY")
            .ok_or("ROLLOUT_GUARD_TEST_REGISTRY is not set (a registry with the test images)")?;
        let version =
            call(Command::new("kubectl").args(["--request-timeout=10s", "get", "--raw", "/version"]), "");
        let version =
            version.map_err(|problem| format!("the cluster of KUBECONFIG does not answer: {problem}"))?;
        let late = LateRegistry::reserve(&registry)?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            private: variable("ROLLOUT_GUARD_TEST_PRIVATE_REGISTRY"),
            program: variable("ROLLOUT_GUARD_TEST_CLUSTER"),
            run: since_1970.as_secs().to_string(),
            late,
            servers: node_address().and_then(|node| Servers::start(&node)),
            registry,
            minor: minor_of(&version),
        })
    }

    /// Why a case with this need cannot run here.
    pub(crate) fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::PrivateRegistry if self.private.is_none() => {
                Some("ROLLOUT_GUARD_TEST_PRIVATE_REGISTRY is not set")
            }
            Need::ClusterProgram if self.program.is_none() => Some("ROLLOUT_GUARD_TEST_CLUSTER is not set"),
            Need::Servers if self.servers.is_err() => Some("nodes do not share this machine's addresses"),
            Need::Kubernetes135 if self.minor < 35 => Some("the cluster is older than Kubernetes 1.35"),
            Need::PrivateRegistry | Need::ClusterProgram | Need::Servers | Need::Kubernetes135 => None,
        }
    }

    /// Fills the placeholders of a manifest, an argument or an expected text.
    pub(crate) fn fill(&self, text: &str, namespace: &str) -> String {
        let private = self.private.as_deref().unwrap_or("private.invalid");
        let text = text
            .replace("$REGISTRY", &self.registry)
            .replace("$PRIVATE", private)
            .replace("$LATE", &self.late.address())
            .replace("$RUN", &self.run)
            .replace("$NS", namespace);
        match &self.servers {
            Ok(servers) => servers.fill(text),
            Err(_) => text,
        }
    }

    /// A namespace without anything from an earlier run.
    pub(crate) fn fresh_namespace(&self, namespace: &str) -> Result<(), String> {
        let everywhere = |args: &[&str]| call(Command::new("kubectl").args(args), "");
        everywhere(&["delete", "namespace", namespace, "--ignore-not-found", "--timeout=90s"])?;
        everywhere(&["create", "namespace", namespace])?;
        // Pods are refused until the controller has made it, which is not what the cases are about.
        let args = ["get", "serviceaccounts", "--ignore-not-found", "-o", "name"].map(str::to_owned);
        self.until(namespace, &args, "serviceaccount/default")
    }

    pub(crate) fn delete_namespace(namespace: &str) {
        let args = ["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"];
        // What is left is deleted by the next run of the case.
        drop(call(Command::new("kubectl").args(args), ""));
    }

    /// Deletes objects of the whole cluster, if they are there.
    pub(crate) fn delete(&self, namespace: &str, objects: &[Value], wait: bool) -> Result<(), String> {
        if objects.is_empty() {
            return Ok(());
        }
        let manifest = self.fill(&manifest::list(objects).to_string(), namespace);
        let wait = if wait { "--timeout=60s" } else { "--wait=false" };
        let args = ["delete", "--ignore-not-found", wait, "-f", "-"];
        call(Command::new("kubectl").args(args), &manifest).map(drop)
    }

    /// Does one step; an error says which and why.
    pub(crate) fn perform(&self, namespace: &str, step: &Step) -> Result<(), String> {
        match step {
            Step::Apply(objects) => self.apply(namespace, objects, &[]).map(drop),
            Step::Own { owner, object } => {
                let reference =
                    call(Command::new("kubectl").args(["-n", namespace, "get", owner, "-o", "json"]), "")?;
                let owned = manifest::owned(object.clone(), &reference)?;
                self.perform(namespace, &Step::Apply(vec![owned]))
            }
            Step::Kubectl(args) => self.kubectl(namespace, args).map(drop),
            Step::Until { args, contains } => self.until(namespace, args, contains),
            Step::Refused { args, says } => {
                Self::until_it(args, says, || Ok(self.kubectl(namespace, args).err().unwrap_or_default()))
            }
            Step::Ready(selector) => self.say_ready(namespace, selector),
            Step::Open(gate) => {
                let args = ["get", "pods", "-l", "app=web", "-o", "name"].map(str::to_owned);
                let condition = json!({"type": gate, "status": "True", "lastTransitionTime": now()?});
                let status = json!({"status": {"conditions": [condition]}});
                let pods = self.kubectl(namespace, &args)?;
                pods.lines().try_for_each(|pod| self.say(namespace, &[pod], &status))
            }
            Step::Beat(node) => {
                let beat = json!({"type": "Ready", "status": "True", "reason": "KubeletReady",
                    "message": "kubelet is posting ready status", "lastHeartbeatTime": now()?});
                self.say(
                    namespace,
                    &["node", &self.fill(node, namespace)],
                    &json!({"status": {"conditions": [beat]}}),
                )
            }
            Step::Attached(volume) => self.say_attached(namespace, volume),
            Step::Seen(text) => Err(format!("{text}: only beside the binary")),
            Step::Event(component, reason, message) => {
                self.write_event(namespace, component, reason, message)
            }
            Step::Pass(seconds) => {
                std::thread::sleep(Duration::from_secs(*seconds));
                Ok(())
            }
            Step::Push(image) => {
                let program = self.program.as_deref().unwrap_or("cluster");
                let words = self.fill(image, namespace);
                call(Command::new(program).arg("push").args(words.split_whitespace()), "").map(drop)
            }
            Step::OpenLateRegistry => self.late.open(),
        }
    }

    /// Applies objects and returns what kubectl prints.
    pub(crate) fn apply(&self, namespace: &str, objects: &[Value], more: &[&str]) -> Result<String, String> {
        let manifest = self.fill(&manifest::list(objects).to_string(), namespace);
        let apply = || {
            let mut command = Command::new("kubectl");
            call(command.args(["-n", namespace, "apply", "-f", "-"]).args(more), &manifest)
        };
        // What all cases of a family share may be made by two of them at once.
        apply().or_else(|problem| if problem.contains("AlreadyExists") { apply() } else { Err(problem) })
    }

    /// Writes the status of an object.
    fn say(&self, namespace: &str, object: &[&str], status: &Value) -> Result<(), String> {
        let status = status.to_string();
        let mut args = vec!["patch"];
        args.extend(object);
        args.extend(["--subresource=status", "-p", &status]);
        let args: Vec<String> = args.into_iter().map(str::to_owned).collect();
        self.kubectl(namespace, &args).map(drop)
    }

    fn say_ready(&self, namespace: &str, selector: &str) -> Result<(), String> {
        let args = ["get", "pods", "-l", selector, "-o", "name"].map(str::to_owned);
        self.until(namespace, &args, "pod/")?;
        let now = now()?;
        let is = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now});
        let status = json!({"status": {
            "phase": "Running",
            "startTime": now,
            "conditions": [is("Initialized"), is("PodReadyToStartContainers"), is("ContainersReady"), is("Ready")],
            "containerStatuses": [{"name": "app", "image": "busy", "imageID": "", "ready": true, "started": true,
                "restartCount": 0, "state": {"running": {"startedAt": now}}}],
        }});
        for pod in self.kubectl(namespace, &args)?.lines() {
            self.say(namespace, &[pod], &status)?;
        }
        Ok(())
    }

    fn write_event(
        &self,
        namespace: &str,
        component: &str,
        reason: &str,
        message: &str,
    ) -> Result<(), String> {
        let args = ["get", "pods", "-l", "app=web", "-o", "json"].map(str::to_owned);
        self.until(namespace, &args, "\"uid\"")?;
        let pods: Value = serde_json::from_str(&self.kubectl(namespace, &args)?).unwrap_or_default();
        let metadata = pods.pointer("/items/0/metadata").cloned().unwrap_or_default();
        let now = now()?;
        let event = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("web.{component}")},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace,
                "name": metadata.get("name"), "uid": metadata.get("uid")},
            "reason": reason, "message": message, "type": "Normal", "count": 1,
            "firstTimestamp": now, "lastTimestamp": now, "source": {"component": component},
            "reportingComponent": component,
        });
        self.apply(namespace, &[event], &[]).map(drop)
    }

    fn say_attached(&self, namespace: &str, volume: &str) -> Result<(), String> {
        let volume = self.fill(volume, namespace);
        let columns = "custom-columns=V:.spec.source.persistentVolumeName,N:.metadata.name";
        let args = ["get", "volumeattachments", "--no-headers", "-o", columns].map(str::to_owned);
        self.until(namespace, &args, &volume)?;
        let listed = self.kubectl(namespace, &args)?;
        let lines = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        for line in lines {
            if let [of, name] = line.as_slice()
                && *of == volume
            {
                self.say(namespace, &["volumeattachment", name], &json!({"status": {"attached": true}}))?;
            }
        }
        Ok(())
    }

    fn kubectl(&self, namespace: &str, args: &[String]) -> Result<String, String> {
        let filled = args.iter().map(|arg| self.fill(arg, namespace));
        call(Command::new("kubectl").args(["-n", namespace]).args(filled), "")
    }

    fn until(&self, namespace: &str, args: &[String], contains: &str) -> Result<(), String> {
        Self::until_it(args, contains, || self.kubectl(namespace, args))
    }

    fn until_it(
        args: &[String],
        contains: &str,
        look: impl Fn() -> Result<String, String>,
    ) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let seen = look();
            if seen.as_ref().is_ok_and(|text| text.contains(contains)) {
                return Ok(());
            }
            if began.elapsed() > LONGEST {
                return Err(format!("kubectl {} never contained {contains}: {seen:?}", args.join(" ")));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

/// The minor version in the answer of `/version`; some clouds write `36+`.
fn minor_of(version: &str) -> u32 {
    let version: Value = serde_json::from_str(version).unwrap_or_default();
    let digits = version.get("minor").and_then(Value::as_str).unwrap_or_default().trim_end_matches('+');
    digits.parse().unwrap_or(u32::MAX)
}

/// An address of a node, which is this machine's where `tests/cluster` made it.
fn node_address() -> Result<String, String> {
    let path = "jsonpath={.items[*].status.addresses[?(@.type=='InternalIP')].address}";
    let listed = call(Command::new("kubectl").args(["get", "nodes", "-o", path]), "")?;
    listed.split_whitespace().next().map(str::to_owned).ok_or_else(|| "no node has an address".to_owned())
}

/// The time, as Kubernetes writes it.
fn now() -> Result<String, String> {
    call(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]), "").map(|time| time.trim().to_owned())
}

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn call(command: &mut Command, stdin: &str) -> Result<String, String> {
    let shown = format!("{command:?}");
    let mut run = || -> std::io::Result<Output> {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(stdin.as_bytes())?;
        }
        child.wait_with_output()
    };
    let output = run().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{shown}: {}: {}", output.status, said.trim()))
    }
}
