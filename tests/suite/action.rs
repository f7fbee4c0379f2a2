//! The GitHub action, run as a runner runs it: its scripts with `GITHUB_*` files, and what `action.yml` says.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::root;

/// The folders and files of a job.
struct Runner {
    folder: tempfile::TempDir,
}

impl Runner {
    fn new() -> Self {
        let runner = Self { folder: tempfile::tempdir().expect("a folder") };
        for name in ["temp", "tools", "work", "mirror"] {
            fs::create_dir(runner.path(name)).expect("a folder");
        }
        for name in ["output", "path", "summary"] {
            fs::write(runner.path(name), "").expect("a file");
        }
        runner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// The last value of an output, as the runner reads the file.
    fn output(&self, name: &str) -> Option<String> {
        let text = self.read("output");
        let prefix = format!("{name}=");
        text.lines().rev().find_map(|line| line.strip_prefix(&prefix).map(ToOwned::to_owned))
    }

    /// Runs a script of a copy of the action with these inputs and variables.
    fn run(&self, script: &str, variables: &[(&str, &str)]) -> Output {
        self.command(script, variables).output().expect("bash starts")
    }

    fn command(&self, script: &str, variables: &[(&str, &str)]) -> Command {
        let action = self.path("action");
        if !action.exists() {
            fs::create_dir(&action).expect("a folder");
            for name in ["install", "run", "checksums.txt"] {
                fs::copy(root().join("action").join(name), action.join(name)).expect("the script");
            }
        }
        let mut command = Command::new("bash");
        command
            .arg(action.join(script))
            .current_dir(self.path("work"))
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", "/nonexistent")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", self.path("output"))
            .env("GITHUB_PATH", self.path("path"))
            .env("GITHUB_STEP_SUMMARY", self.path("summary"))
            .env("RUNNER_TEMP", self.path("temp"))
            .env("RUNNER_TOOL_CACHE", self.path("tools"))
            .env("RUNNER_OS", "Linux")
            .env("RUNNER_ARCH", "X64")
            .envs(variables.iter().copied());
        command
    }

    /// A program that writes its arguments, one a line, and ends with a code.
    fn fake_guard(&self, code: u8) -> String {
        let path = self.path("fake-guard");
        let text = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" >'{0}'\necho \"${{GITHUB_STEP_SUMMARY-unset}}\" >'{0}.summary'\nexit {code}\n",
            self.path("arguments").display()
        );
        program(&path, &text);
        path.display().to_string()
    }

    fn arguments(&self) -> Vec<String> {
        self.read("arguments").lines().map(ToOwned::to_owned).collect()
    }

    /// An archive in the mirror with a program that says its version; returns its SHA-256.
    fn release(&self, version: &str) -> String {
        let built = self.path("built");
        fs::create_dir_all(&built).expect("a folder");
        program(&built.join("rollout-guard"), &format!("#!/bin/sh\necho rollout-guard {version}\n"));
        let archive = self.path("mirror").join(archive(version));
        let packed =
            Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&built).arg("rollout-guard").status();
        assert!(packed.expect("tar starts").success());
        let sum = Command::new("sha256sum").arg(&archive).output().expect("sha256sum starts");
        String::from_utf8(sum.stdout).expect("text").split(' ').next().expect("a sum").to_owned()
    }

    fn mirror(&self) -> String {
        format!("file://{}", self.path("mirror").display())
    }
}

fn archive(version: &str) -> String {
    format!("rollout-guard-x86_64-unknown-linux-musl-v{version}.tar.gz")
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn inputs_become_arguments_and_nothing_of_them_is_shell() {
    let runner = Runner::new();
    let guard = runner.fake_guard(0);
    let evil = "a b;touch pwned $(touch pwned) `touch pwned` \"'";
    let run = runner.run(
        "run",
        &[
            ("GUARD", &guard),
            ("INPUT_TARGETS", "deploy/web  sts/db\n$(touch${IFS}pwned) *\n"),
            ("INPUT_NAMESPACE", evil),
            ("INPUT_FILENAME", "k8s/a b.yaml\r\nk8s/c.yaml\n"),
            ("INPUT_JUNIT", "r.xml"),
            ("INPUT_ARGS", "--follow\n--redact=a b\n"),
        ],
    );
    assert!(run.status.success(), "{}", said(&run));
    assert_eq!(
        runner.arguments(),
        [
            "wait",
            "--progress",
            "plain",
            "--ci",
            "github",
            &format!("--namespace={evil}"),
            "--junit=r.xml",
            "--filename=k8s/a b.yaml",
            "--filename=k8s/c.yaml",
            "--follow",
            "--redact=a b",
            "--",
            "deploy/web",
            "sts/db",
            "$(touch${IFS}pwned)",
            "*",
        ]
    );
    assert!(!runner.path("work/pwned").exists());
    assert_eq!(runner.output("exit-code").as_deref(), Some("0"));
}

#[test]
fn the_exit_code_is_the_step_s_and_an_output() {
    for code in [1, 3] {
        let runner = Runner::new();
        let guard = runner.fake_guard(code);
        let run = runner
            .run("run", &[("GUARD", &guard), ("INPUT_TARGETS", "deploy/web"), ("INPUT_SUMMARY", "false")]);
        assert_eq!(run.status.code(), Some(i32::from(code)));
        assert_eq!(runner.output("exit-code"), Some(code.to_string()));
        assert_eq!(runner.read("arguments.summary"), "unset\n", "summary: false");
    }
}

#[test]
fn the_program_itself_meets_hostile_inputs_with_one_error() {
    let runner = Runner::new();
    let guard = env!("CARGO_BIN_EXE_rollout-guard");
    let run = runner
        .run("run", &[("GUARD", guard), ("INPUT_TARGETS", "deploy/web\n::set-output::x --kubeconfig=/etc")]);
    assert_eq!(run.status.code(), Some(2), "{}", said(&run));
    assert_eq!(runner.read("output"), "exit-code=2\n");
    assert!(!said(&run).lines().any(|line| line.trim_start().starts_with("::")), "{}", said(&run));
}

#[test]
fn a_signal_reaches_the_program_and_its_code_is_written() {
    let runner = Runner::new();
    let guard = runner.path("slow-guard");
    let started = runner.path("started");
    let text = format!(
        "#!/bin/bash\ntrap 'exit 143' TERM\ntouch '{}'\nwhile :; do sleep 0.05; done\n",
        started.display()
    );
    program(&guard, &text);
    let path = guard.display().to_string();
    let mut command = runner.command("run", &[("GUARD", &path), ("INPUT_TARGETS", "deploy/web")]);
    let mut script = command.spawn().expect("bash starts");
    while !started.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let killed = Command::new("kill").args(["-TERM", &script.id().to_string()]).status();
    assert!(killed.expect("kill starts").success());
    assert_eq!(script.wait().expect("an end").code(), Some(143));
    assert_eq!(runner.output("exit-code").as_deref(), Some("143"));
}

#[test]
fn a_release_with_the_right_checksum_is_installed_once_and_found_in_the_cache_after() {
    let runner = Runner::new();
    let (sum, mirror) = (runner.release("1.2.3"), runner.mirror());
    let inputs =
        [("INPUT_VERSION", "v1.2.3"), ("INPUT_CHECKSUM", sum.as_str()), ("INPUT_DOWNLOAD_URL", &mirror)];
    let run = runner.run("install", &inputs);
    assert!(run.status.success(), "{}", said(&run));
    let path = runner
        .path("tools/rollout-guard/1.2.3/x86_64-unknown-linux-musl/rollout-guard")
        .display()
        .to_string();
    assert_eq!(runner.output("path").as_deref(), Some(path.as_str()));
    assert_eq!(runner.output("version").as_deref(), Some("1.2.3"));
    assert!(Path::new(runner.read("path").trim()).join("rollout-guard").exists());
    fs::remove_dir_all(runner.path("mirror")).expect("a mirror");
    assert!(runner.run("install", &inputs).status.success(), "from the cache");
    assert_eq!(fs::read_dir(runner.path("temp")).expect("a folder").count(), 0, "nothing is left");
}

#[test]
fn the_table_of_the_action_is_asked_where_no_checksum_is_given() {
    let runner = Runner::new();
    let (sum, mirror) = (runner.release("1.2.3"), runner.mirror());
    // Makes the copy of the action.
    runner.run("install", &[("INPUT_VERSION", "x")]);
    fs::write(runner.path("action/checksums.txt"), format!("{sum}  {}\n", archive("1.2.3")))
        .expect("a table");
    let run = runner.run("install", &[("INPUT_VERSION", "1.2.3"), ("INPUT_DOWNLOAD_URL", &mirror)]);
    assert!(run.status.success(), "{}", said(&run));
}

#[test]
fn what_is_not_what_was_promised_is_not_installed() {
    let runner = Runner::new();
    runner.release("1.2.3");
    let mirror = runner.mirror();
    let wrong = "0".repeat(64);
    for (inputs, why) in [
        (vec![("INPUT_VERSION", "1.2.3"), ("INPUT_CHECKSUM", wrong.as_str())], "nothing was installed"),
        (vec![("INPUT_VERSION", "1.2.3")], "has no checksum of"),
        (vec![("INPUT_VERSION", "1.2.3"), ("INPUT_CHECKSUM", "abc")], "64 hexadecimal digits"),
        (vec![("INPUT_VERSION", "1.2.3/../../x"), ("INPUT_CHECKSUM", wrong.as_str())], "is no version"),
        (vec![("INPUT_VERSION", "9.9.9"), ("INPUT_CHECKSUM", wrong.as_str())], "cannot download"),
        (vec![("INPUT_BINARY_PATH", "/nonexistent/guard\n::set-output name=path::x")], "there is no program"),
        (vec![("RUNNER_ARCH", "RISCV")], "no release for Linux on RISCV"),
    ] {
        let mut variables = vec![("INPUT_DOWNLOAD_URL", mirror.as_str())];
        variables.extend(inputs);
        let run = runner.run("install", &variables);
        assert_eq!(run.status.code(), Some(2), "{why}: {}", said(&run));
        assert!(said(&run).contains(why), "{why}: {}", said(&run));
        assert_eq!(said(&run).lines().filter(|line| line.starts_with("::")).count(), 1, "{}", said(&run));
        assert_eq!((runner.read("output"), runner.read("path")), (String::new(), String::new()));
        assert!(!runner.path("tools/rollout-guard").exists());
    }
    let plain =
        [("INPUT_VERSION", "1.2.3"), ("INPUT_CHECKSUM", wrong.as_str()), ("INPUT_DOWNLOAD_URL", "http://x")];
    assert!(said(&runner.run("install", &plain)).contains("begins with https://"));
}

#[test]
fn a_program_of_the_runner_is_taken_as_it_is() {
    let runner = Runner::new();
    let run = runner.run("install", &[("INPUT_BINARY_PATH", env!("CARGO_BIN_EXE_rollout-guard"))]);
    assert!(run.status.success(), "{}", said(&run));
    assert_eq!(runner.output("path").as_deref(), Some(env!("CARGO_BIN_EXE_rollout-guard")));
    assert_eq!(runner.output("version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_expression_of_the_action_is_read_as_shell_and_every_input_reaches_a_script() {
    let text = fs::read_to_string(root().join("action.yml")).expect("action.yml");
    let action: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
    let steps = action["runs"]["steps"].as_array().expect("steps");
    let mut passed = Vec::new();
    for step in steps {
        assert!(!step["run"].as_str().expect("a script").contains("${{"), "{step}");
        let env = step["env"].as_object().expect("variables");
        passed.extend(env.values().filter_map(|value| value.as_str()).map(ToOwned::to_owned));
    }
    for (name, input) in action["inputs"].as_object().expect("inputs") {
        let expression = format!("${{{{ inputs.{name} }}}}");
        assert!(passed.contains(&expression) || name == "install-only", "{name} is used by no step");
        assert!(input["description"].is_string() && input["default"].is_string(), "{name}");
    }
    let run = fs::read_to_string(root().join("action/run")).expect("the script");
    let install = fs::read_to_string(root().join("action/install")).expect("the script");
    for step in steps {
        for variable in step["env"].as_object().expect("variables").keys() {
            assert!(run.contains(variable) || install.contains(variable), "{variable} is read by no script");
        }
    }
}

#[test]
fn the_scripts_of_the_action_have_no_finding_of_shellcheck() {
    // Where it is not installed the other tests still run the scripts.
    let Ok(output) =
        Command::new("shellcheck").args(["install", "run"]).current_dir(root().join("action")).output()
    else {
        return;
    };
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn every_line_of_the_checksum_table_has_a_sum_and_an_archive() {
    let text = fs::read_to_string(root().join("action/checksums.txt")).expect("the table");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (sum, name) = line.split_once("  ").unwrap_or_else(|| panic!("{line}"));
        assert!(sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()), "{line}");
        assert!(name.starts_with("rollout-guard-") && name.ends_with(".tar.gz"), "{line}");
    }
}

#[test]
fn the_release_pins_what_it_runs_and_is_built_before_its_tag_has_the_checksums() {
    let text = fs::read_to_string(root().join(".github/workflows/release.yml")).expect("release.yml");
    let workflow: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
    assert_eq!(workflow["on"]["push"]["tags"][0], "v[0-9]+.[0-9]+.[0-9]+-build");
    let uses: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("uses: ").map(|(_, action)| action)).collect();
    assert_eq!(uses.len(), 5, "{uses:?}");
    for action in uses {
        let (_, pin) = action.split_once('@').expect("a pin");
        let (sha, version) = pin.split_once(" # v").expect("its version");
        assert!(sha.len() == 40 && sha.bytes().all(|b| b.is_ascii_hexdigit()), "{action}");
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{action}");
    }
}
