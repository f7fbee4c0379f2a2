//! Report files: opened before the wait, valid at every instant, replaced as a whole.
//!
//! A file is only ever changed by renaming a complete one over it, so that whatever ends this process (a crash,
//! SIGKILL, a full disk) leaves the last complete report. What stands first is the caller's placeholder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Error;

/// A format of the report that a file can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    Json,
    JUnit,
    Html,
    Markdown,
    /// `artifacts:reports:dotenv` of GitLab.
    Dotenv,
    /// `artifacts:reports:annotations` of GitLab.
    Links,
    /// `artifacts:reports:codequality` of GitLab.
    CodeQuality,
}

impl ReportFormat {
    /// The flag that asks for it.
    pub(crate) const fn flag(self) -> &'static str {
        match self {
            Self::Json => "--json",
            Self::JUnit => "--junit",
            Self::Html => "--html",
            Self::Markdown => "--markdown",
            Self::Dotenv => "--gitlab-dotenv",
            Self::Links => "--gitlab-annotations",
            Self::CodeQuality => "--gitlab-code-quality",
        }
    }
}

/// A file that the user asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputPath {
    pub(crate) format: ReportFormat,
    pub(crate) path: PathBuf,
}

/// The report files of a run.
#[derive(Debug)]
pub(crate) struct Outputs {
    files: Vec<OutputPath>,
}

impl Outputs {
    /// Writes the placeholder of each format to its file, creating folders as needed.
    ///
    /// A path that cannot be written is an error now, not after ten minutes of waiting.
    pub(crate) fn open(
        files: &[OutputPath],
        placeholder: impl Fn(ReportFormat) -> Vec<u8>,
    ) -> Result<Self, Error> {
        let each = |act: &dyn Fn(&OutputPath) -> Result<(), Problem>| {
            files.iter().try_for_each(|file| {
                act(file).map_err(|problem| problem.before_start(&file.path, file.format.flag()))
            })
        };
        // All first: a run that cannot begin should leave no file that says it has.
        each(&|file| prepare(&file.path))?;
        each(&|file| write_whole(&file.path, &placeholder(file.format)))?;
        Ok(Self { files: files.to_vec() })
    }

    /// Replaces each file. A file that cannot be replaced keeps its last content; the others are still written,
    /// and the error names all that failed.
    pub(crate) fn replace(&self, render: impl Fn(ReportFormat) -> Vec<u8>) -> Result<(), Error> {
        let failed: Vec<String> = self
            .files
            .iter()
            .filter_map(|file| {
                let problem = write_whole(&file.path, &render(file.format)).err()?;
                Some(format!("{} {}: {}", file.format.flag(), file.path.display(), problem.what()))
            })
            .collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Error::output(format!("cannot write the report {}", failed.join("; ")))
            .hint("the verdict stands; the file, if it still exists, holds the report of an unfinished run"))
    }
}

/// Opens a file that grows during the run (a recording), emptied first, under the same rules.
pub(crate) fn open_stream(path: &Path, flag: &str) -> Result<BufWriter<File>, Error> {
    let open = || {
        prepare(path)?;
        open_itself(OpenOptions::new().write(true).create(true).truncate(true), path)
    };
    open().map(BufWriter::new).map_err(|problem| problem.before_start(path, flag))
}

/// Puts `bytes` in a file that has to stay the same file, as it may be a mount of its own. A link is not followed.
pub(crate) fn overwrite(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let opened = open_itself(OpenOptions::new().write(true).create(true).truncate(true), path);
    opened.map_err(|problem| io::Error::other(problem.what()))?.write_all(bytes)
}

/// Opens what stands at the path itself: no link is followed, even if it was planted since we looked, and no pipe
/// without a reader is waited for.
fn open_itself(options: &mut OpenOptions, path: &Path) -> Result<File, Problem> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(path).map_err(|error| match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => LINK,
        _ => Problem::Io(error),
    })
}

// In a shared folder a link may have been planted to have another file overwritten.
const LINK: Problem =
    Problem::NotAFile("it is a symbolic link", "name the file it points to, or - for stdout");

/// From now on a file that would outgrow the limit of the process (`ulimit -f`) is an error like a full disk, and not
/// the end of the process: without a handler SIGXFSZ kills it. The handler stays when its runtime is gone.
#[cfg(unix)]
pub(crate) fn survive_file_size_limit() {
    /// SIGXFSZ on Linux (but for MIPS) and on the systems that come from BSD.
    const FILE_TOO_LARGE: i32 = 25;
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() {
        let _entered = runtime.enter();
        drop(signal(SignalKind::from_raw(FILE_TOO_LARGE)));
    }
}

#[cfg(not(unix))]
pub(crate) const fn survive_file_size_limit() {}

/// Why a path cannot be written.
#[derive(Debug)]
enum Problem {
    /// It exists and is not a regular file.
    NotAFile(&'static str, &'static str),
    /// A folder above it is missing and cannot be created.
    Folder(PathBuf, io::Error),
    Io(io::Error),
}

impl Problem {
    fn what(&self) -> String {
        match self {
            Self::NotAFile(what, _) => (*what).to_owned(),
            Self::Folder(folder, error) => format!("cannot create the folder {}: {error}", folder.display()),
            Self::Io(error) => error.to_string(),
        }
    }

    fn before_start(&self, path: &Path, flag: &str) -> Error {
        let hint = match self {
            Self::NotAFile(_, hint) => hint,
            Self::Folder(_, error) | Self::Io(error) => match error.kind() {
                io::ErrorKind::PermissionDenied => {
                    "choose a folder this user may write to; the file is replaced, so its folder must be writable"
                }
                io::ErrorKind::ReadOnlyFilesystem => {
                    "choose a path outside the read-only file system, such as /tmp"
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "free some space, or choose another path"
                }
                io::ErrorKind::FileTooLarge => "raise the limit for files of this shell: ulimit -f",
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                    "a part of the path is a file where a folder is needed"
                }
                io::ErrorKind::ResourceBusy => {
                    "the path is a mount point; name a file below a mounted folder"
                }
                _ => "choose another path",
            },
        };
        Error::config(format!("cannot write {flag} {}: {}", path.display(), self.what())).hint(hint)
    }
}

/// Creates the folder and refuses what a rename would destroy or follow.
fn prepare(path: &Path) -> Result<(), Problem> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| Problem::Folder(folder.to_owned(), error))?;
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => Err(LINK),
        Ok(metadata) if metadata.is_dir() => Err(Problem::NotAFile("it is a folder", "name a file in it")),
        Ok(metadata) if !metadata.is_file() => {
            Err(Problem::NotAFile("it is not a regular file", "name a file, or - for stdout"))
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Problem::Io(error)),
    }
}

/// Makes `path` hold exactly `bytes`, or leaves it as it was.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    write_and_settle(path, bytes, File::sync_data)
}

/// Some file systems (over a network, with quotas) say only when the data is settled that there is no room for it.
/// Measured: a millisecond a file on ext4 with all cores busy, seven at most.
fn write_and_settle(
    path: &Path,
    bytes: &[u8],
    settle: impl Fn(&File) -> io::Result<()>,
) -> Result<(), Problem> {
    let (temporary, mut file) = create_beside(path).map_err(Problem::Io)?;
    let written = file.write_all(bytes).and_then(|()| match settle(&file) {
        // One that cannot settle anything has nothing to say.
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput) => {
            Ok(())
        }
        settled => settled,
    });
    drop(file);
    written.and_then(|()| fs::rename(&temporary, path)).map_err(|error| {
        // The error that counts is the first one.
        drop(fs::remove_file(&temporary));
        Problem::Io(error)
    })
}

/// A new file in the same folder, and so in the same file system, that no other run uses.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut attempt: u32 = 0;
    loop {
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{}-{attempt}.tmp", std::process::id()));
        let temporary = path.with_file_name(temporary);
        // Never follows a link and never opens what another process has made.
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Ok(file) => return Ok((temporary, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(path: &Path) -> Vec<OutputPath> {
        vec![OutputPath { format: ReportFormat::Json, path: path.to_owned() }]
    }

    fn open(path: &Path) -> Result<Outputs, Error> {
        Outputs::open(&json(path), |_| b"placeholder".to_vec())
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn the_placeholder_stands_at_once_and_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/deep/report.json");
        let outputs = open(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"placeholder");
        outputs.replace(|_| b"short".to_vec()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"short");
        assert_eq!(names(path.parent().unwrap()), ["report.json"], "no temporary file stays");
    }

    #[test]
    fn a_report_of_an_earlier_run_does_not_survive_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "passed yesterday").unwrap();
        open(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"placeholder");
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_refused_and_its_target_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, link) = (folder.path().join("victim"), folder.path().join("report.json"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let error = open(&link).unwrap_err();
        assert!(error.message.contains("report.json: it is a symbolic link"), "{}", error.message);
        assert_eq!(error.exit_code().number(), 2);
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert!(open_stream(&link, "--record").unwrap_err().message.starts_with("cannot write --record "));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_was_planted_since_we_looked_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, link) = (folder.path().join("victim"), folder.path().join("log"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let opened = open_itself(OpenOptions::new().write(true).truncate(true), &link);
        assert_eq!(opened.unwrap_err().what(), "it is a symbolic link");
        assert_eq!(overwrite(&link, b"text").unwrap_err().to_string(), "it is a symbolic link");
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        overwrite(&victim, b"text").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"text");
    }

    #[test]
    fn a_disk_that_is_full_only_when_the_data_settles_keeps_the_last_report() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "whole").unwrap();
        let full = |_: &File| Err(io::ErrorKind::QuotaExceeded.into());
        assert!(write_and_settle(&path, b"lost", full).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(names(folder.path()), ["report.json"]);
        let unable = |_: &File| Err(io::ErrorKind::InvalidInput.into());
        write_and_settle(&path, b"new", unable).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_run_that_cannot_begin_leaves_no_placeholder() {
        let folder = tempfile::tempdir().unwrap();
        let good = folder.path().join("report.xml");
        let files = [
            OutputPath { format: ReportFormat::JUnit, path: good.clone() },
            OutputPath { format: ReportFormat::Json, path: folder.path().to_owned() },
        ];
        assert!(Outputs::open(&files, |_| b"placeholder".to_vec()).is_err());
        assert!(!good.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_refused_and_not_replaced() {
        let error = open(Path::new("/dev/null")).unwrap_err();
        assert!(error.message.ends_with("/dev/null: it is not a regular file"), "{}", error.message);
    }

    #[test]
    fn what_cannot_be_written_is_an_error_at_once_that_names_path_and_fix() {
        let folder = tempfile::tempdir().unwrap();
        let error = open(folder.path()).unwrap_err();
        assert!(error.message.contains("it is a folder"), "{}", error.message);
        fs::write(folder.path().join("file"), "").unwrap();
        let error = open(&folder.path().join("file/report.json")).unwrap_err();
        assert!(error.message.contains("file/report.json"), "{}", error.message);
        assert!(error.hints[0].contains("a file where a folder is needed"), "{:?}", error.hints);
        for (kind, hint) in [
            (io::ErrorKind::PermissionDenied, "may write"),
            (io::ErrorKind::ReadOnlyFilesystem, "read-only"),
            (io::ErrorKind::StorageFull, "space"),
        ] {
            let error = Problem::Io(kind.into()).before_start(Path::new("/r.xml"), "--junit");
            assert!(error.message.starts_with("cannot write --junit /r.xml: "), "{}", error.message);
            assert!(error.hints[0].contains(hint), "{:?}", error.hints);
        }
    }

    #[test]
    fn a_failure_later_keeps_the_last_file_and_becomes_exit_code_5() {
        let folder = tempfile::tempdir().unwrap();
        let reports = folder.path().join("reports");
        let (path, other) = (reports.join("report.json"), folder.path().join("report.xml"));
        let files = [
            OutputPath { format: ReportFormat::Json, path: path.clone() },
            OutputPath { format: ReportFormat::JUnit, path: other.clone() },
        ];
        let outputs = Outputs::open(&files, |_| b"placeholder".to_vec()).unwrap();
        let moved = folder.path().join("moved");
        fs::rename(&reports, &moved).unwrap();
        let error = outputs.replace(|_| b"final".to_vec()).unwrap_err();
        assert_eq!(error.exit_code().number(), 5);
        assert!(error.message.contains("--json") && !error.message.contains("--junit"), "{}", error.message);
        assert_eq!(fs::read(moved.join("report.json")).unwrap(), b"placeholder");
        assert_eq!(fs::read(&other).unwrap(), b"final", "the other report is still written");
    }
}
