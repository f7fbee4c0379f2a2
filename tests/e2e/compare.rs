//! Our verdict beside kubectl's on the same objects, as a table.

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
