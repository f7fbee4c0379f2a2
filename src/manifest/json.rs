//! Manifests in JSON: one object, a list, or several after one another.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::object::{Meta, Object};
use crate::error::Error;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    api_version: Option<String>,
    kind: Option<String>,
    metadata: Option<Meta>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
}

/// The objects of a text, those in lists included.
pub(super) fn objects(shown: &str, text: &str) -> Result<Vec<Object>, Error> {
    let text = &Lines::new(text);
    let mut objects = Vec::new();
    for document in serde_json::Deserializer::from_str(text.text).into_iter::<&RawValue>() {
        let document = document.map_err(|error| broken(shown, error.line(), &error))?;
        collect(shown, text, document, &mut objects)?;
    }
    Ok(objects)
}

fn collect(shown: &str, text: &Lines<'_>, raw: &RawValue, objects: &mut Vec<Object>) -> Result<(), Error> {
    let line = text.of(raw.get());
    if raw.get().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(raw.get())
            .map_err(|error| broken(shown, line + error.line() - 1, &error))?;
        return items.into_iter().try_for_each(|item| collect(shown, text, item, objects));
    }
    let body: Body<'_> =
        serde_json::from_str(raw.get()).map_err(|error| broken(shown, line + error.line() - 1, &error))?;
    let Body { api_version, kind, metadata, items } = body;
    let kind = kind.unwrap_or_default();
    if kind.ends_with("List")
        && let Some(items) = items
    {
        return if items.get() == "null" { Ok(()) } else { collect(shown, text, items, objects) };
    }
    objects.push(Object {
        api_version: api_version.unwrap_or_default(),
        kind,
        metadata: metadata.unwrap_or_default(),
        line: u64::try_from(line).unwrap_or(0),
    });
    Ok(())
}

/// A text and where its lines end.
struct Lines<'a> {
    text: &'a str,
    ends: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, ends: text.match_indices('\n').map(|(offset, _)| offset).collect() }
    }

    /// The line in which a part of the text begins.
    fn of(&self, part: &str) -> usize {
        let offset = part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr());
        self.ends.partition_point(|end| *end < offset) + 1
    }
}

/// The words of the parser about values may quote them, so only those about the syntax are shown.
fn broken(shown: &str, line: usize, error: &serde_json::Error) -> Error {
    if error.is_data() {
        return Error::config(format!("{shown}:{line}: not a Kubernetes object"))
            .hint("an object has the texts apiVersion and kind, and metadata with a name");
    }
    if error.is_eof() {
        return Error::config(format!("{shown}:{line}: the JSON ends before its end"))
            .hint("the command that wrote it may have failed");
    }
    Error::config(format!("{shown}:{line}:{}: not valid JSON", error.column()))
}
