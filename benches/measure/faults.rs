//! W9: how fast a wait is back after a fault, and what it asks of the server meanwhile.

use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::Bench;
use crate::contender::{Contender, Taken};
use crate::page::Section;
use crate::rig::Rig;
use crate::scenarios::{millis, passed};
use crate::weather::{Weather, busy};
use crate::world::{World, ago, namespace, ready};

/// Pods of each rollout: half of them are there when the fault begins.
const PODS: usize = 10;
/// How long a server that closes every connection is watched.
const CLOSED: Duration = Duration::from_secs(60);
const TURNED_AWAY: Duration = Duration::from_secs(30);
const STALLED: Duration = Duration::from_secs(20);

/// What is done to a wait in the middle of a rollout that goes on all the while.
#[derive(Clone, Copy)]
enum Fault {
    /// F1, F5: every connection is closed, also new ones.
    Closes(Duration),
    /// F2: what is connected carries nothing any more.
    Loses,
    /// F12: etcd does not answer.
    Stalls(Duration),
}

/// From the end of the fault (of a lost connection: from its beginning) to the end of the process, in milliseconds,
/// and connections made during the fault.
struct Recovery {
    millis: f64,
    connections: f64,
}

pub(crate) async fn faults(bench: &Bench) -> Result<Section, String> {
    let mut section = Section::new("W9", "faults in the middle of a rollout of 10 pods");
    let rows = [
        (
            "F1, every connection closed for 5 s: from its end to the verdict",
            Fault::Closes(Duration::from_secs(5)),
            3,
            "",
        ),
        ("F2, the connection carries nothing any more: to the verdict", Fault::Loses, 2, "≤ 17 s"),
        ("F5, every connection closed for 60 s: from its end to the verdict", Fault::Closes(CLOSED), 1, ""),
        ("F12, etcd stands still for 20 s: from its end to the verdict", Fault::Stalls(STALLED), 2, ""),
    ];
    for (number, (what, fault, times, goal)) in rows.into_iter().enumerate() {
        let mut series = [(Vec::new(), Vec::new()), (Vec::new(), Vec::new())];
        for round in 0..times {
            let space = |name: &str| format!("w9-{number}-{round}-{name}");
            let ours = suffer(bench, &bench.ours, space("ours"), fault);
            let kubectl = suffer(bench, &bench.kubectl, space("kubectl"), fault);
            let both = if matches!(fault, Fault::Stalls(_)) {
                // There is one etcd for both.
                [ours.await, kubectl.await]
            } else {
                let (ours, kubectl) = tokio::join!(ours, kubectl);
                [ours, kubectl]
            };
            for (taken, (times, connections)) in both.into_iter().zip(&mut series) {
                let taken = taken?;
                times.push(taken.millis / 1000.0);
                connections.push(taken.connections);
            }
        }
        let [ours, kubectl] = series;
        section.row(what, "s", ours.0, Some(kubectl.0), goal);
        if matches!(fault, Fault::Closes(CLOSED)) {
            section.row(
                "F5: connections tried in these 60 s",
                "",
                ours.1,
                Some(kubectl.1),
                "≤ 40 a stream in 5 min",
            );
        }
    }
    let (ours, kubectl) = tokio::join!(turned_away(bench, &bench.ours), turned_away(bench, &bench.kubectl));
    section.row("F10, nothing but 429 for 30 s: requests", "", vec![ours?], Some(vec![kubectl?]), "");
    section.note(
        "Half of the pods are there when the fault begins, the other half and the deciding write come during it (F12: \
after it). Settling is off. kubectl ends with an error at the first list that fails, so a fault before its watch is \
up, and 429, end it early.",
    );
    Ok(section)
}

async fn suffer(
    bench: &Bench,
    contender: &Contender,
    space: String,
    fault: Fault,
) -> Result<Recovery, String> {
    let weather = Weather::start(Rig::port())?;
    let kubeconfig = bench.rig.kubeconfig(weather.port)?;
    namespace(&bench.rig.client, &space).await?;
    let world = World::new(&bench.rig.client, &space, "web", PODS).await?;
    let set = world.replica_set().await?;
    let args = contender.waiting(&space, &["deploy/web".to_owned()], false);
    let running = contender.start(&args, &kubeconfig, false)?;
    let ended = tokio::task::spawn_blocking(move || running.end());
    for number in 0..PODS / 2 {
        world.pod(&set, number, ready(&ago(0))).await?;
    }
    world.status(PODS / 2, PODS / 2, &ago(0)).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let before = weather.accepted();
    let since = match fault {
        Fault::Closes(time) => {
            let end = Instant::now() + time;
            weather.close(true);
            rest(&world, &set).await?;
            tokio::time::sleep_until(end.into()).await;
            weather.close(false);
            end
        }
        Fault::Loses => {
            let begun = Instant::now();
            weather.lose();
            rest(&world, &set).await?;
            begun
        }
        Fault::Stalls(time) => {
            bench.rig.etcd("STOP")?;
            tokio::time::sleep(time).await;
            bench.rig.etcd("CONT")?;
            let end = Instant::now();
            rest(&world, &set).await?;
            end
        }
    };
    let during = weather.accepted() - before;
    let taken: Taken = ended.await.map_err(|error| error.to_string())??;
    passed(contender, &taken)?;
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    Ok(Recovery { millis: millis(taken.ended.saturating_duration_since(since)), connections: during as f64 })
}

/// The rest of the rollout, up to the deciding write.
async fn rest(world: &World, set: &str) -> Result<(), String> {
    for number in PODS / 2..PODS {
        world.pod(set, number, ready(&ago(0))).await?;
    }
    world.status(PODS, PODS, &ago(0)).await
}

/// Requests against a server that is too busy for all of them.
async fn turned_away(bench: &Bench, contender: &Contender) -> Result<f64, String> {
    let (port, count) = busy()?;
    let kubeconfig = bench.rig.plain_kubeconfig(port)?;
    let mut args = contender.waiting("w9", &["deploy/web".to_owned()], false);
    args.retain(|arg| !arg.starts_with("--timeout"));
    args.push(format!("--timeout={}s", TURNED_AWAY.as_secs()));
    let running = contender.start(&args, &kubeconfig, false)?;
    let taken =
        tokio::task::spawn_blocking(move || running.end()).await.map_err(|error| error.to_string())??;
    if taken.code == Some(0) {
        return Err(format!("{} passed what it never saw: {}", contender.name, taken.said));
    }
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    Ok(count.load(Ordering::SeqCst) as f64)
}

impl Rig {
    /// Sends a signal to the etcd of this control plane.
    fn etcd(&self, signal: &str) -> Result<(), String> {
        let needle = format!("etcd --data-dir {}", self.dir().display());
        let status = Command::new("pkill").args([&format!("-{signal}"), "-f", &needle]).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("pkill -{signal} -f {needle:?}: {status}")),
            Err(error) => Err(format!("pkill: {error}")),
        }
    }
}
