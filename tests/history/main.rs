//! The history checker: random rollouts on a real API server with an etcd, a way that misbehaves at random, our binary
//! at its end, and a watch that nothing disturbs and that knows the truth. What the binary says is compared with it.
//!
//! ```sh
//! cargo test --test history -- --minutes 2             # random seeds, printed
//! cargo test --test history -- --minutes 30 --at-once 16
//! cargo test --test history -- --seed 42               # that game alone
//! cargo test --test history -- --minutes 2 --bug PassBlind --binary target/planted/rollout-guard   # must fail
//! ```
//!
//! The first game that breaks one of the rules ends the run, which has failed: it is never played again in the hope of
//! another end. What is played again, a few times and said each time, is what the machine did not let us play.
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
mod evidence;
#[expect(dead_code, reason = "the simulation asks it for more")]
#[path = "../../src/simulation/fleet.rs"]
mod fleet;
mod game;
mod job;
mod plot;
#[path = "../../src/simulation/random.rs"]
mod random;
mod rig;
mod server;
mod set;
mod truth;
mod way;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use game::{Outcome, Planted};
use random::Random;
use rig::{Kind, Rig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

/// Its ports are below those that the kernel gives to outgoing connections.
const KIND: Kind = Kind { name: "history", api_port: 18443, etcd_port: 18379, flags: "" };

/// Games that may be played again because the machine did not let us play them.
const MAY_BREAK: usize = 5;
/// Control planes that may be gone before the run is given up.
const MAY_BE_GONE: usize = 2;

/// What was asked for.
struct Asked {
    minutes: u64,
    seed: Option<u64>,
    at_once: usize,
    planted: Option<Planted>,
}

/// Why a run ended without a result.
enum Stop {
    /// Nothing could be played any more.
    Machine(String),
    /// It was asked to end, or is at fault itself.
    Final(String),
}

fn asked() -> Option<Asked> {
    let mut asked = Asked { minutes: 0, seed: None, at_once: 8, planted: None };
    let (mut bug, mut binary) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|number| number.parse().ok());
        match argument.as_str() {
            "--minutes" => asked.minutes = number()?,
            "--seed" => asked.seed = Some(number()?),
            "--at-once" => asked.at_once = usize::try_from(number()?).ok()?,
            "--bug" => bug = arguments.next(),
            "--binary" => binary = arguments.next().map(PathBuf::from),
            _ => {}
        }
    }
    asked.planted = bug.zip(binary).map(|(bug, binary)| Planted { binary, bug });
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
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("history: {error}");
            return ExitCode::from(101);
        }
    };
    for left in (0..=MAY_BE_GONE).rev() {
        match runtime.block_on(run(&asked)) {
            Ok(true) => return ExitCode::SUCCESS,
            Ok(false) => break,
            Err(Stop::Final(error)) => {
                println!("history: {error}");
                break;
            }
            Err(Stop::Machine(error)) => {
                println!("history: could not be played: {error}\nhistory: tries left: {left}");
            }
        }
    }
    ExitCode::from(101)
}

/// Plays until the time is up; whether there were no problems.
async fn run(asked: &Asked) -> Result<bool, Stop> {
    let rig = std::rc::Rc::new(Rig::up(&KIND).await.map_err(Stop::Machine)?);
    let folder = std::env::temp_dir().join(format!("rollout-guard-history-{}", std::process::id()));
    let begun = Instant::now();
    let end = begun + Duration::from_secs(asked.minutes * 60);
    let mut seeds = Random(u64::from(jiff::Timestamp::now().subsec_nanosecond().unsigned_abs()));
    let mut tally = Tally::default();
    let games = tokio::task::LocalSet::new();
    let mut open: tokio::task::JoinSet<(u64, Result<Outcome, String>)> = tokio::task::JoinSet::new();
    let start = |open: &mut tokio::task::JoinSet<_>, seed: u64| {
        let (rig, folder, planted) = (std::rc::Rc::clone(&rig), folder.clone(), asked.planted.clone());
        let game = async move { (seed, game::play(&rig, seed, &folder, planted.as_ref()).await) };
        open.spawn_local_on(game, &games);
    };
    if let Some(seed) = asked.seed {
        start(&mut open, seed);
    } else {
        for _ in 0..asked.at_once {
            start(&mut open, seeds.next() >> 32);
        }
    }
    let mut end_asked = signal(SignalKind::terminate()).map_err(|error| Stop::Final(error.to_string()))?;
    let mut watching = std::pin::pin!(watch(&rig));
    loop {
        let done = tokio::select! {
            done = games.run_until(open.join_next()) => done,
            gone = &mut watching => return Err(Stop::Machine(gone)),
            _ = end_asked.recv() => return Err(Stop::Final("ended by SIGTERM".to_owned())),
            _ = tokio::signal::ctrl_c() => return Err(Stop::Final("ended by SIGINT".to_owned())),
        };
        let Some(done) = done else { break };
        let (seed, outcome) = done.map_err(|error| Stop::Final(error.to_string()))?;
        if outcome.is_err()
            && let Some(gone) = rig.gone().await
        {
            return Err(Stop::Machine(gone));
        }
        let broken = outcome.is_err();
        tally.add(seed, outcome);
        if tally.problems > 0 {
            println!("the run ends here; `cargo test --test history -- --seed {seed}` plays that game again");
            break;
        }
        if broken && tally.broken > MAY_BREAK {
            println!("the run ends here: {MAY_BREAK} games have been played again");
            break;
        }
        if broken {
            println!("seed {seed}: once more");
            start(&mut open, seed);
        } else if asked.seed.is_none() && Instant::now() < end {
            start(&mut open, seeds.next() >> 32);
        }
    }
    tally.print(begun.elapsed());
    Ok(tally.is_well())
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

/// Of so many games some pass and some fail.
const MANY: usize = 30;

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
    /// Nothing is wrong, what could not be played was played later, and there was something to be wrong about.
    fn is_well(&self) -> bool {
        let of = |reasons: &[&str]| reasons.iter().any(|reason| self.words.contains_key(*reason));
        let both = of(&["complete"]) && of(&["container-crashing", "image-not-found", "job-failed"]);
        self.problems == 0 && self.broken <= MAY_BREAK && (both || self.games < MANY)
    }

    fn add(&mut self, seed: u64, outcome: Result<Outcome, String>) {
        match outcome {
            Ok(Outcome { word, problems, folder, requests }) => {
                self.games += 1;
                *self.words.entry(word).or_default() += 1;
                self.requests += requests;
                for problem in &problems {
                    println!("{problem}");
                }
                if !problems.is_empty() {
                    self.problems += 1;
                    println!("seed {seed}: its outputs are in {}", folder.display());
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
            "\n{} games in {} s ({} more could not be played), {} requests counted: {}",
            self.games,
            took.as_secs(),
            self.broken,
            self.requests,
            words.join(", ")
        );
        let word = if self.is_well() { "ok" } else { "FAILED" };
        println!(
            "\ntest result: {word}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in {:.2}s\n",
            self.games - self.problems,
            self.problems + self.broken.saturating_sub(MAY_BREAK),
            took.as_secs_f64()
        );
    }
}
