//! What a run of the suite says as tables: our verdicts beside kubectl's, and every code of a cause.

use std::collections::BTreeMap;
use std::process::Command;

use crate::run::{Finished, Outcome};

pub(crate) fn print_table(outcomes: &[Outcome]) {
    println!("\n| case | ours: seconds | exit | cause | kubectl: seconds | exit |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for outcome in outcomes.iter().filter(|outcome| outcome.skipped.is_none()) {
        let (seconds, exit) = columns(outcome.ours.as_ref());
        let (kubectl_seconds, kubectl_exit) = columns(outcome.kubectl.as_ref());
        let cause = outcome.ours.as_ref().map_or("", |ours| ours.cause.as_str());
        let wrong = if outcome.problems.is_empty() { "" } else { " (not as expected)" };
        println!(
            "| {}{wrong} | {seconds} | {exit} | {cause} | {kubectl_seconds} | {kubectl_exit} |",
            outcome.case.id()
        );
    }
}

fn columns(finished: Option<&Finished>) -> (String, String) {
    let Some(finished) = finished else { return Default::default() };
    let exit = finished.exit_code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
    (format!("{:.1}", finished.seconds), exit)
}

/// One line for each code that stood first in a report, with the quickest case that brought it out, and the codes that
/// none did.
pub(crate) fn print_codes(outcomes: &[Outcome]) {
    let mut named: BTreeMap<&str, (&Outcome, &Finished)> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|outcome| outcome.problems.is_empty()) {
        let Some(ours) = &outcome.ours else { continue };
        let best = named.entry(&ours.cause).or_insert((outcome, ours));
        if ours.seconds < best.1.seconds {
            *best = (outcome, ours);
        }
    }
    let codes = every_code();
    println!("\n| code | case | seconds | first line |\n| --- | --- | --- | --- |");
    for code in &codes {
        let Some((outcome, ours)) = named.get(code.as_str()) else { continue };
        let first = outcome.transcript.lines().nth(1).unwrap_or_default().replace('|', "\\|");
        println!("| {code} | {} | {:.0} | {first} |", outcome.case.id(), ours.seconds);
    }
    let (with, without): (Vec<&String>, Vec<&String>) =
        codes.iter().partition(|code| named.contains_key(code.as_str()));
    println!("\n{} of {} codes; not first in any case: {without:?}", with.len(), codes.len());
    let well = outcomes.iter().filter(|outcome| {
        outcome.ours.as_ref().is_some_and(|ours| ours.exit_code == Some(0)) && outcome.problems.is_empty()
    });
    println!("{} cases ended with exit code 0, as expected", well.count());
}

/// As `rollout-guard explain` lists them.
fn every_code() -> Vec<String> {
    let listed = Command::new(env!("CARGO_BIN_EXE_rollout-guard")).arg("explain").output();
    let text = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let entries =
        text.lines().filter_map(|line| line.strip_prefix("  ")).filter(|rest| !rest.starts_with(' '));
    entries.filter_map(|entry| entry.split_whitespace().next()).map(str::to_owned).collect()
}
