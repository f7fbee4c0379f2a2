//! An upgrade of the control plane: two API servers behind one address, one after the other.

use std::time::Duration;

use tokio::time::Instant;

use crate::Stage;
use crate::curl::Curl;
use crate::guard::Guard;
use crate::plane::{Process, ready, status_of, until};
use crate::rollout::Rollout;
use crate::server::{UNDER_WAY, with_namespace};
use crate::wire::Wire;

/// `OpenShift` runs API servers so, with 15 s: for that long a server that was told to end serves on and says that it is
/// not ready; then new requests are answered 429 with `Retry-After: 5` and `Connection: close`, until those under way
/// have ended.
const DRAIN: [&str; 2] = ["--shutdown-delay-duration=3s", "--shutdown-send-retry-after=true"];
/// Watches are ended as well, before the server is: their clients come back to it and are answered 429.
const WATCHES_END: &str = "--shutdown-watch-termination-grace-period=10s";
/// From the moment at which the other server could be reached to the end of a run; `Retry-After` is 5 s of it, the
/// rest is for a machine under load.
const SOON: Duration = Duration::from_secs(20);
/// Of a run within half a minute; about twenty were seen, six without a fault.
const MOST_CALLS: usize = 40;

/// The first is rolled behind a balancer that looks whether it is ready; one rollout completes meanwhile. The second
/// behind one that goes on leading to it: one rollout completes and one fails while nothing but 429 is to be had.
pub(crate) async fn rolled(stage: &Stage) -> Result<String, String> {
    let rig = &stage.rig;
    let (mut one, at_one) = Process::beside(rig, 1, rig.etcd_port, &DRAIN).await?;
    let (two, at_two) = Process::beside(rig, 2, rig.etcd_port, &[DRAIN[0], DRAIN[1], WATCHES_END]).await?;
    ready(&at_one).await?;
    ready(&at_two).await?;
    let way = Wire::to(one.port()?).await?;
    let run = async |name: &str| -> Result<(Rollout, Guard), String> {
        let rollout = Rollout::complete_once(rig, name).await?;
        rollout.update().await?;
        let kubeconfig = rig.kubeconfig(name, way.port, false)?;
        let arguments = with_namespace(name, &["-v"]);
        let guard = Guard::start(&stage.folder, name, &kubeconfig, 120, &arguments)?;
        guard.has_said(UNDER_WAY).await?;
        Ok((rollout, guard))
    };
    let (early, early_run) = run("rolled-early").await?;
    let (heals, well) = run("rolled-well").await?;
    let (breaks, broken) = run("rolled-broken").await?;

    one.signal("-TERM")?;
    until("it is not ready", async || status_of(&at_one, "/readyz").await != 200).await?;
    way.lead_new_to(two.port()?);
    let early_at = Instant::now();
    early.complete().await?;
    let (early, ended) = tokio::join!(early_run.end(), one.ended());
    let early = early?;
    ended?;
    one.start(rig).await?;
    ready(&at_one).await?;

    let upload = Curl::new(rig, &stage.folder)?.upload(two.port()?, "default").await?;
    two.signal("-TERM")?;
    for guard in [&well, &broken] {
        guard.has_said("429 Too Many Requests").await?;
    }
    heals.complete().await?;
    breaks.break_image().await?;
    way.lead_new_to(one.port()?);
    let there_at = Instant::now();
    drop(upload);
    let (well, broken) = tokio::join!(well.end(), broken.end());
    let (well, broken) = (well?, broken?);

    early.must(0, "complete")?;
    well.must(0, "complete")?;
    broken.must(1, "image-name-invalid")?;
    for (ran, since) in [(&early, early_at), (&well, there_at), (&broken, there_at)] {
        if ran.after(since) > SOON || ran.dark() > SOON {
            return Err(ran.wrong(&format!("an end, and a connection, within {SOON:?}")));
        }
        if ran.calls("") > MOST_CALLS {
            return Err(ran.wrong(&format!("{MOST_CALLS} calls at most, not {}", ran.calls(""))));
        }
    }
    if !early.dark().is_zero() {
        return Err(early.wrong("no word of a lost connection where there always was one"));
    }
    Ok(format!(
        "exit 0 after {:.1} s behind a good balancer; 0 after {:.1} s and 1 after {:.1} s behind a late one, without a \
         connection for {} s and {} s; {}, {} and {} calls, {} connections",
        early.after(early_at).as_secs_f64(),
        well.after(there_at).as_secs_f64(),
        broken.after(there_at).as_secs_f64(),
        well.dark().as_secs(),
        broken.dark().as_secs(),
        early.calls(""),
        well.calls(""),
        broken.calls(""),
        way.accepted()
    ))
}
