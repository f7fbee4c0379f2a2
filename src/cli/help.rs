//! The prose of `--help`: headings, examples, exit codes.

use std::fmt::Write as _;

use super::variables;
use crate::exit_code::ExitCode;

/// Headings of flags.
pub(super) const CLUSTER: &str = "Cluster";
pub(super) const TARGETS: &str = "Targets";
pub(super) const JUDGEMENT: &str = "Judgement";
pub(super) const DIAGNOSIS: &str = "Diagnosis";
pub(super) const REPORTS: &str = "Reports";
pub(super) const CI: &str = "CI systems";
pub(super) const DISPLAY: &str = "Display";

pub(super) const AFTER_SHORT: &str = "\
Examples:
  rollout-guard wait deploy/web -n shop --timeout 5m --junit report.xml
  rollout-guard diagnose deploy/web
  rollout-guard explain image-not-found

'--help' adds exit codes and variables; 'help COMMAND' describes a command.";

pub(super) const WAIT: &str = "\
Examples:
  kubectl apply -f k8s/ -o json | rollout-guard wait -f -
  rollout-guard wait deploy/web deploy/api -n shop --timeout 5m --junit report.xml
  rollout-guard wait deployment web api --fail-fast
  rollout-guard wait deploy/web --junit report.xml -- kubectl apply -f web.yaml
  rollout-guard wait deploy/web sts/db ds/agent -n shop
  rollout-guard wait -l app=shop --min-available 95%";

pub(super) const WAIT_LONG: &str = "\
Examples:
  Apply, then wait for the rollout:
    kubectl apply -f web.yaml && rollout-guard wait deploy/web

  Two Deployments within five minutes together, with a report for the CI system:
    rollout-guard wait deploy/web deploy/api -n shop --timeout 5m --junit report.xml

  Every rollout of what was just applied, and only that:
    kubectl apply -f k8s/ -o json | rollout-guard wait -f -
    helm template shop ./chart | rollout-guard wait -f - -n shop

  Everything with a label; everything there is:
    rollout-guard wait -l app=shop -n shop
    rollout-guard wait deploy,sts --all -A --fail-fast

  Workloads of several kinds:
    rollout-guard wait deploy/web sts/db ds/agent -n shop

  Apply under the gate, so that what the API server refuses is in the report too:
    rollout-guard wait deploy/web --junit report.xml -- kubectl apply -f web.yaml

  Only the verdict, as data:
    rollout-guard wait deploy/web -o json --progress none

  Keep what was seen, to look at it again without the cluster:
    rollout-guard wait deploy/web --record web.jsonl; rollout-guard replay web.jsonl

Durations are written as Go and kubectl write them: 90s, 5m, 1h30m, 1.5s, 300ms.
Exit codes: see 'rollout-guard --help'.";

pub(super) const DIAGNOSE: &str = "\
Examples:
  rollout-guard diagnose deploy/web -n shop
  rollout-guard diagnose deployment web api -o json";

pub(super) const REPLAY: &str = "\
Examples:
  rollout-guard replay --list
  rollout-guard replay --demo image-not-found
  rollout-guard replay web.jsonl --junit report.xml";

pub(super) const EXPLAIN: &str = "\
Examples:
  rollout-guard explain
  rollout-guard explain image-not-found";

pub(super) const RBAC: &str = "\
Examples:
  rollout-guard rbac -n shop | kubectl apply -f -
  rollout-guard rbac --for deploy/web sts/db -n shop --with logs,events,config,nodes
  rollout-guard rbac --for deploy/web -n shop --with none";

pub(super) const COMPLETIONS: &str = "\
Examples:
  source <(rollout-guard completions bash)
  rollout-guard completions zsh > ~/.zfunc/_rollout-guard
  rollout-guard completions fish > ~/.config/fish/completions/rollout-guard.fish";

pub(super) const MAN: &str = "\
Examples:
  rollout-guard man > /usr/local/share/man/man1/rollout-guard.1";

/// What follows the flags in the long help of the program.
pub(super) fn after_long() -> String {
    let mut codes = String::new();
    for (_, number, name, sentence) in ExitCode::ALL {
        let _ = writeln!(codes, "  {number:>3}  {name:<18}  {sentence}");
    }
    let example = variables::name_of("stable-for");
    format!(
        "\
Examples:
  Apply, then wait for the rollout:
    kubectl apply -f web.yaml && rollout-guard wait deploy/web

  Two Deployments within five minutes together, with a report for the CI system:
    rollout-guard wait deploy/web deploy/api -n shop --timeout 5m --junit report.xml

  What is wrong right now?
    rollout-guard diagnose deploy/web

  What does a cause mean, and what does a failed rollout look like?
    rollout-guard explain image-not-found
    rollout-guard replay --demo image-not-found

Exit codes:
{codes}  Of several targets the worst decides: 1, then 4, 3, 6, 0.

Variables:
  Every flag has one: --stable-for is {example}. The flag wins over the variable.
  A flag without value is set by true; one that may be repeated takes a value a line.
  KUBECONFIG works as it does for kubectl. NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE
  decide about colour where --color does not."
    )
}
