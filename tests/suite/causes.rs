//! `docs/causes.md`: which case of the end-to-end suite shows which cause.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::harness::{cases, root};

/// Codes of the catalogue, in its order.
fn catalogue() -> Vec<String> {
    let text = fs::read_to_string(root().join("src/diagnose/cause.rs")).expect("a checkout");
    let code = |line: &str| Some(line.trim().split_once(" = \"")?.1.split_once("\", ")?.0.to_owned());
    text.lines().filter_map(code).collect()
}

/// The cells of each row.
fn rows() -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("docs/causes.md")).expect("a checkout");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, code, shown, _] = cells.as_slice() else { return None };
        Some((code.strip_prefix('`')?.strip_suffix('`')?.to_owned(), (*shown).to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// The text of the suite that runs on a cluster.
fn suite(folder: &Path) -> String {
    let files = fs::read_dir(folder).expect("a checkout").flatten().map(|entry| entry.path());
    files.filter_map(|path| fs::read_to_string(path).ok()).collect()
}

#[test]
fn every_cause_has_its_row_with_a_case_that_shows_it_or_a_sentence_why_not() {
    let rows = rows();
    let codes: Vec<String> = rows.iter().map(|(code, _)| code.clone()).collect();
    assert_eq!(codes, catalogue(), "docs/causes.md has the codes of the catalogue in its order");
    let suite = suite(&root().join("tests/e2e"));
    let recorded = cases();
    let mut wrong = Vec::new();
    for (code, shown) in rows {
        if shown.starts_with("No case: ") {
            continue;
        }
        let names: BTreeSet<&str> = shown.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            wrong.push(format!("{code}: neither a case nor a sentence"));
        }
        for name in names {
            let Some((family, case)) = name.split_once("::") else {
                wrong.push(format!("{code}: {name} is no case"));
                continue;
            };
            if !(suite.contains(&format!("\"{family}\"")) && suite.contains(&format!("\"{case}\""))) {
                wrong.push(format!("{code}: {name} does not exist"));
            }
            let file = recorded.iter().find(|recorded| recorded.name == format!("{family}/{case}"));
            let expect = file.map(|file| &file.file.expect);
            if !expect.is_some_and(|expect| expect.reason == code || expect.codes.first() == Some(&code)) {
                wrong.push(format!("{code}: the recording of {name} does not show it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_variant_has_a_recording_that_says_that_it_is_written_by_hand() {
    let text = fs::read_to_string(root().join("docs/causes.md")).expect("a checkout");
    let recorded = cases();
    let mut names = Vec::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, _, _, name, why, _] = cells.as_slice() else { continue };
        let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) else { continue };
        let case = recorded.iter().find(|case| case.name == name);
        assert!(case.is_some_and(|case| case.file.why.starts_with("By hand")), "{name}");
        assert!(!why.is_empty(), "{name}: why it is written by hand");
        names.push(name);
    }
    for case in recorded.iter().filter(|case| case.file.why.starts_with("By hand")) {
        assert!(names.contains(&case.name.as_str()), "{} is in no row of docs/causes.md", case.name);
    }
}
