//! What the documentation names is there: flags and files.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;

use crate::harness::{root, run};

const PAGES: &[&str] = &["README.md", "RELEASING.md", "ci-examples/README.md", "tests/cluster/README.md"];

/// Flags of other programs that the pages name.
const OTHERS: &[&str] = &[
    "--archive",
    "--compare",
    "--dry-run",
    "--manifest",
    "--path",
    "--private",
    "--repo",
    "--test",
    "--wait",
];

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn flags(text: &str) -> BTreeSet<String> {
    let flag = Regex::new(r"(?:^|[^\w-])(--[a-z][a-z-]+)").expect("a pattern");
    flag.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_flag_that_a_page_names_is_a_flag() {
    let mut known = flags(&run(&["--help"]).stdout);
    for command in ["wait", "diagnose", "replay", "explain", "rbac", "completions", "man"] {
        known.extend(flags(&run(&[command, "--help"]).stdout));
    }
    assert!(known.contains("--timeout") && !known.contains("--nonsense"));
    known.extend(OTHERS.iter().map(|flag| (*flag).to_owned()));
    for name in PAGES {
        let unknown: Vec<String> = flags(&page(name)).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{name} names {unknown:?}");
    }
}

#[test]
fn the_failure_that_the_readme_shows_is_what_the_demo_says() {
    let text = page("README.md");
    let shown = text.split("```").nth(1).expect("the first example");
    let said = run(&["replay", "--demo", "image-not-found"]).stdout;
    let mut lines =
        shown.lines().skip(1).filter(|line| !line.starts_with('$') && !matches!(*line, "" | "…" | "1"));
    assert!(lines.clone().count() > 15, "{shown}");
    let stale = lines.find(|line| !said.lines().any(|is| is == *line));
    assert_eq!(stale, None);
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)#]+)").expect("a pattern");
    let mut found = 0;
    for name in PAGES.iter().chain(&["docs/causes.md", "docs/performance.md", "docs/reliability.md"]) {
        let text = page(name);
        let path = root().join(name);
        let folder = path.parent().expect("a folder");
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            found += 1;
            let is_there = target.starts_with("https://") || folder.join(&target).exists();
            assert!(is_there, "{name} links to {target}");
        }
    }
    assert!(found > 30, "{found}");
}
