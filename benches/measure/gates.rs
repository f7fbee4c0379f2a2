//! What must not grow, and is no time: requests, bytes, memory, instructions. For CI.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::scenarios::rolling_costs;
use crate::world::{World, namespace};
use crate::{Bench, say};

/// Each number with its ceiling; an error names those above.
pub(crate) async fn check(bench: &Bench) -> Result<(), String> {
    let mut gates = Vec::new();
    let (requests, bytes, list) =
        rolling_costs(bench, &bench.kubectl, "gate", 10, Duration::from_millis(50)).await?;
    say(&list);
    gates.push(("requests of a rollout of 10 pods", requests[0], 4.0));
    gates.push(("KiB of a rollout of 10 pods", bytes[0], 150.0));

    let (own, others) = crate::idle::calls(bench).await?;
    #[expect(clippy::cast_precision_loss, reason = "counts")]
    let (own, others) = (own as f64, others as f64);
    // A list and a watch at the start, a list a minute. A kind that is not read anew is watched anew instead, once in
    // these 100 s and ever less often: nothing is written of it, so the API server sends no bookmarks.
    gates.push(("requests for the target in 100 quiet seconds", own, 3.0));
    gates.push(("requests for anything else in 100 quiet seconds, beyond the start", others, 2.0));

    namespace(&bench.rig.client, "gate-many").await?;
    World::complete(&bench.rig.client, "gate-many", "web", 1000).await?;
    let targets = ["deploy/web".to_owned()];
    let mut resident = Vec::new();
    for _ in 0..3 {
        let taken =
            bench.ours.run(&bench.ours.waiting("gate-many", &targets, true), &bench.rig.direct(), true)?;
        if taken.code != Some(0) {
            return Err(format!("ended with {:?}: {}", taken.code, taken.said));
        }
        #[expect(clippy::cast_precision_loss, reason = "kibibytes")]
        resident.push(taken.resident as f64 / 1024.0);
    }
    gates.push(("MiB resident with 1,000 pods", crate::stats::Sample(resident).median(), 20.0));
    #[expect(clippy::cast_precision_loss, reason = "bytes of a file")]
    let size =
        std::fs::metadata(&bench.ours.program).map_or(f64::NAN, |file| file.len() as f64 / 1_048_576.0);
    gates.push(("MiB of the program", size, 10.0));
    if let Some(instructions) = instructions(&bench.ours.program)? {
        gates.push(("million instructions to replay a recording", instructions, 35.0));
    } else {
        say("skipped: instructions, because valgrind is not installed");
    }

    let mut above = Vec::new();
    for (what, value, ceiling) in &gates {
        say(&format!("{what}: {value:.1} (at most {ceiling})"));
        if value > ceiling || value.is_nan() {
            above.push(format!("{what}: {value:.1}, at most {ceiling}"));
        }
    }
    say(&format!("{} passed, {} failed", gates.len() - above.len(), above.len()));
    if above.is_empty() { Ok(()) } else { Err(above.join("; ")) }
}

/// Millions of instructions that a replay takes, from reading the recording to the report.
fn instructions(program: &Path) -> Result<Option<f64>, String> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(None);
    }
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["replay", "--demo", "healthy"])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("the replay ended with {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let counted = text.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<f64>().ok());
    counted.map(|count| Some(count / 1e6)).ok_or_else(|| format!("valgrind said no number: {text}"))
}
