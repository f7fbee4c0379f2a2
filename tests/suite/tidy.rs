//! What the repository promises of itself, checked as tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::harness::{cases, files, root, run};

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sources() -> Vec<(String, String)> {
    files(&root().join("src"), "rs")
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root().join("src")).expect("below src").display().to_string();
            let text = text(&path);
            (name, text)
        })
        .collect()
}

/// The part of a file that is compiled into the program.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    let folders = ["src", "tests/suite", "tests/e2e"];
    let long: Vec<String> = folders
        .iter()
        .map(|folder| root().join(folder))
        .filter(|folder| folder.exists())
        .flat_map(|folder| files(&folder, "rs"))
        .filter_map(|path| {
            let lines = text(&path).lines().count();
            (lines > 500).then(|| format!("{} has {lines}", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Which modules a module may name. Data flows one way: facts, judgement, report, bytes.
const LAYERS: &[(&str, &[&str])] = &[
    ("untrusted", &[]),
    ("duration", &[]),
    ("policy", &["duration", "model"]),
    ("undo", &["model"]),
    ("manifest", &["cli", "error", "model", "observation"]),
    ("exit_code", &[]),
    ("observation", &["model"]),
    ("model", &["observation"]),
    ("status", &["model"]),
    ("diagnose", &["model", "observation", "policy", "status"]),
    ("ledger", &["diagnose", "model"]),
    ("settle", &["model", "observation", "policy"]),
    ("verdict", &["diagnose", "ledger", "model", "observation", "policy", "report", "settle"]),
    ("history", &["ledger", "model", "report"]),
    (
        "guard",
        &[
            "diagnose",
            "history",
            "ledger",
            "model",
            "observation",
            "policy",
            "report",
            "settle",
            "status",
            "verdict",
        ],
    ),
    ("session", &["exit_code", "guard", "model", "observation", "policy", "progress", "report", "verdict"]),
    ("progress", &["observation", "report"]),
    (
        "report",
        &["diagnose", "duration", "guard", "ledger", "model", "observation", "session", "settle", "verdict"],
    ),
    ("render", &["rbac", "report", "untrusted"]),
    ("recording", &["model", "observation", "policy", "untrusted"]),
    ("source", &["model", "observation", "policy", "recording", "untrusted"]),
    ("signals", &["exit_code", "observation"]),
    ("gate", &["observation", "progress", "recording", "session", "signals", "source"]),
];

#[test]
fn modules_name_only_what_lies_before_them() {
    let layers: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let module = name.split(['/', '.']).next().unwrap_or_default();
        let Some(allowed) = layers.get(module) else { continue };
        for (number, line) in without_tests(&text).lines().enumerate() {
            let line = line.split("//").next().unwrap_or_default();
            for part in line.split("crate::").skip(1) {
                let named: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !named.is_empty()
                    && named != module
                    && named != "testing"
                    && named != "planted"
                    && !allowed.contains(&named.as_str())
                {
                    wrong.push(format!("src/{name}:{}: {module} names {named}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn between_observation_and_report_there_is_no_clock_no_network_and_no_environment() {
    let pure = [
        "observation",
        "model",
        "status",
        "diagnose",
        "ledger",
        "settle",
        "verdict",
        "history",
        "guard",
        "session",
        "report",
        "render",
        "untrusted",
    ];
    let forbidden =
        ["tokio::", "kube::", "std::fs", "std::env", "std::net", "Instant", "SystemTime", "Timestamp::now"];
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let module = name.split(['/', '.']).next().unwrap_or_default();
        if !pure.contains(&module) {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for word in forbidden {
                if code.contains(word) {
                    wrong.push(format!("src/{name}:{}: {word}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Code and variant of every cause, from the catalogue.
fn catalogue() -> Vec<(String, String)> {
    let text = text(&root().join("src/diagnose/cause.rs"));
    let codes: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| {
            let (variant, rest) = line.trim().split_once(" = \"")?;
            let (code, _) = rest.split_once("\", ")?;
            Some((code.to_owned(), variant.to_owned()))
        })
        .collect();
    assert!(codes.len() > 30, "the catalogue is read");
    codes
}

#[test]
fn every_cause_has_a_rule_an_explanation_a_case_and_a_near_miss() {
    let rules: String = sources()
        .into_iter()
        .filter(|(name, _)| !["diagnose/cause.rs", "diagnose/root.rs", "ledger.rs"].contains(&name.as_str()))
        .map(|(_, text)| without_tests(&text).to_owned())
        .collect();
    let explained: String = files(&root().join("src/diagnose"), "md").iter().map(|path| text(path)).collect();
    let sections: BTreeSet<&str> = explained.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let unit_tests: String = sources().into_iter().map(|(_, text)| text).collect();
    let cases = cases();
    let mut missing = Vec::new();
    for (code, variant) in catalogue() {
        let named =
            rules.contains(&format!("CauseCode::{variant}")) || rules.contains(&format!("C::{variant}"));
        if !named {
            missing.push(format!("{code}: no rule"));
        }
        if !sections.contains(code.as_str()) {
            missing.push(format!("{code}: no section in src/diagnose/*.md"));
        }
        let recorded = cases
            .iter()
            .any(|case| case.file.expect.codes.contains(&code) || case.file.expect.reason == code);
        let tested = unit_tests.matches(&format!("CauseCode::{variant}")).count() > 1
            || unit_tests.contains(&format!("\"{code}\""));
        if !recorded && !tested {
            missing.push(format!("{code}: neither a recorded case nor a unit test"));
        }
        if !cases.iter().any(|case| case.file.expect.not_codes.contains(&code)) {
            missing.push(format!("{code}: no near-miss names it in not_codes"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn no_explanation_is_left_of_a_cause_that_is_not_there() {
    let codes: BTreeSet<String> = catalogue().into_iter().map(|(code, _)| code).collect();
    for path in files(&root().join("src/diagnose"), "md") {
        for section in text(&path).lines().filter_map(|line| line.strip_prefix("## ")) {
            assert!(codes.contains(section), "{}: {section}", path.display());
        }
    }
}

#[test]
fn readme_and_help_give_the_same_exit_codes() {
    let readme = text(&root().join("README.md"));
    let help = run(&["--help"]).stdout;
    let table: Vec<(&str, &str)> = readme
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let code = cells.next()?.trim_matches('`');
            let name = cells.next()?.trim_matches('`');
            code.parse::<u8>().ok().map(|_| (code, name))
        })
        .collect();
    assert_eq!(table.len(), 9, "README has the table of exit codes");
    for (code, name) in table {
        let found = help.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(code) && words.next() == Some(name)
        });
        assert!(found, "--help has no line for {code} {name}");
    }
}

#[test]
fn every_demo_is_listed_and_replays_to_its_verdict() {
    let list = run(&["replay", "--list"]);
    assert_eq!(list.code, 0, "{}", list.stderr);
    let names: Vec<&str> = list.stdout.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 5, "{}", list.stdout);
    for name in names {
        let demo = run(&["replay", "--demo", name]);
        assert!([0, 1, 3].contains(&demo.code), "{name}: {}", demo.stderr);
        assert!(!demo.stdout.is_empty(), "{name}");
    }
}

#[test]
fn messages_keep_our_conventions() {
    for case in cases() {
        let path = case.folder.join("expected/terminal.txt");
        for line in text(&path).lines() {
            assert!(!line.contains('\u{1b}'), "{}: an escape sequence without a terminal", case.name);
            if let Some((_, message)) = line.split_once("error[").and_then(|(_, rest)| rest.split_once("]: "))
            {
                assert!(!message.ends_with('.'), "{}: final period: {line}", case.name);
            }
        }
    }
}

#[test]
fn every_pitfall_has_a_test_that_exists_or_a_sentence_why_not() {
    let table = text(&root().join("tests/PITFALLS.md"));
    let tests: String = ["src", "tests/suite"]
        .iter()
        .flat_map(|folder| files(&root().join(folder), "rs"))
        .map(|path| text(&path))
        .collect();
    let cases: String = files(&root().join("tests/e2e"), "rs").iter().map(|path| text(path)).collect();
    let mut wrong = Vec::new();
    let mut numbers = Vec::new();
    for line in table.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, number, _, _, test, _] = cells.as_slice() else { continue };
        let Ok(number) = number.parse::<u32>() else { continue };
        numbers.push(number);
        // A sentence in place of a name may quote flags and codes.
        let says_why = test.starts_with("No named test: ");
        if !says_why && !test.contains('`') {
            wrong.push(format!("{number}: neither a test nor a sentence"));
        }
        for name in test.split('`').skip(1).step_by(2).filter(|_| !says_why) {
            let exists = match name.split_once("::") {
                Some((family, case)) => {
                    cases.contains(&format!("\"{case}\"")) && cases.contains(&format!("\"{family}\""))
                }
                None => tests.contains(&format!("fn {name}(")),
            };
            if !exists {
                wrong.push(format!("{number}: {name} does not exist"));
            }
        }
    }
    assert_eq!(numbers, (1..=65).collect::<Vec<_>>(), "each pitfall has its row");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
