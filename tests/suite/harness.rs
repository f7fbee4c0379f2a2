//! Running the built binary in a clean environment, and finding the recorded cases.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What a run of the binary left.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the binary with nothing inherited but what a process needs.
pub(crate) fn run(args: &[&str]) -> Run {
    let output: Output = Command::new(env!("CARGO_BIN_EXE_rollout-guard"))
        .args(args)
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("COLUMNS", "100")
        .output()
        .expect("the binary starts");
    Run {
        code: output.status.code().expect("the binary ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// `case.toml`, written by hand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseFile {
    /// One sentence: what this case shows.
    pub(crate) why: String,
    /// The command line under which it was recorded.
    #[serde(default)]
    #[expect(dead_code, reason = "for the reader of the file")]
    pub(crate) args: Vec<String>,
    pub(crate) expect: Expect,
}

/// What must come out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    pub(crate) verdict: String,
    pub(crate) exit_code: i32,
    pub(crate) reason: String,
    /// Codes that must be among the causes; the first is the root.
    #[serde(default)]
    pub(crate) codes: Vec<String>,
    /// Codes that must not be among the causes.
    #[serde(default)]
    pub(crate) not_codes: Vec<String>,
    /// Codes that must be among the warnings.
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
}

/// A folder of `tests/recordings/<family>/<case>`.
pub(crate) struct Case {
    /// `family/case`.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) file: CaseFile,
}

impl Case {
    pub(crate) fn recording(&self) -> PathBuf {
        self.folder.join("recording.jsonl")
    }
}

/// Every recorded case, by name.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for family in folders(&root().join("tests/recordings")) {
        for folder in folders(&family) {
            let name = format!("{}/{}", file_name(&family), file_name(&folder));
            let text = fs::read_to_string(folder.join("case.toml"))
                .unwrap_or_else(|error| panic!("{name}: case.toml: {error}"));
            let file = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: case.toml: {error}"));
            cases.push(Case { name, folder, file });
        }
    }
    assert!(!cases.is_empty(), "tests/recordings holds the recorded cases");
    cases
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

/// Every file below a folder with that ending, by path.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
