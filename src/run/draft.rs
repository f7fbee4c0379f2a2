//! What the report files say until there is a verdict: that there is none, and at last why there will be none.

use jiff::Timestamp;

use super::DEFAULT_NAMESPACE;
use crate::env::Env;
use crate::error::{Error, ErrorKind};
use crate::manifest::Declared;
use crate::outputs::{Outputs, ReportFormat};
use crate::render;
use crate::report::{self, PlaceholderReport, PlaceholderTarget, SCHEMA_VERSION, VerdictName};
use crate::settings::{Document, Reports};

/// The report files of a run that has no verdict yet.
pub(super) struct Draft<'a> {
    pub(super) outputs: Outputs,
    reports: &'a Reports,
    report: PlaceholderReport,
}

impl<'a> Draft<'a> {
    /// Puts the placeholders in the place of whatever an earlier run has left. Before anything that can take time or
    /// fail: while a report of yesterday is there, it counts as ours.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn open(reports: &'a Reports, started: Timestamp) -> Result<Self, Error> {
        let report = PlaceholderReport {
            schema_version: SCHEMA_VERSION,
            tool: report::tool(),
            verdict: VerdictName::Interrupted,
            exit_code: None,
            reason: "not-finished".to_owned(),
            message: None,
            help: Vec::new(),
            started_at: report::timestamp(started),
            targets: Vec::new(),
        };
        let outputs = Outputs::open(&reports.files, |format| document(format, &report, reports))?;
        Ok(Self { outputs, reports, report })
    }

    /// Names the targets, as far as they are known without the cluster. Where that cannot be written the placeholder
    /// stays as it is, which is not wrong; whether the report can be written is asked at the end.
    pub(super) fn name(&mut self, declared: &[Declared], namespace: Option<&str>) {
        let target = |target: &Declared| PlaceholderTarget {
            kind: target.kind.to_string(),
            namespace: target.namespace.as_deref().or(namespace).unwrap_or(DEFAULT_NAMESPACE).to_owned(),
            name: target.name.clone(),
        };
        self.report.targets = declared.iter().map(target).collect();
        drop(self.write());
    }

    /// The last word of a run that ends without a judgement, in the files and in place of the report on stdout.
    pub(super) fn end(mut self, error: &Error, env: &mut Env) {
        let (verdict, reason) = match error.kind {
            ErrorKind::Usage | ErrorKind::Config => (VerdictName::Indeterminate, "usage"),
            ErrorKind::Cluster => (VerdictName::Indeterminate, "not-prepared"),
            ErrorKind::Output | ErrorKind::Internal => (VerdictName::Indeterminate, "internal-error"),
            ErrorKind::Refused => (VerdictName::Failed, "command-failed"),
            ErrorKind::Stopped(_) => (VerdictName::Interrupted, "interrupted"),
        };
        self.report.verdict = verdict;
        self.report.exit_code = Some(error.exit_code().number());
        reason.clone_into(&mut self.report.reason);
        self.report.message = Some(error.message.clone());
        self.report.help.clone_from(&error.hints);
        // The error itself is told in any case, and the placeholder is not wrong.
        drop(self.write());
        if let Document::Report(format) = self.reports.stdout {
            let document = document(format, &self.report, self.reports);
            drop(env.print(&String::from_utf8_lossy(&document)));
        }
    }

    fn write(&self) -> Result<(), Error> {
        self.outputs.replace(|format| document(format, &self.report, self.reports))
    }
}

fn document(format: ReportFormat, report: &PlaceholderReport, reports: &Reports) -> Vec<u8> {
    let redactor = &reports.redactor;
    match format {
        ReportFormat::Json => render::placeholder_json(report).into_bytes(),
        ReportFormat::JUnit => render::placeholder_junit(report, redactor).into_bytes(),
        ReportFormat::Html => render::placeholder_html(report, redactor).into_bytes(),
        ReportFormat::Markdown => render::placeholder_markdown(report, redactor).into_bytes(),
        ReportFormat::Dotenv => render::placeholder_dotenv(report).into_bytes(),
        ReportFormat::Links => b"{}\n".to_vec(),
        ReportFormat::CodeQuality => b"[]\n".to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use crate::env::Env;

    #[test]
    fn an_error_before_anything_is_judged_stands_in_every_report() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (json, junit, env_file) = (file("r.json"), file("r.xml"), file("r.env"));
        for line in [
            "replay /nonexistent/recording",
            "replay --demo no-such-demo",
            "wait deploy/web --kubeconfig /nonexistent/config",
            "wait -f /nonexistent/manifest",
        ] {
            for path in [&json, &junit, &env_file] {
                std::fs::write(path, "passed yesterday").unwrap();
            }
            let line =
                format!("rollout-guard {line} --json {json} --junit {junit} --gitlab-dotenv {env_file}");
            let (mut env, out, err) = Env::by_hand(&[]);
            let code = crate::run(line.split(' ').map(Into::into), &mut env);
            assert_eq!(code.number(), 2, "{line}: {}", err.text());
            assert_eq!(out.text(), "", "{line}");
            let report: serde_json::Value =
                serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
            assert_eq!((&report["exitCode"], &report["reason"]), (&2.into(), &"usage".into()), "{line}");
            let message = report["message"].as_str().unwrap();
            assert!(err.text().contains(message), "{line}: {message}: {}", err.text());
            assert!(std::fs::read_to_string(&junit).unwrap().contains("<error"), "{line}");
            assert!(std::fs::read_to_string(&env_file).unwrap().contains("ROLLOUT_EXIT_CODE=2\n"), "{line}");
            let (mut env, out, _) = Env::by_hand(&[]);
            crate::run(format!("{line} -o json").split(' ').map(Into::into), &mut env);
            let printed: serde_json::Value = serde_json::from_str(&out.text()).unwrap();
            assert_eq!((&printed["reason"], &printed["message"]), (&report["reason"], &report["message"]));
        }
    }
}
