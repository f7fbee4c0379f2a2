//! Where this runs: the CI system that reads our log, the files it takes results in, the pod we are in.
//!
//! Nothing here decides about a verdict, and a file of the host that cannot be written changes no exit code: nobody
//! asked for it by name.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use crate::cli::CiWhen;
use crate::env::Env;
use crate::error::Error;
use crate::outputs::{OutputPath, ReportFormat, overwrite};
use crate::render::{self, CiHost, CiLog};
use crate::report::Report;
use crate::untrusted::{Redactor, within};

/// kubelet keeps 4096 bytes of a message, and of a longer one the end.
const TERMINATION_LIMIT: usize = 4000;
const TERMINATION_LOG: &str = "/dev/termination-log";
/// GitHub drops a summary above 1 MiB; all that a step writes counts.
const SUMMARY_LIMIT: usize = 900_000;
/// Below this there is no room for a page that says anything.
const SUMMARY_LEAST: usize = 30_000;

/// The folder that a CI system takes paths from, and the one that we run in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Checkout {
    root: PathBuf,
    here: PathBuf,
}

impl Checkout {
    fn new(ci: CiHost, env: &Env) -> Option<Self> {
        let variable = match ci {
            CiHost::GitHub => "GITHUB_WORKSPACE",
            CiHost::GitLab => "CI_PROJECT_DIR",
            CiHost::Azure => "BUILD_SOURCESDIRECTORY",
            CiHost::TeamCity | CiHost::Buildkite | CiHost::Plain => return None,
        };
        let root = fs::canonicalize(env.variable_os(variable)?).ok()?;
        let here = std::path::absolute(".").and_then(fs::canonicalize).ok()?;
        Some(Self { root, here })
    }

    /// A path as seen from the root; one that leads out of it stays as it is.
    fn path(&self, path: &Path) -> PathBuf {
        let mut whole = PathBuf::new();
        for part in self.here.join(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => {
                    whole.pop();
                }
                part => whole.push(part),
            }
        }
        whole.strip_prefix(&self.root).map_or_else(|_| path.to_owned(), Path::to_owned)
    }
}

/// The surroundings of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    ci: CiHost,
    github_output: Option<PathBuf>,
    github_summary: Option<PathBuf>,
    /// The page of the job, for links to its artifacts.
    job_url: Option<String>,
    checkout: Option<Checkout>,
    termination_log: Option<PathBuf>,
}

impl Host {
    pub(crate) fn new(when: CiWhen, termination_log: &str, env: &Env) -> Self {
        let ci = match when {
            CiWhen::Auto => detect(env),
            CiWhen::Github => CiHost::GitHub,
            CiWhen::Gitlab => CiHost::GitLab,
            CiWhen::Azure => CiHost::Azure,
            CiWhen::Teamcity => CiHost::TeamCity,
            CiWhen::Buildkite => CiHost::Buildkite,
            CiWhen::None => CiHost::Plain,
        };
        let on_github = |name| env.variable_os(name).filter(|_| ci == CiHost::GitHub).map(PathBuf::from);
        let in_pod = env.variable("KUBERNETES_SERVICE_HOST").is_some();
        let termination_log = match termination_log {
            "off" => None,
            "auto" => Some(PathBuf::from(TERMINATION_LOG)).filter(|path| in_pod && path.exists()),
            path => Some(PathBuf::from(path)),
        };
        Self {
            ci,
            github_output: on_github("GITHUB_OUTPUT"),
            github_summary: on_github("GITHUB_STEP_SUMMARY"),
            job_url: env.variable("CI_JOB_URL").filter(|url| url.starts_with("http")),
            checkout: Checkout::new(ci, env),
            termination_log,
        }
    }

    /// A path as this CI system names the files of the repository: it knows nothing of our working folder.
    pub(crate) fn in_repository(&self, path: &Path) -> PathBuf {
        self.checkout.as_ref().map_or_else(|| path.to_owned(), |checkout| checkout.path(path))
    }

    /// The text of the report, with what the CI system is told besides.
    pub(crate) fn log(
        &self,
        report: &Report,
        text: &str,
        files: &[OutputPath],
        token: &str,
        clock: i64,
        redactor: &Redactor,
    ) -> String {
        let absolute = |format| {
            let path = path_of(format, files)?;
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            Some(path.display().to_string())
        };
        let (junit, markdown) = (absolute(ReportFormat::JUnit), absolute(ReportFormat::Markdown));
        let log = CiLog {
            host: self.ci,
            token,
            clock,
            junit: junit.as_deref(),
            markdown: markdown.as_deref(),
            redactor,
        };
        render::ci_log(report, text, &log)
    }

    /// Writes the host's own files; what could not be written comes back as a warning.
    pub(crate) fn write(
        &self,
        report: &Report,
        files: &[OutputPath],
        token: &str,
        redactor: &Redactor,
    ) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut note = |what: &str, path: &Path, written: std::io::Result<()>| {
            if let Err(error) = written {
                warnings.push(format!("cannot write {what} {}: {error}", path.display()));
            }
        };
        if let Some(path) = &self.github_output {
            let named = [
                ("junit-path", ReportFormat::JUnit),
                ("json-path", ReportFormat::Json),
                ("html-path", ReportFormat::Html),
            ];
            let paths: Vec<(&str, String)> = named
                .into_iter()
                .filter_map(|(name, format)| {
                    Some((name, self.in_repository(path_of(format, files)?).display().to_string()))
                })
                .collect();
            let text = render::github_output(report, &paths, token, redactor);
            note("GITHUB_OUTPUT", path, append(path, &text));
        }
        if let Some(path) = &self.github_summary {
            let there =
                fs::metadata(path).map_or(0, |file| usize::try_from(file.len()).unwrap_or(usize::MAX));
            let room = SUMMARY_LIMIT.saturating_sub(there);
            if room >= SUMMARY_LEAST {
                let text = render::markdown_within(report, room, redactor);
                note("GITHUB_STEP_SUMMARY", path, append(path, &text));
            }
        }
        if let Some(path) = &self.termination_log {
            let text = render::termination(report, TERMINATION_LIMIT, redactor);
            note("the termination log", path, overwrite(path, text.as_bytes()));
        }
        warnings
    }

    /// Why nothing was judged, for whoever looks at the pod. An error has no text of an application in it.
    pub(crate) fn write_error(&self, error: &Error) {
        if let Some(path) = &self.termination_log {
            // The same text goes to stderr: nothing is lost where this fails.
            drop(overwrite(path, within(error.render(false), TERMINATION_LIMIT).as_bytes()));
        }
    }

    /// Where GitLab will show the HTML report, or the job where there is none.
    pub(crate) fn artifact_url(&self, files: &[OutputPath]) -> Option<String> {
        let job = self.job_url.as_ref()?;
        let html = path_of(ReportFormat::Html, files).map(|path| self.in_repository(path));
        let html = html
            .as_deref()
            .filter(|path| path.is_relative())
            .and_then(Path::to_str)
            .map(|path| path.trim_start_matches("./"))
            .filter(|path| path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)));
        Some(html.map_or_else(|| job.clone(), |path| format!("{job}/artifacts/file/{path}")))
    }
}

/// The CI system whose variables are set.
fn detect(env: &Env) -> CiHost {
    let named = [
        ("GITHUB_ACTIONS", CiHost::GitHub),
        ("GITLAB_CI", CiHost::GitLab),
        ("TF_BUILD", CiHost::Azure),
        ("TEAMCITY_VERSION", CiHost::TeamCity),
        ("BUILDKITE", CiHost::Buildkite),
    ];
    named.into_iter().find(|(name, _)| env.variable(name).is_some()).map_or(CiHost::Plain, |(_, host)| host)
}

fn path_of(format: ReportFormat, files: &[OutputPath]) -> Option<&Path> {
    files.iter().find(|file| file.format == format).map(|file| file.path.as_path())
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(variables: &[(&str, &str)], when: CiWhen) -> Host {
        let (env, _, _) = Env::by_hand(variables);
        Host::new(when, "auto", &env)
    }

    #[test]
    fn the_host_is_known_by_its_variables_and_a_flag_outranks_them() {
        assert_eq!(host(&[("CI", "true")], CiWhen::Auto).ci, CiHost::Plain);
        assert_eq!(host(&[("GITLAB_CI", "true")], CiWhen::Auto).ci, CiHost::GitLab);
        assert_eq!(host(&[("TF_BUILD", "True")], CiWhen::Auto).ci, CiHost::Azure);
        let github = [("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", "/o"), ("GITHUB_STEP_SUMMARY", "/s")];
        assert_eq!(host(&github, CiWhen::Auto).github_output, Some(PathBuf::from("/o")));
        let none = host(&github, CiWhen::None);
        assert_eq!((none.ci, none.github_output), (CiHost::Plain, None));
    }

    #[test]
    fn a_termination_log_is_written_in_a_pod_or_where_it_is_named() {
        assert_eq!(host(&[], CiWhen::Auto).termination_log, None);
        let (env, _, _) = Env::by_hand(&[]);
        assert_eq!(Host::new(CiWhen::Auto, "off", &env).termination_log, None);
        assert_eq!(Host::new(CiWhen::Auto, "/t", &env).termination_log, Some(PathBuf::from("/t")));
    }

    #[test]
    fn paths_are_those_of_the_repository_whatever_folder_we_run_in() {
        let checkout =
            Checkout { root: PathBuf::from("/work/shop"), here: PathBuf::from("/work/shop/deploy") };
        let seen = |path: &str| checkout.path(Path::new(path)).display().to_string();
        assert_eq!(seen("k8s/web.yaml"), "deploy/k8s/web.yaml");
        assert_eq!(seen("./../k8s/./web.yaml"), "k8s/web.yaml");
        assert_eq!(seen("/work/shop/web.yaml"), "web.yaml");
        assert_eq!(seen("/tmp/web.yaml"), "/tmp/web.yaml");
        assert_eq!(seen("../../web.yaml"), "../../web.yaml");
        let env = |name| [(name, env!("CARGO_MANIFEST_DIR"))];
        let host = |when, name| host(&env(name), when);
        // Tests run in the root of the repository.
        for (when, name) in [
            (CiWhen::Github, "GITHUB_WORKSPACE"),
            (CiWhen::Gitlab, "CI_PROJECT_DIR"),
            (CiWhen::Azure, "BUILD_SOURCESDIRECTORY"),
        ] {
            let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join("k8s/web.yaml");
            assert_eq!(host(when, name).in_repository(&whole), Path::new("k8s/web.yaml"));
        }
        assert_eq!(host(CiWhen::None, "GITHUB_WORKSPACE").checkout, None);
    }

    #[test]
    fn links_go_to_the_page_in_the_artifacts() {
        let html = |path: &str| vec![OutputPath { format: ReportFormat::Html, path: PathBuf::from(path) }];
        let here = host(&[("CI_JOB_URL", "https://git/x/-/jobs/1")], CiWhen::Gitlab);
        assert_eq!(
            here.artifact_url(&html("./out/r.html")).as_deref(),
            Some("https://git/x/-/jobs/1/artifacts/file/out/r.html")
        );
        assert_eq!(here.artifact_url(&html("/tmp/r.html")).as_deref(), Some("https://git/x/-/jobs/1"));
        assert_eq!(host(&[], CiWhen::Gitlab).artifact_url(&[]), None);
    }

    /// Runs a demo in an environment and returns the exit code, stdout and stderr.
    fn demo(arguments: &str, variables: &[(&str, &str)]) -> (u8, String, String) {
        let (mut env, out, err) = Env::by_hand(variables);
        let line = format!("rollout-guard replay --demo image-not-found {arguments}");
        let code = crate::run(line.split_whitespace().map(std::ffi::OsString::from), &mut env);
        (code.number(), out.text(), err.text())
    }

    #[test]
    fn on_github_outputs_and_summary_are_appended_and_the_text_is_between_stops() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("output"), "before=1\n").unwrap();
        let (output, summary, junit) = (path("output"), path("summary"), path("r.xml"));
        let variables = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_OUTPUT", output.as_str()),
            ("GITHUB_STEP_SUMMARY", &summary),
        ];
        let (code, out, err) = demo(&format!("--color never --junit {junit}"), &variables);
        assert_eq!((code, err.as_str()), (1, ""));
        let written = fs::read_to_string(&output).unwrap();
        assert!(
            written.starts_with("before=1\nresult=failed\nexit-code=1\nreason=image-not-found\n"),
            "{written}"
        );
        assert!(written.contains("failed=[\"shop/Deployment/web\"]\n"), "{written}");
        assert!(written.ends_with(&format!("junit-path={junit}\n")), "{written}");
        assert!(fs::read_to_string(&summary).unwrap().starts_with("## `deployment/web` failed after 55s\n"));
        let lines: Vec<&str> = out.lines().collect();
        let token = lines[0].strip_prefix("::stop-commands::").unwrap();
        assert_eq!(
            (token.len(), lines[1]),
            (32, "deployment/web failed after 55s: 0 of 3 updated replicas are ready")
        );
        assert!(
            out.contains(&format!("\n::{token}::\n::error title=deployment/web failed after 55s::image ")),
            "{out}"
        );
    }

    #[test]
    fn a_document_on_stdout_stays_alone_there() {
        let (_, out, err) = demo("--json - --ci github", &[]);
        assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
        assert!(err.contains("::error title=") && err.starts_with("::stop-commands::"), "{err}");
        let (_, out, err) = demo("-o json --ci github", &[]);
        assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{out}");
        assert_eq!(err, "");
    }

    #[test]
    fn a_file_of_the_host_that_cannot_be_written_changes_no_exit_code() {
        let (code, _, err) = demo("", &[("GITHUB_ACTIONS", "true"), ("GITHUB_OUTPUT", "/nonexistent/o")]);
        assert_eq!(code, 1);
        assert!(err.starts_with("warning: cannot write GITHUB_OUTPUT /nonexistent/o: "), "{err}");
    }

    #[test]
    fn the_termination_log_has_the_diagnosis_in_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        demo(&format!("--termination-log {}", path.display()), &[]);
        let text = fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap();
        assert_eq!(
            first,
            "deployment/web failed after 55s: image localhost:15000/shop/web:1.4.l does not exist: repository \
             localhost:15000/shop/web has no tag 1.4.l"
        );
        assert!(text.len() <= TERMINATION_LIMIT && text.contains("impact: 3 old pods still serve"), "{text}");
    }

    #[test]
    fn an_error_before_any_judgement_is_in_the_termination_log_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (mut env, _, err) = Env::by_hand(&[]);
        let line = format!(
            "rollout-guard wait deploy/x --kubeconfig /nonexistent/k --termination-log {}",
            path.display()
        );
        let code = crate::run(line.split(' ').map(std::ffi::OsString::from), &mut env);
        assert_eq!(code.number(), 2);
        assert_eq!(fs::read_to_string(&path).unwrap(), err.text());
    }

    #[test]
    fn a_long_message_is_cut_at_a_line_within_the_limit() {
        let text = format!("first\n{}", "é".repeat(100));
        assert_eq!(within(text.clone(), 50), "first\n…\n");
        assert_eq!(within("é".repeat(100), 50).len(), 50);
        assert_eq!(within(text.clone(), 500), text);
    }
}
