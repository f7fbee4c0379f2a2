use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;

use super::*;
use crate::render::sample::{cause, kitchen_sink, kitchen_sink_of, redactor, report, target, warning};
use crate::render::{Look, terminal};
use crate::report::Origin;
use crate::untrusted::oracle::REDACTOR;
use crate::untrusted::properties::hostile;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
fn log_of(host: CiHost) -> CiLog<'static> {
    CiLog {
        host,
        token: TOKEN,
        clock: 1_790_000_000,
        junit: Some("/r.xml"),
        markdown: Some("/r.md"),
        redactor: &REDACTOR,
    }
}

fn written(report: &Report, host: CiHost) -> String {
    let text = terminal(report, &Look::plain(&REDACTOR));
    ci_log(report, &text, &log_of(host))
}

/// What an Azure agent finds: `##vso[…]` anywhere in a line, and `##[…]` at its start.
static AZURE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)##vso\[([a-z.]+)|^##\[([a-z]+)\]").unwrap());
static TEAMCITY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"##teamcity\[([a-zA-Z]+)").unwrap());
static SECTION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"section_(start|end):").unwrap());

static GITLAB_REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$[a-zA-Z_]|\$\{[a-zA-Z_]|%[a-zA-Z_][a-zA-Z0-9_]*%").unwrap());

fn found(pattern: &Regex, log: &str) -> Vec<String> {
    let all = log.lines().flat_map(|line| pattern.captures_iter(line));
    all.map(|found| found.iter().skip(1).flatten().map(|part| part.as_str()).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn github_executes_what_we_wrote_and_nothing_else(text in hostile()) {
        let names = |report: &Report| -> Vec<String> {
            runner::executes(&written(report, CiHost::GitHub)).into_iter().map(|(name, ..)| name).collect()
        };
        prop_assert_eq!(names(&kitchen_sink_of(&text)), names(&kitchen_sink_of("plain")));
    }

    #[test]
    fn github_finds_no_command_even_where_it_was_told_to_stop(text in hostile()) {
        // As if the runner had never seen `stop-commands`.
        let commands = |report: &Report| -> Vec<String> {
            written(report, CiHost::GitHub).lines().filter_map(runner::reads).map(|(name, ..)| name).collect()
        };
        prop_assert_eq!(commands(&kitchen_sink_of(&text)), commands(&kitchen_sink_of("plain")));
    }

    #[test]
    fn no_other_host_finds_a_command_of_the_cluster(text in hostile()) {
        for (host, pattern) in
            [(CiHost::Azure, &AZURE), (CiHost::TeamCity, &TEAMCITY), (CiHost::GitLab, &SECTION)]
        {
            let ours = found(pattern, &written(&kitchen_sink_of("plain"), host));
            prop_assert_eq!(found(pattern, &written(&kitchen_sink_of(&text), host)), ours);
        }
        for host in [CiHost::GitHub, CiHost::GitLab, CiHost::Buildkite, CiHost::Plain] {
            for pattern in [&AZURE, &TEAMCITY] {
                prop_assert_eq!(found(pattern, &written(&kitchen_sink_of(&text), host)), [""; 0]);
            }
        }
    }

    #[test]
    fn no_value_ends_its_message(text in hostile()) {
        // TeamCity: the value between quotes has no quote or bracket that is not escaped.
        for line in written(&kitchen_sink_of(&text), CiHost::TeamCity).lines() {
            let Some(message) = line.strip_prefix("##teamcity[") else { continue };
            let body = message.strip_suffix(']').unwrap();
            let mut escaped = false;
            let mut quotes = 0;
            for c in body.chars() {
                match c {
                    _ if escaped => escaped = false,
                    '|' => escaped = true,
                    '\'' => quotes += 1,
                    '[' | ']' => prop_assert!(false, "{line}"),
                    _ => {}
                }
            }
            prop_assert!(!escaped && quotes % 2 == 0, "{}", line);
        }
    }

    #[test]
    fn no_variable_that_is_passed_on_refers_to_another(text in hostile()) {
        // As GitLab, Azure and TeamCity look for references.
        let report = kitchen_sink_of(&text);
        prop_assert!(!GITLAB_REFERENCE.is_match(&dotenv(&report, &REDACTOR)));
        for line in written(&report, CiHost::Azure).lines().filter(|line| line.contains("task.setvariable")) {
            prop_assert!(!line.contains("$("), "{}", line);
        }
        for line in written(&report, CiHost::TeamCity).lines().filter(|line| line.contains("[setParameter")) {
            prop_assert!(!line.replace("%%", "").contains('%'), "{}", line);
        }
    }

    #[test]
    fn no_text_adds_an_output_or_a_variable(text in hostile()) {
        let names = |file: &str| -> Vec<String> {
            file.lines().map(|line| line.split_once('=').map_or(line, |(name, _)| name).to_owned()).collect()
        };
        let report = kitchen_sink_of(&text);
        let plain = kitchen_sink_of("plain");
        let paths = [("junit-path", "r.xml".to_owned())];
        prop_assert_eq!(
            names(&github_output(&report, &paths, TOKEN, &REDACTOR)),
            names(&github_output(&plain, &paths, TOKEN, &REDACTOR))
        );
        prop_assert_eq!(names(&dotenv(&report, &REDACTOR)), names(&dotenv(&plain, &REDACTOR)));
        prop_assert!(dotenv(&report, &REDACTOR).len() < 5 * 1024);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&code_quality(&report, &REDACTOR)).is_ok());
        prop_assert!(serde_json::from_str::<serde_json::Value>(&links(&report, Some("https://x"), &REDACTOR)).is_ok());
    }
}

#[test]
fn the_reader_of_the_test_reads_as_the_runner_does() {
    for line in [
        "::error::x",
        "  ::ERROR file=a,line=1::x",
        "any ##[error]x",
        "##[add-mask]x",
        "::set-output name=a::b",
    ] {
        assert!(runner::reads(line).is_some(), "{line}");
    }
    for line in ["x ::error::y", "::unknown::x", "##[unknown]", "##error", ":\\:error::x", "#\\#[error]x"] {
        assert_eq!(runner::reads(line), None, "{line}");
    }
    let log = format!("::stop-commands::{TOKEN}\n::error::no\n##[error]no\n::{TOKEN}::\n::notice::yes\n");
    let names: Vec<String> = runner::executes(&log).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["stop-commands", "notice"]);
}

fn failed(count: usize) -> Report {
    let targets = (0..count).map(|n| {
        let mut one = target(&format!("w{n}"), VerdictName::Failed, "image-not-found", 55.0);
        let mut root = cause("image-not-found", "image web:1.4.l does not exist, at 100%");
        root.help = vec!["Push it: now.".to_owned()];
        one.causes = vec![root];
        one
    });
    report(VerdictName::Failed, 1, targets.collect())
}

#[test]
fn annotations_stay_within_what_github_shows_and_the_last_counts_the_rest() {
    let log = ci_log(&failed(25), "", &log_of(CiHost::GitHub));
    let errors: Vec<&str> = log.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(errors.len(), 10);
    assert_eq!(
        errors[0],
        "::error title=deployment/w0 failed after 55s::image web:1.4.l does not exist, at 100%25 [image-not-found]\
         %0APush it: now."
    );
    assert_eq!(errors[9], "::error title=rollout-guard::16 more rollouts are not complete");
    let mut wide = failed(1);
    wide.targets[0].causes[0].headline = "x".repeat(9000);
    assert!(ci_log(&wide, "", &log_of(CiHost::GitHub)).len() < 1300);
}

#[test]
fn an_annotation_stands_at_the_line_of_the_manifest() {
    let mut one = failed(1);
    one.targets[0].origin = Some(Origin { file: "k8s/a,b:c.yaml".to_owned(), line: 12 });
    let log = ci_log(&one, "", &log_of(CiHost::GitHub));
    assert!(log.starts_with("::error file=k8s/a%2Cb%3Ac.yaml,line=12,title=deployment/w0 failed"), "{log}");
    let log = ci_log(&one, "", &log_of(CiHost::Azure));
    assert!(log.contains("type=error;sourcepath=k8s/a,b:c.yaml;linenumber=12;]"), "{log}");
    let findings: Vec<serde_json::Value> = serde_json::from_str(&code_quality(&one, &redactor())).unwrap();
    assert_eq!(findings[0]["location"]["path"], "k8s/a,b:c.yaml");
    assert_eq!(findings[0]["location"]["lines"]["begin"], 12);
}

#[test]
fn a_pass_annotates_only_what_it_does_not_prove() {
    let mut web = target("web", VerdictName::Complete, "complete", 12.0);
    web.warnings = vec![warning("mutable-tag", "the tag may move")];
    let log = ci_log(&report(VerdictName::Complete, 0, vec![web]), "", &log_of(CiHost::GitHub));
    assert_eq!(log, "::notice title=deployment/web%3A mutable-tag::the tag may move\n");
}

#[test]
fn azure_is_told_issue_variables_and_summary() {
    let log = written(&failed(1), CiHost::Azure);
    for part in [
        "##vso[task.logissue type=error;]deployment/w0 failed after 55s: image web:1.4.l does not exist, at 100%AZP25 \
         [image-not-found%5D%3B Push it: now.\n",
        "##vso[task.setvariable variable=rollout_exit_code;isOutput=true]1\n",
        "##vso[task.uploadsummary]/r.md\n",
    ] {
        assert!(log.contains(part), "{part}\nin\n{log}");
    }
}

#[test]
fn teamcity_is_told_the_problem_and_where_the_junit_report_is() {
    let log = written(&failed(1), CiHost::TeamCity);
    for part in [
        "##teamcity[buildProblem description='deployment/w0 failed after 55s: image web:1.4.l does not exist, at 100% \
         |[image-not-found|]|nPush it: now.']\n",
        "##teamcity[setParameter name='rollout.reason' value='image-not-found']\n",
        "##teamcity[importData type='junit' path='/r.xml']\n",
    ] {
        assert!(log.contains(part), "{part}\nin\n{log}");
    }
}

#[test]
fn a_section_of_gitlab_begins_and_ends_with_the_same_name() {
    let log = written(&kitchen_sink(), CiHost::GitLab);
    let begin = log.find(
        "\u{1b}[0Ksection_start:1790000000:rollout_guard_course[collapsed=true]\r\u{1b}[0KHow it went\n",
    );
    let end = log.find("\u{1b}[0Ksection_end:1790000000:rollout_guard_course\r\u{1b}[0K\n");
    assert!(begin.unwrap() < end.unwrap(), "{log}");
}

#[test]
fn code_quality_has_what_gitlab_reads_and_no_fingerprint_twice() {
    let text = code_quality(&kitchen_sink(), &redactor());
    let findings: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    let prints: Vec<&str> = findings.iter().map(|finding| finding["fingerprint"].as_str().unwrap()).collect();
    assert_eq!(
        prints,
        ["shop/Deployment/worker/container-crashing/0", "shop/Deployment/worker/readiness-probe-failing/1"]
    );
    assert_eq!(findings[0]["severity"], "blocker");
    assert_eq!(findings[0]["location"]["lines"]["begin"], 1);
    assert!(findings[0]["description"].as_str().unwrap().starts_with("deployment/worker: "));
}

#[test]
fn a_path_of_several_lines_is_one_output() {
    let paths = [("junit-path", "a\nresult=complete".to_owned())];
    let file = github_output(&failed(1), &paths, TOKEN, &redactor());
    assert!(file.ends_with(&format!("junit-path<<{TOKEN}\na\nresult=complete\n{TOKEN}\n")), "{file}");
}

#[test]
fn buildkite_opens_a_failure_and_folds_a_pass() {
    assert!(written(&failed(1), CiHost::Buildkite).starts_with("+++ rollout-guard\n"));
    let pass = report(VerdictName::Complete, 0, vec![target("web", VerdictName::Complete, "complete", 1.0)]);
    assert!(written(&pass, CiHost::Buildkite).starts_with("--- rollout-guard\n"));
}
