//! The cluster as its variables describe it, and what the suite does to it.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::case::{Need, Step};
use crate::manifest;
use crate::registry::LateRegistry;

pub(crate) struct Cluster {
    /// The open registry, as the nodes name it.
    registry: String,
    private: Option<String>,
    program: Option<String>,
    late: LateRegistry,
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
            call(Command::new("kubectl").args(["--request-timeout=10s", "get", "--raw", "/readyz"]), "");
        version.map_err(|problem| format!("the cluster of KUBECONFIG does not answer: {problem}"))?;
        let late = LateRegistry::reserve(&registry)?;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self {
            private: variable("ROLLOUT_GUARD_TEST_PRIVATE_REGISTRY"),
            program: variable("ROLLOUT_GUARD_TEST_CLUSTER"),
            run: since_1970.as_secs().to_string(),
            late,
            registry,
        })
    }

    /// Why a case with this need cannot run here.
    pub(crate) fn lacks(&self, need: Need) -> Option<&'static str> {
        match need {
            Need::PrivateRegistry if self.private.is_none() => {
                Some("ROLLOUT_GUARD_TEST_PRIVATE_REGISTRY is not set")
            }
            Need::ClusterProgram if self.program.is_none() => Some("ROLLOUT_GUARD_TEST_CLUSTER is not set"),
            Need::PrivateRegistry | Need::ClusterProgram => None,
        }
    }

    /// Fills the placeholders of a manifest, an argument or an expected text.
    pub(crate) fn fill(&self, text: &str, namespace: &str) -> String {
        let private = self.private.as_deref().unwrap_or("private.invalid");
        text.replace("$REGISTRY", &self.registry)
            .replace("$PRIVATE", private)
            .replace("$LATE", &self.late.address())
            .replace("$RUN", &self.run)
            .replace("$NS", namespace)
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

    /// Does one step; an error says which and why.
    pub(crate) fn perform(&self, namespace: &str, step: &Step) -> Result<(), String> {
        match step {
            Step::Apply(objects) => self.apply(namespace, objects, &[]).map(drop),
            Step::Kubectl(args) => self.kubectl(namespace, args).map(drop),
            Step::Until { args, contains } => self.until(namespace, args, contains),
            Step::Pass(seconds) => {
                std::thread::sleep(Duration::from_secs(*seconds));
                Ok(())
            }
            Step::Push(image) => {
                let program = self.program.as_deref().unwrap_or("cluster");
                call(Command::new(program).args(["push", &self.fill(image, namespace)]), "").map(drop)
            }
            Step::OpenLateRegistry => self.late.open(),
        }
    }

    /// Applies objects and returns what kubectl prints.
    pub(crate) fn apply(&self, namespace: &str, objects: &[Value], more: &[&str]) -> Result<String, String> {
        let manifest = self.fill(&manifest::list(objects).to_string(), namespace);
        let mut command = Command::new("kubectl");
        call(command.args(["-n", namespace, "apply", "-f", "-"]).args(more), &manifest)
    }

    fn kubectl(&self, namespace: &str, args: &[String]) -> Result<String, String> {
        let filled = args.iter().map(|arg| self.fill(arg, namespace));
        call(Command::new("kubectl").args(["-n", namespace]).args(filled), "")
    }

    fn until(&self, namespace: &str, args: &[String], contains: &str) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let seen = self.kubectl(namespace, args);
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
