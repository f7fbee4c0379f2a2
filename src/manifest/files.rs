//! The files of `-f`: a file, a folder, a folder with all below it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::MOST_BYTES;
use crate::error::Error;

/// Folders nested deeper than this are a loop of links.
const DEEPEST: usize = 64;

/// The files that a path of `-f` stands for, in the order of their names, as kubectl reads them: all of a folder
/// that end in `.json`, `.yaml` or `.yml`.
pub(super) fn below(path: &Path, recursive: bool) -> Result<Vec<PathBuf>, Error> {
    let shown = path.display();
    if path.to_str().is_some_and(|text| text.starts_with("http://") || text.starts_with("https://")) {
        return Err(Error::usage(format!("-f {shown}: addresses are not fetched"))
            .hint(format!("pipe it: curl -fsSL {shown} | rollout-guard wait -f -")));
    }
    let metadata = fs::metadata(path).map_err(|error| {
        Error::config(format!("cannot read -f {shown}: {error}"))
            .hint("-f names a file, a folder, or - for standard input")
    })?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    walk(path, recursive, DEEPEST, &mut files)?;
    if files.is_empty() {
        let hint = if recursive { "" } else { "; -R reads the folders in it too" };
        return Err(Error::config(format!("no manifest in the folder {shown}"))
            .hint(format!("files that end in .yaml, .yml or .json are read{hint}")));
    }
    Ok(files)
}

fn walk(folder: &Path, recursive: bool, deepest: usize, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |error| Error::config(format!("cannot read the folder {}: {error}", folder.display()));
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if recursive && deepest > 0 {
                walk(&path, recursive, deepest - 1, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| ["json", "yaml", "yml"].iter().any(|known| extension == *known))
        {
            files.push(path);
        }
    }
    Ok(())
}

/// The text of a file.
pub(super) fn open(path: &Path) -> Result<String, Error> {
    let shown = path.display().to_string();
    let mut file =
        fs::File::open(path).map_err(|error| Error::config(format!("cannot open {shown}: {error}")))?;
    text(&mut file, &shown)
}

/// The text of a reader, up to a bound.
pub(super) fn text(reader: &mut dyn Read, shown: &str) -> Result<String, Error> {
    let mut bytes = Vec::new();
    reader
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::config(format!("cannot read {shown}: {error}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(Error::config(format!("{shown} is larger than {} MiB", MOST_BYTES >> 20))
            .hint("name only the files that hold workloads, or name the targets: deploy/NAME"));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::config(format!("{shown} is not UTF-8 text")).hint("a manifest is YAML or JSON in UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
}
