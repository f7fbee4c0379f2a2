//! What is promised of every recording, also of one that somebody has edited. Used by fuzzing and the properties.
#![expect(clippy::unwrap_used, reason = "test code; clippy knows it only by its plain form")]

use serde_json::Value;

use super::Writer;
use super::line::{Entry, Header, What};

/// What was read is written and read again as the same.
pub(crate) fn lines_read_back(text: &str) {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    if let Some(header) = lines.next().and_then(|line| serde_json::from_str::<Header>(line).ok()) {
        let written = serde_json::to_string(&header).unwrap();
        let again: Header = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), written);
        let policy = header.policy.to_policy();
        assert_eq!(super::line::RecordedPolicy::from(policy.clone()).to_policy(), policy);
    }
    for line in lines {
        if let Ok(entry) = serde_json::from_str::<Entry>(line) {
            let written = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&written).unwrap(), entry);
        }
    }
}

/// What a run writes that observes what the recording shows.
pub(crate) fn rewritten(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let header: Header = serde_json::from_str(lines.next().unwrap()).unwrap();
    let mut out = Vec::new();
    let mut writer = Writer::new(
        &mut out,
        header.started,
        &header.targets,
        header.policy.to_policy(),
        crate::untrusted::Redactor::default(),
    );
    for line in lines {
        let entry: Entry = serde_json::from_str(line).unwrap();
        let objects: Vec<Value> = match &entry.what {
            What::Listed { objects, .. } => objects.clone(),
            What::Applied { object, .. } | What::Deleted { object, .. } => vec![object.clone()],
            _ => Vec::new(),
        };
        let observation = entry.into_observation().unwrap();
        writer.write(observation.at, &observation.what, &objects);
    }
    writer.finish().unwrap();
    String::from_utf8(out).unwrap()
}
