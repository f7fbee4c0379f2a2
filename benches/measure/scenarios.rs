//! The workloads.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::contender::{Contender, Taken};
use crate::page::Section;
use crate::proxy::Proxy;
use crate::rig::Rig;
use crate::world::{World, ago, chatter, groups, namespace, noise, pull_failing, ready};
use crate::{Bench, say};

const MIB: f64 = 1_048_576.0;
/// Runs that are weighed; where weighing would disturb the times, they are runs of their own.
const WEIGHED: usize = 5;

pub(crate) async fn all(bench: &Bench) -> Result<Vec<Section>, String> {
    let mut sections = Vec::new();
    macro_rules! workload {
        ($id:literal, $run:expr) => {
            if bench.plan.wants($id) {
                say(concat!("== ", $id));
                let section: Section = $run.await?;
                say(&section.markdown());
                sections.push(section);
            }
        };
    }
    workload!("W1", already_complete(bench, &bench.kubectl));
    workload!("W2", rolling(bench, &bench.kubectl, "W2", 10));
    if let Some(helm) = &bench.helm {
        workload!("W1", already_complete(bench, helm));
        workload!("W2", rolling(bench, helm, "W2", 10));
    }
    workload!("W3", rolling(bench, &bench.kubectl, "W3", 200));
    workload!("W4", image_failing(bench));
    workload!("W5", many_workloads(bench));
    workload!("W8", many_groups(bench));
    workload!("W6", many_pods(bench));
    // What follows counts more than it times, so a machine that is not quite quiet does it no harm.
    workload!("W7", noisy(bench));
    workload!("W9", crate::faults::faults(bench));
    workload!("W10", crate::idle::idle(bench));
    Ok(sections)
}

/// Numbers of one contender, run by run.
#[derive(Default)]
struct Series {
    wall: Vec<f64>,
    cpu: Vec<f64>,
    resident: Vec<f64>,
    latency: Vec<f64>,
}

impl Series {
    fn add(&mut self, taken: &Taken) {
        self.wall.push(millis(taken.ended - taken.started));
        self.cpu.push(millis(taken.cpu));
    }

    fn weigh(&mut self, taken: &Taken) {
        #[expect(clippy::cast_precision_loss, reason = "kibibytes")]
        self.resident.push(taken.resident as f64 / 1024.0);
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub(crate) fn passed(contender: &Contender, taken: &Taken) -> Result<(), String> {
    if taken.code == Some(0) {
        return Ok(());
    }
    Err(format!("{} ended with {:?}: {}", contender.name, taken.code, taken.said))
}

/// Each in turn, so that what disturbs one disturbs the other.
fn pair<'a>(bench: &'a Bench, peer: &'a Contender) -> [&'a Contender; 2] {
    [&bench.ours, peer]
}

async fn already_complete(bench: &Bench, peer: &Contender) -> Result<Section, String> {
    let space = format!("w1-{}", peer.name);
    namespace(&bench.rig.client, &space).await?;
    let mut world = World::complete(&bench.rig.client, &space, "web", 10).await?;
    if peer.name == "helm" {
        adopted(peer, &mut world, &space, &bench.rig.direct()).await?;
        world.status(10, 10, &ago(600)).await?;
    }
    let targets = ["deploy/web".to_owned()];
    let mut section = Section::beside("W1", "a rollout of 10 pods that is already complete", peer);
    measure_complete(bench, peer, &space, &targets, &mut section, bench.plan.repeat, "≤ 25 ms")?;
    let slow = Proxy::start(Rig::port(), Duration::from_millis(100))?;
    let kubeconfig = bench.rig.kubeconfig(slow.port)?;
    let mut walls = [Vec::new(), Vec::new()];
    for _ in 0..bench.plan.repeat.min(10) {
        for (contender, walls) in pair(bench, peer).into_iter().zip(&mut walls) {
            let args = contender.waiting(&space, &targets, true);
            let taken = contender.run(&args, &kubeconfig, false)?;
            passed(contender, &taken)?;
            walls.push(millis(taken.ended - taken.started) / 100.0);
        }
    }
    let [ours, kubectl] = walls;
    section.row("the same where a round trip takes 100 ms, in round trips", "", ours, Some(kubectl), "≤ 4");
    let size = |contender: &Contender| std::fs::metadata(&contender.program).map_or(0, |file| file.len());
    #[expect(clippy::cast_precision_loss, reason = "bytes of a file")]
    let size = |contender: &Contender| vec![size(contender) as f64 / MIB];
    section.row("size of the program", "MiB", size(&bench.ours), Some(size(peer)), "≤ 10 MB");
    note_of(peer, &mut section);
    Ok(section)
}

/// Makes the Deployment Helm's own, so that what is measured changes nothing and waits.
async fn adopted(
    helm: &Contender,
    world: &mut World,
    space: &str,
    kubeconfig: &std::path::Path,
) -> Result<(), String> {
    passed(helm, &helm.run(&Contender::installing(space), kubeconfig, false)?)?;
    world.applied().await
}

/// What has to be known about a peer to read its numbers.
fn note_of(peer: &Contender, section: &mut Section) {
    if peer.name == "helm" {
        section.note(
            "`helm upgrade --install --wait` of a chart with this Deployment, which is Helm's already and does not \
change: rendering, applying and the release's own Secrets are in its numbers.",
        );
    }
}

/// Time, processor, memory, requests and bytes of a wait that passes at once.
fn measure_complete(
    bench: &Bench,
    peer: &Contender,
    namespace: &str,
    targets: &[String],
    section: &mut Section,
    repeat: usize,
    goal: &'static str,
) -> Result<(), String> {
    let mut series = [Series::default(), Series::default()];
    for round in 0..repeat {
        for (contender, series) in pair(bench, peer).into_iter().zip(&mut series) {
            let args = contender.waiting(namespace, targets, true);
            let taken = contender.run(&args, &bench.rig.direct(), false)?;
            passed(contender, &taken)?;
            series.add(&taken);
            if round < WEIGHED {
                series.weigh(&contender.run(&args, &bench.rig.direct(), true)?);
            }
        }
    }
    let [ours, kubectl] = series;
    section.row("wall time", "ms", ours.wall, Some(kubectl.wall), goal);
    section.row("processor time", "ms", ours.cpu, Some(kubectl.cpu), "");
    section.row("resident memory", "MiB", ours.resident, Some(kubectl.resident), "≤ 12 MB");
    costs(bench, peer, section, "requests", |contender, kubeconfig| {
        contender.run(&contender.waiting(namespace, targets, true), kubeconfig, false)
    })
}

/// One run of each through the counting proxy.
fn costs(
    bench: &Bench,
    peer: &Contender,
    section: &mut Section,
    what: &str,
    run: impl Fn(&Contender, &std::path::Path) -> Result<Taken, String>,
) -> Result<(), String> {
    let proxy = Proxy::start(Rig::port(), Duration::ZERO)?;
    let kubeconfig = bench.rig.kubeconfig(proxy.port)?;
    let (mut counts, mut bytes, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    for contender in pair(bench, peer) {
        let start = bench.rig.audit_end();
        proxy.take();
        run(contender, &kubeconfig)?;
        let requests = bench.rig.requests_since(start, contender.agent);
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        counts.push(vec![requests.len() as f64]);
        #[expect(clippy::cast_precision_loss, reason = "bytes")]
        bytes.push(vec![proxy.take() as f64 / 1024.0]);
        lists.push(format!("{}: {}", contender.name, requests.join(", ")));
    }
    let mut counts = counts.into_iter();
    let mut bytes = bytes.into_iter();
    section.row(what, "", counts.next().unwrap_or_default(), counts.next(), "≤ 4");
    section.row("bytes", "KiB", bytes.next().unwrap_or_default(), bytes.next(), "");
    section.note(format!("Requests of {}.", lists.join("; of ")));
    Ok(())
}

/// A rollout on a fixed timeline: a pod every so often, then the deciding write. The instant after it.
async fn roll(world: &World, pods: usize, pause: Duration) -> Result<Instant, String> {
    let set = world.replica_set().await?;
    for number in 0..pods {
        world.pod(&set, number, ready(&ago(0))).await?;
        if number + 1 < pods {
            world.status(number + 1, number, &ago(0)).await?;
        }
        tokio::time::sleep(pause).await;
    }
    world.status(pods, pods, &ago(0)).await?;
    Ok(Instant::now())
}

async fn rolling(bench: &Bench, peer: &Contender, id: &'static str, pods: usize) -> Result<Section, String> {
    let pause = Duration::from_millis(if pods > 50 { 10 } else { 100 });
    let mut section =
        Section::beside(id, format!("a rollout of {pods} pods, from before it begins to its end"), peer);
    let repeat = if pods > 50 { bench.plan.repeat.min(10) } else { bench.plan.repeat };
    let mut series = [Series::default(), Series::default()];
    for round in 0..WEIGHED + repeat {
        for (contender, series) in pair(bench, peer).into_iter().zip(&mut series) {
            let space = format!("{}-{round}-{}-{}", id.to_lowercase(), peer.name, contender.name);
            let weigh = round < WEIGHED;
            let taken = watched(bench, contender, &space, pods, pause, weigh, &bench.rig.direct()).await?;
            if weigh {
                series.weigh(&taken.0);
            } else {
                series.cpu.push(millis(taken.0.cpu));
                series.latency.push(millis(taken.0.ended.saturating_duration_since(taken.1)));
            }
        }
    }
    let [ours, kubectl] = series;
    section.row(
        "from the answer to the deciding write to the end of the process",
        "ms",
        ours.latency,
        Some(kubectl.latency),
        "≤ 3 ms, p95 ≤ 8 ms",
    );
    section.row("processor time", "ms", ours.cpu, Some(kubectl.cpu), "");
    section.row("resident memory", "MiB", ours.resident, Some(kubectl.resident), "≤ 12 MB");
    let (requests, bytes, lists) = rolling_costs(bench, peer, id, pods, pause).await?;
    let [ours, kubectl] = requests;
    section.row("requests", "", vec![ours], Some(vec![kubectl]), "≤ 4");
    let [ours, kubectl] = bytes;
    section.row("bytes", "KiB", vec![ours], Some(vec![kubectl]), "");
    section.note(lists);
    section.note("Settling is off (`--stable-for 0`): it waits on purpose.");
    note_of(peer, &mut section);
    Ok(section)
}

/// Requests, KiB and the list of the requests of one rollout each.
pub(crate) async fn rolling_costs(
    bench: &Bench,
    peer: &Contender,
    id: &str,
    pods: usize,
    pause: Duration,
) -> Result<([f64; 2], [f64; 2], String), String> {
    let proxy = Proxy::start(Rig::port(), Duration::ZERO)?;
    let kubeconfig = bench.rig.kubeconfig(proxy.port)?;
    let (mut requests, mut bytes, mut lists) = ([0.0; 2], [0.0; 2], Vec::new());
    for ((contender, count), size) in pair(bench, peer).into_iter().zip(&mut requests).zip(&mut bytes) {
        let start = bench.rig.audit_end();
        proxy.take();
        let space = format!("{}-cost-{}-{}", id.to_lowercase(), peer.name, contender.name);
        watched(bench, contender, &space, pods, pause, false, &kubeconfig).await?;
        let seen = bench.rig.requests_since(start, contender.agent);
        #[expect(clippy::cast_precision_loss, reason = "a count and bytes")]
        {
            *count = seen.len() as f64;
            *size = proxy.take() as f64 / 1024.0;
        }
        lists.push(format!("{}: {}", contender.name, seen.join(", ")));
    }
    Ok((requests, bytes, format!("Requests of {}.", lists.join("; of "))))
}

/// One rollout under one contender's eyes.
async fn watched(
    bench: &Bench,
    contender: &Contender,
    space: &str,
    pods: usize,
    pause: Duration,
    weigh: bool,
    kubeconfig: &std::path::Path,
) -> Result<(Taken, Instant), String> {
    namespace(&bench.rig.client, space).await?;
    let mut world = World::new(&bench.rig.client, space, "web", pods).await?;
    if contender.name == "helm" {
        adopted(contender, &mut world, space, &bench.rig.direct()).await?;
    }
    watched_in(contender, &world, space, pods, pause, weigh, kubeconfig).await
}

async fn watched_in(
    contender: &Contender,
    world: &World,
    space: &str,
    pods: usize,
    pause: Duration,
    weigh: bool,
    kubeconfig: &std::path::Path,
) -> Result<(Taken, Instant), String> {
    let args = contender.waiting(space, &["deploy/web".to_owned()], false);
    let running = contender.start(&args, kubeconfig, weigh)?;
    let ended = tokio::task::spawn_blocking(move || running.end());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let decided = roll(world, pods, pause).await?;
    let taken = ended.await.map_err(|error| error.to_string())??;
    passed(contender, &taken)?;
    Ok((taken, decided))
}

async fn image_failing(bench: &Bench) -> Result<Section, String> {
    let mut section = Section::new(
        "W4",
        "an image that cannot be found: from the deciding status to the end of the process",
    );
    let mut runs = JoinSet::new();
    for round in 0..5 {
        let space = format!("w4-{round}");
        namespace(&bench.rig.client, &space).await?;
        let world = World::new(&bench.rig.client, &space, "web", 1).await?;
        let args = bench.ours.waiting(&space, &["deploy/web".to_owned()], true);
        let (ours, kubeconfig) = (bench.ours.clone(), bench.rig.direct());
        // A tenth of a second apart, so that no two end at once.
        tokio::time::sleep(Duration::from_millis(700)).await;
        runs.spawn(async move {
            let running = ours.start(&args, &kubeconfig, false)?;
            let ended = tokio::task::spawn_blocking(move || running.end());
            let set = world.replica_set().await?;
            world.status(1, 0, &ago(0)).await?;
            world.pod(&set, 0, pull_failing(false)).await?;
            // Kubelet's tries: at once, after about 16 seconds, after about 41.
            let mut decided = Instant::now();
            for wait in [15, 25] {
                tokio::time::sleep(Duration::from_secs(1)).await;
                world.pod_status(0, pull_failing(true)).await?;
                tokio::time::sleep(Duration::from_secs(wait)).await;
                world.pod_status(0, pull_failing(false)).await?;
                decided = Instant::now();
            }
            let taken = ended.await.map_err(|error| error.to_string())??;
            if taken.code != Some(1) || !taken.said.contains("image-not-found") {
                return Err(format!("ended with {:?}: {}", taken.code, taken.said));
            }
            Ok(millis(taken.ended.saturating_duration_since(decided)))
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = runs.join_next().await {
        latencies.push(done.map_err(|error| error.to_string())??);
    }
    section.row("from the try that decides to the end of the process", "ms", latencies, None, "≤ 300 ms");
    section.note("kubectl does not fail here before its time is up, so there is nothing to compare.");
    Ok(section)
}

async fn many_workloads(bench: &Bench) -> Result<Section, String> {
    let mut section =
        Section::new("W5", "100 and 1,000 workloads of 10 pods each, already complete, in one command");
    for count in [100, 1000] {
        let space = format!("w5-{count}");
        namespace(&bench.rig.client, &space).await?;
        let mut targets = Vec::new();
        for number in 0..count {
            World::complete(&bench.rig.client, &space, &format!("web-{number}"), 10).await?;
            targets.push(format!("deploy/web-{number}"));
        }
        let goal = if count == 1000 { "memory ≤ 40 MB" } else { "" };
        let mut ours = Series::default();
        for _ in 0..5 {
            let taken =
                bench.ours.run(&bench.ours.waiting(&space, &targets, true), &bench.rig.direct(), true)?;
            passed(&bench.ours, &taken)?;
            ours.add(&taken);
            ours.weigh(&taken);
        }
        // kubectl takes several targets too, one after another.
        let taken =
            bench.kubectl.run(&bench.kubectl.waiting(&space, &targets, true), &bench.rig.direct(), true)?;
        let mut kubectl = Series::default();
        kubectl.add(&taken);
        kubectl.weigh(&taken);
        section.row(format!("{count} workloads: wall time"), "ms", ours.wall, Some(kubectl.wall), "");
        section.row(format!("{count} workloads: processor time"), "ms", ours.cpu, Some(kubectl.cpu), "");
        section.row(
            format!("{count} workloads: resident memory"),
            "MiB",
            ours.resident,
            Some(kubectl.resident),
            goal,
        );
    }
    Ok(section)
}

async fn many_pods(bench: &Bench) -> Result<Section, String> {
    let sizes: &[usize] = if bench.plan.full { &[10_000, 100_000] } else { &[10_000] };
    let mut section = Section::new("W6", "one workload of very many pods, already complete");
    for pods in sizes {
        let space = format!("w6-{pods}");
        namespace(&bench.rig.client, &space).await?;
        World::complete(&bench.rig.client, &space, "web", *pods).await?;
        let targets = ["deploy/web".to_owned()];
        let mut series = Series::default();
        for _ in 0..5 {
            let taken =
                bench.ours.run(&bench.ours.waiting(&space, &targets, true), &bench.rig.direct(), true)?;
            passed(&bench.ours, &taken)?;
            series.add(&taken);
            series.weigh(&taken);
        }
        section.row(format!("{pods} pods: wall time"), "ms", series.wall, None, "");
        let goal = if *pods == 10_000 { "≤ 400 ms" } else { "" };
        section.row(format!("{pods} pods: processor time"), "ms", series.cpu, None, goal);
        let goal = if *pods == 100_000 { "≤ 120 MB" } else { "" };
        section.row(format!("{pods} pods: resident memory"), "MiB", series.resident, None, goal);
    }
    section.note("kubectl does not read pods.");
    Ok(section)
}

async fn noisy(bench: &Bench) -> Result<Section, String> {
    let (pods, events) = if bench.plan.full { (50_000, 100_000) } else { (5_000, 10_000) };
    let mut section = Section::new(
        "W7",
        format!(
            "W2 beside {pods} pods and {events} events of others in its namespace, and 500 new events a second"
        ),
    );
    let pause = Duration::from_millis(100);
    let proxy = Proxy::start(Rig::port(), Duration::ZERO)?;
    let kubeconfig = bench.rig.kubeconfig(proxy.port)?;
    let mut sizes = Vec::new();
    let mut cpu = Vec::new();
    for noise_too in [false, true] {
        let space = format!("w7-{noise_too}");
        namespace(&bench.rig.client, &space).await?;
        if noise_too {
            noise(&bench.rig.client, &space, pods, events).await?;
        }
        let world = World::new(&bench.rig.client, &space, "web", 10).await?;
        let chatter = noise_too.then(|| tokio::spawn(chatter(bench.rig.client.clone(), space.clone(), 500)));
        proxy.take();
        let (taken, _) = watched_in(&bench.ours, &world, &space, 10, pause, false, &kubeconfig).await?;
        if let Some(chatter) = chatter {
            chatter.abort();
        }
        #[expect(clippy::cast_precision_loss, reason = "bytes")]
        sizes.push(proxy.take() as f64 / 1024.0);
        cpu.push(millis(taken.cpu));
    }
    let ratio = |values: &[f64]| match values {
        [quiet, noisy] => (noisy / quiet - 1.0) * 100.0,
        _ => f64::NAN,
    };
    section.row("bytes more than without them", "%", vec![ratio(&sizes)], None, "≤ 2 %");
    section.row("bytes", "KiB", sizes.last().copied().into_iter().collect(), None, "");
    section.row("processor time", "ms", cpu.last().copied().into_iter().collect(), None, "");
    Ok(section)
}

async fn many_groups(bench: &Bench) -> Result<Section, String> {
    groups(&bench.rig.client, 200).await?;
    let mut section = Section::new("W8", "W1 in a cluster with 200 groups of custom resources");
    namespace(&bench.rig.client, "w8").await?;
    World::complete(&bench.rig.client, "w8", "web", 10).await?;
    measure_complete(
        bench,
        &bench.kubectl,
        "w8",
        &["deploy/web".to_owned()],
        &mut section,
        bench.plan.repeat.min(10),
        "",
    )?;
    Ok(section)
}
