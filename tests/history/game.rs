//! One rollout, one way, one run of the binary, and what is wrong with what it said.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::checks::{self, Ran};
use crate::plot::Plot;
use crate::random::Random;
use crate::rig::Rig;
use crate::server::Server;
use crate::truth::Truth;
use crate::way::Way;

/// The limit that the binary is given, in seconds.
pub(crate) const TIMEOUT: u64 = 150;
/// From this second on nothing misbehaves any more.
pub(crate) const PEACE: u64 = 90;

/// How the run is ended, if not by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Itself,
    Kill { after: Duration },
    Terminate { after: Duration },
}

/// What is played instead of the product: a binary of `tests/faults/planted.sh`, and the bug that it takes.
#[derive(Clone)]
pub(crate) struct Planted {
    pub(crate) binary: PathBuf,
    pub(crate) bug: String,
}

/// What became of a game.
pub(crate) struct Outcome {
    /// The reason of its report, or how it was ended.
    pub(crate) word: String,
    pub(crate) problems: Vec<String>,
    /// Where its outputs stay if there are problems.
    pub(crate) folder: PathBuf,
    /// Requests that went over the way, where it counts them.
    pub(crate) requests: usize,
}

/// Of all that were begun: a game that is played again must not meet what is left of it.
static GAMES: AtomicUsize = AtomicUsize::new(0);

/// Plays a seed.
pub(crate) async fn play(
    rig: &Rig,
    seed: u64,
    folder: &Path,
    planted: Option<&Planted>,
) -> Result<Outcome, String> {
    let namespace = format!("h-{seed:x}-{}", GAMES.fetch_add(1, Ordering::Relaxed));
    rig.namespace(&namespace).await?;
    let mut random = Random(seed);
    let mut plot = Plot::new(&mut random, jiff::Timestamp::now());
    let calm = random.one_in(5);
    if calm {
        plot.lighten();
    }
    let plain = random.one_in(2);
    let end = match random.below(8) {
        0 => End::Kill { after: Duration::from_millis(random.below(30_000)) },
        1 => End::Terminate { after: Duration::from_millis(random.below(30_000)) },
        _ => End::Itself,
    };
    let mut watching = JoinSet::new();
    let truth = Truth::watch(&rig.client, &namespace, &plot, &mut watching);
    let mut server = Server::new(rig.client.clone(), namespace.clone());
    plot.second(0, &mut random, &mut server);
    server.flush().await?;
    let (dark, refused) = plot.dark();
    let way = Way::new((rig.client.clone(), rig.api_port), random.next(), calm, dark, refused);
    let (port, _open) = way.open(plain).await?;
    let path = folder.join(&namespace);
    fs::create_dir_all(&path).map_err(|error| error.to_string())?;
    fs::write(path.join("kubeconfig"), rig.kubeconfig(&namespace, port, plain)?)
        .map_err(|error| error.to_string())?;
    let target = format!("{}/web", plot.kind().1);
    let late = Cell::new(Duration::ZERO);
    let script = async {
        let begun = Instant::now();
        let mut clock = interval(Duration::from_secs(1));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        clock.tick().await;
        for second in 1.. {
            clock.tick().await;
            plot.second(second, &mut random, &mut server);
            if let Err(error) = server.flush().await {
                return error;
            }
            let due = begun + Duration::from_secs(second + 1);
            late.set(late.get().max(Instant::now().saturating_duration_since(due)));
        }
        String::new()
    };
    let ran = tokio::select! {
        ran = guard(&path, (&namespace, &target), end, planted) => ran?,
        error = script => return Err(error),
    };
    if let Some(failure) = truth.failure() {
        return Err(failure);
    }
    let game = checks::Game {
        calm,
        plain,
        end,
        plot: &plot,
        truth: &truth,
        way: &way,
        folder: &path,
        namespace: &namespace,
        late: late.get(),
    };
    let (word, mut problems) = game.check(&ran);
    for problem in &mut problems {
        *problem = format!(
            "seed {seed}: {}, {}, {}: {problem}",
            plot.name(),
            if calm { "calm" } else { "troubled" },
            if plain { "by requests" } else { "by bytes" }
        );
    }
    let requests = way.requests().values().map(Vec::len).sum();
    if problems.is_empty() {
        drop(fs::remove_dir_all(&path));
    }
    Ok(Outcome { word, problems, folder: path, requests })
}

/// Runs the binary to its end.
async fn guard(
    folder: &Path,
    (namespace, target): (&str, &str),
    end: End,
    planted: Option<&Planted>,
) -> Result<Ran, String> {
    let file = |name: &str| folder.join(name);
    let create = |name: &str| fs::File::create(file(name)).map_err(|error| error.to_string());
    let product = || Path::new(env!("CARGO_BIN_EXE_rollout-guard"));
    let mut command = Command::new(planted.map_or_else(product, |planted| &planted.binary));
    command
        .env_clear()
        .envs(planted.map(|planted| ("PLANTED_BUG", &planted.bug)))
        .env("HOME", folder)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .args(["wait", target, "-n", namespace, "--request-timeout", "5s", "--stable-for", "10s"])
        .arg(format!("--timeout={TIMEOUT}s"))
        .arg("--kubeconfig")
        .arg(file("kubeconfig"))
        .arg("--json")
        .arg(file("report.json"))
        .arg("--junit")
        .arg(file("report.xml"))
        .arg("--record")
        .arg(file("recording.jsonl"))
        .stdin(Stdio::null())
        .stdout(create("stdout")?)
        .stderr(create("stderr")?)
        .kill_on_drop(true);
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut asked = None;
    match end {
        End::Itself => {}
        End::Kill { after } => {
            if timeout(after, child.wait()).await.is_err() {
                drop(child.kill().await);
                asked = Some(Instant::now());
            }
        }
        End::Terminate { after } => {
            if timeout(after, child.wait()).await.is_err() {
                let pid = child.id().unwrap_or_default().to_string();
                drop(Command::new("kill").args(["-TERM", &pid]).status().await);
                asked = Some(Instant::now());
            }
        }
    }
    let limit = Duration::from_secs(TIMEOUT + 30).saturating_sub(begun.elapsed());
    let Ok(status) = timeout(limit, child.wait()).await else {
        drop(child.kill().await);
        return Ok(Ran { begun, ended: Instant::now(), asked, code: None, hung: true });
    };
    let code = status.map_err(|error| error.to_string())?.code();
    let ended = Instant::now();
    // what was written in the last moment is seen by the watch of the truth
    sleep(Duration::from_millis(500)).await;
    Ok(Ran { begun, ended, asked, code, hung: false })
}
