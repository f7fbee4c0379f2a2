//! A program under measurement: started, waited for, weighed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wait4::Wait4 as _;

use crate::rig::Rig;

/// Who is measured.
#[derive(Clone)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// What its user agent begins with.
    pub(crate) agent: &'static str,
    pub(crate) program: PathBuf,
}

/// What one run of it took.
pub(crate) struct Taken {
    pub(crate) started: Instant,
    pub(crate) ended: Instant,
    pub(crate) code: Option<i32>,
    /// Processor time, user and system.
    pub(crate) cpu: Duration,
    /// Largest resident size in KiB, read every two milliseconds; 0 where it was not asked for.
    pub(crate) resident: u64,
    /// What it wrote to standard output, then to standard error.
    pub(crate) said: String,
}

/// A run that has begun.
pub(crate) struct Running {
    child: Child,
    started: Instant,
    resident: Arc<AtomicU64>,
    done: Arc<AtomicBool>,
}

impl Contender {
    pub(crate) fn ours() -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_rollout-guard"));
        Self { name: "rollout-guard", agent: "rollout-guard", program }
    }

    /// The kubectl in the first folder of that `PATH`, which is of the version of the cluster.
    pub(crate) fn kubectl(path: &str) -> Result<Self, String> {
        let program = Path::new(path.split(':').next().unwrap_or_default()).join("kubectl");
        if !program.exists() {
            return Err(format!("{}: kubectl is not built", program.display()));
        }
        Ok(Self { name: "kubectl", agent: "kubectl", program })
    }

    /// Helm, where it is built, and a chart of the Deployment of [`crate::world::World`].
    pub(crate) fn helm(cache: &Path, rig: &Rig) -> Result<Option<Self>, String> {
        let versions = fs::read_dir(cache.join("helm")).into_iter().flatten().flatten();
        let programs = versions.map(|entry| entry.path().join("helm")).filter(|path| path.exists());
        let Some(program) = programs.max() else { return Ok(None) };
        crate::world::write_chart(&rig.dir().join("chart"))?;
        Ok(Some(Self { name: "helm", agent: "Helm", program }))
    }

    /// The command line that waits for those Deployments of a namespace.
    pub(crate) fn waiting(&self, namespace: &str, targets: &[String], settling: bool) -> Vec<String> {
        if self.name == "helm" {
            let mut args = Self::installing(namespace);
            args.extend(["--wait", "--timeout=120s"].map(str::to_owned));
            return args;
        }
        let mut args: Vec<String> = match self.name {
            "kubectl" => ["rollout", "status", "--timeout=120s"].map(str::to_owned).to_vec(),
            _ => ["wait", "--timeout=120s", "--progress=none"].map(str::to_owned).to_vec(),
        };
        if self.name != "kubectl" && !settling {
            args.push("--stable-for=0".to_owned());
        }
        args.extend(["-n".to_owned(), namespace.to_owned()]);
        args.extend(targets.iter().cloned());
        args
    }

    /// The command line with which Helm makes the Deployment of that namespace its own, and does not wait.
    pub(crate) fn installing(namespace: &str) -> Vec<String> {
        let chart = ["upgrade", "--install", "web", "chart", "--take-ownership", "--force-conflicts"];
        chart.into_iter().chain(["-n", namespace]).map(str::to_owned).collect()
    }

    /// Starts it with nothing of our environment but what it needs.
    pub(crate) fn start(&self, args: &[String], kubeconfig: &Path, weigh: bool) -> Result<Running, String> {
        let home = kubeconfig.parent().unwrap_or(Path::new("/"));
        // A home without a cache: a step of a pipeline starts with none.
        drop(fs::remove_dir_all(home.join(".kube")));
        let started = Instant::now();
        let child = Command::new(&self.program)
            .args(args)
            .current_dir(home)
            .env_clear()
            .env("KUBECONFIG", kubeconfig)
            .env("HOME", home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        let (resident, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        if weigh {
            let (resident, done, pid) = (Arc::clone(&resident), Arc::clone(&done), child.id());
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    resident.fetch_max(high_water(pid), Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(2));
                }
            });
        }
        Ok(Running { child, started, resident, done })
    }

    pub(crate) fn run(&self, args: &[String], kubeconfig: &Path, weigh: bool) -> Result<Taken, String> {
        self.start(args, kubeconfig, weigh)?.end()
    }
}

impl Running {
    /// Waits for its end.
    pub(crate) fn end(mut self) -> Result<Taken, String> {
        use std::io::Read as _;
        let errors = self.child.stderr.take().map(|mut pipe| {
            thread::spawn(move || {
                let mut text = String::new();
                drop(pipe.read_to_string(&mut text));
                text
            })
        });
        let mut said = String::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            drop(pipe.read_to_string(&mut said));
        }
        let used = self.child.wait4().map_err(|error| error.to_string())?;
        let ended = Instant::now();
        self.done.store(true, Ordering::Relaxed);
        said.push_str(&errors.and_then(|reader| reader.join().ok()).unwrap_or_default());
        Ok(Taken {
            started: self.started,
            ended,
            code: used.status.code(),
            cpu: used.rusage.utime + used.rusage.stime,
            resident: self.resident.load(Ordering::Relaxed),
            said,
        })
    }

    /// Ends it by a signal, as a pipeline would.
    pub(crate) fn interrupt(self) -> Result<Taken, String> {
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-INT", &pid]).status());
        self.end()
    }
}

/// `VmHWM` of a process in KiB; 0 once it is gone.
fn high_water(pid: u32) -> u64 {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
