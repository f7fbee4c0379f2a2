//! The page `docs/reliability.md`.

use crate::stage::Run;
use crate::{Fault, Outcome};

/// Faults in which kubectl was given no timeout, to see whether it ends by itself.
pub(crate) const UNLIMITED: [&str; 2] = ["f13_rejected_for_good", "f15_list_and_watch_forbidden"];

/// Whether the page that is committed has a row of it.
pub(crate) fn is_on_the_page(fault: &Fault) -> bool {
    include_str!("../../docs/reliability.md").contains(&format!(" | {} | ", fault.what))
}

const HEAD: &str = "\
# Reliability

What becomes of a rollout gate when the way to the API server, the server, the credentials or the machine fail. Each
row is a test of `tests/faults` that runs the built binary; kubectl and Helm ran against the same scripted servers
on the same machine. Regenerated, numbers and all, by:

```sh
cargo test --release --test faults -- --table docs/reliability.md \\
  --kubectl \"$(command -v kubectl)\" --helm \"$(command -v helm)\"
```

Exit codes of ours: 0 complete, 1 failed, 2 nothing to judge, 3 timed out, 4 could not be judged, 6 superseded.
`kubectl rollout status` and `helm install --wait` have 0 for complete and 1 for everything else; a run that did not
end 15 s after its own timeout was killed. The servers speak plain HTTP, over which kubectl and Helm send no credentials:
rows that need them compare nothing (–), and neither do those about our own process. Over TLS kubectl asks for a user and is
not compared. kubectl was given a timeout, but
for the two rows of 401 and 403 to the end; without one, its default, every row that says `timed out waiting` is one where it
waits for ever. Helm applied a chart
with the same Deployment before anything misbehaved. **Bold** is wrong: a pass that is none, a failure that is none,
or no end.

Where we take longer than they, it is on purpose. A pass rests on pods that have stayed ready for a second
(`--stable-for 1s` here) and on a last look at them; kubectl and Helm pass on the counters of the Deployment alone, and
with them an application that dies after its start. A refusal of what was allowed before is believed after ten seconds, and
so is an object that is gone: an API server that starts and `kubectl replace --force` look the same for that long. A server
that does not speak TLS, or answers what is no Kubernetes, is tried until the deadline, as one that starts: they give up at once.

Beside these rows two suites play without a script: `cargo test --test outages -- --all` stops, kills and starves a real API
server and etcd, and `cargo test --test history -- --minutes 30` plays random faults on one and compares every verdict with what
was really so. Its last run of 30 minutes (2026-12-01, Kubernetes 1.36.3): 115 games, nothing found.

| fault | what happens | rollout-guard | kubectl rollout status | helm install --wait |
| --- | --- | --- | --- | --- |
";

pub(crate) fn markdown(outcomes: &[Outcome]) -> String {
    let mut page = HEAD.to_owned();
    for outcome in outcomes {
        let (number, _) = outcome.name.split_once('_').unwrap_or((outcome.name, ""));
        let ours = match &outcome.ours {
            Ok(text) => text.clone(),
            Err(_) => "**the test failed**".to_owned(),
        };
        let peer = |run: &Option<Run>| match (run, outcome.right) {
            (Some(run), Some(right)) => theirs(outcome.name, run, right),
            _ => "–".to_owned(),
        };
        let (kubectl, helm) = (peer(&outcome.kubectl), peer(&outcome.helm));
        let row = [number.to_uppercase().as_str(), outcome.what, &ours, &kubectl, &helm].join(" | ");
        page.extend(["| ", &row, " |\n"]);
    }
    page
}

/// Here the Deployment's counters are complete and the pods cannot be seen: who never looks at them has nothing to miss.
const UNSEEN: [&str; 2] = ["f12_server_stuck", "f15_pods_not_readable"];

fn theirs(name: &str, run: &Run, right: i32) -> String {
    let took = run.took.as_secs_f64();
    match run.code {
        None => "**no end**: killed".to_owned(),
        Some(0) if right == 0 => format!("exit 0 after {took:.1} s"),
        Some(0) if UNSEEN.contains(&name) => format!("exit 0 after {took:.1} s, without a look at the pods"),
        Some(0) => format!("**false pass** after {took:.1} s"),
        Some(code) if right == 0 => {
            format!("**false failure**, exit {code} after {took:.1} s: {}", word(run))
        }
        Some(code) => format!("exit {code} after {took:.1} s: {}", word(run)),
    }
}

/// Its error, or the last line of what it said.
fn word(run: &Run) -> String {
    let mut lines = run.stderr.lines().rev();
    let error = lines.clone().find(|line| line.starts_with("Error: "));
    let last = error.or_else(|| lines.find(|line| !line.trim().is_empty())).unwrap_or("nothing said");
    let text: String = last.chars().filter(|c| !c.is_control()).take(90).collect();
    text.replace('|', "\\|").replace("127.0.0.1", "host")
}
