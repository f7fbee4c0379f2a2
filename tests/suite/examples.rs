//! The examples for CI systems: they parse, their commands are ones that `rollout-guard` takes, and what each host
//! needs is there.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{files, root, run};

fn example(name: &str) -> String {
    let path = root().join("ci-examples").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(name: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&example(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every value at a key, at whatever depth.
fn at_key<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get(key));
            fields.values().for_each(|inner| at_key(inner, key, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| at_key(inner, key, found)),
        _ => {}
    }
}

/// Runs the program in a place without a cluster and says why it stopped: never because of the command line.
fn accepted(name: &str, args: &[String]) {
    let output = Command::new(env!("CARGO_BIN_EXE_rollout-guard"))
        .args(args)
        .env_clear()
        .env("KUBECONFIG", "/nonexistent/kubeconfig")
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{name}: {said}");
    assert!(said.contains("/nonexistent/kubeconfig"), "{name}: {args:?}: {said}");
}

fn seconds(duration: &str) -> u64 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    number.parse::<u64>().expect("a number") * if unit == "m" { 60 } else { 1 }
}

const IN_CLUSTER: &[&str] = &[
    "argocd/sync-gate.yaml",
    "argocd/postsync-soak.yaml",
    "argocd/syncfail-diagnosis.yaml",
    "argo-rollouts/analysis-template.yaml",
    "flux/post-deploy.yaml",
    "helm/templates/rollout-guard.yaml",
    "spinnaker/run-job.yaml",
];

#[test]
fn every_example_is_listed_and_every_yaml_file_is_yaml() {
    let folder = root().join("ci-examples");
    let readme = example("README.md");
    for ending in ["yaml", "yml", "kts"] {
        for path in files(&folder, ending) {
            let name = path.strip_prefix(&folder).expect("below the folder").display().to_string();
            assert!(readme.contains(&format!("({name})")), "{name} is not in ci-examples/README.md");
            if ending != "kts" {
                assert!(!documents(&name).is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn in_a_cluster_it_has_no_rights_it_does_not_need_and_ends_before_its_deadline() {
    for name in IN_CLUSTER {
        let documents = documents(name);
        let all = Value::Array(documents);
        let mut containers = Vec::new();
        at_key(&all, "containers", &mut containers);
        assert!(!containers.is_empty(), "{name}");
        for container in containers.into_iter().flat_map(|list| list.as_array().expect("a list")) {
            let version = env!("CARGO_PKG_VERSION");
            assert_eq!(container["image"], format!("rollout-guard:{version}"), "{name}");
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{name}");
            assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false, "{name}");
            let args: Vec<String> = container["args"]
                .as_array()
                .expect("arguments")
                .iter()
                .map(|arg| arg.as_str().expect("a text").to_owned())
                .map(|arg| {
                    arg.replace("{{args.rollout}}", "web")
                        .replace("{{args.hash}}", "5d9c7f")
                        .replace("{{ .Release.Name }}", "web")
                })
                .collect();
            accepted(name, &args);
            let timeout = args.iter().find_map(|arg| arg.strip_prefix("--timeout=")).expect("a timeout");
            let mut deadlines = Vec::new();
            at_key(&all, "activeDeadlineSeconds", &mut deadlines);
            let deadline = deadlines[0].as_u64().expect("a number");
            assert!(seconds(timeout) + 30 < deadline, "{name}: {timeout} is not below {deadline} s");
        }
        let mut security = Vec::new();
        at_key(&all, "runAsNonRoot", &mut security);
        assert!(security.iter().all(|value| **value == true) && !security.is_empty(), "{name}");
        let mut accounts = Vec::new();
        at_key(&all, "serviceAccountName", &mut accounts);
        assert!(accounts.iter().all(|value| **value == "rollout-guard") && !accounts.is_empty(), "{name}");
    }
}

#[test]
fn the_three_hooks_of_argo_are_of_the_three_phases() {
    let hook = |name: &str| documents(name)[0]["metadata"]["annotations"]["argocd.argoproj.io/hook"].clone();
    assert_eq!(hook("argocd/sync-gate.yaml"), "Sync");
    assert_eq!(hook("argocd/postsync-soak.yaml"), "PostSync");
    assert_eq!(hook("argocd/syncfail-diagnosis.yaml"), "SyncFail");
    // Argo CD shows the termination message of Pods alone.
    assert_eq!(documents("argocd/syncfail-diagnosis.yaml")[0]["kind"], "Pod");
}

#[test]
fn the_permissions_are_what_the_program_prints() {
    let printed = run(&["rbac", "-n", "shop", "--for", "deploy/web", "--with", "logs,events,config,nodes"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    let file = example("argocd/rbac.yaml");
    let text: Vec<&str> = file.lines().skip_while(|line| line.starts_with('#')).collect();
    assert_eq!(text, printed.stdout.lines().collect::<Vec<_>>());
    let documents = documents("argocd/rbac.yaml");
    let kinds: Vec<&str> = documents.iter().filter_map(|document| document["kind"].as_str()).collect();
    assert_eq!(kinds, ["ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]);
}

/// Runs a shell script of an example, with programs in the place of `kubectl` and its like, and the real
/// `rollout-guard`, which finds no cluster. Returns the exit code and the folder it ran in.
fn shell(name: &str, script: &str, variables: &[(&str, &str)]) -> (i32, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let programs = folder.path().join("bin");
    fs::create_dir(&programs).expect("a folder");
    let program = |name: &str, text: &str| {
        let path = programs.join(name);
        fs::write(&path, text).expect("a program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    };
    program("kubectl", "#!/bin/sh\nexit 0\n");
    fs::create_dir(folder.path().join("k8s")).expect("a folder");
    fs::write(folder.path().join("k8s/web.yaml"), WEB).expect("a manifest");
    program("buildkite-agent", "#!/bin/sh\nprintf '%s\\n' \"$@\" >annotated; cat >>annotated\n");
    program(
        "rollout-guard",
        &format!(
            "#!/bin/sh\necho called >>called\nexec {} \"$@\" 2>said\n",
            env!("CARGO_BIN_EXE_rollout-guard")
        ),
    );
    let release = release(folder.path(), &programs.join("rollout-guard"));
    program("curl", &format!("#!/bin/sh\nwhile [ \"$1\" != -o ]; do shift; done\ncp {release} \"$2\"\n"));
    let sum = Command::new("sha256sum").arg(&release).output().expect("sha256sum starts").stdout;
    let sum = String::from_utf8(sum).expect("text");
    let output = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .env("KUBECONFIG", "/nonexistent/kubeconfig")
        .env("GUARD_URL", "https://example.com/archive.tar.gz")
        .env("GUARD_SHA256", sum.split(' ').next().expect("a sum"))
        .envs(variables.iter().copied())
        .output()
        .expect("sh starts");
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap_or_default();
    assert_eq!(read("called"), "called\n", "{name}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(read("said").contains("/nonexistent/kubeconfig"), "{name}: {}", read("said"));
    (output.status.code().expect("an end"), folder)
}

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";

/// An archive as `packaging/pack` makes it, with this program in it.
fn release(folder: &Path, program: &Path) -> String {
    let archive = folder.join("release.tar.gz").display().to_string();
    let inside = program.parent().expect("a folder");
    let packed =
        Command::new("tar").args(["-czf", &archive, "-C"]).arg(inside).arg("./rollout-guard").status();
    assert!(packed.expect("tar starts").success());
    archive
}

fn wrote(folder: &Path, names: &[&str]) {
    for name in names {
        assert!(folder.join(name).exists(), "{name} was not written");
    }
}

/// What the steps of a job run, one after the other.
fn scripts(steps: &Value, places: &[&str]) -> String {
    let steps = steps.as_array().expect("steps").iter();
    let of = |step: &Value| {
        let found = places.iter().find_map(|place| step.pointer(place).and_then(Value::as_str));
        found.map(ToOwned::to_owned)
    };
    steps.filter_map(of).collect::<Vec<_>>().join("\n")
}

fn lines(script: &Value) -> String {
    let lines = script.as_array().expect("a script").iter().map(|line| line.as_str().expect("a line"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_job_of_gitlab_runs_and_leaves_the_reports_it_names() {
    let job = &documents("gitlab/.gitlab-ci.yml")[0]["deploy"];
    let (code, folder) =
        shell("gitlab", &(lines(&job["before_script"]) + "\n" + &lines(&job["script"])), &[]);
    assert_eq!(code, 2);
    let reports = job["artifacts"]["reports"].as_object().expect("reports");
    wrote(folder.path(), &reports.values().filter_map(Value::as_str).collect::<Vec<_>>());
}

#[test]
fn the_component_of_gitlab_runs_with_its_inputs_and_leaves_the_reports_it_names() {
    let documents = documents("gitlab/templates/rollout-guard.yml");
    let inputs = documents[0]["spec"]["inputs"].as_object().expect("inputs");
    let filled = |text: &str| {
        inputs.iter().fold(text.to_owned(), |text, (name, input)| {
            let value = input["default"].as_str().unwrap_or(if name == "targets" {
                "deploy/web sts/db"
            } else {
                "shop"
            });
            text.replace(&format!("$[[ inputs.{name} ]]"), value)
        })
    };
    let job = &documents[1]["rollout-guard"];
    let variables: Vec<(String, String)> = job["variables"]
        .as_object()
        .expect("variables")
        .iter()
        .map(|(name, value)| (name.clone(), filled(value.as_str().expect("a text"))))
        .collect();
    assert!(variables.iter().all(|(_, value)| !value.contains("$[[")), "{variables:?}");
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !name.starts_with("GUARD_"))
        .collect();
    let script = lines(&job["before_script"]) + "\n" + &lines(&job["script"]);
    let (code, folder) = shell("component", &script, &variables);
    assert_eq!(code, 2);
    let reports = job["artifacts"]["reports"].as_object().expect("reports");
    wrote(folder.path(), &reports.values().filter_map(Value::as_str).collect::<Vec<_>>());
}

#[test]
fn the_workflow_of_github_gives_the_action_inputs_that_it_has() {
    let text = fs::read_to_string(root().join("action.yml")).expect("action.yml");
    let action: Value = serde_saphyr::from_str(&text).expect("YAML");
    let workflow = &documents("github/deploy.yml")[0];
    let steps = workflow["jobs"]["deploy"]["steps"].as_array().expect("steps");
    let ours =
        steps.iter().find(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("rollout-guard")));
    let ours = ours.expect("a step with the action");
    for name in ours["with"].as_object().expect("inputs").keys() {
        assert!(action["inputs"].get(name).is_some(), "{name} is no input");
    }
    assert!(ours["uses"].as_str().expect("a text").ends_with(&format!("@v{}", env!("CARGO_PKG_VERSION"))));
    for step in steps {
        assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{step}");
        for value in step["env"].as_object().into_iter().flat_map(|env| env.values()) {
            let output = value.as_str().and_then(|value| value.split("outputs.").nth(1)).unwrap_or_default();
            let output = output.trim_end_matches(" }}");
            assert!(action["outputs"].get(output).is_some(), "{output} is no output");
        }
    }
}

#[test]
fn the_step_of_azure_runs_and_leaves_the_results_it_publishes() {
    let steps = &documents("azure/azure-pipelines.yml")[0]["jobs"][0]["steps"];
    let script = scripts(steps, &["/script"]);
    let (code, folder) = shell("azure", &script, &[("TF_BUILD", "True")]);
    assert_eq!(code, 2);
    wrote(folder.path(), &[steps[3]["inputs"]["testResultsFiles"].as_str().expect("a name")]);
}

#[test]
fn the_step_of_circle_writes_below_what_it_stores() {
    let steps = &documents("circleci/config.yml")[0]["jobs"]["deploy"]["steps"];
    let (code, folder) = shell("circle", &scripts(steps, &["/run/command", "/run"]), &[]);
    assert_eq!(code, 2);
    // The folder of a report of tests must not be hidden, and the report lies in one of its own.
    let stored = steps[4]["store_test_results"]["path"].as_str().expect("a path");
    wrote(
        folder.path(),
        &[&format!("{stored}/rollout-guard/junit.xml"), &format!("{stored}/rollout-guard.html")],
    );
}

#[test]
fn the_step_of_buildkite_annotates_a_failure_and_keeps_the_exit_code() {
    let command =
        documents("buildkite/pipeline.yml")[0]["steps"][0]["command"].as_str().map(ToOwned::to_owned);
    // Buildkite's own interpolation.
    let script = command.expect("a command").replace("$$", "$");
    let (code, folder) = shell("buildkite", &script, &[("BUILDKITE", "true")]);
    assert_eq!(code, 2);
    let annotated = fs::read_to_string(folder.path().join("annotated")).expect("an annotation");
    assert!(
        annotated.starts_with("annotate\n--style\nerror\n--context\nrollout-guard\n## No verdict\n"),
        "{annotated}"
    );
}

#[test]
fn the_task_of_tekton_leaves_its_results_and_the_exit_code() {
    let task = &documents("tekton/task.yaml")[0];
    let step = &task["spec"]["steps"][0];
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let script = step["script"].as_str().expect("a script").replace("/tmp/rollout.env", &path("rollout.env"));
    let variables = [
        ("TARGET", "deploy/web".to_owned()),
        ("ROLLOUT_GUARD_NAMESPACE", "shop".to_owned()),
        ("ROLLOUT_GUARD_TIMEOUT", "10m".to_owned()),
        ("ROLLOUT_GUARD_TERMINATION_LOG", "off".to_owned()),
        ("RESULT_PATH", path("result")),
        ("REASON_PATH", path("reason")),
    ];
    for entry in step["env"].as_array().expect("variables") {
        let name = entry["name"].as_str().expect("a name");
        assert!(variables.iter().any(|(known, _)| *known == name), "{name}");
    }
    let given: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (code, _ran) = shell("tekton", &script, &given);
    assert_eq!(code, 2);
    assert_eq!(fs::read_to_string(path("result")).expect("a result"), "indeterminate");
    assert_eq!(fs::read_to_string(path("reason")).expect("a result"), "usage");
}

/// The script in a file that is neither YAML nor JSON, as the shell gets it.
fn script_in(name: &str, quotes: &str) -> String {
    let text = example(name);
    let (_, rest) = text.split_once(quotes).unwrap_or_else(|| panic!("{name}: {quotes}"));
    let (script, _) = rest.split_once(quotes).unwrap_or_else(|| panic!("{name}: {quotes}"));
    script.replace("${'$'}", "$")
}

#[test]
fn jenkins_and_teamcity_run_their_script_to_its_end() {
    for (name, quotes) in [("jenkins/Jenkinsfile", "'''"), ("teamcity/settings.kts", "\"\"\"")] {
        let (code, folder) = shell(name, &script_in(name, quotes), &[]);
        assert_eq!(code, 2);
        wrote(folder.path(), &["report.xml", "report.html"]);
    }
    let jenkins = example("jenkins/Jenkinsfile");
    let always = jenkins.find("always {").expect("a block that always runs");
    assert!(
        always < jenkins.find("junit testResults: 'report.xml'").expect("the report"),
        "the report is read also on failure"
    );
    for (open, close) in [('{', '}'), ('(', ')')] {
        for name in ["jenkins/Jenkinsfile", "teamcity/settings.kts"] {
            let text = example(name);
            assert_eq!(text.matches(open).count(), text.matches(close).count(), "{name}: {open}");
        }
    }
}

#[test]
fn what_was_not_promised_is_not_run() {
    for (name, quotes) in [("jenkins/Jenkinsfile", "'''"), ("teamcity/settings.kts", "\"\"\"")] {
        let script = script_in(name, quotes);
        let (install, _) = script.split_once("kubectl").expect("the installation comes first");
        let folder = tempfile::tempdir().expect("a folder");
        let curl = folder.path().join("curl");
        fs::write(&curl, "#!/bin/sh\necho other >guard.tar.gz\n").expect("a program");
        fs::set_permissions(&curl, fs::Permissions::from_mode(0o755)).expect("a mode");
        let output = Command::new("sh")
            .args(["-c", install])
            .current_dir(folder.path())
            .env("PATH", format!("{}:/usr/bin:/bin", folder.path().display()))
            .env("GUARD_URL", "https://example.com/x")
            .env("GUARD_SHA256", "0".repeat(64))
            .output()
            .expect("sh starts");
        assert!(!output.status.success(), "{name}");
        assert!(!folder.path().join("rollout-guard").exists(), "{name}");
    }
}

#[test]
fn every_installation_is_the_same_and_names_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let archive =
        format!("/releases/download/v{version}/rollout-guard-x86_64-unknown-linux-musl-v{version}.tar.gz");
    for name in [
        "gitlab/.gitlab-ci.yml",
        "gitlab/templates/rollout-guard.yml",
        "azure/azure-pipelines.yml",
        "circleci/config.yml",
        "buildkite/pipeline.yml",
        "jenkins/Jenkinsfile",
        "teamcity/settings.kts",
    ] {
        let text = example(name).replace("$$", "$").replace("${'$'}", "$");
        assert!(text.contains(&archive), "{name}");
        for line in [
            r#"curl -fsSL --retry 5 -o guard.tar.gz "$GUARD_URL""#,
            r#"echo "$GUARD_SHA256  guard.tar.gz" | sha256sum -c -"#,
            "tar -xzf guard.tar.gz ./rollout-guard",
        ] {
            assert!(text.contains(line), "{name}: {line}");
        }
    }
}

#[test]
fn all_places_that_name_the_version_name_the_same() {
    let version = env!("CARGO_PKG_VERSION");
    let read =
        |name: &str| fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    for (name, line) in [
        ("action/install", format!("\nVERSION={version} ")),
        ("Dockerfile", format!("org.opencontainers.image.version=\"{version}\"")),
        ("packaging/krew/rollout-guard.yaml", format!("\n  version: v{version}\n")),
        ("ci-examples/github/deploy.yml", format!("/rollout-guard@v{version}\n")),
    ] {
        assert!(read(name).contains(&line), "{name} does not contain {line:?}");
    }
}
