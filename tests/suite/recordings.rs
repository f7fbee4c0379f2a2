//! Every recorded case: verdict, causes and exit code by hand-written expectation, texts by golden files.
//!
//! `UPDATE_EXPECT=1` rewrites the golden files and nothing else: an expectation of verdict or cause changes by
//! hand only.

use std::fs;

use serde_json::Value;

use crate::harness::{Case, cases, run};

fn replay(case: &Case, format: &[&str]) -> crate::harness::Run {
    let path = case.recording();
    let mut args = vec!["replay", path.to_str().expect("a UTF-8 path"), "--color", "never"];
    args.extend(format);
    run(&args)
}

fn codes(target: &Value, field: &str) -> Vec<String> {
    let list = target[field].as_array().cloned().unwrap_or_default();
    list.iter().filter_map(|item| item["code"].as_str().map(ToOwned::to_owned)).collect()
}

#[test]
fn every_case_has_the_verdict_and_the_causes_its_author_expects() {
    let mut wrong = Vec::new();
    for case in cases() {
        let run = replay(&case, &["-o", "json"]);
        let report: Value = serde_json::from_str(&run.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}\n{}", case.name, run.stdout, run.stderr));
        let target = &report["targets"][0];
        let expect = &case.file.expect;
        let causes = codes(target, "causes");
        let warnings = codes(target, "warnings");
        let mut check = |holds: bool, what: String| {
            if !holds {
                wrong.push(format!("{} ({}): {what}", case.name, case.file.why));
            }
        };
        check(report["verdict"] == *expect.verdict, format!("verdict {}", report["verdict"]));
        check(run.code == expect.exit_code, format!("exit code {}", run.code));
        check(report["exitCode"] == expect.exit_code, format!("exitCode {}", report["exitCode"]));
        check(target["reason"] == *expect.reason, format!("reason {}", target["reason"]));
        check(
            expect.codes.first().is_none_or(|root| causes.first() == Some(root)),
            format!("root of {causes:?}"),
        );
        check(expect.codes.iter().all(|code| causes.contains(code)), format!("causes {causes:?}"));
        check(
            !expect.not_codes.iter().any(|code| causes.contains(code)),
            format!("causes {causes:?} hold one that must not be there"),
        );
        check(expect.warnings.iter().all(|code| warnings.contains(code)), format!("warnings {warnings:?}"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_case_reads_as_its_golden_files_do() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let golden = [("terminal.txt", vec![]), ("junit.xml", vec!["--junit", "-"])];
        for (file, format) in golden {
            let path = case.folder.join("expected").join(file);
            let now = replay(&case, &format).stdout;
            if update {
                fs::create_dir_all(case.folder.join("expected")).expect("a writable checkout");
                fs::write(&path, &now).expect("a writable checkout");
                continue;
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            if now != expected {
                let first = now.lines().zip(expected.lines()).find(|(now, then)| now != then);
                wrong.push(format!("{}: {file} differs, first at {first:?}", case.name));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nUPDATE_EXPECT=1 rewrites golden files; read the difference",
        wrong.join("\n")
    );
}

/// A second reader of XML, that shares nothing with the writer and its tests: expat, by way of Python.
#[test]
fn expat_reads_every_junit_report_and_counts_the_same_cases() {
    let script = "
import sys, xml.etree.ElementTree as tree
for path in sys.argv[1:]:
    root = tree.parse(path).getroot()
    cases = root.findall('./testsuite/testcase')
    total = sum(int(suite.get('tests')) for suite in root.findall('testsuite'))
    assert root.tag == 'testsuites' and len(cases) == total == int(root.get('tests')) > 0, path
    for case in cases:
        assert case.get('classname') and case.get('name'), path
        assert all(result.text for result in case.findall('failure') + case.findall('error')), path
";
    let paths: Vec<std::path::PathBuf> =
        cases().into_iter().map(|case| case.folder.join("expected/junit.xml")).collect();
    let Ok(python) = std::process::Command::new("python3").arg("-c").arg(script).args(&paths).output() else {
        // The other reader has read them all.
        return;
    };
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
}
