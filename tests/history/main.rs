//! The history checker: random rollouts on a real API server with an etcd, a way that misbehaves at random, our binary
//! at its end, and a watch that nothing disturbs and that knows the truth. What the binary says is compared with it.
//!
//! ```sh
//! cargo test --test history -- --minutes 2             # random seeds, printed
//! cargo test --test history -- --minutes 30 --at-once 16
//! cargo test --test history -- --seed 42               # that game alone
//! ```
//!
//! The control plane is brought up by `tests/cluster/cluster` (etcd and the API server alone) in a folder and on ports
//! that no other run has. If its API server ends, the run ends at once and says so: nothing is known of our binary then.
//! `cargo test` alone says that it was skipped. The outputs of a game with a problem stay in a folder that is printed.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test harness: it reads clocks and the environment, prints, and plays what the unit tests play"
)]

mod checks;
#[expect(dead_code, reason = "the simulation asks it for more")]
#[path = "../../src/simulation/fleet.rs"]
mod fleet;
mod game;
#[path = "../../src/simulation/random.rs"]
mod random;
mod rig;
mod server;
mod truth;
mod way;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use game::Outcome;
use random::Random;
use rig::{Kind, Rig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

/// Its ports are below those that the kernel gives to outgoing connections.
const KIND: Kind = Kind { name: "history", api_port: 18443, etcd_port: 18379, flags: "" };

/// What was asked for.
struct Asked {
    minutes: u64,
    seed: Option<u64>,
    at_once: usize,
}

fn asked() -> Option<Asked> {
    let mut asked = Asked { minutes: 0, seed: None, at_once: 8 };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|number| number.parse().ok());
        match argument.as_str() {
            "--minutes" => asked.minutes = number()?,
            "--seed" => asked.seed = Some(number()?),
            "--at-once" => asked.at_once = usize::try_from(number()?).ok()?,
            _ => {}
        }
    }
    (asked.minutes > 0 || asked.seed.is_some()).then_some(asked)
}

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        println!("history: test");
        return ExitCode::SUCCESS;
    }
    let Some(asked) = asked() else {
        println!("\nskipped: it plays for minutes; `cargo test --test history -- --minutes 2`\n");
        return ExitCode::SUCCESS;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(|error| error.to_string()).and_then(|runtime| runtime.block_on(run(&asked))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(101),
        Err(error) => {
            println!("history: {error}");
            ExitCode::from(101)
        }
    }
}

/// Plays until the time is up; whether there were no problems.
async fn run(asked: &Asked) -> Result<bool, String> {
    let rig = std::rc::Rc::new(Rig::up(&KIND).await?);
    let folder = std::env::temp_dir().join(format!("rollout-guard-history-{}", std::process::id()));
    let begun = Instant::now();
    let end = begun + Duration::from_secs(asked.minutes * 60);
    let mut seeds = Random(u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs()));
    let mut tally = Tally::default();
    let games = tokio::task::LocalSet::new();
    let mut open: tokio::task::JoinSet<(u64, Result<Outcome, String>)> = tokio::task::JoinSet::new();
    let start = |open: &mut tokio::task::JoinSet<_>, seed: u64| {
        let (rig, folder) = (std::rc::Rc::clone(&rig), folder.clone());
        open.spawn_local_on(async move { (seed, game::play(&rig, seed, &folder).await) }, &games);
    };
    if let Some(seed) = asked.seed {
        start(&mut open, seed);
    } else {
        for _ in 0..asked.at_once {
            start(&mut open, seeds.next() >> 32);
        }
    }
    let mut end_asked = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut watching = std::pin::pin!(watch(&rig));
    loop {
        let done = tokio::select! {
            done = games.run_until(open.join_next()) => done,
            gone = &mut watching => return Err(gone),
            _ = end_asked.recv() => return Err("ended by SIGTERM".to_owned()),
            _ = tokio::signal::ctrl_c() => return Err("ended by SIGINT".to_owned()),
        };
        let Some(done) = done else { break };
        let (seed, outcome) = done.map_err(|error| error.to_string())?;
        if outcome.is_err()
            && let Some(gone) = rig.gone().await
        {
            return Err(gone);
        }
        tally.add(seed, outcome, &folder);
        if asked.seed.is_none() && Instant::now() < end && tally.broken < 20 {
            start(&mut open, seeds.next() >> 32);
        }
    }
    tally.print(begun.elapsed());
    Ok(tally.problems == 0 && tally.broken == 0)
}

/// Until the API server has ended.
async fn watch(rig: &Rig) -> String {
    loop {
        if let Some(gone) = rig.gone().await {
            return gone;
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// What became of all games.
#[derive(Default)]
struct Tally {
    games: usize,
    words: BTreeMap<String, usize>,
    requests: usize,
    problems: usize,
    /// Games that could not be played.
    broken: usize,
}

impl Tally {
    fn add(&mut self, seed: u64, outcome: Result<Outcome, String>, folder: &Path) {
        self.games += 1;
        match outcome {
            Ok(Outcome { word, problems, requests }) => {
                *self.words.entry(word).or_default() += 1;
                self.requests += requests;
                for problem in &problems {
                    println!("{problem}");
                }
                if !problems.is_empty() {
                    self.problems += 1;
                    println!(
                        "seed {seed}: its outputs are in {}",
                        folder.join(format!("h-{seed:x}")).display()
                    );
                }
            }
            Err(error) => {
                self.broken += 1;
                println!("seed {seed}: could not be played: {error}");
            }
        }
        drop(std::io::stdout().flush());
    }

    fn print(&self, took: Duration) {
        let words: Vec<String> = self.words.iter().map(|(word, count)| format!("{count} {word}")).collect();
        println!(
            "\n{} games in {} s, {} requests counted: {}",
            self.games,
            took.as_secs(),
            self.requests,
            words.join(", ")
        );
        let word = if self.problems == 0 && self.broken == 0 { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {word}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
            self.games - self.problems - self.broken,
            self.problems + self.broken,
            took.as_secs_f64()
        );
    }
}
